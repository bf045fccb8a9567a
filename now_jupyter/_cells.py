"""Which cell is running, and what an execution has asked for and shown so far."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["Cells", "Execution"]


@dataclass(slots=True)
class Execution:
    """One run of one cell: its id where the front end sends one, how many requests it has made, what it has shown.

    `watched` tells whether someone may sit before it; nbclient, papermill and nbval run cells for nobody.
    """

    serial: str
    cell: str | None = None
    places: int = 0
    watched: bool = True
    _shown: list[object] = field(default_factory=list)  # kept, so that no other value gets their identity

    def next_place(self) -> int:
        """Count one more request of this execution; the first has place 0."""
        self.places += 1
        return self.places - 1

    def note_shown(self, value: object) -> None:
        """Take note that this very value is to be seen in the cell."""
        self._shown.append(value)

    def was_shown(self, value: object) -> bool:
        """Whether this very value is to be seen in the cell already."""
        return any(one is value for one in self._shown)


@dataclass(slots=True)
class _Running:
    """What one thread runs: cells inside each other (`depth`), the message that asked for the outermost, its run."""

    depth: int = 0
    message: object = None
    execution: Execution = field(default_factory=lambda: Execution(serial="0"))


class Cells:
    """Knows which cell is running, in each thread that runs any (a subshell has its own).

    Loading happens inside a cell, so the depth never falls below 0.
    """

    def __init__(self, ip: InteractiveShell) -> None:
        """Watch `ip` once `attach` is called."""
        self._ip: Any = ip  # typed loosely: only a kernel's shell has parents
        self._count = 0
        self._at_edges: list[Callable[[], bool]] = []
        self._threads: dict[int, _Running] = {}
        self._latest = self._execution_of(self._cell_asked_for())

    def attach(self) -> None:
        """Begin to watch."""
        self._ip.events.register("pre_run_cell", self._before)
        self._ip.events.register("post_run_cell", self._after)

    def detach(self) -> None:
        """Stop watching."""
        self._ip.events.unregister("pre_run_cell", self._before)
        self._ip.events.unregister("post_run_cell", self._after)

    def at_edges(self, act: Callable[[], bool]) -> None:
        """Have `act` called at the end of this cell and at both edges of the following ones, until it returns False."""
        self._at_edges.append(act)

    @property
    def current(self) -> Execution:
        """The run of this thread's cell; in a thread that runs none, the one that was begun last."""
        mine = self._mine
        return mine.execution if mine.depth else self._latest

    @property
    def _mine(self) -> _Running:
        return self._threads.setdefault(threading.get_ident(), _Running())

    @property
    def depth(self) -> int:
        """How many cells this thread is running, one inside the other.

        A cell that ■ strikes at its very end may never tell of it: it counts no more when another one is asked for.
        """
        mine = self._mine
        if mine.depth and self._is_over(mine.message):
            mine.depth = 0
        return mine.depth

    def _is_over(self, message: object) -> bool:
        """Whether the outermost cell of this thread, which `message` asked for, ended without telling."""
        if hasattr(self._ip, "kernel"):
            return message != self._message()
        running = type(self._ip).run_cell_async.__code__
        return all(frame.f_code is not running for frame, _ in traceback.walk_stack(None))

    def _request(self) -> Any:  # noqa: ANN401 - the message that is being answered; None in a terminal
        return (self._ip.get_parent() or {}) if hasattr(self._ip, "kernel") else None

    def _cell_asked_for(self) -> str | None:
        """Return the id of the cell that was running already when this began to watch."""
        return (self._request() or {}).get("metadata", {}).get("cellId") or None

    def _execution_of(self, cell: str | None) -> Execution:
        return Execution(serial=str(self._count), cell=cell, watched=cell is not None or self._may_type())

    def _message(self) -> object:
        return (self._request() or {}).get("header", {}).get("msg_id")

    def _before(self, info: Any) -> None:  # noqa: ANN401 - IPython's ExecutionInfo
        mine = self._mine
        mine.depth = self.depth + 1
        if mine.depth == 1:
            mine.message = self._message()
            self._count += 1
            mine.execution = self._latest = self._execution_of(getattr(info, "cell_id", None) or None)
            self._call_at_edge()

    def _after(self, result: Any) -> None:  # noqa: ANN401 - IPython's ExecutionResult
        code = getattr(getattr(result, "info", None), "raw_cell", None)
        if code is None or code.strip():  # IPython tells of the end of an empty cell, not of its beginning
            mine = self._mine
            if mine.depth <= 1:
                self._call_at_edge()
            mine.depth = max(0, mine.depth - 1)

    def _call_at_edge(self) -> None:
        self._at_edges = [act for act in self._at_edges if act()]

    def _may_type(self) -> bool:
        """Whether who runs the cell takes questions: front ends do, programs that run notebooks do not."""
        request = self._request()
        return request is None or bool(request.get("content", {}).get("allow_stdin", True))
