"""Chat, Gemini's own wire, OpenRouter's images path, tasks on request: what is asked, and what answers mean."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from conversations import LINK, PNG, found, given, talk
from now_jupyter._messages import BadResponseError, NowImageError, RejectedError
from now_jupyter._protocol import (
    Ask,
    Checkpoint,
    Event,
    Fetch,
    File,
    Fit,
    Found,
    Listed,
    Plan,
    Progress,
    Reply,
    Request,
)
from now_jupyter._services import make_plan, routes, service_named
from now_jupyter._services._tasks import standing_of, task_in
from now_jupyter.services import Exchange, check

URI = f"data:image/png;base64,{PNG}"
FILE = File(sha256="a" * 64, form="data-uri")


def ask(service: str, model: str, prompt: str = "a fox", *, n: int = 1, previews: int = 0, **rest: Any) -> Ask:
    relay, makes = rest.pop("relay", ""), rest.pop("makes", ())
    raw, inputs = rest.pop("raw", {}), rest.pop("inputs", ())
    offered = service_named(service).offer(Listed(name=model, relay=relay, makes=makes))
    assert offered is not None
    request = Request(prompt=prompt, params=rest, raw=raw, inputs=tuple(inputs))
    return Ask(request=request, offer=offered, n=n, previews=previews)


def plan(service: str, *args: Any, **rest: Any) -> Plan:
    return make_plan(service_named(service), ask(service, *args, **rest))


def read(service: str, reply: Reply, *answers: Any, memo: Any = None) -> Any:
    return talk(service_named(service).read(reply, memo or {}), answers)


def answer(body: Any) -> Reply:
    return Reply(body=body, media_type="application/json")


# Which one


@pytest.mark.parametrize(
    ("listed", "service"),
    [
        (Listed(name="gpt-image-2"), "openai-images"),
        (Listed(name="azure/dall-e-2"), "openai-images"),
        (Listed(name="doubao-seedream-4.5"), "openai-images"),
        (Listed(name="who-knows"), "openai-images"),
        (Listed(name="gpt-4o-image"), "chat"),
        (Listed(name="sora_image"), "chat"),
        (Listed(name="gemini-3-pro-image-preview"), "chat"),
        (Listed(name="google/Gemini-2.5-Flash-Image"), "chat"),
        (Listed(name="NanoBananaPro-2K"), "chat"),
        (Listed(name="gemini-2.5-flash-image", paths=("gemini", "openai")), "chat"),
        (Listed(name="gemini-2.5-flash-image", paths=("gemini",)), "gemini"),
        (Listed(name="gemini-2.5-flash-image", paths=("/v1/images/generations",)), "openai-images"),
        (Listed(name="openai/gpt-image-2", relay="openrouter"), "openrouter-images"),
        (Listed(name="gpt-image-2", paths=("/v1/images/generations/async",)), "image-tasks"),
        (Listed(name="gpt-image-2", paths=("异步",)), "image-tasks"),
        (Listed(name="acme/omni-1", makes=("text", "image")), "chat"),
        (Listed(name="openai/gpt-image-2", makes=("text", "image")), "openai-images"),
        (Listed(name="gpt-4o-all", paths=("openai", "image-generation")), "openai-images"),
        (Listed(name="grok-imagine-1.0"), "openai-images"),
        (Listed(name="dalle-3"), "openai-images"),
        (Listed(name="ghibli-studio"), "openai-images"),
        (Listed(name="removeobject"), "openai-images"),
    ],
)
def test_the_way_follows_what_is_published_then_the_name(listed: Listed, service: str) -> None:
    assert routes(listed, Request(prompt="a fox"))[0].service.name == service


@pytest.mark.parametrize("service", ["chat", "openrouter-images", "image-tasks"])
def test_the_users_word_takes_any_model_anywhere(service: str) -> None:
    assert routes(Listed(name="who-knows"), Request(prompt="a fox", service=service))[0].service.name == service


@pytest.mark.parametrize(
    "model",
    [
        *("gpt-4o", "claude-opus-5", "deepseek-v4", "text-embedding-3", "veo-3", "suno_music", "wan2.2-animate-mix"),
        *("grok-imagine-1.0-video", "gpt-realtime", "omni-moderation-latest", "gpt-oss-120b", "doubao-seed-1.6"),
        *("qwq-32b", "mixtral-8x7b", "hunyuan-turbos", "speech-02-hd"),
    ],
)
def test_what_makes_no_pictures_is_not_asked_for_any(model: str) -> None:
    with pytest.raises(Exception, match=model):
        routes(Listed(name=model), Request(prompt="a fox"))


@pytest.mark.parametrize("service", ["chat", "gemini"])
def test_what_is_given_by_name_joins_what_is_sent(service: str) -> None:
    """An object of the user's own takes nothing away from the size, nor from what asks for a picture."""
    raw: dict[str, Any] = {"extra_body": {"google": {"thinking_config": {"level": "low"}}}}
    if service == "gemini":
        raw = {"generationConfig": {"temperature": 1}}
    body: Any = plan(service, "gemini-3-pro-image", size="16:9", raw=raw).call.json
    if service == "gemini":
        config = {"responseModalities": ["TEXT", "IMAGE"], "imageConfig": {"aspectRatio": "16:9"}, "temperature": 1}
        assert body["generationConfig"] == config
    else:
        assert body["extra_body"]["google"] == {"image_config": {"aspect_ratio": "16:9"}, **raw["extra_body"]["google"]}


