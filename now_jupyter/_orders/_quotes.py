"""What an order will probably cost, and what stands before it: the user's word, its own limit, the folder's budget.

The budget is a hard stop that lies in the folder, so that it holds across kernels (design.md §2.8). It counts every
order with a number above the one at which it was set: what was billed, what may have been, and what is under way with
its expected price; orders in the trash too. Demo pictures cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal

import msgspec

from .._background import run_in_thread
from .._bounds import Bounded, Count, plain
from .._history import History
from .._json import amount_of
from .._messages import InputError, Language, NotConfirmed, StoreCorrupt, say
from .._protocol import Plan
from .._relay import OwnPrice, RelayFacts, estimate
from .._settings import Settings
from .._store import Record, Store, encode, parse_json, remove_file, try_read_file, write_durably
from .._values import Money, sum_of
from ._order import Order
from ._workspace import Snapshot

__all__ = ["Budget", "Quotes", "budget_line"]

_FILE = "budget.json"
_LARGEST = 1 << 16
_LONGEST_NAME = 200
_SOON = 2.0  # seconds; where no one has set a limit, a relay that is slow to tell its prices holds up no order


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget(Bounded):
    """How much may be spent by the orders numbered above `after`."""

    amount: Money
    after: Count = 0

    def left(self, records: Iterable[Record], *, below: int | None = None) -> Money:
        """Give what is left, at least nothing, after these records; `below` looks at lower numbers only."""
        records = list(records)
        if self.after > max((one.number for one in records), default=0):
            raise _unreadable()  # no order ever had that number: it would count none of the next ones
        counted = [one for one in records if one.number > self.after and (below is None or one.number < below)]
        costs = [one.cost for one in counted if _has_price(one, self.amount.currency)]
        spent = sum_of(costs, self.amount.currency).amount or Decimal(0)
        return replace(self.amount, amount=max(Decimal(0), (self.amount.amount or Decimal(0)) - spent))


def _has_price(record: Record, currency: str) -> bool:
    """Whether an order counts; one whose price nobody knew was sent by the user's word and counts nothing."""
    is_free = not record.is_paid_here or (record.is_over and record.billed == "no")
    return (
        not is_free and record.cost is not None and record.cost.amount is not None and record.cost.currency == currency
    )


def _ensure_currency(amount: Money, settings: Settings) -> Money:
    """Give an amount as the user typed it in the currency of the settings."""
    counted = replace(amount, currency=settings.currency)
    if not amount.currency or amount.sign == counted.sign:
        return counted
    raise _other_currency(amount, settings)


def _other_currency(amount: Money, settings: Settings) -> InputError:
    return InputError(
        "{amount} is not in {currency}, in which prices are counted here",
        advice="give the amount in {currency}, or set Now.currency and Now.rate",
        amount=amount,
        currency=settings.currency,
    )


def budget_line(budget: tuple[Money, Money] | None, language: Language) -> str:
    """Say what a budget is and what is left of it; empty where none is set."""
    if budget is None:
        return ""
    amount, left = budget
    return say("budget: {amount}, {left} left", language, amount=amount, left=left)


def _read_budget(store: Store) -> Budget | None:
    """Read the budget of a history; None where there is none."""
    with suppress(StoreCorrupt, ValueError, ArithmeticError, RecursionError):
        data = try_read_file(store.folder / _FILE, limit=_LARGEST)
        if data is None:
            return None
        budget = msgspec.convert(parse_json(data), Budget)
        if budget.amount.amount is not None and budget.after <= store.highest_number():
            return budget
    raise _unreadable()


def _unreadable() -> StoreCorrupt:
    return StoreCorrupt(
        "the budget of this history cannot be read", advice="%now budget AMOUNT sets it anew, %now budget off lifts it"
    )


def _find_doubt(
    plans: Sequence[Plan], price: Money, order: Order, budget: Budget | None, settings: Settings
) -> NotConfirmed | None:
    """Return what the user's word is needed for; an unknown price is above every limit that was set."""
    limit, count = None if order.agreed else _limit_of(settings), sum(plan.expected for plan in plans)
    if limit is not None and _is_above(price, limit):
        return NotConfirmed(
            "this costs {price} (pictures: {count}), which is more than {limit}",
            advice="--yes orders it all the same; Now.confirm_over says from where on you are asked (None: never)",
            price=price,
            count=count,
            limit=limit,
        )
    if order.agreed or price.amount is not None:
        return None
    if settings.confirm_over not in (None, "auto"):
        return NotConfirmed(
            "the price of this order is not known (pictures: {count}), and Now.confirm_over is {limit}",
            advice="--yes orders it all the same; Now.confirm_over says from where on you are asked (None: never)",
            count=count,
            limit=limit,
        )
    if order.budget is not None or budget is not None:
        return NotConfirmed(
            "the price of this order is not known, and there is a budget",
            advice="add --yes to order it all the same",
        )
    return None


def _limit_of(settings: Settings) -> Money | None:
    """Return the price above which an order is asked about: where nobody said, what a relay dollar costs."""
    limit = settings.rate if settings.confirm_over == "auto" else settings.confirm_over
    return None if limit is None else Money(amount_of(limit), settings.currency)


