"""Rows T1 to T7: services that work on tasks, asked until they are done.

The service is the tests' own small one (`services.py`), on the steps that every service is made of; what is proved
here are the steps: polling, limits, checkpoints and resuming.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from campaign import Campaign
from clean_room import ROOT
from faultserver import Action, Await, Close, FaultServer, Reset, Send, json_answer, response
from limits import at_once
from now_jupyter._messages._errors import (
    AuthError,
    QuotaError,
    RateLimitError,
    RejectedError,
    TaskFailed,
    TaskLost,
    TaskNeedsAction,
    TaskStillPending,
)
from now_jupyter._values import Generation
from services import LIST, SUBMIT, TaskDesk, pauses_between_polls, stand_of, waited
from stand import PATH, png, sells

PICTURE = {"Content-Type": "image/png"}


CHILD = """
import sys
sys.path[:0] = [{tests!r}, {faults!r}]
from pathlib import Path
from services import SERVICES_WITH_TASKS
from now_jupyter._session import Session
folder = Path({folder!r})
session = Session(
    folder=folder, base_url={url!r}, environ={{}}, working=folder.parent, services=SERVICES_WITH_TASKS
)
session.generate("a fox", service="tasks", model="mj")
"""


@pytest.mark.row("T1", injected="kill -9 right after the submit was answered, and while polling; raw answer gone")
def test_a_kill_after_the_submit_loses_nothing(tmp_path: Path, campaign: Campaign) -> None:
    """The next kernel sees the task pending, `resume` collects it, and there was one submit."""
    for moment in ("polling", "submitted", "without its answer"):
        folder = tmp_path / moment / "a.now"  # side by side, one would answer for the other
        folder.parent.mkdir()
        with FaultServer() as server, stand_of(folder, server=server) as stand:
            service = TaskDesk(stand)
            service.sells(png(1))
            stopped = Await(threading.Event())
            service.line_up([stopped, Close()])
            code = textwrap.dedent(CHILD).format(
                tests=str(ROOT / "tests"), faults=str(Path(__file__).parent), folder=str(folder), url=server.url
            )
            child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            assert stopped.reached.wait(30), (child.kill(), child.communicate())
            os.kill(child.pid, signal.SIGKILL)
            child.communicate()
            stopped.event.set()
            if moment == "submitted":  # as if it had died before the checkpoint: only the raw answer is there
                path = folder / "jobs" / "1.json"
                form = json.loads(path.read_bytes())
                form.pop("state")
                path.write_text(json.dumps(form), "utf-8")
            if moment == "without its answer":  # then the checkpoint alone knows the task
                for path in (folder / "answers").iterdir():
                    path.unlink()
            assert [one.status for one in stand.session.history] == ["pending"]
            assert service.submits == 1
            service.forget_answers()
            service.answers("SUCCESS", image=stand.link("/p"))
            stand.serve_link("/p", [Send(response(200, png(1), headers=PICTURE))])
            assert [one.status for one in stand.session.resume()] == ["done"]
            assert stand.session.resume() == []
            assert service.submits == 1
            assert stand.verdict().marked == 0
    campaign.figure("kill points survived", 3)
    campaign.outcome(outcome="pending, then resumed; 1 submit", billed="yes", kept="task id, then picture")


@pytest.mark.row("T2", injected="a task that never ends")
def test_a_task_that_never_ends_is_left_after_half_an_hour(tmp_path: Path, campaign: Campaign) -> None:
    """It is asked for after 2 s, then ever more seldom, at last every 10 s; after 30 minutes it is `TaskStillPending`,
    billed, the id kept; `resume` goes on where it was.
    """
    with stand_of(tmp_path / "a.now") as stand:
        service = TaskDesk(stand)
        service.sells(png(2))
        service.answers("IN_PROGRESS", progress="50%")
        with at_once(60):
            error = service.order()
        assert isinstance(error, TaskStillPending)
        assert error.billed == "yes"
        assert 1800 <= waited(stand) < 1820
        pauses = pauses_between_polls(stand)
        assert (pauses[0], pauses[-1]) == (2.0, 10.0)
        assert pauses == sorted(pauses)
        assert all(after <= 1.5 * before for before, after in itertools.pairwise(pauses))
        assert 170 < service.polls < 200
        assert (stand.last.status, stand.last.form["state"]) == ("pending", {"task": "17"})
        service.forget_answers()
        service.answers("SUCCESS", image=stand.link("/p"))
        stand.serve_link("/p", [Send(response(200, png(2), headers=PICTURE))])
        assert stand.session.resume()[0].status == "done"
        assert service.submits == 1
        stand.verdict()
        campaign.figure("polls of the endless task", service.polls)
    campaign.outcome(outcome="polled at 2→10 s, TaskStillPending after 30 min", billed="yes", kept="task id")


@pytest.mark.row("T2", injected="a task that never ends, in a kernel that has other things to do")
def test_a_task_that_goes_on_keeps_nobody_waiting(tmp_path: Path, campaign: Campaign) -> None:
    """While a task is followed, other orders come and go, and its waiter can leave at any time."""
    with stand_of(tmp_path / "a.now") as stand:
        service, polled, go_on = TaskDesk(stand), threading.Event(), threading.Event()
        service.sells(png(2))
        service.line_up([Await(go_on, polled), Send(json_answer([])), Close()])
        stand.server.script(sells(stand.ledger, png(3)), path=PATH)
        with at_once():
            job = stand.session.submit("a slow fox", model="mj", service="tasks")
            assert polled.wait(10)
            assert stand.bought().status == "done"
            threading.Timer(0.05, job.stop_waiting).start()
            with pytest.raises(TaskStillPending):
                job.result()
        service.forget_answers()
        service.answers("SUCCESS", image=stand.link("/p"))
        stand.serve_link("/p", [Send(response(200, png(2), headers=PICTURE))])
        go_on.set()
        assert job.result(30).status == "done"
        stand.verdict()
    campaign.outcome(outcome="another order is done meanwhile", billed="once each", kept="pictures")


@pytest.mark.row("T3", injected="FAILURE, CANCEL; with a picture and without")
@pytest.mark.parametrize("status", ["FAILURE", "CANCEL"])
def test_a_task_that_is_given_up_is_not_submitted_again(status: str, tmp_path: Path, campaign: Campaign) -> None:
    """FAILURE and CANCEL are `TaskFailed` with the service's words; nothing is submitted again, nor is it billed."""
    with stand_of(tmp_path / "a.now") as stand:
        service = TaskDesk(stand)
        service.sells()
        service.answers("IN_PROGRESS")
        service.answers(status, failReason="the model gave up")
        error = service.order()
        assert isinstance(error, TaskFailed)
        assert "the model gave up" in str(error)
        assert (service.submits, service.polls) == (1, 2)
        assert (stand.last.status, stand.last.billed) == ("failed", "no")
        assert stand.session.resume() == []
        assert service.submits == 1
        assert stand.verdict().billed == 0
    campaign.outcome(injected=status, outcome="TaskFailed, 1 submit", billed="no", kept="record, task id")


