"""Real kernels for tests: run cells as a front end does, and see what it would show.

    with Kernel("ipykernel6") as kernel:
        ran = kernel.run("1 + 1")
        assert (ran.status, ran.result) == ("ok", "2")

A `Kernel` keeps what a page keeps: the outputs of every cell, with later updates by display id applied to them, and
the state of every widget. Messages are read in the test's own thread, whenever it waits for something.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty
from typing import Any, Self

import zmq
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from clean_room import GUARD, ROOT

__all__ = ["KERNEL_6", "KERNEL_7", "Kernel", "Ran", "overlay_is_there", "write_kernelspecs"]

KERNEL_7 = "ipykernel7"
KERNEL_6 = "ipykernel6"
OVERLAY = Path(sys.prefix) / "kernel6"  # `make kernel6` puts ipykernel 6.31 there, apart from the environment's own
_SLICE_MS = 200  # how long one look at the sockets may take

Message = dict[str, Any]
Output = dict[str, Any]


def overlay_is_there() -> bool:
    """Whether the second kernel is installed."""
    return (OVERLAY / "ipykernel").is_dir()


def write_kernelspecs(folder: Path) -> None:
    """Describe both kernels below `folder`, which belongs on JUPYTER_PATH."""
    for name, ahead in {KERNEL_7: [], KERNEL_6: [OVERLAY]}.items():
        spec = {
            "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            "display_name": name,
            "language": "python",
            "metadata": {"debugger": False},
            "env": {"PYTHONPATH": os.pathsep.join(map(str, [*ahead, GUARD, ROOT]))},
        }
        place = folder / "kernels" / name
        place.mkdir(parents=True, exist_ok=True)
        (place / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")


@dataclass(slots=True, kw_only=True)
class Ran:
    """One execution: what its cell shows now, and how it ended. `status` is `running` until it has."""

    kernel: Kernel = field(repr=False)
    id: str
    code: str
    status: str = "running"
    reply: Message = field(default_factory=dict, repr=False)
    outputs: list[Output] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list, repr=False)
    answers: list[str] = field(default_factory=list, repr=False)
    idle: bool = False
    clear_next: bool = False

    def wait(self, timeout: float = 60) -> Ran:
        """Wait for the end of the cell: its reply and the kernel's word that it is idle."""
        self.kernel.until(lambda: self.ended, timeout, f"the end of {self.code!r}")
        return self

    @property
    def ended(self) -> bool:
        """Whether the cell is through."""
        return self.idle and self.status != "running"

    @property
    def error(self) -> Output | None:
        """The error output, as the notebook file would hold it."""
        return next((output for output in self.outputs if output["output_type"] == "error"), None)

    @property
    def result(self) -> str | None:
        """The text of `Out[n]`."""
        results = [output for output in self.outputs if output["output_type"] == "execute_result"]
        return results[-1]["data"].get("text/plain") if results else None

    @property
    def text(self) -> str:
        """All that can be read in the outputs, in their order."""
        return "\n".join(_readable(output) for output in self.outputs)

    def shown(self, mime: str) -> list[Any]:
        """Give what the outputs hold of this type, in their order."""
        return [output["data"][mime] for output in self.outputs if mime in output.get("data", {})]


