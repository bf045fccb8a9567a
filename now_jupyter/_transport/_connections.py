"""Connections: one that is kept alive for free calls, one of its own for each paid call; the key on its way.

A kept-alive connection that has gone stale would be an ambiguous failure of a paid call. All share one TLS context.
Transports are used without a client around them, so there are no cookies, no redirects and no defaults of a library to
switch off.
"""

from __future__ import annotations

import logging
import os
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import anyio
import httpcore
import httpx

from .._messages import NowImageError
from .._settings import Key, Redactor
from .._values import Attempt
from ._addresses import origin_of
from ._proxies import for_httpx, relay_proxy

if TYPE_CHECKING:
    from ..demo import Relay

__all__ = ["Connection", "ConnectionPool", "InProcess", "RequestTrace", "tls"]

KEY_PLACE = "{key}"
_MOST_CONNECTIONS, _KEPT_ALIVE = 8, 4
_KEPT_ALIVE_SECONDS = 5.0
_WIDE = 1 << 17  # bytes
_LOG_OF_HTTPCORE = logging.getLogger("httpcore.http11")


class RequestTrace:
    """Follows one attempt through the connection's trace events, and reports its phases."""

    def __init__(self, report: Callable[[Attempt], None] | None = None) -> None:
        self._report = report or (lambda _attempt: None)
        self.attempt = Attempt(at=time.time())
        self.at_sending: Callable[[], None] = lambda: None
        self._opened: httpcore.AsyncNetworkStream | None = None

    async def __call__(self, event: str, facts: dict[str, Any]) -> None:
        """Take a trace event of the connection."""
        if event == "connection.connect_tcp.complete":
            self._opened = facts["return_value"]
        elif event == "http11.send_request_headers.started" and facts["request"].method != b"CONNECT":
            self._opened = None
            sending = replace(self.attempt, phase="sending")
            self._report(sending)  # what this raises stops the request: nothing has gone out yet
            self.attempt = sending
            self.at_sending()
        elif event == "http11.send_request_body.complete" and self.attempt.phase == "sending":
            self.note(phase="sent")

    async def hang_up(self) -> None:
        """Close a connection that was given up before anything was sent; httpcore leaves it open in a TLS handshake."""
        opened, self._opened = self._opened, None
        if opened is not None:
            with anyio.CancelScope(shield=True), suppress(OSError, anyio.BrokenResourceError):
                await opened.aclose()

    def note(self, **changes: Any) -> None:  # noqa: ANN401 - fields of an attempt
        """Report what became of the attempt once it is sent, or failed."""
        self.attempt = replace(self.attempt, **changes)
        with suppress(NowImageError, OSError):  # a record that cannot be written must not lose an answer
            self._report(self.attempt)


class Connection:
    """Fills in the key where headers ask for it and the request goes to the key's origin; elsewhere they do not go.

    Whoever made the request never holds the key.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport, key: Key | None, origin: str) -> None:
        self._transport = transport
        self._key = key
        self._origin = origin
        self.aclose = transport.aclose

    async def send(self, request: httpx.Request) -> httpx.Response:
        """Send one request and return the answer that begins."""
        return await self._transport.handle_async_request(
            httpx.Request(
                request.method,
                request.url,
                headers=list(self._fill(request)),
                stream=request.stream,
                extensions=request.extensions,
            )
        )

    def _fill(self, request: httpx.Request) -> Iterator[tuple[str, str]]:
        is_home = origin_of(str(request.url)) == self._origin
        for name, value in request.headers.multi_items():
            if KEY_PLACE not in value:
                yield name, value
            elif self._key is not None and is_home:
                yield name, value.replace(KEY_PLACE, self._key.header().removeprefix("Bearer "))


class ConnectionPool:
    """The connections to one origin: `host` with its port, and the `proxy` between."""

    def __init__(self, *, base_url: str, key: Key | None, relay: Relay | None) -> None:
        self._origin = origin_of(base_url)
        self.key = key
        self._relay = relay
        self.proxy = None if relay else relay_proxy(self._origin)
        self.host = self._origin.partition("://")[2]
        self._free: Connection | None = None

    def for_free_call(self) -> Connection:
        """Return the connection for calls that cost nothing."""
        if self._free is None:
            self._free = self._connect(_KEPT_ALIVE)
        return self._free

    def for_paid_call(self) -> Connection:
        """Return a connection for one paid call, which ends with the answer."""
        return self._connect(0)

    async def aclose(self) -> None:
        """Close what is kept alive; may be called twice."""
        free, self._free = self._free, None
        _LOG_OF_HTTPCORE.removeFilter(self._redact_log)
        if free is not None:
            await free.aclose()

    def _connect(self, kept_alive: int) -> Connection:
        if self._relay is not None:
            return Connection(InProcess(self._relay), self.key, self._origin)
        _LOG_OF_HTTPCORE.addFilter(self._redact_log)
        if (proxy := for_httpx(self.proxy, tls)) is None:
            return Connection(_DirectTransport(tls(self._origin), kept_alive), self.key, self._origin)
        limits = httpx.Limits(max_connections=_MOST_CONNECTIONS, max_keepalive_connections=kept_alive)
        wire = httpx.AsyncHTTPTransport(verify=tls(self._origin), limits=limits, proxy=proxy, trust_env=False)
        return Connection(wire, self.key, self._origin)

    def _redact_log(self, record: logging.LogRecord) -> bool:
        """Take the key out of what httpcore logs of an answer's head, in which a relay may repeat it."""
        record.msg, record.args = Redactor(self.key).redact(record.getMessage()), ()
        return True