@pytest.mark.parametrize(
    ("service", "size", "field"),
    [
        ("chat", "16:9", "aspect_ratio"),
        ("gemini", "2K", "image_size"),
        ("openrouter-images", "2K", "resolution"),
        ("openrouter-images", "16:9", "aspect_ratio"),
    ],
)
def test_a_size_that_is_given_twice_is_refused(service: str, size: str, field: str) -> None:
    """Else one of them would get lost without a word."""
    with pytest.raises(NowImageError, match=f"--size and -p {field} set the same field"):
        plan(service, "gemini-3-pro-image", size=size, raw={field: "1K"})


@pytest.mark.parametrize("model", ["sora-2", "kling-v2", "veo-3"])
def test_a_film_is_no_picture_although_its_relay_makes_it_as_a_task(model: str) -> None:
    with pytest.raises(Exception, match=model):
        routes(Listed(name=model, paths=("视频统一格式", "异步")), Request(prompt="a fox"))


# Chat


def test_one_message_holds_prompt_and_pictures() -> None:
    made = plan("chat", "gemini-3-pro-image-preview", inputs=[given("picture")])
    assert made.call.path == "/chat/completions"
    parts = [{"type": "text", "text": "a fox"}, {"type": "image_url", "image_url": {"url": FILE}}]
    assert made.call.json == {
        "model": "gemini-3-pro-image-preview",
        "messages": [{"role": "user", "content": parts}],
    }
    assert (made.expected, made.charge.times, made.charge.unit) == (1, Decimal(1), "call")


@pytest.mark.parametrize(
    ("model", "facts", "config"),
    [
        ("gemini-3-pro-image", {"size": "16:9"}, {"aspect_ratio": "16:9"}),
        ("gemini-3-pro-image", {"size": "2k"}, {"image_size": "2K"}),
        ("gemini-3-pro-image", {"size": "1920x1080"}, {"aspect_ratio": "16:9"}),
        ("gemini-3-pro-image", {"size": "方"}, {"aspect_ratio": "1:1"}),
        (
            "gemini-3-pro-image",
            {"size": "16:9", "raw": {"image_size": "4K"}},
            {"aspect_ratio": "16:9", "image_size": "4K"},
        ),
        ("gemini-3-pro-image", {"size": "auto"}, None),
    ],
)
def test_sizes_go_where_the_dialect_has_them(model: str, facts: Any, config: Any) -> None:
    google = plan("chat", model, **facts).call.json
    assert google.get("extra_body") == (config and {"google": {"image_config": config}})  # type: ignore[union-attr]
    assert plan("chat", model, relay="litellm", **facts) == plan("chat", model, makes=("image", "text"), **facts)
    modal = plan("chat", model, makes=("image", "text"), **facts).call.json
    assert modal["modalities"] == ["image", "text"]  # type: ignore[index,call-overload]
    assert modal.get("image_config") == config  # type: ignore[union-attr]


def test_behind_a_page_the_size_is_the_first_word_of_the_prompt() -> None:
    """Such answers are streamed: they take minutes, and say how far they are; the user's own word stays."""
    made = plan("chat", "gpt-4o-image", size="3:2")
    assert made.call.json == {
        "model": "gpt-4o-image",
        "messages": [{"role": "user", "content": "3:2 a fox"}],
        "stream": True,
    }
    assert made.call.expects == "events"
    assert plan("chat", "gpt-4o-image", raw={"stream": False}).call.expects == "json"
    assert "stream" not in plan("chat", "gemini-3-pro-image").call.json  # type: ignore[operator]
    assert plan("chat", "gemini-3-pro-image", previews=1).call.json["stream"] is True  # type: ignore[index,call-overload]


