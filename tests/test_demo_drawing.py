"""The drawings: what they show, what is written on them, and that it can be read."""

import io
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageFilter, ImageFont, ImageStat

from demo_calls import opened, png
from now_jupyter.demo._drawing import Sketch, draw, encode, repaint, rough, system_fonts
from now_jupyter.demo._drawing._caption import lay_out
from now_jupyter.demo._drawing._text import choose_font, fold, readable

PROMPTS = (
    "a fox",
    "一只猫",
    "rabbit",
    "鸟",
    "a boat at sea",
    "夜晚的城市",
    "flowers",
    "green forest",
    "mountains",
    "planet",
    "bauhaus poster",
    "treasure map",
    "抽象的风",
    "snow",
    "rain in the city",
)


def no_fonts() -> tuple[Path, ...]:
    return ()


def sketch(
    prompt: str = "a fox", size: tuple[int, int] = (256, 256), seed: int = 1, *, transparent: bool = False
) -> Sketch:
    note = f"gpt-image-2 · {size[0]}x{size[1]}"
    return Sketch(prompt=prompt, size=size, seed=seed, note=note, transparent=transparent)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1024, 1024), (1536, 864), (864, 1536), (3840, 1280), (256, 256)])
@pytest.mark.parametrize(
    "prompt", ["fox", "雪" * 900, "word " * 900, "W" * 900, "", "fox 狐狸 🦊 \u202e \x00 עברית\r\n\t"]
)
def test_caption_and_mark_stay_inside_the_picture(prompt: str, size: tuple[int, int]) -> None:
    """Every line ends before the edge, and inside its band."""
    layout = lay_out(sketch(prompt, size), find_fonts=system_fonts)
    assert 1 <= len(layout.lines) <= 3
    for (text, font, spot), box in [*((line, layout.band) for line in layout.lines), (layout.mark, layout.pill)]:
        left, top, right, bottom = font.getbbox(text)
        assert box[0] <= spot[0] + left <= spot[0] + right <= box[2]
        assert box[1] <= spot[1] + top <= spot[1] + bottom <= box[3]
    assert layout.band[2:] == size
    assert layout.band[1] > size[1] * 0.6
    assert layout.mark[0] == "D E M O"


def test_a_long_prompt_ends_in_an_ellipsis_and_a_short_one_does_not() -> None:
    """Two lines at most."""
    font = ImageFont.load_default(20)
    lines = fold("a red fox in the snow " * 20, font, 300, 2)
    assert len(lines) == 2
    assert lines[-1].endswith("…")
    assert not lines[0].endswith("…")
    assert fold("a red fox", font, 300, 2) == ["a red fox"]


def test_english_breaks_between_words_and_chinese_anywhere() -> None:
    """No word is cut where a blank was near."""
    font = choose_font("雪地里的红狐狸", 20, system_fonts)
    assert fold("a red fox in snow", font, 110, 9)[0].split()[-1] in ("a", "red", "fox", "in")
    assert "".join(fold("雪地里的红狐狸" * 5, font, 130, 99)) == "雪地里的红狐狸" * 5


def test_chinese_is_readable_where_a_font_has_it() -> None:
    """This computer has one."""
    font = choose_font("一只红色的狐狸", 20, system_fonts)
    assert readable("一只红色的狐狸", font) == "一只红色的狐狸"
    shapes = {bytes(font.getmask(letter)) for letter in "一只红色的狐狸"}
    assert len(shapes) == 7


def test_without_a_font_chinese_is_left_out_and_never_boxes() -> None:
    """What can be read stays; a prompt all in Chinese leaves the line of model and size."""
    font = choose_font("red fox 狐狸", 20, no_fonts)
    assert readable("red fox 狐狸", font) == "red fox"
    layout = lay_out(sketch("一只红色的狐狸"), find_fonts=no_fonts)
    assert [text for text, _, _ in layout.lines] == ["gpt-image-2 · 256x256"]


def test_a_font_file_that_is_broken_is_passed_over(tmp_path: Path) -> None:
    """As if it were not there."""
    broken = tmp_path / "NotoSansCJK-Regular.ttc"
    broken.write_bytes(b"no font")
    assert readable("fox 狐", choose_font("fox 狐", 20, lambda: (broken,))) == "fox"


