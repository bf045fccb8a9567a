"""The parts of PNG, JPEG and WebP files, and these files without the parts that no pixel needs.

All bytes are hostile here: lengths are checked before they are followed, and parts are counted. Pillow never sees
text, EXIF or animation parts, whose broken forms make it warn, and a warning cannot be turned into an error without
touching other threads.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, NamedTuple

__all__ = [
    "PNG_HEAD",
    "VP8X_XMP",
    "CutOffError",
    "DamagedError",
    "Part",
    "Stripped",
    "body_of",
    "find_part",
    "jpeg_segments",
    "png_chunk",
    "png_chunks",
    "riff_chunk",
    "strip",
    "webp_chunks",
    "webp_file",
]

PNG_HEAD = b"\x89PNG\r\n\x1a\n"
VP8X_XMP = 0x04
_VP8X_EXIF = 0x08
_MOST_PARTS = 100_000
_PIECE = 1 << 20
_MOST_SCANS = 100  # encoders write about ten; each costs the decoder a pass over all pixels
_MOST_EXIF_ENTRIES = 200
_LARGEST_PROFILE = 1 << 20
_PNG_NEEDED = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_JPEG_MARKER = re.compile(rb"[^\xff]*+\xff++(?:\0[^\xff]*+\xff++)*+([\x01-\xfe])")
_MOST_FILLING = 64 << 10  # bytes before a marker
_FILLING = b"\xff" * 4096
_JPEG_ALONE = {0x01, *range(0xD0, 0xD8)}  # markers without a length
_WEBP_METADATA = (b"EXIF", b"XMP ")
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


class Stripped(NamedTuple):
    """A file with nothing but what its pixels need, and how they are to be shown: turned, in which colours.

    `in_scan` is how many of a JPEG's components its first scan has.
    """

    pixels: bytes
    orientation: int = 1
    profile: bytes | None = None
    in_scan: int = 0


def body_of(data: bytes, part: Part) -> bytes:
    """Return the content of a part."""
    return data[part.first : part.last]


def strip(data: bytes, mime: str) -> Stripped:
    """Return a PNG, JPEG or WebP file without the parts that no pixel needs; a file of another type as it is.

    Raises:
        CutOffError: the file ends too early.
        DamagedError: its parts are broken.
    """
    known = _STRIPPERS.get(mime)
    return known(data) if known else Stripped(data)


# Python's other threads wait while bytes are copied or searched: so that is done a little at a time.


def _cut(data: bytes, ranges: Iterable[tuple[int, int]]) -> bytes:
    """Return these parts of a file; not twice in the memory where they are all of it."""
    view, parts, at = memoryview(data), list(ranges), 0
    for start, end in parts:
        if start != at:
            return _joined(view[start:end] for start, end in parts)
        at = end
    return data if at == len(data) else _joined(view[start:end] for start, end in parts)


def _joined(parts: Iterable[bytes | memoryview]) -> bytes:
    whole = io.BytesIO()
    for part in parts:
        for at in range(0, len(part), _PIECE):
            whole.write(part[at : at + _PIECE])
    return whole.getvalue()


def _count(data: bytes, sign: bytes, start: int) -> int:
    pieces = range(start, len(data), _PIECE)
    return sum(data.count(sign, at, at + _PIECE + len(sign) - 1) for at in pieces)


def find_part(data: bytes, parts: Iterable[Part], kind: bytes, begin: bytes = b"") -> Part | None:
    """Return the first part of this kind whose content begins like this."""
    return next((one for one in parts if one.kind == kind and data.startswith(begin, one.first, one.last)), None)


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


def _strip_png(data: bytes) -> Stripped:
    chunks = list(png_chunks(data))
    if chunks[0].kind != b"IHDR" or not any(chunk.kind == b"IDAT" for chunk in chunks):
        raise DamagedError("it has no pixels")
    needed = [chunk for chunk in chunks if chunk.kind in _PNG_NEEDED]
    if not all(_is_whole(data, chunk) for chunk in needed):
        raise DamagedError("a checksum is wrong")
    return Stripped(
        pixels=_cut(data, [(0, len(PNG_HEAD)), *((chunk.start, chunk.end) for chunk in needed)]),
        orientation=_orientation(_first(data, chunks, b"eXIf")),
        profile=_png_profile(_first(data, chunks, b"iCCP")),
    )


def _is_whole(data: bytes, chunk: Part) -> bool:
    return zlib.crc32(memoryview(data)[chunk.start + 4 : chunk.last]) == int.from_bytes(data[chunk.last : chunk.end])


def _first(data: bytes, parts: list[Part], kind: bytes, begin: bytes = b"") -> bytes:
    part = find_part(data, parts, kind, begin)
    return body_of(data, part) if part else b""


def _png_profile(chunk: bytes) -> bytes | None:
    """Unpack a colour profile that may be a bomb."""
    unpacker = zlib.decompressobj()
    try:
        profile = unpacker.decompress(chunk.partition(b"\0")[2][1:], _LARGEST_PROFILE)
    except zlib.error:
        return None
    return profile if unpacker.eof else None


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """Return a chunk of a PNG file."""
    return len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)


# JPEG


def jpeg_segments(data: bytes) -> Iterator[Part]:
    """Walk over the segments of a JPEG file, up to and with the first start of scan; `kind` is the marker's byte."""
    at = 2
    for _ in range(_MOST_PARTS):
        marker = _JPEG_MARKER.match(data, at, at + _MOST_FILLING)
        if marker is None:
            raise CutOffError("it ends too early")
        at = marker.end()
        code = marker[1][0]
        if code in _JPEG_ALONE:
            continue
        start, first, at = marker.start(1) - 1, at + 2, at + int.from_bytes(data[at : at + 2])
        if max(at, first) > len(data):
            raise CutOffError("it ends too early")
        if at < first or marker[1] in b"\xd8\xd9":
            raise DamagedError("a segment has no length")
        yield Part(marker[1], start, at, first, at)
        if code == 0xDA:  # noqa: PLR2004 - start of scan
            return
    raise DamagedError("it has too many parts")


