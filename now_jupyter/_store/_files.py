"""Writing that survives a crash, and reading that trusts nothing it finds.

A write goes to a temporary file in the same folder, is flushed to the disk, checked, and only then gets its name; so
a reader meets the old content or the new, never half of either. A failed flush is final for that file: the system may
have thrown the data away and say "fine" the next time. Reading follows no links, blocks on nothing and has a limit.
"""

from __future__ import annotations

import errno
import functools
import hashlib
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeAlias, TypeVar

from .._messages import StoreCorrupt, StoreError, StoreFull, StoreUnavailable

__all__ = [
    "FileStamp",
    "FolderStamp",
    "claim_exclusively",
    "codes_of",
    "copy_new",
    "create_privately",
    "digest_of_file",
    "exact_stamp",
    "file_stamp",
    "flush_names",
    "folder_stamp",
    "is_fine",
    "is_folder",
    "is_long_ago",
    "is_missing",
    "list_names",
    "move_durably",
    "move_exclusively",
    "open_to_read",
    "private_folder",
    "read_file",
    "remove_file",
    "require_folder",
    "stamp_of",
    "sync_file",
    "sync_folder",
    "temp_beside",
    "try_read_file",
    "with_store_errors",
    "write_all",
    "write_durably",
    "write_new",
]

P = ParamSpec("P")
S = TypeVar("S")
T = TypeVar("T")


FolderStamp: TypeAlias = tuple[int, int, int, int]
FileStamp: TypeAlias = tuple[int, int, int]


def codes_of(*names: str) -> frozenset[int]:
    """Return the numbers of the errors of these names that this system has."""
    return frozenset(getattr(errno, name) for name in names if hasattr(errno, name))


_FULL = codes_of("ENOSPC", "EDQUOT", "EFBIG")
_UNAVAILABLE = codes_of("EROFS", "EACCES", "EPERM", "ENOENT", "ENOTDIR", "ELOOP", "ESTALE", "ENXIO", "ENODEV")
_CURE = "see that the folder is there, is yours and may be written, or choose another with %now folder PATH"
_MAKE_ROOM = "free some space there, or choose another folder with %now folder PATH"


