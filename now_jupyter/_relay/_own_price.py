"""What the user says that models cost, by a relay's name for them: it wins over the relay's list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from .._bounds import Bounded, Text
from .._protocol import Plan
from .._settings import Settings
from .._values import Money

__all__ = ["NO_PRICES", "OwnPrice", "own_price"]


@dataclass(frozen=True, slots=True)
class OwnPrice(Bounded):
    """What a model costs: for each `picture`, `call` or `second`, or, without a unit, as its service counts."""

    money: Money
    unit: Annotated[str, Text(10)] = ""

    def __str__(self) -> str:
        return f"{self.money}/{self.unit}" if self.unit else str(self.money)

    def of(self, plan: Plan) -> Decimal | None:
        """Return the price of one paid call; None where it is not counted in the unit of this price."""
        charge, pictures = plan.charge, Decimal(plan.expected)
        known: Mapping[str, Decimal] = {"call": Decimal(1), charge.unit: charge.times, "picture": pictures}
        times = known.get(self.unit or charge.unit)
        return None if times is None or self.money.amount is None else self.money.amount * times


NO_PRICES: Mapping[str, OwnPrice] = {}


def own_price(name: str, settings: Settings, kept: Mapping[str, OwnPrice] = NO_PRICES) -> OwnPrice | None:
    """Return the user's own price of a model in the currency in force: of `Now.prices`, else of those that are kept."""
    if name in settings.prices:
        return OwnPrice(Money(Decimal(str(settings.prices[name])), settings.currency, "reported"))
    own = kept.get(name)
    return own if own is not None and own.money.currency == settings.currency else None
