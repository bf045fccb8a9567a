"""What a plan will probably cost, in what the user pays in.

The relay's list says what a call costs in relay dollars, the plan's charge how many of these. The user's own prices
win: `Now.prices`, then what `%now price` keeps. What is billed by tokens is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from .._json import amount_of
from .._messages import say
from .._protocol import Plan
from .._settings import Settings
from .._values import Money
from ._balance import Balance
from ._catalogue import ListedModel, Price
from ._own_price import NO_PRICES, OwnPrice, own_price

__all__ = ["estimate", "in_currency", "say_price", "spent"]


def in_currency(dollars: Decimal | None, settings: Settings, *, reported: bool = False) -> Money:
    """Return relay dollars in the user's currency."""
    amount = amount_of(dollars)
    return Money(
        None if amount is None else amount * Decimal(str(settings.rate)),
        settings.currency,
        "reported" if reported else "estimated",
    )


def say_price(model: ListedModel, settings: Settings, *, unknown: str = "?") -> str:
    """Return the price of a model by the user's word, else by the relay's list, in words."""
    if model.own is not None:
        return say("{price} (your own price)", settings.language, price=model.own)
    if model.price is None:
        return unknown
    if model.price.per_call is None:
        return say("by tokens", settings.language)
    return str(in_currency(model.price.per_call, settings, reported=True))


def estimate(
    plan: Plan, prices: Mapping[str, Price], settings: Settings, kept: Mapping[str, OwnPrice] = NO_PRICES
) -> Money:
    """Return the expected price of one paid call; `kept` are the user's own prices of `%now price`."""
    charge = plan.charge
    if (own := own_price(charge.name, settings, kept)) is not None:
        return Money(own.of(plan), settings.currency, "estimated")
    price = prices.get(charge.name)
    each = None if price is None else price.per_call
    return in_currency(None if each is None else each * charge.times, settings)


def spent(balance: Balance, settings: Settings) -> tuple[Money | None, Money | None]:
    """Return what is left (None: unlimited) and what was used, in the user's currency."""
    left = None if balance.left is None else in_currency(balance.left, settings, reported=True)
    used = None if balance.used is None else in_currency(balance.used, settings, reported=True)
    return left, used
