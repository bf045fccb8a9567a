"""The `.now` folder as a place: ours, private, of a format we know, with room for pictures.

`format` tells what the folder is: version, random id of the history, the notebook it last belonged to. A folder of a
later version is read and never written.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

from .._json import JSON
from .._messages import StoreCorrupt, StoreError, StoreFull, StoreTooNew, StoreUnavailable
from ._files import (
    FolderStamp,
    claim_exclusively,
    folder_stamp,
    is_missing,
    private_folder,
    remove_file,
    temp_beside,
    try_read_file,
    write_durably,
)
from ._os_errors import with_store_errors
from ._record import FORMAT
from ._record_files import encode, parse_json

__all__ = ["FolderLayout"]

_PARTS: Final = ("jobs", "answers", "pictures", "inputs", "quarantine", "trash", "locks")
_IGNORED = "answers/\nquarantine/\ntrash/\nlocks/\n*.tmp\n"
_LARGEST_FORMAT = 64 << 10
_PROBE = bytes(4096)


class FolderLayout:
    """One `.now` folder; nothing is touched before it is asked for, nor looked at twice without a change."""

    def __init__(self, path: Path, *, notebook: Path | None, set_aside: Callable[[Path, str], object]) -> None:
        self.path = path
        self._format_path = path / "format"
        self._notebook = notebook
        self._set_aside = set_aside
        self._was_probed = False
        self._looked: tuple[FolderStamp, dict[str, JSON]] | None = None  # when its parts were fine, and its format
        self._complete: FolderStamp | None = None  # when nothing was missing

    def try_format(self) -> dict[str, JSON]:
        """Return what the `format` file says; nothing where there is no history that can be used."""
        with suppress(StoreError):
            return {} if is_missing(self.path) else self._look()
        return {}

    def require(self) -> None:
        """Refuse a place that is no folder of ours, or has parts that are not; what is not there yet is fine."""
        with suppress(StoreCorrupt):
            self._look()

    def _look(self) -> dict[str, JSON]:
        """Return the `format` file of a folder whose parts are fine; looked at again only after a change in it."""
        stamp = folder_stamp(self.path)
        if self._looked is not None and stamp == self._looked[0]:
            return self._looked[1]
        for path in (self.path, *(self.path / name for name in _PARTS)):
            if not is_missing(path):
                private_folder(path)
        form = self._read_format()
        self._looked = (stamp, form) if stamp is not None else None
        return form

    def repair(self) -> None:
        """Make what is missing in a folder that is there; making one that is gone anew would split the history."""
        if is_missing(self.path):
            raise StoreUnavailable(
                "the history folder {path} is gone",
                advice="move it back, or choose where it is now with %now folder PATH",
                path=self.path,
            )
        self.create()

    def create(self) -> None:
        """Make everything that is missing, whole or after a crash in the middle; keep the notebook's path."""
        stamp = folder_stamp(self.path)
        if stamp is not None and stamp == self._complete:
            return
        private_folder(self.path)
        form = self._known_format()
        for name in _PARTS:
            private_folder(self.path / name)
        notebook = "" if self._notebook is None else str(self._notebook)
        if not form:
            form = {"format": FORMAT, "id": uuid4().hex, "notebook": notebook}
            claim_exclusively(self._format_path, encode(form))
        elif notebook and form.get("notebook") != notebook:
            write_durably(self._format_path, encode({**form, "notebook": notebook}))
        if is_missing(self.path / ".gitignore"):
            claim_exclusively(self.path / ".gitignore", _IGNORED.encode())
        self._complete = stamp

    def _known_format(self) -> dict[str, JSON]:
        try:
            form = self._read_format()
        except StoreCorrupt as problem:
            self._set_aside(self._format_path, problem.message())
            return {}
        number = form.get("format")
        if isinstance(number, int) and number > FORMAT:
            raise StoreTooNew(
                "this history has format {version}, newer than this version writes",
                advice="update now_jupyter, or choose another folder with %now folder PATH",
                kept="the history can be read as it is",
                version=number,
            )
        return form

    def check(self, need_bytes: int) -> None:
        """Prove that pictures of `need_bytes` can be kept here."""
        for name in _PARTS:
            _refuse_unwritable(self.path / name)
        _refuse_full(self.path, need_bytes)
        # Only a real write finds a used-up quota; later ones are found by the intent, which is written before sending.
        if not self._was_probed:
            probe = temp_beside(self.path / "answers" / "probe")
            try:
                write_durably(probe, _PROBE)
            finally:
                remove_file(probe)
            self._was_probed = True

    def _read_format(self) -> dict[str, JSON]:
        data = try_read_file(self._format_path, limit=_LARGEST_FORMAT)
        form = {} if data is None else parse_json(data)
        if not isinstance(form, dict) or not (form or data is None):
            raise StoreCorrupt("{path} is not what this package writes", path=self._format_path)
        return form


@with_store_errors
def _refuse_unwritable(path: Path) -> None:
    if not os.access(path, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _refuse_full(path: Path, need_bytes: int) -> None:
    try:
        space = shutil.disk_usage(path)
    except OSError:
        return  # a file system that cannot tell; the write will
    if space.total and space.free < need_bytes:
        raise StoreFull(
            "only {free} MiB are free for {path}, and {need} MiB are needed",
            advice="free some space there, or choose another folder with %now folder PATH",
            free=space.free >> 20,
            need=-(-need_bytes >> 20),
            path=path,
        )
