"""What is left at the relay, and how it counts: asked in the ways that relays are known to answer in.

The first sensible answer wins, and none may stand in the way of making pictures.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, TypeAlias

from .._bounds import Amount, Bounded, Span, Word
from .._json import amount_of, dig, number_of
from .._messages import ConfigError, ConnectFailed, NowImageError, RejectedError
from .._transport import RelayClient
from .._values import Money
from ._questions import ask

__all__ = ["Balance", "RelayStatus", "read_balance", "read_status"]

_UNLIMITED = Decimal(100_000_000)
_POINTS_PER_DOLLAR = Decimal(500_000)
Sum: TypeAlias = Annotated[Decimal, Span(-(10**18), 10**18)]
_NOT_TOLD = (RejectedError, ConfigError)  # no such address, or sent on to another one


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayStatus(Bounded):
    """How the relay counts: points per dollar, and what a dollar costs there where it says so."""

    points_per_dollar: Amount = _POINTS_PER_DOLLAR
    rate: Annotated[Decimal, Span(0, 10**6)] | None = None
    currency: Word | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance(Bounded):
    """What is left and what was used, as the relay reports it, in relay dollars; `left` None means unlimited."""

    left: Sum | None
    used: Sum | None = None

    def __repr__(self) -> str:
        left = "∞" if self.left is None else Money(self.left, "USD")
        return f"Balance(left={left}, used={Money(self.used, 'USD')})"


async def read_status(client: RelayClient) -> RelayStatus:
    """Read how the relay counts money."""
    data = dig(await ask(client, "/api/status", base="host"), "data")
    shows = str(dig(data, "quota_display_type") or "").upper()
    rate = number_of(dig(data, "usd_exchange_rate")) or number_of(dig(data, "price"))
    points = number_of(dig(data, "quota_per_unit"))
    return RelayStatus(
        points_per_dollar=points if points and points > 0 else _POINTS_PER_DOLLAR,
        rate=rate if rate and rate > 0 else None,
        currency=shows if shows in ("CNY", "USD") else None,
    )


async def read_balance(client: RelayClient) -> Balance:
    """Ask for the balance in the ways known, in order; what comes in points or yuan is turned into dollars.

    Raises:
        NowImageError: none of them gave a sensible answer: what all of them met, else that the relay does not tell.
    """
    problems: list[NowImageError] = []
    for way in _WAYS:
        try:
            if (balance := await way(client)) is not None:
                return balance
        except ConnectFailed:
            raise
        except NowImageError as error:
            problems.append(error)
    kinds = {type(one) for one in problems}
    if len(problems) == len(_WAYS) and len(kinds) == 1 and kinds.isdisjoint(_NOT_TOLD):
        raise problems[0]
    raise NowImageError(
        "the relay does not tell the balance", advice="look at the relay's own page; pictures are not affected"
    )


async def _by_usage(client: RelayClient) -> Balance | None:
    data = dig(await ask(client, "/billing/usage", type="token", unit="usd"), "data")
    left = number_of(dig(data, "balance"))
    if left is None:
        return None
    return Balance(left=None if left < 0 else left, used=number_of(dig(data, "used")))


async def _by_subscription(client: RelayClient) -> Balance | None:
    limit = amount_of(dig(await ask(client, "/dashboard/billing/subscription"), "hard_limit_usd"))
    if limit is None:
        return None
    usage = dig(await ask(client, "/dashboard/billing/usage"), "total_usage")
    used = (amount_of(usage) or Decimal(0)) / 100
    status = await _status(client)  # some relays call their numbers usd and mean yuan
    per_dollar = status.rate if status.currency == "CNY" and status.rate else Decimal(1)
    left = None if limit >= _UNLIMITED else max(Decimal(0), limit - used) / per_dollar
    return Balance(left=left, used=used / per_dollar)


async def _by_token(client: RelayClient) -> Balance | None:
    data = dig(await ask(client, "/api/usage/token/", base="host"), "data")
    left, used = number_of(dig(data, "total_available")), number_of(dig(data, "total_used"))
    if left is None:
        return None
    points = (await _status(client)).points_per_dollar
    unlimited = dig(data, "unlimited_quota") is True
    left = None if unlimited else max(Decimal(0), left) / points
    return Balance(left=left, used=None if used is None else used / points)


async def _by_key_info(client: RelayClient) -> Balance | None:
    """Ask LiteLLM's proxy what its key has spent, of which budget."""
    info = dig(await ask(client, "/key/info", base="host"), "info")
    used = amount_of(dig(info, "spend"))
    if used is None:
        return None
    budget = amount_of(dig(info, "max_budget"))
    return Balance(left=None if budget is None else max(Decimal(0), budget - used), used=used)


async def _by_credits(client: RelayClient) -> Balance | None:
    """Ask OpenRouter what was paid in and used."""
    data = dig(await ask(client, "/credits"), "data")
    paid, used = amount_of(dig(data, "total_credits")), amount_of(dig(data, "total_usage"))
    return None if paid is None or used is None else Balance(left=paid - used, used=used)


async def _status(client: RelayClient) -> RelayStatus:
    with suppress(NowImageError):
        return await read_status(client)
    return RelayStatus()


_WAYS: tuple[Callable[[RelayClient], Awaitable[Balance | None]], ...] = (
    _by_usage,
    _by_subscription,
    _by_token,
    _by_key_info,
    _by_credits,
)
