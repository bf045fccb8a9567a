"""The client of the relay: free calls that are repeated, and the paid call that is not.

The paid POST is sent again only where it provably was not sent (no connection came about) or was refused by a rate
limit; everything else that goes wrong once a byte may have gone out is told as `MaybeBilledError`, never repeated.
Each paid call has a connection of its own and one deadline over everything, streams included.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

import anyio
import httpx

from .._messages import NowImageError
from .._protocol import Call, Event, Reply
from .._settings import Key, Redactor
from .._store import Attempt
from ._addresses import is_loopback, normal_base_url, origin_of
from ._connections import Deadline, Fleet, Watch
from ._exchange import Exchange, Patience, Peer
from ._responses import Incoming, Sink, is_stream, replayed, reply_of, start_of, stream_reply
from ._sse import Live

if TYPE_CHECKING:
    from ..demo import Relay

__all__ = ["Api", "Key", "Sink", "Submission", "is_loopback", "normal_base_url", "replayed"]

T = TypeVar("T")

FREE_SECONDS = 30.0
CONNECT_SECONDS = 10.0
_LEAVING_SECONDS = 2.0  # for the end of a stream that nobody waits for
_HEADERS = {
    "Accept": "application/json, text/event-stream, image/*",
    "Accept-Encoding": "identity",
    "User-Agent": "now-jupyter",
}


class _Events(Protocol):
    async def next(self) -> Event | None: ...

    async def aclose(self) -> None: ...


class Submission:
    """The answer to a paid call: `reply` at once, then its events where it is a stream."""

    def __init__(self, reply: Reply, events: _Events) -> None:
        self.reply = reply
        self._events = events

    async def next(self) -> Event | None:
        """Give the next event; None at the end, and where the answer is no stream.

        Raises:
            MaybeBilledError: the stream broke off.
        """
        return await self._events.next()

    async def aclose(self) -> None:
        """Let go of the events; `Api.submit` does it."""
        await self._events.aclose()


class Api:
    """Talks to one relay: `base_url` as `normal_base_url` gives it, or a `relay` in this process."""

    def __init__(  # noqa: PLR0913 - time and chance are handed in, so that tests need not wait
        self,
        *,
        base_url: str,
        key: Key | None = None,
        relay: Relay | None = None,
        deadline: float = 600.0,
        connecting: float = CONNECT_SECONDS,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.origin = origin_of(base_url)
        self._base = base_url.rstrip("/")
        self._deadline = deadline
        self._connecting = connecting
        self._sleep = sleep
        self._clock = clock
        self._jitter = jitter
        self._fleet = Fleet(base_url=base_url, key=key, relay=relay)
        self._peer = Peer(origin=self.origin, proxy=self._fleet.shown_proxy, key=key)

    async def fetch(self, call: Call, *, params: Mapping[str, str] | None = None) -> Reply:
        """Perform a free call; repeated where that may help.

        Raises:
            NowImageError: what the relay or the network says; nothing was billed.
        """
        until = Deadline(FREE_SECONDS, self._clock)
        patience = Patience(paid=False, jitter=self._jitter)
        return await self._patiently(lambda: self._fetch_once(call, params, until, patience), patience, until)

    @asynccontextmanager
    async def submit(
        self,
        call: Call,
        *,
        sink: Sink,
        idempotency_key: str,
        stream: bool = False,
        on_attempt: Callable[[Attempt], None] | None = None,
    ) -> AsyncIterator[Submission]:
        """Perform a paid call, and give its answer; `on_attempt` is told how far each attempt came.

        Raises:
            NowImageError: what the relay or the network says; `billed` tells what is known of the money.
        """
        until = Deadline(self._deadline, self._clock)
        patience = Patience(paid=True, jitter=self._jitter)
        order = partial(self._exchange, until=until, patience=patience, sink=sink, on_attempt=on_attempt)
        headers = {"Idempotency-Key": idempotency_key}
        answer = await self._patiently(lambda: order().answer(self._request(call, headers=headers)), patience, until)
        async with AsyncExitStack() as undo:
            undo.push_async_callback(answer.aclose)
            submission = await self._understood(answer, paid=True, stream=stream)
            undo.push_async_callback(_closed, answer, submission)
            yield submission
            await _leave(submission)

    def repeats_key(self, data: bytes) -> bool:
        """Tell whether bytes that came from somewhere hold the key."""
        return Redactor(self._peer.key).is_in(data)

    async def aclose(self) -> None:
        """Close all connections; may be called twice."""
        await self._fleet.aclose()

    async def _patiently(self, once: Callable[[], Awaitable[T]], patience: Patience, until: Deadline) -> T:
        while True:
            try:
                return await once()
            except NowImageError as problem:
                error = problem
            pause = patience.pause(error)
            if pause is None or pause >= until.left():
                # Without the frames below, which know more than an error should carry around.
                raise error.with_traceback(None)
            await self._sleep(pause)

    async def _fetch_once(
        self, call: Call, params: Mapping[str, str] | None, until: Deadline, patience: Patience
    ) -> Reply:
        exchange = self._exchange(until=until, patience=patience)
        answer = await exchange.answer(self._request(call, params=params))
        async with aclosing(answer):
            submission = await self._understood(answer, paid=False, stream=False)
            return submission.reply

    def _exchange(
        self,
        *,
        until: Deadline,
        patience: Patience,
        sink: Sink | None = None,
        on_attempt: Callable[[Attempt], None] | None = None,
    ) -> Exchange:
        line = self._fleet.paid() if patience.paid else self._fleet.free()
        return Exchange(peer=self._peer, line=line, watch=Watch(on_attempt), until=until, patience=patience, sink=sink)

    def _request(
        self, call: Call, *, headers: Mapping[str, str] | None = None, params: Mapping[str, str] | None = None
    ) -> httpx.Request:
        if not call.path.startswith("/"):
            raise ValueError(call.path)
        url = httpx.URL(self._base + call.path)
        body = None if call.body is None else json.dumps(call.body, allow_nan=False).encode("ascii")
        typed = {} if body is None else {"Content-Type": "application/json"}
        return httpx.Request(
            call.method,
            url.copy_merge_params(dict(params)) if params else url,
            headers={**_HEADERS, **typed, **(headers or {})},
            content=body,
            extensions={"timeout": {"connect": self._connecting, "read": None, "write": None, "pool": None}},
        )

    async def _understood(self, answer: Incoming, *, paid: bool, stream: bool) -> Submission:
        start = await start_of(answer) if stream else b""
        if stream and is_stream(answer.head, start):
            answer.ensure_readable()
            return Submission(stream_reply(answer.head), Live(answer, start))
        data = start + await answer.rest()
        answer.ensure_readable()
        reply, events = reply_of(answer.head, data)
        self._peer.ensure_no_error(reply, paid=paid)
        return Submission(reply, _Stored(events))


class _Stored:
    """Events that are all here already."""

    def __init__(self, events: list[Event]) -> None:
        self._events = iter(events)

    async def next(self) -> Event | None:
        return next(self._events, None)

    async def aclose(self) -> None:
        self._events = iter(())


async def _closed(answer: Incoming, submission: Submission) -> None:
    await answer.aclose()  # first, so that the events end
    await submission.aclose()


async def _leave(submission: Submission) -> None:
    """Read a stream to its end for a moment, so that a complete answer is kept as one."""
    with anyio.move_on_after(_LEAVING_SECONDS), suppress(NowImageError):
        while await submission.next() is not None:
            pass
