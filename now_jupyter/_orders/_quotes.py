"""What an order will probably cost, and what stands before it: the user's word, its own limit, the folder's budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial

from .._background import run_in_thread
from .._json import JSON
from .._messages import InputError, NowImageError
from .._relay import RelayFacts, estimate, spent
from .._store import Record
from .._values import Money
from ._budget import Budget, in_force, read_budget
from ._workspace import Workspace

__all__ = ["Agreed", "Limits", "Quotes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreed:
    """What a purchase stands on: the price of each body, where a limit made us ask, and the budget it is within."""

    prices: tuple[Money, ...] = ()
    budget: Budget | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What stands before a purchase: a price above which we ask, the order's own limit, the folder's budget."""

    ask_above: float | None = None
    most: Money | None = None
    budget: Budget | None = None

    def doubt(self, price: Money) -> InputError | None:
        """Give what the user's word is needed for; an unknown price is above every limit."""
        if self.ask_above is not None and (price.amount is None or price.amount > self.ask_above):
            return InputError(
                "the expected price is {price}, and Now.confirm_over is {limit}",
                advice="add --yes (-y) to order it all the same",
                price=price,
                limit=self.ask_above,
            )
        if price.amount is None and (self.most is not None or self.budget is not None):
            return InputError(
                "the price of this order is not known, and there is a budget",
                advice="add --yes (-y) to order it all the same",
            )
        return None


class Quotes:
    """Prices of request bodies, by the relay's list and the user's own."""

    def __init__(self, workspace: Workspace, facts: RelayFacts) -> None:
        """Ask `facts`, in the currency of the settings."""
        self._workspace = workspace
        self._facts = facts

    async def price(self, bodies: Sequence[Mapping[str, JSON]]) -> Money:
        """Give the expected price of all bodies together; unknown if one of them is."""
        return self._together(await self._each(bodies))

    async def _each(self, bodies: Sequence[Mapping[str, JSON]]) -> list[Money]:
        settings = self._workspace.settings()
        if self._workspace.is_demo():
            return [Money(None, settings.currency) for _ in bodies]
        prices = await self._facts.prices(self._workspace.connection())
        return [estimate(body, prices, settings) for body in bodies]

    def _together(self, prices: Sequence[Money]) -> Money:
        currency = self._workspace.settings().currency
        amounts = [one.amount for one in prices if one.amount is not None]
        if len(amounts) < len(prices) or self._workspace.is_demo():
            return Money(None, currency)
        return Money(sum(amounts, start=Decimal(0)), currency, "estimated")

    async def confirm(self, bodies: Sequence[Mapping[str, JSON]], *, agreed: bool, most: Money | None = None) -> Agreed:
        """Stand before a purchase above `Now.confirm_over`, above `most` or above what is left of the budget.

        An unknown price is above each of them. With the user's word (`agreed`) it is not, nor is anything above
        `Now.confirm_over`; limit and budget stay.

        Raises:
            InputError: the user's word is needed, or the order is too dear.
            StoreCorrupt: there is a budget, and it cannot be read.
        """
        limits = await self.limits(most)
        if limits is None:
            return Agreed()
        prices = await self._each(bodies)
        price = self._together(prices)
        if not agreed and (doubt := limits.doubt(price)) is not None:
            raise doubt
        if limits.most is not None:
            self._refuse_above(price, limits.most)
        if limits.budget is not None:
            await run_in_thread(self._refuse_beyond, price, limits.budget)
        return Agreed(prices=tuple(prices), budget=limits.budget)

    async def limits(self, most: Money | None = None) -> Limits | None:
        """Give what stands before a purchase now; None where nothing does.

        Raises:
            StoreCorrupt: there is a budget, and it cannot be read.
        """
        if self._workspace.is_demo():
            return None
        budget = await run_in_thread(read_budget, self._workspace.home().store)
        limits = Limits(ask_above=self._workspace.settings().confirm_over, most=most, budget=budget)
        return None if limits == Limits() else limits

    async def stay_within(self, budget: Budget | None, record: Record) -> None:
        """Look once more when a number is claimed: other kernels may have claimed lower ones meanwhile.

        Raises:
            InputError: with theirs, the budget does not suffice.
        """
        if budget is not None and record.cost is not None:
            refuse = partial(self._refuse_beyond, record.cost, budget, below=record.number)
            await run_in_thread(refuse)

    def _refuse_above(self, price: Money, most: Money) -> None:
        limit = in_force(most, self._workspace.settings())
        if price.amount is not None and limit.amount is not None and price.amount > limit.amount:
            raise InputError(
                "the expected price is {price}, and --budget is {limit}",
                advice="make fewer or cheaper pictures, or raise --budget",
                price=price,
                limit=limit,
            )

    def _refuse_beyond(self, price: Money, budget: Budget, *, below: int | None = None) -> None:
        in_force(budget.amount, self._workspace.settings())
        left = self.left_of(budget, below=below)
        if price.amount is not None and left.amount is not None and price.amount > left.amount:
            raise InputError(
                "the expected price is {price}, and {left} is left of the budget of {budget}",
                advice="%now budget AMOUNT sets another, %now budget off lifts it",
                price=price,
                left=left,
                budget=budget.amount,
            )

    def left_of(self, budget: Budget, *, below: int | None = None) -> Money:
        """Give what is left of a budget, counting everything of this history, in the trash too."""
        store = self._workspace.home().store
        every = [*self._workspace.history.records(), *(store.trashed() if store.exists else [])]
        return budget.left(every, below=below)

    async def balance_after(self, price: Money) -> Money | None:
        """Give what would be left after paying `price`; None where that cannot be told."""
        if price.amount is None or self._workspace.is_demo():
            return None
        try:
            left, _used = spent(await self._facts.balance(self._workspace.connection()), self._workspace.settings())
        except NowImageError:
            return None
        return None if left is None or left.amount is None else replace(left, amount=left.amount - price.amount)
