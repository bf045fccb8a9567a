"""Asking about tasks, patiently and together: once for all services, so that none polls too fast or gives up early."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from copy import copy

import anyio

from .._json import Fields
from .._messages import NowImageError, TaskLost

__all__ = ["Pace", "Poller"]

_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 10.0
_GROWTH = 1.25
_TOLERATED = 60.0  # seconds for which a service may not know a task that it has accepted
_GATHER = 0.05


class Pace:
    """The pauses between the polls of one task, and how long its service has not known it."""

    def __init__(self) -> None:
        self._pause = _FIRST_PAUSE
        self._waited = 0.0
        self._unknown_for = 0.0

    def next_pause(self) -> float:
        """Return the seconds to wait before the next poll; each is a little longer than the one before."""
        self._waited, self._pause = self._pause, min(_LONGEST_PAUSE, self._pause * _GROWTH)
        return self._waited

    def note(self, task: str, *, is_known: bool) -> None:
        """Take note whether the service knows the task; it is lost (`TaskLost`) once that was not so for too long."""
        self._unknown_for = 0.0 if is_known else self._unknown_for + self._waited
        if self._unknown_for > _TOLERATED:
            raise TaskLost(
                "the service no longer knows task {task}",
                advice="%now resume asks once more, free",
                kept="task {task}",
                task=task,
            )


class _Round:
    """One poll, shared by all who ask within a moment."""

    def __init__(self) -> None:
        self.tasks: dict[str, None] = {}
        self.answers: dict[str, Fields | NowImageError | None] = {}
        self.over = anyio.Event()


class Poller:
    """Asks for many tasks of a service with one poll: whoever asks within a moment shares it."""

    def __init__(self, batch: int, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._batch = max(1, batch)
        self._sleep = sleep
        self._round = _Round()

    async def ask(self, task: str, poll: Callable[[tuple[str, ...]], Awaitable[Fields]]) -> Fields | None:
        """Return what the service says of the task by one `poll` of many; None where it does not know it."""
        while True:  # who gets no answer, as whoever asked was stopped, asks again
            current = self._round
            is_first = not current.tasks
            current.tasks[task] = None
            if is_first:
                await self._ask_for_all(current, poll)
            await current.over.wait()
            answer = current.answers.get(task)
            if isinstance(answer, NowImageError):
                raise copy(answer)  # each who waits makes its own of it
            if task in current.answers:
                return answer

    async def _ask_for_all(self, current: _Round, poll: Callable[[tuple[str, ...]], Awaitable[Fields]]) -> None:
        try:
            await self._sleep(_GATHER)
            self._round = _Round()
            tasks = tuple(current.tasks)
            for some in (tasks[start : start + self._batch] for start in range(0, len(tasks), self._batch)):
                try:
                    answers = await poll(some)
                except NowImageError as problem:
                    current.answers |= dict.fromkeys(some, problem)
                else:
                    known = {task: answers.get(task) for task in some}
                    current.answers |= {task: one if isinstance(one, dict) else None for task, one in known.items()}
        finally:
            if self._round is current:
                self._round = _Round()
            current.over.set()
