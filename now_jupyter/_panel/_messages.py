"""What a front end may ask for: a closed list of actions, every field typed, every size capped.

{"id": …, "action": "star", "spots": [[12, 3]], "on": true}   and, for some, bytes beside it
{"re": …, …}                                                  the answer
{"re": …, "error": {"lines": […]}}                            why there is none, in the words of a cell
{"re": …, "ask": {"lines": […], "agree": […]}}                it needs the user's word first
{"event": …, …}                                               told without being asked

A spot is what one tile stands for: the number of a generation and that of one of its outputs, or 0 for the generation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ._draft import Draft, Given, Line, Text, Word

__all__ = ["ACTIONS", "MOST_PICTURES", "MOST_SPOTS", "WITH_FILE", "Message", "read_message"]

MOST_PICTURES = 4
"""How many can be compared at once."""

MOST_SPOTS = 1000
"""How many pictures one message may mark; a front end sends several for more."""

_LARGEST = 1 << 18
_LARGEST_FILE = 32 << 20
_Id = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{1,64}\Z")]
_Number = Annotated[int, Meta(gt=0, lt=10**15)]
_Numbers = Annotated[list[_Number], Meta(max_length=200)]
_Time = Annotated[float, Meta(ge=-1e15, le=1e15)]  # in milliseconds; finite
_Tag = Annotated[Line, Meta(max_length=100)]
_Output = Annotated[int, Meta(ge=0, lt=10**4)]  # by its number; 0: the generation with all in it
_Spot = tuple[_Number, _Output]
_SPOTS = ("spots", Annotated[list[_Spot], Meta(max_length=MOST_SPOTS)])
_Agreed = Annotated[list[Word], Meta(max_length=100)]
_Masks = Annotated[list[Given], Meta(max_length=1)]
_CLICK: list[Any] = [("at", _Time), ("agreed", _Agreed, [])]
_SPOT = [("number", _Number), ("output", _Output)]
_FIELDS: Mapping[str, list[Any]] = {
    "script": [],
    "find": [
        ("text", Annotated[Text, Meta(max_length=1000)], ""),
        *[(name, Word, "") for name in ("model", "tag", "status")],
        *[(name, bool, False) for name in ("starred", "newest")],
    ],
    "choices": [],
    "rows": [("numbers", _Numbers)],
    "thumbs": [("spots", Annotated[list[_Spot], Meta(max_length=200)])],
    "detail": [("number", _Number)],
    "picture": _SPOT,
    "original": _SPOT,
    "export": [_SPOTS, ("metadata", bool)],
    "compare": [("spots", Annotated[list[_Spot], Meta(max_length=MOST_PICTURES)])],
    "quote": [("draft", Draft)],
    "relay": [],
    "cell": [("draft", Draft)],
    "generate": [("draft", Draft), *_CLICK],
    "stop": [("job", Word)],
    "dismiss": [("job", Word)],
    "star": [_SPOTS, ("on", bool)],
    "tag": [_SPOTS, ("tag", _Tag), ("on", bool)],
    "trash": [_SPOTS],
    "restore": [_SPOTS],
    "keep": [_SPOTS],
    "again": [("number", _Number), *_CLICK],
    "vary": [*_SPOT, *_CLICK],
    "press": [
        ("number", _Number),
        ("label", Word),
        *_CLICK,
        ("prompt", Annotated[Text, Meta(max_length=1 << 16)], ""),
        ("masks", _Masks, []),
    ],
    "attach": [],
    "pick": _SPOT,
    "input": [("input", Given)],
    "paintable": [("input", Given), ("masks", _Masks, [])],
    "drop": [],
    "presets": [],
    "preset": [("name", Word), ("draft", Draft)],
    "rename": [("name", Word), ("to", Word)],
    "unpreset": [("name", Word)],
    "canvas": [],
    "paint": [],
}
WITH_FILE = ("attach", "drop", "paint")
"""The actions beside which the bytes of one file come."""

ACTIONS: Mapping[str, type[msgspec.Struct]] = {
    name: msgspec.defstruct(name, fields, forbid_unknown_fields=True) for name, fields in _FIELDS.items()
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One request of a front end, checked."""

    id: str
    action: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    data: bytes = b""

    @property
    def view(self) -> str:
        """The name of the view that asks: a view counts its questions behind a name of its own."""
        return self.id.rpartition("-")[0]


def read_message(content: object, buffers: Sequence[Any] = ()) -> Message:
    """Return what came over the wire, checked.

    Raises:
        ValueError: it is none of the messages that may come.
    """
    try:
        size = len(json.dumps(content))
    except RecursionError:
        size = _LARGEST + 1
    if not isinstance(content, dict) or size > _LARGEST:
        raise ValueError("no message, or too large a one")
    given = dict(content)
    identity, action = msgspec.convert(given.pop("id", None), _Id), given.pop("action", None)
    if not isinstance(action, str) or action not in ACTIONS:
        raise ValueError("no such action")
    fields = msgspec.structs.asdict(msgspec.convert(given, ACTIONS[action]))
    return Message(id=identity, action=action, fields=fields, data=_file(action, buffers))


def _file(action: str, buffers: Sequence[Any]) -> bytes:
    if (len(buffers) == 1) != (action in WITH_FILE):
        raise ValueError("bytes are missing or too many")
    if not buffers:
        return b""
    view = memoryview(buffers[0])
    if view.nbytes > _LARGEST_FILE:
        raise ValueError("the file is too large")
    return view.tobytes()
