"""Fetches pictures by the links that services give, into a file, with every link held for hostile.

No key, cookie, referer or other credential goes along. Whether the bytes are a picture is judged elsewhere. A link's
name is resolved once, every address is judged, and the connection goes to the judged address, not to the name again;
TLS still checks the name. Private addresses are open to the configured origin only.

Resolvers that answer every name from 198.18.0.0/15 (Clash, Surge: the proxy behind them resolves) are told by a canary:
where a name that cannot exist gets such an address too, names may lead there. IP literals of that range stay refused.
"""

from __future__ import annotations

import io
import ipaddress
import random
import re
import secrets
import socket
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import anyio
import httpcore
import httpx

from .._messages import DownloadError, LinkExpiredError, NowImageError, UnsafeURLError, plain
from ._addresses import Address, is_private_name, is_public, literal, origin_of, private_hosts_of
from ._answers import Inflater
from ._connections import InProcess, RequestTrace, tls
from ._exception_map import UNTRUSTED, from_network, is_timeout, send_error, words_of
from ._private_files import private_file, restart, write
from ._proxies import UNREADABLE, for_httpx, link_proxy
from ._readiness import MOST_LOOKS, NOT_READY, Patience, ensure_ready, not_ready
from ._retries import Deadline, Retries

if TYPE_CHECKING:
    from ..demo import Relay

__all__ = ["Downloader"]

Resolver: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]

_FAKE = ipaddress.ip_network("198.18.0.0/15")  # what Clash, Surge and the like answer for every name
LONGEST_URL = 8 << 10
_PORTS = {"http": 80, "https": 443}
_LAST_PORT = 65535
_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_PATIENCE_SECONDS = 4.0  # with an address that does not answer, while there is another one

REPEATS = 3
MOST_HOPS = 5
CAP_MIB = 64
_TIMEOUTS = {"connect": 10.0, "read": 30.0, "write": 30.0, "pool": None}  # seconds
_REDIRECTS = (301, 302, 303, 307, 308)
_EXPIRED = (401, 403, 404, 410)
_PASSING = (404, 408, 425, 429)  # worth another try: a link may be given out before its picture is there
_SERVER_ERROR = 500
_FINAL = (UNTRUSTED, UNREADABLE)  # codes of failures that no repetition mends
_HEADERS = {"Accept": "image/*, */*;q=0.5", "Accept-Encoding": "identity", "User-Agent": "now-jupyter"}


