"""Notices that the machine slept: the wall clock went on, and the clock that stands still meanwhile did not."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["Waking"]

_LONGEST_NAP = 60.0  # clocks are set right by a few seconds now and then


class Waking:
    """Compares the two clocks at each look."""

    def __init__(
        self, *, clock: Callable[[], float] = time.time, stopwatch: Callable[[], float] = time.monotonic
    ) -> None:
        """Take the first look."""
        self._clock = clock
        self._stopwatch = stopwatch
        self._apart = clock() - stopwatch()

    def slept(self) -> float:
        """Return how many seconds were slept through since the last look; 0 where it was none or a nap."""
        before, self._apart = self._apart, self._clock() - self._stopwatch()
        jump = self._apart - before
        return jump if jump > _LONGEST_NAP else 0.0
