"""The way into the demo relay without a port: an httpx transport that hands its answer on as it is made.

(`httpx.ASGITransport` would wait for the whole answer first, and with it for the end of a stream.)
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from ..demo import Relay

__all__ = ["InProcess"]


class InProcess(httpx.AsyncBaseTransport):
    """Serves requests by a relay in this process; their `trace` hears of the same moments as from a connection."""

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
