"""A relay in a process of its own: a fixed latency, another picture for each order, and a count of what was ordered.

    with Relay(pictures) as relay:
        relay.set(latency=0.5, form="b64")
        …
        assert relay.taken() == Taken(posts=200, most_equal=1)

It costs as little as a server can: answers are put together from parts encoded beforehand. The pictures of two orders
differ by a text chunk with the order's number, so that no two files are equal.
"""

from __future__ import annotations

import asyncio
import base64
import json
import struct
import subprocess
import sys
import urllib.request
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self
from urllib.parse import parse_qs, urlencode, urlsplit

sys.path.insert(0, str(Path(__file__).parent))

from pictures import kept

__all__ = ["Form", "Relay", "Taken"]

Form = Literal["b64", "url"]
_BEFORE_CHUNK = 33  # signature and IHDR of a PNG; divisible by 3, as is the chunk, so that both encode apart
_NOT_FOUND = b'{"error": {"message": "not here", "code": "not_found"}}'


@dataclass(frozen=True)
class Taken:
    """What was ordered since `set`: POSTs, and the most that had one and the same prompt."""

    posts: int
    most_equal: int


class Relay:
    """The running server; a context manager."""

    def __init__(self, sides: Sequence[int]) -> None:
        """Serve pictures of these sides."""
        self._sides = sides

    def __enter__(self) -> Self:
        command = [sys.executable, __file__, *map(str, self._sides)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.address = self._process.stdout.readline().strip()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    @property
    def base_url(self) -> str:
        """What clients are given."""
        return f"{self.address}/v1"

    def set(self, *, latency: float = 0.0, form: Form = "b64") -> None:
        """Answer so from now on, `latency` seconds after an order is in, and count anew."""
        self._ask("set", latency=latency, form=form)

    def taken(self) -> Taken:
        """Return what was ordered since `set`."""
        return Taken(**self._ask("taken"))

    def _ask(self, what: str, **fields: object) -> dict[str, int]:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.address}/{what}?{urlencode(fields)}", timeout=60) as reply:
            answer: dict[str, int] = json.load(reply)
        return answer


class _Picture:
    """A PNG in two parts, between which a chunk with a number is put; both also as base64."""

    def __init__(self, data: bytes) -> None:
        self.parts = (data[:_BEFORE_CHUNK], data[_BEFORE_CHUNK:])
        self.encoded = tuple(map(base64.b64encode, self.parts))

    def numbered(self, number: int) -> list[bytes]:
        return [self.parts[0], _chunk(number), self.parts[1]]

    def numbered_in_base64(self, number: int) -> list[bytes]:
        return [self.encoded[0], base64.b64encode(_chunk(number)), self.encoded[1]]


def _chunk(number: int) -> bytes:
    body = b"tEXt" + b"order\0" + f"{number:09}".encode()
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))


class _Serving:
    """What all connections share."""

    def __init__(self, pictures: Sequence[bytes]) -> None:
        self.pictures = [_Picture(one) for one in pictures]
        self.latency = 0.0
        self.form = "b64"
        self.numbers = 0
        self.prompts: Counter[str] = Counter()

    def picture(self, number: int) -> _Picture:
        return self.pictures[number % len(self.pictures)]

    def set(self, query: dict[str, list[str]]) -> bytes:
        self.latency, self.form = float(query["latency"][0]), query["form"][0]
        self.prompts.clear()
        return b"{}"

    def taken(self) -> bytes:
        equal = max(self.prompts.values(), default=0)
        return json.dumps({"posts": self.prompts.total(), "most_equal": equal}).encode()


class _Connection(asyncio.Protocol):
    """One connection, kept alive; a request comes after the answer to the one before."""

    def __init__(self, serving: _Serving) -> None:
        self._serving = serving
        self._came = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._came += data
        end = self._came.find(b"\r\n\r\n")
        if end < 0:
            return
        head = bytes(self._came[:end]).split(b"\r\n")
        lengths = [int(line.partition(b":")[2]) for line in head if line.lower().startswith(b"content-length:")]
        rest = end + 4 + sum(lengths)
        if len(self._came) >= rest:
            body = bytes(self._came[end + 4 : rest])
            del self._came[:rest]
            method, target, _version = head[0].decode().split(" ")
            self._answer(method, target, body)

    def _answer(self, method: str, target: str, body: bytes) -> None:
        path = urlsplit(target).path
        if method == "POST":
            self._take(body)
        elif path.startswith("/pictures/"):
            number = int(Path(path).stem)
            self._send(self._serving.picture(number).numbered(number), kind=b"image/png")
        elif path == "/set":
            self._send([self._serving.set(parse_qs(urlsplit(target).query))])
        elif path == "/taken":
            self._send([self._serving.taken()])
        else:
            self._send([_NOT_FOUND], status=b"404 Not Found")

    def _take(self, body: bytes) -> None:
        serving = self._serving
        serving.prompts[json.loads(body)["prompt"]] += 1
        serving.numbers += 1
        asyncio.get_running_loop().call_later(serving.latency, self._send_order, serving.numbers)

    def _send_order(self, number: int) -> None:
        if self._serving.form == "url":
            host, port = self._transport.get_extra_info("sockname")[:2]
            parts, key = [f"http://{host}:{port}/pictures/{number}.png".encode()], b"url"
        else:
            parts, key = self._serving.picture(number).numbered_in_base64(number), b"b64_json"
        self._send([b'{"created":1790000000,"data":[{"', key, b'":"', *parts, b'"}]}'])

    def _send(self, parts: list[bytes], *, status: bytes = b"200 OK", kind: bytes = b"application/json") -> None:
        length = b"%d" % sum(map(len, parts))
        head = b"HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %s\r\n\r\n" % (status, kind, length)
        if not self._transport.is_closing():
            self._transport.writelines([head, *parts])


async def _serve(sides: Sequence[int]) -> None:
    serving = _Serving(kept(sides))
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(serving), "127.0.0.1", 0, backlog=512)
    host, port = server.sockets[0].getsockname()[:2]
    print(f"http://{host}:{port}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve([int(one) for one in sys.argv[1:]]))
