"""The session's verbs: what a program or notebook calls, and what its user reads when something goes wrong."""

from __future__ import annotations

import asyncio
import gc
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from certificates import make_certificate
from demo_calls import png
from faultserver import Await, FaultServer, Send, closed_port, json_answer, response
from now_jupyter._connection import Connection
from now_jupyter._errors import (
    AuthError,
    BadImageError,
    BadResponseError,
    ConfigError,
    ConnectFailed,
    InputError,
    Interrupted,
    MaybeBilledError,
    NowImageError,
    QuotaError,
    RateLimitError,
    RejectedError,
    TaskStillPending,
)
from now_jupyter._options._parsing import parse_keywords
from now_jupyter._orders._requests import order_of
from now_jupyter._runner import Runner
from now_jupyter._secret import Key
from now_jupyter._session import Session
from now_jupyter._steps import Conversation
from now_jupyter._store import Store
from now_jupyter._transport import Api
from now_jupyter._values import Request, Status
from relays import Served, new_session, relay_on_loopback
from task_engine import TaskService

PATH = "/v1/images/generations"


@pytest.fixture
def served() -> Iterator[Served]:
    with relay_on_loopback() as relay:
        yield relay


@pytest.fixture
def session(served: Served, tmp_path: Path) -> Iterator[Session]:
    with new_session(tmp_path, served.url) as one:
        yield one


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end


def slow(seconds: float = 0.6) -> dict[str, Any]:
    return {"params": {"demo": {"latency": seconds}}}


# Making pictures


def test_generate_gives_the_picture_and_keeps_it(session: Session) -> None:
    """One call, one picture: in the folder, in the history, with model and cost."""
    generation = session.generate("a fox", size="16:9")
    (picture,) = generation.pictures
    assert picture.bytes() == picture.path.read_bytes()
    assert (generation.ref, generation.model, generation.billed) == ("#1", "gpt-image-2", "yes")
    assert str(generation.cost) == "~$0.0400"
    assert session.history[-1] == generation


def test_agenerate_does_not_hold_up_the_callers_loop(session: Session) -> None:
    """While the picture is made, the user's own tasks go on."""

    async def both() -> tuple[str, int]:
        job = asyncio.create_task(session.agenerate("a fox", **slow()))
        turns = 0
        while not job.done():
            turns += 1
            await asyncio.sleep(0.01)
        return (await job).ref, turns

    ref, turns = asyncio.run(both())
    assert ref == "#1"
    assert turns > 10


def test_a_job_may_be_awaited(session: Session) -> None:
    """`await job` from the user's loop."""

    async def wait() -> str:
        return (await session.submit("a fox")).ref

    assert asyncio.run(wait()) == "#1"


def test_a_time_limit_frees_the_caller_and_not_the_job(session: Session) -> None:
    """`timeout` ends the wait; the picture arrives in the history."""
    with pytest.raises(TaskStillPending, match="#1 goes on"):
        session.generate("a fox", timeout=0.1, **slow())
    session.wait()
    assert session.history["#1"].status is Status.DONE


def test_stop_waiting_frees_the_waiter(session: Session, served: Served) -> None:
    """From another thread; what was ordered goes on, and the error says maybe billed."""
    job = session.submit("a fox", **slow())
    until(lambda: job.is_sent)
    threading.Timer(0.05, job.stop_waiting).start()
    with pytest.raises(TaskStillPending) as caught:
        job.result()
    assert caught.value.billed == "maybe"
    assert job.result().status is Status.DONE
    assert served.posts == 1


def test_cancelling_before_it_is_sent_sends_nothing(session: Session, served: Served) -> None:
    """One at a time: the second order waits for its turn and can be taken back."""
    session.generate("warm up")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session.context, "_given", {**session.context._given, "max_concurrency": 1})
        first = session.submit("a fox", **slow())
        until(lambda: first.is_sent)
        second = session.submit("a hare")
        until(lambda: second.records)
        assert second.cancel()
        with pytest.raises(Interrupted, match="nothing was sent"):
            second.result(10)
        assert not first.cancel()
        first.result(10)
    assert session.history["#3"].status is Status.CANCELLED
    assert session.context.home().store.read(3).status is Status.CANCELLED
    assert served.posts == 2


