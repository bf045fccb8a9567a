"""What changes with the files of a record: the record itself, `<number>.json`, and its marks, `<number>.marks`."""

from __future__ import annotations

import os
import re
import stat
import struct
import time
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

from ._files import FileStamp, file_stamp, is_long_ago, stamp_of, with_store_errors

__all__ = ["UNSURE", "Signature", "has_no_marks", "number_in", "signature_of", "signatures_in", "size_in"]

Signature: TypeAlias = bytes
"""The stamps of a record's file and of its marks; empty where one was changed a moment ago."""

UNSURE: Signature = b""

_OF_FILE = struct.Struct("<Qqq")
_NO_FILE = _OF_FILE.pack(0, 0, 0)
_RECORD_NAME = re.compile(r"([1-9][0-9]{0,14})\.(?:json|marks)")


@with_store_errors
def signatures_in(folder: Path) -> dict[int, Signature]:
    """Return for each record what changes with its files; links are none."""
    now = time.time_ns()
    found: dict[str, Signature] = {}
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # a temporary file that got its name meanwhile
                seen = entry.stat(follow_symlinks=False)
                if not stat.S_ISLNK(seen.st_mode):
                    found[entry.name] = _signature(stamp_of(seen)) if is_long_ago(seen.st_mtime_ns, now) else UNSURE
    numbers = {number_in(name): name for name in found if name.endswith(".json")}
    signatures = {}
    for number, name in numbers.items():
        if number:
            marks = found.get(f"{number}.marks", _NO_FILE)
            signatures[number] = found[name] + marks if found[name] and marks else UNSURE
    return signatures


def signature_of(folder: Path, number: int, stamp: FileStamp | None) -> Signature:
    """Return the same of one record, whose file has this stamp if that is known; empty where there is none."""
    own = stamp or file_stamp(folder / f"{number}.json")
    return _signature(own) + _signature(file_stamp(folder / f"{number}.marks")) if own else b""


def _signature(stamp: FileStamp | None) -> bytes:
    return _NO_FILE if stamp is None else _OF_FILE.pack(stamp[0] % (1 << 64), *stamp[1:])


def number_in(name: str) -> int:
    """Return the number of a record or its marks; 0, which no record has, for other files."""
    match = _RECORD_NAME.fullmatch(name)
    return int(match[1]) if match else 0


def size_in(signature: Signature) -> int:
    """Return the bytes of the record's file."""
    return int(_OF_FILE.unpack_from(signature)[2]) if signature else 0


def has_no_marks(signature: Signature) -> bool:
    """Whether there is a record and no marks of it."""
    return signature.endswith(_NO_FILE)
