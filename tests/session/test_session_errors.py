"""What goes wrong, as the user reads it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from buying import PATH
from certificates import make_certificate
from faultserver import FaultServer, Send, closed_port, json_answer, response
from now_jupyter._json import Fields
from now_jupyter._messages import (
    AuthError,
    BadImageError,
    BadResponseError,
    ConfigError,
    ConnectFailed,
    InputError,
    MaybeBilledError,
    NowImageError,
    QuotaError,
    RateLimitError,
    RejectedError,
    ServiceError,
)
from now_jupyter._protocol import Conversation, Outcome, Reply, Service
from now_jupyter._runner import Runner
from now_jupyter._services._openai_images import OpenAIImages
from now_jupyter._session import Session
from now_jupyter._settings import Key
from now_jupyter._transport import RelayAccess, RelayClient
from now_jupyter._values import Status
from relays import Served, new_session, relay_on_loopback

SHAPES: Sequence[tuple[int, object, type[NowImageError], str]] = [
    (400, {"error": {"message": "size must be…", "code": "invalid_value"}}, RejectedError, "refuses this"),
    (400, {"error": {"message": "safety", "code": "content_policy_violation"}}, RejectedError, "content"),
    (401, {"error": {"message": "无效的令牌", "type": "new_api_error"}}, AuthError, "wants a key"),
    (403, {"error": {"message": "额度不足", "code": "insufficient_user_quota"}}, QuotaError, "no money"),
    (429, {"error": {"message": "x", "code": "insufficient_quota"}}, QuotaError, "no money"),
    (500, {"error": {"message": "prompt is required", "code": "invalid_request"}}, RejectedError, "refuses"),
    (403, {"description": "quota_not_enough", "type": "upstream_error", "code": 4}, QuotaError, "no money"),
    (400, {"code": "bad", "message": "not so", "data": None}, RejectedError, "not so"),
    (400, {"success": False, "message": "not so"}, RejectedError, "not so"),
    (400, {"detail": {"reason": "not so", "code": 3}}, RejectedError, "not so"),
    (400, {"error": "not so"}, RejectedError, "not so"),
    (501, {"error": {"message": "x", "code": "api_not_implemented"}}, RejectedError, "does not offer"),
]


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(("status", "body", "kind", "english"), SHAPES)
def test_a_refusal_is_told_in_the_users_language(
    status: int,
    body: object,
    kind: type[NowImageError],
    english: str,
    language: str,
    tmp_path: Path,
) -> None:
    """Every shape of platform.md §4: the right class, billed no, the number it is kept under, at most six lines."""
    with FaultServer() as server:
        server.script([Send(json_answer(body, status=status))], path=PATH)
        with new_session(tmp_path, server.url, typed=lambda: {"language": language, "model": "x"}) as session:
            with pytest.raises(NowImageError) as caught:
                session.generate("a fox")
            (kept,) = session.history
    error = caught.value
    assert type(error) is kind
    assert len(error.lines()) <= 6
    text = "\n".join(error.lines())
    assert error.language == language
    assert language == "zh" or english in text
    assert ("billed: no" if language == "en" else "计费：否") in text
    assert "#1" in text
    assert (error.billed, kept.status, kept.billed) == ("no", Status.FAILED, "no")
    assert kept.error is not None
    assert kept.error.type == kind.__name__


def test_several_numbers_are_kept(served: Served, tmp_path: Path) -> None:
    """One is, of an order of one request."""
    with new_session(tmp_path, served.url) as session:
        for n, kept in ((1, "#1 is kept in the history"), (4, "#2–#5 are kept in the history")):
            with pytest.raises(NowImageError) as caught:
                session.generate("a fox", model="dall-e-3", n=n, params={"demo": {"code": "content_policy_violation"}})
            assert f" · {kept}" in "\n".join(caught.value.lines())


def test_what_has_no_buttons_is_said_in_words(served: Served, tmp_path: Path) -> None:
    """Most services have none; nor is there a list of nothing."""
    with new_session(tmp_path, served.url) as session:
        session.generate("a fox", model="dall-e-2", size="256x256")
        with pytest.raises(InputError, match="#1 has no button U1") as caught:
            session.press("#1", "U1")
        assert caught.value.next_step() == "it has none: not every service puts buttons under a picture"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_unknown_model_is_answered_with_those_there_are(language: str, served: Served, tmp_path: Path) -> None:
    """`model_not_found` names the relay's picture models with their prices."""
    with (
        new_session(tmp_path, served.url, typed=lambda: {"language": language}) as session,
        pytest.raises(RejectedError) as caught,
    ):
        session.generate("a fox", model="nope")
    assert "dall-e-2 $0.0200" in caught.value.next_step()
    assert "gpt-5.5" not in caught.value.next_step()


@pytest.mark.parametrize(("typed", "meant"), [("gpt-imag-2", "gpt-image-2"), ("DALLE-3", "dall-e-3"), ("nope", "")])
def test_a_misspelt_model_is_answered_with_the_one_that_was_meant(
    typed: str, meant: str, served: Served, tmp_path: Path
) -> None:
    """It stands first among those there are, of which not all are named."""
    with new_session(tmp_path, served.url) as session, pytest.raises(RejectedError) as caught:
        session.generate("a fox", model=typed)
    said = caught.value.next_step()
    assert said.endswith(", …")
    assert said.startswith(f"did you mean {meant}? picture models of this relay: {meant} $0.0400, " if meant else "pic")


