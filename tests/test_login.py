"""`%now login`: a conversation that keeps the key out of the notebook and finds out what the relay can do."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from faultserver import FaultServer, Send, closed_port, json_answer, response
from now_jupyter._ipython._login import LoginTalk, address_in, take_key
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
            self.session,
            ask=self._ask,
            ask_hidden=self._ask_hidden,
            tell=self.said.append,
            clear=self.said.clear,
            sleep=at_once,
        )
        return talk.run(name)

    def _ask(self, question: str) -> str:
        self.asked.append(question)
        return self.answers.pop(0)

    def _ask_hidden(self, question: str) -> str:
        self.asked.append(question)
        return self.key


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


@pytest.mark.parametrize("form", ["-H 'Authorization: Bearer {}'", '-H "authorization:bearer {}"', "{}"])
def test_a_key_that_was_pasted_along_is_taken_out(form: str) -> None:
    """Stars stand in its place, the address is found as before, and the key is a `Key`, which shows itself nowhere."""
    text = "sk-" + secrets.token_hex(20)
    pasted = [CURL.format(address="https://relay.example") + f" {form.format(text)} # end"]
    key = take_key(pasted)
    assert key is not None
    assert key.header() == f"Bearer {text}"
    assert (text in pasted[0], pasted[0].endswith("# end"), len(pasted)) == (False, True, 1)
    assert address_in(pasted[0]) == "https://relay.example"


@pytest.mark.parametrize("version", ["/api/v3", "/paas/v4", "/v1/acct/gw/openai", "/v1/openai"])
def test_the_version_of_a_pasted_endpoint_is_kept(version: str) -> None:
    """VideoLingo#224: alone and within a curl."""
    endpoint = f"https://relay.example{version}/images/generations"
    for text in (endpoint, f"curl -X POST '{endpoint}' -H 'Content-Type: application/json' -d '{{}}'"):
        assert address_in(text) == f"https://relay.example{version}"


def test_a_placeholder_is_no_key() -> None:
    """What documentation writes in a key's place is left, or dropped."""
    for placeholder in ("$API_KEY", "{{YOUR_API_KEY}}", "<your key here>", "xxxxxxxxxxxxxxxx"):
        assert take_key([f"curl https://relay.example -H 'Authorization: Bearer {placeholder}'"]) is None


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
        talk = Talk(session, [f"{served.url}/v1/images/generations", "¥7.2", ""], key)
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


def test_the_address_of_the_site_instead_of_the_api_is_said(session: Session) -> None:
    """And where the API is, which was found at the same host, free."""
    with FaultServer() as server:
        server.script([Send(PAGE)])
        server.script([Send(json_answer({"data": [{"id": "gpt-image-2"}]}))], path="/api/v1/models")
        talk = Talk(session, [server.url, ""])
        talk.run()
        assert f"the relay's API answers at {server.url}/api/v1: give that to %now login" in talk.said
        assert server.posts == 0


def test_an_address_where_nobody_answers_is_said_at_once(session: Session) -> None:
    """A typing error in the address is not remembered."""
    with pytest.raises(ConnectFailed):
        Talk(session, [f"http://127.0.0.1:{closed_port()}"]).run()
    assert session.context.logins.current() is None


PAGE = response(200, b"<!doctype html><title>Shop</title>", headers={"Content-Type": "text/html; charset=utf-8"})


@pytest.mark.parametrize(
    ("models", "said"),
    [
        (response(404), "does not have this"),
        (json_answer({"data": []}), "does not tell the balance"),
        (response(500), "trouble"),
        (json_answer({"error": {"message": "keys of this group may not list"}}, status=403), "may not list"),
        (json_answer({"error": {"message": "slow down"}}, status=429), "too many requests"),
        (
            response(302, headers={"Location": "https://other.example/v1/models"}),
            "sends us on to https://other.example",
        ),
        (response(402), "no money is left"),
        (PAGE, "/v1/models is a web page, not the relay's API → "),
        (response(200, b"<html>", headers={"Content-Type": "text/plain"}), "is a web page"),
        (json_answer({"error": {"message": "not today"}}), "not today"),
        (json_answer({"data": [{"id": "m" * 1000}] * 9_000}), "larger than 8 MiB"),
    ],
)
def test_a_relay_that_lists_no_models_is_no_obstacle(models: bytes, said: str, session: Session) -> None:
    """What it does not tell, and why, is said; the login is kept."""
    with FaultServer() as server:
        server.script([Send(response(404))])
        server.script([Send(models)], path="/v1/models")
        session.context.access()
        talk = Talk(session, [server.url, ""])
        assert "work is in use" in talk.run()
        assert any(said in line for line in talk.said)
        assert "the relay does not tell the balance" in talk.said
        assert server.posts == 0
    assert (session.settings().model, session.settings().rate) == ("", 1.0)