def test_an_option_that_chat_has_not_is_left_out_and_said() -> None:
    made = plan("chat", "gemini-3-pro-image", quality="high", seed=3)
    assert {one.option: one.kind for one in made.remarks} == {"quality": "ignored", "seed": "ignored"}


SIX = [
    {"choices": [{"message": {"content": "Here it is", "images": [{"type": "image_url", "image_url": {"url": URI}}]}}]},
    {"choices": [{"message": {"content": f"Here it is\n![image]({URI})", "reasoning_content": "hm"}}]},
    {"choices": [{"message": {"content": f"> 进度 **2%**\n\n![f]({LINK})\n[下载⏬]({LINK.replace('1', 'd/1')})\n"}}]},
    {"choices": [{"message": {"content": [{"type": "image_url", "image_url": {"url": LINK}}]}}]},
    {"created": 1, "data": [{"url": LINK}]},
    {"choices": [{"message": {"content": LINK}}]},
]


@pytest.mark.parametrize("body", SIX)
def test_all_six_shapes_of_answers_hold_one_picture(body: Any) -> None:
    steps, outcome = read("chat", answer(body))
    pictures = [one for one in found(steps) if one.kind == "picture"]
    assert [(one.key, len(one.sources)) for one in pictures] == [("1", 1)]
    assert all(one.words == "Here it is" and one.is_side for one in found(steps) if one.kind == "words")
    assert outcome is not None


def chunk(**delta: Any) -> Event:
    return Event(type="", data={"choices": [{"index": 0, "delta": delta}]})


def test_a_stream_tells_how_far_it_is_and_what_the_model_said() -> None:
    """Progress is no part of the words; of the JSON that some begin with the prompt is kept."""
    events = [
        chunk(role="assistant", content='{"prompt":"A mastiff",'),
        chunk(content='"referenced_image_ids":["file-K5"]}\n\n> 排队中..\n\n> 进度 **67%**\n\n'),
        chunk(content=f"![file_00]({LINK})\n[下载⏬]({LINK}?d)\n"),
        None,
    ]
    steps, _ = read("chat", Reply(streamed=True), *events)
    assert next(one.fraction for one in steps if isinstance(one, Progress)) == 0.67
    assert [(one.kind, one.words) for one in found(steps)] == [("picture", ""), ("words", "A mastiff")]


def test_pictures_of_a_stream_stand_in_deltas_of_their_own() -> None:
    events = [chunk(images=[{"image_url": {"url": URI}}]), chunk(content=" "), None]
    steps, _ = read("chat", Reply(streamed=True), *events)
    assert [one.kind for one in found(steps)] == ["picture"]


def test_an_answer_in_words_is_told() -> None:
    body = {"choices": [{"message": {"content": "I cannot draw that."}, "finish_reason": "content_filter"}]}
    with pytest.raises(BadResponseError, match="I cannot draw that") as caught:
        read("chat", answer(body))
    assert caught.value.billed == "maybe"


# Gemini


def test_gemini_gets_parts_and_both_headers() -> None:
    made = plan("gemini", "google/gemini-2.5-flash-image", size="9:16", seed=7, inputs=[given("picture")])
    assert (made.call.path, made.call.ids) == ("/v1beta/models/{}:generateContent", ("gemini-2.5-flash-image",))
    assert made.call.base == "host"
    assert set(made.call.headers.values()) == {"Bearer {key}", "{key}"}
    picture = {"inlineData": {"mimeType": "image/png", "data": File(sha256="a" * 64, form="base64")}}
    assert made.call.json == {
        "contents": [{"role": "user", "parts": [{"text": "a fox"}, picture]}],
        "generationConfig": {
            "responseModalities": ["TEXT", "IMAGE"],
            "imageConfig": {"aspectRatio": "9:16"},
            "seed": 7,
        },
    }


def test_a_picture_of_an_odd_type_goes_as_png() -> None:
    made = plan("gemini", "gemini-2.5-flash-image", inputs=[given("picture", mime="image/avif")])
    (part,) = made.call.json["contents"][0]["parts"][1:]  # type: ignore[index,call-overload]
    assert part["inlineData"]["mimeType"] == "image/png"
    assert part["inlineData"]["data"].convert == "png"


