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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from .._json import JSON
from .._messages import StoreCorrupt, StoreError, StoreTooNew
from ._files import claim_exclusively, is_missing, move_durably, translated, try_read_file, write_durably
from ._record import FORMAT, Record

__all__ = ["RecordFiles", "encode", "highest_number", "parse_json"]

Signature: TypeAlias = tuple[int, int, int]

_RECORD_NAME = re.compile(r"([1-9][0-9]{0,14})\.json")
_NUMBERED_NAME = re.compile(r"([1-9][0-9]{0,14})(?:\..*)?", re.DOTALL)
_LARGEST_RECORD = 4 << 20
_LARGEST_MARKS = 64 << 10
_MOST_RECORDS = 100_000
_MOST_MARKS = 100
_LONGEST_MARK = 100
# A file changed twice within one tick of the file system's clock looks unchanged; FAT ticks every two seconds.
_TICK_NS = 2_000_000_000


def parse_json(data: bytes) -> object:
    """Read JSON from a file that may hold anything.

    Raises:
        StoreCorrupt: it is not JSON.
    """
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as problem:
        reason = type(problem).__name__
    raise StoreCorrupt("this is not JSON: {reason}", reason=reason)


def encode(form: Mapping[str, JSON]) -> bytes:
    """Write JSON for people and version control: a line per value, keys in order."""
    try:
        return (json.dumps(form, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()
    except UnicodeEncodeError:  # half of a surrogate pair, which only the escaped form can carry
        return (json.dumps(form, indent=1, sort_keys=True) + "\n").encode()


def _encode_record(record: Record) -> bytes:
    """Write a record in a form that is proved to be readable again, since a record that cannot be read is lost."""
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
    """Give the highest number that any of these file names begins with; 0 where none does."""
    return max((int(found[1]) for name in names if (found := _NUMBERED_NAME.fullmatch(name))), default=0)


class RecordFiles:
    """The records of one folder; what was parsed once is remembered for as long as the file stays as it was."""

    def __init__(self, folder: Path) -> None:
        """Touch nothing yet."""
        self.folder = folder
        self._seen: dict[int, tuple[tuple[Signature, Signature | None], Record]] = {}

    def path(self, number: int) -> Path:
        """Name the file of a record."""
        return self.folder / f"{number}.json"

    def marks_path(self, number: int) -> Path:
        """Name the file of a record's marks."""
        return self.folder / f"{number}.marks"

    def has(self, number: int) -> bool:
        """Tell whether something bears this number."""
        return not is_missing(self.path(number))

    def claim(self, record: Record) -> bool:
        """Write a record under its number if that is free; tell whether it was."""
        return claim_exclusively(self.path(record.number), _encode_record(record))

    def put(self, record: Record) -> None:
        """Write a record, replacing its earlier state."""
        write_durably(self.path(record.number), _encode_record(record))

    def try_read(self, number: int) -> Record | None:
        """Read a record with its marks, or give None where there is none.

        Raises:
            StoreCorrupt: what is there is no record.
            StoreTooNew: it was written by a later version.
        """
        data = try_read_file(self.path(number), limit=_LARGEST_RECORD)
        return None if data is None else self._with_marks(_read_record(data, number))

    def read_all(self) -> tuple[list[Record], tuple[str, ...]]:
        """Read all records in the order of their numbers, and name the files that cannot be read."""
        records, damaged = [], []
        signatures = _signatures(self.folder)
        for number in _numbers(signatures):
            try:
                record = self._read_once(number, signatures)
            except StoreError:
                damaged.append(f"{number}.json")
                continue
            if record is not None:
                records.append(record)
        return records, tuple(damaged)

    def _read_once(self, number: int, signatures: Mapping[str, Signature]) -> Record | None:
        signature = (signatures[f"{number}.json"], signatures.get(f"{number}.marks"))
        known = self._seen.get(number)
        if known is not None and known[0] == signature:
            return known[1]
        record = self.try_read(number)
        if record is not None and _is_settled(signature):
            self._seen[number] = (signature, record)
        return record

    def signatures(self) -> dict[int, str]:
        """Give a text for each number that changes when its record or marks do; empty while that cannot be told."""
        seen = _signatures(self.folder)
        pairs = {number: (seen[f"{number}.json"], seen.get(f"{number}.marks")) for number in _numbers(seen)}
        return {number: repr(pair) if _is_settled(pair) else "" for number, pair in pairs.items()}

    def stamp(self) -> tuple[int, int, bool]:
        """Give a value that changes when anything in the folder does; its last part says whether it can be trusted."""
        try:
            seen = os.lstat(self.folder)
        except OSError:
            return (0, 0, True)
        return (seen.st_ino, seen.st_mtime_ns, _is_old(seen.st_mtime_ns))

    def write_marks(self, number: int, tags: Sequence[str]) -> None:
        """Replace the marks of a record.

        Raises:
            StoreTooNew: the marks that are there were written by a later version.
        """
        self._refuse_newer_marks(number)
        write_durably(self.marks_path(number), encode({"format": FORMAT, "tags": _clean(tags)}))

    def _refuse_newer_marks(self, number: int) -> None:
        version = self._marks(number).get("format")
        if isinstance(version, int) and version > FORMAT:
            raise StoreTooNew("the marks of #{number} were written by a newer version", number=number)

    def _with_marks(self, record: Record) -> Record:
        tags = self._marks(record.number).get("tags")
        if not isinstance(tags, list):
            return record
        return replace(record, tags=tuple(_clean(tag for tag in tags if isinstance(tag, str))))

    def _marks(self, number: int) -> Mapping[str, object]:
        try:
            data = try_read_file(self.marks_path(number), limit=_LARGEST_MARKS)
            form = {} if data is None else parse_json(data)
        except StoreError:
            return {}  # marks that cannot be read must not hide a record that can
        return form if isinstance(form, dict) else {}

    def take(self, number: int, other: RecordFiles) -> None:
        """Take a record and then its marks from another shelf; done again after a crash, it moves what is left."""
        for mine, others in (
            (self.path(number), other.path(number)),
            (self.marks_path(number), other.marks_path(number)),
        ):
            if not is_missing(others):
                move_durably(others, mine)


@translated
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
    found = sorted(int(match[1]) for name in names if (match := _RECORD_NAME.fullmatch(name)))
    return found[-_MOST_RECORDS:]


def _is_settled(signature: tuple[Signature, Signature | None]) -> bool:
    return all(_is_old(one[0]) for one in signature if one is not None)


def _is_old(mtime_ns: int) -> bool:
    return time.time_ns() - mtime_ns > _TICK_NS


def _clean(tags: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(tag.strip()[:_LONGEST_MARK] for tag in tags if tag.strip()))[:_MOST_MARKS]
