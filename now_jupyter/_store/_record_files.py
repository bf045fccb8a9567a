"""A folder of records: `<number>.json`, and beside it `<number>.marks`, which anyone may write.

The owner of a record writes it again and again while the job runs; a star or a tag must not wait for that and must
not be lost by it, so marks are a file of their own. What lies in the folder is believed only after it was checked.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from .._json import JSON
from .._messages import StoreCorrupt, StoreError, StoreTooNew
from ._files import (
    FolderStamp,
    claim_exclusively,
    folder_stamp,
    is_long_ago,
    is_missing,
    list_names,
    move_durably,
    try_read_file,
    write_durably,
)
from ._marks import Marks, read_marks
from ._os_errors import with_store_errors
from ._record import FORMAT, Record

__all__ = ["RecordFiles", "encode", "highest_number", "parse_json"]

Signature: TypeAlias = tuple[int, int, int]
_Signatures: TypeAlias = tuple[Signature, Signature | None]  # of a record and of its marks

_RECORD_NAME = re.compile(r"([1-9][0-9]{0,14})\.json")
_NUMBERED_NAME = re.compile(r"([1-9][0-9]{0,14})(?:\..*)?", re.DOTALL)
_LARGEST_RECORD = 4 << 20
_LARGEST_MARKS = 1 << 20
_MOST_RECORDS = 100_000


def parse_json(data: bytes) -> object:
    """Return what JSON from a file says, which may be anything.

    Raises:
        StoreCorrupt: it is not JSON.
    """
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as problem:
        reason = type(problem).__name__
    raise StoreCorrupt("this is not JSON: {reason}", reason=reason)


def encode(form: Mapping[str, JSON]) -> bytes:
    """Return JSON for people and version control: a line per value, keys in order."""
    try:
        return (json.dumps(form, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which only the escaped form can carry
        return (json.dumps(form, indent=1, sort_keys=True) + "\n").encode()


def _encode_record(record: Record) -> bytes:
    """Return the bytes of a record, proved to be readable again, since a record that cannot be read is lost."""
    data = b""
    try:
        data = encode(record.to_json())
        _read_record(data, record.number)
        reason = f"{len(data)} bytes" if len(data) > _LARGEST_RECORD else ""
    except (TypeError, ValueError, RecursionError) as problem:
        reason = type(problem).__name__
    except StoreCorrupt as problem:
        reason = problem.message()
    if reason:
        raise StoreError("#{number} cannot be recorded as it is: {reason}", number=record.number, reason=reason)
    return data


def _read_record(data: bytes, number: int) -> Record:
    record = Record.from_json(parse_json(data))
    if record.number != number:
        raise StoreCorrupt("the file of #{number} says that it is #{other}", number=number, other=record.number)
    return record


def highest_number(names: Iterable[str]) -> int:
    """Return the highest number that any of these file names begins with; 0 where none does."""
    return max((int(found[1]) for name in names if (found := _NUMBERED_NAME.fullmatch(name))), default=0)


class RecordFiles:
    """The records of one folder; a file is read again only after a change."""

    def __init__(self, folder: Path) -> None:
        """Touch nothing yet."""
        self.folder = folder
        self._seen: dict[int, tuple[_Signatures, Record]] = {}
        self._all: tuple[FolderStamp, list[Record], tuple[str, ...]] | None = None

    def path(self, number: int) -> Path:
        """Return the path of a record."""
        return self.folder / f"{number}.json"

    def marks_path(self, number: int) -> Path:
        """Return the path of a record's marks."""
        return self.folder / f"{number}.marks"

    def has(self, number: int) -> bool:
        """Whether something bears this number."""
        return not is_missing(self.path(number))

    def claim(self, record: Record) -> bool:
        """Write a record under its number if that is free, and return whether it was."""
        return claim_exclusively(self.path(record.number), _encode_record(record))

    def put(self, record: Record) -> None:
        """Write a record, replacing its earlier state."""
        write_durably(self.path(record.number), _encode_record(record))

    def try_read(self, number: int) -> Record | None:
        """Return a record with its marks; None where there is none.

        Raises:
            StoreCorrupt: what is there is no record.
            StoreTooNew: it was written by a later version.
        """
        data = try_read_file(self.path(number), limit=_LARGEST_RECORD)
        return None if data is None else self.marks(number).put_on(_read_record(data, number))

    def read_all(self) -> tuple[list[Record], tuple[str, ...]]:
        """Return all records in the order of their numbers, and the names of the files that cannot be read."""
        stamp = folder_stamp(self.folder)
        if self._all is None or stamp != self._all[0]:
            records, damaged = self._read_changed()
            self._all = (stamp, records, damaged) if stamp is not None else None
            return records, damaged
        return self._all[1], self._all[2]

    def _read_changed(self) -> tuple[list[Record], tuple[str, ...]]:
        found = _signatures(self.folder)
        seen: dict[int, tuple[_Signatures, Record]] = {}
        damaged = []
        for number in _numbers(found)[-_MOST_RECORDS:]:
            signatures = (found[f"{number}.json"], found.get(f"{number}.marks"))
            known = self._seen.get(number)
            try:
                record = known[1] if known and known[0] == signatures else self.try_read(number)
            except StoreError:
                damaged.append(f"{number}.json")
                continue
            if record is not None:
                seen[number] = (signatures, record)
        self._seen = {number: one for number, one in seen.items() if _is_settled(one[0])}
        return [record for _, record in seen.values()], tuple(damaged)

    def newest(self, count: int) -> list[Record]:
        """Return the records of the `count` highest numbers that can be read, in order; no others are read."""
        if self._all is not None and folder_stamp(self.folder) == self._all[0]:
            return self._all[1][-count:]
        return list(islice(self._newest_first(), count))[::-1]

    def _newest_first(self) -> Iterator[Record]:
        for number in reversed(_numbers(list_names(self.folder))):
            with suppress(StoreError):
                record = self.try_read(number)
                if record is not None:
                    yield record

    def marks(self, number: int) -> Marks:
        """Return the marks of a record; those that cannot be read must not hide a record that can."""
        try:
            return read_marks(parse_json(try_read_file(self.marks_path(number), limit=_LARGEST_MARKS) or b"{}"))
        except StoreError:
            return Marks()

    def write_marks(self, number: int, marks: Marks) -> None:
        """Replace the marks of a record.

        Raises:
            StoreTooNew: the marks that are there were written by a later version.
            StoreError: they could not be written, or are too many.
        """
        if self.marks(number).format > FORMAT:
            raise StoreTooNew("the marks of #{number} were written by a newer version", number=number)
        data = encode(marks.to_json())
        if len(data) > _LARGEST_MARKS:
            raise StoreError(
                "#{number} cannot be recorded as it is: {reason}", number=number, reason=f"{len(data)} bytes"
            )
        write_durably(self.marks_path(number), data)

    def take(self, number: int, other: RecordFiles) -> None:
        """Take a record and then its marks from another folder; done again after a crash, it moves what is left."""
        for mine, others in (
            (self.path(number), other.path(number)),
            (self.marks_path(number), other.marks_path(number)),
        ):
            if not is_missing(others):
                move_durably(others, mine)


@with_store_errors
def _signatures(folder: Path) -> dict[str, Signature]:
    found: dict[str, Signature] = {}
    try:
        entries = os.scandir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return found
    with entries:
        for entry in entries:
            signature = _signature(entry)
            if signature is not None:
                found[entry.name] = signature
    return found


def _signature(entry: os.DirEntry[str]) -> Signature | None:
    try:
        seen = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None  # a temporary file that got its name meanwhile
    return None if stat.S_ISLNK(seen.st_mode) else (seen.st_mtime_ns, seen.st_size, seen.st_ino)


def _numbers(names: Iterable[str]) -> list[int]:
    return sorted(int(match[1]) for name in names if (match := _RECORD_NAME.fullmatch(name)))


def _is_settled(signatures: _Signatures) -> bool:
    return all(is_long_ago(one[0]) for one in signatures if one is not None)
