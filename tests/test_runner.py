"""What happens between the intent and the last picture: nothing paid for is lost, nothing is sent twice."""

from __future__ import annotations

import base64
import json
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import pytest

from demo_calls import BASE_URL, Clock, new_relay, png
from faultserver import Await, FaultServer, Reset, Send, json_answer, response
from house import ROOT
from now_jupyter._download import Downloader
from now_jupyter._engines import ENGINES
from now_jupyter._errors import (
    AuthError,
    BadImageError,
    LinkExpiredError,
    MaybeBilledError,
    QuotaError,
    RejectedError,
    StoreFull,
    TaskFailed,
    TaskLost,
    TaskNeedsAction,
    TaskStillPending,
)
from now_jupyter._records import Record
from now_jupyter._runner import Performed, Runner
from now_jupyter._runner._keeping import ended
from now_jupyter._steps import Conversation, Engine, Outcome, Submit
from now_jupyter._store import Store
from now_jupyter._transport import Api
from now_jupyter._values import Request, Status
from now_jupyter.demo import Relay
from relays import Watching, new_session, relay_on_loopback
from task_engine import TaskService

OPENAI = ENGINES["openai"]
TASKS = TaskService(pause=1.0)


class YieldingClock(Clock):
    """A clock whose sleepers let the others go on."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        for _ in range(5):
            await anyio.lowlevel.checkpoint()


@dataclass
class Workshop:
    """A runner over a real store and a relay, with time that passes only when somebody sleeps."""

    store: Store
    runner: Runner
    clock: YieldingClock

    def claimed(self, prompt: str = "a fox", *, service: str = "openai", **params: Any) -> Record:
        request = Request(prompt=prompt, service=service, params=params)
        identity = uuid.uuid4().hex
        record = Record(id=identity, request=request, created=1.0, model="gpt-image-2", idempotency_key=identity)
        return self.store.claim(record)

    def record(self, number: int = 1) -> Record:
        return self.store.read(number)

    @property
    def pictures(self) -> list[Path]:
        return sorted(self.store.pictures.glob("*/*"))

    async def aclose(self) -> None:
        await self.runner.api.aclose()
        await self.runner.downloader.aclose()


def workshop(folder: Path, *, relay: Relay | None = None, url: str = BASE_URL) -> Workshop:
    clock = YieldingClock()
    runner = Runner(
        api=Api(base_url=url, relay=relay, sleep=clock.sleep),
        downloader=Downloader(origin=url, relay=relay, sleep=clock.sleep),
        store=Store(folder / "fox.now"),
        clock=clock,
        stopwatch=clock,
        sleep=clock.sleep,
    )
    return Workshop(runner.store, runner, clock)


def perform(shop: Workshop, record: Record, *, engine: Engine = OPENAI, watch: Watching | None = None) -> Performed:
    async def run() -> Performed:
        try:
            return await shop.runner.run(record, engine, watch or Watching())
        finally:
            await shop.aclose()

    return anyio.run(run)


def resume(shop: Workshop, number: int = 1, *, engine: Engine = OPENAI) -> Performed:
    async def run() -> Performed:
        try:
            return await shop.runner.resume(shop.record(number), engine, Watching())
        finally:
            await shop.aclose()

    return anyio.run(run)


def item(data: bytes) -> dict[str, str]:
    return {"b64_json": base64.b64encode(data).decode()}


# The order of things


def test_the_intent_is_on_disk_before_the_relay_sees_a_byte(tmp_path: Path) -> None:
    """When the request reaches the relay, its record says on disk that it may have been billed."""
    seen: list[dict[str, Any]] = []
    shop = workshop(tmp_path)

    def look(_request: object) -> list[Send]:
        seen.append(json.loads((shop.store.folder / "jobs" / "1.json").read_text()))
        return [Send(json_answer({"data": [item(png())]}))]

    with FaultServer() as server:
        server.script(look)
        shop = workshop(tmp_path, url=server.url)
        done = perform(shop, shop.claimed())
    assert [(one["billed"], one["status"]) for one in seen] == [("maybe", "running")]
    assert seen[0]["idempotency_key"] == server.seen[0].headers["idempotency-key"]
    assert (done.record.billed, done.record.status, server.posts) == ("yes", Status.DONE, 1)


def test_an_order_under_way_says_maybe_billed(tmp_path: Path) -> None:
    """Whoever looks on, is told of "maybe" before anything comes back, and of "yes" only then."""
    shop, watch = workshop(tmp_path, relay=new_relay()), Watching()
    perform(shop, shop.claimed(), watch=watch)
    words = [record.billed for record in watch.records]
    assert (words[0], words[-1]) == ("maybe", "yes")
    assert "no" not in words


def test_the_answer_is_kept_until_its_pictures_are_safe(tmp_path: Path) -> None:
    """While a picture is still missing the raw answer lies on disk; with the last one it goes."""
    shop = workshop(tmp_path, relay=new_relay())
    kept: list[bool] = []
    watch = Watching(at_change=lambda record: kept.append(bool(record.kept) and shop.store.answer(1) is not None))
    perform(shop, shop.claimed(), watch=watch)
    assert any(kept)
    assert shop.store.answer(1) is None
    assert len(shop.pictures) == 1


def test_every_attempt_is_recorded(tmp_path: Path) -> None:
    """Two that were refused for their rate and the one that went well stand in the record, in their order."""
    with FaultServer() as server:
        busy = json_answer({"error": {"code": "rate_limit_exceeded", "message": "slow"}}, status=429)
        server.script([Send(busy)], [Send(busy)], [Send(json_answer({"data": [item(png())]}))])
        shop = workshop(tmp_path, url=server.url)
        perform(shop, shop.claimed())
    attempts = shop.record().attempts
    assert [(one.phase, one.status, one.error) for one in attempts] == [
        ("answering", 429, "RateLimitError"),
        ("answering", 429, "RateLimitError"),
        ("answered", 200, None),
    ]


def test_attempts_that_found_no_connection_are_recorded_too(tmp_path: Path) -> None:
    """A failed connection is an attempt; the bare intent beside it is none."""
    with FaultServer() as server:
        url = server.url
    shop = workshop(tmp_path, url=url)
    done = perform(shop, shop.claimed())
    record = shop.record()
    assert [(one.phase, one.error) for one in record.attempts] == [("connecting", "ConnectFailed")] * 3
    assert (record.status, record.billed, done.error and done.error.billed) == (Status.FAILED, "no", "no")


# What goes wrong with one call


def test_a_refusal_is_not_billed(tmp_path: Path) -> None:
    """A known refusal ends as failed, billed no."""
    relay = new_relay()
    shop = workshop(tmp_path, relay=relay)
    done = perform(shop, shop.claimed(demo={"code": "content_policy_violation"}))
    assert isinstance(done.error, RejectedError)
    assert (done.record.status, done.record.billed) == (Status.FAILED, "no")
    assert shop.record() == replace(done.record, elapsed=None)
    assert len(relay.ledger) == 1


@pytest.mark.parametrize("fault", ["cut", "reset", "html", "empty", "no_picture"])
def test_an_answer_that_cannot_be_used_leaves_the_order_unknown(fault: str, tmp_path: Path) -> None:
    """Nothing is sent again; the record says maybe, and what came is kept raw."""
    relay = new_relay()
    shop = workshop(tmp_path, relay=relay)
    done = perform(shop, shop.claimed(demo={"fault": fault}))
    assert (shop.record().status, shop.record().billed) == (Status.UNKNOWN, "maybe")
    assert done.error is not None
    assert done.error.billed == "maybe"
    assert len(relay.ledger) == 1
    kept = shop.store.answer(1)
    assert (kept is None) == (fault == "reset")
    assert kept is None or fault == "empty" or kept.body()


def test_a_broken_item_goes_to_quarantine_and_the_others_are_kept(tmp_path: Path) -> None:
    """B4: of three base64 items one is broken and one is no picture: one is saved, two are set aside, all kept raw."""
    broken = {"b64_json": "!!!" + base64.b64encode(png()).decode()}
    with FaultServer() as server:
        server.script([Send(json_answer({"data": [item(png()), broken, item(b"<svg/>")]}))])
        shop = workshop(tmp_path, url=server.url)
        done = perform(shop, shop.claimed(n=3))
    assert (done.record.status, done.record.billed, done.error) == (Status.PARTIAL, "yes", None)
    assert [bool(one.sha256) for one in done.record.kept] == [True, False, False]
    assert len([one for one in (shop.store.folder / "quarantine").iterdir() if one.suffix != ".why"]) == 2
    assert shop.store.answer(1) is not None


def test_when_nothing_of_an_answer_is_a_picture_the_error_says_billed_yes(tmp_path: Path) -> None:
    """All items broken: partial, billed yes, and an error of the right class."""
    with FaultServer() as server:
        server.script([Send(json_answer({"data": [item(b"<html>")]}))])
        shop = workshop(tmp_path, url=server.url)
        done = perform(shop, shop.claimed())
    assert isinstance(done.error, BadImageError)
    assert (done.record.status, done.error.billed) == (Status.PARTIAL, "yes")


# Links


class Links:
    """Answers an order by four links; a dead one comes back to life."""

    def __init__(self, server: FaultServer, *, dead: set[int]) -> None:
        self.dead = dead
        self.server = server
        server.script(lambda _: [Send(json_answer({"data": [{"url": f"{server.url}/{n}.png"} for n in range(4)]}))])
        for number in range(4):
            server.script(lambda _, n=number: self._picture(n), path=f"/{number}.png")

    def _picture(self, number: int) -> list[Send]:
        if number in self.dead:
            return [Send(response(410))]
        return [Send(response(200, png(colour=(number, 0, 0)), headers={"Content-Type": "image/png"}))]


def test_one_dead_link_of_four_leaves_a_partial_that_resume_completes(tmp_path: Path) -> None:
    """D5: three are saved at once; the fourth is fetched when its link works again, and nothing is posted for it."""
    with FaultServer() as server:
        links = Links(server, dead={2})
        shop = workshop(tmp_path, url=server.url)
        first = perform(shop, shop.claimed(n=4))
        assert (first.record.status, first.error, len(shop.pictures)) == (Status.PARTIAL, None, 3)
        assert [bool(one.link) for one in first.record.kept] == [False, False, True, False]
        links.dead.clear()
        server.seen.clear()
        shop = workshop(tmp_path, url=server.url)
        second = resume(shop)
        assert [one.path for one in server.seen] == ["/2.png"]
    assert (second.record.status, second.record.error, len(shop.pictures)) == (Status.DONE, None, 4)
    assert shop.store.answer(1) is None


def test_dead_links_alone_are_a_partial_order_that_was_billed(tmp_path: Path) -> None:
    """All downloads fail: billed yes, resumable, and the error says how."""
    with FaultServer() as server:
        Links(server, dead={0, 1, 2, 3})
        shop = workshop(tmp_path, url=server.url)
        done = perform(shop, shop.claimed(n=4))
    assert isinstance(done.error, LinkExpiredError)
    assert "%now resume" in done.error.next_step()
    assert (done.record.status, done.record.billed) == (Status.PARTIAL, "yes")
    assert done.record.error is not None
    assert done.record.error.type == "LinkExpiredError"


def test_links_are_fetched_again_without_the_answer(tmp_path: Path) -> None:
    """The record alone is enough to fetch what is missing."""
    with FaultServer() as server:
        links = Links(server, dead={0, 3})
        shop = workshop(tmp_path, url=server.url)
        perform(shop, shop.claimed(n=4))
        shop.store.drop_answer(1)
        links.dead.clear()
        shop = workshop(tmp_path, url=server.url)
        done = resume(shop)
        assert server.posts == 1
    assert (done.record.status, len(shop.pictures)) == (Status.DONE, 4)


def test_an_answer_on_disk_is_enough_to_resume(tmp_path: Path) -> None:
    """Killed between the answer and its pictures: `resume` takes them from the raw answer, and asks nobody."""
    relay = new_relay()
    shop = workshop(tmp_path, relay=relay)
    record = shop.claimed()
    shop.store.write(replace(record, status=Status.RUNNING, billed="maybe"))
    with_answer(shop, {"data": [item(png())]})
    done = resume(shop)
    assert (done.record.status, done.record.billed, len(shop.pictures)) == (Status.DONE, "yes", 1)
    assert relay.ledger == ()


def with_answer(shop: Workshop, body: object) -> None:
    answer = shop.store.open_answer(1)
    answer.begin({"status": 200, "content_type": "application/json"})
    answer.write(json.dumps(body).encode())
    answer.finish()


def test_what_left_nothing_behind_cannot_be_resumed(tmp_path: Path) -> None:
    """No answer, no task, no links: it stays unknown, and the message says so."""
    shop = workshop(tmp_path, relay=new_relay())
    shop.store.write(replace(shop.claimed(), status=Status.UNKNOWN, billed="maybe"))
    done = resume(shop)
    assert isinstance(done.error, MaybeBilledError)
    assert (done.record.status, done.record.billed) == (Status.UNKNOWN, "maybe")


# Stopping


def test_cancelling_before_the_call_sends_nothing(tmp_path: Path) -> None:
    """Cancelled, billed no, no POST."""
    relay = new_relay()
    shop = workshop(tmp_path, relay=relay)
    record = shop.claimed()

    async def run() -> None:
        with anyio.CancelScope() as scope:
            scope.cancel()
            await shop.runner.run(record, OPENAI, Watching())

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
            await shop.runner.run(record, OPENAI, watch)

    anyio.run(run)
    assert (shop.record().status, len(shop.pictures)) == (Status.DONE, 1)


def test_a_task_that_was_submitted_is_followed_whoever_leaves(tmp_path: Path) -> None:
    """Polling is shielded as the call was."""
    shop = task_shop(tmp_path)
    record = shop.claimed(service="tasks")

    async def run() -> None:
        with anyio.CancelScope() as scope:
            watch = Watching(at_change=lambda record: scope.cancel() if record.state else None)
            await shop.runner.run(record, TASKS, watch)

    anyio.run(run)
    assert shop.record().status is Status.DONE


def test_collecting_goes_on_whoever_leaves(tmp_path: Path) -> None:
    """What `resume` has begun is finished as well."""
    shop = task_shop(tmp_path)
    record = shop.claimed(service="tasks", demo={"latency": 3000})
    assert perform(shop, record, engine=TASKS).record.status is Status.PENDING
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

        async def run() -> Performed:
            results: list[Performed] = []

            async def buy() -> None:
                results.append(await shop.runner.run(record, OPENAI, Watching()))

            async with anyio.create_task_group() as group:
                group.start_soon(buy)
                await anyio.to_thread.run_sync(gate.reached.wait)
                shop.runner.abandon()
            await shop.aclose()
            return results[0]

        done = anyio.run(run)
    assert isinstance(done.error, MaybeBilledError)
    assert (shop.record().status, shop.record().billed) == (Status.UNKNOWN, "maybe")


# A store that fails


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
    shop = full_shop(tmp_path, new_relay(), lambda record: bool(record.kept))
    done = perform(shop, shop.claimed())
    assert isinstance(done.error, StoreFull)
    assert (done.error.billed, done.record.billed, len(shop.pictures)) == ("yes", "yes", 1)
    assert shop.store.answer(1) is not None
    assert done.record.kept[0].sha256


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
    over = ended(record, Outcome(), error, cause=error)
    assert (over.status, over.billed) == (Status.UNKNOWN, "maybe")


def test_a_task_whose_checkpoint_finds_no_room_is_not_forgotten(tmp_path: Path) -> None:
    """S2: billed yes and pending, in memory; the raw answer on disk names the task."""
    shop = task_shop(tmp_path)
    relay_api, downloader, clock = shop.runner.api, shop.runner.downloader, shop.clock
    shop = full_shop(tmp_path, new_relay(), lambda record: record.state is not None)
    shop.runner.api, shop.runner.downloader = relay_api, downloader
    done = perform(shop, shop.claimed(service="tasks"), engine=TASKS)
    assert isinstance(done.error, StoreFull)
    assert (done.record.status, done.record.billed, done.error.billed) == (Status.PENDING, "yes", "yes")
    shop.store = shop.runner.store = Store(tmp_path / "fox.now")
    clock.now += 100
    later = resume(shop, engine=TASKS)
    assert (later.record.status, len(shop.pictures)) == (Status.DONE, 1)


# Tasks


def task_shop(folder: Path, *, life: float = 10.0) -> Workshop:
    shop = workshop(folder, relay=new_relay())
    relay = Relay(base_url=BASE_URL, latency=life / 20, clock=shop.clock, sleep=shop.clock.sleep)
    shop.runner.api = Api(base_url=BASE_URL, relay=relay, sleep=shop.clock.sleep)
    shop.runner.downloader = Downloader(origin=BASE_URL, relay=relay, sleep=shop.clock.sleep)
    return shop


def test_a_task_goes_from_submit_to_its_picture_and_buttons(tmp_path: Path) -> None:
    """Submit → checkpoint → polls with progress → one picture, its buttons in the record."""
    shop, watch = task_shop(tmp_path), Watching()
    done = perform(shop, shop.claimed(service="tasks"), engine=TASKS, watch=watch)
    assert (done.record.status, done.record.billed, len(shop.pictures)) == (Status.DONE, "yes", 1)
    assert [one.label for one in done.record.buttons][:2] == ["U1", "U2"]
    fractions = [one.fraction for one in watch.progress]
    assert fractions == sorted(fractions)
    assert len(set(fractions)) > 3
    first = next(record for record in watch.records if record.state)
    assert first.kept == ()
    assert shop.record().state == first.state


def test_a_button_is_an_order_of_its_own(tmp_path: Path) -> None:
    """The button under a picture gives another one."""
    shop = task_shop(tmp_path)

    async def run() -> Performed:
        first = await shop.runner.run(shop.claimed(service="tasks"), TASKS, Watching())
        task = dict(first.record.state or {})["task"]
        record = shop.claimed(service="tasks", task=task, button=first.record.buttons[0].action)
        return await shop.runner.run(record, TASKS, Watching())

    done = anyio.run(run)
    assert (done.record.status, done.record.number, len(shop.pictures)) == (Status.DONE, 2, 2)


def test_tasks_share_their_polls(tmp_path: Path) -> None:
    """Two tasks that are under way together are asked for with one call each time."""
    with relay_on_loopback(latency=0.02) as served:
        shop = workshop(tmp_path, url=served.url)
        shop.runner.sleep = anyio.sleep
        records = [shop.claimed(f"fox {n}", service="tasks") for n in range(2)]
        engine = TaskService(pause=0.1)

        async def run() -> None:
            async with anyio.create_task_group() as group:
                for record in records:
                    group.start_soon(shop.runner.run, record, engine, Watching())
            await shop.aclose()

        anyio.run(run)
        bodies = [
            json.loads(one.body)["ids"] for one in served.relay.requests if one.path == "/mj/task/list-by-condition"
        ]
    assert [shop.record(number).status for number in (1, 2)] == [Status.DONE, Status.DONE]
    assert [len(ids) for ids in bodies].count(2) >= 2
    assert len(bodies) < 2 * sum(len(ids) == 2 for ids in bodies)


@pytest.mark.parametrize(
    ("wish", "error", "status", "billed"),
    [
        ({"fault": "failure"}, TaskFailed, Status.FAILED, "no"),
        ({"fault": "modal"}, TaskNeedsAction, Status.PENDING, "maybe"),
        ({"latency": 3600}, TaskStillPending, Status.PENDING, "yes"),
        ({"fault": "dead_link", "latency": 0}, LinkExpiredError, Status.PARTIAL, "yes"),
        ({"code": 23}, None, Status.UNKNOWN, "maybe"),
        ({"code": "insufficient_user_quota"}, QuotaError, Status.FAILED, "no"),
    ],
    ids=["failure", "modal", "never ends", "dead link", "queue full", "refused"],
)
def test_how_a_task_may_end(wish: dict[str, Any], error: Any, status: Status, billed: str, tmp_path: Path) -> None:
    """FAILURE, MODAL, a task without end, a dead link and a refusal each leave their own record; none is confirmed."""
    shop = task_shop(tmp_path)
    done = perform(shop, shop.claimed(service="tasks", demo=wish), engine=TASKS)
    assert done.error is not None
    assert error is None or type(done.error) is error
    assert (done.record.status, done.record.billed, done.error.billed) == (status, billed, billed)


def test_the_time_limit_is_half_an_hour_of_our_own_time(tmp_path: Path) -> None:
    """T2: the limit ends the polling, not the task."""
    shop = task_shop(tmp_path)
    done = perform(shop, shop.claimed(service="tasks", demo={"latency": 3000}), engine=TASKS)
    assert isinstance(done.error, TaskStillPending)
    assert 1800 <= done.record.elapsed <= 1900  # type: ignore[operator]
    shop.clock.now += 3600
    later = resume(shop, engine=TASKS)
    assert (later.record.status, len(shop.pictures)) == (Status.DONE, 1)


def test_a_task_that_the_service_forgot_is_lost_but_may_be_asked_again(tmp_path: Path) -> None:
    """T5: after a minute of not knowing it: `TaskLost`, maybe billed, its id kept."""
    shop = task_shop(tmp_path)
    record = replace(shop.claimed(service="tasks"), state={"task": "42"}, billed="yes", status=Status.PENDING)
    shop.store.write(record)
    done = resume(shop, engine=TASKS)
    assert isinstance(done.error, TaskLost)
    assert (done.record.status, done.record.billed, done.record.state) == (Status.UNKNOWN, "maybe", {"task": "42"})
    assert sum(shop.clock.slept) >= 60


def polls(server: FaultServer, *answers: list[Send]) -> None:
    server.script([Send(json_answer({"code": 1, "result": "7"}))], path="/mj/submit/imagine")
    server.script(*answers, path="/mj/task/list-by-condition")


def finished(server: FaultServer) -> list[Send]:
    server.script([Send(response(200, png(), headers={"Content-Type": "image/png"}))], path="/p.png")
    return [Send(json_answer([{"id": "7", "status": "SUCCESS", "imageUrl": f"{server.url}/p.png", "buttons": []}]))]


def test_polls_that_fail_are_repeated(tmp_path: Path) -> None:
    """T6: a poll costs nothing: it is asked again until the service answers."""
    with FaultServer() as server:
        polls(server, *[[Send(response(502))]] * 9, [Reset()], finished(server))
        shop = workshop(tmp_path, url=server.url)
        done = perform(shop, shop.claimed(service="tasks"), engine=TASKS)
        submits = sum(one.path == "/mj/submit/imagine" for one in server.seen)
    assert (done.error, done.record.status, submits) == (None, Status.DONE, 1)


def test_a_key_refused_while_polling_leaves_the_task_pending(tmp_path: Path) -> None:
    """T6: 401 stops the polling; the order was billed, and `resume` collects it once the key is right."""
    with FaultServer() as server:
        polls(server, [Send(json_answer({"error": {"message": "no"}}, status=401))], finished(server))
        shop = workshop(tmp_path, url=server.url)
        done = perform(shop, shop.claimed(service="tasks"), engine=TASKS)
        assert isinstance(done.error, AuthError)
        assert (done.record.status, done.record.billed, done.error.billed) == (Status.PENDING, "yes", "yes")
        shop = workshop(tmp_path, url=server.url)
        later = resume(shop, engine=TASKS)
        assert sum(one.path == "/mj/submit/imagine" for one in server.seen) == 1
    assert later.record.status is Status.DONE


def test_one_who_leaves_does_not_take_the_poll_of_the_others_along(tmp_path: Path) -> None:
    """Whoever asked for all may be stopped; the others ask again."""
    shop = task_shop(tmp_path, life=0)

    async def run() -> object:
        first = await shop.runner.run(shop.claimed(service="tasks"), TASKS, Watching())
        poller = shop.runner.poller(TASKS)
        answers: list[Any] = []

        async def leave(scope: anyio.CancelScope) -> None:
            with scope:
                await poller.ask("nobody")

        async def stay() -> None:
            answers.append(await poller.ask(str(dict(first.record.state or {})["task"])))

        scope = anyio.CancelScope()
        async with anyio.create_task_group() as group:
            group.start_soon(leave, scope)
            await anyio.lowlevel.checkpoint()
            group.start_soon(stay)
            await anyio.lowlevel.checkpoint()
            scope.cancel()
        return answers[0]["status"]

    assert anyio.run(run) == "SUCCESS"


# Processes that die, and two who resume at once

KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, "tests")
from relays import new_session
from task_engine import TaskService

folder, url, key = sys.argv[1:]
with new_session(Path(folder), url, api_key=key, engines={"tasks": TaskService(pause=0.05)}) as session:
    job = session.submit("a fox", service="tasks", params={"demo": {"latency": 1}})
    while not any(record.state for record in job.records):
        pass
    print("submitted", flush=True)
    job.wait_quietly()
"""


