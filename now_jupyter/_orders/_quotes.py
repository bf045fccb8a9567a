"""What an order will probably cost, and what stands before it: the user's word, its own limit, the folder's budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from .._background import run_in_thread
from .._history import History
from .._messages import InputError, NowImageError
from .._protocol import Plan
from .._relay import RelayFacts, estimate, spent
from .._settings import Settings
from .._store import Record, Store
from .._values import Money
from ._budget import Budget, in_force, read_budget
from ._order import Order
from ._workspace import Snapshot

__all__ = ["Agreement", "Limits", "Quotes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """What a purchase stands on: the price of each plan, where a limit made us ask, and the budget it is within."""

    prices: tuple[Money, ...] = ()
    budget: Budget | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What stands before a purchase: a price above which we ask, the order's own limit, the folder's budget."""

    ask_above: float | None = None
    most: Money | None = None
    budget: Budget | None = None

    def find_doubt(self, price: Money) -> InputError | None:
        """Return what the user's word is needed for; an unknown price is above every limit."""
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
    """Prices of plans, by the relay's list and the user's own."""

    def __init__(self, facts: RelayFacts, history: History) -> None:
        self._facts = facts
        self._history = history

    async def price(self, plans: Sequence[Plan], snapshot: Snapshot) -> Money:
        """Return the expected price of all plans together; unknown if one of them is."""
        return _sum(await self._price_each(plans, snapshot), snapshot.settings)

    async def _price_each(self, plans: Sequence[Plan], snapshot: Snapshot) -> list[Money]:
        settings = snapshot.settings
        if snapshot.is_demo:
            return [Money(None, settings.currency) for _ in plans]
        prices = await self._facts.prices(snapshot.access)
        return [estimate(plan, prices, settings) for plan in plans]

    async def agree(self, plans: Sequence[Plan], order: Order, snapshot: Snapshot) -> Agreement:
        """Stand before a purchase above `Now.confirm_over`, above `Order.budget` or above what is left of the budget.

        An unknown price is above each of them. With the user's word (`Order.agreed`) it is not, nor is anything above
        `Now.confirm_over`; limit and budget stay.
        """
        limits = await self.find_limits(order, snapshot)
        if limits is None:
            return Agreement()
        prices = await self._price_each(plans, snapshot)
        price = _sum(prices, snapshot.settings)
        if not order.agreed and (doubt := limits.find_doubt(price)) is not None:
            raise doubt
        if limits.most is not None:
            _refuse_above(price, limits.most, snapshot.settings)
        if limits.budget is not None:
            await run_in_thread(self._refuse_beyond, price, limits.budget, snapshot)
        return Agreement(prices=tuple(prices), budget=limits.budget)

    async def find_limits(self, order: Order, snapshot: Snapshot) -> Limits | None:
        """Return what stands before a purchase now; None where nothing does."""
        if snapshot.is_demo:
            return None
        budget = await run_in_thread(read_budget, snapshot.home.store)
        limits = Limits(ask_above=snapshot.settings.confirm_over, most=order.budget, budget=budget)
        return None if limits == Limits() else limits

    async def stay_within(self, budget: Budget | None, record: Record, snapshot: Snapshot) -> None:
        """Look once more when a number is claimed: other kernels may have claimed lower ones meanwhile."""
        if budget is not None and record.cost is not None:
            await run_in_thread(self._refuse_beyond, record.cost, budget, snapshot, record.number)

    def _refuse_beyond(self, price: Money, budget: Budget, snapshot: Snapshot, below: int | None = None) -> None:
        in_force(budget.amount, snapshot.settings)
        left = self.left_of(budget, snapshot.home.store, below=below)
        if _is_above(price, left):
            raise InputError(
                "the expected price is {price}, and {left} is left of the budget of {budget}",
                advice="%now budget AMOUNT sets another, %now budget off lifts it",
                price=price,
                left=left,
                budget=budget.amount,
            )

    def left_of(self, budget: Budget, store: Store, *, below: int | None = None) -> Money:
        """Return what is left of a budget, counting everything of this history, in the trash too."""
        every = [*self._history.records(), *(store.trashed() if store.exists else [])]
        return budget.left(every, below=below)

    async def balance_after(self, price: Money, snapshot: Snapshot) -> Money | None:
        """Return what would be left after paying `price`; None where that cannot be told."""
        if price.amount is None or snapshot.is_demo:
            return None
        try:
            left, _used = spent(await self._facts.balance(snapshot.access), snapshot.settings)
        except NowImageError:
            return None
        return None if left is None or left.amount is None else replace(left, amount=left.amount - price.amount)


def _sum(prices: Sequence[Money], settings: Settings) -> Money:
    amounts = [one.amount for one in prices if one.amount is not None]
    if len(amounts) < len(prices):
        return Money(None, settings.currency)
    return Money(sum(amounts, start=Decimal(0)), settings.currency, "estimated")


def _is_above(price: Money, limit: Money) -> bool:
    return price.amount is not None and limit.amount is not None and price.amount > limit.amount


def _refuse_above(price: Money, most: Money, settings: Settings) -> None:
    limit = in_force(most, settings)
    if _is_above(price, limit):
        raise InputError(
            "the expected price is {price}, and --budget is {limit}",
            advice="make fewer or cheaper pictures, or raise --budget",
            price=price,
            limit=limit,
        )
