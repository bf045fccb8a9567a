"""What a file is and whether it is sound; from bytes of unknown origin to pixels, safely.

The type is read from the bytes, never believed from elsewhere. PNG, JPEG and WebP reach Pillow without the parts that
no pixel needs; Pillow tells the size before it decodes, and what is too large is refused then. The plugins are called
directly: `Image.open` warns, asks global limits and tries other formats. Nothing global is set, so any thread may do
this; one picture has the memory at a time.
"""

from __future__ import annotations

import ctypes
import hashlib
import io
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from .._json import digest
from .._messages import BadImageError
from ._containers import CutOffError, strip
from ._files import MOST_BYTES, read_whole, use_plain_file
from ._png import is_sound_png
from ._types import HEAD, Kind, MediaType, identify, identify_words, is_web_page

if TYPE_CHECKING:
    from io import BufferedReader

    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

__all__ = [
    "MOST_PIXELS",
    "DecoderError",
    "decode",
    "displayable",
    "examine",
    "load",
    "one_at_a_time",
    "open_picture",
    "pixels_only",
    "refusal_of",
]

MOST_PIXELS = 80_000_000

_TURNS = ("FLIP_LEFT_RIGHT", "ROTATE_180", "FLIP_TOP_BOTTOM", "TRANSPOSE", "ROTATE_270", "TRANSVERSE", "ROTATE_90")
_TURNED = range(5, 9)  # orientations that exchange width and height
_EXCERPT = 80
_MOST_MEMORY = 264 << 20  # bytes, for the file, the pixels and the decoder
_PIXEL = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2}  # bytes in memory, by mode; 4 in all others
_DECODERS = {"WebP": 12, "Avif": 8, "Tiff": 4}  # bytes for each pixel that a decoder takes for itself
_COEFFICIENT = 2
_BAND = 1 << 20  # pixels that are converted at a time
_LARGE = 16 << 20  # bytes
_ONE = threading.RLock()


class DecoderError(BadImageError):
    """It is the decoder that failed; nothing is known against the picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A picture whose header is read and whose pixels are not.

    `orientation` is that of its EXIF part, `own_memory` what its file and decoder take beside the pixels.
    """

    image: ImageFile
    media: MediaType
    orientation: int
    own_memory: int

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
    files = len(data) + (0 if stripped.pixels is data else len(stripped.pixels))
    own = files + _memory_of_decoder(image, media, stripped.in_scan)
    return Opened(image=image, media=media, orientation=stripped.orientation, own_memory=own)


