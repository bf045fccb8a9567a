"""Serving, joining, buying and resuming: each decided part of an order becomes one piece of work."""

from __future__ import annotations

import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

import anyio
from anyio import CancelScope

from .._background import Waking, run_in_thread
from .._history import live_record
from .._json import JSON
from .._messages import ConfigError, StoreError, say
from .._protocol import Engine
from .._relay import relay_mark
from .._runner import Runner, RunResult
from .._services import body_of, engine_for, warnings_for
from .._store import Home, JobLock, Record, Store, generation_of
from .._transport import Connection
from .._values import Money, Status
from ._budget import Budget
from ._job import Job
from ._planning import Order, Part, Planner
from ._quotes import Quotes
from ._reuse import Candidate, Decision
from ._workspace import Workspace

__all__ = ["Buyer", "Work"]

Work: TypeAlias = Callable[[], Awaitable[RunResult]]
_DEMO_PARTIALS = 2
_LOOK_AGAIN = 0.5
_PATIENCE_FOR_A_PRICE = 5.0
_PATIENCE_AFTER_SLEEP = 120.0  # then whoever hangs on a dead connection holds up nobody any longer


@dataclass(frozen=True, slots=True)
class _Claim:
    """A number that was claimed for an order, and the hold that says that we are at work on it."""

    record: Record
    hold: JobLock | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Terms:
    """On what an order is bought, settled before its first number is claimed."""

    home: Home
    model: str
    engine: Engine
    runner: Runner
    relay: str
    prices: Mapping[str, Money]
    budget: Budget | None


