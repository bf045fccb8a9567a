"""`%now login`: a conversation that keeps the key out of the notebook and finds out what the relay can do."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from faultserver import FaultServer, Send, closed_port, json_answer, response
from now_jupyter._ipython._login import LoginTalk, address_in
from now_jupyter._messages import AuthError, ConfigError, ConnectFailed, InputError
from now_jupyter._session import Session
from relays import new_session, relay_on_loopback

CURL = """curl --location --request POST '{address}/v1/images/generations' \\
--header 'Content-Type: application/json' \\
--data-raw '{{"model": "dall-e-3", "prompt": "a fox"}}'"""


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with new_session(tmp_path) as one:
        yield one


async def at_once(_seconds: float) -> None:
    """Let no time pass."""


@dataclass
class Talk:
    """A user who answers what was prepared, and what was said to them."""

    session: Session
    answers: list[str]
    key: str = ""
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def run(self, name: str = "work") -> str:
        talk = LoginTalk(
            self.session, ask=self._ask, ask_hidden=lambda _: self.key, tell=self.said.append, sleep=at_once
        )
        return talk.run(name)

    def _ask(self, question: str) -> str:
        self.asked.append(question)
        return self.answers.pop(0)


# What was pasted


@pytest.mark.parametrize(
    "text",
    [
        "https://relay.example",
        " https://relay.example/ ",
        "https://relay.example/v1",
        "https://relay.example/v1/images/generations",
        CURL.format(address="https://relay.example"),
        'curl "https://relay.example/v1/images/generations" -H "Authorization: Bearer $API_KEY"',
        'curl https://relay.example/mj/submit/imagine -H "Authorization: Bearer {{YOUR_API_KEY}}"',
    ],
)
def test_the_address_is_found_in_whatever_is_pasted(text: str) -> None:
    """An address, a full endpoint, a whole curl, with placeholders for the key."""
    assert address_in(text) == "https://relay.example"


@pytest.mark.parametrize("form", ["Authorization: Bearer {key}", "authorization:bearer {key}"])
def test_a_curl_with_a_key_is_refused_and_the_key_is_not_repeated(form: str) -> None:
    """It stands in the notebook now; the message says what to do."""
    key = secrets.token_hex(20)
    curl = f"{CURL.format(address='https://relay.example')} --header '{form.format(key=key)}'"
    with pytest.raises(ConfigError, match="holds a key") as caught:
        address_in(curl)
    assert key not in "\n".join(caught.value.lines())
    assert key not in repr(caught.value.__dict__)


def test_a_literal_placeholder_is_explained() -> None:
    """`{{BASE_URL}}` of the documentation is no address."""
    with pytest.raises(ConfigError, match="BASE_URL"):
        address_in(CURL.format(address="{{BASE_URL}}"))


@pytest.mark.parametrize("text", ["", "ftp://relay.example", "https://", "curl --help"])
def test_what_is_no_address_is_refused(text: str) -> None:
    """With an error of ours."""
    with pytest.raises(ConfigError):
        address_in(text)


# The conversation


def test_a_login_shows_models_and_balance_and_asks_for_rate_and_model(session: Session, tmp_path: Path) -> None:
    """Free questions only; what was chosen is in force at once, and the key is in no file."""
    key = secrets.token_hex(20)
    with relay_on_loopback(key=key) as served:
        talk = Talk(session, [f"{served.url}/v1/images/generations", "7.2", ""], key)
        text = talk.run()
        assert text.startswith(f"work is in use: {served.url}")
        assert "this kernel only" in text
        assert any(line.strip().startswith("dall-e-3") for line in talk.said)
        assert any("100.00" in line for line in talk.said)
        settings = session.settings()
        assert (settings.base_url, settings.currency, settings.rate) == (served.url, "CNY", 7.2)
        assert settings.model == "gpt-image-2"
        assert served.posts == 0
        assert str(session.generate("a fox").cost) == "~¥0.29"
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert key.encode() not in everything


def test_a_loopback_relay_may_go_without_a_key(session: Session) -> None:
    """Enter at the hidden question."""
    with relay_on_loopback() as served:
        assert "work is in use" in Talk(session, [served.url, "$1", "dall-e-3"]).run()
        settings = session.settings()
        assert (settings.model, settings.currency, settings.rate) == ("dall-e-3", "USD", 1.0)


def test_a_public_relay_needs_a_key(session: Session) -> None:
    """Nothing is asked of it before."""
    with pytest.raises(ConfigError, match="empty"):
        Talk(session, ["https://relay.invalid"]).run()


def test_a_wrong_key_is_said_at_once_and_nothing_is_remembered(session: Session) -> None:
    """The relay refuses it: no login is kept."""
    with relay_on_loopback(key=secrets.token_hex(20)) as served, pytest.raises(AuthError, match="login"):
        Talk(session, [served.url], secrets.token_hex(20)).run()
    assert session.context.logins.current() is None


def test_an_address_where_nobody_answers_is_said_at_once(session: Session) -> None:
    """A typing error in the address is not remembered."""
    with pytest.raises(ConnectFailed):
        Talk(session, [f"http://127.0.0.1:{closed_port()}"]).run()
    assert session.context.logins.current() is None


@pytest.mark.parametrize("models", [response(404), json_answer({"data": []}), response(500)])
def test_a_relay_that_lists_no_models_is_no_obstacle(models: bytes, session: Session) -> None:
    """What it does not tell is said; the login is kept."""
    with FaultServer() as server:
        server.script([Send(response(404))])
        server.script([Send(models)], path="/v1/models")
        session.context.access()
        talk = Talk(session, [server.url, ""])
        assert "work is in use" in talk.run()
        assert talk.said
        assert server.posts == 0
    assert (session.settings().model, session.settings().rate) == ("", 1.0)


@pytest.mark.parametrize("answer", ["a lot", "0", "-7", "1e3", "9" * 900_000])
def test_what_is_no_amount_is_refused(session: Session, answer: str) -> None:
    """Before anything is remembered, and in a few words."""
    with relay_on_loopback() as served, pytest.raises(InputError, match=r"no amount|not an amount") as caught:
        Talk(session, [served.url, answer]).run()
    assert len(str(caught.value)) < 600
    assert session.context.logins.current() is None


def test_a_new_key_at_the_same_relay_is_used_at_once(session: Session) -> None:
    """Lists and prices of the old key are not the new key's."""
    first, second = secrets.token_hex(20), secrets.token_hex(20)
    with relay_on_loopback(key=first) as served:
        Talk(session, [served.url, "", ""], first).run()
        assert session.models()
        served.relay._key = second
        Talk(session, [served.url, "", ""], second).run()
        served.relay.requests.clear()
        assert session.models()
        assert served.count("/v1/models") == 1
