"""The mask editor: exact pixels of the original at any zoom and screen scale, with mouse, touch, pen and keys."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageChops

import panels
from now_jupyter._messages import InputError
from now_jupyter._panel import MaskEditor, Panel
from now_jupyter._session import Session
from panel_steps import at_each_width, in_each_theme, open_first, violations
from panels import Browser, Page

SIZE = (301, 203)
LARGER = (1203, 803)  # of which less than half is seen
WHEEL = 500  # pixels of the wheel for twice the zoom
VIEW = """() => {
    const easel = document.querySelector(".nowp-easel");
    const box = easel.querySelector("canvas").getBoundingClientRect();
    return [...easel.dataset.view.split(" ").map(Number), box.left, box.top, box.width, box.height];
}"""
SAVED = "count => document.querySelector('.nowp-mask').dataset.saved === String(count)"
FINGERS = """([way, points]) => {
    const easel = document.querySelector(".nowp-easel");
    easel.setPointerCapture = () => {};
    for (const [id, kind, clientX, clientY, pressure] of points) {
        const given = { pointerId: id, pointerType: kind, clientX, clientY, pressure, bubbles: true, cancelable: true };
        easel.dispatchEvent(new PointerEvent(`pointer${way}`, given));
    }
}"""


def picture_of(size: tuple[int, int] = SIZE) -> Image.Image:
    return Image.merge("RGB", [Image.linear_gradient("L").resize(size)] * 3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "gradient.png"
    picture_of().save(path)
    return path


@contextmanager
def painting(browser: Browser, session: Session, path: Path, **looks: Any) -> Iterator[tuple[MaskEditor, Page]]:
    """An editor in a page, ready to be painted in."""
    with panels.opened(session, lambda one: MaskEditor.of(one, path)) as wire, browser.page(wire, **looks) as page:
        page.wait("() => document.querySelector('.nowp-easel')?.dataset.view")
        yield wire.widget, page
        assert page.errors == []


def zoom_to(page: Page, scale: float) -> None:
    """Turn the wheel over the middle until a pixel of the picture has so many of the page."""
    while abs((now := page.evaluate(VIEW)[0]) / scale - 1) > 0.002:  # browsers round what a wheel turns
        turn_wheel(page, -WHEEL * math.log2(scale / now))
        page.wait("before => !document.querySelector('.nowp-easel').dataset.view.startsWith(`${before} `)", now)
    page.do(lambda raw: raw.mouse.move(1, 1))


def turn_wheel(page: Page, by: float) -> None:
    _, _, _, left, top, width, height = page.evaluate(VIEW)

    async def turn(raw: Any) -> None:
        await raw.mouse.move(left + width / 2, top + height / 2)
        await raw.mouse.wheel(0, by)

    page.do(turn)


def place_of(page: Page, x: float, y: float) -> tuple[float, float]:
    """Where the middle of a pixel of the original lies in the page."""
    scale, right, down, left, top, *_ = page.evaluate(VIEW)
    return left + right + (x + 0.5) * scale, top + down + (y + 0.5) * scale


def drag(page: Page, *pixels: tuple[float, float], key: str = "") -> None:
    """Draw with the mouse from pixel to pixel."""
    places = [place_of(page, *one) for one in pixels]

    async def draw(raw: Any) -> None:
        if key:
            await raw.keyboard.down(key)
        await raw.mouse.move(*places[0])
        await raw.mouse.down()
        for place in places[1:]:
            await raw.mouse.move(*place, steps=4)
        await raw.mouse.up()
        if key:
            await raw.keyboard.up(key)

    page.do(draw)


def box(x0: int, y0: int, x1: int, y1: int, size: tuple[int, int] = SIZE) -> Any:
    """The mask of a rectangle, both corners with it."""
    mask = np.zeros((size[1], size[0]), bool)
    mask[y0 : y1 + 1, x0 : x1 + 1] = True
    return mask


def saved(editor: MaskEditor, page: Page, count: int) -> Any:
    """The mask, when the kernel has it."""
    page.wait(SAVED, int(count))
    return editor.mask


@pytest.mark.parametrize("density", [1, 2])
def test_a_rectangle_has_exactly_the_pixels_drawn(
    browser: Browser, session: Session, tmp_path: Path, density: int
) -> None:
    """At any zoom and screen scale: not one pixel of the original is wrong."""
    path = tmp_path / "larger.png"
    picture_of(LARGER).save(path)
    with painting(browser, session, path, width=1100, scale=density) as (editor, page):
        for scale in (1, 0.37, 3):
            page.press("r")
            zoom_to(page, scale)
            drag(page, (501, 372), (687, 433))
            wanted = box(501, 372, 687, 433, LARGER)
            assert np.count_nonzero(saved(editor, page, wanted.sum()) ^ wanted) == 0, f"at a zoom of {scale}"
            zoom_to(page, scale * 1.7)
            drag(page, (600, 400), (620, 405), key="Alt")
            wanted[400:406, 600:621] = False
            assert np.count_nonzero(saved(editor, page, wanted.sum()) ^ wanted) == 0, f"at a zoom of {scale * 1.7}"
            page.click("button", "Clear")
            assert not saved(editor, page, 0).any()
            page.press("0")


def test_what_is_seen_is_what_is_marked(browser: Browser, session: Session, tmp_path: Path) -> None:
    """Drawn along the edges of a black box as the screen shows it, the mask is that box; and the veil lies on it."""
    ground = Image.new("RGB", SIZE, "white")
    ground.paste("black", (90, 60, 140, 110))
    ground.save(tmp_path / "box.png")
    with painting(browser, session, tmp_path / "box.png", width=1100) as (editor, page):
        page.press("r")
        zoom_to(page, 3)
        page.shot(tmp_path / "before.png")
        seen = Image.open(tmp_path / "before.png").convert("L").point(lambda level: 255 if level < 8 else 0)
        easel = page.evaluate(VIEW)
        area = (math.ceil(easel[3]), math.ceil(easel[4]), int(easel[3] + easel[5]), int(easel[4] + easel[6]))
        left, top, right, bottom = (seen.crop(area).getbbox()) or (0, 0, 0, 0)
        corners = [(area[0] + left + 1, area[1] + top + 1), (area[0] + right - 1.5, area[1] + bottom - 1.5)]

        async def draw(raw: Any) -> None:
            await raw.mouse.move(*corners[0])
            await raw.mouse.down()
            await raw.mouse.move(*corners[1])
            await raw.mouse.up()
            await raw.mouse.move(2, 2)

        page.do(draw)
        wanted = box(90, 60, 139, 109)
        assert np.count_nonzero(saved(editor, page, 2500) ^ wanted) == 0
        page.shot(tmp_path / "after.png")
        apart = ImageChops.difference(
            Image.open(tmp_path / "before.png").convert("RGB"), Image.open(tmp_path / "after.png").convert("RGB")
        ).crop(area)
        assert apart.getbbox() == pytest.approx((left, top, right, bottom), abs=1)


def test_brush_eraser_lasso_and_undo(browser: Browser, session: Session, path: Path) -> None:
    """A stroke is as wide as the brush; the eraser takes away; each step comes back whole."""
    with painting(browser, session, path) as (editor, page):
        page.fill("Brush size in pixels of the picture ([ and ])", "20")
        drag(page, (100, 100), (160, 100))
        page.wait("() => Number(document.querySelector('.nowp-mask').dataset.saved) > 1000")
        stroke = editor.mask
        assert stroke[100, 95:165].all()
        assert (stroke[:, 130].sum(), stroke[:89].sum(), stroke[112:].sum()) == (20, 0, 0)
        page.press("e")
        drag(page, (130, 80), (130, 120))
        page.wait("count => Number(document.querySelector('.nowp-mask').dataset.saved) < count", int(stroke.sum()))
        assert not editor.mask[:, 125:135].any()
        page.press("Control+z")
        assert (saved(editor, page, int(stroke.sum())) == stroke).all()
        page.press("Control+z")
        assert not saved(editor, page, 0).any()
        page.press("Control+Shift+z")
        assert (saved(editor, page, int(stroke.sum())) == stroke).all()
        page.click("button", "Clear")
        page.press("l")
        drag(page, (50, 50), (90, 50), (90, 90), (50, 90))
        page.wait("() => Number(document.querySelector('.nowp-mask').dataset.saved) > 1500")
        assert editor.mask[51:90, 51:90].all()
        assert editor.mask.sum() <= 41 * 41


def test_grow_shrink_smooth_and_invert(browser: Browser, session: Session, path: Path) -> None:
    """They change the region in pixels of the original, and it stays black and white."""
    with painting(browser, session, path) as (editor, page):
        page.press("r")
        drag(page, (100, 80), (149, 119))
        page.fill("By how many pixels of the picture", "7")
        page.click("button", "Grow")
        rows, columns = np.mgrid[: SIZE[1], : SIZE[0]]
        apart = (np.maximum(0, np.maximum(100 - columns, columns - 149))) ** 2
        apart += np.maximum(0, np.maximum(80 - rows, rows - 119)) ** 2
        assert (saved(editor, page, int((apart <= 49).sum())) == (apart <= 49)).all()
        page.click("button", "Shrink")
        assert (saved(editor, page, 2000) == box(100, 80, 149, 119)).all()
        page.press("i")
        assert (saved(editor, page, SIZE[0] * SIZE[1] - 2000) == ~box(100, 80, 149, 119)).all()
        page.press("i")
        drag(page, (200, 30), (201, 31))
        saved(editor, page, 2004)
        page.click("button", "Smooth")
        page.wait("() => Number(document.querySelector('.nowp-mask').dataset.saved) < 2000")
        smooth = editor.mask
        assert smooth[100, 100:150].all()
        assert not smooth[80, 100]
        assert not smooth[:60].any()


def test_without_a_mouse(browser: Browser, session: Session, path: Path) -> None:
    """Arrows move a cursor, which is told; Enter sets the corners of a rectangle, paints, and closes a lasso."""
    with painting(browser, session, path) as (editor, page):
        assert page.focused() == "Picture; what you paint is repainted"
        page.press("r", "Shift+ArrowRight", "Enter", *["Shift+ArrowRight"] * 3, *["Shift+ArrowDown"] * 2, "Enter")
        assert (saved(editor, page, 12) == box(151, 101, 154, 103)).all()
        assert "0.0" not in page.text(".nowp-share")
        page.press("Shift+ArrowLeft")
        assert page.text(".nowp [role=status]") == "153, 103"
        page.press(
            "Control+z", "l", "Enter", *["Shift+ArrowDown"] * 20, "Enter", *["Shift+ArrowLeft"] * 20, "Shift+Enter"
        )
        page.wait("() => Number(document.querySelector('.nowp-mask').dataset.saved) > 150")
        page.press("Control+z")
        saved(editor, page, 0)
        page.press("b", "]", "[", "Enter")
        page.wait("() => Number(document.querySelector('.nowp-mask').dataset.saved) > 100")
        assert editor.mask[123, 133]
        assert violations(page) == []


def test_fingers_and_pens(browser: Browser, session: Session, path: Path) -> None:
    """One finger paints, two move and zoom and paint nothing; a pen that presses lightly paints thinly."""
    with painting(browser, session, path) as (editor, page):
        page.fill("Brush size in pixels of the picture ([ and ])", "40")
        x, y = place_of(page, 150, 100)
        before = page.evaluate(VIEW)[0]
        page.evaluate(FINGERS, ["down", [[1, "touch", x - 40, y, 0], [2, "touch", x + 40, y, 0]]])
        page.evaluate(FINGERS, ["move", [[1, "touch", x - 80, y, 0], [2, "touch", x + 80, y, 0]]])
        page.evaluate(FINGERS, ["up", [[1, "touch", x - 80, y, 0], [2, "touch", x + 80, y, 0]]])
        assert page.evaluate(VIEW)[0] / before == pytest.approx(2, rel=0.01)
        assert "Nothing" in page.text(".nowp-share")
        page.press("0")
        page.evaluate(FINGERS, ["down", [[3, "pen", *place_of(page, 60, 60), 0.2]]])
        page.evaluate(FINGERS, ["up", [[3, "pen", *place_of(page, 60, 60), 0]]])
        page.wait("() => Number(document.querySelector('.nowp-mask').dataset.saved) > 0")
        light = editor.mask.sum()
        page.evaluate(FINGERS, ["down", [[4, "touch", *place_of(page, 220, 100), 0.1]]])
        page.evaluate(FINGERS, ["up", [[4, "touch", *place_of(page, 220, 100), 0]]])
        page.wait("count => Number(document.querySelector('.nowp-mask').dataset.saved) > count", int(light) * 2)
        assert editor.mask[100 - 19 : 100 + 20, 220].all()


def test_a_very_large_picture_stays_usable(browser: Browser, session: Session, tmp_path: Path) -> None:
    """8000 × 8000: painted, inverted and taken back with patches, sent as a small file of the same size."""
    Image.new("L", (8000, 8000), 200).save(tmp_path / "large.png", compress_level=1)
    with painting(browser, session, tmp_path / "large.png") as (editor, page):
        page.press("r")
        drag(page, (1000, 2000), (6000, 7000))
        page.wait("() => Number(document.querySelector('.nowp-mask').dataset.saved) > 2.4e7")
        picture = editor.picture()
        assert picture.size == (8000, 8000)
        left, top, right, bottom = picture.getbbox() or (0, 0, 0, 0)
        assert (left, top, right - 1, bottom - 1) == pytest.approx(
            (1000, 2000, 6000, 7000), abs=8
        )  # a pixel of the page
        before = editor.share
        page.press("i")
        page.wait("() => Number(document.querySelector('.nowp-mask').dataset.saved) > 3.8e7")
        page.press("Control+z")
        page.wait("() => Number(document.querySelector('.nowp-mask').dataset.saved) < 2.6e7")
        assert editor.share == before
        assert len(editor._painted) < 1 << 20


def test_an_edit_of_the_demo_changes_what_was_painted_and_nothing_else(page: Page, session: Session) -> None:
    """From the full view: repaint, paint, use the mask, order; outside of it every pixel is the original's."""
    session.generate("a red fox in snow", size="512x512", model="dall-e-2")
    open_first(page)
    page.click("button", "Repaint")
    page.wait("() => document.querySelector('.nowp-masking:not([hidden]) .nowp-easel')?.dataset.view")
    page.press("r")
    drag(page, (100, 120), (299, 319))
    page.click("button", "Use mask")
    page.wait("() => document.querySelectorAll('.nowp-card').length === 2")
    assert page.focused() == "Prompt"
    page.fill("Prompt", "a blue whale")
    page.press("Control+Enter")
    page.wire.until(lambda: len(session.history) >= 2 and not session.jobs())
    wanted = box(100, 120, 299, 319, (512, 512))
    mask = session.history.record(2).request.given("mask")[0]
    kept = np.asarray(Image.open(session.context.home().store.input_path(mask.sha256)).convert("L")) > 0
    assert (kept == wanted).all()
    before = np.asarray(session.picture("#1").pil().convert("RGB")).astype(int)
    newest = session.history[-1].pictures[0]
    changed = (np.asarray(newest.pil().convert("RGB")).astype(int) != before).any(axis=2)
    assert not changed[~wanted].any()
    assert changed[wanted].mean() > 0.2


