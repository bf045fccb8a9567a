"""Every wire and oddity of the demo, as a user meets it: an order on loopback, from the options to the picture."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from now_jupyter._messages import (
    AuthError,
    BadResponseError,
    InputError,
    NowImageError,
    QuotaError,
    RejectedError,
    TaskStillPending,
)
from now_jupyter._relay._memory import remember_service
from now_jupyter._session import Session
from now_jupyter._values import Generation, Status
from now_jupyter.demo._odd import ODD_NAMES
from relays import Served, new_session, relay_on_loopback


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with relay_on_loopback(key="toy") as relay:
        yield relay


@pytest.fixture
def session(served: Served, tmp_path: Path) -> Iterator[Session]:
    with new_session(tmp_path, served.url, api_key="toy") as one:
        yield one


def paths(served: Served) -> list[str]:
    return [one.path for one in served.relay.requests if one.method == "POST"]


def generate(session: Session, **how: Any) -> Generation:
    made = session.generate("a red fox", **how)
    assert made.status is Status.DONE, made.error
    return made


# Wires


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "path"),
    [
        ({"model": "gemini-3-pro-image-preview", "size": "16:9"}, "/v1/chat/completions"),
        ({"model": "gpt-4o-image", "size": "3:2"}, "/v1/chat/completions"),
        (
            {"model": "gemini-3-pro-image-preview", "service": "gemini"},
            "/v1beta/models/gemini-3-pro-image-preview:generateContent",
        ),
        ({"model": "gpt-image-2", "service": "openrouter-images", "size": "16:9"}, "/v1/images"),
        pytest.param(
            {"model": "gpt-image-2", "service": "image-tasks", "size": "1536x1024"},
            "/v1/images/generations",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_each_wire_makes_a_picture_and_another_from_it(session: Session, served: Served, how: Any, path: str) -> None:
    """The service shows in the record; a picture of it can be given to the same wire."""
    before = len(served.relay.requests)
    made = generate(session, **how)
    assert made.service == how.get("service", "chat")
    (picture,) = made.pictures
    assert picture.width >= picture.height
    assert paths(served)[-1] == path
    again = session.generate("at night", image=[picture], **{name: one for name, one in how.items() if name != "size"})
    assert (again.status, len(again.pictures), again.parents) == (Status.DONE, 1, (made.id,))
    assert len(served.relay.requests) > before


@pytest.mark.parametrize(
    ("how", "size"),
    [
        ({"model": "doubao-seedream-4-5", "size": "2K"}, (2048, 2048)),
        ({"model": "doubao-seedream-4-5", "size": "16:9"}, (2560, 1440)),
        ({"model": "qwen-image", "size": "16:9"}, (1360, 768)),
        ({"model": "qwen-image", "raw": {"parameters": {"size": "768*1024"}}}, (768, 1024)),
        ({"model": "flux-kontext-pro", "raw": {"aspect_ratio": "9:16"}}, (768, 1360)),
        ({"model": "Kwai-Kolors/Kolors", "size": "768x1024", "n": 2, "negative": "text", "seed": 3}, (768, 1024)),
    ],
)
@pytest.mark.slow
def test_other_makers_take_sizes_and_references_in_their_own_fields(session: Session, how: Any, size: Any) -> None:
    """At the images endpoint, where references go into the body."""
    raw = how.pop("raw", None)
    made = generate(session, **how, **({"params": raw} if raw else {}))
    assert {(one.width, one.height) for one in made.pictures} == {size}
    again = generate(session, model=how["model"], image=[made.pictures[0]])
    assert (again.service, again.parents) == ("openai-images", (made.id,))


def test_words_beside_a_picture_are_kept(session: Session) -> None:
    assert generate(session, model="gemini-3-pro-image-preview").text == "Here it is:"
    assert generate(session, model="gpt-4o-image").text == "a red fox"


def test_a_model_that_only_talks_is_not_asked(session: Session, served: Served) -> None:
    before = served.posts
    with pytest.raises(InputError, match=r"gpt-5\.5") as caught:
        session.generate("a red fox", model="gpt-5.5")
    assert served.posts == before
    assert "gemini-3-pro-image-preview" in caught.value.next_step()
    assert "chat" in caught.value.next_step()
    with pytest.raises(BadResponseError, match="word-only") as told:
        session.generate("a red fox", model="gpt-5.5", service="chat")
    assert told.value.billed == "maybe"
    assert " · chat" in str(told.value)


def test_a_blocked_prompt_is_told_with_its_reason(session: Session) -> None:
    """New-api charges what Gemini read, although it answers with 400."""
    with pytest.raises(RejectedError, match="PROHIBITED_CONTENT") as caught:
        session.generate("demo-banned", model="gemini-3-pro-image-preview")
    assert caught.value.billed == "maybe"


def test_a_way_that_is_closed_is_left_once_and_another_remembered(session: Session, served: Served) -> None:
    """The images endpoint says that it does not make this model: nothing was made, so chat is asked, now and later."""
    model = "gemini-3-pro-image-preview"
    access = session.context.snapshot().access
    remember_service(access.mark, model, "openai-images")
    before = len(served.relay.requests)
    assert generate(session, model=model).service == "chat"
    assert generate(session, model=model, fresh=True).service == "chat"
    assert paths(served)[-3:] == ["/v1/images/generations", "/v1/chat/completions", "/v1/chat/completions"]
    assert len(served.relay.requests) > before
    assert [one.billed for one in served.relay.ledger[-3:]] == [False, True, True]


def test_a_way_that_takes_several_requests_is_taken_at_the_next_run(session: Session, served: Served) -> None:
    """One record is one paid call, so the order is not cut behind the user's back; nothing was billed."""
    model = "gemini-3-pro-image-preview"
    remember_service(session.context.snapshot().access.mark, model, "openai-images")
    with pytest.raises(RejectedError) as caught:
        session.generate("a red fox", model=model, n=2)
    assert caught.value.billed == "no"
    assert caught.value.next_step() == "run it again: chat is asked then, in 2 requests"
    made = generate(session, model=model, n=2)
    assert (made.service, len(made.pictures)) == ("chat", 2)
    assert [one.billed for one in served.relay.ledger[-3:]] == [False, True, True]


