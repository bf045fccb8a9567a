"""What was sent for and evidently did not come is said beside the picture."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from demo_calls import png
from now_jupyter._values import Status
from odd_relay import b64, odd_relay, text_answer


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"size": "16:9"}, ["size 1536x864 was sent, and 256x256 came: it got lost on the way"]),
        (
            {"size": "landscape", "model": "who-knows"},
            ["size landscape was sent, and 256x256 came: it got lost on the way"],
        ),
        ({"format": "webp"}, ["format webp was sent, and png came: it got lost on the way"]),
        ({"size": "512x512", "format": "png"}, []),
        ({"size": "2K", "model": "who-knows"}, []),
        ({}, []),
    ],
)
def test_what_evidently_got_lost_on_the_way_is_said(tmp_path: Path, how: Any, said: list[str]) -> None:
    """By the picture itself: its shape, its type. What came is kept as it came."""
    with odd_relay(tmp_path) as odd:
        odd.says({"data": [{"b64_json": b64(png())}]})
        job = odd.session.submit("a fox", **{"model": "gpt-image-2", **how})
        assert job.result(30).status is Status.DONE
    assert [note for note in job.notes if "came" in note] == said


@pytest.mark.parametrize(
    ("word", "pixels", "is_lost"),
    [("portrait", (90, 160), False), ("横", (160, 90), False), ("square", (160, 90), True), ("portrait", (9, 8), True)],
)
def test_a_word_for_a_shape_leaves_the_ratio_open(
    tmp_path: Path, word: str, pixels: tuple[int, int], is_lost: bool
) -> None:
    data = io.BytesIO()
    Image.new("RGB", pixels).save(data, "PNG")
    with odd_relay(tmp_path) as odd:
        odd.says({"data": [{"b64_json": b64(data.getvalue())}]})
        job = odd.session.submit("a fox", model="who-knows", size=word)
        job.result(30)
    assert any("came" in note for note in job.notes) is is_lost


def test_what_was_not_sent_did_not_get_lost(tmp_path: Path) -> None:
    """Neither an option that the service has not, nor what only the way that was given up would have sent."""
    refused = text_answer(json.dumps({"error": {"message": "Invalid URL (POST /v1/images/generations)"}}), status=404)
    data = io.BytesIO()
    Image.new("RGB", (1344, 768)).save(data, "PNG")
    content = f"![x](data:image/png;base64,{b64(data.getvalue())})"
    with odd_relay(tmp_path) as odd:
        odd.says(refused)
        odd.serves({"/v1/chat/completions": text_answer(json.dumps({"choices": [{"message": {"content": content}}]}))})
        for model in ("gpt-image-1", "gemini-3-pro-image"):
            job = odd.session.submit("a fox", model=model, size="16:9", format="jpeg")
            assert (job.result(30).service, job.result(30).status) == ("chat", Status.DONE)
            assert [note for note in job.notes if "came" in note] == []


def test_an_order_that_went_another_way_costs_what_that_one_does(tmp_path: Path) -> None:
    """The images endpoint counts a wide picture twice, chat each call once."""
    refused = text_answer(json.dumps({"error": {"message": "Invalid URL (POST /v1/images/generations)"}}), status=404)
    content = f"![x](data:image/png;base64,{b64(png())})"
    with odd_relay(tmp_path) as odd:
        odd.says(refused)
        odd.serves({"/v1/chat/completions": text_answer(json.dumps({"choices": [{"message": {"content": content}}]}))})
        odd.session.set_price("dall-e-3", "0.1")
        made = odd.buys(model="dall-e-3", size="1792x1024")
    assert (made.service, str(made.cost)) == ("chat", "~$0.10")
