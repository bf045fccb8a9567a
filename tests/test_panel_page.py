"""The panel's real script and styles in a real Chromium, on a stub model whose other end is a real panel."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

import panels
from now_jupyter._panel import compare
from now_jupyter._session import Session
from now_jupyter._values import Status
from panels import Browser, Page, Wire

HOSTILE = "<img src=x onerror=window.bad=1><b>bold</b> {{1+1}} \\( x \\) & <script>window.bad=1</script>"
_SERIOUS = ("serious", "critical")
_OUTLINED = """() => {
    const shown = document.activeElement.closest('.nowp-sheet') ?? document.activeElement;
    return getComputedStyle(shown).outlineStyle !== 'none' || getComputedStyle(shown).boxShadow !== 'none';
}"""
_CONTRAST = """selector => {
    const bright = (text) => {
        const [r, g, b] = text.match(/[\\d.]+/g).map(Number).map((one) => one / 255)
            .map((one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const one = document.querySelector(selector);
    let below = one;
    while (getComputedStyle(below).backgroundColor.match(/, 0\\)$/)) below = below.parentElement;
    const pair = [bright(getComputedStyle(one).color), bright(getComputedStyle(below).backgroundColor)].sort();
    return (pair[1] + 0.05) / (pair[0] + 0.05);
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser.started() as browser:
        yield browser


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with panels.quiet_session(tmp_path) as session:
        yield session


@pytest.fixture
def wire(session: Session) -> Iterator[Wire]:
    with panels.opened(session) as wire:
        yield wire


@pytest.fixture
def page(browser: Browser, wire: Wire) -> Iterator[Page]:
    with browser.page(wire) as page:
        yield page
        assert page.errors == []


@pytest.fixture
def four(session: Session) -> list[str]:
    """Four pictures, of which two differ in one word."""
    prompts = ["a red fox in snow", "a blue fox in snow", "a lighthouse", "a whale"]
    for index, prompt in enumerate(prompts):
        session.generate(prompt, quality=["low", "high"][index % 2], size="square")
    return prompts


def violations(page: Page) -> list[str]:
    """Name what axe finds serious; motion is let to end first, because what fades in has no contrast yet."""
    page.wait("() => document.getAnimations().every((one) => one.playState !== 'running')")
    page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8") + ";0")
    found = page.evaluate("() => axe.run('.nowp').then((one) => one.violations)")
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:160]} {one['nodes'][0]['failureSummary'][:200]}"
        for one in found
        if one["impact"] in _SERIOUS
    ]


def count(page: Page, selector: str) -> int:
    return int(page.evaluate("one => document.querySelectorAll(one).length", selector))


def open_first(page: Page) -> None:
    page.wait_for_pictures()
    page.evaluate("() => document.querySelector('.nowp-open').focus()")
    page.press("Enter")
    page.wait("() => document.querySelector('.nowp-original:not(.nowp-rough)')?.naturalWidth")


def choose_two(page: Page) -> None:
    page.wait_for_pictures(2)
    page.evaluate("() => document.querySelector('.nowp-open').focus()")
    page.press("c", "ArrowRight", "c")
    page.click("button", "Compare 2")
    page.wait("() => document.querySelectorAll('.nowp-apart tr').length")


# Everyone can use it


@pytest.mark.parametrize("light", [True, False])
def test_axe_finds_nothing_serious(
    browser: Browser, wire: Wire, session: Session, four: list[str], light: bool
) -> None:
    """Form, gallery, errors, full view and comparison, in light and dark, pass the automated check."""
    session.star("#2")
    session.tag("#4", "cover")
    with browser.page(wire, light=light) as page:
        page.wait_for_pictures(4)
        page.evaluate("() => { document.querySelector('.nowp-more').open = true; }")
        page.fill("Prompt", " ")
        page.click("button", "Generate", exact=False)
        page.wait("() => document.querySelector('.nowp-error')")
        assert violations(page) == []
        open_first(page)
        assert violations(page) == []
        page.press("Escape")
        choose_two(page)
        for mode in ("Slider", "Side by side", "Flicker"):
            page.click("button", mode)
            assert violations(page) == []


