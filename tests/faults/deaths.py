"""Kernels that die in one place after another, and live on each time as a user would."""

from __future__ import annotations

import itertools
import shutil
import threading
from collections import Counter
from pathlib import Path
from typing import Literal, TypeVar, cast

from checker import Job, checked, jobs_in, sha256
from effects import Kill
from kills import Kernels, Ran, Relay, answer_of

__all__ = ["NO_END", "Deaths", "answers_on_disk", "end_of"]

NO_END = 10**9
Kind = Literal["effect", "line", "call"]
Place = int | str
P = TypeVar("P", int, str, int | str)
_LEAST = 0.8  # of a place's number: no order merges more than a few of its writes


def digests_sold(relay: Relay, key: str) -> list[str]:
    return [sha256(data) for data in relay.pictures(key)]


def answers_on_disk(folder: Path) -> set[str]:
    """Name the orders whose whole answer is kept, or all of whose links or pictures are."""
    return {job.key for job in jobs_in(folder) if _is_collectable(folder, job)}


def _is_collectable(folder: Path, job: Job) -> bool:
    announced = len(job.outputs) == job.form.get("expected", 1)
    return bool(answer_of(folder, job.number)) or announced


def check_books(folder: Path, relay: Relay, answers: set[str]) -> None:
    """Each billed picture is here, or its order is marked; `answers` are the orders whose answer was all on disk."""
    verdict = checked(relay.book, folder)
    assert len({job.key for job in verdict.jobs}) == len(verdict.jobs)
    for job in verdict.jobs:
        if job.key not in relay.ledger:
            continue
        if job.status == "done":
            assert job.digests == digests_sold(relay, job.key)
        else:
            assert job.status in ("running", "pending", "partial", "unknown"), job
            assert job.key not in answers, f"not collected although its answer is here: {job}"


class Deaths:
    """Kills one order at a place, what mends it at another, and looks each time whether the books agree."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.survived = 0
        self.recoveries_killed = 0
        self.outcomes: Counter[str] = Counter()
        self._homes = itertools.count(1)
        self._lock = threading.Lock()

    def one(self, kernels: Kernels, relay: Relay, kind: Kind, place: Place, *, recovery: Place) -> list[Ran]:
        """Kill one order at a place and its recovery at another; tell how each of them ended.

        Nothing is recovered where the order did not come to its place.
        """
        with self._lock:
            home = self.folder / f"{kind}-{next(self._homes)}" / "n.now"
            home.parent.mkdir()
        relay.forget()
        ran = kernels.act("generate", home, relay, (kind, place), count=relay.count)
        if not ran.killed:
            return [ran]
        recovered, outcome = _lived_on(kernels, relay, home, ("call" if kind == "call" else "effect", recovery))
        with self._lock:
            self.survived += 1
            self.recoveries_killed += recovered.killed
            self.outcomes[outcome] += 1
        shutil.rmtree(home.parent)
        return [ran, recovered]


def end_of(ran: Ran, place: P) -> P:
    """Give the last place that there was in an act which did not come to this one: where to die the next time.

    An effect is known by its number, a system call by its name, which counts those of its kind.
    """
    points: list[str] = ran.found["points"]
    if isinstance(place, int):
        assert _LEAST * place <= len(points) < place, f"{len(points)} effects, and none was killed at {place}"
        return cast("P", len(points))
    kind = place.rpartition("#")[0]
    return cast("P", next((one for one in reversed(points) if one.rpartition("#")[0] == kind), place))


def _lived_on(kernels: Kernels, relay: Relay, home: Path, kill: Kill) -> tuple[Ran, str]:
    """Load, search, resume and have the doctor in, first with a kill, then to the end; run all again."""
    sent = len(relay.ledger)
    collectable = answers_on_disk(home)
    check_books(home, relay, set())
    recovered = kernels.act("recover", home, relay, kill)
    check_books(home, relay, set())
    mended = kernels.act("recover", home, relay).result
    assert mended["damaged"] == []
    assert mended["before"] == mended["after"] == [one["ref"] for one in reversed(mended["seen"])]
    check_books(home, relay, collectable)
    assert len(relay.ledger) == sent, "recovery has bought"
    return recovered, _ran_again(kernels, relay, home)


def _ran_again(kernels: Kernels, relay: Relay, home: Path) -> str:
    """Run All after a restart: what was billed is shown or named, and bought anew only where nothing was sent."""
    before, sent = jobs_in(home), len(relay.ledger)
    result = kernels.act("generate", home, relay, count=relay.count).result
    check_books(home, relay, set())
    outcome = str(result.get("error") or result["status"])
    if outcome == "MaybeBilledError":
        assert any(job.billed == "maybe" for job in before)
        assert len(relay.ledger) == sent
        return outcome
    wanted = digests_sold(relay, relay.ledger[0])
    assert len(relay.ledger) == 1
    if outcome == "partial":  # of an answer that was cut on its way to the disk, what is whole is shown
        assert result["pictures"] == wanted[: len(result["pictures"])]
        return outcome
    assert outcome == "done", result
    assert result["pictures"] == wanted
    return outcome
