"""A file that only the user can read, and that is gone again where it could not be filled."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ._exception_map import from_disk

__all__ = ["open_new", "private_file", "restart", "save", "write"]

_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


@contextmanager
def private_file(path: Path) -> Iterator[BinaryIO]:
    """Make the file anew, or empty the one that is there; it is removed again where the block fails."""
    with from_disk():
        file = open(path, "w+b", opener=lambda name, flags: os.open(name, flags | _NO_LINK, 0o600))  # noqa: SIM115 - closed below; `Path.open` takes no opener
    try:
        with from_disk():
            path.chmod(0o600)  # the file may have been there
        yield file
        with from_disk():
            file.close()
    except BaseException:
        with suppress(OSError):  # on a full disk closing fails once more
            file.close()
        with suppress(OSError):
            path.unlink()
        raise


def open_new(path: Path) -> BinaryIO:
    """Open a file that is not there yet, without a buffer: what the disk does not take is told at once."""
    return open(path, "xb", buffering=0, opener=lambda name, flags: os.open(name, flags, 0o600))


def save(path: Path, pieces: Iterable[bytes]) -> None:
    """Write a file of these pieces."""
    with private_file(path) as file:
        for piece in pieces:
            write(file, piece)


def restart(file: BinaryIO) -> None:
    """Forget what was written."""
    with from_disk():
        file.seek(0)
        file.truncate()


def write(file: BinaryIO, data: bytes) -> None:
    """Write the next bytes."""
    with from_disk():
        file.write(data)
