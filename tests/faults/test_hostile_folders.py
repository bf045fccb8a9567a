"""A notebook shipped with a hostile folder beside it: looked at without harm, whatever lies there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaign import Campaign
from clean_room import GUARD, ROOT
from faultserver import FaultServer, Send, response
from hostile import QUIET, RECORD, changed, hostile_folder, write
from now_jupyter._messages._errors import NowImageError
from now_jupyter._store import Store
from now_jupyter._store._notebook import pictures_shown
from stand import is_short, on_stand

LEAVING = ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system", "os.exec")
CHILD = """
import json, os, sys
sys.path[:0] = [{guard!r}, {root!r}]
opened, away = [], []
def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        opened.append((os.fsdecode(arguments[0]), str(arguments[1] or arguments[2])))
    if event in {leaving!r}:
        away.append((event, repr(arguments)[:200]))
os.chdir({work!r})
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config
from IPython.core.displaypub import CapturingDisplayPublisher
config = Config()
config.HistoryManager.enabled = False
ip = InteractiveShell.instance(config=config)
ip.display_pub = CapturingDisplayPublisher()
import now_jupyter._ipython._magics, PIL.Image
from now_jupyter._messages._errors import NowImageError
from now_jupyter._ipython import _extension
sys.addaudithook(watch)
told = []
for code in {cells!r}:
    result = ip.run_cell(code)
    error = result.error_before_exec or result.error_in_exec
    told.append([code, type(error).__name__, error is None or isinstance(error, NowImageError)])
_extension._HELD.session.close()
mimes = sorted({{mime for one in ip.display_pub.outputs for mime in one["data"]}})
sys.stderr.write("\\n@@" + json.dumps([told, opened, away, mimes]))
"""

LOOKS = [
    "%load_ext now_jupyter",
    "%now",
    "import now_jupyter as nj",
    "nj.history",
    "len(nj.history), [repr(g) for g in nj.history], [repr(p) for g in nj.history for p in g.pictures]",
    "%now history",
    "%now history fox",
    "nj.history.search('fox')",
    "nj.history.cost() if hasattr(nj.history, 'cost') else None",
    *(f"%now recall #{number}" for number in range(1, 15)),
    *(f"%now cell #{number}" for number in (1, 14)),
    *(f"nj.history['#{number}'].pictures[0].bytes()" for number in (1, 2, 3, 7)),
    *(f"nj.history['#{number}']" for number in (1, 2, 3, 4, 7, 10, 12, 13, 14)),
    *(f"nj.view('#{number}')" for number in (1, 3, 7)),
    "%now star #1",
    "%now tag #3 evil",
    "%now trash #10",
    "%now restore #10",
    "%now folder",
    "%now doctor",
    "%now wait",
    "%reload_ext now_jupyter",
    "%unload_ext now_jupyter",
]


# System calls that change something at a path, or make a connection; reading is looked at by name.
CHANGING = (
    *("unlink", "unlinkat", "rename", "renameat", "renameat2", "mkdir", "mkdirat", "rmdir", "link", "linkat"),
    *("symlink", "symlinkat", "chmod", "fchmodat", "chown", "lchown", "truncate", "mknod", "mknodat", "creat"),
    *("utimensat", "execve"),
)
_PATHS = re.compile(r'"((?:[^"\\]|\\.)*)"')
_WRITING = re.compile(r"O_(WRONLY|RDWR|CREAT|TRUNC)")
_OWN = ("/secret.txt", "/etc/passwd")


@pytest.mark.row("S6", injected="a notebook shipped with a hostile .now folder, watched by strace")
@pytest.mark.parametrize("before", [[], ["%load_ext now_jupyter", "%now adopt fox.now"]], ids=["received", "adopted"])
def test_a_hostile_folder_is_looked_at_without_harm(before: list[str], tmp_path: Path, campaign: Campaign) -> None:
    """Loading and looking at a shipped history raises nothing but errors of ours, reads and writes nothing outside
    the folder that it points to, connects nowhere, starts nothing and shows no HTML; also once it was agreed to.
    """
    work, secret = tmp_path / "work", tmp_path / "secret.txt"
    work.mkdir()
    secret.write_bytes(b"the user's own file")
    secret.chmod(0o644)
    as_it_was = _facts(secret)
    with FaultServer() as server:
        hostile_folder(work / "fox.now", secret, server.url)
        _hostile_book(work / "fox.ipynb", server.url)
        assert pictures_shown(work / "fox.ipynb").paid
        told, opened, away, mimes, calls = looked_at(work, [*before, *LOOKS])
        assert server.connections == 0
    assert not [one for one in told if not one[2] and one[1] != "IndexError"], [one for one in told if not one[2]]
    assert not away, away
    assert set(mimes) <= {"text/plain", "image/png", "image/jpeg"}
    assert _facts(secret) == as_it_was
    assert not [name for name, _ in opened if "secret" in name or name.startswith("/etc/passwd")]
    outside = [name for name, mode in opened if _is_outside(name, mode, work)]
    assert not outside, outside
    harmful = [call for call in calls if _harms(call, work)]
    assert not harmful, harmful
    assert sorted(one.name for one in tmp_path.iterdir()) == ["calls", "secret.txt", "work"]
    campaign.figure("hostile folders tried", 1)
    campaign.outcome(outcome="errors of ours only, 0 connections", billed="–", kept="others load")


def _facts(path: Path) -> tuple[bytes, int, int]:
    return path.read_bytes(), path.stat().st_mode, path.stat().st_mtime_ns


def _hostile_book(path: Path, server: str) -> None:
    shown = {
        "output_type": "display_data",
        "data": {"text/plain": "x"},
        "metadata": {"now": {"id": "../../x", "sha256": [7], "demo": False}},
    }
    book = {
        "cells": [{"cell_type": "code", "outputs": [shown, 7, {"metadata": 7}], "source": "", "metadata": {}}, 7],
        "metadata": {"now": {"base_url": server}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    write(path, json.dumps(book).encode())


def looked_at(work: Path, looks: Sequence[str]) -> tuple[list[Any], list[Any], list[Any], list[str], list[str]]:
    """Run cells in a process that strace watches: what was raised, opened, left for and shown, and its system calls."""
    code = CHILD.format(guard=str(GUARD), root=str(ROOT), work=str(work), cells=list(looks), leaving=LEAVING)
    log = work.parent / "calls"
    watched = f"trace=openat,open,connect,sendto,{','.join(CHANGING)}"
    command = ["strace", "-f", "-y", "-qq", "-s", "4096", "-e", watched, "-o", str(log), sys.executable, "-c", code]
    environ = {**os.environ, "JPY_SESSION_NAME": str(work / "fox.ipynb"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=150, env=environ)
    assert "@@" in done.stderr, done.stderr[-3000:]
    told, opened, away, mimes = json.loads(done.stderr.rpartition("@@")[2])
    lines = [line.split(None, 1)[1] for line in log.read_text("utf-8", "replace").splitlines()]
    assert any(line.startswith("openat(") and "fox.now" in line for line in lines), "nothing was watched"
    start = next(
        at for at, line in enumerate(lines) if "fox.now" in line and not line.startswith("execve(")
    )  # before it Python and IPython begin
    return told, opened, away, mimes, lines[start:]


def _harms(call: str, work: Path) -> bool:
    """Whether a system call reads the user's own files, changes anything outside, or connects anywhere."""
    name, _, arguments = call.partition("(")
    if name in ("connect", "sendto"):
        return "AF_INET" in call
    paths = _PATHS.findall(arguments)
    if name in ("open", "openat") and not _WRITING.search(arguments):
        is_refused = " = -1 " in call
        return not is_refused and any(path.endswith(_OWN) for path in paths)
    if name not in (*CHANGING, "open", "openat"):
        return False
    return any(_is_outside(path, "w", work) for path in paths)


