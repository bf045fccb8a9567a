"""Asking about tasks: whoever asks within a moment shares one call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from copy import copy

import anyio

from .._json import JSON
from .._messages import NowImageError
from .._protocol import TaskEngine
from .._transport import Api

__all__ = ["Poller"]

_GATHER = 0.05


class Poller:
    """Asks for many tasks with one call: whoever asks within a moment shares it."""

    def __init__(self, api: Api, engine: TaskEngine, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._api = api
        self._engine = engine
        self._sleep = sleep
        self._asked: dict[str, list[_Slot]] = {}

    async def ask(self, task: str) -> JSON:
        """Give what the service says of the task; None where it does not know it.

        Raises:
            NowImageError: the service could not be asked.
        """
        while True:
            slot = _Slot()
            first = not self._asked
            self._asked.setdefault(task, []).append(slot)
            if first:
                await self._ask_for_all()
            await slot.done.wait()
            if slot.error is not None:
                raise copy(slot.error)  # each who waits makes its own of it
            if slot.answered:
                return slot.answer

    async def _ask_for_all(self) -> None:
        """Ask once for all; who waits and gets no answer, as whoever asked was stopped, asks again."""
        asked: dict[str, list[_Slot]] = {}
        try:
            await self._sleep(_GATHER)
            asked, self._asked = self._asked, {}
            answers = await self._answers(list(asked))
        except NowImageError as problem:
            _tell(asked, problem)
        else:
            for task, slots in asked.items():
                for slot in slots:
                    slot.answered, slot.answer = True, answers.get(task)
        finally:
            for slots in (asked or self._taken()).values():
                for slot in slots:
                    slot.done.set()

    async def _answers(self, tasks: list[str]) -> Mapping[str, JSON]:
        return self._engine.poll_answer(await self._api.fetch(self._engine.poll_call(tasks)))

    def _taken(self) -> dict[str, list[_Slot]]:
        asked, self._asked = self._asked, {}
        return asked


def _tell(asked: Mapping[str, list[_Slot]], problem: NowImageError) -> None:
    for slots in asked.values():
        for slot in slots:
            slot.error = problem


class _Slot:
    """One who waits for a poll."""

    def __init__(self) -> None:
        self.done = anyio.Event()
        self.answered = False
        self.answer: JSON = None
        self.error: NowImageError | None = None
