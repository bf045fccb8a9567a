"""What an answer says: JSON as relays write it, server-sent events, a file, or words.

One decoder for an answer that has just come and for one that was kept. What was paid for is read as far as it can be:
wrong types, byte-order marks, broken characters, numbers that are none, events without a name or without the empty line
between them, and answers that were cut off.
"""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

import msgspec

from .._json import JSON, empty_depths, read_json
from .._media import identify, is_web_page
from .._messages import BadResponseError
from .._protocol import Event, Reply
from ._long_texts import SAID_CAP, LongTexts, Said

__all__ = [
    "EventDecoder",
    "TooManyValuesError",
    "events_in",
    "file_type",
    "is_stream",
    "read_body",
    "read_kept",
    "read_reply",
]

_EVENT_STREAM = "text/event-stream"
_MARK = b"\xef\xbb\xbf"
_OTHER_FIELDS = (b"id:", b"retry:", b":")
_BEGINNINGS = (b"data:", b"event:", *_OTHER_FIELDS)
_LINE_END = re.compile(rb"\r\n|\r|\n")
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
_CLOSING = {b"[": b"]", b"{": b"}"}
_OPENING = re.compile(rb"[\[{]")
_FILES = ("image/", "audio/", "video/")
_PIECE = 64 << 10
_PEEK = 4096
_MOST_VALUES = 1 << 17  # of one document: small ones take twenty times their text in memory
_SHOWN = 1024  # characters of an unusable answer
_SHORT = 64
_MOST_TRIES = 64  # at beginnings of JSON among words that are none


class TooManyValuesError(ValueError):
    """JSON of so many values that it is not read."""

    def told(self, known: Mapping[str, Any]) -> BadResponseError:
        """Return what is told of it; `known` is what is known of the answer and its bill."""
        return BadResponseError(
            "the answer holds more than {count} values, and is not read",
            advice="check the address that %now shows, and the relay's log for a bill",
            count=f"{_MOST_VALUES:,}",
            **known,
        )


def read_reply(head: Mapping[str, JSON], data: bytes) -> tuple[Reply, Iterator[Event]]:
    """Return what a complete answer says, and its events where it is a stream; `head` is as a `Sink` gets it.

    Raises:
        TooManyValuesError: it is JSON of too many values.
    """
    start = data[:_PEEK]
    if is_stream(head, start):
        return _read_stream(head, data)
    if (mime := file_type(head, start)) is not None:
        return Reply(media_type=mime, is_file=True), iter(())
    mime = _mime_of(head)
    is_text = head.get("expects") == "text"
    if not is_text or _is_json(start):
        try:
            body = read_body(data) if is_text else _read_around(data)
            return Reply(media_type=mime, body=body, text=_words(data) if is_text else ""), iter(())
        except ValueError as problem:
            if isinstance(problem, TooManyValuesError) and not is_text:
                raise
    return Reply(media_type=mime, text=_words(data if is_text else data[:_SHOWN])), iter(())


def read_kept(
    head: Mapping[str, JSON], pieces: Iterable[bytes], texts: LongTexts
) -> tuple[Reply, Iterator[Event]] | None:
    """Return what an answer says that was kept, as it was when it came; of one that was cut off, what is whole.

    None where there is nothing to be had from it.

    Raises:
        BadResponseError: it has too many values.
    """
    said = Said(None if head.get("expects") == "text" else texts)
    for piece in pieces:
        said.add(piece)
    body = said.end()
    try:
        reply, events = read_reply(head, body)
    except TooManyValuesError as problem:
        raise problem.told({}) from None
    if reply.streamed:
        first = next(events, None)
        return None if first is None else (reply, itertools.chain([first], events))
    if reply.is_file or reply.body is not None or (reply.text and head.get("expects") == "text"):
        return reply, events
    return None


