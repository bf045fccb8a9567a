"""How the magics live with IPython's history, with other keyboards, and where nobody types."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from now_jupyter import ConfigError, TaskStillPending
from now_jupyter._ipython import _extension
from shells import SMALL, Shell

NO_BREAK, WIDE = "\u00a0", "\u3000"


@pytest.mark.slow
@pytest.mark.parametrize(
    "code", [f"%nowimage {SMALL} it's a fox", f"g = %nowimage {SMALL} fox", f"%%nowimage {SMALL}\nfox"]
)
def test_the_history_holds_what_can_be_run_again(shell: Shell, code: str) -> None:
    """`In`, `%save` and `%macro` hold IPython's plain call of the magic, which runs wherever it stands."""
    shell.run(code)
    kept = shell.run("In[-2]")
    assert "await" not in kept
    assert shell.pictures(f"exec({kept!r})") == 1
    shell.run("%unload_ext now_jupyter")
    shell.run("1 + 1")
    assert "store_inputs" not in vars(shell.ip.history_manager)


@pytest.mark.slow
@pytest.mark.parametrize(
    "code",
    [
        f"%%nowimage{WIDE}{SMALL}\nfox",
        f"％％nowimage{NO_BREAK}{SMALL}\nfox",
        f"{WIDE}%%nowimage {SMALL}{WIDE}-n{WIDE}1\nfox",
        f"%nowimage{NO_BREAK}{SMALL} fox",
        f"％nowimage {SMALL} fox",
    ],
)
def test_blanks_and_signs_of_a_chinese_keyboard_are_taken(shell: Shell, code: str) -> None:
    """Full-width and no-break blanks around a magic, and a full-width per cent sign, are what they look like."""
    assert shell.pictures(code) == 1
    assert shell.session.history[-1].prompt.strip() == "fox"


