"""Records and files of tests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from now_jupyter._store._record import Record
from now_jupyter._values import Request

PNG = b"\x89PNG\r\n\x1a\n and so on"


def record_of(prompt: str = "a fox", **more: object) -> Record:
    return replace(Record(id=uuid4().hex, request=Request(prompt=prompt), created=1.0), **more)  # type: ignore[arg-type]


def files_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
