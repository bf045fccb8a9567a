"""Settings, the demo, collecting what did not arrive, and the end."""

from __future__ import annotations

import gc
import secrets
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from buying import PATH, slow, until
from demo_calls import png
from faultserver import Await, FaultServer, Send, json_answer
from now_jupyter._messages import ConfigError, Interrupted, MaybeBilledError, TaskStillPending
from now_jupyter._session import Session
from now_jupyter._store import Store
from now_jupyter._values import Status
from relays import Served, new_session, relay_on_loopback
from task_service import TaskService


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


def test_a_key_of_the_environment_is_one_key_for_all_orders(tmp_path: Path) -> None:
    """It is read anew for each order; the client stays, and what the relay has told is not asked for again."""
    environ = {"NOW_API_KEY": secrets.token_hex(20)}
    with relay_on_loopback(key=environ["NOW_API_KEY"]) as served:
        environ["NOW_BASE_URL"] = f"{served.url}/v1"
        with new_session(tmp_path, environ=environ) as session:
            access = session.context.access()
            for prompt in ("a fox", "a hare", "a whale"):
                session.generate(prompt)
            assert session.context.access() is access
            asked = [one.path for one in served.relay.requests if one.method == "GET"]
            assert sorted(asked) == sorted({*asked})
            environ["NOW_API_KEY"] = secrets.token_hex(20)
            assert session.context.access() is not access


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


def lost_task(session: Session) -> None:
    """Make a task whose picture did not come in time."""
    store = session.context.home().store
    session.generate("a fox", service="tasks", params={"demo": {"latency": 0}})
    store.write(replace(store.read(1), status=Status.PENDING, outputs=(), error=None))


@pytest.mark.slow
def test_a_task_is_not_asked_for_at_another_relay(tmp_path: Path) -> None:
    """Neither another relay nor the demo is asked for a task it never had; the right one then is."""
    with relay_on_loopback() as right, relay_on_loopback() as wrong:
        with new_session(tmp_path, right.url, services=[TaskService()]) as session:
            lost_task(session)
        other = pytest.raises(ConfigError, match="at another relay")
        with new_session(tmp_path, wrong.url, services=[TaskService()]) as session, other:
            session.resume()
        assert wrong.relay.requests == []
        with new_session(tmp_path, services=[TaskService()]) as session:
            session.use_demo()
            with pytest.raises(ConfigError, match="at another relay"):
                session.resume()
        with new_session(tmp_path, right.url, services=[TaskService()]) as session:
            (collected,) = session.resume()
            assert (collected.status, len(collected.pictures)) == (Status.DONE, 1)


@pytest.mark.slow
def test_one_that_cannot_be_asked_for_does_not_stop_the_others(tmp_path: Path) -> None:
    """Of two relays' orders the one in use gives its own; the other's is left as it is."""
    with relay_on_loopback() as served, new_session(tmp_path, served.url, services=[TaskService()]) as session:
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
    with new_session(tmp_path, served.url, services=[TaskService()]) as session:
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
