"""Writing that survives a crash, and reading that trusts nothing it finds.

A write goes to a temporary file in the same folder, is flushed to the disk, checked, and only then gets its name; so
a reader meets the old content or the new, never half of either. A failed flush is final for that file: the system may
have thrown the data away and say "fine" the next time. Reading follows no links, blocks on nothing and has a limit.
Every `OSError` becomes one of ours here, without cause or context.
"""

from __future__ import annotations

import errno
import functools
import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from .._messages import StoreCorrupt, StoreError, StoreFull, StoreUnavailable

__all__ = [
    "claim_exclusively",
    "create_privately",
    "digest_of_file",
    "is_missing",
    "is_writable_in_place",
    "move_durably",
    "names_in",
    "open_to_read",
    "private_folder",
    "read_file",
    "remove_file",
    "sync_folder",
    "temp_beside",
    "translated",
    "try_read_file",
    "write_all",
    "write_durably",
]

P = ParamSpec("P")
T = TypeVar("T")


def _codes(*names: str) -> frozenset[int]:
    return frozenset(getattr(errno, name) for name in names if hasattr(errno, name))


_FULL = _codes("ENOSPC", "EDQUOT", "EFBIG")
_UNAVAILABLE = _codes("EROFS", "EACCES", "EPERM", "ENOENT", "ENOTDIR", "ELOOP", "ESTALE", "ENXIO", "ENODEV")
_NO_LINKS = _codes("EPERM", "EACCES", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EINVAL")
_NO_FOLDER_SYNC = _codes("EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EBADF", "EACCES", "EPERM")
_ALWAYS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _ALWAYS
# O_NONBLOCK, because opening a FIFO would wait for its other end; O_NOCTTY, because a terminal would become ours.
_READ = os.O_RDONLY | _ALWAYS | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_OTHERS_MAY_WRITE = 0o022


def translated(act: Callable[Concatenate[Path, P], T]) -> Callable[Concatenate[Path, P], T]:
    """Make a function whose first argument is a path raise our errors instead of the system's."""

    @functools.wraps(act)
    def wrapper(path: Path, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return act(path, *args, **kwargs)
        except OSError as problem:
            error = _error_of(problem, path)
        raise error

    return wrapper


def _error_of(problem: OSError, path: Path) -> StoreError:
    reason = problem.strerror or type(problem).__name__
    if problem.errno in _FULL:
        return StoreFull(
            "no space is left to write {path}: {reason}",
            advice="free some space there, or choose another folder with %now folder PATH",
            path=path,
            reason=reason,
        )
    if problem.errno in _UNAVAILABLE:
        return StoreUnavailable(
            "{path} cannot be used: {reason}",
            advice="see that the folder is there, is yours and may be written, or choose another with %now folder PATH",
            path=path,
            reason=reason,
        )
    return StoreError("{path} could not be read or written: {reason}", path=path, reason=reason)


# Writing.


@translated
def write_durably(path: Path, data: bytes) -> None:
    """Put `data` at `path`, replacing what is there, so that it is on the disk when this returns.

    Raises:
        StoreFull: there is no space; what was at `path` is untouched.
        StoreUnavailable: the place may not be written; what was at `path` is untouched.
        StoreError: any other trouble.
    """
    with _temp_with(data, path) as temp:
        temp.replace(path)
    sync_folder(path.parent)


@translated
def claim_exclusively(path: Path, data: bytes, *, link: Callable[[Path, Path], None] = os.link) -> bool:
    """Put `data` at `path` if nothing is there; tell whether we were the one.

    A hard link is the one way that is exclusive and complete at once, also between the machines of a network home.
    """
    with _temp_with(data, path) as temp:
        claimed = _linked(temp, path, link)
    if claimed:
        sync_folder(path.parent)
    return claimed


def _linked(temp: Path, path: Path, link: Callable[[Path, Path], None]) -> bool:
    try:
        link(temp, path)
    except FileExistsError:
        return os.lstat(temp).st_nlink > 1  # NFS repeats a call whose reply was lost; then the name is ours after all
    except OSError as problem:
        if problem.errno not in _NO_LINKS:
            raise
        return _named_without_link(temp, path)
    return True


def _named_without_link(temp: Path, path: Path) -> bool:
    try:
        os.close(create_privately(path))
    except FileExistsError:
        return False
    temp.replace(path)
    return True


@contextmanager
def _temp_with(data: bytes, path: Path) -> Iterator[Path]:
    temp = temp_beside(path)
    try:
        _write_new(temp, data)
        yield temp
    finally:
        with suppress(OSError):
            temp.unlink()


def _write_new(path: Path, data: bytes) -> None:
    file = create_privately(path)
    try:
        write_all(file, data)
        os.fsync(file)
        _refuse_other_size(file, len(data))
    finally:
        os.close(file)


def _refuse_other_size(file: int, size: int) -> None:
    if os.fstat(file).st_size != size:
        raise OSError(errno.EIO, "the file is not as long as what was written")


def create_privately(path: Path) -> int:
    """Create a file that is not there yet, readable by us alone whatever the umask, and give its descriptor."""
    file = os.open(path, _NEW, 0o600)
    try:
        if hasattr(os, "fchmod"):
            os.fchmod(file, 0o600)
    except OSError:
        os.close(file)
        raise
    return file


def write_all(file: int, data: bytes) -> None:
    """Write every byte, however few the system takes at once."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def temp_beside(path: Path) -> Path:
    """Name a temporary file in the folder of `path`, which nobody can guess or meet twice."""
    return path.with_name(f".{path.name[:100]}.{secrets.token_hex(8)}.tmp")


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder to the disk, where the system can do that at all."""
    try:
        file = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | _ALWAYS)
    except PermissionError:
        return  # no folder can be opened on Windows, and none without the right to list it
    try:
        os.fsync(file)
    except OSError as problem:
        if problem.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(file)


@translated
def move_durably(source: Path, target: Path) -> None:
    """Move within one file system, content and name both on the disk when this returns."""
    if stat.S_ISREG(os.lstat(source).st_mode):
        _sync_file(source)
    source.replace(target)
    sync_folder(target.parent)
    if source.parent != target.parent:
        sync_folder(source.parent)


def _sync_file(path: Path) -> None:
    file = os.open(path, _READ)
    try:
        if hasattr(os, "fchmod") and os.fstat(file).st_nlink == 1:  # else it is somebody's file elsewhere, too
            os.fchmod(file, 0o600)
        os.fsync(file)
    finally:
        os.close(file)


@translated
def remove_file(path: Path) -> None:
    """Remove a file or link; one that is not there is fine."""
    path.unlink(missing_ok=True)


@translated
def private_folder(path: Path) -> None:
    """Make sure that `path` is a folder of ours that nobody else may write; its parent must be there.

    Raises:
        StoreUnavailable: it is a link or a file, belongs to someone else, or cannot be made.
    """
    made = is_missing(path) and _make_folder(path)
    seen = os.lstat(path)
    if not stat.S_ISDIR(seen.st_mode):
        raise StoreUnavailable(
            "{path} is a link or a file, not a folder of its own",
            advice="move it away, or choose another folder with %now folder PATH",
            path=path,
        )
    if hasattr(os, "geteuid") and seen.st_uid != os.geteuid():
        raise StoreUnavailable(
            "{path} belongs to another user of this machine",
            advice="choose a folder of your own with %now folder PATH",
            path=path,
        )
    if made or seen.st_mode & _OTHERS_MAY_WRITE:
        _close_to_others(path)


def _make_folder(path: Path) -> bool:
    with suppress(FileExistsError):  # another kernel was faster; what it made is checked like any other
        path.mkdir(mode=0o700)
    sync_folder(path.parent)
    return True


def _close_to_others(path: Path) -> None:
    with suppress(OSError):  # drives of Windows under WSL know no modes
        path.chmod(0o700)


# Reading.


def is_missing(path: Path) -> bool:
    """Tell whether nothing at all is at `path`, not even a broken link."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    return False


def read_file(path: Path, *, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes.

    Raises:
        StoreCorrupt: it is missing, too long, or no regular file.
        StoreUnavailable: it may not be read.
    """
    data = try_read_file(path, limit=limit)
    if data is None:
        raise StoreCorrupt("{path} is missing", path=path)
    return data


@translated
def try_read_file(path: Path, *, limit: int) -> bytes | None:
    """Read a regular file like `read_file`, or give None where there is none."""
    try:
        file = open_to_read(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    with os.fdopen(file, "rb") as opened:
        size = os.fstat(file).st_size
        data = b"" if size > limit else opened.read(size + 1)
    if size > limit or len(data) > limit:
        raise StoreCorrupt("{path} is longer than {limit} bytes", path=path, limit=limit)
    return data


def is_writable_in_place(path: Path) -> bool:
    """Tell whether what is at `path` may be opened for writing: a plain file that has no other name elsewhere."""
    seen = os.lstat(path)
    return stat.S_ISREG(seen.st_mode) and seen.st_nlink == 1


def open_to_read(path: Path) -> int:
    """Open a regular file for reading and give its descriptor; links, devices, pipes and folders are refused.

    Raises:
        StoreCorrupt: it is no regular file.
        OSError: it cannot be opened.
    """
    _refuse_odd(path, os.lstat(path))  # looked at before, because opening a device can do things
    file = os.open(path, _READ)
    try:
        _refuse_odd(path, os.fstat(file))
    except StoreCorrupt:
        os.close(file)
        raise
    return file


def _refuse_odd(path: Path, seen: os.stat_result) -> None:
    if not stat.S_ISREG(seen.st_mode):
        raise StoreCorrupt("{path} is no regular file", path=path)


@translated
def digest_of_file(path: Path) -> str:
    """Give the SHA-256 of a regular file, in hex."""
    with os.fdopen(open_to_read(path), "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


@translated
def names_in(folder: Path) -> list[str]:
    """List the names in a folder; none where there is no folder."""
    try:
        return [path.name for path in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
