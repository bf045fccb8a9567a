"""A history with pictures of given bytes, without any order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from now_jupyter._history import History
from now_jupyter._media import examine
from now_jupyter._store import Record, RecordedOutput, Store
from now_jupyter._values import Request, Status


def keep_picture(store: Store, data: bytes, prompt: str = "a fox", **facts: Any) -> Record:
    """Keep a picture as one that was bought, and return its record."""
    given: dict[str, Any] = {"status": Status.PENDING, "billed": "yes", **facts}
    request = given.pop("request", Request(prompt=prompt))
    record = store.claim(Record(id=uuid4().hex, request=request, created=1.7e9, **given))
    seen = examine(data)
    output = RecordedOutput(key="0", number=1, width=seen.width, height=seen.height)
    file = store.keep_output(data, record=record, output=output, mime=seen.mime, sha256=seen.sha256)
    kept = replace(output, file=file, sha256=seen.sha256, mime=seen.mime, size_bytes=len(data))
    record = replace(record, outputs=(kept,), status=Status.DONE)
    store.write(record)
    return store.read(record.number)


def history_in(folder: Path) -> tuple[Store, History]:
    """Make a history in a folder."""
    store = Store(folder)
    store.preflight()
    return store, History(lambda: store)
