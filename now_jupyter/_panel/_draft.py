"""The draft: what the panel's form holds, as text, exactly as it was typed.

It is the only trait that a front end may set. A draft and a request turn into one another without loss: an option
whose value cannot be written as its text goes to `params`, as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TypeAlias

from .._json import JSON
from .._messages import InputError, NowImageError
from .._options import OPTIONS, Deferred, Option, Parsed, cell_text, checked_prompt, gather, option, read_param
from .._orders import Order, order_of
from .._values import Request
from ._validators import Form, flat_text, many, read_form, text_up_to

__all__ = ["FIELDS", "Draft", "cell_of", "draft_of", "order_from", "read_draft", "request_of"]

FIELDS: tuple[str, ...] = tuple(one.name for one in OPTIONS if one.is_sent)
"""The options that are part of a request."""

_BY_NAME: Mapping[str, Option] = MappingProxyType({one.name: one for one in OPTIONS if one.is_sent})
_LONGEST_PROMPT = 1 << 16
_LONGEST_VALUE = 1 << 14
_MOST_PARAMS = 50
Pair: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What stands in the form. `parent` is the identity of the generation that it was filled from."""

    prompt: str = ""
    model: str = ""
    service: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    params: tuple[Pair, ...] = ()
    parent: str = ""

    def to_json(self) -> dict[str, JSON]:
        """Give the form in which it travels."""
        return {
            "prompt": self.prompt,
            "model": self.model,
            "service": self.service,
            "options": dict(self.options),
            "params": [list(pair) for pair in self.params],
            "parent": self.parent,
        }


def read_draft(form: object) -> Draft:
    """Read what a front end sent.

    Raises:
        ValueError: it is no draft.
    """
    fields = read_form(form, _DRAFT)
    return Draft(**fields)


def _options(value: object) -> Mapping[str, str]:
    if not isinstance(value, dict) or not set(value) <= set(FIELDS):
        raise ValueError("options")
    return {name: _value(text) for name, text in value.items() if text != ""}


def _pair(value: object) -> Pair:
    if not isinstance(value, list) or len(value) != 2:  # noqa: PLR2004 - a key and its value
        raise ValueError("a pair")
    return _name(value[0]), _value(value[1])


_name = flat_text(200)
_value = text_up_to(_LONGEST_VALUE)
_DRAFT: Form = MappingProxyType(
    {
        "prompt": text_up_to(_LONGEST_PROMPT),
        "model": _name,
        "service": _name,
        "options": _options,
        "params": many(_pair, _MOST_PARAMS),
        "parent": flat_text(32),
    }
)


# From a draft to an order, and back


def order_from(draft: Draft) -> Order:
    """Make the order that "Generate" places: never served from the history.

    Raises:
        InputError: the prompt or an option cannot be sent.
    """
    order = order_of(Parsed(prompt=checked_prompt(draft.prompt), options=_gathered(draft)))
    return replace(order, reuse="never", parents=(draft.parent,) if draft.parent else ())


def request_of(draft: Draft) -> Request:
    """Make the request of a draft whose prompt may still be empty, to know its price.

    Raises:
        InputError: an option cannot be read.
    """
    return order_of(Parsed(prompt=draft.prompt, options=_gathered(draft))).request


def _gathered(draft: Draft) -> Mapping[str, object]:
    named = {"model": draft.model, "service": draft.service, **draft.options}
    pairs: list[tuple[Option, object]] = [
        (option(name), option(name).read(text)) for name, text in named.items() if text.strip()
    ]
    pairs += [(option("param"), _param(key, text)) for key, text in draft.params if key.strip()]
    return gather(pairs)


def _param(key: str, text: str) -> tuple[str, object]:
    name, value = read_param(f"{key.strip()}={text}")
    return name, text if isinstance(value, Deferred) else value  # names are looked up in cells only


def draft_of(request: Request, *, model: str = "", service: str = "", parent: str = "") -> Draft:
    """Return the draft of a request; `model` and `service` are those that were used where it names none."""
    options: dict[str, str] = {}
    params: list[Pair] = [(name, _param_text(name, value)) for name, value in request.raw.items()]
    for name, value in request.params.items():
        one = _BY_NAME.get(name)
        if one is not None and _says(one, str(value), value):
            options[one.name] = str(value)
        else:
            params.append((name, _param_text(name, value)))
    return Draft(
        prompt=request.prompt,
        model=request.model or model,
        service=request.service or service,
        options=options,
        params=tuple(params),
        parent=parent,
    )


def _says(one: Option, text: str, value: JSON) -> bool:
    """Whether the option, typed as this text, is this value again."""
    try:
        again = one.read(text)
    except NowImageError:
        return False
    return bool(text.strip()) and type(again) is type(value) and again == value


def _param_text(name: str, value: JSON) -> str:
    plain = value if isinstance(value, str) else ""
    if plain and _reads_back(name, plain, value):
        return plain
    return json.dumps(value, ensure_ascii=False)


def _reads_back(name: str, text: str, value: JSON) -> bool:
    try:
        return _param(name, text) == (name, value)
    except InputError:
        return False


def cell_of(request: Request, *, model: str = "", service: str = "") -> str:
    """Return the `%%nowimage` cell of a request."""
    return cell_text(request, model=model, service=service)
