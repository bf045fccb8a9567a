"""An answer as it arrives: kept byte by byte, held to its caps and its deadline, then understood.

The bytes go to the sink before anybody looks at them, so that whatever is wrong with an answer, it is not lost; only
the key is covered in them, and what is packed is unpacked first, as the key may be repeated in it. A sink
that fails (a full disk) does not end the reading: the answer was paid for, and goes on in memory.
"""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import anyio

from .._json import JSON
from .._messages import BadResponseError, Billed, NowImageError
from .._protocol import Event, Reply
from .._settings import Redactor
from ._bodies import PACKED, Inflater, image_type, read_json, whole_items
from ._connections import Deadline
from ._error_responses import request_id_of
from ._exception_map import from_network
from ._sse import EVENT_STREAM, events_in, looks_like_events

if TYPE_CHECKING:
    import httpx

__all__ = ["Incoming", "Sink", "is_stream", "replayed", "reply_of", "start_of", "stream_reply"]

JSON_CAP = 256 << 20
_PEEK = 8  # bytes that tell events from JSON
_SHOWN = 1024  # bytes of an unusable answer that an engine may look at


class Sink(Protocol):
    """Where the raw bytes of an answer are kept while they arrive."""

    def begin(self, head: Mapping[str, JSON]) -> None:
        """Start with what the head says."""

    def write(self, data: bytes) -> None:
        """Take the next bytes, exactly as they came."""

    def finish(self) -> None:
        """The answer is complete."""

    def abandon(self) -> None:
        """No more will come; what came stays."""


class _Keeping:
    """A sink whose failure does not lose the answer."""

    def __init__(self, sink: Sink | None, head: Mapping[str, JSON]) -> None:
        self._sink = sink
        self._try(lambda sink: sink.begin(head))

    def write(self, data: bytes) -> None:
        self._try(lambda sink: sink.write(data))

    def finish(self) -> None:
        self._try(lambda sink: sink.finish())
        self._sink = None

    def abandon(self) -> None:
        self._try(lambda sink: sink.abandon())
        self._sink = None

    def _try(self, action: Callable[[Sink], None]) -> None:
        if self._sink is None:
            return
        try:
            action(self._sink)
        except (NowImageError, OSError):
            broken, self._sink = self._sink, None
            _give_up(broken)


def _give_up(sink: Sink) -> None:
    try:
        sink.abandon()
    except (NowImageError, OSError):
        return


class Incoming:
    """One answer being read. Close it whatever happens; closed before its end, it counts as cut."""

    def __init__(  # noqa: PLR0913 - what surrounds one answer
        self,
        response: httpx.Response,
        *,
        until: Deadline,
        judge: Callable[[Exception], NowImageError],
        paid: bool,
        sink: Sink | None = None,
        redactor: Redactor | None = None,
        at_end: Callable[[], None] = lambda: None,
        at_close: Callable[[], None] = lambda: None,
    ) -> None:
        self.head = _head(response)
        self._response: httpx.Response | None = response
        self._raw: AsyncIterator[bytes] | None = response.aiter_raw()
        self._pieces: Iterator[bytes] = iter(())  # of what was read last
        self._until = until
        self._judge = judge
        self._paid = paid
        self._keeping = _Keeping(sink, _head_of_unpacked(self.head))
        self._redactor = redactor or Redactor(None)
        self._at_end = at_end
        self._at_close = at_close
        self._size = 0
        self._inflater = Inflater(_text(self.head, "content_encoding"), cap=JSON_CAP, excess=self._too_large)

    async def chunk(self) -> bytes | None:
        """Give the next bytes, unpacked (perhaps none yet); None at the end."""
        raw, self._raw = self._raw, None  # given back only where reading went well
        if raw is None:
            return None
        piece = next(self._pieces, None)
        if piece is None:
            if (data := await self._read(raw)) is None:
                return self._last()
            self._pieces = self._taken(data)
            piece = next(self._pieces, b"")
        self._raw = raw
        return piece

    async def _read(self, raw: AsyncIterator[bytes]) -> bytes | None:
        with from_network(self._judge), self._until.scope():
            self._until.ensure_left()  # thousands of small chunks that are here already never let the loop look
            return await anext(raw, None)

    def _last(self) -> bytes | None:
        rest = self._redactor.feed(self._inflater.end()) + self._redactor.end()
        self._keeping.write(rest)
        self.finish()
        return rest or None

    async def rest(self) -> bytes:
        """Give all that is still to come."""
        whole = io.BytesIO()  # a list of pieces would be in the memory twice, and the small ones stay there
        while (piece := await self.chunk()) is not None:
            whole.write(piece)
        return whole.getvalue()

    def _taken(self, data: bytes) -> Iterator[bytes]:
        try:
            for piece in self._inflater.feed(data):
                unpacked = self._redactor.feed(piece)
                self._keeping.write(unpacked)
                yield unpacked
        except NowImageError:
            self._keeping.write(self._redactor.feed(self._inflater.last) + self._redactor.end())
            raise
        if not self._inflater.is_readable:
            self._keeping.write(data)
        self._size += len(data)
        if self._size > JSON_CAP:
            raise self._too_large()

    def finish(self) -> None:
        """Take the answer as complete, also where the connection stays open."""
        self._raw = None
        self._keeping.finish()
        self._at_end()

    def ensure_readable(self) -> None:
        """Raise where the answer is packed in a way that nobody asked for and that cannot be undone."""
        if not self._inflater.is_readable:
            raise BadResponseError(
                "the answer is packed as {encoding}, which cannot be read",
                billed=self._billed,
                status=self._status,
                request_id=_text(self.head, "request_id") or None,
                encoding=self.head["content_encoding"],
            )

    async def aclose(self) -> None:
        """Let go of the connection; may be called twice."""
        response, self._response, self._raw = self._response, None, None
        if response is None:
            return
        self._keeping.abandon()
        self._at_close()
        with anyio.CancelScope(shield=True):
            await response.aclose()

    @property
    def _status(self) -> int:
        status = self.head["status"]
        return status if isinstance(status, int) else 0

    @property
    def _billed(self) -> Billed:
        return "maybe" if self._paid else "no"

    def _too_large(self) -> NowImageError:
        return BadResponseError(
            "the answer is larger than {size} MiB",
            billed=self._billed,
            status=self._status,
            request_id=_text(self.head, "request_id") or None,
            size=JSON_CAP >> 20,
        )


