"""One record on its way through one conversation: each step performed, each change kept.

Before a paid call goes out its record says "maybe billed" on disk; from there on all is shielded, so that whoever waits
may leave and the answer is still taken.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import anyio
from anyio import CancelScope
from anyio.lowlevel import checkpoint

from .._background import run_in_thread
from .._json import JSON
from .._messages import (
    BadResponseError,
    Billed,
    ConnectFailed,
    LinkExpiredError,
    NowImageError,
    RateLimitError,
    StoreError,
    TaskNeedsAction,
    TaskStillPending,
)
from .._protocol import (
    Answer,
    Checkpoint,
    Conversation,
    Engine,
    Event,
    Fetch,
    Found,
    Need,
    Next,
    Outcome,
    Poll,
    Progress,
    Reply,
    Step,
    Submit,
    Wait,
)
from .._store import Attempt, Kept, Record
from .._transport import Submission
from .._values import Status
from ._saving import Replay, abandoned, ended, keep_bytes, keep_file, rescued, told_of

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from ._runner import Runner

__all__ = ["Run", "RunResult", "Watch", "has_newer_links"]

_POLL_AGAIN = 10.0  # after a poll that failed on its way
_PASSING = (BadResponseError, ConnectFailed, RateLimitError)


class Watch(Protocol):
    """Whoever looks on: told of every change of the record and of progress; must return at once."""

    def changed(self, record: Record) -> None:
        """Take note of the record as it is now."""

    def progressed(self, progress: Progress) -> None:
        """Take note of how far it is."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a performance ended: the record's last state, and the error that ended it, where one did."""

    record: Record
    error: NowImageError | None = None


