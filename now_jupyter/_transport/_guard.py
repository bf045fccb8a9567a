"""Where a link may lead, decided before anything is sent there.

A link comes from outside. Its name is resolved once, every address is judged, and the connection goes to the judged
address, not to the name again; TLS still checks the name. Private addresses are open to the configured origin only.

Resolvers that answer every name from 198.18.0.0/15 (Clash, Surge: the proxy behind them resolves) are told by a canary:
where a name that cannot exist gets such an address too, names may lead there. IP literals of that range stay refused.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
import socket
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

import anyio
import httpcore
import httpx

from .._messages import UnsafeURLError
from ._addresses import Address, is_fake, is_private_name, is_public, literal, origin_of
from ._connections import tls

__all__ = ["Guard", "GuardedTransport", "Resolver", "link_origin", "read_link", "resolve"]

Resolver: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]

LONGEST_URL = 8 << 10
_PORTS = {"http": 80, "https": 443}
_LAST_PORT = 65535
_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_PATIENCE_SECONDS = 4.0  # with an address that does not answer, while there is another one
_MOST_CONNECTIONS, _KEPT_ALIVE = 8, 4


async def resolve(host: str, port: int) -> Sequence[str]:
    """Return all addresses of a name, as the system sees them."""
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(address[0] for *_, address in found))


class Guard:
    """Judges links and addresses; `origin` and `allowed_hosts` (`host` or `host:port`) are the user's own word."""

    def __init__(self, *, origin: str | None, allowed_hosts: Collection[str], resolver: Resolver) -> None:
        self._origin = origin
        self._allowed = frozenset(host.lower() for host in allowed_hosts)
        self._resolver = resolver

    def check(self, text: str) -> httpx.URL:
        """Read a link; refuse one that must not be visited, whatever its name resolves to."""
        url = read_link(text)
        address = literal(_host(url))
        if address is not None and not is_public(address) and not self.is_trusted(url):
            raise _not_public(_host(url))
        return url

    def is_trusted(self, url: httpx.URL) -> bool:
        """Whether the user has named the very place where the link leads."""
        host = _host(url)
        named = {host, f"{host}:{url.port or _PORTS[url.scheme]}"}
        return link_origin(url) == self._origin or not named.isdisjoint(self._allowed)

    def ensure_name_is_public(self, url: httpx.URL) -> None:
        """Refuse a name that can only be private; for proxies, which resolve by themselves."""
        if is_private_name(_host(url)):
            raise _not_public(_host(url))

    async def addresses(self, host: str, port: int) -> list[str]:
        """Resolve a host and return its addresses; refuse it where one of them is not public."""
        address = literal(host)
        found = await self._resolve(host, port) if address is None else [address]
        fakes = [one for one in found if is_fake(one)]
        if fakes and address is None and await self.names_are_faked(port):
            found = fakes
        elif not all(is_public(one) for one in found):
            raise _not_public(host)
        return [str(one) for one in found]

    async def names_are_faked(self, port: int = _PORTS["https"]) -> bool:
        """Whether this machine's resolver answers every name with a made-up address (Clash, Surge)."""
        canary = f"{secrets.token_hex(16)}.example.com"  # below a reserved name, without a wildcard
        with suppress(OSError):
            return any(is_fake(one) for one in await self._resolve(canary, port))
        return False

    async def _resolve(self, host: str, port: int) -> list[Address]:
        found = await self._resolver(host, port)
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, host)
        return [ipaddress.ip_address(one.partition("%")[0]) for one in found]


def read_link(text: str) -> httpx.URL:
    """Read a link that may be anything; refuse one that cannot be fetched."""
    bare = text.strip()
    with suppress(httpx.InvalidURL):
        url = httpx.URL(bare[:LONGEST_URL])
        host = _host(url)
        if url.userinfo:
            raise UnsafeURLError("the link to {host} carries a user name", advice="tell the relay", host=host)
        is_sound = url.scheme in _PORTS and (url.port or 0) <= _LAST_PORT and len(bare) <= LONGEST_URL
        if is_sound and (_NAME.fullmatch(host) or literal(host) is not None):
            return url
    shown = bare.partition("?")[0][:80]
    raise UnsafeURLError("the relay gave a link that is none: {link}", advice="tell the relay", link=shown)


def link_origin(url: httpx.URL) -> str:
    """Return the origin of a link; from its parts, so that no second parser reads the rest differently."""
    return origin_of(f"{url.scheme}://{url.netloc.decode('ascii')}")


def _host(url: httpx.URL) -> str:
    return url.raw_host.decode("ascii").rstrip(".").lower()


def _not_public(host: str) -> UnsafeURLError:
    return UnsafeURLError(
        "the link leads to {host}, which is not on the public internet",
        kept="the link is kept",
        advice="if it is a server of yours, name it in Now.download_hosts, then %now resume",
        host=host,
    )


class GuardedTransport(httpx.AsyncHTTPTransport):
    """Connects to judged addresses only, without a proxy; `sockets` is what opens the connections."""

    def __init__(self, guard: Guard, sockets: httpcore.AsyncNetworkBackend) -> None:
        # In the place of httpx's own pool, which takes no backend, and never beside it: without this one, no way out.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls("https:"),
            max_connections=_MOST_CONNECTIONS,
            max_keepalive_connections=_KEPT_ALIVE,
            network_backend=_JudgedBackend(guard, sockets),
        )


class _JudgedBackend(httpcore.AsyncNetworkBackend):
    """Resolves and judges where httpcore would only connect."""

    def __init__(self, guard: Guard, sockets: httpcore.AsyncNetworkBackend) -> None:
        self._guard = guard
        self._sockets = sockets

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        *more: Any,  # noqa: ANN401 - which it knows
        **named: Any,  # noqa: ANN401
    ) -> httpcore.AsyncNetworkStream:
        *others, last = await self._guard.addresses(host, port)
        for address in others:
            with suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                patience = min(timeout or _PATIENCE_SECONDS, _PATIENCE_SECONDS)
                return await self._sockets.connect_tcp(address, port, patience, *more, **named)
        return await self._sockets.connect_tcp(last, port, timeout, *more, **named)

    async def sleep(self, seconds: float) -> None:
        await anyio.sleep(seconds)
