"""K1: ■ once and twice at every step of an order and of everything that is done to a history."""

from __future__ import annotations

import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from checker import checked, jobs_in
from kills import Kernels, Ran, Relay, in_parallel
from steps import line_of

STRIDE = 149
STRIDE_OF_TENDING = 251
MOST_TRIES = 4  # until a race goes the way of the step
ENDS = {"done", "cancelled"}


@pytest.fixture(scope="module")
def kernels() -> Iterator[Kernels]:
    with Kernels() as kernels:
        yield kernels


class Interrupts:
    """Does an act again and again, each time with ■ at another step, and looks what that left behind."""

    def __init__(self, act: str, kind: Any, folder: Path, *, template: Path | None = None, **more: Any) -> None:
        self._act = act
        self._kind = kind
        self._folder = folder
        self._template = template
        self._more = more
        self.earlier: list[str] = []
        self._lock = threading.Lock()
        self._homes = 0
        self.pressed: Counter[int] = Counter()
        self.lines: set[str] = set()
        self.came = 0

    def steps(self, kernels: Kernels, relay: Relay) -> list[str]:
        """Name the steps of an undisturbed act."""
        relay.forget()
        return sorted(kernels.act(self._act, self._home(), relay, ("steps", ""), **self._more).found["steps"])

    def one(self, kernels: Kernels, relay: Relay, step: str) -> None:
        """Interrupt an act at a step, go on, and look."""
        ran = Ran(killed=False)
        for _ in range(MOST_TRIES):
            home = self._home()
            relay.forget()
            ran = kernels.act(self._act, home, relay, (self._kind, step), **self._more)
            self._look(ran.result, home, relay, step)
            shutil.rmtree(home.parent)
            if ran.found["pressed"]:
                break
        with self._lock:
            self.came += ran.result["came"]
            self.pressed[ran.found["pressed"]] += 1
            if ran.found["pressed"]:
                self.lines.add(line_of(step))

    def _look(self, result: Any, home: Path, relay: Relay, step: str) -> None:
        """No hold, lock or half-record is left, ■ still works, what was sent arrived once."""
        assert result["after"]["status"] == "done", step
        assert result["found"] == [result["after"]["ref"]], step
        assert (result["held"], result["damaged"]) == ([], []), step
        assert result["lock"] and result["stops"], (step, result)  # noqa: PT018 - one promise
        assert {one["status"] for one in result["seen"]} <= ENDS, (step, result)
        bought = {job.key for job in jobs_in(home) if job.status == "done"}  # in the trash too
        assert sorted(relay.ledger) == sorted(bought.difference(self.earlier)), (step, result)
        book = relay.book
        for key in self.earlier:
            book.note(key, pictures=relay.pictures(key))
        checked(book, home)

    def _home(self) -> Path:
        with self._lock:
            self._homes += 1
            folder = self._folder / str(self._homes)
        if self._template is None:
            folder.mkdir()
        else:
            shutil.copytree(self._template, folder)
        return folder / "n.now"


@pytest.mark.row("K1", injected="SIGINT at every step of session, runner, background and store")
@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("kind", ["interrupt", "interrupts"])
def test_an_interrupt_at_any_line_of_an_order_leaves_everything_usable(
    awaited: bool, kind: Any, kernels: Kernels, tmp_path: Path, campaign: Any
) -> None:
    """■ once or twice, whatever thread runs what line: no hold, lock or half-record is left, what was sent arrives
    once, the next ■ works, and so does the next order.
    """
    interrupts = Interrupts("interrupted", kind, tmp_path, awaited=awaited)
    with Relay() as relay:
        steps = interrupts.steps(kernels, relay)
    if awaited:  # the other threads do the same as before
        steps = [step for step in steps if step.startswith("main")]
    gone_through(interrupts, steps, STRIDE, campaign)


@pytest.mark.row("K1", injected="SIGINT at every step of search, marks, trash, resume and doctor")
@pytest.mark.parametrize("kind", ["interrupt", "interrupts"])
def test_an_interrupt_at_any_line_of_tending_a_history_leaves_everything_usable(
    kind: Any, kernels: Kernels, tmp_path: Path, campaign: Any
) -> None:
    """The store works in the user's thread here: no lock is held, no record hidden."""
    template = tmp_path / "template"
    template.mkdir()
    interrupts = Interrupts("tended", kind, tmp_path, template=template)
    with Relay() as relay:
        kernels.act("generate", template / "n.now", relay)
        interrupts.earlier = relay.ledger
        steps = interrupts.steps(kernels, relay)
    gone_through(interrupts, steps, STRIDE_OF_TENDING, campaign)


@pytest.mark.row("K1", injected="SIGINT at every step of a cell")
@pytest.mark.parametrize("kind", ["interrupt", "interrupts"])
def test_an_interrupt_at_any_line_of_a_cell_leaves_the_shell_usable(
    kind: Any, kernels: Kernels, tmp_path: Path, campaign: Any
) -> None:
    """Magic, display, rewriting and the count of running cells: the next cells run, show and are awaited as before."""
    interrupts = Interrupts("cell", kind, tmp_path)
    with Relay() as relay:
        steps = [step for step in interrupts.steps(kernels, relay) if step.startswith("main")]
    gone_through(interrupts, steps, STRIDE_OF_TENDING, campaign)


def gone_through(interrupts: Interrupts, steps: list[str], stride: int, campaign: Any) -> None:
    """Press ■ at every step (in the short form at some), and write down how many lines that were."""
    chosen = steps if campaign.is_full else steps[::stride]
    in_parallel(chosen, interrupts.one)
    struck = interrupts.pressed.total() - interrupts.pressed[0]
    assert interrupts.pressed[0] <= 1 + len(chosen) // 50  # steps of a race that went the other way each time
    assert interrupts.came > 0
    campaign.distinct("lines interrupted", interrupts.lines)
    campaign.figure("interrupts survived", struck)
    twice = f", {interrupts.pressed[2]} of them twice" if interrupts.pressed[2] else ""
    campaign.outcome(outcome=f"{len(interrupts.lines)} lines, {struck} interrupts{twice}", billed="once", kept="all")
