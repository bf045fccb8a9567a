"""Readers for what comes from a front end: each takes anything and gives a checked value, or raises `ValueError`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

__all__ = ["Form", "Reader", "flag", "flat_text", "many", "moment", "number", "read_form", "text_up_to"]

T = TypeVar("T")
Reader: TypeAlias = Callable[[object], Any]
Form: TypeAlias = Mapping[str, Reader]
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
_LARGEST_NUMBER = 10**15 - 1


def read_form(value: object, form: Form) -> dict[str, Any]:
    """Read an object that has some of these fields and no others; gives those it has."""
    if not isinstance(value, dict):
        raise ValueError("an object is missing")  # noqa: TRY004 - one kind of refusal for all that is hostile
    if unknown := [name for name in value if name not in form]:
        raise ValueError(f"{str(unknown[0])[:40]} is not known")
    return {name: form[name](one) for name, one in value.items()}


def text_up_to(longest: int) -> Callable[[object], str]:
    """Read a text of at most `longest` characters."""

    def read(value: object) -> str:
        if not isinstance(value, str) or len(value) > longest or _HALF_CHARACTER.search(value):
            raise ValueError("a text is missing, too long or broken")
        return value

    return read


def flat_text(longest: int) -> Callable[[object], str]:
    """Read a text of one line."""
    of_length = text_up_to(longest)

    def read(value: object) -> str:
        text = of_length(value)
        if "\n" in text or "\r" in text or "\0" in text:
            raise ValueError("a line is more than one")
        return text

    return read


def many(read: Callable[[object], T], most: int) -> Callable[[object], tuple[T, ...]]:
    """Read a list of at most `most` items."""

    def read_all(value: object) -> tuple[T, ...]:
        if not isinstance(value, list) or len(value) > most:
            raise ValueError("a list is missing or too long")
        return tuple(read(one) for one in value)

    return read_all


def number(value: object) -> int:
    """Read a number of the history, or the place of a picture."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= _LARGEST_NUMBER:
        raise ValueError("a number is missing or out of range")
    return value


def moment(value: object) -> float:
    """Read a time in milliseconds."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("a time is missing")
    return float(value)


def flag(value: object) -> bool:
    """Read yes or no."""
    if not isinstance(value, bool):
        raise ValueError("yes or no is missing")  # noqa: TRY004 - as in `read_form`
    return value
