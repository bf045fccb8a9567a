"""Which notebook this kernel belongs to, and what its saved file says about pictures.

The name comes from the environment or from a variable of the front end and goes stale on rename; nothing here is
believed beyond choosing a folder. Facts: design.md §2.7, reference/jupyter.md §7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

from .._json import read_json

__all__ = ["ShownBefore", "folder_of", "notebook_path", "pictures_shown"]

T = TypeVar("T")
_OF_PAPERMILL = ("PAPERMILL_OUTPUT_PATH", "PAPERMILL_INPUT_PATH")  # with --inject-paths
_SUFFIXES = {".ipynb", ".py", ".md", ".myst", ".qmd", ".rmd"}  # the last ones where jupytext opens them as notebooks
_LARGEST_NOTEBOOK = 512 << 20
_MOST_VALUES = 1 << 22
_LONGEST_ID = 64


@dataclass(frozen=True, slots=True)
class ShownBefore:
    """What a saved notebook shows of our pictures: ids of generations, and whether any was paid for."""

    ids: frozenset[str] = frozenset()
    paid: bool = False


def notebook_path(environ: Mapping[str, str], names: Mapping[str, Any], working: Path) -> Path | None:
    """Return the notebook's file, as Jupyter Server, VS Code, Colab or papermill tell it, else None."""
    of_papermill = [where.get(name) for where in (names, environ) for name in _OF_PAPERMILL]
    told = [names.get("__vsc_ipynb_file__"), *of_papermill, environ.get("JPY_SESSION_NAME"), _colab_name(environ)]
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
    try:
        if notebook.stat().st_size > _LARGEST_NOTEBOOK:
            return ShownBefore()
        form = read_json(notebook.read_bytes(), most=_MOST_VALUES)
    except (OSError, ValueError):
        return ShownBefore()
    outputs = [output for cell in _part(form, "cells", list) for output in _part(cell, "outputs", list)]
    marks = [mark for one in outputs if (mark := _part(_part(one, "metadata", dict), "now", dict))]
    ids = frozenset(identity for mark in marks for identity in _ids(mark))
    return ShownBefore(ids, any(_ids(mark) and not mark.get("demo") for mark in marks))


def _ids(mark: Mapping[str, Any]) -> list[str]:
    """Return the generations that an output shows: a cell's one, or those that stand for a panel."""
    return [
        one for one in (mark.get("id"), *_part(mark, "ids", list)) if isinstance(one, str) and len(one) <= _LONGEST_ID
    ]


def _part(form: object, name: str, kind: type[T]) -> T:
    """Return a part of untrusted JSON; an empty one where there is none of this kind."""
    value = form.get(name) if isinstance(form, dict) else None
    return value if isinstance(value, kind) else kind()
