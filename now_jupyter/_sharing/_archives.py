"""Zips and folders that come from anyone, read without being unpacked.

Nothing is ever written under a name that stands in them: names only say what is read. A zip's directory is measured
before it is read, each file before it is unpacked and again while it is; what is linked, encrypted, there twice or
packed in an unusual way is refused. All together may give no more than the zip's own size allows for.
"""

from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, Protocol

from .._messages import BadImageError, InputError, StoreError
from .._store import read_file

__all__ = ["MOST_FILES", "Source", "opened_source"]

MOST_FILES = 20_000
_LARGEST_DIRECTORY = 4 << 20
_ALWAYS = 64 << 20  # bytes that any zip may give
_MOST_TIMES = 20  # of its own size, beyond that; pictures are packed already
_END, _END_SIZE, _LONGEST_COMMENT = b"PK\x05\x06", 22, 0xFFFF
_END_64, _END_64_SIZE, _LOCATOR_64, _LOCATOR_SIZE = b"PK\x06\x06", 56, b"PK\x06\x07", 20
_TAIL = _END_SIZE + _LONGEST_COMMENT + _END_64_SIZE + _LOCATOR_SIZE
_ENCRYPTED = 0x1
_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, NotImplementedError)
_DEEPEST = 3
_CHUNK = 1 << 20


class Source(Protocol):
    """Files by their names, with slashes, as a zip or a folder has them."""

    def names(self) -> list[str]:
        """Return the names of all files that may be read."""
        ...

    def read(self, name: str, *, limit: int) -> bytes:
        """Return the bytes of a file.

        Raises:
            InputError: it is not there, cannot be read, or is larger than `limit`.
        """
        ...


@contextmanager
def opened_source(path: Path) -> Iterator[Source]:
    """Open a zip or a folder for reading.

    Raises:
        InputError: it is neither, or a zip with more files or bytes than any export has.
    """
    if path.is_dir():
        yield _Folder(path)
        return
    with _open(path) as file:
        _measure(file, path)
        try:
            archive = zipfile.ZipFile(file)
        except (*_BROKEN, RuntimeError):
            archive = None
        if archive is None:
            raise _no_zip(path)
        with archive:
            if len(archive.infolist()) > MOST_FILES:
                raise _too_many(path)
            yield _Zip(archive, path)


def _open(path: Path) -> BinaryIO:
    try:
        seen = path.stat()
        if stat.S_ISREG(seen.st_mode):
            return path.open("rb")
        reason = "no plain file"
    except OSError as problem:
        reason = problem.strerror or type(problem).__name__
    raise InputError("{path} cannot be read: {reason}", path=path, reason=reason)


def _no_zip(path: Path) -> InputError:
    return InputError(
        "{path} is no zip, or a damaged one",
        advice="give a zip or a folder made by %now export or %now bundle, a .now folder, or a notebook",
        path=path.name,
    )


def _measure(file: BinaryIO, path: Path) -> None:
    """Refuse a zip by the size of its directory, which would be read whole."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _TAIL))
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_SIZE:
        raise _no_zip(path)
    sizes = [struct.unpack_from("<HI", tail, at + 10)]
    if at >= _LOCATOR_SIZE and tail.startswith(_LOCATOR_64, at - _LOCATOR_SIZE):
        (place,) = struct.unpack_from("<Q", tail, at - 12)
        file.seek(min(place, size))
        records = (file.read(_END_64_SIZE), tail[max(0, at - _LOCATOR_SIZE - _END_64_SIZE) :])
        whole = (one for one in records if one.startswith(_END_64) and len(one) >= _END_64_SIZE)
        sizes += [struct.unpack_from("<Q8xQ", one, 24) for one in whole]
    if any(count > MOST_FILES or directory > _LARGEST_DIRECTORY for count, directory in sizes):
        raise _too_many(path)
    file.seek(0)


def _too_many(path: Path) -> InputError:
    return InputError("{path} holds more than {most} files", path=path.name, most=MOST_FILES)


class _Zip:
    """A zip: names are those that are there once; what is read counts towards what it may give in all."""

    def __init__(self, archive: zipfile.ZipFile, path: Path) -> None:
        self._archive = archive
        self._left = max(_ALWAYS, _MOST_TIMES * path.stat().st_size)
        self._entries: dict[str, zipfile.ZipInfo | None] = {}
        for entry in archive.infolist():
            self._entries[entry.filename] = None if entry.filename in self._entries else entry

    def names(self) -> list[str]:
        return [name for name, entry in self._entries.items() if entry is not None and not entry.is_dir()]

    def read(self, name: str, *, limit: int) -> bytes:
        entry = self._checked(name, limit)
        self._left -= entry.file_size
        if self._left < 0:
            raise InputError("this zip unpacks to much more than it can honestly hold; it is not read on")
        try:
            with self._archive.open(entry) as file:
                return _read_all(file, entry.file_size)
        except (*_BROKEN, RuntimeError) as problem:
            reason = type(problem).__name__
        raise InputError("{name} in the zip cannot be read: {reason}", name=name, reason=reason)

    def _checked(self, name: str, limit: int) -> zipfile.ZipInfo:
        if name not in self._entries:
            raise InputError("{name} is not in the zip", name=name)
        entry = self._entries[name]
        if entry is None:
            raise InputError("{name} is in the zip twice", name=name)
        if entry.flag_bits & _ENCRYPTED:
            raise InputError("{name} is encrypted", advice="unpack the zip first", name=name)
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise InputError("{name} is a link", name=name)
        if entry.compress_type not in _PLAIN:
            raise InputError("{name} is packed in an unusual way", advice="unpack the zip first", name=name)
        if entry.file_size > limit:
            raise InputError("{name} is larger than {limit} MiB", name=name, limit=limit >> 20)
        return entry


def _read_all(file: IO[bytes], size: int) -> bytes:
    """Read a file to the end that its entry promises; the checksum is looked at there."""
    whole = io.BytesIO()
    while chunk := file.read(_CHUNK):
        whole.write(chunk)
        if whole.tell() > size:
            raise ValueError("longer than it says")
    if whole.tell() != size:
        raise EOFError
    return whole.getvalue()


class _Folder:
    """A folder, of which plain files are read; no link in it is followed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def names(self) -> list[str]:
        found: list[str] = []
        for folder, folders, files in os.walk(self._path, onerror=None, followlinks=False):
            place = Path(folder).relative_to(self._path)
            if len(place.parts) >= _DEEPEST:
                folders.clear()
            found += [(place / name).as_posix() for name in files]
            if len(found) > MOST_FILES:
                raise _too_many(self._path)
        return found

    def read(self, name: str, *, limit: int) -> bytes:
        parts = name.split("/")
        if name.startswith("/") or {"", ".", ".."} & set(parts) or "\\" in name or ":" in name:
            raise InputError("{name} leads out of the folder", name=name)
        path = self._path
        for part in parts[:-1]:
            path /= part
            if path.is_symlink():
                raise InputError("{name} leads out of the folder", name=name)
        try:
            return read_file(path / parts[-1], limit=limit)
        except (StoreError, BadImageError) as problem:
            reason = problem.message()
        raise InputError("{name} cannot be read: {reason}", name=name, reason=reason)
