"""kill -9 before every effect of one order, in the middle of every write, and at our own lines as the counter-check."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kills import Kernels, Relay, answer_of, sold

FORMS = [("b64", 1), ("b64", 4), ("url", 1), ("url", 4)]
STRIDE = 13  # of the short form; the full one leaves out nothing
LINES_STRIDE = 2503
FULL_LINES_STRIDE = 29
NO_END = 10**9


@pytest.fixture(scope="module")
def kernels() -> Iterator[Kernels]:
    """One process forks all kernels of this file."""
    with Kernels() as kernels:
        yield kernels


def records_in(folder: Path) -> dict[str, dict[str, Any]]:
    """Read the records by their orders' keys, with nothing of ours."""
    found: dict[str, dict[str, Any]] = {}
    for path in (folder / "jobs").glob("*.json"):
        record = json.loads(path.read_text("utf-8"))
        assert path.name == f"{record['number']}.json"
        assert record["idempotency_key"] not in found
        found[record["idempotency_key"]] = record
    return found


def digests_on_disk(folder: Path) -> set[str]:
    """Hash every picture; each must bear its digest as its name, but for unfinished ones that nobody names."""
    found = set()
    for path in (folder / "pictures").rglob("*"):
        if path.is_file() and path.suffix != ".tmp":
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            assert path.stem == digest, path
            found.add(digest)
    return found


def digests_sold(relay: Relay, key: str) -> list[str]:
    return [hashlib.sha256(data).hexdigest() for data in relay.pictures(key)]


def check_books(folder: Path, relay: Relay, answers: set[str]) -> None:
    """Each billed picture is here, or its order is marked; `answers` are the orders whose answer was all on disk."""
    records, here = records_in(folder), digests_on_disk(folder)
    assert len(relay.ledger) == len(set(relay.ledger)), "an order was sent twice"
    for key in relay.ledger:
        record = records[key]
        assert record.get("billed") in ("maybe", "yes"), record
        kept = [one["sha256"] for one in record.get("kept", []) if one.get("sha256")]
        assert set(kept) <= here
        if record["status"] == "done":
            assert kept == digests_sold(relay, key)
        else:
            assert record["status"] in ("running", "pending", "partial", "unknown"), record
            assert key not in answers, f"not collected although its answer is here: {record}"


def answers_on_disk(folder: Path) -> set[str]:
    """Name the orders whose whole answer is kept, or all of whose links or pictures are."""
    return {key for key, one in records_in(folder).items() if _is_collectable(folder, one)}


def _is_collectable(folder: Path, record: dict[str, Any]) -> bool:
    kept = record.get("kept", [])
    announced = len(kept) == record.get("expected", record["request"]["params"].get("n", 1))
    return bool(answer_of(folder, record["number"])) or announced


class Deaths:
    """Kills kernels in one place after another, and lives on each time as a user would."""

    def __init__(self, kernels: Kernels, relay: Relay, folder: Path) -> None:
        self.kernels = kernels
        self.relay = relay
        self.folder = folder
        self.survived = 0
        self.recoveries_killed = 0
        self.outcomes: dict[str, int] = {}

    def one(self, kind: str, place: int, *, recovery: int) -> bool:
        """Kill one order at a place, its recovery at another; tell whether the order came to that place."""
        self.relay.forget()
        home = self.folder / f"{kind}-{place}-{recovery}" / "n.now"
        home.parent.mkdir()
        ran = self.kernels.act("generate", home, self.relay, (kind, place), count=self.relay.count)
        if not ran.killed:
            return False
        sent = len(self.relay.ledger)
        collectable = answers_on_disk(home)
        check_books(home, self.relay, set())
        seen = self.kernels.act("look", home, self.relay).result
        assert seen["damaged"] == []
        if self.kernels.act("resume", home, self.relay, ("effect", recovery)).killed:
            self.recoveries_killed += 1
        check_books(home, self.relay, set())
        self.kernels.act("resume", home, self.relay)
        check_books(home, self.relay, collectable)
        assert len(self.relay.ledger) == sent, "recovery has bought"
        self._run_again(home, sent)
        self.survived += 1
        return True

    def _run_again(self, home: Path, sent: int) -> None:
        """Run All after a restart: what was billed is shown or named, and bought anew only where nothing was sent."""
        before = list(records_in(home).values())
        result = self.kernels.act("generate", home, self.relay, count=self.relay.count).result
        check_books(home, self.relay, set())
        outcome = result.get("error") or result["status"]
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        if outcome == "MaybeBilledError":
            assert any(one["billed"] == "maybe" for one in before)
            assert len(self.relay.ledger) == sent
            return
        wanted = digests_sold(self.relay, self.relay.ledger[0])
        assert len(self.relay.ledger) == 1
        if outcome == "partial":  # of an answer that was cut on its way to the disk, what is whole is shown
            assert result["pictures"] == wanted[: len(result["pictures"])]
            return
        assert outcome == "done", result
        assert result["pictures"] == wanted


