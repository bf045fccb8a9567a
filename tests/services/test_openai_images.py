"""The images endpoints: what is asked of them, and what their answers mean."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from conversations import LINK, PNG, ask, found, given, offer, plan, talk
from now_jupyter._messages import BadResponseError, InputError, MaybeBilledError, RejectedError, TaskFailed
from now_jupyter._protocol import Checkpoint, Event, Fetch, File, Fit, Link, Listed, Progress, Reply
from now_jupyter._services import service_named
from now_jupyter.services import Exchange, check

IMAGES = service_named("openai-images")


def read(reply: Reply, *answers: Any, n: int = 1) -> Any:
    return talk(IMAGES.read(reply, {"n": n}), answers)


def test_one_paid_call_carries_model_and_prompt_and_only_what_was_given() -> None:
    """Optional fields that were not given are not in the body, and the call goes to the images endpoint."""
    made = plan(prompt='it\'s "x" --ar 16:9 ?', quality="low")
    assert (made.call.method, made.call.path) == ("POST", "/images/generations")
    assert made.call.json == {"model": "gpt-image-2", "prompt": 'it\'s "x" --ar 16:9 ?', "quality": "low"}
    assert made.call.expects == "json"
    assert made.remarks == ()


def test_a_name_is_sent_as_typed_and_known_by_its_last_part_in_any_case() -> None:
    made = plan(model="azure/GPT-Image-2", size="9:16")
    assert made.call.json == {"model": "azure/GPT-Image-2", "prompt": "a fox", "size": "864x1536"}


def test_partial_pictures_are_asked_for_only_where_they_are_wanted_and_known() -> None:
    """`stream` is never sent unasked, nor to a model that is not known to stream; the user's own word stays."""
    streamed = plan(previews=2)
    assert streamed.call.json == {"model": "gpt-image-2", "prompt": "a fox", "stream": True, "partial_images": 2}
    assert streamed.call.expects == "events"
    for quiet in (plan(), plan(model="dall-e-3", previews=2), plan(model="flux-9", previews=2)):
        assert "stream" not in quiet.call.json  # type: ignore[operator]
    assert plan(previews=2, raw={"stream": False}).call.expects == "json"
    assert plan(previews=9).call.json["partial_images"] == 3  # type: ignore[index,call-overload]


def test_n_is_sent_where_it_is_more_than_one() -> None:
    made = plan(n=4)
    assert made.call.json == {"model": "gpt-image-2", "prompt": "a fox", "n": 4}
    assert (made.expected, made.charge.times, made.charge.unit) == (4, Decimal(4), "picture")


@pytest.mark.parametrize(
    ("model", "options", "times"),
    [
        ("dall-e-3", {}, "1"),
        ("dall-e-3", {"size": "16:9"}, "2"),
        ("dall-e-3", {"quality": "hd"}, "2"),
        ("dall-e-3", {"size": "1024x1792", "quality": "hd"}, "3"),
        ("dall-e-2", {"size": "256x256"}, "0.4"),
        ("dall-e-2", {"size": "512x512"}, "0.45"),
        ("gpt-image-2", {"size": "1792x1024", "quality": "hd"}, "1"),
    ],
)
def test_dall_e_is_priced_by_size_and_quality(model: str, options: Any, times: str) -> None:
    """What is priced is what is sent: a ratio counts as the size that it becomes."""
    assert plan(model=model, **options).charge.times == Decimal(times)


def test_a_raw_size_is_priced_as_well() -> None:
    assert plan(model="dall-e-3", raw={"size": "1792x1024"}).charge.times == 2


@pytest.mark.parametrize("field", ["model", "prompt", "n", "batch_size", "num_images"])
def test_raw_fields_cannot_pass_by_splitting_and_price(field: str) -> None:
    with pytest.raises(InputError, match=field):
        plan(raw={field: 4})


def test_raw_fields_go_out_as_they_are() -> None:
    assert plan(raw={"moderation": "low", "x": {"y": [1]}}).call.json == {
        "model": "gpt-image-2",
        "prompt": "a fox",
        "moderation": "low",
        "x": {"y": [1]},
    }


def test_an_empty_prompt_is_refused_before_paying() -> None:
    with pytest.raises(InputError, match="no prompt"):
        plan(prompt=" \n")


# Pictures that are given


