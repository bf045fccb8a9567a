"""Bounded unpacking of what nobody asked to be packed (what httpx has unpacks a chunk to whatever it comes to)."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator

from .._messages import NowImageError

__all__ = ["Inflater"]

_PACKED = ("gzip", "x-gzip", "deflate")
_GZIP = 0x1F
_ZLIB_METHOD = 8
_PIECE = 1 << 20
_STEP = 1 << 16


class Inflater:
    """Unpacks a body chunk by chunk; behind the `cap`th byte it raises what `excess` makes.

    A body that is said to be packed and is not passes as it is: it may have been paid for. Where unpacking is not
    possible, `is_readable` turns false and nothing more comes out.
    """

    def __init__(self, encoding: str, *, cap: int, excess: Callable[[], NowImageError]) -> None:
        self._encoding = encoding.strip().lower()
        self._left = cap
        self._excess = excess
        self._has_begun = False
        self._packed: zlib._Decompress | None = None
        self.is_readable = self._encoding in ("", "identity", *_PACKED)

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what the next bytes come to; what was packed, a piece of at most 1 MiB after the other."""
        if chunk and not self._has_begun:
            self._has_begun = True
            self._packed = self._find_packing(chunk[0])
        if not self.is_readable:
            return
        for piece in (chunk,) if self._packed is None else self._unpack(chunk, self._packed):
            yield piece[: self._left]
            self._left -= len(piece)
            if self._left < 0:
                raise self._excess()

    def _find_packing(self, first: int) -> zlib._Decompress | None:
        if self._encoding == "deflate":
            has_head = first & 0x0F == _ZLIB_METHOD  # some send it bare
            return zlib.decompressobj(zlib.MAX_WBITS if has_head else -zlib.MAX_WBITS)
        is_gzip = self._encoding in _PACKED and first == _GZIP
        return zlib.decompressobj(zlib.MAX_WBITS | 16) if is_gzip else None

    def _unpack(self, chunk: bytes, packed: zlib._Decompress) -> Iterator[bytes]:
        try:
            for start in range(0, len(chunk), _STEP):  # a little at a time: 64 KiB may come to 64 MiB
                waiting, piece = chunk[start : start + _STEP], b""
                while waiting or len(piece) == _PIECE:  # a full piece may have left some of it inside
                    piece = packed.decompress(waiting, _PIECE)
                    waiting = packed.unconsumed_tail
                    yield piece
        except zlib.error:
            self.is_readable = False
