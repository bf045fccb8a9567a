"""What the relay says of itself, by free calls: models, prices, balance.

Each question is asked in the ways that relays are known to answer it, the first sensible answer wins, and none of
them may stand in the way of making pictures.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from itertools import starmap
from typing import Annotated, Any, Literal, TypeAlias

from .._bounds import Amount, Bounded, Span, Word, plain
from .._json import JSON, amount_of, dig, number_of
from .._messages import NowImageError, Refusal, error_of_refusal, is_error
from .._protocol import Call, Listed
from .._services import makes_pictures, usual_service
from .._transport import RelayClient
from .._values import Money

__all__ = [
    "Balance",
    "ListedModel",
    "Price",
    "RelayStatus",
    "read_balance",
    "read_models",
    "read_prices",
    "read_status",
]

_UNLIMITED = Decimal(100_000_000)
_POINTS_PER_DOLLAR = Decimal(500_000)
_LONGEST_NAME = 200
_MOST_LISTED = 5000
Sum: TypeAlias = Annotated[Decimal, Span(-(10**18), 10**18)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedModel:
    """One model of the relay's list, with its price where the relay tells."""

    listed: Listed
    price: Price | None = None

    @property
    def name(self) -> str:
        """The model's name, as it is asked for."""
        return self.listed.name

    @property
    def makes_pictures(self) -> bool:
        """Whether a service of ours makes pictures with it."""
        return makes_pictures(self.listed)

    @property
    def service(self) -> str:
        """The service that makes them where the user names none; empty where none is known to."""
        return usual_service(self.listed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price(Bounded):
    """A model's price in relay dollars: `per_call`, or by tokens (`per_call` is None)."""

    per_call: Amount | None


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


async def read_models(client: RelayClient) -> list[ListedModel]:
    """List the models that the key may use, sorted by name; prices are joined from `read_prices` by the caller."""
    items = _items(await _ask(client, "/models"))
    named = ((name, item) for item in items if isinstance(name := item.get("id"), str) and _can_be_asked_for(name))
    return sorted(starmap(_read_model, named), key=lambda one: one.name)


def _can_be_asked_for(name: str) -> bool:
    return bool(name) and plain(name, _LONGEST_NAME) == name


def _read_model(name: str, item: Mapping[str, Any]) -> ListedModel:
    paths, makes = item.get("supported_endpoint_types"), dig(item, "architecture", "output_modalities")
    return ListedModel(listed=Listed(name=name, paths=paths or (), makes=makes or ()))


async def _ask(
    client: RelayClient, path: str, *, base: Literal["api", "host"] = "api", once: bool = False, **query: str
) -> JSON:
    """Return what a relay says of itself; it may say with a success that something went wrong."""
    body = (await client.fetch(Call(path=path, method="GET", base=base, query=query), once=once)).body
    if is_error(body):
        raise error_of_refusal(Refusal(body=body, paid=False))
    return body


def _items(body: JSON) -> list[Mapping[str, Any]]:
    data = dig(body, "data")
    return [item for item in data[:_MOST_LISTED] if isinstance(item, Mapping)] if isinstance(data, list) else []


async def read_prices(client: RelayClient, *, once: bool = False) -> dict[str, Price]:
    """Read the relay's price list: model name → price in relay dollars for the default group, where it makes sense."""
    body = await _ask(client, "/api/pricing", base="host", once=once)
    ratio = number_of(dig(body, "group_ratio", "default")) or Decimal(1)
    prices = {str(item.get("model_name")): _price(item, ratio) for item in _items(body)}
    return {name: price for name, price in prices.items() if price is not None}


def _price(item: Mapping[str, Any], ratio: Decimal) -> Price | None:
    if item.get("quota_type") != 1:
        return Price(per_call=None)
    amount = amount_of(item.get("model_price"))
    return None if amount is None or ratio < 0 else Price(per_call=amount * ratio)


async def read_status(client: RelayClient) -> RelayStatus:
    """Read how the relay counts money."""
    data = dig(await _ask(client, "/api/status", base="host"), "data")
    shows = str(dig(data, "quota_display_type") or "").upper()
    rate = number_of(dig(data, "usd_exchange_rate")) or number_of(dig(data, "price"))
    points = number_of(dig(data, "quota_per_unit"))
    return RelayStatus(
        points_per_dollar=points if points and points > 0 else _POINTS_PER_DOLLAR,
        rate=rate if rate and rate > 0 else None,
        currency=shows if shows in ("CNY", "USD") else None,
    )


async def read_balance(client: RelayClient) -> Balance:
    """Ask for the balance in the three ways known, in order; what comes in points or yuan is turned into dollars.

    Raises:
        NowImageError: none of them gave a sensible answer; the last one's error.
    """
    problem: NowImageError | None = None
    for way in _WAYS:
        try:
            if (balance := await way(client)) is not None:
                return balance
        except NowImageError as error:
            problem = error
    raise problem or NowImageError(
        "the relay does not tell the balance", advice="look at the relay's own page; pictures are not affected"
    )


async def _by_usage(client: RelayClient) -> Balance | None:
    data = dig(await _ask(client, "/billing/usage", type="token", unit="usd"), "data")
    left = number_of(dig(data, "balance"))
    if left is None:
        return None
    return Balance(left=None if left < 0 else left, used=number_of(dig(data, "used")))


async def _by_subscription(client: RelayClient) -> Balance | None:
    limit = amount_of(dig(await _ask(client, "/dashboard/billing/subscription"), "hard_limit_usd"))
    if limit is None:
        return None
    usage = dig(await _ask(client, "/dashboard/billing/usage"), "total_usage")
    used = (amount_of(usage) or Decimal(0)) / 100
    status = await _status(client)  # some relays call their numbers usd and mean yuan
    per_dollar = status.rate if status.currency == "CNY" and status.rate else Decimal(1)
    left = None if limit >= _UNLIMITED else max(Decimal(0), limit - used) / per_dollar
    return Balance(left=left, used=used / per_dollar)


async def _by_token(client: RelayClient) -> Balance | None:
    data = dig(await _ask(client, "/api/usage/token/", base="host"), "data")
    left, used = number_of(dig(data, "total_available")), number_of(dig(data, "total_used"))
    if left is None:
        return None
    points = (await _status(client)).points_per_dollar
    unlimited = dig(data, "unlimited_quota") is True
    left = None if unlimited else max(Decimal(0), left) / points
    return Balance(left=left, used=None if used is None else used / points)


async def _status(client: RelayClient) -> RelayStatus:
    with suppress(NowImageError):
        return await read_status(client)
    return RelayStatus()


_WAYS: tuple[Callable[[RelayClient], Awaitable[Balance | None]], ...] = (_by_usage, _by_subscription, _by_token)
