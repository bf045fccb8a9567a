"""The OpenAI image endpoints of the demo relay."""

import asyncio
import base64
import io

import pytest
from PIL import Image, ImageChops

from demo_calls import Answer, Clock, ask, generate, get, new_relay, opened, png, post, send_form


def picture_of(answer: Answer, index: int = 0) -> bytes:
    return base64.b64decode(answer.json["data"][index]["b64_json"])


def test_a_gpt_model_answers_base64_with_usage_and_what_was_really_used() -> None:
    """The reply has the documented keys, and the file the asked size."""
    answer = asyncio.run(generate(new_relay(), size="1536x1024", quality="high"))
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json["size"] == "1536x1024"
    assert answer.json["quality"] == "high"
    usage = answer.json["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert opened(picture_of(answer)).size == (1536, 1024)


def test_dalle_answers_a_link_that_needs_no_key_and_a_revised_prompt() -> None:
    """The link is fetched without Authorization although the API wants one."""

    async def story() -> None:
        relay = new_relay(key="toy")
        headers = {"content-type": "application/json", "authorization": "Bearer toy"}
        answer = await ask(relay, "POST", "/v1/images/generations", b'{"model":"dall-e-3","prompt":"fox"}', headers)
        item = answer.json["data"][0]
        assert "fox" in item["revised_prompt"]
        assert "b64_json" not in item
        picture = await get(relay, item["url"])
        assert picture.headers["content-type"] == "image/png"
        assert opened(picture.body).size == (1024, 1024)

    asyncio.run(story())


def test_dalle_honours_response_format_and_gpt_refuses_it() -> None:
    """Base64 from dall-e on request; 400 unknown_parameter from a GPT model."""
    assert (
        "b64_json" in asyncio.run(generate(new_relay(), model="dall-e-3", response_format="b64_json")).json["data"][0]
    )
    refused = asyncio.run(generate(new_relay(), response_format="url"))
    assert refused.status == 400
    assert refused.error == {
        "message": "Unknown parameter: 'response_format'.",
        "type": "invalid_request_error",
        "param": "response_format",
        "code": "unknown_parameter",
    }


@pytest.mark.parametrize("partials", [0, 1, 2, 3])
def test_a_stream_brings_partials_in_order_then_the_picture_then_done(partials: int) -> None:
    """Indexes count from 0, the end is `completed` with usage and `[DONE]`."""
    answer = asyncio.run(generate(new_relay(), stream=True, partial_images=partials))
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.body.endswith(b"data: [DONE]\n\n")
    names = [name for name, _ in answer.events]
    assert names == ["image_generation.partial_image"] * partials + ["image_generation.completed"]
    assert [data["partial_image_index"] for _, data in answer.events[:-1]] == list(range(partials))
    assert all(data["type"] == name for name, data in answer.events)
    assert answer.events[-1][1]["usage"]["output_tokens"] > 0


@pytest.mark.slow
@pytest.mark.drawn
def test_partials_come_closer_and_closer_to_the_very_picture() -> None:
    """Each stage differs less from the end than the one before."""
    events = asyncio.run(generate(new_relay(), "misty mountains", stream=True, partial_images=3)).events
    stages = [opened(base64.b64decode(data["b64_json"])).convert("RGB") for _, data in events]
    distances = [
        sum(ImageChops.difference(stage, stages[-1]).resize((1, 1), Image.Resampling.BOX).getpixel((0, 0)))
        for stage in stages
    ]
    assert distances == sorted(distances, reverse=True)
    assert distances[0] > distances[-1] == 0


def test_a_stream_passes_time_between_its_frames_and_json_waits_before_it() -> None:
    """The latency is spread over a stream; the injected sleep is the only one."""
    clock = Clock()
    asyncio.run(generate(new_relay(latency=4, clock=clock), stream=True, partial_images=3))
    assert clock.slept == [1, 1, 1, 1]
    clock = Clock()
    asyncio.run(generate(new_relay(latency=4, clock=clock)))
    assert clock.slept == [4]


def test_the_streamed_picture_is_the_one_of_the_plain_reply() -> None:
    """The same first order to two relays gives the same bytes, in whichever form."""
    plain = asyncio.run(generate(new_relay()))
    streamed = asyncio.run(generate(new_relay(), stream=True, partial_images=1))
    assert picture_of(plain) == base64.b64decode(streamed.events[-1][1]["b64_json"])


def test_ordering_twice_gives_two_pictures_and_a_fresh_relay_the_first_again() -> None:
    """Equal orders are told apart by their count only."""

    async def twice() -> tuple[bytes, bytes]:
        relay = new_relay()
        return picture_of(await generate(relay)), picture_of(await generate(relay))

    one, other = asyncio.run(twice())
    assert one != other
    assert asyncio.run(twice()) == (one, other)


def test_a_seed_pins_the_picture_and_another_seed_changes_it() -> None:
    """Ordering the same seed again gives the same bytes."""

    async def story() -> None:
        relay = new_relay()
        seven, again, eight = [picture_of(await generate(relay, seed=seed)) for seed in (7, 7, 8)]
        assert seven == again != eight

    asyncio.run(story())


@pytest.mark.slow
@pytest.mark.drawn
def test_n_pictures_are_n_different_pictures() -> None:
    """Four of one order, billed as four."""
    relay = new_relay()
    answer = asyncio.run(generate(relay, n=4, quality="low"))
    assert len({picture_of(answer, index) for index in range(4)}) == 4
    assert [charge.n for charge in relay.ledger] == [4]
    assert relay.ledger[0].amount == pytest.approx(0.04)


@pytest.mark.drawn
@pytest.mark.parametrize(("name", "kind"), [("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP")])
def test_the_file_is_of_the_asked_format(name: str, kind: str) -> None:
    """`output_format` is told and true."""
    answer = asyncio.run(generate(new_relay(), output_format=name, output_compression=70))
    assert answer.json["output_format"] == name
    assert opened(picture_of(answer)).format == kind


@pytest.mark.drawn
def test_a_transparent_background_is_transparent() -> None:
    """The corner is clear, the animal is not."""
    answer = asyncio.run(generate(new_relay(), "a fox sticker", background="transparent"))
    alpha = opened(picture_of(answer)).getchannel("A")
    assert answer.json["background"] == "transparent"
    assert alpha.getpixel((4, 4)) == 0
    assert alpha.getpixel((512, 600)) == 255


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"prompt": " "}, 500, "invalid_request"),
        ({"model": "nobody"}, 503, "model_not_found"),
        ({"model": "gpt-5.5"}, 503, "model_not_found"),
        ({"model": ""}, 400, ""),
        ({"n": 11}, 400, "invalid_value"),
        ({"n": "many"}, 400, "invalid_value"),
        ({"n": 2, "model": "dall-e-3"}, 400, "invalid_value"),
        ({"size": "1000x1000"}, 400, "invalid_value"),
        ({"size": "1024×1024"}, 500, "invalid_request"),
        ({"size": "1536x1024", "model": "dall-e-3"}, 500, "invalid_request"),
        ({"quality": "best"}, 400, "invalid_value"),
        ({"partial_images": 4, "stream": True}, 400, "invalid_value"),
        ({"background": "transparent", "output_format": "jpeg"}, 400, "invalid_value"),
        ({"output_format": "bmp"}, 400, "invalid_value"),
        ({"prompt": "demo-banned"}, 400, "moderation_blocked"),
        ({"prompt": "demo-banned", "model": "dall-e-3"}, 400, "content_policy_violation"),
        ({"demo": {"falt": "html"}}, 400, "invalid_value"),
        ({"demo": {"fault": "nonsense"}}, 400, "invalid_value"),
    ],
)
def test_what_is_wrong_is_refused_in_the_familys_words_and_not_billed(
    fields: dict[str, object], status: int, code: str
) -> None:
    """Status, code and the books agree."""
    relay = new_relay()
    answer = asyncio.run(post(relay, "/v1/images/generations", **({"model": "gpt-image-2", "prompt": "fox"} | fields)))
    assert (answer.status, answer.error["code"]) == (status, code)
    assert answer.headers["x-oneapi-request-id"]
    assert [charge.billed for charge in relay.ledger] == [False]


