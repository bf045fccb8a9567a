"""Doing in one go what many ask for at once: each way into a thread and back waits for a loop that has much to do."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import anyio
from anyio import CancelScope
from anyio.lowlevel import checkpoint_if_cancelled

from ._loop import run_in_thread

__all__ = ["Together", "outcome_of"]

A = TypeVar("A")
T = TypeVar("T")
_MOST = 16


def outcome_of(act: Callable[[], T]) -> T | Exception:
    """Return what `act` returns, or the exception that it raises."""
    try:
        return act()
    except Exception as problem:  # noqa: BLE001 - raised again where it was asked for
        return problem


@dataclass(slots=True, eq=False)
class _Asked(Generic[A, T]):
    what: A
    outcome: list[T | Exception]


class Together(Generic[A, T]):
    """What is asked for while a thread is at it is done by the next one, all together, in the order of asking."""

    def __init__(self, work: Callable[[Sequence[A]], Sequence[T | Exception]]) -> None:
        """Have it done by `work`, which returns for each what came of it."""
        self._work = work
        self._waiting: deque[_Asked[A, T]] = deque()
        self._turn = anyio.Lock()

    async def do(self, what: A) -> T:
        """Return what came of it; once it has begun to wait, it is done and waited for."""
        await checkpoint_if_cancelled()
        asked: _Asked[A, T] = _Asked(what, [])
        self._waiting.append(asked)
        with CancelScope(shield=True):
            async with self._turn:
                if not asked.outcome:
                    await self._do_next()
        (outcome,) = asked.outcome
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def _do_next(self) -> None:
        """Do what waits; the one who has the turn has waited longest."""
        batch = [self._waiting.popleft() for _ in range(min(_MOST, len(self._waiting)))]
        try:
            outcomes = await run_in_thread(self._work, [one.what for one in batch])
        except Exception as problem:  # noqa: BLE001 - nobody may wait for ever
            outcomes = [problem] * len(batch)
        for one, outcome in zip(batch, outcomes, strict=True):
            one.outcome.append(outcome)
