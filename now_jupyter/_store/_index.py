"""The search index: an SQLite file that may be deleted at any moment.

It follows the folder of records: before a search, records whose files changed since they were indexed are read again,
so no writer has to keep it right and nobody has to trust it. Rollback journal, because write-ahead logging does not
work on network homes; one short-lived connection per use, so that no thread, no fork and no interrupt can leave a
transaction open. Words are found as parts of words, in any script, with width and case folded.
"""

from __future__ import annotations

import functools
import os
import re
import sqlite3
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from .._messages import StoreCorrupt, StoreError, StoreFull, StoreUnavailable
from ._files import create_privately, is_missing, is_writable_in_place, open_to_read, translated
from ._record import Record

__all__ = ["Index", "needles", "words_of"]

P = ParamSpec("P")
T = TypeVar("T")

_VERSION = 1
_TABLE = "CREATE TABLE records (number INTEGER PRIMARY KEY, signature TEXT NOT NULL, words TEXT)"
_SIDECARS = ("-journal", "-wal", "-shm")
_LONGEST_WORDS = 200_000
_MOST_NEEDLES = 20
# A journal that names another journal makes SQLite delete the file of that name; ours never do.
_NAMES_ANOTHER_JOURNAL = bytes.fromhex("d9d505f920a163d7")
_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL}
_UNAVAILABLE = {
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_INTERRUPT,
}


def words_of(record: Record) -> str:
    """Give the text of a record that a search looks at."""
    request = record.request
    parts = (request.prompt, record.model, request.model, record.name, record.alt, *record.tags)
    return _folded("\n".join(part for part in parts if part))


def needles(words: str) -> list[str]:
    """Split what was typed into the parts that all must be found."""
    return _folded(words).split()[:_MOST_NEEDLES]


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text[:_LONGEST_WORDS]).casefold()
    return re.sub(r"[\x00\ud800-\udfff]", " ", plain)[:_LONGEST_WORDS]


