"""An IPython shell in this process with the extension loaded, and a relay on loopback that keeps what it was sent."""

from __future__ import annotations

import atexit
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
from IPython.core.displaypub import CapturingDisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from now_jupyter._ipython import _extension as _notebook_session
from now_jupyter._session import Session
from now_jupyter._traits import Now
from now_jupyter.demo import Relay, Request, Response
from now_jupyter.demo._serve import listening

__all__ = ["SMALL", "Listener", "Shell", "listener", "shell_in"]

SMALL = "-m dall-e-2 -s 256x256"
"""The picture that is drawn fastest."""


@dataclass
class Shell:
    """The shell, and what it published: every output as it stands now, in the order of their first appearance."""

    ip: InteractiveShell
    published: list[dict[str, Any]] = field(default_factory=list)

    @property
    def session(self) -> Session:
        return _notebook_session.session()

    def run(self, code: str) -> Any:
        """Run a cell and give its value; what goes wrong is raised."""
        result = self.ip.run_cell(code, store_history=True)
        result.raise_error()
        return result.result

    def fail(self, code: str) -> BaseException:
        """Run a cell that must fail, and give why."""
        result = self.ip.run_cell(code, store_history=True)
        error = result.error_before_exec or result.error_in_exec
        assert error is not None, f"{code!r} did not fail"
        return error

    def shown(self, code: str) -> list[dict[str, Any]]:
        """Run a cell and give its outputs, updates applied."""
        start = len(self.published)
        self.run(code)
        return self.outputs(start)

    def outputs(self, start: int = 0) -> list[dict[str, Any]]:
        outputs: dict[Any, dict[str, Any]] = {}
        for number, one in enumerate(self.published[start:]):
            outputs[(one["transient"] or {}).get("display_id", number)] = one
        return list(outputs.values())

    def pictures(self, code: str) -> int:
        """Count the pictures that a cell shows."""
        return sum(any(mime.startswith("image/") for mime in one["data"]) for one in self.shown(code))


@contextmanager
def shell_in(folder: Path, **settings: object) -> Iterator[Shell]:
    """Give a new shell without history of its own; `settings` are those of `Now`."""
    config = Config()
    config.HistoryManager.enabled = False
    for name, value in settings.items():
        config.Now[name] = value
    InteractiveShell.clear_instance()
    Now.clear_instance()
    before = _notebook_session._HELD
    _notebook_session._HELD = _notebook_session._Holder()
    main = sys.modules["__main__"]  # which IPython puts its own in place of
    ip = InteractiveShell.instance(config=config, ipython_dir=str(folder))
    publisher = CapturingDisplayPublisher()
    ip.display_pub = publisher
    try:
        yield Shell(ip, publisher.outputs)
    finally:
        _notebook_session.session().close()
        _notebook_session._HELD = before
        atexit.unregister(ip.atexit_operations)
        ip.atexit_operations()
        sys.modules["__main__"] = main
        InteractiveShell.clear_instance()
        Now.clear_instance()


class _Keeping(Relay):
    """The demo relay, which also keeps the body of every paid request."""

    bodies: list[dict[str, Any]]

    async def handle(self, request: Request) -> Response:
        if request.method == "POST":
            self.bodies.append(json.loads(request.body))
        return await super().handle(request)


@dataclass
class Listener:
    address: str
    bodies: list[dict[str, Any]]


@contextmanager
def listener() -> Iterator[Listener]:
    """Serve a relay on loopback from a thread of its own."""
    bodies: list[dict[str, Any]] = []

    async def serve(*, task_status: anyio.abc.TaskStatus[str]) -> None:
        async with listening(0) as door:
            relay = _Keeping(base_url=door.address, latency=0)
            relay.bodies = bodies
            door.relay = relay
            task_status.started(door.address)
            await anyio.sleep_forever()

    with anyio.from_thread.start_blocking_portal() as portal:
        task, address = portal.start_task(serve)
        try:
            yield Listener(address, bodies)
        finally:
            task.cancel()
    assert threading.current_thread() is threading.main_thread()
