"""What may come next on the line of a magic: names of options and suggestions for their values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from .._messages import InputError
from ._table import OPTIONS, option_of_flag
from ._typed import flag_at, skip_blanks, word_at

__all__ = ["complete"]

_DASHES = re.compile(r"(?:--?|——|－－?)?\Z")


def complete(text: str, known: Mapping[str, Sequence[str]]) -> tuple[str, Iterable[str]]:
    """Return what of the last word on a magic's line is there, and the words that can stand in its place.

    These are flags as `--size`, and values: those `known` for the option of that name, else its usual ones. In the
    prompt there are none.
    """
    given: set[str] = set()
    at = skip_blanks(text, 0)
    while flag := flag_at(text, at):
        one = option_of_flag(flag.word)
        if flag.value_at == len(text) and not flag.attached:
            return flag.typed, _flags(given)
        if one is None:
            return "", ()
        given.add(one.name)
        start = flag.value_at if flag.attached else skip_blanks(text, flag.value_at)
        end = start if one.metavar is None else _end_of_value(text, start)
        if one.metavar is not None and end == len(text):
            return text[start:], known.get(one.name, one.choices)
        at = skip_blanks(text, end)
    begun = _DASHES.match(text, at)
    return ("-" * len(begun[0]), _flags(given)) if begun else ("", ())


def _end_of_value(text: str, at: int) -> int:
    try:
        return word_at(text, at)[1]
    except InputError:
        return len(text)


def _flags(given: set[str]) -> Iterator[str]:
    return (one.flags[-1] for one in OPTIONS if one.repeatable or one.name not in given)
