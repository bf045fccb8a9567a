"""A user's acts, each in a process of its own that can be killed at any of its effects or lines.

    with Relay(form="url", count=4) as relay, Kernels() as kernels:
        ran = kernels.act("generate", folder, relay, kill=("effect", 17))

What a dead process leaves behind is only what it did to files and sockets, so killing it before each such effect (and
in the middle of each write) goes through every state that any kill can leave; killing at lines of our code is the
counter-check that no effect was overlooked. The children are forked by a small process without threads, which has
everything imported; the relay lives in the test's own process and goes on whatever is killed.
"""

from __future__ import annotations

import asyncio
import atexit
import base64
import contextlib
import errno
import faulthandler
import functools
import hashlib
import io
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, Any, Literal, Self, cast

from PIL import Image

from faultserver import Action, Close, FaultServer, Seen, Send, json_answer, response

__all__ = ["Kernels", "Ran", "Relay", "answer_of", "picture_of", "sold"]

GENERATE = "/v1/images/generations"
AGAIN = 7  # lines from one SIGINT to the next
PATIENCE = 30.0  # seconds until an act is taken to hang
PROMPT = "a fox in the snow"


# The relay


def picture_of(key: str, index: int) -> bytes:
    """Draw the picture of this place in the order of this key; no two are equal."""
    seed = hashlib.sha256(f"{key}/{index}".encode()).digest()
    target = io.BytesIO()
    Image.frombytes("RGB", (8, 8), (seed * 6)[:192]).save(target, "PNG")
    return target.getvalue()


class Relay(FaultServer):
    """Answers every order with `count` pictures as links or base64, and remembers each complete one."""

    def __init__(self, *, form: Literal["url", "b64"] = "b64", count: int = 1) -> None:
        super().__init__()
        self.form = form
        self.count = count
        self.script(lambda seen: self._sold(seen.headers.get("idempotency-key", "")), path=GENERATE)
        self.script(self._other)

    def _sold(self, key: str) -> list[Action]:
        return [Send(json_answer(self.answer(key))), Close()]

    def answer(self, key: str) -> dict[str, Any]:
        """Give the body of the answer to an order."""
        return {"created": 1, "data": [self._item(key, index) for index in range(self.count)]}

    def _item(self, key: str, index: int) -> dict[str, str]:
        if self.form == "url":
            return {"url": f"{self.url}/pictures/{key}/{index}"}
        return {"b64_json": base64.b64encode(picture_of(key, index)).decode()}

    def _other(self, seen: Seen) -> list[Action]:
        match seen.path.strip("/").split("/"):
            case ["pictures", key, index]:
                return [Send(response(200, picture_of(key, int(index)), headers={"Content-Type": "image/png"}))]
            case _:
                return [Send(json_answer({"error": {"message": "no such path"}}, status=404)), Close()]

    @property
    def ledger(self) -> list[str]:
        """The keys of all orders that came in whole, each as often as it came: all were billed."""
        with self._lock:
            return [one.headers["idempotency-key"] for one in self.seen if one.method == "POST" and one.is_complete]

    def pictures(self, key: str) -> list[bytes]:
        """Give what was sold for an order."""
        return [picture_of(key, index) for index in range(self.count)]

    def settle(self) -> None:
        """Wait until all that dead clients have sent is read: a new guest comes after all earlier ones."""
        with socket.create_connection((self.host, self.port)) as guest:
            guest.sendall(b"GET /last HTTP/1.1\r\nConnection: close\r\n\r\n")
            while guest.recv(1 << 16):
                pass
        end = time.monotonic() + PATIENCE
        while self._open:
            assert time.monotonic() < end, f"connections stay open: {self._open}"
            time.sleep(0.0005)
        self._threads = [one for one in self._threads if one.is_alive()]

    def forget(self) -> None:
        """Forget the orders, but not how to answer."""
        self.settle()
        with self._lock:
            self.seen.clear()


def answer_of(folder: Path, number: int) -> bytes | None:
    """Give the body of the kept answer to an order if all of it is there."""
    for name in (f"{number}", f"{number}.part"):
        with contextlib.suppress(OSError, ValueError):
            body = (folder / "answers" / name).read_bytes().partition(b"\n")[2]
            json.loads(body)
            return body
    return None


