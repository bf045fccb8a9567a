"""How long something may take, and whether it is tried again."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeVar

import anyio

from .._messages import NowImageError

__all__ = ["LONGEST_WAIT", "Deadline", "Retries"]

T = TypeVar("T")

LONGEST_WAIT = 60.0  # that a relay may ask for, each time, before the call is sent again
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 4.0


class Deadline:
    """A point in time by our own clock, as the library's timeouts hold for single operations only."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._end = clock() + seconds

    def left(self) -> float:
        """Return the seconds that are left."""
        return max(0.0, self._end - self._clock())

    def scope(self, at_most: float = float("inf")) -> AbstractContextManager[anyio.CancelScope]:
        """Raise `TimeoutError` in whatever is still going on at the deadline, or after `at_most` seconds."""
        return anyio.fail_after(min(self.left(), at_most))


@dataclass(kw_only=True)
class Retries:
    """Tries something up to `most` times more, with growing pauses, while `may_help` says so and there is time.

    What is tried may set `asked`, the seconds that a relay asks to wait.
    """

    most: int
    may_help: Callable[[NowImageError], bool]
    until: Deadline
    sleep: Callable[[float], Awaitable[None]]
    jitter: Callable[[], float]
    asked: float | None = None

    async def run(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Return what an attempt returns, or raise what the last one raises."""
        turn = 0
        while True:
            self.asked = None
            try:
                return await attempt()
            except NowImageError as problem:
                error = problem
            pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * (1 << turn) * (1 + self.jitter()))
            if self.asked is not None:
                pause = self.asked if self.asked <= LONGEST_WAIT else self.until.seconds
            if turn >= self.most or pause >= self.until.left() or not self.may_help(error):
                # Without the frames below, which know more than an error should carry around.
                raise error.with_traceback(None)
            await self.sleep(pause)
            turn += 1
