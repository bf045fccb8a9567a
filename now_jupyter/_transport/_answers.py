"""An answer as it arrives: unpacked, without the key, kept byte by byte, held to its cap and its deadline.

The bytes go to the sink before anybody looks at them, so that whatever is wrong with an answer, it is not lost; only
the key is taken out of them, here and nowhere else. A sink that fails (a full disk) does not end the reading: the
answer was paid for, and goes on in memory.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

import anyio

from .._json import JSON
from .._messages import BadResponseError, Billed, NowImageError
from .._settings import Redactor
from ._error_responses import request_id_of
from ._exception_map import from_network
from ._long_texts import Said
from ._retries import Deadline

if TYPE_CHECKING:
    import httpx

__all__ = ["JSON_CAP", "Answer", "Inflater", "Sink"]

JSON_CAP = 256 << 20
_PACKED = ("gzip", "x-gzip", "deflate")
_GZIP = 0x1F
_ZLIB_METHOD = 8
_PIECE = 1 << 20
_STEP = 1 << 16
_MOST_BLANKS = 1 << 16
_FULL = 1 << 15  # bytes of a piece behind which more is waiting already
_MOST_WAITING = 1 << 16  # bytes that wait to be kept


class Sink(Protocol):
    """Where the raw bytes of an answer are kept while they arrive."""

    def begin(self, head: Mapping[str, JSON]) -> None:
        """Start with what the head says: status, content_type, request_id, what the call `expects`."""

    def write(self, data: bytes) -> None:
        """Take the next bytes, exactly as they came: all of them or none."""

    def finish(self) -> None:
        """The answer is complete."""

    def abandon(self) -> None:
        """No more will come; what came stays."""


class Answer:
    """One answer being read: `pieces` are its bytes, unpacked; `known` is what an error says of it.

    Close it whatever happens; closed before its end, it counts as cut.
    """

    def __init__(  # noqa: PLR0913 - what surrounds one answer
        self,
        response: httpx.Response,
        *,
        until: Deadline,
        judge: Callable[[Exception], NowImageError],
        redactor: Redactor,
        billed: Billed = "no",
        cap: int | None = None,
        expects: str = "json",
        sink: Sink | None = None,
        at_end: Callable[[], None] = lambda: None,
    ) -> None:
        self.status = response.status_code
        self.expects = expects
        self.headers = {name.lower(): redactor.redact(value) for name, value in response.headers.items()}
        self.request_id = request_id_of(self.headers)
        self.pieces = self._read(response.aiter_raw())
        self._waiting = bytearray()  # what is kept with the next bytes, which are here already
        self._left = None if sink is None else io.BytesIO()  # what the sink did not take
        self._response: httpx.Response | None = response
        self._until = until
        self._is_watched = False
        self._judge = judge
        self._redactor = redactor
        self.known: dict[str, Any] = {"billed": billed, "status": self.status, "request_id": self.request_id}
        self._cap = JSON_CAP if cap is None else cap
        self._at_end = at_end
        self._inflater = Inflater(self.headers.get("content-encoding", ""), cap=self._cap, excess=self._too_large)
        self.head = self._head()
        self._sink = sink
        self._tell_sink(lambda sink: sink.begin(self.head))

    def _head(self) -> dict[str, JSON]:
        facts: dict[str, JSON] = {
            "status": self.status,
            "content_type": self.headers.get("content-type"),
            "content_encoding": None if self._inflater.is_readable else self.headers["content-encoding"],
            "request_id": self.request_id,
            "expects": "" if self.expects == "json" else self.expects,
        }
        return {name: value for name, value in facts.items() if value}

    async def start(self, length: int, start: bytes = b"") -> bytes:
        """Return the first bytes, `start` among them: so many or more that are no blanks, where there are so many."""
        while len(start.lstrip()) < length and len(start) < _MOST_BLANKS:
            piece = await anext(self.pieces, None)
            if piece is None:
                break
            start += piece
        return start

    async def rest(self, start: bytes, said: Said) -> bytes:
        """Return what the answer says, to its end; `start` was read already."""
        self.leave_the_rest()
        said.add(start)
        await self._read_on(said.add)
        return said.end()

    def leave_the_rest(self) -> None:
        """Have what the sink does not take in nobody's memory: what is in it is taken out while it is read."""
        self._left = None

    async def drain(self) -> bytes:
        """Read to the end, and return what the sink did not take because it failed."""
        await self._read_on(lambda _: None)
        return b"" if self._left is None else self._left.getvalue()

    async def _read_on(self, take: Callable[[bytes], None]) -> None:
        """Read to the end with one watch over all of it, which costs a third of one over each piece."""
        with from_network(self._judge), self._until.scope():
            self._is_watched = True
            async for piece in self.pieces:
                take(piece)

    async def _read(self, raw: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        size = 0
        while True:
            if not self._until.left():  # thousands of small chunks that are here already never let the loop look
                raise self._judge(TimeoutError())
            if self._is_watched:
                data = await anext(raw, None)
            else:
                with from_network(self._judge), self._until.scope():
                    data = await anext(raw, None)
            if data is None:
                break
            for piece in self._unpack(data):
                yield piece
            size += len(data)
            if size > self._cap:
                raise self._too_large()
        rest = self._redactor.end()
        self._keep(rest)
        self.finish()
        if rest:
            yield rest
        if not self._inflater.is_readable:  # packed in a way that nobody asked for
            raise BadResponseError(
                "the answer is packed as {encoding}, which cannot be read",
                encoding=self.headers["content-encoding"],
                **self.known,
            )

    def _unpack(self, data: bytes) -> Iterator[bytes]:
        for packed in self._inflater.feed(data):
            piece = self._redactor.feed(packed)
            self._keep(piece)
            yield piece
        if not self._inflater.is_readable:
            self._keep(data)

    def _keep(self, data: bytes) -> None:
        """Give the next bytes to the sink, at once where no more are waiting behind them."""
        if self._sink is None and self._left is None:
            return
        self._waiting += data
        if len(data) < _FULL or len(self._waiting) >= _MOST_WAITING:
            self._keep_waiting()

    def _keep_waiting(self) -> None:
        waiting, self._waiting = bytes(self._waiting), bytearray()
        if waiting and not self._tell_sink(lambda sink: sink.write(waiting)) and self._left is not None:
            self._left.write(waiting)

    def _tell_sink(self, action: Callable[[Sink], None]) -> bool:
        if self._sink is None:
            return False
        try:
            action(self._sink)
        except (NowImageError, OSError):
            with suppress(NowImageError, OSError):
                self._sink.abandon()
            self._sink = None
            return False
        return True

    def finish(self) -> None:
        """Take the answer as complete, also where the connection stays open."""
        self._keep_waiting()
        self._tell_sink(lambda sink: sink.finish())
        self._sink = None
        self._at_end()

    async def aclose(self) -> None:
        """Let go of the connection; may be called twice."""
        self._keep_waiting()
        self._tell_sink(lambda sink: sink.abandon())
        self._sink = None
        response, self._response = self._response, None  # it knows the request, and an error must not know it
        if response is not None:
            with anyio.CancelScope(shield=True):
                await self.pieces.aclose()
                await response.aclose()

    def _too_large(self) -> NowImageError:
        return BadResponseError("the answer is larger than {size} MiB", size=f"{self._cap / (1 << 20):g}", **self.known)


class Inflater:
    """Unpacks a body chunk by chunk, which httpx does without bounds; behind `cap` bytes it raises what `excess` makes.

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
