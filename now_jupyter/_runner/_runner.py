"""Performs the steps of an engine, saving as it goes.

Before a paid call goes out its record says "maybe billed" on disk; what comes back is kept raw, then each picture by
itself, then the record says what became of it. From the paid call on all is shielded: whoever waits may leave, the
answer is still taken. Steps exist once, here, for every service: stopping, polling, saving and resuming.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import cast

import anyio
from anyio import CancelScope

from .._background import run_in_thread
from .._protocol import Engine, TaskEngine
from .._store import Record, RescueFolder, Store
from .._transport import Api, Downloader
from .._values import Status
from ._polling import Poller
from ._run import Run, RunResult, Watch, has_newer_links
from ._saving import Replay, all_brought_home, brought_home, links_again

__all__ = ["RunResult", "Runner", "Watch", "all_brought_home"]

_TASK_LIMIT = 1800.0


class Runner:
    """What a performance needs: the relay, the downloader, the store, and the clock."""

    def __init__(  # noqa: PLR0913 - the parts, and what tests inject
        self,
        *,
        api: Api,
        downloader: Downloader,
        store: Store,
        clock: Callable[[], float] = time.time,
        stopwatch: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        task_limit: float = _TASK_LIMIT,
        spill: RescueFolder | None = None,
    ) -> None:
        """Put the parts together; nothing is opened."""
        self.spill = spill or RescueFolder()
        self.api = api
        self.downloader = downloader
        self.store = store
        self.clock = clock
        self.stopwatch = stopwatch
        self.sleep = sleep
        self.task_limit = task_limit
        self._pollers: dict[str, Poller] = {}
        self._scopes: set[CancelScope] = set()

    def abandon(self) -> None:
        """Give up what is under way: its records say what is known, and `resume` takes them up again."""
        for scope in list(self._scopes):
            scope.shield = False
            scope.cancel()

    @contextmanager
    def scope(self) -> Iterator[CancelScope]:
        """Give a scope that `abandon` ends; whoever is inside shields it once there is something to lose."""
        with CancelScope() as scope:
            self._scopes.add(scope)
            try:
                yield scope
            finally:
                self._scopes.discard(scope)

    def poller(self, engine: Engine) -> Poller:
        """Give the one poller of an engine."""
        return self._pollers.setdefault(engine.name, Poller(self.api, cast("TaskEngine", engine), self.sleep))

    async def run(self, record: Record, engine: Engine, watch: Watch, *, partials: int = 0) -> RunResult:
        """Perform a claimed record from its beginning; an error of ours is given, not raised."""
        conversation = engine.start(record.request, model=record.model, partials=partials)
        performed = await Run(self, record, engine, watch).play(conversation)
        return await self.resume(performed.record, engine, watch) if has_newer_links(performed.record) else performed

    async def resume(self, record: Record, engine: Engine, watch: Watch) -> RunResult:
        """Take up a record again without paying: from its raw answer, its task, or the links that it kept.

        Raises:
            StoreError: what was rescued elsewhere still cannot be kept here.
        """
        record = await run_in_thread(brought_home, self.spill, self.store, record)
        if record.status is Status.DONE:
            watch.changed(record)
            return RunResult(record)
        performance = Run(self, record, engine, watch, is_new=False)
        if (stored := await run_in_thread(Replay.of, self.store, record.number)) is not None:
            conversation = engine.start(record.request, model=record.model)
            return await performance.play(conversation, replay=stored)
        if record.state is not None and hasattr(engine, "resume"):
            return await performance.play(engine.resume(record.request, record.state, model=record.model))
        return await performance.play(links_again(record))
