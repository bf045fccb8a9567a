"""What a front end may ask for: a closed list of actions, every field typed, every size capped.

{"id": …, "action": "star", "number": 12, "on": true}      and, for some, bytes beside it
{"re": …, …}                                               the answer
{"re": …, "error": {"lines": […]}}                         why there is none, in the words of a cell
{"re": …, "ask": {"lines": […], "agree": […]}}             it needs the user's word first
{"event": …, …}                                            told without being asked
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ._draft import Draft, read_draft
from ._validators import Form, flag, flat_text, many, moment, number, read_form, text_up_to

__all__ = ["ACTIONS", "MOST_PICTURES", "Message", "read_message"]

MOST_PICTURES = 4
"""How many can be compared at once."""

_LARGEST = 1 << 18
_LARGEST_FILE = 32 << 20
_MOST_ROWS = 200
_ID = re.compile(r"[\w-]{1,64}", re.ASCII)


def _draft(value: object) -> Draft:
    return read_draft(value)


def _spot(value: object) -> tuple[int, int]:
    if not isinstance(value, list) or len(value) != 2:  # noqa: PLR2004 - a number and a place
        raise ValueError("a picture is missing")
    return number(value[0]), number(value[1])


_word = flat_text(200)
_numbers = many(number, _MOST_ROWS)
ACTIONS: Mapping[str, Form] = MappingProxyType(
    {
        "script": {},
        "find": {"text": text_up_to(1000), "model": _word, "tag": _word, "status": _word, "starred": flag},
        "rows": {"numbers": _numbers},
        "thumbs": {"numbers": _numbers},
        "detail": {"number": number},
        "picture": {"number": number, "place": number},
        "compare": {"pictures": many(_spot, MOST_PICTURES)},
        "quote": {"draft": _draft},
        "relay": {},
        "cell": {"draft": _draft},
        "generate": {"draft": _draft, "at": moment, "agreed": many(_word, 100)},
        "stop": {"job": _word},
        "dismiss": {"job": _word},
        "star": {"number": number, "on": flag},
        "tag": {"number": number, "tag": flat_text(100), "on": flag},
        "trash": {"number": number},
        "restore": {"number": number},
        "press": {"number": number, "label": _word, "at": moment},
        "vary": {"number": number, "place": number, "at": moment},
        "edit": {"number": number, "place": number, "draft": _draft, "at": moment},
        "drop": {},
    }
)
_WITH_FILE = frozenset({"drop"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One request of a front end, checked."""

    id: str
    action: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    data: bytes = b""

    @property
    def view(self) -> str:
        """Name the view that asks: a view counts its questions behind a name of its own."""
        return self.id.rpartition("-")[0]


def read_message(content: object, buffers: Sequence[Any] = ()) -> Message:
    """Check what came over the wire.

    Raises:
        ValueError: it is none of the messages that may come.
    """
    if not isinstance(content, dict) or len(json.dumps(content)) > _LARGEST:
        raise ValueError("no message, or too large a one")
    identity, action = content.get("id"), content.get("action")
    if not isinstance(identity, str) or not _ID.fullmatch(identity):
        raise ValueError("the id is missing")
    if not isinstance(action, str) or action not in ACTIONS:
        raise ValueError("no such action")
    fields = read_form({name: one for name, one in content.items() if name not in ("id", "action")}, ACTIONS[action])
    if missing := set(ACTIONS[action]) - set(fields) - _OPTIONAL:
        raise ValueError(f"{min(missing)} is missing")
    return Message(id=identity, action=action, fields=fields, data=_file(action, buffers))


_OPTIONAL = frozenset({"text", "model", "tag", "status", "starred", "agreed"})


def _file(action: str, buffers: Sequence[Any]) -> bytes:
    if (len(buffers) == 1) != (action in _WITH_FILE):
        raise ValueError("bytes are missing or too many")
    if not buffers:
        return b""
    view = memoryview(buffers[0])
    if view.nbytes > _LARGEST_FILE:
        raise ValueError("the file is too large")
    return view.tobytes()
