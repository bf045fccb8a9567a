"""Every picture with how it was made and what it cost, for people and spreadsheets.

A table is read by programs that believe it: in CSV no cell begins as a formula does, in Markdown nothing in a cell is
markup.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, overload

from .._json import JSON
from .._media import put_new
from .._messages import Language, columns_of, plain, say
from .._store import Record, RecordedOutput
from ._export import written_path
from ._frames import frame_of
from ._recipes import Item

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Report", "report_of"]

COLUMNS: Final = (
    *("ref", "created", "model", "prompt", "revised_prompt", "params", "seed", "inputs", "cost", "currency"),
    *("cost_is", "billed", "request_id", "elapsed", "status", "tags", "demo", "taken_from", "file", "sha256"),
)
_SHOWN = ("ref", "created", "model", "seed", "cost", "billed", "prompt")  # what fits into a terminal
_FORMULA = re.compile(r"\s*[=+\-@＝＋－＠|%]|[\t\r\n]")
_MARKUP = re.compile(r"([\\`*_\[\]<>#!|~$&])")
_MOST_SHOWN = 200
_PROMPT_COLUMNS = 60
_SHORT_DIGEST = 12

Row = Mapping[str, Any]


class Report(Sequence[Row]):
    """Rows of a report, one for each picture; shown as aligned text, written as CSV or Markdown."""

    def __init__(self, rows: Sequence[Row], language: Language = "en") -> None:
        """Hold these rows; `language` is that of who reads."""
        self._rows = rows
        self._language = language

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, key: int) -> Row: ...
    @overload
    def __getitem__(self, key: slice) -> Report: ...

    def __getitem__(self, key: int | slice) -> Row | Report:
        return Report(self._rows[key], self._language) if isinstance(key, slice) else self._rows[key]

    def __repr__(self) -> str:
        older = max(0, len(self) - _MOST_SHOWN)
        lines = _aligned([_SHOWN, *([_short(row, name) for name in _SHOWN] for row in self._rows[older:])])
        more = [say("… {count} older", self._language, count=older)] if older else []
        return "\n".join([lines[0], *more, *lines[1:]])

    def to_dataframe(self) -> pd.DataFrame:
        """Return a pandas DataFrame, a row for each picture (needs the extra `pandas`).

        Raises:
            InputError: pandas is not installed.
        """
        return frame_of([dict(row) for row in self._rows], COLUMNS)

    def to_csv(self) -> str:
        """Return the report as CSV; no cell begins as a formula does: such text gets a `'` before it."""
        target = io.StringIO()
        writer = csv.writer(target, lineterminator="\r\n")
        writer.writerow(COLUMNS)
        writer.writerows([_harmless(_text(row[name])) for name in COLUMNS] for row in self._rows)
        return target.getvalue()

    def to_markdown(self) -> str:
        """Return the report as a table of Markdown, in which nothing is markup but the table."""
        rows = [[_escaped(row[name]) for name in COLUMNS] for row in self._rows]
        lines = [COLUMNS, ["---"] * len(COLUMNS), *rows]
        return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)

    def write_csv(self, path: str | PathLike[str]) -> Path:
        """Write the report as CSV in UTF-8, with the mark by which spreadsheets tell it, and return the path.

        A file that is there stays: `report-2.csv`.
        """
        return _write(self.to_csv().encode("utf-8-sig", "replace"), written_path(path))

    def write_markdown(self, path: str | PathLike[str]) -> Path:
        """Write the report as Markdown, and return the path; a file that is there stays: `report-2.md`."""
        return _write(self.to_markdown().encode("utf-8", "replace"), written_path(path))


def report_of(items: Sequence[Item], without: Sequence[Record], language: Language) -> Report:
    """Return the report on these outputs, and on these orders that have none, oldest first."""
    every = [*((one.record, one.output) for one in items), *((record, None) for record in without)]
    ordered = sorted(every, key=lambda pair: (pair[0].number, pair[1].number if pair[1] else 0))
    return Report([_row(record, output) for record, output in ordered], language)


def _row(record: Record, output: RecordedOutput | None) -> Row:
    request, cost = record.request, record.cost
    about = output.about if output else {}
    params: dict[str, JSON] = {**request.params, **request.raw}
    seed = about.get("seed", params.get("seed"))
    known = cost is not None and cost.amount is not None and record.billed != "no"
    return {
        "ref": record.ref_of(output) if output else record.ref,
        "created": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="seconds"),
        "model": record.answered_by or record.model or request.model or "",
        "prompt": request.prompt,
        "revised_prompt": str(about.get("revised_prompt") or ""),
        "params": json.dumps(params, ensure_ascii=False, sort_keys=True) if params else "",
        "seed": seed if isinstance(seed, int) else None,
        "inputs": " ".join(f"{one.role}:{one.sha256 or one.id}" for one in request.inputs),
        "cost": _share_of(record, float(cost.amount)) if known and cost and cost.amount is not None else None,
        "currency": cost.currency if known and cost else "",
        "cost_is": cost.source if known and cost else "",
        "billed": record.billed,
        "request_id": record.request_id or "",
        "elapsed": record.elapsed,
        "status": record.status.value,
        "tags": " ".join(record.tags_of(output) if output else record.tags),
        "demo": record.demo,
        "taken_from": record.taken_from,
        "file": output.file if output else "",
        "sha256": (" ".join(output.stands_for) or output.sha256) if output else "",
    }


def _share_of(record: Record, amount: float) -> float:
    """Return what one of the pictures of a call cost, so that the column adds up."""
    count = sum(one.is_here and not one.is_side for one in record.outputs) or 1
    return round(amount / count, 6)


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _harmless(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) else text


def _escaped(value: object) -> str:
    return _MARKUP.sub(r"\\\1", plain(_text(value), 4000))


def _short(row: Row, name: str) -> str:
    if name == "created":
        return str(row[name])[:16].replace("T", " ")
    if name == "cost" and row["demo"]:
        return "demo"
    if name == "cost" and row["cost"] is not None:
        return f"{row['cost']:g} {row['currency']}"
    return _fitting(plain(_text(row[name]), _PROMPT_COLUMNS * 4))


def _fitting(text: str) -> str:
    if columns_of(text) <= _PROMPT_COLUMNS:
        return text
    while columns_of(text) >= _PROMPT_COLUMNS:
        text = text[:-1]
    return f"{text.rstrip()}…"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(columns_of, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(_padded(row, widths)).rstrip() for row in rows]


def _padded(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    return (cell + " " * (width - columns_of(cell)) for cell, width in zip(row, widths, strict=True))


def _write(data: bytes, path: Path) -> Path:
    return put_new(path, lambda file: file.writelines([data]))
