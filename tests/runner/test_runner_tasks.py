"""Tasks, processes that die, and two who resume at once."""

from __future__ import annotations

import base64
import io
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import pytest
from PIL import Image

from clean_room import ROOT
from faultserver import FaultServer, Reset, Send, json_answer, response
from now_jupyter._json import Fields
from now_jupyter._messages import (
    AuthError,
    LinkExpiredError,
    QuotaError,
    ServiceError,
    TaskFailed,
    TaskLost,
    TaskNeedsAction,
    TaskStillPending,
)
from now_jupyter._protocol import Base64, Conversation, Found, Outcome, Poll, Reply
from now_jupyter._runner import RunResult
from now_jupyter._services._openai_images import OpenAIImages
from now_jupyter._store import Record
from now_jupyter._transport import _long_texts
from now_jupyter._values import Input, Origin, Request, Status
from relays import Watching, new_session, relay_on_loopback
from task_service import TaskService, task_in
from workshop import TASKS, finished, perform, resume, run_once, task_shop, workshop


def test_a_task_goes_from_submit_to_its_picture_and_buttons(tmp_path: Path) -> None:
    """Submit → checkpoint → polls with progress → one picture, its buttons in the record."""
    shop, watch = task_shop(tmp_path, life=30.0), Watching()
    done = perform(shop, shop.claimed(service=TASKS), service=TASKS, watch=watch)
    assert (done.record.status, done.record.billed, len(shop.pictures)) == (Status.DONE, "yes", 1)
    assert [one.label for one in done.record.buttons][:2] == ["U1", "U2"]
    fractions = [one.fraction for one in watch.progress]
    assert fractions == sorted(fractions)
    assert len(set(fractions)) > 3
    first = next(record for record in watch.records if record.state)
    assert first.outputs == ()
    assert shop.record().state == first.state


def test_a_button_is_an_order_of_its_own(tmp_path: Path) -> None:
    """The button under a picture gives another one."""
    shop = task_shop(tmp_path)

    async def run() -> RunResult:
        first = await run_once(shop, shop.claimed(service=TASKS), TASKS, Watching())
        record = shop.claimed_as(press(first.record, "U1"), TASKS)
        return await run_once(shop, record, TASKS, Watching())

    done = anyio.run(run)
    assert (done.record.status, done.record.number, len(shop.pictures)) == (Status.DONE, 2, 2)


def press(record: Record, label: str) -> Request:
    """The order of a button under what a record came to."""
    origin = Origin(service=record.service, model=record.model, state=record.state or {}, buttons=record.buttons)
    return Request(inputs=(Input(role="press", id=record.outputs[0].sha256, origin=origin),), button=label)


def test_tasks_share_their_polls(tmp_path: Path) -> None:
    """Two tasks that are under way together are asked for with one call each time."""
    with relay_on_loopback(latency=0.05) as served:
        shop = workshop(tmp_path, url=served.url)
        shop.runner.sleep = nap
        records = [shop.claimed(f"fox {n}", service=TASKS) for n in range(2)]

        async def run() -> None:
            async with anyio.create_task_group() as group:
                for record in records:
                    group.start_soon(run_once, shop, record, TASKS)
            await shop.aclose()

        anyio.run(run)
        bodies = [
            json.loads(one.body)["ids"] for one in served.relay.requests if one.path == "/mj/task/list-by-condition"
        ]
    assert [shop.record(number).status for number in (1, 2)] == [Status.DONE, Status.DONE]
    assert [len(ids) for ids in bodies].count(2) >= 2
    assert len(bodies) < 2 * sum(len(ids) == 2 for ids in bodies)


class Inline(TaskService):
    """A service whose polls bring the pictures along."""

    def read(self, reply: Reply, memo: Fields) -> Conversation[Outcome]:
        del memo
        known: Fields = yield from Poll(task_in(reply))
        yield from Found(key="1", sources=(Base64(str(known["picture"])),))
        return Outcome()