@pytest.mark.row("S4", injected="kill -9 before every effect and in every write")
@pytest.mark.parametrize(("form", "count"), FORMS)
def test_kill_9_at_any_effect_loses_no_picture_and_sends_nothing_twice(
    form: Any, count: int, kernels: Kernels, tmp_path: Path, request: pytest.FixtureRequest, campaign: Any
) -> None:
    """Whatever effect a kernel dies before, each billed picture is there after `resume` or its order is marked; the
    recovery dies too, at a place that moves on, and loses nothing either.
    """
    stride = 1 if request.config.getoption("--full-faults") else STRIDE
    with Relay(form=form, count=count) as relay:
        deaths = Deaths(kernels, relay, tmp_path)
        for place in itertools.count(1, stride):
            if not deaths.one("effect", place, recovery=place // stride % 60 + 1):
                break
    assert deaths.survived > 80 / stride
    assert deaths.recoveries_killed > 0
    assert {"done", "MaybeBilledError"} <= set(deaths.outcomes) <= {"done", "MaybeBilledError", "partial"}
    campaign.figure("kill points survived", deaths.survived + deaths.recoveries_killed)
    campaign.outcome(
        outcome=f"{deaths.survived} + {deaths.recoveries_killed} kills survived; then {deaths.outcomes}",
        billed="once at most",
        kept="all",
    )


@pytest.mark.row("S4", injected="kill -9 at lines of our code")
@pytest.mark.parametrize(("form", "count"), [("b64", 1), ("url", 4)])
def test_kill_9_at_lines_of_our_code_finds_no_state_that_the_effects_do_not_have(
    form: Any, count: int, kernels: Kernels, tmp_path: Path, request: pytest.FixtureRequest, campaign: Any
) -> None:
    """The counter-check: dying at a line, effect or not, ends as well."""
    stride = FULL_LINES_STRIDE if request.config.getoption("--full-faults") else LINES_STRIDE
    with Relay(form=form, count=count) as relay:
        deaths = Deaths(kernels, relay, tmp_path)
        for place in itertools.count(1, stride):
            if not deaths.one("line", place, recovery=NO_END):
                break
    assert deaths.survived > 3000 / stride
    campaign.figure("kill points survived", deaths.survived)
    campaign.outcome(
        outcome=f"{deaths.survived} kills survived; then {deaths.outcomes}", billed="once at most", kept="all"
    )


@pytest.mark.row("S4", injected="kill -9 before every effect of a recovery")
@pytest.mark.parametrize(("form", "count"), [("b64", 1), ("url", 4)])
def test_kill_9_at_any_effect_of_a_recovery_loses_nothing(
    form: Any, count: int, kernels: Kernels, tmp_path: Path, request: pytest.FixtureRequest, campaign: Any
) -> None:
    """An order that died with its answer on disk is collected in the end, wherever its recovery dies in between."""
    stride = 1 if request.config.getoption("--full-faults") else STRIDE
    killed = 0
    with Relay(form=form, count=count) as relay:
        place = _place_with_an_answer(kernels, relay, tmp_path)
        for recovery in itertools.count(1, stride):
            deaths = Deaths(kernels, relay, tmp_path)
            assert deaths.one("effect", place, recovery=recovery)
            assert deaths.outcomes == {"done": 1}
            if not deaths.recoveries_killed:
                break
            killed += 1
    assert killed > 20 / stride
    campaign.figure("kill points survived", killed)
    campaign.outcome(outcome=f"{killed} kills of a recovery survived", billed="once", kept="all")


def _place_with_an_answer(kernels: Kernels, relay: Relay, folder: Path) -> int:
    """Find an effect before which the whole answer is on disk and no picture is."""
    for place in itertools.count(1, 5):
        relay.forget()
        home = folder / f"looking-{place}" / "n.now"
        home.parent.mkdir()
        assert kernels.act("generate", home, relay, ("effect", place), count=relay.count).killed
        if (home / "jobs" / "1.json").exists() and answers_on_disk(home):
            return place
    raise AssertionError


@pytest.mark.row("T1", injected="kill -9 right after the submit")
def test_an_order_that_died_right_after_it_was_sent_is_marked_and_not_sent_again(
    kernels: Kernels, tmp_path: Path, campaign: Any
) -> None:
    """The relay got the order, the kernel never heard: it may have been billed, and only `--fresh` orders again."""
    with Relay(form="url", count=1) as relay:
        home = tmp_path / "n.now"
        sold(kernels, relay, home)
        assert kernels.act("resume", home, relay).result[0]["status"] == "unknown"
        again = kernels.act("generate", home, relay).result
        assert (again["error"], again["billed"]) == ("MaybeBilledError", "maybe")
        assert len(relay.ledger) == 1
        assert kernels.act("generate", home, relay, fresh=True).result["status"] == "done"
        assert len(relay.ledger) == 2
    campaign.outcome(outcome="MaybeBilledError, then --fresh orders again", billed="maybe", kept="the record")
