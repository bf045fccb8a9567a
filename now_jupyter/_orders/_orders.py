"""From an order to its pictures: plan it, look into the history, buy what is missing, and say how it went.

Orders are planned one after another, in the order in which they were placed, so that equal cells find their own
answers; what is bought then goes on side by side.
"""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio
from anyio import CancelScope

from .._background import run_in_thread
from .._json import JSON
from .._messages import InputError, Interrupted, NowImageError, RejectedError, TaskStillPending, class_of_error
from .._protocol import Engine
from .._relay import RelayFacts
from .._runner import Runner, RunResult
from .._services import body_of
from .._store import Home, Record, generation_of
from .._transport import Connection
from .._values import Generation, Money, together
from ._budget import Budget
from ._buying import Buyer, Work
from ._job import Job
from ._planning import Order, Part, Planner
from ._quotes import Quotes
from ._workspace import Workspace

__all__ = ["Order", "Orders", "Rehearsal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What an order would do: the exact bodies, what the history serves, the expected price, the balance after it."""

    bodies: tuple[Mapping[str, JSON], ...]
    decisions: tuple[tuple[str, str], ...]
    price: Money
    notes: tuple[str, ...]
    demo: bool
    balance_after: Money | None = None


@dataclass(frozen=True, slots=True)
class _Errand:
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
        engines: Mapping[str, Engine],
        runner: Callable[[Connection, Home], Runner],
    ) -> None:
        """Use the session's parts."""
        self._workspace = workspace
        self._facts = facts
        self._planner = Planner(workspace, facts, kernel=kernel)
        self._quotes = Quotes(workspace, facts)
        self._buyer = Buyer(
            workspace, self._planner, self._quotes, kernel=kernel, engines=engines, runner=runner, sent=self._sent
        )
        self._turn = anyio.Lock()
        self._errands: dict[Job, _Errand] = {}

    # The whole way

    async def place(self, order: Order, job: Job) -> None:
        """Carry out an order; the job is told of everything and given the result."""
        await self._through(job, lambda: self._carried_out(order, job))

    async def collect(self, record: Record, job: Job) -> None:
        """Take up a record again; the job is given what came of it, be it without a picture."""
        await self._through(job, lambda: self._collected(record, job))

    async def _through(self, job: Job, work: Callable[[], Awaitable[Generation]]) -> None:
        try:
            with CancelScope() as taken_back, CancelScope() as scope:
                self._errands[job] = _Errand(scope)
                job.begin(taken_back)
                await self._told(job, work)
        finally:
            if not job.done():
                job.finish(None, self._left(job))
            self._errands.pop(job).over.set()

    async def _told(self, job: Job, work: Callable[[], Awaitable[Generation]]) -> None:
        try:
            generation = await work()
        except NowImageError as error:
            job.finish(None, bare(error).in_language(self._workspace.settings().language))
        except Exception as bug:  # noqa: BLE001 - raised again where the job is waited for
            job.finish(None, without_locals(bug))
        else:
            job.finish(generation)

    def _left(self, job: Job) -> BaseException:
        language = self._workspace.settings().language
        if not job.is_sent:
            return Interrupted("cancelled; nothing was sent", language)
        return TaskStillPending(
            "the session was closed while {ref} was under way",
            advice="%now resume collects it, free",
            billed="maybe",
            ref=job.refs,
        ).in_language(language)

    def _sent(self, job: Job) -> None:
        """What was sent can no longer be taken back: only `abandon` ends it."""
        if job in self._errands:
            self._errands[job].scope.shield = True

    def take_back(self) -> None:
        """End what was not sent yet."""
        for job, errand in list(self._errands.items()):
            if not job.is_sent:
                errand.scope.cancel()

    def abandon(self) -> None:
        """End everything; what is under way says so in its record."""
        for errand in list(self._errands.values()):
            errand.scope.shield = False
            errand.scope.cancel()

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        for errand in list(self._errands.values()):
            await errand.over.wait()

    async def _collected(self, record: Record, job: Job) -> Generation:
        done = await self._buyer.resumed(record, job)
        return generation_of(done.record, self._workspace.home().store.pictures)

    async def _carried_out(self, order: Order, job: Job) -> Generation:
        async with self._turn:
            parts = await self._planner.planned(order)
            try:
                works = await self._buyer.begun(parts, order, job)
            except BaseException:
                self._planner.forget(parts)
                raise
        done = await _all_of(works)
        whole = await self._summed_up(order, done, parts)
        self._planner.ran(parts)
        return whole

    async def _summed_up(self, order: Order, done: Sequence[RunResult], parts: Sequence[Part]) -> Generation:
        shelves = [part.decision.candidate.shelf if part.decision.candidate else "" for part in parts]
        generations = [self._view(one.record, shelf) for one, shelf in zip(done, shelves, strict=True)]
        whole = together(generations)
        if not whole.pictures and (problem := next((error for one in done if (error := _error_of(one))), None)):
            raise await self._explained(problem, whole)
        if order.save is not None:
            await self._saved(whole, order.save)
        return whole

    async def _saved(self, whole: Generation, path: Path) -> None:
        """Save the pictures where the user wants them too; a place that does not take them costs none of them."""
        try:
            await run_in_thread(_save, whole, path)
        except NowImageError as problem:
            problem.billed = whole.billed
            raise await self._explained(problem, whole) from None

    def _view(self, record: Record, shelf: str) -> Generation:
        if not shelf:
            return generation_of(record, self._workspace.home().store.pictures)
        folder = self._workspace.home().store.folder.parent / shelf
        seen = generation_of(record, folder / "pictures")
        return replace(seen, ref=f"{shelf}{seen.ref}")

    def left_of(self, budget: Budget) -> Money:
        """Give what is left of the budget."""
        return self._quotes.left_of(budget)

    async def rehearse(self, order: Order) -> Rehearsal:
        """Say what an order would do; sends nothing but free questions."""
        model = await self._planner.model(order.request)
        async with self._turn:
            parts = await self._planner.tried(order)
        bodies = [body_of(part.request, model=model, partials=self._buyer.partials()) for part in parts]
        bought = [body for body, part in zip(bodies, parts, strict=True) if part.decision.kind == "buy"]
        price = await self._quotes.price(bought)
        return Rehearsal(
            bodies=tuple(bodies),
            decisions=tuple(_said(part) for part in parts),
            price=price,
            notes=tuple(self._buyer.notes(bodies[0])),
            demo=self._workspace.is_demo(),
            balance_after=await self._quotes.balance_after(price),
        )

    async def price(self, order: Order) -> Money:
        """Give what an order will probably cost if all of it is bought."""
        model = await self._planner.model(order.request)
        return await self._quotes.price([body_of(one, model=model) for one in await self._planner.split(order)])

    async def unconfirmed(self, order: Order) -> InputError | None:
        """Give what the price of an order needs the user's word for, if all of it is bought."""
        limits = await self._quotes.limits(order.budget)
        return None if limits is None or order.agreed else limits.doubt(await self.price(order))

    async def unsettled(self, order: Order) -> list[Record]:
        """Give the equal orders of unknown outcome that stand before this one."""
        async with self._turn:
            parts = await self._planner.tried(order)
        every = {record.id: record for part in parts for record in part.decision.unsettled}
        return list(every.values())

    async def _explained(self, error: NowImageError, generation: Generation) -> NowImageError:
        """Add what the user can use: the number it is kept under, and the models that there are."""
        error.facts |= {"ref": generation.ref}
        error.kept = error.kept or "{ref} is kept in the history"
        if isinstance(error, RejectedError) and error.code == "model_not_found":
            error.facts |= {"models": await self._facts.picture_models_in_words(self._workspace.connection())}
            error.advice = "picture models of this relay: {models}"
        return error


