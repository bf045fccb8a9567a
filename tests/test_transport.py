from __future__ import annotations

import contextlib
import gc
import gzip
import json
import secrets
import threading
import time
import tracemalloc
import types
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpcore
import httpx
import pytest

from certificates import make_certificate
from faultserver import (
    Await,
    Close,
    Drip,
    Early,
    FaultServer,
    Hang,
    Partly,
    Reset,
    Send,
    Tunnel,
    chunked,
    closed_port,
    json_answer,
    response,
    stream_answer,
)
from now_jupyter._errors import (
    AuthError,
    BadResponseError,
    ConfigError,
    ConnectFailed,
    MaybeBilledError,
    NowImageError,
    QuotaError,
    RateLimitError,
    RejectedError,
    StoreFull,
)
from now_jupyter._records import Attempt
from now_jupyter._steps import Call, Event, Reply
from now_jupyter._transport import Api, Key, _answers, _exchange, replayed
from now_jupyter._transport._bodies import Inflater
from now_jupyter._transport._wire import Fleet, Line
from now_jupyter._values import JSON
from now_jupyter.demo import Relay, Response

PATH = "/v1/images/generations"
ORDER = Call(path=PATH, method="POST", body={"model": "gpt-image-2", "prompt": '纸船 a "fox"\n\\ 🦊'})
PICTURE = {"created": 1, "data": [{"b64_json": "aGk="}]}
OK = [Send(json_answer(PICTURE))]


@dataclass
class Kept:
    """A sink in memory."""

    head: Mapping[str, JSON] | None = None
    data: bytes = b""
    end: str = ""
    fail_at: str = ""

    def begin(self, head: Mapping[str, JSON]) -> None:
        self._maybe_fail("begin")
        self.head = head

    def write(self, data: bytes) -> None:
        self._maybe_fail("write")
        self.data += data

    def finish(self) -> None:
        self._maybe_fail("finish")
        self.end = "finished"

    def abandon(self) -> None:
        self.end = self.end or "abandoned"

    def _maybe_fail(self, moment: str) -> None:
        if self.fail_at == moment:
            raise StoreFull("full")


@dataclass
class Outcome:
    """All that came of one paid call."""

    reply: Reply | None = None
    events: list[Event] = field(default_factory=list)
    error: NowImageError | None = None
    sink: Kept = field(default_factory=Kept)
    attempts: list[Attempt] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    @property
    def phases(self) -> list[str]:
        return [one.phase for one in self.attempts]


def order(
    url: str,
    call: Call = ORDER,
    *,
    key: Key | None = None,
    deadline: float = 30.0,
    stream: bool = False,
    sink: Kept | None = None,
    relay: Relay | None = None,
    on_attempt: Callable[[Attempt], None] | None = None,
) -> Outcome:
    """Place one order and report what came of it."""
    came = Outcome(sink=sink or Kept())

    async def pause(seconds: float) -> None:
        came.pauses.append(seconds)

    def told(attempt: Attempt) -> None:
        came.attempts.append(attempt)
        if on_attempt:
            on_attempt(attempt)

    async def place() -> None:
        api = Api(base_url=url, key=key, relay=relay, deadline=deadline, sleep=pause, jitter=lambda: 0.0)
        try:
            async with api.submit(
                call, sink=came.sink, idempotency_key="one-order", stream=stream, on_attempt=told
            ) as submission:
                came.reply = submission.reply
                while (event := await submission.next()) is not None:
                    came.events.append(event)
        except NowImageError as problem:
            came.error = problem
        finally:
            await api.aclose()
            await api.aclose()

    anyio.run(place)
    return came


def ask(
    url: str, call: Call, *, key: Key | None = None, relay: Any = None, params: Mapping[str, str] | None = None
) -> Any:
    """Make one free call; gives the reply or the error."""

    async def at_once(_seconds: float) -> None:
        return None

    async def perform() -> Reply | NowImageError:
        api = Api(base_url=url, key=key, relay=relay, sleep=at_once)
        try:
            return await api.fetch(call, params=params)
        except NowImageError as problem:
            return problem
        finally:
            await api.aclose()

    return anyio.run(perform)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


@pytest.fixture
def key() -> Key:
    return Key(secrets.token_hex(16), source="keyring")


# What goes out


def test_a_paid_call_is_one_plain_post(server: FaultServer, key: Key) -> None:
    """HTTP/1.1, the key, the idempotency key, no packing asked for, no cookie, the body exactly what was meant."""
    server.script(OK)
    came = order(server.url, key=key)
    (seen,) = server.seen
    assert seen.raw.startswith(b"POST /v1/images/generations HTTP/1.1\r\n")
    assert seen.headers["authorization"] == key.header()
    assert seen.headers["idempotency-key"] == "one-order"
    assert seen.headers["accept-encoding"] == "identity"
    assert seen.headers["content-type"] == "application/json"
    assert "cookie" not in seen.headers
    assert seen.json() == ORDER.body
    assert came.error is None
    assert came.reply == Reply(status=200, media_type="application/json", body=PICTURE)


