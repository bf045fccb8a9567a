"""Bounds of what comes from outside: declared with the fields of a value, held where the value is made, once.

What a relay, a folder or a front end says becomes a value whose class is `Bounded`. Each field is then cut to its bound
and made plain, so that nothing later has to look again, refuses it, or fails to write it. What has no sane form is as
if it were not there.
"""

from __future__ import annotations

import json
import re
import types
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from decimal import Decimal
from functools import cache
from itertools import islice
from typing import Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

from ._json import JSON, number_of

__all__ = [
    "Amount",
    "Bounded",
    "Content",
    "Count",
    "Few",
    "Line",
    "Moment",
    "Opaque",
    "Prose",
    "Room",
    "Span",
    "Text",
    "Word",
    "clip",
    "plain",
    "printable",
    "room_of",
]

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_UNSAFE_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}  # controls, bidi marks and the like
_JOINER = "\u200d"  # kept: emoji are made with it
_KEPT = frozenset({_JOINER, "\t", "\n"})
_HALF = re.compile("[\ud800-\udfff]")
_LARGEST = (1 << 53) - 1  # whole numbers beyond it are not the same everywhere
_HUGE = 10**19  # of numbers in JSON; text holds longer ones
_DEEPEST = 12
_LONGEST_NAME = 80
_MOST_ITEMS = 1000
_SMALL = 4 << 10  # bytes of JSON that are looked at before they are counted
_MARGIN = 16  # bytes before a value in its line
_LADDER = ((64 << 10, 1000), (16 << 10, 1000), (4 << 10, 250), (1 << 10, 60), (200, 15))  # of texts and of items


def plain(text: object, limit: int = 300) -> str:
    """Return text from outside as a short, harmless one: one line, no controls, no terminal escapes, no bidi tricks."""
    given = str(text)
    if len(given) <= limit and given.isprintable() and "  " not in given and given == given.strip():
        return given
    signs = _ESCAPES.sub("", given[: limit * 8])
    if not signs.isprintable():
        signs = "".join(c for c in signs if c.isspace() or c == _JOINER or _is_safe(c))
    safe = " ".join(signs.split())
    return safe if len(safe) <= limit else safe[: limit - 1].rstrip() + "…"


def printable(text: str) -> str:
    """Return text of many lines harmless for a terminal, with its lines and blanks as they are."""
    if text.isprintable():
        return text
    return "".join(c for c in _ESCAPES.sub("", text) if c.isprintable() or c in _KEPT or _is_safe(c))


def _is_safe(sign: str) -> bool:
    return unicodedata.category(sign) not in _UNSAFE_CATEGORIES


def clip(value: Any, room: int, make: Callable[[str], str] | None = None) -> JSON:  # noqa: ANN401 - anything
    """Return JSON cut until it needs at most `room` bytes in a file: the longest texts and lists first, then all of it.

    `make` is what becomes of its texts.
    """
    if _left_of(value, min(room, _SMALL)) >= 0:
        return _copy(value)
    for longest, most in _LADDER:
        cut = _cut(value, longest, most, make or _whole_characters)
        if room_of(cut) <= room:
            return cut
    return None


def _copy(value: Any) -> JSON:  # noqa: ANN401 - sound JSON
    """Return JSON that does not change where whoever gave it changes theirs."""
    if type(value) is dict:
        return {name: _copy(one) for name, one in value.items()}
    return [_copy(one) for one in value] if type(value) is list else value


def _left_of(value: Any, room: int, depth: int = 0) -> int:  # noqa: ANN401 - anything
    """Return the room that is left beside JSON which is small, of plain ASCII, and needs no cut; else less than 0."""
    kind = type(value)
    if kind is str:
        return room - 2 * len(value) - _MARGIN if value.isascii() and value.isprintable() else -1
    if kind is int or kind is float:
        return room - 2 * _MARGIN if -_HUGE < value < _HUGE else -1
    if value is None or kind is bool:
        return room - _MARGIN
    if kind not in (dict, list) or depth == _DEEPEST:
        return -1
    for part in value:
        is_sound = kind is list or (type(part) is str and len(part) <= _LONGEST_NAME)
        room = _left_of(part, room - _MARGIN, depth + 1) if is_sound and room >= 0 else -1
        if kind is dict:
            room = _left_of(value[part], room, depth + 1) if room >= 0 else -1
    return room


def room_of(value: JSON) -> int:
    """Return how many bytes of a file JSON needs at the most, each value in a line of its own."""
    text = json.dumps(value, ensure_ascii=False)
    return len(text.encode()) + _MARGIN * sum(text.count(sign) for sign in ",[{")


