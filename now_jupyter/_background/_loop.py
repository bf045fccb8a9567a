"""The bridge between a cell and the background.

One background thread runs one event loop; everything that talks to the relay lives there and goes on whatever the
kernel does. A cell waits for it through a `Waiting`, which it may leave at any time: awaited where the kernel's loop
can go on meanwhile, blocking in short slices everywhere else.

`Cells` knows which cell is running; `_rewriting` makes top-level magics awaited ones. Facts: reference/jupyter.md §1.
"""

from __future__ import annotations

import asyncio
import atexit
import importlib
import os
import signal
import threading
import time
import traceback
import weakref
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, InvalidStateError
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import anyio
from anyio.from_thread import BlockingPortal

if TYPE_CHECKING:
    from types import FrameType

    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["Background", "Cells", "Execution", "Left", "Waiting"]

T = TypeVar("T")
_SLICE = 0.05


class Background:
    """One thread with one event loop, started at first use, closed at exit (else Python would not end)."""

    def __init__(self) -> None:
        """Prepare; no thread is started yet."""
        self._lock = threading.Lock()
        self._portal: BlockingPortal | None = None
        self._thread: threading.Thread | None = None
        self._farewells: list[Callable[[], Awaitable[None]]] = []
        self._process = os.getpid()
        self._closed = False
        _at_exit(partial(_close_if_there, weakref.ref(self)))

    def spawn(self, work: Callable[..., Awaitable[T]], *args: object) -> Future[T]:
        """Start `work(*args)` on the background loop and give its future."""
        return self._running_portal().start_task_soon(work, *args)

    def call(self, work: Callable[..., Awaitable[T]], *args: object) -> T:
        """Run `work(*args)` on the background loop and wait for it."""
        return self.spawn(work, *args).result()

    def soon(self, function: Callable[..., object], *args: object) -> None:
        """Call a plain function on the background loop's thread, without waiting."""

        async def run() -> None:
            function(*args)

        self.spawn(run)

    def at_close(self, farewell: Callable[[], Awaitable[None]]) -> None:
        """Have `farewell` awaited on the loop before it ends."""
        self._farewells.append(farewell)

    def close(self) -> None:
        """Say the farewells, end the loop and its thread; may be called twice, does nothing in a forked child."""
        with self._lock:
            self._closed = True
            portal, thread = self._portal, self._thread
            self._portal = self._thread = None
        if portal is None or thread is None or os.getpid() != self._process:
            return
        try:
            for farewell in reversed(self._farewells):
                portal.call(farewell)
        finally:
            portal.call(portal.stop)
            thread.join()

    def _running_portal(self) -> BlockingPortal:
        with self._lock:
            if os.getpid() != self._process:
                raise RuntimeError("a forked child has no background loop")
            if self._closed:
                raise RuntimeError("the background loop has been closed")
            if self._portal is None:
                opened: Future[BlockingPortal] = Future()
                self._thread = threading.Thread(target=_run_loop, args=(opened,), name="now-jupyter", daemon=True)
                self._thread.start()
                self._portal = opened.result()
            return self._portal


def _run_loop(opened: Future[BlockingPortal]) -> None:
    """Run the loop until its portal is stopped.

    Not `start_blocking_portal`: that is a generator, and one that a forked child throws away waits for ever for a
    thread that the child does not have.
    """

    async def serve() -> None:
        async with BlockingPortal() as portal:
            opened.set_result(portal)
            await portal.sleep_until_stopped()

    try:
        anyio.run(serve)
    except BaseException as problem:
        if opened.done():
            raise
        opened.set_exception(problem)


def _at_exit(act: Callable[[], None]) -> None:
    """Have `act` called when Python ends, while worker threads still take work: pictures are still to be kept.

    `atexit` comes too late for that: concurrent.futures has closed its threads by then, so it is loaded first here
    and comes last.
    """
    importlib.import_module("concurrent.futures.thread")
    register: Callable[[Callable[[], None]], object] = getattr(threading, "_register_atexit", atexit.register)
    register(act)


