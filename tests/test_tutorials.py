"""The tutorials as a reader meets them: a fresh copy, in place, without settings; and what the demo draws in them."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import now_jupyter
from clean_room import ROOT
from kernels import KERNEL_6, KERNEL_7
from now_jupyter._options import parse_line, usage
from now_jupyter._store._notebook import pictures_shown
from now_jupyter.demo._drawing import recognise

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LINE = re.compile(r"^\s*%nowimage +(?!\[)(.+)$", re.MULTILINE)
CELL = re.compile(r"^\s*%%nowimage(?! +\[)[^\n]*\n\s*(.+)$", re.MULTILINE)
CALL = re.compile(r"""\b(?:generate|agenerate|submit|sweep)\(\s*(["'])(.+?)\1""")
FIRST_OF_TUPLE = re.compile(r"""^\s*\("([^"]+)", """, re.MULTILINE)


def texts() -> Iterator[str]:
    yield from ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-CN.md"))
    yield now_jupyter.__doc__ or ""
    yield usage("en")
    yield usage("zh")
    for path in NOTEBOOKS:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        yield "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")


def prompts() -> set[str]:
    found = set()
    for text in texts():
        found |= {parse_line(line).prompt for line in LINE.findall(text)}
        found |= {words for pattern in (CELL, FIRST_OF_TUPLE) for words in pattern.findall(text)}
        found |= {words for _, words in CALL.findall(text)}
    return found - {""}  # a button, another version: they need no words


def test_the_demo_draws_what_readme_help_and_tutorials_ask_for() -> None:
    """Each prompt that we show to people names a subject which the demo knows, in both languages."""
    shown = prompts()
    assert len(shown) > 12
    assert any(not words.isascii() for words in shown)
    assert [words for words in shown if not recognise(words)] == []


@pytest.mark.parametrize(
    ("prompt", "drawn"),
    [
        ("a lighthouse in a storm", "lighthouse"),
        ("暴风雨中的灯塔", "lighthouse"),
        ("a grey heron in the reeds", "heron"),
        ("芦苇里的苍鹭", "heron"),
        ("two owls at night", "owl"),
        ("夜里的猫头鹰", "owl"),
        ("a whale at dawn", "whale"),
        ("月光下的山，湖上一只小船", "lake"),
        ("foxes", "fox"),
        ("jazz", ""),
    ],
)
def test_the_subject_is_the_one_that_is_named(prompt: str, drawn: str) -> None:
    """What is drawn goes by the subject, whatever else is in the prompt: no songbird for an owl."""
    assert recognise(prompt) == drawn


@pytest.mark.slow
@pytest.mark.parametrize("kernel", [KERNEL_7, KERNEL_6])
@pytest.mark.parametrize("name", [path.name for path in NOTEBOOKS])
def test_a_tutorial_runs_as_its_reader_runs_it(name: str, kernel: str, tmp_path: Path, kernels_folder: Path) -> None:
    """Run All in a fresh clone, saved, restarted, Run All again: no error, nothing ordered twice, all of it demo."""
    folder = tmp_path / "notebooks"
    shutil.copytree(ROOT / "notebooks", folder, ignore=shutil.ignore_patterns("*.now", "__pycache__", "conftest.py"))
    path = folder / name
    assert not pictures_shown(path).paid, "as it lies in the repository"
    first = run_all(path, kernel)
    orders = records_of(path)
    assert orders, "orders"
    second = run_all(path, kernel)
    assert records_of(path) == orders, "nothing is ordered again"
    for notebook in (first, second):
        assert [mark for mark in marks_of(notebook) if mark.get("demo") is not True] == []
        assert all(b"digitalsourcetype/algorithmicMedia" in image for image in images_of(notebook)), "labels"
    assert not pictures_shown(path).paid
    assert {mark["sha256"][0] for mark in marks_of(first) if "sha256" in mark} == {
        mark["sha256"][0] for mark in marks_of(second) if "sha256" in mark
    }, "the same pictures"


def run_all(path: Path, kernel: str) -> Any:
    """Run a notebook in a new kernel, which is told its path as Jupyter tells it, and save it in place."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("NOW_", "OPENAI_"))}
    client = NotebookClient(
        notebook, kernel_name=kernel, timeout=120, resources={"metadata": {"path": str(path.parent)}}
    )
    client.execute(env={**environ, "JPY_SESSION_NAME": str(path)})
    nbformat.write(notebook, path)
    return notebook


def records_of(path: Path) -> set[str]:
    return {one.name for one in path.with_suffix(".now").glob("jobs/*.json")}


def images_of(notebook: Any) -> list[bytes]:
    shown = [output.get("data", {}) for cell in notebook.cells for output in cell.get("outputs", [])]
    return [base64.b64decode(data[mime]) for data in shown for mime in data if mime.startswith("image/")]


def marks_of(notebook: Any) -> list[dict[str, Any]]:
    """Return what the outputs say of the generations that they show."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    marks = [dict(output.get("metadata", {}).get("now", {})) for output in outputs]
    return [mark for mark in marks if "id" in mark or "ids" in mark]