def test_what_a_shared_poll_brings_along_is_everybodys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures in it go to the disk, beyond the cap of what an answer says, until the last run has read them."""
    monkeypatch.setattr(_long_texts, "SAID_CAP", 20_000)
    pictures, ids, service = [large_png(shade) for shade in (1, 2)], iter(("7", "8")), Inline()
    items = [{"id": str(7 + at), "picture": base64.b64encode(one).decode()} for at, one in enumerate(pictures)]
    with FaultServer() as server:
        server.script(lambda _: [Send(json_answer({"code": 1, "result": next(ids)}))], path="/mj/submit/imagine")
        server.script([Send(json_answer(items))], path="/mj/task/list-by-condition")
        shop = workshop(tmp_path, url=server.url)
        shop.runner.sleep = nap
        records = [shop.claimed(f"fox {n}", service=service) for n in range(2)]

        async def run() -> None:
            async with anyio.create_task_group() as group:
                for record in records:
                    group.start_soon(run_once, shop, record, service)
            await shop.aclose()

        anyio.run(run)
    assert [shop.record(number).status for number in (1, 2)] == [Status.DONE, Status.DONE]
    assert sorted(path.read_bytes() for path in shop.pictures) == sorted(pictures)
    assert not list(shop.store.folder.rglob("*.tmp"))
    assert sum(one.path == "/mj/task/list-by-condition" for one in server.seen) < 4


def large_png(shade: int) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (200, 100), (shade, 7, 7)).save(data, "PNG", compress_level=0)
    return data.getvalue()


async def nap(seconds: float) -> None:
    """Wait as asked, but not for long."""
    await anyio.sleep(min(seconds, 0.1))


@pytest.mark.slow
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
    done = perform(shop, shop.claimed(service=TASKS, demo=wish), service=TASKS)
    assert done.error is not None
    assert error is None or type(done.error) is error
    assert (done.record.status, done.record.billed, done.error.billed) == (status, billed, billed)


def test_the_time_limit_is_half_an_hour_of_our_own_time(tmp_path: Path) -> None:
    """T2: the limit ends the polling, not the task."""
    shop = task_shop(tmp_path)
    done = perform(shop, shop.claimed(service=TASKS, demo={"latency": 3000}), service=TASKS)
    assert isinstance(done.error, TaskStillPending)
    assert 1800 <= done.record.elapsed <= 1900  # type: ignore[operator]
    shop.clock.now += 3600
    later = resume(shop, service=TASKS)
    assert (later.record.status, len(shop.pictures)) == (Status.DONE, 1)


def test_a_task_that_the_service_forgot_is_lost_but_may_be_asked_again(tmp_path: Path) -> None:
    """T5: after a minute of not knowing it: `TaskLost`, maybe billed, its id kept."""
    shop = task_shop(tmp_path)
    record = replace(shop.claimed(service=TASKS), state={"task": "42"}, billed="yes", status=Status.PENDING)
    shop.store.write(record)
    done = resume(shop, service=TASKS)
    assert isinstance(done.error, TaskLost)
    assert (done.record.status, done.record.billed, done.record.state) == (Status.UNKNOWN, "maybe", {"task": "42"})
    assert sum(shop.clock.slept) >= 60


def polls(server: FaultServer, *answers: list[Send]) -> None:
    server.script([Send(json_answer({"code": 1, "result": "7"}))], path="/mj/submit/imagine")
    server.script(*answers, path="/mj/task/list-by-condition")


def test_polls_that_fail_are_repeated(tmp_path: Path) -> None:
    """T6: a poll costs nothing: it is asked again until the service answers."""
    with FaultServer() as server:
        polls(server, *[[Send(response(502))]] * 9, [Reset()], finished(server))
        shop = workshop(tmp_path, url=server.url)
        done = perform(shop, shop.claimed(service=TASKS), service=TASKS)
        submits = sum(one.path == "/mj/submit/imagine" for one in server.seen)
    assert (done.error, done.record.status, submits) == (None, Status.DONE, 1)


def test_a_key_refused_while_polling_leaves_the_task_pending(tmp_path: Path) -> None:
    """T6: 401 stops the polling; the order was billed, and `resume` collects it once the key is right."""
    with FaultServer() as server:
        polls(server, [Send(json_answer({"error": {"message": "no"}}, status=401))], finished(server))
        shop = workshop(tmp_path, url=server.url)
        done = perform(shop, shop.claimed(service=TASKS), service=TASKS)
        assert isinstance(done.error, AuthError)
        assert (done.record.status, done.record.billed, done.error.billed) == (Status.PENDING, "yes", "yes")
        shop = workshop(tmp_path, url=server.url)
        later = resume(shop, service=TASKS)
        assert sum(one.path == "/mj/submit/imagine" for one in server.seen) == 1
    assert later.record.status is Status.DONE


def test_one_who_leaves_does_not_take_the_poll_of_the_others_along(tmp_path: Path) -> None:
    """Whoever asked for all may be stopped; the others ask again."""
    shop = task_shop(tmp_path, life=0)

    async def run() -> object:
        poller = shop.runner.poller(TASKS)
        answers: list[Any] = []

        async def poll(tasks: tuple[str, ...]) -> Fields:
            return {task: {"status": "SUCCESS"} for task in tasks}

        async def leave(scope: anyio.CancelScope) -> None:
            with scope:
                await poller.ask("nobody", poll)

        async def stay() -> None:
            answers.append(await poller.ask("mine", poll))

        scope = anyio.CancelScope()
        async with anyio.create_task_group() as group:
            group.start_soon(leave, scope)
            await anyio.lowlevel.checkpoint()
            group.start_soon(stay)
            await anyio.lowlevel.checkpoint()
            scope.cancel()
        return answers[0]["status"]

    assert anyio.run(run) == "SUCCESS"


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, "tests")
from relays import new_session
from task_service import TaskService

folder, url, key = sys.argv[1:]
with new_session(Path(folder), url, api_key=key, services=[TaskService()]) as session:
    job = session.submit("a fox", service="tasks", params={"demo": {"latency": 1}})
    while not any(record.state for record in job.records):
        pass
    print("submitted", flush=True)
    job.wait_until_over()
"""


