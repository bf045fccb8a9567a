"""Asking about tasks, patiently and together: once for all services, so that none polls too fast or gives up early."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from copy import copy

import anyio

from .._json import Fields
from .._messages import BadResponseError, NowImageError, TaskLost
from .._protocol import Fetch, Service
from .._transport import RelayClient

__all__ = ["Pace", "Poller"]

_FIRST_PAUSE, _LONGEST_PAUSE = 2.0, 10.0
_GROWTH = 1.25
_TOLERATED = 60.0  # seconds for which a service may not know a task that it has accepted
_GATHER = 0.05
_MOST_STEPS = 100


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

    def note_known(self) -> None:
        """Take note that the service knows the task."""
        self._unknown_for = 0.0

    def note_unknown(self, task: str) -> None:
        """Take note that the service does not know the task; polls that failed on their way do not count."""
        self._unknown_for += self._waited
        if self._unknown_for > _TOLERATED:
            raise TaskLost(
                "the service no longer knows task {task}",
                advice="%now resume asks once more, free",
                kept="task {task}",
                task=task,
            )


class Poller:
    """Asks for many tasks of a service with one poll: whoever asks within a moment shares it."""

    def __init__(self, client: RelayClient, service: Service, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._client = client
        self._service = service
        self._sleep = sleep
        self._waiting: dict[str, list[_Waiter]] = {}

    async def ask(self, task: str) -> Fields | None:
        """Return what the service says of the task; None where it does not know it."""
        while True:
            waiter = _Waiter()
            is_first = not self._waiting
            self._waiting.setdefault(task, []).append(waiter)
            if is_first:
                await self._ask_for_all()
            await waiter.done.wait()
            if waiter.error is not None:
                raise copy(waiter.error)  # each who waits makes its own of it
            if waiter.is_answered:
                return waiter.answer

    async def _ask_for_all(self) -> None:
        """Ask once for all; who waits and gets no answer, as whoever asked was stopped, asks again."""
        asked: dict[str, list[_Waiter]] = {}
        try:
            await self._sleep(_GATHER)
            asked, self._waiting = self._waiting, {}
            tasks = list(asked)
            for start in range(0, len(tasks), max(1, self._service.batch)):
                await self._ask_for_some({task: asked[task] for task in tasks[start : start + self._service.batch]})
        finally:
            if not asked:
                asked, self._waiting = self._waiting, {}
            for waiter in (one for waiters in asked.values() for one in waiters):
                waiter.done.set()

    async def _ask_for_some(self, asked: dict[str, list[_Waiter]]) -> None:
        error: NowImageError | None = None
        answers: Fields = {}
        try:
            answers = await self._converse(tuple(asked))
        except NowImageError as problem:
            error = problem
        for task, waiters in asked.items():
            for waiter in waiters:
                waiter.resolve(answers.get(task), error)

    async def _converse(self, tasks: tuple[str, ...]) -> Fields:
        """Perform the service's own way of asking; it may only fetch."""
        conversation, answer, error = self._service.poll(tasks), None, None
        for _ in range(_MOST_STEPS):
            try:
                step = conversation.send(answer) if error is None else conversation.throw(error)
            except StopIteration as end:
                return end.value if isinstance(end.value, dict) else {}
            answer = error = None
            if not isinstance(step, Fetch):
                break
            try:
                answer = await self._client.fetch(step.call)
            except NowImageError as problem:
                error = problem
        raise BadResponseError("the service {service} cannot be asked about its tasks", service=self._service.name)


class _Waiter:
    """One who waits for a poll."""

    def __init__(self) -> None:
        self.done = anyio.Event()
        self.is_answered = False
        self.answer: Fields | None = None
        self.error: NowImageError | None = None

    def resolve(self, answer: object, error: NowImageError | None) -> None:
        """Take the answer, or why there is none."""
        self.is_answered, self.error = error is None, error
        self.answer = answer if isinstance(answer, dict) else None
