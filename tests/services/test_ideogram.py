"""Ideogram: the older endpoints and the forms of v3, by what is named and given; what was blocked is no crash."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from conversations import LINK, found, given, talk
from now_jupyter._messages import InputError, NowImageError
from now_jupyter._protocol import Ask, File, Fit, Listed, Lost, Offer, Plan, Reply, Request
from now_jupyter._services import Exchange, check, make_plan, routes, service_named

IDEOGRAM = service_named("ideogram")
KEY = {"Authorization": "Bearer {key}", "Api-Key": "{key}"}


def offer(model: str) -> Offer:
    offered = IDEOGRAM.offer(Listed(name=model))
    assert offered is not None
    return offered


def ask(prompt: str = "a logo", model: str = "ideogram_generate", *, n: int = 1, **rest: Any) -> Ask:
    raw, inputs = rest.pop("raw", {}), rest.pop("inputs", ())
    return Ask(request=Request(prompt=prompt, params=rest, raw=raw, inputs=tuple(inputs)), offer=offer(model), n=n)


def plan(*args: Any, **rest: Any) -> Plan:
    return make_plan(IDEOGRAM, ask(*args, **rest))


def asked(made: Plan) -> dict[str, Any]:
    """The `image_request` of a plan, be it JSON or a part of a form."""
    if made.call.form is None:
        body: Any = made.call.json
        return dict(body["image_request"])
    text = dict(made.call.form)["image_request"]
    assert isinstance(text, str)
    return dict(json.loads(text))


@pytest.mark.parametrize(
    ("model", "path", "body"),
    [
        ("ideogram_generate", "/ideogram/generate", {"prompt": "a logo"}),
        ("V_2", "/ideogram/generate", {"prompt": "a logo", "model": "V_2"}),
        ("V_2A_TURBO", "/ideogram/generate", {"prompt": "a logo", "model": "V_2A_TURBO"}),
        ("ideogram-v2-turbo", "/ideogram/generate", {"prompt": "a logo", "model": "V2_TURBO"}),
    ],
)
def test_a_name_says_which_endpoint_and_version(model: str, path: str, body: dict[str, Any]) -> None:
    made = plan(model=model)
    assert (made.call.path, made.call.base, made.call.headers) == (path, "host", KEY)
    assert asked(made) == {**body, **({"model": body["model"].replace("V2", "V_2")} if "model" in body else {})}


@pytest.mark.parametrize("model", ["gpt-image-2", "v2", "some_v_2_model", "V_9", ""])
def test_other_names_are_not_its_own(model: str) -> None:
    assert IDEOGRAM.offer(Listed(name=model)) is None or model == "v2"


def test_a_relay_that_puts_it_before_the_images_endpoint_is_asked_there() -> None:
    """What it publishes goes before what a name says."""
    listed = Listed(name="ideogram-v3", paths=("/v1/images/generations",))
    assert routes(listed, Request(prompt="x"))[0].service.name == "openai-images"
    assert routes(Listed(name="ideogram-v3"), Request(prompt="x"))[0].service.name == "ideogram"
    assert offer("ideogram_generate").fit is Fit.RESERVED


def test_options_under_the_names_of_either_form() -> None:
    made = plan(
        size="16:9",
        n=2,
        style="DESIGN",
        seed=5,
        negative="blur",
        raw={"magic_prompt_option": "OFF", "color_palette": {"name": "EMBER"}},
    )
    assert asked(made) == {
        "prompt": "a logo",
        "aspect_ratio": "ASPECT_16_9",
        "style_type": "DESIGN",
        "seed": 5,
        "negative_prompt": "blur",
        "magic_prompt_option": "OFF",
        "color_palette": {"name": "EMBER"},
        "num_images": 2,
    }
    assert (made.charge.times, made.charge.unit, made.expected) == (Decimal(2), "picture", 2)
    third = plan(model="ideogram-v3", size="3:2", quality="TURBO", seed=5, raw={"magic_prompt": "ON"})
    assert third.call.path == "/ideogram/v1/ideogram-v3/generate"
    assert third.call.form is not None
    assert dict(third.call.form) == {
        "prompt": "a logo",
        "magic_prompt": "ON",
        "aspect_ratio": "3x2",
        "rendering_speed": "TURBO",
        "seed": "5",
    }


def test_pixels_are_a_resolution_and_never_go_with_a_ratio() -> None:
    assert asked(plan(size="1024x768")) == {"prompt": "a logo", "resolution": "RESOLUTION_1024_768"}
    third = plan(model="ideogram-v3", size="1024x768").call.form
    assert dict(third or ())["resolution"] == "1024x768"
    with pytest.raises(InputError, match="reframe needs a size in pixels"):
        plan("", "ideogram-v3-reframe", inputs=[given("picture")], size="16:9")
    framed = plan("", "ideogram-v3-reframe", inputs=[given("picture")], size="1024x768")
    assert dict(framed.call.form or ())["resolution"] == "1024x768"
    for wrong in ({"size": "16:9"}, {"size": "1024x768"}, {"raw": {"aspect_ratio": "ASPECT_1_1"}}):
        raw = {"resolution": "RESOLUTION_1024_1024", **wrong.get("raw", {})}
        with pytest.raises(InputError, match="give one of them"):
            plan(**{**wrong, "raw": raw})


def test_a_picture_makes_it_a_remix_and_a_mask_an_edit() -> None:
    made = plan(inputs=[given("picture")], raw={"image_weight": 70})
    assert made.call.path == "/ideogram/remix"
    assert dict(made.call.form or ())["image_file"] == File(sha256="a" * 64)
    assert asked(made) == {"prompt": "a logo", "image_weight": 70}
    third = plan(model="ideogram-v3", inputs=[given("picture")])
    assert third.call.path == "/ideogram/v1/ideogram-v3/remix"
    masked = plan(model="ideogram-v3", inputs=[given("picture"), given("mask", "b")])
    assert masked.call.path == "/ideogram/v1/ideogram-v3/edit"
    assert dict(masked.call.form or ())["mask"] == File(sha256="b" * 64, convert="mask-black")
    with pytest.raises(InputError, match=r"(?s)takes nothing as mask.*ideogram-v3"):
        routes(Listed(name="V_2"), Request(prompt="x", inputs=(given("picture"), given("mask", "b"))))


def test_upscale_and_describe() -> None:
    made = plan("", "ideogram_upscale", inputs=[given("picture")], raw={"resemblance": 60})
    assert made.call.path == "/ideogram/upscale"
    assert asked(made) == {"resemblance": 60}
    described = plan("", "ideogram_describe", inputs=[given("picture")])
    assert (described.call.path, offer("ideogram_describe").makes) == ("/ideogram/describe", "words")
    assert described.call.form == (("image_file", File(sha256="a" * 64)),)
    newer = plan("", "ideogram_describe", inputs=[given("picture")], raw={"describe_model_version": "V_3"})
    assert dict(newer.call.form or ()) == {"describe_model_version": "V_3", "image_file": File(sha256="a" * 64)}
    for model in ("ideogram_upscale", "ideogram_describe", "ideogram_remix"):
        with pytest.raises(InputError, match="needs a picture"):
            plan("", model)
    with pytest.raises(InputError, match="at most 25"):
        plan(inputs=[given("picture", size_bytes=26_000_000)])


def test_pictures_with_the_prompt_and_the_seed_that_were_used() -> None:
    """`created` is a text or a number; nobody minds."""
    item = {"prompt": "a minimal logo", "is_image_safe": True, "seed": 12345, "url": LINK, "resolution": "1024x1024"}
    steps, _ = talk(IDEOGRAM.read(Reply(body={"created": "2026-11-22T08:00:00+00:00", "data": [item]}), {"n": 1}))
    (one,) = found(steps)
    assert (one.about["revised_prompt"], one.about["seed"]) == ("a minimal logo", 12345)
    plain, _ = talk(IDEOGRAM.read(Reply(body={"created": 5, "data": [{"url": LINK}]}), {"n": 1}))
    assert len(found(plain)) == 1


def test_what_was_blocked_is_one_picture_that_will_not_come() -> None:
    blocked = {"prompt": "x", "is_image_safe": False, "url": None, "seed": 1}
    item = {"prompt": "x", "is_image_safe": True, "url": LINK, "seed": 2}
    steps, outcome = talk(IDEOGRAM.read(Reply(body={"data": [blocked, item]}), {"n": 2}))
    assert [type(step).__name__ for step in steps] == ["Lost", "Found"]
    assert isinstance(steps[0], Lost)
    assert outcome is not None
    with pytest.raises(NowImageError, match="blocked as unsafe") as caught:
        talk(IDEOGRAM.read(Reply(body={"data": [{**blocked, "url": "", "is_image_safe": "false"}]}), {"n": 1}))
    assert caught.value.billed == "maybe"


def test_descriptions_are_words() -> None:
    steps, outcome = talk(IDEOGRAM.read(Reply(body={"descriptions": [{"text": "a boat"}, {"text": "a ship"}]}), {}))
    assert [one.words for one in found(steps)] == ["a boat", "a ship"]
    assert outcome is not None
    assert outcome.expected == 2


def test_it_keeps_the_contract() -> None:
    asks = [
        ask(size="16:9", n=2),
        ask(size="1024x768"),
        ask(inputs=[given("picture")]),
        ask(model="ideogram-v3", inputs=[given("picture"), given("mask", "b")]),
        ask("", "ideogram_describe", inputs=[given("picture")]),
    ]
    items = [{"prompt": "x", "is_image_safe": True, "url": LINK}, {"is_image_safe": False, "url": None}]
    replies = [
        Reply(body={"created": 5, "data": items}),
        Exchange(reply=Reply(body={"descriptions": [{"text": "a boat"}]})),
        Reply(body={"error": "prompt failed the safety check"}),
    ]
    check(IDEOGRAM, asks, replies)
