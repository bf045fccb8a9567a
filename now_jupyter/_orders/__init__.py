"""From a request to what it makes: plan, reuse, quote, budget, buy."""

from __future__ import annotations

from ._job import Job
from ._order import Order, order_of
from ._orders import Orders
from ._quotes import Budget, budget_line, ensure_currency, lift_budget, read_budget, set_budget
from ._rehearsal import Preview, Rehearsal, RehearsedCall
from ._workspace import Snapshot, Workspace

__all__ = [
    "Budget",
    "Job",
    "Order",
    "Orders",
    "Preview",
    "Rehearsal",
    "RehearsedCall",
    "Snapshot",
    "Workspace",
    "budget_line",
    "ensure_currency",
    "lift_budget",
    "order_of",
    "read_budget",
    "set_budget",
]
