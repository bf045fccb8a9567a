"""Server-sent events, with the tolerance that relays need.

httpx-sse knows the protocol and reads a response; ours has been read already, byte by byte into the store, so it is
given one made of those bytes. Added are the JSON inside, events without a name, relays that leave out the empty line
between events or after the last one, and `[DONE]`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterator
from typing import Protocol

import httpx
from httpx_sse import EventSource, ServerSentEvent

from .._json import JSON
from .._protocol import Event
from ._bodies import read_json

__all__ = ["EVENT_STREAM", "Chunks", "Live", "events_in", "looks_like_events"]

DONE = "[DONE]"
EVENT_STREAM = "text/event-stream"
_BEGINNINGS = (b"data:", b"event:", b"id:", b"retry:", b":")
_MARK = b"\xef\xbb\xbf"
_END = b"\n\n"  # closes an event that the relay left open
_HEADERS = {"content-type": f"{EVENT_STREAM}; charset=utf-8"}


class Chunks(Protocol):
    """Bytes that are still coming."""

    async def chunk(self) -> bytes | None:
        """Give the next ones; None at the end."""

    def finish(self) -> None:
        """Nothing more is wanted: all is here."""


def looks_like_events(start: bytes) -> bool:
    """Tell whether an answer begins like a stream of events, whatever its Content-Type says."""
    return start.removeprefix(_MARK).lstrip().startswith(_BEGINNINGS)


def events_in(data: bytes) -> Iterator[Event]:
    """Give the events of a stream that is here as a whole."""
    content = data.removeprefix(_MARK) + _END
    for sse in EventSource(httpx.Response(200, headers=_HEADERS, content=content)).iter_sse():
        for document in _documents(sse.data):
            if document == DONE:
                return
            yield _named(sse, document)


class Live:
    """The events of an answer as they come; `start` are its bytes that were read already."""

    def __init__(self, answer: Chunks, start: bytes = b"") -> None:
        self._answer = answer
        response = httpx.Response(200, headers=_HEADERS, stream=_Bytes(answer, start))
        self._source = EventSource(response).aiter_sse()
        self._waiting: deque[Event] = deque()
        self._is_done = False

    async def next(self) -> Event | None:
        """Give the next event; None at the end of the stream."""
        while not self._waiting:
            if (sse := await anext(self._source, None)) is None:
                return None
            self._take(sse)
        return self._waiting.popleft()

    def _take(self, sse: ServerSentEvent) -> None:
        for document in _documents(sse.data):
            if document == DONE and not self._is_done:
                self._is_done = True
                self._answer.finish()
            if not self._is_done:
                self._waiting.append(_named(sse, document))

    async def aclose(self) -> None:
        """Let the readers inside end by themselves; to be called when the answer gives nothing more."""
        self._is_done = True
        while await anext(self._source, None) is not None:
            pass


class _Bytes(httpx.AsyncByteStream):
    def __init__(self, answer: Chunks, start: bytes) -> None:
        self._answer = answer
        self._start = start

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._start.removeprefix(_MARK)
        while (chunk := await self._answer.chunk()) is not None:
            yield chunk
        yield _END


def _documents(data: str) -> Iterator[JSON]:
    """Give what one event holds: one document, but for relays that leave out the empty lines between events."""
    if not (bare := data.strip()):
        return
    try:
        yield read_json(bare)
    except ValueError:
        yield from (_document(line) for line in bare.split("\n") if line)


def _document(line: str) -> JSON:
    try:
        return read_json(line)
    except ValueError:
        return line  # [DONE], or words


def _named(sse: ServerSentEvent, data: JSON) -> Event:
    own = data.get("type") if isinstance(data, dict) else None
    if isinstance(own, str) and own and sse.event in ("", "message"):
        return Event(type=own, data=data)
    return Event(type=sse.event or "message", data=data)
