"""What moves is shown moving, small enough for a notebook."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageDraw

from now_jupyter._media import labels_in, moving_preview


def film(count: int = 4, size: tuple[int, int] = (60, 40), *, time: int = 80, noise: bool = False) -> bytes:
    """A GIF in which a bar moves."""
    frames = []
    for place in range(count):
        frame = Image.effect_noise(size, 90).convert("RGB") if noise else Image.new("RGB", size, (200, 30, 60))
        ImageDraw.Draw(frame).rectangle((place * 8, 0, place * 8 + 6, size[1]), fill=(20, 20, 240))
        frames.append(frame)
    data = io.BytesIO()
    frames[0].save(data, "GIF", save_all=True, append_images=frames[1:], duration=time, loop=0)
    return data.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_a_gif_moves_in_small_as_it_does() -> None:
    """Its frames in their order, at their pace, for ever, and labelled as generated."""
    made = moving_preview(film(4), longest=30)
    assert made is not None
    data, mime, width, height = made
    image = opened(data)
    assert (mime, width, height) == ("image/png", 30, 20)
    assert (getattr(image, "n_frames", 1), image.info["loop"], image.info["duration"]) == (4, 0, 80)
    seen = []
    for place in range(4):
        image.seek(place)
        red, _, blue = image.convert("RGB").getpixel((place * 4 + 1, 10))
        seen.append(blue > red)
    assert seen == [True] * 4
    assert labels_in(data)[0]
    assert made == moving_preview(film(4), longest=30)


@pytest.mark.parametrize("data", [film(1), film(4)[:-40], b"GIF89a" + bytes(90), b"\x89PNG\r\n\x1a\n" + bytes(50), b""])
def test_what_stands_still_or_is_damaged_does_not_move(data: bytes) -> None:
    made = moving_preview(data, longest=30)
    assert made is None or data == film(4)[:-40]  # of one that was cut, the frames that are whole


@pytest.mark.slow
def test_what_would_fill_the_notebook_is_smaller_or_stands_still() -> None:
    """1 MiB at the most, and no more pixels than can be decoded at once."""
    small = moving_preview(film(24, (400, 400), noise=True), longest=400)
    assert small is not None
    assert small[2] == 200
    assert len(small[0]) <= 1 << 20
    assert moving_preview(film(40, (1300, 1300)), longest=20) is None


def test_only_the_beginning_of_a_long_one_moves() -> None:
    made = moving_preview(film(90, (8, 8)), longest=8)
    assert made is not None
    assert getattr(opened(made[0]), "n_frames", 1) <= 64
