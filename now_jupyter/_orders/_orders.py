"""From an order to what it makes: look into the history, plan and buy what is missing, and say how it went.

Equal orders are planned one after another, in the order in which they were placed, so that equal cells find their own
answers; others wait for nobody. What is bought then goes on side by side.
"""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from weakref import WeakValueDictionary

import anyio
from anyio import CancelScope

from .._background import run_in_thread
from .._messages import (
    Interrupted,
    NotConfirmed,
    NowImageError,
    RejectedError,
    TaskStillPending,
    error_of,
    name_bug,
    say,
    shown_path,
)
from .._protocol import Offer, Service
from .._relay import RelayFacts
from .._runner import Runner, RunResult
from .._services import builtin_names
from .._store import Home, Record, generation_of
from .._transport import RelayAccess
from .._values import Generation, Money, Request, together
from ._buying import Buyer, Work
from ._job import Job
from ._order import Order
from ._planning import Placed, Planner, position_of
from ._quotes import Quotes
from ._rehearsal import Rehearsal, rehearse_calls, say_decision
from ._reuse import CellPosition
from ._workspace import Snapshot, Workspace

__all__ = ["Orders"]

_SERVER_ERROR = 500
_NOT_THERE = (404, 501)


@dataclass(frozen=True, slots=True)
class _Running:
    """One job under way: the scope that is shielded once something was sent, and the event of its end."""

    scope: CancelScope
    over: anyio.Event = field(default_factory=anyio.Event)


class Orders:
    """Takes orders for one session; lives on the background loop."""

    def __init__(
        self,
        workspace: Workspace,
        *,
        kernel: str,
        facts: RelayFacts,
        runner: Callable[[RelayAccess, Home], Runner],
        services: Sequence[Service] | None = None,
    ) -> None:
        self._workspace = workspace
        self._facts = facts
        self._planner = Planner(workspace, facts, kernel=kernel, services=services)
        self.quotes = Quotes(facts, workspace.history)
        self._buyer = Buyer(workspace, self._planner, self.quotes, kernel=kernel, runner=runner)
        self._turns: WeakValueDictionary[str, anyio.Lock] = WeakValueDictionary()
        self._running: dict[Job, _Running] = {}

    async def place(self, order: Order, job: Job) -> None:
        """Carry out an order; the job is told of everything and given the result."""
        await self._run(job, lambda: self._carry_out(order, job))

    async def collect(self, record: Record, job: Job) -> None:
        """Take up a record again; the job is given what came of it, be it without a picture."""

        async def work() -> Generation:
            result = await self._buyer.resume(record, job)
            _tell_bugs([result], [], job)
            return generation_of(result.record, self._workspace.home().store.pictures)

        await self._run(job, work)

    async def _run(self, job: Job, work: Callable[[], Awaitable[Generation]]) -> None:
        try:
            with CancelScope() as taken_back, CancelScope() as scope:
                self._running[job] = _Running(scope)
                job.begin(taken_back, scope)
                job.finish(await work())
        except NowImageError as error:
            job.finish(None, strip_frames(error).in_language(self._workspace.settings().language))
        except Interrupted as refusal:  # the user's own
            job.finish(None, refusal)
        except Exception as bug:  # noqa: BLE001 - raised again where the job is waited for
            job.finish(None, clear_locals(bug))
        finally:
            if not job.done():
                job.finish(None, self._error_of_left(job))
            self._running.pop(job).over.set()

    def _error_of_left(self, job: Job) -> BaseException:
        language = self._workspace.settings().language
        if not job.is_sent:
            return Interrupted("cancelled; nothing was sent", language)
        return TaskStillPending(
            "the session was closed while {ref} was under way",
            advice="%now resume collects it, free",
            billed="maybe",
            ref=job.refs,
        ).in_language(language)

    def take_back(self) -> None:
        """End what was not sent yet."""
        for job, running in list(self._running.items()):
            if not job.is_sent:
                running.scope.cancel()

    def abandon(self) -> None:
        """End everything; what is under way says so in its record."""
        for running in list(self._running.values()):
            running.scope.shield = False
            running.scope.cancel()

    async def wait_until_idle(self) -> None:
        """Wait until nothing is under way."""
        for running in list(self._running.values()):
            await running.over.wait()

    async def _carry_out(self, order: Order, job: Job) -> Generation:
        position = position_of(order)
        job.notes += order.notes
        try:
            placed, works = await self._prepare(order, position, job)
        except NotConfirmed as doubt:
            await job.confirm(doubt)
            placed, works = await self._prepare(replace(order, agreed=True), position, job)
        results, bugs = await _run_all(works)
        _tell_bugs(results, bugs, job)
        whole = await self._sum_up(results, placed.snapshot)
        if order.save is not None:
            await self._save(whole, order.save, job)
        self._planner.reruns.note_run(placed.position)
        return whole

    async def _prepare(self, order: Order, position: CellPosition, job: Job) -> tuple[Placed, list[Work]]:
        """Decide and plan an order, and return the work of it; nothing was sent yet."""
        async with self._turn_of(order):
            placed = Placed(order=order, position=position, snapshot=self._workspace.snapshot())
            decision = await self._planner.decide(placed)
            try:
                return placed, await self._buyer.prepare(placed, decision, job)
            except BaseException:
                self._planner.reruns.forget(decision)
                raise

    def _turn_of(self, order: Order) -> anyio.Lock:
        """Return what keeps an order from being planned beside an equal one."""
        return self._turns.setdefault(order.request.fingerprint(), anyio.Lock())

    async def _sum_up(self, results: Sequence[RunResult], snapshot: Snapshot) -> Generation:
        whole = together([generation_of(one.record, snapshot.home.store.pictures) for one in results])
        if problem := _error_to_raise(results, has_answer=whole.has_answer):
            raise await self._explain(problem, whole, snapshot)
        return whole

    async def _save(self, whole: Generation, path: str, job: Job) -> None:
        """Write the copies that were asked for, and note where they are, or why there are none: it fails no order."""
        language = self._workspace.settings().language
        try:
            files = await run_in_thread(whole.save, path)
            job.notes += [say("saved as {files}", language, files=_short(files))] if files else []
        except NowImageError as problem:
            job.unsaved = " · ".join(filter(None, (problem.in_language(language).message(), problem.next_step())))
        except Exception as bug:  # noqa: BLE001 - what was paid for is kept
            job.unsaved = name_bug(bug, language)
        job.notes += [job.unsaved] if job.unsaved else []

    async def find_offer(self, request: Request) -> Offer:
        """Return what the best service for a request does for its model, be the request whole or not."""
        return (await self._planner.find_routes(request, self._workspace.snapshot()))[0].offer

    async def rehearse(self, order: Order) -> Rehearsal:
        """Return what an order would do; sends nothing but free questions."""
        snapshot = self._workspace.snapshot()
        async with self._turn_of(order):
            decision = await self._planner.try_decide(order, snapshot)
        calls = await self._planner.plan(order.request, snapshot, n=decision.missing or None)
        bought = [one.plan for one in calls] if decision.missing else []
        price, doubt = Money(None, snapshot.settings.currency), None
        with suppress(NowImageError):
            price = await self.quotes.price(bought, snapshot)
            doubt = await self.quotes.find_doubt(bought, price, order, snapshot)
        return Rehearsal(
            calls=tuple(rehearse_calls(calls, snapshot.access.client)),
            decisions=tuple(say_decision(decision, snapshot.settings.language)),
            price=price,
            notes=(*order.notes, *self._planner.say_before(calls, snapshot)),
            demo=snapshot.is_demo,
            offer=calls[0].route.offer,
            service=calls[0].route.service.name,
            unsettled=tuple(one.ref for one in decision.unsettled),
            doubt=doubt,
        )

    async def _explain(self, error: NowImageError, generation: Generation, snapshot: Snapshot) -> NowImageError:
        """Add what the user can use: the number it is kept under, and the models that there are."""
        error.add_facts(ref=generation.ref)
        if not error.kept:
            error.kept = (
                "{ref} are kept in the history" if len(generation.parts) > 1 else "{ref} is kept in the history"
            )
        error.service = generation.service if generation.service != builtin_names()[0] else ""
        if isinstance(error, RejectedError) and error.code == "model_not_found":
            models, near = await self._facts.picture_models(snapshot.access, generation.model)
            error.add_facts(models=models, near=near)
            if models:
                error.advice = "picture models of this relay: {models}"
            if near:
                error.advice = "did you mean {near}? picture models of this relay: {models}"
        if generation.request.given("vary") and (error.code == "model_not_found" or error.status in _NOT_THERE):
            error.advice = "this relay has no variations of {model}; an edit makes one: {line}"
            given = next((one.ref for one in self._workspace.history if one.id in generation.parents), "FILE")
            error.add_facts(model=generation.model, line=f"%nowimage -m gpt-image-2 -i {given} another version")
        if generation.raw.get("stream") is True and (error.status or 0) >= _SERVER_ERROR:
            error.advice = "look at the relay's log before ordering again; -p stream=true can be left out"
        return error