def _cut(value: Any, longest: int, most: int, make: Callable[[str], str], depth: int = 0) -> JSON:  # noqa: ANN401
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value if -_HUGE < value < _HUGE else None
    if not isinstance(value, Mapping | list | tuple):
        return make(str(value)[:longest])
    if depth >= _DEEPEST:
        return None
    if isinstance(value, Mapping):
        pairs = islice(value.items(), most)
        return {make(str(name)[:_LONGEST_NAME]): _cut(one, longest, most, make, depth + 1) for name, one in pairs}
    return [_cut(one, longest, most, make, depth + 1) for one in value[:most]]


def _whole_characters(text: str) -> str:
    return text if text.isascii() else _HALF.sub("?", text)


# What a field may be


@dataclass(frozen=True, slots=True)
class Text:
    """Of a text: at most so many characters; in one line and plain, in many lines and plain, or as it is."""

    most: int
    form: Literal["line", "lines", "opaque"] = "line"

    def fit(self, value: str) -> str:
        """Return a text within this bound."""
        if self.form == "line":
            return plain(value, self.most)
        return printable(value[: self.most]) if self.form == "lines" else _whole_characters(value[: self.most])


@dataclass(frozen=True, slots=True)
class Span:
    """Of a number: what is outside becomes what is nearest, or `is_strict`: is as if it were not there.

    An amount of money is always meant strictly.
    """

    least: float
    most: float
    is_strict: bool = False

    def fit(self, value: Any) -> Any:  # noqa: ANN401 - a number, and of its kind again
        """Return a number within this bound."""
        nearest = min(max(value, self.least), self.most)
        return _UNFIT if self.is_strict and nearest != value else nearest


@dataclass(frozen=True, slots=True)
class Few:
    """Of a sequence or a mapping: at most so many items."""

    most: int


@dataclass(frozen=True, slots=True)
class Content:
    """Of what the user typed, or was paid for: as it is, and of any length."""


@dataclass(frozen=True, slots=True)
class Room:
    """Of JSON: at most so many bytes of a file; `is_shown`: its texts are made plain."""

    most: int
    is_shown: bool = False

    def fit(self, value: Any) -> JSON:  # noqa: ANN401 - anything
        """Return JSON within this bound."""
        if value is None or (type(value) is dict and not value):
            return value
        return clip(value, self.most, printable if self.is_shown else None)


Word: TypeAlias = Annotated[str, Text(200)]
Line: TypeAlias = Annotated[str, Text(2000)]
Prose: TypeAlias = Annotated[str, Text(64 << 10, "lines")]
Opaque: TypeAlias = Annotated[str, Text(8193, "opaque")]  # a sign more than any link may have: then it is refused
Count: TypeAlias = Annotated[int, Span(0, _LARGEST)]
Moment: TypeAlias = Annotated[float, Span(0, 2.5e11)]  # Unix seconds that calendars can still write
Amount: TypeAlias = Annotated[Decimal, Span(0, 10**18)]


class Bounded:
    """A dataclass whose fields are within their bounds from the moment it is made; see the types above.

    A field that has no bound of its own has that of its type: `Prose`, `Room`, or what a calendar or a file can hold.
    """

    __slots__ = ()

    def __post_init__(self) -> None:
        """Put each field within its bound."""
        for name, fit, default, instead in _rules_of(type(self)):  # type: ignore[arg-type]  # a class is hashable
            value = getattr(self, name)
            if value is default:
                continue
            fitted = fit(value)
            if fitted is not value:
                object.__setattr__(self, name, instead() if fitted is _UNFIT else fitted)


_Fit: TypeAlias = Callable[[Any], Any]
_UNFIT: Any = object()
_EMPTY: Mapping[Any, Any] = {str: "", int: 0, float: 0.0, bool: False, tuple: (), Mapping: {}}


@cache
def _rules_of(kind: type) -> list[tuple[str, _Fit, Any, Callable[[], Any]]]:
    hints = get_type_hints(kind, include_extras=True)
    every = ((one, hints[one.name]) for one in fields(kind))
    return [(one.name, _fit_of(hint), one.default, _instead_of(one, hint)) for one, hint in every]


def _instead_of(one: Any, hint: Any) -> Callable[[], Any]:  # noqa: ANN401 - a dataclass's field and its type
    if one.default_factory is not MISSING:
        factory: Callable[[], Any] = one.default_factory
        return factory
    empty = _EMPTY.get(_bare(hint)) if one.default is MISSING else one.default
    return lambda: empty


def _bare(hint: Any) -> Any:  # noqa: ANN401 - a type
    while get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    return get_origin(hint) or hint


