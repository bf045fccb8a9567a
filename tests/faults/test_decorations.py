"""Whatever decorates a picture that is paid for may break: its cell is well, nothing is bought twice.

Each function that a cell calls between its paid answer and its end is found by tracing one, then broken in turn.
"""

from __future__ import annotations

import base64
import functools
import gc
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from inspect import CO_OPTIMIZED
from itertools import count
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Self

import PIL
import pytest
from PIL.PngImagePlugin import PngImageFile

from demo_calls import png
from faultserver import Await, FaultServer, Seen, Send, chunked, json_answer, stream_answer
from now_jupyter import _display
from now_jupyter._display import View
from now_jupyter._ipython._magics import Magics
from now_jupyter._values import Generation
from shells import Shell, shell_in

PACKAGE = Path(_display.__file__).parents[1]
FAULTS = (RuntimeError, RecursionError, OverflowError, MemoryError, FileNotFoundError, ZeroDivisionError)
DECORATING = (
    "_display/",
    "_bundles.py",
    "_media/_preview.py",
    "_relay/",
    "_session/_references.py",
    "_history/",
    "_background/_cells.py",
)
DECORATING_ALONE = ("Booking._add_cost", "Run._report", "Job.progressed", "Quotes.price", "Job.origin")
BOUNDARY = (
    *("attempt", "View.tick", "View.__init__", "CellOutput.__init__"),  # what holds the faults, and what comes before
    *("Cells.depth", "Cells._before", "Cells._after", "Cells._call_at_edge", "Cells._is_over", "Cells._request"),
    *("Cells._message", "Cells._may_type", "Execution.next_place"),  # IPython's own hooks, at the edges of a cell
    *("live_record", "History._read", "History.records", "History.__init__"),  # what an order is decided by
)


class Breaking:
    """Notes the functions of ours that are called once the order is paid (`called`), or breaks one of them."""

    def __init__(self, server: FaultServer, broken: str = "", fault: type[Exception] = RuntimeError) -> None:
        self.called: dict[str, None] = {}
        self.has_struck = False
        self._server, self._broken, self._fault = server, broken, fault

    def __enter__(self) -> Self:
        threading.settrace(self._trace)
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)
        threading.settrace(None)

    def _trace(self, frame: FrameType, event: str, _: object) -> None:
        if event != "call" or not (name := name_of(frame.f_code)) or not self._server.posts:
            return
        self.called[name] = None
        if name == self._broken:
            self.has_struck = True
            raise self._fault("broken")


@functools.cache
def name_of(code: CodeType) -> str:
    """Name a function of ours; what is none has no name."""
    file = code.co_filename
    if not file.startswith(str(PACKAGE)) or "/demo/" in file:
        return ""
    if code.co_name.startswith("<") or not code.co_flags & CO_OPTIMIZED:
        return ""  # a lambda, a module or the body of a class
    return f"{Path(file).relative_to(PACKAGE)} {code.co_qualname}"


_WHOLE = base64.b64encode(png((8, 8))).decode()


def answer(paid: threading.Event, partial: object = _WHOLE) -> Any:
    """Send a partial picture and, once the cell has shown it, the whole one."""
    picture = _WHOLE
    events = [
        {"type": "image_generation.partial_image", "b64_json": partial, "partial_image_index": 0},
        {"type": "image_generation.completed", "b64_json": picture, "usage": {"total_tokens": 3, "cost": 0.02}},
    ]
    first, last = (f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in events)

    def act(seen: Seen) -> list[Any]:
        if seen.method == "POST":
            return [Send(stream_answer()), Send(chunked(first, end=False)), Await(paid), Send(chunked(last))]
        return [Send(json_answer({}, status=404))]

    return act


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as one:
        yield one


@contextmanager
def notebook(folder: Path, server: FaultServer) -> Iterator[Shell]:
    settings = {"base_url": server.url, "progress_after": 0.0, "partial_images": 1}
    with shell_in(folder / "ipython", **settings) as shell:
        shell.run("%load_ext now_jupyter")
        shell.run(f"%config Now.folder = {str(folder / 'n.now')!r}")
        yield shell


@pytest.fixture(autouse=True)
def watched(monkeypatch: pytest.MonkeyPatch, server: FaultServer) -> threading.Event:
    """Have cells show widgets as in a front end, from the paid call on; the event is set after a few looks at it."""
    seen, ticks, tick = threading.Event(), count(), View.tick

    def look(view: View) -> None:
        if not server.posts:
            return
        tick(view)
        if (view._job.progress is not None and next(ticks) > 2) or next(ticks) > 40:
            seen.set()

    monkeypatch.setattr(View, "tick", look)
    monkeypatch.setattr(Magics, "_progress", lambda _, *, awaited: "line" if awaited else "buttons")
    return seen


