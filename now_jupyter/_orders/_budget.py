"""The budget: a hard stop that lies in the folder, so that it holds across kernels (design.md §2.8).

It counts every order with a number above the one at which it was set: what was billed, what may have been, and what is
under way with its expected price; orders in the trash too. Demo pictures cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal

import msgspec

from .._messages import InputError, Language, StoreCorrupt, StoreError, say
from .._settings import Settings
from .._store import Record, Store, encode, parse_json, remove_file, try_read_file, write_durably
from .._values import Money

__all__ = ["Budget", "budget_line", "in_force", "lift_budget", "read_budget", "set_budget"]

_FILE = "budget.json"
_LARGEST = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much may be spent by the orders numbered above `after`."""

    amount: Money
    after: int = 0

    def left(self, records: Iterable[Record], *, below: int | None = None) -> Money:
        """Give what is left, at least nothing, after these records; `below` looks at lower numbers only."""
        counted = [one for one in records if one.number > self.after and (below is None or one.number < below)]
        spent = sum((_worth(one, self.amount.currency) for one in counted), start=Decimal(0))
        return replace(self.amount, amount=max(Decimal(0), (self.amount.amount or Decimal(0)) - spent))


def _worth(record: Record, currency: str) -> Decimal:
    """Give what an order counts; one whose price nobody knew was sent by the user's word and counts nothing."""
    is_free = record.demo or (record.is_over and record.billed == "no")
    if is_free or record.cost is None or record.cost.currency != currency:
        return Decimal(0)
    return record.cost.amount or Decimal(0)


def in_force(amount: Money, settings: Settings) -> Money:
    """Give an amount as the user typed it in the currency of the settings."""
    counted = replace(amount, currency=settings.currency)
    if not amount.currency or amount.sign == counted.sign:
        return counted
    raise InputError(
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


def read_budget(store: Store) -> Budget | None:
    """Read the budget of a history; None where there is none."""
    data = try_read_file(store.folder / _FILE, limit=_LARGEST)
    if data is None:
        return None
    with suppress(StoreError, msgspec.ValidationError):
        budget = msgspec.convert(parse_json(data), Budget)
        if budget.amount.amount is not None and budget.amount.amount.is_finite() and budget.amount.amount >= 0:
            return budget
    raise StoreCorrupt(
        "the budget of this history cannot be read", advice="%now budget AMOUNT sets it anew, %now budget off lifts it"
    )


def set_budget(store: Store, amount: Money) -> Budget:
    """Let so much be spent from now on."""
    store.preflight()
    every = [*store.records(), *store.trashed()]
    budget = Budget(amount=amount, after=max((record.number for record in every), default=0))
    write_durably(store.folder / _FILE, encode(msgspec.to_builtins(budget)))
    return budget


def lift_budget(store: Store) -> None:
    """Let anything be spent again; nothing happens where there was no budget."""
    remove_file(store.folder / _FILE)