def _close_if_there(background: weakref.ref[Background]) -> None:
    """Close what is still there when Python ends."""
    if (still := background()) is not None:
        still.close()


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
        with _interrupts(pressed.set):
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
        with _interrupts(partial(loop.call_soon_threadsafe, self.stop, "interrupt")):
            for _ in self._slices():
                done, _pending = await asyncio.wait([gate], timeout=_SLICE * 2)
                if done:
                    break
                tick()
        return self._result()

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
    """A SIGINT handler that frees all who wait; with nobody left it does what the one before it did.

    Several may wait at once and leave in any order, and a kernel may put a handler back that it found in the middle of
    a cell. So there is one bell for all of them, and a forgotten one is harmless.
    """

    def __init__(self) -> None:
        self.acts: dict[object, Callable[[], object]] = {}
        self.before: Any = signal.SIG_IGN

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Free everyone."""
        if not self.acts and callable(self.before):
            self.before(number, frame)
        for act in list(self.acts.values()):
            act()


def _bell_in_place() -> _Bell:
    found = signal.getsignal(signal.SIGINT)
    if isinstance(found, _Bell):
        return found
    bell = _Bell()
    bell.before = signal.signal(signal.SIGINT, bell) or signal.SIG_DFL
    return bell


@contextmanager
def _interrupts(act: Callable[[], object]) -> Iterator[None]:
    """While inside, SIGINT calls `act` instead of raising; off the main thread nothing changes."""
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


@dataclass(slots=True)
class Execution:
    """One run of one cell: its id where the front end sends one, how many requests it has made, what it has shown.

    `watched` tells whether someone may sit before it; nbclient, papermill and nbval run cells for nobody.
    """

    serial: str
    cell: str | None = None
    places: int = 0
    watched: bool = True
    _shown: list[object] = field(default_factory=list)  # kept, so that no other value gets their identity

    def next_place(self) -> int:
        """Count one more request of this execution; the first has place 0."""
        self.places += 1
        return self.places - 1

    def note_shown(self, value: object) -> None:
        """Take note that this very value is to be seen in the cell."""
        self._shown.append(value)

    def was_shown(self, value: object) -> bool:
        """Whether this very value is to be seen in the cell already."""
        return any(one is value for one in self._shown)


class Cells:
    """Knows which cell is running. Loading happens inside a cell, so the depth never falls below 0."""

    def __init__(self, ip: InteractiveShell) -> None:
        """Watch `ip` once `attach` is called."""
        self._ip: Any = ip  # typed loosely: only a kernel's shell has parents
        self._count = 0
        self._at_start: list[Callable[[], bool]] = []
        self._depth = 0
        self._begun: tuple[int, object] = (0, None)
        self.current = Execution(serial="0")

    def attach(self) -> None:
        """Begin to watch."""
        self._ip.events.register("pre_run_cell", self._before)
        self._ip.events.register("post_run_cell", self._after)

    def detach(self) -> None:
        """Stop watching."""
        self._ip.events.unregister("pre_run_cell", self._before)
        self._ip.events.unregister("post_run_cell", self._after)

    def at_start(self, act: Callable[[], bool]) -> None:
        """Have `act` called at the start of each of the following cells, for as long as it says so."""
        self._at_start.append(act)

    @property
    def depth(self) -> int:
        """How many cells are running, one inside the other.

        A cell that ■ strikes at its very end may never tell of it: it counts no more when another one is asked for.
        """
        if self._depth and self._is_over():
            self._depth = 0
        return self._depth

    def _is_over(self) -> bool:
        """Whether the outermost cell of this thread ended without telling."""
        thread, request = self._begun
        if thread != threading.get_ident():
            return False
        if hasattr(self._ip, "kernel"):
            return request != self._request()
        running = type(self._ip).run_cell_async.__code__
        return all(frame.f_code is not running for frame, _ in traceback.walk_stack(None))

    def _request(self) -> object:
        if not hasattr(self._ip, "kernel"):
            return None
        return (self._ip.get_parent() or {}).get("header", {}).get("msg_id")

    def _before(self, info: Any) -> None:  # noqa: ANN401 - IPython's ExecutionInfo
        self._depth = self.depth + 1
        if self._depth == 1:
            self._begun = (threading.get_ident(), self._request())
            self._count += 1
            cell = getattr(info, "cell_id", None) or None
            self.current = Execution(serial=str(self._count), cell=cell, watched=cell is not None or self._may_type())
            self._at_start = [act for act in self._at_start if act()]

    def _after(self, result: Any) -> None:  # noqa: ANN401 - IPython's ExecutionResult
        code = getattr(getattr(result, "info", None), "raw_cell", None)
        if code is None or code.strip():  # IPython tells of the end of an empty cell, not of its beginning
            self._depth = max(0, self._depth - 1)

    def _may_type(self) -> bool:
        """Whether who runs the cell takes questions: front ends do, programs that run notebooks do not."""
        if not hasattr(self._ip, "kernel"):
            return True
        request = self._ip.get_parent() or {}
        return bool(request.get("content", {}).get("allow_stdin", True))
