"""S2, call by call: after the order is paid for, one system call of the kernel's process fails, or all from one on.

Python's own calls are only a part of what a disk refuses: downloads and buffered files write below them. Here
strace makes the system itself answer EIO, ENOSPC or EDQUOT, from the moment at which the relay has the order. It counts
for each thread, so one run may meet the failure in two threads; that is harder, not easier.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import select
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self, cast

import pytest

from acts import ACTS, Scene
from checker import checked
from disks import Struck, book_of, digests_below, session_in, sold_digests, spilled, until
from effects import Effects
from kills import load
from now_jupyter._messages._errors import NowImageError
from now_jupyter._store._rescue import spill_folder
from now_jupyter._values import Status
from sellers import PATIENCE

CALLS = {
    "write": "write,pwrite64,writev",
    "fsync": "fsync,fdatasync",
    "rename": "rename,renameat,renameat2",
    "name": "link,linkat,mkdir,mkdirat",
    "unlink": "unlink,unlinkat",
    "mode": "fchmod,chmod,ftruncate,fallocate",
}
ERRORS = ("EIO", "ENOSPC", "EDQUOT")
_HIT = re.compile(r"\((?:DELAYED|INJECTED)\)")


class Buyers:
    """Forks processes that buy; they report through a socket, whose calls nobody touches. A context manager."""

    def __enter__(self) -> Self:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        self._ours, theirs = socket.socketpair()
        command = [sys.executable, "-c", f"import test_s_syscalls as me; me.serve({theirs.fileno()})"]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, env=environment, text=True, pass_fds=[theirs.fileno()]
        )
        theirs.close()
        return self

    def __exit__(self, *_: object) -> None:
        cast("IO[str]", self._process.stdin).close()
        self._process.wait()
        self._ours.close()

    @property
    def child(self) -> int:
        """The one process that buys at this moment."""
        place = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children")
        return int(place.read_text("ascii").split()[0])

    def buy(self, home: Path, url: str, count: int) -> Any:
        data = os.environ["XDG_DATA_HOME"]  # of this test
        order = json.dumps({"folder": str(home), "url": url, "count": count, "data": data})
        cast("IO[str]", self._process.stdin).write(order + "\n")
        cast("IO[str]", self._process.stdin).flush()
        ready, _, _ = select.select([self._ours], [], [], PATIENCE + 10)
        assert ready, "the buyer hangs"
        return json.loads(self._ours.recv(1 << 20))


def serve(report: int) -> None:
    """Fork a buyer for every line of stdin."""
    load()
    said = socket.socket(fileno=report)
    for line in sys.stdin:
        order = json.loads(line)
        if os.fork() == 0:
            os.environ["XDG_DATA_HOME"] = order["data"]
            watcher = Effects("effect", 0, report)  # strace does the watching
            scene = Scene(Path(order["folder"]), order["url"], watcher)
            told = ACTS["generate"](scene, count=order["count"])
            said.send(json.dumps(told).encode())
            os._exit(0)
        os.wait()


@pytest.fixture(scope="module")
def buyers() -> Iterator[Buyers]:
    with Buyers() as buyers:
        yield buyers


@dataclass
class Tracer:
    """Attaches strace to the buyer when its order is in, and says afterwards what it made fail."""

    buyers: Buyers
    log: Path
    inject: str = ""
    _running: subprocess.Popen[bytes] | None = None

    def attach(self) -> None:
        child = self.buyers.child
        command = ["strace", "-f", "-q", "-y", "-e", f"trace={self.inject.partition(':')[0]}"]
        command += ["-e", f"inject={self.inject}", "-o", str(self.log), "-p", str(child)]
        self._running = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        until(lambda: all(_is_traced(task) for task in Path(f"/proc/{child}/task").iterdir()))

    def hits(self) -> list[str]:
        assert self._running is not None
        self._running.wait(PATIENCE)
        return [line for line in self.log.read_text("utf-8", "replace").splitlines() if _HIT.search(line)]


def _is_traced(task: Path) -> bool:
    lines = (task / "status").read_text("ascii", "replace").splitlines()
    return any(line.startswith("TracerPid:") and line.split()[1] != "0" for line in lines)


@contextmanager
def failing(buyers: Buyers, log: Path, inject: str, *, form: Any, count: int) -> Iterator[tuple[Tracer, Struck]]:
    tracer = Tracer(buyers, log, inject)
    with Struck(tracer.attach, form=form, count=count) as relay:
        yield tracer, relay


def came_through(told: Mapping[str, Any], home: Path, relay: Struck) -> None:
    """Hold the ladder, the message, the ledger; and that the next session brings all of it home."""
    rescued = set(told.get("rescued", []))
    wanted, here, away = set(sold_digests(relay)), digests_below(home), digests_below(spill_folder())
    has_answer = (home / "answers" / "1").exists()
    assert wanted <= here | away | rescued or has_answer, f"a picture is nowhere: {told}"
    assert told["billed"] in ("maybe", "yes")
    assert json.loads((home / "jobs" / "1.json").read_text("utf-8"))["billed"] in ("maybe", "yes")
    if wanted <= away - here and "error" in told and not rescued:
        assert str(spill_folder()) in told["message"]
    if rescued:
        assert "only in the output and memory" in told["message"]
    in_output = [data for key in relay.ledger for data in relay.pictures(key) if rescued]
    checked(book_of(relay), home, elsewhere=[*spilled(), *in_output])
    relay.strike = lambda: None
    only_shown = rescued - here - away  # the process that had them in memory is gone, its cell shows them
    with session_in(home, relay.url) as session:
        with suppress(NowImageError if only_shown else ()):
            session.resume()
        (generation,) = session.history
        assert wanted - only_shown <= {one.sha256 for one in generation.pictures}
        assert generation.status is Status.DONE or only_shown
    assert spilled() == []
    assert len(relay.ledger) == 1
    checked(book_of(relay), home, elsewhere=in_output)


@pytest.mark.row("S2", injected="EIO, ENOSPC, EDQUOT at the N-th system call after paying (strace)")
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("form", "count"), [("b64", 2), ("url", 2)])
def test_a_system_call_that_fails_costs_no_picture(
    form: Any, count: int, call: str, tmp_path: Path, buyers: Buyers, campaign: Any, full_faults: bool
) -> None:
    """Each call by itself fails once: the pictures are on the ladder, the message is right, `resume` ends it."""
    runs = struck = 0
    for error in ERRORS if full_faults else ERRORS[len(call) % 3 :][:1]:
        for place in itertools.count(1, 1 if full_faults else 6):
            home = tmp_path / f"{error}-{place}" / "n.now"
            home.parent.mkdir()
            inject = f"{CALLS[call]}:error={error}:when={place}"
            with failing(buyers, home.parent / "log", inject, form=form, count=count) as (tracer, relay):
                told = buyers.buy(home, relay.url, count)
                hits = tracer.hits()
                relay.settle()
                came_through(told, home, relay)
            runs, struck = runs + 1, struck + len(hits)
            if not hits:
                break
    campaign.figure("system calls made to fail", struck)
    campaign.outcome(outcome=f"{call}: {runs} places, all done in the end", billed="once", kept="all")


@pytest.mark.row("S2", injected="every write, fsync and rename fails from the N-th after paying on (strace)")
@pytest.mark.parametrize(("form", "count"), [("b64", 2), ("url", 1)])
def test_a_disk_that_dies_below_python_costs_no_picture(
    form: Any, count: int, tmp_path: Path, buyers: Buyers, campaign: Any, full_faults: bool
) -> None:
    """No rung of the ladder but the last is left, and it holds: answer or pictures on the disk, or in the output."""
    shown = runs = 0
    calls = ",".join(CALLS[name] for name in ("write", "fsync", "rename"))
    for place in itertools.count(1, 1 if full_faults else 5):
        home = tmp_path / f"{place}" / "n.now"
        home.parent.mkdir()
        with failing(buyers, home.parent / "log", f"{calls}:error=ENOSPC:when={place}+", form=form, count=count) as (
            tracer,
            relay,
        ):
            told = buyers.buy(home, relay.url, count)
            hits = tracer.hits()
            relay.settle()
            came_through(told, home, relay)
        shown += bool(told.get("rescued"))
        runs += 1
        if not hits:
            break
    assert shown > 0
    campaign.outcome(outcome=f"{runs} places, {shown} times in the output", billed="once", kept="all")