@contextmanager
def served_elsewhere() -> Iterator[tuple[str, str]]:
    """The demo relay as a process of its own."""
    command = [sys.executable, "-m", "now_jupyter.demo", "--latency", "0.01"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            facts = json.loads(process.stdout.readline())
            yield facts["base_url"], facts["key"]
        finally:
            process.send_signal(signal.SIGINT)


@pytest.mark.slow
def test_a_killed_process_is_resumed_by_another_and_nothing_is_submitted_twice(tmp_path: Path) -> None:
    """T1: kill -9 while the task is going on; a new process collects it, and the relay's books show one submit."""
    with served_elsewhere() as (url, key):
        command = [sys.executable, "-c", KILLED, str(tmp_path), url, key]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "submitted\n"
            process.kill()
        with new_session(tmp_path, url, api_key=key, services=[TASKS]) as session:
            assert [one.status for one in session.history] == [Status.PENDING]
            (collected,) = session.resume()
            assert session.resume() == []
            used = session.balance().used
    assert (collected.status, len(collected.pictures)) == (Status.DONE, 1)
    assert used == Decimal("0.05")


@pytest.mark.slow
def test_two_who_resume_at_once_do_it_once(tmp_path: Path) -> None:
    """S5: one has the hold and collects; the other leaves it alone."""
    with relay_on_loopback() as served, new_session(tmp_path, served.url, services=[TASKS]) as first:
        job = first.submit("a fox", service="tasks", params={"demo": {"latency": 0.6}})
        while not (job.generation and any(record.state for record in job.records)):
            pass
        with new_session(tmp_path, served.url, services=[TASKS]) as second:
            (other,) = second.history
            assert other.status is Status.RUNNING
            assert second.resume() == []
        assert job.result(20).status is Status.DONE
        assert served.posts == 1


class Buggy(OpenAIImages):
    """The images service with a bug in its reading, before the picture or behind it."""

    def __init__(self, *, finds: bool) -> None:
        self._finds = finds

    def read(self, reply: Reply, memo: Fields) -> Conversation[Outcome]:
        if self._finds:
            yield from super().read(reply, memo)
        raise ZeroDivisionError(str(memo))


def test_a_bug_in_a_service_is_named_and_the_record_stays_unsettled(tmp_path: Path) -> None:
    """Nothing was found: the error is short and says which service failed; what may have been billed is said so."""
    services = [Buggy(finds=False)]
    with relay_on_loopback() as served, new_session(tmp_path, served.url, services=services) as session:
        with pytest.raises(ServiceError, match="openai-images failed: ZeroDivisionError"):
            session.generate("a fox")
        (one,) = session.history
        assert (one.status, one.billed) == (Status.UNKNOWN, "maybe")
        assert session.context.home().store.answer(1) is not None


def test_a_bug_in_a_service_costs_no_picture(tmp_path: Path) -> None:
    """What was found is kept and shown, the record says which service failed, and the answer stays."""
    services = [Buggy(finds=True)]
    with relay_on_loopback() as served, new_session(tmp_path, served.url, services=services) as session:
        made = session.generate("a fox")
        assert (made.status, made.billed, len(made.pictures)) == (Status.PARTIAL, "yes", 1)
        assert "openai-images failed: ZeroDivisionError" in str(made.error)
        assert session.context.home().store.answer(1) is not None
