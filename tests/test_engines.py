"""The engines, driven by hand with `next` and `send`: no client, no loop, no clock."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from now_jupyter._messages._errors import BadResponseError, InputError, MaybeBilledError, TaskFailed
from now_jupyter._protocol import Call, Checkpoint, Event, Found, Next, Outcome, Poll, Progress, Reply, Submit, Wait
from now_jupyter._services._models import known_model, preferred_model, resolve_size
from now_jupyter._services._openai_images import OpenAIImages, body_of, warnings_for
from now_jupyter._services._registry import engine_for
from now_jupyter._values import Request
from task_engine import TaskService

PNG = base64.b64encode(b"\x89PNG partial").decode()


def talk(conversation: Any, answers: list[Any]) -> tuple[list[Any], Outcome | None]:
    """Go through a conversation with prepared answers to Submit, Next, Fetch and Poll; all other steps get None."""
    steps: list[Any] = []
    answer = None
    left = list(answers)
    try:
        while True:
            step = conversation.send(answer)
            steps.append(step)
            answer = left.pop(0) if isinstance(step, Submit | Next | Poll) else None
    except StopIteration as end:
        return steps, end.value


def start(prompt: str = "a fox", model: str = "gpt-image-2", partials: int = 0, **params: Any) -> Any:
    return OpenAIImages().start(Request(prompt=prompt, params=params), model=model, partials=partials)


def test_one_paid_call_carries_model_and_prompt_and_only_what_was_given() -> None:
    """Optional fields that were not given are not in the body, and the call goes to the images endpoint."""
    step = next(start(prompt='it\'s "x" --ar 16:9 ?', quality="low"))
    assert step == Submit(
        Call(
            method="POST",
            path="/v1/images/generations",
            body={"model": "gpt-image-2", "prompt": 'it\'s "x" --ar 16:9 ?', "quality": "low"},
        )
    )


@pytest.mark.parametrize(
    ("size", "model", "sent"),
    [
        ("16:9", "gpt-image-2", "1536x864"),
        ("9:16", "gpt-image-2.6-flare", "864x1536"),
        ("3:4", "gpt-image-2", "1152x1536"),
        ("1:1", "gpt-image-2", "1024x1024"),
        ("10:1", "gpt-image-2", "1536x512"),
        ("16:9", "dall-e-3", "1792x1024"),
        ("竖", "dall-e-3", "1024x1792"),
        ("方", "dall-e-2", "1024x1024"),
        ("landscape", "gpt-image-1", "1536x1024"),
        ("横", "some-new-model", "1536x1024"),
        ("auto", "dall-e-3", "auto"),
        ("640x480", "dall-e-3", "640x480"),
    ],
)
def test_ratios_and_words_become_the_nearest_size_that_the_model_knows(size: str, model: str, sent: str) -> None:
    """A ratio or word is resolved; a plain size and auto go out as typed."""
    assert resolve_size(size, model) == sent


def test_partial_pictures_are_asked_for_only_where_they_are_wanted_and_known() -> None:
    """`stream` is never sent unasked, nor to a model that is not known to stream."""
    request = Request(prompt="x")
    assert "stream" not in body_of(request, model="gpt-image-2")
    assert body_of(request, model="gpt-image-2", partials=2) == {
        "model": "gpt-image-2",
        "prompt": "x",
        "stream": True,
        "partial_images": 2,
    }
    assert "stream" not in body_of(request, model="dall-e-3", partials=2)
    assert "stream" not in body_of(request, model="flux-9", partials=2)


@pytest.mark.parametrize(
    ("item", "source", "encoding"),
    [
        ({"url": "https://h.example/1.png", "b64_json": ""}, "https://h.example/1.png", "url"),
        ({"b64_json": PNG, "url": ""}, PNG, "base64"),
        ({"url": f"data:image/png;base64,{PNG}"}, f"data:image/png;base64,{PNG}", "base64"),
        ({"b64_json": "https://h.example/1.png"}, "https://h.example/1.png", "url"),
        ({"image_url": {"url": "https://h.example/1.png"}}, "https://h.example/1.png", "url"),
        ("https://h.example/1.png", "https://h.example/1.png", "url"),
    ],
)
def test_pictures_are_taken_in_whatever_form_they_come(item: Any, source: str, encoding: str) -> None:
    """Links, base64, data URIs, empty strings for absent fields: what was paid for is accepted."""
    steps, _ = talk(start(), [Reply(status=200, body={"data": [item]})])
    assert steps[1:] == [Found(source=source, encoding=encoding)]


def test_bare_image_bytes_are_a_picture() -> None:
    """A reply that is the picture itself is accepted."""
    steps, _ = talk(start(), [Reply(status=200, media_type="image/png", raw=b"\x89PNG")])
    assert steps[1:] == [Found(source=b"\x89PNG", encoding="bytes")]


def test_the_outcome_has_usage_and_the_number_asked_for() -> None:
    """Usage of zeros only is no usage; the count asked for lets the runner say "asked 4, got 2"."""
    body = {"created": 5, "data": [{"url": "https://h.example/1"}], "usage": {"total_tokens": 7}}
    _, outcome = talk(start(n=4), [Reply(status=200, body=body)])
    assert outcome == Outcome(expected=4, created=5.0, usage={"total_tokens": 7})
    _, outcome = talk(start(), [Reply(status=200, body={**body, "usage": {"total_tokens": 0}})])
    assert outcome is not None
    assert outcome.usage is None


@pytest.mark.parametrize(
    "body", [None, {}, {"data": []}, {"data": None}, [], {"data": [{}]}, {"data": [None]}, 3, "text"]
)
def test_a_reply_without_a_picture_is_a_bad_response_and_maybe_billed(body: Any) -> None:
    """Nobody knows whether it was paid for; the message says what to do."""
    with pytest.raises(BadResponseError) as caught:
        talk(start(), [Reply(status=200, body=body)])
    assert caught.value.billed == "maybe"
    assert caught.value.next_step()


def test_an_html_page_is_named_as_such() -> None:
    """The commonest reason is a wrong address, so the message points there."""
    with pytest.raises(BadResponseError, match="HTML"):
        talk(start(), [Reply(status=200, media_type="text/html", raw=b"<!doctype html><html>")])


def test_a_stream_shows_partials_and_keeps_what_is_complete() -> None:
    """Partials are progress only; every completed event is a picture."""
    events = [
        Event(type="image_generation.partial_image", data={"b64_json": PNG, "partial_image_index": 0}),
        Event(type="keepalive", data=None),
        Event(type="image_generation.completed", data={"b64_json": PNG, "usage": {"total_tokens": 3}}),
        None,
    ]
    steps, outcome = talk(start(stream=True), [Reply(status=200, streamed=True), *events])
    assert [step for step in steps if isinstance(step, Found)] == [Found(source=PNG, encoding="base64")]
    assert next(step for step in steps if isinstance(step, Progress)).preview == b"\x89PNG partial"
    assert outcome is not None
    assert outcome.usage == {"total_tokens": 3}


def test_a_broken_partial_does_not_stop_the_stream() -> None:
    """A preview is for the eye only; one that cannot be read is left out."""
    events = [
        Event(type="image_generation.partial_image", data={"b64_json": "%%%", "partial_image_index": 0}),
        Event(type="image_generation.completed", data={"b64_json": PNG}),
        None,
    ]
    steps, _ = talk(start(stream=True), [Reply(status=200, streamed=True), *events])
    assert sum(isinstance(step, Found) for step in steps) == 1


def test_a_stream_that_ends_early_is_maybe_billed() -> None:
    """A partial picture is no picture."""
    events = [Event(type="image_generation.partial_image", data={"b64_json": PNG, "partial_image_index": 0}), None]
    with pytest.raises(BadResponseError) as caught:
        talk(start(stream=True), [Reply(status=200, streamed=True), *events])
    assert caught.value.billed == "maybe"


@pytest.mark.parametrize(
    "data", [{"error": {"message": "no luck", "code": "x"}}, {"type": "error", "message": "no luck"}]
)
def test_an_error_inside_a_stream_is_told(data: Any) -> None:
    """The relay's words are shown."""
    with pytest.raises(BadResponseError, match="no luck"):
        talk(start(stream=True), [Reply(status=200, streamed=True), Event(type=data.get("type", "error"), data=data)])