def test_axe_finds_nothing_serious_while_something_runs(browser: Browser, tmp_path: Path) -> None:
    """The empty gallery, and a job with its progress and unfinished picture."""
    with panels.quiet_session(tmp_path) as session, panels.opened(session) as wire, browser.page(wire) as page:
        page.wait("() => document.querySelector('.nowp-blank-title')")
        assert violations(page) == []
        session.use_demo(on=True)
        slow = session.submit("a slow whale", params={"demo": {"latency": 3}})
        page.wait("() => document.querySelector('.nowp-job img')?.naturalWidth")
        page.evaluate("() => document.getAnimations().forEach((one) => one.cancel())")
        assert violations(page) == []
        slow.wait()


@pytest.mark.parametrize("light", [True, False])
@pytest.mark.parametrize("selector", [".nowp-prompt", ".nowp-label", ".nowp-go", ".nowp-count", ".nowp-purse"])
def test_text_has_contrast(browser: Browser, wire: Wire, four: list[str], light: bool, selector: str) -> None:
    """Words stand out from their ground by 4.5 to 1 at least."""
    with browser.page(wire, light=light) as page:
        page.wait_for_pictures(4)
        assert page.evaluate(_CONTRAST, selector) >= 4.5


def test_the_gallery_is_walked_with_keys(page: Page, session: Session, four: list[str]) -> None:
    """One stop of the Tab key, arrows between pictures, Enter opens, Escape comes back to the same picture."""
    page.wait("() => document.querySelectorAll('.nowp-tile').length === 4")
    page.evaluate("() => document.querySelector('.nowp-open').focus()")
    assert page.focused().startswith("#4")
    page.press("ArrowRight")
    assert page.focused().startswith("#3")
    page.press("End")
    assert page.focused().startswith("#1")
    page.press("Enter")
    page.wait("() => !document.querySelector('.nowp-over').hidden")
    assert page.focused() == "Close"
    assert page.evaluate("() => document.querySelector('.nowp-body').inert") is True
    page.press("Escape")
    assert page.focused().startswith("#1")
    page.press("s")
    page.wait("() => document.querySelector('.nowp-starred')")
    assert session.history["#1"].starred
    assert page.focused().startswith("#1")


def test_focus_is_visible(page: Page, four: list[str]) -> None:
    """What the Tab key reaches has an outline."""
    page.wait("() => document.querySelectorAll('.nowp-tile').length === 4")
    for _ in range(8):
        page.press("Tab")
        assert page.evaluate(_OUTLINED), page.focused()


def test_who_wants_no_motion_gets_none(browser: Browser, wire: Wire, four: list[str]) -> None:
    """With reduced motion nothing moves by itself, the flicker neither."""
    with browser.page(wire, motion="reduce") as page:
        choose_two(page)
        page.click("button", "Flicker")
        assert page.evaluate("() => document.getAnimations().length") == 0
        assert page.text("[role=dialog]:not([hidden]) .nowp-zoom .nowp-plain") == "Play"


# Making


def test_typing_and_the_shortcut_make_a_picture(page: Page, session: Session) -> None:
    """Ctrl+Enter orders what was typed; the picture appears by itself and the words stay."""
    page.fill("Prompt", "a red fox")
    page.fill("Size", "16:9")
    page.press("Escape")
    page.evaluate("() => document.querySelector('.nowp-prompt').focus()")
    page.press("Control+Enter")
    page.wait_for_pictures(1)
    assert session.history["#1"].params == {"size": "16:9"}
    assert page.evaluate("() => document.querySelector('.nowp-prompt').value") == "a red fox"


