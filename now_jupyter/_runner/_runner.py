"""Sends paid calls and performs the conversations that read their answers, saving as it goes.

Before a paid call goes out its record says "maybe billed" on disk; what comes back is kept raw, then each output by
itself, then the record says what became of it. From the paid call on all is shielded: whoever waits may leave, the
answer is still taken. Sending, polling, saving and resuming exist once, here, for every service.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import anyio
from anyio import CancelScope

from .._background import run_in_thread
from .._protocol import Plan, Service
from .._store import Record, RescueFolder, Store
from .._transport import Downloader, LongTexts, RelayClient
from .._values import Status
from ._answers import fetch_again, read_kept_answer
from ._polling import Poller
from ._reports import RunResult, Watch
from ._rescue import recover_rescued
from ._run import Run, has_newer_links

__all__ = ["Runner"]

_TASK_LIMIT = 1800.0


@dataclass(eq=False, repr=False, kw_only=True)
class Runner:
    """What a run needs: the relay, the downloader, the store, and the clock."""

    client: RelayClient
    downloader: Downloader
    store: Store
    clock: Callable[[], float] = time.time
    stopwatch: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep
    task_limit: float = _TASK_LIMIT
    rescue: RescueFolder = field(default_factory=RescueFolder)
    _pollers: dict[str, Poller] = field(default_factory=dict, init=False)
    _shared_texts: dict[str, LongTexts] = field(default_factory=dict, init=False)
    _scopes: set[CancelScope] = field(default_factory=set, init=False)

    def abandon(self) -> None:
        """Give up what is under way: its records say what is known, and `resume` takes them up again."""
        for scope in list(self._scopes):
            scope.shield = False
            scope.cancel()

    @contextmanager
    def open_scope(self) -> Iterator[CancelScope]:
        """Yield a scope that `abandon` ends; whoever is inside shields it once there is something to lose."""
        with CancelScope() as scope:
            self._scopes.add(scope)
            try:
                yield scope
            finally:
                self._scopes.discard(scope)

    def poller(self, service: Service) -> Poller:
        """Return the one poller of a service."""
        return self._pollers.setdefault(service.name, Poller(service.batch, self.sleep))

    def texts_for(self, service: Service) -> LongTexts:
        """Return the place for long texts of a run; one for all whose answers are polled for together."""
        if service.batch <= 1:
            return LongTexts(self.store.temp_path)
        return self._shared_texts.setdefault(service.name, LongTexts(self.store.temp_path))

    async def run(self, record: Record, plan: Plan, service: Service, watch: Watch) -> RunResult:
        """Send the plan of a claimed record and read its answer; an error of ours is returned, not raised."""
        result = await Run(self, record, service, watch).buy(plan)
        return await self.resume(result.record, service, watch) if has_newer_links(result.record) else result

    async def resume(self, record: Record, service: Service, watch: Watch) -> RunResult:
        """Take up a record again, free: what was rescued, its checkpoint, its kept answer, its kept sources."""
        record = await run_in_thread(recover_rescued, self.rescue, self.store, record)
        if record.status is Status.DONE:
            watch.changed(record)
            return RunResult(record)
        run = Run(self, record, service, watch, is_new=False)
        if record.state is not None:
            return await run.read(lambda: service.resume(record.state or {}))
        kept = await run_in_thread(read_kept_answer, self.store, record.number, run.texts)
        if kept is not None:
            reply, events = kept
            return await run.read(lambda: service.read(reply, record.memo), events=events)
        return await run.read(lambda: fetch_again(record))
