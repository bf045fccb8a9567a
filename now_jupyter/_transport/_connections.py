"""Connections: deadlines, the fleet of paid lines, the key on its way to the one origin it belongs to.

A paid line keeps no connection alive (a stale one would be an ambiguous failure) and has few of them, as one large
httpx pool is quadratic in its connections; all share one TLS context. Transports are used without a client around
them, so there are no cookies, no redirects and no defaults of a library to switch off.
"""

from __future__ import annotations

import logging
import os
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Literal

import anyio
import httpx

from .._messages import NowImageError
from .._settings import Key, Redactor
from .._store import Attempt
from ._addresses import environment_proxy, origin_of
from ._in_process import InProcess

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import httpcore

    from ..demo import Relay

__all__ = ["Deadline", "Fleet", "Line", "Watch", "tls"]

_MOST_CONNECTIONS = 8
_KEPT_ALIVE = 4
_TOLD_BY_HTTPCORE = logging.getLogger("httpcore.http11")


class Deadline:
    """A point in time by our own clock, as the library's timeouts hold for single operations only."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self.seconds = seconds
        self._clock = clock
        self._end = clock() + seconds

    def left(self) -> float:
        """Give the seconds that are left."""
        return max(0.0, self._end - self._clock())

    def ensure_left(self) -> None:
        """Raise `TimeoutError` when the time is over."""
        if not self.left():
            raise TimeoutError

    def scope(self, at_most: float | None = None) -> AbstractContextManager[anyio.CancelScope]:
        """Raise `TimeoutError` in whatever is still going on at the deadline, or after `at_most` seconds."""
        return anyio.fail_after(self.left() if at_most is None else min(self.left(), at_most))


class Watch:
    """Follows one attempt through the connection's trace events, and tells of its phases."""

    def __init__(self, tell: Callable[[Attempt], None] | None = None) -> None:
        self._tell = tell
        self.attempt = Attempt(at=time.time())
        self.at_sending: Callable[[], None] | None = None
        self._opened: httpcore.AsyncNetworkStream | None = None

    @property
    def is_sent(self) -> bool:
        """Whether a byte of the request may have gone out."""
        return self.attempt.phase != "connecting"

    async def __call__(self, event: str, facts: dict[str, Any]) -> None:
        """Take a trace event of the connection."""
        if event == "connection.connect_tcp.complete":
            self._opened = facts["return_value"]
        elif event == "http11.send_request_headers.started" and not _is_tunnel(facts):
            self._opened = None
            self._sending()
        elif event == "http11.send_request_body.complete" and self.attempt.phase == "sending":
            self._on("sent")

    def _sending(self) -> None:
        if self._tell:
            # What this raises stops the request: nothing has gone out yet.
            self._tell(replace(self.attempt, phase="sending"))
        self.attempt = replace(self.attempt, phase="sending")
        if self.at_sending:
            self.at_sending()

    async def hang_up(self) -> None:
        """Close a connection that was given up before anything was sent; httpcore leaves it open in a TLS handshake."""
        opened, self._opened = self._opened, None
        if opened is not None:
            with anyio.CancelScope(shield=True), suppress(OSError, anyio.BrokenResourceError):
                await opened.aclose()

    def answering(self, status: int, request_id: str | None) -> None:
        """The head of the answer is here."""
        self.attempt = replace(self.attempt, status=status, request_id=request_id)
        self._on("answering")

    def answered(self) -> None:
        """The answer is complete."""
        self._on("answered")

    def failed(self, error: NowImageError) -> None:
        """The attempt ended with an error."""
        self.attempt = replace(self.attempt, error=type(error).__name__)
        self._on(self.attempt.phase)

    def _on(self, phase: Literal["connecting", "sending", "sent", "answering", "answered"]) -> None:
        self.attempt = replace(self.attempt, phase=phase)
        if self._tell is None:
            return
        try:
            self._tell(self.attempt)
        except (NowImageError, OSError):
            return  # a record that cannot be written must not lose an answer that is on its way


def _is_tunnel(facts: dict[str, Any]) -> bool:
    return getattr(facts.get("request"), "method", b"") == b"CONNECT"


class Line:
    """One transport, opened when it is first used, and how many use it at this moment."""

    def __init__(self, make: Callable[[], httpx.AsyncBaseTransport]) -> None:
        self.busy = 0
        self._make = make
        self._transport: httpx.AsyncBaseTransport | None = None

    async def send(self, request: httpx.Request) -> httpx.Response:
        """Send one request and give the answer that begins."""
        if self._transport is None:
            self._transport = self._make()
        return await self._transport.handle_async_request(request)

    async def aclose(self) -> None:
        """Close its connections."""
        if self._transport is not None:
            await self._transport.aclose()

    def release(self) -> None:
        """One user less."""
        self.busy -= 1


