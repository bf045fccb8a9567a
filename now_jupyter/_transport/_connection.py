"""The way to the relay that the settings ask for, or into the built-in demo."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from .._messages import ConfigError
from .._settings import Key, Settings
from ._addresses import is_loopback, normal_base_url
from ._api import Api
from ._download import Downloader

if TYPE_CHECKING:
    from ..demo import Relay

__all__ = ["DEMO_ADDRESS", "Connection", "check_address", "connect", "connect_demo", "make_demo"]

DEMO_ADDRESS = "https://demo.invalid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """An open way to a relay; `demo` is the relay's double where it is that."""

    api: Api
    downloader: Downloader
    demo: Relay | None = None

    async def aclose(self) -> None:
        """Close all clients."""
        await self.api.aclose()
        await self.downloader.aclose()


def check_address(settings: Settings, key: Key | None) -> str:
    """Give the normal form of the address that settings and key belong to; empty where neither is set.

    Raises:
        ConfigError: a key without an address, or the address of a public host without a key.
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
    if key is None and not is_loopback(address):
        raise ConfigError(
            "there is an address ({address}) but no key", advice="%now login asks for it hidden", address=address
        )
    return address


def connect(
    address: str, key: Key | None, settings: Settings, *, sleep: Callable[[float], Awaitable[None]] = anyio.sleep
) -> Connection:
    """Open the way to the relay at `address`; nothing is sent."""
    api = Api(base_url=address, key=key, sleep=sleep)
    downloader = Downloader(
        origin=api.origin, allowed_hosts=settings.download_hosts, cap=settings.largest_download << 20, sleep=sleep
    )
    return Connection(api=api, downloader=downloader)


def connect_demo(relay: Relay) -> Connection:
    """Open the way into the demo."""
    return Connection(
        api=Api(base_url=DEMO_ADDRESS, relay=relay), downloader=Downloader(origin=DEMO_ADDRESS, relay=relay), demo=relay
    )


def make_demo(*, latency: float | None = None) -> Relay:
    """Make the relay's double that answers inside this process."""
    from ..demo import Relay  # noqa: PLC0415 - loaded (with Pillow) when the demo is used

    return Relay(base_url=DEMO_ADDRESS) if latency is None else Relay(base_url=DEMO_ADDRESS, latency=latency)
