"""Connections: a pool for free calls and many small ones for paid calls; the key on its way to its one origin.

A paid call's connection is not kept alive (a stale one would be an ambiguous failure) and shares its httpx pool with
few others, as a large pool is quadratic in its connections; all share one TLS context. Transports are used without a
client around them, so there are no cookies, no redirects and no defaults of a library to switch off.
"""

from __future__ import annotations

import logging
import os
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Literal

import anyio
import httpx

from .._messages import NowImageError
from .._settings import Key, Redactor
from .._values import Attempt
from ._addresses import environment_proxy, origin_of
from ._in_process import InProcess

if TYPE_CHECKING:
    import httpcore

    from ..demo import Relay

__all__ = ["Connection", "ConnectionPool", "RequestTrace", "tls"]

KEY_PLACE = "{key}"
_MOST_CONNECTIONS = 8
_KEPT_ALIVE = 4
_LOG_OF_HTTPCORE = logging.getLogger("httpcore.http11")


class RequestTrace:
    """Follows one attempt through the connection's trace events, and reports its phases."""

    def __init__(self, report: Callable[[Attempt], None] | None = None) -> None:
        self._report = report
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
        if self._report:
            # What this raises stops the request: nothing has gone out yet.
            self._report(replace(self.attempt, phase="sending"))
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
        if self._report is None:
            return
        try:
            self._report(self.attempt)
        except (NowImageError, OSError):
            return  # a record that cannot be written must not lose an answer that is on its way


def _is_tunnel(facts: dict[str, Any]) -> bool:
    return getattr(facts.get("request"), "method", b"") == b"CONNECT"


class Connection:
    """One transport, opened when it is first used, and how many use it at this moment."""

    def __init__(self, make: Callable[[], httpx.AsyncBaseTransport]) -> None:
        self.busy = 0
        self._make = make
        self._transport: httpx.AsyncBaseTransport | None = None

    async def send(self, request: httpx.Request) -> httpx.Response:
        """Send one request and return the answer that begins."""
        if self._transport is None:
            self._transport = self._make()
        return await self._transport.handle_async_request(request)

    async def aclose(self) -> None:
        """Close what was opened."""
        if self._transport is not None:
            await self._transport.aclose()

    def release(self) -> None:
        """One user less."""
        self.busy -= 1


class ConnectionPool:
    """The connections to one origin: a kept-alive one for free calls, as many for paid ones as are needed at once."""

    def __init__(self, *, base_url: str, key: Key | None, relay: Relay | None) -> None:
        self._origin = origin_of(base_url)
        self._key = key
        self._relay = relay
        self._proxy = None if relay else environment_proxy(self._origin)
        self._paid: list[Connection] = []
        self._free: list[Connection] = []

    @property
    def shown_proxy(self) -> str | None:
        """The proxy in between, without the password that may stand in its address."""
        return None if self._proxy is None else origin_of(self._proxy)

    def for_free_call(self) -> Connection:
        """Return the connection for calls that cost nothing, to be released."""
        if not self._free:
            self._free.append(Connection(partial(self._transport, _KEPT_ALIVE)))
        return self._take(self._free[0])

    def for_paid_call(self) -> Connection:
        """Return a connection that has room for one more paid call, to be released."""
        fitting = next((one for one in self._paid if one.busy < _MOST_CONNECTIONS), None)
        if fitting is None:
            fitting = Connection(partial(self._transport, 0))
            self._paid.append(fitting)
        return self._take(fitting)

    async def aclose(self) -> None:
        """Close all connections; may be called twice."""
        connections = [*self._paid, *self._free]
        self._paid, self._free = [], []
        for one in reversed(connections):
            await one.aclose()

    @staticmethod
    def _take(connection: Connection) -> Connection:
        connection.busy += 1
        return connection

    def _transport(self, kept_alive: int) -> httpx.AsyncBaseTransport:
        if self._relay is not None:
            return _Authorized(InProcess(self._relay), self._key, self._origin)
        limits = httpx.Limits(max_connections=_MOST_CONNECTIONS, max_keepalive_connections=kept_alive)
        direct = httpx.AsyncHTTPTransport(
            verify=tls(self._origin), http1=True, http2=False, limits=limits, proxy=self._proxy, trust_env=False
        )
        return _Authorized(direct, self._key, self._origin)


class _LogRedactor(logging.Filter):
    """Takes the key out of what httpcore logs of an answer's head, in which a relay may repeat it."""

    def __init__(self, key: Key) -> None:
        super().__init__()
        self._redactor = Redactor(key)

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self._redactor.redact(record.getMessage()), ()
        return True


class _Authorized(httpx.AsyncBaseTransport):
    """Fills in the key where headers ask for it and the request goes to the key's origin; elsewhere they do not go.

    Whoever made the request never holds the key.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport, key: Key | None, origin: str) -> None:
        self._inner = inner
        self._key = key
        self._origin = origin
        self._log_redactor = None if key is None else _LogRedactor(key)
        if self._log_redactor is not None:
            _LOG_OF_HTTPCORE.addFilter(self._log_redactor)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._inner.handle_async_request(
            httpx.Request(
                request.method,
                request.url,
                headers=list(self._fill(request)),
                stream=request.stream,
                extensions=request.extensions,
            )
        )

    def _fill(self, request: httpx.Request) -> Iterator[tuple[str, str]]:
        is_home = self._key is not None and origin_of(str(request.url)) == self._origin
        for name, value in request.headers.multi_items():
            if KEY_PLACE not in value:
                yield name, value
            elif self._key is not None and is_home:
                yield name, value.replace(KEY_PLACE, self._key.header().removeprefix("Bearer "))

    async def aclose(self) -> None:
        if self._log_redactor is not None:
            _LOG_OF_HTTPCORE.removeFilter(self._log_redactor)
        await self._inner.aclose()


def tls(origin: str) -> ssl.SSLContext:
    """Return the TLS context for an origin; one for all, as reading the authorities takes tens of milliseconds."""
    if not origin.startswith("https:"):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return _tls_once(os.environ.get("SSL_CERT_FILE", ""), os.environ.get("SSL_CERT_DIR", ""))


@cache
def _tls_once(_file: str, _folder: str) -> ssl.SSLContext:
    return httpx.create_ssl_context()  # which reads these two variables itself
