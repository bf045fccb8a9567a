"""The loop in its thread: what it does when Python ends, and that it needs no new thread for that."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator, Sequence
from itertools import pairwise

import anyio
import pytest

from now_jupyter._background import Background, Together, Turns, outcome_of, run_in_thread


@pytest.fixture
def background() -> Iterator[Background]:
    one = Background()
    yield one
    one.close()


@pytest.fixture
def ending(background: Background, monkeypatch: pytest.MonkeyPatch) -> Background:
    """A loop that runs, in a Python that starts no thread any more."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    background.call(anyio.sleep, 0)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    return background


def test_all_that_blocks_goes_on_while_python_ends(ending: Background) -> None:
    """A hundred calls at once, asyncio's own threads and looking up names need no thread that is not there yet."""
    done: list[int] = []

    async def work() -> None:
        async with anyio.create_task_group() as group:
            for number in range(100):
                group.start_soon(run_in_thread, done.append, number)
        await asyncio.to_thread(done.append, 100)
        assert await anyio.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)

    ending.call(work)
    ending.close()
    assert sorted(done) == list(range(101))


def test_the_loop_ends_with_its_threads() -> None:
    """After `close` no thread of the loop is left, farewells were awaited last first, and it may be called again."""
    before, background, said = threading.enumerate(), Background(), list[str]()

    async def say(word: str) -> None:
        said.append(await run_in_thread(str, word))

    for word in ("first", "last"):
        background.at_close(lambda word=word: say(word))
    background.call(anyio.sleep, 0)
    assert len(threading.enumerate()) > len(before)
    background.close()
    background.close()
    assert threading.enumerate() == before
    assert said == ["last", "first"]
    with pytest.raises(RuntimeError, match="closed"):
        background.call(anyio.sleep, 0)


def test_what_runs_in_a_thread_is_waited_for(background: Background) -> None:
    """Cancelling does not leave a half-written file behind: the call ends first, and then what asked for it."""
    began, go, ended = threading.Event(), threading.Event(), list[str]()

    def write() -> None:
        began.set()
        assert go.wait(20)
        ended.append("written")

    async def ask() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(run_in_thread, write)
            await asyncio.to_thread(began.wait, 20)
            group.cancel_scope.cancel()
            asyncio.get_running_loop().call_later(0.05, go.set)
        ended.append("left")

    background.call(ask)
    assert ended == ["written", "left"]


def test_errors_come_back_from_the_thread(background: Background) -> None:
    """Whatever is raised there is raised here."""
    with pytest.raises(ZeroDivisionError):
        background.call(run_in_thread, lambda: 1 // 0)


def test_turns_are_passed_on_by_time(background: Background) -> None:
    """Others on the loop come to their turn every 20 ms, and not each time: the lock would never change hands."""
    now, seen = [0.0], list[float]()

    async def look() -> None:
        while now[0] < 1.0:
            seen.append(now[0])
            await anyio.lowlevel.checkpoint()

    async def work() -> None:
        turns = Turns(lambda: now[0])
        async with anyio.create_task_group() as group:
            group.start_soon(look)
            for _ in range(1001):
                await turns.pass_on()
                now[0] += 0.001

    background.call(work)
    assert 30 < len(seen) < 60
    assert max(after - before for before, after in pairwise(seen)) < 0.03


def test_what_many_ask_for_at_once_is_done_together(background: Background) -> None:
    """Who asks while a thread is at it is served by the next one, in order; a failure is told to its own asker only."""
    batches: list[list[int]] = []
    begun, go_on = threading.Event(), threading.Event()

    def halve(numbers: Sequence[int]) -> list[int | Exception]:
        batches.append(list(numbers))
        begun.set()
        assert go_on.wait(30)
        return [outcome_of(lambda one=one: 12 // one) for one in numbers]

    async def ask_all() -> list[int | str]:
        together, told = Together(halve), dict[int, int | str]()

        async def ask(number: int) -> None:
            try:
                told[number] = await together.do(number)
            except ZeroDivisionError:
                told[number] = "failed"

        async with anyio.create_task_group() as group:
            group.start_soon(ask, 1)
            await run_in_thread(begun.wait, 30)
            for number in (2, 0, 3):
                group.start_soon(ask, number)
            await anyio.lowlevel.checkpoint()
            go_on.set()
        return [told[number] for number in (1, 2, 0, 3)]

    assert background.call(ask_all) == [12, 6, "failed", 4]
    assert batches == [[1], [2, 0, 3]]


def test_who_leaves_is_waited_for_and_holds_up_nobody(background: Background) -> None:
    """A task that is cancelled while it asks has what came of it first; one that was cancelled before asks nothing."""
    done: list[int] = []

    def note(numbers: Sequence[int]) -> list[Exception | None]:
        done.extend(numbers)
        return [None] * len(numbers)

    async def leave() -> None:
        together = Together(note)
        with anyio.CancelScope() as scope:
            scope.cancel()
            await together.do(1)
        async with anyio.create_task_group() as group:
            group.start_soon(together.do, 2)
            await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()
        await together.do(3)

    background.call(leave)
    assert done == [2, 3]
