"""What was sent for and evidently did not come is said beside the picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from demo_calls import png
from now_jupyter._values import Status
from odd_relay import b64, odd_relay


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