def test_a_lone_surrogate_in_a_prompt_reaches_the_relay(server: FaultServer) -> None:
    """What JSON can say is sent, even where UTF-8 cannot."""
    server.script(OK)
    order(server.url, Call(path=PATH, method="POST", body={"prompt": "a\ud800b"}))
    assert server.seen[0].json() == {"prompt": "a\ud800b"}


def test_every_paid_call_has_a_connection_of_its_own(server: FaultServer) -> None:
    """A kept-alive connection that has gone stale would be an ambiguous failure."""
    server.script(OK)

    async def twice() -> None:
        api = Api(base_url=server.url)
        for _ in range(2):
            async with api.submit(ORDER, sink=Kept(), idempotency_key="x"):
                pass
        await api.aclose()

    anyio.run(twice)
    assert (server.posts, server.connections) == (2, 2)


def test_free_calls_share_a_connection(server: FaultServer) -> None:
    """They may be repeated, so a stale connection does no harm."""
    server.script([Send(json_answer({"data": []}))])

    async def twice() -> None:
        api = Api(base_url=server.url)
        for _ in range(3):
            await api.fetch(Call(path="/v1/models"))
        await api.aclose()

    anyio.run(twice)
    assert (len(server.seen), server.connections) == (3, 1)


def test_many_paid_calls_go_out_at_once(server: FaultServer) -> None:
    """Twenty orders are under way together: no line of eight connections holds the others up."""
    go = threading.Event()
    server.script([Await(go), *OK])

    async def one(api: Api) -> None:
        async with api.submit(ORDER, sink=Kept(), idempotency_key="x"):
            pass

    async def all_of_them() -> None:
        api = Api(base_url=server.url)
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(one, api)
            with anyio.fail_after(20):
                while server.posts < 20:
                    await anyio.lowlevel.checkpoint()
            go.set()
        await api.aclose()

    anyio.run(all_of_them)
    assert server.posts == 20


def test_lines_are_used_again(server: FaultServer) -> None:
    """One order after another needs one line, however they end."""
    server.script(OK, [Send(response(500))], [Reset()], OK)

    async def one_by_one() -> int:
        api = Api(base_url=server.url)
        for _ in range(12):
            with contextlib.suppress(NowImageError):
                async with api.submit(ORDER, sink=Kept(), idempotency_key="x"):
                    pass
        await api.aclose()
        return max(line.busy for line in lines)

    lines: list[Line] = []
    original = Fleet.paid

    def noted(self: Fleet) -> Line:
        lines.append(original(self))
        return lines[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Fleet, "paid", noted)
        assert anyio.run(one_by_one) == 0
    assert len({id(line) for line in lines}) == 1


def test_the_key_goes_to_its_origin_only(server: FaultServer, key: Key) -> None:
    """Even a request that was made for another place by mistake goes without it."""
    server.script([Send(response(200))])

    async def send() -> None:
        fleet = Fleet(base_url="https://relay.invalid", key=key, relay=None)
        answer = await fleet.free().send(httpx.Request("GET", server.url))
        await answer.aclose()
        await fleet.aclose()

    anyio.run(send)
    assert "authorization" not in server.seen[0].headers


def test_a_prefix_of_the_relay_and_parameters_are_kept(server: FaultServer) -> None:
    """Some relays live below a path."""
    server.script([Send(json_answer({"ok": 1}))])
    ask(server.url + "/relay", Call(path="/v1/billing/usage?type=token"), params={"unit": "usd"})
    assert server.seen[0].path == "/relay/v1/billing/usage?type=token&unit=usd"


# What is kept and told


def test_the_raw_answer_is_kept_byte_for_byte(server: FaultServer) -> None:
    """Head first, then every byte, then the end."""
    body = b'\xef\xbb\xbf {"data": [ {"url":"x"} ]}  \n'
    server.script([Send(response(200, body, headers={"X-Oneapi-Request-Id": "r1", "Content-Type": "text/plain"}))])
    came = order(server.url)
    assert came.sink.head == {"status": 200, "content_type": "text/plain", "request_id": "r1"}
    assert came.sink.data == body
    assert came.sink.end == "finished"
    assert came.reply is not None
    assert came.reply.body == {"data": [{"url": "x"}]}
    assert came.reply.request_id == "r1"


def test_the_phases_of_an_attempt_are_told(server: FaultServer) -> None:
    """Before the first byte, when all is sent, when the head is here, when all is here."""
    server.script([Send(json_answer(PICTURE, headers={"x-request-id": "r2"}))])
    seen_before: list[int] = []
    came = order(
        server.url, on_attempt=lambda one: seen_before.append(len(server.seen)) if one.phase == "sending" else None
    )
    assert came.phases == ["sending", "sent", "answering", "answered"]
    assert seen_before == [0]
    assert len({one.at for one in came.attempts}) == 1
    assert (came.attempts[-1].status, came.attempts[-1].request_id) == (200, "r2")


