"""Where bytes go that are not what they should be: nothing that was paid for is thrown away."""

from __future__ import annotations

import os
import re
import secrets
import time
from pathlib import Path

from .._json import digest
from .._messages import StoreError
from ._files import copy_new, is_missing, move_durably, private_folder, sync_folder, write_durably
from ._record_files import encode

__all__ = ["set_aside"]


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
    if isinstance(source, Path):
        _bring(source, target, is_ours=home in source.parents)
    elif is_missing(target) or os.lstat(target).st_size != len(source):  # each `resume` meets the same bytes again
        write_durably(target, source)
    note = encode({"from": name, "reason": reason, "at": time.time()})
    write_durably(target.with_name(f"{target.name}.why"), note)
    return target


def _bring(source: Path, target: Path, *, is_ours: bool) -> None:
    if not is_ours:
        copy_new(target, source)
        sync_folder(target.parent)
        return
    try:
        move_durably(source, target)
    except StoreError:
        if not is_missing(source):  # else another kernel was faster
            raise