def test_an_unknown_model_is_told_in_chinese_with_the_request_id() -> None:
    """As new-api says it."""
    answer = asyncio.run(generate(new_relay(), model="nobody"))
    request_id = answer.headers["x-oneapi-request-id"]
    assert answer.error["message"] == f"分组 default 下模型 nobody 无可用渠道（distributor） (request id: {request_id})"


def test_a_body_that_is_no_json_is_refused_and_stands_in_the_books() -> None:
    """It was a complete paid POST all the same."""
    relay = new_relay()
    assert asyncio.run(ask(relay, "POST", "/v1/images/generations", b"{")).status == 500
    assert len(relay.ledger) == 1


@pytest.mark.drawn
def test_a_mask_keeps_what_is_opaque_and_changes_what_is_clear() -> None:
    """The right half stays navy, the left half does not."""
    mask = Image.new("RGBA", (1024, 1024), (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (0, 0, 512, 1024))
    out = io.BytesIO()
    mask.save(out, "PNG")
    files = [("image", png((1024, 1024))), ("mask", out.getvalue())]
    answer = asyncio.run(send_form(new_relay(), "/v1/images/edits", files, prompt="a paper boat", model="gpt-image-2"))
    picture = opened(picture_of(answer)).convert("RGB")
    assert picture.getpixel((800, 400)) == (0, 0, 128)
    assert picture.getpixel((200, 400)) != (0, 0, 128)


def test_an_edit_streams_events_of_its_own_name() -> None:
    """Numbers and truth come as text in a form."""
    fields = {"prompt": "fox", "model": "gpt-image-2", "stream": "true", "partial_images": "1"}
    answer = asyncio.run(send_form(new_relay(), "/v1/images/edits", [("image[]", png()), ("image[]", png())], **fields))
    assert [name for name, _ in answer.events] == ["image_edit.partial_image", "image_edit.completed"]


@pytest.mark.parametrize(("files", "code"), [([], "invalid_value"), ([("image", b"no picture")], "invalid_value")])
def test_an_edit_without_a_usable_picture_is_refused(files: list[tuple[str, bytes]], code: str) -> None:
    """Nothing is drawn or billed."""
    relay = new_relay()
    answer = asyncio.run(send_form(relay, "/v1/images/edits", files, prompt="fox", model="gpt-image-2"))
    assert (answer.status, answer.error["code"]) == (400, code)
    assert not relay.ledger[0].billed


def test_an_edit_as_json_is_refused_as_on_new_api() -> None:
    """Only a form is taken."""
    assert asyncio.run(post(new_relay(), "/v1/images/edits", prompt="x")).error["code"] == "convert_request_failed"


@pytest.mark.drawn
def test_a_variation_needs_no_prompt_and_looks_different() -> None:
    """dall-e-2 answers a link."""

    async def story() -> None:
        relay = new_relay()
        answer = await send_form(relay, "/v1/images/variations", [("image", png())], model="dall-e-2", size="256x256")
        picture = opened((await get(relay, answer.json["data"][0]["url"])).body)
        assert picture.size == (256, 256)
        assert picture.getpixel((128, 90)) != (0, 0, 128)

    asyncio.run(story())


def test_the_idempotency_key_stands_in_the_books() -> None:
    """Tests can see that a retry carried the same one."""
    relay = new_relay()
    headers = {"content-type": "application/json", "idempotency-key": "once"}
    asyncio.run(ask(relay, "POST", "/v1/images/generations", b'{"model":"dall-e-3","prompt":"fox"}', headers))
    assert relay.ledger[0].idempotency_key == "once"
