"""A folder of records: `<number>.json`, and beside it `<number>.marks`, which anyone may write.

The owner of a record writes it again and again while the job runs; a star or a tag must not wait for that and must
not be lost by it, so marks are a file of their own. What lies in the folder is believed only after it was checked.
"""

from __future__ import annotations

import json
import os
import re
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeAlias

import msgspec

from .._bounds import Bounded, plain
from .._json import JSON, Texts, read_json
from .._messages import StoreCorrupt, StoreError, StoreTooNew
from .._protocol import Key
from ._files import (
    FileStamp,
    FolderStamp,
    claim_exclusively,
    folder_stamp,
    is_long_ago,
    is_missing,
    list_names,
    move_durably,
    try_read_file,
    with_store_errors,
    write_durably,
)
from ._record import FORMAT, Record, RecordedOutput, Tags
from ._weight import settle

__all__ = ["ROOM", "Marks", "RecordFiles", "clean_tags", "encode", "highest_number", "marked", "not_here", "parse_json"]

ROOM = 240 << 20
"""Bytes of memory for the records of a folder: about 47,000 of an ordinary kind."""
Signature: TypeAlias = tuple[int, int, int]

_RECORD_NAME = re.compile(r"([1-9][0-9]{0,14})\.(?:json|marks)")
_NUMBERED_NAME = re.compile(r"([1-9][0-9]{0,14})(?:\..*)?", re.DOTALL)
_UNSURE: Signature = (0, 0, 0)
_LARGEST_INTENT = 4 << 20
_LARGEST_RECORD = 8 << 20  # what an answer may add is bounded
_LARGEST_MARKS = 1 << 20
_MOST_VALUES = 50_000  # of one record: small ones take twenty times their text in memory
_MOST_RECORDS = 100_000
_MOST_TAGS = 100
_LONGEST_TAG = 100


@dataclass(frozen=True, slots=True)
class _OutputMarks(Bounded):
    tags: Tags | None = None  # None: those of the generation
    is_trashed: bool = False


_NONE = _OutputMarks()


@dataclass(frozen=True, slots=True)
class Marks(Bounded):
    """The marks of one record; `tags` None: those that it was ordered with. `outputs` are by key."""

    format: int = FORMAT
    tags: Tags | None = None
    outputs: Mapping[Key, _OutputMarks] = field(default_factory=dict)

    def retag(self, record: Record, key: str | None, change: Callable[[Texts], Texts]) -> Marks:
        """Return these marks with other tags of the output of this key; without a key, of all that the record has."""
        if key is not None:
            (output,) = (one for one in record.outputs if one.key == key)
            own = replace(self.outputs.get(key, _NONE), tags=change(record.tags_of(output)))
            return replace(self, outputs={**self.outputs, key: own})
        outputs = {
            name: one if one.tags is None else replace(one, tags=change(one.tags)) for name, one in self.outputs.items()
        }
        return replace(self, tags=change(record.tags), outputs=outputs)

    def move(self, keys: Iterable[str], *, to_trash: bool) -> Marks:
        """Return these marks with the outputs of these keys in the trash, or out of it."""
        moved = {key: replace(self.outputs.get(key, _NONE), is_trashed=to_trash) for key in keys}
        return replace(self, outputs={**self.outputs, **moved})

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


def marked(record: Record, data: bytes) -> Record:
    """Return a record with the marks in the bytes of a file; those that cannot be read are none."""
    try:
        return read_marks(parse_json(data or b"{}")).put_on(record)
    except StoreCorrupt:
        return record


def clean_tags(tags: Iterable[str]) -> Texts:
    """Return each tag once, without blanks around it, in bounds."""
    return tuple(dict.fromkeys(tag.strip()[:_LONGEST_TAG] for tag in tags if tag.strip()))[:_MOST_TAGS]


def _put_on(one: RecordedOutput, marks: _OutputMarks) -> RecordedOutput:
    if (one.tags, one.is_trashed) == (marks.tags, marks.is_trashed):
        return one
    tags = None if marks.tags is None else clean_tags(marks.tags)
    return replace(one, tags=tags, is_trashed=marks.is_trashed)


