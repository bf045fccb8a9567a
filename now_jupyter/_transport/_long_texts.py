"""Long base64 on its way past the memory: it goes from the wire to the disk; what is read holds a mark in its place.

A picture in an answer is a hundred times as long as all that is said of it. So what an answer says stays small, is read
at once, and holds up nobody, however large its pictures are.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Self

from .._messages import StoreError
from ._private_files import open_new

__all__ = ["SAID_CAP", "Cutter", "LongTexts", "Said"]

SAID_CAP = 8 << 20
"""Bytes of what an answer says beside its long texts, of one event in a stream too."""
_LONGEST = 16 << 10  # bytes; links are shorter
_HEAD = 1 << 10  # bytes of a long text that stay where it was: they tell what it is
_STEP = 16 << 10
_PIECE = 256 << 10
_WRITTEN = 64 << 10  # bytes that are written at once: each call lets go of Python's lock, and waits for it again
# Base64, also as JSON's writers escape its signs and line ends.
_SIGNS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=_-"
_PLAIN = rb"[A-Za-z0-9+/=_-]*+"
_RUN = re.compile(_PLAIN + rb"(?:\\(?:[/nr]|u00(?:2[bBfF]|3[dD]))" + _PLAIN + rb")*+")
_LONGEST_ESCAPE = 6
_MARK = re.compile(r"==([0-9a-f]{64})==")


class LongTexts:
    """The long texts of some answers: `new_path` gives a place for each.

    Enter it while they are in use; they are gone when the last one who entered leaves.
    """

    def __init__(self, new_path: Callable[[], Path]) -> None:
        self._new_path = new_path
        self._users = 0
        self._every: list[_Rest] = []
        self._named: dict[str, _Rest] = {}

    def __enter__(self) -> Self:
        self._users += 1
        return self

    def __exit__(self, *_: object) -> None:
        self._users -= 1
        if not self._users:
            self.close()

    def pieces_of(self, text: str) -> Iterator[bytes]:
        """Yield a text of an answer as it came, with what a mark in it stands for."""
        at = 0
        for mark in _MARK.finditer(text):
            if (rest := self._named.get(mark[1])) is not None:
                yield from _encoded(text, at, mark.start())
                yield from rest.pieces()
                at = mark.end()
        yield from _encoded(text, at, len(text))

    def begin(self) -> _Rest:
        """Return a place for one more text, behind its beginning."""
        self._every.append(rest := _Rest(self._new_path))
        return rest

    def end(self, rest: _Rest) -> bytes:
        """Return the mark of a text that is whole; equal ones are kept once."""
        name = rest.finish()
        if self._named.setdefault(name, rest) is not rest:
            rest.drop()
        return f"=={name}==".encode()

    def close(self) -> None:
        """Forget them, and remove their files."""
        for rest in self._every:
            rest.drop()
        self._every.clear()
        self._named.clear()


def _encoded(text: str, start: int, end: int) -> Iterator[bytes]:
    for at in range(start, end, _PIECE):
        yield text[at : min(at + _PIECE, end)].encode("utf-8", "replace")


class Said:
    """What an answer says, up to the cap, gathered from its pieces; without its long texts, if there is a place."""

    def __init__(self, texts: LongTexts | None) -> None:
        self._cutter = None if texts is None else Cutter(texts)
        self._said = io.BytesIO()  # a list of pieces would be in the memory twice, and the small ones stay there

    def add(self, piece: bytes) -> None:
        """Take the next piece."""
        said = self._cutter.feed(piece) if self._cutter else piece
        if self._said.tell() < SAID_CAP:
            self._said.write(said)

    def end(self) -> bytes:
        """Return all of it."""
        self._said.write(self._cutter.end() if self._cutter else b"")
        return self._said.getvalue()


class Cutter:
    """Takes the long base64 out of one answer, piece by piece.

    Equal texts get the same mark: their beginning and the digest of the rest.
    """

    def __init__(self, texts: LongTexts) -> None:
        self._texts = texts
        self._open = b""  # an escape that is not yet whole
        self._run = bytearray()  # what may become a long text, or the beginning of one
        self._rest: _Rest | None = None

    def feed(self, data: bytes) -> bytes:
        """Return what the next bytes say."""
        if self._rest is not None and not self._open and not data.translate(None, _SIGNS):
            self._rest.write(data)  # the middle of a picture, as nearly all bytes are: nothing else is in it
            return b""
        return b"".join(self._take(data[at : at + _STEP]) for at in range(0, len(data), _STEP))

    def end(self) -> bytes:
        """Return what waited."""
        return self._end_run() + self._open

    def _take(self, piece: bytes) -> bytes:
        piece = self._open + piece
        escape = piece.rfind(b"\\", 1 - _LONGEST_ESCAPE)
        end = escape if escape >= 0 and _end_of_run(piece, escape) == escape else len(piece)
        piece, self._open = piece[:end], piece[end:]
        first = _end_of_run(piece, 0)
        self._extend(piece[:first])
        if first == len(piece):
            return b""
        last = _start_of_last_run(piece, first)
        said = self._end_run() + piece[first:last]
        self._extend(piece[last:])
        return said

    def _extend(self, part: bytes) -> None:
        if self._rest is None:
            self._run += part
            if len(self._run) <= _LONGEST:
                return
            head = self._run.rfind(b"\\", _HEAD - _LONGEST_ESCAPE, _HEAD)  # no escape is cut
            head = _HEAD if head < 0 else head
            part, self._rest = bytes(self._run[head:]), self._texts.begin()
            del self._run[head:]
        self._rest.write(json.loads(b'"' + part + b'"').encode() if b"\\" in part else part)

    def _end_run(self) -> bytes:
        head, self._run = bytes(self._run), bytearray()
        if self._rest is None:
            return head
        rest, self._rest = self._rest, None
        return head + self._texts.end(rest)


def _end_of_run(piece: bytes, start: int) -> int:
    found = _RUN.match(piece, start)
    return found.end() if found else start


def _start_of_last_run(piece: bytes, start: int) -> int:
    """Return where the run begins that goes on at the end of a piece; the end where there is none."""
    at = max(start, len(piece.rstrip(_SIGNS + b"\\")))
    while (end := _end_of_run(piece, at)) < len(piece):
        at = end + 1
    return at


class _Rest:
    """What goes on behind the beginning of a long text: a file, or in memory where the disk takes no more."""

    def __init__(self, new_path: Callable[[], Path]) -> None:
        self._digest = hashlib.sha256()
        self._waiting = bytearray()
        self._memory: io.BytesIO | None = None
        try:
            self._path = new_path()
            self._file: BinaryIO = open_new(self._path)
        except (OSError, StoreError):
            self._file = self._memory = io.BytesIO()

    def write(self, data: bytes) -> None:
        """Take the next bytes."""
        self._waiting += data
        if len(self._waiting) >= _WRITTEN:
            self._write_waiting()

    def _write_waiting(self) -> None:
        data, self._waiting = bytes(self._waiting), bytearray()
        self._digest.update(data)
        start = self._file.tell()
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError:
            before = self._path.read_bytes()[:start]
            self.drop()
            self._file = self._memory = io.BytesIO()
            self._memory.write(before + data)

    def finish(self) -> str:
        """Return the digest of all that was written."""
        self._write_waiting()
        if self._memory is None:
            self._file.close()
        return self._digest.hexdigest()

    def pieces(self) -> Iterator[bytes]:
        """Yield what was written."""
        with self._path.open("rb") if self._memory is None else io.BytesIO(self._memory.getbuffer()) as file:
            yield from iter(lambda: file.read(_PIECE), b"")

    def drop(self) -> None:
        """Remove the file."""
        with suppress(OSError):
            self._file.close()
        if self._memory is None:
            with suppress(OSError):
                self._path.unlink()