CELL = "%nowimage -m gpt-image-2 -o fox a red fox"


def functions_called(folder: Path, server: FaultServer, watched: threading.Event) -> list[str]:
    server.script(answer(watched))
    with Breaking(server) as walk, notebook(folder, server) as shell:
        assert isinstance(shell.run(CELL), Generation)
    server.forget()
    watched.clear()
    return list(walk.called)


def is_decorating(name: str) -> bool:
    file, function = name.split(" ")
    if function.removesuffix(".<locals>").partition(".<locals>")[0] in BOUNDARY:
        return False
    return file.startswith(DECORATING) or function in DECORATING_ALONE


def test_each_thing_that_decorates_a_paid_picture_may_break(
    server: FaultServer, tmp_path: Path, watched: threading.Event, capsys: pytest.CaptureFixture[str]
) -> None:
    """The cell is well and its value bound; one order was sent; after a restart it is served; the fault is named where
    the user sees it.
    """
    every = [one for one in functions_called(tmp_path / "whole", server, watched) if is_decorating(one)]
    assert len(every) >= 25, every
    for place, name in enumerate(every):
        fault = FAULTS[place % len(FAULTS)]
        told = broken(name, fault, tmp_path / str(place), server, watched)
        assert fault.__name__ in told + "".join(capsys.readouterr()), f"{name}: {fault.__name__} is told nowhere"
        gc.collect()
        gc.freeze()  # else IPython looks at what is left of all faults so far at the end of every shell


def broken(name: str, fault: type[Exception], folder: Path, server: FaultServer, watched: threading.Event) -> str:
    """Break one function, hold what must be true all the same, and give what the cell showed."""
    server.forget()
    server.script(answer(watched))
    watched.clear()
    with notebook(folder, server) as shell, Breaking(server, name, fault) as walk:
        result = shell.ip.run_cell(CELL, store_history=True)
        sys.settrace(None)
        assert walk.has_struck, name
        assert result.success, f"{name}: the cell failed with {result.error_in_exec!r}"
        made = result.result
        assert isinstance(made, Generation), name
        assert made.pictures, name
        assert shell.ip.user_ns.get("fox") is made, name
        shown = json.dumps([one["data"] for one in shell.outputs()], default=str)
    with notebook(folder, server) as shell:
        assert shell.run(CELL).id == made.id, name
    assert server.posts == 1, name
    return shown


@pytest.mark.parametrize("junk", ["!!!", "bm90IGEgcGljdHVyZQ==", "iVBORw0KGgo=", "A" * 100_001, 7, ["x"], None])
def test_an_unfinished_picture_that_is_junk_costs_nothing(
    junk: object, server: FaultServer, tmp_path: Path, watched: threading.Event
) -> None:
    """The cell is well and shows the finished one; run again after a restart it is served."""
    server.script(answer(watched, junk))
    for _ in range(2):
        with notebook(tmp_path, server) as shell:
            assert shell.pictures(CELL) == 1
    assert server.posts == 1


def test_pillow_that_was_changed_under_the_kernel_costs_no_picture(
    server: FaultServer, tmp_path: Path, watched: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes are kept and nothing is quarantined, the cell is well and says what helps; after the restart the
    picture is served.
    """

    def fails(*_: object) -> None:
        raise AttributeError("module 'PIL.Image' has no attribute 'core'")

    server.script(answer(watched))
    with notebook(tmp_path, server) as shell, monkeypatch.context() as changed:
        changed.setattr(PIL, "__version__", "1.1.7")
        changed.setattr(PngImageFile, "load", fails)
        made = shell.run(CELL)
        shown = [one["data"]["text/plain"] for one in shell.outputs()]
    assert made.pictures[0].bytes() == png((8, 8))
    assert any("restart the kernel" in one for one in shown), shown
    assert not list((tmp_path / "n.now" / "quarantine").glob("*"))
    with notebook(tmp_path, server) as shell:
        assert shell.pictures(CELL) == 1
    assert server.posts == 1


def test_a_display_that_takes_nothing_and_a_folder_that_is_gone_cost_no_picture(
    server: FaultServer, tmp_path: Path, watched: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The value is bound; run again after a restart the picture is there."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    server.script(answer(watched))

    def fails(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    with notebook(tmp_path, server) as shell, monkeypatch.context() as changed:
        shell.session.settings()
        (tmp_path / "gone").rmdir()
        changed.setattr(shell.ip.display_pub, "publish", fails)
        assert shell.run(CELL) is shell.ip.user_ns["fox"]
        monkeypatch.chdir(tmp_path)  # IPython itself cannot end elsewhere
    with notebook(tmp_path, server) as shell:
        assert shell.pictures(CELL) == 1
    assert server.posts == 1
