"""Odd answers and streams."""

from __future__ import annotations

import gzip
import json
import threading
import tracemalloc
import zlib
from collections.abc import Mapping
from dataclasses import replace

import anyio
import pytest

from faultserver import Await, Drip, FaultServer, Hang, Reset, Send, chunked, json_answer, response, stream_answer
from now_jupyter._json import JSON
from now_jupyter._messages import BadResponseError, MaybeBilledError
from now_jupyter._protocol import Event, Reply
from now_jupyter._transport import RelayClient, _answers, read_kept
from now_jupyter._transport._answers import Inflater
from paid_calls import MODELS_CALL, OK, ORDER, PARTIAL, PICTURE, STREAMED, Kept, frames, no_room, order
from wire import EVENT_STREAM, JSON_TYPE, MODELS, PNG_START, PNG_TYPE


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Type": "text/html"}, json.dumps(PICTURE).encode()),
        ({"Content-Type": "text/event-stream"}, json.dumps(PICTURE).encode()),
        ({}, b"\xef\xbb\xbf" + json.dumps(PICTURE).encode()),
        ({}, b"\n\n  " + json.dumps(PICTURE).encode()),
        ({}, b"data: " + json.dumps(PICTURE).encode()),
        ({"Content-Type": "text/event-stream"}, b"data: " + json.dumps(PICTURE).encode() + b"\n\ndata: [DONE]\n\n"),
        ({"Content-Encoding": "gzip"}, gzip.compress(json.dumps(PICTURE).encode())),
        ({"Content-Encoding": "deflate"}, zlib.compress(json.dumps(PICTURE).encode())),
        ({"Content-Encoding": "deflate"}, zlib.compress(json.dumps(PICTURE).encode())[2:-4]),
        ({"Content-Encoding": "gzip"}, json.dumps(PICTURE).encode()),
        ({"Set-Cookie": "a=b", "Content-Type": ""}, json.dumps(PICTURE).encode()),
    ],
)
def test_a_usable_answer_is_used_whatever_it_calls_itself(
    server: FaultServer, headers: dict[str, str], body: bytes
) -> None:
    """It was paid for. It is kept as it came, but unpacked."""
    server.script([Send(response(200, body, headers=headers))])
    came = order(server.url)
    assert came.error is None
    assert came.reply is not None
    assert (came.reply.body, came.reply.streamed) == (PICTURE, False)
    assert came.sink.data in (body, json.dumps(PICTURE).encode())


@pytest.mark.parametrize(
    ("start", "mime"),
    [
        (PNG_START, PNG_TYPE),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"RIFF1234WEBP", "image/webp"),
        (b"GIF89a", "image/gif"),
    ],
)
def test_a_bare_picture_is_handed_on(server: FaultServer, start: bytes, mime: str) -> None:
    """Whatever the Content-Type says: a file, whose bytes are kept; where they could not be, they are given."""
    body = start + b"x" * 5000
    server.script([Send(response(200, body, headers={"Content-Type": JSON_TYPE}))])
    came = order(server.url)
    assert came.reply == Reply(media_type=mime, is_file=True)
    assert (came.sink.data, came.sink.end, came.left) == (body, "finished", b"")
    came = order(server.url, sink=Kept(fail_at="write"))
    assert came.reply == Reply(media_type=mime, is_file=True)
    assert came.left == body


@pytest.mark.parametrize("body", [b"", b"<html>" + b"x" * 9000, b'{"data": [', b"[" * 100_000, b"null"])
def test_what_is_no_answer_is_shown_to_the_service_in_part(server: FaultServer, body: bytes) -> None:
    """Its first KiB; all of it is kept."""
    server.script([Send(response(200, body, headers={"Content-Type": "text/html"}))])
    came = order(server.url)
    assert came.reply is not None
    assert came.reply.body is None
    assert came.reply.text == ("" if body == b"null" else body[:1024].decode())
    assert (came.sink.data, came.sink.end) == (body, "finished")


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip"])
def test_an_answer_packed_strangely_is_kept_and_told(server: FaultServer, encoding: str) -> None:
    """BadResponseError, maybe billed, with the raw bytes in the store."""
    server.script([Send(response(200, b"\x01\x02\x03", headers={"Content-Encoding": encoding}))])
    came = order(server.url)
    assert isinstance(came.error, BadResponseError)
    assert came.error.billed == "maybe"
    assert (came.sink.data, came.sink.end) == (b"\x01\x02\x03", "finished")


