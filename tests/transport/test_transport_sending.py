"""What a paid call sends, and what is kept and told of its answer."""

from __future__ import annotations

import threading

import anyio
import httpx
import pytest

from faultserver import Await, FaultServer, Send, json_answer, response
from now_jupyter._messages import StoreFull
from now_jupyter._protocol import Call, Reply
from now_jupyter._settings import Key
from now_jupyter._transport import RelayClient
from now_jupyter._transport._connections import ConnectionPool
from now_jupyter._values import Attempt
from paid_calls import MODELS_CALL, OK, ORDER, PATH, PICTURE, Kept, ask, no_room, order
from wire import JSON_TYPE


def test_a_paid_call_is_one_plain_post(server: FaultServer, key: Key) -> None:
    """HTTP/1.1, the key, the idempotency key, no packing asked for, no cookie, the body exactly what was meant."""
    server.script(OK)
    came = order(server.url, key=key)
    (seen,) = server.seen
    assert seen.raw.startswith(f"POST {PATH} HTTP/1.1\r\n".encode())
    assert seen.headers["authorization"] == key.header()
    assert seen.headers["idempotency-key"] == "one-order"
    assert seen.headers["accept-encoding"] == "identity"
    assert seen.headers["content-type"] == JSON_TYPE
    assert "cookie" not in seen.headers
    assert seen.json() == ORDER.json
    assert came.error is None
    assert came.reply == Reply(media_type=JSON_TYPE, body=PICTURE)


def test_a_lone_surrogate_in_a_prompt_reaches_the_relay(server: FaultServer) -> None:
    """What JSON can say is sent, even where UTF-8 cannot."""
    server.script(OK)
    order(server.url, Call(path=PATH, json={"prompt": "a\ud800b"}))
    assert server.seen[0].json() == {"prompt": "a\ud800b"}


def test_every_paid_call_has_a_connection_of_its_own(server: FaultServer) -> None:
    """A kept-alive connection that has gone stale would be an ambiguous failure."""
    server.script(OK)

    async def twice() -> None:
        client = RelayClient(base_url=server.url)
        for _ in range(2):
            async with client.submit(ORDER, sink=Kept(), texts=no_room(), idempotency_key="x"):
                pass
        await client.aclose()

    anyio.run(twice)
    assert (server.posts, server.connections) == (2, 2)


def test_free_calls_share_a_connection(server: FaultServer) -> None:
    """They may be repeated, so a stale connection does no harm."""
    server.script([Send(json_answer({"data": []}))])

    async def twice() -> None:
        client = RelayClient(base_url=server.url)
        for _ in range(3):
            await client.fetch(MODELS_CALL)
        await client.aclose()

    anyio.run(twice)
    assert (len(server.seen), server.connections) == (3, 1)


def test_many_paid_calls_go_out_at_once(server: FaultServer) -> None:
    """Twenty orders are under way together: no line of eight connections holds the others up."""
    go = threading.Event()
    server.script([Await(go), *OK])

    async def one(client: RelayClient) -> None:
        async with client.submit(ORDER, sink=Kept(), texts=no_room(), idempotency_key="x"):
            pass

    async def all_of_them() -> None:
        client = RelayClient(base_url=server.url)
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(one, client)
            with anyio.fail_after(20):
                while server.posts < 20:
                    await anyio.lowlevel.checkpoint()
            go.set()
        await client.aclose()

    anyio.run(all_of_them)
    assert server.posts == 20


def test_the_key_goes_to_its_origin_only(server: FaultServer, key: Key) -> None:
    """Even a request that was made for another place by mistake goes without it."""
    server.script([Send(response(200))])

    async def send() -> None:
        pool = ConnectionPool(base_url="https://relay.invalid", key=key, relay=None)
        answer = await pool.for_free_call().send(
            httpx.Request("GET", server.url, headers={"Authorization": "Bearer {key}"})
        )
        await answer.aclose()
        await pool.aclose()

    anyio.run(send)
    assert "authorization" not in server.seen[0].headers


def test_a_prefix_of_the_relay_and_parameters_are_kept(server: FaultServer) -> None:
    """Some relays live below a path."""
    server.script([Send(json_answer({"ok": 1}))])
    ask(server.url + "/relay", Call(path="/billing/usage?type=token", method="GET", query={"unit": "usd"}))
    assert server.seen[0].path == "/relay/v1/billing/usage?type=token&unit=usd"


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
