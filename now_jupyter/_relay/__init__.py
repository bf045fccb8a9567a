"""What the relay says of itself: models, prices, balance, status; which way was found for a model."""

from __future__ import annotations

from ._balance import Balance, RelayStatus
from ._catalogue import ListedModel
from ._facts import RelayFacts
from ._money import estimate, in_currency, say_price, spent
from ._own_price import OwnPrice, own_price
from ._trial import Trial, find_api, try_address

__all__ = [
    "Balance",
    "ListedModel",
    "OwnPrice",
    "RelayFacts",
    "RelayStatus",
    "Trial",
    "estimate",
    "find_api",
    "in_currency",
    "own_price",
    "say_price",
    "spent",
    "try_address",
]
