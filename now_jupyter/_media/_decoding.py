"""From bytes of unknown origin to pixels, safely.

The type is read from the bytes, never believed from elsewhere. PNG, JPEG and WebP reach Pillow without the parts that
no pixel needs; Pillow tells the size before it decodes, and what is too large is refused then. The plugins are called
directly: `Image.open` warns, asks global limits and tries other formats. Nothing global is set, so any number of
threads may do this at once.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from .._messages import BadImageError
from ._containers import CutOffError, strip
from ._files import MOST_BYTES
from ._types import MediaType, identify, is_web_page

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

__all__ = ["MOST_PIXELS", "Opened", "decode", "load", "open_picture", "pixels_only", "refusal_of", "upright"]

MOST_PIXELS = 80_000_000

_TURNS = ("FLIP_LEFT_RIGHT", "ROTATE_180", "FLIP_TOP_BOTTOM", "TRANSPOSE", "ROTATE_270", "TRANSVERSE", "ROTATE_90")
_TURNED = range(5, 9)  # orientations that exchange width and height
_EXCERPT = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A picture whose header is read and whose pixels are not; `orientation` is that of its EXIF part."""

    image: ImageFile
    media: MediaType
    orientation: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height as people see the picture."""
        return self.image.size[::-1] if self.orientation in _TURNED else self.image.size


def open_picture(data: bytes, *, max_pixels: int = MOST_PIXELS) -> Opened:
    """Read the header of a picture and refuse what must not be decoded.

    Raises:
        BadImageError: says what the bytes are instead of a picture that can be decoded.
    """
    media = identify(data)
    if media is None or not media.pillow:
        raise refusal_of(data, media)
    if len(data) > MOST_BYTES:
        raise BadImageError("this picture is larger than {limit} MiB", limit=MOST_BYTES >> 20)
    try:
        opened = _open(data, media)
    except Exception as problem:  # noqa: BLE001 - as above
        refusal = _damage(media, problem)
    else:
        return _check_size(opened, max_pixels)
    raise refusal


def _open(data: bytes, media: MediaType) -> Opened:
    stripped = strip(data, media.mime)
    plugin = import_module(f"PIL.{media.pillow}ImagePlugin")
    image: ImageFile = getattr(plugin, f"{media.pillow}ImageFile")(io.BytesIO(stripped.pixels))
    if stripped.profile:
        image.info["icc_profile"] = stripped.profile
    return Opened(image=image, media=media, orientation=stripped.orientation)


def _check_size(opened: Opened, max_pixels: int) -> Opened:
    width, height = opened.image.size
    if width * height <= max_pixels:
        return opened
    raise BadImageError(
        "this picture claims {width} × {height} pixels, more than {most} million are not decoded",
        width=width,
        height=height,
        most=max_pixels // 1_000_000,
    )


def refusal_of(data: bytes, media: MediaType | None = None) -> BadImageError:
    """Return the error that says what these bytes are, which are no picture that can be decoded."""
    media = media or identify(data)
    if media is not None and media.kind != "words":
        return BadImageError("{kind} files are kept as they came; they cannot be shown here", kind=media.name)
    if media is not None:
        return BadImageError("this is a PDF, not a picture")
    if is_web_page(data):
        return BadImageError("this is an HTML page, not a picture", advice="the link may have expired")
    if not data:
        return BadImageError("the picture is empty: no bytes came")
    text = data[:_EXCERPT].decode("utf-8", "ignore")
    if text.isprintable() and text.isascii():
        return BadImageError("this is text, not a picture: {text}", text=text)
    return BadImageError("these bytes are no picture, film or sound of a known type")


def _damage(media: MediaType, problem: Exception) -> BadImageError:
    if isinstance(problem, CutOffError) or "truncated" in str(problem):
        return BadImageError("this {kind} picture is cut off: its end is missing", kind=media.name)
    reason = str(problem) or type(problem).__name__
    return BadImageError("this {kind} picture is damaged: {reason}", kind=media.name, reason=reason)


def load(opened: Opened, *, within: int | None = None) -> Image:
    """Return the decoded picture, as it lies in the file.

    Args:
        opened: What `open_picture` returned; it is used up.
        within: A decoder that can may give a smaller picture, whose longest side is still at least this.

    Raises:
        BadImageError: the picture is cut off or damaged.
    """
    image = opened.image
    try:
        if within:
            scale = within / max(image.size)
            image.draft(None, (max(1, round(image.width * scale)), max(1, round(image.height * scale))))
        image.load()
    except Exception as problem:  # noqa: BLE001 - as above
        refusal = _damage(opened.media, problem)
    else:
        return image
    raise refusal


def decode(data: bytes) -> Image:
    """Return the picture as a loaded PIL image, upright.

    Raises:
        BadImageError: the bytes are no picture that can be decoded, or a damaged one.
    """
    opened = open_picture(data)
    return upright(load(opened), opened.orientation)


def upright(image: Image, orientation: int) -> Image:
    """Turn the picture as its EXIF orientation asks."""
    from PIL.Image import Transpose  # noqa: PLC0415 - Pillow is loaded when it is used

    return image.transpose(Transpose[_TURNS[orientation - 2]]) if orientation > 1 else image


def pixels_only(data: bytes) -> bytes:
    """Return the picture without its texts, the coded pixels untouched.

    Raises:
        BadImageError: it is no PNG, JPEG or WebP picture, whose parts are known, or a damaged one.
    """
    media = identify(data)
    if media is None or not media.native:
        raise refusal_of(data, media)
    try:
        return strip(data, media.mime).pixels
    except ValueError as problem:
        refusal = _damage(media, problem)
    raise refusal