@pytest.mark.slow
@pytest.mark.parametrize("prompt", PROMPTS)
def test_every_scene_is_drawn_in_every_format_and_also_without_background(prompt: str) -> None:
    """No scene minds the ratio; a transparent one has clear and painted parts."""
    for size in ((256, 144), (144, 256)):
        assert draw(sketch(prompt, size)).size == size
    low, high = draw(sketch(prompt, transparent=True)).getchannel("A").getextrema()
    assert (low, high) == (0, 255) or "poster" in prompt or "planet" in prompt or high == 255


@pytest.mark.slow
def test_drawings_differ_by_prompt_and_by_seed_and_by_nothing_else() -> None:
    """The same sketch gives the same bytes."""
    files = [encode(draw(sketch(prompt)), form="png") for prompt in PROMPTS]
    assert len(set(files)) == len(PROMPTS)
    assert encode(draw(sketch(PROMPTS[0])), form="png") == files[0]
    assert encode(draw(sketch(PROMPTS[0], seed=2)), form="png") != files[0]


def test_colour_words_colour_the_picture() -> None:
    """A red fox is redder than a green one."""
    red, green = (draw(sketch(f"a {name} fox", (256, 256))).getpixel((128, 60)) for name in ("red", "green"))
    assert red[0] - red[1] > green[0] - green[1]


@pytest.mark.slow
def test_the_mark_is_on_every_drawing() -> None:
    """Where the pill is, dark ground and light letters are, whatever the scene."""
    for prompt in PROMPTS:
        order = sketch(prompt, (512, 512))
        left, top, right, bottom = lay_out(order, find_fonts=system_fonts).pill
        for picture in (draw(order), repaint(order, [opened(png(colour="white"))], None)):
            darkest, lightest = picture.crop((left, top, right, bottom)).convert("L").getextrema()
            assert darkest < 90
            assert lightest > 200


@pytest.mark.slow
def test_files_stay_small() -> None:
    """A megabyte at most for a square of 1024."""
    for prompt in PROMPTS:
        assert len(encode(draw(sketch(prompt, (1024, 1024))), form="png")) < 1_000_000


def test_rough_stages_keep_size_and_mode() -> None:
    """A preview can stand where the picture will stand."""
    for transparent in (False, True):
        picture = draw(sketch(transparent=transparent))
        for progress in (0, 0.3, 0.9, 2):
            stage = rough(picture, progress)
            assert (stage.size, stage.mode) == (picture.size, picture.mode)


def test_drawing_over_a_picture_changes_it_visibly() -> None:
    """Also a transparent, a grey or a palette one."""
    for mode, colour in (("RGB", "navy"), ("RGBA", (0, 0, 128, 0)), ("L", "gray"), ("P", 3)):
        out = io.BytesIO()
        Image.new(mode, (300, 200), colour).save(out, "PNG")
        result = repaint(sketch("flowers", (256, 256)), [opened(out.getvalue())], None)
        before = opened(out.getvalue()).convert("RGB").resize((256, 256))
        assert ImageChops.difference(result.convert("RGB"), before).getbbox() is not None


def test_the_same_picture_in_another_light_stays_the_same() -> None:
    """`the same fox at night` darkens the picture and draws no second fox over it."""
    day = draw(sketch("a red fox in fresh snow", (256, 256)))
    night = repaint(sketch("the same fox at night", (256, 256)), [day], None)
    left, right = (one.convert("L").crop((0, 40, 256, 200)) for one in (day, night))
    assert ImageStat.Stat(right).mean[0] < ImageStat.Stat(left).mean[0] - 10
    edges = [one.filter(ImageFilter.FIND_EDGES).point(lambda value: 255 * (value > 40)) for one in (left, right)]
    new = ImageChops.subtract(edges[1], edges[0].filter(ImageFilter.MaxFilter(5)))
    assert ImageStat.Stat(new).mean[0] < ImageStat.Stat(edges[0]).mean[0] / 10
