"""Variables in prompts and option values: `{name}` becomes the value where that name exists, all else stays as typed.

Nothing is evaluated: a reference is a name, plain attributes and items by number or quoted key. What looks like a
misspelt variable is refused, because a prompt with its braces would be paid for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import reduce
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import TypeVar

from .._messages import InputError
from ._parsing import Parsed, gather, read_value, sendable_prompt, unfold
from ._readers import check_param
from ._table import Option, closest
from ._typed import REFERENCE, Deferred, reference_in

__all__ = ["fill", "interpolate"]

_Answer = TypeVar("_Answer")
_IN_PROMPT = re.compile(r"(?<!\{)" + REFERENCE.pattern)
_PART = re.compile(r"""\.(?P<attribute>\w+)|\[(?P<number>-?[0-9]+)\]|\[(?P<quote>['"])(?P<key>[^\n]*?)(?P=quote)\]""")
_NEVER_MEANT = frozenset({"In", "Out"})  # IPython's own
_ALIKE = 0.8


def interpolate(text: str, names: Mapping[str, object]) -> str:
    """Put values in the place of `{name}`, `{name.attr}`, `{name[0]}`, `{name['key']}` where the name exists.

    Raises:
        InputError: an existing name has no such part or no text, or a name that does not exist resembles one that does.
    """
    return _IN_PROMPT.sub(lambda match: _replacement(match, names), text)


def fill(parsed: Parsed, names: Mapping[str, object], *, literal: bool) -> Parsed:
    """Complete what was typed: variables in the prompt (unless `literal`), deferred values looked up and checked."""
    if parsed.help:
        return parsed
    prompt = parsed.prompt if literal else interpolate(parsed.prompt, names)
    pairs = (pair for one, value in unfold(parsed.options) for pair in _settle(one, value, names))
    options = gather(pairs)
    return replace(parsed, prompt=sendable_prompt(prompt, options), options=options)


def _replacement(match: re.Match[str], names: Mapping[str, object]) -> str:
    if match["root"] in names:
        return _format_value(match[0], _look_up(match, names))
    if not match["path"] and (near := _near(match["root"], names)):
        raise InputError(
            "{reference} is not defined; did you mean {{{near}}}?",
            advice="use --literal if the braces are text",
            reference=match[0],
            near=near,
        )
    return match[0]


def _settle(one: Option, value: object, names: Mapping[str, object]) -> list[tuple[Option, object]]:
    match value:
        case Deferred(name):
            return read_value(one, _find_value(name, names))
        case (str(key), Deferred(name)) if reference_in(key):
            return read_value(one, _find_value(name, names))
        case (str(key), Deferred(name)):
            return [(one, check_param(key, _find_value(name, names)))]
        case _:
            return [(one, value)]


def _find_value(name: str, names: Mapping[str, object]) -> object:
    match = REFERENCE.fullmatch(f"{{{name}}}")
    if match is not None and match["root"] in names:
        return _look_up(match, names)
    near = _near(name, names)
    if near is None:
        raise InputError("{{{name}}} is not defined", advice="define it first, or give the value itself", name=name)
    raise InputError(
        "{{{name}}} is not defined; did you mean {{{near}}}?", advice="or give the value itself", name=name, near=near
    )


def _look_up(match: re.Match[str], names: Mapping[str, object]) -> object:
    return _ask(match[0], lambda: reduce(_part_of, _PART.finditer(match["path"]), names[match["root"]]))


def _part_of(value: object, part: re.Match[str]) -> object:
    if part["attribute"] is not None:
        return getattr(value, part["attribute"])
    key = part["key"] if part["number"] is None else int(part["number"])
    return value[key]  # type: ignore[index]  # what cannot be indexed says so itself


def _format_value(reference: str, value: object) -> str:
    if isinstance(value, ModuleType | FunctionType | BuiltinFunctionType | MethodType | type):
        raise InputError(
            "{reference} is of type {kind}, not text",
            advice="use --literal if the braces are text",
            reference=reference,
            kind=type(value).__name__,
        )
    return _ask(reference, lambda: str(value))


def _ask(reference: str, question: Callable[[], _Answer]) -> _Answer:
    """Return what an object of the user's says; whatever it raises becomes a refusal that does not hold it."""
    try:
        return question()
    except Exception as problem:  # noqa: BLE001 - whatever the user's own object raises
        reason = f"{type(problem).__name__} {problem}"
    raise InputError(
        "{reference} cannot be read: {reason}",
        advice="mend it, or use --literal if the braces are text",
        reference=reference,
        reason=reason,
    )


def _near(word: str, names: Mapping[str, object]) -> str | None:
    values = (name for name, value in names.items() if not (callable(value) or isinstance(value, ModuleType)))
    meant = (name for name in values if not name.startswith("_") and name not in _NEVER_MEANT)
    return closest(word, meant, likeness=_ALIKE)
