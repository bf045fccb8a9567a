"""Records and files of tests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from now_jupyter._json import digest
from now_jupyter._store import Record, RecordedOutput, Store
from now_jupyter._values import Request

PNG = b"\x89PNG\r\n\x1a\n and so on"


def record_of(prompt: str = "a fox", **more: object) -> Record:
    return replace(Record(id=uuid4().hex, request=Request(prompt=prompt), created=1.0), **more)  # type: ignore[arg-type]


def keep(store: Store, record: Record, data: bytes | Path = PNG, *, number: int = 1, key: str = "0") -> Record:
    """Keep an output as the runner does, and write it into its record."""
    sha256 = digest(data if isinstance(data, bytes) else data.read_bytes())
    known = next((one for one in record.outputs if one.key == key), RecordedOutput(key=key, number=number))
    file = store.keep_output(data, record=record, output=known, mime="image/png", sha256=sha256)
    others = tuple(one for one in record.outputs if one.key != key)
    kept = replace(known, file=file, sha256=sha256, mime="image/png")
    record = replace(record, outputs=(*others, kept))
    store.write(record)
    return record


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
