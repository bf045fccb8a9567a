"""An index of a folder of records: what is asked of many at once is answered without reading their files.

The files are the truth, and the index can be built from them again at any time. It lies in the user's own cache, not in
the history: what comes from elsewhere brings none along, nothing is synchronised or locked across a network, and a
folder that cannot be written has one as well. Whoever writes a record writes its row, so that all kernels of a machine
see each other's; what was changed by anybody else is told by the folder's stamp, and then by the files' signatures.

Where the cache cannot be used, the index is in memory.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from itertools import count, takewhile
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from .._messages import StoreCorrupt, StoreError, StoreTooNew
from .._values import Request, Status
from ._files import (
    FileStamp,
    FolderStamp,
    exact_stamp,
    file_stamp,
    folder_stamp,
    is_fine,
    list_names,
)
from ._index_file import connect, open_cached
from ._record import Record
from ._search import needles, words_of
from ._signatures import UNSURE, Signature, has_no_marks, number_in, signature_of, signatures_in

__all__ = ["Act", "Entry", "RecordIndex"]

_FAULTS = (sqlite3.Error, UnicodeDecodeError)  # names in a spoilt database are decoded for the error that tells of them
_BLANK = (None,) * 17
_INSERT = f"INSERT OR REPLACE INTO records VALUES ({', '.join('?' * (2 + len(_BLANK)))})"
_MOST_TRIED = 50  # numbers that are asked for one by one; of more, the names in the folder
_AT_ONCE = 200  # rows that are written together; meanwhile other kernels wait
_MOST_CHOICES = 100
_UNDER_WAY = (Status.PENDING.value, Status.RUNNING.value)
Row: TypeAlias = tuple[Any, ...]


class Entry(NamedTuple):
    """What the index knows of a record: enough for a list."""

    number: int
    created: float
    numbers: str
    """The numbers of its pictures, with blanks between them."""
    tags_of_each: str
    """The tags of each picture, as JSON; empty where none has any."""
    tags: str
    """The tags of all that it shows, as JSON; of a record that shows nothing, its own."""

    def pictures_with(self, tags: Collection[str]) -> tuple[int, ...] | None:
        """Return the numbers of its pictures that have all these tags; None where neither they nor it itself do."""
        numbers = _numbers_in(self.numbers)
        if not tags:
            return numbers
        if not numbers:
            return () if {*tags} <= {*json.loads(self.tags)} else None
        every = zip(numbers, json.loads(self.tags_of_each or "[]"), strict=False)
        return tuple(number for number, own in every if {*tags} <= {*own}) or None


class Act:
    """Something that is done to the files of a record; whoever wrote it may say what it is, and its file's stamp."""

    record: Record | None = None
    stamp: FileStamp | None = None


