"""The relay on loopback: a small HTTP/1.1 server that trusts nobody.

It listens on 127.0.0.1 only, wants the exact Host, no foreign Origin, JSON or a form, sends no CORS headers and has no
files to serve; who may ask is the relay's own key.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from http import HTTPStatus
from urllib.parse import unquote, urlsplit

from ._relay import Relay
from ._wire import Refusal, Request, Response, json_response

__all__ = ["BODY_TYPES", "IDLE_SECONDS", "LOOPBACK", "MAX_BODY_BYTES", "MAX_HEAD_BYTES", "Door", "listening", "serve"]

LOOPBACK = "127.0.0.1"
MAX_HEAD_BYTES = 64 * 1024
MAX_BODY_BYTES = 32 * 1024 * 1024
_MAX_FORM_BYTES = 256 * 1024 * 1024  # sixteen pictures of four megapixels
_CHUNK_BYTES = 64 * 1024
_MOST_DIGITS = 20
IDLE_SECONDS = 60
_FORM = "multipart/form-data"
BODY_TYPES = ("application/json", _FORM)


@asynccontextmanager
async def serve(relay: Relay, *, port: int = 0) -> AsyncIterator[str]:
    """Serve `relay` on loopback for the length of the block, and yield its address."""
    async with listening(port) as door:
        door.relay = relay
        yield door.address


@asynccontextmanager
async def listening(port: int) -> AsyncIterator["Door"]:
    """Open the port before there is a relay, since the relay's links need the port's number."""
    door = Door()
    server = await asyncio.start_server(door.meet, LOOPBACK, port, limit=MAX_HEAD_BYTES)
    door.authority = f"{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
    try:
        yield door
    finally:
        server.close()
        door.close()
        await server.wait_closed()


class Door:
    """One listening port: reads requests, asks the relay, writes what it answers."""

    def __init__(self) -> None:
        """Start without relay and without guests."""
        self.relay: Relay | None = None
        self.authority = ""
        self._guests: set[asyncio.StreamWriter] = set()

    @property
    def address(self) -> str:
        """The base URL of the relay."""
        return f"http://{self.authority}"

    def close(self) -> None:
        """Send every guest home."""
        for writer in self._guests:
            writer.transport.abort()

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end."""
        self._guests.add(writer)
        try:
            while await self._serve_one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            writer.transport.abort()
        finally:
            self._guests.discard(writer)
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        try:
            request = await self._read(reader)
        except Refusal as refusal:
            await _write(writer, _refusal(refusal), keep=False)
            return False
        if self.relay is None:
            return False
        keep = request.headers.get("connection", "").lower() != "close"
        await _write(writer, await self.relay.handle(request), keep=keep)
        return keep

    async def _read(self, reader: asyncio.StreamReader) -> Request:
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), IDLE_SECONDS)
        except asyncio.LimitOverrunError:
            raise Refusal(431, "request header fields too large") from None
        method, target, headers = _parse_head(head)
        self._check_manners(method, headers)
        parts = urlsplit(target)
        request = Request(method=method, path=_safe_path(parts.path), query=parts.query, headers=headers)
        is_known = self.relay is not None and self.relay.is_open_to(request)
        return replace(request, body=await _read_body(reader, headers, keep=is_known))

    def _check_manners(self, method: str, headers: dict[str, str]) -> None:
        if headers.get("host") not in (self.authority, self.authority.replace(LOOPBACK, "localhost")):
            raise Refusal(403, "wrong Host")
        if headers.get("origin", self.address) != self.address:
            raise Refusal(403, "foreign Origin")
        if method not in ("GET", "POST"):
            raise Refusal(405, "method not allowed")
        if method == "POST" and not headers.get("content-type", "").lower().startswith(BODY_TYPES):
            raise Refusal(415, "only application/json and multipart/form-data are served")


def _parse_head(head: bytes) -> tuple[str, str, dict[str, str]]:
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1.") or not words[1].startswith("/"):  # noqa: PLR2004 - a request line
        raise Refusal(400, "not an HTTP/1.1 request")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or name != name.strip() or name.lower() in headers:
            raise Refusal(400, "malformed or repeated header")
        headers[name.lower()] = value.strip()
    return words[0], words[1], headers


async def _read_body(reader: asyncio.StreamReader, headers: dict[str, str], *, keep: bool) -> bytes:
    """Read a body; that of a stranger is heard to its end, so that an answer reaches them, and forgotten."""
    if "transfer-encoding" in headers:
        raise Refusal(411, "send a Content-Length")
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()):
        raise Refusal(400, "malformed Content-Length")
    most = _MAX_FORM_BYTES if headers.get("content-type", "").lower().startswith(_FORM) else MAX_BODY_BYTES
    left = int(length) if len(length) <= _MOST_DIGITS else most + 1  # Python reads no endless number
    if left > most:
        raise Refusal(413, "request body too large")
    async with asyncio.timeout(IDLE_SECONDS):
        if keep:
            return await reader.readexactly(left)
        while left:
            left -= len(await reader.readexactly(min(left, _CHUNK_BYTES)))
    return b""


def _safe_path(path: str) -> str:
    plain = unquote(path)
    if ".." in plain or "\\" in plain or "\0" in plain:
        raise Refusal(404, "no such path")
    return plain


def _refusal(refusal: Refusal) -> Response:
    return json_response({"error": {"message": refusal.message, "type": "demo_server"}}, status=refusal.status)


async def _write(writer: asyncio.StreamWriter, response: Response, *, keep: bool) -> None:
    known_length = any(name == "content-length" for name, _ in response.headers)
    lines = [f"HTTP/1.1 {response.status} {_phrase(response.status)}"]
    lines += [f"{name}: {value}" for name, value in response.headers]
    lines += ["connection: " + ("keep-alive" if keep else "close"), "x-content-type-options: nosniff"]
    if not known_length:
        lines.append("transfer-encoding: chunked")
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
    async for chunk in response.body:
        writer.write(chunk if known_length else b"%x\r\n%b\r\n" % (len(chunk), chunk))
        await writer.drain()
    if not known_length:
        writer.write(b"0\r\n\r\n")
    await writer.drain()


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