async def start_of(answer: Incoming) -> bytes:
    """Read as much as tells events from JSON."""
    start = b""
    while len(start.strip()) < _PEEK and (chunk := await answer.chunk()) is not None:
        start += chunk
    return start


def is_stream(head: Mapping[str, JSON], start: bytes) -> bool:
    """Tell whether an answer is events: by its beginning, and only else by its type."""
    if looks_like_events(start):
        return True
    return _media_type(head) == EVENT_STREAM and not start.lstrip().startswith((b"{", b"["))


def reply_of(head: Mapping[str, JSON], data: bytes) -> tuple[Reply, list[Event]]:
    """Understand a complete answer, wherever it was kept: its reply, and the events where it is a stream."""
    if not is_stream(head, data[:_SHOWN]):
        return _plain_reply(head, data), []
    events = list(events_in(data))
    if len(events) == 1 and isinstance(body := events[0].data, Mapping) and "type" not in body:
        return _reply(head, body=body), []
    return _reply(head, streamed=True), events


def replayed(head: Mapping[str, JSON], body: bytes) -> tuple[Reply | None, list[Event]]:
    """Understand a raw answer that was kept, also one that was cut; None where no picture can be had from it."""
    inflater = Inflater(_text(head, "content_encoding"), cap=JSON_CAP, excess=_far_too_large)
    data = b"".join(piece for piece in (*inflater.feed(body), inflater.end()) if piece)  # a single one is not copied
    reply, events = reply_of(head, data)
    if reply.body is not None or events or reply.media_type.startswith("image/"):
        return reply, events
    items = whole_items(data)
    return (replace(reply, body={"data": items}) if items else None), []


def _far_too_large() -> NowImageError:
    return BadResponseError("the answer is larger than {size} MiB", size=JSON_CAP >> 20)


def stream_reply(head: Mapping[str, JSON]) -> Reply:
    """Give the reply of a stream whose events are still to come."""
    return _reply(head, streamed=True)


def _plain_reply(head: Mapping[str, JSON], data: bytes) -> Reply:
    if (mime := image_type(data)) is not None:
        return _reply(head, raw=data, media_type=mime)
    try:
        return _reply(head, body=read_json(data))
    except ValueError:
        is_picture = _media_type(head).startswith("image/")
        return _reply(head, raw=data if is_picture else data[:_SHOWN])


def _reply(
    head: Mapping[str, JSON],
    *,
    body: JSON = None,
    raw: bytes = b"",
    media_type: str | None = None,
    streamed: bool = False,
) -> Reply:
    status = head.get("status")
    return Reply(
        status=status if isinstance(status, int) else 200,
        media_type=media_type or _media_type(head),
        body=body,
        raw=raw,
        request_id=_text(head, "request_id") or None,
        streamed=streamed,
    )


def _head(response: httpx.Response) -> dict[str, JSON]:
    facts: dict[str, JSON] = {
        "status": response.status_code,
        "content_type": response.headers.get("content-type"),
        "content_encoding": response.headers.get("content-encoding"),
        "request_id": request_id_of(response.headers),
    }
    return {name: value for name, value in facts.items() if value}


def _head_of_unpacked(head: Mapping[str, JSON]) -> dict[str, JSON]:
    """Give the head of an answer as it is kept: unpacked, where that can be done."""
    is_unpacked = _text(head, "content_encoding").strip().lower() in PACKED
    return {name: value for name, value in head.items() if name != "content_encoding" or not is_unpacked}


def _media_type(head: Mapping[str, JSON]) -> str:
    return _text(head, "content_type").partition(";")[0].strip().lower()


def _text(head: Mapping[str, JSON], name: str) -> str:
    value = head.get(name)
    return value if isinstance(value, str) else ""
