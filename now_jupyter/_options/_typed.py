"""Where a word, a flag or a quoted value begins and ends in what was typed.

Own reading, because shell-like splitting eats backslashes, stumbles over apostrophes and tears JSON apart. Nothing is
interpreted here: a word comes out as it was typed, without the quotes around it. Option syntax also takes the
full-width signs that a Chinese keyboard gives.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass

from .._messages import InputError

__all__ = [
    "REFERENCE",
    "STRICT_JSON",
    "Deferred",
    "Flag",
    "end_mark_at",
    "flag_at",
    "plain_dashes",
    "reference_in",
    "skip_blanks",
    "strip_quotes",
    "word_at",
]

REFERENCE = re.compile(
    r"""\{(?P<root>[^\W\d]\w*)(?P<path>(?:\.[^\W\d_]\w*|\[-?[0-9]{1,9}\]|\['[^'\n]*'\]|\["[^"\n]*"\])*)\}"""
)
_FLAG = re.compile(r"(?P<dashes>--|——|－－|-|－)(?P<name>[A-Za-z][^\s=＝]*)(?P<equals>[=＝]?)")
_DASHES = re.compile("[—－]+")
_END_MARK = re.compile(r"(?:--|——|－－)(?=\s|\Z)")
_KEY = re.compile(r"""[^\s=＝"'“”‘’{\[]*[=＝]""")
_QUOTES = {"'": "'", '"': '"', "“": "“”", "”": "“”", "‘": "‘’", "’": "‘’"}


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


# NaN, Infinity and 1e999 are no JSON, though Python would read them.
STRICT_JSON = json.JSONDecoder(parse_constant=_finite, parse_float=_finite)


@dataclass(frozen=True, slots=True)
class Deferred:
    """An option's value that was typed as `{name}`; it is looked up when the names are known."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """An option's flag: `word` as the table writes it, `typed` in full, and the place where a value may begin.

    `attached`: the value follows without a blank (`--size=auto`, `-n4`).
    """

    word: str
    typed: str
    attached: bool
    value_at: int


def skip_blanks(text: str, at: int) -> int:
    """Find the first character from `at` on that is no blank."""
    return len(text) - len(text[at:].lstrip())


def end_mark_at(text: str, at: int) -> int | None:
    """Give the place behind a `--` that stands alone at `at`."""
    match = _END_MARK.match(text, at)
    return match.end() if match else None


def plain_dashes(text: str) -> str:
    """Return a text that begins with dashes of a Chinese keyboard with plain ones in their place."""
    begun = _DASHES.match(text)
    return text if begun is None else "-" * len(begun[0]) + text[begun.end() :]


def flag_at(text: str, at: int) -> Flag | None:
    """Read the flag at `at`, known or not; None where the word there is none."""
    match = _FLAG.match(text, at)
    if match is None:
        return None
    name, dashes = match["name"], "-" * len(match["dashes"])
    if dashes == "--" or len(name) == 1:
        typed = dashes + name
        return Flag(word=typed, typed=typed, attached=bool(match["equals"]), value_at=match.end())
    return Flag(word=f"-{name[0]}", typed=f"-{name}", attached=True, value_at=match.start("name") + 1)


def word_at(text: str, at: int) -> tuple[str, int]:
    """Return the word at `at`, without quotes around it, and its end; quotes, JSON and `{name}` may hold blanks."""
    if closers := _QUOTES.get(text[at : at + 1]):
        return _read_quoted(text, at, closers)
    key = _KEY.match(text, at)
    group = _group_end(text, key.end() if key else at)
    end = group + len(text[group:].split(maxsplit=1)[0]) if text[group : group + 1].strip() else group
    return text[at:end], end


def reference_in(text: str) -> str | None:
    """Give what stands in the braces where the text is wholly `{name}`, `{name.attr}`, `{name[0]}`."""
    return text[1:-1] if REFERENCE.fullmatch(text) else None


def strip_quotes(text: str) -> str | None:
    """Take the quotes off; None where the text is not wholly in one pair of them."""
    closers = _QUOTES.get(text[:1])
    if closers is None or _closing(text, 0, closers) != len(text) - 1:
        return None
    return text[1:-1]


def _read_quoted(text: str, at: int, closers: str) -> tuple[str, int]:
    closing = _closing(text, at, closers)
    if closing is None:
        raise InputError("a quote is not closed: {value}", advice="close it, or leave it out", value=text[at:])
    if text[closing + 1 : closing + 2].strip():
        raise InputError(
            "something follows a closing quote: {value}",
            advice="a value that holds one kind of quotes goes into the other kind",
            value=text[at:],
        )
    return text[at + 1 : closing], closing + 1


def _closing(text: str, at: int, closers: str) -> int | None:
    return min((found for sign in closers if (found := text.find(sign, at + 1)) >= 0), default=None)


def _group_end(text: str, at: int) -> int:
    if match := REFERENCE.match(text, at):
        return match.end()
    if text[at : at + 1] in {"{", "[", '"'}:
        return _json_end(text, at)
    closing = _closing(text, at, _QUOTES.get(text[at : at + 1], ""))
    return at if closing is None else closing + 1


def _json_end(text: str, at: int) -> int:
    try:
        return STRICT_JSON.raw_decode(text, at)[1]
    except (ValueError, RecursionError):
        return at
