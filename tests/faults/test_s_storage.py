"""Disks that are full or gone before paying, folders that users and later versions change: S1 and S5 to S8."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from disks import buy, fill, read_only, session_in, small_disk
from faultserver import Await, Seen
from kills import Kernels, Relay
from now_jupyter._messages._errors import StoreFull, StoreTooNew, StoreUnavailable
from now_jupyter._session import Session
from now_jupyter._values import Status


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 48 MiB."""
    with small_disk(tmp_path / "disk") as disk:
        yield disk


# S1


@pytest.mark.row("S1", injected="full disk before paying")
def test_nothing_is_sent_where_there_is_no_room(disk: Path, campaign: Any) -> None:
    """Less than 32 MiB free: `StoreFull`, and the relay hears nothing."""
    with Relay() as relay, session_in(disk / "n.now", relay.url) as session:
        fill(disk, left=20 << 20)
        problem = buy(session)
        assert isinstance(problem, StoreFull)
        assert problem.billed == "no"
        assert relay.ledger == []
    campaign.outcome(outcome="StoreFull", billed="no", kept="nothing to keep")


@pytest.mark.row("S1", injected="read-only file system before paying")
def test_nothing_is_sent_where_nothing_can_be_written(disk: Path, campaign: Any) -> None:
    """A read-only disk: `StoreUnavailable`, and the relay hears nothing, whether there is a history on it or not."""
    with Relay() as relay:
        with session_in(disk / "n.now", relay.url) as session:
            assert buy(session) is None
        read_only(disk)
        for name in ("n.now", "new.now"):
            with session_in(disk / name, relay.url) as session:
                problem = buy(session, fresh=True)
                assert isinstance(problem, StoreUnavailable)
                assert problem.billed == "no"
        assert len(relay.ledger) == 1
    campaign.outcome(outcome="StoreUnavailable", billed="no", kept="nothing to keep")


@pytest.mark.row("S1", injected="disk full to the last page at the intent")
def test_nothing_is_sent_where_the_intent_cannot_be_written(disk: Path, campaign: Any) -> None:
    """What the preflight could not foresee, the intent finds out, before anything is sent."""
    with Relay() as relay, session_in(disk / "n.now", relay.url) as session:
        session.context.home().store.preflight()
        session.context.home().store.preflight = lambda: fill(disk, left=0)  # type: ignore[method-assign]
        problem = buy(session)
        assert isinstance(problem, StoreFull)
        assert relay.ledger == []
    campaign.outcome(outcome="StoreFull", billed="no", kept="nothing to keep")


# S5


@pytest.mark.row("S5", injected="one order resumed by two kernels and by two threads at once")
def test_two_who_resume_one_order_at_once_fetch_it_once(tmp_path: Path, kernels: Kernels, campaign: Any) -> None:
    """Both come back without an error, the picture is there once, and its link was asked for once."""
    home = tmp_path / "n.now"
    with Relay(form="url") as relay:
        place = next(place for place in itertools.count(1, 5) if _dies_with_answer(kernels, relay, home, place))
        asked = threading.Event()
        go_on = threading.Event()
        relay._scripts[None].clear()

        def slowly(seen: Seen) -> list[Any]:
            return [Await(go_on, asked), *relay._other(seen)]

        relay.script(slowly)
        with session_in(home, relay.url) as first, session_in(home, relay.url) as second:
            errors: list[BaseException] = []
            threads = [threading.Thread(target=_resumes, args=(one, errors)) for one in (first, first, second)]
            for thread in threads:
                thread.start()
            assert asked.wait(30)
            go_on.set()
            for thread in threads:
                thread.join(30)
            assert errors == []
            assert [one.status for one in first.history] == [one.status for one in second.history] == [Status.DONE]
        assert sum(one.path.startswith("/pictures/") for one in relay.seen) == 1
        assert len(relay.ledger) == 1
    campaign.outcome(outcome=f"done once (killed at {place})", billed="once", kept="all")


def _dies_with_answer(kernels: Kernels, relay: Relay, home: Path, place: int) -> bool:
    relay.forget()
    shutil.rmtree(home, ignore_errors=True)
    assert kernels.act("generate", home, relay, ("effect", place)).killed
    return (home / "answers" / "1").exists()


def _resumes(session: Session, errors: list[BaseException]) -> None:
    try:
        session.resume()
    except BaseException as problem:  # noqa: BLE001 - told to the test
        errors.append(problem)


# S6