def _strip_jpeg(data: bytes) -> Stripped:
    segments = list(jpeg_segments(data))
    scan = segments[-1].start
    if not _count(data, b"\xff\xd9", scan):
        raise CutOffError("it ends too early")
    if _count(data, b"\xff\xda", scan) > _MOST_SCANS:
        raise DamagedError("it has too many scans")
    if _count(data, _FILLING, scan):  # which the decoder would look at again with each piece of it
        raise DamagedError("it is filled with nothing")
    exif = _first(data, segments, b"\xe1", b"Exif\0\0")
    kept = [(one.start, one.end) for one in segments[:-1] if _is_needed(data, one)]
    pixels = _cut(data, [(0, 2), *kept, (scan, len(data))])
    return Stripped(pixels, _orientation(exif), in_scan=data[segments[-1].first])


def _is_needed(data: bytes, segment: Part) -> bool:
    if segment.kind[0] not in _JPEG_METADATA:
        return True
    body = body_of(data, segment)
    return (
        (segment.kind == b"\xe0" and body.startswith(b"JFIF\0") and len(body) >= 14)  # noqa: PLR2004 - whole JFIF
        or (segment.kind == b"\xe2" and body.startswith(b"ICC_PROFILE\0") and len(body) > 14)  # noqa: PLR2004 - head
        or (segment.kind == b"\xee" and body.startswith(b"Adobe") and len(body) >= 12)  # noqa: PLR2004 - colour model
    )


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


def webp_file(chunks: Iterable[bytes | memoryview], rest: bytes = b"") -> bytes:
    """Return a WebP file of these chunks; `rest` stands behind its end."""
    body = [b"WEBP", *(part for chunk in chunks for part in (chunk, b"\0" * (len(chunk) % 2)))]
    return _joined([b"RIFF", sum(map(len, body)).to_bytes(4, "little"), *body, rest])


def riff_chunk(kind: bytes, body: bytes) -> bytes:
    """Return a chunk of a WebP file."""
    return kind + len(body).to_bytes(4, "little") + body


def _strip_webp(data: bytes) -> Stripped:
    chunks = list(webp_chunks(data))
    if not chunks:
        raise CutOffError("it ends too early")
    kept = [chunk for chunk in chunks if chunk.kind not in _WEBP_METADATA]
    is_bare = len(kept) == len(chunks) and kept[0].kind != b"VP8X" and kept[-1].end == len(data)
    pixels = data if is_bare else webp_file(_drop_announcement(memoryview(data), chunk) for chunk in kept)
    return Stripped(pixels, _orientation(_first(data, chunks, b"EXIF")))


def _drop_announcement(data: memoryview, chunk: Part) -> bytes | memoryview:
    """Return a chunk; the first one no longer says that there is metadata."""
    whole = data[chunk.start : chunk.last]
    if chunk.kind != b"VP8X" or chunk.first == chunk.last:
        return whole
    return riff_chunk(b"VP8X", bytes([whole[8] & ~(VP8X_XMP | _VP8X_EXIF), *whole[9:]]))


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


_STRIPPERS: dict[str, Callable[[bytes], Stripped]] = {
    "image/png": _strip_png,
    "image/jpeg": _strip_jpeg,
    "image/webp": _strip_webp,
}