def test_a_picture_of_gpt_goes_as_a_file_to_edits() -> None:
    made = plan(inputs=[given("picture")], quality="low", n=2)
    assert made.call.path == "/images/edits"
    assert made.call.json is None
    assert made.call.form == (
        ("model", "gpt-image-2"),
        ("prompt", "a fox"),
        ("quality", "low"),
        ("n", "2"),
        ("image", File(sha256="a" * 64)),
    )


def test_several_pictures_and_a_mask() -> None:
    """Each picture is an `image[]`; the mask has its hole where alpha is 0; other formats become PNG."""
    pictures = [given("picture", "a"), given("picture", "b", mime="image/gif")]
    made = plan(inputs=[*pictures, given("mask", "c")], previews=1)
    assert made.call.expects == "events"
    assert made.call.form is not None
    assert made.call.form[-3:] == (
        ("image[]", File(sha256="a" * 64)),
        ("image[]", File(sha256="b" * 64, convert="png")),
        ("mask", File(sha256="c" * 64, convert="mask-alpha")),
    )
    assert ("stream", "true") in made.call.form


@pytest.mark.parametrize(
    ("model", "width", "height", "size"),
    [
        ("gpt-image-2", 1536, 864, "1536x864"),
        ("gpt-image-2", 300, 200, "1536x1024"),
        ("gpt-image-1", 768, 512, "1536x1024"),
        ("gpt-image-1", 1536, 864, None),
        ("gpt-image-2", 0, 0, None),
    ],
)
def test_a_masked_picture_keeps_its_shape(model: str, width: int, height: int, size: str | None) -> None:
    """Where no size is given and the model has one of that shape: else nothing could be laid back around it."""
    inputs = [given("picture", width=width, height=height), given("mask", "c")]
    assert dict(plan(model=model, inputs=inputs).call.form or ()).get("size") == size
    assert dict(plan(model=model, inputs=inputs, size="auto").call.form or ())["size"] == "auto"
    assert "size" not in dict(plan(model=model, inputs=inputs[:1]).call.form or ())


def test_what_a_model_is_known_to_refuse_is_refused_before_paying() -> None:
    with pytest.raises(InputError, match=r"60\.0 MB, and gpt-image-2 takes at most 50"):
        plan(inputs=[given("picture", size_bytes=60_000_000)])
    with pytest.raises(InputError, match="square"):
        plan(model="dall-e-2", inputs=[given("picture", width=100, height=80)])
    with pytest.raises(InputError, match="square"):
        plan(model="dall-e-2", prompt="", inputs=[given("vary", width=100, height=80)])


@pytest.mark.parametrize("model", ["gpt-image-2", "seedream-4", "some-model"])
def test_models_without_variations_are_asked_for_another_version(model: str) -> None:
    """Only dall-e-2 has an endpoint for it; with others it is an edit, which says what is wanted where nobody does."""
    silent, told = (plan(prompt=prompt, model=model, inputs=[given("vary")]).call for prompt in ("", "at dusk"))
    assert all(call.path in ("/images/edits", "/images/generations") for call in (silent, told))
    said = [dict(call.form or ()).get("prompt") or call.json["prompt"] for call in (silent, told)]
    assert said[0].startswith("Another version of this picture")
    assert said[1] == "at dusk"


def test_other_makers_take_references_in_the_body() -> None:
    """Seedream and most others have no /images/edits: one data URI, or a list."""
    one = plan(model="doubao-seedream-4-5", inputs=[given("picture")])
    assert one.call.path == "/images/generations"
    assert one.call.json["image"] == File(sha256="a" * 64, form="data-uri")  # type: ignore[index,call-overload]
    two = plan(model="flux-kontext", inputs=[given("picture"), given("picture", "b")])
    assert len(two.call.json["image"]) == 2  # type: ignore[index,call-overload,arg-type]


def test_a_variation_needs_no_prompt_and_sends_none() -> None:
    made = plan(prompt="", model="dall-e-2", inputs=[given("vary")], size="512x512")
    assert made.call.path == "/images/variations"
    assert made.call.form == (
        ("model", "dall-e-2"),
        ("size", "512x512"),
        ("image", File(sha256="a" * 64, convert="png")),
    )


# Models


