"""One order under way: what a caller holds while pictures are being made, and may let go of."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from contextvars import Context
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from anyio import Event

from .._background import Background, Left, Waiting
from .._bundles import Bundle, try_bundle
from .._messages import (
    InputError,
    Interrupted,
    Language,
    NotConfirmed,
    NowImageError,
    StoreError,
    TaskStillPending,
    say,
)
from .._runner import ProgressReport
from .._store import Record
from .._values import Generation, Showable

if TYPE_CHECKING:
    from anyio import CancelScope

__all__ = ["Job", "ensure_asyncio"]

_QUESTION = "question"
_LONG = 5.0
_YES = ("y", "yes", "是", "好", "对", "继续")


def ensure_asyncio() -> None:
    """Refuse to be awaited by another kind of loop (`%autoawait trio`), which would end the wait after it is paid."""
    sniffio: Any = sys.modules.get("sniffio")  # whoever brings another kind of loop brings it
    with suppress(Exception):  # where there is no loop at all, none will await this
        if sniffio is None or sniffio.current_async_library() == "asyncio":
            return
    raise InputError(
        "this can be awaited on asyncio only",
        advice="%autoawait asyncio, or nj.generate(…) and job.result(), which wait",
    )


class _Questioned(Exception):
    """The wait has stopped for a question."""


@dataclass(slots=True)
class _Question:
    """What the user's word is needed for, and, once it is `over`, why the order does not go on (None: it does)."""

    doubt: NotConfirmed
    over: Event = field(default_factory=Event)
    objection: BaseException | None = None


