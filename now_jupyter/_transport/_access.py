"""Access to the relay that the settings ask for, or to the built-in demo."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from .._json import digest
from .._messages import ConfigError
from .._settings import Key, Settings, is_same_address
from ._addresses import is_loopback, normal_base_url
from ._client import RelayClient
from ._download import Downloader

if TYPE_CHECKING:
    from ..demo import Relay

__all__ = ["DEMO_ADDRESS", "RelayAccess", "check_address", "connect", "connect_demo", "make_demo"]

DEMO_ADDRESS = "https://demo.invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayAccess:
    """The client and the downloader for one relay, or for its double `demo`."""

    client: RelayClient
    downloader: Downloader
    demo: Relay | None = None

    @property
    def mark(self) -> str:
        """What tells relays apart, also several behind one host, without writing their addresses beside a notebook."""
        return digest(self.client.base_url.encode())[:16]

    async def aclose(self) -> None:
        """Close all clients."""
        await self.client.aclose()
        await self.downloader.aclose()


def check_address(settings: Settings, key: Key | None) -> str:
    """Return the normal form of the address that settings and key belong to; empty where neither is set.

    A key without an address is a ConfigError, and so is an address without a key, where a key belongs to it: that of a
    public host, or of a login that was given one.
    """
    if not settings.base_url:
        if key is None:
            return ""
        raise ConfigError(
            "there is a key ({source}) but no address of a relay",
            advice="set NOW_BASE_URL or use %now login; without both, the demo answers",
            source=key.source,
        )
    address = normal_base_url(settings.base_url)
    login = settings.login
    was_given = login is not None and login.has_key and is_same_address(login.base_url, address)
    if key is None and (was_given or not is_loopback(address)):
        raise ConfigError(
            "there is an address ({address}) but no key", advice="%now login asks for it hidden", address=address
        )
    return address


def connect(
    address: str, key: Key | None, settings: Settings, *, sleep: Callable[[float], Awaitable[None]] = anyio.sleep
) -> RelayAccess:
    """Return the access to the relay at `address`; nothing is sent."""
    largest = settings.largest_download << 20
    client = RelayClient(base_url=address, key=key, largest_file=largest, sleep=sleep)
    downloader = Downloader(origin=client.origin, allowed_hosts=settings.download_hosts, cap=largest, sleep=sleep)
    return RelayAccess(client=client, downloader=downloader)


def connect_demo(relay: Relay) -> RelayAccess:
    """Return the access to the demo."""
    return RelayAccess(
        client=RelayClient(base_url=DEMO_ADDRESS, relay=relay),
        downloader=Downloader(origin=DEMO_ADDRESS, relay=relay),
        demo=relay,
    )


def make_demo(*, latency: float | None = None) -> Relay:
    """Return the relay's double that answers inside this process."""
    from ..demo import Relay  # noqa: PLC0415 - loaded (with Pillow) when the demo is used

    return Relay(base_url=DEMO_ADDRESS) if latency is None else Relay(base_url=DEMO_ADDRESS, latency=latency)
