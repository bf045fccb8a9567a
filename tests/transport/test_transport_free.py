"""Free calls, TLS, proxies and the demo."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import anyio
import pytest

from certificates import make_certificate
from faultserver import Close, FaultServer, Reset, Send, Tunnel, closed_port, json_answer, response
from now_jupyter._json import JSON
from now_jupyter._messages import ConnectFailed, MaybeBilledError, NowImageError, RejectedError
from now_jupyter._protocol import Call
from now_jupyter._settings import Key
from now_jupyter._transport._retries import Deadline, Retries
from now_jupyter.demo import Relay
from paid_calls import MODELS_CALL, OK, PATH, Outcome, ask, order


def test_a_free_call_is_repeated_where_that_may_help(server: FaultServer) -> None:
    """Connect, 5xx, 429 and a cut body: up to three times."""
    server.script(
        [Reset()],
        [Send(response(502))],
        [Send(json_answer({"data": [1]})[:-3]), Close()],
        [Send(json_answer({"data": [1]}))],
    )
    assert ask(server.url, MODELS_CALL).body == {"data": [1]}
    assert len(server.seen) == 4


@pytest.mark.parametrize(("status", "tries"), [(401, 1), (403, 1), (404, 1), (400, 1), (501, 1), (429, 4), (500, 4)])
def test_a_free_call_that_is_refused_is_not_repeated(server: FaultServer, status: int, tries: int) -> None:
    """And whatever happens, a free call is not billed."""
    server.script([Send(response(status))])
    error = ask(server.url, MODELS_CALL)
    assert isinstance(error, NowImageError)
    assert error.billed == "no"
    assert len(server.seen) == tries


def test_an_error_in_the_200_of_a_free_call_is_the_askers_to_read(server: FaultServer) -> None:
    """Asking for an unknown model answers 200."""
    server.script([Send(json_answer({"error": {"code": "model_not_found", "message": "x"}}))])
    reply = ask(server.url, Call(path="/v1/models/{}", ids=("x",), method="GET"))
    assert reply.body["error"]["code"] == "model_not_found"


def test_a_post_that_only_asks_is_free(server: FaultServer) -> None:
    """Midjourney's list of tasks is asked for by POST."""
    server.script([Reset()], [Send(json_answer([{"id": "1"}]))])
    call = Call(path="/mj/task/list-by-condition", base="host", json={"ids": ["1"]})
    assert ask(server.url, call).body == [{"id": "1"}]


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
    assert ("clock" if fault == "expired" else "SSL_CERT_FILE") in came.error.next_step()
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


def test_the_demo_is_reached_without_a_port() -> None:
    """JSON, stream, refusal and lost connections, all in process."""
    relay = Relay(base_url="http://demo.invalid", latency=0)
    body = {"model": "gpt-image-2", "prompt": "fox", "size": "1024x1024"}

    def demo(**more: JSON) -> Outcome:
        expects: Literal["json", "events"] = "events" if more.get("stream") else "json"
        call = Call(path=PATH, json={**body, **more}, expects=expects)
        return order("http://demo.invalid", call, relay=relay)

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
    models = ask("http://demo.invalid", MODELS_CALL, relay=relay)
    assert models.body["data"]


def test_pauses_grow_and_are_jittered() -> None:
    """Between half a second and four."""
    pauses: list[float] = []

    async def note(seconds: float) -> None:
        pauses.append(seconds)

    async def fail() -> None:
        raise ConnectFailed("x")

    async def retry() -> None:
        until = Deadline(100.0, lambda: 0.0)
        retries = Retries(most=4, may_help=lambda _: True, until=until, sleep=note, jitter=lambda: 1.0)
        with pytest.raises(ConnectFailed):
            await retries.run(fail)

    anyio.run(retry)
    assert pauses == [1.0, 2.0, 4.0, 4.0]