def _fit_of(hint: Any, bound: Any = None) -> _Fit:  # noqa: ANN401, PLR0911 - a type, and each kind of it
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        if Content() in parts[1:]:
            kind = _bare(parts[0])
            return lambda value: value if isinstance(value, kind) else _UNFIT
        known = [one for one in parts[1:] if isinstance(one, Text | Span | Few | Room)]
        return _fit_of(parts[0], known[0] if known else bound)
    if origin is Literal:
        return lambda value: value if value in parts else _UNFIT
    if origin in (Union, types.UnionType):
        return _fit_of_union(parts, bound)
    if origin is tuple and parts[-1] is Ellipsis:
        return _fit_of_list(_fit_of(parts[0]), bound.most if bound else _MOST_ITEMS)
    if origin is tuple:
        return _fit_of_row([_fit_of(part) for part in parts])
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _fit_of_mapping(parts, bound)
    if hint is Any:
        return (bound or Room(64 << 10)).fit
    if hint in _FITS:
        return _FITS[hint](bound)
    return lambda value: value if isinstance(value, hint if isinstance(hint, type) else object) else _UNFIT


def _fit_of_union(parts: tuple[Any, ...], bound: Any) -> _Fit:  # noqa: ANN401 - types, and a bound
    fits = [_fit_of(part, bound) for part in parts if part is not type(None)]
    empty = None if type(None) in parts else _UNFIT

    def fit(value: Any) -> Any:  # noqa: ANN401 - anything
        return next((found for one in fits if value is not None and (found := one(value)) is not _UNFIT), empty)

    return fit


def _fit_of_list(fit_one: _Fit, most: int) -> _Fit:
    def fit(value: Any) -> Any:  # noqa: ANN401 - anything
        if not isinstance(value, list | tuple):
            return _UNFIT
        fitted = tuple(one for one in map(fit_one, value[:most]) if one is not _UNFIT)
        return value if isinstance(value, tuple) and _is_same(fitted, value) else fitted

    return fit


def _fit_of_row(fits: list[_Fit]) -> _Fit:
    def fit(value: Any) -> Any:  # noqa: ANN401 - anything
        if not isinstance(value, list | tuple) or len(value) != len(fits):
            return _UNFIT
        fitted = tuple(one(part) for one, part in zip(fits, value, strict=True))
        return _UNFIT if _UNFIT in fitted else fitted

    return fit


def _fit_of_mapping(parts: tuple[Any, ...], bound: Any) -> _Fit:  # noqa: ANN401 - types, and a bound
    if parts[1] is Any:
        room = bound or Room(64 << 10)
        return lambda value: (room.fit(value) or {}) if isinstance(value, Mapping) else _UNFIT
    fit_name, fit_one = _fit_of(parts[0], Text(_LONGEST_NAME)), _fit_of(parts[1])
    most = bound.most if bound else _MOST_ITEMS

    def fit(value: Any) -> Any:  # noqa: ANN401 - anything
        if not isinstance(value, Mapping):
            return _UNFIT
        pairs = ((fit_name(str(key)), fit_one(one)) for key, one in islice(value.items(), most))
        return {key: one for key, one in pairs if one is not _UNFIT}

    return fit


def _is_same(one: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))


def _fit_of_text(bound: Text | None) -> _Fit:
    bound = bound or Text(64 << 10, "lines")
    return lambda value: bound.fit(value) if isinstance(value, str) else _UNFIT


def _fit_of_whole(bound: Span | None) -> _Fit:
    bound = bound or Span(-_LARGEST, _LARGEST)
    return lambda value: bound.fit(value) if isinstance(value, int) and not isinstance(value, bool) else _UNFIT


def _fit_of_float(bound: Span | None) -> _Fit:
    bound = bound or Span(-1e15, 1e15)

    def fit(value: Any) -> Any:  # noqa: ANN401 - anything
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and value == value  # noqa: PLR0124
        return bound.fit(value) if is_number else _UNFIT

    return fit


def _fit_of_amount(bound: Span | None) -> _Fit:
    bound = bound or Span(-(10**18), 10**18)

    def fit(value: Any) -> Any:  # noqa: ANN401 - anything
        number = number_of(value)
        is_within = number is not None and bound.least <= number <= bound.most
        return (number or Decimal(0)) if is_within else _UNFIT  # not the zero that has a sign

    return fit


_FITS: Mapping[Any, Callable[[Any], _Fit]] = {
    str: _fit_of_text,
    bool: lambda _: lambda value: value if isinstance(value, bool) else _UNFIT,
    int: _fit_of_whole,
    float: _fit_of_float,
    Decimal: _fit_of_amount,
}