class Downloader:
    """Fetches links; private addresses only where `origin` (served by `relay`, if any) or `allowed_hosts` name them."""

    def __init__(  # noqa: PLR0913 - time, chance and names are handed in, so that tests need neither wait nor a network
        self,
        *,
        origin: str | None,
        relay: Relay | None = None,
        allowed_hosts: Sequence[str] = (),
        resolver: Resolver | None = None,
        sockets: httpcore.AsyncNetworkBackend | None = None,
        deadline: float = 120.0,
        cap: int = CAP_MIB << 20,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._origin = origin_of(origin) if origin else None
        self._guard = Guard(origin=self._origin, allowed_hosts=allowed_hosts, resolver=resolver or resolve)
        self.names_are_faked = self._guard.names_are_faked
        self._relay = relay
        self._sockets = sockets or httpcore.AnyIOBackend()
        self._transports: dict[object, httpx.AsyncBaseTransport] = {}
        self._deadline = deadline
        self._cap = cap
        self._sleep = sleep
        self._jitter = jitter

    async def fetch(self, url: str, into: Path) -> str:
        """Fetch a link into the file `into`, which only the user can read, and return the media type that is claimed.

        A DownloadError says why the picture could not be had, a StoreError why not written; the file is gone again.
        """
        with private_file(into) as file:
            return await self._fetch(url, file)

    async def fetch_into_memory(self, url: str) -> bytes:
        """Fetch a link for which no disk has room; it fails as `fetch` does."""
        memory = io.BytesIO()
        await self._fetch(url, memory)
        return memory.getvalue()

    async def aclose(self) -> None:
        """Close all connections; may be called twice."""
        transports, self._transports = self._transports, {}
        for transport in reversed(transports.values()):
            await transport.aclose()

    def _places_of(self, link: str) -> list[str]:
        """Return where a picture may be; relays misname themselves in the links to their own Midjourney pictures."""
        bare = link.strip()
        if bare.startswith("/"):
            scheme = "http" if (self._origin or "").startswith("http:") else "https"
            bare = f"{scheme}:{bare}" if bare.startswith("//") else f"{self._origin or ''}{bare}"
        url = read_link(bare)
        path = url.raw_path.decode("ascii")
        if self._origin is None or not path.startswith("/mj/image/") or link_origin(url) == self._origin:
            return [str(url)]
        return [str(url), self._origin + path]

    async def _fetch(self, link: str, file: BinaryIO) -> str:
        until = Deadline(self._deadline)
        patience = Patience(REPEATS, _may_help)
        retries = Retries(most=MOST_LOOKS, may_help=patience, until=until, sleep=self._sleep, jitter=self._jitter)
        *others, last = self._places_of(link)
        for place in others:
            with suppress(DownloadError):
                return await retries.run(partial(self._once, place, file, until))
        return await retries.run(partial(self._once, last, file, until))

    async def _once(self, place: str, file: BinaryIO, until: Deadline) -> str:
        url = self._guard.check(place)
        with from_network(lambda problem: _error_of_link(problem, url)), until.scope():
            response = await self._follow(url)
            try:
                _ensure_it_is_there(response)
                mime = await self._receive(response, file)
                ensure_ready(file, mime)
                return mime
            finally:
                with anyio.CancelScope(shield=True):
                    await response.aclose()

    async def _follow(self, url: httpx.URL) -> httpx.Response:
        is_led_here = False  # by a host that the user has not named: then no private place is open to the link
        for _ in range(MOST_HOPS + 1):
            response = await self._ask(url, is_led_here=is_led_here)
            if response.status_code not in _REDIRECTS or "location" not in response.headers:
                return response
            await response.aclose()
            place = response.headers["location"]
            is_led_here = is_led_here or not self._guard.is_trusted(url)
            with suppress(httpx.InvalidURL):  # it is refused as what it is
                place = str(url.join(place))
            url = self._guard.check(place, is_led_here=is_led_here)
        raise UnsafeURLError("the link leads on more than {hops} times", kept="the link is kept", hops=MOST_HOPS)

    async def _ask(self, url: httpx.URL, *, is_led_here: bool) -> httpx.Response:
        trace = RequestTrace()
        request = httpx.Request("GET", url, headers=_HEADERS, extensions={"timeout": _TIMEOUTS, "trace": trace})
        try:
            return await self._transport_to(url, is_led_here=is_led_here).handle_async_request(request)
        finally:
            await trace.hang_up()

    def _transport_to(self, url: httpx.URL, *, is_led_here: bool) -> httpx.AsyncBaseTransport:
        origin = link_origin(url)
        if self._relay is not None and origin == self._origin:
            return InProcess(self._relay)
        proxy = link_proxy(origin, self._origin)
        is_trusted = self._guard.is_trusted(url, is_led_here=is_led_here)
        is_guarded = proxy is None and not is_trusted
        if not is_guarded and not is_trusted and is_private_name(_host(url)):  # a proxy resolves by itself
            raise _not_public(_host(url))
        mark = "guarded" if is_guarded else (url.scheme, proxy)
        if mark not in self._transports:
            self._transports[mark] = (
                GuardedTransport(self._guard, self._sockets)
                if is_guarded
                else httpx.AsyncHTTPTransport(verify=tls(origin), proxy=for_httpx(proxy, tls), trust_env=False)
            )
        return self._transports[mark]

    async def _receive(self, response: httpx.Response, file: BinaryIO) -> str:
        encoding = response.headers.get("content-encoding", "")
        inflater = Inflater(encoding, cap=self._cap, excess=self._too_large)
        length = response.headers.get("content-length", "")
        if length.isascii() and length.isdigit() and int(length[:20]) > self._cap:
            raise self._too_large()
        restart(file)
        received = 0
        async for chunk in response.aiter_raw():
            received += len(chunk)
            if received > self._cap:
                raise self._too_large()
            for piece in inflater.feed(chunk):
                write(file, piece)
        if not inflater.is_readable:
            raise DownloadError(
                "the picture came packed as {encoding}, which cannot be read",
                kept="the link is kept",
                status=200,
                encoding=encoding,
            )
        return plain(response.headers.get("content-type", ""), 80).partition(";")[0].strip().lower()

    def _too_large(self) -> NowImageError:
        return DownloadError(
            "the picture is larger than {size} MiB",
            kept="the link is kept",
            advice="set %config Now.largest_download = {more} (MiB), then %now resume fetches it, free",
            status=200,
            size=f"{self._cap / (1 << 20):g}",
            more=max(1, self._cap >> 18),
        )


def _may_help(error: NowImageError) -> bool:
    if not isinstance(error, DownloadError):
        return False
    if error.status is None:
        return type(error) is DownloadError and error.code not in _FINAL
    return error.status in _PASSING or error.status >= _SERVER_ERROR


def _ensure_it_is_there(response: httpx.Response) -> None:
    status = response.status_code
    if status in NOT_READY:
        raise not_ready(status)
    if status in _EXPIRED:
        raise LinkExpiredError(
            "the link no longer gives the picture: HTTP {answer}",
            kept="the link is kept",
            advice="%now resume asks the service for it once more, free",
            status=status,
            answer=status,
        )
    if not response.is_success:
        raise DownloadError(
            "the server of the picture answers HTTP {answer}",
            kept="the link is kept",
            advice="%now resume fetches it again, free",
            status=status,
            answer=status,
        )


def _error_of_link(problem: Exception, url: httpx.URL) -> NowImageError:
    host = url.raw_host.decode("ascii")
    if send_error(problem, host=host).code == UNTRUSTED:
        return DownloadError(
            "the certificate of {host} is not trusted, so the picture was not fetched",
            kept="the link is kept",
            advice="where your network has a certificate authority of its own, name its file in SSL_CERT_FILE",
            code=UNTRUSTED,
            host=host,
        )
    return DownloadError(
        "the picture did not come from {host} in time"
        if is_timeout(problem)
        else "the picture could not be fetched from {host}: {words}",
        kept="the link is kept",
        advice="%now resume fetches it again, free",
        host=host,
        words=words_of(problem),
    )


async def resolve(host: str, port: int) -> Sequence[str]:
    """Return all addresses of a name, as the system sees them."""
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(address[0] for *_, address in found))


