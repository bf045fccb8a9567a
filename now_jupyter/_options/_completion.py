"""What may come next on the line of a magic: names of options and suggestions for their values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from .._messages import InputError
from ._table import OPTIONS, option_of_flag
from ._typed import flag_at, skip_blanks, word_at

__all__ = ["complete"]

_MAGIC = re.compile(r"\A\s*%%?nowimage(?=\s)")
_DASHES = re.compile(r"(?:--?|——|－－?)?\Z")


def complete(line: str, *, models: Sequence[str] = (), services: Sequence[str] = ()) -> list[str]:
    """List what can stand at the end of a line, each as a whole word: flags as `--size`, values without their flag.

    `line` may begin with the magic's own name. In the prompt nothing is completed.
    """
    begun, words = _words_for(_MAGIC.sub("", line, count=1), {"model": models, "service": services})
    return [word for word in words if word.startswith(begun)]


def _words_for(text: str, known: Mapping[str, Sequence[str]]) -> tuple[str, Iterable[str]]:
    """Return what of the last word is there, and the words that can stand in its place."""
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
