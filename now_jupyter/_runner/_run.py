"""One record on its way: the paid call sent, its answer read step by step, each change kept.

Before the paid call goes out its record says "maybe billed" on disk; from there on all is shielded, so that whoever
waits may leave and the answer is still taken. What comes is saved at once, each output under its own name. The raw
answer is flushed, and the record says what came, once something is still waited for after a moment: until then a power
cut loses no more than it would have lost a moment before the answer came, and the end of the record is written anyway.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio
from anyio import CancelScope
from anyio.lowlevel import checkpoint

from .._background import Turns, run_in_thread
from .._json import JSON, Fields
from .._messages import (
    BadResponseError,
    ConnectFailed,
    LinkExpiredError,
    MaybeBilledError,
    NowImageError,
    RateLimitError,
    ServiceError,
    StoreError,
    TaskStillPending,
    failure_of,
)
from .._protocol import (
    Call,
    Checkpoint,
    Conversation,
    Event,
    Fetch,
    Found,
    Link,
    Lost,
    Next,
    Outcome,
    Plan,
    Poll,
    Progress,
    Service,
    Step,
)
from .._store import AnswerFile, Record, RecordedOutput, Store
from .._transport import Submission
from .._values import Attempt, Status
from ._answers import announce, complete_error, keep_refusal, place_of, read_kept_answer, repeats_in, with_output
from ._outside import add_laid_back, is_laid_back, take_as_it_came
from ._polling import Pace
from ._reports import RunResult, Watch, report
from ._saving import Saver
from ._verdict import decide_end, error_of_abandoned, error_of_lost, error_of_need

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from ._runner import Runner

__all__ = ["Run", "has_newer_links"]

_log = logging.getLogger(__name__)
_POLL_AGAIN = 10.0  # after a poll that failed on its way
_PASSING = (BadResponseError, ConnectFailed, RateLimitError)
_GRACE = 16  # outputs beyond twice what was ordered: covers, sheets, the four of a grid
_MOST_STEPS = 1_000_000  # a conversation that goes on for longer never ends
_MOMENT = 0.5  # seconds from what came to when it is written down, unless the end of the record says it before


class Run:
    """One record and the conversation about it."""

    def __init__(self, runner: Runner, record: Record, service: Service, watch: Watch, *, is_new: bool = True) -> None:
        self.record = record
        self._runner = runner
        self._store = runner.store
        self._service = service
        self._watch = watch
        self._is_new = is_new
        self._began = runner.stopwatch()
        self.texts = runner.texts_for(service)
        self._saver = Saver(runner, record, self.texts)
        self._kept: Iterator[Event] = iter(())
        self._answer: AnswerFile | None = None
        self._submission: Submission | None = None
        self._pace = Pace()
        self._turns = Turns()
        self._writing = anyio.Lock()
        self._scope = CancelScope()
        self._keeping: TaskGroup | None = None  # writes down what came while more is waited for
        self._is_due = False
        self._written: Record | None = None
        self._lost: dict[str, NowImageError] = {}
        self._bug: Exception | None = None

    async def buy(self, plan: Plan) -> RunResult:
        """Make the plan's free calls, send its paid call, once, and read the answer."""
        with self.texts:
            return await self._execute(lambda saving: self._send_and_read(plan, saving))

    async def read(self, begin: Callable[[], Conversation[Outcome]], *, events: Iterable[Event] = ()) -> RunResult:
        """Go through a conversation that costs nothing: about an answer that was kept, a task, or kept sources."""
        self._kept = iter(events)
        with self.texts:
            return await self._execute(lambda saving: self._converse(begin, saving))

    async def _execute(self, work: Callable[[TaskGroup], Awaitable[Outcome]]) -> RunResult:
        outcome: Outcome | None = None
        error: NowImageError | None = None
        with self._runner.open_scope() as self._scope:
            self._scope.shield = not self._is_new
            try:
                async with anyio.create_task_group() as self._keeping:
                    async with anyio.create_task_group() as saving:
                        try:
                            outcome = await work(saving)
                        except NowImageError as problem:
                            error = problem
                        except Exception as bug:  # noqa: BLE001 - told when the outputs are safe
                            self._bug = bug
                    self._keeping.cancel_scope.cancel()
            except anyio.get_cancelled_exc_class():
                with CancelScope(shield=True):
                    await self._note_cancelled()
                raise
        if self._bug is not None and outcome is None and error is None and self.record.billed == "no":
            raise self._bug
        if self._scope.cancelled_caught:
            if self.record.status is Status.CANCELLED:
                return RunResult(self.record)
            error = error_of_abandoned(self.record)
        with CancelScope(shield=True):
            error = await self._finish(outcome or Outcome(), error)
        return RunResult(self.record, error, outcome.cost if outcome else None, self._bug)

    async def _send_and_read(self, plan: Plan, saving: TaskGroup) -> Outcome:
        values = await self._converse(lambda: self._service.prepare(plan), saving, is_free=True) if plan.before else {}
        call = self._of_service(plan.call.fill, values)
        if not self.record.is_about_to_go:  # else it was claimed so
            await checkpoint()  # the last moment at which a cancel leaves nothing sent
            self._scope.shield = True
            going = replace(self.record, service=self._service.name).about_to_go(self._runner.clock())
            await self._write(status=going.status, billed=going.billed, attempts=going.attempts)
        else:
            self._scope.shield = True
            await self._flush_claim()
        try:
            self._answer = self._store.open_answer(self.record.number)
            submitting = self._runner.client.submit(
                call,
                sink=self._answer,
                texts=self.texts,
                idempotency_key=self.record.idempotency_key,
                inputs=self._store.input_path,
                on_attempt=self._note_attempt,
            )
            async with submitting as submission:
                self._submission, self._saver.unwritten, reply = submission, submission.content, submission.reply
                self._write_soon()
                outcome: Outcome = await self._converse(lambda: self._service.read(reply, plan.memo), saving)
                return outcome
        except NowImageError as problem:
            await self._note_refusal(problem)
            if (
                not isinstance(problem, MaybeBilledError)
                or (outcome_of_rest := await self._read_rest(plan, saving)) is None
            ):
                raise
            return outcome_of_rest

    async def _flush_claim(self) -> None:
        try:
            await run_in_thread(self._store.flush_claims)
        except StoreError:
            self.record = replace(self.record, billed="no", attempts=self.record.attempts[:-1])
            raise

    async def _read_rest(self, plan: Plan, saving: TaskGroup) -> Outcome | None:
        """Read what came of an answer that broke off; its outcome where all that was asked for is in it."""
        if self.record.outputs or self.record.state is not None:
            return None  # it was read while it came
        with suppress(NowImageError):
            kept = await run_in_thread(read_kept_answer, self._store, self.record.number, self.texts)
            if kept is None:
                return None
            reply, self._kept, self._submission = kept[0], kept[1], None
            outcome: Outcome = await self._converse(lambda: self._service.read(reply, plan.memo), saving)
            return outcome if len(self.record.counted) >= self.record.expected else None
        return None

    def _note_attempt(self, attempt: Attempt) -> None:
        """Keep the newest state of each attempt; an attempt is told apart by when it began."""
        others = (one for one in self.record.attempts if one.at != attempt.at and not one.is_only_begun)
        self.record = replace(
            self.record,
            attempts=(*others, replace(attempt, service=self._service.name)),
            request_id=attempt.request_id or self.record.request_id,
        )

    async def _note_refusal(self, problem: NowImageError) -> None:
        if self.record.outputs or self.record.state is not None:
            return  # the answer was read: what it says of the money stands
        is_sent = any(one.phase != "connecting" for one in self.record.attempts)
        billed = self.record.billed if isinstance(problem, StoreError) and is_sent else problem.billed
        with suppress(StoreError):  # the refusal is what matters; the end of the record is written again
            if self._submission is None:
                await run_in_thread(keep_refusal, self._store, self.record.number, problem)
            await self._write(billed=billed, request_id=problem.request_id or self.record.request_id)

    async def _converse(  # a service's bug becomes an error that names it
        self, begin: Callable[[], Conversation[Any]], saving: TaskGroup, *, is_free: bool = False
    ) -> Any:  # noqa: ANN401 - what the conversation returns
        """Perform a conversation's steps and return what it returns; one that `is_free` only fetches."""
        answer: object = None
        error: NowImageError | None = None
        conversation = self._of_service(begin)
        if not isinstance(conversation, Generator):
            raise self._misbehaved("it gives no conversation")
        try:
            for _ in range(_MOST_STEPS):
                try:
                    advance = conversation.send if error is None else conversation.throw
                    step = self._of_service(advance, answer if error is None else error)
                except StopIteration as end:
                    if not isinstance(end.value, Mapping if is_free else Outcome):
                        raise self._misbehaved(f"it ends with {type(end.value).__name__}") from None
                    return end.value
                if is_free and not isinstance(step, Fetch | Progress):
                    raise self._misbehaved(f"{type(step).__name__} stands where only free calls may")
                answer = error = None
                try:
                    answer = await self._perform(step, saving)
                except NowImageError as problem:
                    error = problem
        finally:
            with suppress(Exception):  # a service that refuses to end is left as it is
                conversation.close()
        raise self._misbehaved("it never comes to an end")

    def _of_service(self, call: Callable[..., Any], *args: object) -> Any:  # noqa: ANN401 - what a service gives
        try:
            return call(*args)
        except (NowImageError, StopIteration):
            raise
        except Exception as bug:  # noqa: BLE001 - a service, ours or another's, may have any bug
            _log.debug("the service %s failed", self._service.name, exc_info=True)
            reason = f"{type(bug).__name__}: {bug}"
        raise self._misbehaved(reason)

    def _misbehaved(self, problem: str) -> ServiceError:
        return ServiceError(
            "the service {service} failed: {problem}",
            advice="what was paid for stays, and %now resume reads it again",
            billed=self.record.billed,
            service=self._service.name,
            problem=problem,
        )

    async def _perform(self, step: Step[Any], saving: TaskGroup) -> object:
        match step:
            case Next():
                await self._turns.pass_on()
                return await self._submission.next() if self._submission else next(self._kept, None)
            case Fetch(call):
                return await self._runner.client.fetch(call, inputs=self._store.input_path, texts=self.texts)
            case Poll(task):
                return await self._poll(task, saving)
            case Progress():
                await self._show_progress(step, saving)
            case Checkpoint(state=state, billed=billed):
                self.record = replace(self.record, state=state, billed=billed)  # known, even if the disk is full
                await self._write()
            case Found():
                for one in add_laid_back(step, self.record):
                    self._take(one, saving)
            case Lost(reason):
                self._lost[f"lost {len(self._lost)}"] = error_of_lost(reason)
            case _:
                raise self._misbehaved(f"{type(step).__name__} is no step")
        return None

    async def _poll(self, task: str, saving: TaskGroup) -> JSON:
        """Ask how a task is doing until its service knows it; a free question may fail on its way."""
        runner = self._runner

        async def poll(tasks: tuple[str, ...]) -> Fields:
            known: Fields = await self._converse(lambda: self._service.poll(tasks), saving, is_free=True)
            return known

        while runner.stopwatch() - self._began <= runner.task_limit:
            await runner.sleep(self._pace.next_pause())
            try:
                known = await runner.poller(self._service).ask(task, poll)
            except _PASSING:
                await runner.sleep(_POLL_AGAIN)
                continue
            self._pace.note(task, is_known=known is not None)
            if known is not None:
                return known
        raise TaskStillPending(
            "the task is still going on after {minutes} minutes",
            kept="task {task}",
            advice="%now resume collects it, free",
            minutes=round(runner.task_limit / 60),
            task=task,
        )

    async def _show_progress(self, progress: Progress, saving: TaskGroup) -> None:
        if isinstance(progress.preview, Link | Call):
            saving.start_soon(self._try_to_report, progress)
        else:
            await self._try_to_report(progress)
        await self._turns.pass_on()  # a service that only reports progress must not keep the loop for itself

    async def _try_to_report(self, progress: Progress) -> None:
        try:
            await report(progress, self._saver, self._watch)
        except Exception as bug:  # noqa: BLE001 - how far it is matters less than that it comes
            self._bug = bug

    def _take(self, found: Found, saving: TaskGroup) -> None:
        known = next((one for one in self.record.outputs if one.key == found.key), None)
        if (known is not None and known.is_here) or len(self.record.outputs) >= _most_outputs(self.record):
            return
        announced = announce(found, number=known.number if known else place_of(found, self.record))
        self._keep(announced)
        saving.start_soon(self._save, found, announced)

    def _keep(self, one: RecordedOutput) -> None:
        self.record = with_output(self.record, one)
        self._tell()

    def _tell(self) -> None:
        """Tell whoever looks on of the record; what goes wrong there costs nothing that is paid for."""
        try:
            self._watch.changed(self.record)
        except Exception as bug:  # noqa: BLE001 - told when the outputs are safe
            self._bug = bug

    async def _save(self, found: Found, announced: RecordedOutput) -> None:
        try:
            self._keep(await self._saver.save(found, announced))
            self._write_soon()
        except NowImageError as problem:
            if is_laid_back(announced.key):
                self.record = take_as_it_came(self.record, announced.key, problem)
                self._tell()
                return
            self._lost[announced.key] = problem
            if not any(one.key == announced.key and one.is_here for one in self.record.outputs):
                self._keep(replace(announced, error=failure_of(problem)))
        except Exception as bug:  # noqa: BLE001 - told when the other outputs are safe
            self._bug = bug

    def _write_soon(self) -> None:
        """Have what came on the disk in a moment, once for all that came until then; the end of the run is sooner."""
        if self._keeping is not None and not self._is_due:
            self._is_due = True
            self._keeping.start_soon(self._write_down)

    async def _write_down(self) -> None:
        await anyio.sleep(_MOMENT)
        self._is_due = False
        await self._secure_answer()
        with suppress(StoreError):  # the end of the record is written again
            await self._write()

    async def _secure_answer(self) -> None:
        if self._answer is not None:
            with suppress(StoreError):  # what of it is on the disk stays there
                await run_in_thread(self._answer.secure)

    async def _write(self, **changes: Any) -> None:  # noqa: ANN401 - fields of the record
        """Write the record with these changes; they count only once they are on the disk.

        Whoever waited while the same was written by another has nothing left to write.
        """
        async with self._writing:
            changed = replace(self.record, **changes)
            if changed != self._written:
                await run_in_thread(_write_insisting, self._store, changed)
                self._written = changed
            self.record = replace(self.record, **changes)
        self._tell()

    def _drop_what_is_superfluous(self, repeats: Iterable[RecordedOutput]) -> None:
        for repeat in repeats:
            with suppress(StoreError):
                self._store.drop_repeat(repeat.file)
        if self.record.status is Status.DONE:  # of fewer than asked for, the answer may still hold more
            with suppress(StoreError):
                self._store.drop_answer(self.record.number)

    async def _note_cancelled(self) -> None:
        if self.record.billed == "no" and self._is_new:
            with suppress(StoreError):  # a record that nobody holds and that was not sent is read as cancelled
                await self._write(status=Status.CANCELLED)

    async def _finish(self, outcome: Outcome, error: NowImageError | None) -> NowImageError | None:
        elapsed = round(self._runner.stopwatch() - self._began, 3) if self._is_new else self.record.elapsed
        lost = max(self._lost.values(), key=lambda one: bool(one.rescued), default=None)  # the worst is told
        for one in filter(None, (error, lost)):
            await run_in_thread(complete_error, one, self._store, self.record)
        repeats = repeats_in(self.record, outcome.expected or self.record.expected)
        self.record = replace(self.record, outputs=tuple(one for one in self.record.outputs if one not in repeats))
        self.record = replace(decide_end(self.record, outcome, error, lost=lost), elapsed=elapsed)
        if self.record.has_answer and lost is not None and not lost.rescued:
            lost = None  # the record tells it; what only this process holds is said aloud
        told = error or lost or (None if self.record.has_answer else error_of_need(self.record, outcome))
        if self.record.status is not Status.DONE:
            await self._secure_answer()
        try:
            await self._write()
        except StoreError as problem:
            told = told or problem
            await self._secure_answer()
            await self._saver.rescue_kept(self.record)
            self._tell()
        else:
            await run_in_thread(self._drop_what_is_superfluous, repeats)
        if told is not None:
            told.billed = self.record.billed
            told.rescued = tuple(data for one in self._lost.values() for data in one.rescued)
        return told


def _write_insisting(store: Store, record: Record) -> None:
    """Write a record that names what was paid for: a disk that fails is given a second chance."""
    try:
        store.write(record)
    except StoreError:
        store.write(record)


def _most_outputs(record: Record) -> int:
    """Return how many outputs an answer may have: what was asked for, with some grace."""
    return 2 * record.expected + _GRACE


def has_newer_links(record: Record) -> bool:
    """Whether a link has expired and its service can be asked for another one."""
    expired = any(one.error is not None and one.error.type == LinkExpiredError.__name__ for one in record.outputs)
    return expired and record.state is not None