@pytest.mark.parametrize(
    ("listed", "fit"),
    [
        (Listed(name="gpt-image-2"), Fit.NAMED),
        (Listed(name="some-model", paths=("/v1/images/generations",)), Fit.PUBLISHED),
        (Listed(name="qwen-image"), Fit.NAMED),
        (Listed(name="hidream-i1"), Fit.LIKELY),
        (Listed(name="who-knows", makes=("image",)), Fit.LIKELY),
        (Listed(name="who-knows"), Fit.FALLBACK),
        (Listed(name="gpt-4o"), Fit.ASKED),
        (Listed(name="gpt-4o", makes=("text", "image")), Fit.LIKELY),
        (Listed(name="seedance-1", makes=("video",), paths=("/v1/images/generations",)), Fit.ASKED),
        (Listed(name="mj_imagine"), Fit.ASKED),
        (Listed(name="wan2.2-t2v", paths=("/v1/images/generations",)), Fit.ASKED),
    ],
)
def test_how_surely_a_model_lives_here(listed: Listed, fit: Fit) -> None:
    offered = IMAGES.offer(listed)
    assert offered is not None
    assert offered.fit is fit


def test_what_makes_one_picture_a_call_is_never_asked_for_more() -> None:
    """dall-e-3 refuses n; what shops call gpt-image-2-all bills n and makes one; Seedream has no n."""
    single = ("dall-e-3", "openai/dall-e-3", "gpt-image-2-all", "doubao-seedream-4-5")
    assert {offer(name).most for name in single} == {1}
    assert offer("gpt-image-2").most == offer("who-knows").most == 10


# Answers


def test_links_base64_and_usage() -> None:
    """Usage of zeros only is no usage."""
    body = {
        "created": 5,
        "data": [{"url": LINK, "revised_prompt": "a red fox", "seed": 7}],
        "usage": {"total_tokens": 7},
    }
    steps, outcome = read(Reply(body=body))
    assert [(one.key, one.sources) for one in found(steps)] == [("1", (Link(LINK),))]
    assert found(steps)[0].about == {"revised_prompt": "a red fox", "seed": 7}
    assert outcome.usage == {"total_tokens": 7}
    _, outcome = read(Reply(body={**body, "usage": {"total_tokens": 0}}))
    assert outcome.usage == {}


@pytest.mark.parametrize(
    "body", [None, {}, {"data": []}, {"data": None}, [], {"data": [{}]}, {"data": [None]}, 3, "text"]
)
def test_a_reply_without_a_picture_is_a_bad_response_and_maybe_billed(body: Any) -> None:
    """Nobody knows whether it was paid for; the message says what to do."""
    with pytest.raises(BadResponseError) as caught:
        read(Reply(body=body))
    assert caught.value.billed == "maybe"
    assert caught.value.next_step()


def test_a_refusal_inside_a_success_has_the_relays_reason() -> None:
    """A known refusal code says that nothing was billed; any other leaves it open."""
    with pytest.raises(RejectedError, match="not allowed here") as caught:
        read(Reply(body={"error": {"message": "not allowed here", "code": "moderation_blocked"}}))
    assert caught.value.billed == "no"
    with pytest.raises(BadResponseError, match="out of luck") as doubtful:
        read(Reply(body={"success": False, "message": "out of luck"}))
    assert doubtful.value.billed == "maybe"


def test_the_words_of_an_answer_without_a_picture_are_told() -> None:
    body = {"choices": [{"message": {"content": "I cannot draw this person."}}]}
    with pytest.raises(BadResponseError, match="cannot draw this person"):
        read(Reply(body=body))


def test_an_html_page_is_named_as_such() -> None:
    """The commonest reason is a wrong address, so the message points there."""
    with pytest.raises(BadResponseError, match="HTML"):
        read(Reply(media_type="text/html", text="<!doctype html><html>"))


def test_a_stream_that_ends_early_is_maybe_billed() -> None:
    """A partial picture is no picture."""
    events = [Event("image_generation.partial_image", {"b64_json": PNG, "partial_image_index": 0}), None]
    with pytest.raises(BadResponseError) as caught:
        read(Reply(streamed=True), *events)
    assert caught.value.billed == "maybe"