def test_a_mask_is_opened_again_and_taken_away(page: Page, session: Session) -> None:
    """What was painted is there when the editor opens again; Escape changes nothing; cleared, the input is gone."""
    session.generate("a red fox", size="512x512", model="dall-e-2")
    open_first(page)
    page.click("button", "Repaint")
    page.wait("() => document.querySelector('.nowp-masking:not([hidden]) .nowp-easel')?.dataset.view")
    page.press("r")
    drag(page, (10, 20), (109, 119))
    page.click("button", "Use mask")
    page.wait("() => document.querySelectorAll('.nowp-card').length === 2")
    page.click("button", "Paint a mask over #1")
    page.wait("() => document.activeElement.matches('.nowp-easel')")
    assert page.text(".nowp-share").startswith("3.8 %")
    page.press("Escape")
    page.wait("() => document.querySelector('.nowp-masking').hidden")
    page.wire.until(lambda: len(page.wire.widget.draft["inputs"]) == 2)
    page.click("button", "Paint a mask over #1")
    page.wait("() => document.activeElement.matches('.nowp-easel')")
    page.click("button", "Clear")
    page.click("button", "Use mask")
    page.wait("() => document.querySelectorAll('.nowp-card').length === 1")


# In Python


def test_an_editor_is_given_to_an_order_as_it_is(session: Session, path: Path) -> None:
    """`mask=editor`; where nothing was painted it says so before anything is sent."""
    made = session.generate("a red fox", size="512x512", model="dall-e-2")
    with panels.opened(session, lambda one: MaskEditor.of(one, made)) as wire:
        editor: MaskEditor = wire.widget
        assert editor.picture().getbbox() is None
        with pytest.raises(InputError, match="nothing was drawn on the mask of #1"):
            session.generate("a hat", image=made, mask=editor, model="dall-e-2")
        mask = Image.new("1", (512, 512), 0)
        mask.paste(1, (10, 10, 60, 60))
        target = io.BytesIO()
        mask.save(target, "PNG")
        assert "error" not in wire.ask("paint", buffers=[target.getvalue()]).content
        assert (editor.mask.shape, editor.mask.sum(), editor.picture().mode) == ((512, 512), 2500, "L")
        assert repr(editor) == "MaskEditor(#1, 512x512, 1.0%)"
        session.generate("a hat", image=made, mask=editor, model="dall-e-2")
        assert session.history.record(2).request.given("mask")[0].width == 512
        data, about = editor.static()
        assert data["text/plain"] == "#1: 1.0 % of the picture is to be repainted"
        assert about["now"]["ids"] == [made.id]
        wrong = io.BytesIO()
        Image.new("1", (5, 5)).save(wrong, "PNG")
        assert "5x5" in wire.ask("paint", buffers=[wrong.getvalue()]).content["error"]["lines"][0]
        assert editor.mask.sum() == 2500
    with panels.opened(session, lambda one: MaskEditor.of(one, "#1")) as wire:  # the cell is run again
        editor = wire.widget
        assert editor.mask.sum() == 2500
        assert sum(byte.bit_count() for byte in wire.ask("canvas").buffers[1]) == 2500
        wire.ask("paint", buffers=[b""])
        assert not editor.mask.any()