def _is_outside(name: str, mode: str, work: Path) -> bool:
    if not any(sign in mode for sign in "wax+") or name in ("/dev/null", "/dev/tty"):
        return False
    place = Path(os.path.normpath(work / name))
    own = (os.environ[name] for name in ("HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"))  # the user's word, and indexes
    inside = (work, *own)
    return not any(map(place.is_relative_to, inside)) and "__pycache__" not in name


def test_the_watch_sees_harm(tmp_path: Path) -> None:
    """A process that reads the user's file, changes one or connects is seen, so that "no harm" means something."""
    work = tmp_path / "work"
    (work / "fox.now").mkdir(parents=True)
    (tmp_path / "secret.txt").write_bytes(b"x")
    harm = [
        "%load_ext now_jupyter",
        "%now",
        "open('fox.now/x', 'w').close()",
        f"open({str(tmp_path / 'secret.txt')!r}).read()",
        "open('../new', 'w').close()",
        "import os; os.rename('../new', '../newer')",
        "import os; os.chmod('../newer', 0o600)",
        "import socket; socket.socket().connect_ex(('127.0.0.1', 9))",
    ]
    calls = looked_at(work, harm)[-1]
    seen = {call.partition("(")[0] for call in calls if _harms(call, work)}
    assert {"openat", "rename", "chmod", "connect"} <= seen, seen


@pytest.mark.row("S6", injected="hostile folders (hypothesis): records, answers, formats, marks")
def test_any_folder_is_listed_or_refused(tmp_path: Path, campaign: Campaign) -> None:
    """Whatever lies in a shipped folder, it is listed, searched and resumed without a crash, and nothing is posted."""
    tried = 0
    secret = tmp_path / "secret.txt"
    secret.write_bytes(b"x")
    with FaultServer() as server:
        server.script([Send(response(404))])

        @settings(max_examples=150 if campaign.is_full else 12, **QUIET)
        @given(
            st.dictionaries(st.integers(1, 9), changed(RECORD), max_size=4),
            changed({"format": 1, "id": "a" * 32, "notebook": "x.ipynb"}),
            st.binary(max_size=300),
        )
        def look(records: dict[int, Any], head: Any, answer: bytes) -> None:
            nonlocal tried
            tried += 1
            folder = tmp_path / f"{tried}" / "fox.now"
            hostile_folder(folder, secret, server.url, records)
            write(folder / "format", json.dumps(head).encode())
            write(folder / "answers" / "5.part", answer)
            with on_stand(folder, server=server) as stand:
                session = stand.session
                for act in (
                    lambda: repr(session.history),
                    lambda: session.history.search("fox"),
                    session.resume,
                    lambda: session.star("#1"),
                    lambda: list(Store(folder).trashed()),
                ):
                    try:
                        act()
                    except NowImageError as error:
                        is_short(error)

        look()
        assert server.posts == 0
        asked = {re.sub(r"/tasks/[^/]+$", "/tasks/…", one.path) for one in server.seen}
        tasks = {"/v1/tasks/…", "/v1/images/tasks/…"}
        assert asked <= {"/answer", "/kept", "/api/pricing", "/model/info", "/v1/models", *tasks}
    assert secret.read_bytes() == b"x"
    campaign.figure("hostile folders tried", tried)
    campaign.outcome(outcome="listed, searched, resumed, or refused", billed="no", kept="others load")
