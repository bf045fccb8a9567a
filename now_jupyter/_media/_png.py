"""Whether a PNG picture is whole, told without its pixels: a third of the work of decoding it, and little memory."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator

try:
    from isal import isal_zlib as zlib  # takes half the time
except ImportError:  # a machine without a wheel of it
    import zlib  # type: ignore[no-redef]

__all__ = ["is_sound_png"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = struct.Struct(">IIBBBBB")
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by type of colour
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_LAST_FILTER = 4
_STEP, _PIECE = 1 << 18, 1 << 20  # bytes that are unpacked at a time, and what may come of them


def is_sound_png(data: bytes) -> bool:
    """Whether a PNG picture surely can be decoded to its end; of unusual ones (interlaced, animated) it is not said.

    All parts have the right checksum, and the coded rows are as many and as long as the header says, each with a filter
    that there is.
    """
    parts = list(_parts(data))
    names = [name for name, _ in parts]
    first = names.index(b"IDAT") if b"IDAT" in names else 0
    is_plain = names[:1] == [b"IHDR"] and names[-1:] == [b"IEND"] and set(names[first:-1]) == {b"IDAT"}
    if not is_plain or b"acTL" in names or len(parts[0][1]) != _HEADER.size:
        return False
    width, height, depth, colour, *ways = _HEADER.unpack(parts[0][1])
    if any(ways) or depth not in _DEPTHS.get(colour, ()) or (colour == 3 and b"PLTE" not in names):  # noqa: PLR2004
        return False
    row = 1 + -(-width * depth * _CHANNELS[colour] // 8)
    return _has_rows((body for name, body in parts if name == b"IDAT"), row, height)


def _parts(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yield name and body of each part, up to the last or to the first that is not as its checksum says."""
    view, at = memoryview(data), len(_SIGNATURE)
    if data[:at] != _SIGNATURE:
        return
    while at + 12 <= len(data):
        size, name = int.from_bytes(view[at : at + 4]), bytes(view[at + 4 : at + 8])
        end = at + 8 + size
        if zlib.crc32(view[at + 4 : end]) != int.from_bytes(view[end : end + 4]):
            return
        yield name, view[at + 8 : end]
        if name == b"IEND":
            return
        at = end + 4


def _has_rows(packed: Iterable[memoryview], row: int, count: int) -> bool:
    """Whether what is packed comes to so many rows of this length; a little at a time, as there are many threads."""
    unpacking, size = zlib.decompressobj(), 0
    try:
        for step in _steps(packed):
            rest: bytes | memoryview = step
            piece = b""
            while not unpacking.eof and (rest or len(piece) == _PIECE):  # a full piece may have left some of it inside
                piece = unpacking.decompress(rest, _PIECE)
                if max(piece[-size % row :: row], default=0) > _LAST_FILTER:
                    return False
                size += len(piece)
                if size > row * count:
                    return False
                rest = unpacking.unconsumed_tail
    except zlib.error:  # type: ignore[misc]
        return False
    return unpacking.eof and size == row * count


def _steps(packed: Iterable[memoryview]) -> Iterator[memoryview]:
    for body in packed:
        yield from (body[at : at + _STEP] for at in range(0, len(body), _STEP))
    yield memoryview(b"")