def test_geminis_words_hold_no_picture() -> None:
    """Some relays put the picture into the words of this wire, too."""
    body = {"candidates": [{"content": {"parts": [{"text": f"Here: ![image]({URI})"}]}}]}
    assert [(one.kind, one.words) for one in found(read("gemini", answer(body))[0])] == [
        ("picture", ""),
        ("words", "Here:"),
    ]


@pytest.mark.parametrize("key", ["inlineData", "inline_data"])
def test_geminis_answer_holds_words_and_pictures(key: str) -> None:
    parts = [{"text": "thinking", "thought": True}, {"text": "Here"}, {key: {"mimeType": "image/png", "data": PNG}}]
    steps, _ = read("gemini", answer({"candidates": [{"content": {"parts": parts}}]}))
    assert [(one.kind, one.words) for one in found(steps)] == [("picture", ""), ("words", "Here")]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}, "PROHIBITED_CONTENT"),
        ({"candidates": [{"finishReason": "IMAGE_SAFETY"}]}, "IMAGE_SAFETY"),
        ({"candidates": [{"content": {"parts": [{"text": "No."}]}, "finishReason": "STOP"}]}, "No."),
    ],
)
def test_why_gemini_made_nothing_is_told(body: Any, words: str) -> None:
    """The model read the prompt, and what it reads is charged."""
    with pytest.raises(NowImageError, match=words) as caught:
        read("gemini", answer(body))
    assert caught.value.billed == "maybe"


# OpenRouter


@pytest.mark.parametrize(
    ("size", "field"),
    [
        ("16:9", {"aspect_ratio": "16:9"}),
        ("2K", {"resolution": "2K"}),
        ("1024x768", {"size": "1024x768"}),
        ("auto", {}),
    ],
)
def test_openrouter_takes_ratio_tier_and_pixels_apart(size: str, field: Any) -> None:
    made = plan("openrouter-images", "openai/gpt-image-2", size=size, format="png", n=2, relay="openrouter")
    assert made.call.path == "/images"
    own = {"model": "openai/gpt-image-2", "prompt": "a fox", "output_format": "png", "n": 2}
    assert made.call.json == {**own, **field}
    assert (made.expected, made.charge.times, made.charge.unit) == (2, Decimal(2), "picture")


def test_openrouter_gets_references_in_the_body_and_tells_the_cost() -> None:
    made = plan("openrouter-images", "openai/gpt-image-2", inputs=[given("picture")])
    assert made.call.json["input_references"] == [{"type": "image_url", "image_url": {"url": FILE}}]  # type: ignore[index,call-overload]
    body = {"created": 1, "data": [{"b64_json": PNG, "media_type": "image/png"}], "usage": {"cost": 0.04}}
    steps, outcome = read("openrouter-images", answer(body), memo=made.memo)
    assert len(found(steps)) == 1
    assert outcome.cost == Decimal("0.04")


# Tasks on request


def test_a_task_is_asked_for_where_the_relay_has_it() -> None:
    asked = plan("image-tasks", "gpt-image-2", n=2, previews=2)
    assert (asked.call.path, asked.call.query) == ("/images/generations", {"async": "true"})
    assert asked.call.json == {"model": "gpt-image-2", "prompt": "a fox", "n": 2}
    edit = plan("image-tasks", "gpt-image-2", inputs=[given("picture")])
    assert (edit.call.path, edit.call.query) == ("/images/edits", {"async": "true"})
    listed = Listed(name="gpt-image-2", paths=("/v1/images/generations/async",))
    offered = service_named("image-tasks").offer(listed)
    assert offered is not None
    own = service_named("image-tasks").plan(Ask(request=Request(prompt="a fox"), offer=offered))
    assert (own.call.path, dict(own.call.query)) == ("/images/generations/async", {})


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ({"task_id": "t1"}, {"status": "SUCCESS", "data": {"data": {"data": [{"url": LINK}]}}}),
        (
            {"code": "success", "data": "t1"},
            {"code": "success", "data": {"status": "SUCCESS", "data": {"data": [{"url": LINK}]}}},
        ),
        (
            {"id": "t1", "object": "image.generation.task", "status": "pending"},
            {"status": "completed", "results": [LINK]},
        ),
        (
            {"code": 200, "data": [{"status": "submitted", "task_id": "t1"}]},
            {"code": 200, "data": {"status": "completed", "result": {"images": [{"url": [LINK]}]}}},
        ),
        ({"task_id": "t1", "status": "processing"}, {"status": "completed", "result": {"data": [{"url": LINK}]}}),
    ],
)
@pytest.mark.parametrize("service", ["image-tasks", "openai-images"])
def test_all_dialects_of_image_tasks_are_followed(service: str, first: Any, last: Any) -> None:
    """The id is durable first, whether a task was asked for or came instead of pictures; then it is polled."""
    steps, _ = read(service, answer(first), {"status": "processing", "progress": "40%"}, last, memo={"n": 1})
    kinds = [type(one) for one in steps]
    assert kinds.index(Checkpoint) < kinds.index(Found)
    assert next(one for one in steps if isinstance(one, Checkpoint)).state["task"] == "t1"
    assert [one.sources[0].url for one in found(steps)] == [LINK]  # type: ignore[union-attr]
    asked = service_named(service).poll(("t1",))
    fetches = [step for step in talk(asked, [answer(None), answer(last)])[0] if isinstance(step, Fetch)]
    assert [one.call.path for one in fetches] == ["/images/tasks/{}", "/tasks/{}"]


