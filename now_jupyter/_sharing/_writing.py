"""Where an export goes: a folder or a zip. Nothing that is there is replaced."""

from __future__ import annotations

import os
import time
import zipfile
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

from .._media import put_new

__all__ = ["FileToWrite", "is_other", "write_folder", "write_zip"]

_PACKED = (".json", ".html", ".svg", ".txt", ".ipynb")
_EARLIEST, _LATEST = (1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)  # what a zip can say
_PLAIN_FILE = 0o100644 << 16


class FileToWrite(NamedTuple):
    """A file of an export: its place in it, its bytes, and when it was made (Unix seconds)."""

    name: str
    data: bytes
    made: float


def write_folder(folder: Path, files: Iterable[FileToWrite]) -> None:
    """Write files into a folder, each under the first name that is free, unless it is there already."""
    for one in files:
        target = folder / one.name
        if not _is_there(target) or is_other(target, one.data):
            put_new(target, partial(_put, one.data))


def _put(data: bytes, file: BinaryIO) -> None:
    file.write(data)


def is_other(path: Path, data: bytes) -> bool:
    """Whether something is at a path that is not a file of these bytes."""
    try:
        is_same = path.is_file() and path.stat().st_size == len(data) and path.read_bytes() == data
    except (OSError, ValueError):
        return True
    return not is_same and _is_there(path)


def _is_there(path: Path) -> bool:
    return os.path.lexists(path)


def write_zip(file: BinaryIO, files: Iterable[FileToWrite]) -> None:
    """Write files into a zip, one at a time; pictures are packed already and are stored as they are."""
    with zipfile.ZipFile(file, "w") as archive:
        for one in files:
            about = zipfile.ZipInfo(one.name, _zip_time(one.made))
            about.external_attr = _PLAIN_FILE
            is_text = os.path.splitext(one.name)[1] in _PACKED  # noqa: PTH122 - a name in a zip is no path
            about.compress_type = zipfile.ZIP_DEFLATED if is_text else zipfile.ZIP_STORED
            archive.writestr(about, one.data)


def _zip_time(made: float) -> tuple[int, int, int, int, int, int]:
    try:
        year, month, day, hour, minute, second, *_ = time.localtime(made)
    except (OverflowError, ValueError, OSError):
        return _EARLIEST
    return min(max((year, month, day, hour, minute, second), _EARLIEST), _LATEST)