def test_a_picture_is_visible_soon_after_its_result(page: Page, session: Session) -> None:
    """From the result to the painted thumbnail it takes less than a second and a half."""
    page.wait("() => document.querySelector('.nowp-blank-title')")
    times: list[float] = []
    session.history.observe(lambda one: times.append(time.monotonic()) if one.status is Status.DONE else None)
    session.generate("a red fox")
    page.wait("() => document.querySelector('.nowp-thumb')?.naturalWidth")
    took = time.monotonic() - times[0]
    assert took < 1.5


def test_a_double_click_in_the_page_buys_once(page: Page, session: Session) -> None:
    """However fast one clicks, one picture is ordered."""
    page.fill("Prompt", "a red fox")
    page.do(lambda raw: raw.locator(".nowp-go").dblclick())
    page.evaluate("() => { const go = document.querySelector('.nowp-go'); go.click(); go.click(); }")
    page.wait_for_pictures(1)
    page.wire.until(lambda: not session.jobs())
    assert len(session.history) == 1


def test_the_question_before_ordering_again(page: Page, session: Session) -> None:
    """What may have been billed is asked about in the panel; only "Order all the same" orders."""
    session.generate("a red fox")
    store = session.context.home().store
    store.write(replace(store.read(1), status=Status.UNKNOWN, billed="maybe"))
    page.fill("Prompt", "a red fox")
    page.click("button", "Generate", exact=False)
    page.wait("() => document.querySelector('.nowp-ask')")
    assert page.focused() == "Not now"
    assert "#1" in page.text(".nowp-ask")
    page.click("button", "Order all the same")
    page.wire.until(lambda: len(session.history) == 2)


def test_a_setting_that_does_not_apply_says_why(page: Page) -> None:
    """It is off, and what reads the page aloud reads the reason with it."""
    page.fill("Model", "dall-e-2")
    page.evaluate("() => { document.querySelector('.nowp-more').open = true; }")
    field = "document.querySelector('[role=combobox][aria-label=Style]')"
    page.wait(f"() => {field}.disabled")
    why = f"() => document.getElementById({field}.getAttribute('aria-describedby')).textContent"
    assert page.evaluate(why) == "not known for dall-e-2"


def test_models_are_suggested_and_taken_with_keys(page: Page) -> None:
    """The relay's list is searched by typing; the arrow and Enter take a name, any other may be typed."""
    page.fill("Model", "dall")
    page.wait("() => document.querySelectorAll('[role=listbox][aria-label=Model] [role=option]').length")
    page.press("ArrowDown", "Enter")
    value = page.evaluate("() => document.querySelector('[role=combobox][aria-label=Model]').value")
    assert value.startswith("dall-e")
    page.wire.until(lambda: page.wire.widget.draft["model"] == value)


# Looking


def test_ten_thousand_pictures_scroll_to_the_end(browser: Browser, tmp_path: Path) -> None:
    """Only what is in sight exists in the page; the oldest picture is one key away; no frame takes long."""
    with panels.quiet_session(tmp_path) as session:
        pictures = [session.generate(f"picture {index}").pictures[0].bytes() for index in range(2)]
    with panels.quiet_session(tmp_path) as session:
        panels.fill_store(tmp_path, 10_000, pictures)
        with panels.opened(session) as wire, browser.page(wire) as page:
            page.wait_for_pictures(9)
            assert count(page, ".nowp-tile") < 60
            page.evaluate("() => document.querySelector('.nowp-open').focus()")
            page.press("End")
            page.wait("() => document.activeElement.getAttribute('aria-label')?.startsWith('#1 ·')")
            page.wait("() => document.activeElement.querySelector('img').naturalWidth")
            longest = page.evaluate("""() => new Promise((tell) => {
                const scroller = document.querySelector('.nowp-scroller');
                let last = performance.now(), longest = 0, frames = 0;
                const frame = (now) => {
                    longest = Math.max(longest, now - last); last = now; scroller.scrollTop -= 900;
                    if (++frames < 40) requestAnimationFrame(frame); else tell(longest);
                };
                requestAnimationFrame(frame);
            })""")
            assert longest < 250
            assert count(page, ".nowp-tile") < 60


