"""A file that only the user can read, and that is gone again where it could not be filled."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ._exception_map import from_disk

__all__ = ["private_file", "restart", "write"]


@contextmanager
def private_file(path: Path) -> Iterator[BinaryIO]:
    """Make the file anew, or empty the one that is there; it is removed again where the block fails.

    Raises:
        StoreError: the disk refuses.
    """
    with from_disk():
        file = _create(path)
    try:
        yield file
        with from_disk():
            file.flush()
    except BaseException:
        _close(file)
        with suppress(OSError):
            path.unlink()
        raise
    _close(file)


def restart(file: BinaryIO) -> None:
    """Forget what was written."""
    with from_disk():
        file.seek(0)
        file.truncate()


def write(file: BinaryIO, data: bytes) -> None:
    """Write the next bytes."""
    with from_disk():
        file.write(data)


def _create(path: Path) -> BinaryIO:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        if hasattr(os, "fchmod"):
            os.fchmod(descriptor, 0o600)  # the file may have been there
    except OSError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "wb")


def _close(file: BinaryIO) -> None:
    with suppress(OSError):  # all was flushed where all went well; on a full disk closing fails once more
        file.close()
