"""Waiting for what goes on in the background; a wait may be left at any time, and leaving it ends nothing.

It is awaited where the kernel's loop can go on meanwhile, and blocks in short slices everywhere else.
Facts: reference/jupyter.md §1.
"""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, InvalidStateError
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["Left", "Waiting"]

T = TypeVar("T")
_SLICE = 0.05


class Left(Exception):
    """The waiting cell was freed; `by` tells how: `stop` (a click), `interrupt` (■) or `timeout`."""

    def __init__(self, by: str) -> None:
        """Remember how."""
        super().__init__(by)
        self.by = by


class Waiting(Generic[T]):
    """One cell's wait for a future that it does not own: leaving it never cancels the work."""

    def __init__(self, source: Future[T], *, timeout: float | None = None) -> None:
        """Wait for `source`, at most `timeout` seconds."""
        self._source = source
        self._timeout = timeout
        self._gate: Future[str] = Future()
        source.add_done_callback(lambda _: self._open("done"))

    def stop(self, by: str = "stop") -> None:
        """Free the waiting cell; from any thread, any number of times."""
        self._open(by)

    def _open(self, by: str) -> None:
        try:
            self._gate.set_result(by)
        except InvalidStateError:  # it is open already: whoever came first freed the cell
            return

    def block(self, tick: Callable[[], None]) -> T:
        """Block this thread in short slices, calling `tick` in each; ■ is noticed between two of them.

        A KeyboardInterrupt in the middle of a tick would leave half an output behind.

        Raises:
            Left: the wait ended before the work did.
        """
        pressed = threading.Event()

        def press() -> bool:
            pressed.set()
            return True

        with _interrupts(press):
            for _ in self._slices():
                if pressed.is_set():
                    self._open("interrupt")
                try:
                    self._gate.result(_SLICE)
                    break
                except FutureTimeout:
                    tick()
        return self._result()

    async def awaited(self, tick: Callable[[], None]) -> T:
        """Wait without blocking the kernel's loop; ■ is noticed at once by a SIGINT handler of our own.

        Raises:
            Left: the wait ended before the work did.
        """
        gate = asyncio.wrap_future(self._gate)
        loop = asyncio.get_running_loop()
        with _interrupts(partial(self._stop_unless_busy, loop, asyncio.current_task())):
            for _ in self._slices():
                done, _pending = await asyncio.wait([gate], timeout=_SLICE * 2)
                if done:
                    break
                tick()
        return self._result()

    def _stop_unless_busy(self, loop: asyncio.AbstractEventLoop, own: asyncio.Task[Any] | None) -> bool:
        """End the wait, unless the loop is busy with another task: then whoever had the signal before may stop that."""
        if is_ours := asyncio.current_task(loop) in (None, own):
            loop.call_soon_threadsafe(self.stop, "interrupt")
        return is_ours

    def _slices(self) -> Iterator[None]:
        end = None if self._timeout is None else time.monotonic() + self._timeout
        while end is None or time.monotonic() < end:
            yield
        self._open("timeout")

    def _result(self) -> T:
        by = self._gate.result()
        if by == "done" or self._source.done():
            return self._source.result()
        raise Left(by)


class _Bell:
    """A SIGINT handler that frees all who wait; where none of them is what runs, it does what the one before it did.

    Several may wait at once and leave in any order, and a kernel may put a handler back that it found in the middle of
    a cell. So there is one bell for all of them, and a forgotten one is harmless.
    """

    def __init__(self) -> None:
        self.acts: dict[object, Callable[[], bool]] = {}
        self.before: Any = signal.SIG_IGN

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Free everyone."""
        is_ours = [act() for act in list(self.acts.values())]
        if not any(is_ours) and callable(self.before):
            self.before(number, frame)


def _bell_in_place() -> _Bell:
    found = signal.getsignal(signal.SIGINT)
    if isinstance(found, _Bell):
        return found
    bell = _Bell()
    bell.before = signal.signal(signal.SIGINT, bell) or signal.SIG_DFL
    return bell


@contextmanager
def _interrupts(act: Callable[[], bool]) -> Iterator[None]:
    """While inside, SIGINT calls `act`, which tells whether it was meant, instead of raising.

    Off the main thread nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    bell, turn = _bell_in_place(), object()
    bell.acts[turn] = act
    try:
        yield
    finally:
        del bell.acts[turn]
        now: object = signal.getsignal(signal.SIGINT)
        if not bell.acts and now is bell:
            signal.signal(signal.SIGINT, bell.before)