def test_a_cancel_that_comes_too_late_changes_nothing(session: Session, served: Served) -> None:
    """Taken back in the very moment in which it was sent: the picture arrives, and nobody says "nothing was sent"."""
    job = session.submit("a fox", **slow(0.3))
    until(lambda: job.is_sent)
    assert job._scope is not None
    session._background.soon(job._scope.cancel)
    assert job.result(10).status is Status.DONE
    assert served.posts == 1


def test_many_pictures_of_a_model_that_makes_one_at_a_time(session: Session, served: Served) -> None:
    """`n=4` with dall-e-3 is four requests, counted and shown as one generation."""
    whole = session.generate("a fox", model="dall-e-3", n=4)
    assert (whole.ref, len(whole.pictures), len(whole.parts)) == ("#1–#4", 4, 4)
    assert str(whole.cost) == "~$0.16"
    assert served.posts == 4


def test_the_default_model_is_asked_for_once_and_remembered_in_the_folder(served: Served, tmp_path: Path) -> None:
    """The next kernel goes by what the folder remembers, without asking; no address is written there."""
    for prompt in ("a fox", "a hare"):
        with new_session(tmp_path, served.url) as one:
            assert one.generate(prompt).model == "gpt-image-2"
    assert served.count("/v1/models") == 1
    memory = (tmp_path / "untitled.now" / "models.json").read_text()
    assert "127.0.0.1" not in memory
    assert list(json.loads(memory).values()) == ["gpt-image-2"]


def test_saving_writes_the_pictures_there(session: Session, tmp_path: Path) -> None:
    """Several pictures get a number each."""
    session.generate("a fox", n=2, save=str(tmp_path / "fox.png"))
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["fox-1.png", "fox-2.png"]


def test_what_is_asked_wrongly_is_refused_at_once(session: Session, served: Served) -> None:
    """An input error is raised by the call itself; nothing is recorded."""
    with pytest.raises(InputError):
        session.submit("a fox", sise="1:1")
    assert (len(session.history), served.posts) == (0, 0)


def test_several_claims_are_given_back_when_one_fails(session: Session, served: Served) -> None:
    """The second number cannot be claimed: the first is cancelled, its hold is gone, nothing is sent."""
    store, claims = session.context.home().store, iter([True])
    claim = store.claim_and_hold

    def only_once(record: Any) -> Any:
        if next(claims, False):
            return claim(record)
        raise NowImageError("no more numbers")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "claim_and_hold", only_once)
        with pytest.raises(NowImageError, match="no more numbers"):
            session.generate("a fox", model="dall-e-3", n=2)
    assert [one.status for one in session.history] == [Status.CANCELLED]
    assert not store.is_held(1)
    assert served.posts == 0
    assert session.generate("a fox", model="dall-e-3").ref == "#2"


# Asking before paying


def test_an_expected_price_over_the_limit_needs_the_users_word(served: Served, tmp_path: Path) -> None:
    """`confirm_over` stops it before anything is recorded; `yes` orders it."""
    with new_session(tmp_path, served.url, typed=lambda: {"confirm_over": 0.05}) as session:
        with pytest.raises(InputError, match=r"~\$0\.0800"):
            session.generate("a fox", n=2)
        assert (len(session.history), served.posts) == (0, 0)
        assert session.generate("a fox").billed == "yes"
        assert session.generate("a fox", n=2, yes=True).billed == "yes"


def test_rehearsing_sends_no_paid_call(session: Session, served: Served) -> None:
    """The bodies, the price and the balance after it, from free questions alone."""
    rehearsal = session.rehearse(order_of(parse_keywords("a fox", {"model": "dall-e-3", "n": 2, "size": "16:9"})))
    assert [body["size"] for body in rehearsal.bodies] == ["1792x1024"] * 2
    assert (str(rehearsal.price), str(rehearsal.balance_after)) == ("~$0.16", "$99.84")
    assert (served.posts, len(session.history)) == (0, 0)
    assert not any(request.method == "POST" for request in served.relay.requests)


# What goes wrong, as the user reads it

