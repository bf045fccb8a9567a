"""What is written down of a paid call when it is over: what it cost, and what the next one has to know."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import anyio

from .._background import run_in_thread
from .._history import History
from .._messages import StoreError, TaskNeedsAction, failure_of
from .._relay import RelayFacts, in_currency
from .._runner import RunResult
from .._store import Record, Store
from ._job import Job
from ._planning import PlannedCall, say_differences
from ._quotes import Quotes
from ._workspace import Snapshot

__all__ = ["Booking"]

_PATIENCE_FOR_A_PRICE = 5.0


class Booking:
    """Writes down what came of paid calls."""

    def __init__(self, facts: RelayFacts, quotes: Quotes, history: History) -> None:
        self._facts = facts
        self._quotes = quotes
        self._history = history

    async def book(
        self, result: RunResult, planned: PlannedCall, taken: PlannedCall, snapshot: Snapshot, job: Job
    ) -> RunResult:
        """Keep what was learned by the way that was taken, and the cost; whatever goes wrong, what came is here."""
        record = result.record
        try:
            if result.error is None and record.service != planned.route.service.name:
                await self._facts.remember_service(snapshot.access, record.model, record.service)
            news = say_differences(taken, record, snapshot.settings.language)
            await self._note_mask(record, snapshot)
            await self.settle_decided(record, snapshot.home.store)
            job.notes += [one for one in news if one not in job.notes]
            return await self._add_cost(result, taken, snapshot, job)
        except Exception as bug:  # noqa: BLE001 - told beside the outputs
            return replace(result, bug=bug)

    async def settle_decided(self, record: Record, store: Store) -> None:
        """Let those rest that waited for the user's word, where this record is the word: it follows their task now.

        Otherwise `resume` would collect the outputs of one task for both. While nobody knows whether the word arrived,
        those that waited are the only ones who can collect them.
        """
        if record.request.button is not None and record.state is not None:
            await run_in_thread(self._settle, record, store)

    def _settle(self, record: Record, store: Store) -> None:
        for waiting in filter(None, map(self._history.with_id, record.parents)):
            if waiting.needs:
                told = TaskNeedsAction("you decided: {ref} goes on with it", ref=record.ref)
                store.write(replace(waiting, settled=True, needs="", error=failure_of(told)))

    async def _note_mask(self, record: Record, snapshot: Snapshot) -> None:
        """Keep in mind how far the model heeds a mask."""
        changed = [one.about["changed"] for one in record.outputs if "changed" in one.about]
        shares = [one["outside"] for one in changed if isinstance(one, dict)]
        if shares:
            await self._facts.note_share_outside(snapshot.access, record.model, max(shares))

    async def _add_cost(self, result: RunResult, taken: PlannedCall, snapshot: Snapshot, job: Job) -> RunResult:
        """Write down what an order cost: as the relay reports it, else as its list says."""
        record, cost = result.record, None
        if record.demo or record.billed == "no":
            return result
        if result.cost is not None:
            cost = in_currency(result.cost, snapshot.settings, reported=True)
        elif record.cost is None:
            with anyio.move_on_after(_PATIENCE_FOR_A_PRICE):
                cost = await self._quotes.price([taken.plan], snapshot)
        if cost is None or cost.amount is None or cost == record.cost:
            return result
        record = replace(record, cost=cost)
        with suppress(StoreError):  # the pictures are here; what they cost is the lesser news
            await run_in_thread(snapshot.home.store.write, record)
        job.changed(record)
        return replace(result, record=record)
