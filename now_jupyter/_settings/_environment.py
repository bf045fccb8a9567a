"""The environment of the process, and the folders of the user that it names."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import platformdirs

__all__ = ["Environment", "user_folder"]


class Environment(Mapping[str, str]):
    """A live view of an environment that shows nothing of it: tracebacks print what they meet."""

    __slots__ = ("_of",)

    def __init__(self, of: Mapping[str, str]) -> None:
        self._of = of

    def __getitem__(self, name: str) -> str:
        return self._of[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._of)

    def __len__(self) -> int:
        return len(self._of)

    def __repr__(self) -> str:
        return "Environment(…)"


def user_folder(kind: Literal["cache", "config", "data", "state"]) -> Path:
    """Return the folder for the user's own files of a kind, which is not made; an OSError where nobody is at home."""
    try:
        folder = Path(getattr(platformdirs, f"user_{kind}_dir")("now_jupyter"))
    except RuntimeError:
        folder = Path()
    if not folder.is_absolute():  # neither HOME nor an entry in the list of users
        raise FileNotFoundError(errno.ENOENT, "HOME is not set", "~")
    return folder
