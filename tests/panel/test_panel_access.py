"""Everyone can use the panel: axe in every state, keys for everything, contrast, focus, no motion."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import panels
from now_jupyter._panel import Comparison
from now_jupyter._session import Session
from now_jupyter._values import Status
from panel_steps import choose_two, count, in_each_theme, open_first, violations
from panels import Browser, Page, Wire

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


def violations_by_theme(page: Page) -> dict[str, list[str]]:
    return {theme: found for theme in in_each_theme(page) if (found := violations(page))}


def test_axe_finds_nothing_serious(browser: Browser, wire: Wire, session: Session, four: list[str]) -> None:
    """Form, gallery, errors, full view and comparison, in light and dark, pass the automated check."""
    session.star("#2")
    session.tag("#4", "cover")
    with browser.page(wire) as page:
        page.wait_for_pictures(4)
        page.evaluate("() => { document.querySelector('.nowp-more').open = true; }")
        page.fill("Prompt", " ")
        page.click("button", "Generate", exact=False)
        page.wait("() => document.querySelector('.nowp-error')")
        assert violations_by_theme(page) == {}
        open_first(page)
        assert violations_by_theme(page) == {}
        page.press("Escape")
        choose_two(page)
        for mode in ("Slider", "Side by side", "Flicker"):
            page.click("button", mode)
            assert violations_by_theme(page) == {}, mode


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
        slow.wait_until_over()


def test_text_has_contrast(browser: Browser, wire: Wire, four: list[str]) -> None:
    """Words stand out from their ground by 4.5 to 1 at least, in light and dark."""
    with browser.page(wire) as page:
        page.wait_for_pictures(4)
        for theme in in_each_theme(page):
            for selector in (".nowp-prompt", ".nowp-label", ".nowp-go", ".nowp-count", ".nowp-purse"):
                assert page.evaluate(_CONTRAST, selector) >= 4.5, f"{selector}, {theme}"


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


# Every state


@pytest.fixture(params=[("en", True), ("zh", False)], ids=["English, light", "Chinese, dark"])
def told(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Session, bool]]:
    """A session in each language, and whether it is shown in light."""
    language, light = request.param
    with panels.quiet_session(tmp_path, configured=lambda: {"language": language}) as session:
        yield session, light


def test_axe_finds_nothing_serious_in_any_state(browser: Browser, told: tuple[Session, bool]) -> None:
    """Empty, with an open list, asked, failed, a failure in full view, an own parameter, nothing found, no kernel."""
    session, light = told
    zh = session.settings().language == "zh"
    with panels.opened(session) as wire, browser.page(wire, light=light, height=1000) as page:
        page.wait("() => document.querySelector('.nowp-blank-title')")
        assert violations(page) == []
        page.evaluate("() => { const one = document.querySelector('[role=combobox]'); one.focus(); one.click(); }")
        page.press("ArrowDown")
        assert violations(page) == []
        page.press("Escape")
        session.generate("a red fox")
        store = session.context.home().store
        store.write(replace(store.read(1), status=Status.UNKNOWN, billed="maybe"))
        page.fill("提示词" if zh else "Prompt", "a red fox")
        page.press("Control+Enter")
        page.wait("() => document.querySelector('.nowp-ask')")
        assert violations(page) == []
        page.press("Escape")
        form = {**wire.widget.draft, "params": [["demo", '{"code": "content_policy_violation"}']]}
        wire.ask("generate", draft={**form, "prompt": "refused"}, at=0.0, agreed=[])
        page.wait("() => document.querySelector('.nowp-job .nowp-error')")
        page.evaluate("() => { document.querySelector('.nowp-more').open = true; }")
        page.evaluate("() => document.querySelector('.nowp-pairs + button').click()")
        assert violations(page) == []
        page.evaluate("() => document.querySelector('.nowp-open').click()")
        page.wait("() => document.querySelector('.nowp-stage .nowp-error p')")
        assert ("拒绝" if zh else "refused") in page.text(".nowp-stage .nowp-error")
        assert violations(page) == []
        page.press("Escape")
        page.fill("搜索" if zh else "Search", "unicorn")
        page.wait("() => !document.querySelector('.nowp-blank').hidden")
        assert violations(page) == []
        page.evaluate("() => { window.kernel_is_gone = true; window.tell_of_the_comm(); }")
        page.wait("() => !document.querySelector('.nowp-gone').hidden")
        assert violations(page) == []
        assert page.errors == []


# Keys


def test_the_list_of_suggestions_follows_the_combobox_pattern(page: Page) -> None:
    """Arrows open it and go round, the field names the option it is at, Enter takes, Escape closes it and no more."""
    field = "document.querySelector('[role=combobox][aria-label=Model]')"
    page.wait(f"() => {field}?.placeholder")
    page.evaluate(f"() => {field}.focus()")
    assert page.evaluate(f"() => {field}.getAttribute('aria-expanded')") == "false"
    page.press("ArrowDown")
    assert page.evaluate(f"() => {field}.getAttribute('aria-expanded')") == "true"
    at = f"() => document.getElementById({field}.getAttribute('aria-activedescendant'))"
    first = page.evaluate(f"{at}.textContent")
    assert page.evaluate(f"{at}.getAttribute('aria-selected')") == "true"
    assert page.evaluate("() => document.querySelectorAll('[role=option][aria-selected=true]').length") == 1
    page.press("ArrowUp", "ArrowDown")
    assert page.evaluate(f"{at}.textContent") == first
    page.press("Escape")
    assert page.evaluate(f"() => {field}.getAttribute('aria-expanded')") == "false"
    assert page.focused() == "Model"
    page.press("ArrowDown", "Enter")
    assert page.evaluate(f"() => {field}.value") == first
    page.press("ArrowDown", "Tab")
    assert page.evaluate(f"() => {field}.getAttribute('aria-expanded')") == "false"


def test_enter_belongs_to_the_input_method_while_it_composes(page: Page, session: Session) -> None:
    """Who writes Chinese confirms a word with Enter: nothing is ordered, no suggestion is taken."""
    page.fill("Prompt", "狐")
    composing = """selector => document.querySelector(selector).dispatchEvent(new KeyboardEvent("keydown",
        { key: "Enter", ctrlKey: true, isComposing: true, bubbles: true, cancelable: true }))"""
    page.evaluate(composing, ".nowp-prompt")
    field = "document.querySelector('[role=combobox][aria-label=Model]')"
    page.evaluate(f"() => {field}.focus()")
    page.press("ArrowDown")
    page.evaluate(composing.replace("ctrlKey: true, ", ""), "[role=combobox][aria-label=Model]")
    assert page.evaluate(f"() => {field}.value") == ""
    page.press("Escape")
    page.wire.ask("find")
    assert (session.jobs(), len(session.history)) == ([], 0)


def test_the_comparison_is_worked_with_keys_alone(page: Page, four: list[str]) -> None:
    """From the tiles into it, the divider moved, modes changed, and Escape back to the button that led there."""
    choose_two_by_keys(page)
    for _ in range(12):
        page.press("Tab")
        if page.focused() == "Divider between the two pictures":
            break
    split = "() => document.querySelector('.nowp-compare-stage').style.getPropertyValue('--nowp-split')"
    for key, percent in {"Home": "0%", "ArrowRight": "1%", "End": "100%", "ArrowLeft": "99%"}.items():
        page.press(key)
        assert page.evaluate(split) == percent
    page.evaluate("() => [...document.querySelectorAll('.nowp-segment')][1].focus()")
    page.press("Enter")
    page.wait("() => document.querySelectorAll('.nowp-by-side img').length === 2")
    page.press("Escape")
    assert page.focused() == "Compare 2"
    page.press("Enter")
    page.wait("() => !document.querySelector('.nowp-over:has(.nowp-compared)').hidden")
    page.press("Escape")
    assert page.focused() == "Compare 2"


def choose_two_by_keys(page: Page) -> None:
    page.wait_for_pictures(2)
    page.evaluate("() => document.querySelector('.nowp-open').focus()")
    page.press("c", "ArrowRight", "c")
    page.evaluate("() => document.querySelector('.nowp-chooser button').focus()")
    page.press("Enter")
    page.wait("() => document.querySelectorAll('.nowp-apart tr').length")


def test_escape_comes_back_from_a_picture_that_the_filter_hides(page: Page, session: Session) -> None:
    """From a parent that is not in the gallery Escape still leads somewhere: to the pictures that are there."""
    parent = session.generate("a red fox", size="256x256")
    store = session.context.home().store
    child = session.generate("a whale", size="256x256")
    store.write(replace(store.read(2), parents=(parent.id,)))
    page.fill("Search", "whale")
    page.wait("() => document.querySelectorAll('.nowp-tile').length === 1")
    open_first(page)
    page.wait("() => document.querySelector('.nowp-relative')")
    page.evaluate("() => document.querySelector('.nowp-relative').focus()")
    page.press("Enter")
    page.wait("() => document.querySelector('.nowp-over .nowp-title').textContent === '#1'")
    page.press("Escape")
    assert page.focused().startswith(child.ref)


def test_keys_with_ctrl_belong_to_the_browser(page: Page, session: Session, four: list[str]) -> None:
    """Ctrl+S, Ctrl+C and Ctrl+Delete neither star, choose nor trash, in the gallery and in the full view."""
    page.wait_for_pictures(4)
    page.evaluate("() => document.querySelector('.nowp-open').focus()")
    page.press("Control+c", "Alt+s", "Control+t", "Control+Delete")
    assert count(page, ".nowp-chosen, .nowp-starred") == 0
    page.press("Enter")
    page.wait("() => !document.querySelector('.nowp-over').hidden")
    page.press("Control+s", "Control+Delete")
    page.press("Escape")
    page.wire.ask("find")
    assert [one.starred for one in session.history] == [False] * 4


def test_the_search_field_finds_two_characters_of_chinese(page: Page, session: Session) -> None:
    """狐狸 finds 一只红色的狐狸, and nothing else."""
    for prompt in ("一只红色的狐狸在雪地里", "海上的灯塔", "a red fox"):
        session.generate(prompt, size="256x256")
    page.wait("() => document.querySelectorAll('.nowp-tile').length === 3")
    page.fill("Search", "狐狸")
    page.wait("() => document.querySelectorAll('.nowp-tile').length === 1")
    assert "狐狸" in page.evaluate("() => document.querySelector('.nowp-open').getAttribute('aria-label')")


def test_ctrl_z_undoes_what_was_done_where_the_focus_is(page: Page, session: Session, four: list[str]) -> None:
    """It brings pictures back, one deed after the other, and never touches what was typed in the form."""
    page.wait_for_pictures(4)
    page.evaluate("() => document.querySelector('.nowp-prompt').focus()")
    page.do(lambda raw: raw.keyboard.type("my own words"))
    page.evaluate("() => document.querySelector('.nowp-open').focus()")
    page.press("Delete")
    page.wait("() => document.querySelectorAll('.nowp-tile').length === 3")
    page.press("Delete")
    page.wait("() => document.querySelectorAll('.nowp-tile').length === 2")
    page.wait("() => document.querySelector('.nowp-toast')?.textContent.includes('#3')")
    page.press("Control+z")
    page.wait("() => document.querySelectorAll('.nowp-tile').length === 3 && !document.querySelector('.nowp-toast')")
    page.press("Control+z")
    page.wait("() => document.querySelectorAll('.nowp-tile').length === 4")
    page.press("Control+z", "Control+y", "Control+Shift+z")
    page.wire.ask("find")
    assert page.evaluate("() => document.querySelector('.nowp-prompt').value") == "my own words"
    assert page.focused().startswith("#")
    assert len(session.history) == 4
    page.evaluate("() => document.querySelector('.nowp-prompt').focus()")
    page.press("Control+z")
    assert page.evaluate("() => document.querySelector('.nowp-prompt').value") != "my own words"


def test_what_a_cell_keeps_of_a_comparison_is_undone_with_ctrl_z(browser: Browser, session: Session) -> None:
    """A comparison in a cell has its undo as well."""
    for prompt in ("a red fox", "a whale"):
        session.generate(prompt, size="256x256")
    with panels.opened(session, lambda one: Comparison.of(one, ["#1", "#2"])) as wire, browser.page(wire) as page:
        page.wait("() => document.querySelectorAll('.nowp-contestant').length === 2")
        page.evaluate("() => document.querySelector('.nowp-contestant button').focus()")
        page.press("2", "k")
        page.wait("() => document.querySelector('.nowp-toast')")
        assert len(session.history) == 1
        page.press("Control+z")
        page.wait("() => document.querySelectorAll('.nowp-contestant').length === 2")
        assert len(session.history) == 2


@pytest.mark.parametrize("button", ["Undo", "Close"])
def test_the_focus_comes_back_from_a_message(page: Page, four: list[str], button: str) -> None:
    """Its buttons give the focus back to the tile that had it, where arrows lead on."""
    page.wait_for_pictures(4)
    page.evaluate("() => document.querySelector('.nowp-open').focus()")
    page.press("ArrowRight", "Delete")
    page.wait("() => document.querySelectorAll('.nowp-tile').length === 3")
    page.wait("() => document.querySelector('.nowp-toast')")
    before = page.focused()
    page.click("button", button)
    page.wait(f"() => document.querySelectorAll('.nowp-tile').length === {4 if button == 'Undo' else 3}")
    assert page.focused() == before
    page.press("ArrowLeft")
    assert page.focused() not in ("", before)


def test_the_focus_comes_back_from_what_goes_away(page: Page, four: list[str]) -> None:
    """The bar of what is chosen goes with the pictures that it put into the trash; the others have the focus."""
    page.wait_for_pictures(4)
    page.evaluate("() => document.querySelector('.nowp-open').focus()")
    page.press("c")
    page.evaluate("() => [...document.querySelectorAll('.nowp-on-bar')].at(-1).focus()")
    page.press("Enter")
    page.wait("() => document.querySelector('.nowp-chooser').hidden")
    assert page.focused().startswith("#")
