"""The `.now` folder as a place: ours, private, of a format we know, with room for pictures.

`format` tells what the folder is: version, random id of the history, the notebook it last belonged to. A folder of a
later version is read and never written. Bytes that are not what they should be go to `quarantine/`: nothing that was
paid for is thrown away.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

from .._json import JSON, digest
from .._messages import StoreCorrupt, StoreError, StoreFull, StoreTooNew, StoreUnavailable
from ._files import (
    FolderStamp,
    claim_exclusively,
    copy_new,
    digest_of_file,
    folder_stamp,
    is_folder,
    is_missing,
    list_names,
    move_durably,
    private_folder,
    remove_file,
    sync_folder,
    temp_beside,
    try_read_file,
    with_store_errors,
    write_durably,
)
from ._own import is_known, remember
from ._record import FORMAT, is_identity
from ._record_files import encode, parse_json

__all__ = ["FolderLayout"]

_PARTS: Final = ("jobs", "answers", "pictures", "inputs", "quarantine", "trash", "locks")
_IGNORED = "answers/\nquarantine/\ntrash/\nlocks/\n*.tmp\n"
_LARGEST_FORMAT = 64 << 10
_PROBE = bytes(4096)


class FolderLayout:
    """One `.now` folder; nothing is touched before it is asked for, nor looked at twice without a change."""

    def __init__(self, path: Path, *, notebook: Path | None) -> None:
        self.path = path
        self._format_path = path / "format"
        self._notebook = notebook
        self._was_probed = False
        self._is_agreed = False
        self._looked: tuple[FolderStamp, dict[str, JSON]] | None = None  # when its parts were fine, and its format
        self._lived_in: FolderStamp | None = None  # when it was this user's
        self._complete: FolderStamp | None = None  # when nothing was missing

    def try_format(self) -> dict[str, JSON]:
        """Return what the `format` file says; nothing where there is none, or a folder that cannot be used."""
        with suppress(StoreError):
            return self.require()
        return {}

    @property
    def is_history(self) -> bool:
        """Whether its `format` says that the folder is a history; where that is lost, whether it looks like one."""
        with suppress(StoreError):
            return bool(self.require()) or _looks_like_history(list_names(self.path))
        return False

    def require(self) -> dict[str, JSON]:
        """Return the `format` of a folder that can be read, nothing where it is missing or spoilt; change nothing.

        Refused are folders of other users, and links in the place of a part: they are not followed. A folder is looked
        at again only after a change in it.
        """
        return self._require_at(folder_stamp(self.path))

    def _require_at(self, stamp: FolderStamp | None) -> dict[str, JSON]:
        if self._looked is not None and stamp == self._looked[0]:
            return self._looked[1]
        for path in (self.path, *(self.path / name for name in _PARTS)):
            is_folder(path)
        form = self._read_format()
        self._looked = (stamp, form) if stamp is not None else None
        return form

    def require_own(self) -> dict[str, JSON]:
        """Return the same of a folder that may be lived in; this alone decides whether it is this user's.

        Refused are folders of anything else than a history, and histories that this user neither made nor agreed to.
        """
        if (stamp := folder_stamp(self.path)) is not None and stamp == self._lived_in:
            return self._require_at(stamp)
        is_folder(self.path)  # whose it is comes first: another user's may not even be listed
        names = list_names(self.path)  # before the format is read, which another kernel may be about to write
        form = self.require()
        if not form and all(name.startswith(".format.") for name in names):  # nothing, or what a crash left
            return form
        if not form and not _looks_like_history(names):
            raise StoreUnavailable(
                "{path} is a folder of something else, and stays as it is",
                advice="give an empty folder or a new one: %now folder PATH",
                path=self.path,
            )
        if not self._is_agreed and not is_known(str(form.get("id"))):
            raise StoreUnavailable(
                "whether {name} was made by you is not known here, so it is looked at only",
                advice="%now adopt {name} makes it yours, once and for all; %now folder PATH keeps yours elsewhere",
                kept="%now history shows what is in it",
                name=self.path.name,
            )
        self._lived_in = stamp
        return form

    @property
    def is_own(self) -> bool:
        """Whether the folder is this user's; one that is not there yet will be."""
        with suppress(StoreError):
            self.require_own()
            return True
        return False

    def agree(self) -> bool:
        """Take the user's word that the folder is to be lived in; False where that holds for this kernel only."""
        self._is_agreed = True
        form = self.try_format()
        return not form or remember(str(form.get("id")))

    def repair(self) -> None:
        """Make what is missing in a folder that is there; making one that is gone anew would split the history."""
        if (stamp := folder_stamp(self.path)) is None and is_missing(self.path):
            raise StoreUnavailable(
                "the history folder {path} is gone",
                advice="move it back, or choose where it is now with %now folder PATH",
                path=self.path,
            )
        self._complete_at(stamp)

    def create(self) -> None:
        """Make everything that is missing, whole or after a crash in the middle; keep the notebook's path."""
        self._complete_at(folder_stamp(self.path))

    def _complete_at(self, stamp: FolderStamp | None) -> None:
        """Do the same, unless nothing was missing when the folder bore this stamp last."""
        if stamp is not None and stamp == self._complete:
            return
        private_folder(self.path)
        form = self.require_own()
        number = form.get("format")
        if isinstance(number, int) and number > FORMAT:
            raise StoreTooNew(
                "this history has format {version}, newer than this version writes",
                advice="update now_jupyter, or choose another folder with %now folder PATH",
                kept="the history can be read as it is",
                version=number,
            )
        notebook = "" if self._notebook is None else str(self._notebook)
        if not form:
            self._begin(notebook)
        elif notebook and form.get("notebook") != notebook:
            write_durably(self._format_path, encode({**form, "notebook": notebook}))
        self._is_agreed = True
        for name in _PARTS:
            private_folder(self.path / name)
        if is_missing(self.path / ".gitignore"):
            claim_exclusively(self.path / ".gitignore", _IGNORED.encode())
            sync_folder(self.path)
        self._complete = stamp

    def _begin(self, notebook: str) -> None:
        """Write the `format`, before anything else, so that no other folder is ever taken for one begun."""
        if not is_missing(self._format_path):
            self.set_aside(self._format_path, "this is not what this package writes")
        identity = uuid4().hex
        remember(identity)
        claim_exclusively(self._format_path, encode({"format": FORMAT, "id": identity, "notebook": notebook}))
        sync_folder(self.path)

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

    def set_aside(self, source: bytes | Path, reason: str) -> Path:
        """Keep bytes in the quarantine of a history, the reason beside them, and return their place.

        A file of the history itself is moved, others are copied.
        """
        folder = self.path / "quarantine"
        private_folder(folder)
        if isinstance(source, bytes):
            mark, name = digest(source), "bytes"  # each `resume` meets the same again
        elif source.suffix == ".tmp":
            mark, name = digest_of_file(source), "bytes"
        else:
            mark, name = secrets.token_hex(6), re.sub(r"[^\w.-]", "_", source.name)[:80]
        target = folder / f"{mark[:12]}-{name}"
        if isinstance(source, bytes):
            if is_missing(target) or os.lstat(target).st_size != len(source):
                write_durably(target, source)
        elif self.path in source.parents:
            try:
                move_durably(source, target)
            except StoreError:
                if not is_missing(source):  # else another kernel was faster
                    raise
        else:
            copy_new(target, source)
            sync_folder(folder)
        write_durably(folder / f"{target.name}.why", encode({"from": name, "reason": reason, "at": time.time()}))
        return target

    def _read_format(self) -> dict[str, JSON]:
        try:
            form = parse_json(try_read_file(self._format_path, limit=_LARGEST_FORMAT) or b"{}")
        except StoreCorrupt:
            return {}
        if not isinstance(form, dict) or not isinstance(form.get("format"), int):
            return {}
        return form if is_identity(str(form.get("id"))) else {}


def _looks_like_history(names: Collection[str]) -> bool:
    return set(_PARTS) <= set(names)


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
