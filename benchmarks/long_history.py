"""Histories of 10,000 and 100,000 records: opening, searching, ordering, and the panel's first paint."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from harness import Row, in_turn, ms
from histories import RARE, write_history
from stage import HERE, Cell, Stage, Told

__all__ = ["rows"]

SHORT = 20
_MOST = {"open": 60.0, "newest": 2.0, "search": 30.0}
_SAID = {"open": "open", "newest": "newest", "search": "search a word"}
_PAINT = 150.0
_INDEX = 60.0
_PAINTED = {"tiles": "its tiles", "pictures": "six pictures"}


def rows(stage: Stage) -> Iterator[Row]:
    """Measure both lengths; what 100,000 may take is twice what 10,000 may."""
    stage.relay.set()
    for count, times in ((60, 1),) if stage.is_tiny else ((10_000, 1), (100_000, 2)):
        with stage.new_folder() as folder:
            history = write_history(folder, count, stage.relay)
            yield from _index(stage, history, count)
            yield from _looks(stage, history, count, times)
            yield from _first_paint(stage, history, count, times)
            yield _order(stage, folder, count, times)


def _index(stage: Stage, history: Path, count: int) -> Iterator[Row]:
    """Open it for the first time: whatever is remembered of files has to be read from them."""
    with stage.new_folder() as folder, stage.kernel() as kernel:
        short = write_history(folder, SHORT, stage.relay)
        kernel.do(f"import cells\ncells.looked_into({str(short)!r}, {RARE!r})")  # what is loaded is loaded
        told = kernel.measure(f"cells.indexed({str(history)!r}, {RARE!r}, {count // 100})")
    work = f"{count:,} records, opened for the first time"
    yield Row(work=f"{work}: all can be searched", unit="s", ours=[told["whole"]], goal=_INDEX)
    yield Row(work=f"{work}: the newest is there", unit="s", ours=[told["usable"]])


def _looks(stage: Stage, history: Path, count: int, times: int) -> Iterator[Row]:
    told = []
    for _ in range(stage.rounds(5)):
        with stage.new_folder() as folder, stage.kernel() as kernel:
            short = write_history(folder, SHORT, stage.relay)
            kernel.do(f"import cells\ncells.looked_into({str(short)!r}, {RARE!r})")  # what is loaded is loaded
            told.append(kernel.measure(f"cells.looked_into({str(history)!r}, {RARE!r})"))
    if {(one["count"], one["found"]) for one in told} != {(count, count // 100)}:
        raise RuntimeError(f"not all was found: {told}")
    for name, most in _MOST.items():
        figures = [one[name] for one in told]
        yield Row(work=f"{count:,} records: {_SAID[name]}", unit="ms", ours=figures, goal=times * most)


def _first_paint(stage: Stage, history: Path, count: int, times: int) -> Iterator[Row]:
    """In a process of its own for each round: thumbnails that were made once are kept in memory."""
    told: list[Told] = []
    with stage.new_folder() as folder:
        short = write_history(folder, SHORT, stage.relay)
        command = [sys.executable, HERE / "first_paint.py", stage.relay.base_url, short, history]
        for _ in range(stage.rounds(5)):
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
            told.append(json.loads(done.stdout))
    for name, said in _PAINTED.items():
        work = f"{count:,} records: first paint of the panel, {said}"
        yield Row(work=work, unit="ms", ours=[one[name] for one in told], goal=times * _PAINT)


def _order(stage: Stage, folder: Path, count: int, times: int) -> Row:
    """A cell run for the first time in its kernel, which is served or buys: here and in a short history, in turn."""
    with ExitStack() as stack:
        other = stack.enter_context(stage.new_folder())
        write_history(other, SHORT, stage.relay)
        kernels = [stack.enter_context(stage.kernel(folder=one)) for one in (folder, other)]
        for kernel in kernels:
            kernel.do("%load_ext now_jupyter\n%nowimage -m gpt-image-2 to begin with")

        def order(kernel: Cell, number: int) -> float:
            began = time.perf_counter()
            kernel.do(f"%nowimage -m gpt-image-2 a new fox {number}")
            return time.perf_counter() - began

        long, short = in_turn([lambda number, one=one: order(one, number) for one in kernels], stage.rounds(20))
    return Row(
        work=f"{count:,} records: an order, re-running decided",
        unit="ms",
        ours=ms(long),
        peer=f"{SHORT} records",
        theirs=ms(short),
        goal=1.1 if times == 1 else None,
        of="ratio",
    )