class Kernel:
    """A real kernel and its client; a context manager. `env` comes on top of the test's environment."""

    def __init__(
        self,
        name: str = KERNEL_7,
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout: float = 60,
    ) -> None:
        self.name = name
        self.cells: list[Ran] = []
        self.comms: dict[str, dict[str, Any]] = {}
        self._env = dict(env or {})
        self._cwd = cwd
        self._timeout = timeout
        self._running: dict[str, Ran] = {}
        self._replaced: dict[str, list[Output]] = {}

    def __enter__(self) -> Self:
        self.manager = KernelManager(kernel_name=self.name)
        self.manager.start_kernel(env={**os.environ, **self._env}, cwd=str(self._cwd) if self._cwd else None)
        try:
            self._connect()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._disconnect()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()

    def _connect(self) -> None:
        client = self.manager.client()
        assert isinstance(client, BlockingKernelClient)
        self.client = client
        client.start_channels()
        client.wait_for_ready(timeout=self._timeout)
        self._poller = zmq.Poller()
        for channel in (client.iopub_channel, client.shell_channel, client.stdin_channel):
            self._poller.register(channel.socket, zmq.POLLIN)

    def _disconnect(self) -> None:
        if hasattr(self, "client"):
            self.client.stop_channels()

    # What a person does

    def run(self, code: str, *, cell_id: str | None = None, timeout: float = 60, answers: Sequence[str] = ()) -> Ran:
        """Run a cell to its end. `answers` are typed when it asks for input."""
        return self.start(code, cell_id=cell_id, answers=answers).wait(timeout)

    def start(self, code: str, *, cell_id: str | None = None, answers: Sequence[str] = ()) -> Ran:
        """Send a cell, as JupyterLab does, and do not wait."""
        content = {
            "code": code,
            "silent": False,
            "store_history": True,
            "user_expressions": {},
            "allow_stdin": bool(answers),
            "stop_on_error": True,
        }
        metadata = {"cellId": cell_id} if cell_id else None
        message = self.client.session.msg("execute_request", content, metadata=metadata)
        ran = Ran(kernel=self, id=message["header"]["msg_id"], code=code, answers=list(answers))
        self.cells.append(ran)
        self._running[ran.id] = ran
        self.client.shell_channel.send(message)
        return ran

    def interrupt(self) -> None:
        """Press ■."""
        self.manager.interrupt_kernel()

    def kill(self) -> None:
        """End the process at once, as a crash or kill -9 does, and wait until it is gone."""
        os.kill(self.pid, signal.SIGKILL)
        self.until(lambda: not self.manager.is_alive(), 10, "the end of the process")
        self._abandon("dead")

    def restart(self) -> None:
        """Start anew; the page and what it shows stay."""
        self._disconnect()
        self._abandon("dead")
        self.comms.clear()
        self.manager.restart_kernel(now=True)
        self._connect()

    def comm(self, comm_id: str, data: Mapping[str, Any], buffers: Sequence[bytes] = ()) -> None:
        """Send a message to a widget, as its view in the page does."""
        message = self.client.session.msg("comm_msg", {"comm_id": comm_id, "data": dict(data)})
        self.client.session.send(self.client.shell_channel.socket, message, buffers=list(buffers))

    def widget(self, timeout: float = 10, **state: object) -> str:
        """Wait for a widget with this state, say `description="Stop waiting"`, and give its comm's id."""
        self.until(lambda: self._find(state) is not None, timeout, f"a widget with {state}")
        return self._find(state) or ""

    def click(self, description: str, timeout: float = 10) -> None:
        """Click the button that bears these words."""
        comm_id = self.widget(timeout, description=description)
        self.comm(comm_id, {"method": "custom", "content": {"event": "click"}})

    @property
    def pid(self) -> int:
        """The kernel's process."""
        provisioner = self.manager.provisioner
        assert provisioner is not None
        return int(provisioner.pid)  # type: ignore[attr-defined]  # a local provisioner has it

    # What the page does

    def until(self, condition: Callable[[], object], timeout: float = 60, what: str = "a condition") -> None:
        """Take in messages until the condition holds.

        Raises:
            TimeoutError: it did not in time; what the cells show by then is told.
        """
        end = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > end:
                shown = "\n".join(f"{ran.status}: {ran.text}" for ran in self.cells[-3:])
                raise TimeoutError(f"waited {timeout} s for {what}; the last cells show\n{shown}")
            self._take_in()

    def _take_in(self) -> None:
        for message in self._ready_messages():
            self._on_message(message)

    def _ready_messages(self) -> Iterator[Message]:
        ready = dict(self._poller.poll(_SLICE_MS))
        for channel in (self.client.iopub_channel, self.client.shell_channel, self.client.stdin_channel):
            while channel.socket in ready:
                try:
                    yield channel.get_msg(timeout=0)
                except Empty:
                    break

    def _on_message(self, message: Message) -> None:
        ran = self._running.get(message["parent_header"].get("msg_id", ""))
        if ran:
            ran.messages.append(message)
        handler = _HANDLERS.get(message["msg_type"])
        if handler:
            handler(self, ran, message["content"])

    def _on_reply(self, ran: Ran | None, content: Message) -> None:
        if ran:
            ran.reply = content
            ran.status = content["status"]

    def _on_status(self, ran: Ran | None, content: Message) -> None:
        if ran and content["execution_state"] == "idle":
            ran.idle = True

    def _on_stream(self, ran: Ran | None, content: Message) -> None:
        last = ran.outputs[-1] if ran and ran.outputs and not ran.clear_next else {}
        if last.get("output_type") == "stream" and last["name"] == content["name"]:
            last["text"] += content["text"]
            return
        self._show(ran, {"output_type": "stream", **content})

    def _on_display(self, ran: Ran | None, content: Message) -> None:
        output = {"output_type": "display_data", "data": content["data"], "metadata": content["metadata"]}
        if "execution_count" in content:
            output |= {"output_type": "execute_result", "execution_count": content["execution_count"]}
        if display_id := content.get("transient", {}).get("display_id"):
            self._replace(display_id, content)
            self._replaced.setdefault(display_id, []).append(output)
        self._show(ran, output)

    def _on_update(self, _ran: Ran | None, content: Message) -> None:
        self._replace(content["transient"]["display_id"], content)

    def _replace(self, display_id: str, content: Message) -> None:
        for output in self._replaced.get(display_id, []):
            output |= {"data": content["data"], "metadata": content["metadata"]}

    def _on_error(self, ran: Ran | None, content: Message) -> None:
        self._show(ran, {"output_type": "error", **content})

    def _on_clear(self, ran: Ran | None, content: Message) -> None:
        if ran and content["wait"]:
            ran.clear_next = True
        elif ran:
            ran.outputs.clear()

    def _show(self, ran: Ran | None, output: Output) -> None:
        if not ran:
            return
        if ran.clear_next:
            ran.outputs.clear()
            ran.clear_next = False
        ran.outputs.append(output)

    def _on_input(self, ran: Ran | None, content: Message) -> None:
        if not ran or not ran.answers:
            raise AssertionError(f"the cell asks for input nobody gives: {content['prompt']}")
        self.client.input(ran.answers.pop(0))

    def _on_comm_open(self, _ran: Ran | None, content: Message) -> None:
        self.comms[content["comm_id"]] = dict(content["data"].get("state", {}))

    def _on_comm_message(self, _ran: Ran | None, content: Message) -> None:
        if content["data"].get("method") in ("update", "echo_update"):
            self.comms.setdefault(content["comm_id"], {}).update(content["data"].get("state", {}))

    def _on_comm_close(self, _ran: Ran | None, content: Message) -> None:
        self.comms.pop(content["comm_id"], None)

    def _find(self, wanted: Mapping[str, object]) -> str | None:
        found = (
            key for key, state in self.comms.items() if all(state.get(name) == value for name, value in wanted.items())
        )
        return next(found, None)

    def _abandon(self, status: str) -> None:
        for ran in self._running.values():
            if not ran.ended:
                ran.status, ran.idle = status, True


def _readable(output: Output) -> str:
    if output["output_type"] == "stream":
        return str(output["text"])
    if output["output_type"] == "error":
        return "\n".join(output["traceback"])
    return str(output["data"].get("text/plain", ""))


_HANDLERS: dict[str, Callable[[Kernel, Ran | None, Message], None]] = {
    "clear_output": Kernel._on_clear,
    "comm_close": Kernel._on_comm_close,
    "comm_msg": Kernel._on_comm_message,
    "comm_open": Kernel._on_comm_open,
    "display_data": Kernel._on_display,
    "error": Kernel._on_error,
    "execute_reply": Kernel._on_reply,
    "execute_result": Kernel._on_display,
    "input_request": Kernel._on_input,
    "status": Kernel._on_status,
    "stream": Kernel._on_stream,
    "update_display_data": Kernel._on_update,
}
