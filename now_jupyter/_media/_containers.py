"""What PNG, JPEG and WebP files say of themselves, read without decoding a pixel.

All bytes are hostile here: lengths are checked before they are followed, parts are counted, and only what a decoder
needs for the pixels goes on to it (`Layout.bare`). Pillow therefore never sees text, EXIF or animation parts, whose
broken forms make it warn, and a warning cannot be turned into an error without touching other threads.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

__all__ = [
    "CutOffError",
    "DamagedError",
    "Layout",
    "Part",
    "body_of",
    "canvas_of_webp",
    "inflated",
    "jpeg_segments",
    "png_chunks",
    "read_layout",
    "webp_chunks",
]

PNG_HEAD = b"\x89PNG\r\n\x1a\n"
_MOST_PARTS = 100_000
_MOST_SCANS = 100  # encoders write about ten; each costs the decoder a pass over all pixels
_MOST_EXIF_ENTRIES = 200
_LARGEST_PROFILE = 1 << 20
_PNG_NEEDED = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_JPEG_MARKER = re.compile(rb"\xff{1,64}([\x01-\xfe])")
_JPEG_ALONE = {0x01, *range(0xD0, 0xD8)}  # markers without a length
_JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_JPEG_METADATA = {*range(0xE0, 0xF0), 0xFE}
_ORIENTATION = 0x0112


class DamagedError(ValueError):
    """The bytes break the rules of their file type."""


class CutOffError(DamagedError):
    """The bytes end before the picture does."""


class Part(NamedTuple):
    """One chunk or segment: from `start` to `end`, its content from `first` to `last`."""

    kind: bytes
    start: int
    end: int
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The facts of a file's header, and `bare`: the file with nothing but what the pixels need."""

    mime: str
    width: int
    height: int
    bare: bytes
    animated: bool = False
    orientation: int = 1
    profile: bytes | None = None


def body_of(data: bytes, part: Part) -> bytes:
    """Give the content of a part."""
    return data[part.first : part.last]


def read_layout(data: bytes, mime: str) -> Layout:
    """Read the header of a PNG, JPEG or WebP file.

    Raises:
        CutOffError: the file ends too early.
        DamagedError: it is no such file, or broken.
    """
    layout = _READERS[mime](data)
    if not layout.width or not layout.height:
        raise DamagedError("it has no size")
    return layout


def inflated(packed: bytes, limit: int) -> bytes:
    """Unpack zlib data that may be a bomb.

    Raises:
        DamagedError: it is no zlib data, or becomes larger than `limit`.
    """
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(packed, limit)
    except zlib.error:
        data = None
    if data is None or unpacker.unconsumed_tail or not unpacker.eof:
        raise DamagedError("packed data cannot be unpacked")
    return data


# PNG


def png_chunks(data: bytes) -> Iterator[Part]:
    """Walk over the chunks of a PNG file, up to its end mark."""
    at = len(PNG_HEAD)
    for _ in range(_MOST_PARTS):
        end = at + 12 + int.from_bytes(data[at : at + 4])
        if end > len(data):
            raise CutOffError("it ends too early")
        part = Part(data[at + 4 : at + 8], at, end, at + 8, end - 4)
        yield part
        if part.kind == b"IEND":
            return
        at = end
    raise DamagedError("it has too many parts")


def _read_png(data: bytes) -> Layout:
    chunks = list(png_chunks(data))
    if chunks[0].kind != b"IHDR" or not any(chunk.kind == b"IDAT" for chunk in chunks):
        raise DamagedError("it has no pixels")
    needed = [chunk for chunk in chunks if chunk.kind in _PNG_NEEDED]
    if not all(_is_whole(data, chunk) for chunk in needed):
        raise DamagedError("a checksum is wrong")
    header = body_of(data, chunks[0])
    return Layout(
        mime="image/png",
        width=int.from_bytes(header[:4]),
        height=int.from_bytes(header[4:8]),
        bare=PNG_HEAD + b"".join(data[chunk.start : chunk.end] for chunk in needed),
        animated=int.from_bytes(_first(data, chunks, b"acTL")[:4]) > 1,
        orientation=_orientation(_first(data, chunks, b"eXIf")),
        profile=_png_profile(_first(data, chunks, b"iCCP")),
    )


def _is_whole(data: bytes, chunk: Part) -> bool:
    return zlib.crc32(memoryview(data)[chunk.start + 4 : chunk.last]) == int.from_bytes(data[chunk.last : chunk.end])


def _first(data: bytes, parts: list[Part], kind: bytes) -> bytes:
    return next((body_of(data, part) for part in parts if part.kind == kind), b"")


def _png_profile(chunk: bytes) -> bytes | None:
    _, _, packed = chunk.partition(b"\0")
    try:
        return inflated(packed[1:], _LARGEST_PROFILE) if packed else None
    except DamagedError:
        return None


# JPEG