# The processes


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How an act ended: `killed` or with a result; `effects` counts what it did where nothing was to be killed."""

    killed: bool
    result: Any = None
    effects: int = 0
    where: str = ""


Kill = tuple[Literal["effect", "line", "fails", "broken", "interrupt", "interrupts"], int]
"""Die at an effect or line; let one effect on files fail, or all from one on; or send SIGINT at a line, or two."""


class Kernels:
    """Starts processes that act; a context manager."""

    def __enter__(self) -> Self:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", "import kills; kills.serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        cast("IO[str]", self._process.stdin).close()
        self._process.wait()
        cast("IO[str]", self._process.stdout).close()

    def act(self, name: str, folder: Path, relay: FaultServer | None, kill: Kill | None = None, **more: Any) -> Ran:
        """Have a new process do something, and wait for its end."""
        order = {"act": name, "folder": str(folder), "url": relay.url if relay else "", "kill": kill, "more": more}
        cast("IO[str]", self._process.stdin).write(json.dumps(order) + "\n")
        cast("IO[str]", self._process.stdin).flush()
        self._ensure_answer(name)
        line = cast("IO[str]", self._process.stdout).readline()
        ran = Ran(**json.loads(line))
        if not ran.killed and isinstance(ran.result, dict) and "bug" in ran.result:
            raise AssertionError(ran.result["bug"])
        if relay is not None and hasattr(relay, "settle"):
            relay.settle()
        return ran

    def _ensure_answer(self, name: str) -> None:
        ready, _, _ = select.select([self._process.stdout], [], [], PATIENCE + 10)
        assert ready, f"no answer to {name}"


def serve() -> None:
    """Fork a child for every line of stdin, and say how it ended."""
    import now_jupyter._download
    import now_jupyter._engines
    import now_jupyter._media
    import now_jupyter._session  # noqa: F401 - loaded once for all children

    for line in sys.stdin:
        sys.stdout.write(json.dumps(_in_child(json.loads(line))) + "\n")
        sys.stdout.flush()


def _in_child(order: Mapping[str, Any]) -> dict[str, Any]:
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ours)
        _live(order, theirs)
    os.close(theirs)
    said = b""
    while data := os.read(ours, 1 << 16):
        said += data
    os.close(ours)
    code = os.waitpid(child, 0)[1]
    killed = os.WIFSIGNALED(code) and os.WTERMSIG(code) == signal.SIGKILL
    if killed:
        return {"killed": True, "where": said.decode("utf-8", "replace")[-300:]}
    return {"killed": False, **(json.loads(said) if said else {"result": {"bug": f"the child ended with {code}"}})}


def _live(order: Mapping[str, Any], pipe: int) -> None:
    """Do the act; never returns."""
    faulthandler.dump_traceback_later(PATIENCE, exit=True)
    tally = _Tally(order["kill"], pipe)
    _TALLIES.append(tally)
    answer: dict[str, Any]
    try:
        tally.start()
        result = _ACTS[order["act"]](Path(order["folder"]), order["url"], **order["more"])
        tally.end()
        answer = {"result": result, "effects": tally.count}
    except BaseException:  # noqa: BLE001 - told to the test
        tally.end()
        answer = {"result": {"bug": traceback.format_exc()}}
    _RAW_WRITE(pipe, json.dumps(answer).encode())
    os._exit(0)


# Effects

_RAW_WRITE = os.write
_RAW_SEND = socket.socket.send
_FILE_CALLS = (
    *("fsync", "ftruncate", "replace", "rename", "link", "unlink", "remove", "mkdir", "rmdir", "chmod", "fchmod"),
    *("symlink", "truncate", "utime"),
)


class _Tally:
    """Counts effects or lines over all threads, and kills the process at one of them."""

    def __init__(self, kill: tuple[str, int] | None, pipe: int) -> None:
        self.count = 0
        self._kind, self._target = kill or ("effect", 0)
        self._pipe = pipe
        self._lock = threading.Lock()
        self._over = False

    def start(self) -> None:
        """Begin to count."""
        signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background may ignore it
        if self._kind in ("line", "interrupt", "interrupts"):
            threading.settrace(self._trace)
            sys.settrace(self._trace)
            return
        for name in _FILE_CALLS:
            setattr(os, name, self._counted(getattr(os, name)))
        os.write = self._write  # type: ignore[assignment]
        os.open = self._open(os.open)  # type: ignore[assignment]
        socket.socket.send = self._sender()  # type: ignore[method-assign, assignment]

    def end(self) -> None:
        """Count no more."""
        self._over = True
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type]

    def hit(self, where: Callable[[], str], half: Callable[[], object] | None = None) -> None:
        """Count one, and die here if it is the one; first do `half` of it, if that is asked for."""
        with self._lock:
            if self._over:
                return
            self.count += 1
            if self._kind in ("fails", "broken"):
                self._refuse(where)
                return
            if self._kind.startswith("interrupt"):
                self._interrupt()
                return
            if self.count != self._target:
                return
            if half is not None:
                half()
            _RAW_WRITE(self._pipe, where().encode())
            os.kill(os.getpid(), signal.SIGKILL)
            signal.pause()

    def _interrupt(self) -> None:
        again = self._kind == "interrupts" and self.count == self._target + AGAIN
        if self.count == self._target or again:
            os.kill(os.getpid(), signal.SIGINT)

    def _refuse(self, where: Callable[[], str]) -> None:
        is_first = self.count == self._target
        if where().startswith("send") or not (is_first or (self._kind == "broken" and self.count > self._target > 0)):
            return
        raise OSError(errno.EIO if self._kind == "fails" else errno.ENOSPC, "injected")

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(call)
        def counted(*args: Any, **more: Any) -> Any:
            self.hit(lambda: f"{call.__name__} {args}")
            return call(*args, **more)

        return counted

    def _open(self, call: Callable[..., int]) -> Callable[..., int]:
        def counted(path: Any, flags: int, *args: Any, **more: Any) -> int:
            if flags & (os.O_CREAT | os.O_TRUNC):
                self.hit(lambda: f"create {path}")
            return call(path, flags, *args, **more)

        return counted

    def _write(self, file: int, data: bytes) -> int:
        self.hit(lambda: f"write {len(data)}")
        if len(data) > 1:
            self.hit(lambda: f"half of {len(data)}", lambda: _RAW_WRITE(file, bytes(data)[: len(data) // 2]))
        return _RAW_WRITE(file, data)

    def _sender(self) -> Callable[..., int]:
        def send(sock: socket.socket, data: bytes, *args: Any) -> int:
            if sock.family in (socket.AF_INET, socket.AF_INET6):
                self.hit(lambda: f"send {len(data)}")
                self.hit(lambda: f"send half of {len(data)}", lambda: _RAW_SEND(sock, bytes(data)[: len(data) // 2]))
            return _RAW_SEND(sock, data, *args)

        return send

    def _trace(self, frame: FrameType, event: str, _: object) -> Callable[..., Any] | None:
        code = frame.f_code
        if "now_jupyter/" not in code.co_filename:
            return None
        if event == "line":
            self.hit(lambda: f"{code.co_filename}:{frame.f_lineno} {code.co_name}")
        return self._trace


# Acts


def _session(folder: Path, url: str) -> Any:
    from now_jupyter._session import Session

    return Session(folder=folder, base_url=url, environ={}, working=folder.parent)


def _seen(generation: Any) -> dict[str, Any]:
    return {
        "ref": generation.ref,
        "status": generation.status.value,
        "billed": generation.billed,
        "pictures": [one.sha256 for one in generation.pictures],
    }


def _generate(folder: Path, url: str, *, count: int = 1, prompt: str = PROMPT, **options: Any) -> Any:
    from now_jupyter._errors import NowImageError

    session = _session(folder, url)
    try:
        generation = session.generate(prompt, model="gpt-image-2", n=count, **options)
    except NowImageError as problem:
        rescued = [hashlib.sha256(data).hexdigest() for data in problem.rescued]
        told = {"billed": problem.billed, "message": str(problem), "rescued": rescued}
        return {"error": type(problem).__name__, **told}
    finally:
        session.close()
    return _seen(generation)


def _resume(folder: Path, url: str) -> Any:
    session = _session(folder, url)
    try:
        return [_seen(one) for one in session.resume()]
    finally:
        session.close()


def _look(folder: Path, url: str) -> Any:
    session = _session(folder, url)
    try:
        seen = [_seen(one) for one in session.history]
        return {"seen": seen, "damaged": list(session.context.home().store.damaged)}
    finally:
        session.close()


def _interrupted(folder: Path, url: str, *, awaited: bool = False) -> Any:
    """Be interrupted while ordering, then go on: wait for what is under way, order again, look."""
    came = False
    session = None
    try:
        session = _session(folder, url)
        if awaited:
            asyncio.run(session.agenerate(PROMPT, model="gpt-image-2"))
        else:
            session.generate(PROMPT, model="gpt-image-2")
    except KeyboardInterrupt:
        came = True
    finally:
        _TALLIES[0].end()
    session = session or _session(folder, url)
    try:
        session.wait()
        after = _seen(session.generate("another fox", model="gpt-image-2"))
        store = session.context.home().store
        held = [one.ref for one in session.history if store.is_held(int(one.ref[1:]))]
        handler = signal.getsignal(signal.SIGINT) is signal.default_int_handler
        seen = [_seen(one) for one in session.history]
        return {"came": came, "after": after, "seen": seen, "held": held, "handler": handler}
    finally:
        session.close()


def _forked(folder: Path, url: str) -> Any:
    """Fork while an order is under way: the child ends as programs do, its parent goes on."""
    session = _session(folder, url)
    job = session.submit(PROMPT, model="gpt-image-2")
    while not job.is_sent:
        time.sleep(0.001)
    child = os.fork()
    if child == 0:
        code = 1
        with contextlib.suppress(RuntimeError):
            session.submit("a child's fox", model="gpt-image-2")
            code = 2
        session.close()
        session.context.home().store.close()
        atexit._run_exitfuncs()
        os._exit(0 if code == 1 else code)
    code = os.waitpid(child, 0)[1]
    try:
        held = session.context.home().store.is_held(1)
        return {"child": code, "held": held, "mine": _seen(job.result(PATIENCE))}
    finally:
        session.close()


_TALLIES: list[_Tally] = []
_ACTS: dict[str, Callable[..., Any]] = {
    "generate": _generate,
    "resume": _resume,
    "look": _look,
    "interrupted": _interrupted,
    "forked": _forked,
}


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
