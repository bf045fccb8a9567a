"""What a user does in a process of its own: order, look, resume, have the doctor in, be interrupted, fork."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import hashlib
import io
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from effects import Watcher
from sellers import PATIENCE

__all__ = ["ACTS", "PROMPT", "Scene"]

PROMPT = "a fox in the snow"


@dataclass(frozen=True)
class Scene:
    """Where an act is done, at which relay, and who watches it."""

    folder: Path
    url: str
    watcher: Watcher


@contextlib.contextmanager
def _session(scene: Scene) -> Iterator[Any]:
    session = _new_session(scene)
    try:
        yield session
    finally:
        session.close()


def _new_session(scene: Scene) -> Any:
    from now_jupyter._session import Session

    return Session(folder=scene.folder, base_url=scene.url, environ={}, working=scene.folder.parent)


def _seen(generation: Any) -> dict[str, Any]:
    return {
        "ref": generation.ref,
        "status": generation.status.value,
        "billed": generation.billed,
        "pictures": [one.sha256 for one in generation.pictures],
    }


def _generate(scene: Scene, *, count: int = 1, prompt: str = PROMPT, **options: Any) -> Any:
    from now_jupyter._messages._errors import NowImageError

    with _session(scene) as session:
        try:
            return _seen(session.generate(prompt, model="gpt-image-2", n=count, **options))
        except NowImageError as problem:
            rescued = [hashlib.sha256(data).hexdigest() for data in problem.rescued]
            told = {"billed": problem.billed, "message": str(problem), "rescued": rescued}
            return {"error": type(problem).__name__, **told}


def _resume(scene: Scene) -> Any:
    with _session(scene) as session:
        return [_seen(one) for one in session.resume()]


def _look(scene: Scene) -> Any:
    with _session(scene) as session:
        seen = [_seen(one) for one in session.history]
        return {"seen": seen, "damaged": list(session.context.home().store.damaged)}


def _recover(scene: Scene) -> Any:
    """All that mends something: load, search, resume, doctor."""
    with _session(scene) as session:
        seen = [_seen(one) for one in session.history]
        before = [one.ref for one in session.history.search(PROMPT)]
        resumed = [_seen(one) for one in session.resume()]
        report = session.doctor()
        after = [one.ref for one in session.history.search(PROMPT)]
        store = session.context.home().store
        found = {"seen": seen, "before": before, "resumed": resumed, "after": after, "damaged": list(store.damaged)}
        return {**found, "doctor": report.text()}


# Interrupted


def _interrupted(scene: Scene, *, awaited: bool = False) -> Any:
    """Be interrupted while ordering, then go on."""
    session: Any = None

    def order() -> None:
        nonlocal session
        session = _new_session(scene)
        if awaited:
            asyncio.run(session.agenerate(PROMPT, model="gpt-image-2"))
        else:
            session.generate(PROMPT, model="gpt-image-2")

    came = _came(order, scene)
    return {"came": came, **_goes_on(session or _new_session(scene), scene)}


def _tended(scene: Scene) -> Any:
    """Be interrupted in everything that is done to a history of one picture without ordering, then go on."""
    session: Any = None

    def tend() -> None:
        nonlocal session
        session = _new_session(scene)
        session.history.search("fox")
        session.star("#1")
        session.tag("#1", "best")
        session.trash("#1")
        session.restore("#1")
        session.resume()
        session.doctor()
        session.history.search("best")

    came = _came(tend, scene)
    return {"came": came, **_goes_on(session or _new_session(scene), scene)}


def _cell(scene: Scene) -> Any:
    """Be interrupted in a cell of a shell that orders, then go on: other cells run, and are awaited as before."""
    from now_jupyter._ipython import _extension as _notebook_session
    from shells import shell_in

    scene.watcher.end()
    os.environ.update(NOW_BASE_URL=scene.url, NOW_FOLDER=str(scene.folder))
    with contextlib.redirect_stdout(io.StringIO()), shell_in(scene.folder.parent) as shell:
        shell.run("%load_ext now_jupyter")
        shell.run("%xmode Minimal")  # nobody reads what IPython says of an interrupt
        code = f"%%nowimage -m gpt-image-2 -n 1\n{PROMPT}"
        ip: Any = shell.ip
        awaited = ip.transform_cell(code)
        was_told = False

        def run() -> None:
            nonlocal was_told
            result = ip.run_cell(code)
            was_told = isinstance(result.error_in_exec or result.error_before_exec, KeyboardInterrupt)

        scene.watcher.start()
        came = _came(run, scene) or was_told
        assert shell.run("1 + 1") == 2
        assert ip.transform_cell(code) == awaited
        # That of the interrupted cell may come late, into its own output.
        assert shell.pictures(f"%%nowimage --fresh -m gpt-image-2 -n 1\n{PROMPT} again") in (1, 2)
        return {"came": came, **_goes_on(_notebook_session.session(), scene)}


def _came(act: Callable[[], None], scene: Scene) -> bool:
    came = False
    try:
        try:
            act()
        finally:
            scene.watcher.end()
    except KeyboardInterrupt:
        came = True
    scene.watcher.end()  # the second ■ may have struck the first `end`
    return came


def _goes_on(session: Any, scene: Scene) -> Mapping[str, Any]:
    """Wait for what is under way, order again, look; tell what an interrupt may have left behind."""
    try:
        session.wait()
        after = _seen(session.generate("another fox", model="gpt-image-2"))
        store = session.context.home().store
        return {
            "after": after,
            "seen": [_seen(one) for one in session.history],
            "damaged": list(store.damaged),
            "found": [one.ref for one in session.history.search("another fox")],
            "held": [one.ref for one in session.history if store.is_held(int(one.ref[1:]))],
            "stops": _is_stopped(),
            "lock": all(map(_is_free, store._changing)),
        }
    finally:
        session.close()


def _is_stopped() -> bool:
    """Tell whether ■ stops what runs now that nobody waits."""
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        return True
    return False


def _is_free(lock: Any) -> bool:
    """Tell whether another thread gets a lock."""
    got: list[bool] = []
    thread = threading.Thread(target=lambda: got.append(lock.acquire(timeout=5)))
    thread.start()
    thread.join()
    return got == [True]


def _forked(scene: Scene) -> Any:
    """Fork while an order is under way: the child ends as programs do, its parent goes on."""
    session = _new_session(scene)
    job = session.submit(PROMPT, model="gpt-image-2")
    while not job.is_sent:
        time.sleep(0.001)
    child = os.fork()
    if child == 0:
        signal.alarm(int(PATIENCE / 2))  # it hangs no longer: its parent's watch did not come along
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


# Measured


def _measured(
    scene: Scene,
    *,
    caps: Mapping[str, int],
    deadline: float,
    resume: bool,
    preview: bool,
    options: Mapping[str, Any],
) -> Any:
    """Order (or resume) under these caps, and tell by how many MiB that raised the peak of this process."""
    import now_jupyter._media as media
    import now_jupyter._transport._download as download
    from now_jupyter import _transport as transport
    from now_jupyter._messages._errors import NowImageError
    from now_jupyter._transport import _answers

    downloads: Any = download.Downloader.__init__.__kwdefaults__
    if caps:
        _answers.JSON_CAP = caps["answer"]  # type: ignore[misc]
        downloads["cap"] = caps["picture"]
    downloads["deadline"] = deadline
    orders: Any = transport.RelayClient.__init__.__kwdefaults__
    orders["deadline"] = deadline
    with _session(scene) as session:
        session.history.records()
        before = _peak()
        try:
            if resume:
                session.resume()
            else:
                session.generate("a fox", model="gpt-image-2", **options)
            came = "done"
            if preview:
                media.preview(session.history[0].pictures[0].bytes())
        except NowImageError as problem:
            came = f"{type(problem).__name__}: {problem}"
        return {"came": came, "growth": _peak() - before, "billed": session.history[0].billed}


def _peak() -> float:
    """Give the most MiB that this process ever had in memory."""
    lines = Path("/proc/self/status").read_text("ascii", "replace").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


ACTS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "generate": _generate,
        "resume": _resume,
        "look": _look,
        "recover": _recover,
        "interrupted": _interrupted,
        "tended": _tended,
        "cell": _cell,
        "forked": _forked,
        "measured": _measured,
    }
)
