"""An answer as it arrives: unpacked, without the key, kept byte by byte, held to its cap and its deadline.

The bytes go to the sink before anybody looks at them, so that whatever is wrong with an answer, it is not lost; only
the key is taken out of them, here and nowhere else. A sink that fails (a full disk) does not end the reading: the
answer was paid for, and goes on in memory.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

import anyio

from .._json import JSON
from .._messages import BadResponseError, Billed, NowImageError
from .._settings import Redactor
from ._decoding import text_in
from ._error_responses import request_id_of
from ._exception_map import from_network
from ._retries import Deadline
from ._unpacking import PACKED, Inflater

if TYPE_CHECKING:
    import httpx

__all__ = ["JSON_CAP", "Answer", "Sink"]

JSON_CAP = 256 << 20


class Sink(Protocol):
    """Where the raw bytes of an answer are kept while they arrive."""

    def begin(self, head: Mapping[str, JSON]) -> None:
        """Start with what the head says: status, content_type, request_id, what the call `expects`."""

    def write(self, data: bytes) -> None:
        """Take the next bytes, exactly as they came."""

    def finish(self) -> None:
        """The answer is complete."""

    def abandon(self) -> None:
        """No more will come; what came stays."""


class _SafeSink:
    """A sink whose failure does not lose the answer; `kept` counts the bytes that it took."""

    def __init__(self, sink: Sink | None, head: Mapping[str, JSON]) -> None:
        self.kept = 0
        self.has_failed = False
        self._sink = sink
        self._try(lambda sink: sink.begin(head))

    def write(self, data: bytes) -> None:
        if self._try(lambda sink: sink.write(data)):
            self.kept += len(data)

    def finish(self) -> None:
        self._try(lambda sink: sink.finish())
        self._sink = None

    def abandon(self) -> None:
        self._try(lambda sink: sink.abandon())
        self._sink = None

    def _try(self, action: Callable[[Sink], None]) -> bool:
        if self._sink is None:
            return False
        try:
            action(self._sink)
        except (NowImageError, OSError):
            self.has_failed = True
            broken, self._sink = self._sink, None
            with suppress(NowImageError, OSError):
                broken.abandon()
            return False
        return True


class Answer:
    """One answer being read. Close it whatever happens; closed before its end, it counts as cut."""

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
        at_close: Callable[[], None] = lambda: None,
    ) -> None:
        self.status = response.status_code
        self.expects = expects
        self.headers = {name.lower(): redactor.redact(value) for name, value in response.headers.items()}
        self.head = _head_of(self.status, self.headers, expects)
        self._response: httpx.Response | None = response
        self._raw: AsyncIterator[bytes] | None = response.aiter_raw()
        self._pieces: Iterator[bytes] = iter(())  # of what was read last
        self._until = until
        self._judge = judge
        self._redactor = redactor
        self._billed: Billed = billed
        self._cap = JSON_CAP if cap is None else cap
        self._sink = _SafeSink(sink, _without_packing(self.head))
        self._at_end = at_end
        self._at_close = at_close
        self._size = 0
        self._inflater = Inflater(self.headers.get("content-encoding", ""), cap=self._cap, excess=self._too_large)

    async def chunk(self) -> bytes | None:
        """Return the next bytes, unpacked (perhaps none yet); None at the end."""
        raw, self._raw = self._raw, None  # given back only where reading went well
        if raw is None:
            return None
        piece = next(self._pieces, None)
        if piece is None:
            if (data := await self._read(raw)) is None:
                return self._end()
            self._pieces = self._unpack(data)
            piece = next(self._pieces, b"")
        self._raw = raw
        return piece

    async def start(self, length: int) -> bytes:
        """Return the first bytes: at least so many that are no blanks, where there are so many."""
        start = b""
        while len(start.lstrip()) < length and (chunk := await self.chunk()) is not None:
            start += chunk
        return start

    async def rest(self, start: bytes = b"") -> bytes:
        """Return all that is still to come, behind what was read already."""
        whole = io.BytesIO(start)  # a list of pieces would be in the memory twice, and the small ones stay there
        whole.seek(len(start))
        while (piece := await self.chunk()) is not None:
            whole.write(piece)
        return whole.getvalue()

    async def drain(self, start: bytes) -> bytes:
        """Read to the end, and return what the sink did not take."""
        left = io.BytesIO()
        size = 0
        piece: bytes | None = start
        while piece is not None:
            left.write(self.not_kept(piece, size))
            size += len(piece)
            piece = await self.chunk()
        return left.getvalue()

    def not_kept(self, data: bytes, at: int = 0) -> bytes:
        """Return the end of these bytes, which began at `at`, that the sink did not take because it failed."""
        return data[max(0, self.kept - at) :] if self._sink.has_failed else b""

    @property
    def kept(self) -> int:
        """How many bytes the sink took."""
        return self._sink.kept

    async def _read(self, raw: AsyncIterator[bytes]) -> bytes | None:
        with from_network(self._judge), self._until.scope():
            self._until.ensure_left()  # thousands of small chunks that are here already never let the loop look
            return await anext(raw, None)

    def _end(self) -> bytes | None:
        rest = self._redactor.feed(self._inflater.end()) + self._redactor.end()
        self._sink.write(rest)
        self.finish()
        return rest or None

    def _unpack(self, data: bytes) -> Iterator[bytes]:
        try:
            for piece in self._inflater.feed(data):
                unpacked = self._redactor.feed(piece)
                self._sink.write(unpacked)
                yield unpacked
        except NowImageError:
            self._sink.write(self._redactor.feed(self._inflater.last) + self._redactor.end())
            raise
        if not self._inflater.is_readable:
            self._sink.write(data)
        self._size += len(data)
        if self._size > self._cap:
            raise self._too_large()

    def finish(self) -> None:
        """Take the answer as complete, also where the connection stays open."""
        self._raw = None
        self._sink.finish()
        self._at_end()

    def ensure_readable(self) -> None:
        """Raise where the answer is packed in a way that nobody asked for and that cannot be undone."""
        if not self._inflater.is_readable:
            raise BadResponseError(
                "the answer is packed as {encoding}, which cannot be read",
                billed=self._billed,
                status=self.status,
                request_id=request_id_of(self.headers),
                encoding=self.headers["content-encoding"],
            )

    async def aclose(self) -> None:
        """Let go of the connection; may be called twice."""
        response, self._response, self._raw = self._response, None, None
        if response is None:
            return
        self._sink.abandon()
        self._at_close()
        with anyio.CancelScope(shield=True):
            await response.aclose()

    def _too_large(self) -> NowImageError:
        return BadResponseError(
            "the answer is larger than {size} MiB",
            billed=self._billed,
            status=self.status,
            request_id=request_id_of(self.headers),
            size=f"{self._cap / (1 << 20):g}",
        )


def _head_of(status: int, headers: Mapping[str, str], expects: str) -> dict[str, JSON]:
    facts: dict[str, JSON] = {
        "status": status,
        "content_type": headers.get("content-type"),
        "content_encoding": headers.get("content-encoding"),
        "request_id": request_id_of(headers),
        "expects": "" if expects == "json" else expects,
    }
    return {name: value for name, value in facts.items() if value}


def _without_packing(head: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return the head of an answer as it is kept: unpacked, where that can be done."""
    is_unpacked = text_in(head, "content_encoding").strip().lower() in PACKED
    return {name: value for name, value in head.items() if name != "content_encoding" or not is_unpacked}