@pytest.mark.parametrize(
    ("data", "billed"),
    [
        ({"error": {"message": "no luck", "code": "moderation_blocked"}}, "no"),
        ({"type": "error", "message": "no luck"}, "maybe"),
    ],
)
def test_an_error_inside_a_stream_is_told_and_judged_as_anywhere(data: Any, billed: str) -> None:
    """The relay's words are shown; a known code proves that nothing was billed, unless a picture was begun."""
    with pytest.raises((BadResponseError, RejectedError), match="no luck") as caught:
        read(Reply(streamed=True), Event("error", data), None)
    assert caught.value.billed == billed
    begun = Event("image_generation.partial_image", {"b64_json": PNG, "partial_image_index": 0})
    with pytest.raises((BadResponseError, RejectedError)) as caught:
        read(Reply(streamed=True), begun, Event("error", data), None)
    assert caught.value.billed == "maybe"


def test_an_error_of_the_transport_passes_through_the_conversation() -> None:
    with pytest.raises(MaybeBilledError):
        read(Reply(streamed=True), MaybeBilledError("cut"))


# A task in place of pictures

ACCEPTED = {"code": 200, "data": [{"status": "submitted", "task_id": "t-1"}]}
DONE = {"code": 200, "data": {"status": "completed", "result": {"images": [{"url": [LINK]}]}}}


def test_a_task_in_place_of_pictures_is_kept_and_followed() -> None:
    """Its id is on disk before anything else; then it is polled until its picture is there."""
    steps, outcome = read(Reply(body=ACCEPTED), {"data": {"status": "processing", "progress": 40}}, DONE)
    assert [type(step).__name__ for step in steps] == ["Checkpoint", "Poll", "Progress", "Poll", "Found"]
    assert steps[0] == Checkpoint(state={"task": "t-1"})
    assert steps[2] == Progress(fraction=0.4)
    assert found(steps)[0].sources == (Link(LINK),)
    assert outcome is not None


def test_a_resumed_task_tells_why_it_failed() -> None:
    with pytest.raises(TaskFailed, match="banned"):
        talk(IMAGES.resume({"task": "t-1"}), [{"status": "FAILURE", "fail_reason": "banned"}])


def test_a_task_is_asked_for_where_the_relay_has_it() -> None:
    steps, known = talk(IMAGES.poll(("t-1",)), [RejectedError("none"), Reply(body=DONE)])
    assert [step.call.path for step in steps if isinstance(step, Fetch)] == ["/images/tasks/{}", "/tasks/{}"]
    assert known == {"t-1": DONE}  # type: ignore[comparison-overlap]
    _, unknown = talk(IMAGES.poll(("t-1",)), [RejectedError("none"), RejectedError("none")])
    assert unknown == {}  # type: ignore[comparison-overlap]


def test_an_id_alone_is_no_task() -> None:
    """Answers of all kinds have ids; only a state beside it makes a task of it."""
    with pytest.raises(BadResponseError):
        read(Reply(body={"id": "chatcmpl-1", "choices": []}))


# The contract

EVENTS = (
    Event("image_generation.partial_image", {"b64_json": PNG, "partial_image_index": 0}),
    Event("image_generation.completed", {"b64_json": PNG, "usage": {"total_tokens": 3}}),
    Event("error", {"error": {"message": "one is lost"}}),
    Event("image_generation.completed", {"url": LINK}),
)
ASKS = [
    ask(size="16:9", n=2, previews=2),
    ask(model="dall-e-3", size="portrait", quality="hd"),
    ask(model="dall-e-2", inputs=[given("vary")]),
    ask(model="who-knows", inputs=[given("picture")], raw={"x": 1}),
    ask(inputs=[given("picture"), given("mask", "b")]),
]
REPLIES = [
    Reply(body={"created": 5, "data": [{"url": LINK}, {"b64_json": PNG}, {"error": {"message": "lost"}}]}),
    Reply(is_file=True, media_type="image/png"),
    Reply(media_type="text/html", text="<html>"),
    Exchange(reply=Reply(streamed=True), events=EVENTS),
    Exchange(reply=Reply(body=ACCEPTED), answers=(Reply(body={"data": {"status": "processing"}}), Reply(body=DONE))),
]


@pytest.mark.slow
def test_it_keeps_the_contract() -> None:
    check(IMAGES, ASKS, REPLIES)


def test_plans_are_json_but_for_their_files() -> None:
    assert json.dumps(plan(raw={"x": 1}).call.json)
