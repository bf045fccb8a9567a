"""`%now doctor` tries the address before the first purchase, free, and says what is wrong with it."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Mapping
from pathlib import Path

import pytest

from certificates import make_certificate
from faultserver import Close, FaultServer, Send, Tunnel, closed_port, json_answer, response
from now_jupyter._session import Session
from relays import new_session

LIST = json_answer({"data": [{"id": "gpt-image-2"}, {"id": "gpt-5"}]})
PAGE = response(200, b"<!doctype html><title>Shop</title>", headers={"Content-Type": "text/html"})


def found(session: Session) -> str:
    report = session.doctor()
    assert all(len(line) < 400 for line in report.text().splitlines())
    return report.text()


@pytest.fixture(autouse=True)
def no_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    """The question whether names are made up goes to nobody."""

    async def resolve(host: str, _port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, host)

    monkeypatch.setattr("now_jupyter._transport._download.resolve", resolve)


def told(tmp_path: Path, base_url: str, **environ: str) -> str:
    with new_session(tmp_path, base_url, environ=environ) as session:
        session.use_demo(on=False)
        return found(session)


@pytest.mark.parametrize(
    ("path", "asked", "ordered"),
    [
        ("", "/v1/models", "/v1/images/generations"),
        ("/api/v3/images/generations", "/api/v3/models", "/api/v3/images/generations"),
        ("/v1/acct/gw/openai", "/v1/acct/gw/openai/models", "/v1/acct/gw/openai/images/generations"),
    ],
)
def test_it_says_where_pictures_are_ordered(tmp_path: Path, path: str, asked: str, ordered: str) -> None:
    """The URL that is called, one line, one free call; a dry run and the status show the same."""
    with FaultServer() as server:
        server.script([Send(LIST)], path=asked)
        with new_session(tmp_path, server.url + path) as session:
            assert f"✓ the relay lists 2 models; pictures are ordered at {server.url}{ordered}" in found(session)
        assert [one.path for one in server.seen] == [asked]
        assert server.posts == 0


@pytest.mark.parametrize(
    ("typed", "is_at"),
    [("", "/api/v1"), ("/v1", "/api/v3"), ("/relay", "/v1"), ("/relay", "/relay/api/v1"), ("/api/v3", "/v1")],
)
@pytest.mark.parametrize("wrong", [response(404), PAGE])
def test_another_version_or_place_is_found(tmp_path: Path, typed: str, is_at: str, wrong: bytes) -> None:
    """What is wrong with the address that was typed, and which one is right, at the same host."""
    with FaultServer() as server:
        server.script([Send(wrong)])
        server.script([Send(LIST)], path=f"{is_at}/models")
        text = told(tmp_path, server.url + typed)
        assert f"! the relay's API answers at {server.url}{is_at}: give that to %now login" in text
        assert ("is a web page" if wrong == PAGE else "does not have this") in text
        assert server.posts == 0


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (json_answer({"error": {"message": "not for you"}}, status=403), "✓ the relay answers, but: "),
        (json_answer({"error": {"message": "slow down"}}, status=429), "✓ the relay answers, but: "),
        (json_answer({"error": {"message": "bad key"}}, status=401), "! the relay wants a key"),
        (response(302, headers={"Location": "https://www.example.com/"}), "! the relay sends us on to https://www.ex"),
        (response(404), "! pictures would be ordered at "),
        (PAGE, "is a web page, not the relay's API: the address may be"),
        (response(500), "! the relay has trouble"),
    ],
)
def test_what_the_relay_answers_is_told(tmp_path: Path, answer: bytes, line: str) -> None:
    """A list that is refused is no fault of the address; a page, another place and a refused key are."""
    with FaultServer() as server:
        server.script([Send(answer)])
        assert line in told(tmp_path, server.url)


def test_where_nobody_answers_is_told(tmp_path: Path) -> None:
    """A port where nobody listens, TLS where there is none, and a name that does not exist."""
    assert "! nothing answers at 127.0.0.1:" in told(tmp_path, f"http://127.0.0.1:{closed_port()}")
    with FaultServer() as server:
        server.greeting = [Send(response(400)), Close()]
        text = told(tmp_path, server.url.replace("http:", "https:"))
    assert "! no secure connection to 127.0.0.1:" in text
    assert "check the address: https:// or http://" in text
    key = secrets.token_hex(20)
    text = told(tmp_path, "https://relay.invalid", NOW_BASE_URL="https://relay.invalid", NOW_API_KEY=key)
    assert "! the name relay.invalid cannot be found" in text
    assert key not in text


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        (
            {"HTTPS_PROXY": "http://user:secret#word@127.0.0.1:1"},
            "! the proxy that HTTPS_PROXY names cannot be read: give",
        ),
        ({"all_proxy": "http://127.0.0.1:abc"}, "! the proxy that all_proxy names cannot be read: give"),
        ({"ALL_PROXY": "http://user:secret@127.0.0.1:9"}, "! the proxy http://127.0.0.1:9 did not connect us to relay"),
    ],
)
def test_a_proxy_that_is_in_the_way_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environ: Mapping[str, str], line: str
) -> None:
    """By its variable, without its password; no traceback."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    given = {"NOW_BASE_URL": "https://relay.invalid", "NOW_API_KEY": secrets.token_hex(20)}
    text = told(tmp_path, "https://relay.invalid", **given)
    assert line in text
    assert next(iter(environ)) in text
    assert "word@" not in text
    assert "secret" not in text


def test_the_way_through_a_proxy_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its variable, where it works, by http:// or https://; the password is the proxy's alone."""
    certificate = make_certificate(tmp_path, "relay.invalid", "127.0.0.1")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    given = {"NOW_BASE_URL": "https://relay.invalid", "NOW_API_KEY": secrets.token_hex(20)}
    with (
        FaultServer(certificate=certificate) as server,
        FaultServer() as plain,
        FaultServer(certificate=certificate) as by_tls,
    ):
        server.script([Send(LIST)], path="/v1/models")
        for proxy in (plain, by_tls):
            proxy.script([Send(b"HTTP/1.1 200 Connected\r\n\r\n"), Tunnel(server.port)])
            scheme, _, place = proxy.url.partition("://")
            monkeypatch.setenv("https_proxy", f"{scheme}://user:secret@{place}")
            text = told(tmp_path, "https://relay.invalid", **given)
            assert f"✓ the way to the relay is through the proxy {proxy.url} (https_proxy)" in text
            assert "✓ the relay lists 2 models; pictures are ordered at https://relay.invalid/v1/images/gen" in text
            assert "secret" not in text


def test_a_clock_that_is_wrong_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate that is out of its time, while this machine's time is what it says."""
    certificate = make_certificate(tmp_path, is_expired=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    with FaultServer(certificate=certificate) as server:
        text = told(tmp_path, server.url)
    assert "has expired: is this machine's clock right? it says 2" in text


@pytest.mark.parametrize(
    ("base_url", "line"),
    [
        ("http://localhost:3000/v1。/x", "! '/v1./x' is no address of a relay"),
        ("$NOW_BASE_URL", "! $NOW_BASE_URL is the name of a variable"),
        ("https://relay.invalid", "! there is an address (https://relay.invalid) but no key"),
    ],
)
def test_an_address_that_is_none_is_told(tmp_path: Path, base_url: str, line: str) -> None:
    """As what it is; nothing is asked."""
    assert line in told(tmp_path, base_url)


def test_the_demo_needs_no_trial(tmp_path: Path) -> None:
    """Nothing is said of a relay where there is none."""
    with new_session(tmp_path) as session:
        text = found(session)
        assert session.doctor().is_healthy
    assert "relay" not in text
