"""The files of outputs and inputs, each found again by its name and checked by its digest.

Outputs lie in one flat folder under names that people recognise; a name is taken exclusively, so no file of another
order is ever replaced. Inputs are named by their digests.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .._media import media_type
from .._messages import StoreCorrupt, StoreError
from ._files import (
    copy_new,
    digest_of_file,
    is_missing,
    list_names,
    move_exclusively,
    remove_file,
    sync_file,
    temp_beside,
    write_new,
)
from ._names import file_name
from ._record import Record, RecordedOutput, is_digest, is_file_name

__all__ = ["InputFiles", "OutputFiles", "as_temp", "refuse_other_bytes", "suffix_of", "temp_in"]

_MOST_NAMESAKES = 1000


class OutputFiles:
    """The folder of the outputs, byte for byte as received."""

    def __init__(self, folder: Path, *, set_aside: Callable[[Path, str], object]) -> None:
        """Touch nothing yet; `set_aside` gets a damaged file that is in the way."""
        self.folder = folder
        self._set_aside = set_aside

    def path(self, file: str) -> Path:
        """Return the path of an output by the name in its record.

        Raises:
            StoreCorrupt: this is no name of a file in the folder.
        """
        if not is_file_name(file):
            raise StoreCorrupt("{path} is no regular file", path=file)
        return self.folder / file

    def keep(self, temp: Path, *, record: Record, output: RecordedOutput, sha256: str, suffix: str) -> str:
        """Move a flushed file of this digest to a name of its own, and return that; the same bytes keep their name."""
        if output.sha256 == sha256 and _belongs_to(record, output.file):
            _clear(self.folder / output.file, sha256, self._set_aside)
        for name in _names_for(record, output, suffix):
            if _put(temp, self.folder / name, sha256):
                return name
        raise StoreError(
            "{path} could not be read or written: {reason}", path=self.folder, reason="too many files of one name"
        )


class InputFiles:
    """The folder of what was given to orders."""

    def __init__(self, folder: Path, *, set_aside: Callable[[Path, str], object]) -> None:
        """Touch nothing yet; `set_aside` gets a damaged file that is in the way."""
        self.folder = folder
        self._set_aside = set_aside

    def keep(self, temp: Path, *, sha256: str, suffix: str) -> None:
        """Move a flushed file of this digest to its name; nothing changes where it is there already."""
        target = self.folder / f"{sha256}{suffix}"
        _clear(target, sha256, self._set_aside)
        _put(temp, target, sha256)

    def path(self, sha256: str) -> Path:
        """Return the path of the input of this digest.

        Raises:
            StoreCorrupt: it is not there, or its bytes are others by now.
        """
        names = (name for name in list_names(self.folder) if is_digest(sha256) and name.partition(".")[0] == sha256)
        for path in (self.folder / name for name in names):
            if digest_of_file(path) == sha256:
                return path
        raise StoreCorrupt("{path} is missing", path=self.folder / sha256)


def suffix_of(mime: str) -> str:
    """Return the suffix of files of this media type."""
    media = media_type(mime)
    return media.suffix if media else ".bin"


def temp_in(folder: Path) -> Path:
    """Return the path of a file that is not there yet; `as_temp` of the same folder takes it as it is."""
    return temp_beside(folder / "download")


@contextmanager
def as_temp(source: bytes | Path, folder: Path) -> Iterator[Path]:
    """Give a source as a flushed file in `folder`; a copy is removed again where it was not taken from there."""
    is_download = isinstance(source, Path) and source.parent == folder and source.suffix == ".tmp"
    temp = source if isinstance(source, Path) and is_download else temp_beside(folder / "output")
    try:
        if isinstance(source, bytes):
            write_new(temp, source)
        elif is_download:
            sync_file(temp)
        else:
            copy_new(temp, source)
        yield temp
    finally:
        if not is_download:
            remove_file(temp)


def refuse_other_bytes(temp: Path, sha256: str, set_aside: Callable[[Path, str], object]) -> None:
    """Put a file into quarantine that has another digest than it should have.

    Raises:
        StoreCorrupt: it had.
    """
    actual = digest_of_file(temp)
    if actual == sha256:
        return
    place = set_aside(temp, f"the digest is {actual}, not {sha256}")
    raise StoreCorrupt("a picture is not the one that it should be", kept="its bytes are in {place}", place=place)


def _names_for(record: Record, output: RecordedOutput, suffix: str) -> Iterator[str]:
    """Yield the names that an output may get: that in its record, then a readable one, then its namesakes."""
    if output.file and _belongs_to(record, output.file):
        yield output.file
    name = file_name(record.number, output.number, record.request.prompt or record.alt, suffix)
    yield name
    yield from (f"{name.removesuffix(suffix)}-{more}{suffix}" for more in range(2, _MOST_NAMESAKES))


def _belongs_to(record: Record, file: str) -> bool:
    return is_file_name(file) and file.startswith((f"{record.number}-", f"{record.number}."))


def _put(temp: Path, target: Path, sha256: str) -> bool:
    """Move a file to `target`, and return whether its bytes are there now."""
    if move_exclusively(temp, target):
        return True
    if not _is_intact(target, sha256, os.lstat(temp).st_size):
        return False
    remove_file(temp)
    return True


def _clear(target: Path, sha256: str, set_aside: Callable[[Path, str], object]) -> None:
    if not is_missing(target) and not _is_intact(target, sha256):
        set_aside(target, "other bytes than its record says")


def _is_intact(path: Path, sha256: str, size: int | None = None) -> bool:
    try:
        return size in (None, os.lstat(path).st_size) and digest_of_file(path) == sha256
    except (StoreCorrupt, OSError):
        return False
