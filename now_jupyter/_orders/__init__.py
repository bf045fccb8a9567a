"""From a request to what it makes: plan, reuse, quote, budget, buy."""

from __future__ import annotations

from ._job import Job, ensure_asyncio
from ._order import Order, order_again, order_of
from ._orders import Orders
from ._quotes import budget_line
from ._rehearsal import Rehearsal
from ._workspace import Snapshot, Workspace

__all__ = [
    "Job",
    "Order",
    "Orders",
    "Rehearsal",
    "Snapshot",
    "Workspace",
    "budget_line",
    "ensure_asyncio",
    "order_again",
    "order_of",
]