SHAPES: Sequence[tuple[int, object, type[NowImageError], str]] = [
    (400, {"error": {"message": "size must be…", "code": "invalid_value"}}, RejectedError, "refuses this"),
    (400, {"error": {"message": "safety", "code": "content_policy_violation"}}, RejectedError, "content"),
    (401, {"error": {"message": "无效的令牌", "type": "new_api_error"}}, AuthError, "wants a key"),
    (403, {"error": {"message": "额度不足", "code": "insufficient_user_quota"}}, QuotaError, "no money"),
    (429, {"error": {"message": "x", "code": "insufficient_quota"}}, QuotaError, "no money"),
    (500, {"error": {"message": "prompt is required", "code": "invalid_request"}}, RejectedError, "refuses"),
    (403, {"description": "quota_not_enough", "type": "upstream_error", "code": 4}, QuotaError, "no money"),
    (400, {"code": "bad", "message": "not so", "data": None}, RejectedError, "not so"),
    (400, {"success": False, "message": "not so"}, RejectedError, "not so"),
    (400, {"detail": {"reason": "not so", "code": 3}}, RejectedError, "not so"),
    (400, {"error": "not so"}, RejectedError, "not so"),
    (501, {"error": {"message": "x", "code": "api_not_implemented"}}, RejectedError, "does not offer"),
]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(("status", "body", "kind", "english"), SHAPES)
def test_a_refusal_is_told_in_the_users_language(
    status: int,
    body: object,
    kind: type[NowImageError],
    english: str,
    language: str,
    tmp_path: Path,
) -> None:
    """Every shape of platform.md §4: the right class, billed no, the number it is kept under, at most six lines."""
    with FaultServer() as server:
        server.script([Send(json_answer(body, status=status))], path=PATH)
        with new_session(tmp_path, server.url, typed=lambda: {"language": language, "model": "x"}) as session:
            with pytest.raises(NowImageError) as caught:
                session.generate("a fox")
            (kept,) = session.history
    error = caught.value
    assert type(error) is kind
    assert len(error.lines()) <= 6
    text = "\n".join(error.lines())
    assert error.language == language
    assert language == "zh" or english in text
    assert ("billed: no" if language == "en" else "计费：否") in text
    assert "#1" in text
    assert (error.billed, kept.status, kept.billed) == ("no", Status.FAILED, "no")
    assert kept.error is not None
    assert kept.error.type == kind.__name__


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_unknown_model_is_answered_with_those_there_are(language: str, served: Served, tmp_path: Path) -> None:
    """`model_not_found` names the relay's picture models with their prices."""
    with (
        new_session(tmp_path, served.url, typed=lambda: {"language": language}) as session,
        pytest.raises(RejectedError) as caught,
    ):
        session.generate("a fox", model="nope")
    assert "dall-e-2 $0.0200" in caught.value.next_step()
    assert "gpt-5.5" not in caught.value.next_step()


def test_a_rate_limit_without_end_is_told(tmp_path: Path) -> None:
    """An answer that asks for an hour is not waited for."""
    with FaultServer() as server:
        busy = json_answer({"error": {"message": "slow"}}, status=429, headers={"Retry-After": "3600"})
        server.script([Send(busy)], path=PATH)
        with new_session(tmp_path, server.url) as session, pytest.raises(RateLimitError, match="3600 s"):
            session.generate("a fox", model="x")
        assert server.posts == 1


HTML = response(200, b"<!doctype html><html>Welcome</html>", headers={"Content-Type": "text/html"})


@pytest.mark.parametrize(
    ("answer", "kind", "billed", "status"),
    [
        (HTML, BadResponseError, "maybe", Status.UNKNOWN),
        (response(404, b"not found"), RejectedError, "no", Status.FAILED),
        (response(301, headers={"Location": "https://elsewhere.example/v1"}), ConfigError, "no", Status.FAILED),
        (response(502, b"<html>Bad Gateway</html>"), MaybeBilledError, "maybe", Status.UNKNOWN),
        (json_answer({"data": []}), BadResponseError, "maybe", Status.UNKNOWN),
        (json_answer({"error": {"message": "late"}}), BadResponseError, "maybe", Status.UNKNOWN),
    ],
    ids=["web page", "404", "redirect", "gateway", "no picture", "error in a 200"],
)
def test_a_wrong_address_or_a_useless_answer(
    answer: bytes, kind: type[NowImageError], billed: str, status: Status, tmp_path: Path
) -> None:
    """What was sent and answered strangely stays in the history with what is known of the money."""
    with FaultServer() as server:
        server.script([Send(answer)], path=PATH)
        with new_session(tmp_path, server.url) as session:
            with pytest.raises(NowImageError) as caught:
                session.generate("a fox", model="x")
            (kept,) = session.history
        assert server.posts == 1
    assert type(caught.value) is kind
    assert (caught.value.billed, kept.billed, kept.status) == (billed, billed, status)
    assert f"billed: {billed}" in "\n".join(caught.value.lines())


