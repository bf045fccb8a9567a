"""Names of exported files, by a template such as `{tag}-{n:02d}`: safe on every file system, none twice."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Mapping
from datetime import datetime

from .._json import JSON
from .._messages import InputError
from .._store import readable_name, safe_name

__all__ = ["USUAL_NAMES", "FreeNames", "NameTemplate"]

USUAL_NAMES = "{ref}-{prompt}"
_NUMBERS = ("n", "seed", "width", "height")
_WORDS = ("tag", "ref", "prompt", "model")
_FIELDS = (*_NUMBERS[:1], *_WORDS, *_NUMBERS[1:], "date")
_KNOWN = " ".join(f"{{{one}}}" for one in _FIELDS)
_WIDTH = re.compile(r"0?\d{0,2}d?")
_NOTHING = re.compile(r"\Z")
_DATE = re.compile(r"(?:%[YymdHMS]|[-_.])*")
_USUAL_DATE = "%Y-%m-%d"
_LONGEST = 400

Value = JSON | datetime


class NameTemplate:
    """What files are to be called: text with fields in braces, of which numbers may have a width (`{n:03d}`)."""

    def __init__(self, text: str) -> None:
        """Read a template.

        Raises:
            InputError: it has a field that there is not, or a path in it.
        """
        if len(text) > _LONGEST or "/" in text or "\\" in text:
            raise InputError(
                "{names} names no file",
                advice="give a name without a folder: {usual}",
                names=text[:80],
                usual=USUAL_NAMES,
            )
        self._parts = [_checked(literal, name, spec, conversion) for literal, name, spec, conversion in _parse(text)]

    def fill(self, values: Mapping[str, Value]) -> str:
        """Return the name, without suffix, for what is exported; a field that has no value is left out."""
        parts = [literal + _written(name, spec, values.get(name)) for literal, name, spec in self._parts]
        return safe_name(re.sub(r"-{2,}", "-", "".join(parts)))


def _parse(text: str) -> list[tuple[str, str, str, str | None]]:
    try:
        return [(literal, name or "", spec or "", how) for literal, name, spec, how in string.Formatter().parse(text)]
    except ValueError:
        pass
    raise InputError(
        "{names} has a brace too many or too few", advice="its fields are {fields}", names=text[:80], fields=_KNOWN
    )


def _checked(literal: str, name: str, spec: str, conversion: str | None) -> tuple[str, str, str]:
    if (name and name not in _FIELDS) or conversion:
        raise InputError(
            "{{{field}}} is no field of a name",
            advice="there are {fields}",
            fields=_KNOWN,
            field=name[:40] + (f"!{conversion}" if conversion else ""),
        )
    takes = _WIDTH if name in _NUMBERS else _DATE if name == "date" else _NOTHING
    if not takes.fullmatch(spec):
        raise InputError(
            "{{{field}}} cannot be written as {spec}",
            advice="numbers take a width, {{n:03d}}; dates the parts of one, {{date:%Y%m%d}}",
            field=name,
            spec=spec[:40],
        )
    return literal, name, spec


def _written(name: str, spec: str, value: Value) -> str:
    if isinstance(value, datetime):
        return value.astimezone().strftime(spec or _USUAL_DATE)
    if isinstance(value, int) and name in _NUMBERS:
        return format(value, spec)
    if isinstance(value, str) and value:
        return value if name == "ref" else readable_name(value)
    return ""


class FreeNames:
    """Gives each name once, whatever file systems think of upper and lower case."""

    def __init__(self) -> None:
        """Begin with all names free."""
        self._taken: dict[str, int] = {}

    def take(self, name: str, suffix: str) -> str:
        """Return the name with its suffix, numbered where it is taken: `fox.png`, `fox-2.png`."""
        first = given = f"{name or 'picture'}{suffix}"
        number = self._taken.get(_folded(first), 0)
        while _folded(given) in self._taken:
            number += 1
            given = f"{first.removesuffix(suffix)}-{number}{suffix}"
        self._taken[_folded(first)] = max(number, 1)
        self._taken.setdefault(_folded(given), 1)
        return given


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()
