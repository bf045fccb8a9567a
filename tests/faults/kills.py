"""A user's acts, each in a process of its own that can be killed or interrupted anywhere.

    with Relay(form="url", count=4) as relay, Kernels() as kernels:
        ran = kernels.act("generate", folder, relay, kill=("effect", 17))

What a dead process leaves behind is only what it did to files and sockets, so killing it before each such effect (and
in the middle of each write) goes through every state that any kill can leave; killing at system calls and at lines of
our code are the counter-checks that no effect was overlooked. The children are forked by a small process without
threads, which has everything of others imported, and all of ours that is loaded before anybody watches; it keeps no
state, so the tests of a run use it one after the other, each with its own environment. The relay lives in the test's
own process and goes on whatever is killed.

What a user's own files remember of a history lies beside it: the first order of each history has the same effects,
whatever was ordered elsewhere, so that a place found in one of them is the same place in the next.
"""

from __future__ import annotations

import atexit
import faulthandler
import gc
import importlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Self, TypeVar, cast

from acts import ACTS, PROMPT, Scene
from effects import RAW_WRITE, Effects, Kill, Watcher
from faultserver import FaultServer
from sellers import GENERATE, PATIENCE, Relay, answer_of, picture_of
from steps import Steps
from system_calls import follow, let_me_be_followed

__all__ = ["GENERATE", "PROMPT", "Kernels", "Ran", "Relay", "answer_of", "in_parallel", "load", "picture_of", "sold"]