def bare(error: NowImageError) -> NowImageError:
    """Take off what an error drags along: frames below may hold the key, and people see its words only."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def without_locals(bug: Exception) -> Exception:
    """Leave a bug its traceback without the values in it, among which the key may be."""
    chain: BaseException | None = bug.with_traceback(bug.__traceback__ and bug.__traceback__.tb_next)
    while chain is not None:
        traceback.clear_frames(chain.__traceback__)
        chain = chain.__cause__ or chain.__context__
    return bug


async def _all_of(works: Sequence[Work]) -> list[RunResult]:
    results: list[list[RunResult | Exception]] = [[] for _ in works]
    async with anyio.create_task_group() as group:
        for result, work in zip(results, works, strict=True):
            group.start_soon(_into, result, work)
    every = [one for result in results for one in result]
    if bug := next((one for one in every if isinstance(one, Exception)), None):
        raise bug
    return [one for one in every if isinstance(one, RunResult)]


async def _into(results: list[RunResult | Exception], work: Work) -> None:
    """Put how one part went beside the others; a bug in one must not end the others."""
    try:
        results.append(await work())
    except Exception as bug:  # noqa: BLE001 - raised again when all parts are over
        results.append(bug)


def _said(part: Part) -> tuple[str, str]:
    candidate = part.decision.candidate
    return part.decision.kind, f" {candidate.record.ref}" if candidate else ""


def _error_of(done: RunResult) -> NowImageError | None:
    if done.error is not None:
        return done.error
    failure = done.record.error
    if failure is None:
        return None
    kind = class_of_error(failure.type)
    return kind(
        "{words}",
        advice="{cure}" if failure.advice else "",
        billed=done.record.billed,
        status=failure.status,
        code=failure.code,
        words=failure.message,
        cure=failure.advice,
    )


def _save(generation: Generation, path: Path) -> None:
    many = len(generation.pictures) > 1
    for number, picture in enumerate(generation.pictures, 1):
        target = path.with_name(f"{path.stem}-{number}{path.suffix}") if many and path.suffix else path
        picture.save(target)
