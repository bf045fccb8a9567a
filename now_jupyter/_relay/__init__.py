"""What the relay says of itself: models, prices, balance, status."""

from __future__ import annotations

from ._catalogue import Balance, ListedModel
from ._facts import RelayFacts, relay_mark
from ._money import estimate, in_currency, spent

__all__ = [
    "Balance",
    "ListedModel",
    "RelayFacts",
    "estimate",
    "in_currency",
    "relay_mark",
    "spent",
]