def is_stream(head: Mapping[str, JSON], start: bytes) -> bool:
    """Whether an answer is events: by its beginning, and only else by its type."""
    if head.get("expects") in ("text", "file"):
        return False
    if start.removeprefix(_MARK).lstrip().startswith(_BEGINNINGS):
        return True
    return _mime_of(head).startswith(_EVENT_STREAM) and not _is_json(start)


def file_type(head: Mapping[str, JSON], start: bytes) -> str | None:
    """Return the media type of an answer that is a file; None where it is none."""
    known = identify(start)
    if known is not None and known.kind != "words":
        return known.mime
    mime = _mime_of(head)
    if start and not _is_json(start) and (head.get("expects") == "file" or mime.startswith(_FILES)):
        return mime or "application/octet-stream"
    return None


def _mime_of(head: Mapping[str, JSON]) -> str:
    return str(head.get("content_type") or "").partition(";")[0].strip().lower()


def _is_json(start: bytes | bytearray) -> bool:
    return start.removeprefix(_MARK).lstrip().startswith((b"{", b"["))


def _words(data: bytes) -> str:
    return data.decode("utf-8-sig", "replace")


def _read_stream(head: Mapping[str, JSON], data: bytes) -> tuple[Reply, Iterator[Event]]:
    events = events_in(data)
    first = list(itertools.islice(events, 2))
    body = first[0].data if len(first) == 1 and head.get("expects") != "events" else None
    if isinstance(body, Mapping) and "type" not in body:  # an ordinary answer in the dress of an event
        return Reply(media_type=_EVENT_STREAM, body=body), iter(())
    return Reply(media_type=_EVENT_STREAM, streamed=True), itertools.chain(first, events)


class EventDecoder:
    """Server-sent events out of bytes as they come; `is_done` from `[DONE]` on.

    More of them than a document may have values are a BadResponseError.
    """

    def __init__(self) -> None:
        self.is_done = False
        self._count = 0
        self._line = bytearray()
        self._ended_with_return = False
        self._name = ""
        self._data = bytearray()  # each line behind a line end
        self._is_bare = False  # whether JSON stands there without `data:`, as some relays put errors among events

    def feed(self, data: bytes) -> Iterator[Event]:
        """Yield the events that these bytes complete."""
        if self._ended_with_return:
            data = data.removeprefix(b"\n")
        self._ended_with_return = data.endswith(b"\r")
        first, *others = _LINE_END.split(data)
        _fill(self._line, first)
        for other in others:
            line, self._line = self._line, bytearray(other)
            if line or self._data or self._name:
                yield from self._take(line)

    def end(self) -> Iterator[Event]:
        """Yield the event that the relay left open."""
        line, self._line = self._line, bytearray()
        if line:
            yield from self._take(line)
        yield from self._complete()

    def _take(self, line: bytearray) -> Iterator[Event]:
        line = line.removeprefix(_MARK)
        if not line:
            yield from self._complete()
        elif line.startswith(b"data:"):
            _fill(self._data, b"\n" + line[6 if line.startswith(b"data: ") else 5 :])
        elif line.startswith(b"event:"):
            self._name = _words(bytes(line[6:])).removeprefix(" ")
        elif not line.startswith(_OTHER_FIELDS) and (self._is_bare or _is_json(line[:_SHORT])):
            self._is_bare = True
            _fill(self._data, b"\n" + line)

    def _complete(self) -> Iterator[Event]:
        data, self._data = bytes(self._data[1:]), bytearray()
        name, self._name = self._name, ""
        self._is_bare = False
        for document in _documents(data):
            self.is_done = self.is_done or document == "[DONE]"
            self._count += 1
            if self._count > _MOST_VALUES:
                raise TooManyValuesError().told({})
            if not self.is_done:
                yield Event(type=_type_of(name, document), data=document)


def _fill(place: bytearray, data: bytes | bytearray) -> None:
    place += data[: max(0, SAID_CAP - len(place))]