def test_search_and_filters_narrow_the_gallery(page: Page, session: Session, four: list[str]) -> None:
    """What does not fit goes; nothing left says so and offers to clear."""
    page.wait("() => document.querySelectorAll('.nowp-tile').length === 4")
    page.fill("Search", "fox")
    page.wait("() => document.querySelectorAll('.nowp-tile').length === 2")
    page.fill("Search", "unicorn")
    page.wait("() => document.querySelector('.nowp-blank-title')?.textContent === 'Nothing fits'")
    page.click("button", "Clear search and filters")
    page.wait("() => document.querySelectorAll('.nowp-tile').length === 4")


def test_trash_and_undo(page: Page, session: Session, four: list[str]) -> None:
    """Delete moves to the trash and says so; "Undo" brings it back."""
    page.wait("() => document.querySelectorAll('.nowp-tile').length === 4")
    page.evaluate("() => document.querySelector('.nowp-open').focus()")
    page.press("Delete")
    page.wait("() => document.querySelectorAll('.nowp-tile').length === 3")
    assert page.focused().startswith("#3")
    page.click("button", "Undo")
    page.wait("() => document.querySelectorAll('.nowp-tile').length === 4")
    assert len(session.history) == 4


def test_the_full_view_zooms_moves_and_steps(page: Page, four: list[str]) -> None:
    """Plus zooms, arrows move what is zoomed, 0 fits; otherwise arrows go to the neighbour."""
    open_first(page)
    page.evaluate("() => document.querySelector('.nowp-stage').focus()")
    page.press("+", "+", "ArrowLeft")
    moved = page.evaluate("() => document.querySelector('.nowp-stage .nowp-original').style.transform")
    assert "scale(1.96)" in moved
    assert not moved.startswith("translate(0px")
    page.press("0", "ArrowRight")
    page.wait("() => document.querySelector('.nowp-title').textContent === '#3'")


# Changing


def test_recalling_keeps_the_draft_before(page: Page, session: Session) -> None:
    """Buttons "Use all", "Remix" and "Use prompt" fill the form; undo brings the old draft back."""
    session.generate("a red fox", size="16:9", seed=7)
    page.fill("Prompt", "my own words")
    open_first(page)
    page.click("button", "Use all")
    field = "name => document.querySelector(`[role=combobox][aria-label='${name}']`).value"
    assert [page.evaluate(field, name) for name in ("Size", "Seed")] == ["16:9", "7"]
    page.click("button", "Bring back the draft before")
    assert page.evaluate("() => document.querySelector('.nowp-prompt').value") == "my own words"
    open_first(page)
    page.click("button", "Remix")
    assert [page.evaluate(field, name) for name in ("Size", "Seed")] == ["16:9", ""]


def test_copy_as_cell_puts_the_cell_on_the_clipboard(page: Page, session: Session) -> None:
    """The exact cell, and the panel says so."""
    session.generate("a red fox", size="16:9")
    open_first(page)
    page.do(lambda raw: raw.get_by_role("dialog").get_by_role("button", name="Copy as cell").click())
    page.wait("() => document.querySelector('.nowp-toast')?.textContent.includes('clipboard')")
    text = page.evaluate("() => navigator.clipboard.readText()")
    assert text == "%%nowimage --model gpt-image-2 --size 16:9\na red fox"


def test_a_picture_dropped_on_the_panel_is_recalled(page: Page, session: Session, tmp_path: Path) -> None:
    """Its bytes go to the kernel, the form is filled."""
    made = session.generate("a red fox", size="16:9")
    data = base64.b64encode(made.pictures[0].save(tmp_path / "fox.png").read_bytes()).decode()
    page.evaluate(
        """text => {
            const given = new DataTransfer();
            const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
            given.items.add(new File([bytes], "fox.png", { type: "image/png" }));
            const event = new DragEvent("drop", { dataTransfer: given, bubbles: true, cancelable: true });
            document.querySelector(".nowp").dispatchEvent(event);
        }""",
        data,
    )
    page.wait("() => document.querySelector('.nowp-prompt').value === 'a red fox'")


