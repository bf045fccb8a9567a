"""Claiming numbers and buying: each paid call of an order becomes one record and one piece of work."""

from __future__ import annotations

import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from typing import TypeAlias

import anyio
from anyio import CancelScope

from .._background import Together, Waking, outcome_of, run_in_thread
from .._history import live_record
from .._messages import NowImageError, StoreError, say
from .._runner import Runner, RunResult, Watch
from .._services import other_route
from .._store import Home, JobLock, Record, Store, generation_of
from .._transport import RelayAccess
from .._values import Money, Status
from ._booking import Booking
from ._job import Job
from ._order import Order
from ._planning import Placed, PlannedCall, Planner, say_of_previews, say_remarks
from ._quotes import Budget, Quotes
from ._reuse import Decision
from ._workspace import Snapshot, Workspace

__all__ = ["Buyer", "Work"]

Work: TypeAlias = Callable[[], Awaitable[RunResult]]
_Claimed: TypeAlias = tuple[Record, JobLock, Decision]
_LOOK_AGAIN = 0.5
_PATIENCE_AFTER_SLEEP = 120.0  # then whoever hangs on a dead connection holds up nobody any longer


@dataclass(slots=True)
class _Live:
    """What this kernel works on: its lock, its place among those in flight, if it was sent, the event of its end."""

    lock: JobLock | None
    has_slot: bool = False
    is_sent: bool = False
    over: anyio.Event = field(default_factory=anyio.Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Purchase:
    """All that one paid call is bought on, settled before its number is claimed."""

    call: PlannedCall
    placed: Placed
    budget: Budget | None
    price: Money | None
    answers: set[str]
    """The records that answer other parts of the same order."""
    make_ready: Callable[[], None] = lambda: None
    """What is to be done in the folder before the first number of an order is claimed."""

    @property
    def snapshot(self) -> Snapshot:
        """What is in force for it."""
        return self.placed.snapshot


class Buyer:
    """Carries out what was planned; knows what is under way in this kernel."""

    def __init__(
        self,
        workspace: Workspace,
        planner: Planner,
        quotes: Quotes,
        *,
        kernel: str,
        runner: Callable[[RelayAccess, Home], Runner],
    ) -> None:
        self._workspace = workspace
        self._planner = planner
        self._quotes = quotes
        self._booking = Booking(planner.facts, quotes, workspace.history)
        self._kernel = kernel
        self._runner = runner
        self._slots: anyio.CapacityLimiter | None = None
        self._live: dict[str, _Live] = {}
        self._claiming = Together(self._claim_each)
        self._settling = anyio.Lock()
        self._held_up_by: list[anyio.Event] = []
        self._minutes_slept = 0
        self.waking = Waking()

    async def prepare(self, placed: Placed, decision: Decision, job: Job) -> list[Work]:
        """Return the work of an order; numbers are claimed here, after all that may stand in the way is settled."""
        works = self._answer(decision, placed, job)
        if decision.answers:
            self._note_answers(decision, placed, job)
        claimed: list[Record] = []
        try:
            for purchase in await self._settle(placed, decision, job) if decision.missing else ():
                works += await self._claim_or_join(purchase, job, claimed)
        except BaseException:
            with CancelScope(shield=True):
                for record in claimed:
                    job.changed(await self._withdraw(record, placed.snapshot.home.store))
            raise
        return works

    async def _settle(self, placed: Placed, decision: Decision, job: Job) -> list[_Purchase]:
        """Settle the terms of one order after the other: what one asks the relay, the next one knows."""
        async with self._settling:
            return await self._settle_terms(placed, decision, job)

    async def _settle_terms(self, placed: Placed, decision: Decision, job: Job) -> list[_Purchase]:
        """Settle everything that may stand in the way before the first number is claimed."""
        order, snapshot = placed.order, placed.snapshot
        store = snapshot.home.store
        snapshot.home.check(is_purchase=not snapshot.is_demo)
        calls = await self._planner.plan(order.request, snapshot, n=decision.missing)
        job.notes = [*dict.fromkeys([*job.notes, *self._planner.say_before(calls, snapshot)])]  # of one plan
        job.of_previews = say_of_previews(calls[0], snapshot.settings)
        prices, budget = await self._quotes.agree([one.plan for one in calls], order, snapshot)
        if not (order.request.model or snapshot.settings.model):
            await self._planner.facts.remember_choice(snapshot.access)  # so that it stays the same
        job.find_usual_seconds = partial(self._workspace.history.usual_seconds, calls[0].model)
        answers = {one.record.id for one in decision.answers}
        purchases = [
            _Purchase(call=call, placed=placed, budget=budget, price=price, answers=answers)
            for call, price in zip(calls, prices, strict=True)
        ]
        return [replace(purchases[0], make_ready=partial(_make_ready, decision, order, store)), *purchases[1:]]

    async def _claim_or_join(self, purchase: _Purchase, job: Job, claimed: list[Record]) -> list[Work]:
        """Claim a number; where another kernel was faster with the same order, join it instead."""
        snapshot, store = purchase.snapshot, purchase.snapshot.home.store
        record = self._record_of(purchase)
        has_slot = self._has_way(purchase) and self._take_slot(record, snapshot)
        if has_slot:  # one write says both that it has its number and that it goes out
            record = record.about_to_go(time.time())
        live = self._live[record.id] = _Live(None, has_slot)
        try:
            record, live.lock, faster = await self._claiming.do((purchase, record))
        except BaseException:
            self._release(record)
            raise
        claimed.append(record)
        if faster.answers:
            purchase.answers.update(one.record.id for one in faster.answers)
            claimed.remove(record)
            await self._withdraw(record, store)
            return self._answer(faster, purchase.placed, job)
        await self._quotes.stay_within(purchase.budget, record, snapshot)
        job.changed(record)
        return [partial(self._buy, record, purchase, job)]

    def _claim_each(self, every: Sequence[tuple[_Purchase, Record]]) -> list[_Claimed | Exception]:
        """Claim numbers, and look whether another kernel has lower ones for the same orders."""
        outcomes: list[_Claimed | Exception] = []
        for store, several in groupby(every, lambda one: one[0].snapshot.home.store):
            outcomes += self._claim_in(store, list(several))
        return outcomes

    def _claim_in(self, store: Store, several: Sequence[tuple[_Purchase, Record]]) -> Sequence[_Claimed | Exception]:
        unready = [outcome_of(purchase.make_ready) for purchase, _ in several]
        ready = [record for (_, record), problem in zip(several, unready, strict=True) if problem is None]
        claimed = outcome_of(lambda: iter(store.claim_each(ready) if ready else ()))
        if isinstance(claimed, Exception):
            return [problem or _own(claimed) for problem in unready]  # each adds what is true of it alone
        return [
            self._look_for_faster(purchase, next(claimed)) if problem is None else problem
            for (purchase, _), problem in zip(several, unready, strict=True)
        ]

    def _look_for_faster(
        self, purchase: _Purchase, claimed: tuple[Record, JobLock] | Exception
    ) -> _Claimed | Exception:
        if isinstance(claimed, Exception):
            return claimed
        record, lock = claimed
        try:
            return record, lock, self._planner.find_faster(purchase.placed, record, purchase.answers)
        except Exception as problem:  # noqa: BLE001 - raised again where it was asked for
            with lock, suppress(StoreError):
                purchase.snapshot.home.store.write(_taken_back(record))
            return problem

    def _record_of(self, purchase: _Purchase) -> Record:
        identity, order, position = uuid.uuid4().hex, purchase.placed.order, purchase.placed.position
        record = Record(
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
            cost=_known(purchase.price),
        )
        return _with_plan(record, purchase.call)

    async def _withdraw(self, record: Record, store: Store) -> Record:
        record = _taken_back(record)
        with suppress(StoreError):  # a record that nobody holds and that was not sent is read as cancelled
            await run_in_thread(store.write, record)
        self._release(record)
        return record

    def _release(self, record: Record) -> None:
        live = self._live.pop(record.id)
        live.over.set()
        self._give_slot_back(record, live)
        if live.lock is not None:
            live.lock.release()

    def _answer(self, decision: Decision, placed: Placed, job: Job) -> list[Work]:
        if decision.answers:
            job.origin = "joined" if decision.joined else "history"
        works: list[Work] = [partial(self._serve, one.record, placed.order, job) for one in decision.served]
        return works + [partial(self._join, one.record, job) for one in decision.joined]

    def _note_answers(self, decision: Decision, placed: Placed, job: Job) -> None:
        """Say what of an order the history had, where others are bought; where all, how new ones are made."""
        settings, notes = placed.snapshot.settings, []
        if decision.missing:
            job.origin = "bought"
            refs = ", ".join(one.record.ref for one in decision.answers)
            notes = [say("from history {ref}", settings.language, ref=refs)]
        elif not decision.joined and (placed.order.reuse or settings.reuse) == "restart":
            notes = [say("run again for new ones", settings.language)]
        job.notes += [note for note in notes if note not in job.notes]

    async def _serve(self, record: Record, order: Order, job: Job) -> RunResult:
        if order.name and order.name != record.name:
            store = self._workspace.home().store
            record = replace(await run_in_thread(store.read, record.number), name=order.name)
            await run_in_thread(store.write, record)
        job.changed(record)
        return RunResult(record)

    async def _join(self, record: Record, job: Job) -> RunResult:
        store = self._workspace.home().store
        job.changed(record)
        while (live := self._live.get(record.id)) is not None or store.is_held(record.number):
            if live is not None:
                await live.over.wait()
            else:
                await anyio.sleep(_LOOK_AGAIN)  # another kernel makes it; its record tells when it is there
        record = live_record(store, await run_in_thread(store.read, record.number))
        if record.is_over or record.has_answer:
            job.changed(record)
            return RunResult(record)
        return await self.resume(record, job)

    async def _buy(self, record: Record, purchase: _Purchase, job: Job) -> RunResult:
        live = self._live[record.id]
        try:
            if not live.has_slot:
                await self._slots_of(purchase.snapshot).acquire_on_behalf_of(record.id)
                live.has_slot = True
            await self._wait_after_sleep(job, purchase.snapshot)
            live.is_sent = True
            result, taken = await self._run(record, purchase, job)
            self._give_slot_back(record, live)
            return await self._booking.book(result, purchase.call, taken, purchase.snapshot, job)
        finally:
            if live.is_sent:
                self._release(record)
            else:
                with CancelScope(shield=True):
                    job.changed(await self._withdraw(record, purchase.snapshot.home.store))

    async def _run(self, record: Record, purchase: _Purchase, job: Job) -> tuple[RunResult, PlannedCall]:
        """Send the plan; where the relay proves that its address is wrong, once more by another way.

        Returned is the call, too, of which the result is.
        """
        call, snapshot = purchase.call, purchase.snapshot
        runner, watch = self._runner(snapshot.access, snapshot.home), self._watch(job, snapshot.home)
        result = await runner.run(record, call.plan, call.route.service, watch)
        found = await self._find_other_way(result, purchase)
        if found is None:
            return result, call
        other, price = found
        record = replace(result.record, idempotency_key=uuid.uuid4().hex, status=Status.PENDING, error=None)
        record = _with_plan(replace(record, cost=_known(price)), other)
        job.notes += say_remarks([other], snapshot.settings.language)
        await run_in_thread(snapshot.home.store.drop_answer, record.number)  # the refusal of the first way
        return await runner.run(record, other.plan, other.route.service, watch), other

    async def _find_other_way(self, result: RunResult, purchase: _Purchase) -> tuple[PlannedCall, Money | None] | None:
        """Return the same share by another way, planned, priced and agreed anew; None where there is none."""
        call, order, snapshot = purchase.call, purchase.placed.order, purchase.snapshot
        if result.error is None or result.record.billed != "no" or order.request.service is not None:
            return None
        if order.request.given("vary"):
            return None  # what is offered for it is an edit
        route = other_route((call.route, *call.others), result.error, called=call.plan.call.path)
        if route is None:
            return None
        try:
            calls = self._planner.plan_otherwise(call, route, snapshot)
            prices, _ = await self._quotes.agree([one.plan for one in calls], order, snapshot)
        except NowImageError:
            return None  # what the relay said of the first way is what the user has to know
        if len(calls) == 1:
            return calls[0], prices[0]
        # One record is one paid call: what takes several there is ordered anew, by the user, and goes there at once.
        await self._planner.facts.remember_service(snapshot.access, result.record.model, route.service.name)
        result.error.advice = "run it again: {service} is asked then, in {times} requests"
        result.error.add_facts(service=route.service.name, times=len(calls))
        return None

    async def _wait_after_sleep(self, job: Job, snapshot: Snapshot) -> None:
        """Hold a new order after the machine slept until what was under way has ended one way or the other."""
        if not self._is_held_up():
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

    def _is_held_up(self) -> bool:
        if seconds := self.waking.slept():
            self._minutes_slept = max(1, round(seconds / 60))
            self._held_up_by = [one.over for one in self._live.values() if one.is_sent]
        return not all(event.is_set() for event in self._held_up_by)

    async def resume(self, record: Record, job: Job) -> RunResult:
        """Take up one record again, free of charge; someone else's is left to them."""
        home = self._workspace.home()
        service = self._planner.find_service(record.service)
        runner = self._runner(self._workspace.access_of(record), home)
        lock = home.store.hold(record.number)
        if lock is None:
            return RunResult(record)
        self._live[record.id] = _Live(lock)
        try:
            record = await run_in_thread(home.store.read, record.number)
            if record.is_over or record.settled:
                return RunResult(record)
            result = await runner.resume(record, service, self._watch(job, home))
            await self._booking.settle_decided(result.record, home.store)
            return result
        finally:
            self._release(record)

    def _has_way(self, purchase: _Purchase) -> bool:
        """Whether nothing but a free slot stands between the claim of an order and its call."""
        return not purchase.call.plan.before and not self._is_held_up()

    def _take_slot(self, record: Record, snapshot: Snapshot) -> bool:
        """Take a place among those in flight; False where all are taken."""
        try:
            self._slots_of(snapshot).acquire_on_behalf_of_nowait(record.id)
        except anyio.WouldBlock:
            return False
        return True

    def _give_slot_back(self, record: Record, live: _Live) -> None:
        if live.has_slot and self._slots is not None:
            live.has_slot = False
            self._slots.release_on_behalf_of(record.id)

    def _slots_of(self, snapshot: Snapshot) -> anyio.CapacityLimiter:
        most = snapshot.settings.max_concurrency
        if self._slots is None:
            self._slots = anyio.CapacityLimiter(most)
        self._slots.total_tokens = most
        return self._slots

    def _watch(self, job: Job, home: Home) -> Watch:
        """Return what tells the job and whoever observes the history."""
        folder = home.store.pictures

        def changed(record: Record) -> None:
            job.changed(record)
            self._workspace.history.tell(generation_of(record, folder))

        return Watch(changed, job.progressed)


def _make_ready(decision: Decision, order: Order, store: Store) -> None:
    for record in decision.unsettled:  # the user's word is given: these no longer stand in the way
        store.write(replace(record, settled=True))
    store.preflight()
    for one in order.request.inputs:
        if one.sha256 in order.sources:
            store.keep_input(order.sources[one.sha256], mime=one.mime)


def _own(problem: Exception) -> Exception:
    """Return an error for one of several orders that it is told of."""
    return copy(problem) if isinstance(problem, NowImageError) else problem


def _taken_back(record: Record) -> Record:
    """Return a record that was claimed, of which nothing was sent."""
    return replace(record, status=Status.CANCELLED, billed="no", attempts=())


def _known(price: Money | None) -> Money | None:
    return price if price and price.amount is not None else None


def _with_plan(record: Record, call: PlannedCall) -> Record:
    """Return a record with what was resolved for it: service, model, share, memo, charge, expected."""
    charge = call.plan.charge
    return replace(
        record,
        service=call.route.service.name,
        model=call.model,
        share=call.ask.n,
        memo=dict(call.plan.memo),
        charge={"name": charge.name, "times": str(charge.times), "unit": charge.unit},
        expected=call.plan.expected,
    )
