"""The draft: what the panel's form holds, as text, exactly as it was typed.

It is the only trait that a front end may set. A draft and a request turn into one another without loss: an option
whose value cannot be written as its text goes to `params`, as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from types import MappingProxyType
from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from .._json import JSON
from .._messages import InputError
from .._options import OPTIONS, Deferred, Option, Parsed, checked_prompt, gather, option, read_param, reads_back
from .._orders import Order, order_of
from .._services import request_again
from .._store import Record
from .._values import Request

__all__ = ["FIELDS", "Draft", "Line", "Text", "Word", "draft_of", "order_from", "read_draft", "recipe_of", "request_of"]

_BY_NAME: Mapping[str, Option] = MappingProxyType({one.name: one for one in OPTIONS if one.is_sent})
FIELDS: tuple[str, ...] = tuple(_BY_NAME)
"""The options that are part of a request."""

_HALVES = r"\ud800-\udfff"  # of characters; they cannot be encoded
Text: TypeAlias = Annotated[str, Meta(pattern=rf"\A[^{_HALVES}]*\Z")]
Line: TypeAlias = Annotated[str, Meta(pattern=rf"\A[^\n\r\0{_HALVES}]*\Z")]
Word: TypeAlias = Annotated[Line, Meta(max_length=200)]
_Value: TypeAlias = Annotated[Text, Meta(max_length=1 << 14)]
Pair: TypeAlias = tuple[Word, _Value]


class Draft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands in the form. `parent` is the identity of the generation that it was filled from."""

    prompt: Annotated[Text, Meta(max_length=1 << 16)] = ""
    model: Word = ""
    service: Word = ""
    options: dict[str, _Value] = {}
    params: Annotated[tuple[Pair, ...], Meta(max_length=50)] = ()
    parent: Annotated[Line, Meta(max_length=32)] = ""

    def __post_init__(self) -> None:
        """Take no options but those of a request."""
        if not _BY_NAME.keys() >= self.options.keys():
            raise ValueError("an option is not known")

    def to_json(self) -> dict[str, JSON]:
        """Return the form in which it travels."""
        form: dict[str, JSON] = msgspec.to_builtins(self)
        return form


def read_draft(form: object) -> Draft:
    """Return what a front end sent, checked.

    Raises:
        ValueError: it is no draft.
    """
    return msgspec.convert(form, Draft)


# From a draft to an order, and back


def order_from(draft: Draft) -> Order:
    """Make the order that "Generate" places: never served from the history."""
    order = order_of(Parsed(prompt=checked_prompt(draft.prompt), options=_options_of(draft)))
    return replace(order, reuse="never", parents=(draft.parent,) if draft.parent else ())


def request_of(draft: Draft) -> Request:
    """Make the request of a draft whose prompt may still be empty, to know its price."""
    return order_of(Parsed(prompt=draft.prompt, options=_options_of(draft))).request


def _options_of(draft: Draft) -> Mapping[str, object]:
    named = {"model": draft.model, "service": draft.service, **draft.options}
    pairs: list[tuple[Option, object]] = [
        (option(name), option(name).read(text)) for name, text in named.items() if text.strip()
    ]
    pairs += [(option("param"), _param(key, text)) for key, text in draft.params if key.strip()]
    return gather(pairs)


def _param(key: str, text: str) -> tuple[str, object]:
    name, value = read_param(f"{key.strip()}={text}")
    return name, text if isinstance(value, Deferred) else value  # names are looked up in cells only


def draft_of(request: Request, *, parent: str = "") -> Draft:
    """Return the draft of a request; `parent` is the identity of the generation that it made."""
    options: dict[str, str] = {}
    params: list[Pair] = [(name, _param_text(name, value)) for name, value in request.raw.items()]
    for name, value in request.params.items():
        one = _BY_NAME.get(name)
        if one is not None and str(value).strip() and reads_back(one, value):
            options[one.name] = str(value)
        else:
            params.append((name, _param_text(name, value)))
    return Draft(
        prompt=request.prompt,
        model=request.model or "",
        service=request.service or "",
        options=options,
        params=tuple(params),
        parent=parent,
    )


def recipe_of(record: Record) -> Draft:
    """Return the draft that makes a record again."""
    return draft_of(request_again(record.request, record.model, record.service), parent=record.id)


def _param_text(name: str, value: JSON) -> str:
    with suppress(InputError):  # else it cannot be typed as it is
        if value and isinstance(value, str) and _param(name, value) == (name, value):
            return value
    return json.dumps(value, ensure_ascii=False)
