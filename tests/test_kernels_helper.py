"""The helper that runs cells shows what a front end shows."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from kernels import Kernel


def test_each_name_starts_its_own_ipykernel(kernel6: str, kernel7: str) -> None:
    """The overlay is really in front: one kernel is 6.31, the other 7."""
    for name, version in ((kernel6, "6.31."), (kernel7, "7.")):
        with Kernel(name) as kernel:
            ran = kernel.run("import ipykernel, ipykernel.kernelapp as a; print(ipykernel.__version__, a.__file__)")
            assert ran.text.startswith(version)
            assert ("kernel6" in ran.text) == (name == kernel6)


def test_outputs_are_those_of_a_notebook_file(kernel7: str) -> None:
    """Streams are merged, results and errors have their parts, and a later cell goes on with the same names."""
    with Kernel(kernel7) as kernel:
        ran = kernel.run("print('a'); print('b'); x = 2; x")
        assert ran.outputs[0] == {"output_type": "stream", "name": "stdout", "text": "a\nb\n"}
        assert (ran.status, ran.result, ran.error) == ("ok", "2", None)
        failed = kernel.run("x / 0")
        assert failed.status == "error"
        assert failed.error is not None
        assert failed.error["ename"] == "ZeroDivisionError"


def test_an_update_reaches_the_output_of_an_earlier_cell(kernel7: str) -> None:
    """An update by display id changes the output where it stands, also when another cell, or a thread, sends it."""
    with Kernel(kernel7) as kernel:
        first = kernel.run("h = display('waiting', display_id='p'); 5")
        assert first.shown("text/plain") == ["'waiting'", "5"]
        kernel.run("from IPython.display import update_display; update_display('there', display_id='p')")
        assert first.shown("text/plain") == ["'there'", "5"]
        kernel.run("import threading; threading.Timer(0.1, lambda: update_display('late', display_id='p')).start()")
        kernel.until(lambda: first.shown("text/plain")[0] == "'late'", 10)


def test_clear_output_clears(kernel7: str) -> None:
    """With `wait` the old stays until the new is there."""
    with Kernel(kernel7) as kernel:
        ran = kernel.run("from IPython.display import clear_output\nprint(1); clear_output(wait=True); print(2)")
        assert ran.text == "2\n"


def test_an_interrupt_frees_the_cell(kernel7: str) -> None:
    """■ ends a cell that runs."""
    with Kernel(kernel7) as kernel:
        ran = kernel.start("print('here', flush=True)\nwhile True: pass")
        kernel.until(lambda: "here" in ran.text, 10)
        kernel.interrupt()
        assert ran.wait(10).error["ename"] == "KeyboardInterrupt"


def test_a_click_reaches_a_button_while_a_cell_awaits(kernel7: str) -> None:
    """A comm message goes to the widget as the page would send it."""
    with Kernel(kernel7) as kernel:
        ran = kernel.start(
            "import asyncio, ipywidgets\nclicked = asyncio.Event()\nb = ipywidgets.Button(description='Go')\n"
            "b.on_click(lambda b: clicked.set())\ndisplay(b)\nawait clicked.wait()\n'clicked'"
        )
        kernel.click("Go")
        assert ran.wait(10).result == "'clicked'"


def test_the_cell_id_arrives(kernel7: str) -> None:
    """The kernel knows the cell, as it does under JupyterLab."""
    with Kernel(kernel7) as kernel:
        kernel.run("ip = get_ipython(); ip.events.register('pre_run_cell', lambda info: print('cell', info.cell_id))")
        assert kernel.run("1", cell_id="abc").text.startswith("cell abc")
        assert kernel.run("1").text.startswith("cell None")


def test_input_is_answered(kernel7: str) -> None:
    """What a cell asks for is typed."""
    with Kernel(kernel7) as kernel:
        assert kernel.run("input('name? ')", answers=["Ann"]).result == "'Ann'"


def test_a_killed_kernel_starts_again(kernel7: str) -> None:
    """After kill -9 the running cell is dead, and a restart gives a new process."""
    with Kernel(kernel7) as kernel:
        ran = kernel.start("print('here', flush=True)\nimport time\ntime.sleep(600)")
        kernel.until(lambda: "here" in ran.text, 10)
        before = kernel.pid
        kernel.kill()
        assert ran.status == "dead"
        kernel.restart()
        assert kernel.pid != before
        assert kernel.run("1 + 1").result == "2"


def test_a_kernel_cannot_leave_the_machine(kernel7: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The guard is in force in kernels too; and it writes down what was wanted."""
    log = tmp_path / "log"
    with Kernel(kernel7, env={"NETWORK_GUARD_LOG": str(log)}) as kernel:
        ran = kernel.run("import socket; socket.create_connection(('192.0.2.1', 80), timeout=5)")
        assert ran.error is not None
        assert ran.error["ename"] == "ConnectionRefusedError"
        ran = kernel.run("socket.getaddrinfo('relay.invalid', 443)")
        assert ran.error["ename"] == "gaierror"
    assert log.read_text() == "socket.connect 192.0.2.1 80\n"


def test_waiting_ends_with_what_is_shown(kernel7: str) -> None:
    """A condition that never holds fails in time and says what the cells show."""
    with Kernel(kernel7) as kernel:
        kernel.run("print('so far')")
        began = time.monotonic()
        with pytest.raises(TimeoutError, match="so far"):
            kernel.until(lambda: False, 0.3)
        assert time.monotonic() - began < 3