def test_comparing_shows_what_differs(page: Page, four: list[str]) -> None:
    """Parameters that differ stand in a table; words that went and came are marked by more than colour."""
    page.wait_for_pictures(4)
    page.evaluate("() => document.querySelectorAll('.nowp-open')[2].focus()")
    page.press("c", "ArrowRight", "c")
    page.click("button", "Compare 2")
    page.wait("() => document.querySelector('.nowp-apart ins')")
    assert "blue" in page.text(".nowp-apart del")
    assert "red" in page.text(".nowp-apart ins")
    assert page.text(".nowp-table").split() == ["Parameters", "#2", "#1", "quality", "high", "low"]
    page.evaluate("() => document.querySelector('.nowp-divide').focus()")
    page.press("Home")
    assert (
        page.evaluate("() => document.querySelector('.nowp-compare-stage').style.getPropertyValue('--nowp-split')")
        == "0%"
    )
    page.click("button", "Side by side")
    assert count(page, ".nowp-by-side img") == 2


def test_a_comparison_in_a_cell(browser: Browser, session: Session, four: list[str]) -> None:
    """`nj.compare` is the same view, alone."""
    with panels.opened(session, lambda one: compare(one, "#1", "#2", "#3")) as wire, browser.page(wire) as page:
        page.wait(
            "() => [...document.querySelectorAll('.nowp-by-side img')].filter((one) => one.naturalWidth).length === 3"
        )
        page.wait("() => document.querySelector('.nowp-apart tr')")
        assert violations(page) == []
        assert page.errors == []


# Hostile text, several views, the end


def test_hostile_text_is_shown_literally(page: Page, session: Session) -> None:
    """Markup in prompts, tags and model names never becomes an element."""
    session.generate(HOSTILE, tag=["<i>tag</i>"])
    page.wait_for_pictures(1)
    page.fill("Model", "<u>model</u>")
    open_first(page)
    assert HOSTILE in page.text(".nowp-side")
    assert "<i>tag</i>" in page.text(".nowp-tags")
    assert count(page, ".nowp b, .nowp script, .nowp u, .nowp-tags i") == 0
    assert page.evaluate("() => window.bad") is None


def test_several_views_of_one_panel(page: Page, session: Session, four: list[str]) -> None:
    """Two views share the draft and the history, have no id in common, and end without a trace."""
    page.wait_for_pictures(4)
    alone = page.evaluate("() => window.listening()")
    page.evaluate("() => { window.end_second = window.show_panel(); }")
    page.wait_for_pictures(8)
    page.fill("Prompt", "shared")
    page.wait("() => [...document.querySelectorAll('.nowp-prompt')].every((one) => one.value === 'shared')")
    ids = page.evaluate("() => [...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert len(ids) == len(set(ids))
    page.evaluate("() => window.end_second()")
    assert page.evaluate("() => window.listening()") == alone
    page.evaluate("() => window.end_panel()")
    assert page.evaluate("() => window.listening()") == 0


@pytest.mark.parametrize("width", [600, 900, 1400])
def test_nothing_sticks_out(browser: Browser, wire: Wire, four: list[str], width: int) -> None:
    """One column at 600, two from 900 on, and no sideways scrolling anywhere."""
    with browser.page(wire, width=width) as page:
        page.wait_for_pictures(4)
        out = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert out == 0
        columns: list[Any] = page.evaluate(
            "() => ['make', 'gallery'].map((one) => document.querySelector(`.nowp-${one}`).getBoundingClientRect().x)"
        )
        assert (columns[0] < columns[1]) == (width >= 900)