class Guard:
    """Judges links and addresses; `origin` and `allowed_hosts` (`host` or `host:port`) are the user's own word."""

    def __init__(self, *, origin: str | None, allowed_hosts: Collection[str], resolver: Resolver) -> None:
        self._origin = origin
        self._private_hosts = private_hosts_of(origin) if origin else frozenset()
        self._allowed = frozenset(host.lower() for host in allowed_hosts)
        self._resolver = resolver

    def check(self, text: str, *, is_led_here: bool = False) -> httpx.URL:
        """Read a link; refuse one that must not be visited, whatever its name resolves to."""
        url = read_link(text)
        address = literal(_host(url))
        if address is not None and not is_public(address) and not self.is_trusted(url, is_led_here=is_led_here):
            raise _not_public(_host(url))
        return url

    def is_trusted(self, url: httpx.URL, *, is_led_here: bool = False) -> bool:
        """Whether the user has named the very place where the link leads, or the relay, and was not led there."""
        host = _host(url)
        named = {host, f"{host}:{url.port or _PORTS[url.scheme]}"}
        is_of_relay = link_origin(url) == self._origin or host in self._private_hosts
        return (is_of_relay and not is_led_here) or not named.isdisjoint(self._allowed)

    async def addresses(self, host: str, port: int) -> list[str]:
        """Resolve a host and return its addresses; refuse it where one of them is not public."""
        address = literal(host)
        found = await self._resolve(host, port) if address is None else [address]
        fakes = [one for one in found if one in _FAKE]
        if fakes and address is None and await self.names_are_faked(port):
            found = fakes
        elif not all(is_public(one) for one in found):
            raise _not_public(host)
        return [str(one) for one in found]

    async def names_are_faked(self, port: int = _PORTS["https"]) -> bool:
        """Whether this machine's resolver answers every name with a made-up address (Clash, Surge)."""
        canary = f"{secrets.token_hex(16)}.example.com"  # below a reserved name, without a wildcard
        with suppress(OSError):
            return any(one in _FAKE for one in await self._resolve(canary, port))
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
            max_connections=8,
            max_keepalive_connections=4,
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
