"""What room the panel takes: nothing overlaps or is cut off at any width, sizes of tiles, the whole screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

import panels
from now_jupyter._session import Session
from panel_steps import at_each_width, count, open_first
from panels import Browser, Page, Wire

WIDTHS = [480, 600, 640, 720, 1100, 1400, 1800]
_SIDE = "() => document.querySelector('.nowp-tile').getBoundingClientRect().height"
_FAULTS = """() => {
    const seen = (one) => one.checkVisibility({ visibilityProperty: true }) && !one.closest("[inert], .nowp-unseen");
    const name = (one) => one.getAttribute("aria-label") ?? one.textContent.slice(0, 30);
    const panel = document.querySelector(".nowp").getBoundingClientRect();
    const all = [...document.querySelectorAll(".nowp :is(button, input, select, h3, .nowp-count, dt, dd)")]
        .filter((one) => seen(one) && !one.closest(".nowp-tile, .nowp-strip, .nowp-compare-stage"));
    const boxes = all.map((one) => [one, one.getBoundingClientRect()]).filter(([, box]) => box.width && box.height);
    const out = boxes.filter(([, box]) => box.left < panel.left - 1 || box.right > panel.right + 1);
    const apart = (a, b) => a.left >= b.right - 1 || a.top >= b.bottom - 1;
    const crosses = (a, b) => !apart(a, b) && !apart(b, a);
    const over = boxes.flatMap(([one, box], at) => boxes.slice(at + 1)
        .filter(([other, its]) => !one.contains(other) && crosses(box, its))
        .map(([other]) => `${name(one)} over ${name(other)}`));
    const cut = all.filter((one) => one.matches("button") && one.scrollWidth > one.clientWidth + 1).map(name);
    const page = document.documentElement;
    return [...out.map(([one]) => `${name(one)} sticks out`), ...over, ...cut.map((one) => `${one} is cut off`),
        ...(page.scrollWidth > page.clientWidth ? ["the page scrolls sideways"] : [])];
}"""


@pytest.fixture(params=[("en", True), ("zh", False)], ids=["English, light", "Chinese, dark"])
def told(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Wire, bool]]:
    """A history with several pictures, tags, a star and two models, in each language."""
    language, light = request.param
    with panels.quiet_session(tmp_path, configured=lambda: {"language": language}) as session:
        session.generate("a whale", size="square")
        session.generate("a red fox in snow", model="dall-e-2", size="256x256", n=4)
        session.star("#2.2")
        session.tag("#2.1", "cover")
        session.tag("#1", "draft")
        with panels.opened(session) as wire:
            yield wire, light


def faults(page: Page, widths: Sequence[int] = WIDTHS) -> dict[int, list[str]]:
    """What overlaps, sticks out or is cut off, by the width of the window at which it does."""
    return {width: found for width in at_each_width(page, widths) if (found := page.evaluate(_FAULTS))}


def test_nothing_overlaps_or_is_cut_off(browser: Browser, told: tuple[Wire, bool]) -> None:
    """Gallery with its bar and a message, full view, comparison with four; from a side bar's width to a wide screen.

    Each of them is there while the window is made wider, or narrower again.
    """
    wire, light = told
    with browser.page(wire, width=min(WIDTHS), height=1000, light=light) as page:
        page.wait_for_pictures(3)
        assert faults(page) == {}, "the gallery"
        page.evaluate("() => document.querySelector('.nowp-open').focus()")
        page.press("Shift+ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight")
        page.evaluate("() => document.querySelectorAll('.nowp-on-bar')[1].click()")
        assert faults(page) == {}, "the bar of what is chosen"
        page.press("Escape")
        page.evaluate("() => document.querySelector('.nowp-open').focus()")
        page.press("k")
        page.wait("() => document.querySelector('.nowp-toast')")
        page.evaluate("() => document.querySelector('.nowp-undo').focus()")  # while it has the focus, it stays
        page.wait("() => document.getAnimations().every((one) => one.playState !== 'running')")
        assert faults(page) == {}, "a message"
        assert count(page, ".nowp-toast") == 1
        page.evaluate("() => document.querySelector('.nowp-undo').click()")
        page.wait("() => document.querySelector('.nowp-count').textContent.startsWith('5')")
        page.evaluate("() => document.querySelector('.nowp-open').focus()")
        page.press("Escape", "Enter")
        page.wait("() => document.querySelectorAll('.nowp-stripe img:not([hidden])').length === 4")
        assert faults(page) == {}, "the full view"
        page.press("c", "2", "c", "3", "c", "4", "c", "Escape")
        page.evaluate("() => document.querySelector('.nowp-chosen-actions button').click()")
        page.wait("() => document.querySelectorAll('.nowp-contestant').length === 4")
        page.wait("() => document.querySelectorAll('.nowp-apart :is(p, tr)').length")
        assert faults(page) == {}, "the comparison"
        assert page.errors == []


def test_nothing_is_cut_off_beside_a_file_browser(browser: Browser, told: tuple[Wire, bool]) -> None:
    """In a panel as narrow as a window of 480 px leaves it: form, gallery with its bar, full view."""
    wire, light = told
    with browser.page(wire, width=180, height=1000, light=light) as page:
        page.wait_for_pictures(2)
        assert page.evaluate(_FAULTS) == []
        one_line = (
            "() => document.querySelector('.nowp-go').scrollHeight <= document.querySelector('.nowp-go').clientHeight"
        )
        assert page.evaluate(one_line)
        page.evaluate("() => document.querySelector('.nowp-open').focus()")
        page.press("c")
        page.wait("() => !document.querySelector('.nowp-chooser').hidden")
        assert page.evaluate(_FAULTS) == []
        page.press("Enter")
        page.wait("() => !document.querySelector('.nowp-over').hidden")
        assert page.evaluate(_FAULTS) == []
        assert page.errors == []


@pytest.fixture
def many(session: Session) -> Session:
    session.generate("a red fox", model="dall-e-2", size="256x256", n=10)
    session.generate("a whale", model="dall-e-2", size="256x256", n=8)
    return session


def test_the_size_of_thumbnails_is_chosen_and_remembered(browser: Browser, wire: Wire, many: Session) -> None:
    """By the slider and by plus and minus; as many columns as fit; a new view in this browser has it again."""
    with browser.page(wire, width=1400) as page:
        page.wait_for_pictures(8)
        before = page.evaluate(_SIDE)
        page.evaluate("() => document.querySelector('.nowp-open').focus()")
        page.press("-", "-")
        smaller = page.evaluate(_SIDE)
        assert 96 <= smaller < before
        page.evaluate(
            "() => { const one = document.querySelector('.nowp-size'); one.value = 320;"
            " one.dispatchEvent(new Event('input')); }"
        )
        larger = page.evaluate(_SIDE)
        assert larger >= 320 > smaller
        page.evaluate("() => { window.end_panel(); window.show_panel(); }")
        page.wait_for_pictures(2)
        assert page.evaluate(_SIDE) == larger
        assert page.evaluate("() => document.querySelector('.nowp-size').value") == "320"


def test_few_pictures_are_shown_larger(browser: Browser, wire: Wire, session: Session) -> None:
    """Two pictures do not stand small in a large room; with more of them they go back to their usual size."""
    with browser.page(wire, width=1100) as page:
        session.generate("a red fox", model="dall-e-2", size="256x256", n=2)
        page.wait_for_pictures(2)
        few = page.evaluate(_SIDE)
        session.generate("a whale", model="dall-e-2", size="256x256", n=10)
        page.wait("() => document.querySelectorAll('.nowp-tile').length >= 9")
        assert few > 1.3 * page.evaluate(_SIDE)


def test_panel_and_picture_fill_the_screen(page: Page, many: Session) -> None:
    """F in the gallery for the panel, in the full view for the picture, where arrows still lead on."""
    page.wait_for_pictures(4)
    page.evaluate("() => document.querySelector('.nowp-open').focus()")
    page.press("f")
    page.wait("() => document.fullscreenElement?.classList.contains('nowp')")
    page.wait("() => document.querySelector('.nowp-body').getBoundingClientRect().height >= window.innerHeight - 2")
    page.press("f")
    page.wait("() => !document.fullscreenElement")
    page.press("Enter")
    page.wait("() => document.querySelector('.nowp-over .nowp-title').textContent === '#2.1'")
    page.press("f")
    page.wait("() => document.fullscreenElement?.classList.contains('nowp-left')")
    page.press("ArrowRight")
    page.wait("() => document.querySelector('.nowp-over .nowp-title').textContent === '#2.2'")
    page.press("f")
    page.wait("() => !document.fullscreenElement")
    page.press("Escape")
    page.wait("() => document.querySelector('.nowp-over').hidden")


def test_a_message_covers_nothing_that_can_be_pressed(page: Page, many: Session) -> None:
    """With pictures chosen, and in the full view."""
    page.wait_for_pictures(4)
    covered = """() => {
        const toast = document.querySelector(".nowp-toast").getBoundingClientRect();
        const bars = ":is(.nowp-chooser, .nowp-head, .nowp-under, .nowp-side) button";
        const all = [...document.querySelectorAll(bars)];
        return all.filter((one) => one.checkVisibility()).map((one) => one.getBoundingClientRect())
            .filter((box) => box.top < toast.bottom && box.bottom > toast.top
                && box.left < toast.right && box.right > toast.left).length;
    }"""
    page.evaluate("() => document.querySelector('.nowp-open').focus()")
    page.press("c", "ArrowRight", "Delete")
    page.wait("() => document.querySelector('.nowp-toast')")
    assert count(page, ".nowp-chooser:not([hidden])") == 1
    assert page.evaluate(covered) == 0
    page.press("Enter")
    page.wait("() => !document.querySelector('.nowp-over').hidden")
    page.press("Delete")
    page.wait("() => document.querySelector('.nowp-toast')")
    assert page.evaluate(covered) == 0


def test_the_form_leaves_the_pictures_their_part(browser: Browser, wire: Wire, many: Session) -> None:
    """With everything in it open it scrolls; pictures, the bar of what is chosen and "Generate" are seen at once."""
    widths = [180, 480, 600, 640, 820]
    with browser.page(wire, width=min(widths), height=850) as page:
        page.wait_for_pictures(2)
        page.evaluate("() => document.querySelectorAll('.nowp-draft details').forEach((one) => { one.open = true; })")
        page.evaluate("() => document.querySelector('.nowp-open').focus({ preventScroll: true })")
        page.press("c")
        page.wait("() => !document.querySelector('.nowp-chooser').hidden")
        page.wait("() => document.getAnimations().every((one) => one.playState !== 'running')")
        for width in at_each_width(page, widths):
            boxes = page.evaluate("""() => Object.fromEntries(["", "-make", "-gallery", "-scroller", "-chooser", "-go"]
                .map((name) => [name, document.querySelector(`.nowp${name}`).getBoundingClientRect().toJSON()]))""")
            room = boxes[""]["height"]
            said = f"at {width} px: {boxes}"
            assert all(one["bottom"] <= min(850, boxes[""]["bottom"]) for one in boxes.values()), said
            assert boxes["-make"]["height"] <= 0.61 * room or boxes["-gallery"]["height"] > 0.95 * room, said
            assert boxes["-gallery"]["height"] >= 0.39 * room, said
            assert boxes["-scroller"]["height"] > (120 if width > 300 else 60), said


def test_a_picture_takes_the_width_of_a_narrow_panel(browser: Browser, wire: Wire, many: Session) -> None:
    """In the full view, or most of the height; its details stand below, and stay there from one to the next."""
    widths = [480, 600, 700]
    with browser.page(wire, width=min(widths), height=850) as page:
        open_first(page)
        title = "end => document.querySelector('.nowp-over .nowp-title').textContent.endsWith(end)"
        under = "() => document.querySelector('.nowp-out').getBoundingClientRect().top"
        for width in at_each_width(page, widths):
            panel, stage = page.evaluate("""() => [".nowp", ".nowp-stage"]
                .map((name) => document.querySelector(name).getBoundingClientRect().toJSON())""")
            assert stage["width"] > 0.98 * panel["width"] - 2, f"at {width} px"
            assert stage["height"] >= min(panel["width"], 0.7 * panel["height"]) - 4, f"at {width} px"
            before = page.evaluate(under)
            page.press("ArrowRight")
            page.wait(title, ".2")
            assert page.evaluate(under) == before < panel["bottom"], f"at {width} px"
            page.press("ArrowLeft")
            page.wait(title, ".1")


def test_pictures_are_seen_whole(page: Page, session: Session) -> None:
    """Wide, high and square ones in squares of one size, so that one can choose by composition."""
    session.generate("a red fox", size="16:9")
    session.generate("a whale", size="9:16")
    session.generate("a forest", model="dall-e-2", size="256x256", n=3)
    page.wait_for_pictures(5)
    seen = page.evaluate("""() => [...document.querySelectorAll(".nowp-thumb")].map((one) =>
        [one.naturalWidth / one.naturalHeight, one.clientWidth - one.clientHeight, getComputedStyle(one).objectFit])""")
    assert [round(ratio, 1) for ratio, *_ in seen] == [1.0, 1.0, 1.0, 0.6, 1.8]
    assert all(abs(more) <= 1 and how == "contain" for _, more, how in seen)


def test_the_buttons_of_a_comparison_stand_alike(browser: Browser, told: tuple[Wire, bool]) -> None:
    """Whatever the numbers of the pictures are: what keeps one has the same place in each column."""
    wire, light = told
    widths = [180, 400, 480, 800, 1200]
    with browser.page(wire, width=min(widths), height=1000, light=light) as page:
        page.wait_for_pictures(2)
        page.evaluate("() => document.querySelector('.nowp-open').focus()")
        page.press("End", "c", "ArrowLeft", "c", "ArrowLeft", "c")
        page.evaluate("() => document.querySelector('.nowp-chosen-actions button').click()")
        page.wait("() => document.querySelectorAll('.nowp-contestant').length === 3")
        page.wait("() => document.querySelectorAll('.nowp-apart :is(p, tr)').length")
        for width in at_each_width(page, widths):
            kept = page.evaluate("""() => [...document.querySelectorAll(".nowp-contestant")].map((one) => {
                const keep = one.lastElementChild.getBoundingClientRect();
                return [keep.top - one.getBoundingClientRect().top, keep.width].map(Math.round).join();
            })""")
            assert len(kept) == 3, f"at {width} px"
            assert len(set(kept)) == 1, f"at {width} px"
            assert page.evaluate(_FAULTS) == [], f"at {width} px"
        assert page.errors == []


def test_a_message_leaves_for_what_it_would_cover(page: Page, session: Session) -> None:
    """The mask editor, the full view, and the card that says why an order was refused."""
    session.generate("a red fox", model="dall-e-2", size="256x256", n=3)
    page.wait_for_pictures(3)
    page.fill("Prompt", "a hat")
    page.fill("Model", "dall-e-2")
    for key, shown in (("Enter", ".nowp-over:not([hidden]) .nowp-original"), ("", ".nowp-draft .nowp-error")):
        page.evaluate("() => document.querySelector('.nowp-open').focus()")
        page.press("Delete")
        page.wait("() => document.querySelector('.nowp-toast')")
        if key:
            page.press(key)
        else:
            page.fill("Size", "nonsense")
            page.evaluate("() => document.querySelector('.nowp-go').click()")
        page.wait("one => document.querySelector(one)", shown)
        assert count(page, ".nowp-toast") == 0
        page.press("Escape")
        page.wait("() => document.querySelector('.nowp-over').hidden")
    page.evaluate("() => document.querySelector('.nowp-open').focus()")
    page.press("Control+z", "Control+z")
    page.wait("() => document.querySelectorAll('.nowp-tile').length === 3")
