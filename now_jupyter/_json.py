"""JSON and digests, as everything that is stored or compared needs them, and the reading of JSON from outside."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from decimal import Context, Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, TypeAlias

__all__ = ["JSON", "Fields", "Texts", "amount_of", "canonical", "dig", "digest", "number_of", "text_of"]

if TYPE_CHECKING:
    JSON: TypeAlias = "str | int | float | bool | Sequence[JSON] | Mapping[str, JSON] | None"
else:
    JSON = Any  # the library that reads records resolves annotations; a type that names itself has no end

_MOST_DIGITS = 18  # of a number, before the point or behind it
_ROUNDING = Context(prec=28)
Fields: TypeAlias = Mapping[str, JSON]
Texts: TypeAlias = tuple[str, ...]


def canonical(value: JSON) -> str:
    """Return the one JSON text of a value: equal values, equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(data: bytes) -> str:
    """Return the SHA-256 of bytes in hex."""
    return hashlib.sha256(data).hexdigest()


def dig(value: Any, *path: str | int) -> Any:  # noqa: ANN401 - untrusted JSON
    """Return what lies at a path of keys and indexes; None where it does not go on."""
    for step in path:
        if isinstance(step, int) and isinstance(value, list) and -len(value) <= step < len(value):
            value = value[step]
        elif isinstance(step, str) and isinstance(value, Mapping):
            value = value.get(step)
        else:
            return None
    return value


def text_of(value: Any) -> str:  # noqa: ANN401 - untrusted JSON
    """Return a text or whole number as text, else nothing: ids beyond 2^53 are text from here on."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def number_of(value: Any) -> Decimal | None:  # noqa: ANN401 - untrusted JSON
    """Return a number of a sane size and length, also one that is written as text, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        return None
    try:
        number = Decimal(str(value))
    except (InvalidOperation, ValueError):  # no number, or one of thousands of digits
        return None
    return _ROUNDING.plus(number) if number.is_finite() and abs(number.adjusted()) <= _MOST_DIGITS else None


def amount_of(value: Any) -> Decimal | None:  # noqa: ANN401 - as above
    """Return an amount of money: a number as `number_of` takes it that is not negative, else None (unknown)."""
    number = number_of(value)
    return None if number is None or number < 0 else abs(number)
