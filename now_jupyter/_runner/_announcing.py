"""What a record takes from a relay's words, capped and cleaned here, once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._json import JSON
from .._messages import printable
from .._protocol import Found
from .._store import Record, RecordedOutput
from ._answers import source_to_json

__all__ = ["LONGEST_WORDS", "announce", "clip", "place_of"]

LONGEST_WORDS = 64 << 10  # bytes of words that a record holds; longer ones become a file
_LONGEST_TEXT = 64 << 10
_MOST_ITEMS = 1000
_DEEPEST = 12


def announce(found: Found, *, number: int) -> RecordedOutput:
    """Return what the record says of an output before it is here."""
    forms = (source_to_json(source) for source in found.sources)
    return RecordedOutput(
        key=found.key,
        number=number,
        kind=found.kind,
        is_side=found.is_side,
        about={str(name)[:80]: _clean(value) for name, value in found.about.items() if value is not None},
        handle=clip(found.handle),
        sources=tuple(form for form in forms if form is not None),
    )


def place_of(found: Found, record: Record) -> int:
    """Return the number of a new output: those that count come first, those that only come along after all others."""
    taken = {one.number for one in record.outputs}
    first = 1 if not found.is_side else max(record.expected, len(record.counted)) + 1
    return next(number for number in range(first, first + len(taken) + 1) if number not in taken)


def clip(value: Any, depth: int = 0) -> Any:  # noqa: ANN401 - JSON of a relay
    """Return JSON of a relay with its texts, lists and depth cut to what a record takes."""
    if isinstance(value, str):
        return value[:_LONGEST_TEXT]
    if isinstance(value, Mapping | list | tuple) and depth >= _DEEPEST:
        return None
    if isinstance(value, Mapping):
        pairs = list(value.items())[:_MOST_ITEMS]
        return {str(name)[:_LONGEST_TEXT]: clip(one, depth + 1) for name, one in pairs}
    if isinstance(value, list | tuple):
        return [clip(one, depth + 1) for one in value[:_MOST_ITEMS]]
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def _clean(value: JSON) -> JSON:
    clipped = clip(value)
    return printable(clipped) if isinstance(clipped, str) else clipped
