"""Stopping, and a store that fails."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from demo_calls import new_relay, png
from faultserver import Await, FaultServer, Send, json_answer
from now_jupyter._messages import MaybeBilledError, StoreFull
from now_jupyter._protocol import Outcome
from now_jupyter._runner import RunResult
from now_jupyter._runner._verdict import decide_end
from now_jupyter._store import Record, Store
from now_jupyter._values import Status
from now_jupyter.demo import Relay
from relays import Watching
from workshop import IMAGES, TASKS, Workshop, item, perform, resume, run_once, task_shop, workshop


def test_cancelling_before_the_call_sends_nothing(tmp_path: Path) -> None:
    """Cancelled, billed no, no POST."""
    relay = new_relay()
    shop = workshop(tmp_path, relay=relay)
    record = shop.claimed()

    async def run() -> None:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await run_once(shop, record, IMAGES, Watching())

    anyio.run(run)
    assert relay.ledger == ()
    assert (shop.record().status, shop.record().billed) == (Status.CANCELLED, "no")


def test_what_was_sent_goes_on_whoever_leaves(tmp_path: Path) -> None:
    """Cancelled while the relay draws: the picture is saved all the same."""
    shop = workshop(tmp_path, relay=new_relay())
    record = shop.claimed()

    async def run() -> None:
        with anyio.CancelScope() as scope:
            watch = Watching(at_change=lambda record: scope.cancel() if record.billed == "maybe" else None)
            await run_once(shop, record, IMAGES, watch)

    anyio.run(run)
    assert (shop.record().status, len(shop.pictures)) == (Status.DONE, 1)


def test_a_task_that_was_submitted_is_followed_whoever_leaves(tmp_path: Path) -> None:
    """Polling is shielded as the call was."""
    shop = task_shop(tmp_path)
    record = shop.claimed(service=TASKS)

    async def run() -> None:
        with anyio.CancelScope() as scope:
            watch = Watching(at_change=lambda record: scope.cancel() if record.state else None)
            await run_once(shop, record, TASKS, watch)

    anyio.run(run)
    assert shop.record().status is Status.DONE


def test_collecting_goes_on_whoever_leaves(tmp_path: Path) -> None:
    """What `resume` has begun is finished as well."""
    shop = task_shop(tmp_path)
    record = shop.claimed(service=TASKS, demo={"latency": 3000})
    assert perform(shop, record, service=TASKS).record.status is Status.PENDING
    shop.clock.now += 600

    async def run() -> None:
        with anyio.CancelScope() as scope:
            watch = Watching()
            scope.cancel()
            await shop.runner.resume(shop.record(), TASKS, watch)

    record = shop.record()
    anyio.run(run)
    assert shop.record() == record, "left before anything was read: as it was"

    async def begun() -> None:
        with anyio.CancelScope() as scope:
            watch = Watching(at_change=lambda _: scope.cancel())
            watch.progressed = lambda _: scope.cancel()  # type: ignore[method-assign]
            await shop.runner.resume(shop.record(), TASKS, watch)

    shop.clock.now -= 10
    anyio.run(begun)
    assert shop.record().status is Status.DONE


def test_abandoning_leaves_the_truth_in_the_record(tmp_path: Path) -> None:
    """An answer that is given up is unknown and maybe billed."""
    with FaultServer() as server:
        gate = Await(threading.Event())
        server.script([gate, Send(json_answer({"data": [item(png())]}))])
        shop = workshop(tmp_path, url=server.url)
        record = shop.claimed()

        async def run() -> RunResult:
            results: list[RunResult] = []

            async def buy() -> None:
                results.append(await run_once(shop, record, IMAGES, Watching()))

            async with anyio.create_task_group() as group:
                group.start_soon(buy)
                await anyio.to_thread.run_sync(gate.reached.wait)
                shop.runner.abandon()
            await shop.aclose()
            return results[0]

        done = anyio.run(run)
    assert isinstance(done.error, MaybeBilledError)
    assert (shop.record().status, shop.record().billed) == (Status.UNKNOWN, "maybe")


class FullStore(Store):
    """A store whose disk is full from a certain write on."""

    fails_at: Callable[[Record], bool] = staticmethod(lambda _: False)

    def write(self, record: Record) -> None:
        if self.fails_at(record):
            raise StoreFull("no space is left")
        super().write(record)


def full_shop(folder: Path, relay: Relay, fails_at: Callable[[Record], bool]) -> Workshop:
    shop = workshop(folder, relay=relay)
    shop.store = shop.runner.store = store = FullStore(folder / "fox.now")
    store.fails_at = fails_at
    return shop


def test_what_cannot_be_recorded_is_not_sent(tmp_path: Path) -> None:
    """S1: the intent cannot be written: 0 POSTs, billed no."""
    relay = new_relay()
    shop = full_shop(tmp_path, relay, lambda record: record.billed != "no")
    done = perform(shop, shop.claimed())
    assert isinstance(done.error, StoreFull)
    assert (relay.ledger, done.error.billed, done.record.status) == ((), "no", Status.FAILED)


def test_a_disk_that_fills_up_after_paying_does_not_make_it_unpaid(tmp_path: Path) -> None:
    """S2: the last write fails: the error says billed yes, the picture and the raw answer are there."""
    shop = full_shop(tmp_path, new_relay(), lambda record: bool(record.outputs))
    done = perform(shop, shop.claimed())
    assert isinstance(done.error, StoreFull)
    assert (done.error.billed, done.record.billed, len(shop.pictures)) == ("yes", "yes", 1)
    assert shop.store.answer(1) is not None
    assert done.record.outputs[0].sha256


class FullSink(FullStore):
    """A store that cannot write answers."""

    def open_answer(self, number: int) -> Any:
        answer = super().open_answer(number)
        answer.begin = self._full  # type: ignore[method-assign]
        return answer

    def _full(self, _head: object) -> None:
        raise StoreFull("no space is left")


@pytest.mark.parametrize("fault", [None, "no_picture"])
def test_an_answer_that_cannot_be_written_down_is_taken_all_the_same(fault: str | None, tmp_path: Path) -> None:
    """S2: the raw answer finds no room: its picture is kept; without one it stays maybe billed, never unbilled."""
    shop = full_shop(tmp_path, new_relay(), lambda _: False)
    shop.store = shop.runner.store = FullSink(tmp_path / "fox.now")
    done = perform(shop, shop.claimed(**({"demo": {"fault": fault}} if fault else {})))
    assert done.record.billed == ("yes" if fault is None else "maybe")
    assert len(shop.pictures) == (1 if fault is None else 0)


def test_a_failing_store_says_nothing_of_the_money(tmp_path: Path) -> None:
    """Whatever fails to be written, "maybe" is not lowered by it."""
    record = replace(workshop(tmp_path, relay=new_relay()).claimed(), billed="maybe")
    error = StoreFull("no space is left")
    over = decide_end(record, Outcome(), error, lost=None)
    assert (over.status, over.billed) == (Status.UNKNOWN, "maybe")


def test_a_task_whose_checkpoint_finds_no_room_is_not_forgotten(tmp_path: Path) -> None:
    """S2: billed yes and pending, in memory; the raw answer on disk names the task."""
    shop = task_shop(tmp_path)
    relay_api, downloader, clock = shop.runner.client, shop.runner.downloader, shop.clock
    shop = full_shop(tmp_path, new_relay(), lambda record: record.state is not None)
    shop.runner.client, shop.runner.downloader = relay_api, downloader
    done = perform(shop, shop.claimed(service=TASKS), service=TASKS)
    assert isinstance(done.error, StoreFull)
    assert (done.record.status, done.record.billed, done.error.billed) == (Status.PENDING, "yes", "yes")
    shop.store = shop.runner.store = Store(tmp_path / "fox.now")
    clock.now += 100
    later = resume(shop, service=TASKS)
    assert (later.record.status, len(shop.pictures)) == (Status.DONE, 1)