@contextmanager
def served_elsewhere() -> Iterator[tuple[str, str]]:
    """The demo relay as a process of its own."""
    command = [sys.executable, "-m", "now_jupyter.demo", "--latency", "0.01"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        facts = json.loads(process.stdout.readline())
        yield facts["base_url"], facts["key"]
        process.send_signal(signal.SIGINT)


def test_a_killed_process_is_resumed_by_another_and_nothing_is_submitted_twice(tmp_path: Path) -> None:
    """T1: kill -9 while the task is going on; a new process collects it, and the relay's books show one submit."""
    engines = {"tasks": TaskService(pause=0.05)}
    with served_elsewhere() as (url, key):
        command = [sys.executable, "-c", KILLED, str(tmp_path), url, key]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "submitted\n"
            process.kill()
        with new_session(tmp_path, url, api_key=key, engines=engines) as session:
            assert [one.status for one in session.history] == [Status.PENDING]
            (collected,) = session.resume()
            assert session.resume() == []
            used = session.balance().used
    assert (collected.status, len(collected.pictures)) == (Status.DONE, 1)
    assert used == Decimal("0.05")


def test_two_who_resume_at_once_do_it_once(tmp_path: Path) -> None:
    """S5: one has the hold and collects; the other leaves it alone."""
    engines = {"tasks": TaskService(pause=0.05)}
    with relay_on_loopback() as served, new_session(tmp_path, served.url, engines=engines) as first:
        job = first.submit("a fox", service="tasks", params={"demo": {"latency": 0.6}})
        while not (job.generation and any(record.state for record in job.records)):
            pass
        with new_session(tmp_path, served.url, engines=engines) as second:
            (other,) = second.history
            assert other.status is Status.RUNNING
            assert second.resume() == []
        assert job.result(20).status is Status.DONE
        assert served.posts == 1


def test_a_bug_in_an_engine_reaches_the_caller_and_the_record_stays_unsettled(tmp_path: Path) -> None:
    """A bug is no error of ours; what may have been billed is not called anything else."""

    class Buggy:
        name = "buggy"

        def start(self, request: Request, *, model: str, partials: int = 0) -> Conversation:
            yield Submit(OPENAI.start(request, model=model, partials=partials).send(None).call)  # type: ignore[union-attr]
            raise ZeroDivisionError(request.prompt)
            return Outcome()

    with relay_on_loopback() as served, new_session(tmp_path, served.url, engines={"openai": Buggy()}) as session:
        with pytest.raises(ZeroDivisionError):
            session.generate("a fox")
        (one,) = session.history
        assert (one.status, one.billed) == (Status.PENDING, "maybe")
