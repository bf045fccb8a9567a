"""The history of one notebook on disk: the only room that knows what a `.now` folder looks like inside.

Files are the truth. A record (`jobs/<N>.json`) is written before anything is sent, and again at every change; the raw
answer (`answers/<N>`) is kept until its pictures (`pictures/<hh>/<sha256>.<ext>`) are safe. Nothing here deletes what
was paid for: bytes that are not what they should be go to `quarantine/`, records to `trash/`. Numbers are claimed by
an exclusive link and never used again. Many threads and kernels may use one folder at once.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path

from .._json import digest
from .._messages import StoreCorrupt, StoreError
from ._answers import AnswerFile, StoredAnswer, drop_answer, find_answer
from ._files import (
    digest_of_file,
    is_missing,
    move_durably,
    names_in,
    private_folder,
    read_file,
    remove_file,
    temp_beside,
    write_durably,
)
from ._index import Index, needles, words_of
from ._job_locks import JobLock, JobLocks
from ._layout import FolderLayout
from ._quarantine import LARGEST_PICTURE, set_aside, size_of
from ._record import Record, picture_file
from ._record_files import RecordFiles, highest_number

__all__ = ["AnswerFile", "JobLock", "Store", "StoredAnswer"]

_NEED_BYTES = 32 << 20
_LARGEST_NUMBER = 10**15 - 1
_TURN = 0  # no job has this number; its lock says whose turn it is to claim one
_PATIENCE_TO_CLAIM = 20.0


class Store:
    """One `<notebook>.now` folder."""

    def __init__(self, folder: Path, *, notebook: Path | None = None) -> None:
        """Touch nothing on disk and open nothing; the place is fixed, whatever the working directory becomes."""
        self.folder = folder.absolute()
        self.pictures = self.folder / "pictures"
        self.damaged: tuple[str, ...] = ()
        self._notebook = notebook
        self._place = FolderLayout(self.folder, set_aside=self._set_aside)
        self._jobs = RecordFiles(self.folder / "jobs")
        self._trash = RecordFiles(self.folder / "trash")
        self._answers = self.folder / "answers"
        self._holds = JobLocks(self.folder / "locks")
        self._index = Index(self.folder / "index.sqlite", set_aside=self._set_aside)
        self._lock = threading.RLock()
        self._claiming = threading.Lock()
        _renew_after_fork(self)

    # The place.

    @property
    def exists(self) -> bool:
        """Whether the folder is there and is a history."""
        return self._place.exists

    @property
    def identity(self) -> str:
        """The random id of the history; empty while there is none."""
        return self._place.text("id")

    @property
    def last_notebook(self) -> str:
        """The path of the notebook that used the folder last; empty where none did."""
        return self._place.text("notebook")

    def preflight(self, need_bytes: int = _NEED_BYTES) -> None:
        """Prove before a purchase that it can be kept; makes what is missing.

        Raises:
            StoreUnavailable: the folder is not ours or may not be written.
            StoreFull: there is no room.
            StoreTooNew: a later version owns it.
        """
        self._place.create(self._notebook)
        self._place.check(need_bytes)

    def close(self) -> None:
        """Give every held job free; twice is fine, and the store may be used again."""
        self._holds.release_all()

    # Records.

    def claim(self, record: Record) -> Record:
        """Write the intent under the next number, on the disk when this returns, and give it with its number.

        Raises:
            StoreError: it could not be written; nothing may be sent.
        """
        self._place.create(self._notebook)
        for number in range(self._highest() + 1, _LARGEST_NUMBER):
            claimed = replace(record, number=number)
            if self._jobs.claim(claimed):
                return claimed
        raise StoreError("the numbers of this history have run out")

    def claim_and_hold(self, record: Record) -> tuple[Record, JobLock]:
        """Claim a number for an order that this process is about to work on; nobody ever sees it without its hold.

        Kernels claim one after another: whoever has a number finds every lower one on the disk.

        Raises:
            StoreError: it could not be written; nothing may be sent.
        """
        self._place.create(self._notebook)
        with self._turn_to_claim():
            for number in range(self._highest() + 1, _LARGEST_NUMBER):
                claimed = replace(record, number=number)
                hold = self._holds.hold(number, patience=0)
                if hold is None:
                    continue  # somebody asks whether it is held
                if self._claimed(claimed, hold):
                    return claimed, hold
        raise StoreError("the numbers of this history have run out")

    @contextmanager
    def _turn_to_claim(self) -> Iterator[None]:
        with self._claiming:
            hold = self._holds.hold(_TURN, patience=_PATIENCE_TO_CLAIM)
            if hold is None:
                raise StoreError(
                    "another program has been about to order for {seconds} seconds",
                    advice="end it, or restart its kernel",
                    seconds=round(_PATIENCE_TO_CLAIM),
                )
            with hold:
                yield

    def _claimed(self, record: Record, hold: JobLock) -> bool:
        claimed = False
        try:
            claimed = self._jobs.claim(record)
        finally:
            if not claimed:
                hold.release()
        return claimed

    def _highest(self) -> int:
        # The jobs twice: what goes to the trash and back while we look shows up in one of the two.
        folders = ("jobs", "trash", "answers", "locks", "jobs")
        return highest_number(name for part in folders for name in names_in(self.folder / part))

    def write(self, record: Record) -> None:
        """Replace a record by its new state, in the trash if that is where it is now.

        Raises:
            StoreError: it could not be written; the state before is still there.
        """
        self._place.repair()
        with self._lock:
            shelf = self._home_of(record.number)
            self._make_way(shelf, record)
            shelf.put(record)

    def _home_of(self, number: int) -> RecordFiles:
        return self._trash if self._trash.has(number) and not self._jobs.has(number) else self._jobs

    def _make_way(self, shelf: RecordFiles, record: Record) -> None:
        try:
            there = shelf.try_read(record.number)
        except StoreCorrupt as problem:
            self._set_aside(shelf.path(record.number), problem.message())
            return
        if there is not None and there.id != record.id:
            raise StoreError(
                "#{number} is another order now: the folder {path} was changed meanwhile",
                number=record.number,
                path=self.folder,
            )

    def read(self, number: int) -> Record:
        """Read a record with its marks.

        Raises:
            StoreCorrupt: it is not there or cannot be read.
            StoreTooNew: a later version wrote it.
        """
        self._place.require()
        record = self._jobs.try_read(number)
        if record is None:
            raise _unknown(number)
        return record

    def records(self) -> list[Record]:
        """Read all records, oldest first; the names of those that cannot be read are then in `damaged`."""
        self._place.require()
        records, self.damaged = self._jobs.read_all()
        return records

    def changed_since(self, stamp: object | None) -> tuple[bool, object]:
        """Tell cheaply whether any record may have changed since `stamp` was given, and give the next stamp."""
        new = self._jobs.stamp()
        return stamp != new or not new[-1], new

    def mark(self, number: int, *, tags: Sequence[str]) -> Record:
        """Give a record these tags instead of those it has; the tag `*` is the star.

        Raises:
            StoreError: there is no such record, or the marks could not be written.
        """
        self._place.repair()
        self.read(number)
        self._jobs.write_marks(number, tags)
        return self.read(number)

    def trash(self, number: int) -> None:
        """Put a record into the trash; its pictures stay. One that is there already is fine.

        Raises:
            StoreError: there is no such record, or it could not be moved.
        """
        self._place.repair()
        with self._lock:
            if not self._jobs.has(number) and not self._trash.has(number):
                raise _unknown(number)
            self._trash.take(number, self._jobs)

    def restore(self, number: int) -> None:
        """Fetch a record back from the trash; one that is not in it is fine.

        Raises:
            StoreError: there is no such record, or it could not be moved.
        """
        self._place.repair()
        with self._lock:
            if not self._jobs.has(number) and not self._trash.has(number):
                raise _unknown(number)
            if not (self._jobs.has(number) and self._trash.has(number)):  # of two states, the one in use is newer
                self._jobs.take(number, self._trash)

    def trashed(self) -> list[Record]:
        """Read the records in the trash, oldest first."""
        self._place.require()
        return [record for record in self._trash.read_all()[0] if not self._jobs.has(record.number)]

    # Answers and holds.

    def open_answer(self, number: int) -> AnswerFile:
        """Give the file for the answer to a request; `begin` creates it."""
        self._place.repair()
        return AnswerFile(self._answers, number, set_aside=self._set_aside)

    def answer(self, number: int) -> StoredAnswer | None:
        """Find the raw answer to a request, complete or cut."""
        self._place.require()
        return find_answer(self._answers, number)

    def drop_answer(self, number: int) -> None:
        """Remove the raw answer, when its pictures are safe."""
        self._place.repair()
        drop_answer(self._answers, number)

    def hold(self, number: int) -> JobLock | None:
        """Take a job for this process, or give None where a living one has it."""
        self._place.repair()
        return self._holds.hold(number)

    def is_held(self, number: int) -> bool:
        """Tell whether a living process is at work on a job."""
        self._place.require()
        return self._holds.is_held(number)

    # Pictures.

    def temp_path(self) -> Path:
        """Name a file that is not there yet, for a download that `keep_picture` or `quarantine` will then take."""
        self._place.repair()
        return temp_beside(self._answers / "download")

    def keep_picture(self, source: bytes | Path, *, mime: str, sha256: str | None = None) -> Path:
        """Keep a picture under its digest and give its place; a file from `temp_path` is moved, others are copied.

        Raises:
            StoreCorrupt: the bytes are not those of `sha256`; they are in quarantine.
            StoreError: it could not be written.
        """
        self._place.repair()
        actual = digest(source) if isinstance(source, bytes) else digest_of_file(source)
        if sha256 is not None and sha256 != actual:
            place = self.quarantine(source, reason=f"the digest is {actual}, not {sha256}")
            raise StoreCorrupt(
                "a picture is not the one that it should be", kept="its bytes are in {place}", place=place
            )
        target = self.pictures / picture_file(actual, mime)
        private_folder(target.parent)
        if not self._is_kept(target, actual, size_of(source)):
            self._put(source, target, actual)
        if isinstance(source, Path) and self._is_temporary(source):
            remove_file(source)
        return target

    def _is_kept(self, target: Path, sha256: str, size: int) -> bool:
        if is_missing(target):
            return False
        try:
            intact = size_of(target) == size and digest_of_file(target) == sha256
            reason = "" if intact else "other bytes than its name says"
        except StoreCorrupt as problem:
            reason = problem.message()
        if reason:
            self._set_aside(target, reason)
        return not reason

    def _put(self, source: bytes | Path, target: Path, sha256: str) -> None:
        if isinstance(source, Path) and self._is_temporary(source):
            move_durably(source, target)
        else:
            write_durably(target, source if isinstance(source, bytes) else read_file(source, limit=LARGEST_PICTURE))
        if digest_of_file(target) != sha256:
            self._set_aside(target, "the disk gave back other bytes than it was given")
            raise StoreError(
                "{path} could not be read or written: {reason}", path=target, reason="other bytes came back"
            )

    def _is_temporary(self, source: Path) -> bool:
        return source.parent == self._answers and source.suffix == ".tmp"

    def quarantine(self, source: bytes | Path, *, reason: str) -> Path:
        """Keep bytes that are not what they should be, with the reason beside them, and give their place.

        A file inside the folder is moved, others are copied.
        """
        self._place.repair()
        return self._set_aside(source, reason)

    def _set_aside(self, source: bytes | Path, reason: str) -> Path:
        return set_aside(self.folder, source, reason)

    def leftovers(self) -> list[Path]:
        """Find the unfinished files of writes and downloads: those of a living kernel are young."""
        folders = (self.folder, *(self.folder / part for part in ("jobs", "trash", "answers")))
        shelves = (self.pictures / name for name in names_in(self.pictures))
        return [
            folder / name
            for folder in (*folders, *shelves)
            for name in names_in(folder)
            if name.startswith(".") and name.endswith(".tmp")
        ]

    # Search.

    def rebuild_index(self) -> None:
        """Make the search index anew from the records."""
        self._place.repair()
        self._index.rebuild(self._jobs.signatures(), self._jobs.try_read)

    def find(self, words: str, *, limit: int = 50) -> list[int]:
        """Find the records that contain all words (in prompt, model, name, alt text or tags), newest first."""
        self._place.require()
        signatures = self._jobs.signatures()
        if not signatures:
            return []
        parts = needles(words)
        try:
            self._place.repair()
            return self._index.find(parts, limit=limit, signatures=signatures, read=self._jobs.try_read)
        except StoreError:  # locked, full, read-only, of a later version: the records themselves can still be searched
            pass
        found = (record.number for record in reversed(self.records()) if _contains(record, parts))
        return list(islice(found, limit))

    def renew(self) -> None:
        """Forget what belongs to the parent of a forked process."""
        self._lock = threading.RLock()
        self._claiming = threading.Lock()
        self._holds.renew()


def _renew_after_fork(store: Store) -> None:
    if not hasattr(os, "register_at_fork"):
        return
    known = weakref.ref(store)  # the registration lasts as long as the process, the store shall not

    def renew() -> None:
        alive = known()
        if alive is not None:
            alive.renew()

    os.register_at_fork(after_in_child=renew)


def _unknown(number: int) -> StoreCorrupt:
    return StoreCorrupt("#{number} is not in this history", number=number)


def _contains(record: Record, parts: Sequence[str]) -> bool:
    words = words_of(record)
    return all(part in words for part in parts)
