"""Bounded unpacking of what nobody asked to be packed."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator

from .._messages import NowImageError

__all__ = ["PACKED", "Inflater"]

PACKED = ("gzip", "x-gzip", "deflate")
_GZIP = b"\x1f\x8b"
_ZLIB_METHOD = 8
_PIECE = 1 << 20
_STEP = 1 << 16


class Inflater:
    """Unpacks a body chunk by chunk; what goes beyond `cap` bytes raises what `excess` makes.

    A body that is said to be packed and is not passes as it is: it may have been paid for. Where unpacking is not
    possible, `is_readable` turns false and nothing more comes out.
    """

    def __init__(self, encoding: str, *, cap: int, excess: Callable[[], NowImageError]) -> None:
        self._encoding = encoding.strip().lower()
        self._cap = cap
        self._excess = excess
        self._size = 0
        self._start = b""
        self.last = b""  # what still fitted when it became too much
        self._unpack: Callable[[bytes], Iterable[bytes]] | None = None if self._encoding in PACKED else _as_it_is
        self.is_readable = self._encoding in ("", "identity", *PACKED)

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what the next bytes come to; what was packed, a piece of at most 1 MiB after the other."""
        if self._unpack is None:
            chunk, self._start = self._start + chunk, b""
            if len(chunk) < len(_GZIP):
                self._start = chunk
                return
            self._unpack = self._choose(chunk)
        if self.is_readable:
            yield from map(self._count, self._unpack(chunk))

    def end(self) -> bytes:
        """Return what was held back."""
        return self._start if self._unpack is None else b""

    def _choose(self, start: bytes) -> Callable[[bytes], Iterable[bytes]]:
        if self._encoding == "deflate":
            has_head = start[0] & 0x0F == _ZLIB_METHOD and int.from_bytes(start[:2], "big") % 31 == 0
            return self._unpacker(zlib.decompressobj(zlib.MAX_WBITS if has_head else -zlib.MAX_WBITS))
        if start.startswith(_GZIP):
            return self._unpacker(zlib.decompressobj(zlib.MAX_WBITS | 16))
        return _as_it_is

    def _unpacker(self, packed: zlib._Decompress) -> Callable[[bytes], Iterable[bytes]]:
        def unpack(chunk: bytes) -> Iterator[bytes]:
            try:
                for start in range(0, len(chunk), _STEP):
                    yield from _pieces_of(chunk[start : start + _STEP], packed)
            except zlib.error:
                self.is_readable = False

        return unpack

    def _count(self, data: bytes) -> bytes:
        self._size += len(data)
        if self._size > self._cap:
            self.last = data[: self._cap - self._size]
            raise self._excess()
        return data


def _pieces_of(chunk: bytes, packed: zlib._Decompress) -> Iterator[bytes]:
    """Unpack a little at a time: 64 KiB may come to 64 MiB."""
    piece = b""
    while chunk or len(piece) == _PIECE:  # a full piece may have left some of it inside
        piece = packed.decompress(chunk, _PIECE)
        chunk = packed.unconsumed_tail
        yield piece


def _as_it_is(chunk: bytes) -> Iterable[bytes]:
    return (chunk,)
