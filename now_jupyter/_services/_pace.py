"""How patiently a task is followed: once for all services, so that none of them polls too fast or gives up too early.

An engine has no clock: what it waited for is what it asked to wait.
"""

from __future__ import annotations

from .._messages import TaskLost
from .._protocol import Wait

__all__ = ["Pace"]

_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 10.0
_GROWTH = 1.25
_TOLERATED = 60.0  # seconds for which a service may not know a task that it has accepted


class Pace:
    """The pauses between the polls of one task, and how long its service has not known it."""

    def __init__(self) -> None:
        self._pause = _FIRST_PAUSE
        self._unknown_for = 0.0

    def wait(self) -> Wait:
        """Give the pause before the next poll; each is a little longer than the one before."""
        pause, self._pause = self._pause, min(_LONGEST_PAUSE, self._pause * _GROWTH)
        self._unknown_for += pause
        return Wait(pause)

    def known(self) -> None:
        """Take note that the service knows the task."""
        self._unknown_for = 0.0

    def unknown(self, task: str) -> None:
        """Take note that the service does not know the task.

        Raises:
            TaskLost: that has been so for too long.
        """
        if self._unknown_for > _TOLERATED:
            raise TaskLost(
                "the service no longer knows task {task}",
                advice="%now resume asks once more, free",
                kept="task {task}",
                task=task,
            )