class Job(Showable, Future[Generation]):
    """An order under way. Await it, or ask for `.result()`; leaving it never cancels what was ordered.

    It is a `Future` that is done when everyone who wanted to know (an output in a cell) has been told, and it can be
    given to `concurrent.futures.wait` and `asyncio.wait`. `.generation` is what is known now (None until it has its
    number).
    """

    _done_callbacks: list[Callable[[Any], object]]  # as the standard library has it

    def __init__(
        self,
        background: Background,
        *,
        view: Callable[[Job], Generation | None] = lambda _: None,
        language: Callable[[], Language] = lambda: "en",
        ask: Callable[[str], str] | None = None,
    ) -> None:
        """Begin with nothing; whoever waits asks the user with `ask`, where the order needs their word."""
        super().__init__()
        self.set_running_or_notify_cancel()
        self._background = background
        self._language = language
        self._future: Future[Generation] = Future()
        self._lock = threading.Lock()
        self._waiting: list[Waiting[Generation]] = []
        self._records: dict[str, Record] = {}
        self._scope: CancelScope | None = None
        self._work: CancelScope | None = None
        self._is_taken_back = False
        self._view = view
        self._ask = ask
        self._question: _Question | None = None
        self.began = time.monotonic()
        self.progress: ProgressReport | None = None
        self.left_by = ""
        self.find_usual_seconds: Callable[[], float | None] = lambda: None
        self.notes: list[str] = []
        self.of_previews = ""
        self.unsaved = ""
        self.origin: Literal["bought", "history", "joined"] = "bought"

    def __repr__(self) -> str:
        generation = self.generation
        return f"Job({generation.ref}, {generation.status.value})" if generation else "Job(not yet numbered)"

    @property
    def generation(self) -> Generation | None:
        """What is known now."""
        if self._future.done() and not self._future.cancelled() and self._future.exception() is None:
            return self._future.result()
        return self._view(self)

    def _repr_mimebundle_(self, **_: object) -> Bundle:
        generation = self.generation
        return try_bundle(generation) if self.done() and generation else ({"text/plain": repr(self)}, {})

    def result(self, timeout: float | None = None, tick: Callable[[], None] = lambda: None) -> Generation:
        """Block at most `timeout` seconds, calling `tick` now and then; the kernel's own loop is never re-entered.

        Raises:
            TaskStillPending: the time is over, or `stop_waiting` was called; the job goes on.
            NowImageError: no picture came of it, and why.
        """
        while True:
            try:
                with self._wait(timeout) as waiting:
                    return waiting.block(tick)
            except _Questioned:
                self._answer(self._ask)

    async def await_result(  # the time limit frees the waiter and cancels nothing, as asyncio.timeout would
        self,
        timeout: float | None = None,  # noqa: ASYNC109
        tick: Callable[[], None] = lambda: None,
    ) -> Generation:
        """Wait as `result` does, without blocking the running loop."""
        ensure_asyncio()
        while True:
            try:
                with self._wait(timeout) as waiting:
                    return await waiting.awaited(tick)
            except _Questioned:
                self._answer(self._ask)

    def __await__(self) -> Generator[object, None, Generation]:
        return self.await_result().__await__()

    @contextmanager
    def _wait(self, timeout: float | None) -> Iterator[Waiting[Generation]]:
        waiting = Waiting(self._future, timeout=timeout)
        with self._lock:
            self._waiting.append(waiting)
            if self._question is not None:
                waiting.stop(_QUESTION)
        try:
            yield waiting
        except Left as left:
            if left.by == _QUESTION:
                raise _Questioned from None
            raise self._error_of_leaving(left.by) from None
        finally:
            with self._lock:
                self._waiting.remove(waiting)

    def _error_of_leaving(self, by: str) -> BaseException:
        self.left_by = by
        self._answer(None)
        ref = self.refs or say("the order", self._language())
        if by == "interrupt":
            return Interrupted(
                "waiting has ended; {ref} goes on and will arrive in the history", self._language(), ref=ref
            )
        error = TaskStillPending(
            "waiting has ended; {ref} goes on and will arrive in the history",
            advice="%now wait waits for it",
            billed="maybe" if self.is_sent else "no",
            ref=ref,
        )
        return error.of_order().in_language(self._language())

    async def confirm(self, doubt: NotConfirmed) -> None:
        """Have whoever waits ask the user, and return when they agree; on the background loop.

        Raises:
            NotConfirmed: there is nobody to ask.
            Interrupted: they do not agree.
        """
        if self._ask is None or self.left_by:
            raise doubt
        question = _Question(doubt.in_language(self._language()))
        with self._lock:
            self._question = question
            for waiting in self._waiting:
                waiting.stop(_QUESTION)
        await question.over.wait()
        if question.objection is not None:
            raise question.objection

    def _answer(self, ask: Callable[[str], str] | None) -> None:
        """Ask the user, in the thread that waits; without `ask` there is nobody any longer."""
        with self._lock:
            question, self._question = self._question, None
        if question is None:
            return
        try:
            question.objection = _objection_to(question.doubt, ask, self._language())
        finally:
            self._background.soon(question.over.set)

    def wait_until_over(self) -> None:
        """Wait until nothing more will come, well or not; ■ ends the wait."""
        with suppress(Exception):  # whoever asked for it is told; here only the end matters
            self.result()
        self.exception()

    def stop_waiting(self) -> None:
        """Free whoever waits; what was ordered goes on and arrives in the history."""
        with self._lock:
            waiting = list(self._waiting)
        for one in waiting:
            one.stop()

    def cancel(self) -> bool:
        """Take the order back while nothing has been sent; tells whether that was so."""
        if self.is_sent or self._future.done():
            return False
        self._is_taken_back = True
        if self._scope is not None:
            self._background.soon(self._scope.cancel)
        return True

    def cancelled(self) -> bool:
        """Whether it was taken back before anything was sent."""
        return self._is_taken_back and self.done()

    def add_done_callback(self, fn: Callable[[Any], object], *, context: Context | None = None) -> None:
        """Have `fn(job)` called when all is over: by the event loop that runs here, else on the background thread."""
        with suppress(RuntimeError):
            loop = asyncio.get_running_loop()
            return super().add_done_callback(partial(loop.call_soon_threadsafe, fn, context=context))  # type: ignore[arg-type]  # it is given the job
        return super().add_done_callback(fn)

    def remove_done_callback(self, fn: Callable[[Any], object]) -> int:
        """Have `fn` not called; return how often it would have been."""
        with self._condition:
            kept = [one for one in self._done_callbacks if fn not in (one, *getattr(one, "args", ()))]
            removed = len(self._done_callbacks) - len(kept)
            self._done_callbacks[:] = kept
        return removed

    def on_done(self, callback: Callable[[Job], None]) -> None:
        """Have `callback` called when the result, or why there is none, is known; on the background thread."""
        self._future.add_done_callback(lambda _: callback(self))

    def error(self) -> BaseException | None:
        """Return why no picture came of it; None while it goes on or where it went well."""
        return self._future.exception() if self._future.done() and not self._future.cancelled() else None

    @property
    def is_decided(self) -> bool:
        """Whether its result, or why there is none, is known."""
        return self._future.done()

    @property
    def elapsed(self) -> float:
        """Seconds since it was ordered."""
        return time.monotonic() - self.began

    @property
    def usually(self) -> float | None:
        """Seconds that its model usually takes here; None where that is not known."""
        with suppress(StoreError):
            return self.find_usual_seconds()
        return None

    @property
    def hint(self) -> str:
        """How unfinished pictures can be seen, where they can; said to who has waited long enough to wish for it."""
        return self.of_previews if self.elapsed >= _LONG else ""

    @property
    def is_sent(self) -> bool:
        """Whether something may have gone out to the relay."""
        return any(record.billed != "no" for record in self._records.values())

    @property
    def refs(self) -> str:
        """The numbers that it has, as people write them; empty before it has any."""
        numbers = sorted(record.number for record in self._records.values() if record.number)
        return "–".join(f"#{number}" for number in dict.fromkeys((*numbers[:1], *numbers[-1:])))

    def begin(self, scope: CancelScope, work: CancelScope) -> None:
        """Take the scope that `cancel` ends, and the one in it that is shielded once something was sent."""
        self._scope, self._work = scope, work
        if self._is_taken_back:
            scope.cancel()

    @property
    def records(self) -> list[Record]:
        """Its records as they are now, in their order."""
        return sorted(self._records.values(), key=lambda record: (record.position, record.number))

    def changed(self, record: Record) -> None:
        """Take note of a record as it is now."""
        self._records = {**self._records, record.id: record}
        if self._work is not None and self.is_sent:
            self._work.shield = True  # what was sent can no longer be taken back

    def progressed(self, progress: ProgressReport) -> None:
        """Take note of how far it is."""
        preview = progress.preview or (self.progress.preview if self.progress else None)
        self.progress = replace(progress, preview=preview)

    def finish(self, generation: Generation | None, error: BaseException | None = None) -> None:
        """Take the result, or why there is none."""
        self._scope = self._work = None  # a notebook may keep thousands of jobs that are over
        if isinstance(error, NowImageError):
            error.of_order()
        if error is not None:
            self._future.set_exception(error)
            self.set_exception(error)
        elif generation is not None:
            told = replace(generation, origin=self.origin)
            self._future.set_result(told)
            self.set_result(told)


def _objection_to(doubt: NotConfirmed, ask: Callable[[str], str] | None, language: Language) -> BaseException | None:
    """Return why an order does not go on, after the user was asked; None where they agree."""
    if ask is None:
        return doubt
    try:
        if ask(say("{doubt}. Go on? [y/N] ", language, doubt=doubt.message())).strip().casefold() in _YES:
            return None
    except (KeyboardInterrupt, EOFError):
        pass
    except Exception:  # noqa: BLE001 - nothing can be typed here after all
        return doubt
    return Interrupted("not ordered; nothing was sent", language)
