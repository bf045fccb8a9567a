"""What an order will probably cost, and whether that needs the user's word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from .._context import Context
from .._errors import InputError, NowImageError
from .._money import estimate, spent
from .._relay_facts import RelayFacts
from .._values import JSON, Money

__all__ = ["Quotes"]


class Quotes:
    """Prices of request bodies, by the relay's list and the user's own."""

    def __init__(self, around: Context, facts: RelayFacts) -> None:
        """Ask `facts`, in the currency of the settings."""
        self._around = around
        self._facts = facts

    async def price(self, bodies: Sequence[Mapping[str, JSON]]) -> Money:
        """Give the expected price of all bodies together; unknown if one of them is."""
        settings = self._around.settings()
        if self._around.is_demo():
            return Money(None, settings.currency)
        prices = await self._facts.prices(self._around.connection())
        each = [estimate(body, prices, settings) for body in bodies]
        if any(one.amount is None for one in each):
            return Money(None, settings.currency)
        return Money(
            sum((one.amount for one in each if one.amount is not None), start=Decimal(0)),
            settings.currency,
            "estimated",
        )

    async def confirm(self, bodies: Sequence[Mapping[str, JSON]], *, agreed: bool) -> None:
        """Stand before a purchase whose expected price is above `Now.confirm_over`, or unknown, unless it is agreed.

        Raises:
            InputError: the user's word is needed.
        """
        limit = self._around.settings().confirm_over
        if limit is None or agreed or self._around.is_demo():
            return
        price = await self.price(bodies)
        if price.amount is not None and price.amount <= limit:
            return
        raise InputError(
            "the expected price is {price}, and Now.confirm_over is {limit}",
            advice="add --yes (-y) to order it all the same",
            price=price,
            limit=limit,
        )

    async def balance_after(self, price: Money) -> Money | None:
        """Give what would be left after paying `price`; None where that cannot be told."""
        if price.amount is None or self._around.is_demo():
            return None
        try:
            left, _used = spent(await self._facts.balance(self._around.connection()), self._around.settings())
        except NowImageError:
            return None
        return None if left is None or left.amount is None else replace(left, amount=left.amount - price.amount)