def test_nothing_is_sent_where_the_record_cannot_be_written(server: FaultServer) -> None:
    """What `on_attempt` raises before the first byte stops the order."""

    def full(_attempt: Attempt) -> None:
        raise StoreFull("full")

    server.script(OK)
    came = order(server.url, on_attempt=full)
    assert isinstance(came.error, StoreFull)
    assert server.seen == []


def test_a_record_that_fails_later_does_not_lose_the_answer(server: FaultServer) -> None:
    """Once sent, the answer counts for more than the account of it."""

    def full_later(attempt: Attempt) -> None:
        if attempt.phase != "sending":
            raise StoreFull("full")

    server.script(OK)
    came = order(server.url, on_attempt=full_later)
    assert came.reply is not None
    assert came.reply.body == PICTURE


@pytest.mark.parametrize("moment", ["begin", "write", "finish"])
def test_a_full_disk_does_not_lose_the_answer(server: FaultServer, moment: str) -> None:
    """It goes on in memory."""
    server.script(OK)
    came = order(server.url, sink=Kept(fail_at=moment))
    assert came.reply is not None
    assert came.reply.body == PICTURE
    assert came.sink.end == "abandoned"


# Retries


def test_what_was_certainly_not_sent_is_tried_three_times() -> None:
    """Refused connections: two repetitions with growing pauses, then ConnectFailed, not billed."""
    came = order(f"http://127.0.0.1:{closed_port()}")
    assert isinstance(came.error, ConnectFailed)
    assert came.error.billed == "no"
    assert came.pauses == [0.5, 1.0]
    assert [(one.phase, one.error) for one in came.attempts] == [("connecting", "ConnectFailed")] * 3
    assert len({one.at for one in came.attempts}) == 3


def test_an_unknown_name_is_a_failed_connection() -> None:
    """The message names the host."""
    came = order("http://no-such-host.invalid")
    assert isinstance(came.error, ConnectFailed)
    assert "no-such-host.invalid" in came.error.message()


@pytest.mark.parametrize("asked", ["0", "7", "60"])
def test_a_rate_limit_is_waited_for_as_asked(server: FaultServer, asked: str) -> None:
    """Up to a minute each; then the order goes through, under the same idempotency key."""
    server.script([Send(json_answer({}, status=429, headers={"Retry-After": asked}))], OK)
    came = order(server.url, deadline=100.0)
    assert came.error is None
    assert came.pauses == [float(asked)]
    assert {one.headers["idempotency-key"] for one in server.seen} == {"one-order"}


@pytest.mark.parametrize("asked", [None, "soon", "-5", "nan"])
def test_a_rate_limit_without_a_sensible_time_gets_our_own_pauses(server: FaultServer, asked: str | None) -> None:
    """Two repetitions, then RateLimitError, not billed."""
    headers = {} if asked is None else {"Retry-After": asked}
    server.script([Send(json_answer({}, status=429, headers=headers))])
    came = order(server.url)
    assert isinstance(came.error, RateLimitError)
    assert came.error.billed == "no"
    assert came.pauses == [0.5, 1.0]
    assert server.posts == 3


def test_a_long_wait_is_told_at_once(server: FaultServer) -> None:
    """More than a minute is the user's decision."""
    server.script([Send(json_answer({}, status=429, headers={"Retry-After": "61"}))])
    came = order(server.url, deadline=600.0)
    assert isinstance(came.error, RateLimitError)
    assert "61 s" in came.error.next_step()
    assert (came.pauses, server.posts) == ([], 1)


def test_a_quota_is_no_rate_limit(server: FaultServer) -> None:
    """429 with a quota code is not repeated."""
    server.script([Send(json_answer({"error": {"code": "insufficient_quota", "message": "x"}}, status=429))])
    came = order(server.url)
    assert isinstance(came.error, QuotaError)
    assert server.posts == 1