def events_in(data: bytes) -> Iterator[Event]:
    """Yield the events of a stream that is here as a whole."""
    decoder = EventDecoder()
    for at in range(0, len(data), _PIECE):
        yield from decoder.feed(data[at : at + _PIECE])
    yield from decoder.end()


def _documents(data: bytes) -> Iterator[JSON]:
    """Yield what one event holds: one document, but for relays that leave out the empty lines between events."""
    if not data or data.isspace():
        return
    try:
        yield read_body(data)
    except ValueError:
        yield from (_document(line) for line in io.BytesIO(data) if not line.isspace())


def _document(line: bytes) -> JSON:
    with suppress(ValueError):
        return read_body(line)
    return _words(line).strip()  # [DONE], or words


def _type_of(name: str, data: JSON) -> str:
    own = data.get("type") if isinstance(data, dict) else None
    return own if isinstance(own, str) and own and name in ("", "message") else name or "message"


def read_body(data: bytes | str) -> JSON:
    """Read JSON of a relay, with a byte-order mark and broken characters forgiven; or a ValueError."""
    plain = (data.encode("utf-8", "replace") if isinstance(data, str) else data).removeprefix(_MARK)
    if _is_huge(plain):
        raise TooManyValuesError
    with suppress(msgspec.DecodeError, RecursionError):
        value: JSON = empty_depths(msgspec.json.decode(plain))  # from bytes: one emoji makes text four times as large
        return value
    return read_json(plain.decode("utf-8", "replace"), most=_MOST_VALUES)


def _is_huge(data: bytes) -> bool:
    return sum(data.count(sign) for sign in (b",", b"[", b"{")) > _MOST_VALUES


def _read_around(data: bytes) -> JSON:
    """Read JSON with a server's words before it, or the end of a stream behind it; of several documents, all.

    Of one that was cut off, what is whole; a web page holds none.

    Raises:
        TooManyValuesError: there are too many of them.
        ValueError: there is no JSON.
    """
    with suppress(ValueError):
        return read_body(data)
    if _is_huge(data) and _is_json(data[:_PEEK]):
        raise TooManyValuesError
    documents: list[JSON] = []
    at = _OPENING.search(data) if not is_web_page(data[:_PEEK]) and not _is_huge(data) else None
    tries = _MOST_TRIES
    while at is not None and tries:
        end = _end_of(data, at.start())
        document = _whole_part(data[at.start() :]) if end is None else _try_body(data[at.start() : end])
        documents += [document] if document is not None else []
        tries -= document is None
        at = None if end is None else _OPENING.search(data, end if document is not None else at.end())
    if not documents:
        raise ValueError("no JSON")
    return documents[0] if len(documents) == 1 else documents


def _try_body(data: bytes) -> JSON:
    with suppress(ValueError):
        value = read_body(data)
        return value if not isinstance(value, list) or any(isinstance(one, dict | str) for one in value) else None
    return None


def _end_of(data: bytes, start: int) -> int | None:
    """Return where the document ends that begins at `start`; None where it was cut off."""
    depth = 0
    for token in _TOKEN.finditer(data, start):
        sign = token[0][:1]
        depth += (sign in _CLOSING) - (sign in _CLOSING.values())
        if not depth:
            return token.end()
    return None


def _whole_part(data: bytes) -> JSON:
    """Return what is left of JSON that was cut off when it ends with the last list or object that is whole."""
    opened: list[bytes] = []
    end, tail = 0, b""
    for token in _TOKEN.finditer(data):
        sign = token[0][:1]
        if sign in _CLOSING:
            opened.append(sign)
        elif sign != b'"':
            if not opened or _CLOSING[opened.pop()] != sign:
                break
            if opened:
                end, tail = token.end(), b"".join(_CLOSING[one] for one in reversed(opened))
    with suppress(ValueError):
        return read_body(data[:end] + tail)
    return None