class Fleet:
    """The transports to one origin: a kept-alive one for free calls, as many paid lines as are needed at once."""

    def __init__(self, *, base_url: str, key: Key | None, relay: Relay | None) -> None:
        self._origin = origin_of(base_url)
        self._key = key
        self._relay = relay
        self._proxy = None if relay else environment_proxy(self._origin)
        self._paid: list[Line] = []
        self._free: Line | None = None

    @property
    def shown_proxy(self) -> str | None:
        """The proxy in between, without the password that may stand in its address."""
        return None if self._proxy is None else origin_of(self._proxy)

    def free(self) -> Line:
        """Give the line for calls that cost nothing."""
        if self._free is None:
            self._free = Line(partial(self._transport, _KEPT_ALIVE))
        return self._taken(self._free)

    def paid(self) -> Line:
        """Give a paid line with a free connection."""
        for line in self._paid:
            if line.busy < _MOST_CONNECTIONS:
                return self._taken(line)
        self._paid.append(Line(partial(self._transport, 0)))
        return self._taken(self._paid[-1])

    async def aclose(self) -> None:
        """Close all connections; may be called twice."""
        lines = [*self._paid, *([self._free] if self._free else [])]
        self._paid, self._free = [], None
        for line in reversed(lines):
            await line.aclose()

    @staticmethod
    def _taken(line: Line) -> Line:
        line.busy += 1
        return line

    def _transport(self, kept_alive: int) -> httpx.AsyncBaseTransport:
        if self._relay is not None:
            return _Authorized(InProcess(self._relay), self._key, self._origin)
        limits = httpx.Limits(max_connections=_MOST_CONNECTIONS, max_keepalive_connections=kept_alive)
        direct = httpx.AsyncHTTPTransport(
            verify=tls(self._origin), http1=True, http2=False, limits=limits, proxy=self._proxy, trust_env=False
        )
        return _Authorized(direct, self._key, self._origin)


class _Discreet(logging.Filter):
    """Takes the key out of what httpcore logs of an answer's head, in which a relay may repeat it."""

    def __init__(self, key: Key) -> None:
        super().__init__()
        self._key = key

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = Redactor(self._key).redact(record.getMessage()), ()
        return True


class _Authorized(httpx.AsyncBaseTransport):
    """Adds the key where the request goes to its origin, and takes it out of what comes back.

    Whoever made the request never holds the key, and a relay that repeats it does not bring it into records or errors.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport, key: Key | None, origin: str) -> None:
        self._inner = inner
        self._key = key
        self._origin = origin
        self._discreet = None if key is None else _Discreet(key)
        if self._discreet is not None:
            _TOLD_BY_HTTPCORE.addFilter(self._discreet)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._key is None or origin_of(str(request.url)) != self._origin:
            return await self._inner.handle_async_request(request)
        answer = await self._inner.handle_async_request(
            httpx.Request(
                request.method,
                request.url,
                headers=[*request.headers.multi_items(), ("Authorization", self._key.header())],
                stream=request.stream,
                extensions=request.extensions,
            )
        )
        return _redact_answer(answer, self._key)

    async def aclose(self) -> None:
        if self._discreet is not None:
            _TOLD_BY_HTTPCORE.removeFilter(self._discreet)
        await self._inner.aclose()


def _redact_answer(answer: httpx.Response, key: Key) -> httpx.Response:
    redactor = Redactor(key)
    headers = [(redactor.redact(name), redactor.redact(value)) for name, value in answer.headers.raw]
    return httpx.Response(answer.status_code, headers=headers, stream=_Redacted(answer, redactor))


class _Redacted(httpx.AsyncByteStream):
    """The body of an answer, without the key."""

    def __init__(self, answer: httpx.Response, redactor: Redactor) -> None:
        self._answer = answer
        self._redactor = redactor

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._answer.aiter_raw():
            if shown := self._redactor.feed(piece):
                yield shown
        if rest := self._redactor.end():
            yield rest

    async def aclose(self) -> None:
        await self._answer.aclose()


def tls(origin: str) -> ssl.SSLContext:
    """Give the TLS context for an origin; one for all, as reading the authorities takes tens of milliseconds."""
    if not origin.startswith("https:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return _tls_once(os.environ.get("SSL_CERT_FILE", ""), os.environ.get("SSL_CERT_DIR", ""))


@cache
def _tls_once(_file: str, _folder: str) -> ssl.SSLContext:
    return httpx.create_ssl_context()  # which reads these two variables itself
