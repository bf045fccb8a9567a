"""Which histories this user made or agreed to live in, on this machine.

A folder beside a notebook may come from anyone: who unpacks it owns its files. So the random id of each history that
was made here, or agreed to, is the name of an empty file among the user's own. It is no secret and proves nothing to
others; where it is lost, or there is no such place, the user is asked once more.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from .._settings import user_folder

__all__ = ["is_known", "remember"]

_OF_KERNEL: set[str] = set()  # what could not be written down


def is_known(identity: str) -> bool:
    """Whether a history of this id was made or agreed to here."""
    with suppress(OSError):
        return identity in _OF_KERNEL or (_folder() / identity).exists()
    return False


def remember(identity: str) -> bool:
    """Remember a history; False where that holds for this process only."""
    with suppress(OSError):
        _folder().mkdir(mode=0o700, parents=True, exist_ok=True)
        (_folder() / identity).touch(mode=0o600)
        return True
    _OF_KERNEL.add(identity)
    return False


def _folder() -> Path:
    return user_folder("state") / "histories"