def strip_frames(error: NowImageError) -> NowImageError:
    """Take off what an error drags along: frames below may hold the key, and people see its words only."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def clear_locals(bug: Exception) -> Exception:
    """Leave a bug its traceback without the values in it, among which the key may be."""
    chain: BaseException | None = bug.with_traceback(bug.__traceback__ and bug.__traceback__.tb_next)
    while chain is not None:
        traceback.clear_frames(chain.__traceback__)
        chain = chain.__cause__ or chain.__context__
    return bug


def _tell_bugs(results: Sequence[RunResult], bugs: Sequence[Exception], job: Job) -> None:
    """Name bugs beside what came; where nothing came and nothing else says why, the first one is raised."""
    every = [*bugs, *(one.bug for one in results if one.bug is not None)]
    if every and not any(one.error is not None or one.record.has_answer for one in results):
        raise every[0]
    job.notes += dict.fromkeys(map(name_bug, every))


async def _run_all(works: Sequence[Work]) -> tuple[list[RunResult], list[Exception]]:
    """Return how each call went, and the bugs that ended calls without telling how."""
    results: dict[int, RunResult] = {}
    bugs: list[Exception] = []

    async def run(place: int, work: Work) -> None:
        try:
            results[place] = await work()
        except Exception as bug:  # noqa: BLE001 - it must not end the others
            bugs.append(bug)

    async with anyio.create_task_group() as group:
        for place, work in enumerate(works):
            group.start_soon(run, place, work)
    return [results[place] for place in sorted(results)], bugs


def _error_to_raise(results: Sequence[RunResult], *, has_answer: bool) -> NowImageError | None:
    """Return what ends an order: nothing came of it, or something of it is in this process's memory only."""
    errors = [error for one in results if (error := _error_of(one)) is not None]
    held = next((one for one in errors if one.rescued), None)
    return held or (None if has_answer else next(iter(errors), None))


def _error_of(result: RunResult) -> NowImageError | None:
    if result.error is not None or result.record.error is None:
        return result.error
    return error_of(result.record.error, billed=result.record.billed)


def _short(files: Sequence[Path]) -> str:
    """Return the first and the last of these files as people write them."""
    names = [shown_path(one) for one in files]
    return f"{names[0]} … {files[-1].name}" if len(names) > 1 else "".join(names)