@pytest.mark.row("T3", injected="FAILURE, CANCEL after a picture was delivered")
@pytest.mark.parametrize("status", ["FAILURE", "CANCEL"])
def test_what_a_task_delivered_before_it_was_given_up_is_kept(status: str, tmp_path: Path, campaign: Campaign) -> None:
    """The picture that came along with the failure is fetched to its end, shown and kept, and was paid for."""
    with stand_of(tmp_path / "a.now") as stand:
        service = TaskDesk(stand)
        service.sells(png(8))
        service.answers(status, image=stand.link("/p"), failReason="only one of four")
        stand.serve_link("/p", [Send(response(503))], [Send(response(200, png(8), headers=PICTURE))])
        came = service.order()
        assert isinstance(came, Generation), came
        assert [one.bytes() for one in came.pictures] == [png(8)]
        assert came.error is not None
        assert "only one of four" in came.error.message()
        assert service.submits == 1
        verdict = stand.verdict()
        assert (verdict.billed, verdict.safe) == (1, 1)
    campaign.outcome(injected=f"{status} with a picture", outcome="picture shown", billed="yes", kept="picture")


@pytest.mark.row("T4", injected="unknown status and progress; MODAL")
def test_unknown_words_mean_that_it_goes_on(tmp_path: Path, campaign: Campaign) -> None:
    """Words that nobody knows mean "pending"; what needs a decision is `TaskNeedsAction` and never confirmed."""
    with stand_of(tmp_path / "a.now") as stand:
        service = TaskDesk(stand)
        service.sells(png(3))
        for status, progress in (("", ""), ("QUEUED_AGAIN", "soon"), ("IN_PROGRESS", "-7%"), ("IN_PROGRESS", "1e9%")):
            service.answers(status, progress=progress)
        service.answers("SUCCESS", image=stand.link("/p"))
        stand.serve_link("/p", [Send(response(200, png(3), headers=PICTURE))])
        assert isinstance(came := service.order(), Generation), came
        stand.verdict()
    with stand_of(tmp_path / "b.now") as stand:
        service = TaskDesk(stand)
        service.sells(png(3))
        service.answers("MODAL")
        error = service.order()
        assert isinstance(error, TaskNeedsAction)
        assert {one.path for one in stand.server.seen} <= {SUBMIT, LIST, "/api/pricing", "/model/info"}
        assert stand.last.status == "pending"
        stand.verdict()
    campaign.outcome(outcome="pending; TaskNeedsAction", billed="yes / maybe", kept="task id")