class RecordIndex:
    """The index of one folder; `read` returns the record of a number as it is on the disk, None where it is gone."""

    def __init__(self, folder: Path, read: Callable[[int], Record | None]) -> None:
        """Open nothing yet."""
        self._folder = folder
        self._read = read
        self._database: sqlite3.Connection | None = None
        self._openings = 0
        self._closing: weakref.finalize[..., RecordIndex] | None = None
        self.renew()

    def renew(self) -> None:
        """Forget what belongs to the parent of a forked process."""
        if self._database is not None and self._closing is not None:
            self._closing.detach()
            _OF_PARENTS.append(self._database)
        self._lock = threading.RLock()
        self._refreshing = threading.RLock()
        self._database = None
        self._work: threading.Thread | None = None
        self._inode: tuple[int, int] | None = None
        self._is_cached = True
        self._acts: weakref.WeakSet[Act] = weakref.WeakSet()  # one that was interrupted is no longer under way
        self._stamp: FolderStamp | None = None  # before the first of them

    def close(self) -> None:
        """Let the file go; it is opened again when it is needed."""
        with self._lock:
            if self._closing is not None:
                self._closing()
            self._database = None

    # Keeping up with the files

    @property
    def is_fresh(self) -> bool:
        """Whether all that the folder holds is in the index."""
        with self._lock:
            if self._acts and self._stamp is None:
                return False
            stamp = self._stamp if self._acts else self._look()
        return self._ask("SELECT stamp FROM state") == [(_text_of(stamp),)]

    def _look(self) -> FolderStamp | None:
        """Return the stamp of the folder that lies here now; each has an index of its own."""
        stamp = exact_stamp(self._folder)
        inode = None if stamp is None else stamp[:2]
        if inode != self._inode:
            self.close()
            self._inode = inode
        return stamp

    def refresh(self) -> None:
        """Take in what has changed in the folder since the index was written."""
        if self.is_fresh:
            return
        with self._refreshing:
            if self.is_fresh:  # another thread did it
                return
            try:
                self._take_in_changes()
            except _FAULTS:
                self._go_on_in_memory()
                self._take_in_changes()

    def refresh_soon(self) -> None:
        """Do the same in the background; nothing waits for it but what is asked of all records."""
        with self._lock:
            if self._work is None or not self._work.is_alive():
                self._work = threading.Thread(target=self._try_to_refresh, name="now_jupyter index", daemon=True)
                self._work.start()

    def _try_to_refresh(self) -> None:
        with suppress(StoreError):  # whoever asks next is told
            self.refresh()

    def _take_in_changes(self) -> None:
        stamp = folder_stamp(self._folder)
        known = self.signatures()  # first: what is claimed meanwhile is not gone
        found = signatures_in(self._folder)
        changed = sorted((one for one, seen in found.items() if seen == UNSURE or known.get(one) != seen), reverse=True)
        for start in range(0, len(changed), _AT_ONCE):
            rows = [self._row_of(number, found[number]) for number in changed[start : start + _AT_ONCE]]
            if any(signature != found[number] for number, signature, *_ in rows):
                stamp = None
            with self._writing() as database:
                database.executemany(_INSERT, reversed(rows))  # upwards, which leaves full pages behind
        with self._writing() as database:
            gone = known.keys() - found.keys()
            database.executemany("DELETE FROM records WHERE number = ?", ((number,) for number in gone))
            database.execute("UPDATE state SET stamp = ?", (_text_of(stamp),))

    def _row_of(self, number: int, signature: Signature) -> Row:
        """Return the row of a record; of one that cannot be read, with a number only.

        What is no record stays none until its file changes; what the system would not give is asked for again.
        """
        try:
            record = self._read(number)
        except (StoreCorrupt, StoreTooNew):
            record = None
        except StoreError:
            return (number, UNSURE, *_BLANK)
        return _row(record, signature) if record is not None else (number, signature, *_BLANK)

    @contextmanager
    def following(self, number: int) -> Iterator[Act]:
        """Take in what is done meanwhile to the files of one record, and that alone.

        Several may go on at once; the folder's stamp is what it was before the first one, until the last one ends.
        """
        act, is_known = Act(), False
        try:
            with self._lock:
                if not self._acts:
                    self._stamp = self._look()
                self._acts.add(act)
            yield act
            is_known = self._take_in(number, act)
        finally:
            with self._lock:
                self._acts.discard(act)
                if not is_known:
                    self._stamp = None  # the next look finds out what was done
                if not self._acts:
                    self._move_stamp()

    def _take_in(self, number: int, act: Act) -> bool:
        """Replace the row of a record, and tell whether that could be done.

        Its files are looked at in the same turn: of several kernels that wrote some, the last one has seen them all.
        """
        with self._lock:
            try:
                with self._writing() as database:
                    if (row := self._row_now(number, act)) is None:
                        database.execute("DELETE FROM records WHERE number = ?", (number,))
                    else:
                        database.execute(_INSERT, row)
            except _FAULTS:
                self._go_on_in_memory()
                return False
        return row is None or row[1] != UNSURE

    def _row_now(self, number: int, act: Act) -> Row | None:
        """Return the row of a record as its files are now; None where it is not there."""
        signature = signature_of(self._folder, number, act.stamp)
        if act.record is not None and has_no_marks(signature):
            return _row(act.record, signature)
        return self._row_of(number, signature) if signature else None

    def take_in_below(self, number: int) -> None:
        """Take in what lies between a number and the next lower one that is known.

        Who claimed it knows nothing of this index, or died before the row was written; and if that happened while a
        record was written here, the stamp does not tell.
        """
        for one in self.unknown_below(number):
            self._take_in(one, Act())

    def _move_stamp(self) -> None:
        """Have the folder as it is now stand for what it was before, if the index was fresh then."""
        stamp = exact_stamp(self._folder)
        if self._stamp is not None and stamp is not None:
            now = _text_of(stamp if is_fine(stamp[2]) else None)
            try:
                self._opened().execute("UPDATE state SET stamp = ? WHERE stamp = ?", (now, _text_of(self._stamp)))
            except _FAULTS:
                self._go_on_in_memory()

    # Asking

    @property
    def version(self) -> object:
        """A value that changes with every change of the index, whoever makes it."""
        with self._lock:
            ((others,),) = self._ask("PRAGMA data_version")
            return self._openings, others, self._opened().total_changes

    def signatures(self) -> dict[int, Signature]:
        """Return the signatures of all files by number, of those that cannot be read too, the highest first."""
        return dict(self._ask("SELECT number, signature FROM records ORDER BY number DESC"))

    def count(self) -> int:
        """Return how many records there are."""
        ((count,),) = self._ask("SELECT count(*) FROM records WHERE id IS NOT NULL")
        return int(count)

    def newest(self, count: int) -> list[int]:
        """Return the highest numbers, the highest first."""
        return self._numbers("id IS NOT NULL ORDER BY number DESC LIMIT ?", count)

    def numbers(self) -> list[int]:
        """Return the numbers of all that can be read, oldest first."""
        return self._numbers("id IS NOT NULL ORDER BY number")

    def with_id(self, identity: str) -> list[int]:
        """Return the numbers of the records of this id: one, where nobody has copied files."""
        return self._numbers("id = ? ORDER BY number", _clean(identity))

    def named(self, name: str) -> list[int]:
        """Return the numbers of the records of this name, the newest first."""
        return self._numbers("name = ? ORDER BY number DESC", _clean(name))

    def equal_to(self, request: Request) -> list[int]:
        """Return the numbers of the records of equal requests, oldest first."""
        return self._numbers("request = ? ORDER BY number", request.fingerprint())

    def under_way(self) -> list[int]:
        """Return the numbers of the records that say that they are under way."""
        return self._numbers("status IN (?, ?) ORDER BY number", *_UNDER_WAY)

    def with_buttons(self) -> list[int]:
        """Return the numbers of the records that have buttons, the newest first."""
        return self._numbers("has_buttons ORDER BY number DESC")

    def pressed_on(self, identity: str) -> set[str]:
        """Return the buttons of the record of this id that something came of."""
        made = "FROM records WHERE button IS NOT NULL AND is_shown AND instr(parents, ?)"
        return {button for (button,) in self._ask(f"SELECT button {made}", _clean(identity))}

    def children_of(self, identity: str) -> list[int]:
        """Return the numbers of the records that were made from the one of this id."""
        return self._numbers("instr(parents, ?) ORDER BY number", _clean(identity))

    def with_output(self, sha256: str) -> list[int]:
        """Return the numbers of the records that have an output of this digest, oldest first."""
        return self._numbers("instr(digests, ?) ORDER BY number", _clean(sha256))

    def unknown_below(self, number: int) -> list[int]:
        """Return the numbers between this one and the next lower one that is known, of which there may be files."""
        (known,) = self._numbers("number < ? ORDER BY number DESC LIMIT 1", number) or [0]
        if number - known > _MOST_TRIED:
            names = list_names(self._folder)
            return sorted({one for name in names if known < (one := number_in(name)) < number})
        return [*range(known + 1, number)]

    def unknown_above(self) -> list[int]:
        """Return the numbers in use right after the highest one that is known."""
        (known,) = self._numbers("number ORDER BY number DESC LIMIT 1") or [0]
        return [*takewhile(lambda one: file_stamp(self._folder / f"{one}.json"), count(known + 1))]

    def holding(self, words: str) -> list[int]:
        """Return the numbers of the records that contain all these words, the newest first."""
        parts = needles(words)
        return [number for (number,) in self._ask(f"{_with_all(parts)} ORDER BY number DESC", *parts)]

    def has_paid(self) -> bool:
        """Whether something came of an order that was not the demo's."""
        return bool(self._numbers("is_paid LIMIT 1"))

    def seconds_of(self, model: str, count: int) -> list[float]:
        """Return how long the newest took that this model has made."""
        select = (
            "SELECT elapsed FROM records WHERE model = ? AND status = ? AND elapsed > 0 ORDER BY number DESC LIMIT ?"
        )
        return [seconds for (seconds,) in self._ask(select, _clean(model), Status.DONE.value, count)]

    def entries(self, *, words: str = "", model: str = "", status: str = "", most: int | None = None) -> list[Entry]:
        """Return what is known of all that fits, newest first, or the first of it; what is empty is not asked for."""
        parts = needles(words)
        asked = {"model": _clean(model), "status": _clean(status)}
        conditions = ["created IS NOT NULL", *(f"{name} = ?" for name, value in asked.items() if value)]
        conditions += [f"number IN ({_with_all(parts)})"] if parts else []
        rows = self._ask(
            "SELECT number, created, pictures, tags_of_each, tags FROM records "
            f"WHERE {' AND '.join(conditions)} ORDER BY created DESC, number DESC LIMIT ?",
            *(*filter(None, asked.values()), *parts, -1 if most is None else most),
        )
        return [*map(Entry._make, rows)]

    def most_frequent(self, column: Literal["model", "status"]) -> list[str]:
        """Return the models or states that there are, the most frequent first."""
        every = f"FROM records WHERE {column} <> '' GROUP BY {column} ORDER BY count(*) DESC, max(number) LIMIT ?"
        return [value for (value,) in self._ask(f"SELECT {column} {every}", _MOST_CHOICES)]

    def most_frequent_tags(self) -> list[str]:
        """Return the tags that there are, the most frequent first."""
        rows = self._ask("SELECT tags FROM records WHERE tags <> '[]' ORDER BY number")
        counted = Counter(tag for (tags,) in rows for tag in json.loads(tags))
        return [tag for tag, _ in counted.most_common(_MOST_CHOICES)]

    def _numbers(self, condition: str, *values: object) -> list[int]:
        return [number for (number,) in self._ask(f"SELECT number FROM records WHERE {condition}", *values)]

    # The database

    def _ask(self, select: str, *values: object) -> list[Row]:
        with self._lock:
            try:
                return self._opened().execute(select, values).fetchall()
            except _FAULTS:
                if not self._is_cached:
                    raise
                self._go_on_in_memory()
        self.refresh()
        return self._ask(select, *values)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            database = self._opened()
            try:
                if not database.in_transaction:  # else one that was interrupted; it is ended with this one
                    database.execute("BEGIN IMMEDIATE")
                yield database
                database.execute("COMMIT")
            finally:
                if database.in_transaction:
                    database.execute("ROLLBACK")

    def _go_on_in_memory(self) -> None:
        with self._lock:
            self.close()
            self._is_cached = False

    def _opened(self) -> sqlite3.Connection:
        if self._database is None:
            if self._is_cached and self._inode is not None:  # else there is no folder yet
                self._database = open_cached(self._inode)
                self._is_cached = self._database is not None
            self._database = self._database or connect(":memory:")
            self._openings += 1
            self._closing = weakref.finalize(self, self._database.close)
        return self._database


