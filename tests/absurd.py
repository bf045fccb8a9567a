"""Values that no sane relay, folder or front end gives, and forms made from the types that read them."""

from __future__ import annotations

import dataclasses
import enum
import importlib
import json
import pkgutil
import sys
import types
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import now_jupyter
from now_jupyter._bounds import Bounded, Content

__all__ = [
    "ABSURD",
    "DIGITS",
    "absurd_for",
    "bounded_types",
    "encoded",
    "is_free",
    "places",
    "sample",
    "sample_of",
    "sound",
    "with_part",
]

DIGITS = "@5000 digits@"
CONTROLS = "a\x1b[2J\x1b]0;t\x07b\u202e\u2066c\r\n\x00d\u2028e\x9b1m"


def _nested(depth: int) -> Any:
    form: Any = "x"
    for _ in range(depth):
        form = {"a": [form]}
    return form


ABSURD: Mapping[str, Any] = {
    "nothing": None,
    "true": True,
    "a negative": -1,
    "a fraction": -0.5,
    "a whole number of 401 digits": 10**400,
    "a number of 5000 digits": DIGITS,
    "infinity": float("inf"),
    "no number": float("nan"),
    "digits without end": "0." + "1" * 50_000,
    "an exponent": "1E+999999999",
    "a long text": "x" * 150_000,
    "a long text of wide signs": "狐" * 70_000,
    "controls": CONTROLS,
    "many lines": "line\n" * 5000,
    "a long link": "https://" + "a" * 100_000,
    "half a sign": "a\ud800b",
    "many items": [{"a": 1}] * 2000,
    "many numbers": list(range(20_000)),
    "many names": {f"name {at}": at for at in range(5000)},
    "odd names": {CONTROLS: CONTROLS, "n" * 10_000: "v" * 10_000},
    "depth": _nested(45),
    "depth beyond reason": _nested(300),
}


def encoded(form: Any) -> bytes:
    """JSON of a form as a stranger writes it: infinity, halves of signs, and a number of thousands of digits."""
    return json.dumps(form).replace(json.dumps(DIGITS), "9" * 5000).encode()


def absurd_for(form: Any, *, share: int = 1) -> Iterator[Any]:
    """Yield a form with each of its places absurd in turn; with a `share`, each place has one in so many values.

    Neighbours have different ones, so that each value stands somewhere.
    """
    for turn, at in enumerate(places(form)):
        yield from (with_part(form, at, absurd) for absurd in list(ABSURD.values())[turn % share :: share])


def bounded_types() -> list[type[Bounded]]:
    """Every class of the package whose fields are bounded, found by looking."""
    for module in pkgutil.walk_packages(now_jupyter.__path__, "now_jupyter."):
        if ".demo" not in module.name:
            importlib.import_module(module.name)
    return sorted(_below(Bounded), key=lambda one: one.__name__)


def _below(kind: type) -> Iterator[type]:
    for one in kind.__subclasses__():
        if getattr(sys.modules[one.__module__], one.__name__, None) is one:  # a class with slots is made twice
            yield one
        yield from _below(one)


def is_free(kind: type, name: str) -> bool:
    """Whether a field holds what the user typed or paid for, which has no bound."""
    hint = get_type_hints(kind, include_extras=True)[name]
    return get_origin(hint) is Annotated and Content() in get_args(hint)[1:]


def sample(kind: type) -> dict[str, Any]:
    """A sound JSON form of a dataclass, with every field filled."""
    hints = get_type_hints(kind, include_extras=True)
    return {one.name: sample_of(hints[one.name]) for one in dataclasses.fields(kind) if not one.metadata}


def sound(kind: type) -> Any:
    """A sound value of a dataclass, with every field filled."""
    hints = get_type_hints(kind, include_extras=True)
    return kind(**{one.name: _value_of(hints[one.name]) for one in dataclasses.fields(kind)})


def _value_of(hint: Any) -> Any:
    while get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    if get_origin(hint) in (Union, types.UnionType):
        return _value_of(next(part for part in get_args(hint) if part is not type(None)))
    if get_origin(hint) is tuple:
        return tuple(_value_of(part) for part in get_args(hint) if part is not Ellipsis)
    if dataclasses.is_dataclass(hint):
        return sound(hint)
    return hint(sample_of(hint)) if hint is Decimal or isinstance(hint, enum.EnumType) else sample_of(hint)


def sample_of(hint: Any) -> Any:  # noqa: PLR0911 - one for each kind of type
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        pattern = next((one.pattern for one in parts[1:] if getattr(one, "pattern", None)), "")
        return "0" * 32 if "32" in pattern else sample_of(parts[0])
    if origin is Literal:
        return parts[0]
    if origin in (Union, types.UnionType):
        return sample_of(next(part for part in parts if part is not type(None)))
    if origin is tuple:
        return [sample_of(part) for part in parts if part is not Ellipsis]
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {"a": sample_of(parts[1])}
    if dataclasses.is_dataclass(hint):
        return sample(hint)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return next(iter(hint)).value
    return {str: "a" * 64, int: 1, float: 1.0, bool: True, Decimal: "1"}.get(hint, {"a": "x"})


def places(form: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a JSON form, from the outside in."""
    pairs = form.items() if isinstance(form, dict) else enumerate(form) if isinstance(form, list) else ()
    for key, value in pairs:
        yield (*at, key)
        yield from places(value, (*at, key))


def with_part(form: Any, at: tuple[Any, ...], part: Any) -> Any:
    """The form with another part at a place."""
    if not at:
        return part
    copy = dict(form) if isinstance(form, dict) else list(form)
    copy[at[0]] = with_part(form[at[0]], at[1:], part)
    return copy