@pytest.mark.slow
@pytest.mark.parametrize(
    "line",
    [
        f"%now{WIDE}标签{WIDE}#1{WIDE}雪{WIDE}夜",
        "％now 标签 ＃1 雪 夜 ——灯",
        f"{WIDE}%now tag {NO_BREAK}“#1 雪 夜”{WIDE}",
        "text = %now 标签 #1.1 雪 夜",
    ],
)
def test_now_takes_what_a_chinese_keyboard_gives(shell: Shell, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Blanks, per cent, number sign, dashes and quotes around and within a line of `%now`."""
    shell.run(f"%nowimage {SMALL} --tag 灯 fox\n%now 标签 -1 —灯")
    shell.run(line)
    assert set(shell.session.history[-1].tags) == {"雪", "夜"}
    capsys.readouterr()
    shell.run("%now 历史 ——help")
    shell.run(f"％now{WIDE}历史{WIDE}－h")
    first, second = capsys.readouterr().out.splitlines()
    assert first == second
    assert first.startswith("%now history")
    shell.run("％now")
    assert "endpoint: " in capsys.readouterr().out


@pytest.mark.parametrize("line", ["%nowimage -h", "%nowimage ——help", "%%nowimage -s 16:9 －h\nfox"])
def test_the_magic_helps_by_either_name(shell: Shell, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`-h` is `--help`; nothing is ordered."""
    capsys.readouterr()
    shell.run(line)
    assert "-h, --help" in capsys.readouterr().out
    assert len(shell.session.history) == 0


def test_marimo_notebooks_have_a_history_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each cell of marimo knows the file of its notebook, whichever way marimo runs it."""
    monkeypatch.setitem(sys.modules, "marimo", ModuleType("marimo"))
    monkeypatch.setattr(_extension, "_shell", lambda: None)
    monkeypatch.setattr(_extension, "_HELD", _extension._Holder())
    cell = {"__name__": "__main__", "__file__": str(tmp_path / "app.py"), "session": _extension.session}
    exec("here = session(); folder = here.context.home().store.folder; here.close()", cell)
    assert cell["folder"] == tmp_path / "app.now"


def test_a_login_where_nothing_can_be_typed_says_what_helps(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel without a keyboard (nbclient, papermill) is told the environment's names."""

    def refuse(_question: str = "") -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", refuse)
    monkeypatch.setattr("now_jupyter._ipython._login.LoginTalk.run", lambda *_: refuse())
    error = shell.fail("%now login")
    assert isinstance(error, ConfigError)
    assert "NOW_BASE_URL" in error.next_step()


def test_a_demo_that_was_chosen_is_called_so(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    """With an address set, the status does not say that none is."""
    shell.run("%config Now.base_url = 'http://127.0.0.1:9'")
    capsys.readouterr()
    shell.run("%now")
    told = capsys.readouterr().out
    assert "the built-in demo (chosen)" in told
    assert "no address" not in told


def test_the_demo_is_turned_off_by_one_word(shell: Shell) -> None:
    """`nj.use_demo(False)` means what it says."""
    shell.run("import now_jupyter as nj\nnj.use_demo(False)")
    assert not shell.session.context.is_demo()


def test_a_wait_that_ended_says_nothing_that_the_picture_belies(shell: Shell) -> None:
    """The box of a limited wait stays in the cell, so it leaves open what is billed."""
    error = shell.fail(f'%nowimage --timeout 0.2 {SMALL} -p demo={{"latency":1}} fox')
    assert isinstance(error, TaskStillPending)
    assert "billed" not in "\n".join(error.lines())
    assert "goes on and will arrive" in error.lines()[0]


def test_a_press_of_ctrl_c_goes_to_what_is_running(tmp_path: Path) -> None:
    """While another task blocks the loop, Ctrl-C is that task's, as without us; the order goes on."""
    script = """
import asyncio, os, signal, time
import now_jupyter as nj
nj.use_demo(instant=True)

async def crunch():
    while not nj.session().jobs() or not nj.session().jobs()[0].is_sent:
        await asyncio.sleep(0.01)
    for _ in range(2):  # as asyncio's own runner has it: the first press asks, the second one raises
        os.kill(os.getpid(), signal.SIGINT)
    print("swallowed")

async def main():
    wish = {"model": "dall-e-2", "size": "256x256", "params": {"demo": {"latency": 1}}}
    await asyncio.gather(nj.agenerate("fox", **wish), crunch())

try:
    asyncio.run(main())
except KeyboardInterrupt:
    print("stopped")
nj.wait()
print(nj.history[-1].status)
"""
    ran = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=False, stdout=subprocess.PIPE, timeout=60)
    assert ran.stdout.decode().split() == ["stopped", "done"]
    assert ran.returncode != -signal.SIGINT


@pytest.mark.slow
@pytest.mark.parametrize("code", ["nj.generate('fox', {})", "nj.submit('fox', {})", "await nj.agenerate('fox', {})"])
@pytest.mark.parametrize(("extension", "cell"), [("%reload_ext", "a"), ("%unload_ext", None)])
def test_verbs_know_the_cell_that_they_are_called_in(shell: Shell, code: str, extension: str, cell: str | None) -> None:
    """Left and run again, a cell with `nj.generate` joins what it has ordered, as one with the magic does."""
    shell.run(f"{extension} now_jupyter")
    left = "" if "submit" in code else ", timeout=0.1"
    slow = f"model='dall-e-2', size='256x256', params={{'demo': {{'latency': 0.6}}}}{left}"
    shell.run("import now_jupyter as nj")
    for _ in range(2):
        shell.ip.run_cell(code.format(slow), cell_id=cell)
    shell.session.wait()
    (record,) = shell.session.history.records()
    assert (record.cell, record.status.value) == (cell, "done")


def test_each_thread_has_its_own_cell(shell: Shell) -> None:
    """A cell that a subshell's thread runs beside one in the main thread is another execution, and not inside it."""
    shell.ip.user_ns |= {"cells": _extension._HELD.extensions[id(shell.ip)].cells, "seen": []}
    look = "seen.append((cells.depth, cells.current))"
    run = f"threading.Thread(target=get_ipython().run_cell, args=({look!r},))"
    shell.run(f"import threading\n{look}\nother = {run}\nother.start(); other.join()\n{look}")
    seen = shell.ip.user_ns["seen"]
    assert [depth for depth, _ in seen] == [1, 1, 1]
    assert seen[0][1] is seen[2][1]
    assert seen[0][1] is not seen[1][1]