class Run:
    """One record on its way through one conversation."""

    def __init__(self, runner: Runner, record: Record, engine: Engine, watch: Watch, *, is_new: bool = True) -> None:
        self._runner = runner
        self._store = runner.store
        self._engine = engine
        self._watch = watch
        self.record = record
        self._is_new = is_new
        self._began = runner.stopwatch()
        self._pictures = 0
        self._replay: Replay | None = None
        self._submission: Submission | None = None
        self._open = AsyncExitStack()
        self._writing = anyio.Lock()
        self._scope = CancelScope()
        self._lost: dict[int, NowImageError] = {}
        self._bug: Exception | None = None

    async def play(self, conversation: Conversation, *, replay: Replay | None = None) -> RunResult:
        """Go through the conversation to its end; whatever happens, the record tells it."""
        self._replay = replay
        outcome: Outcome | None = None
        error: NowImageError | None = None
        with self._runner.scope() as self._scope:
            self._scope.shield = not self._is_new
            outcome, error = await self._played(conversation)
        if self._bug is not None:
            raise self._bug
        if self._scope.cancelled_caught:
            if self.record.status is Status.CANCELLED:
                return RunResult(self.record)
            error = abandoned(self.record)
        with CancelScope(shield=True):
            error = await self._finish(outcome or Outcome(expected=self.record.expected), error)
        return RunResult(self.record, error)

    async def _played(self, conversation: Conversation) -> tuple[Outcome | None, NowImageError | None]:
        outcome: Outcome | None = None
        error: NowImageError | None = None
        try:
            async with anyio.create_task_group() as saving:
                try:
                    outcome = await self._converse(conversation, saving)
                except NowImageError as problem:
                    error = problem
                except Exception as bug:  # noqa: BLE001 - raised again when the pictures are safe
                    self._bug = bug
                finally:
                    conversation.close()
                    with CancelScope(shield=True):
                        await self._open.aclose()
        except anyio.get_cancelled_exc_class():
            with CancelScope(shield=True):
                await self._cancelled()
            raise
        return outcome, error

    async def _converse(self, conversation: Conversation, saving: TaskGroup) -> Outcome:
        answer: Answer = None
        error: NowImageError | None = None
        while True:
            try:
                step = conversation.send(answer) if error is None else conversation.throw(error)
            except StopIteration as end:
                outcome: Outcome = end.value
                return outcome
            answer = error = None
            try:
                answer = await self._perform(step, saving)
            except NowImageError as problem:
                error = problem

    async def _perform(self, step: Step, saving: TaskGroup) -> Answer:  # noqa: PLR0911 - one line per kind of step
        match step:
            case Submit():
                return await self._submit(step)
            case Next():
                return await self._next()
            case Fetch(call):
                return await self._runner.api.fetch(call)
            case Poll(task):
                return await self._poll(task)
            case Wait(seconds):
                await self._runner.sleep(seconds)
                return None
            case Progress():
                self._watch.progressed(step)
                return None
            case Checkpoint(state):
                self.record = replace(self.record, state=dict(state), billed="yes")
                await self._write()
                return None
            case Found():
                self._take(step, saving)
                return None
            case Need(kind, message):
                raise TaskNeedsAction(
                    "the service waits for your decision: {kind} {message}",
                    advice="decide at the service, then %now resume collects it",
                    kind=kind,
                    message=message,
                )

    # The paid call

    async def _submit(self, step: Submit) -> Reply:
        if self._replay is not None:
            return self._replay.reply
        await checkpoint()  # the last moment at which a cancel leaves nothing sent
        self._scope.shield = True
        first = Attempt(at=self._runner.clock())
        await self._write(status=Status.RUNNING, billed="maybe", attempts=(*self.record.attempts, first))
        try:
            return await self._send(step)
        except NowImageError as problem:
            await self._note_refusal(problem)
            raise

    async def _send(self, step: Submit) -> Reply:
        sending = self._runner.api.submit(
            step.call,
            sink=self._store.open_answer(self.record.number),
            idempotency_key=self.record.idempotency_key,
            stream=step.stream,
            on_attempt=self._note_attempt,
        )
        self._submission = await self._open.enter_async_context(sending)
        reply = self._submission.reply
        self.record = replace(self.record, request_id=reply.request_id or self.record.request_id)
        return reply

    def _note_attempt(self, attempt: Attempt) -> None:
        """Keep the newest state of each attempt; an attempt is told apart by when it began."""
        others = (one for one in self.record.attempts if one.at != attempt.at and not _is_intent(one))
        self.record = replace(self.record, attempts=(*others, attempt))

    async def _note_refusal(self, problem: NowImageError) -> None:
        request_id = problem.request_id or self.record.request_id
        with suppress(StoreError):  # the refusal is what matters; the end of the record is written again
            await self._write(billed=self._billed_after(problem), request_id=request_id)

    def _billed_after(self, problem: NowImageError) -> Billed:
        """A store that fails says nothing of the order, unless it failed before a byte went out."""
        is_sent = any(one.phase != "connecting" for one in self.record.attempts)
        return self.record.billed if isinstance(problem, StoreError) and is_sent else problem.billed

    async def _next(self) -> Event | None:
        if self._replay is not None:
            return self._replay.next()
        return None if self._submission is None else await self._submission.next()

    # Tasks

    async def _poll(self, task: str) -> JSON:
        poller = self._runner.poller(self._engine)
        while True:
            self._ensure_time_is_left(task)
            with suppress(*_PASSING):  # a free question is asked again until the time is over
                return await poller.ask(task)
            await self._runner.sleep(_POLL_AGAIN)

    def _ensure_time_is_left(self, task: str) -> None:
        if self._runner.stopwatch() - self._began <= self._runner.task_limit:
            return
        raise TaskStillPending(
            "the task is still going on after {minutes} minutes",
            kept="task {task}",
            advice="%now resume collects it, free",
            minutes=round(self._runner.task_limit / 60),
            task=task,
        )

    # Pictures

    def _take(self, found: Found, saving: TaskGroup) -> None:
        index, self._pictures = self._pictures, self._pictures + 1
        known = {one.index: one for one in self.record.kept}
        if index in known and known[index].sha256:
            return
        link = found.source if found.encoding == "url" and isinstance(found.source, str) else None
        announced = Kept(index=index, revised_prompt=found.revised_prompt, seed=found.seed, link=link)
        self._keep(announced)
        saving.start_soon(self._save, found, announced)

    def _keep(self, one: Kept) -> None:
        others = [other for other in self.record.kept if other.index != one.index]
        kept = tuple(sorted([*others, one], key=lambda other: other.index))
        self.record = replace(self.record, kept=kept, billed="yes")
        self._watch.changed(self.record)

    async def _save(self, found: Found, announced: Kept) -> None:
        try:
            self._keep(await self._saved(found, announced))
            await self._write()
        except NowImageError as problem:
            self._lost[announced.index] = problem
            if not self._is_kept(announced.index):
                self._keep(replace(announced, error=told_of(problem)))
        except Exception as bug:  # noqa: BLE001 - raised again when the other pictures are safe
            self._bug = bug

    def _is_kept(self, index: int) -> bool:
        return any(one.index == index and one.sha256 for one in self.record.kept)

    async def _saved(self, found: Found, announced: Kept) -> Kept:
        try:
            return await self._kept_here(found, announced)
        except StoreError as problem:
            error = problem
        runner = self._runner
        raise await rescued(
            found,
            announced,
            error,
            record=self.record,
            spill=runner.spill,
            downloader=runner.downloader,
            repeats_key=runner.api.repeats_key,
        )

    async def _kept_here(self, found: Found, announced: Kept) -> Kept:
        if announced.link is not None:
            return await self._fetched(announced, announced.link)
        return await run_in_thread(
            partial(keep_bytes, self._store, found, announced, repeats_key=self._runner.api.repeats_key)
        )

    async def _fetched(self, announced: Kept, link: str) -> Kept:
        path = self._store.temp_path()
        try:
            await self._runner.downloader.fetch(link, path)
            repeats_key = self._runner.api.repeats_key
            return await run_in_thread(partial(keep_file, self._store, path, announced, repeats_key=repeats_key))
        finally:
            with suppress(OSError):  # it was moved, or its disk takes no more orders
                await run_in_thread(path.unlink)

    # The record

    async def _write(self, **changes: Any) -> None:  # noqa: ANN401 - fields of the record
        """Write the record with these changes; they count only once they are on the disk."""
        async with self._writing:
            await run_in_thread(self._store.write, replace(self.record, **changes))
            self.record = replace(self.record, **changes)
        self._watch.changed(self.record)

    async def _cancelled(self) -> None:
        if self.record.billed == "no" and self._is_new:
            with suppress(StoreError):  # a record that nobody holds and that was not sent is read as cancelled
                await self._write(status=Status.CANCELLED)

    async def _finish(self, outcome: Outcome, error: NowImageError | None) -> NowImageError | None:
        """Write how it ended, and give the error that tells the user."""
        elapsed = round(self._runner.stopwatch() - self._began, 3) if self._is_new else self.record.elapsed
        lost = next(iter(self._lost.values()), None)
        self.record = replace(ended(self.record, outcome, error, cause=error or lost), elapsed=elapsed)
        told = error or (None if any(one.sha256 for one in self.record.kept) else lost)
        try:
            await self._write()
            if self.record.status is Status.DONE:  # of fewer than asked for, the answer may still hold more
                await run_in_thread(self._store.drop_answer, self.record.number)
        except StoreError as problem:
            told = told or problem
            self._watch.changed(self.record)
        if told is not None:
            told.billed = self.record.billed
            told.rescued = tuple(data for one in self._lost.values() for data in one.rescued)
        return told


def has_newer_links(record: Record) -> bool:
    """Tell whether a link has expired and its service can be asked for another one."""
    expired = record.error is not None and record.error.type == LinkExpiredError.__name__
    return expired and record.state is not None


def _is_intent(attempt: Attempt) -> bool:
    """Tell whether this only says that something is about to be sent."""
    return attempt.phase == "connecting" and attempt.error is None
