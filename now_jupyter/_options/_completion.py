"""What may come next on the line of a magic: names of options and suggestions for their values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from .._messages import InputError
from ._table import OPTIONS, Option, option_of_flag
from ._typed import flag_at, skip_blanks, word_at

__all__ = ["complete"]

_MAGIC = re.compile(r"\s*%%?nowimage(?=\s)")
_DASHES = re.compile(r"(?:--?|——|－－?)?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """What is being typed: the value of `option`, else the name of an option; and what of it is there."""

    begun: str
    option: Option | None = None
    given: frozenset[str] = frozenset()


def complete(
    line: str, *, cursor: int | None = None, models: Sequence[str] = (), services: Sequence[str] = ()
) -> list[str]:
    """List what can stand at the cursor, each as a whole word: flags as `--size`, values without their flag.

    `line` may begin with the magic's own name. In the prompt nothing is completed.
    """
    text = _MAGIC.sub("", line if cursor is None else line[:cursor], count=1)
    place = _place_in(text)
    if place is None:
        return []
    words = (
        _flags(place.given) if place.option is None else _values(place.option, {"model": models, "service": services})
    )
    return [word for word in words if word.startswith(place.begun)]


def _place_in(text: str) -> _Place | None:
    given: set[str] = set()
    at = skip_blanks(text, 0)
    while flag := flag_at(text, at):
        one = option_of_flag(flag.word)
        if flag.value_at == len(text) and not flag.attached:
            return _Place(begun=flag.typed, given=frozenset(given))
        if one is None:
            return None
        given.add(one.name)
        start = flag.value_at if flag.attached else skip_blanks(text, flag.value_at)
        end = start if one.metavar is None else _end_of_value(text, start)
        if one.metavar is not None and end == len(text):
            return _Place(begun=text[start:], option=one)
        at = skip_blanks(text, end)
    begun = _DASHES.match(text, at)
    return _Place(begun="-" * len(begun[0]), given=frozenset(given)) if begun else None


def _end_of_value(text: str, at: int) -> int:
    try:
        return word_at(text, at)[1]
    except InputError:
        return len(text)


def _flags(given: frozenset[str]) -> Iterator[str]:
    return (one.flags[-1] for one in OPTIONS if one.repeatable or one.name not in given)


def _values(one: Option, known: Mapping[str, Sequence[str]]) -> Sequence[str]:
    return known.get(one.name, one.choices)