@pytest.mark.row("T5", injected="the id vanishes: for a while, for ever")
def test_a_task_that_vanishes_is_tolerated_for_a_minute(tmp_path: Path, campaign: Campaign) -> None:
    """An id that the service does not know for less than 60 s comes back; after that `TaskLost`, the id kept."""
    nobody = [Send(json_answer([]))]
    with stand_of(tmp_path / "a.now") as stand:
        service = TaskDesk(stand)
        service.sells(png(4))
        service.line_up(*[nobody] * 9)  # 55 s
        service.answers("SUCCESS", image=stand.link("/p"))
        stand.serve_link("/p", [Send(response(200, png(4), headers=PICTURE))])
        assert isinstance(came := service.order(), Generation), came
        stand.verdict()
    with stand_of(tmp_path / "b.now") as stand:
        service = TaskDesk(stand)
        service.sells(png(4))
        service.line_up(nobody)
        error = service.order()
        assert isinstance(error, TaskLost)
        assert 60 <= waited(stand) < 80
        assert stand.last.form["state"] == {"task": "17"}
        assert stand.last.status == "unknown"
        stand.verdict()
    campaign.outcome(outcome="tolerated ≥60 s, then TaskLost", billed="maybe", kept="task id")


@pytest.mark.row("T6", injected="500, reset, HTML, cut while polling; 401")
def test_polls_are_asked_again(tmp_path: Path, campaign: Campaign) -> None:
    """A poll that fails on its way is asked again; 401 stops polling, and the job stays pending for `resume`."""
    faults: list[Sequence[Action]] = [
        [Send(response(500))],
        [Reset()],
        [Send(response(200, b"<html>"))],
        [Send(json_answer([{"id": "17", "status": "SUCCESS"}])[:-9]), Close()],
        [Send(response(429))],
        [Send(json_answer("nonsense"))],
    ]
    with stand_of(tmp_path / "a.now") as stand:
        service = TaskDesk(stand)
        service.sells(png(5))
        service.line_up(*(one for one in faults for _ in range(5)))  # more often than one call is repeated
        service.answers("SUCCESS", image=stand.link("/p"))
        stand.serve_link("/p", [Send(response(200, png(5), headers=PICTURE))])
        assert isinstance(came := service.order(), Generation), came
        stand.verdict()
    with stand_of(tmp_path / "b.now") as stand:
        service = TaskDesk(stand)
        service.sells(png(5))
        service.line_up([Send(response(401))])
        error = service.order()
        assert isinstance(error, AuthError)
        assert service.polls == 1
        assert (stand.last.status, stand.last.billed, error.billed) == ("pending", "yes", "yes")
        service.forget_answers()
        service.answers("SUCCESS", image=stand.link("/p"))
        stand.serve_link("/p", [Send(response(200, png(5), headers=PICTURE))])
        assert stand.session.resume()[0].status == "done"
        assert service.submits == 1
        stand.verdict()
    campaign.outcome(outcome="asked again; AuthError, stays pending", billed="yes", kept="task id, then picture")


@pytest.mark.row("T7", injected="submit: queued 22, exists 21, queue full 23, banned 24")
def test_what_a_submit_says_is_understood(tmp_path: Path, campaign: Campaign) -> None:
    """Queued and existing tasks are followed; a full queue is `RateLimitError`, a banned prompt `RejectedError`."""
    for code in (1, 21, 22):
        with stand_of(tmp_path / f"{code}.now") as stand:
            service = TaskDesk(stand)
            service.sells(png(6), code=code)
            service.answers("SUCCESS", image=stand.link("/p"))
            stand.serve_link("/p", [Send(response(200, png(6), headers=PICTURE))])
            assert isinstance(came := service.order(), Generation), came
            stand.verdict()
    for code, kind in ((23, RateLimitError), (24, RejectedError), (3, RejectedError)):
        with stand_of(tmp_path / f"{code}.now") as stand:
            service = TaskDesk(stand)
            service.sells(code=code)
            error = service.order()
            assert type(error) is kind
            assert (service.submits, service.polls) == (1, 0)
            assert (stand.last.billed, stand.last.status) == ("no", "failed")
            assert stand.session.resume() == []
            stand.verdict()
    campaign.outcome(outcome="followed / RateLimitError / RejectedError", billed="yes / no / no", kept="record")


def said(status: int, code: int, words: str) -> list[Action]:
    return [Send(json_answer({"code": code, "description": words, "result": ""}, status=status))]


@pytest.mark.row("T7", injected="the same refusals with a status of HTTP")
def test_a_submit_may_also_be_refused_by_its_status(tmp_path: Path, campaign: Campaign) -> None:
    """Relays that put the refusal into the status are understood by the runner itself: a queue that stays full is
    `RateLimitError` after three tries, a banned prompt `RejectedError`, no money `QuotaError`; nothing is billed.
    """
    refusals = [
        (said(429, 23, "the queue is full"), RateLimitError, 3),
        (said(400, 24, "sensitive_words_detected"), RejectedError, 1),
        (said(403, 4, "quota_not_enough"), QuotaError, 1),
        (said(400, 4, "prompt is required"), RejectedError, 1),
    ]
    for number, (answer, kind, submits) in enumerate(refusals):
        with stand_of(tmp_path / f"{number}.now") as stand:
            service = TaskDesk(stand)
            service.refuses(answer)
            error = service.order()
            assert type(error) is kind, error
            assert (service.submits, service.polls) == (submits, 0)
            assert (stand.last.billed, stand.last.status) == ("no", "failed")
            stand.verdict()
    campaign.outcome(outcome="RateLimit / Rejected / Quota / Rejected", billed="no", kept="record")
