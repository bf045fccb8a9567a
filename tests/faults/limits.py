"""A limit of real time for what must not hang: where a defence is gone, the test fails instead of waiting with it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["at_once"]


@contextmanager
def at_once(seconds: float = 20.0) -> Iterator[None]:
    """Fail whatever the main thread is still at after so many seconds, system calls included."""

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"still going on after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
