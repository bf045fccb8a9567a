"""JSON and digests, as everything that is stored or compared needs them, and the reading of JSON from outside."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

__all__ = [
    "JSON",
    "MOST_VALUES",
    "Fields",
    "Texts",
    "amount_of",
    "canonical",
    "dig",
    "digest",
    "empty_depths",
    "number_of",
    "read_json",
    "text_of",
]

if TYPE_CHECKING:
    JSON: TypeAlias = "str | int | float | bool | Sequence[JSON] | Mapping[str, JSON] | None"
else:
    JSON = Any  # the library that reads records resolves annotations; a type that names itself has no end

_MOST_DIGITS = 18  # of an amount or a time, before the point or behind it
_PRECISE = Context(prec=28)
_LONGEST_WHOLE = 19  # signs; a longer number is an id, or nonsense, and stays text
_DEEPEST = 100
_HALF = re.compile("[\ud800-\udfff]")
_PIECE = 64 << 10
MOST_VALUES = 1 << 16
"""Of one document; small ones take twenty times their text in memory."""
Fields: TypeAlias = Mapping[str, JSON]
Texts: TypeAlias = tuple[str, ...]


def canonical(value: JSON) -> str:
    """Return the one JSON text of a value: equal values, equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(data: bytes) -> str:
    """Return the SHA-256 of bytes in hex."""
    return hashlib.sha256(data).hexdigest()


def read_json(data: str | bytes, *, most: int = MOST_VALUES) -> JSON:
    """Return what JSON from outside says: numbers are finite and of a sane size, what is nested too deeply is empty.

    Texts have no halves of surrogate pairs, which could be written to no file.

    Raises:
        ValueError: it is no JSON, or has more than `most` values.
    """
    text = data if isinstance(data, str) else data.decode("utf-8-sig")
    if sum(text.count(sign) for sign in ",[{") > most:
        raise ValueError("too many values")
    try:
        value: JSON = json.loads(text, parse_constant=lambda _: None, parse_float=_read_float, parse_int=_read_whole)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if text.count("[") + text.count("{") > _DEEPEST:
        empty_depths(value)
    # One character is looked for first, as that is much faster.
    return _without_halves(value) if "\\" in text and ("\\ud" in text or "\\uD" in text) else value


def _read_float(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _read_whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= _LONGEST_WHOLE else digits


def _without_halves(value: JSON) -> JSON:
    """Return a value without half surrogate pairs, which could be written to no file."""
    if isinstance(value, str):
        pieces = range(0, len(value), _PIECE)  # for a long text nobody else should have to wait
        return value if value.isascii() else "".join(_HALF.sub("\ufffd", value[at : at + _PIECE]) for at in pieces)
    if isinstance(value, dict):
        return {str(_without_halves(name)): _without_halves(one) for name, one in value.items()}
    return [_without_halves(one) for one in value] if isinstance(value, list) else value


def empty_depths(value: Any) -> Any:  # noqa: ANN401 - untrusted JSON
    """Return JSON in which what is nested too deeply is empty."""
    level = [value]
    for _ in range(_DEEPEST):
        parts = (one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list))
        level = [part for every in parts for part in every]
    for one in level:
        if isinstance(one, dict | list):
            one.clear()
    return value


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
        number = _PRECISE.create_decimal(value if isinstance(value, Decimal) else str(value))
    except (ArithmeticError, ValueError):  # no number, or one of thousands of digits
        return None
    return number if number.is_finite() and abs(number.adjusted()) <= _MOST_DIGITS else None


def amount_of(value: Any) -> Decimal | None:  # noqa: ANN401 - as above
    """Return an amount of money: a number as `number_of` takes it that is not negative, else None (unknown)."""
    number = number_of(value)
    return None if number is None or number < 0 else abs(number)
