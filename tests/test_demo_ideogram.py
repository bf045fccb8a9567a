"""The Ideogram endpoints of the demo relay."""

import asyncio
import json
from typing import Any

import pytest

from demo_calls import ask, get, new_relay, opened, png, post, send_form


def test_generate_answers_links_with_the_asked_ratio() -> None:
    """As many as asked, each told with seed and resolution."""

    async def story() -> None:
        relay = new_relay()
        asked = {"prompt": "a fox logo", "aspect_ratio": "ASPECT_16_9", "num_images": 2, "seed": 5}
        answer = await post(relay, "/ideogram/generate", image_request=asked)
        first, second = answer.json["data"]
        assert (first["seed"], second["seed"]) == (5, 6)
        picture = opened((await get(relay, first["url"])).body)
        assert f"{picture.width}x{picture.height}" == first["resolution"]
        assert picture.width > picture.height
        assert relay.ledger[0].n == 2

    asyncio.run(story())


def test_an_unsafe_picture_has_no_link() -> None:
    """It counts as blocked, not as a crash."""
    answer = asyncio.run(post(new_relay(), "/ideogram/generate", image_request={"prompt": "demo-banned"}))
    assert (answer.json["data"][0]["is_image_safe"], answer.json["data"][0]["url"]) == (False, "")


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"prompt": "x", "num_images": 9},
        {"prompt": "x", "seed": -1},
        {"prompt": "x", "aspect_ratio": "wide"},
        {"prompt": "x", "aspect_ratio": "ASPECT_1_1", "resolution": "RESOLUTION_1024_1024"},
    ],
)
def test_what_is_wrong_is_refused_and_not_billed(asked: dict[str, Any]) -> None:
    """400 with an error object."""
    relay = new_relay()
    answer = asyncio.run(post(relay, "/ideogram/generate", image_request=asked))
    assert (answer.status, answer.error["code"]) == (400, "invalid_value")
    assert not relay.ledger[0].billed


def test_remix_upscale_and_describe_take_a_form() -> None:
    """The file is called `image_file`, the request is JSON in a text part."""

    async def story() -> None:
        relay = new_relay()
        files, asked = [("image_file", png((128, 64)))], json.dumps({"prompt": "flowers"})
        assert (await send_form(relay, "/ideogram/remix", files, image_request=asked)).json["data"][0]["url"]
        upscaled = await send_form(relay, "/ideogram/upscale", files, image_request="{}")
        assert upscaled.json["data"][0]["resolution"] == "256x128"
        described = await send_form(relay, "/ideogram/describe", files)
        assert described.json["descriptions"][0]["text"]
        assert (await send_form(relay, "/ideogram/remix", [], image_request=asked)).status == 400

    asyncio.run(story())


def test_the_other_header_for_keys_is_taken_here_only() -> None:
    """`Api-Key`, Ideogram's own."""

    async def story() -> None:
        relay = new_relay(key="toy")
        headers = {"content-type": "application/json", "api-key": "toy"}
        body = b'{"image_request":{"prompt":"fox"}}'
        assert (await ask(relay, "POST", "/ideogram/generate", body, headers)).status == 200
        assert (await ask(relay, "POST", "/v1/images/generations", body, headers)).status == 401

    asyncio.run(story())
