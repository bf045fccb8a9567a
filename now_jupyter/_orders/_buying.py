"""Claiming numbers and buying: each paid call of an order becomes one record and one piece of work."""

from __future__ import annotations

import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

import anyio
from anyio import CancelScope

from .._background import Waking, run_in_thread
from .._history import History, live_record
from .._messages import NowImageError, StoreError, say
from .._protocol import Charge, Plan
from .._relay import in_currency
from .._runner import Runner, RunResult
from .._services import other_route
from .._store import Home, JobLock, Record, Store, generation_of
from .._transport import RelayAccess
from .._values import Money, Status
from ._budget import Budget
from ._job import Job
from ._order import Order
from ._planning import PlannedCall, Planner
from ._quotes import Quotes
from ._reuse import Candidate, CellPosition, Decision
from ._workspace import Snapshot, Workspace

__all__ = ["Buyer", "Work"]

Work: TypeAlias = Callable[[], Awaitable[RunResult]]
_LOOK_AGAIN = 0.5
_PATIENCE_FOR_A_PRICE = 5.0
_PATIENCE_AFTER_SLEEP = 120.0  # then whoever hangs on a dead connection holds up nobody any longer


@dataclass(frozen=True, slots=True)
class _Claim:
    """A number that was claimed for a paid call, and the lock that says that we are at work on it."""

    record: Record
    lock: JobLock | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Purchase:
    """All that one paid call is bought on, settled before its number is claimed."""

    call: PlannedCall
    order: Order
    position: CellPosition
    snapshot: Snapshot
    budget: Budget | None
    price: Money | None


