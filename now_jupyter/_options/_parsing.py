"""From what was typed to prompt and options: a line, a cell, or the keyword arguments of a Python call.

The three faces share one table (`_options`), one reading (`_readers`) and one gathering, so that they accept the same
and refuse it in the same words. The prompt is a slice of what was typed; it is never split or unquoted.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from .._messages import InputError
from ._completion import complete
from ._readers import checked_param, checked_prompt, plain_number, refuse_credentials, refuse_unsendable
from ._table import OPTIONS, Option, closest, option, option_of_flag
from ._typed import Deferred, Flag, end_mark_at, flag_at, reference_in, skip_blanks, word_at

__all__ = [
    "Deferred",
    "Parsed",
    "complete",
    "gather",
    "parse_cell",
    "parse_keywords",
    "parse_line",
    "read_value",
    "unfold",
]

# Midjourney takes these at the end of a prompt, where they are its own business.
_MIDJOURNEY_WORDS = """
ar aspect c chaos cref cw draft exp fast hd iw loop motion niji no ow oref p personalize profile q quality r raw relax
repeat s sameseed seed sref stealth stop style stylize sv sw test testp tile turbo uplight upbeta v version video w
weird zoom
"""
_MIDJOURNEY = frozenset(_MIDJOURNEY_WORDS.split())
_LATER = re.compile(r"(?<!\S)(?:--|——?|－－)(?P<name>[A-Za-z][\w-]*)(?=[\s=＝]|\Z)")
_KEYWORDS: Mapping[str, Option] = MappingProxyType(
    {{"param": "params"}.get(one.name, one.name): one for one in OPTIONS if one.name != "help"}
)
_OF_CELLS = frozenset({"no_wait", "dry_run", "literal", "show"})
_INSTEAD = ("button", "vary", "image")
_ALIKE = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """Prompt and options; of these by name only what was given, `param` as one mapping, `tag` as a tuple.

    A value may still be `Deferred`, or hold one, until `_prompts.fill` has looked it up.
    """

    prompt: str
    options: Mapping[str, object] = field(default_factory=dict)
    help: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Head:
    options: Mapping[str, object]
    end: int
    help: bool = False


def parse_line(line: str) -> Parsed:
    """Read the line of `%nowimage`: options up to the first word that is none or up to `--`, then the prompt."""
    refuse_unsendable(line)
    head = _head_of(line)
    if head.help:
        return Parsed(prompt="", help=True)
    behind_mark = end_mark_at(line, head.end)
    if behind_mark is None:
        _refuse_later_options(line[head.end :])
    start = head.end if behind_mark is None else skip_blanks(line, behind_mark)
    return Parsed(prompt=_prompt_beside(head.options, line[start:]), options=head.options)


def parse_cell(line: str, body: str) -> Parsed:
    """Read a `%%nowimage` cell: all of the line is options, all of the body but one final newline is the prompt."""
    refuse_unsendable(line)
    head = _head_of(line)
    if head.help:
        return Parsed(prompt="", help=True)
    if head.end < len(line):
        raise InputError("{word} is no option", advice="the prompt goes below the line", word=line[head.end :])
    return Parsed(prompt=_prompt_beside(head.options, body.removesuffix("\n")), options=head.options)


def parse_keywords(prompt: str, given: Mapping[str, object]) -> Parsed:
    """Read the arguments of a Python call; None stands for "not given", `reuse=False` for `--fresh`."""
    if not isinstance(prompt, str):
        kind = type(prompt).__name__
        raise InputError("the prompt is of type {kind}, not text", advice="give a string first", kind=kind)
    pairs = (pair for name, value in given.items() if value is not None for pair in _keyword_pairs(name, value))
    options = gather(pairs)
    return Parsed(prompt=_prompt_beside(options, prompt), options=options)


def _prompt_beside(options: Mapping[str, object], text: str) -> str:
    """Return the prompt; where something is given to start from, it may be empty."""
    return text if not text.strip() and any(name in options for name in _INSTEAD) else checked_prompt(text)


def gather(pairs: Iterable[tuple[Option, object]]) -> Mapping[str, object]:
    """Put options and their values together; what is given twice or contradicts is refused."""
    options: dict[str, object] = {}
    for one, value in pairs:
        options[one.name] = _joined(one, options.get(one.name), value)
    if "reuse" in options and "fresh" in options:
        raise InputError("--reuse and --fresh contradict each other", advice="give one of them")
    _refuse_fields_given_twice(options)
    return options


def unfold(options: Mapping[str, object]) -> Iterator[tuple[Option, object]]:
    """Take gathered options apart again: one pair for every time an option was given."""
    for name, value in options.items():
        one = option(name)
        parts = value.items() if isinstance(value, Mapping) else value if isinstance(value, tuple) else [value]
        yield from ((one, part) for part in parts)


def read_value(one: Option, value: object) -> list[tuple[Option, object]]:
    """Read a Python value as if it had been typed; several values of a repeatable option at once make several pairs."""
    if one.metavar is None:
        return [(one, True)] if _is_on(one, value) else []
    if one.name == "param":
        return [(one, pair) for pair in _params_of(value)]
    values = value if one.repeatable and isinstance(value, list | tuple) else [value]
    if one.takes_values:
        return [(one, one.read(part) if isinstance(part, str) else part) for part in values]
    return [(one, one.read(_as_typed(one, part))) for part in values]


def _head_of(line: str) -> _Head:
    pairs: list[tuple[Option, object]] = []
    at = skip_blanks(line, 0)
    while flag := flag_at(line, at):
        one = _option_of(flag)
        if one.name == "help":
            return _Head(options={}, end=at, help=True)
        value, end = _value_of(one, line, flag)
        pairs.append((one, value))
        at = skip_blanks(line, end)
    return _Head(options=gather(pairs), end=at)


def _option_of(flag: Flag) -> Option:
    refuse_credentials(flag.typed)
    one = option_of_flag(flag.word)
    if one is None or _is_long_with_one_dash(flag):
        raise _unknown(flag)
    return one


def _is_long_with_one_dash(flag: Flag) -> bool:
    """Whether `-size` was typed for `--size`: read as `-s ize` it would say something else than was meant."""
    name = flag.typed.lstrip("-")
    if flag.word.startswith("--") or len(name) == 1:
        return False
    begins_alike = (long for one in OPTIONS for long in _long_names(one) if long.startswith(name[0]))
    return closest(name, begins_alike, likeness=_ALIKE) is not None


def _unknown(flag: Flag) -> InputError:
    name = flag.typed.lstrip("-")
    if option_of_flag(f"-{name}"):
        return InputError("{flag} is no option", advice="did you mean -{near}?", flag=flag.typed, near=name)
    if name in _MIDJOURNEY and not option_of_flag(f"--{name}"):
        return InputError(
            "{flag} is no option", advice="it is Midjourney's: put it at the end of the prompt", flag=flag.typed
        )
    near = closest(name, (long for one in OPTIONS for long in _long_names(one)))
    if near is None:
        return InputError("{flag} is no option", advice="--help lists them all", flag=flag.typed)
    return InputError("{flag} is no option", advice="did you mean --{near}?", flag=flag.typed, near=near)


def _value_of(one: Option, line: str, flag: Flag) -> tuple[object, int]:
    if one.metavar is None and flag.attached:
        raise InputError("{flag} takes no value", advice="give it alone", flag=flag.word)
    if one.metavar is None:
        return True, flag.value_at
    at = flag.value_at if flag.attached else skip_blanks(line, flag.value_at)
    word = word_at(line, at)
    if not word.text or (not flag.attached and _option_begins(line, at)):
        raise _value_missing(one)
    return _read_typed(one, word.text), word.end


def _option_begins(line: str, at: int) -> bool:
    flag = flag_at(line, at)
    if flag is None:
        return end_mark_at(line, at) is not None
    return flag.word == flag.typed and option_of_flag(flag.word) is not None


def _value_missing(one: Option) -> InputError:
    return InputError(
        "{flag} needs a value", advice="write {flag} {metavar}", flag=one.flags[-1], metavar=one.metavar or ""
    )


def _read_typed(one: Option, text: str) -> object:
    if one.name != "param" and (name := reference_in(text)):
        return Deferred(name)
    return one.read(text)


def _refuse_later_options(prompt: str) -> None:
    for match in _LATER.finditer(prompt):
        name = match["name"]
        if option_of_flag(f"--{name}") and name not in _MIDJOURNEY:
            raise InputError(
                "--{name} stands in the prompt",
                advice="put --{name} before the prompt, or -- before a prompt that holds it",
                name=name,
            )


def _joined(one: Option, before: object, value: object) -> object:
    if isinstance(value, tuple) and one.name == "param":
        return _with_param(before if isinstance(before, Mapping) else {}, *value)
    if one.repeatable:
        return (*before, value) if isinstance(before, tuple) else (value,)
    if before is not None:
        raise InputError("{flag} is given twice", advice="give it once", flag=one.flags[-1])
    return value


def _with_param(before: Mapping[str, object], key: str, value: object) -> Mapping[str, object]:
    if key in before:
        raise InputError("-p {key} is given twice", advice="give it once", key=key)
    return {**before, key: value}


def _refuse_fields_given_twice(options: Mapping[str, object]) -> None:
    params = options.get("param")
    fields = params if isinstance(params, Mapping) else {}
    for name in options:
        if option(name).is_sent and name in fields:
            flag = option(name).flags[-1]
            raise InputError("{flag} and -p {key} set the same field", advice="give one of them", flag=flag, key=name)


def _keyword_pairs(name: str, value: object) -> list[tuple[Option, object]]:
    one = _KEYWORDS.get(name)
    if name in _OF_CELLS:
        raise InputError(
            "{name} is an option of cells",
            advice="use it with %nowimage; in Python, nj.submit goes on at once",
            name=name,
        )
    if one is not None:
        return [(option("fresh"), True)] if name == "reuse" and value is False else read_value(one, value)
    refuse_credentials(name)
    near = closest(name, _KEYWORDS)
    if near is None:
        raise InputError("{name} is no option", advice="other fields of the request go into params={{…}}", name=name)
    raise InputError("{name} is no option", advice="did you mean {near}?", name=name, near=near)


def _is_on(one: Option, value: object) -> bool:
    if not isinstance(value, bool):
        raise InputError("{flag} is on or off", advice="give True or False", flag=one.flags[-1])
    return value


def _params_of(value: object) -> list[tuple[str, object]]:
    if not isinstance(value, Mapping):
        kind = type(value).__name__
        raise InputError("params is of type {kind}, not a dict", advice='give {{"KEY": value}}', kind=kind)
    return [checked_param(key, one) for key, one in value.items()]


def _as_typed(one: Option, value: object) -> str:
    text = _text_of(value)
    if not isinstance(text, str):
        kind = type(value).__name__
        raise InputError(
            "{flag} cannot be of type {kind}", advice="give text or a number", flag=one.flags[-1], kind=kind
        )
    refuse_unsendable(text)
    if not text:
        raise _value_missing(one)
    return text


def _text_of(value: object) -> object:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    number = plain_number(value)
    return value if number is None else str(number)


def _long_names(one: Option) -> list[str]:
    return [flag[2:] for flag in one.flags if flag.startswith("--")]
