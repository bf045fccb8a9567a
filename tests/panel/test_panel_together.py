"""Several at once: two tabs of one panel, two panels of one session, a panel and cells, a folder that changes."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import panels
from now_jupyter._panel import follow
from now_jupyter._panel._thumbs import Wanted
from now_jupyter._session import Session
from panels import Browser, Page, Wire, draft
from relays import new_session, relay_on_loopback

FOX = draft(model="gpt-image-2")
_TILES = "count => document.querySelectorAll('.nowp-tile').length === count"
_OURS = ("now-jupyter-files", "now-jupyter-relay", "now-jupyter-orders", "now-jupyter-panel")


@pytest.fixture
def tabs(browser: Browser, wire: Wire) -> Iterator[tuple[Page, Page]]:
    """Two browsers that show one panel."""
    with browser.page(wire) as one, browser.page(wire) as two:
        for page in (one, two):
            page.wait("() => document.querySelector('.nowp-prompt')")
        yield one, two
        assert one.errors + two.errors == []


def open_full_view(page: Page, number: int) -> None:
    page.evaluate("start => document.querySelector(`.nowp-open[aria-label^='${start}']`).click()", f"#{number} ")
    page.wait("text => document.querySelector('.nowp-over .nowp-title').textContent === text", f"#{number}")


# Two tabs


def test_what_one_tab_does_shows_in_the_other(tabs: tuple[Page, Page], session: Session) -> None:
    """Draft, picture, star and trash: the second tab follows without being touched."""
    one, two = tabs
    one.fill("Prompt", "a red fox")
    two.wait("() => document.querySelector('.nowp-prompt')?.value === 'a red fox'")
    one.press("Control+Enter")
    for page in tabs:
        page.wait_for_pictures(1)
    one.evaluate("() => document.querySelector('.nowp-open').focus()")
    one.press("s")
    two.wait("() => document.querySelector('.nowp-starred')")
    two.evaluate("() => document.querySelector('.nowp-open').focus()")
    two.press("Delete")
    for page in tabs:
        page.wait(_TILES, 0)
    assert len(session.history) == 0


def test_typing_in_one_tab_is_not_undone_by_its_own_echo(tabs: tuple[Page, Page]) -> None:
    """Fast typing arrives whole in both, while the kernel sends back every step of it."""
    one, two = tabs
    words = "a red fox in fresh snow, evening light, long lens"
    one.evaluate("() => document.querySelector('.nowp-prompt').focus()")
    one.do(lambda raw: raw.keyboard.type(words, delay=15))
    two.wait("words => document.querySelector('.nowp-prompt')?.value === words", words)
    assert one.evaluate("() => document.querySelector('.nowp-prompt').value") == words


def test_a_click_in_each_tab_at_once_buys_once(browser: Browser, tmp_path: Path) -> None:
    """The same draft, ordered in both tabs within a moment, is one order and costs once."""
    with (
        relay_on_loopback() as served,
        new_session(tmp_path, served.url) as session,
        panels.opened(session) as wire,
        browser.page(wire) as one,
        browser.page(wire) as two,
    ):
        one.fill("Prompt", "a red fox")
        two.wait("() => document.querySelector('.nowp-prompt')?.value === 'a red fox'")
        for page in (one, two):
            page.evaluate("() => document.querySelector('.nowp-go').click()")
        one.wait_for_pictures(1)
        two.wait_for_pictures(1)
        wire.until(lambda: not session.jobs())
        assert (served.posts, len(session.history)) == (1, 1)


def test_two_tabs_at_different_places_both_get_their_thumbnails(
    browser: Browser, tmp_path: Path, session: Session
) -> None:
    """What one tab has in sight is not forgotten because the other one scrolls."""
    pictures = [session.generate(f"picture {index}", size="256x256").pictures[0].bytes() for index in range(2)]
    panels.fill_store(tmp_path, 300, pictures, size=(256, 256))
    with panels.opened(session) as wire, browser.page(wire) as one, browser.page(wire) as two:
        for page in (one, two):
            page.wait("() => document.querySelectorAll('.nowp-tile').length > 6")
        two.evaluate("() => { document.querySelector('.nowp-scroller').scrollTop = 1e6; }")
        for page in (one, two):
            page.wait("""() => {
                const shown = [...document.querySelectorAll('.nowp-thumb')];
                return shown.length > 6 && shown.every((one) => one.naturalWidth);
            }""")


def test_views_take_turns_with_their_thumbnails() -> None:
    """What a view wants replaces what it wanted before; what all have got is wanted by none."""
    wanted = Wanted()
    first, second, third, ninth = (1, 1), (2, 1), (2, 2), (9, 1)
    wanted.ask("a", [first, second, third])
    wanted.ask("b", [ninth, second])
    assert [wanted.take() for _ in range(3)] == [first, ninth, second]
    wanted.ask("a", [ninth])
    assert [wanted.take(), wanted.take()] == [ninth, None]


# The end of a view, of a panel


def test_an_ended_view_leaves_nothing_in_the_page(browser: Browser, wire: Wire, session: Session) -> None:
    """No listener at the model, no address of bytes, no element, no clock; also with full view and toast open."""
    for prompt in ("a red fox", "a whale"):
        session.generate(prompt, size="256x256")
    with browser.page(wire) as page:
        page.wait_for_pictures(2)
        open_full_view(page, 2)
        page.wait("() => document.querySelector('.nowp-original:not(.nowp-rough)')?.naturalWidth")
        page.click("button", "Move to the trash")
        page.wait("() => document.querySelector('.nowp-toast')")
        assert page.evaluate("() => window.addresses.size") > 0
        page.evaluate("() => window.end_panel()")
        page.wait("() => window.addresses.size === 0 && window.listening() === 0")
        assert page.evaluate("() => document.querySelectorAll('.nowp').length") == 0
        session.generate("after the end", size="256x256")
        assert page.evaluate("() => window.addresses.size") == 0
        assert page.errors == []


def test_a_closed_panel_leaves_no_thread_and_no_ear(session: Session) -> None:
    """Its threads end, the history tells it nothing more, and other panels go on."""
    with panels.opened(session) as stays:
        with panels.opened(session) as ends:
            session.generate("a red fox", size="256x256")
            ends.event("changed")
        said = len(ends.said)
        session.generate("a whale", size="256x256")
        stays.wait_for(lambda one: one.content.get("event") == "changed" and one.content["row"]["number"] == 2)
        stays.until(lambda: max(_threads().values()) == 1)
        assert len(ends.said) == said
        ends.widget.close()  # twice is fine
        ends.message({"id": "x", "action": "find"})
    stays.until(lambda: not _threads())


def _threads() -> Counter[str]:
    """Count the threads of panels by their names, of which each panel has one."""
    return Counter(one.name for one in threading.enumerate() if one.name.startswith(_OURS))


# A panel and cells


def test_two_panels_and_a_cell_see_what_each_makes(session: Session) -> None:
    """What a panel orders is told to the other one, and is in the history of the cells."""
    with panels.opened(session) as one, panels.opened(session) as two:
        one.order(FOX)
        two.wait_for(lambda said: said.content.get("event") == "changed" and said.content["row"]["status"] == "done")
        two.order({**FOX, "prompt": "a whale"})
        one.wait_for(lambda said: said.content.get("event") == "changed" and said.content["row"]["number"] == 2)
        one.until(lambda: not session.jobs())
        assert [each.prompt for each in session.history] == ["a red fox", "a whale"]


def test_marks_made_in_a_cell_show_at_once(browser: Browser, wire: Wire, session: Session) -> None:
    """Star and tag: on the tile, in the open full view, and among what can be filtered by; what is typed stays."""
    session.generate("a red fox", size="256x256")
    with browser.page(wire) as page:
        page.wait_for_pictures(1)
        open_full_view(page, 1)
        page.fill("Add a tag", "half a wo")
        session.star("#1")
        session.tag("#1", "cover")
        page.wait("() => document.querySelector('.nowp-tags').textContent.includes('cover')")
        page.wait("() => document.querySelector('.nowp-head [aria-pressed=true]')")
        page.wait("() => document.querySelector('.nowp-starred')")
        options = "() => [...document.querySelector('[aria-label=\"All tags\"]').options].map((one) => one.value)"
        assert page.evaluate(options) == ["", "cover"]
        assert page.evaluate("() => document.querySelector('.nowp-tag-new').value") == "half a wo"
        assert page.focused() == "Add a tag"


def test_a_running_picture_arrives_in_its_open_full_view(browser: Browser, tmp_path: Path) -> None:
    """Whoever looks at a request under way sees its picture as soon as it is there."""
    with (
        relay_on_loopback(latency=1.0) as served,
        new_session(tmp_path, served.url) as session,
        panels.opened(session) as wire,
        browser.page(wire) as page,
    ):
        page.wait("() => document.querySelector('.nowp-blank-title')")
        job = session.submit("a slow whale")
        page.wait(_TILES, 1)
        open_full_view(page, 1)
        page.wait("() => document.querySelector('.nowp-original:not(.nowp-rough)')?.naturalWidth === 1024")
        wire.until(job.done)


def test_in_full_view_the_trash_goes_on_to_the_neighbour(browser: Browser, wire: Wire, session: Session) -> None:
    """The older one follows, after the oldest the newer; after the last the gallery says that it is empty."""
    for prompt in ("one", "two", "three"):
        session.generate(prompt, size="256x256")
    with browser.page(wire) as page:
        page.wait_for_pictures(3)
        open_full_view(page, 2)
        for follows in ("#1", "#3"):
            page.click("button", "Move to the trash")
            page.wait("text => document.querySelector('.nowp-over .nowp-title').textContent === text", follows)
            assert page.focused() == "Move to the trash"
        session.trash("#3")
        page.wait("() => document.querySelector('.nowp-over').hidden && document.querySelector('.nowp-blank-title')")
        assert page.focused() == "Search"
        assert page.errors == []


# Another folder


def test_a_panel_follows_to_another_folder(browser: Browser, wire: Wire, session: Session, tmp_path: Path) -> None:
    """After `%now folder` an open panel shows that history, says so, and comes back."""
    session.generate("a red fox", size="256x256")
    with browser.page(wire) as page:
        page.wait_for_pictures(1)
        open_full_view(page, 1)
        session.context.use_folder(str(tmp_path / "other.now"))
        follow(session)
        page.wait("() => document.querySelector('.nowp-toast')?.textContent.includes('other.now')")
        page.wait("() => document.querySelector('.nowp-over').hidden && document.querySelector('.nowp-blank-title')")
        session.generate("a whale in the other folder", size="256x256")
        page.wait("() => document.querySelector('.nowp-open')?.getAttribute('aria-label')?.includes('a whale')")
        session.context.use_folder(str(tmp_path / "panel.now"))
        follow(session)
        page.wait("() => document.querySelector('.nowp-open')?.getAttribute('aria-label')?.includes('a red fox')")
        assert page.errors == []


def test_a_number_of_the_folder_before_is_not_taken_for_one_of_this(
    wire: Wire, session: Session, tmp_path: Path
) -> None:
    """A click that was on its way when the folder changed trashes nothing: #1 is another picture there."""
    session.generate("a red fox", size="256x256")
    wire.ask("find")
    session.context.use_folder(str(tmp_path / "other.now"))
    session.generate("a whale", size="256x256")
    wire.event("moved", folder="other.now")
    session.context.use_folder(str(tmp_path / "panel.now"))
    wire.ask("find")
    session.context.use_folder(str(tmp_path / "other.now"))
    assert "the history is now" in wire.ask("trash", spots=[[1, 1]]).content["error"]["lines"][0]
    assert [one.prompt for one in session.history] == ["a whale"]
    assert wire.ask("detail", number=1).content["prompt"] == "a whale"


# A kernel that is gone


def test_a_restarted_kernel_is_said_and_the_draft_stays(browser: Browser, wire: Wire, session: Session) -> None:
    """Nothing hangs: the panel says that nobody answers, and what was typed can still be copied."""
    with browser.page(wire) as page:
        page.wait("() => document.querySelector('.nowp-blank-title')")
        page.fill("Prompt", "a red fox")
        page.evaluate("() => { window.kernel_is_gone = true; window.tell_of_the_comm(); }")
        page.wait("() => document.querySelector('.nowp-gone .nowp-kernel')?.textContent.includes('does not answer')")
        page.click("button", "Generate", exact=False)
        page.wait("() => document.querySelector('.nowp-trouble')?.textContent.includes('does not answer')")
        assert page.evaluate("() => document.querySelector('.nowp-prompt').value") == "a red fox"
        assert page.evaluate("() => document.querySelector('.nowp-go').getAttribute('aria-disabled')") is None
        page.evaluate("() => { window.kernel_is_gone = false; }")
        page.click("button", "Generate", exact=False)
        page.wait_for_pictures(1)
        assert page.evaluate("() => document.querySelector('.nowp-gone') === null") is True
        assert page.errors == []