class Buyer:
    """Carries out what was planned; knows what is under way in this kernel."""

    def __init__(  # noqa: PLR0913 - the parts it works with
        self,
        workspace: Workspace,
        planner: Planner,
        quotes: Quotes,
        *,
        kernel: str,
        runner: Callable[[RelayAccess, Home], Runner],
        note_sent: Callable[[Job], None],
    ) -> None:
        self._workspace = workspace
        self._planner = planner
        self._quotes = quotes
        self._kernel = kernel
        self._runner = runner
        self._note_sent = note_sent
        self._slots: anyio.CapacityLimiter | None = None
        self._live: dict[str, anyio.Event] = {}
        self._sending: dict[str, anyio.Event] = {}
        self._held_up_by: list[anyio.Event] = []
        self._minutes_slept = 0
        self.waking = Waking()

    @property
    def _history(self) -> History:
        return self._workspace.history

    async def prepare(
        self, order: Order, position: CellPosition, decision: Decision, snapshot: Snapshot, job: Job
    ) -> list[Work]:
        """Return the work of an order; numbers are claimed here, after all that may stand in the way is settled."""
        works = [self._answer(candidate, order, job, "history") for candidate in decision.served]
        works += [self._answer(candidate, order, job, "joined") for candidate in decision.joined]
        if decision.missing:
            works += await self._prepare_purchases(order, position, decision, snapshot, job)
        return works

    async def _prepare_purchases(
        self, order: Order, position: CellPosition, decision: Decision, snapshot: Snapshot, job: Job
    ) -> list[Work]:
        claims: list[_Claim] = []
        works: list[Work] = []
        try:
            for purchase in await self._settle_terms(order, position, decision, snapshot, job):
                works += await self._claim_or_join(purchase, job, claims)
        except BaseException:
            with CancelScope(shield=True):
                for claim in claims:
                    job.changed(await self._withdraw(claim, snapshot.home.store))
            raise
        return works

    async def _settle_terms(
        self, order: Order, position: CellPosition, decision: Decision, snapshot: Snapshot, job: Job
    ) -> list[_Purchase]:
        """Settle everything that may stand in the way before the first number is claimed."""
        snapshot.home.check()
        calls = await self._planner.plan(order.request, snapshot, n=decision.missing)
        plans = [one.plan for one in calls]
        job.notes += self.notes_of(calls, snapshot)
        agreement = await self._quotes.agree(plans, snapshot, agreed=order.agreed, most=order.budget)
        await self._give_up(decision.unsettled, snapshot.home.store)
        await run_in_thread(snapshot.home.store.preflight)
        await run_in_thread(_keep_inputs, order, snapshot.home.store)
        await self._planner.remember_model(order.request, snapshot)
        job.usually = self._history.usual_seconds(calls[0].model)
        prices = agreement.prices or (None,) * len(calls)
        return [
            _Purchase(
                call=call, order=order, position=position, snapshot=snapshot, budget=agreement.budget, price=price
            )
            for call, price in zip(calls, prices, strict=True)
        ]

    async def _give_up(self, unsettled: Sequence[Record], store: Store) -> None:
        """The user's word is given: equal orders of unknown outcome no longer stand in the way."""
        for record in unsettled:
            await run_in_thread(store.write, replace(record, settled=True))

    def notes_of(self, calls: Sequence[PlannedCall], snapshot: Snapshot) -> list[str]:
        """Return what an order's plans remark, in words."""
        return self._planner.say_remarks(calls, snapshot.settings.language)

    async def _claim_or_join(self, purchase: _Purchase, job: Job, claims: list[_Claim]) -> list[Work]:
        """Claim a number; where another kernel was faster with the same order, join it instead."""
        snapshot, order = purchase.snapshot, purchase.order
        claim = await self._claim(purchase)
        claims.append(claim)
        faster = await self._planner.find_faster(order, purchase.position, snapshot, claim.record)
        if faster is not None:
            claims.remove(claim)
            await self._withdraw(claim, snapshot.home.store)
            served = [self._answer(one, order, job, "history") for one in faster.served]
            return [*served, *(self._answer(one, order, job, "joined") for one in faster.joined)]
        await self._quotes.stay_within(purchase.budget, claim.record, snapshot)
        job.changed(claim.record)
        return [partial(self._buy, claim, purchase, job)]

    async def _claim(self, purchase: _Purchase) -> _Claim:
        store = purchase.snapshot.home.store
        record, lock = await run_in_thread(store.claim_and_hold, self._intent_of(purchase))
        self._live[record.id] = anyio.Event()
        return _Claim(record, lock)

    def _intent_of(self, purchase: _Purchase) -> Record:
        identity, order, position = uuid.uuid4().hex, purchase.order, purchase.position
        return _with_plan(
            Record(
                id=identity,
                request=order.request,
                created=time.time(),
                demo=purchase.snapshot.is_demo,
                kernel=self._kernel,
                cell=position.cell,
                execution=position.execution,
                position=position.index,
                idempotency_key=identity,
                name=order.name,
                alt=order.alt,
                tags=order.tags,
                parents=order.parents,
                relay=purchase.snapshot.relay,
                cost=purchase.price if purchase.price and purchase.price.amount is not None else None,
            ),
            purchase.call,
        )

    async def _withdraw(self, claim: _Claim, store: Store) -> Record:
        """End a record of which nothing was sent."""
        record = replace(claim.record, status=Status.CANCELLED)
        with suppress(StoreError):  # a record that nobody holds and that was not sent is read as cancelled
            await run_in_thread(store.write, record)
        self._release(claim)
        return record

    def _release(self, claim: _Claim) -> None:
        self._live.pop(claim.record.id).set()
        if claim.lock is not None:
            claim.lock.release()

    # What answers from the history

    def _answer(self, candidate: Candidate, order: Order, job: Job, origin: str) -> Work:
        if origin == "history":
            job.origin = "history"
            return partial(self._serve, candidate, order, job)
        job.origin = "joined"
        return partial(self._join, candidate.record, job)

    async def _serve(self, candidate: Candidate, order: Order, job: Job) -> RunResult:
        record = candidate.record
        if order.name and order.name != record.name and not candidate.sibling:
            store = self._workspace.home().store
            record = replace(await run_in_thread(store.read, record.number), name=order.name)
            await run_in_thread(store.write, record)
        job.changed(record)
        return RunResult(record)

    async def _join(self, record: Record, job: Job) -> RunResult:
        store = self._workspace.home().store
        job.changed(record)
        while (event := self._live.get(record.id)) is not None or store.is_held(record.number):
            if event is not None:
                await event.wait()
            else:
                await anyio.sleep(_LOOK_AGAIN)  # another kernel makes it; its record tells when it is there
        record = live_record(store, await run_in_thread(store.read, record.number))
        if record.is_over or record.has_answer:
            job.changed(record)
            return RunResult(record)
        return await self.resume(record, job)

    # What is bought

    async def _buy(self, claim: _Claim, purchase: _Purchase, job: Job) -> RunResult:
        store = purchase.snapshot.home.store
        began = False
        try:
            async with self._slot(purchase.snapshot):
                await self._wait_after_sleep(job, purchase.snapshot)
                began = True
                self._sending[claim.record.id] = self._live[claim.record.id]
                result = await self._run(claim.record, purchase, job)
            return await self._add_cost(result, purchase, job)
        finally:
            self._sending.pop(claim.record.id, None)
            if began:
                self._release(claim)
            else:
                with CancelScope(shield=True):
                    job.changed(await self._withdraw(claim, store))

    async def _run(self, record: Record, purchase: _Purchase, job: Job) -> RunResult:
        """Send the plan; where the relay proves that its address is wrong, once more by another way."""
        call, snapshot = purchase.call, purchase.snapshot
        runner, watch = self._runner(snapshot.access, snapshot.home), self._watch(job)
        result = await runner.run(record, call.plan, call.route.service, watch)
        other = await self._find_other_way(result, purchase)
        if other is None:
            return result
        record = _with_plan(
            replace(result.record, idempotency_key=uuid.uuid4().hex, status=Status.PENDING, error=None), other
        )
        job.notes += self.notes_of([other], snapshot)
        again = await runner.run(record, other.plan, other.route.service, watch)
        if again.error is None:
            await self._planner.remember_way(other, snapshot)
        return again

    async def _find_other_way(self, result: RunResult, purchase: _Purchase) -> PlannedCall | None:
        """Return the same share by another way, planned, priced and agreed anew; None where there is none."""
        call, order, snapshot = purchase.call, purchase.order, purchase.snapshot
        if result.error is None or result.record.billed != "no" or order.request.service is not None:
            return None
        route = other_route((call.route, *call.others), result.error)
        if route is None:
            return None
        try:
            calls = self._planner.plan_otherwise(call, route, snapshot)
            plans = [one.plan for one in calls]
            await self._quotes.agree(plans, snapshot, agreed=order.agreed, most=order.budget)
        except NowImageError:
            return None  # what the relay said of the first way is what the user has to know
        return calls[0] if len(calls) == 1 else None

    async def _wait_after_sleep(self, job: Job, snapshot: Snapshot) -> None:
        """Hold a new order after the machine slept until what was under way has ended one way or the other."""
        if seconds := self.waking.slept():
            self._minutes_slept = max(1, round(seconds / 60))
            self._held_up_by = list(self._sending.values())
        if all(event.is_set() for event in self._held_up_by):
            return
        job.notes.append(
            say(
                "the computer slept for {minutes} minutes; what was under way is settled before new orders go out",
                snapshot.settings.language,
                minutes=self._minutes_slept,
            )
        )
        with anyio.move_on_after(_PATIENCE_AFTER_SLEEP):
            for event in self._held_up_by:
                await event.wait()

    async def _add_cost(self, result: RunResult, purchase: _Purchase, job: Job) -> RunResult:
        """Write down what an order cost: as the relay reports it, else as its list says."""
        record = result.record
        if record.demo or record.billed == "no":
            return result
        cost = await self._find_cost(result, purchase)
        if cost is None or cost.amount is None or cost == record.cost:
            return result
        record = replace(record, cost=cost)
        with suppress(StoreError):  # the pictures are here; what they cost is the lesser news
            await run_in_thread(purchase.snapshot.home.store.write, record)
        job.changed(record)
        return replace(result, record=record)

    async def _find_cost(self, result: RunResult, purchase: _Purchase) -> Money | None:
        if result.cost is not None:
            return in_currency(result.cost, purchase.snapshot.settings, reported=True)
        if result.record.cost is not None:
            return None
        with anyio.move_on_after(_PATIENCE_FOR_A_PRICE):
            return await self._quotes.price([purchase.call.plan], purchase.snapshot)
        return None

    async def resume(self, record: Record, job: Job) -> RunResult:
        """Take up one record again, free of charge; someone else's is left to them."""
        home = self._workspace.home()
        service = self._planner.find_service(record.service)
        runner = self._runner(self._workspace.access_of(record), home)
        lock = home.store.hold(record.number)
        if lock is None:
            return RunResult(record)
        self._live[record.id] = anyio.Event()
        try:
            record = await run_in_thread(home.store.read, record.number)
            if record.is_over:
                return RunResult(record)
            return await runner.resume(record, service, self._watch(job))
        finally:
            self._release(_Claim(record, lock))

    def _slot(self, snapshot: Snapshot) -> anyio.CapacityLimiter:
        most = snapshot.settings.max_concurrency
        if self._slots is None:
            self._slots = anyio.CapacityLimiter(most)
        self._slots.total_tokens = most
        return self._slots

    def _watch(self, job: Job) -> _JobWatch:
        return _JobWatch(job, self._tell, self._note_sent)

    def _tell(self, record: Record) -> None:
        self._history.tell(generation_of(record, self._workspace.home().store.pictures))


