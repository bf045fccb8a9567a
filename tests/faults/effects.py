"""Counts the effects of an act on files and sockets, or its lines, and kills the process at one of them.

Effects are seen where Python calls the system; each write is one effect more, in its middle. What is done
behind Python's back, `system_calls` sees too.
"""

from __future__ import annotations

import errno
import functools
import inspect
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any, Literal, Protocol

__all__ = ["RAW_WRITE", "Effects", "Kill", "Watcher", "is_ours"]

_Kind = Literal["effect", "line", "fails", "broken", "call", "steps", "interrupt", "interrupts", "nothing"]
Kill = tuple[_Kind, int | str]
"""Die at an effect, line or system call (all are named where none is hit); let one effect on files fail, or all from
one on; send SIGINT at a step, once or twice, or name all steps; do nothing to it, and do not look either.
"""

RAW_WRITE = os.write
_RAW_SEND = socket.socket.send
_FILE_CALLS = (
    *("fsync", "fdatasync", "ftruncate", "replace", "rename", "link", "unlink", "remove", "mkdir", "rmdir", "chmod"),
    *("fchmod", "chown", "fchown", "symlink", "truncate", "utime", "pwrite", "writev"),
)


class Watcher(Protocol):
    """Watches an act in the process that does it."""

    def start(self) -> None:
        """Begin."""

    def end(self) -> None:
        """Watch no more."""

    def found(self) -> Mapping[str, Any]:
        """Give what is to be told when the process lived on."""


def is_ours(frame: FrameType) -> bool:
    """Tell whether a frame runs a line of the package."""
    return "now_jupyter/" in frame.f_code.co_filename


class Effects:
    """Counts effects or lines over all threads, and kills the process at one of them."""

    def __init__(self, kind: str, target: int, pipe: int) -> None:
        self._count = 0
        self._kind, self._target = kind, target
        self._pipe = pipe
        self._lock = threading.Lock()
        self._over = False
        self._names: list[str] = []

    def start(self) -> None:
        if self._kind == "line":
            threading.settrace(self._trace)
            sys.settrace(self._trace)
            return
        for name in _FILE_CALLS:
            setattr(os, name, self._counted(getattr(os, name)))
        from now_jupyter._store import _files

        for function in (_files.claim_exclusively, _files.move_exclusively):
            inspect.unwrap(function).__kwdefaults__["link"] = os.link  # it was taken at import
        os.write = self._write  # type: ignore[assignment]
        os.open = self._open(os.open)
        socket.socket.send = self._sender()  # type: ignore[method-assign]
        setattr(socket.socket, "connect", self._connector(socket.socket.connect))  # noqa: B010 - a method

    def end(self) -> None:
        self._over = True
        sys.settrace(None)
        threading.settrace(None)

    def found(self) -> Mapping[str, Any]:
        return {"effects": self._count, "points": self._names}

    def hit(self, where: Callable[[], str], half: Callable[[], object] | None = None) -> None:
        """Count one, and die here if it is the one; first do `half` of it, if that is asked for."""
        with self._lock:
            if self._over:
                return
            self._count += 1
            if self._kind == "effect":
                self._names.append(where())
            if self._kind in ("fails", "broken"):
                self._refuse(where)
                return
            if self._count != self._target:
                return
            if half is not None:
                half()
            RAW_WRITE(self._pipe, where().encode())
            os.kill(os.getpid(), signal.SIGKILL)
            signal.pause()

    def _refuse(self, where: Callable[[], str]) -> None:
        is_first = self._count == self._target
        on_files = not where().startswith(("send", "connect"))
        if on_files and (is_first or (self._kind == "broken" and self._count > self._target > 0)):
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
            self.hit(lambda: f"half of {len(data)}", lambda: RAW_WRITE(file, bytes(data)[: len(data) // 2]))
        return RAW_WRITE(file, data)

    def _sender(self) -> Callable[..., int]:
        def send(sock: socket.socket, data: bytes, *args: Any) -> int:
            if sock.family in (socket.AF_INET, socket.AF_INET6):
                self.hit(lambda: f"send {len(data)}")
                self.hit(lambda: f"send-half of {len(data)}", lambda: _RAW_SEND(sock, bytes(data)[: len(data) // 2]))
            return _RAW_SEND(sock, data, *args)

        return send

    def _connector(self, call: Callable[..., None]) -> Callable[..., None]:
        def connect(sock: socket.socket, address: Any) -> None:
            if sock.family in (socket.AF_INET, socket.AF_INET6):
                self.hit(lambda: f"connect {address}")
            call(sock, address)

        return connect

    def _trace(self, frame: FrameType, event: str, _: object) -> Callable[..., Any] | None:
        if not is_ours(frame):
            return None
        if event == "line":
            self.hit(lambda: f"{frame.f_code.co_filename}:{frame.f_lineno} {frame.f_code.co_name}")
        return self._trace