def test_an_error_of_the_transport_passes_through_the_conversation() -> None:
    """The runner throws what went wrong into the engine; one that does not mind lets it pass."""
    conversation = start()
    next(conversation)
    with pytest.raises(MaybeBilledError):
        conversation.throw(MaybeBilledError("cut"))


def test_unknown_values_are_advised_against_and_never_refused() -> None:
    """Known models' tables warn with the known values; unknown models get no advice at all."""
    notes = warnings_for({"model": "dall-e-3", "prompt": "x", "quality": "ultra", "size": "640x480"})
    assert [note.split(";")[0] for note in notes] == [
        "dall-e-3 is not known to take quality ultra",
        "dall-e-3 is not known to take size 640x480",
    ]
    assert warnings_for({"model": "gpt-image-2", "prompt": "x", "size": "1536x864"}) == []
    assert warnings_for({"model": "who-knows", "prompt": "x", "quality": "ultra"}) == []


def test_the_best_known_picture_model_is_preferred() -> None:
    """Family first, then the plain name before dated copies; without any picture model there is none."""
    assert preferred_model(["dall-e-3", "gpt-image-2-2026-04-21", "gpt-image-2", "gpt-4o"]) == "gpt-image-2"
    assert preferred_model(["flux-pro", "gpt-4o"]) == "flux-pro"
    assert preferred_model(["gpt-4o", "mj_imagine"]) is None
    assert known_model("dall-e-3-hd") is not None


def test_an_unknown_service_names_the_known_ones() -> None:
    """A misspelt service is refused before anything is recorded."""
    with pytest.raises(InputError, match="openai"):
        engine_for("openia")


# A service of tasks: the protocol must hold for Midjourney too


def test_a_task_is_remembered_before_it_is_followed() -> None:
    """Submit, checkpoint, then polls with progress until the picture is there, with its buttons."""
    running = {"id": "7", "status": "IN_PROGRESS", "progress": "35%"}
    done = {
        "id": "7",
        "status": "SUCCESS",
        "imageUrl": "https://h.example/7",
        "buttons": [{"label": "U1", "customId": "MJ::U1"}],
    }
    conversation = TaskService().start(Request(prompt="x"), model="mj_imagine")
    steps, outcome = talk(conversation, [Reply(status=200, body={"code": 1, "result": 7}), running, done])
    assert [type(step) for step in steps] == [Submit, Checkpoint, Poll, Progress, Wait, Poll, Found]
    assert steps[1].state == {"task": "7"}
    assert steps[3].fraction == 0.35
    assert outcome is not None
    assert outcome.buttons[0].label == "U1"


def test_a_resumed_task_submits_nothing() -> None:
    """Resuming goes on from the checkpoint."""
    failed = {"id": "7", "status": "FAILURE", "failReason": "banned"}
    conversation = TaskService().resume(Request(prompt="x"), {"task": "7"}, model="mj_imagine")
    with pytest.raises(TaskFailed, match="banned"):
        talk(conversation, [failed])