def parse_json(data: bytes) -> object:
    """Return what JSON from a file says, which may be anything; a StoreCorrupt where it is not JSON, or too much."""
    try:
        return read_json(data, most=_MOST_VALUES)
    except ValueError as problem:
        reason = plain(problem, 60)
    raise StoreCorrupt("this is not JSON: {reason}", reason=reason)


def encode(form: Mapping[str, JSON]) -> bytes:
    """Return JSON for people and version control: a line per value, keys in order."""
    try:
        return (json.dumps(form, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which only the escaped form can carry
        return (json.dumps(form, indent=1, sort_keys=True) + "\n").encode()


def _encode_record(record: Record, *, limit: int = _LARGEST_RECORD) -> bytes:
    """Return the bytes of a record, proved to be readable again, since a record that cannot be read is lost."""
    try:
        data = encode(record.to_json())
        _read_record(data, record.number)
        if len(data) <= limit:
            return data
        reason = f"{len(data)} bytes"
    except (TypeError, ValueError, RecursionError) as problem:
        reason = type(problem).__name__
    except StoreCorrupt as problem:
        reason = problem.message()
    raise StoreError("#{number} cannot be recorded as it is: {reason}", number=record.number, reason=reason)


def _read_record(data: bytes, number: int) -> Record:
    record = Record.from_json(parse_json(data))
    if record.number != number:
        raise StoreCorrupt("the file of #{number} says that it is #{other}", number=number, other=record.number)
    return record


def not_here(number: int | str) -> StoreCorrupt:
    return StoreCorrupt("#{number} is not in this history", number=number)


def highest_number(names: Iterable[str]) -> int:
    """Return the highest number that any of these file names begins with; 0 where none does."""
    return max((int(found[1]) for name in names if (found := _NUMBERED_NAME.fullmatch(name))), default=0)


class _Known(NamedTuple):
    """What one look found: the folder's stamp, what is told by the files' signatures, and what was read.

    `weights` are the bytes that the records take, `left_out` the numbers of those that were not read for their weight.
    """

    stamp: FolderStamp | None
    signatures: Mapping[str, Signature]
    records: list[Record]
    weights: Mapping[int, int]
    damaged: tuple[str, ...]
    left_out: tuple[int, ...]


class RecordFiles:
    """The records of one folder; a file is read again only after a change.

    The newest are read, up to `room` bytes of memory for all together.
    """

    def __init__(self, folder: Path, *, room: int) -> None:
        self.folder = folder
        self._room = room
        self._known = _Known(None, {}, [], {}, (), ())  # exchanged whole: many threads may look

    def path(self, number: int, suffix: str = ".json") -> Path:
        """Return the path of a record, or with `.marks` of its marks."""
        return self.folder / f"{number}{suffix}"

    def has(self, number: int) -> bool:
        """Whether something bears this number."""
        return not is_missing(self.path(number))

    def claim(self, record: Record) -> FileStamp | None:
        """Write a record under its number if that is free, and return the stamp of its file; None where it was not."""
        limit = _LARGEST_RECORD if record.outputs else _LARGEST_INTENT
        return claim_exclusively(self.path(record.number), _encode_record(record, limit=limit))

    def put(self, record: Record) -> FileStamp:
        """Write a record, replacing its earlier state, and return the stamp of its file."""
        return write_durably(self.path(record.number), _encode_record(record))

    def try_read(self, number: int) -> Record | None:
        """Return a record with its marks; None where there is none."""
        data = try_read_file(self.path(number), limit=_LARGEST_RECORD)
        return None if data is None else self.marks(number).put_on(_read_record(data, number))

    def try_identity(self, number: int) -> str | None:
        """Return the id of the record that bears a number, which is read without its marks; None where none does."""
        data = try_read_file(self.path(number), limit=_LARGEST_RECORD)
        return None if data is None else _read_record(data, number).id

    def read(self, number: int) -> Record:
        """Return a record with its marks; StoreCorrupt where there is none or it cannot be read."""
        record = self.try_read(number)
        if record is None:
            raise not_here(number)
        return record

    def read_all(self) -> tuple[list[Record], tuple[str, ...]]:
        """Return all records in the order of their numbers, and the names of the files that cannot be read."""
        stamp = folder_stamp(self.folder)
        if stamp is None or stamp != self._known.stamp:
            self._known = self._look_again(self._known, stamp)
        return self._known.records, self._known.damaged

    @property
    def left_out(self) -> tuple[int, ...]:
        """The numbers of the oldest, the highest first, for which there was no room at the last look."""
        return self._known.left_out

    def _look_again(self, known: _Known, stamp: FolderStamp | None) -> _Known:
        now = time.time_ns()
        found = _signatures(self.folder)
        changed = {_number_in(name) for name, _ in found.items() ^ known.signatures.items()}
        before = {one.number: one for one in known.records}
        records: list[Record] = []
        weights: dict[int, int] = {}
        damaged: list[str] = []
        left_out: list[int] = []
        left = self._room
        for number in _newest_first(found):
            if left_out:
                left_out.append(number)
                continue
            try:
                record = before.get(number) if number not in changed else None
                record = record or self.try_read(number)
            except StoreError:
                damaged.append(f"{number}.json")
                continue
            if record is None:
                continue
            if record == before.get(number):  # read anew and the same: a second one would take memory beside the first
                record, weights[number] = before[number], known.weights[number]
            else:
                weights[number] = _weigh(record, found)
            left -= weights[number]
            if left < 0 or len(records) == _MOST_RECORDS:
                left_out.append(number)
            else:
                records.append(record)
        # What a change just now might leave with the same signature is read again next time.
        sure = {name: one if is_long_ago(one[0], now) else _UNSURE for name, one in found.items()}
        return _Known(stamp, sure, records[::-1], weights, tuple(damaged[::-1]), tuple(left_out))

    def newest(self, count: int) -> list[Record]:
        """Return the records of the `count` highest numbers that can be read, in order; no others are read."""
        stamp = folder_stamp(self.folder)
        if stamp is not None and stamp == self._known.stamp:
            return self._known.records[-count:]
        return list(islice(self._newest_first(), count))[::-1]

    def _newest_first(self) -> Iterator[Record]:
        for number in sorted({_number_in(name) for name in list_names(self.folder)}, reverse=True):
            with suppress(StoreError):
                record = self.try_read(number)
                if record is not None:
                    yield record

    def marks(self, number: int) -> Marks:
        """Return the marks of a record; those that cannot be read must not hide a record that can."""
        try:
            return read_marks(parse_json(try_read_file(self.path(number, ".marks"), limit=_LARGEST_MARKS) or b"{}"))
        except StoreError:
            return Marks()

    def write_marks(self, number: int, marks: Marks) -> None:
        """Replace the marks of a record, unless a later version wrote those that are there."""
        if self.marks(number).format > FORMAT:
            raise StoreTooNew("the marks of #{number} were written by a newer version", number=number)
        data = encode(msgspec.to_builtins(marks))
        if len(data) > _LARGEST_MARKS:
            reason = f"{len(data)} bytes"
            raise StoreError("#{number} cannot be recorded as it is: {reason}", number=number, reason=reason)
        write_durably(self.path(number, ".marks"), data)

    def take(self, number: int, other: RecordFiles) -> None:
        """Take a record and then its marks from another folder; done again after a crash, it moves what is left."""
        for suffix in (".json", ".marks"):
            if not is_missing(other.path(number, suffix)):
                move_durably(other.path(number, suffix), self.path(number, suffix))


@with_store_errors
def _signatures(folder: Path) -> dict[str, Signature]:
    """Return for each file what changes with it; links are none."""
    found: dict[str, Signature] = {}
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # a temporary file that got its name meanwhile
                seen = entry.stat(follow_symlinks=False)
                if not stat.S_ISLNK(seen.st_mode):
                    found[entry.name] = (seen.st_mtime_ns, seen.st_size, seen.st_ino)
    return found


def _weigh(record: Record, found: Mapping[str, Signature]) -> int:
    """Return the bytes that a record takes; of one that was cut when it was read, those of its file."""
    size = found[f"{record.number}.json"][1]
    return max(size, settle(record))


def _newest_first(found: Iterable[str]) -> list[int]:
    numbers = (_number_in(name) for name in found if name.endswith(".json"))
    return sorted((number for number in numbers if number), reverse=True)


def _number_in(name: str) -> int:
    """Return the number of a record or its marks; 0, which no record has, for other files."""
    match = _RECORD_NAME.fullmatch(name)
    return int(match[1]) if match else 0
