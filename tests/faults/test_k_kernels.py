"""Restarts, forks, sleep, and notebooks without widgets or kernel: K1 to K4, but for interrupts (test_interrupts)."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest
from nbconvert import HTMLExporter

from faultserver import Await
from kernels import KERNEL_7, Kernel
from kills import GENERATE, Kernels, Relay
from now_jupyter._background._waking import Waking
from now_jupyter._session import Session
from now_jupyter._values import Status

LOAD = "%load_ext now_jupyter"
CELL = "%%nowimage -m gpt-image-2\na fox in the snow"


@pytest.fixture(scope="module")
def kernels() -> Iterator[Kernels]:
    with Kernels() as kernels:
        yield kernels


class Slow(Relay):
    """Works on every order until it may answer."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.go_on = threading.Event()
        self.reached = threading.Event()

    def _sold(self, key: str) -> list[Any]:
        return [Await(self.go_on, self.reached), *super()._sold(key)]


def environment(relay: Relay, folder: Path) -> dict[str, str]:
    return {"NOW_BASE_URL": relay.url, "JPY_SESSION_NAME": str(folder / "n.ipynb")}


# K2


@pytest.mark.row("K1", injected="an order waited for in the main thread, twice")
def test_after_waiting_an_interrupt_is_handled_as_before(tmp_path: Path, campaign: Any) -> None:
    """While a cell waits, ■ is ours; afterwards the handler of the shell is back, the very same."""
    before = signal.getsignal(signal.SIGINT)
    session = Session(folder=tmp_path / "a.now", environ={}, working=tmp_path)
    session.use_demo(on=True, instant=True)
    try:
        for _ in range(2):
            session.generate("a fox")
            assert signal.getsignal(signal.SIGINT) is before
    finally:
        session.close()
    campaign.outcome(outcome="the handler before", billed="-", kept="both pictures")


@pytest.mark.row("K2", injected="kernel killed while the relay works, restart, Run All")
def test_a_restart_while_an_order_is_pending_is_reported(tmp_path: Path, campaign: Any) -> None:
    """After the restart `%now` counts the open order, the cell names it and buys nothing."""
    with Slow() as relay, Kernel(env=environment(relay, tmp_path), cwd=tmp_path) as kernel:
        kernel.run(LOAD)
        kernel.start(CELL, cell_id="c")
        kernel.until(relay.reached.is_set)
        kernel.kill()
        relay.go_on.set()
        kernel.restart()
        kernel.run(LOAD)
        assert "unsettled: 1" in kernel.run("%now").text
        ran = kernel.run(CELL, cell_id="c")
        assert ran.status == "error"
        assert "MaybeBilledError: #1" in ran.text
        assert len(relay.ledger) == 1
    campaign.outcome(outcome="reported, MaybeBilledError", billed="maybe", kept="the record")


@pytest.mark.row("K2", injected="load, reload and unload again and again")
def test_loading_twice_hooks_once(tmp_path: Path, campaign: Any) -> None:
    """Reloading adds nothing; unloading takes everything out; the order of a cell is placed once."""
    hooks = "print(len(get_ipython().input_transformers_cleanup), len(get_ipython().events.callbacks['pre_run_cell']))"
    with Relay() as relay, Kernel(env=environment(relay, tmp_path), cwd=tmp_path) as kernel:
        before = kernel.run(hooks).text
        kernel.run(LOAD)
        loaded = kernel.run(hooks).text
        kernel.run("%reload_ext now_jupyter\n%reload_ext now_jupyter\n%load_ext now_jupyter")
        assert kernel.run(hooks).text == loaded
        assert kernel.run(CELL).status == "ok"
        assert len(relay.ledger) == 1
        kernel.run("%unload_ext now_jupyter")
        assert kernel.run(hooks).text == before
    campaign.outcome(outcome="hooks once", billed="once", kept="all")


@pytest.mark.row("K2", injected="fork while an order is under way")
def test_a_forked_child_does_nothing(tmp_path: Path, kernels: Kernels, campaign: Any) -> None:
    """The child sends nothing, takes no hold away and ends; the parent gets its picture."""
    with Slow() as relay:
        threading.Timer(0.5, relay.go_on.set).start()
        result = kernels.act("forked", tmp_path / "n.now", relay).result
        assert result["child"] == 0
        assert result["held"]
        assert result["mine"]["status"] == "done"
        assert len(relay.ledger) == 1
    campaign.outcome(outcome="child does nothing", billed="once", kept="all")


# K3


