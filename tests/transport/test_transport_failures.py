"""Retries, and what goes wrong on the way."""

from __future__ import annotations

import threading
import time
from typing import Any

import anyio
import pytest

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
    chunked,
    closed_port,
    json_answer,
    response,
    stream_answer,
)
from now_jupyter._messages import (
    AuthError,
    ConfigError,
    ConnectFailed,
    MaybeBilledError,
    NowImageError,
    QuotaError,
    RateLimitError,
    RejectedError,
)
from now_jupyter._protocol import Call, Reply
from now_jupyter._settings import Key
from now_jupyter._transport import RelayClient, _client
from paid_calls import MODELS_CALL, OK, ORDER, PATH, PICTURE, Kept, ask, no_room, order


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
        asked = ask(server.url, MODELS_CALL, key=key)
        assert isinstance(came.error, ConfigError)
        assert isinstance(asked, ConfigError)
        assert other.connections == 0
    assert server.posts == 1


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
    monkeypatch.setattr(_client, "_OPENING_SECONDS", 0.1)
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
    assert order(server.url).reply == Reply(media_type="application/json", body=PICTURE)


def test_an_early_refusal_while_sending_is_that_refusal(server: FaultServer) -> None:
    """A relay that says 413 before it has read a large body is understood."""
    server.script([Early(), Send(json_answer({"error": {"message": "too large"}}, status=413))])
    large = Call(path=PATH, json={"image": "x" * 4_000_000})
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
        client = RelayClient(base_url=server.url)
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as group:
                group.start_soon(place, client)
                while not sink.data:
                    await anyio.lowlevel.checkpoint()
                scope.cancel()
        await client.aclose()

    async def place(client: RelayClient) -> None:
        async with client.submit(ORDER, sink=sink, texts=no_room(), idempotency_key="x"):
            pass

    anyio.run(leave)
    begun.event.set()
    assert (sink.data, sink.end) == (b"half", "abandoned")
