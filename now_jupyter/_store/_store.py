"""The history of one notebook on disk: the only module that knows what a `.now` folder looks like inside.

Files are the truth. A record (`jobs/<N>.json`) is written before anything is sent, and again at every change; the raw
answer (`answers/<N>`) is kept until its outputs (`pictures/<N>-<words>.<ext>`) are safe. Nothing here deletes what
was paid for: bytes that are not what they should be go to `quarantine/`, records to `trash/`. Numbers are claimed by
an exclusive link and never used again. Many threads and kernels may use one folder at once.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from .._messages import StoreCorrupt, StoreError
from ._answers import AnswerFile, StoredAnswer, answer_paths, find_answer
from ._files import digest_of_file, is_missing, list_names, remove_file
from ._job_locks import JobLock, JobLocks
from ._layout import FolderLayout
from ._marks import Marks
from ._output_files import InputFiles, OutputFiles, as_temp, refuse_other_bytes, suffix_of, temp_in
from ._quarantine import set_aside
from ._record import Record, RecordedOutput
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
        self._layout = FolderLayout(self.folder, notebook=notebook, set_aside=self._set_aside)
        self._jobs = RecordFiles(self.folder / "jobs")
        self._trash = RecordFiles(self.folder / "trash")
        self._answers = self.folder / "answers"
        self._outputs = OutputFiles(self.pictures, set_aside=self._set_aside)
        self._inputs = InputFiles(self.folder / "inputs", set_aside=self._set_aside)
        self._locks = JobLocks(self.folder / "locks")
        self._lock = threading.RLock()
        self._claiming = threading.Lock()
        self._last = 0
        _renew_after_fork(self)

    # The folder

    @property
    def exists(self) -> bool:
        """Whether the folder is there and is a history."""
        return self._layout.exists

    @property
    def identity(self) -> str:
        """The random id of the history; empty while there is none."""
        return self._layout.text("id")

    @property
    def last_notebook(self) -> str:
        """The path of the notebook that used the folder last; empty where none did."""
        return self._layout.text("notebook")

    def preflight(self, need_bytes: int = _NEED_BYTES) -> None:
        """Prove before a purchase that it can be kept; makes what is missing.

        Raises:
            StoreUnavailable: the folder is not ours or may not be written.
            StoreFull: there is no room.
            StoreTooNew: a later version owns it.
        """
        self._layout.create()
        self._layout.check(need_bytes)

    def close(self) -> None:
        """Give every held job free; twice is fine, and the store may be used again."""
        self._locks.release_all()

    # Records

    def claim(self, record: Record) -> Record:
        """Write the intent under the next number, on the disk when this returns; return it with its number.

        Raises:
            StoreError: it could not be written; nothing may be sent.
        """
        claimed, lock = self.claim_and_hold(record)
        lock.release()
        return claimed

    def claim_and_hold(self, record: Record) -> tuple[Record, JobLock]:
        """Claim a number for an order that this process is about to work on; nobody ever sees it without its lock.

        Kernels claim one after another: whoever has a number finds every lower one on the disk.

        Raises:
            StoreError: it could not be written; nothing may be sent.
        """
        self._layout.create()
        with self._turn_to_claim():
            for number in self._free_numbers():
                claimed = replace(record, number=number)
                lock = self._locks.hold(number, patience=0)
                if lock is not None and self._claim_or_release(claimed, lock):
                    self._last = number
                    return claimed, lock
        raise StoreError("the numbers of this history have run out")

    @contextmanager
    def _turn_to_claim(self) -> Iterator[None]:
        with self._claiming:
            lock = self._locks.hold(_TURN, patience=_PATIENCE_TO_CLAIM)
            if lock is None:
                raise StoreError(
                    "another program has been about to order for {seconds} seconds",
                    advice="end it, or restart its kernel",
                    seconds=round(_PATIENCE_TO_CLAIM),
                )
            with lock:
                yield

    def _claim_or_release(self, record: Record, lock: JobLock) -> bool:
        is_ours = False
        try:
            is_ours = self._jobs.claim(record)
        finally:
            if not is_ours:
                lock.release()
        return is_ours

    def _free_numbers(self) -> Iterator[int]:
        """Yield the numbers that nothing bears, upward from the last that was claimed here; listing the folder once."""
        if not self._last or not self._is_used(self._last):
            # The jobs twice: what goes to the trash and back while we look shows up in one of the two.
            folders = ("jobs", "trash", "answers", "locks", "jobs")
            self._last = highest_number(name for part in folders for name in list_names(self.folder / part))
        yield from (one for one in range(self._last + 1, _LARGEST_NUMBER) if not self._is_used(one))

    def _is_used(self, number: int) -> bool:
        records = (self._jobs.path(number), self._trash.path(number))
        traces = (*records, *answer_paths(self._answers, number), self._locks.path(number))
        return not all(map(is_missing, traces))

    def write(self, record: Record) -> None:
        """Replace a record by its new state, in the trash if that is where it is now.

        Raises:
            StoreError: it could not be written; the state before is still there.
        """
        self._layout.repair()
        with self._lock:
            files = self._files_of(record.number)
            self._make_way(files, record)
            files.put(record)

    def _files_of(self, number: int) -> RecordFiles:
        return self._trash if self._trash.has(number) and not self._jobs.has(number) else self._jobs

    def _make_way(self, files: RecordFiles, record: Record) -> None:
        try:
            there = files.try_read(record.number)
        except StoreCorrupt as problem:
            self._set_aside(files.path(record.number), problem.message())
            return
        if there is not None and there.id != record.id:
            raise StoreError(
                "#{number} is another order now: the folder {path} was changed meanwhile",
                number=record.number,
                path=self.folder,
            )

    def read(self, number: int) -> Record:
        """Return a record with its marks.

        Raises:
            StoreCorrupt: it is not there or cannot be read.
            StoreTooNew: a later version wrote it.
        """
        self._layout.require()
        record = self._jobs.try_read(number)
        if record is None:
            raise _unknown(number)
        return record

    def records(self) -> list[Record]:
        """Return all records with their marks, oldest first; the names of those that cannot be read are in `damaged`.

        Each is read again only after it changed, and while the folder stays as it is, nothing is looked at at all.
        """
        self._layout.require()
        records, self.damaged = self._jobs.read_all()
        return list(records)

    def newest(self, count: int) -> list[Record]:
        """Return the newest records that can be read, oldest first, and read no others."""
        self._layout.require()
        return self._jobs.newest(count)

    def trashed(self) -> list[Record]:
        """Return the records in the trash, oldest first."""
        self._layout.require()
        return [record for record in self._trash.read_all()[0] if not self._jobs.has(record.number)]

    # Marks and trash: of a generation, or of the output of this key

    def mark(self, number: int, *, tags: Sequence[str], output: str | None = None) -> Record:
        """Give a generation or one of its outputs these tags instead of those it has; the tag `*` is the star.

        Raises:
            StoreError: there is no such record or output, or the marks could not be written.
        """
        return self._change_marks(number, output, lambda marks: marks.with_tags(tags, output))

    def trash(self, number: int, output: str | None = None) -> None:
        """Put a record or an output into the trash; files of outputs stay. What is there already is fine.

        Raises:
            StoreError: there is no such record or output, or it could not be moved.
        """
        if output is not None:
            self._change_marks(number, output, lambda marks: marks.with_trash(output, is_trashed=True))
            return
        self._layout.repair()
        with self._lock:
            self._require_number(number)
            self._trash.take(number, self._jobs)

    def restore(self, number: int, output: str | None = None) -> None:
        """Fetch a record or an output back from the trash; what is not in it is fine.

        Raises:
            StoreError: there is no such record or output, or it could not be moved.
        """
        if output is not None:
            self._change_marks(number, output, lambda marks: marks.with_trash(output, is_trashed=False))
            return
        self._layout.repair()
        with self._lock:
            self._require_number(number)
            if not (self._jobs.has(number) and self._trash.has(number)):  # of two states, the one in use is newer
                self._jobs.take(number, self._trash)

    def _change_marks(self, number: int, output: str | None, change: Callable[[Marks], Marks]) -> Record:
        self._layout.repair()
        with self._lock:
            record = self.read(number)
            if output is not None and all(one.key != output for one in record.outputs):
                raise _unknown(f"{number}.{output}")
            self._jobs.write_marks(number, change(self._jobs.marks(number)))
            return self.read(number)

    def _require_number(self, number: int) -> None:
        if not self._jobs.has(number) and not self._trash.has(number):
            raise _unknown(number)

    # Answers and locks

    def open_answer(self, number: int) -> AnswerFile:
        """Return the file for the answer to a request; `begin` creates it."""
        self._layout.repair()
        return AnswerFile(self._answers, number, set_aside=self._set_aside)

    def answer(self, number: int) -> StoredAnswer | None:
        """Return the raw answer to a request, complete or cut; None where there is none."""
        self._layout.require()
        return find_answer(self._answers, number)

    def drop_answer(self, number: int) -> None:
        """Remove the raw answer, when its outputs are safe."""
        self._layout.repair()
        for path in answer_paths(self._answers, number)[::-1]:
            remove_file(path)

    def hold(self, number: int) -> JobLock | None:
        """Take a job for this process; None where a living one has it."""
        self._layout.repair()
        return self._locks.hold(number)

    def is_held(self, number: int) -> bool:
        """Whether a living process is at work on a job."""
        self._layout.require()
        return self._locks.is_held(number)

    # Outputs and inputs

    def temp_path(self) -> Path:
        """Return the path of a file that is not there yet, for a download that `keep_output` or `quarantine` takes."""
        self._layout.repair()
        return temp_in(self._answers)

    def keep_output(  # noqa: PLR0913 - the bytes, whose they are and what they are
        self,
        source: bytes | Path,
        *,
        record: Record,
        output: RecordedOutput,
        mime: str,
        sha256: str,
        suffix: str = "",
    ) -> str:
        """Keep an output as received, and return its file's name in `pictures`; the same bytes keep the same name.

        The name is taken exclusively: no other file is ever replaced. A file from `temp_path` is moved, others are
        copied. `suffix` is that of the type where left out.

        Raises:
            StoreCorrupt: the bytes are not those of `sha256`; they are in quarantine.
            StoreError: it could not be written.
        """
        self._layout.repair()
        ending = suffix or suffix_of(mime)
        with as_temp(source, self._answers) as temp:
            refuse_other_bytes(temp, sha256, self._set_aside)
            return self._outputs.keep(temp, record=record, output=output, sha256=sha256, suffix=ending)

    def output_path(self, file: str) -> Path:
        """Return the path of an output by the name in its record.

        Raises:
            StoreCorrupt: this is no name of a file in `pictures`.
        """
        return self._outputs.path(file)

    def keep_input(self, source: bytes | Path, *, mime: str) -> str:
        """Keep a copy of what is given to an order, and return its digest; files of any size.

        Raises:
            StoreError: it could not be read or written.
        """
        self._layout.create()
        with as_temp(source, self._answers) as temp:
            sha256 = digest_of_file(temp)
            self._inputs.keep(temp, sha256=sha256, suffix=suffix_of(mime))
        return sha256

    def input_path(self, sha256: str) -> Path:
        """Return the path of the input of this digest.

        Raises:
            StoreCorrupt: it is not there, or its bytes are others by now.
        """
        self._layout.require()
        return self._inputs.path(sha256)

    def quarantine(self, source: bytes | Path, *, reason: str) -> Path:
        """Keep bytes that are not what they should be, with the reason beside them, and return their place.

        A file inside the folder is moved, others are copied.
        """
        self._layout.repair()
        return self._set_aside(source, reason)

    def _set_aside(self, source: bytes | Path, reason: str) -> Path:
        return set_aside(self.folder, source, reason)

    def leftovers(self) -> list[Path]:
        """Return the unfinished files of writes and downloads: those of a living kernel are young."""
        folders = (self.folder, *(self.folder / part for part in ("jobs", "trash", "answers", "pictures", "inputs")))
        return [
            folder / name
            for folder in folders
            for name in list_names(folder)
            if name.startswith(".") and name.endswith(".tmp")
        ]

    def renew(self) -> None:
        """Forget what belongs to the parent of a forked process."""
        self._lock = threading.RLock()
        self._claiming = threading.Lock()
        self._locks.renew()


def _renew_after_fork(store: Store) -> None:
    if not hasattr(os, "register_at_fork"):
        return
    known = weakref.ref(store)  # the registration lasts as long as the process, the store shall not

    def renew() -> None:
        alive = known()
        if alive is not None:
            alive.renew()

    os.register_at_fork(after_in_child=renew)


def _unknown(number: int | str) -> StoreCorrupt:
    return StoreCorrupt("#{number} is not in this history", number=number)
