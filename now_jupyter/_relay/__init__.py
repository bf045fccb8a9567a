"""What the relay says of itself: models, prices, balance, status; which way was found for a model."""

from __future__ import annotations

from ._catalogue import Balance, ListedModel, Price, RelayStatus
from ._facts import LAST_RESORT, RelayFacts, relay_mark
from ._money import estimate, in_currency, say_price, spent

__all__ = [
    "LAST_RESORT",
    "Balance",
    "ListedModel",
    "Price",
    "RelayFacts",
    "RelayStatus",
    "estimate",
    "in_currency",
    "relay_mark",
    "say_price",
    "spent",
]
