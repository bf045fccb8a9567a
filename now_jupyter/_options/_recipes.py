"""The cell that makes a picture: from a request back to the text that orders it again, exactly.

What was written by others (a file's metadata) is only shown, but must not break out of its line either.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import cast, get_args

from .._json import JSON
from .._messages import InputError
from .._values import Input, Request, Role
from ._parsing import Parsed, prompt_in
from ._table import OPTIONS, Option, option

__all__ = ["cell_text", "reads_back", "request_from", "request_typed"]

_BY_NAME = {one.name: one for one in OPTIONS if one.is_sent}
_FLAGS: Mapping[str, Option] = {
    role: next(one for one in OPTIONS if one.name == name)
    for role, name in (("picture", "image"), ("mask", "mask"), ("vary", "vary"), ("press", "image"))
}
_NEEDS_QUOTES = frozenset(" \t\"'“”‘’{}[]|=，＝｜×—－　\\")
_QUOTES = ('"', "'", "“", "‘")
_CLOSERS = {"“": "”", "‘": "’"}
_FIELD = re.compile(r"[^\W\d][\w.-]*")


def cell_text(request: Request, given: Sequence[tuple[Role, str]] = ()) -> str:
    """Return the cell of a request: `%%nowimage`, or Python where an option cannot be typed in a line.

    `given` names what it is given, by reference or path. A prompt that would be read as something else is marked as
    literal.
    """
    named = [(_FLAGS[role], name) for role, name in given if role in _FLAGS and name]
    cannot_be_typed = any(_quote(name) is None for _, name in named)
    if cannot_be_typed or any(_is_untypable(name, value) for name, value in request.params.items()):
        return _python_text(request, named)
    words = [*_words(request), *(f"{one.flags[0]} {_quote(name)}" for one, name in named)]
    if request.button and (label := _quote(request.button)):
        words.append(f"--button {label}")
    if "{" in request.prompt or not _is_prompt_alone(request.prompt):
        words.append("--literal")
    # A cell gives its last newline to whoever wrote it, so that a prompt that ends with one needs another.
    end = "\n" if request.prompt.endswith("\n") else ""
    return "\n".join([" ".join(["%%nowimage", *words]), request.prompt + end])


def request_typed(parsed: Parsed) -> Request:
    """Return the request in what was typed; what it is given (`-i`) is found later."""
    options = parsed.options
    return Request(
        prompt=parsed.prompt,
        model=_text_of(options.get("model")),
        service=_text_of(options.get("service")),
        params={name: cast("JSON", value) for name, value in options.items() if option(name).is_sent},
        raw=dict(cast("Mapping[str, JSON]", options.get("param", {}))),
        button=_text_of(options.get("button")),
    )


def _text_of(value: object) -> str | None:
    return str(value) if value else None


def request_from(made: Mapping[str, JSON]) -> Request:
    """Return the request that a picture file says it was made with; a file may come from anywhere."""
    return Request(
        prompt=_text(made.get("prompt")) or "",
        model=_name(made.get("model")),
        service=_name(made.get("service")),
        params=_fields(made.get("params")),
        raw=_fields(made.get("raw")),
        inputs=tuple(_inputs(made.get("inputs"))),
        button=_name(made.get("button")),
    )


def _inputs(value: JSON) -> Iterator[Input]:
    """Yield what a file says that its request was given: by role, identity and digest."""
    for one in value if isinstance(value, list) else ():
        if isinstance(one, Mapping) and one.get("role") in get_args(Role):
            identity = _text(one.get("id")) or _text(one.get("sha256")) or ""
            yield Input(role=cast("Role", one["role"]), id=identity, sha256=_text(one.get("sha256")) or "")


def _text(value: JSON) -> str | None:
    return value if isinstance(value, str) and value else None


def _name(value: JSON) -> str | None:
    name = _text(value)
    return name if name and name.isprintable() else None  # one that is cleaned names something else


def _fields(value: JSON) -> Mapping[str, JSON]:
    return {str(name): one for name, one in value.items()} if isinstance(value, Mapping) else {}


def _is_prompt_alone(prompt: str) -> bool:
    try:
        return prompt_in(prompt) == prompt
    except InputError:
        return False


def _is_untypable(name: str, value: JSON) -> bool:
    return name in _BY_NAME and reads_back(_BY_NAME[name], value) and _quote(str(value)) is None


def _python_text(request: Request, named: Sequence[tuple[Option, str]]) -> str:
    words = {"model": request.model, "service": request.service, "params": dict(request.raw)}
    inputs: dict[str, object] = {one.name: name for one, name in named if not one.repeatable}
    if pictures := [name for one, name in named if one.repeatable]:
        inputs["image"] = pictures
    options = {name: value for name, value in request.params.items() if name in _BY_NAME}
    given = {**options, **{name: value for name, value in words.items() if value}, **inputs}
    arguments = [repr(request.prompt), *(f"{name}={value!r}" for name, value in given.items())]
    return f"import now_jupyter as nj\n\nnj.generate({', '.join(arguments)})"


def _words(request: Request) -> Iterator[str]:
    for flag, named in (("--model", request.model), ("--service", request.service)):
        if named and (quoted := _quote(named)):
            yield f"{flag} {quoted}"
    for name, value in request.params.items():
        if word := _option_word(_BY_NAME.get(name), value) or _param_word(name, value):
            yield word
    yield from (word for name, value in request.raw.items() if (word := _param_word(name, value)))


def _option_word(one: Option | None, value: JSON) -> str | None:
    """Return an option with its value, where that reads back as what it is."""
    if one is None or not isinstance(value, str | int):
        return None
    text = ("on" if value else "off") if isinstance(value, bool) else _quote(str(value))
    return f"{one.flags[-1]} {text}" if text and reads_back(one, value) else None


def reads_back(one: Option, value: JSON) -> bool:
    """Whether an option, typed as the text of this value, is this value again."""
    try:
        read = one.read(str(value))
    except InputError:
        return False
    return type(read) is type(value) and read == value


def _param_word(name: str, value: JSON) -> str | None:
    if not _FIELD.fullmatch(name):
        return None
    text = json.dumps(value, ensure_ascii=False)
    return f"--param {name}={text if text.isprintable() else json.dumps(value)}"


def _quote(text: str) -> str | None:
    """Put a value into quotes where it needs them; None where it cannot stand in a line."""
    if not text.isprintable() or not text:
        return None
    if not _NEEDS_QUOTES & set(text) and not text.startswith("-"):
        return text
    return next((sign + text + end for sign in _QUOTES if _holds(sign, end := _CLOSERS.get(sign, sign), text)), None)


def _holds(sign: str, end: str, text: str) -> bool:
    return sign not in text and end not in text and not (text.startswith("{") and text.endswith("}"))
