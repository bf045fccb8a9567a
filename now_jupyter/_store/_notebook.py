"""Which notebook this kernel belongs to, and what its saved file says about pictures.

The name comes from the environment or from a variable of the front end and goes stale on rename; nothing here is
believed beyond choosing a folder. Facts: design.md §2.7, reference/jupyter.md §7.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any, BinaryIO, TypeVar
from urllib.parse import unquote

__all__ = ["MARIMO_FILE", "ShownBefore", "folder_of", "notebook_path", "pictures_shown"]

T = TypeVar("T")
MARIMO_FILE = "__marimo_file__"
"""The name under which the session is told the file of a marimo notebook."""

_OF_PAPERMILL = ("PAPERMILL_OUTPUT_PATH", "PAPERMILL_INPUT_PATH")  # with --inject-paths
_SUFFIXES = {".ipynb", ".py", ".md", ".myst", ".qmd", ".rmd"}  # the last ones where jupytext opens them as notebooks
_LARGEST_NOTEBOOK = 512 << 20
_PIECE = 1 << 20
_LONGEST_MARK = 64 << 10
_MOST_MARKS = 10_000
_MARK = re.compile(rb'(?<!\\)"now"\s{0,99}+:\s{0,99}+\{')
_DECODER = json.JSONDecoder()
_LONGEST_ID = 64


@dataclass(frozen=True, slots=True)
class ShownBefore:
    """What a saved notebook shows of our pictures: ids of generations, and whether any was paid for."""

    ids: frozenset[str] = frozenset()
    paid: bool = False


def notebook_path(environ: Mapping[str, str], names: Mapping[str, Any], working: Path) -> Path | None:
    """Return the notebook's file, as Jupyter Server, VS Code, marimo, Colab or papermill tell it, else None."""
    of_papermill = [where.get(name) for where in (names, environ) for name in _OF_PAPERMILL]
    told = [
        names.get("__vsc_ipynb_file__"),
        names.get(MARIMO_FILE),
        *of_papermill,
        environ.get("JPY_SESSION_NAME"),
        _colab_name(environ),
    ]
    for text in told:
        if isinstance(text, str) and "://" not in text and Path(text).suffix.lower() in _SUFFIXES:
            path = Path(unquote(text) if "%" in text and not Path(text).exists() else text)
            if path.is_absolute():
                return path
            # Papermill's paths begin where it was started; a server's name may begin at a root that nobody tells.
            return working / (path if text in of_papermill and (working / path.parent).is_dir() else path.name)
    return None


def _colab_name(environ: Mapping[str, str]) -> str | None:
    if "COLAB_RELEASE_TAG" not in environ:
        return None
    return f"/content/{environ.get('COLAB_NOTEBOOK_NAME') or 'colab'}.ipynb"


def folder_of(notebook: Path | None, working: Path) -> Path:
    """Return the history's folder: `<notebook>.now` beside the notebook, else `untitled.now` in the working folder."""
    return working / "untitled.now" if notebook is None else notebook.with_suffix(".now")


def pictures_shown(notebook: Path | None) -> ShownBefore:
    """Return what the saved notebook shows; an unreadable file shows none."""
    if notebook is None:
        return ShownBefore()
    marks: list[Mapping[str, Any]] = []
    with suppress(OSError):
        if notebook.is_file() and notebook.stat().st_size <= _LARGEST_NOTEBOOK:
            with notebook.open("rb") as file:
                marks = list(islice(_marks_in(file), _MOST_MARKS))
    ids = frozenset(identity for mark in marks for identity in _ids(mark))
    return ShownBefore(ids, any(_ids(mark) and not mark.get("demo") for mark in marks))


def _marks_in(file: BinaryIO) -> Iterator[Mapping[str, Any]]:
    """Yield what outputs say of our pictures in their metadata; of the pictures in it a notebook may be very large.

    Only names stand between quotes that are not escaped, so no text of a cell or an output is taken for one.
    """
    if not file.read(_PIECE).lstrip().startswith(b"{"):
        return  # a script or a page, which has no outputs
    for at in count(0, _PIECE):
        file.seek(at)
        if not (window := file.read(_PIECE + _LONGEST_MARK)):
            return
        for found in _MARK.finditer(window):
            if found.start() < _PIECE:
                with suppress(ValueError, RecursionError):
                    start = found.end() - 1
                    yield _DECODER.raw_decode(window[start : start + _LONGEST_MARK].decode("utf-8", "replace"))[0]


def _ids(mark: Mapping[str, Any]) -> list[str]:
    """Return the generations that an output shows: a cell's one, or those that stand for a panel."""
    return [
        one for one in (mark.get("id"), *_part(mark, "ids", list)) if isinstance(one, str) and len(one) <= _LONGEST_ID
    ]


def _part(form: object, name: str, kind: type[T]) -> T:
    """Return a part of untrusted JSON; an empty one where there is none of this kind."""
    value = form.get(name) if isinstance(form, dict) else None
    return value if isinstance(value, kind) else kind()