# The contract


@pytest.mark.parametrize(
    ("service", "model", "body"),
    [
        ("chat", "gemini-3-pro-image", SIX[0]),
        ("chat", "gpt-4o-image", SIX[2]),
        (
            "gemini",
            "gemini-2.5-flash-image",
            {"candidates": [{"content": {"parts": [{"inlineData": {"mimeType": "image/png", "data": PNG}}]}}]},
        ),
        ("openrouter-images", "openai/gpt-image-2", {"data": [{"b64_json": PNG}]}),
        ("image-tasks", "gpt-image-2", {"data": [{"b64_json": PNG}]}),
    ],
)
def test_each_keeps_the_contract_of_services(service: str, model: str, body: Any) -> None:
    """Plans are pure and hold no key; kept, cut and foreign answers raise errors of ours only."""
    asks = [ask(service, model), ask(service, model, size="16:9"), ask(service, model, inputs=[given("picture")])]
    keys = tuple(one.key for one in found(read(service, answer(body))[0]))
    check(service_named(service), asks, [Exchange(reply=answer(body), keys=keys)])
    assert json.dumps(body)
    assert all(one.offer.fit in Fit for one in asks)


@pytest.mark.parametrize(
    ("known", "standing"),
    [
        ({"status": "success", "data": {"status": "processing"}}, "open"),
        ({"status": "success", "data": {"status": "failed"}}, "dead"),
        ({"status": "success", "data": {"status": "ready", "url": LINK}}, "done"),
        ({"status": "success", "data": {"status": "completed"}}, "done"),
        ({"output": {"task_status": "RUNNING"}}, "open"),
        ({"output": {"task_status": "FAILED", "message": "no"}}, "dead"),
        ({"output": {"task_status": "SUCCEEDED", "results": [{"url": LINK}]}}, "done"),
        ({"result": {"state": "fail"}}, "dead"),
        ({"status": "failed", "data": {"status": "completed"}}, "dead"),
        ({"progress": 40}, "open"),
    ],
)
def test_how_a_task_stands_is_its_own_word(known: Any, standing: str) -> None:
    """Around it there may be another one, of the question that was asked."""
    assert standing_of(known) == standing


NO_TASK = [BadResponseError("trouble", status=500), answer({"success": True, "message": "", "data": None})]


@pytest.mark.parametrize("first", NO_TASK)
def test_the_second_address_is_asked_where_the_first_one_tells_nothing(first: Any) -> None:
    service = service_named("image-tasks")
    done = {"status": "completed", "results": [LINK]}
    assert talk(service.poll(("t1",)), [first, answer(done)])[1] == {"t1": done}
    if isinstance(first, Exception):  # what is only trouble is asked again
        with pytest.raises(BadResponseError, match="trouble"):
            talk(service.poll(("t1",)), [first, RejectedError("none")])
    else:
        assert talk(service.poll(("t1",)), [first, RejectedError("none")])[1] == {"t1": first.body}


def test_the_id_of_a_request_is_a_task_while_it_goes_on() -> None:
    assert task_in({"request_id": "t1", "status": "IN_QUEUE"}) == "t1"
    assert task_in({"request_id": "t1", "data": []}) == ""
