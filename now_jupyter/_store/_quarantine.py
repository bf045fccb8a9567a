"""Where bytes go that are not what they should be: nothing that was paid for is thrown away."""

from __future__ import annotations

import os
import re
import secrets
import time
from pathlib import Path

from .._json import digest
from .._messages import StoreError
from ._files import is_missing, move_durably, private_folder, read_file, write_durably
from ._record_files import encode

__all__ = ["LARGEST_PICTURE", "set_aside", "size_of"]

LARGEST_PICTURE = 256 << 20
"""Bytes that are read at once to be copied."""


def set_aside(home: Path, source: bytes | Path, reason: str) -> Path:
    """Keep bytes in the quarantine of a history, with the reason beside them; a file of the history itself is moved.

    Raises:
        StoreError: they could not be written.
    """
    folder = home / "quarantine"
    private_folder(folder)
    name = "bytes" if isinstance(source, bytes) else re.sub(r"[^\w.-]", "_", source.name)[:80]
    mark = digest(source) if isinstance(source, bytes) else secrets.token_hex(6)
    target = folder / f"{mark[:12]}-{name}"
    if isinstance(source, bytes) and not is_missing(target) and size_of(target) == len(source):
        return target  # each `resume` meets the same bytes again
    if isinstance(source, Path) and home in source.parents:
        _move_if_there(source, target)
    else:
        write_durably(target, source if isinstance(source, bytes) else read_file(source, limit=LARGEST_PICTURE))
    note = encode({"from": name, "reason": reason, "at": time.time()})
    write_durably(target.with_name(f"{target.name}.why"), note)
    return target


def size_of(source: bytes | Path) -> int:
    """Give the size of bytes or of a file."""
    return len(source) if isinstance(source, bytes) else os.lstat(source).st_size


def _move_if_there(source: Path, target: Path) -> None:
    try:
        move_durably(source, target)
    except StoreError:
        if not is_missing(source):  # else another kernel was faster
            raise