@pytest.mark.row("K3", injected="cell finished, re-run and replaced while its picture is on its way")
def test_a_late_picture_appears_in_its_own_cell(tmp_path: Path, campaign: Any) -> None:
    """The first cell ends at once, others run; the picture comes into the first one, and re-running it joins."""
    with Slow() as relay, Kernel(env=environment(relay, tmp_path), cwd=tmp_path) as kernel:
        kernel.run(LOAD)
        first = kernel.run(CELL.replace("%%nowimage", "%%nowimage --no-wait"), cell_id="a")
        kernel.until(relay.reached.is_set)
        other = kernel.run("1 + 1", cell_id="b")
        again = kernel.start(CELL, cell_id="a")
        relay.go_on.set()
        again.wait()
        kernel.until(lambda: first.shown("image/png"))
        assert not other.shown("image/png")
        assert again.shown("image/png")
        assert len(relay.ledger) == 1
    campaign.outcome(outcome="right cell", billed="once", kept="all")


@pytest.mark.row("K3", injected="orders from threads of the user")
def test_orders_from_threads_arrive_in_the_history(tmp_path: Path, campaign: Any) -> None:
    """Verbs may be called from any thread; the outputs of other cells stay their own."""
    code = (
        "import threading, now_jupyter as nj\n"
        "def work(i): nj.generate(f'fox {i}', model='gpt-image-2')\n"
        "threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
        "print(len(nj.history), {g.status.value for g in nj.history})"
    )
    with Relay() as relay, Kernel(env=environment(relay, tmp_path), cwd=tmp_path) as kernel:
        ran = kernel.run(code)
        assert ran.text.strip() == "8 {'done'}"
        assert len(set(relay.ledger)) == 8
    campaign.outcome(outcome="all in the history", billed="once each", kept="all")


# K4


@pytest.mark.row("K4", injected="no widgets, nobody before the notebook, nbconvert, no kernel")
def test_a_notebook_run_by_a_program_shows_its_pictures_without_a_kernel(
    tmp_path: Path, campaign: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where ipywidgets cannot be loaded, nbclient gets plain outputs; the saved file shows the picture by itself."""
    with Slow() as relay:
        threading.Timer(1.0, relay.go_on.set).start()
        for name, value in environment(relay, tmp_path).items():
            monkeypatch.setenv(name, value)
        cells = ["import sys; sys.modules['ipywidgets'] = None", LOAD, CELL]
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        nbclient.NotebookClient(
            notebook, kernel_name=KERNEL_7, resources={"metadata": {"path": str(tmp_path)}}
        ).execute()
        nbformat.write(notebook, tmp_path / "n.ipynb")
        outputs = notebook.cells[2].outputs
        assert [sorted(one["data"]) for one in outputs] == [["image/png", "text/plain"], ["text/plain"]]
        html, _ = HTMLExporter().from_filename(str(tmp_path / "n.ipynb"))
        assert outputs[0]["data"]["image/png"][:60] in html.replace("\n", "")
        assert "application/vnd.jupyter.widget" not in json.dumps(notebook)
        assert len(relay.ledger) == 1
    campaign.outcome(outcome="plain outputs, picture in the file", billed="once", kept="all")


# K1: sleep


@pytest.mark.row("K1", injected="the machine sleeps while an order is under way")
def test_after_a_sleep_new_orders_wait_for_what_was_under_way(tmp_path: Path, campaign: Any) -> None:
    """The wall clock jumps by half an hour: the next order is held until the first is settled, and says so."""
    now = [1e9]
    with Slow() as relay:
        session = Session(folder=tmp_path / "n.now", base_url=relay.url, environ={}, working=tmp_path)
        try:
            buyer = session._orders._buyer
            buyer.waking = Waking(clock=lambda: now[0], stopwatch=lambda: 0.0)
            first = session.submit("a fox", model="gpt-image-2")
            assert relay.reached.wait(30)
            now[0] += 1800
            second = session.submit("a hare", model="gpt-image-2")
            until(lambda: second.notes)
            assert "slept for 30 minutes" in second.notes[0]
            assert not second.is_sent
            assert sum(one.path == GENERATE for one in relay.seen) == 1
            relay.go_on.set()
            assert first.result(30).status is second.result(30).status is Status.DONE
            third = session.submit("an owl", model="gpt-image-2")
            assert third.result(30).status is Status.DONE
            assert third.notes == []
        finally:
            relay.go_on.set()
            session.close()
    campaign.outcome(outcome="held, said, went on", billed="once each", kept="all")


def test_a_clock_set_right_is_no_sleep() -> None:
    """Seconds forth and hours back are corrections; minutes forth are sleep, told once."""
    now = [0.0]
    waking = Waking(clock=lambda: now[0], stopwatch=lambda: 0.0)
    for step, slept in ((5.0, 0.0), (-7200.0, 0.0), (600.0, 600.0), (0.0, 0.0)):
        now[0] += step
        assert waking.slept() == slept


def until(true: Any) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