def test_only_pictures_have_masks(session: Session, tmp_path: Path) -> None:
    """A reference that is none, and a file that is no picture, are refused at once."""
    (tmp_path / "notes.txt").write_text("words")
    with pytest.raises(InputError, match="cannot be used as a picture"):
        MaskEditor.of(session, tmp_path / "notes.txt")
    with pytest.raises(InputError, match="no #9"):
        MaskEditor.of(session, "#9")


def test_the_editor_in_a_cell_shows_all_of_itself(browser: Browser, session: Session) -> None:
    """However often tools and hint break their lines, nothing below the picture is cut off."""
    widths = [380, 480, 800, 1400]
    made = session.generate("a red fox", size="512x512", model="dall-e-2")
    with (
        panels.opened(session, lambda one: MaskEditor.of(one, made)) as wire,
        browser.page(wire, width=min(widths), height=950) as page,
    ):
        page.wait("() => document.querySelector('.nowp-easel')?.dataset.view")
        for width in at_each_width(page, widths):
            panel, easel, hint = page.evaluate("""() => [".nowp", ".nowp-easel", ".nowp-hint"]
                .map((one) => document.querySelector(one).getBoundingClientRect().toJSON())""")
            assert hint["bottom"] <= panel["bottom"] <= 950, f"at {width} px"
            assert easel["height"] >= 280, f"at {width} px"
        assert page.errors == []


