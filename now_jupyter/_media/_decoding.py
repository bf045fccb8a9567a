"""From bytes of unknown origin to pixels, safely.

The type is read from the bytes, never believed from elsewhere; only PNG, JPEG and WebP reach Pillow, after a look at
the header (bombs) and without the parts that no pixel needs. The plugins are called directly: `Image.open` warns, asks
global limits and tries every format there is. Nothing global is set, so any number of threads may do this at once.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from .._messages import BadImageError
from ._containers import CutOffError, DamagedError, Layout, read_layout

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

__all__ = ["MOST_BYTES", "MOST_PIXELS", "PICTURES", "layout_of", "load", "sniff", "upright", "upright_size"]

MOST_BYTES = 64 << 20
MOST_PIXELS = 80_000_000
PICTURES = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WebP"}

_SNIFFED = 4096  # comments and a DTD may stand before the first tag
_MAGIC = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"%PDF-": "application/pdf",
}
_TEXT_MARKS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_PROLOGS = {"<?": "?>", "<!--": "-->"}
_HTML_STARTS = ("<html", "<head", "<body", "<script", "<title", "<meta", "<h1", "<div", "<center")
_TURNED = range(5, 9)  # orientations that exchange width and height
_EXCERPT = 80


def sniff(head: bytes) -> str | None:
    """Tell the type of a file from its first bytes; None where it is none that we know."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return next((mime for magic, mime in _MAGIC.items() if head.startswith(magic)), None) or _sniff_markup(head)


def _sniff_markup(head: bytes) -> str | None:
    text = _after_prolog(_text(head[:_SNIFFED]).lower())
    if text.startswith(("<svg", "<!doctype svg")):
        return "image/svg+xml"
    return "text/html" if text.startswith(("<!doctype html", *_HTML_STARTS)) else None


def _text(head: bytes) -> str:
    for mark, encoding in _TEXT_MARKS.items():
        if head.startswith(mark):
            return head[len(mark) :].decode(encoding, "replace")
    return head.decode("utf-8", "replace")


def _after_prolog(text: str) -> str:
    text = text.lstrip()
    while mark := next((mark for mark in _PROLOGS if text.startswith(mark)), None):
        text = text.partition(_PROLOGS[mark])[2].lstrip()
    return text


def layout_of(data: bytes, *, max_pixels: int = MOST_PIXELS) -> Layout:
    """Read the header of a picture and refuse what must not be decoded.

    Raises:
        BadImageError: says what the bytes are instead of a picture.
    """
    mime = sniff(data[:_SNIFFED])
    if mime not in PICTURES:
        raise _refusal(data, mime)
    if len(data) > MOST_BYTES:
        raise BadImageError("this picture is larger than {limit} MiB", limit=MOST_BYTES >> 20)
    try:
        layout = read_layout(data, mime)
    except DamagedError as problem:
        refusal = _damage(mime, problem)
    else:
        return _not_too_large(layout, max_pixels)
    raise refusal


def _not_too_large(layout: Layout, max_pixels: int) -> Layout:
    if layout.width * layout.height <= max_pixels:
        return layout
    raise BadImageError(
        "this picture claims {width} × {height} pixels, more than {most} million are not decoded",
        width=layout.width,
        height=layout.height,
        most=max_pixels // 1_000_000,
    )


def _refusal(data: bytes, mime: str | None) -> BadImageError:  # noqa: PLR0911 - one sentence for each kind
    match mime:
        case "text/html":
            return BadImageError("this is an HTML page, not a picture", advice="the link may have expired")
        case "image/svg+xml":
            return BadImageError("this is an SVG drawing, which may carry scripts; PNG, JPEG and WebP are shown")
        case "image/gif":
            return BadImageError("this is a GIF; PNG, JPEG and WebP are shown")
        case "application/pdf":
            return BadImageError("this is a PDF, not a picture")
    if not data:
        return BadImageError("the picture is empty: no bytes came")
    text = data[:_EXCERPT].decode("utf-8", "ignore")
    if text.isprintable() and text.isascii():
        return BadImageError("this is text, not a picture: {text}", text=text)
    return BadImageError("these bytes are no PNG, JPEG or WebP picture")


def _damage(mime: str, problem: Exception) -> BadImageError:
    kind = PICTURES[mime]
    if isinstance(problem, CutOffError) or "truncated" in str(problem):
        return BadImageError("this {kind} picture is cut off: its end is missing", kind=kind)
    reason = str(problem) or type(problem).__name__
    return BadImageError("this {kind} picture is damaged: {reason}", kind=kind, reason=reason)


def load(layout: Layout, *, within: int | None = None) -> Image:
    """Decode the pixels, as they lie in the file.

    Args:
        layout: What `layout_of` found.
        within: A decoder that can may give a smaller picture, whose longest side is still at least this.

    Raises:
        BadImageError: the picture is cut off or damaged.
    """
    try:
        image = _opened(layout)
        if within:
            image.draft(None, _fitted(image.size, within))
        image.load()
    except Exception as problem:  # noqa: BLE001 - decoders on hostile bytes raise whatever they like
        refusal = _damage(layout.mime, problem)
    else:
        return image
    raise refusal


def _opened(layout: Layout) -> ImageFile:
    from PIL import JpegImagePlugin, PngImagePlugin, WebPImagePlugin  # noqa: PLC0415 - loaded when it is used

    kinds: dict[str, type[ImageFile]] = {
        "image/png": PngImagePlugin.PngImageFile,
        "image/jpeg": JpegImagePlugin.JpegImageFile,
        "image/webp": WebPImagePlugin.WebPImageFile,
    }
    image = kinds[layout.mime](io.BytesIO(layout.bare))
    if image.size != (layout.width, layout.height):
        raise DamagedError("its parts disagree about its size")
    if layout.profile:
        image.info["icc_profile"] = layout.profile
    return image


def _fitted(size: tuple[int, int], longest: int) -> tuple[int, int]:
    scale = longest / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def upright(image: Image, orientation: int) -> Image:
    """Turn the picture as its EXIF orientation asks."""
    from PIL.Image import Transpose  # noqa: PLC0415 - see `_opened`

    turns = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    return image.transpose(turns[orientation]) if orientation in turns else image


def upright_size(layout: Layout) -> tuple[int, int]:
    """Give width and height as people see the picture."""
    size = (layout.width, layout.height)
    return size[::-1] if layout.orientation in _TURNED else size