def test_nobody_there_is_not_billed(tmp_path: Path) -> None:
    """A closed port: no connection, billed no, and the record says so."""
    with new_session(tmp_path, f"http://127.0.0.1:{closed_port()}") as session:
        with pytest.raises(ConnectFailed):
            session.generate("a fox", model="x")
        assert (session.history[0].status, session.history[0].billed) == (Status.FAILED, "no")


def test_a_certificate_nobody_vouches_for_is_not_billed(tmp_path: Path) -> None:
    """TLS fails: nothing was sent, and the message names the way to trust it."""
    with FaultServer(certificate=make_certificate(tmp_path, "127.0.0.1")) as server:
        with new_session(tmp_path, server.url) as session, pytest.raises(ConnectFailed, match="SSL_CERT_FILE"):
            session.generate("a fox", model="x")
        assert server.posts == 0


def test_a_link_that_serves_a_web_page(session: Session, served: Served) -> None:
    """Billed yes, in quarantine, kept in the history as partial."""
    with pytest.raises(BadImageError) as caught:
        session.generate("a fox", params={"demo": {"fault": "html_link"}})
    (kept,) = session.history
    assert (caught.value.billed, kept.billed, kept.status) == ("yes", "yes", Status.PARTIAL)
    assert served.posts == 1


# Tracebacks


def frames_of(error: BaseException) -> Iterator[Any]:
    seen: BaseException | None = error
    while seen is not None:
        trace: TracebackType | None = seen.__traceback__
        while trace is not None:
            yield trace.tb_frame
            trace = trace.tb_next
        seen = seen.__cause__ or seen.__context__


class Buggy:
    name = "openai"

    def start(self, request: Request, *, model: str, partials: int = 0) -> Conversation:
        raise ZeroDivisionError((request, model, partials))
        yield


@pytest.mark.parametrize("engine", [None, Buggy()], ids=["an error of ours", "a bug"])
def test_no_frame_of_an_error_holds_the_key(engine: Any, tmp_path: Path) -> None:
    """Whoever looks into a traceback finds no key, client or runner among the values."""
    key = secrets.token_hex(20)
    given = {"api_key": key} | ({"engines": {"openai": engine}} if engine else {})
    with relay_on_loopback(key=key) as served, new_session(tmp_path, served.url, **given) as session:
        with pytest.raises(Exception) as caught:
            session.generate("a fox", params={"demo": {"status": 400}})
        held = [value for frame in frames_of(caught.value) for value in frame.f_locals.values()]
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert not [value for value in held if isinstance(value, Key | Api | Runner | Connection)]
    assert engine is None or any(frame.f_code.co_name == "start" for frame in frames_of(caught.value))


# Settings and the demo


def test_a_program_brings_folder_address_and_key(tmp_path: Path) -> None:
    """`Session(folder=…, base_url=…, api_key=…)` needs nothing else, and the key goes along."""
    key = secrets.token_hex(20)
    with relay_on_loopback(key=key) as served:
        session = Session(folder=tmp_path / "mine.now", base_url=f"{served.url}/v1", api_key=key, environ={})
        assert session.generate("a fox").pictures[0].path.is_relative_to(tmp_path / "mine.now")
        session.close()
        session.close()
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert key.encode() not in everything
    assert b"127.0.0.1" not in everything


def test_making_a_session_touches_nothing(tmp_path: Path, served: Served) -> None:
    """No thread, no file, no request before something is asked for."""
    before = threading.active_count()
    Session(base_url=served.url, working=tmp_path, environ={})
    assert threading.active_count() == before
    assert (list(tmp_path.iterdir()), served.relay.requests) == ([], [])


def test_the_demo_is_instant_for_users_tests(tmp_path: Path) -> None:
    """`use_demo(instant=True)` draws without waiting, also after it was used already, with a relay of its own."""
    session = Session(working=tmp_path, environ={})
    session.use_demo(instant=True)
    assert session.generate("a fox").demo
    for _ in range(3):
        session.use_demo(instant=True)
        gc.collect()
        session.generate("a fox", fresh=True)
        demo = session.context.demo_relay()
        assert len(demo.ledger) == 1
    session.close()


def test_the_demo_does_not_paint_over_paid_pictures(served: Served, tmp_path: Path) -> None:
    """Paid pictures in the folder and no relay configured: an error that names the ways on, not the demo."""
    with new_session(tmp_path, served.url) as session:
        session.generate("a fox")
    with new_session(tmp_path) as session:
        with pytest.raises(ConfigError, match="were paid for"):
            session.generate("a hare")
        session.use_demo()
        assert session.generate("a hare").demo


