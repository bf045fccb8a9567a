"""Locks that say "a living kernel is at work on this job".

They are locks of the operating system, which go with the process however it ends; `filelock` closes them in a forked
child, so that a child does not keep alive what its parent has left. The files stay: a number that was used shows in
them even when its record is gone.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from .._messages import StoreCorrupt, StoreError
from ._files import codes_of, is_missing, with_store_errors

__all__ = ["JobLock", "JobLocks"]

# Asking whether a job is held takes its lock for a moment; whoever wants it then must not be told that it is taken.
_PATIENCE = 0.25
_POLL = 0.01
_NO_LOCKS = codes_of("ENOSYS", "ENOLCK", "ENOTSUP", "EOPNOTSUPP")


class JobLock(ExitStack):
    """The right to work on a job, until `release` or the end of the process."""

    def release(self) -> None:
        """Let others have the job; twice is fine."""
        self.close()


class JobLocks:
    """The locks of this process on the jobs of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.renew()

    def renew(self) -> None:
        """Start with none, as a forked child must: the locks it inherited are its parent's."""
        self._mine: dict[int, JobLock] = {}
        self._lock = threading.Lock()

    def hold(self, number: int, *, patience: float = _PATIENCE) -> JobLock | None:
        """Take the job; None where someone else has it and keeps it for `patience` seconds."""
        return self._hold(number, lambda path: _try_lock(path, patience))

    def hold_first(self, number: int) -> JobLock | None:
        """Take a job that nobody ever had; None where somebody did."""
        return self._hold(number, _lock_first)

    def _hold(self, number: int, lock_file: Callable[[Path], Callable[[], object] | None]) -> JobLock | None:
        with self._lock:
            unlock = None if number in self._mine else lock_file(self.path(number))
            if unlock is None:
                return None
            lock = JobLock()
            lock.callback(unlock)
            lock.callback(self._mine.pop, number, None)
            self._mine[number] = lock
            return lock

    def is_held(self, number: int) -> bool:
        """Whether a living process has the job."""
        # Asked of our own first: on network homes, opening and closing a locked file a second time unlocks it.
        if number in self._mine:
            return True
        if is_missing(self.path(number)):
            return False
        try:
            unlock = _try_lock(self.path(number), _POLL)
        except StoreError:
            return False
        if unlock is not None:
            unlock()
        return unlock is None

    def of(self, number: int) -> JobLock | None:
        """Return the lock of a job that this process has."""
        return self._mine.get(number)

    def release(self, number: int) -> None:
        """Let others have a job, where this process has it."""
        if number in self._mine:
            self._mine[number].release()

    def release_all(self) -> None:
        """Let others have every job."""
        for lock in list(self._mine.values()):
            lock.release()

    def path(self, number: int) -> Path:
        """Return the path of a job's lock."""
        return self._folder / f"{number}.lock"


@with_store_errors
def _try_lock(path: Path, patience: float) -> Callable[[], object] | None:
    """Lock, and return the function that unlocks; None where the lock is taken."""
    with suppress(FileNotFoundError, NotADirectoryError):
        seen = os.lstat(path)
        if not stat.S_ISREG(seen.st_mode) or seen.st_nlink > 1:  # it would be opened for writing
            raise StoreCorrupt("{path} is no regular file", path=path)
    return _lock(path, patience)


@with_store_errors
def _lock_first(path: Path) -> Callable[[], object] | None:
    """Do the same with a lock that is not there yet; None where it is."""
    return _lock(path, 0) if is_missing(path) else None


def _lock(path: Path, patience: float) -> Callable[[], object] | None:
    lock = FileLock(
        path, timeout=patience, poll_interval=_POLL, mode=0o600, thread_local=False, preserve_lock_file=True
    )
    try:
        lock.acquire()
    except Timeout:  # an OSError too, so first
        return None
    except (NotImplementedError, OSError) as problem:
        if isinstance(problem, OSError) and problem.errno not in _NO_LOCKS:
            raise
        return lambda: None  # this file system has no locks, and a history must work there too

    def unlock() -> None:
        with suppress(OSError):
            lock.release()

    return unlock
