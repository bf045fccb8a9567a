"""What a file is and whether it is sound; from bytes of unknown origin to pixels, safely.

The type is read from the bytes, never believed from elsewhere. PNG, JPEG and WebP reach Pillow without the parts that
no pixel needs; Pillow tells the size before it decodes, and what is too large is refused then. The plugins are called
directly: `Image.open` warns, asks global limits and tries other formats. Nothing global is set, so any number of
threads may do this at once.
"""

from __future__ import annotations

import hashlib
import io
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from .._json import digest
from .._messages import BadImageError
from ._containers import CutOffError, strip
from ._files import MOST_BYTES, read_file, use_plain_file
from ._types import Kind, MediaType, head_of, identify, identify_words, is_web_page

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

__all__ = [
    "MOST_PIXELS",
    "DecoderError",
    "decode",
    "examine",
    "load",
    "open_picture",
    "pixels_only",
    "refusal_of",
    "room_for",
]

MOST_PIXELS = 80_000_000

_TURNS = ("FLIP_LEFT_RIGHT", "ROTATE_180", "FLIP_TOP_BOTTOM", "TRANSPOSE", "ROTATE_270", "TRANSVERSE", "ROTATE_90")
_TURNED = range(5, 9)  # orientations that exchange width and height
_EXCERPT = 80
_LARGE = 4_000_000  # pixels: more than that is decoded by one thread at a time
_ONE_LARGE = threading.Lock()


class DecoderError(BadImageError):
    """It is the decoder that failed; nothing is known against the picture."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is true of a file's bytes; width and height in pixels as people see it (turned upright), 0 where unknown."""

    mime: str
    kind: Kind
    width: int
    height: int
    sha256: str
    size_bytes: int


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
    if isinstance(problem, MemoryError):
        return DecoderError("there is not enough memory to decode this {kind} picture", kind=media.name)
    if isinstance(problem, ImportError) or _was_replaced():
        return DecoderError(
            "Pillow was changed under this kernel and cannot decode pictures any more", advice="restart the kernel"
        )
    if isinstance(problem, CutOffError) or "truncated" in str(problem):
        return BadImageError("this {kind} picture is cut off: its end is missing", kind=media.name)
    reason = str(problem) or type(problem).__name__
    return BadImageError("this {kind} picture is damaged: {reason}", kind=media.name, reason=reason)


def _was_replaced() -> bool:
    """Whether the Pillow on the disk is another one than that in memory, parts of which may still be loaded from it."""
    import PIL  # noqa: PLC0415 - Pillow is loaded when it is used

    with suppress(PackageNotFoundError):
        return version("pillow") != PIL.__version__
    return False


def load(opened: Opened, *, within: int | None = None) -> Image:
    """Return the decoded picture, turned upright as its EXIF orientation asks.

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
        return _turn(image, opened.orientation)
    except Exception as problem:  # noqa: BLE001 - as above
        refusal = _damage(opened.media, problem)
    raise refusal


@contextmanager
def room_for(opened: Opened) -> Iterator[None]:
    """Have the pixels of one large picture in memory at a time, four bytes each; small ones wait for nothing."""
    with _ONE_LARGE if math.prod(opened.image.size) > _LARGE else nullcontext():
        yield


def decode(data: bytes) -> Image:
    """Return the picture as a loaded PIL image, upright.

    Raises:
        BadImageError: the bytes are no picture that can be decoded, or a damaged one.
    """
    return load(open_picture(data))


def _turn(image: Image, orientation: int) -> Image:
    from PIL.Image import Transpose  # noqa: PLC0415 - Pillow is loaded when it is used

    return image.transpose(Transpose[_TURNS[orientation - 2]]) if orientation > 1 else image


def examine(source: bytes | Path, *, expected: Kind = "picture", max_pixels: int = MOST_PIXELS) -> Facts:
    """Return the facts of a sound file of any kind; PNG, JPEG and WebP are decoded to make sure that they are whole.

    Everything else is known by its beginning: it is kept, whether it can be shown or not. Words are a sound file only
    where they are expected, since a link that has expired gives words too.

    Raises:
        BadImageError: it is none, or a damaged one; says what it is instead.
    """
    head = head_of(source)
    media = _type_of(head, expected)
    if media is None:
        raise refusal_of(head)
    if media.pillow:
        whole = source if isinstance(source, bytes) else read_file(source)
        (width, height), (sha256, size_bytes) = _size_of(whole, media, max_pixels), (digest(whole), len(whole))
    else:
        (width, height), (sha256, size_bytes) = (0, 0), _digest_of(source)
    return Facts(mime=media.mime, kind=media.kind, width=width, height=height, sha256=sha256, size_bytes=size_bytes)


def _type_of(head: bytes, expected: Kind) -> MediaType | None:
    media = identify(head)
    if expected in ("words", "vectors"):
        return media or identify_words(head)
    return None if media is None or media.kind == "words" else media


def _digest_of(source: bytes | Path) -> tuple[str, int]:
    if isinstance(source, bytes):
        return digest(source), len(source)
    return use_plain_file(source, lambda file: (hashlib.file_digest(file, "sha256").hexdigest(), file.tell()))


def _size_of(data: bytes, media: MediaType, max_pixels: int) -> tuple[int, int]:
    try:
        opened = open_picture(data, max_pixels=max_pixels)
        if media.native:
            with room_for(opened):
                load(opened).close()
    except BadImageError as problem:
        if media.native and not isinstance(problem, DecoderError):
            raise
        return 0, 0  # nothing is known against it
    return opened.size


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
