"""S2: a disk that fails once the order is paid for. Each picture is in the history, else in the user's spill folder,
else in the output of the cell and the memory of the kernel; the message says where, and `resume` brings all of it home.
"""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from checker import checked
from disks import (
    PAGE,
    Struck,
    after,
    book_of,
    buy,
    check_ladder,
    comes_home,
    digests_below,
    fill,
    fill_inodes,
    free,
    read_only,
    session_in,
    sold_digests,
    spilled,
    until,
    writable_again,
)
from faultserver import Close, Seen, Send, json_answer
from kills import Kernels, Relay
from now_jupyter._messages._errors import StoreUnavailable
from now_jupyter._store._rescue import spill_folder
from now_jupyter._values import Status

# Full


@pytest.mark.row("S2", injected="disk full after the N-th page that is written after paying")
@pytest.mark.parametrize(("form", "count"), [("b64", 1), ("b64", 4), ("url", 4)])
def test_a_disk_that_fills_up_after_paying_loses_no_picture(form: Any, count: int, disk: Path, campaign: Any) -> None:
    """Whatever write fails, each picture lies in the history or in the user's spill folder, the message says where,
    and when there is room again `resume` brings all of it home; nothing is ordered again.
    """
    places = bought_with_less_and_less(form, count, disk, lambda pages: fill(disk, left=pages * PAGE))
    campaign.outcome(outcome=f"{places[0]} places, {places[1]} spilled", billed="yes", kept="all")


@pytest.mark.row("S2", injected="no more files allowed after the N-th that is made after paying")
@pytest.mark.parametrize(("form", "count"), [("b64", 2), ("url", 2)])
def test_a_quota_of_files_that_is_used_up_loses_no_picture(form: Any, count: int, disk: Path, campaign: Any) -> None:
    """The same where there is room for bytes and none for names."""
    places = bought_with_less_and_less(form, count, disk, lambda files: fill_inodes(disk, left=files))
    campaign.outcome(outcome=f"{places[0]} places, {places[1]} spilled", billed="yes", kept="all")


def bought_with_less_and_less(form: Any, count: int, disk: Path, strike: Callable[[int], None]) -> tuple[int, int]:
    """Order again and again with room for one write more, until nothing goes wrong; give how often, and how often
    the spill folder was needed.
    """
    away = 0
    for place in range(200):
        home = disk / f"{place}" / "n.now"
        home.parent.mkdir()
        with Struck(partial(strike, place), form=form, count=count) as relay:
            with session_in(home, relay.url) as session:
                problem = buy(session, count)
            relay.settle()
            check_ladder(problem, home, relay)
            away += bool(spilled())
            complete = problem is None and _is_complete(home, relay)
            free(disk)
            comes_home(home, relay)
        shutil.rmtree(home.parent)
        if complete:
            assert away > 0
            return place + 1, away
    raise AssertionError("it never went well")


def _is_complete(home: Path, relay: Relay) -> bool:
    record = json.loads((home / "jobs" / "1.json").read_text("utf-8"))
    return bool(record["status"] == "done" and set(sold_digests(relay)) <= digests_below(home / "pictures"))


# Read-only


@pytest.mark.row("S2", injected="read-only from the moment the order is in, or its answer half, or a picture asked for")
@pytest.mark.parametrize(
    ("form", "moment"),
    [("b64", "order"), ("url", "order"), ("b64", "half"), ("url", "half"), ("url", "picture")],
)
def test_a_disk_that_turns_read_only_loses_no_picture(form: Any, moment: str, disk: Path, campaign: Any) -> None:
    """The pictures go to the spill folder, the message says where, and when the disk can be written again `resume`
    brings them home.
    """
    home = disk / "n.now"
    with Relay(form=form, count=2) as relay:
        _turning(relay, disk, moment)
        with session_in(home, relay.url) as session:
            problem = buy(session, 2)
        assert os.statvfs(home).f_flag & os.ST_RDONLY
        assert isinstance(problem, StoreUnavailable)
        assert problem.billed == "yes"
        assert str(spill_folder()) in str(problem)
        assert check_ladder(problem, home, relay).safe == 2
        assert len(spilled()) == 2
        writable_again(disk)
        comes_home(home, relay)
    campaign.outcome(
        outcome="StoreUnavailable, spilled, resumed", billed="yes", kept="all", injected=f"read-only at the {moment}"
    )


def _turning(relay: Relay, disk: Path, moment: str) -> None:
    strike, part = partial(read_only, disk), disk / "n.now" / "answers" / "1.part"

    def half(key: str) -> list[Any]:
        whole = json_answer(relay.answer(key))
        begun = partial(until, lambda: part.exists() and part.stat().st_size > 100)
        return [Send(whole[:-40]), begun, strike, Send(whole[-40:]), Close()]

    if moment == "order":
        after(relay, lambda key: [strike, *relay._sold(key)])
    if moment == "half":
        after(relay, half)
    if moment == "picture":
        struck, turn = iter([strike]), threading.Lock()

        def other(seen: Seen) -> list[Any]:
            with turn:  # no picture is given out before the disk is struck
                if seen.path.startswith("/pictures/"):
                    next(struck, lambda: None)()
            return relay._other(seen)

        relay._scripts[None].clear()
        relay.script(other)