@pytest.mark.parametrize("status", [408, 409, 425, 500, 502, 503, 504, 520, 524])
def test_an_ambiguous_status_is_never_sent_again(server: FaultServer, status: int) -> None:
    """Retry hints of the server change nothing."""
    headers = {"Retry-After": "0", "x-should-retry": "true"}
    server.script([Send(json_answer({"error": {"message": "x"}}, status=status, headers=headers))])
    came = order(server.url)
    assert isinstance(came.error, MaybeBilledError)
    assert came.error.billed == "maybe"
    assert server.posts == 1


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "invalid_value", RejectedError),
        (401, "invalid_api_key", AuthError),
        (403, "", AuthError),
        (404, "", RejectedError),
        (500, "invalid_request", RejectedError),
        (503, "model_not_found", RejectedError),
        (503, "system_cpu_overloaded", RateLimitError),
    ],
)
def test_a_refusal_is_final_and_not_billed(
    server: FaultServer, status: int, code: str, kind: type[NowImageError]
) -> None:
    """One POST, the right class, and no answer kept as if it were one."""
    server.script([Send(json_answer({"error": {"code": code, "message": "words"}}, status=status))])
    came = order(server.url)
    assert type(came.error) is kind
    assert came.error.billed == "no"
    assert server.posts == 1
    assert came.sink.head is None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(server: FaultServer, key: Key, status: int) -> None:
    """Neither paid nor free calls go to another place, and so the key does not."""
    with FaultServer() as other:
        other.script(OK)
        server.script([Send(response(status, headers={"Location": other.url + PATH}))])
        came = order(server.url, key=key)
        asked = ask(server.url, Call(path="/v1/models"), key=key)
        assert isinstance(came.error, ConfigError)
        assert isinstance(asked, ConfigError)
        assert other.connections == 0
    assert server.posts == 1


# What goes wrong on the way


