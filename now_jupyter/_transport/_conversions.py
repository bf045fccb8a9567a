"""Pictures in the form that a service wants: PNG, or a mask of one of the three kinds.

A mask says by its transparency where to repaint, or, where nothing of it is transparent, by white.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from .._media import decode

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["convert"]

_OPAQUE = 255
_WRITTEN = ("1", "L", "LA", "P", "RGB", "RGBA")  # modes that a PNG has and services read


def convert(path: Path, how: str, target: Path) -> Path:
    """Write a picture in another form to `target`, and return that.

    Raises:
        BadImageError: it is no picture that can be decoded.
    """
    _CONVERSIONS[how](decode(path.read_bytes())).save(target, "PNG")
    return target


def _png(picture: Image) -> Image:
    return picture if picture.mode in _WRITTEN else picture.convert("RGB")


def _mask_alpha(mask: Image) -> Image:
    if _alpha(mask) is not None:
        return mask.convert("RGBA")
    ground = mask.convert("RGBA")
    ground.putalpha(_inverted(_region(mask)))
    return ground


def _mask_white(mask: Image) -> Image:
    return _region(mask)


def _mask_black(mask: Image) -> Image:
    return _inverted(_region(mask))


def _region(mask: Image) -> Image:
    """Return what is to be repainted, as white on black."""
    alpha = _alpha(mask)
    return mask.convert("L") if alpha is None else _inverted(alpha)


def _alpha(mask: Image) -> Image | None:
    """Return how opaque the picture is; None where it is so all over."""
    if "A" not in mask.getbands() and "transparency" not in mask.info:
        return None
    alpha = mask.convert("RGBA").getchannel("A")
    return alpha if alpha.getextrema() != (_OPAQUE, _OPAQUE) else None


def _inverted(channel: Image) -> Image:
    return channel.point(lambda value: _OPAQUE - value)


_CONVERSIONS: Mapping[str, Callable[[Image], Image]] = {
    "png": _png,
    "mask-alpha": _mask_alpha,
    "mask-white": _mask_white,
    "mask-black": _mask_black,
}