# Root without the right to do what modes forbid is like any other user, and still finds its Python.
OBEDIENT = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search")
BOUGHT = """
import json, sys
from pathlib import Path
from now_jupyter._messages._errors import NowImageError
from now_jupyter._session import Session
session = Session(folder=Path(sys.argv[1]), base_url=sys.argv[2], environ={}, working=Path(sys.argv[1]).parent)
try:
    session.resume() if "resume" in sys.argv else session.generate("a fox", model="gpt-image-2", n=2)
    print(json.dumps([session.history[0].status.value, ""]))
except NowImageError as problem:
    print(json.dumps([type(problem).__name__, str(problem)]))
finally:
    session.close()
"""


@pytest.mark.row("S2", injected="rights to the folder taken away after paying")
def test_a_folder_without_rights_loses_no_picture(tmp_path: Path, campaign: Any) -> None:
    """A user who may no longer write into the own folder finds the pictures in the spill folder; with the rights they
    come home. No file system is mounted for it.
    """
    home = tmp_path / "n.now"
    with Struck(lambda: _rights(home, 0o500), count=2) as relay:
        name, message = in_a_process(home, relay)
        assert (name, str(spill_folder()) in message) == ("StoreUnavailable", True), message
        assert set(sold_digests(relay)) == digests_below(spill_folder())
        checked(book_of(relay), home, elsewhere=spilled())
        _rights(home, 0o700)
        assert in_a_process(home, relay, "resume") == ["done", ""]
        comes_home(home, relay)
    campaign.outcome(outcome="StoreUnavailable, spilled, resumed", billed="yes", kept="all")


def _rights(home: Path, mode: int) -> None:
    for folder in (home, *home.iterdir()):
        if folder.is_dir():
            folder.chmod(mode)


def in_a_process(home: Path, relay: Relay, *more: str) -> list[str]:
    command = [*OBEDIENT, sys.executable, "-c", BOUGHT, str(home), relay.url, *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert not done.returncode, done.stderr
    relay.settle()
    return list(json.loads(done.stdout))


# One call that fails, in Python's own calls


@pytest.mark.row("S2", injected="each effect on files in turn fails with EIO")
@pytest.mark.parametrize(("form", "count"), [("b64", 1), ("url", 4)])
def test_one_write_that_fails_costs_no_picture(
    form: Any, count: int, tmp_path: Path, kernels: Kernels, campaign: Any, full_faults: bool
) -> None:
    """Before sending, nothing is bought; after it, the order ends done, at the latest by `resume`."""
    ends: dict[str, int] = {}
    with Relay(form=form, count=count) as relay:
        for place in itertools.count(1, 1 if full_faults else 9):
            home = tmp_path / f"{place}" / "n.now"
            home.parent.mkdir()
            relay.forget()
            ran = kernels.act("generate", home, relay, ("fails", place), count=count)
            end = ran.result.get("error") or ran.result["status"]
            ends[end] = ends.get(end, 0) + 1
            assert len(relay.ledger) <= 1
            if not relay.ledger:
                assert ran.result["billed"] == "no"
                assert end.startswith("Store")
                continue
            kernels.act("resume", home, relay)
            seen = kernels.act("look", home, relay).result["seen"]
            assert [(one["status"], one["billed"]) for one in seen] == [("done", "yes")], (place, ran.result)
            assert set(sold_digests(relay)) <= digests_below(home / "pictures")
            assert digests_below(spill_folder()) == set()
            if place > ran.effects:
                break
    campaign.outcome(outcome=f"{ends}, all done in the end", billed="once", kept="all")


@pytest.mark.row("S2", injected="from each effect on the disk refuses everything")
@pytest.mark.parametrize(("form", "count"), [("b64", 4), ("url", 1)])
def test_a_disk_that_dies_costs_no_picture(
    form: Any, count: int, tmp_path: Path, kernels: Kernels, campaign: Any, full_faults: bool
) -> None:
    """No disk takes anything any more: what was bought is on it already, or in the error that the cell shows."""
    shown = 0
    with Relay(form=form, count=count) as relay:
        for place in itertools.count(1, 1 if full_faults else 9):
            home = tmp_path / f"{place}" / "n.now"
            home.parent.mkdir()
            relay.forget()
            ran = kernels.act("generate", home, relay, ("broken", place), count=count)
            if relay.ledger:
                rescued = set(ran.result.get("rescued", []))
                shown += bool(rescued)
                here = digests_below(home / "pictures") | rescued
                assert set(sold_digests(relay)) <= here or (home / "answers" / "1").exists()
                assert json.loads((home / "jobs" / "1.json").read_text("utf-8"))["billed"] in ("maybe", "yes")
            else:
                assert ran.result["billed"] == "no"
            if place > ran.effects:
                break
    assert shown > 0
    campaign.outcome(outcome=f"{shown} times in the output", billed="once at most", kept="all")


# The folder itself


@pytest.mark.row("S2", injected="folder moved away while the order is under way")
def test_a_folder_that_goes_while_the_relay_works_loses_nothing(tmp_path: Path, campaign: Any) -> None:
    """The pictures go to the spill folder; when the folder is back, `resume` brings them in."""
    home, away = tmp_path / "n.now", tmp_path / "elsewhere.moved"
    with Relay(count=2) as relay:
        after(relay, lambda key: [partial(home.rename, away), *relay._sold(key)])
        with session_in(home, relay.url) as session:
            problem = buy(session, 2)
        assert isinstance(problem, StoreUnavailable)
        assert problem.billed == "yes"
        assert set(sold_digests(relay)) <= digests_below(spill_folder())
        assert not home.exists()
        away.rename(home)
        with session_in(home, relay.url) as session:
            session.resume()
            assert session.history[0].status is Status.DONE
        assert len(relay.ledger) == 1
    campaign.outcome(outcome="StoreUnavailable, spilled, then resumed", billed="yes", kept="all")
