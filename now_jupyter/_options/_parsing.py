"""From what was typed to prompt and options: a line, a cell, or the keyword arguments of a Python call.

The three faces share one table (`_options`), one reading (`_readers`) and one gathering, so that they accept the same
and refuse it in the same words. The prompt is a slice of what was typed; it is never split or strip_quotes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from .._messages import InputError
from ._readers import check_param, checked_prompt, plain_number, read_switch, refuse_credentials, refuse_unsendable
from ._table import OPTIONS, Option, closest, option, option_of_flag
from ._typed import Deferred, Flag, end_mark_at, flag_at, reference_in, skip_blanks, word_at

__all__ = [
    "Parsed",
    "gather",
    "parse_cell",
    "parse_keywords",
    "parse_line",
    "prompt_in",
    "read_value",
    "sendable_prompt",
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
_OF_DOCUMENT_TOOLS = re.compile(r"(?:#\|[^\n]*(?:\n|\Z))+")
_SECOND_MAGIC = re.compile(r"^[ \t]*[%％]{1,2}nowimage(?!\w)", re.MULTILINE)
_KEYWORDS: Mapping[str, Option] = {
    {"param": "params"}.get(one.name, one.name): one for one in OPTIONS if one.name != "help"
}
_LONG = tuple(one.flags[-1].removeprefix("--") for one in OPTIONS)
_OF_CELLS = frozenset({"no_wait", "dry_run", "literal", "show"})
_INSTEAD = ("button", "vary", "image", "preset", "model")  # what a model needs is known where orders are placed
_ALIKE = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """Prompt and options; of these by name only what was given, `param` as one mapping, `tag` as a tuple.

    A value may still be `Deferred`, or hold one, until `_prompts.fill` has looked it up.
    """

    prompt: str
    options: Mapping[str, object] = field(default_factory=dict)
    help: bool = False


def parse_line(line: str) -> Parsed:
    """Read the line of `%nowimage`: options up to the first word that is none or up to `--`, then the prompt."""
    options, end = _read_head(line)
    behind_mark = end_mark_at(line, end)
    if options is not None and behind_mark is None:
        _refuse_later_options(line[end:])
    return _combine(options, line[end if behind_mark is None else skip_blanks(line, behind_mark) :])


def parse_cell(line: str, body: str) -> Parsed:
    """Read a `%%nowimage` cell: all of the line is options, all of the body but one final newline is the prompt.

    `#|` lines that the body begins with are a document tool's (Quarto), unless `--literal` makes them prompt, too.
    """
    options, end = _read_head(line)
    if options is not None and end < len(line):
        raise InputError("{word} is no option", advice="the prompt goes below the line", word=line[end:])
    prompt = body.removesuffix("\n")
    return _combine(options, prompt if options is None or "literal" in options else prompt_in(prompt))


def prompt_in(body: str) -> str:
    """Return what of a cell's body is prompt: not the `#|` lines at its beginning.

    Raises:
        InputError: another magic of ours stands in it, so that two cells have become one.
    """
    if _SECOND_MAGIC.search(body):
        raise InputError(
            "a second %nowimage stands in the prompt",
            advice="put it into a cell of its own; --literal if it is meant to be drawn",
        )
    return body[match.end() :] if (match := _OF_DOCUMENT_TOOLS.match(body)) else body


def parse_keywords(prompt: str, given: Mapping[str, object]) -> Parsed:
    """Read the arguments of a Python call; None stands for "not given", `reuse=False` for `--fresh`."""
    if not isinstance(prompt, str):
        kind = type(prompt).__name__
        raise InputError("the prompt is of type {kind}, not text", advice="give a string first", kind=kind)
    pairs = (pair for name, value in given.items() if value is not None for pair in _keyword_pairs(name, value))
    return _combine(gather(pairs), prompt)


def _combine(options: Mapping[str, object] | None, text: str) -> Parsed:
    """Put options (None: help is asked for) and prompt together; beside something to start from it may be empty."""
    if options is None:
        return Parsed(prompt="", help=True)
    return Parsed(prompt=sendable_prompt(text, options), options=options)


def sendable_prompt(text: str, options: Mapping[str, object]) -> str:
    """Return a prompt that can be sent; it may be empty beside what is started from (`--vary #1`)."""
    is_needed = text.strip() or not any(name in options for name in _INSTEAD)
    return checked_prompt(text) if is_needed else text


def gather(pairs: Iterable[tuple[Option, object]]) -> Mapping[str, object]:
    """Put options and their values together; what is given twice or contradicts is refused."""
    options: dict[str, object] = {}
    for one, value in pairs:
        options[one.name] = _add_value(one, options.get(one.name), value)
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
        if not isinstance(value, bool):
            raise InputError("{flag} is on or off", advice="give True or False", flag=one.flags[-1])
        return [(one, True)] if value else []
    if one.name == "param":
        if not isinstance(value, Mapping):
            kind = type(value).__name__
            raise InputError("params is of type {kind}, not a dict", advice='give {{"KEY": value}}', kind=kind)
        return [(one, check_param(key, part)) for key, part in value.items()]
    values = value if one.repeatable and isinstance(value, list | tuple) else [value]
    if one.takes_values:
        return [(one, one.read(part) if isinstance(part, str) else part) for part in values]
    return [(one, one.read(_as_typed(one, part))) for part in values]


def _read_head(line: str) -> tuple[Mapping[str, object] | None, int]:
    """Return the options at the beginning of a line, None where one is `--help`, and where they end."""
    refuse_unsendable(line)
    pairs: list[tuple[Option, object]] = []
    at = skip_blanks(line, 0)
    while flag := flag_at(line, at):
        one = _option_of(flag)
        if one.name == "help":
            return None, at
        value, end = _value_of(one, line, flag)
        pairs.append((one, value))
        at = skip_blanks(line, end)
    return gather(pairs), at


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
    return closest(name, (long for long in _LONG if long.startswith(name[0])), likeness=_ALIKE) is not None


def _unknown(flag: Flag) -> InputError:
    name = flag.typed.lstrip("-")
    if option_of_flag(f"-{name}"):
        return InputError("{flag} is no option", advice="did you mean -{near}?", flag=flag.typed, near=name)
    if name in _MIDJOURNEY and not option_of_flag(f"--{name}"):
        return InputError(
            "{flag} is no option", advice="it is Midjourney's: put it at the end of the prompt", flag=flag.typed
        )
    near = closest(name, _LONG)
    if near is None:
        return InputError("{flag} is no option", advice="--help lists them all", flag=flag.typed)
    return InputError("{flag} is no option", advice="did you mean --{near}?", flag=flag.typed, near=near)


def _value_of(one: Option, line: str, flag: Flag) -> tuple[object, int]:
    if one.metavar is None and flag.attached:
        raise InputError("{flag} takes no value", advice="give it alone", flag=flag.word)
    if one.metavar is None:
        return True, flag.value_at
    at = flag.value_at if flag.attached else skip_blanks(line, flag.value_at)
    text, end = word_at(line, at)
    if not text or (not flag.attached and _option_begins(line, at)):
        raise _value_missing(one)
    name = reference_in(text) if one.name != "param" else None
    return Deferred(name) if name else one.read(text), end


def _option_begins(line: str, at: int) -> bool:
    flag = flag_at(line, at)
    if flag is None:
        return end_mark_at(line, at) is not None
    return flag.word == flag.typed and option_of_flag(flag.word) is not None


def _value_missing(one: Option) -> InputError:
    return InputError(
        "{flag} needs a value", advice="write {flag} {metavar}", flag=one.flags[-1], metavar=one.metavar or ""
    )


def _refuse_later_options(prompt: str) -> None:
    for match in _LATER.finditer(prompt):
        name = match["name"]
        if option_of_flag(f"--{name}") and name not in _MIDJOURNEY:
            raise InputError(
                "--{name} stands in the prompt",
                advice="put --{name} before the prompt, or -- before a prompt that holds it",
                name=name,
            )


def _add_value(one: Option, before: object, value: object) -> object:
    if isinstance(value, tuple) and one.name == "param":
        fields = before if isinstance(before, Mapping) else {}
        if value[0] in fields:
            raise InputError("-p {key} is given twice", advice="give it once", key=value[0])
        return {**fields, value[0]: value[1]}
    if one.repeatable:
        return (*before, value) if isinstance(before, tuple) else (value,)
    if before is not None:
        raise InputError("{flag} is given twice", advice="give it once", flag=one.flags[-1])
    return value


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


def _as_typed(one: Option, value: object) -> str:
    number = plain_number(value)
    text = os.fspath(value) if isinstance(value, os.PathLike) else value if number is None else str(number)
    if isinstance(value, bool) and one.read is read_switch:
        text = "on" if value else "off"
    if not isinstance(text, str):
        kind = type(value).__name__
        raise InputError(
            "{flag} cannot be of type {kind}", advice="give text or a number", flag=one.flags[-1], kind=kind
        )
    refuse_unsendable(text)
    if not text:
        raise _value_missing(one)
    return text
