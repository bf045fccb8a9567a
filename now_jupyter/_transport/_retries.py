"""How long something may take, and whether it is tried again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import anyio

from .._messages import NowImageError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

__all__ = ["LONGEST_WAIT", "Deadline", "Retries"]

T = TypeVar("T")

LONGEST_WAIT = 60.0  # that a relay may ask for, each time, before the call is sent again
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 4.0


class Deadline:
    """A point in time by our own clock, as the library's timeouts hold for single operations only."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self.seconds = seconds
        self._clock = clock
        self._end = clock() + seconds

    def left(self) -> float:
        """Return the seconds that are left."""
        return max(0.0, self._end - self._clock())

    def within(self, seconds: float) -> Deadline:
        """Return a deadline that many seconds from now, or this one where it comes first."""
        return Deadline(min(self.left(), seconds), self._clock)

    def ensure_left(self) -> None:
        """Raise `TimeoutError` when the time is over."""
        if not self.left():
            raise TimeoutError

    def scope(self, at_most: float | None = None) -> AbstractContextManager[anyio.CancelScope]:
        """Raise `TimeoutError` in whatever is still going on at the deadline, or after `at_most` seconds."""
        return anyio.fail_after(self.left() if at_most is None else min(self.left(), at_most))


class Retries:
    """Tries something up to `most` times more, with growing pauses, while `may_help` says so and there is time.

    What is tried may `ask` for another pause than ours.
    """

    def __init__(
        self,
        most: int,
        *,
        may_help: Callable[[NowImageError], bool],
        until: Deadline,
        sleep: Callable[[float], Awaitable[None]],
        jitter: Callable[[], float],
    ) -> None:
        self._asked: float | None = None
        self._most = most
        self._may_help = may_help
        self._until = until
        self._sleep = sleep
        self._jitter = jitter

    def ask(self, seconds: float | None) -> None:
        """Wait so long before the next attempt, where that is not too long; None: as long as we think."""
        self._asked = seconds

    async def run(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Return what an attempt returns, or raise what the last one raises."""
        turn = 0
        while True:
            self._asked = None
            try:
                return await attempt()
            except NowImageError as problem:
                error = problem
            pause = self._pause(turn, error)
            if pause is None or pause >= self._until.left():
                # Without the frames below, which know more than an error should carry around.
                raise error.with_traceback(None)
            await self._sleep(pause)
            turn += 1

    def _pause(self, turn: int, error: NowImageError) -> float | None:
        if turn >= self._most or not self._may_help(error):
            return None
        if self._asked is None:
            return min(_LONGEST_PAUSE, _FIRST_PAUSE * (1 << turn) * (1 + self._jitter()))
        return self._asked if self._asked <= LONGEST_WAIT else None
