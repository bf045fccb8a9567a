"""Where paid outputs go when the history cannot take them: a folder of the user's own, else this process's memory.

A disk beside the notebook may fill up, vanish or turn read-only between paying and keeping. What was bought is then
written as `<record id>-<key in hex><suffix>` into the user's data folder, and where that fails too, held in memory by
the kernel, which says so loudly. `%now resume` brings all of it home.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from .._messages import StoreError
from ._files import list_names, private_folder, read_file, remove_file, write_durably

__all__ = ["RescueFolder", "spill_folder"]

_NAME = re.compile(r"([0-9a-f]{32})-((?:[0-9a-f]{2})*)(?:\.\w{1,8})?")
_LARGEST = 256 << 20


def spill_folder() -> Path:
    """Return the user's own folder for outputs that could not be kept; it is not made."""
    from platformdirs import user_data_path  # noqa: PLC0415 - asked for when something goes wrong

    return user_data_path("now_jupyter") / "spill"


class RescueFolder:
    """What could not be kept: by the id of its record and the key of the output."""

    def __init__(self, folder: Callable[[], Path] = spill_folder) -> None:
        """Touch nothing yet."""
        self._folder = folder
        self._memory: dict[tuple[str, str], bytes] = {}
        self._lock = threading.Lock()

    def keep(self, identity: str, key: str, data: bytes, *, suffix: str) -> Path | None:
        """Keep an output and return its path; None where only this process's memory would take it."""
        try:
            name = f"{identity}-{key.encode('utf-8', 'surrogatepass').hex()}.{suffix.removeprefix('.')}"
            path = self._make() / name
            write_durably(path, data)
        except (StoreError, OSError):
            with self._lock:
                self._memory[identity, key] = data
            return None
        return path

    def _make(self) -> Path:
        folder = self._folder()
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        private_folder(folder)
        return folder

    def of(self, identity: str) -> dict[str, bytes]:
        """Return what is kept here of a record, by key; files that cannot be read are left for another time."""
        with self._lock:
            found = {key: data for (one, key), data in self._memory.items() if one == identity}
        for one, key, path in self._files():
            if one == identity:
                with suppress(StoreError):
                    found[key] = read_file(path, limit=_LARGEST)
        return found

    def forget(self, identity: str, key: str) -> None:
        """Let go of an output that has come home."""
        with self._lock:
            self._memory.pop((identity, key), None)
        for path in [path for *both, path in self._files() if both == [identity, key]]:
            remove_file(path)

    def identities(self) -> set[str]:
        """Return the ids of the records of which something is kept here, those of other histories too."""
        with self._lock:
            held = {identity for identity, _ in self._memory}
        return held | {identity for identity, *_ in self._files()}

    def _files(self) -> Iterator[tuple[str, str, Path]]:
        with suppress(StoreError, OSError):
            folder = self._folder()
            if folder.is_dir() and not folder.is_symlink():
                for match in filter(None, map(_NAME.fullmatch, list_names(folder))):
                    with suppress(ValueError):
                        yield match[1], bytes.fromhex(match[2]).decode("utf-8", "surrogatepass"), folder / match[0]
