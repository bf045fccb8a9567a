"""One thread with one event loop: everything that talks to the relay lives there, whatever the kernel does.

When Python ends, the loop goes on for a while so that paid answers are kept. From CPython 3.12 on no thread can be
started any more by then, so the threads that help the loop are all started together with it.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from concurrent.futures.thread import ThreadPoolExecutor
from contextvars import Context, copy_context
from functools import partial
from typing import Any, ParamSpec, TypeVar

import anyio
from anyio import CancelScope
from anyio.lowlevel import checkpoint, checkpoint_if_cancelled

__all__ = ["Background", "Turns", "run_in_thread"]

P = ParamSpec("P")
T = TypeVar("T")
_TURN = 0.02  # seconds
_THREADS = 6


async def run_in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what `function` returns, called in a thread of the loop's own; once it runs, it is waited for."""
    await checkpoint_if_cancelled()
    with CancelScope(shield=True):
        result = await asyncio.to_thread(function, *args, **kwargs)
    return result  # noqa: RET504 - inside, mypy would take the scope for one that swallows errors


class Turns:
    """Lets others have the loop now and then, where thousands of small things are done one after the other.

    Not each time: a thread that lets go of Python's lock more often than the lock changes hands (after 5 ms) keeps it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with a turn of one's own."""
        self._clock = clock
        self._until = clock() + _TURN

    async def pass_on(self) -> None:
        """Let others go on, where it is time."""
        if self._clock() > self._until:
            await checkpoint()
            self._until = self._clock() + _TURN


class _Loop:
    """The running loop, and what it is to begin next; whoever adds to that never waits for a turn of the loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[Context, Callable[[], Coroutine[Any, Any, None]]]] = deque()
        self._has_changed = asyncio.Event()
        self._is_woken = False
        self._is_over = False

    def begin(self, work: Callable[..., Awaitable[T]], *args: object) -> Future[T]:
        """Have `work(*args)` begun in the context of the caller; from any thread."""
        future: Future[T] = Future()
        self._waiting.append((copy_context(), partial(_fulfil, future, work, *args)))
        self._wake()
        return future

    def _wake(self) -> None:
        """Have the loop look at what there is; once is enough until it does, as each time costs the caller its turn."""
        if self._is_woken:
            return
        try:
            self._is_woken = True
            self._loop.call_soon_threadsafe(self._has_changed.set)
        except BaseException:  # ■, perhaps before it was woken
            self._is_woken = False
            raise

    def end(self) -> None:
        """Have the loop end with the last work that was begun; from any thread."""
        self._is_over = True
        self._wake()

    async def serve(self) -> None:
        """Begin all work until the end, and wait for it."""
        async with anyio.create_task_group() as group:
            while not self._is_over:
                await self._has_changed.wait()
                self._has_changed.clear()
                self._is_woken = False  # before the look: whoever adds something now wakes it again
                while self._waiting:
                    context, work = self._waiting.popleft()
                    context.run(group.start_soon, work)


class Background:
    """One thread with one event loop, started at first use, closed at exit (else Python would not end)."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._lock = threading.Lock()
        self._loop: _Loop | None = None
        self._thread: threading.Thread | None = None
        self._farewells: list[Callable[[], Awaitable[None]]] = []
        self._process = os.getpid()
        self._is_closed = False
        _register_at_exit(partial(_close_if_alive, weakref.ref(self)))

    def spawn(self, work: Callable[..., Awaitable[T]], *args: object) -> Future[T]:
        """Start `work(*args)` on the loop, however busy that is; returns its future at once."""
        with self._lock:
            return self._open().begin(work, *args)

    def call(self, work: Callable[..., Awaitable[T]], *args: object) -> T:
        """Return what `work(*args)` returns on the loop, waiting for it."""
        return self.spawn(work, *args).result()

    def soon(self, function: Callable[..., object], *args: object) -> None:
        """Call a plain function on the loop's thread, without waiting."""

        async def call() -> None:
            function(*args)

        self.spawn(call)

    def at_close(self, farewell: Callable[[], Awaitable[None]]) -> None:
        """Have `farewell` awaited on the loop before it ends."""
        self._farewells.append(farewell)

    def close(self) -> None:
        """Await the farewells, end the loop and its threads; may be called twice, does nothing in a forked child."""
        with self._lock:
            self._is_closed = True
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None or os.getpid() != self._process:
            return
        try:
            for farewell in reversed(self._farewells):
                loop.begin(farewell).result()
        finally:
            loop.end()
            thread.join()

    def _open(self) -> _Loop:
        if os.getpid() != self._process:
            raise RuntimeError("a forked child has no background loop")
        if self._is_closed:
            raise RuntimeError("the background loop has been closed")
        if self._loop is None:
            opened: Future[_Loop] = Future()
            self._thread = threading.Thread(target=_run_loop, args=(opened,), name="now-jupyter", daemon=True)
            self._thread.start()
            self._loop = opened.result()
        return self._loop


async def _fulfil(future: Future[T], work: Callable[..., Awaitable[T]], *args: object) -> None:
    """Do the work and have its future tell what came of it."""
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(await work(*args))
    except BaseException as problem:
        future.set_exception(problem)
        if not isinstance(problem, Exception):
            raise


def _run_loop(opened: Future[_Loop]) -> None:
    """Run the loop until it is told to end.

    Not anyio's portal: that has whoever asks for something wait for a turn of the loop, and `start_blocking_portal` is
    a generator, and one that a forked child throws away waits for ever for a thread that the child does not have. Not
    `anyio.run` either: asyncio's runner starts a thread to end the others.
    """
    try:
        with _start_threads() as threads:
            loop = asyncio.new_event_loop()
            loop.set_default_executor(threads)  # asyncio asks for names there, too
            try:
                loop.run_until_complete(_serve(opened))
                loop.run_until_complete(loop.shutdown_asyncgens())
            finally:
                loop.close()
    except BaseException as problem:
        if opened.done():
            raise
        opened.set_exception(problem)


async def _serve(opened: Future[_Loop]) -> None:
    loop = _Loop()
    opened.set_result(loop)
    await loop.serve()


def _start_threads() -> ThreadPoolExecutor:
    """Return threads that all run already: an executor of the standard library starts each when it is needed."""
    threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="now-jupyter")
    everyone = threading.Barrier(_THREADS)
    for _ in range(_THREADS):
        threads.submit(everyone.wait)
    return threads


def _register_at_exit(act: Callable[[], None]) -> None:
    """Have `act` called when Python ends, while the threads still take work: pictures are still to be kept.

    `atexit` comes too late for that: concurrent.futures, imported above, has closed its threads by then. What was
    registered last is called first.
    """
    register: Callable[[Callable[[], None]], object] = getattr(threading, "_register_atexit", atexit.register)
    register(act)


def _close_if_alive(background: weakref.ref[Background]) -> None:
    if (still := background()) is not None:
        still.close()
