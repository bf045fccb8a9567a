"""The history of one notebook on disk: the only module that knows what a `.now` folder looks like inside.

Files are the truth. A record (`jobs/<N>.json`) is written before anything is sent, and again at every change; the raw
answer (`answers/<N>`) is kept until its outputs (`pictures/<N>-<words>.<ext>`) are safe. Nothing here deletes what
was paid for: bytes that are not what they should be go to `quarantine/`, records to `trash/`. Numbers are claimed by
an exclusive link and never used again. Many threads and kernels may use one folder at once.

Every method raises a StoreError where it cannot do what it says; then what was there before is still there.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from .._json import Texts
from .._messages import StoreCorrupt, StoreError
from .._values import Request
from ._answers import AnswerFile, StoredAnswer, answer_paths, find_answer
from ._files import FileStamp, file_stamp, flush_names, is_missing, list_names, remove_file
from ._index import RecordIndex
from ._job_locks import JobLock, JobLocks
from ._joining import complete_record, missing_outputs, same_record
from ._output_files import FileStore
from ._record import Record
from ._record_files import ROOM, Marks, RecordFiles, clean_tags, highest_number, not_here

__all__ = ["Store"]

_LARGEST_NUMBER = 10**15 - 1
_TURN = 0  # no job has this number; its lock says whose turn it is to claim one
_PATIENCE_TO_CLAIM = 20.0
_CHANGES = 64  # records that may be changed at once


class Store(FileStore):
    """One `<notebook>.now` folder with its records, answers and locks."""

    def __init__(self, folder: Path, *, notebook: Path | None = None) -> None:
        super().__init__(folder, notebook=notebook)
        self.damaged: tuple[str, ...] = ()
        self._jobs = RecordFiles(self.folder / "jobs", room=ROOM)
        self._trash = RecordFiles(self.folder / "trash", room=ROOM // 6)
        self._locks = JobLocks(self.folder / "locks")
        self._last = 0
        self.renew()
        _STORES.add(self)

    def renew(self) -> None:
        """Forget what belongs to the parent of a forked process."""
        self._changing = [threading.RLock() for _ in range(_CHANGES)]
        self._written: dict[int, FileStamp] = {}
        self._claiming = threading.Lock()
        self._locks.renew()
        self._jobs.index.renew()
        self._trash.index.renew()

    def close(self) -> None:
        """Let others have every held job; twice is fine, and the store may be used again."""
        self._locks.release_all()
        self._jobs.index.close()
        self._trash.index.close()

    def claim(self, record: Record) -> Record:
        """Write the intent under the next number, on the disk when this returns; return it with its number."""
        claimed, lock = self.claim_and_hold(record)
        with lock:
            self.flush_claims()
        return claimed

    def claim_and_hold(self, record: Record) -> tuple[Record, JobLock]:
        """Claim a number for an order that this process is about to work on; nobody ever sees it without its lock.

        Kernels claim one after another: whoever has a number finds every lower one in the folder. They survive a power
        cut from `flush_claims` on, which whoever sends an order calls before.
        """
        (claimed,) = self.claim_each([record])
        if isinstance(claimed, Exception):
            raise claimed
        return claimed

    def claim_each(self, records: Sequence[Record]) -> list[tuple[Record, JobLock] | Exception]:
        """Do the same for several orders in one turn; what cannot be recorded has the error in its place."""
        self._layout.create()
        claimed: list[tuple[Record, JobLock] | Exception] = []
        with self._turn_to_claim():
            for record in records:
                try:
                    claimed.append(self._claim_next(partial(replace, record)))
                except Exception as problem:  # noqa: BLE001 - of one; the others are held already
                    claimed.append(problem)
        return claimed

    def flush_claims(self) -> None:
        """Have the names of all records on the disk that were claimed until now."""
        flush_names(self._jobs.folder)

    def take_in(
        self, record: Record, source: Store, *, place: str = "", known: Sequence[Record] | None = None
    ) -> Record:
        """Make an answer of another history one of this, under its own number; nothing is written to `source`.

        It has copies of the files, and of the marks; the record comes last, so that a crash leaves none. One that is
        here already is returned as it is; where it was taken in before, it gets what it lacks, and originals take the
        place of what stood in for them. Where a file is gone or has changed, StoreCorrupt. `place` says where it is
        from, in the place of the folder's name and the number; `known` are those of this history that it may be, where
        that is known.
        """
        outputs = tuple(record.shown)
        for one in outputs:
            source.require_intact(one)
        self._layout.create()
        place = place or f"{source.folder.name}{record.ref}"
        taken = replace(record, outputs=outputs, taken_from=place, settled=True)  # what did not come stays there
        marks = source._jobs.marks(record.number)
        with self._turn_to_claim():
            every = [*self.records(), *self.trashed()] if known is None else known
            if (here := same_record(taken, every)) is not None:
                return self._complete(here, taken, source, marks)
            copied, lock = self._claim_next(lambda *, number: self._copy_files(replace(taken, number=number), source))
            with lock:
                self.flush_claims()
                with suppress(StoreError):  # it is here; its marks are the lesser loss
                    self._jobs.write_marks(copied.number, marks)
        return self.read(copied.number)

    def _complete(self, here: Record, taken: Record, source: Store, marks: Marks) -> Record:
        """Give a record that was taken in before what it lacks of the same one; its own marks stay."""
        missing = missing_outputs(here, taken)
        if not missing or not here.taken_from or not self._jobs.has(here.number):
            return here
        lock = self._locks.hold(here.number, patience=0)
        if lock is None:
            return here
        with lock:
            copied = self._copy_files(replace(taken, number=here.number, outputs=tuple(missing)), source)
            completed, replaced = complete_record(here, taken, copied.outputs)
            self._jobs.put(completed)
            for one in replaced:
                self.drop_repeat(one.file)
            if self._jobs.marks(here.number) == Marks():
                self._jobs.write_marks(here.number, marks)
        return self.read(here.number)

    def _claim_next(self, prepare: Callable[..., Record]) -> tuple[Record, JobLock]:
        """Claim the next number, for the record that `prepare(number=…)` returns when the number is held."""
        for number in self._free_numbers():
            lock = self._locks.hold_first(number)
            if lock is not None and (claimed := self._claim_or_release(prepare, number, lock)) is not None:
                self._last = number
                return claimed, lock
        raise StoreError("the numbers of this history have run out")

    @contextmanager
    def _turn_to_claim(self) -> Iterator[None]:
        with self._claiming:
            turn: JobLock | None = None
            self._locks.release(_TURN)  # of one that was interrupted at its end
            try:
                turn = self._locks.hold(_TURN, patience=_PATIENCE_TO_CLAIM)
                if turn is None:
                    raise StoreError(
                        "another program has been about to order for {seconds} seconds",
                        advice="end it, or restart its kernel",
                        seconds=round(_PATIENCE_TO_CLAIM),
                    )
                yield
            finally:
                self._locks.release(_TURN)

    def _claim_or_release(self, prepare: Callable[..., Record], number: int, lock: JobLock) -> Record | None:
        stamp: FileStamp | None = None
        try:
            record = prepare(number=number)
            stamp = self._jobs.claim(record)
        finally:
            if stamp is None:
                lock.release()
        if stamp is None:
            return None
        self._note_written(number, stamp, lock)
        return record

    def _note_written(self, number: int, stamp: FileStamp, lock: JobLock) -> None:
        """Remember the file that whoever holds a job wrote last: while it is there, it need not be read."""
        if not self._written.get(number):
            lock.callback(self._written.pop, number, None)
        self._written[number] = stamp

    def _free_numbers(self) -> Iterator[int]:
        """Yield the numbers that nothing but a lock bears, upward from the last that was claimed here.

        The folder is listed once.
        """
        if not self._last or not self._is_used(self._last):
            self._last = self.highest_number()
        yield from (one for one in range(self._last + 1, _LARGEST_NUMBER) if not self._is_used(one))

    def highest_number(self) -> int:
        """Return the highest number that anything bears here; 0 where nothing does."""
        # The jobs twice: what goes to the trash and back while we look shows up in one of the two.
        folders = ("jobs", "trash", "answers", "locks", "jobs")
        return highest_number(name for part in folders for name in list_names(self.folder / part))

    def _is_used(self, number: int) -> bool:
        traces = (self._jobs.path(number), self._trash.path(number), *answer_paths(self._answers, number))
        return not all(map(is_missing, traces))

    def write(self, record: Record) -> None:
        """Replace a record by its new state, in the trash if that is where it is now."""
        self._layout.repair()
        with self._only_one_at(record.number):
            files, known = self._jobs, self._written.get(record.number)
            if known is None or file_stamp(files.path(record.number)) != known:  # not what was written here last
                in_trash = self._trash.has(record.number) and not self._jobs.has(record.number)
                files = self._trash if in_trash else self._jobs
                self._make_way(files, record)
            stamp = files.put(record)
            if files is self._jobs and (lock := self._locks.of(record.number)) is not None:
                self._note_written(record.number, stamp, lock)

    def _only_one_at(self, number: int) -> threading.RLock:
        """Return what keeps other threads from changing the same record; hardly any other has to wait."""
        return self._changing[number % _CHANGES]

    def _make_way(self, files: RecordFiles, record: Record) -> None:
        try:
            there = files.try_identity(record.number)
        except StoreCorrupt as problem:
            self._layout.set_aside(files.path(record.number), problem.message())
            return
        if there not in (None, record.id):
            raise StoreError(
                "#{number} is another order now: the folder {path} was changed meanwhile",
                number=record.number,
                path=self.folder,
            )

    def read(self, number: int) -> Record:
        """Return a record with its marks; StoreCorrupt where it is not there or cannot be read."""
        self._layout.require()
        return self._jobs.read(number)

    def read_anywhere(self, number: int) -> Record:
        """Return the same, be it in the trash."""
        self._layout.require()
        return self._jobs.try_read(number) or self._trash.try_read(number) or self._jobs.read(number)

    def records(self) -> list[Record]:
        """Return all records with their marks, oldest first; the names of those that cannot be read are in `damaged`.

        Of more than the memory should hold, the newest; the others are in `left_out`.
        Each is read again only after it changed, and while the folder stays as it is, nothing is looked at at all.
        """
        self._layout.require()
        records, self.damaged = self._jobs.read_all()
        return list(records)

    @property
    def index(self) -> RecordIndex:
        """What is asked of many records at once, up to date."""
        self._layout.require()
        self._jobs.index.refresh()
        return self._jobs.index

    def read_each(self, numbers: Iterable[int]) -> list[Record]:
        """Return the records of these numbers, with their marks; what is not there, or cannot be read, is left out."""
        self._layout.require()
        return self._jobs.read_each(numbers)

    def equal_to(self, request: Request, *, below: int | None = None) -> list[Record]:
        """Return the records of equal requests, oldest first; below a number that was claimed, none is missing."""
        index = self._jobs.index
        index.refresh()
        numbers = index.equal_to(request)
        if below is None:  # whoever claimed a number may have died before it was said to the index
            return self._jobs.read_each(sorted({*numbers, *index.unknown_above()}))
        return self._jobs.read_each(sorted({*(one for one in numbers if one < below), *index.unknown_below(below)}))

    @property
    def left_out(self) -> list[int]:
        """The numbers of orders that the last look left out, in the trash too; the highest first."""
        return sorted((*self._jobs.left_out, *self._trash.left_out), reverse=True)

    def count(self) -> int:
        """Return how many records there are."""
        self._layout.require()
        return self._jobs.count()

    def newest(self, count: int) -> list[Record]:
        """Return the newest records that can be read, oldest first, and read no others."""
        self._layout.require()
        return self._jobs.newest(count)

    def trashed(self) -> list[Record]:
        """Return the records in the trash, oldest first."""
        self._layout.require()
        return [record for record in self._trash.read_all()[0] if not self._jobs.has(record.number)]

    def knows(self, identity: str) -> bool:
        """Whether a record of this id is here, be it in the trash."""
        self._trash.index.refresh()
        return bool(self.index.with_id(identity) or self._trash.index.with_id(identity))

    def mark(
        self, number: int, *, add: Sequence[str] = (), remove: Sequence[str] = (), output: str | None = None
    ) -> Record:
        """Put tags (`*` is the star) on one output, or on a generation and all in it, or take them off."""

        def change(tags: Texts) -> Texts:
            return clean_tags([*(tag for tag in tags if tag not in remove), *add])

        with self._changing_marks(number, output) as (record, marks):
            self._jobs.write_marks(number, marks.retag(record, output, change))
        return self.read(number)

    def trash(self, number: int, output: str | None = None) -> Record:
        """Put an output or a whole record into the trash and return what is left; files of outputs stay.

        The last output that is left takes its record along. What is there already is fine.
        """
        if output is not None:
            with self._changing_marks(number, output) as (record, marks):
                if any(one.key != output for one in record.shown):
                    self._jobs.write_marks(number, marks.move([output], to_trash=True))
                    return self.read(number)
        return self._move(number, self._jobs, self._trash)

    def restore(self, number: int, output: str | None = None) -> Record:
        """Fetch an output, or a record with all in it, back from the trash; what is not in it is fine."""
        with self._only_one_at(number):
            was_whole = not self._jobs.has(number)
            self._move(number, self._trash, self._jobs)
            with self._changing_marks(number, output) as (record, marks):
                keys = {one.key for one in record.outputs}
                back = keys if output is None else {output}
                left = marks.move(keys - back, to_trash=True) if was_whole else marks
                if (changed := left.move(back, to_trash=False)).put_on(record) != record:
                    self._jobs.write_marks(number, changed)
        return self.read(number)

    def _move(self, number: int, source: RecordFiles, target: RecordFiles) -> Record:
        self._layout.repair()
        with self._only_one_at(number):
            if not source.has(number) and not target.has(number):
                raise not_here(number)
            if target is self._trash or not target.has(number) or not source.has(number):
                target.take(number, source)  # of two states, the one in use is newer
            return target.read(number)

    @contextmanager
    def _changing_marks(self, number: int, output: str | None) -> Iterator[tuple[Record, Marks]]:
        """Give a record and its marks to whoever changes them; nobody else does meanwhile."""
        self._layout.repair()
        with self._only_one_at(number):
            record = self.read(number)
            if output is not None and all(one.key != output for one in record.outputs):
                raise not_here(f"{number}.{output}")
            yield record, self._jobs.marks(number)

    def open_answer(self, number: int) -> AnswerFile:
        """Return the file for the answer to a request; `begin` creates it."""
        self._layout.repair()
        return AnswerFile(self._answers, number, set_aside=self._layout.set_aside)

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
        if self._locks.of(number) is not None:
            return True
        return self._layout.is_own and self._locks.is_held(number)  # to ask, a lock is opened for writing


_STORES: weakref.WeakSet[Store] = weakref.WeakSet()


def _renew_all() -> None:
    for store in list(_STORES):
        store.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