@pytest.mark.slow
def test_a_task_on_request_survives_a_time_limit(session: Session, served: Served) -> None:
    """The task goes on without us; resume polls, and never submits again."""
    with pytest.raises(TaskStillPending):
        session.generate("a red fox", service="image-tasks", timeout=0.05, params={"demo": {"latency": 0.3}})
    session.wait()
    (made,) = session.history
    assert (made.status, len(made.pictures)) == (Status.DONE, 1)
    assert sum(one.path == "/v1/images/generations" for one in served.relay.ledger[-1:]) == 1


@pytest.mark.slow
def test_a_task_that_fails_tells_why(session: Session) -> None:
    with pytest.raises(NowImageError, match="as asked"):
        session.generate("a red fox", service="image-tasks", params={"demo": {"fault": "failure"}})


# Oddities

PICTURES = ODD_NAMES[: ODD_NAMES.index("one-item-failed")]
REASONS = {
    "reason-beside-nothing": (BadResponseError, "the model was busy and made nothing"),
    "code-in-success": (NowImageError, "sensitive content"),
    "base-resp": (NowImageError, "new_sensitive"),
    "error-in-list": (RejectedError, "the size is not supported"),
    "detail-list": (RejectedError, "value is not a valid size"),
    "reason-in-metadata": (RejectedError, "names a living artist"),
    "no-money-429": (QuotaError, "余额不足"),
    "overdue-403": (QuotaError, "overdue balance"),
    "challenge": (NowImageError, "firewall|blocked"),
    "policy-as-500": (RejectedError, "safety system"),
}


@pytest.mark.slow
@pytest.mark.parametrize("model", ["gpt-image-2", pytest.param("dall-e-2", marks=pytest.mark.slow)])
@pytest.mark.parametrize("odd", PICTURES)
def test_a_picture_in_an_odd_place_is_found_once(session: Session, odd: str, model: str) -> None:
    """By link and in base64; in order, each once."""
    made = generate(session, model=model, n=2, params={"demo": {"odd": odd}})
    assert len(made.pictures) == 2
    assert len({one.sha256 for one in made.pictures}) == 2


def test_one_item_that_failed_costs_that_one_only(session: Session) -> None:
    made = session.generate("a red fox", n=2, params={"demo": {"odd": "one-item-failed"}})
    assert (made.status, len(made.pictures)) == (Status.PARTIAL, 1)
    assert "safety system" in str(made.error)


@pytest.mark.slow
@pytest.mark.parametrize("odd", REASONS)
def test_a_reason_in_an_odd_place_is_told(session: Session, odd: str) -> None:
    """In the message, in the record, and in the record's own words later."""
    kind, words = REASONS[odd]
    with pytest.raises(kind, match=words):
        session.generate("a red fox", params={"demo": {"odd": odd}})
    (kept,) = session.history
    assert re.search(words, str(kept.error))


def test_every_oddity_is_tried() -> None:
    assert {*PICTURES, "one-item-failed", *REASONS} == set(ODD_NAMES)


def test_an_unknown_oddity_is_refused(session: Session) -> None:
    with pytest.raises(RejectedError, match="images-list"):
        session.generate("a red fox", params={"demo": {"odd": "nonsense"}})


def test_the_key_is_wanted_on_each_wire(served: Served, tmp_path: Path) -> None:
    with new_session(tmp_path, served.url, api_key="other") as session:
        for how in (
            {"service": "gemini", "model": "gemini-3-pro-image-preview"},
            {"service": "chat", "model": "gpt-4o-image"},
        ):
            with pytest.raises(AuthError):
                session.generate("a red fox", **how)
