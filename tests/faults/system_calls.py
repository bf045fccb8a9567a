"""Follows a process from system call to system call, as `strace` does, and kills it before one of them.

What a process does to files and sockets goes through the system: here nothing can be overlooked, neither what C code
does nor what a library will do tomorrow. The child stops before each call (Linux on x86-64, `ptrace` allowed). Of
those that change something outside of the process each is a point, and where bytes are written one more: to die when
half of them are.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import signal
import struct
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

__all__ = ["follow", "let_me_be_followed"]

_TRACEME, _SET_REGISTER, _NEXT_CALL, _SET_OPTIONS, _CALL_INFO = 0, 6, 24, 0x4200, 0x420E
_RDX = 12 * 8  # the register of the third argument
_OPTIONS = 0x1 | 0x8 | 0x100000  # tell calls from signals, follow new threads, die with us
_ALL_THREADS = 0x40000000
_ENTRY = 1
_CALL_STOP = signal.SIGTRAP | 0x80
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_LOCKING = (6, 7, 37, 38)
_INET = (2, 10)
_MOST_TEXT = 4096
_RANDOM = re.compile(r"[0-9a-f]{6,}")


def _numbered(words: str) -> dict[int, str]:
    numbers, names = words.split()[::2], words.split()[1::2]
    return {int(number): name for number, name in zip(numbers, names, strict=True)}


_NAMES = _numbered(
    "1 write 2 open 18 pwrite64 20 writev 40 sendfile 42 connect 44 sendto 46 sendmsg 72 fcntl 73 flock "
    "74 fsync 75 fdatasync 76 truncate 77 ftruncate 82 rename 83 mkdir 84 rmdir 85 creat 86 link 87 unlink "
    "88 symlink 90 chmod 91 fchmod 92 chown 93 fchown 94 lchown 257 openat 258 mkdirat 260 fchownat "
    "263 unlinkat 264 renameat 265 linkat 266 symlinkat 268 fchmodat 280 utimensat 285 fallocate 296 pwritev "
    "307 sendmmsg 316 renameat2 326 copy_file_range "
)
_FIRST_IS_FILE = {
    *("write", "pwrite64", "writev", "pwritev", "sendto", "sendmsg", "sendmmsg", "sendfile", "fsync", "fdatasync"),
    *("ftruncate", "fchmod", "fchown", "fallocate", "flock", "fcntl", "connect"),
}


_WITH_BYTES = {"write", "pwrite64", "sendto"}


class _Call(ctypes.Structure):
    _fields_ = (
        ("op", ctypes.c_uint8),
        ("_", ctypes.c_uint8 * 3),
        ("arch", ctypes.c_uint32),
        ("ip", ctypes.c_uint64),
        ("sp", ctypes.c_uint64),
        ("number", ctypes.c_uint64),
        ("args", ctypes.c_uint64 * 6),
        ("more", ctypes.c_uint64 * 4),
    )


_SYSTEM = ctypes.CDLL(None, use_errno=True)


def _ptrace(request: int, pid: int = 0, first: int = 0, second: object = 0) -> None:
    data = second if not isinstance(second, int) else ctypes.c_void_p(second)
    if _SYSTEM.ptrace(ctypes.c_long(request), ctypes.c_long(pid), ctypes.c_void_p(first), data) < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"ptrace: {os.strerror(code)}")


def let_me_be_followed() -> None:
    """In the child: stop until the parent follows."""
    _ptrace(_TRACEME)
    os.kill(os.getpid(), signal.SIGSTOP)


def follow(child: int, target: int | str, note: Callable[[str], object]) -> int:
    """Go with a child to its end, kill it at a point, and give its exit status; each point is told to `note`.

    `target` is the number of the point, or its name: `fsync jobs#3` is the third of its kind, whatever threads that run
    side by side do in between.
    """
    follower = _Follower(child, target, note)
    while True:
        pid, status = os.waitpid(-1, _ALL_THREADS)
        if os.WIFSTOPPED(status):
            follower.stopped(pid, os.WSTOPSIG(status))
        elif pid == child:
            return status


class _Follower:
    def __init__(self, child: int, target: int | str, note: Callable[[str], object]) -> None:
        self._child = child
        self._target = target
        self._note = note
        self._seen: Counter[str] = Counter()
        self._connected: set[str] = set()
        self._halved = 0  # the thread that is writing its last

    def stopped(self, pid: int, by: int) -> None:
        """Look what stopped a thread, and let it go on, if that is still possible."""
        if by == signal.SIGSTOP and pid == self._child:
            _ptrace(_SET_OPTIONS, pid, 0, _OPTIONS)
        if by == _CALL_STOP:
            self._at_call(pid)
        is_ours = by in (signal.SIGSTOP, signal.SIGTRAP, _CALL_STOP)
        with contextlib.suppress(ProcessLookupError):  # it was killed meanwhile
            _ptrace(_NEXT_CALL, pid, 0, 0 if is_ours else by)

    def _at_call(self, pid: int) -> None:
        if self._halved:
            if self._halved == pid:
                os.kill(self._child, signal.SIGKILL)
            return
        call = _Call()
        with contextlib.suppress(ProcessLookupError):
            _ptrace(_CALL_INFO, pid, ctypes.sizeof(call), ctypes.byref(call))
        name = _NAMES.get(call.number, "") if call.op == _ENTRY else ""
        told = _told(pid, name, call.args, self._connected) if name else ""
        if told and self._is_hit(told):
            os.kill(self._child, signal.SIGKILL)
        elif told and name in _WITH_BYTES and call.args[2] > 1 and self._is_hit(f"half {told}"):
            _ptrace(_SET_REGISTER, pid, _RDX, call.args[2] // 2)
            self._halved = pid

    def _is_hit(self, told: str) -> bool:
        self._seen[told] += 1
        name = f"{told}#{self._seen[told]}"
        self._note(name)
        return self._target in (name, self._seen.total())


_Args: TypeAlias = "ctypes.Array[ctypes.c_uint64]"


def _told(pid: int, name: str, args: _Args, connected: set[str]) -> str:
    """Say what a thread is about to do to the world; empty where it is nothing."""
    return _told_of_file(pid, name, args, connected) if name in _FIRST_IS_FILE else _told_of_path(pid, name, args)


def _told_of_file(pid: int, name: str, args: _Args, connected: set[str]) -> str:
    file = _file(pid, args[0])
    if name == "connect":
        if struct.unpack("H", _memory(pid, args[1], 2))[0] not in _INET:
            return ""
        connected.add(file)
        return "connect"
    if name == "fcntl":
        return f"lock {_plain(file)}" if args[1] in _LOCKING else ""
    if file in connected:
        return f"{name} to the relay"
    return f"{name} {_plain(file)}" if _is_on_disk(file) else ""


def _told_of_path(pid: int, name: str, args: _Args) -> str:
    if name == "copy_file_range":
        return f"{name} {_plain(_file(pid, args[2]))}"
    at = 1 if name.endswith(("at", "at2")) else 0
    path = _text(pid, args[at])
    if name in ("open", "openat") and not args[at + 1] & _WRITING:
        return ""
    if name.startswith(("rename", "link")):
        path = _text(pid, args[3 if at else 1])
    return f"{name} {_plain(path)}" if _is_on_disk(path) else ""


def _is_on_disk(path: str) -> bool:
    return (
        bool(path)
        and "[" not in path[:16]
        and not path.startswith(("/proc/", "/dev/null", "/dev/tty", "/dev/pts", "anon_inode"))
    )


def _plain(path: str) -> str:
    """Name a file so that it bears the same name in each run."""
    parts = Path(path.removesuffix(" (deleted)")).parts
    home = next((place for place, part in enumerate(parts) if part.endswith(".now")), None)
    if home is None:
        return "index" if "indexes" in parts else "outside"
    return _RANDOM.sub("*", "/".join(parts[home + 1 :])) or "."


def _file(pid: int, number: int) -> str:
    with contextlib.suppress(OSError):
        return str(Path(f"/proc/{pid}/fd/{number}").readlink())
    return ""


def _text(pid: int, place: int) -> str:
    return _memory(pid, place, _MOST_TEXT).partition(b"\0")[0].decode("utf-8", "replace")


def _memory(pid: int, place: int, size: int) -> bytes:
    memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    try:
        return os.pread(memory, size, place)
    finally:
        os.close(memory)
