"""Marks of a generation and of each of its outputs: tags, of which `*` is the star, and whether it is in the trash."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import msgspec

from .._json import JSON, Texts
from ._record import FORMAT, Record, RecordedOutput

__all__ = ["Marks", "OutputMarks", "read_marks"]

_MOST_TAGS = 100
_LONGEST_TAG = 100


class OutputMarks(msgspec.Struct, frozen=True, omit_defaults=True):
    """The marks of one output."""

    tags: Texts = ()
    is_trashed: bool = False


class Marks(msgspec.Struct, frozen=True):
    """The marks of one record; `tags` None: it has those that it was ordered with. `outputs` are by key."""

    format: int = FORMAT
    tags: Texts | None = None
    outputs: Mapping[str, OutputMarks] = {}

    def of(self, key: str) -> OutputMarks:
        """Return the marks of one output."""
        return self.outputs.get(key, _NONE)

    def with_tags(self, tags: Iterable[str], key: str | None = None) -> Marks:
        """Return these marks with other tags for the generation, or for one output."""
        clean = _clean(tags)
        if key is None:
            return msgspec.structs.replace(self, tags=clean)
        return self._with(key, msgspec.structs.replace(self.of(key), tags=clean))

    def with_trash(self, key: str, *, is_trashed: bool) -> Marks:
        """Return these marks with one output put into the trash, or fetched back."""
        return self._with(key, msgspec.structs.replace(self.of(key), is_trashed=is_trashed))

    def _with(self, key: str, marks: OutputMarks) -> Marks:
        return msgspec.structs.replace(self, outputs={**self.outputs, key: marks})

    def put_on(self, record: Record) -> Record:
        """Return a record with these marks instead of any that it says it has."""
        outputs = tuple(_put_on(one, self.of(one.key)) for one in record.outputs)
        return replace(record, outputs=outputs, tags=record.tags if self.tags is None else _clean(self.tags))

    def to_json(self) -> dict[str, JSON]:
        """Return the JSON form."""
        form: dict[str, JSON] = msgspec.to_builtins(self)
        return form


_NONE = OutputMarks()


def read_marks(form: object) -> Marks:
    """Return the marks in a JSON form that may say anything; none where it does not hold any."""
    try:
        return msgspec.convert(form, Marks)
    except (msgspec.ValidationError, RecursionError):
        version = form.get("format") if isinstance(form, dict) else None
    return Marks(format=version) if isinstance(version, int) else Marks()


def _put_on(one: RecordedOutput, marks: OutputMarks) -> RecordedOutput:
    if (one.tags, one.is_trashed) == (marks.tags, marks.is_trashed):
        return one
    return replace(one, tags=_clean(marks.tags), is_trashed=marks.is_trashed)


def _clean(tags: Iterable[str]) -> Texts:
    return tuple(dict.fromkeys(tag.strip()[:_LONGEST_TAG] for tag in tags if tag.strip()))[:_MOST_TAGS]
