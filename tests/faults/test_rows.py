"""The table of faults is proved whole: no row without a test."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from checker import Ledger, checked, findings, sha256
from faultserver import Seen

_ROWS = {"V": 5, "H": 8, "B": 5, "N": 4, "D": 6, "T": 7, "S": 8, "K": 4, "W": 3, "X": 1}
_GONE = {"S3"}  # a search needs no file of its own any more
_MARK = re.compile(r"mark\.row\(\s*\"([A-Z]\d)\"")


def rows_of_the_table() -> set[str]:
    return {f"{letter}{number}" for letter, most in _ROWS.items() for number in range(1, most + 1)} - _GONE


def test_every_row_is_there() -> None:
    """Each row of the table in reliability.md is proved by at least one test of this folder."""
    sources = [path.read_text("utf-8") for path in Path(__file__).parent.glob("test_*.py")]
    proved = {row for source in sources for row in _MARK.findall(source)}
    wanted = rows_of_the_table()
    assert not wanted - proved
    assert not proved - wanted


def _folder(tmp_path: Path, form: Mapping[str, object], *, picture: bytes | None = None) -> Path:
    folder = tmp_path / "x.now"
    (folder / "jobs").mkdir(parents=True)
    (folder / "pictures").mkdir()
    if picture is not None:
        form = {**form, "outputs": [{"file": "1-fox.png", "sha256": sha256(picture)}]}
        (folder / "pictures" / "1-fox.png").write_bytes(picture)
    (folder / "jobs" / "1.json").write_text(json.dumps(form), "utf-8")
    return folder


def _seen(key: str) -> Seen:
    return Seen(method="POST", path="/", headers={"idempotency-key": key}, body=b"", raw=b"", is_complete=True)


def test_the_checker_sees_what_was_lost(tmp_path: Path) -> None:
    """A billed picture that is nowhere while its record says done is a finding; one whose record is open is not."""
    ledger = Ledger()
    ledger.sells([], pictures=[b"fox"])(_seen("k"))  # type: ignore[operator]  # the function of two kinds
    done = _folder(tmp_path / "a", {"idempotency_key": "k", "status": "done", "billed": "yes"})
    is_open = _folder(tmp_path / "b", {"idempotency_key": "k", "status": "unknown", "billed": "maybe"})
    kept = _folder(tmp_path / "c", {"idempotency_key": "k", "status": "done", "billed": "yes"}, picture=b"fox")
    assert any("nowhere" in finding for finding in findings(ledger, done))
    assert not findings(ledger, is_open)
    assert checked(ledger, kept).safe == 1


def test_the_checker_sees_lies_and_double_bills(tmp_path: Path) -> None:
    """A record that says "not billed" of what was, an order without a record, and one billed twice are findings."""
    ledger = Ledger()
    lie = _folder(tmp_path / "a", {"idempotency_key": "k", "status": "failed", "billed": "no"})
    ledger.note("k")
    assert any("says that it was not" in finding for finding in findings(ledger, lie))
    ledger.note("k")
    assert any("twice" in finding for finding in findings(ledger, lie))
    ledger.note("other")
    with pytest.raises(AssertionError, match="has no record"):
        checked(ledger, lie)


def test_the_checker_sees_changed_bytes(tmp_path: Path) -> None:
    """A picture whose bytes are not those of its record is a finding, as is one that is gone or that two claim."""
    folder = _folder(tmp_path, {"idempotency_key": "k"}, picture=b"fox")
    assert not findings(Ledger(), folder)
    (folder / "jobs" / "2.json").write_bytes((folder / "jobs" / "1.json").read_bytes())
    assert any("other bytes" in finding for finding in findings(Ledger(), folder))
    (folder / "jobs" / "2.json").unlink()
    (folder / "pictures" / "1-fox.png").write_bytes(b"dog")
    assert any("other bytes" in finding for finding in findings(Ledger(), folder))
    (folder / "pictures" / "1-fox.png").unlink()
    assert any("not there" in finding for finding in findings(Ledger(), folder))