class Quotes:
    """Prices of plans, by the relay's list and the user's own."""

    def __init__(self, facts: RelayFacts, history: History) -> None:
        self._facts = facts
        self._history = history

    def budget(self, store: Store) -> tuple[Money, Money] | None:
        """Return the budget of a history and what is left of it; None where none is set."""
        budget = _read_budget(store)
        return None if budget is None else (budget.amount, self._left_of(budget, store))

    def set_budget(self, store: Store, amount: Money | None, settings: Settings) -> None:
        """Let so much be spent from now on, anything where the amount is None."""
        store.require_own()
        if amount is None:
            remove_file(store.folder / _FILE)
            return
        counted = _ensure_currency(amount, settings)
        store.preflight()
        every = [*store.records(), *store.trashed()]
        budget = Budget(amount=counted, after=max((record.number for record in every), default=0))
        write_durably(store.folder / _FILE, encode(msgspec.to_builtins(budget)))

    async def set_price(self, model: str, price: OwnPrice | None, snapshot: Snapshot) -> None:
        """Keep the user's own price of a model at the relay in use; None forgets it."""
        if snapshot.is_demo:
            raise InputError("the demo costs nothing, and has no prices", advice="%now login goes to a relay")
        if plain(model, _LONGEST_NAME) != model or not model:
            raise InputError("{name} is not the name of a model", advice="%now models lists them", name=model)
        own = None if price is None else replace(price, money=_ensure_currency(price.money, snapshot.settings))
        await self._facts.keep_price(snapshot.access, model, own)

    async def price(self, plans: Sequence[Plan], snapshot: Snapshot) -> Money:
        """Return the expected price of all plans together; unknown if one of them is."""
        return sum_of(await self._price_each(plans, snapshot), snapshot.settings.currency)

    async def _price_each(self, plans: Sequence[Plan], snapshot: Snapshot, *, at_once: bool = False) -> list[Money]:
        settings, access = snapshot.settings, snapshot.access
        if snapshot.is_demo:
            return [Money(None, settings.currency) for _ in plans]
        prices = await (self._facts.prices_within(_SOON, access) if at_once else self._facts.prices(access))
        kept = self._facts.kept_prices(access)
        return [estimate(plan, prices, settings, kept) for plan in plans]

    async def agree(
        self, plans: Sequence[Plan], order: Order, snapshot: Snapshot
    ) -> tuple[Sequence[Money | None], Budget | None]:
        """Return the price of each plan, where a limit made us ask, and the budget that they are within.

        Refused is what is above `Now.confirm_over` (NotConfirmed), above `Order.budget` or above what is left of the
        budget. An unknown price is above each of them that was set. With the user's word (`Order.agreed`) it is not,
        nor is anything above `Now.confirm_over`; limit and budget stay.
        """
        if snapshot.is_demo:
            return [None] * len(plans), None
        budget = _read_budget(snapshot.home.store)  # a few bytes, where there are any: to go into a thread takes longer
        limit = None if order.agreed else snapshot.settings.confirm_over
        if budget is None and order.budget is None and limit is None:
            return [None] * len(plans), None
        is_only_habit = budget is None and order.budget is None and limit == "auto"
        prices = await self._price_each(plans, snapshot, at_once=is_only_habit)
        price = sum_of(prices, snapshot.settings.currency)
        if (doubt := _find_doubt(plans, price, order, budget, snapshot.settings)) is not None:
            raise doubt
        if order.budget is not None:
            _refuse_above(price, order.budget, snapshot.settings)
        if budget is not None:
            await run_in_thread(self._refuse_beyond, price, budget, snapshot)
        return prices, budget

    async def find_doubt(
        self, plans: Sequence[Plan], price: Money, order: Order, snapshot: Snapshot
    ) -> InputError | None:
        """Return what the price of an order needs the user's word for."""
        if snapshot.is_demo:
            return None
        budget = await run_in_thread(_read_budget, snapshot.home.store)
        return _find_doubt(plans, price, order, budget, snapshot.settings)

    async def stay_within(self, budget: Budget | None, record: Record, snapshot: Snapshot) -> None:
        """Look once more when a number is claimed: other kernels may have claimed lower ones meanwhile."""
        if budget is not None and record.cost is not None:
            await run_in_thread(self._refuse_beyond, record.cost, budget, snapshot, record.number)

    def _refuse_beyond(self, price: Money, budget: Budget, snapshot: Snapshot, below: int | None = None) -> None:
        if budget.amount.currency != snapshot.settings.currency:  # signs are shared, and orders are counted by currency
            raise _other_currency(budget.amount, snapshot.settings)
        left = self._left_of(budget, snapshot.home.store, below=below)
        if _is_above(price, left):
            raise InputError(
                "the expected price is {price}, and {left} is left of the budget of {budget}",
                advice="%now budget AMOUNT sets another, %now budget off lifts it",
                price=price,
                left=left,
                budget=budget.amount,
            )

    def _left_of(self, budget: Budget, store: Store, *, below: int | None = None) -> Money:
        """Return what is left of a budget, counting everything of this history, in the trash too."""
        every = [*self._history.records(), *store.trashed()]
        if any(number > budget.after for number in store.left_out):
            raise StoreCorrupt(
                "there are more orders since the budget was set than can be looked at",
                advice="%now budget AMOUNT sets it anew, %now budget off lifts it",
            )
        return budget.left(every, below=below)


def _is_above(price: Money, limit: Money) -> bool:
    return price.amount is not None and limit.amount is not None and price.amount > limit.amount


def _refuse_above(price: Money, most: Money, settings: Settings) -> None:
    limit = _ensure_currency(most, settings)
    if _is_above(price, limit):
        raise InputError(
            "the expected price is {price}, and --budget is {limit}",
            advice="make fewer or cheaper pictures, or raise --budget",
            price=price,
            limit=limit,
        )