def test_enter_keeps_the_relays_own_currency(session: Session) -> None:
    """Nothing is converted by a guess: a relay dollar is a dollar until the user says otherwise."""
    with relay_on_loopback() as served:
        talk = Talk(session, [served.url, "", ""])
        talk.run()
        assert "Enter for $1.00" in talk.asked[2]
        settings = session.settings()
        assert (settings.currency, settings.rate) == ("USD", 1.0)
        assert str(session.generate("a fox", model="dall-e-3").cost) == "~$0.0400"


def test_a_relay_that_counts_in_yuan_says_so_itself(session: Session) -> None:
    """Its own currency at its own rate is then what Enter keeps."""
    status = {"data": {"quota_display_type": "CNY", "usd_exchange_rate": 7.0}}
    with FaultServer() as server:
        server.script([Send(response(404))])
        server.script([Send(json_answer(status))], path="/api/status")
        talk = Talk(session, [server.url, "", ""])
        talk.run()
    assert "Enter for ¥7.00" in talk.asked[2]
    settings = session.settings()
    assert (settings.currency, settings.rate) == ("CNY", 7.0)


@pytest.mark.parametrize(
    ("answer", "currency", "rate"),
    [("¥", "CNY", 7.3), ("usd", "USD", 1.0), ("$", "USD", 1.0), ("€0.9", "EUR", 0.9), ("7.1 cny", "CNY", 7.1)],
)
def test_a_currency_is_taken_as_said(answer: str, currency: str, rate: float, session: Session) -> None:
    """A sign alone, a price, any currency; none is taken for another."""
    with relay_on_loopback() as served:
        Talk(session, [served.url, answer, ""]).run()
    settings = session.settings()
    assert (settings.currency, settings.rate) == (currency, rate)


@pytest.mark.slow
@pytest.mark.parametrize("answer", ["a lot", "0", "¥0", "-7", "1e3", "7.2", "¥9999999", "9" * 900_000])
def test_a_price_that_cannot_be_meant_is_asked_for_again(session: Session, answer: str) -> None:
    """In a few words, twice; before anything is remembered."""
    with relay_on_loopback() as served:
        talk = Talk(session, [served.url, answer, "¥7.2", ""])
        talk.run()
        assert session.settings().rate == 7.2
        assert all(len(line) < 600 for line in talk.said)
        assert session.context.logins.forget()
        with pytest.raises(InputError, match=r"no price|not an amount"):
            Talk(session, [served.url, answer, answer, answer]).run()
    assert session.context.logins.current() is None


def test_typing_errors_in_address_and_key_are_asked_again(session: Session) -> None:
    """What was typed right before is not asked a second time."""
    key = secrets.token_hex(20)
    with relay_on_loopback(key=key) as served:
        talk = Talk(session, ["htps://relay.example", served.url, "", ""])
        keys = iter(["has a blank", secrets.token_hex(20), key])
        talk._ask_hidden = lambda _: next(keys)  # type: ignore[method-assign]
        assert "work is in use" in talk.run()
        assert served.posts == 0
    assert sum("relay refuses the key" in line for line in talk.said) == 1


# Coming back


def test_the_next_login_offers_what_is_stored(session: Session) -> None:
    """Enter at each question keeps it, whatever the login is called."""
    key = secrets.token_hex(20)
    with relay_on_loopback(key=key) as served:
        Talk(session, [served.url, "¥7.1", "dall-e-2"], key).run("mine")
        before = session.context.logins.current()
        talk = Talk(session, ["", "", ""], key)
        assert talk.run("").startswith("mine is in use")
        assert session.context.logins.current() == before
    assert f"Enter for {served.url}" in talk.asked[0]
    assert "Enter for ¥7.10" in talk.asked[2]
    assert "Enter or n for dall-e-2" in talk.asked[3]