_OF_PARENTS: list[sqlite3.Connection] = []  # a connection must not be closed by a child


# Rows


def _row(record: Record, signature: Signature) -> Row:
    shown = record.shown
    pictures = [one for one in shown if one.is_picture]
    tags_of_each = [record.tags_of(one) for one in pictures]
    return (
        *(record.number, signature, record.id, record.request.fingerprint()),
        *(_clean(record.name or ""), _clean(record.model), record.status.value, record.created, record.elapsed),
        bool(record.outputs and not record.demo),
        bool(record.buttons),
        bool(shown),
        _clean("\n".join(record.parents)),
        None if record.request.button is None else _clean(record.request.button),
        " ".join(one.sha256 for one in record.outputs if one.sha256),
        *(" ".join(str(one.number) for one in pictures), json.dumps(tags_of_each) if any(tags_of_each) else ""),
        *(json.dumps(record.tags_of(*shown)), words_of(record)),
    )


def _clean(text: str) -> str:
    """Return text that can be written as UTF-8."""
    return text.encode("utf-8", "replace").decode()


@lru_cache(1024)
def _numbers_in(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split()))


def _with_all(parts: Iterable[str]) -> str:
    """Return what selects the records whose words hold all these; those that cannot be read have none."""
    conditions = " AND ".join(["words IS NOT NULL", *("instr(words, ?)" for _ in parts)])
    return f"SELECT number FROM records INDEXED BY words_alone WHERE {conditions}"


def _text_of(stamp: FolderStamp | None) -> str | None:
    return None if stamp is None else "-".join(map(str, stamp))
