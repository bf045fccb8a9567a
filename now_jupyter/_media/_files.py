"""Files are read as plain files only: no link is followed, no other end of a pipe is waited for."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from io import BufferedReader
from pathlib import Path
from typing import TypeVar

from .._json import digest
from .._messages import BadImageError

__all__ = ["MOST_BYTES", "read_file", "read_verified", "read_whole", "use_plain_file"]

MOST_BYTES = 64 << 20
_Made = TypeVar("_Made")


def read_verified(path: Path, sha256: str) -> bytes:
    """Return the bytes of a file of the history, which are those that were received.

    Raises:
        BadImageError: the file is gone, is another one by now, or is no plain file.
    """
    data = read_file(path)
    if digest(data) != sha256:
        raise BadImageError(
            "this file is no longer the picture that was received: {path}",
            advice="put the original back in its place",
            billed="no",
            path=path,
        )
    return data


def read_file(path: Path) -> bytes:
    """Return the bytes of a plain file of at most 64 MiB.

    Raises:
        BadImageError: it is none, or cannot be read.
    """
    return use_plain_file(path, read_whole)


def read_whole(file: BufferedReader) -> bytes:
    """Return what an open file holds; an OSError where that is more than 64 MiB."""
    if os.fstat(file.fileno()).st_size > MOST_BYTES:
        raise OSError(errno.EFBIG, "")
    return file.read()


def use_plain_file(path: Path, use: Callable[[BufferedReader], _Made]) -> _Made:
    """Return what `use` makes of the open file.

    Raises:
        BadImageError: it is no plain file, or cannot be read.
    """
    try:
        with _open(path) as file:
            return use(file)
    except (OSError, ValueError) as problem:
        refusal = _refusal(path, problem)
    raise refusal


def _open(path: Path) -> BufferedReader:
    flags = os.O_RDONLY
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):  # each where the system has it
        flags |= getattr(os, name, 0)
    if path.is_symlink():
        raise OSError(errno.ELOOP, "")
    handle = os.open(path, flags)
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return os.fdopen(handle, "rb")
    os.close(handle)
    raise OSError(errno.EINVAL, "")


def _refusal(path: Path, problem: OSError | ValueError) -> BadImageError:
    code = problem.errno if isinstance(problem, OSError) else errno.EINVAL
    if code in (errno.ENOENT, errno.ENOTDIR):
        return BadImageError(
            "the file of this picture is gone, it was deleted or moved: {path}",
            advice="put the original back in its place",
            billed="no",
            path=path,
        )
    if code == errno.EFBIG:
        return BadImageError("{path} is larger than {limit} MiB", billed="no", path=path, limit=MOST_BYTES >> 20)
    if code in (errno.ELOOP, errno.EINVAL, errno.EISDIR, errno.ENXIO):
        return BadImageError("this is no plain file, it is not read: {path}", billed="no", path=path)
    reason = getattr(problem, "strerror", None) or type(problem).__name__
    return BadImageError("this file cannot be read ({reason}): {path}", billed="no", path=path, reason=reason)