def _translated(act: Callable[Concatenate[Index, P], T]) -> Callable[Concatenate[Index, P], T]:
    @functools.wraps(act)
    def wrapper(index: Index, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            found = act(index, *args, **kwargs)
        except sqlite3.Error as problem:
            index.was_locked = _code(problem) in _LOCKED
            error = _error_of(problem)
        else:
            index.was_locked = False
            return found
        raise error

    return wrapper


def _code(problem: sqlite3.Error) -> int:
    code = getattr(problem, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT)  # Python sets none for text that is not UTF-8
    return int(code) & 0xFF


def _error_of(problem: sqlite3.Error) -> StoreError:
    code = _code(problem)
    reason = str(problem)
    if code in _LOCKED:
        return StoreUnavailable("the search index is locked by another program: {reason}", reason=reason)
    if code == sqlite3.SQLITE_FULL:
        return StoreFull("no space is left for the search index: {reason}", reason=reason)
    if code in _UNAVAILABLE:
        return StoreUnavailable("the search index cannot be used: {reason}", reason=reason)
    return StoreCorrupt("the search index is spoilt: {reason}", reason=reason)


class Index:
    """The index file of one folder."""

    def __init__(self, path: Path, *, set_aside: Callable[[Path, str], object], patience: float = 10.0) -> None:
        """Touch nothing yet; `patience` is how many seconds to wait for another program that writes."""
        self._path = path
        self._set_aside = set_aside
        self._patience = patience
        self.was_locked = False

    def find(
        self,
        parts: Sequence[str],
        *,
        limit: int,
        signatures: Mapping[int, str],
        read: Callable[[int], Record | None],
    ) -> list[int]:
        """Bring the index up to the records and search it, newest first; a spoilt file is moved aside and made anew.

        Raises:
            StoreUnavailable: it is locked, or may not be written.
            StoreFull: there is no space for it.
        """
        try:
            return self._find(parts, limit, signatures, read)
        except StoreCorrupt as problem:
            reason = problem.message()
        self._move_aside(reason)
        return self._find(parts, limit, signatures, read)

    def rebuild(self, signatures: Mapping[int, str], read: Callable[[int], Record | None]) -> None:
        """Forget everything and read every record again."""
        try:
            self._clear()
        except StoreCorrupt as problem:
            self._move_aside(problem.message())
        self.find([], limit=1, signatures=signatures, read=read)

    @_translated
    def _clear(self) -> None:
        with self._connected() as connection, _transaction(connection):
            connection.execute("DELETE FROM records")

    @_translated
    def _find(
        self,
        parts: Sequence[str],
        limit: int,
        signatures: Mapping[int, str],
        read: Callable[[int], Record | None],
    ) -> list[int]:
        with self._connected() as connection:
            _follow(connection, signatures, read)
            known = (number for number in _search(connection, parts) if number in signatures)
            return list(islice(known, limit))

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        self._prepare_file()
        # After the file was found locked nobody shall wait for it again until it was free once.
        patience = 0.0 if self.was_locked else self._patience
        uri = f"{self._path.absolute().as_uri()}?mode=rw"
        connection = sqlite3.connect(uri, uri=True, timeout=patience, isolation_level=None)
        try:
            _configure(connection)
            yield connection
        finally:
            connection.close()

    def _prepare_file(self) -> None:
        for path in (self._path, *self._sidecars()):
            _refuse_odd(path)
        _refuse_naming_journal(self._path.with_name(self._path.name + "-journal"))
        if is_missing(self._path):
            _made_empty(self._path)

    def _sidecars(self) -> list[Path]:
        return [self._path.with_name(self._path.name + suffix) for suffix in _SIDECARS]

    def _move_aside(self, reason: str) -> None:
        for path in (*self._sidecars(), self._path):
            if not is_missing(path):
                self._set_aside(path, reason)


@translated
def _made_empty(path: Path) -> None:
    """Make the file, which SQLite would create with the umask's mode."""
    with suppress(FileExistsError):
        os.close(create_privately(path))


@translated
def _refuse_odd(path: Path) -> None:
    with suppress(FileNotFoundError):
        if not is_writable_in_place(path):
            raise StoreCorrupt("{path} is no regular file", path=path)


@translated
def _refuse_naming_journal(path: Path) -> None:
    if is_missing(path):
        return
    with open(open_to_read(path), "rb") as journal:  # noqa: PTH123 - a descriptor
        journal.seek(max(0, path.lstat().st_size - len(_NAMES_ANOTHER_JOURNAL)))
        if journal.read() == _NAMES_ANOTHER_JOURNAL:
            raise StoreCorrupt("{path} is not what this package writes", path=path)


def _configure(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA trusted_schema=OFF")
    connection.execute("PRAGMA cell_size_check=ON")
    connection.execute("PRAGMA mmap_size=0")
    connection.execute("PRAGMA journal_mode=DELETE")
    connection.execute("PRAGMA synchronous=NORMAL")
    if not _is_ours(connection):
        _start(connection)


def _is_ours(connection: sqlite3.Connection) -> bool:
    return _version(connection) == _VERSION and _schema(connection) == [_TABLE]


def _start(connection: sqlite3.Connection) -> None:
    with _transaction(connection):
        if _is_ours(connection):
            return  # another kernel was faster
        if _schema(connection) and _version(connection) == _VERSION:
            raise StoreCorrupt("the search index is spoilt: {reason}", reason="unknown tables")
        connection.execute("DROP TABLE IF EXISTS records")
        connection.execute(_TABLE)
        connection.execute(f"PRAGMA user_version={_VERSION}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _schema(connection: sqlite3.Connection) -> list[str | None]:
    return [row[0] for row in connection.execute("SELECT sql FROM sqlite_master")]


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _follow(
    connection: sqlite3.Connection, signatures: Mapping[int, str], read: Callable[[int], Record | None]
) -> None:
    known = dict(connection.execute("SELECT number, signature FROM records"))
    gone = [(number,) for number in known if number not in signatures]
    changed = [number for number, text in signatures.items() if not text or known.get(number) != text]
    rows = list(_rows(changed, signatures, read))  # read before the transaction, which is to be short
    if not rows and not gone:
        return
    with _transaction(connection):
        connection.executemany("DELETE FROM records WHERE number = ?", gone)
        connection.executemany("REPLACE INTO records VALUES (?, ?, ?)", rows)


def _rows(
    numbers: Iterable[int], signatures: Mapping[int, str], read: Callable[[int], Record | None]
) -> Iterator[tuple[int, str, str | None]]:
    for number in numbers:
        try:
            record = read(number)
        except StoreError:
            record = None  # a damaged record is indexed as one that nothing finds
        yield number, signatures[number], None if record is None else words_of(record)


def _search(connection: sqlite3.Connection, parts: Sequence[str]) -> Iterator[int]:
    conditions = " AND ".join(["words IS NOT NULL", *["instr(words, ?) > 0"] * len(parts)])
    query = f"SELECT number FROM records WHERE {conditions} ORDER BY number DESC"  # noqa: S608 - only question marks
    return (row[0] for row in connection.execute(query, tuple(parts)))
