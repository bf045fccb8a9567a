"""Where paid outputs go when the history cannot take them: a folder of the user's own, else this process's memory.

A disk beside the notebook may fill up, vanish or turn read-only between paying and keeping. What was bought is then
written as `<record id>-<number>-<kind>-<key in hex><suffix>` into the user's data folder, and where that fails too,
held in memory by the kernel, which says so loudly. The record may never have heard of it, so the name says all that its
place in it depends on. `%now resume` brings all of it home.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from .._messages import StoreError
from .._settings import user_folder
from ._files import list_names, private_folder, read_file, remove_file, write_durably
from ._record import RecordedOutput

__all__ = ["RescueFolder", "spill_folder"]

_NAME = re.compile(
    r"(?P<identity>[0-9a-f]{32})-(?P<number>\d{1,15})-(?P<kind>picture|video|audio|words|vectors)(?P<side>-side)?"
    r"-(?P<key>(?:[0-9a-f]{2})*)(?:\.\w{1,8})?",
    re.ASCII,
)
_LARGEST = 256 << 20


def spill_folder() -> Path:
    """Return the user's own folder for outputs that could not be kept; it is not made."""
    return user_folder("data") / "spill"


class RescueFolder:
    """What could not be kept: by the id of its record and the key of the output."""

    def __init__(self, folder: Callable[[], Path] = spill_folder) -> None:
        self._folder = folder
        self._memory: dict[tuple[str, str], tuple[RecordedOutput, bytes]] = {}
        self._lock = threading.Lock()

    def keep(self, identity: str, output: RecordedOutput, data: bytes, *, suffix: str) -> Path | None:
        """Keep an output and return its path; None where only this process's memory would take it."""
        try:
            folder = self._folder()
            folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            private_folder(folder)
            path = folder / f"{identity}-{_name_of(output)}{suffix}"
            write_durably(path, data)
        except (StoreError, OSError):
            with self._lock:
                self._memory[identity, output.key] = (output, data)
            return None
        return path

    def of(self, identity: str) -> list[tuple[RecordedOutput, bytes]]:
        """Return what is kept here of a record by its numbers; files that cannot be read are left for another time."""
        with self._lock:
            found = {key: kept for (one, key), kept in self._memory.items() if one == identity}
        for one, output, path in self._files():
            if one == identity:
                with suppress(StoreError):
                    found[output.key] = (output, read_file(path, limit=_LARGEST))
        return sorted(found.values(), key=lambda kept: kept[0].number)

    def forget(self, identity: str, key: str) -> None:
        """Let go of an output that has come home."""
        with self._lock:
            self._memory.pop((identity, key), None)
        for path in [path for one, output, path in self._files() if (one, output.key) == (identity, key)]:
            remove_file(path)

    def identities(self) -> set[str]:
        """Return the ids of the records of which something is kept here, those of other histories too."""
        with self._lock:
            held = {identity for identity, _ in self._memory}
        return held | {identity for identity, *_ in self._files()}

    def _files(self) -> Iterator[tuple[str, RecordedOutput, Path]]:
        with suppress(StoreError, OSError):
            folder = self._folder()
            if folder.is_dir() and not folder.is_symlink():
                for match in filter(None, map(_NAME.fullmatch, list_names(folder))):
                    with suppress(ValueError):
                        yield match["identity"], _output_of(match), folder / match[0]


def _name_of(output: RecordedOutput) -> str:
    side, key = "-side" if output.is_side else "", output.key.encode("utf-8", "surrogatepass").hex()
    return f"{output.number}-{output.kind}{side}-{key}"


def _output_of(match: re.Match[str]) -> RecordedOutput:
    kind: Any = match["kind"]
    key = bytes.fromhex(match["key"]).decode("utf-8", "surrogatepass")
    return RecordedOutput(key=key, number=int(match["number"]), kind=kind, is_side=bool(match["side"]))
