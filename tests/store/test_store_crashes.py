"""The store under kill -9 and KeyboardInterrupt, at one line of our code after another."""

from __future__ import annotations

import linecache
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import FrameType

import pytest

import now_jupyter
from now_jupyter._json import digest
from now_jupyter._store import Record, Store
from now_jupyter._values import Status
from records_made import PNG, keep, record_of

STRIDE_OF_KILLS = 97  # lines of the store from one kill to the next; 1 was tried by hand, too slow for every day
STRIDE_OF_INTERRUPTS = 131
STORE = str(Path(now_jupyter.__file__).parent / "_store")  # lines elsewhere write nothing


def scenario(store: Store) -> None:
    """Go through everything that is written for a job."""
    store.preflight()
    record = store.claim(record_of("a fox", status=Status.PENDING))
    store.write(replace(record, status=Status.RUNNING, billed="maybe"))
    answer = store.open_answer(record.number)
    answer.begin({"status": 200})
    answer.write(PNG)
    answer.finish()
    temp = store.temp_path()
    temp.write_bytes(PNG)
    record = keep(store, replace(record, status=Status.RUNNING, billed="yes"), temp)
    store.write(replace(record, status=Status.DONE))
    store.keep_input(PNG, mime="image/png")
    store.mark(record.number, add=["*"])
    store.mark(record.number, add=["cover"], output="0")
    store.records()
    store.drop_answer(record.number)
    store.trash(record.number)
    store.restore(record.number)


def at_line(number: int, act: Callable[[], None]) -> Callable[[], None]:
    """Arrange that `act` happens when the `number`-th line of the store is about to run.

    Lines with `with` are passed over: what comes between taking a lock and its block, only Python could hold off.
    """
    left = number

    def trace(frame: FrameType, event: str, _: object) -> Callable[..., object] | None:
        nonlocal left
        if not frame.f_code.co_filename.startswith(STORE):
            return None
        line = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
        if event == "line" and not line.lstrip().startswith("with "):
            left -= 1
            if left == 0:
                sys.settrace(None)
                act()
        return trace

    return lambda: sys.settrace(trace)


def die_at(folder: str, number: int) -> bool:
    """Fork a kernel that kills itself at a line; tell whether it came to that."""
    child = os.fork()
    if child:
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])
    at_line(number, lambda: os.kill(os.getpid(), signal.SIGKILL))()
    scenario(Store(Path(folder)))
    os._exit(0)


def check_what_a_crash_left(store: Store, before: Record) -> None:
    """Everything loads, what was there is there, what is known is whole, and the next job gets a number of its own."""
    records = [*store.records(), *store.trashed()]
    assert store.damaged == ()
    assert before in records
    assert len({one.id for one in records}) == len({one.number for one in records}) == len(records)
    for kept in (kept for record in records for kept in record.outputs):
        assert digest(store.output_path(kept.file).read_bytes()) == kept.sha256
    for path in [path for path in store.pictures.iterdir() if not path.name.startswith(".")]:
        assert path.read_bytes() == PNG
    store.preflight()
    new = store.claim(record_of("after"))
    assert new.number not in {one.number for one in records}
    store.write(replace(new, status=Status.DONE))
    assert store.records()[-1].request.prompt == "after"
    with store.hold(new.number) or pytest.fail("held"):
        assert store.is_held(new.number)


def prepared(folder: Path) -> tuple[Store, Record]:
    """Give a store with one job in it."""
    store = Store(folder)
    return store, store.claim(record_of("before"))


KILLED_EVERYWHERE = """
import sys; from itertools import count; from pathlib import Path
import test_store_crashes
for number in count(1, int(sys.argv[2])):
    folder = Path(sys.argv[1]) / f"{number}.now"
    store, before = test_store_crashes.prepared(folder)
    died = test_store_crashes.die_at(str(folder), number)
    test_store_crashes.check_what_a_crash_left(test_store_crashes.Store(folder), before)
    if not died:
        break
print(number)
"""


@pytest.mark.slow
def test_kill_9_anywhere_loses_nothing(tmp_path: Path) -> None:
    """A kernel killed at one line after another leaves a folder that loads and works; no number is used twice."""
    assert last_line_of(KILLED_EVERYWHERE, tmp_path, STRIDE_OF_KILLS) > 500


def interrupted_at(store: Store, number: int) -> bool:
    """Interrupt the scenario at a line; tell whether it came to that."""

    def interrupt() -> None:
        raise KeyboardInterrupt

    start = at_line(number, interrupt)
    try:
        start()
        scenario(store)
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(None)
    return False


INTERRUPTED_EVERYWHERE = """
import sys; from itertools import count; from pathlib import Path
import test_store_crashes
for number in count(1, int(sys.argv[2])):
    store, before = test_store_crashes.prepared(Path(sys.argv[1]) / f"{number}.now")
    came = test_store_crashes.interrupted_at(store, number)
    test_store_crashes.check_what_a_crash_left(store, before)
    if not came:
        break
print(number)
"""


@pytest.mark.slow
def test_an_interrupt_anywhere_leaves_everything_usable(tmp_path: Path) -> None:
    """After a KeyboardInterrupt at any line the same store works on, with no transaction, lock or file in the way."""
    # In a process of its own: CPython 3.11 leaves sys.exc_info() behind when a trace function raises in an `except`.
    assert last_line_of(INTERRUPTED_EVERYWHERE, tmp_path, STRIDE_OF_INTERRUPTS) > 500


def last_line_of(script: str, folder: Path, stride: int) -> int:
    """Run one of the scripts above to its end."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", script, str(folder), str(stride)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_nothing_of_ours_opens_a_port(tmp_path: Path) -> None:
    """A whole job makes no socket."""
    made: list[object] = []

    class Watched(socket.socket):
        def __init__(self, *args: object, **more: object) -> None:
            made.append(args)
            super().__init__(*args, **more)  # type: ignore[arg-type]

    before, socket.socket = socket.socket, Watched  # type: ignore[misc]
    try:
        scenario(Store(tmp_path / "n.now"))
    finally:
        socket.socket = before  # type: ignore[misc]
    assert made == []


def test_a_claim_that_was_interrupted_at_its_end_is_followed_by_others(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The turn to claim that it has kept is nobody else's."""

    def interrupted(_: int) -> None:
        if store._locks.of(0) is not None:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store._locks, "release", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.claim(record_of("a fox"))
    assert store._locks.of(0) is not None
    assert store.claim(record_of("a hare")).number == 2
