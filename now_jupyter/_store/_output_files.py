"""The files of outputs and inputs, each found again by its name and checked by its digest.

Outputs lie in one flat folder under names that people recognise; a name is taken exclusively, so no file of another
order is ever replaced. Inputs are named by their digests.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
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
from ._layout import FolderLayout
from ._names import file_name
from ._record import Record, RecordedOutput, is_digest, is_file_name

__all__ = ["FileStore"]

_NEED_BYTES = 32 << 20
_MOST_NAMESAKES = 1000


class FileStore:
    """One `<notebook>.now` folder, and the files of outputs and inputs in it, byte for byte as received."""

    def __init__(self, folder: Path, *, notebook: Path | None = None) -> None:
        """Touch nothing on disk and open nothing; the place is fixed, whatever the working directory becomes."""
        place = folder.absolute()
        self.folder = Path(os.path.realpath(place.parent)) / place.name  # links above are ordinary, the folder is none
        self.pictures = self.folder / "pictures"
        self._inputs = self.folder / "inputs"
        self._answers = self.folder / "answers"
        self._layout = FolderLayout(self.folder, notebook=notebook)

    @property
    def exists(self) -> bool:
        """Whether the folder is there and is a history that can be read."""
        return self._layout.is_history

    @property
    def is_own(self) -> bool:
        """Whether this user made the history or agreed to it; others are looked at only."""
        return self._layout.is_own

    def require_own(self) -> None:
        """Refuse a folder that is not this user's to live in: a StoreUnavailable says why, and what to do."""
        self._layout.require_own()

    def agree(self) -> bool:
        """Take the user's word that this history is to be lived in; False where that holds for this kernel only."""
        return self._layout.agree()

    @property
    def last_notebook(self) -> str:
        """The path of the notebook that used the folder last; empty where none did."""
        return str(self._layout.try_format().get("notebook") or "")

    def preflight(self, need_bytes: int = _NEED_BYTES) -> None:
        """Prove before a purchase that it can be kept; makes what is missing."""
        self._layout.create()
        self._layout.check(need_bytes)

    def temp_path(self) -> Path:
        """Return the path of a file that is not there yet, for a download that `keep_output` or `quarantine` takes."""
        self._layout.repair()
        return temp_beside(self._answers / "download")

    def keep_output(  # noqa: PLR0913 - what came, where it belongs, and what is known of it
        self,
        source: bytes | Path,
        *,
        record: Record,
        output: RecordedOutput,
        mime: str,
        sha256: str,
        is_checked: bool = False,
    ) -> str:
        """Keep an output as received, and return its file's name in `pictures`; the same bytes keep the same name.

        The name is taken exclusively: no other file is ever replaced. A file from `temp_path` is moved, others are
        copied. Bytes that are not those of `sha256` are a StoreCorrupt, and in quarantine; of a file from `temp_path`
        that `is_checked` the digest was taken a moment ago.
        """
        self._layout.repair()
        with self._as_temp(source) as temp:
            if not is_checked or temp != source:
                self._refuse_other_bytes(temp, sha256)
            if output.sha256 == sha256 and _belongs_to(record, output.file):
                self._clear(self.pictures / output.file, sha256)
            for name in _names_for(record, output, _suffix_of(mime)):
                if _put(temp, self.pictures / name, sha256):
                    return name
        reason = "too many files of one name"
        raise StoreError("{path} could not be read or written: {reason}", path=self.pictures, reason=reason)

    def find_output(self, record: Record, output: RecordedOutput) -> Path | None:
        """Return the file of an output that its record does not name yet: its name is on the disk sooner."""
        self._layout.require()
        ours = file_name(record.number, output.number, record.request.prompt or record.alt, "")
        names = [name for name in list_names(self.pictures) if name.rpartition(".")[0] == ours]
        return self.output_path(names[0]) if len(names) == 1 else None

    def output_path(self, file: str) -> Path:
        """Return the path of an output by the name in its record; what is no name of a file is a StoreCorrupt."""
        if not is_file_name(file):
            raise StoreCorrupt("{path} is no regular file", path=file)
        return self.pictures / file

    def drop_repeat(self, file: str) -> None:
        """Remove an output that repeats another one of its order byte for byte, once its record does not name it."""
        self._layout.repair()
        remove_file(self.output_path(file))

    def require_intact(self, output: RecordedOutput) -> None:
        """Raise a StoreCorrupt where the file of an output cannot be read or has changed."""
        with suppress(StoreError):
            if not output.sha256 or digest_of_file(self.output_path(output.file)) == output.sha256:
                return
        raise StoreCorrupt("a picture is not the one that it should be")

    def _copy_files(self, record: Record, source: FileStore) -> Record:
        """Copy the outputs of another history's record, and what it was made from; return it with the files' names."""
        for given in record.request.inputs:
            with suppress(StoreError):  # its digest tells what it was, and it may have been gone for long
                self.keep_input(source.input_path(given.sha256), mime=given.mime)
        return replace(record, outputs=tuple(self._copy(one, record, source) for one in record.outputs))

    def _copy(self, output: RecordedOutput, record: Record, source: FileStore) -> RecordedOutput:
        if not output.sha256:
            return output
        path, own = source.output_path(output.file), replace(output, file="")
        file = self.keep_output(path, record=record, output=own, mime=output.mime, sha256=output.sha256)
        return replace(own, file=file)

    def keep_input(self, source: bytes | Path, *, mime: str) -> str:
        """Keep a copy of what is given to an order, and return its digest; files of any size."""
        self._layout.create()
        with self._as_temp(source) as temp:
            sha256 = digest_of_file(temp)
            target = self._inputs / f"{sha256}{_suffix_of(mime)}"
            self._clear(target, sha256)
            _put(temp, target, sha256)
        return sha256

    def input_path(self, sha256: str) -> Path:
        """Return the path of the input of this digest; StoreCorrupt where it is gone or has changed."""
        self._layout.require()
        names = (name for name in list_names(self._inputs) if is_digest(sha256) and name.partition(".")[0] == sha256)
        for path in (self._inputs / name for name in names):
            if digest_of_file(path) == sha256:
                return path
        raise StoreCorrupt("{path} is missing", path=self._inputs / sha256)

    def quarantine(self, source: bytes | Path, *, reason: str) -> Path:
        """Keep bytes that are not what they should be; a file inside the folder is moved, others are copied."""
        self._layout.repair()
        return self._layout.set_aside(source, reason)

    def leftovers(self) -> list[Path]:
        """Return the unfinished files of writes and downloads: those of a living kernel are young."""
        folders = (self.folder, *(self.folder / part for part in ("jobs", "trash", "answers", "pictures", "inputs")))
        paths = (folder / name for folder in folders for name in list_names(folder))
        return [path for path in paths if path.name.startswith(".") and path.suffix == ".tmp" and _is_regular(path)]

    @contextmanager
    def _as_temp(self, source: bytes | Path) -> Iterator[Path]:
        """Give a source as a flushed file; a copy is removed again where it was not taken from there."""
        is_download = isinstance(source, Path) and source.parent == self._answers and source.suffix == ".tmp"
        temp = source if isinstance(source, Path) and is_download else temp_beside(self._answers / "output")
        try:
            if isinstance(source, bytes):
                write_new(temp, [source])
            elif is_download:
                sync_file(temp)
            else:
                copy_new(temp, source)
            yield temp
        finally:
            if not is_download:
                remove_file(temp)

    def _refuse_other_bytes(self, temp: Path, sha256: str) -> None:
        actual = digest_of_file(temp)
        if actual != sha256:
            place = self._layout.set_aside(temp, f"the digest is {actual}, not {sha256}")
            raise StoreCorrupt(
                "a picture is not the one that it should be", kept="its bytes are in {place}", place=place
            )

    def _clear(self, target: Path, sha256: str) -> None:
        if not is_missing(target) and not _is_intact(target, sha256):
            self._layout.set_aside(target, "other bytes than its record says")


def _is_regular(path: Path) -> bool:
    return stat.S_ISREG(os.lstat(path).st_mode)


def _suffix_of(mime: str) -> str:
    media = media_type(mime)
    return media.suffix if media else ".bin"


def _names_for(record: Record, output: RecordedOutput, suffix: str) -> Iterator[str]:
    """Yield the names that an output may get: that in its record, then a readable one, then its namesakes."""
    if _belongs_to(record, output.file):
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


def _is_intact(path: Path, sha256: str, size: int | None = None) -> bool:
    try:
        return size in (None, os.lstat(path).st_size) and digest_of_file(path) == sha256
    except (StoreCorrupt, OSError):
        return False
