"""What a request will probably cost, in what the user pays in.

The relay's list says what a call costs in relay dollars; dall-e's size and quality ratios are new-api's
(reference/openai-images.md §2.2). The user's own prices (`Now.prices`, per picture) win. What is billed by tokens is
unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from .._json import JSON
from .._settings import Settings
from .._values import Money
from ._catalogue import Balance, Price

__all__ = ["estimate", "in_currency", "spent"]

_DALLE = "dall-e"
_SIZE_RATIOS = {"256x256": Decimal("0.4"), "512x512": Decimal("0.45"), "1792x1024": Decimal(2), "1024x1792": Decimal(2)}
_HD = Decimal(2)
_HD_WIDE = Decimal("1.5")


def in_currency(dollars: Decimal | None, settings: Settings, *, reported: bool = False) -> Money:
    """Turn relay dollars into the user's currency."""
    if dollars is None:
        return Money(None, settings.currency)
    amount = dollars * Decimal(str(settings.rate))
    return Money(amount, settings.currency, "reported" if reported else "estimated")


def estimate(body: Mapping[str, JSON], prices: Mapping[str, Price], settings: Settings) -> Money:
    """Give the expected price of one request."""
    model = str(body.get("model"))
    count = body.get("n", 1)
    pictures = count if isinstance(count, int) else 1
    if model in settings.prices:
        return Money(Decimal(str(settings.prices[model])) * pictures, settings.currency, "estimated")
    price = prices.get(model)
    if price is None or price.per_call is None:
        return Money(None, settings.currency)
    return in_currency(price.per_call * pictures * _ratio(model, body), settings)


def _ratio(model: str, body: Mapping[str, JSON]) -> Decimal:
    if not model.startswith(_DALLE):
        return Decimal(1)
    size = str(body.get("size", ""))
    ratio = _SIZE_RATIOS.get(size, Decimal(1))
    if body.get("quality") == "hd":
        ratio *= _HD_WIDE if ratio > 1 else _HD
    return ratio


def spent(balance: Balance, settings: Settings) -> tuple[Money | None, Money | None]:
    """Give what is left (None: unlimited) and what was used, in the user's currency."""
    left = None if balance.left is None else in_currency(balance.left, settings, reported=True)
    used = None if balance.used is None else in_currency(balance.used, settings, reported=True)
    return left, used