class Buyer:
    """Carries out what was planned; knows what is under way in this kernel."""

    def __init__(  # noqa: PLR0913 - the parts it works with
        self,
        workspace: Workspace,
        planner: Planner,
        quotes: Quotes,
        *,
        kernel: str,
        engines: Mapping[str, Engine],
        runner: Callable[[Connection, Home], Runner],
        sent: Callable[[Job], None],
    ) -> None:
        """Use the session's parts; `sent` is told of a job that can no longer be taken back."""
        self._workspace = workspace
        self._planner = planner
        self._quotes = quotes
        self._kernel = kernel
        self._engines = engines
        self._runner = runner
        self._sent = sent
        self._slots: anyio.CapacityLimiter | None = None
        self._live: dict[str, anyio.Event] = {}
        self._sending: dict[str, anyio.Event] = {}
        self._unsettled: list[anyio.Event] = []
        self._minutes_slept = 0
        self.waking = Waking()

    async def begun(self, parts: Sequence[Part], order: Order, job: Job) -> list[Work]:
        """Make the work of each part; numbers are claimed here, after all that may stand in the way is settled."""
        bought = [part for part in parts if part.decision.kind == "buy"]
        terms = await self._agreed(bought, order, job) if bought else None
        works: list[Work] = []
        claims: list[_Claim] = []
        try:
            for part in parts:
                if part.decision.candidate is None and terms is not None:
                    works += [await self._bought(part, order, job, terms, claims)]
                else:
                    works += [self._answered(part, order, job)]
        except BaseException:
            with CancelScope(shield=True):
                for claim in claims:
                    await self._given_back(claim, job)
            raise
        return works

    async def _bought(self, part: Part, order: Order, job: Job, terms: _Terms, claims: list[_Claim]) -> Work:
        """Claim a number; where another kernel was faster with the same order, join it instead."""
        claim = await self._claimed(part, order, terms)
        claims.append(claim)
        faster = await self._planner.overtaken(part, order, claim.record.number)
        if faster is not None:
            claims.remove(claim)
            await self._withdrawn(claim)
            return self._answered(replace(part, decision=faster), order, job)
        await self._quotes.stay_within(terms.budget, claim.record)
        job.changed(claim.record)
        return partial(self._performed, claim, terms, job)

    def _answered(self, part: Part, order: Order, job: Job) -> Work:
        candidate = part.decision.candidate
        if candidate is None:
            raise TypeError(part)
        if part.decision.kind == "serve":
            job.origin = "history"
            return partial(self._served, candidate, order, job)
        job.origin = "joined"
        return partial(self._joined_work, candidate.record, job)

    async def _agreed(self, bought: Sequence[Part], order: Order, job: Job) -> _Terms:
        """Settle everything that may stand in the way before the first number is claimed."""
        home, connection = self._workspace.home(), self._workspace.connection()
        home.check()
        request = bought[0].request
        engine = engine_for(request.service, self._engines)
        model = await self._planner.model(request)
        bodies = [body_of(part.request, model=model) for part in bought]
        job.notes += self.notes(bodies[0])
        agreed = await self._quotes.confirm(bodies, agreed=order.agreed, most=order.budget)
        for part in bought:
            await self._settle(part.decision)
        await run_in_thread(home.store.preflight)
        await self._planner.keep_model(request)
        job.usually = self._workspace.history.usual_seconds(model)
        runner, relay = self._runner(connection, home), _mark(connection)
        return _Terms(
            home=home,
            model=model,
            engine=engine,
            runner=runner,
            relay=relay,
            prices=_by_request(bought, agreed.prices),
            budget=agreed.budget,
        )

    async def _settle(self, decision: Decision) -> None:
        """The user's word is given: equal orders of unknown outcome no longer stand in the way."""
        store = self._workspace.home().store
        for record in decision.unsettled:
            await run_in_thread(store.write, replace(record, settled=True))

    def notes(self, body: Mapping[str, JSON]) -> list[str]:
        """Say what the model is not known to take."""
        return warnings_for(body, self._workspace.settings().language)

    async def _served(self, candidate: Candidate, order: Order, job: Job) -> RunResult:
        record = candidate.record
        if order.name and order.name != record.name and not candidate.shelf:
            store = self._workspace.home().store
            record = replace(await run_in_thread(store.read, record.number), name=order.name)
            await run_in_thread(store.write, record)
        job.changed(record)
        return RunResult(record)

    async def _joined_work(self, record: Record, job: Job) -> RunResult:
        store = self._workspace.home().store
        job.changed(record)
        while (event := self._live.get(record.id)) is not None or store.is_held(record.number):
            if event is not None:
                await event.wait()
            else:
                await anyio.sleep(_LOOK_AGAIN)  # another kernel makes it; its record tells when it is there
        record = live_record(store, await run_in_thread(store.read, record.number))
        if record.is_over or any(one.sha256 for one in record.kept):
            job.changed(record)
            return RunResult(record)
        return await self.resumed(record, job)

    async def _claimed(self, part: Part, order: Order, terms: _Terms) -> _Claim:
        record, hold = await run_in_thread(terms.home.store.claim_and_hold, self._intent(part, order, terms))
        self._live[record.id] = anyio.Event()
        return _Claim(record, hold)

    async def _given_back(self, claim: _Claim, job: Job) -> None:
        """End an order of which nothing was sent."""
        job.changed(await self._withdrawn(claim))

    async def _withdrawn(self, claim: _Claim) -> Record:
        record = replace(claim.record, status=Status.CANCELLED)
        with suppress(StoreError):  # a record that nobody holds and that was not sent is read as cancelled
            await run_in_thread(self._workspace.home().store.write, record)
        self._let_go(claim)
        return record

    def _let_go(self, claim: _Claim) -> None:
        self._live.pop(claim.record.id).set()
        if claim.hold is not None:
            claim.hold.release()

    def _intent(self, part: Part, order: Order, terms: _Terms) -> Record:
        identity = uuid.uuid4().hex
        return Record(
            id=identity,
            request=part.request,
            created=time.time(),
            demo=not terms.relay,
            kernel=self._kernel,
            cell=part.place.cell,
            execution=part.place.execution,
            place=part.place.index,
            model=terms.model,
            idempotency_key=identity,
            name=order.name,
            alt=order.alt,
            tags=order.tags,
            parents=order.parents,
            relay=terms.relay,
            cost=terms.prices.get(part.request.fingerprint()),
        )

    async def _performed(self, claim: _Claim, terms: _Terms, job: Job) -> RunResult:
        watch = _Watcher(job, self._tell, self._sent)
        begun = False
        try:
            async with self._slot():
                await self._settled_after_sleep(job)
                begun = True
                self._sending[claim.record.id] = self._live[claim.record.id]
                done = await terms.runner.run(claim.record, terms.engine, watch, partials=self.partials())
            return await self._with_cost(done, terms.home.store, job)
        finally:
            self._sending.pop(claim.record.id, None)
            if begun:
                self._let_go(claim)
            else:
                with CancelScope(shield=True):
                    await self._given_back(claim, job)

    async def _settled_after_sleep(self, job: Job) -> None:
        """Hold a new order after the machine slept until what was under way has ended one way or the other."""
        if seconds := self.waking.slept():
            self._minutes_slept = max(1, round(seconds / 60))
            self._unsettled = list(self._sending.values())
        if all(event.is_set() for event in self._unsettled):
            return
        job.notes.append(
            say(
                "the computer slept for {minutes} minutes; what was under way is settled before new orders go out",
                self._workspace.settings().language,
                minutes=self._minutes_slept,
            )
        )
        with anyio.move_on_after(_PATIENCE_AFTER_SLEEP):
            for event in self._unsettled:
                await event.wait()

    async def _with_cost(self, done: RunResult, store: Store, job: Job) -> RunResult:
        record = done.record
        if record.demo or record.billed == "no" or record.cost is not None:
            return done
        price = Money(None)
        with anyio.move_on_after(_PATIENCE_FOR_A_PRICE):
            price = await self._quotes.price([body_of(record.request, model=record.model)])
        if price.amount is None:
            return done
        record = replace(record, cost=price)
        with suppress(StoreError):  # the pictures are here; what they cost is the lesser news
            await run_in_thread(store.write, record)
        job.changed(record)
        return RunResult(record, done.error)

    async def resumed(self, record: Record, job: Job) -> RunResult:
        """Take up one record again, free of charge; someone else's is left to them.

        Raises:
            ConfigError: it was ordered at another relay than the one in use.
        """
        home = self._workspace.home()
        engine = engine_for(record.request.service, self._engines)
        runner = self._runner(self._connection_of(record), home)
        hold = home.store.hold(record.number)
        if hold is None:
            return RunResult(record)
        self._live[record.id] = anyio.Event()
        try:
            record = await run_in_thread(home.store.read, record.number)
            if record.is_over:
                return RunResult(record)
            return await runner.resume(record, engine, _Watcher(job, self._tell, self._sent))
        finally:
            self._let_go(_Claim(record, hold))

    def _connection_of(self, record: Record) -> Connection:
        """Give the way to the relay that took an order: no other is asked for its tasks and links."""
        if record.demo:
            return self._workspace.demo_connection()
        connection = self._workspace.connection()
        if connection.demo is None and record.relay in ("", _mark(connection)):
            return connection
        raise ConfigError(
            "{ref} was ordered at another relay than the one in use",
            advice="%now use NAME goes back to that one, then %now resume",
            kept="{ref} is kept in the history",
            billed=record.billed,
            ref=record.ref,
        )

    def _slot(self) -> anyio.CapacityLimiter:
        most = self._workspace.settings().max_concurrency
        if self._slots is None:
            self._slots = anyio.CapacityLimiter(most)
        self._slots.total_tokens = most
        return self._slots

    def partials(self) -> int:
        """Say how many unfinished pictures to ask for on the way."""
        wanted = self._workspace.settings().partial_images
        if wanted is not None:
            return wanted
        return _DEMO_PARTIALS if self._workspace.is_demo() else 0

    def _tell(self, record: Record) -> None:
        self._workspace.history.tell(generation_of(record, self._workspace.home().store.pictures))


def _by_request(parts: Sequence[Part], prices: Sequence[Money]) -> Mapping[str, Money]:
    known = zip(parts, prices, strict=False)
    return {part.request.fingerprint(): price for part, price in known if price.amount is not None}


def _mark(connection: Connection) -> str:
    """Tell relays apart in records; empty for the demo."""
    return "" if connection.demo is not None else relay_mark(connection.api)


class _Watcher:
    """Tells the job and whoever observes the history."""

    def __init__(self, job: Job, tell: Callable[[Record], None], sent: Callable[[Job], None]) -> None:
        self._job = job
        self._tell = tell
        self._sent = sent
        self.progressed = job.progressed

    def changed(self, record: Record) -> None:
        """Pass a record on."""
        self._job.changed(record)
        if record.billed != "no":
            self._sent(self._job)
        self._tell(record)
