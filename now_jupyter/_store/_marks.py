"""Marks of a generation and of each of its outputs: tags, of which `*` is the star, and whether it is in the trash."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from .._json import Texts
from ._record import FORMAT, Record, RecordedOutput

__all__ = ["Marks", "clean_tags", "read_marks"]

_MOST_TAGS = 100
_LONGEST_TAG = 100


class _OutputMarks(msgspec.Struct, frozen=True, omit_defaults=True):
    tags: Texts = ()
    is_trashed: bool = False


_NONE = _OutputMarks()


class Marks(msgspec.Struct, frozen=True):
    """The marks of one record; `tags` None: it has those that it was ordered with. `outputs` are by key."""

    format: int = FORMAT
    tags: Texts | None = None
    outputs: Mapping[str, _OutputMarks] = {}

    def change(self, key: str | None, **facts: Any) -> Marks:  # noqa: ANN401 - `tags` or `is_trashed`
        """Return these marks with other facts of the generation, or of the output of this key."""
        if key is None:
            return msgspec.structs.replace(self, **facts)
        marks = msgspec.structs.replace(self.outputs.get(key, _NONE), **facts)
        return msgspec.structs.replace(self, outputs={**self.outputs, key: marks})

    def put_on(self, record: Record) -> Record:
        """Return a record with these marks instead of any that it says it has."""
        outputs = tuple(_put_on(one, self.outputs.get(one.key, _NONE)) for one in record.outputs)
        return replace(record, outputs=outputs, tags=record.tags if self.tags is None else clean_tags(self.tags))


def read_marks(form: object) -> Marks:
    """Return the marks in a JSON form that may say anything; none where it does not hold any."""
    try:
        return msgspec.convert(form, Marks)
    except (msgspec.ValidationError, RecursionError):
        version = form.get("format") if isinstance(form, dict) else None
    return Marks(format=version) if isinstance(version, int) else Marks()


def clean_tags(tags: Iterable[str]) -> Texts:
    """Return each tag once, without blanks around it, in bounds."""
    return tuple(dict.fromkeys(tag.strip()[:_LONGEST_TAG] for tag in tags if tag.strip()))[:_MOST_TAGS]


def _put_on(one: RecordedOutput, marks: _OutputMarks) -> RecordedOutput:
    if (one.tags, one.is_trashed) == (marks.tags, marks.is_trashed):
        return one
    return replace(one, tags=clean_tags(marks.tags), is_trashed=marks.is_trashed)
