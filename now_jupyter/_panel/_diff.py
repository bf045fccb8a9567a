"""What differs between pictures: their parameters, and the words of their prompts."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Sequence
from itertools import islice
from typing import Any, Literal, TypeAlias

from .._json import JSON
from .._messages import plain
from .._store import Record

__all__ = ["differences", "parameters", "words_apart"]

Run: TypeAlias = tuple[Literal["same", "gone", "new"], str]
_WRITTEN_WITHOUT_SPACES = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"  # kana and Chinese: each character is a word
_PIECES = re.compile(rf"\s+|[{_WRITTEN_WITHOUT_SPACES}]|(?:(?![{_WRITTEN_WITHOUT_SPACES}])[\w’'-])+|.", re.DOTALL)
_LONGEST = 4000
_LONGEST_VALUE = 400
_MOST_PARAMETERS = 100


def parameters(record: Record) -> dict[str, str]:
    """Return everything that was asked for beside the prompt, as text."""
    asked = {"model": record.model or record.request.model or "", **record.request.params, **record.request.raw}
    seeds = [str(one.about["seed"]) for one in record.outputs if one.about.get("seed") is not None]
    used: dict[str, JSON] = {} if not seeds or "seed" in asked else {"seed": ", ".join(seeds)}
    return {plain(name, 80): _text(value) for name, value in islice({**asked, **used}.items(), _MOST_PARAMETERS)}


def _text(value: JSON) -> str:
    return plain(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), _LONGEST_VALUE)


def differences(records: Sequence[Record]) -> dict[str, Any]:
    """Return the parameters of all side by side, those that differ marked, and each prompt against the first."""
    tables = [parameters(record) for record in records]
    names = list(dict.fromkeys(name for table in tables for name in table))
    rows = [[name, *(table.get(name, "") for table in tables)] for name in names]
    first = records[0].request.prompt
    return {
        "params": [{"name": name, "values": values, "same": len(set(values)) == 1} for name, *values in rows],
        "words": [words_apart(first, record.request.prompt) for record in records],
    }


def words_apart(before: str, after: str) -> list[Run]:
    """Return how one prompt becomes another: runs of text that stayed, went or came.

    Blanks and signs between two changes belong to the change: "a red fox" and "a blue wolf" differ in one run.
    """
    old, new = _PIECES.findall(before[:_LONGEST]), _PIECES.findall(after[:_LONGEST])
    codes = difflib.SequenceMatcher(None, old, new).get_opcodes()
    runs: list[Run] = []
    gone = came = ""
    for at, (kind, a, b, c, d) in enumerate(codes, 1):
        went, arrived = "".join(old[a:b]), "".join(new[c:d])
        if kind == "equal" and (at in (1, len(codes)) or any(map(str.isalnum, went))):
            runs += [*_changes(gone, came), ("same", went)]
            gone = came = ""
        else:
            gone, came = gone + went, came + arrived
    return [*runs, *_changes(gone, came)]


def _changes(gone: str, came: str) -> list[Run]:
    return [run for run in (("gone", gone), ("new", came)) if run[1]]
