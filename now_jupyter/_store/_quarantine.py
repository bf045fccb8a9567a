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
    """Keep bytes in the quarantine of a history, the reason beside them, and return their place.

    A file of the history itself is moved, others are copied.
    """
    folder = home / "quarantine"
    private_folder(folder)
    name = "bytes" if isinstance(source, bytes) else re.sub(r"[^\w.-]", "_", source.name)[:80]
    mark = digest(source) if isinstance(source, bytes) else secrets.token_hex(6)
    target = folder / f"{mark[:12]}-{name}"
    if isinstance(source, bytes):
        if is_missing(target) or os.lstat(target).st_size != len(source):  # each `resume` meets the same bytes again
            write_durably(target, source)
    elif home in source.parents:
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