def _memory_of_decoder(image: ImageFile, media: MediaType, in_scan: int) -> int:
    """Return what a decoder takes beside the pixels: that of a JPEG in many scans, all coefficients."""
    pixels = math.prod(image.size)
    parts: list[tuple[int, int, int, int]] = getattr(image, "layer", [])  # of a JPEG; the middle ones: how dense
    if not parts or (in_scan == len(parts) and not image.info.get("progressive")):
        return pixels * _DECODERS.get(media.pillow, 0)
    across, down = max(part[1] for part in parts) or 1, max(part[2] for part in parts) or 1
    return sum(_COEFFICIENT * pixels * part[1] * part[2] // (across * down) for part in parts)


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


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Have the memory for one picture: it is read, decoded, and there in full size in this block only."""
    with _ONE:
        yield


def _give_back() -> None:
    """Let the system have what was freed: glibc keeps it for each thread by itself, and there are many threads."""
    with suppress(AttributeError, OSError, TypeError):  # another C library, another system
        ctypes.CDLL(None).malloc_trim(0)


def load(opened: Opened, *, within: int | None = None, most: int | None = _MOST_MEMORY) -> Image:
    """Return the decoded picture, turned upright as its EXIF orientation asks.

    Args:
        opened: What `open_picture` returned; it is used up.
        within: Give a picture as it is shown, smaller where that can be had without blur, whose longest side is still
            at least this.
        most: The bytes that its file, its decoder and its pixels may take; None: no matter how many.

    Raises:
        DecoderError: it would take too much memory.
        BadImageError: the picture is cut off or damaged.
    """
    _decode(opened, within, most)
    if within is None:
        return _turn(opened.image, opened.orientation)
    return _turn(_reduce(opened.image, max(1, max(opened.image.size) // within)), opened.orientation)


def _decode(opened: Opened, within: int | None, most: int | None = _MOST_MEMORY) -> None:
    image = opened.image
    try:
        if within:
            scale = within / max(image.size)
            image.draft(None, (max(1, round(image.width * scale)), max(1, round(image.height * scale))))
        need = opened.own_memory + math.prod(image.size) * _PIXEL.get(image.mode, 4)
        if most is None or need <= most:
            if need > _LARGE:
                _give_back()
            image.load()
            return
        refusal: BadImageError = DecoderError(
            "this picture takes {need} MiB of memory to be shown; one may take {most}",
            need=need >> 20,
            most=most >> 20,
        )
    except Exception as problem:  # noqa: BLE001 - as above
        refusal = _damage(opened.media, problem)
    raise refusal


def _reduce(image: Image, factor: int) -> Image:
    """Return a picture that many times smaller, as it is shown; converted band by band, which needs little memory."""
    from PIL import Image  # noqa: PLC0415 - Pillow is loaded when it is used

    height = max(1, _BAND // image.width // factor) * factor
    tops = range(0, image.height, height)
    boxes = [(0, top, image.width, min(top + height, image.height)) for top in tops]
    bands = [displayable(image.crop(box) if len(boxes) > 1 else image).reduce(factor) for box in boxes]
    if len(bands) == 1:
        return bands[0]
    mode = "RGBA" if any(band.mode == "RGBA" for band in bands) else bands[0].mode
    small = Image.new(mode, (bands[0].width, sum(band.height for band in bands)))
    for top, band in zip(tops, bands, strict=True):
        small.paste(band.convert(mode), (0, top // factor))
    small.info = bands[0].info
    return small


def displayable(image: Image) -> Image:
    """Bring any mode to one that every front end shows: L, RGB, or RGBA where something shows through."""
    if image.mode.startswith(("I", "F")):
        return image.convert("I").point(lambda level: level * (1 / 256)).convert("L")
    if image.has_transparency_data:
        shown = image if image.mode == "RGBA" else image.convert("RGBA")
        return shown.convert("RGB") if shown.getchannel("A").getextrema() == (255, 255) else shown
    if image.mode == "CMYK":
        image.info.pop("icc_profile", None)  # it speaks of inks
    if image.mode in ("L", "RGB"):
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def decode(data: bytes) -> Image:
    """Return the picture as a loaded PIL image, upright.

    Raises:
        BadImageError: the bytes are no picture that can be decoded, or a damaged one.
    """
    return load(open_picture(data), most=None)


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
    with one_at_a_time():
        head, whole = _read(source, expected)
        media = _type_of(head, expected)
        if media is None:
            raise refusal_of(head)
        width, height = _size_of(whole, media, max_pixels) if media.pillow else (0, 0)
        found = (digest(whole), len(whole)) if media.pillow else None
    sha256, size_bytes = found or _digest_of(source)
    return Facts(mime=media.mime, kind=media.kind, width=width, height=height, sha256=sha256, size_bytes=size_bytes)


def _read(source: bytes | Path, expected: Kind) -> tuple[bytes, bytes]:
    """Return the first bytes of a file, and of a picture that can be decoded all of them."""
    if isinstance(source, bytes):
        return source[:HEAD], source

    def read(file: BufferedReader) -> tuple[bytes, bytes]:
        head = file.read(HEAD)
        media = _type_of(head, expected)
        file.seek(0)
        return head, read_whole(file) if media is not None and media.pillow else b""

    return use_plain_file(source, read)


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
    size = 0, 0
    try:
        opened = open_picture(data, max_pixels=max_pixels)
        size = opened.size
        if media.native and not is_sound_png(data):
            _decode(opened, within=1)
            opened.image.close()
    except BadImageError as problem:
        if media.native and not isinstance(problem, DecoderError):
            raise
    return size  # nothing is known against it


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
