"""From a request to its pictures: plan, reuse, quote, budget, buy."""

from __future__ import annotations

from ._budget import budget_line, in_force, lift_budget, read_budget, set_budget
from ._job import Job
from ._orders import Orders, Rehearsal
from ._planning import Order
from ._requests import order_of
from ._workspace import Workspace

__all__ = [
    "Job",
    "Order",
    "Orders",
    "Rehearsal",
    "Workspace",
    "budget_line",
    "in_force",
    "lift_budget",
    "order_of",
    "read_budget",
    "set_budget",
]
