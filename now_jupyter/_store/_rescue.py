"""Where paid pictures go when the history cannot take them: a folder of the user's own, else this process's memory.

A disk beside the notebook may fill up, vanish or turn read-only between paying and keeping. What was bought is then
written as `<record id>-<index>.<type>` into the user's data folder, and where that fails too, held in memory by the
kernel, which says so loudly. `%now resume` brings all of it home.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path

from .._messages import StoreError
from ._files import names_in, private_folder, read_file, remove_file, write_durably
from ._record import picture_file

__all__ = ["RescueFolder", "spill_folder"]

_NAME = re.compile(r"([0-9a-f]{32})-([0-9]{1,4})\.(?:png|jpg|webp|gif|bin)")
_LARGEST = 256 << 20


def spill_folder() -> Path:
    """Name the user's own folder for pictures that could not be kept; it is not made."""
    from platformdirs import user_data_path  # noqa: PLC0415 - asked for when something goes wrong

    return user_data_path("now_jupyter") / "spill"


class RescueFolder:
    """What could not be kept: by record and by its place among the record's pictures."""

    def __init__(self, folder: Callable[[], Path] = spill_folder) -> None:
        """Touch nothing yet."""
        self._folder = folder
        self._memory: dict[tuple[str, int], bytes] = {}
        self._lock = threading.Lock()

    def keep(self, identity: str, index: int, data: bytes, *, mime: str) -> Path | None:
        """Keep a picture and give its place; None where only this process's memory would take it."""
        suffix = Path(picture_file("00", mime)).suffix
        try:
            folder = self._made()
            place = folder / f"{identity}-{index}{suffix}"
            write_durably(place, data)
        except (StoreError, OSError):
            with self._lock:
                self._memory[identity, index] = data
            return None
        return place

    def _made(self) -> Path:
        folder = self._folder()
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        private_folder(folder)
        return folder

    def of(self, identity: str) -> dict[int, bytes]:
        """Give what is kept here of a record; files that cannot be read are left for another time."""
        with self._lock:
            found = {index: data for (one, index), data in self._memory.items() if one == identity}
        for index, place in self._files(identity):
            try:
                found[index] = read_file(place, limit=_LARGEST)
            except StoreError:
                continue
        return found

    def forget(self, identity: str, index: int) -> None:
        """Let go of a picture that has come home."""
        with self._lock:
            self._memory.pop((identity, index), None)
        for other, place in self._files(identity):
            if other == index:
                remove_file(place)

    def identities(self) -> set[str]:
        """Name the records of which something is kept here, those of other histories too."""
        with self._lock:
            held = {identity for identity, _ in self._memory}
        return held | {match[1] for name in self._names() if (match := _NAME.fullmatch(name))}

    def _files(self, identity: str) -> list[tuple[int, Path]]:
        matches = [match for name in self._names() if (match := _NAME.fullmatch(name)) and match[1] == identity]
        return [(int(match[2]), self._folder() / match[0]) for match in matches]

    def _names(self) -> list[str]:
        try:
            folder = self._folder()
            return names_in(folder) if folder.is_dir() and not folder.is_symlink() else []
        except (StoreError, OSError):
            return []
