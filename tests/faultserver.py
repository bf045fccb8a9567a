"""A server on loopback that misbehaves on request, byte by byte, and writes down all that it sees.

    with FaultServer() as server:
        server.script([Send(json_answer({"data": []}))])          # for one request; the last script goes on for ever
        server.script([Drip(b"HTTP/1.1 200"), Reset()], path="/v1/models")
        ...
        server.posts, server.connections, server.seen             # complete POSTs, accepted connections, requests

A script is a list of actions, or a function that makes one of the request. Without any script a request is answered
by 404. Nothing here waits for a time: `Hang` ends when the client goes or the server stops, `Await` when the test says
so.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self, TypeAlias

from certificates import Certificate

__all__ = [
    "Await",
    "Close",
    "Drip",
    "Early",
    "FaultServer",
    "Hang",
    "Partly",
    "Reset",
    "Seen",
    "Send",
    "Tunnel",
    "chunked",
    "closed_port",
    "json_answer",
    "response",
    "stream_answer",
]

_LONGEST_HEAD = 1 << 20
_LINGER_NOTHING = struct.pack("ii", 1, 0)  # close sends RST


@dataclass(frozen=True)
class Send:
    """Send these bytes."""

    data: bytes


@dataclass(frozen=True)
class Drip:
    """Send these bytes one by one."""

    data: bytes


@dataclass(frozen=True)
class Reset:
    """Drop the connection with a reset."""


@dataclass(frozen=True)
class Close:
    """Close the connection as if all had been said."""


@dataclass(frozen=True)
class Hang:
    """Say nothing more until the client goes."""


@dataclass(frozen=True)
class Early:
    """At the beginning of a script: act as soon as the head is here, before the body is read."""


@dataclass(frozen=True)
class Partly:
    """At the beginning of a script: read only so many bytes of the body, then act."""

    size: int


@dataclass(frozen=True)
class Await:
    """Go on when the event is set; `reached` tells the test that the server has come here."""

    event: threading.Event
    reached: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class Tunnel:
    """As a proxy: from here on pass everything to a port of this machine, and back."""

    port: int


Action: TypeAlias = Send | Drip | Reset | Close | Hang | Early | Partly | Await | Tunnel


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One request as it came; `raw` are its bytes so far, `is_complete` whether all of its body was read."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    raw: bytes
    is_complete: bool

    def json(self) -> object:
        return json.loads(self.body)


Script: TypeAlias = Sequence[Action] | Callable[[Seen], Sequence[Action]]


def response(
    status: int = 200, body: bytes = b"", *, headers: Mapping[str, str] | None = None, length: int | None = None
) -> bytes:
    """Write a whole HTTP response; `length` is a Content-Length other than the true one."""
    given = {"Content-Length": str(len(body) if length is None else length), **(headers or {})}
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name}: {value}" for name, value in given.items())]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def json_answer(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> bytes:
    """Write a whole JSON response."""
    given = {"Content-Type": "application/json", **(headers or {})}
    return response(status, json.dumps(value).encode(), headers=given)


def stream_answer(*, headers: Mapping[str, str] | None = None) -> bytes:
    """Write the head of a chunked stream of events; the body is for `chunked`."""
    given = {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked", **(headers or {})}
    lines = ["HTTP/1.1 200 OK", *(f"{name}: {value}" for name, value in given.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def chunked(*parts: bytes, end: bool = True) -> bytes:
    """Write parts of a chunked body."""
    sent = b"".join(f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in parts)
    return sent + b"0\r\n\r\n" if end else sent


def closed_port() -> int:
    """Give a port of loopback on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class FaultServer:
    """Listens on a random port of loopback while it is entered; `certificate` makes it speak TLS."""

    def __init__(self, *, certificate: Certificate | None = None, host: str = "127.0.0.1") -> None:
        self.host = host
        self.seen: list[Seen] = []
        self.connections = 0
        self.greeting: Sequence[Action] = ()  # what every connection gets before anything is read, even TLS
        self._scheme = "https" if certificate else "http"
        self._tls = certificate.server_context() if certificate else None
        self._scripts: dict[str | None, deque[Script]] = {}
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self._stopping = threading.Event()
        self._listener = socket.create_server((host, 0))
        self.port: int = self._listener.getsockname()[1]

    @property
    def url(self) -> str:
        return f"{self._scheme}://{self.host}:{self.port}"

    @property
    def posts(self) -> int:
        """Complete POSTs so far."""
        with self._lock:
            return sum(one.method == "POST" and one.is_complete for one in self.seen)

    @property
    def raw(self) -> bytes:
        """All bytes of all requests."""
        with self._lock:
            return b"".join(one.raw for one in self.seen)

    def script(self, *scripts: Script, path: str | None = None) -> None:
        """Line up what to do with the next requests (or those for one path); the last one is for all that follow."""
        self._scripts.setdefault(path, deque()).extend(scripts)

    def forget(self) -> None:
        """Start the books anew; the scripts go too."""
        with self._lock:
            self.seen.clear()
            self.connections = 0
            self._scripts.clear()

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        alive = [thread.name for thread in self._threads if thread.is_alive()]
        if alive:
            raise RuntimeError(f"the fault server left threads behind: {alive}")

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True, name=f"faults-{len(self._threads)}")
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.connections += 1
                self._open.add(connection)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._start(self._serve, connection)

    def _serve(self, plain: socket.socket) -> None:
        connection = plain
        try:
            if self.greeting and not self._perform(plain, self.greeting):
                return
            if self._tls:
                connection = self._tls.wrap_socket(plain, server_side=True)
                self._swap(plain, connection)
            while self._one_request(connection):
                pass
        except (OSError, ValueError):
            pass
        finally:
            self._swap(connection, None)
            connection.close()

    def _swap(self, old: socket.socket, new: socket.socket | None) -> None:
        with self._lock:
            self._open.discard(old)
            if new is not None:
                self._open.add(new)

    def _one_request(self, connection: socket.socket) -> bool:
        reader = _Reader(connection)
        request = reader.head()
        if request is None:
            return False
        actions = self._next_script(request)
        entry = self._note(request)
        first = actions[0] if actions else None
        if not isinstance(first, Early):
            request = reader.body(request, first.size if isinstance(first, Partly) else None)
            self._note(request, entry)
        goes_on = self._perform(connection, actions)
        if goes_on and not request.is_complete:
            self._note(reader.body(request, None), entry)
        return goes_on and request.headers.get("connection", "").lower() != "close"

    def _note(self, request: Seen, entry: int | None = None) -> int:
        with self._lock:
            if entry is None:
                self.seen.append(request)
                return len(self.seen) - 1
            if entry < len(self.seen):
                self.seen[entry] = request
            return entry

    def _next_script(self, request: Seen) -> Sequence[Action]:
        with self._lock:
            path = request.path.partition("?")[0]
            lined_up = self._scripts.get(path) or self._scripts.get(None) or deque([[Send(response(404))]])
            script = lined_up.popleft() if len(lined_up) > 1 else lined_up[0]
        return script(request) if callable(script) else script

    def _perform(self, connection: socket.socket, actions: Sequence[Action]) -> bool:
        for action in actions:
            match action:
                case Send(data):
                    connection.sendall(data)
                case Drip(data):
                    for byte in data:
                        connection.sendall(bytes([byte]))
                case Await(event, reached):
                    reached.set()
                    while not event.wait(0.05):
                        if self._stopping.is_set():
                            return False
                case Close():
                    return False
                case Reset():
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOTHING)
                    return False
                case Hang():
                    while connection.recv(1 << 16):
                        pass
                    return False
                case Tunnel(port):
                    self._tunnel(connection, port)
                    return False
        return True

    def _tunnel(self, connection: socket.socket, port: int) -> None:
        with socket.create_connection(("127.0.0.1", port)) as far:
            self._start(_pump, far, connection)
            _pump(connection, far)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


class _Reader:
    """Reads one request from a connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = b""

    def _more(self) -> bool:
        data = self._connection.recv(1 << 16)
        self._buffer += data
        return bool(data)

    def head(self) -> Seen | None:
        while b"\r\n\r\n" not in self._buffer:
            if len(self._buffer) > _LONGEST_HEAD or not self._more():
                return None
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        pairs = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        return Seen(method=method, path=path, headers=headers, body=b"", raw=head + b"\r\n\r\n", is_complete=False)

    def body(self, request: Seen, limit: int | None) -> Seen:
        wanted = int(request.headers.get("content-length", 0))
        stop = wanted if limit is None else min(limit, wanted)
        while len(request.body) + len(self._buffer) < stop and self._more():
            pass
        body = request.body + self._buffer
        return Seen(
            method=request.method,
            path=request.path,
            headers=request.headers,
            body=body,
            raw=request.raw + self._buffer,
            is_complete=len(body) >= wanted,
        )
