"""The panel's real script and styles in a real Chromium, on a stub model whose other end is a real panel."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import panels
from now_jupyter._panel import Comparison
from now_jupyter._session import Session
from now_jupyter._values import Status
from panel_steps import at_each_width, count, open_first, violations
from panels import Browser, Page, Wire

HOSTILE = "<img src=x onerror=window.bad=1><b>bold</b> {{1+1}} \\( x \\) & <script>window.bad=1</script>"


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
    """It is away; one that holds a value stays, and what reads the page aloud reads the reason with it."""
    page.wait("() => document.querySelector('.nowp-more')")
    page.evaluate("() => { document.querySelector('.nowp-more').open = true; }")
    page.fill("Model", "dall-e-3")
    field = "document.querySelector('[role=combobox][aria-label=Style]')"
    page.wait(f"() => {field}.offsetParent")
    page.fill("Style", "vivid")
    page.fill("Model", "dall-e-2")
    page.wait(f"() => {field}.hasAttribute('aria-describedby')")
    page.wait("() => !document.querySelector('[role=combobox][aria-label=Background]').offsetParent")
    assert page.evaluate(f"() => Boolean({field}.offsetParent)")
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
    page.wait("() => document.querySelector('.nowp-stage .nowp-original')?.naturalWidth")
    page.evaluate("() => document.querySelector('.nowp-stage').focus()")
    page.press("+", "+", "ArrowLeft")
    page.wait("() => document.querySelector('.nowp-stage .nowp-original').style.transform.includes('scale(1.96)')")
    moved = page.evaluate("() => document.querySelector('.nowp-stage .nowp-original').style.transform")
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
    with panels.opened(session, lambda one: Comparison.of(one, ["#1", "#2", "#3"])) as wire, browser.page(wire) as page:
        page.wait(
            "() => [...document.querySelectorAll('.nowp-by-side img')].filter((one) => one.naturalWidth).length === 3"
        )
        page.wait("() => document.querySelector('.nowp-apart tr')")
        assert violations(page) == []
        assert page.errors == []


# Hostile text, several views, the end


def test_hostile_text_is_shown_literally(page: Page, session: Session) -> None:
    """Markup in prompts, tags and model names never becomes an element."""
    session.generate(HOSTILE, size="256x256", tag=["<i>tag</i>"])
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


def test_nothing_sticks_out(browser: Browser, wire: Wire, four: list[str]) -> None:
    """One column at 600, two from 900 on, and no sideways scrolling anywhere."""
    widths = [600, 900, 1400]
    with browser.page(wire, width=min(widths)) as page:
        page.wait_for_pictures(4)
        for width in at_each_width(page, widths):
            out = page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert out == 0, f"at {width} px"
            columns: list[Any] = page.evaluate("""() => ["make", "gallery"]
                .map((one) => document.querySelector(`.nowp-${one}`).getBoundingClientRect().x)""")
            assert (columns[0] < columns[1]) == (width >= 900), f"at {width} px"


def test_an_empty_parameter_row_stays_while_answers_arrive(page: Page) -> None:
    """A row that was just added is not swept away by a quote or another tab; what is typed into it is sent."""
    page.wait("() => document.querySelector('.nowp-alive')")
    page.evaluate("() => { document.querySelector('.nowp-more').open = true; }")
    page.click("button", "+ Add a parameter")
    page.wire.widget.put("draft", {**page.wire.widget.draft, "prompt": "from another tab"})
    page.wait("() => document.querySelector('.nowp-prompt')?.value === 'from another tab'")
    page.fill("Name", "user")
    page.fill("Value", "me")
    page.wire.until(lambda: page.wire.widget.draft["params"] == [["user", "me"]])


def test_a_change_that_is_told_before_the_first_answer_breaks_nothing(browser: Browser, wire: Wire) -> None:
    """What a cell makes while the panel is still opening is taken up, and can be filtered by at once."""
    row = {
        "status": "done",
        "prompt": "p",
        "count": 0,
        "others": [],
        "starred": False,
        "tags": [],
        "failure": "",
        "created": 1.0,
        "pictures": [],
    }
    busy = threading.Event()
    wire.widget.have("files", busy.wait)
    try:
        with browser.page(wire) as page:
            page.wait("() => document.querySelector('.nowp-gallery')")
            for number, model in enumerate(("first", "second"), 1):
                wire.widget.tell({"event": "changed", "row": {**row, "number": number, "model": model}})
            page.wait("() => document.querySelector('[aria-label=\"All models\"]').options.length === 3")
            assert page.errors == []
    finally:
        busy.set()


def test_vary_and_again_in_the_full_view(page: Page, session: Session) -> None:
    """They stand under the picture and order from it; a double click orders once."""
    session.generate("a red fox", model="dall-e-2", size="512x512")
    page.wait_for_pictures(1)
    open_first(page)
    page.do(lambda raw: raw.get_by_role("button", name="Vary", exact=True).dblclick())
    page.wire.until(lambda: not session.jobs() and len(session.history) == 2)
    assert session.history["#2"].parents == (session.history["#1"].id,)
    page.do(lambda raw: raw.get_by_role("button", name="Again", exact=True).dblclick())
    page.wire.until(lambda: not session.jobs() and len(session.history) == 3)
    assert session.history["#3"].prompt == "a red fox"


def test_filters_offer_what_there_is(page: Page, session: Session) -> None:
    """A single tag, but not a single model or state; what a picture lost, or was while it was made, is away again."""
    offered = """() => [...document.querySelectorAll('.nowp-filters select:not([hidden])')]
        .map((select) => [...select.options].map((one) => one.textContent).join(", "))"""
    page.fill("Prompt", "a red fox")
    page.press("Control+Enter")
    page.wait_for_pictures(1)
    page.wait(f"() => !({offered})().length")
    session.tag("#1", "cover")
    page.wait(f"() => ({offered})().join() === 'All tags, cover'")
    page.do(lambda raw: raw.locator(".nowp-filters select:not([hidden])").select_option("cover"))
    session.generate("a whale", size="256x256")
    session.tag("#1", "cover", remove=True)
    page.wait("() => document.querySelector('.nowp-blank-title')?.textContent === 'Nothing fits'")
    assert page.evaluate(offered) == ["All tags, cover"]
    page.click("button", "Clear search and filters")
    page.wait(f"() => !({offered})().length")
