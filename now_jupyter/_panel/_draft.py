"""The draft: what the panel's form holds, as text, exactly as it was typed.

It is the only trait that a front end may set. A draft and a request turn into one another without loss: an option
whose value cannot be written as its text goes to `params`, as JSON. Inputs stand in it by digest, never as bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from types import MappingProxyType
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

from .._history import History
from .._json import JSON
from .._messages import InputError
from .._options import OPTIONS, Deferred, Option, Parsed, gather, option, read_param, reads_back, sendable_prompt
from .._orders import Order, order_of
from .._services import request_again
from .._store import Record
from .._values import Input, Request, Role

__all__ = [
    "FIELDS",
    "MOST_INPUTS",
    "Draft",
    "Given",
    "GivenRole",
    "Line",
    "Text",
    "Word",
    "draft_of",
    "order_from",
    "read_draft",
    "recipe_of",
    "request_of",
]

_BY_NAME: Mapping[str, Option] = MappingProxyType({one.name: one for one in OPTIONS if one.is_sent})
FIELDS: tuple[str, ...] = tuple(_BY_NAME)
"""The options that are part of a request."""

MOST_INPUTS = 20
"""How many inputs a draft can hold; what the models take is less."""

_ROLES: tuple[GivenRole, ...] = ("picture", "mask", "vary")
_HALVES = r"\ud800-\udfff"  # of characters; they cannot be encoded
Text: TypeAlias = Annotated[str, Meta(pattern=rf"\A[^{_HALVES}]*\Z")]
Line: TypeAlias = Annotated[str, Meta(pattern=rf"\A[^\n\r\0{_HALVES}]*\Z")]
Word: TypeAlias = Annotated[Line, Meta(max_length=200)]
GivenRole: TypeAlias = Literal["picture", "mask", "vary"]
_Value: TypeAlias = Annotated[Text, Meta(max_length=1 << 14)]
Pair: TypeAlias = tuple[Word, _Value]


class Given(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An input that stands in the form: a picture of the history (`ref`), or a file that the folder keeps (`name`).

    The digest is always there: in another folder, or after a number was taken anew, `ref` names another picture.
    """

    role: GivenRole
    sha256: Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
    ref: Annotated[str, Meta(pattern=r"\A(?:#[1-9][0-9]{0,14}(?:\.[1-9][0-9]{0,3})?)?\Z")] = ""
    name: Word = ""


class Draft(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands in the form. `parent` is the identity of the generation that it was filled from."""

    prompt: Annotated[Text, Meta(max_length=1 << 16)] = ""
    model: Word = ""
    service: Word = ""
    options: dict[str, _Value] = {}
    params: Annotated[tuple[Pair, ...], Meta(max_length=50)] = ()
    inputs: Annotated[tuple[Given, ...], Meta(max_length=MOST_INPUTS)] = ()
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


def order_from(draft: Draft, given: Sequence[tuple[Role, object]] = ()) -> Order:
    """Make the order that "Generate" places: never served from the history; `given` are the draft's inputs, found."""
    options = _options_of(draft)
    instead = {"image": given} if given else {}
    order = order_of(Parsed(prompt=sendable_prompt(draft.prompt, {**options, **instead}), options=options))
    return replace(order, reuse="never", given=tuple(given), parents=(draft.parent,) if draft.parent else ())


def request_of(draft: Draft, inputs: Sequence[Input] = ()) -> Request:
    """Make the request of a draft whose prompt may still be empty, to know its price; `inputs` as they are known."""
    order = order_of(Parsed(prompt=draft.prompt, options=_options_of(draft)))
    return replace(order.request, inputs=tuple(inputs))


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


def draft_of(request: Request, *, parent: str = "", given: Sequence[tuple[Input, str]] = ()) -> Draft:
    """Return the draft of a request.

    `parent` is the identity of the generation that it made, `given` are its inputs with how they are named now.
    """
    options: dict[str, str] = {}
    params: list[Pair] = [(name, _param_text(name, value)) for name, value in request.raw.items()]
    for name, value in request.params.items():
        one = _BY_NAME.get(name)
        if one is not None and str(value).strip() and reads_back(one, value):
            options[one.name] = ("on" if value else "off") if isinstance(value, bool) else str(value)
        else:
            params.append((name, _param_text(name, value)))
    return Draft(
        prompt=request.prompt,
        model=request.model or "",
        service=request.service or "",
        options=options,
        params=tuple(params),
        inputs=tuple(_given_as(one, name) for one, name in given if _can_stand(one))[:MOST_INPUTS],
        parent=parent,
    )


def _can_stand(one: Input) -> bool:
    """Whether an input of a record can stand in the form; it does where its file is gone, too, and then says so."""
    return one.role in _ROLES and re.fullmatch("[0-9a-f]{64}", one.sha256) is not None


def _given_as(one: Input, name: str) -> Given:
    role = next(role for role in _ROLES if role == one.role)
    return Given(role=role, sha256=one.sha256, ref=name if name.startswith("#") else "")


def recipe_of(record: Record, history: History) -> Draft:
    """Return the draft that makes a record again, of the same inputs."""
    again = request_again(record.request, record.model, record.service)
    return draft_of(again, parent=record.id, given=history.inputs_of(again))


def _param_text(name: str, value: JSON) -> str:
    with suppress(InputError):  # else it cannot be typed as it is
        if value and isinstance(value, str) and _param(name, value) == (name, value):
            return value
    return json.dumps(value, ensure_ascii=False)