T = TypeVar("T")
_AT_ONCE = 2
_LOADED = (
    *("now_jupyter._media", "now_jupyter._services", "now_jupyter._session", "shells"),
    *("anyio._backends._asyncio", "anyio.streams.stapled", "anyio.streams.tls", "encodings.ascii"),
    *("encodings.utf_8_sig", "PIL.BmpImagePlugin", "PIL.GifImagePlugin", "PIL.JpegImagePlugin", "PIL.PpmImagePlugin"),
    *("IPython.core.application", "IPython.core.completer", "IPython.core.completerlib", "IPython.core.magics"),
    *("IPython.core.magics.extension", "bdb", "ipywidgets", "termios"),
)  # what all children have; what ours load later on is loaded under the eyes of who watches
_IDLE: list[subprocess.Popen[str]] = []


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How an act ended: `killed` or with a result; `found` is what was seen where nothing was to be killed."""

    killed: bool
    result: Any = None
    where: str = ""
    found: Mapping[str, Any] = field(default_factory=dict)

    @property
    def effects(self) -> int:
        """How many effects an act had that was not killed."""
        return int(self.found["effects"])


class Kernels:
    """Starts processes that act; a context manager."""

    def __enter__(self) -> Self:
        self._process = _IDLE.pop() if _IDLE else _started()
        self._is_asked = False
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_asked:  # and has not answered
            _end(self._process)
        else:
            _IDLE.append(self._process)

    def act(
        self,
        name: str,
        folder: Path,
        relay: FaultServer | None,
        kill: Kill | None = None,
        *,
        patience: float = PATIENCE,
        **more: Any,
    ) -> Ran:
        """Have a new process do something, and wait for its end; after `patience` seconds it is taken to hang."""
        url = relay.url if relay else ""
        order = {"act": name, "folder": str(folder), "url": url, "kill": kill, "more": more}
        order |= {"environ": {**os.environ}, "patience": patience}
        self._is_asked = True
        cast("IO[str]", self._process.stdin).write(json.dumps(order) + "\n")
        cast("IO[str]", self._process.stdin).flush()
        self._ensure_answer(name, patience)
        line = cast("IO[str]", self._process.stdout).readline()
        self._is_asked = False
        ran = Ran(**json.loads(line))
        if not ran.killed and isinstance(ran.result, dict) and "bug" in ran.result:
            raise AssertionError(ran.result["bug"])
        if relay is not None and hasattr(relay, "settle"):
            relay.settle()
        return ran

    def _ensure_answer(self, name: str, patience: float) -> None:
        ready, _, _ = select.select([cast("IO[str]", self._process.stdout)], [], [], patience + 10)
        assert ready, f"no answer to {name}"


def _started() -> subprocess.Popen[str]:
    """Start a process that forks."""
    return subprocess.Popen(
        [sys.executable, "-c", "import kills; kills.serve()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        text=True,
    )


def _end(process: subprocess.Popen[str]) -> None:
    cast("IO[str]", process.stdin).close()
    process.wait()
    cast("IO[str]", process.stdout).close()


@atexit.register
def _end_all() -> None:
    while _IDLE:
        _end(_IDLE.pop())


def in_parallel(points: Iterable[T], live: Callable[[Kernels, Relay, T], object], **of_relay: Any) -> None:
    """Go through all points, some at once, each of these with kernels and a relay of its own."""
    with ExitStack() as stack:
        free = [(stack.enter_context(Kernels()), stack.enter_context(Relay(**of_relay))) for _ in range(_AT_ONCE)]
        stack.enter_context(pool := ThreadPoolExecutor(_AT_ONCE))

        def one(point: T) -> None:
            kernels, relay = free.pop()
            live(kernels, relay, point)
            free.append((kernels, relay))

        for done in [pool.submit(one, point) for point in points]:
            done.result()


# In the process that forks


def serve() -> None:
    """Fork a child for every line of stdin, and say how it ended."""
    load()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_in_child(json.loads(line))) + "\n")
        sys.stdout.flush()


def load() -> None:
    """Load what all children have."""
    for name in _LOADED:
        importlib.import_module(name)
    sys.dont_write_bytecode = True  # no effect of a child
    assert threading.active_count() == 1
    gc.collect()
    gc.freeze()  # nobody collects, or copies, what all have


def _in_child(order: Mapping[str, Any]) -> dict[str, Any]:
    ours, theirs = os.pipe()
    kind, target = order["kill"] or ("effect", 0)
    child = os.fork()
    if child == 0:
        os.close(ours)
        _live(order, theirs)
    os.close(theirs)
    calls: list[str] = []
    code = follow(child, target, calls.append) if kind.startswith("call") else 0
    said = b""
    while data := os.read(ours, 1 << 16):
        said += data
    os.close(ours)
    code = code or (0 if kind.startswith("call") else os.waitpid(child, 0)[1])
    if os.WIFSIGNALED(code) and os.WTERMSIG(code) == signal.SIGKILL:
        return {"killed": True, "where": calls[-1] if calls else said.decode("utf-8", "replace")[-300:]}
    if not said:
        return {"killed": False, "result": {"bug": f"the child ended with {code}"}}
    told = json.loads(said)
    return {
        "killed": False,
        "result": told["result"],
        "found": {**told.get("found", {}), **({"points": calls} if calls else {})},
    }


def _live(order: Mapping[str, Any], pipe: int) -> None:
    """Do the act; never returns."""
    faulthandler.dump_traceback_later(order["patience"], exit=True)
    watcher = _watcher(order["kill"] or ("effect", 0), pipe)
    answer: dict[str, Any]
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background may ignore it
        scene = Scene(Path(order["folder"]), order["url"], watcher)
        os.environ.clear()
        os.environ.update(order["environ"])
        os.environ["XDG_STATE_HOME"] = str(scene.folder.parent / ".state")
        watcher.start()
        result = ACTS[order["act"]](scene, **order["more"])
        watcher.end()
        answer = {"result": result, "found": watcher.found()}
    except BaseException:  # noqa: BLE001 - told to the test
        watcher.end()
        answer = {"result": {"bug": traceback.format_exc()}}
    said = memoryview(json.dumps(answer).encode())
    while said:
        said = said[RAW_WRITE(pipe, said) :]
    os._exit(0)


class _Nobody:
    """Watches nothing here."""

    def start(self) -> None: ...

    def end(self) -> None: ...

    def found(self) -> Mapping[str, Any]:
        return {}


class _Parent(_Nobody):
    """Follows from outside."""

    def start(self) -> None:
        let_me_be_followed()


def _watcher(kill: Kill, pipe: int) -> Watcher:
    kind, target = kill
    if kind == "nothing":
        return _Nobody()
    if kind.startswith("call"):
        return _Parent()
    if kind == "steps" or kind.startswith("interrupt"):
        return Steps(kind, str(target))
    return Effects(kind, int(target), pipe)


# For more than one file of tests


def sold(kernels: Kernels, relay: Relay, folder: Path) -> None:
    """Have a kernel die when the relay has just got its order."""
    for place in range(45, 1000):
        relay.forget()
        if folder.exists():
            shutil.rmtree(folder)
        if not kernels.act("generate", folder, relay, ("effect", place), count=relay.count).killed:
            break
        if relay.ledger:
            assert place > 45, "begin earlier"
            return
    raise AssertionError("no kernel died after sending")
