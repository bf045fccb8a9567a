"""Raw answers of the relay, kept as they come until their outputs are safe.

`answers/<N>.part` grows while the answer arrives; it becomes `answers/<N>` when it is complete. The first line is a
JSON head (status, content type, request id), then follow the bytes of the body as received.

What is written survives the death of the process at once. It is flushed, so that it survives a power cut too, by
`secure`: an answer whose outputs are on the disk themselves a moment later goes without.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
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
    sync_file,
    sync_folder,
    with_store_errors,
    write_all,
)
from ._record_files import parse_json

__all__ = ["AnswerFile", "StoredAnswer", "answer_paths", "find_answer"]

_LONGEST_HEAD = 64 << 10
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAnswer:
    """An answer on disk: its head, and where its body begins in the file at `path`, a `.part` if it was cut."""

    head: Mapping[str, JSON] = field(default_factory=dict)
    path: Path
    offset: int

    def pieces(self) -> Iterator[bytes]:
        """Yield the body, little of which is in memory at a time."""
        at = self.offset
        while piece := _read_from(self.path, at, _PIECE):
            yield piece
            at += len(piece)

    def copy_to(self, path: Path) -> None:
        """Write the body to `path`, where nothing is yet; little of it is in memory at a time."""
        copy_new(path, self.path, offset=self.offset)


class AnswerFile:
    """The file that an arriving answer is written to; `finish` or `abandon` ends it, and either may be called twice.

    An earlier answer that is in the way is set aside. What could not be written leaves what was written before.
    """

    def __init__(self, folder: Path, number: int, *, set_aside: Callable[[Path, str], object]) -> None:
        self._whole, self.path = answer_paths(folder, number)
        self._set_aside = set_aside
        self._file: int | None = None
        self._size = 0
        self._is_waiting = False

    @with_store_errors
    def begin(self, head: Mapping[str, JSON]) -> None:
        """Create the file and write the head."""
        self.abandon()
        self._clear(self.path)
        self._size = 0
        self._file = create_privately(self.path)  # its name is on the disk when it is finished or abandoned
        self.write(canonical(head).encode("utf-8", "replace") + b"\n")

    @with_store_errors
    def write(self, data: bytes) -> None:
        """Add bytes of the body: all of them, or none where there is no room."""
        if self._file is None:
            raise StoreError("the answer file {path} is not open", path=self.path)
        try:
            write_all(self._file, data)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._file, self._size)
            raise
        self._size += len(data)

    @with_store_errors
    def finish(self) -> None:
        """Give the answer its name; the `.part` stays where that fails. `secure` has it on the disk."""
        if self._file is None:
            return
        file, self._file = self._file, None
        os.close(file)
        self._clear(self._whole)
        self.path.replace(self._whole)
        self._is_waiting = True

    @with_store_errors
    def secure(self) -> None:
        """Flush a complete answer and its name to the disk, once."""
        if self._is_waiting:
            self._is_waiting = False
            sync_file(self._whole)
            sync_folder(self.path.parent)

    def abandon(self) -> None:
        """Close without giving it its name: what came so far may hold paid pictures and stays."""
        if self._file is not None:
            with suppress(OSError):
                sync_folder(self.path.parent)
            file, self._file = self._file, None
            with suppress(OSError):
                os.fsync(file)
            with suppress(OSError):
                os.close(file)

    def _clear(self, path: Path) -> None:
        if not is_missing(path):
            self._set_aside(path, "an earlier answer to the same request")


def answer_paths(folder: Path, number: int) -> tuple[Path, Path]:
    """Return the path of the complete answer to a request, and that of the one that arrives or was cut."""
    return folder / f"{number}", folder / f"{number}.part"


def find_answer(folder: Path, number: int) -> StoredAnswer | None:
    """Return the answer to a request, the complete one first; None where nothing of a body came."""
    for path in answer_paths(folder, number):
        if is_missing(path):
            continue
        first, end, _ = _read_from(path, 0, _LONGEST_HEAD).partition(b"\n")
        if end or path.suffix != ".part":
            return StoredAnswer(head=_head(first), path=path, offset=len(first) + len(end))
    return None


def _head(line: bytes) -> Mapping[str, JSON]:
    with suppress(StoreCorrupt):  # the body behind a spoilt head can still hold pictures
        head = parse_json(line)
        if isinstance(head, dict):
            return head
    return {}


@with_store_errors
def _read_from(path: Path, offset: int, limit: int) -> bytes:
    with os.fdopen(open_to_read(path), "rb") as opened:
        opened.seek(offset)
        return opened.read(min(limit, max(0, os.fstat(opened.fileno()).st_size - offset)))