def test_an_answer_has_a_cap(server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packed or not: reading stops there, what was read is kept, maybe billed."""
    monkeypatch.setattr(_answers, "JSON_CAP", 100_000)
    bomb = gzip.compress(b" " * 5_000_000)
    server.script(
        [Send(response(200, b" " * 200_000))],
        [Send(response(200, bomb, headers={"Content-Encoding": "gzip"}))],
        [Send(response(200, b" " * 200_000, headers={"Content-Encoding": "br"}))],
    )
    for _ in range(3):
        came = order(server.url)
        assert isinstance(came.error, BadResponseError)
        assert came.error.billed == "maybe"
        assert 0 < len(came.sink.data) <= 100_000 + (64 << 10)
        assert came.sink.end == "abandoned"


def test_unpacking_takes_no_more_memory_than_its_cap() -> None:
    """A bomb is never unpacked as a whole."""
    bomb = gzip.compress(b" " * 50_000_000)
    inflater = Inflater("gzip", cap=10_000, excess=lambda: BadResponseError("too large"))
    tracemalloc.start()
    try:
        with pytest.raises(BadResponseError):
            list(inflater.feed(bomb))
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("body", [{"error": {"message": "upstream", "code": "weird"}}, {**PICTURE, "error": "half"}])
def test_an_error_in_a_200_is_the_services_to_read(server: FaultServer, body: dict[str, object]) -> None:
    """What a success says is never judged here."""
    server.script([Send(json_answer(body))])
    came = order(server.url)
    assert came.error is None
    assert came.reply is not None
    assert came.reply.body == body
    assert came.sink.end == "finished"


def test_numbers_and_characters_that_are_none_are_forgiven(server: FaultServer) -> None:
    """NaN, half surrogates and broken UTF-8 must not cost a picture."""
    server.script([Send(response(200, b'{"a": NaN, "b": "x\\ud800y", "c": "\xff", "d": "\\ud83e\\udd8a"}'))])
    reply = order(server.url).reply
    assert reply is not None
    assert reply.body == {"a": None, "b": "x\ufffdy", "c": "\ufffd", "d": "🦊"}


COMPLETED = {"type": "image_generation.completed", "b64_json": "Yg=="}

WANTED = [Event(type=str(one["type"]), data=one) for one in (PARTIAL, COMPLETED)]  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        frames(PARTIAL, COMPLETED, "[DONE]"),
        frames(PARTIAL, COMPLETED),
        frames(PARTIAL, COMPLETED, named=False),
        frames(PARTIAL, COMPLETED, "[DONE]", line_end="\r\n"),
        frames(PARTIAL, COMPLETED, line_end="\r"),
        b": PING\n\n" + frames(PARTIAL) + b": PING\n" + frames(COMPLETED) + b"id: 7\nretry: 5\n\n",
        frames(PARTIAL, COMPLETED).rstrip(),
        b"\xef\xbb\xbf" + frames(PARTIAL, COMPLETED),
        b"data: " + json.dumps(PARTIAL).encode() + b"\ndata: " + json.dumps(COMPLETED).encode() + b"\ndata: [DONE]\n",
        frames(PARTIAL, COMPLETED, "[DONE]", {"type": "late"}),
        frames(PARTIAL) + b"data: " + json.dumps(COMPLETED, indent=1).encode().replace(b"\n", b"\ndata: ") + b"\n\n",
    ],
)
@pytest.mark.parametrize("content_type", ["text/event-stream", "application/json"])
def test_events_are_read_in_every_dialect(server: FaultServer, body: bytes, content_type: str) -> None:
    """Names or none, any line end, comments, no last empty line, lines of data, [DONE] or not; also byte by byte."""
    sent = response(200, body, headers={"Content-Type": content_type})
    server.script([Send(sent)], [Drip(sent)], [Send(sent)])
    for call in (STREAMED, STREAMED, ORDER):
        came = order(server.url, call)
        assert came.error is None
        assert came.reply is not None
        assert came.reply.streamed
        assert came.events == WANTED
        assert body.startswith(came.sink.data)
        assert came.sink.end == "finished"


def test_an_event_is_given_as_soon_as_it_is_there(server: FaultServer) -> None:
    """A preview is of no use at the end."""
    go_on = Await(threading.Event())
    server.script(
        [Send(stream_answer()), Send(chunked(frames(PARTIAL), end=False)), go_on, Send(chunked(frames(COMPLETED)))]
    )

    async def watch() -> list[Event | None]:
        client = RelayClient(base_url=server.url)
        async with client.submit(STREAMED, sink=Kept(), texts=no_room(), idempotency_key="x") as submission:
            first = await submission.next()
            go_on.event.set()
            rest = [await submission.next(), await submission.next(), await submission.next()]
        await client.aclose()
        return [first, *rest]

    assert anyio.run(watch) == [*WANTED, None, None]


def test_done_ends_a_stream_whose_connection_stays_open(server: FaultServer) -> None:
    """Nobody waits for the relay to hang up."""
    server.script([Send(stream_answer()), Send(chunked(frames(COMPLETED, "[DONE]"), end=False)), Hang()])
    came = order(server.url, STREAMED, deadline=10.0)
    assert came.events == WANTED[1:]
    assert came.sink.end == "finished"
    assert came.phases[-1] == "answered"


def test_a_stream_that_breaks_gives_what_came_and_then_the_error(server: FaultServer) -> None:
    """Maybe billed; the bytes are kept."""
    server.script([Send(stream_answer()), Send(chunked(frames(PARTIAL), end=False)), Reset()])
    came = order(server.url, STREAMED)
    assert came.events == WANTED[:1]
    assert isinstance(came.error, MaybeBilledError)
    assert (came.sink.data, came.sink.end) == (frames(PARTIAL), "abandoned")


def test_a_stream_that_is_left_early_is_still_kept_whole(server: FaultServer) -> None:
    """An service that has its pictures leaves; the rest of the answer is read for the store."""
    server.script([Send(stream_answer()), Send(chunked(frames(PARTIAL, COMPLETED)))])
    sink = Kept()

    async def leave_early() -> None:
        client = RelayClient(base_url=server.url)
        async with client.submit(STREAMED, sink=sink, texts=no_room(), idempotency_key="x") as submission:
            await submission.next()
        await client.aclose()

    anyio.run(leave_early)
    assert (sink.data, sink.end) == (frames(PARTIAL, COMPLETED), "finished")


def test_a_relay_that_drops_the_stream_flag_is_understood(server: FaultServer) -> None:
    """An ordinary reply, although a stream was asked for."""
    server.script(OK)
    came = order(server.url, STREAMED)
    assert came.reply is not None
    assert (came.reply.streamed, came.reply.body, came.events) == (False, PICTURE, [])


def test_a_kept_answer_can_be_understood_again(server: FaultServer) -> None:
    """From head and bytes alone, packed or not, whole or cut."""
    packed = gzip.compress(json.dumps(PICTURE).encode())
    server.script([Send(response(200, packed, headers={"Content-Encoding": "gzip"}))])
    came = order(server.url)
    assert came.sink.head is not None
    assert kept(came.sink.head, came.sink.data) == (came.reply, [])
    found = kept({"status": 200, "content_type": EVENT_STREAM}, frames(PARTIAL, COMPLETED)[:-9])
    assert found is not None
    assert found[0].streamed
    assert found[1][0] == WANTED[0]
    assert kept({"status": 200, "content_type": EVENT_STREAM}, b"data: ") is None
    assert kept({"status": 200}, b'{"data": [') is None
    assert kept({}, b"") is None


def kept(head: Mapping[str, JSON], body: bytes) -> tuple[Reply, list[Event]] | None:
    found = read_kept(head, [body], no_room())
    return None if found is None else (found[0], list(found[1]))


@pytest.mark.parametrize(
    ("cut", "whole"),
    [
        (
            b'{"created": 1, "data": [{"b64_json": "YQ=="}, {"b64_json": "Y',
            {"created": 1, "data": [{"b64_json": "YQ=="}]},
        ),
        (b'{"a": [{"b": [{"c": "]}\\"["}, {"c": "d"', {"a": [{"b": [{"c": ']}"['}]}]}),
        (b'[{"id": "\xe7\x8b\x90"}, {', [{"id": "\u72d0"}]),
        (b'{"data": [{"url": "a', None),
        (b'{"choices": [', None),
        (b"}]}]", None),
        (b'{"a": "' + b"[{}]," * 999, None),
    ],
)
def test_what_is_whole_in_a_cut_answer_is_found(cut: bytes, whole: JSON) -> None:
    """Whatever its shape: up to the last object of a list that came whole."""
    found = kept({"status": 200}, cut)
    assert (found and found[0].body) == whole


@pytest.mark.slow
@pytest.mark.parametrize("small", [b"[],", b"{},", b"1,", b'"a",', b'{"a":[0]},', b"[[["])
def test_an_answer_of_too_many_values_is_named(server: FaultServer, small: bytes) -> None:
    """Small values take twenty times their text in memory: what is wrong is said, live and when it is read again."""
    fits, body = (b"[" + small * (signs // signs_in(small)) + b"1]" for signs in (131_000, 131_200))
    server.script([Send(response(200, body))])
    came = order(server.url)
    assert isinstance(came.error, BadResponseError)
    assert "more than 131,072 values" in str(came.error)
    assert (came.error.billed, came.sink.data) == ("maybe", body)
    assert "log for a bill" in (came.error.next_step() or "")
    with pytest.raises(BadResponseError, match="131,072 values"):
        kept({"status": 200}, body[:-1])
    if small != b"[[[":
        found = kept({"status": 200}, fits)
        assert found is not None
        assert isinstance(found[0].body, list)


def signs_in(text: bytes) -> int:
    return sum(map(text.count, (b",", b"[", b"{")))


def test_free_calls_say_so_too(server: FaultServer) -> None:
    """And nothing was billed."""
    server.script([Send(response(200, b"[" * 200_000))], path=MODELS)

    async def ask() -> None:
        client = RelayClient(base_url=server.url)
        try:
            await client.fetch(MODELS_CALL, once=True)
        finally:
            await client.aclose()

    with pytest.raises(BadResponseError, match="131,072 values") as caught:
        anyio.run(ask)
    assert caught.value.billed == "no"


@pytest.mark.parametrize("head", [b"ID3\x04", b"\0\0\0\x18ftypmp42", b"unknown"])
def test_a_file_goes_to_the_disk_only(server: FaultServer, head: bytes) -> None:
    """Up to the cap for files; where the disk refuses, the rest is given, and never more than that."""
    body = head + b"x" * 3_000_000
    call = replace(ORDER, expects="file")
    server.script([Send(response(200, body, headers={"Content-Type": "audio/mpeg"}))])
    came = order(server.url, call)
    assert came.reply is not None
    assert came.reply.is_file
    assert came.reply.media_type.startswith(("audio/", "video/"))
    assert (came.sink.data, came.sink.end, came.left) == (body, "finished", b"")
    assert came.sink.head is not None
    assert kept(came.sink.head, body[:4096]) == (came.reply, [])
    came = order(server.url, call, sink=Kept(fail_at="write", fail_after=1_000_000))
    assert came.sink.data + came.left == body
    assert len(came.sink.data) >= 1_000_000


def test_an_error_instead_of_a_file_is_read(server: FaultServer) -> None:
    """It is JSON then, whatever was expected."""
    server.script([Send(json_answer({"error": "no"}))])
    assert order(server.url, replace(ORDER, expects="file")).reply == Reply(media_type=JSON_TYPE, body={"error": "no"})


def test_words_are_given_whole(server: FaultServer) -> None:
    """And as JSON too where they are that."""
    words = "data: fox \u72d0\n" * 500
    server.script(
        [Send(response(200, words.encode(), headers={"Content-Type": "text/plain"}))], [Send(json_answer({"a": 1}))]
    )
    call = replace(ORDER, expects="text")
    assert order(server.url, call).reply == Reply(media_type="text/plain", text=words)
    reply = order(server.url, call).reply
    assert reply is not None
    assert (reply.body, reply.text) == ({"a": 1}, '{"a": 1}')
