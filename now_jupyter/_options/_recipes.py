"""The cell that makes a picture: from a request back to the text that orders it again, exactly.

What was written by others (a file's metadata) is only shown, but must not break out of its line either.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from .._json import JSON
from .._messages import InputError
from .._values import Request
from ._parsing import prompt_in
from ._table import OPTIONS, Option

__all__ = ["cell_text", "reads_back", "request_from"]

_BY_NAME = {one.name: one for one in OPTIONS if one.is_sent}
_NEEDS_QUOTES = frozenset(" \t\"'“”‘’{}[]|=，＝｜×—－　\\")
_QUOTES = ('"', "'", "“", "‘")
_CLOSERS = {"“": "”", "‘": "’"}
_FIELD = re.compile(r"[^\W\d][\w.-]*")


def cell_text(request: Request) -> str:
    """Return the cell of a request: `%%nowimage`, or Python where an option cannot be typed in a line.

    A prompt that would be read as something else is marked as literal.
    """
    if any(_is_untypable(name, value) for name, value in request.params.items()):
        return _python_text(request)
    words = list(_words(request))
    if "{" in request.prompt or not _is_prompt_alone(request.prompt):
        words.append("--literal")
    # A cell gives its last newline to whoever wrote it, so that a prompt that ends with one needs another.
    end = "\n" if request.prompt.endswith("\n") else ""
    return "\n".join([" ".join(["%%nowimage", *words]), request.prompt + end])


def request_from(made: Mapping[str, JSON]) -> Request:
    """Return the request that a picture file says it was made with; a file may come from anywhere."""
    return Request(
        prompt=_text(made.get("prompt")) or "",
        model=_name(made.get("model")),
        service=_name(made.get("service")),
        params=_fields(made.get("params")),
        raw=_fields(made.get("raw")),
    )


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


def _python_text(request: Request) -> str:
    named = {"model": request.model, "service": request.service, "params": dict(request.raw)}
    options = {name: value for name, value in request.params.items() if name in _BY_NAME}
    given = {**options, **{name: value for name, value in named.items() if value}}
    words = [repr(request.prompt), *(f"{name}={value!r}" for name, value in given.items())]
    return f"import now_jupyter as nj\n\nnj.generate({', '.join(words)})"


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