def _keep_inputs(order: Order, store: Store) -> None:
    """Keep what is given to an order, so that it can be sent, and made again later."""
    for one in order.request.inputs:
        if one.sha256 in order.sources:
            store.keep_input(order.sources[one.sha256], mime=one.mime)


def _with_plan(record: Record, call: PlannedCall) -> Record:
    """Return a record with what was resolved for it: service, model, share, memo, charge, expected."""
    plan: Plan = call.plan
    return replace(
        record,
        service=call.route.service.name,
        model=call.model,
        share=call.ask.n,
        memo=dict(plan.memo),
        charge=_charge_to_json(plan.charge),
        expected=plan.expected,
    )


def _charge_to_json(charge: Charge) -> dict[str, str]:
    return {"name": charge.name, "times": str(charge.times), "unit": charge.unit}


class _JobWatch:
    """Tells the job and whoever observes the history."""

    def __init__(self, job: Job, tell: Callable[[Record], None], note_sent: Callable[[Job], None]) -> None:
        self._job = job
        self._tell = tell
        self._note_sent = note_sent
        self.progressed = job.progressed

    def changed(self, record: Record) -> None:
        """Pass a record on."""
        self._job.changed(record)
        if record.billed != "no":
            self._note_sent(self._job)
        self._tell(record)
