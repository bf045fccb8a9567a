"""Raw answers of the relay, kept as they come until their outputs are safe.

`answers/<N>.part` grows while the answer arrives; it becomes `answers/<N>` when it is complete. The first line is a
JSON head (status, content type, request id), then follow the bytes of the body as received.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from .._json import JSON, canonical
from .._messages import StoreCorrupt, StoreError
from ._files import (
    copy_new,
    create_privately,
    is_missing,
    open_to_read,
    remove_file,
    sync_folder,
    write_all,
)
from ._os_errors import with_store_errors
from ._record_files import parse_json

__all__ = ["AnswerFile", "StoredAnswer", "drop_answer", "find_answer"]

_LONGEST_HEAD = 64 << 10
_LARGEST_BODY = 256 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAnswer:
    """An answer on disk: its head, and where its body begins in the file at `path`; not `complete` if it was cut."""

    head: Mapping[str, JSON] = field(default_factory=dict)
    path: Path
    offset: int
    complete: bool

    def body(self, *, limit: int = _LARGEST_BODY) -> bytes:
        """Return the body, at most `limit` bytes of it."""
        return _read_from(self.path, self.offset, limit)

    def copy_to(self, path: Path) -> None:
        """Write the body to `path`, where nothing is yet; little of it is in memory at a time.

        Raises:
            StoreError: it cannot be read or written.
        """
        copy_new(path, self.path, offset=self.offset)


class AnswerFile:
    """The file that an arriving answer is written to; `finish` or `abandon` ends it, and either may be called twice."""

    def __init__(self, folder: Path, number: int, *, set_aside: Callable[[Path, str], object]) -> None:
        """Touch nothing yet; `set_aside` gets an earlier answer that is in the way."""
        self._part = folder / f"{number}.part"
        self._whole = folder / f"{number}"
        self._set_aside = set_aside
        self._file: int | None = None

    def begin(self, head: Mapping[str, JSON]) -> None:
        """Create the file and write the head.

        Raises:
            StoreError: the file cannot be made or written.
        """
        self.abandon()
        self._keep_earlier(self._part)
        self._file = _create(self._part)
        self.write(canonical(head).encode("utf-8", "replace") + b"\n")

    def write(self, data: bytes) -> None:
        """Add bytes of the body.

        Raises:
            StoreError: they could not be written; what was written before stays.
        """
        if self._file is None:
            raise StoreError("the answer file {path} is not open", path=self._part)
        _write(self._part, self._file, data)

    def finish(self) -> None:
        """Flush the answer to the disk and give it its name.

        Raises:
            StoreError: it could not be flushed; the `.part` stays.
        """
        if self._file is None:
            return
        try:
            _flush(self._part, self._file)
        finally:
            self._close()
        self._keep_earlier(self._whole)
        _rename(self._part, self._whole)

    def abandon(self) -> None:
        """Close without giving it its name: what came so far may hold paid pictures and stays."""
        if self._file is None:
            return
        with suppress(StoreError):
            _flush(self._part, self._file)
            _sync_name(self._part)
        with suppress(StoreError):
            self._close()

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            _close(self._part, file)

    def _keep_earlier(self, path: Path) -> None:
        if not is_missing(path):
            self._set_aside(path, "an earlier answer to the same request")


def find_answer(folder: Path, number: int) -> StoredAnswer | None:
    """Return the answer to a request, the complete one first; None where nothing of a body came.

    Raises:
        StoreCorrupt: what is there is no file.
    """
    for name, complete in ((f"{number}", True), (f"{number}.part", False)):
        path = folder / name
        if is_missing(path):
            continue
        first, end, _ = _read_from(path, 0, _LONGEST_HEAD).partition(b"\n")
        if end or complete:
            return StoredAnswer(head=_head(first), path=path, offset=len(first) + len(end), complete=complete)
    return None


def drop_answer(folder: Path, number: int) -> None:
    """Remove what is kept of the answer to a request."""
    remove_file(folder / f"{number}.part")
    remove_file(folder / f"{number}")


def _head(line: bytes) -> Mapping[str, JSON]:
    try:
        head = parse_json(line)
    except StoreCorrupt:
        return {}  # the body behind a spoilt head can still hold pictures
    return head if isinstance(head, dict) else {}


@with_store_errors
def _create(path: Path) -> int:
    return create_privately(path)  # its name is on the disk when it is finished or abandoned


@with_store_errors
def _write(_path: Path, file: int, data: bytes) -> None:
    write_all(file, data)


@with_store_errors
def _flush(_path: Path, file: int) -> None:
    os.fsync(file)


@with_store_errors
def _rename(path: Path, whole: Path) -> None:
    path.replace(whole)
    sync_folder(whole.parent)


@with_store_errors
def _sync_name(path: Path) -> None:
    sync_folder(path.parent)


@with_store_errors
def _close(_path: Path, file: int) -> None:
    os.close(file)


@with_store_errors
def _read_from(path: Path, offset: int, limit: int) -> bytes:
    with os.fdopen(open_to_read(path), "rb") as opened:
        opened.seek(offset)
        return opened.read(min(limit, max(0, os.fstat(opened.fileno()).st_size - offset)))
