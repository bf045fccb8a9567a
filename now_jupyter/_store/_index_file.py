"""Where an index lies, and how it is opened so that it can be relied on."""

from __future__ import annotations

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

from .._settings import user_folder
from ._record import FORMAT

__all__ = ["connect", "open_cached"]

_VERSION = 3  # of the tables and of what the rows hold
_SCHEMA = """
CREATE TABLE state (stamp TEXT, boot TEXT);
INSERT INTO state VALUES (NULL, NULL);
CREATE TABLE records (
    number INTEGER PRIMARY KEY, signature BLOB NOT NULL,
    id TEXT, request TEXT, name TEXT, model TEXT, status TEXT, created REAL, elapsed REAL, is_paid INTEGER,
    has_buttons INTEGER, is_shown INTEGER, parents TEXT, button TEXT, digests TEXT,
    pictures TEXT, tags_of_each TEXT, tags TEXT, words TEXT
);
CREATE INDEX by_id ON records (id);
CREATE INDEX by_request ON records (request);
CREATE INDEX by_model ON records (model, status, elapsed);
CREATE INDEX by_status ON records (status);
CREATE INDEX by_time ON records (created, number, pictures, tags_of_each, tags);
CREATE INDEX words_alone ON records (number, words);
CREATE INDEX tags_alone ON records (number, tags) WHERE tags <> '[]';
"""
_PATIENCE = 5.0
_MOST_FILES = 200  # of histories that may be gone


def open_cached(inode: tuple[int, int]) -> sqlite3.Connection | None:
    """Open the index of the folder with this inode; None where there is no place for it."""
    with suppress(OSError, sqlite3.OperationalError):
        path = _make_room() / f"{_VERSION}-{FORMAT}-{inode[0]}-{inode[1]}.sqlite"
        try:
            return _checked(connect(path))
        except (sqlite3.DatabaseError, UnicodeDecodeError) as problem:
            if isinstance(problem, sqlite3.OperationalError):
                raise
            path.unlink()  # it was spoilt, and is made again
            return _checked(connect(path))
    return None


def _checked(database: sqlite3.Connection) -> sqlite3.Connection:
    """Return a database that can be relied on, and close one that cannot: a sqlite3.DatabaseError."""
    try:
        _look_through(database, _boot())
    except BaseException:
        database.close()
        raise
    return database


def _look_through(database: sqlite3.Connection, boot: str) -> None:
    """Prove once after each start of the machine that the pages fit together, and have all files looked at again.

    Nothing of it is flushed: when the power was cut, any page may be older than the others.
    """
    state = database.execute("SELECT boot FROM state").fetchall()
    if state == [(boot,)]:
        return
    if len(state) != 1 or database.execute("PRAGMA integrity_check(1)").fetchall() != [("ok",)]:
        raise sqlite3.DatabaseError("it does not fit together")
    database.execute("UPDATE state SET stamp = NULL, boot = ?", (boot,))


def _boot() -> str:
    """Return what tells this start of the machine from others; nothing where the system does not say."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    return ""


def _make_room() -> Path:
    """Return the folder of the indexes, without those that were not used for longest."""
    folder = user_folder("cache") / "indexes"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    every = [Path(one.path) for one in os.scandir(folder) if one.name.endswith(".sqlite")]
    if len(every) > _MOST_FILES:
        for path in sorted(every, key=lambda one: one.stat().st_mtime)[: len(every) - _MOST_FILES]:
            with suppress(OSError):  # another kernel was faster, or Windows has it open
                path.unlink()
    return folder


def connect(path: Path | str) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
    try:
        for pragma in ("trusted_schema = OFF", "journal_mode = PERSIST", "synchronous = OFF"):
            database.execute(f"PRAGMA {pragma}")
        if not _has_tables(database):
            database.execute("BEGIN IMMEDIATE")
            if not _has_tables(database):  # else another kernel was faster
                for statement in _SCHEMA.split(";"):
                    database.execute(statement)
            database.execute("COMMIT")
    except BaseException:
        database.close()
        raise
    return database


def _has_tables(database: sqlite3.Connection) -> bool:
    return bool(database.execute("SELECT 1 FROM sqlite_master").fetchone())