class _DirectTransport(httpx.AsyncHTTPTransport):
    """Connects without a proxy, and takes more at once from the wire than httpx's own."""

    def __init__(self, context: ssl.SSLContext, kept_alive: int) -> None:
        # In the place of httpx's own pool, which takes no backend.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=_MOST_CONNECTIONS,
            max_keepalive_connections=kept_alive,
            keepalive_expiry=_KEPT_ALIVE_SECONDS,
            network_backend=_WideBackend(),
        )


class _WideBackend(httpcore.AnyIOBackend):
    async def connect_tcp(self, *where: Any, **named: Any) -> httpcore.AsyncNetworkStream:  # noqa: ANN401 - as httpcore has it
        return _WideStream(await super().connect_tcp(*where, **named))


class _WideStream(httpcore.AsyncNetworkStream):
    """Reads what is there, up to a quarter of a MiB: each piece of a large answer costs as much as any other."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self.write = stream.write  # type: ignore[method-assign]
        self.aclose = stream.aclose  # type: ignore[method-assign]
        self.get_extra_info = stream.get_extra_info  # type: ignore[method-assign]

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's signature
        return await self._stream.read(max(max_bytes, _WIDE), timeout)

    async def start_tls(self, *how: Any, **named: Any) -> httpcore.AsyncNetworkStream:  # noqa: ANN401 - as httpcore has it
        return _WideStream(await self._stream.start_tls(*how, **named))


class InProcess(httpx.AsyncBaseTransport):
    """Serves requests by a relay in this process, without a port; their `trace` hears what it hears of a connection.

    The answer is handed on as it is made: `httpx.ASGITransport` would wait for the end of a stream.
    """

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Hand one request to the relay."""
        from ..demo import Request  # noqa: PLC0415 - the demo is loaded when it is used

        body = await request.aread()
        trace = request.extensions["trace"]
        await trace("http11.send_request_headers.started", {"request": request})
        await trace("http11.send_request_body.complete", {})
        answer = await self._relay.handle(
            Request(
                method=request.method,
                path=request.url.path,
                query=request.url.query.decode("ascii"),
                headers={name.lower(): value for name, value in request.headers.items()},
                body=body,
            )
        )
        return httpx.Response(answer.status, headers=list(answer.headers), stream=_Stream(answer.body))


class _Stream(httpx.AsyncByteStream):
    def __init__(self, body: AsyncIterator[bytes]) -> None:
        self._body = body

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._body

    async def aclose(self) -> None:
        if (close := getattr(self._body, "aclose", None)) is not None:
            await close()


def tls(origin: str) -> ssl.SSLContext:
    """Return the TLS context for an origin; one for all, as reading the authorities takes tens of milliseconds."""
    scheme = origin.partition(":")[0]
    return _tls_once(scheme, os.environ.get("SSL_CERT_FILE", ""), os.environ.get("SSL_CERT_DIR", ""))


@cache
def _tls_once(scheme: str, _file: str, _folder: str) -> ssl.SSLContext:  # httpx reads these two variables itself
    return httpx.create_ssl_context() if scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
