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
    """Write a picture in another form to `target`, and return that; it raises what `decode` raises."""
    _CONVERSIONS[how](decode(path.read_bytes())).save(target, "PNG")
    return target


def _to_alpha(mask: Image) -> Image:
    ground = mask.convert("RGBA")
    ground.putalpha(_invert(_find_region(mask)))
    return ground


def _find_region(mask: Image) -> Image:
    """Return what is to be repainted, as white on black."""
    if mask.has_transparency_data:
        alpha = mask.convert("RGBA").getchannel("A")
        if alpha.getextrema() != (_OPAQUE, _OPAQUE):
            return _invert(alpha)
    return mask.convert("L")


def _invert(channel: Image) -> Image:
    return channel.point(lambda value: _OPAQUE - value)


_CONVERSIONS: Mapping[str, Callable[[Image], Image]] = {
    "png": lambda picture: picture if picture.mode in _WRITTEN else picture.convert("RGB"),
    "mask-alpha": _to_alpha,
    "mask-white": _find_region,
    "mask-black": lambda mask: _invert(_find_region(mask)),
}
