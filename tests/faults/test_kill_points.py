"""kill -9 before every effect of one order, in the middle of every write, and at our own lines as the counter-check."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deaths import NO_END, Deaths, answers_on_disk, end_of
from kills import Kernels, Relay, in_parallel, sold

FORMS = [("b64", 1), ("b64", 4), ("url", 1), ("url", 4)]
MOST_TRIES = 4  # each time at the end of the order that did not come to its place
STRIDE = 17  # of the short form; the full one leaves out nothing
LINES_STRIDE = 3001
FULL_LINES_STRIDE = 67
MOST_LINES = 22_000  # of the longest order
ENDS = {"done", "MaybeBilledError", "partial"}


@pytest.fixture(scope="module")
def kernels() -> Iterator[Kernels]:
    """One process forks all kernels of this file."""
    with Kernels() as kernels:
        yield kernels


@pytest.mark.row("S4", injected="kill -9 before every effect and in every write")
@pytest.mark.parametrize(("form", "count"), FORMS)
def test_kill_9_at_any_effect_loses_no_picture_and_sends_nothing_twice(
    form: Any, count: int, kernels: Kernels, tmp_path: Path, campaign: Any
) -> None:
    """Whatever effect a kernel dies before, each billed picture is there after `resume` or its order is marked; the
    recovery dies too, at a place that moves on, and loses nothing either. The full form sees the effects from outside
    Python, as system calls, whoever makes them: every call of an undisturbed order was a place where one died.

    Threads run side by side: what one order writes down in two writes of its record, the next may in one. Such an
    order ends before it comes to the last places, and the next one dies at that end.
    """
    kind: Any = "call" if campaign.is_full else "effect"
    with Relay(form=form, count=count) as relay:
        (tmp_path / "whole").mkdir()
        places = points_of("generate", kind, kernels, relay, tmp_path / "whole" / "n.now", count=count)
        recovery = len(points_of("recover", kind, kernels, relay, tmp_path / "whole" / "n.now"))
    deaths = Deaths(tmp_path)

    def die(others: Kernels, relay: Relay, place: tuple[int, Any]) -> None:
        number, name = place
        for _ in range(MOST_TRIES):
            order, *_ = deaths.one(others, relay, kind, name, recovery=number * 7 % recovery + 1)
            if order.killed:
                return
            name = end_of(order, name)
        raise AssertionError(f"nothing came to {place}")

    chosen = list(enumerate(places))[:: 1 if campaign.is_full else STRIDE]
    in_parallel(chosen, die, form=form, count=count)
    assert deaths.survived == len(chosen)
    assert deaths.recoveries_killed > 0
    told(deaths, campaign)


def points_of(act: str, kind: Any, kernels: Kernels, relay: Relay, home: Path, **more: Any) -> list[Any]:
    """Give all places of an undisturbed act where it can be killed: system calls by name, effects by number."""
    found = kernels.act(act, home, relay, (kind, NO_END), **more).found["points"]
    return list(found) if kind == "call" else list(range(1, len(found) + 1))


@pytest.mark.row("S4", injected="kill -9 at lines of our code")
@pytest.mark.parametrize(("form", "count"), [("b64", 1), ("url", 4)])
def test_kill_9_at_lines_of_our_code_finds_no_state_that_the_effects_do_not_have(
    form: Any, count: int, tmp_path: Path, campaign: Any
) -> None:
    """The counter-check: dying at a line, effect or not, ends as well."""
    stride = FULL_LINES_STRIDE if campaign.is_full else LINES_STRIDE
    deaths = Deaths(tmp_path)

    def die(others: Kernels, relay: Relay, place: int) -> None:
        deaths.one(others, relay, "line", place, recovery=NO_END)

    in_parallel(range(1, MOST_LINES, stride), die, form=form, count=count)
    assert deaths.survived > 3000 / stride
    told(deaths, campaign)


def told(deaths: Deaths, campaign: Any) -> None:
    """Write down what was survived, and how it ended."""
    assert "done" in deaths.outcomes
    assert set(deaths.outcomes) <= ENDS
    campaign.figure("kill points survived", deaths.survived + deaths.recoveries_killed)
    ends = ", ".join(f"{count} {end}" for end, count in sorted(deaths.outcomes.items()))
    campaign.outcome(
        outcome=f"{deaths.survived} + {deaths.recoveries_killed} survived: {ends}", billed="once at most", kept="all"
    )


# What mends


@pytest.mark.row("S4", injected="kill -9 before every effect of load, resume and doctor")
@pytest.mark.parametrize(("form", "count"), [("b64", 1), ("url", 4)])
def test_kill_9_at_any_effect_of_a_recovery_loses_nothing(
    form: Any, count: int, kernels: Kernels, tmp_path: Path, campaign: Any
) -> None:
    """An order that died with its answer on disk is collected in the end, wherever its recovery dies in between; the
    full form kills at system calls.
    """
    kind: Any = "call" if campaign.is_full else "effect"
    with Relay(form=form, count=count) as relay:
        place, home = _place_with_an_answer(kind, kernels, relay, tmp_path)
        places = points_of("recover", kind, kernels, relay, home)
    deaths = Deaths(tmp_path)

    def die(others: Kernels, relay: Relay, recovery: Any) -> None:
        where = recovery
        for _ in range(MOST_TRIES):
            _, *recovered = deaths.one(others, relay, kind, place, recovery=where)
            if recovered and recovered[0].killed:
                return
            where = end_of(recovered[0], where) if recovered else where
        raise AssertionError(f"nothing came to {recovery}")

    chosen = places[:: 1 if campaign.is_full else STRIDE]
    in_parallel(chosen, die, form=form, count=count)
    assert deaths.outcomes.keys() == {"done"}
    assert deaths.recoveries_killed == len(chosen)
    told(deaths, campaign)


def _place_with_an_answer(kind: Any, kernels: Kernels, relay: Relay, folder: Path) -> tuple[int, Path]:
    """Find an effect before which the whole answer is on disk and no picture is."""
    for place in itertools.count(1, 5):
        relay.forget()
        home = folder / f"looking-{place}" / "n.now"
        home.parent.mkdir()
        assert kernels.act("generate", home, relay, (kind, place), count=relay.count).killed
        if (home / "jobs" / "1.json").exists() and answers_on_disk(home):
            return place, home
    raise AssertionError


# The harness itself

SEEN_AS = {"openat": "create", "sendto": "send", "rename": "replace", "utimensat": "utime"}
BEHIND_PYTHON = re.compile(r"half |flock |(write|ftruncate) answers/.download|(?!mkdir)\w+ index")


def points_of_an_order(kernels: Kernels, place: Path, relay: Relay, kind: str, count: int) -> list[str]:
    """Name all points of an order."""
    home = place / "n.now"
    home.parent.mkdir(parents=True)
    points: list[str] = kernels.act("generate", home, relay, (kind, NO_END), count=count).found["points"]
    assert len(list((home / "pictures").iterdir())) == count
    return points


@pytest.mark.full_faults
@pytest.mark.parametrize(("form", "count"), FORMS)
def test_the_effects_are_all_that_an_order_does_to_the_world(
    form: Any, count: int, kernels: Kernels, tmp_path: Path
) -> None:
    """Counted from outside, an order makes as many system calls of each kind as there are effects, but for locks, the
    bytes of downloads, and what SQLite does to the index, which is no part of a history.
    """
    with Relay(form=form, count=count) as relay:
        points_of_an_order(kernels, tmp_path / "before", relay, "effect", count)  # the user's own folders are there
        inside = points_of_an_order(kernels, tmp_path / "inside", relay, "effect", count)
        outside = points_of_an_order(kernels, tmp_path / "outside", relay, "call", count)
    calls = [re.split("[ #]", call)[0] for call in outside if not BEHIND_PYTHON.match(call)]
    effects = [name for one in inside if not (name := one.split()[0]).endswith("half")]
    assert sorted(SEEN_AS.get(name, name) for name in calls) == sorted(effects)


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