@pytest.mark.row("S6", injected="pictures and records deleted, changed or cut by the user")
def test_what_a_user_deletes_or_spoils_hides_nothing_else(tmp_path: Path, campaign: Any) -> None:
    """Other pictures load; the damage is named by `doctor`, changed bytes go to quarantine, nothing is bought by it."""
    home = tmp_path / "n.now"
    with Relay() as relay, session_in(home, relay.url) as session:
        for number in range(1, 6):
            assert buy(session) is None, number
        pictures = [one.pictures[0].path for one in session.history]
        pictures[0].unlink()
        pictures[1].write_bytes(b"not what it was")
        (home / "jobs" / "3.json").write_bytes((home / "jobs" / "3.json").read_bytes()[:40])
        (home / "jobs" / "4.json").unlink()
        with session_in(home, relay.url) as fresh:
            assert [one.ref for one in fresh.history] == ["#1", "#2", "#5"]
            assert fresh.history["#5"].pictures[0].bytes()
            text = fresh.doctor().text()
            assert "3.json" in text
            assert "pictures of #1, #2 are not in the folder any more" in text
            assert not fresh.doctor().is_healthy
            assert len(list((home / "quarantine").glob("*.png"))) == 1
        assert len(relay.ledger) == 5
    campaign.outcome(outcome="marked, others load", billed="as before", kept="what is left")


# S7


@pytest.mark.row("S7", injected="folders with odd names")
@pytest.mark.parametrize(
    "name", ["a b", "图片", "e\u0301", "quo'te\"", "per%20cent", "new\nline", "-dash", "#hash?", "x" * 200]
)
def test_odd_paths_work(name: str, tmp_path: Path, campaign: Any) -> None:
    """Blanks, Chinese, quotes, escapes and a name as long as the system takes."""
    home = tmp_path / name / f"{name}.now"
    home.parent.mkdir()
    with Relay() as relay, session_in(home, relay.url) as session:
        assert buy(session) is None
        assert len(session.history.search("fox")) == 1
    assert [path.name for path in home.parent.iterdir()] == [home.name]
    with session_in(home, "") as session:
        assert session.history[0].pictures[0].bytes()
    campaign.outcome(outcome="works", billed="yes", kept="all", injected=f"folder {name[:20]!r}")


@pytest.mark.row("S7", injected="wall clock set back and forth by years between orders")
def test_the_clock_may_jump(tmp_path: Path, campaign: Any) -> None:
    """Order and numbers come from the folder, not from the clock; records of the future load."""
    home = tmp_path / "n.now"
    with Relay() as relay, session_in(home, relay.url) as session:
        assert buy(session) is None
        store = session.context.home().store
        for number, created in ((1, 4e9), (1, 0.0), (1, -1e9)):
            store.write(replace(store.read(number), created=created))
            os.utime(home / "jobs" / "1.json", (max(created, 0), max(created, 0)))
            assert buy(session, fresh=True) is None
            assert len(session.history.search("fox")) == len(session.history) == len(relay.ledger)
        assert [one.ref for one in session.history] == ["#1", "#2", "#3", "#4"]
    campaign.outcome(outcome="works", billed="yes", kept="all")


# S8


@pytest.mark.row("S8", injected="a history of a later version")
def test_a_newer_history_is_read_and_nothing_is_bought_into_it(tmp_path: Path, campaign: Any) -> None:
    """`StoreTooNew` before anything is sent; what is there is shown; not one byte of the folder changes."""
    home = tmp_path / "n.now"
    with Relay() as relay:
        with session_in(home, relay.url) as session:
            assert buy(session) is None
        form = json.loads((home / "format").read_text("utf-8"))
        (home / "format").write_text(json.dumps({**form, "format": 99}), "utf-8")
        before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
        with session_in(home, relay.url) as session:
            assert isinstance(buy(session, fresh=True), StoreTooNew)
            assert session.history[0].pictures[0].bytes()
            assert len(session.history.search("fox")) == 1
            assert "newer" in session.doctor().text()
        assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before
        assert len(relay.ledger) == 1
    campaign.outcome(outcome="StoreTooNew, read-only", billed="no", kept="as it was")


@pytest.mark.row("S8", injected="one record of a later version")
def test_a_newer_record_is_left_alone(tmp_path: Path, campaign: Any) -> None:
    """It is named, not overwritten, its number is not used again, and the others go on."""
    home = tmp_path / "n.now"
    with Relay() as relay, session_in(home, relay.url) as session:
        assert buy(session) is None
        form = json.loads((home / "jobs" / "1.json").read_text("utf-8"))
        newer = json.dumps({**form, "format": 99, "number": 2, "id": "0" * 32})
        (home / "jobs" / "2.json").write_text(newer, "utf-8")
        assert buy(session) is None
        assert [one.ref for one in session.history] == ["#1", "#3"]
        session.doctor()
        assert (home / "jobs" / "2.json").read_text("utf-8") == newer
    campaign.outcome(outcome="left as it is", billed="yes", kept="all")
