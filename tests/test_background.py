"""The loop in its thread: what it does when Python ends, and that it needs no new thread for that."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from itertools import pairwise

import anyio
import pytest

from now_jupyter._background import Background, Turns, run_in_thread


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