_NO_LINKS = codes_of("EPERM", "EACCES", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK", "EINVAL")
_NO_FOLDER_SYNC = codes_of("EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EBADF", "EACCES", "EPERM")
_ALWAYS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _ALWAYS
# O_NONBLOCK, because opening a FIFO would wait for its other end; O_NOCTTY, because a terminal would become ours.
_READ = os.O_RDONLY | _ALWAYS | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_MOVE_AWAY = "move it away, or choose another folder with %now folder PATH"
_CHOOSE_OWN = "choose a folder of your own with %now folder PATH"
_CHUNK = 1 << 20
_TICK_NS = 2_000_000_000  # of FAT
_FINE_TICK_NS = 20_000_000  # of systems that tell nanoseconds: a hundredth of a second, at most


def with_store_errors(act: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """Make a function of a path, or a method of what has a `path`, raise our errors instead of the system's."""

    @functools.wraps(act)
    def wrapper(first: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return act(first, *args, **kwargs)
        except OSError as problem:
            place: Any = first
            error = _error_of(problem, getattr(place, "path", place))
        raise error

    return wrapper


def _error_of(problem: OSError, path: Path) -> StoreError:
    facts: dict[str, Any] = {"path": path, "reason": problem.strerror or type(problem).__name__}
    if problem.errno in _FULL:
        return StoreFull("no space is left to write {path}: {reason}", advice=_MAKE_ROOM, **facts)
    if problem.errno in _UNAVAILABLE:
        return StoreUnavailable("{path} cannot be used: {reason}", advice=_CURE, **facts)
    return StoreError("{path} could not be read or written: {reason}", **facts)


@with_store_errors
def write_durably(path: Path, data: bytes) -> FileStamp:
    """Put `data` at `path`, on the disk when this returns; what was there is replaced whole, or untouched.

    Returned is the stamp of the new file.
    """
    with _temp_with(data, path) as (temp, stamp):
        temp.replace(path)
    sync_folder(path.parent)
    return stamp


@with_store_errors
def claim_exclusively(path: Path, data: bytes, *, link: Callable[[Path, Path], None] = os.link) -> FileStamp | None:
    """Put `data` at `path` if nothing is there, and return the stamp of the new file; None where something was.

    Its content is on the disk then, its name is after `sync_folder`.
    """
    with _temp_with(data, path) as (temp, stamp):
        return stamp if _link(temp, path, link) else None


@with_store_errors
def move_exclusively(source: Path, path: Path, *, link: Callable[[Path, Path], None] = os.link) -> bool:
    """Move a flushed file of the same file system to `path` if nothing is there, and return whether nothing was."""
    if not _link(source, path, link):
        return False
    sync_folder(path.parent)
    source.unlink(missing_ok=True)
    return True


def _link(temp: Path, path: Path, link: Callable[[Path, Path], None]) -> bool:
    # A hard link is the one way that is exclusive and complete at once, also between the machines of a network home.
    try:
        try:
            link(temp, path)
        except OSError as problem:
            if problem.errno not in _NO_LINKS:
                raise
            os.close(create_privately(path))
            temp.replace(path)
    except FileExistsError:
        return os.lstat(temp).st_nlink > 1  # then NFS repeated a call whose reply was lost, and the name is ours
    return True


@contextmanager
def _temp_with(data: bytes, path: Path) -> Iterator[tuple[Path, FileStamp]]:
    temp = temp_beside(path)
    try:
        yield temp, write_new(temp, [data])
    finally:
        with suppress(OSError):
            temp.unlink()


@with_store_errors
def copy_new(path: Path, source: Path, *, offset: int = 0) -> None:
    """Copy a regular file, from `offset` on, to `path`, where nothing is yet, and flush it; any size, little memory."""
    with os.fdopen(open_to_read(source), "rb") as opened:
        opened.seek(offset)
        write_new(path, iter(functools.partial(opened.read, _CHUNK), b""))


@with_store_errors
def write_new(path: Path, chunks: Iterable[bytes]) -> FileStamp:
    """Write a file that is not there yet and flush it; its name is on the disk after `sync_folder`."""
    file, size = create_privately(path), 0
    try:
        for chunk in chunks:
            write_all(file, chunk)
            size += len(chunk)
        os.fsync(file)
        seen = os.fstat(file)
    finally:
        os.close(file)
    if seen.st_size != size:
        raise OSError(errno.EIO, "the file is not as long as what was written")
    return stamp_of(seen)


def create_privately(path: Path) -> int:
    """Create a file that is not there yet, readable by us alone whatever the umask, and return its descriptor."""
    file = os.open(path, _NEW, 0o600)
    if hasattr(os, "fchmod"):
        with suppress(OSError):  # drives of Windows under WSL know no modes
            os.fchmod(file, 0o600)
    return file


def write_all(file: int, data: bytes) -> None:
    """Write every byte, however few the system takes at once."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]


def temp_beside(path: Path) -> Path:
    """Return the path of a temporary file in the folder of `path`, which nobody can guess or meet twice."""
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


@with_store_errors
def flush_names(folder: Path) -> None:
    """Do the same, with our errors."""
    sync_folder(folder)


@with_store_errors
def move_durably(source: Path, target: Path) -> None:
    """Move within one file system, content and name both on the disk when this returns."""
    if stat.S_ISREG(os.lstat(source).st_mode):
        sync_file(source)
    source.replace(target)
    sync_folder(target.parent)
    if source.parent != target.parent:
        sync_folder(source.parent)


@with_store_errors
def sync_file(path: Path) -> None:
    """Flush a file to the disk."""
    file = os.open(path, _READ)
    try:
        os.fsync(file)
    finally:
        os.close(file)


@with_store_errors
def remove_file(path: Path) -> None:
    """Remove a file or link; one that is not there is fine."""
    path.unlink(missing_ok=True)


@with_store_errors
def private_folder(path: Path) -> None:
    """Make a folder that nobody else may enter, in a parent that must be there; one that is there stays as it is."""
    if is_folder(path):
        return
    with suppress(FileExistsError):  # another kernel was faster; what it made is checked like any other
        path.mkdir(mode=0o700)
        with suppress(OSError):  # whatever the umask; drives of Windows under WSL know no modes
            path.chmod(0o700)
    sync_folder(path.parent)
    require_folder(path)


@with_store_errors
def require_folder(path: Path) -> None:
    """Refuse what is no folder, or one of another user; nothing is changed."""
    _refuse_foreign(path, os.lstat(path))


@with_store_errors
def is_folder(path: Path) -> bool:
    """Whether a folder is there, False where nothing is; anything else is refused as by `require_folder`."""
    try:
        seen = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    _refuse_foreign(path, seen)
    return True


def _refuse_foreign(path: Path, seen: os.stat_result) -> None:
    if not stat.S_ISDIR(seen.st_mode):
        raise StoreUnavailable("{path} is a link or a file, not a folder of its own", advice=_MOVE_AWAY, path=path)
    if hasattr(os, "geteuid") and seen.st_uid != os.geteuid():
        owner = str(seen.st_uid)
        with suppress(KeyError):  # a number without a name, as containers have them
            owner = path.owner()
        raise StoreUnavailable(
            "{path} belongs to {owner}, another user of this machine", advice=_CHOOSE_OWN, path=path, owner=owner
        )


def is_missing(path: Path) -> bool:
    """Whether nothing at all is at `path`, not even a broken link."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    return False


def read_file(path: Path, *, limit: int) -> bytes:
    """Return the bytes of a regular file; one that is missing or longer than `limit` is a StoreCorrupt."""
    data = try_read_file(path, limit=limit)
    if data is None:
        raise StoreCorrupt("{path} is missing", path=path)
    return data


@with_store_errors
def try_read_file(path: Path, *, limit: int) -> bytes | None:
    """Return the same as `read_file`; None where there is no file."""
    try:
        file, size = _open_to_read(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    with os.fdopen(file, "rb") as opened:
        data = opened.read(min(size, limit) + 1)
    if len(data) > limit:
        raise StoreCorrupt("{path} is longer than {limit} bytes", path=path, limit=limit)
    return data


def open_to_read(path: Path) -> int:
    """Open a regular file for reading and return its descriptor; links, devices, pipes and folders are refused."""
    return _open_to_read(path)[0]


def _open_to_read(path: Path) -> tuple[int, int]:
    """Return the same descriptor, and the size of the file."""
    _refuse_odd(path, os.lstat(path))  # looked at before, because opening a device can do things
    file = os.open(path, _READ)
    try:
        seen = os.fstat(file)
        _refuse_odd(path, seen)
    except StoreCorrupt:
        os.close(file)
        raise
    return file, seen.st_size


def _refuse_odd(path: Path, seen: os.stat_result) -> None:
    if not stat.S_ISREG(seen.st_mode):
        raise StoreCorrupt("{path} is no regular file", path=path)


@with_store_errors
def digest_of_file(path: Path) -> str:
    """Return the SHA-256 of a regular file, in hex."""
    with os.fdopen(open_to_read(path), "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def file_stamp(path: Path) -> FileStamp | None:
    """Return a value that tells a file from any that takes its name; None where there is none."""
    with suppress(OSError):
        return stamp_of(os.lstat(path))
    return None


def stamp_of(seen: os.stat_result) -> FileStamp:
    """Return the stamp of a file from what the system tells of it: inode, time of its last change in ns, size."""
    return (seen.st_ino, seen.st_mtime_ns, seen.st_size)


def exact_stamp(folder: Path) -> FolderStamp | None:
    """Return a value that changes with the names in a folder, unless its clock is too coarse; None where none is."""
    with suppress(OSError):
        seen = os.lstat(folder)  # every write of ours ends in a rename, so what the files hold changes it, too
        return (seen.st_dev, seen.st_ino, seen.st_mtime_ns, seen.st_ctime_ns)
    return None


def folder_stamp(folder: Path) -> FolderStamp | None:
    """Return the same; None where the folder has changed a moment ago, too."""
    stamp = exact_stamp(folder)
    return stamp if stamp is not None and is_long_ago(max(stamp[2:]), time.time_ns()) else None


def is_long_ago(time_ns: int, now_ns: int) -> bool:
    """Whether a change now would get another time than this."""
    return now_ns - time_ns > (_FINE_TICK_NS if is_fine(time_ns) else _TICK_NS)


def is_fine(time_ns: int) -> bool:
    """Whether a time is of a clock that ticks more often than once in a millisecond's multiple, as nearly all do."""
    return time_ns % 1_000_000 != 0


@with_store_errors
def list_names(folder: Path) -> list[str]:
    """Return the names in a folder; none where there is no folder."""
    try:
        return os.listdir(folder)  # noqa: PTH208 - names, not paths: a long history has many
    except (FileNotFoundError, NotADirectoryError):
        return []