def test_after_a_restart_without_a_keyring_only_the_key_is_asked_for(session: Session, tmp_path: Path) -> None:
    """Until then no request goes out; address, money and model are as they were."""
    key = secrets.token_hex(20)
    with relay_on_loopback(key=key) as served:
        Talk(session, [served.url, "¥7.1", "dall-e-2"], key).run()
        before = session.context.logins.current()
        with new_session(tmp_path) as restarted:
            served.relay.requests.clear()
            with pytest.raises(ConfigError, match="no key"):
                restarted.generate("a fox")
            assert (served.relay.requests, len(restarted.history)) == ([], 0)
            talk = Talk(restarted, [], key)
            talk.run("")
            assert len(talk.asked) == 1
            assert served.url in talk.asked[0]
            assert restarted.context.logins.current() == before
            assert restarted.generate("a fox", size="256x256").billed == "yes"


def test_enter_in_place_of_the_missing_key_begins_with_the_address(session: Session, tmp_path: Path) -> None:
    """Who moves to another relay is not held at the old one."""
    key = secrets.token_hex(20)
    with relay_on_loopback(key=key) as first, relay_on_loopback() as second:
        Talk(session, [first.url, "", ""], key).run()
        with new_session(tmp_path) as restarted:
            assert f"default is in use: {second.url}" in Talk(restarted, [second.url, "", ""]).run("")
            assert restarted.context.logins.names() == ["default", "work"]


# A curl with its key


@pytest.mark.parametrize(("answer", "said"), [("", "the key is kept for"), ("keep", "no keyring was found")])
def test_a_whole_curl_with_its_key_logs_in(answer: str, said: str, session: Session, tmp_path: Path) -> None:
    """The cell is cleared of it first, the key is not asked for again, and kept as the user says."""
    key = secrets.token_hex(20)
    with relay_on_loopback(key=key) as served:
        curl = f"{CURL.format(address=served.url)} -H 'Authorization: Bearer {key}'"
        talk = Talk(session, [curl, "kep", answer, "", ""])
        talk.said.append(curl)
        assert said in talk.run()
        assert "make a new one" in talk.said[0]
        assert not any("not shown" in question for question in talk.asked)
        assert session.generate("a fox", model="dall-e-2", size="256x256").billed == "yes"
    assert key not in "".join(talk.said)
    assert not any(key.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


# The default model


def test_a_default_model_that_is_not_listed_is_named_before_it_is_kept(session: Session) -> None:
    """Typed once more it is kept; Enter takes what is offered all the while, and another one may be typed instead."""
    with relay_on_loopback() as served:
        talk = Talk(session, [served.url, "", "dall-e-33", "dall-e-3"])
        talk.run()
        assert "dall-e-33 is not among" in talk.said[-1]
        assert "Enter or n for gpt-image-2)" in talk.asked[-1]
        assert session.settings().model == "dall-e-3"
        Talk(session, ["", "", "new-one", "new-one"]).run("")
        assert session.settings().model == "new-one"
        Talk(session, ["", "", "odd", "odder", ""]).run("")
        assert session.settings().model == "new-one"


@pytest.mark.parametrize("answer", ["", "n", "No", "否"])
def test_no_other_default_model_is_the_one_that_is_offered(answer: str, session: Session) -> None:
    """Nobody's model is called n, and what was refused is never offered."""
    with relay_on_loopback() as served:
        talk = Talk(session, [served.url, "", "yes", answer])
        talk.run()
    assert talk.asked[-2:] == ["default model (Enter or n for gpt-image-2): "] * 2
    assert session.settings().model == "gpt-image-2"


def test_what_cannot_be_used_is_not_offered(session: Session) -> None:
    """A price of another service's action is no model of ours."""
    with relay_on_loopback() as served:
        talk = Talk(session, [served.url, "", ""])
        talk.run()
        assert {"mj_upscale", "mj_modal", "mj_imagine"} <= {one.name for one in session.models()}
        assert {"mj_imagine", "ideogram_generate"} <= set(session.known_models())
        assert not any("mj_upscale" in line or "mj_modal" in line for line in talk.said)
        assert not {"mj_upscale", "mj_modal", "mj_describe"} & set(session.known_models())


def test_a_new_key_at_the_same_relay_is_used_at_once(session: Session) -> None:
    """Lists and prices of the old key are not the new key's."""
    first, second = secrets.token_hex(20), secrets.token_hex(20)
    with relay_on_loopback(key=first) as served:
        Talk(session, [served.url, "", ""], first).run()
        assert session.models()
        served.relay._key = second
        Talk(session, ["", "", ""], second).run()
        served.relay.requests.clear()
        assert session.models()
        assert served.count("/v1/models") == 1