def test_the_editor_fits_at_any_width(browser: Browser, session: Session) -> None:
    """In the panel nothing is cut off, and contrast holds, in light and dark."""
    widths = [480, 700, 1000, 1400]
    made = session.generate("a red fox", size="512x512", model="dall-e-2")
    with panels.opened(session, Panel) as wire, browser.page(wire, width=min(widths)) as page:
        given = wire.ask("pick", number=1, output=1).content["input"]
        wire.widget.put("draft", panels.draft("a hat", model="dall-e-2", inputs=[given]))
        page.wait("() => document.querySelector('[aria-label^=\"Paint a mask\"]')?.offsetParent")
        page.click("button", "Paint a mask over #1")
        page.wait("() => document.querySelector('.nowp-masking:not([hidden]) .nowp-easel')?.dataset.view")
        for width in at_each_width(page, widths):
            for theme in in_each_theme(page):
                panel, easel, use = page.evaluate(
                    """() => [".nowp", ".nowp-easel", ".nowp-use"].map((one) => {
                        const box = document.querySelector(one).getBoundingClientRect();
                        return [box.left, box.top, box.right, box.bottom];
                    })"""
                )
                assert easel[3] - easel[1] > 200, (width, theme)
                assert use[2] <= panel[2], (width, theme)
                assert easel[3] <= panel[3], (width, theme)
                assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), (width, theme)
                assert violations(page) == [], (width, theme)
        assert made.pictures
        assert page.errors == []