@pytest.mark.parametrize(
    "script",
    [
        [Early(), Reset()],
        [Partly(3), Reset()],
        [Reset()],
        [Close()],
        [Send(b"HTTP/1.1 200 OK\r\nContent-"), Reset()],
        [Send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello")],
        [Send(b"HTTP/1.1 200 OK\r\nBad\x00Header: x\r\n\r\n")],
        [Send(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), Close()],
        [Send(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000), Hang()],
        [Send(json_answer(PICTURE)[:-9]), Close()],
        [Send(json_answer(PICTURE)[:-9]), Reset()],
        [Send(stream_answer()), Send(chunked(b'{"data"', end=False)), Close()],
        [Send(stream_answer()), Send(b"5\r\nhel"), Reset()],
        [Send(stream_answer()), Send(b"ZZ\r\n")],
    ],
)
def test_what_breaks_once_sent_may_be_billed_and_is_not_sent_again(server: FaultServer, script: list[Any]) -> None:
    """Resets, cuts and nonsense at every place: one connection, MaybeBilledError."""
    server.script(script)
    came = order(server.url)
    assert isinstance(came.error, MaybeBilledError)
    assert came.error.billed == "maybe"
    assert server.connections == 1
    assert came.pauses == []
    assert came.attempts[-1].error == "MaybeBilledError"


def test_what_came_before_a_cut_is_kept(server: FaultServer) -> None:
    """The sink has the bytes, and knows that they are not all."""
    server.script([Send(response(200, b"half of", length=100)), Close()])
    came = order(server.url)
    assert (came.sink.data, came.sink.end) == (b"half of", "abandoned")


@pytest.mark.parametrize(
    "script",
    [[Hang()], [Send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal"), Hang()], [Send(stream_answer()), Hang()]],
)
def test_silence_ends_at_the_deadline(server: FaultServer, script: list[Any]) -> None:
    """The whole call has one time limit, whichever part of it is silent."""
    server.script(script)
    came = order(server.url, deadline=0.3)
    assert isinstance(came.error, MaybeBilledError)
    assert "0.3 s" in came.error.message()
    assert server.connections == 1


def test_a_slow_trickle_does_not_outwit_the_deadline(server: FaultServer) -> None:
    """Bytes that keep coming do not prolong it."""

    def endless(_request: object) -> list[Any]:
        return [Send(stream_answer()), *([Send(chunked(b" ", end=False))] * 200_000)]

    server.script(endless)
    came = order(server.url, deadline=0.3)
    assert isinstance(came.error, MaybeBilledError)


def test_a_silent_network_before_sending_is_a_failed_connection() -> None:
    """A server that takes the connection and never finishes TLS: nothing was sent, not billed."""
    with FaultServer() as server:
        server.script([Hang()])
        came = order(server.url.replace("http:", "https:"), deadline=0.3)
    assert isinstance(came.error, ConnectFailed)
    assert came.error.billed == "no"
    assert server.posts == 0


def test_opening_has_a_limit_of_its_own_that_ends_with_the_first_byte(
    server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dead proxy or TLS handshake is given up soon, a slow answer is not."""
    monkeypatch.setattr(_exchange, "_OPENING_SECONDS", 0.1)
    server.script([Hang()])
    begun = time.monotonic()
    came = order(server.url, deadline=0.5)
    assert isinstance(came.error, MaybeBilledError)
    assert time.monotonic() - begun > 0.4
    server.forget()
    came = order(server.url.replace("http:", "https:"), deadline=100.0)
    assert isinstance(came.error, ConnectFailed)
    assert "in time" in came.error.message()


def test_an_answer_byte_by_byte_is_an_answer(server: FaultServer) -> None:
    """However small the packets."""
    server.script([Drip(json_answer(PICTURE))])
    assert order(server.url).reply == Reply(status=200, media_type="application/json", body=PICTURE)


def test_an_early_refusal_while_sending_is_that_refusal(server: FaultServer) -> None:
    """A relay that says 413 before it has read a large body is understood."""
    server.script([Early(), Send(json_answer({"error": {"message": "too large"}}, status=413))])
    large = Call(path=PATH, method="POST", body={"image": "x" * 4_000_000})
    came = order(server.url, large)
    assert isinstance(came.error, RejectedError)
    assert came.error.status == 413


def test_a_refusal_whose_body_never_ends_is_judged_by_its_status(server: FaultServer) -> None:
    """A cut or endless error body does not turn a refusal into a doubt."""
    server.script([Send(response(401, b'{"error":', length=999)), Close()], [Send(response(400, b"x" * 200_000))])
    assert isinstance(order(server.url).error, AuthError)
    assert isinstance(order(server.url).error, RejectedError)


def test_a_cancelled_order_leaves_its_bytes_kept(server: FaultServer) -> None:
    """Whoever leaves in the middle leaves a sink that knows it was cut, and no connection."""
    begun = Await(threading.Event())
    server.script([Send(response(200, b"half", length=8)), begun, Hang()])
    sink = Kept()

    async def leave() -> None:
        api = Api(base_url=server.url)
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as group:
                group.start_soon(place, api)
                while not sink.data:
                    await anyio.lowlevel.checkpoint()
                scope.cancel()
        await api.aclose()

    async def place(api: Api) -> None:
        async with api.submit(ORDER, sink=sink, idempotency_key="x"):
            pass

    anyio.run(leave)
    begun.event.set()
    assert (sink.data, sink.end) == (b"half", "abandoned")


# Odd answers


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
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"RIFF1234WEBP", "image/webp"),
        (b"GIF89a", "image/gif"),
    ],
)
def test_a_bare_picture_is_handed_on(server: FaultServer, start: bytes, mime: str) -> None:
    """Whatever the Content-Type says; all of it."""
    server.script([Send(response(200, start + b"x" * 5000, headers={"Content-Type": "application/json"}))])
    reply = order(server.url).reply
    assert reply == Reply(status=200, media_type=mime, raw=start + b"x" * 5000)


@pytest.mark.parametrize("body", [b"", b"<html>" + b"x" * 9000, b'{"data": [', b"[" * 100_000, b"null"])
def test_what_is_no_answer_is_shown_to_the_engine_in_part(server: FaultServer, body: bytes) -> None:
    """Its first KiB; all of it is kept."""
    server.script([Send(response(200, body, headers={"Content-Type": "text/html"}))])
    came = order(server.url)
    assert came.reply is not None
    assert came.reply.body is None
    assert came.reply.raw == (b"" if body == b"null" else body[:1024])
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


def test_an_error_in_a_200_is_an_error(server: FaultServer) -> None:
    """Maybe billed where its code is not a known refusal; the raw answer is kept."""
    server.script(
        [Send(json_answer({"error": {"message": "upstream", "code": "weird"}}))],
        [Send(json_answer({"error": {"message": "no", "code": "content_policy_violation"}}))],
        [Send(json_answer({**PICTURE, "error": {"message": "one of two failed"}}))],
    )
    doubtful, refused, half = (order(server.url) for _ in range(3))
    assert isinstance(doubtful.error, BadResponseError)
    assert doubtful.error.billed == "maybe"
    assert doubtful.sink.end == "finished"
    assert isinstance(refused.error, RejectedError)
    assert refused.error.billed == "no"
    assert half.error is None


def test_numbers_and_characters_that_are_none_are_forgiven(server: FaultServer) -> None:
    """NaN, half surrogates and broken UTF-8 must not cost a picture."""
    server.script([Send(response(200, b'{"a": NaN, "b": "x\\ud800y", "c": "\xff", "d": "\\ud83e\\udd8a"}'))])
    reply = order(server.url).reply
    assert reply is not None
    assert reply.body == {"a": None, "b": "x\ufffdy", "c": "\ufffd", "d": "🦊"}


# Streams


PARTIAL = {"type": "image_generation.partial_image", "b64_json": "YQ==", "partial_image_index": 0}
COMPLETED = {"type": "image_generation.completed", "b64_json": "Yg=="}


def frames(*events: object, line_end: str = "\n", named: bool = True) -> bytes:
    text = ""
    for event in events:
        name = event.get("type") if isinstance(event, dict) else None
        text += f"event: {name}{line_end}" if named and name else ""
        text += f"data: {event if isinstance(event, str) else json.dumps(event)}{line_end}{line_end}"
    return text.encode()


WANTED = [Event(type=str(one["type"]), data=one) for one in (PARTIAL, COMPLETED)]  # type: ignore[arg-type]


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
    for asked in (True, True, False):
        came = order(server.url, stream=asked)
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
        api = Api(base_url=server.url)
        async with api.submit(ORDER, sink=Kept(), idempotency_key="x", stream=True) as submission:
            first = await submission.next()
            go_on.event.set()
            rest = [await submission.next(), await submission.next(), await submission.next()]
        await api.aclose()
        return [first, *rest]

    assert anyio.run(watch) == [*WANTED, None, None]


def test_done_ends_a_stream_whose_connection_stays_open(server: FaultServer) -> None:
    """Nobody waits for the relay to hang up."""
    server.script([Send(stream_answer()), Send(chunked(frames(COMPLETED, "[DONE]"), end=False)), Hang()])
    came = order(server.url, stream=True, deadline=10.0)
    assert came.events == WANTED[1:]
    assert came.sink.end == "finished"
    assert came.phases[-1] == "answered"


def test_a_stream_that_breaks_gives_what_came_and_then_the_error(server: FaultServer) -> None:
    """Maybe billed; the bytes are kept."""
    server.script([Send(stream_answer()), Send(chunked(frames(PARTIAL), end=False)), Reset()])
    came = order(server.url, stream=True)
    assert came.events == WANTED[:1]
    assert isinstance(came.error, MaybeBilledError)
    assert (came.sink.data, came.sink.end) == (frames(PARTIAL), "abandoned")


def test_a_stream_that_is_left_early_is_still_kept_whole(server: FaultServer) -> None:
    """An engine that has its pictures leaves; the rest of the answer is read for the store."""
    server.script([Send(stream_answer()), Send(chunked(frames(PARTIAL, COMPLETED)))])
    sink = Kept()

    async def leave_early() -> None:
        api = Api(base_url=server.url)
        async with api.submit(ORDER, sink=sink, idempotency_key="x", stream=True) as submission:
            await submission.next()
        await api.aclose()

    anyio.run(leave_early)
    assert (sink.data, sink.end) == (frames(PARTIAL, COMPLETED), "finished")


def test_a_relay_that_drops_the_stream_flag_is_understood(server: FaultServer) -> None:
    """An ordinary reply, although a stream was asked for."""
    server.script(OK)
    came = order(server.url, stream=True)
    assert came.reply is not None
    assert (came.reply.streamed, came.reply.body, came.events) == (False, PICTURE, [])


def test_a_kept_answer_can_be_understood_again(server: FaultServer) -> None:
    """From head and bytes alone, packed or not, whole or cut."""
    packed = gzip.compress(json.dumps(PICTURE).encode())
    server.script([Send(response(200, packed, headers={"Content-Encoding": "gzip"}))])
    came = order(server.url)
    assert came.sink.head is not None
    assert replayed(came.sink.head, came.sink.data) == (came.reply, [])
    reply, events = replayed({"status": 200, "content_type": "text/event-stream"}, frames(PARTIAL, COMPLETED)[:-9])
    assert reply is not None
    assert events[0] == WANTED[0]
    assert replayed({"status": 200}, b'{"data": [')[0] is None
    assert replayed({}, b"")[0] is None


# Free calls


def test_a_free_call_is_repeated_where_that_may_help(server: FaultServer) -> None:
    """Connect, 5xx, 429 and a cut body: up to three times."""
    server.script(
        [Reset()],
        [Send(response(502))],
        [Send(json_answer({"data": [1]})[:-3]), Close()],
        [Send(json_answer({"data": [1]}))],
    )
    assert ask(server.url, Call(path="/v1/models")).body == {"data": [1]}
    assert len(server.seen) == 4


@pytest.mark.parametrize(("status", "tries"), [(401, 1), (403, 1), (404, 1), (400, 1), (501, 1), (429, 4), (500, 4)])
def test_a_free_call_that_is_refused_is_not_repeated(server: FaultServer, status: int, tries: int) -> None:
    """And whatever happens, a free call is not billed."""
    server.script([Send(response(status))])
    error = ask(server.url, Call(path="/v1/models"))
    assert isinstance(error, NowImageError)
    assert error.billed == "no"
    assert len(server.seen) == tries


def test_an_error_in_the_200_of_a_free_call_is_an_error(server: FaultServer) -> None:
    """Asking for an unknown model answers 200."""
    server.script([Send(json_answer({"error": {"code": "model_not_found", "message": "x"}}))])
    assert isinstance(ask(server.url, Call(path="/v1/models/x")), RejectedError)


def test_a_post_that_only_asks_is_free(server: FaultServer) -> None:
    """Midjourney's list of tasks is asked for by POST."""
    server.script([Reset()], [Send(json_answer([{"id": "1"}]))])
    call = Call(path="/mj/task/list-by-condition", method="POST", body={"ids": ["1"]})
    assert ask(server.url, call).body == [{"id": "1"}]


# TLS and proxies


def test_a_trusted_certificate_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: Key) -> None:
    """An authority of one's own is named in SSL_CERT_FILE."""
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    with FaultServer(certificate=certificate) as server:
        server.script(OK)
        assert order(server.url, key=key).error is None
        assert server.posts == 1


@pytest.mark.parametrize("fault", ["unknown", "expired", "other name"])
def test_a_bad_certificate_is_final(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: Key, fault: str) -> None:
    """ConnectFailed without repetition, with a hint; not a byte of the request goes out."""
    names = ["other.invalid"] if fault == "other name" else []
    certificate = make_certificate(tmp_path, *names, is_expired=fault == "expired")
    if fault != "unknown":
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    with FaultServer(certificate=certificate) as server:
        came = order(server.url, key=key)
    assert isinstance(came.error, ConnectFailed)
    assert "SSL_CERT_FILE" in came.error.next_step()
    assert (came.pauses, server.seen) == ([], [])


def test_plain_http_on_a_tls_port_is_a_failed_connection(key: Key) -> None:
    """Nothing was sent; the key did not go out in the clear."""
    with FaultServer() as server:
        server.greeting = [Send(response(400)), Close()]
        came = order(server.url.replace("http:", "https:"), key=key)
        assert isinstance(came.error, ConnectFailed)
        assert "https://" in came.error.next_step()
        assert (server.connections, server.seen) == (3, [])


def test_a_proxy_of_the_environment_is_used_and_never_sees_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: Key
) -> None:
    """It connects us; the request goes through it unseen."""
    certificate = make_certificate(tmp_path, "relay.invalid")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    with FaultServer(certificate=certificate) as server, FaultServer() as proxy:
        server.script(OK)
        proxy.script([Send(b"HTTP/1.1 200 Connected\r\n\r\n"), Tunnel(server.port)])
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        came = order("https://relay.invalid", key=key)
        assert came.error is None
        assert server.posts == 1
        assert proxy.seen[0].method == "CONNECT"
        assert key.header().encode() not in proxy.raw


@pytest.mark.parametrize("answer", [response(407), response(502), b"nonsense\r\n\r\n"])
def test_a_proxy_that_fails_means_nothing_was_sent(monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    """ConnectFailed that names the proxy, without its password; tried three times."""
    with FaultServer() as proxy:
        proxy.script([Send(answer), Close()])
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:secret-word@127.0.0.1:{proxy.port}")
        came = order("https://relay.invalid")
        assert isinstance(came.error, ConnectFailed)
        assert "secret-word" not in str(came.error)
        assert f"127.0.0.1:{proxy.port}" in came.error.message()
        assert [one.method for one in proxy.seen] == ["CONNECT"] * 3


def test_this_machine_is_never_asked_through_a_proxy(server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the environment forgets NO_PROXY."""
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{closed_port()}")
    server.script(OK)
    assert order(server.url).error is None


def test_a_socks_proxy_without_its_package_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ConfigError that says what to install."""
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1")
    came = order("https://relay.invalid")
    assert isinstance(came.error, ConfigError)
    assert "httpx[socks]" in came.error.next_step()


# Secrets and foreign exceptions


def all_kinds(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    yield kind
    for one in kind.__subclasses__():
        yield from all_kinds(one)


def made(kind: type[BaseException]) -> BaseException:
    for arguments in (("x",), ("x", "y"), ()):
        try:
            return kind(*arguments)
        except TypeError:
            continue
    raise TypeError(kind)


FOREIGN = sorted(
    {
        *all_kinds(httpx.HTTPError),
        *all_kinds(httpx.StreamError),
        *(httpx.InvalidURL, httpx.CookieConflict, TimeoutError, ConnectionResetError, BrokenPipeError, MemoryError),
        *(value for value in vars(httpcore).values() if isinstance(value, type) and issubclass(value, Exception)),
        *(anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError, json.JSONDecodeError, UnicodeError),
    }
    - {httpx.HTTPStatusError},
    key=lambda kind: f"{kind.__module__}.{kind.__name__}",
)


def raised(kind: type[BaseException]) -> BaseException:
    if kind is json.JSONDecodeError:
        return json.JSONDecodeError("x", "y", 0)
    return made(kind)


@dataclass
class Broken:
    """A relay whose connection fails in a given way, before or in the middle of the answer."""

    problem: BaseException
    where: str

    async def handle(self, _request: object) -> Response:
        if self.where == "head":
            raise self.problem
        return Response(status=200, headers=(("content-type", "application/json"),), body=self._body())

    async def _body(self) -> AsyncIterator[bytes]:
        yield b'{"data"'
        raise self.problem


@pytest.mark.parametrize("where", ["head", "body"])
@pytest.mark.parametrize("kind", FOREIGN)
def test_no_foreign_exception_is_forgotten(kind: type[BaseException], where: str) -> None:
    """Every one becomes an error of ours, without cause or context; in a paid call it may be billed."""
    relay: Any = Broken(raised(kind), where)
    came = order("http://demo.invalid", relay=relay)
    assert isinstance(came.error, MaybeBilledError)
    free = ask("http://demo.invalid", Call(path="/v1/models"), relay=relay)
    assert isinstance(free, BadResponseError)
    for error in (came.error, free):
        assert error.__cause__ is None
        assert error.__context__ is None


def test_a_bug_stays_a_bug() -> None:
    """What is no failure of the network keeps its own traceback."""
    relay: Any = Broken(ZeroDivisionError("bug"), "head")
    with pytest.raises(ZeroDivisionError):
        order("http://demo.invalid", relay=relay)


def reachable(error: BaseException, *, stop: tuple[type, ...]) -> Iterator[object]:
    """Give all that hangs on an error: its attributes and the locals of every frame of its traceback."""
    waiting: list[object] = [error.args, vars(error), error.__cause__, error.__context__]
    traceback = error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_globals.get("__name__", "").startswith("now_jupyter"):
            waiting.extend(traceback.tb_frame.f_locals.values())
        traceback = traceback.tb_next
    known: set[int] = set()
    while waiting:
        one = waiting.pop()
        if id(one) in known or isinstance(one, (*stop, types.ModuleType, type, types.FunctionType)):
            continue
        known.add(id(one))
        yield one
        waiting.extend(gc.get_referents(one))


@pytest.mark.parametrize(
    "script",
    [
        [Send(json_answer({"error": {"message": "no"}}, status=401))],
        [Reset()],
        [Send(json_answer(PICTURE)[:-9]), Reset()],
        [Send(stream_answer()), Send(chunked(frames(PARTIAL), end=False)), Reset()],
        [Send(json_answer({"error": "x"}))],
        [Hang()],
    ],
)
def test_no_error_carries_the_key(server: FaultServer, key: Key, script: list[Any]) -> None:
    """Not in its words, its attributes, or anything that the frames of its traceback reach, but the client itself."""
    from now_jupyter._transport._exchange import Peer

    server.script(script)
    came = order(server.url, key=key, stream=True, deadline=0.5)
    assert came.error is not None
    secret = key.header().removeprefix("Bearer ")
    assert secret not in "\n".join([*came.error.lines(), repr(came.error), str(vars(came.error))])
    for one in reachable(came.error, stop=(Key, Peer, Fleet)):
        if isinstance(one, str):
            assert secret not in one
        if isinstance(one, bytes):
            assert secret.encode() not in one


def test_a_relay_that_echoes_the_key_does_not_make_us_show_it(server: FaultServer, key: Key) -> None:
    """In an error body, a header or a redirect."""
    secret = key.header().removeprefix("Bearer ")
    body = {"error": {"message": f"bad {secret}", "code": secret}}
    server.script([Send(json_answer(body, status=401))], [Send(json_answer(body))])
    for _ in range(2):
        error = order(server.url, key=key).error
        assert error is not None
        assert secret not in "\n".join([*error.lines(), str(vars(error))])


# The demo


def test_the_demo_is_reached_without_a_port() -> None:
    """JSON, stream, refusal and lost connections, all in process."""
    relay = Relay(base_url="http://demo.invalid", latency=0)
    body = {"model": "gpt-image-2", "prompt": "fox", "size": "1024x1024"}

    def demo(**more: JSON) -> Outcome:
        call = Call(path=PATH, method="POST", body={**body, **more})
        return order("http://demo.invalid", call, relay=relay, stream=bool(more.get("stream")))

    plain = demo()
    assert plain.reply is not None
    assert isinstance(plain.reply.body, dict)
    assert plain.phases == ["sending", "sent", "answering", "answered"]
    streamed = demo(stream=True, partial_images=2)
    assert [event.type.rpartition(".")[2] for event in streamed.events] == [
        "partial_image",
        "partial_image",
        "completed",
    ]
    assert isinstance(demo(demo={"fault": "cut"}).error, MaybeBilledError)
    assert isinstance(demo(demo={"fault": "reset"}).error, MaybeBilledError)
    assert isinstance(demo(demo={"code": "model_not_found"}).error, RejectedError)
    assert demo(demo={"status": 429, "retry_after": 2, "times": 1}, prompt="limited").pauses == [2.0]
    models = ask("http://demo.invalid", Call(path="/v1/models"), relay=relay)
    assert models.body["data"]


def test_pauses_grow_and_are_jittered() -> None:
    """Between half a second and four."""
    from now_jupyter._transport._exchange import Patience

    patience = Patience(paid=False, jitter=lambda: 1.0)
    failed = ConnectFailed("x")
    assert [patience.pause(failed) for _ in range(4)] == [1.0, 2.0, 4.0, None]