def test_a_misspelt_model_that_makes_no_pictures_is_answered_so_too(served: Served, tmp_path: Path) -> None:
    """What is refused before anything is sent; a model that the relay lists was meant."""
    with new_session(tmp_path, served.url) as session:
        for model, said in (("gpt-5-image-1", "did you mean gpt-image-1? picture"), ("gpt-5.5", "picture models")):
            with pytest.raises(NowImageError) as caught:
                session.generate("a fox", model=model)
            assert caught.value.next_step().startswith(said)


def test_a_rate_limit_without_end_is_told(tmp_path: Path) -> None:
    """An answer that asks for an hour is not waited for."""
    with FaultServer() as server:
        busy = json_answer({"error": {"message": "slow"}}, status=429, headers={"Retry-After": "3600"})
        server.script([Send(busy)], path=PATH)
        with new_session(tmp_path, server.url) as session, pytest.raises(RateLimitError, match="3600 s"):
            session.generate("a fox", model="x")
        assert server.posts == 1


HTML = response(200, b"<!doctype html><html>Welcome</html>", headers={"Content-Type": "text/html"})


@pytest.mark.parametrize(
    ("answer", "kind", "billed", "status"),
    [
        (HTML, BadResponseError, "maybe", Status.UNKNOWN),
        (response(404, b"not found"), RejectedError, "no", Status.FAILED),
        (response(301, headers={"Location": "https://elsewhere.example/v1"}), ConfigError, "no", Status.FAILED),
        (response(502, b"<html>Bad Gateway</html>"), MaybeBilledError, "maybe", Status.UNKNOWN),
        (json_answer({"data": []}), BadResponseError, "maybe", Status.UNKNOWN),
        (json_answer({"error": {"message": "late"}}), BadResponseError, "maybe", Status.UNKNOWN),
    ],
    ids=["web page", "404", "redirect", "gateway", "no picture", "error in a 200"],
)
def test_a_wrong_address_or_a_useless_answer(
    answer: bytes, kind: type[NowImageError], billed: str, status: Status, tmp_path: Path
) -> None:
    """What was sent and answered strangely stays in the history with what is known of the money."""
    with FaultServer() as server:
        server.script([Send(answer)], path=PATH)
        with new_session(tmp_path, server.url) as session:
            with pytest.raises(NowImageError) as caught:
                session.generate("a fox", model="x")
            (kept,) = session.history
        assert server.posts == 1
    assert type(caught.value) is kind
    assert (caught.value.billed, kept.billed, kept.status) == (billed, billed, status)
    assert f"billed: {billed}" in "\n".join(caught.value.lines())


@pytest.mark.slow
def test_nobody_there_is_not_billed(tmp_path: Path) -> None:
    """A closed port: no connection, billed no, and the record says so."""
    with new_session(tmp_path, f"http://127.0.0.1:{closed_port()}") as session:
        with pytest.raises(ConnectFailed):
            session.generate("a fox", model="x")
        assert (session.history[0].status, session.history[0].billed) == (Status.FAILED, "no")


def test_a_certificate_nobody_vouches_for_is_not_billed(tmp_path: Path) -> None:
    """TLS fails: nothing was sent, and the message names the way to trust it."""
    with FaultServer(certificate=make_certificate(tmp_path, "127.0.0.1")) as server:
        with new_session(tmp_path, server.url) as session, pytest.raises(ConnectFailed, match="SSL_CERT_FILE"):
            session.generate("a fox", model="x")
        assert server.posts == 0


def test_a_link_that_serves_a_web_page(session: Session, served: Served) -> None:
    """Billed yes, in quarantine, kept in the history as partial."""
    with pytest.raises(BadImageError) as caught:
        session.generate("a fox", params={"demo": {"fault": "html_link"}})
    (kept,) = session.history
    assert (caught.value.billed, kept.billed, kept.status) == ("yes", "yes", Status.PARTIAL)
    assert served.posts == 1


def frames_of(error: BaseException) -> Iterator[Any]:
    seen: BaseException | None = error
    while seen is not None:
        trace: TracebackType | None = seen.__traceback__
        while trace is not None:
            yield trace.tb_frame
            trace = trace.tb_next
        seen = seen.__cause__ or seen.__context__


class Buggy(OpenAIImages):
    def read(self, reply: Reply, memo: Fields) -> Conversation[Outcome]:
        yield from ()
        raise ZeroDivisionError((reply, memo))


@pytest.mark.parametrize("service", [None, Buggy()], ids=["an error of ours", "a bug"])
def test_no_frame_of_an_error_holds_the_key(service: Service | None, tmp_path: Path) -> None:
    """Whoever looks into a traceback finds no key, client or runner among the values."""
    key = secrets.token_hex(20)
    given: dict[str, Any] = {"api_key": key} | ({"services": [service]} if service else {})
    wish = {} if service else {"params": {"demo": {"status": 400}}}
    with relay_on_loopback(key=key) as served, new_session(tmp_path, served.url, **given) as session:
        with pytest.raises(Exception) as caught:
            session.generate("a fox", **wish)
        held = [value for frame in frames_of(caught.value) for value in frame.f_locals.values()]
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert not [value for value in held if isinstance(value, Key | RelayClient | Runner | RelayAccess)]
    assert service is None or isinstance(caught.value, ServiceError)