def jpeg_segments(data: bytes) -> Iterator[Part]:
    """Walk over the segments of a JPEG file, up to and with the first start of scan; `kind` is the marker's byte."""
    at = 2
    for _ in range(_MOST_PARTS):
        marker = _JPEG_MARKER.search(data, at)
        if marker is None:
            raise CutOffError("it ends too early")
        at = marker.end()
        code = marker[1][0]
        if code in _JPEG_ALONE:
            continue
        part = Part(marker[1], marker.start(), at + int.from_bytes(data[at : at + 2]), at + 2, 0)
        yield _checked(part, data)
        if code == 0xDA:  # noqa: PLR2004 - start of scan
            return
        at = part.end
    raise DamagedError("it has too many parts")


def _checked(part: Part, data: bytes) -> Part:
    if part.end > len(data) or part.first > len(data):
        raise CutOffError("it ends too early")
    if part.end < part.first or part.kind in b"\xd8\xd9":
        raise DamagedError("a segment has no length")
    return part._replace(last=part.end)


def _read_jpeg(data: bytes) -> Layout:
    segments = list(jpeg_segments(data))
    frames = [body_of(data, segment) for segment in segments if segment.kind[0] in _JPEG_FRAMES]
    if len(frames) != 1:
        raise DamagedError("it has no pixels")
    scan = segments[-1].start
    if data.find(b"\xff\xd9", scan) < 0:
        raise CutOffError("it ends too early")
    if data.count(b"\xff\xda", scan) > _MOST_SCANS:
        raise DamagedError("it has too many scans")
    kept = b"".join(data[one.start : one.end] for one in segments[:-1] if _is_needed(data, one))
    return Layout(
        mime="image/jpeg",
        width=int.from_bytes(frames[0][3:5]),
        height=int.from_bytes(frames[0][1:3]),
        bare=data[:2] + kept + data[scan:],
        orientation=_orientation(_jpeg_exif(data, segments)),
    )


def _is_needed(data: bytes, segment: Part) -> bool:
    if segment.kind[0] not in _JPEG_METADATA:
        return True
    body = body_of(data, segment)
    return (
        (segment.kind == b"\xe0" and body.startswith(b"JFIF\0") and len(body) >= 14)  # noqa: PLR2004 - whole JFIF
        or (segment.kind == b"\xe2" and body.startswith(b"ICC_PROFILE\0") and len(body) > 14)  # noqa: PLR2004 - head
        or (segment.kind == b"\xee" and body.startswith(b"Adobe") and len(body) >= 12)  # noqa: PLR2004 - colour model
    )


def _jpeg_exif(data: bytes, segments: list[Part]) -> bytes:
    bodies = (body_of(data, segment) for segment in segments if segment.kind == b"\xe1")
    return next((body for body in bodies if body.startswith(b"Exif\0\0")), b"")


# WebP


def webp_chunks(data: bytes) -> Iterator[Part]:
    """Walk over the chunks of a WebP file, as far as its own length says."""
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise CutOffError("it ends too early")
    at = 12
    for _ in range(_MOST_PARTS):
        if at + 8 > end:
            return
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        last = at + 8 + size
        if last > end:
            raise CutOffError("it ends too early")
        after = min(last + size % 2, end)
        yield Part(data[at : at + 4], at, after, at + 8, last)
        at = after
    raise DamagedError("it has too many parts")


def canvas_of_webp(kind: bytes, body: bytes) -> tuple[int, int]:
    """Read width and height from the first chunk of a WebP file; zeros where there are none."""
    if kind == b"VP8X" and len(body) >= 10:  # noqa: PLR2004 - flags, reserved, width, height
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if kind == b"VP8 " and len(body) >= 10 and body[3:6] == b"\x9d\x01\x2a":  # noqa: PLR2004 - tag, mark, sizes
        return int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
    if kind == b"VP8L" and len(body) >= 5 and body[:1] == b"\x2f":  # noqa: PLR2004 - mark, sizes
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1
    return 0, 0


def _read_webp(data: bytes) -> Layout:
    chunks = list(webp_chunks(data))
    if not chunks:
        raise CutOffError("it ends too early")
    head = body_of(data, chunks[0])
    width, height = canvas_of_webp(chunks[0].kind, head)
    return Layout(
        mime="image/webp",
        width=width,
        height=height,
        bare=data,
        animated=sum(chunk.kind == b"ANMF" for chunk in chunks) > 1,
        orientation=_orientation(_first(data, chunks, b"EXIF")),
    )


# EXIF: the one entry that turns the picture


def _orientation(exif: bytes) -> int:
    tiff = exif.removeprefix(b"Exif\0\0")
    order: Literal["little", "big"] = "little" if tiff.startswith(b"II") else "big"
    table = int.from_bytes(tiff[4:8], order)
    count = min(int.from_bytes(tiff[table : table + 2], order), _MOST_EXIF_ENTRIES)
    for at in range(table + 2, table + 2 + 12 * count, 12):
        if int.from_bytes(tiff[at : at + 2], order) == _ORIENTATION:
            value = int.from_bytes(tiff[at + 8 : at + 10], order)
            return value if value in range(1, 9) else 1
    return 1


_READERS: dict[str, Callable[[bytes], Layout]] = {
    "image/png": _read_png,
    "image/jpeg": _read_jpeg,
    "image/webp": _read_webp,
}
