"""A folder of records: `<number>.json`, and beside it `<number>.marks`, which anyone may write.

The owner of a record writes it again and again while the job runs; a star or a tag must not wait for that and must
not be lost by it, so marks are a file of their own. What lies in the folder is believed only after it was checked.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import msgspec

from .._bounds import Bounded, plain
from .._json import JSON, Texts, read_json
from .._messages import StoreCorrupt, StoreError, StoreTooNew
from .._protocol import Key
from ._files import (
    FileStamp,
    claim_exclusively,
    file_stamp,
    is_missing,
    list_names,
    move_durably,
    try_read_file,
    write_durably,
)
from ._index import RecordIndex
from ._record import FORMAT, Record, RecordedOutput, Tags
from ._signatures import Signature, number_in, size_in
from ._weight import settle

__all__ = ["ROOM", "Marks", "RecordFiles", "clean_tags", "encode", "highest_number", "marked", "not_here", "parse_json"]

ROOM = 240 << 20
"""Bytes of memory for the records of a folder: about 47,000 of an ordinary kind."""
_NUMBERED_NAME = re.compile(r"([1-9][0-9]{0,14})(?:\..*)?", re.DOTALL)
_LARGEST_INTENT = 4 << 20
_LARGEST_RECORD = 8 << 20  # what an answer may add is bounded
_LARGEST_MARKS = 1 << 20
_MOST_VALUES = 50_000  # of one record: small ones take twenty times their text in memory
_MOST_RECORDS = 100_000
_MANY = 500  # files, which take a tenth of a second
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
        tags = record.tags if self.tags is None else clean_tags(self.tags)
        if tags == record.tags and all(map(operator.is_, outputs, record.outputs)):
            return record  # as nearly all are, when many are read
        return replace(record, outputs=outputs, tags=tags)


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


@dataclass(frozen=True, slots=True)
class _Known:
    """The records that were read, with the signatures of their files and their weights, at one version of the index.

    `left_out` are the numbers of those that were not read for their weight.
    """

    version: object = None
    records: Mapping[int, tuple[Signature, int, Record]] = field(default_factory=dict)
    in_order: list[Record] = field(default_factory=list)
    damaged: tuple[str, ...] = ()
    left_out: tuple[int, ...] = ()


class RecordFiles:
    """The records of one folder; a file is read again only after a change.

    All together are read up to `room` bytes of memory, the newest first.
    """

    def __init__(self, folder: Path, *, room: int) -> None:
        """Touch nothing on the disk."""
        self.folder = folder
        self._room = room
        self.index = RecordIndex(folder, self.try_read)
        self._known = _Known()

    def path(self, number: int, suffix: str = ".json") -> Path:
        """Return the path of a record, or with `.marks` of its marks."""
        return self.folder / f"{number}{suffix}"

    def has(self, number: int) -> bool:
        """Whether something bears this number."""
        return not is_missing(self.path(number))

    def claim(self, record: Record) -> FileStamp | None:
        """Write a record under its number if that is free, and return the stamp of its file; None where it was not."""
        limit = _LARGEST_RECORD if record.outputs else _LARGEST_INTENT
        data = _encode_record(record, limit=limit)
        with self.index.following(record.number) as act:
            act.stamp = claim_exclusively(self.path(record.number), data)
            act.record = Marks().put_on(record) if act.stamp else None
            self.index.take_in_below(record.number)
            return act.stamp

    def put(self, record: Record) -> FileStamp:
        """Write a record, replacing its earlier state, and return the stamp of its file."""
        data = _encode_record(record)
        with self.index.following(record.number) as act:
            act.stamp = write_durably(self.path(record.number), data)
            act.record = Marks().put_on(record)
            return act.stamp

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

    def read_each(self, numbers: Iterable[int]) -> list[Record]:
        """Return the records of these numbers as they are on the disk, without those that are not there any more."""
        every: list[Record] = []
        for number in numbers:
            with suppress(StoreError):
                record = self.try_read(number)
                every += [] if record is None else [record]
        return every

    def read_all(self) -> tuple[list[Record], tuple[str, ...]]:
        """Return all records in the order of their numbers, and the names of the files that cannot be read."""
        self.index.refresh()
        if (version := self.index.version) != self._known.version:
            self._known = self._look_again(self._known, version)
        return self._known.in_order, self._known.damaged

    @property
    def left_out(self) -> tuple[int, ...]:
        """The numbers of the oldest, the highest first, for which there was no room at the last look."""
        return self._known.left_out

    def _look_again(self, known: _Known, version: object) -> _Known:
        records: dict[int, tuple[Signature, int, Record]] = {}
        damaged: list[str] = []
        left_out: list[int] = []
        left = self._room
        for number, signature in self.index.signatures().items():
            if left_out:
                left_out.append(number)
                continue
            before = known.records.get(number)
            if before is None or not signature or before[0] != signature:
                try:
                    record = self.try_read(number)
                except StoreError:
                    damaged.append(f"{number}.json")
                    continue
                if record is None:
                    continue
                if before is None or record != before[2]:  # else a second one would take memory beside the first
                    before = (signature, self._weigh(record, signature), record)
            records[number] = (signature, *before[1:])
            left -= before[1]
            if left < 0 or len(records) > _MOST_RECORDS:
                left_out.append(number)
                del records[number]
        in_order = [record for _, _, record in records.values()][::-1]
        return _Known(version, records, in_order, tuple(damaged[::-1]), tuple(left_out))

    def _weigh(self, record: Record, signature: Signature) -> int:
        """Return the bytes that a record takes; of one that was cut when it was read, those of its file."""
        stamp = None if signature else file_stamp(self.path(record.number))
        return max(stamp[2] if stamp else size_in(signature), settle(record))

    def newest(self, count: int) -> list[Record]:
        """Return the records of the `count` highest numbers that can be read, in order; no others are read."""
        if self.index.is_fresh:
            found = self.read_each(self.index.newest(count))
            if len(found) == min(count, self.index.count()):  # else one was spoilt where it lies
                return found[::-1]
        numbers = self._numbers()
        self._index_soon(numbers)
        return list(islice((record for number in numbers for record in self.read_each([number])), count))[::-1]

    def count(self) -> int:
        """Return how many records there are; while many of them are looked at for the first time, how many files."""
        if not self.index.is_fresh and self._index_soon(numbers := self._numbers()):
            return len(numbers)
        self.index.refresh()
        return self.index.count()

    def _numbers(self) -> list[int]:
        """Return the numbers of all files, the highest first."""
        names = (one for one in list_names(self.folder) if one.endswith(".json"))
        return sorted({number_in(one) for one in names} - {0}, reverse=True)

    def _index_soon(self, numbers: Collection[int]) -> bool:
        """Begin to take these into the index where that takes long, and tell whether it does."""
        takes_long = len(numbers) - self.index.count() > _MANY
        if takes_long:
            self.index.refresh_soon()
        return takes_long

    def marks(self, number: int) -> Marks:
        """Return the marks of a record; those that cannot be read must not hide a record that can."""
        with suppress(StoreError):
            if data := try_read_file(self.path(number, ".marks"), limit=_LARGEST_MARKS):
                return read_marks(parse_json(data))
        return Marks()

    def write_marks(self, number: int, marks: Marks) -> None:
        """Replace the marks of a record, unless a later version wrote those that are there."""
        if self.marks(number).format > FORMAT:
            raise StoreTooNew("the marks of #{number} were written by a newer version", number=number)
        data = encode(msgspec.to_builtins(marks))
        if len(data) > _LARGEST_MARKS:
            reason = f"{len(data)} bytes"
            raise StoreError("#{number} cannot be recorded as it is: {reason}", number=number, reason=reason)
        with self.index.following(number):
            write_durably(self.path(number, ".marks"), data)

    def take(self, number: int, other: RecordFiles) -> None:
        """Take a record and then its marks from another folder; done again after a crash, it moves what is left."""
        with self.index.following(number), other.index.following(number):
            for suffix in (".json", ".marks"):
                if not is_missing(other.path(number, suffix)):
                    move_durably(other.path(number, suffix), self.path(number, suffix))
