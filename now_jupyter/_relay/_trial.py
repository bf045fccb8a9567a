"""Trying an address, free, before the first purchase: who answers there, and where else if not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from .._messages import AuthError, NowImageError, RateLimitError, RejectedError
from .._protocol import Call
from .._transport import RelayClient
from ._questions import ask, items_in

__all__ = ["Trial", "find_api", "try_address"]

_ORDERS = Call(path="/images/generations")
_USUAL = ("/v1", "/api/v1", "/openai/v1", "/v1beta/openai", "/api/v3", "/api/paas/v4", "/compatible-mode/v1")
_FORBIDDEN = 403


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of trying an address: where pictures are ordered (`url`), and how many models are listed there.

    `proxy` is what it goes through, with its variable. `problem` says why no models are listed, `instead` which address
    of the same host lists some.
    """

    url: str = ""
    proxy: str = ""
    count: int = 0
    problem: NowImageError | None = None
    instead: str = ""

    @property
    def is_answered(self) -> bool:
        """Whether the relay's API is there, though it may not list its models to everybody, or not now."""
        refused = isinstance(self.problem, AuthError) and self.problem.status == _FORBIDDEN
        return self.problem is None or refused or isinstance(self.problem, RateLimitError)


async def try_address(client: RelayClient) -> Trial:
    """Ask for the list of models, once, and where there is none look for one at the usual places of the same host."""
    url = client.url_of(_ORDERS)
    proxy = f"{client.proxy.origin} ({client.proxy.variable})" if client.proxy else ""
    try:
        return Trial(url=url, proxy=proxy, count=len(items_in(await ask(client, "/models", once=True))))
    except NowImageError as problem:
        instead = await find_api(client) if isinstance(problem, RejectedError) else ""
        return Trial(url=url, proxy=proxy, problem=problem, instead=instead)


async def find_api(client: RelayClient) -> str:
    """Return another address of the same host where models are listed; empty where none of the usual ones does."""
    for address in _others(client.origin, client.url_of(_ORDERS).removesuffix(_ORDERS.path)):
        with suppress(NowImageError):
            if items_in(await ask(client, f"{address}/models", once=True)):
                return address
    return ""


def _others(origin: str, api: str) -> Iterator[str]:
    """Yield where else an API may be at a host: below the path that was typed, and at the root."""
    typed = f"{origin}{urlsplit(api).path}".removesuffix("/v1")
    for root in dict.fromkeys((typed, origin)):
        yield from (place for usual in _USUAL if (place := f"{root}{usual}") != api)