# Collecting what did not arrive


def lost_task(session: Session) -> None:
    """Make a task whose picture did not come in time."""
    store = session.context.home().store
    session.generate("a fox", service="tasks", params={"demo": {"latency": 0}})
    store.write(replace(store.read(1), status=Status.PENDING, kept=(), error=None))


def test_a_task_is_not_asked_for_at_another_relay(tmp_path: Path) -> None:
    """Neither another relay nor the demo is asked for a task it never had; the right one then is."""
    engines = {"tasks": TaskService(pause=0.02)}
    with relay_on_loopback() as right, relay_on_loopback() as wrong:
        with new_session(tmp_path, right.url, engines=engines) as session:
            lost_task(session)
        other = pytest.raises(ConfigError, match="at another relay")
        with new_session(tmp_path, wrong.url, engines=engines) as session, other:
            session.resume()
        assert wrong.relay.requests == []
        with new_session(tmp_path, engines=engines) as session:
            session.use_demo()
            with pytest.raises(ConfigError, match="at another relay"):
                session.resume()
        with new_session(tmp_path, right.url, engines=engines) as session:
            (collected,) = session.resume()
            assert (collected.status, len(collected.pictures)) == (Status.DONE, 1)


def test_one_that_cannot_be_asked_for_does_not_stop_the_others(tmp_path: Path) -> None:
    """Of two relays' orders the one in use gives its own; the other's is left as it is."""
    engines = {"tasks": TaskService(pause=0.02)}
    with relay_on_loopback() as served, new_session(tmp_path, served.url, engines=engines) as session:
        lost_task(session)
        store = session.context.home().store
        store.claim(replace(store.read(1), id="ab" * 16, relay="another"))
        first, second = session.resume()
        assert (first.status, second.status) == (Status.DONE, Status.PENDING)


def test_what_arrived_is_not_collected_again(session: Session, served: Served) -> None:
    """Nothing to do: no request, an empty list; a relay that gave fewer than asked owes nothing more."""
    session.generate("a fox")
    seen = len(served.relay.requests)
    assert session.resume() == []
    assert len(served.relay.requests) == seen


# The end


def test_closing_waits_for_what_was_paid_for(served: Served, tmp_path: Path) -> None:
    """A program that ends right after ordering gets its picture into the folder."""
    with new_session(tmp_path, served.url) as session:
        job = session.submit("a fox", **slow())
        until(lambda: job.is_sent)
    assert job.result().status is Status.DONE


def test_closing_does_not_wait_for_ever(tmp_path: Path) -> None:
    """A relay that says nothing is left after the patience is over; the record says maybe, nothing hangs."""
    with FaultServer() as server:
        gate = Await(threading.Event())
        server.script([gate, Send(json_answer({"data": [{"b64_json": png().hex()}]}))], path=PATH)
        with new_session(tmp_path, server.url) as session:
            session.patience = 0.05
            job = session.submit("a fox", model="x")
            gate.reached.wait(10)
        with pytest.raises(MaybeBilledError, match="session was closed"):
            job.result()
    record = Store(tmp_path / "untitled.now").read(1)
    assert (record.status, record.billed) == (Status.UNKNOWN, "maybe")


def test_closing_leaves_a_task_to_resume(served: Served, tmp_path: Path) -> None:
    """A long task is not waited for; it stays pending."""
    with new_session(tmp_path, served.url, engines={"tasks": TaskService()}) as session:
        session.patience = 0.05
        job = session.submit("a fox", service="tasks", params={"demo": {"latency": 3600}})
        until(lambda: any(record.state for record in job.records))
    with pytest.raises(TaskStillPending):
        job.result()
    assert Store(tmp_path / "untitled.now").read(1).status is Status.PENDING


def test_closing_takes_back_what_was_not_sent(served: Served, tmp_path: Path) -> None:
    """What still waits for its turn is cancelled, not sent."""
    with new_session(tmp_path, served.url, typed=lambda: {"max_concurrency": 1}) as session:
        first = session.submit("a fox", **slow())
        until(lambda: first.is_sent)
        second = session.submit("a hare")
        until(lambda: second.records)
    with pytest.raises(Interrupted, match="nothing was sent"):
        second.result()
    assert first.result().status is Status.DONE
    assert served.posts == 1
