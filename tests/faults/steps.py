"""Goes through an act line by line and presses ■ at one of its steps, once or twice.

A step is a line of ours, in the modules that keep money and files, together with the line that called its function: one
that is called from three places is three steps, one that runs a hundred times in a loop is one. Every line of the main
thread counts, since SIGINT strikes there; of the other threads those of these modules, whose work is under way then.
"""

from __future__ import annotations

import _thread
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from types import FrameType
from typing import Any

from effects import is_ours

__all__ = ["Steps", "line_of"]

_WATCHED = ("_store/", "_runner/", "_background/", "_cells", "_ipython/_rewriting")
_FURTHEST = 7  # lines of the main thread from one ■ to the next, at most


def line_of(step: str) -> str:
    """Give the thread and line of a step, without who called."""
    return step.rpartition(" ")[0]


class _Press:
    """`+press` is SIGINT without a call: it strikes in the line that is about to run, not in the one who traces it."""

    __pos__ = partial(_thread.interrupt_main, signal.SIGINT)


class Steps:
    """Names all steps of an act (`steps`), or interrupts it at one of them (`interrupt`, `interrupts`).

    Once ■ is pressed nobody traces the main thread until the signal was handled: a tracing function would be struck
    itself, in places where the line could not be.
    """

    def __init__(self, kind: str, target: str) -> None:
        self._kind, self._target = kind, target
        self._line = line_of(target)
        self._left = 0
        self._over = False
        self._names: dict[str, None] = {}
        self._pressed = 0
        self._press: Any = _Press()
        self._signal, self._getsignal = signal.signal, signal.getsignal

    def start(self) -> None:
        self._over = False
        vars(signal).update(signal=self._installed, getsignal=self._asked)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        threading.settrace(self._trace)
        if not self._target.startswith("other"):
            sys.settrace(self._trace)

    def end(self) -> None:
        self._over = True
        sys.settrace(None)
        threading.settrace(None)

    def found(self) -> Mapping[str, Any]:
        return {"steps": list(self._names), "pressed": self._pressed}

    # The handler of SIGINT, whoever installs one

    def _installed(self, number: int, handler: Any) -> Any:
        return _inner(self._signal(number, _Watched(handler, self._struck) if callable(handler) else handler))

    def _asked(self, number: int) -> Any:
        return _inner(self._getsignal(number))

    def _struck(self, frame: FrameType | None) -> None:
        if self._kind == "interrupts" and self._pressed == 1 and not self._over:
            for one in _frames(frame):
                one.f_trace = self._of_main
            sys.settrace(self._trace)

    # Lines

    def _trace(self, frame: FrameType, _event: str, _: object) -> Callable[..., Any] | None:
        if self._over or not is_ours(frame):
            return None
        if threading.current_thread() is threading.main_thread():
            return self._of_main
        return self._of_others if _file(frame).startswith(_WATCHED) else None

    def _of_main(self, frame: FrameType, event: str, _: object) -> Callable[..., Any]:
        if event == "line" and self._is_due(frame, "main"):
            sys.settrace(None)
            +self._press  # noqa: B018 - see `_Press`
        return self._of_main

    def _of_others(self, frame: FrameType, event: str, _: object) -> Callable[..., Any]:
        if event == "line" and self._is_due(frame, "other"):
            os.kill(os.getpid(), signal.SIGINT)
        return self._of_others

    def _is_due(self, frame: FrameType, thread: str) -> bool:
        """Tell whether ■ is to be pressed before this line."""
        if self._over:
            return False
        line = f"{thread} {_file(frame)}:{frame.f_lineno}"
        if self._kind == "steps":
            self._names[_step(line, frame)] = None
            return False
        if self._pressed == 0:
            is_due = line == self._line and _step(line, frame) == self._target
            self._left = 1 + frame.f_lineno % _FURTHEST
        else:
            self._left -= thread == "main"
            is_due = self._kind == "interrupts" and self._pressed == 1 and thread == "main" and self._left <= 0
        self._pressed += is_due
        return is_due


class _Watched:
    """A handler that somebody installed, and what is done before it."""

    def __init__(self, handler: Callable[..., object], before: Callable[[FrameType | None], None]) -> None:
        self.handler = handler
        self._before = before

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self._before(frame)
        self.handler(number, frame)


def _inner(handler: Any) -> Any:
    return handler.handler if isinstance(handler, _Watched) else handler


def _frames(frame: FrameType | None) -> Iterator[FrameType]:
    """Give this frame and those that called it, as far as they are ours."""
    while frame is not None:
        if is_ours(frame):
            yield frame
        frame = frame.f_back


def _file(frame: FrameType) -> str:
    return frame.f_code.co_filename.rpartition("now_jupyter/")[2]


def _step(line: str, frame: FrameType) -> str:
    caller = next(_frames(frame.f_back), None) if _file(frame).startswith(_WATCHED) else None
    return f"{line} {'-' if caller is None else f'{_file(caller)}:{caller.f_lineno}'}"
