"""Picking in the real page: every picture is a tile, keys and pointer choose, keep, star, tag and drop single ones."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import panels
from now_jupyter._messages import NowImageError
from now_jupyter._session import Session
from panel_steps import count
from panels import Browser, Page, Wire

_CHOSEN = "() => [...document.querySelectorAll('.nowp-chosen .nowp-open')].map((one) => one.ariaLabel.split(' ')[0])"
_TILES = "() => [...document.querySelectorAll('.nowp-open')].map((one) => one.ariaLabel?.split(' ')[0])"
_TITLE = "text => document.querySelector('.nowp-over .nowp-title').textContent === text"
_COMPARED = "() => [...document.querySelectorAll('.nowp-by-side figcaption')].map((one) => one.textContent)"
SHOT = ["#2.1", "#2.2", "#2.3", "#2.4"]


def shoot(session: Session, prompt: str, n: int) -> None:
    session.generate(prompt, model="dall-e-2", size="256x256", n=n)


def refs(session: Session, ref: str) -> list[str]:
    return [one.ref for one in session.history[ref].pictures]


def go_to(page: Page, ref: str) -> None:
    """Put the focus on a picture's tile."""
    tile = "ref => document.querySelector(`.nowp-open[aria-label^='${ref} ']`)"  # before its words are there it is "#1"
    page.wait(tile, ref)
    page.evaluate(f"ref => ({tile})(ref).focus()", ref)


def wait_for_tiles(page: Page, *shown: str) -> None:
    page.wait(f"shown => JSON.stringify(({_TILES})()) === JSON.stringify(shown)", list(shown))


def wait_for_chosen(page: Page, *chosen: str) -> None:
    page.wait(f"shown => JSON.stringify(({_CHOSEN})()) === JSON.stringify(shown)", list(chosen))


@pytest.fixture
def shots(session: Session, wire: Wire) -> Session:
    """One picture, and a request of four."""
    shoot(session, "a whale", 1)
    shoot(session, "a red fox", 4)
    return session


# What is a tile


def test_each_picture_has_a_tile_and_so_has_what_is_none(page: Page, shots: Session) -> None:
    """Newest first, those of a request in their order and joined; a failure is one tile of words."""
    wait_for_tiles(page, *SHOT, "#1")
    joined = (
        "() => [...document.querySelectorAll('.nowp-follows .nowp-open')].map((one) => one.ariaLabel.split(' ')[0])"
    )
    assert page.evaluate(joined) == SHOT[1:]
    with suppress(NowImageError):
        shots.generate("refused", params={"demo": {"code": "content_policy_violation"}})
    wait_for_tiles(page, "#3", *SHOT, "#1")
    assert count(page, ".nowp-wordy") == 1


def test_what_is_under_way_becomes_its_pictures(page: Page, session: Session) -> None:
    """One tile while it runs, then one for each picture, and the focus stays with it."""
    session.use_demo(on=True)
    job = session.submit("a slow fox", model="dall-e-2", size="256x256", n=2, params={"demo": {"latency": 2}})
    wait_for_tiles(page, "#1")
    page.evaluate("() => document.querySelector('.nowp-open').focus()")
    job.wait_until_over()
    wait_for_tiles(page, "#1.1", "#1.2")
    assert page.focused().startswith("#1.1")


@pytest.mark.parametrize(
    ("language", "heads"),
    [("en", ["Today", "Yesterday", "12 May 2024"]), ("zh", ["今天", "昨天", "2024年5月12日"])],
)
def test_pictures_stand_under_their_days(browser: Browser, tmp_path: Path, language: str, heads: list[str]) -> None:
    """Today, yesterday, and dates as the language writes them; a day has one head, whatever the numbers."""
    with panels.quiet_session(tmp_path, configured=lambda: {"language": language}) as session:
        for n in (1, 2, 1, 1):
            shoot(session, "a fox", n)
        store = session.context.home().store
        yesterday = datetime.now().astimezone() - timedelta(days=1)
        for number, moment in ((1, datetime(2024, 5, 12, 12).astimezone()), (2, yesterday), (4, yesterday)):
            store.write(replace(store.read(number), created=moment.timestamp()))
        with panels.opened(session) as wire, browser.page(wire) as page:
            page.wait_for_pictures(5)
            shown = "() => [...document.querySelectorAll('.nowp-day')].map((one) => one.textContent)"
            assert page.evaluate(shown) == heads
            assert page.evaluate(_TILES)[0] == "#3"
            assert page.errors == []


def test_the_star_filter_shows_pictures(page: Page, shots: Session) -> None:
    """Of four pictures the one that has the star; taken off there, it goes, and the focus to a neighbour."""
    shots.star("#2.3")
    shots.star("#1")
    page.click("button", "Starred only")
    wait_for_tiles(page, "#2.3", "#1")
    go_to(page, "#2.3")
    page.press("s")
    wait_for_tiles(page, "#1")
    assert page.focused().startswith("#1")


# Keys


def test_arrows_and_digits_go_through_every_picture(page: Page, shots: Session) -> None:
    """Right and left by one, up and down by rows, digits within the request."""
    wait_for_tiles(page, *SHOT, "#1")
    go_to(page, "#2.1")
    seen = []
    for _ in range(5):
        seen.append(page.focused().split(" ")[0])
        page.press("ArrowRight")
    assert seen == [*SHOT, "#1"]
    page.press("ArrowLeft", "3")
    assert page.focused().startswith("#2.3")
    page.press("9")
    assert page.focused().startswith("#2.3")
    page.press("ArrowUp")
    assert page.focused().startswith("#2.")
    page.press("Home", "ArrowDown", "ArrowDown", "ArrowDown")
    assert page.focused().startswith("#2.4")
    page.press("End")
    assert page.focused().startswith("#1 ")


def test_three_of_four_are_picked_by_keyboard(page: Page, shots: Session) -> None:
    """C on three of them, then "keep these": the fourth is in the trash, and Undo brings it back."""
    wait_for_tiles(page, *SHOT, "#1")
    go_to(page, "#2.1")
    page.press("c", "2", "c", "4", "c")
    wait_for_chosen(page, "#2.1", "#2.2", "#2.4")
    for _ in range(12):
        page.press("Tab")
        if page.focused().startswith("Keep these"):
            break
    page.press("Enter")
    wait_for_tiles(page, "#2.1", "#2.2", "#2.4", "#1")
    assert refs(shots, "#2") == ["#2.1", "#2.2", "#2.4"]
    page.click("button", "Undo")
    wait_for_tiles(page, *SHOT, "#1")
    assert refs(shots, "#2") == SHOT


def test_marks_act_on_that_picture(page: Page, shots: Session) -> None:
    """S, T, K and Delete on the third of four concern the third; what K and Delete dropped comes back by Undo."""
    wait_for_tiles(page, *SHOT, "#1")
    go_to(page, "#2.3")
    page.press("s")
    page.wait("() => document.querySelector('.nowp-starred')")
    assert [one.starred for one in shots.history["#2"].pictures] == [False, False, True, False]
    page.press("t")
    page.wait(_TITLE, "#2.3")
    page.do(lambda raw: raw.keyboard.type("cover"))
    page.press("Enter")
    page.wait("() => document.querySelector('.nowp-tag')")
    assert [one.tags for one in shots.history["#2"].pictures] == [(), (), ("cover",), ()]
    page.press("Escape")
    page.press("Delete")
    wait_for_tiles(page, "#2.1", "#2.2", "#2.4", "#1")
    assert page.focused().startswith("#2.4")
    page.click("button", "Undo")
    wait_for_tiles(page, *SHOT, "#1")
    go_to(page, "#2.3")
    page.press("k")
    wait_for_tiles(page, "#2.3", "#1")
    assert page.focused().startswith("#2.3")
    page.click("button", "Undo")
    wait_for_tiles(page, *SHOT, "#1")


def test_plain_keys_stay_in_the_panel(page: Page, shots: Session) -> None:
    """What else the page listens to hears no plain key of the panel, and every one with Ctrl that is not ours."""
    wait_for_tiles(page, *SHOT, "#1")
    page.evaluate("() => { window.heard = []; document.addEventListener('keydown', (e) => window.heard.push(e.key)); }")
    go_to(page, "#2.1")
    for key in ("x", "b", "a", "d", "d", "z", "m", "ArrowRight", "Enter"):
        page.press(key)
    page.wait(_TITLE, "#2.2")
    page.press("x", "Escape")
    page.fill("Search", "")
    page.press("x", "Tab", "x")
    assert page.evaluate("() => window.heard") == []
    marked = "() => document.activeElement.getAttribute('data-lm-suppress-shortcuts')"
    assert page.evaluate(marked) == "true"
    page.press("Control+y")
    assert page.evaluate("() => window.heard").count("y") == 1


# Several


def test_several_are_chosen_as_everywhere(page: Page, shots: Session) -> None:
    """Ctrl+click, Shift+click, Shift+arrows, Ctrl+A and Escape."""
    wait_for_tiles(page, *SHOT, "#1")

    def click(ref: str, *modifiers: Any) -> None:
        page.do(lambda raw: raw.locator(f".nowp-open[aria-label^='{ref} ']").click(modifiers=list(modifiers)))

    click("#2.1", "Control")
    click("#2.3", "ControlOrMeta")
    wait_for_chosen(page, "#2.1", "#2.3")
    click("#1", "Shift")
    wait_for_chosen(page, "#2.3", "#2.4", "#1")
    page.press("Escape")
    wait_for_chosen(page)
    go_to(page, "#2.2")
    page.press("Shift+ArrowRight", "Shift+ArrowRight")
    wait_for_chosen(page, "#2.2", "#2.3", "#2.4")
    page.press("Shift+ArrowLeft")
    wait_for_chosen(page, "#2.2", "#2.3")
    page.press("Control+a")
    wait_for_chosen(page, *SHOT, "#1")
    assert "5" in page.text(".nowp-chosen-count")
    assert page.evaluate("() => document.querySelector('.nowp-chooser button').disabled") is True


def test_a_frame_drawn_on_the_ground_chooses(page: Page, shots: Session) -> None:
    """From the empty ground over two pictures: both; a click on the ground lets go of them."""
    page.wait_for_pictures(5)
    box = "ref => { const one = document.querySelector(`.nowp-open[aria-label^='${ref} ']`).getBoundingClientRect();"
    box += " return [one.left, one.top, one.right, one.bottom]; }"
    first, second = page.evaluate(box, "#2.1"), page.evaluate(box, "#2.2")

    async def draw(raw: Any) -> None:
        await raw.mouse.move(first[0] + 4, first[1] - 12)
        await raw.mouse.down()
        await raw.mouse.move(first[2] - 20, first[1] + 20)
        await raw.mouse.move(second[0] + 20, second[1] + 40)
        await raw.mouse.up()

    page.do(draw)
    wait_for_chosen(page, "#2.1", "#2.2")
    assert count(page, ".nowp-over:not([hidden])") == 0
    page.press("Delete")
    wait_for_tiles(page, "#2.3", "#2.4", "#1")
    page.do(lambda raw: raw.mouse.click(first[0] + 4, first[1] - 12))
    wait_for_chosen(page)
    page.click("button", "Undo")
    wait_for_tiles(page, *SHOT, "#1")


def test_the_bar_marks_all_that_are_chosen(page: Page, shots: Session) -> None:
    """Star, tag and trash for three of two requests, with one way back."""
    wait_for_tiles(page, *SHOT, "#1")
    for ref in ("#2.2", "#2.4", "#1"):
        go_to(page, ref)
        page.press("c")
    bar = ".nowp-chooser"
    page.do(lambda raw: raw.locator(bar).get_by_role("button", name="Star", exact=True).click())
    page.wait("() => document.querySelectorAll('.nowp-starred').length === 3")
    page.click("button", "Tag what is chosen")
    page.do(lambda raw: raw.keyboard.type("draft"))
    page.press("Enter")
    page.wire.until(lambda: [one.ref for one in shots.history.filter(tag="draft").pictures] == ["#1", "#2.2", "#2.4"])
    page.do(lambda raw: raw.locator(bar).get_by_role("button", name="Move to the trash").click())
    wait_for_tiles(page, "#2.1", "#2.3")
    assert count(page, ".nowp-chooser:not([hidden])") == 0
    page.click("button", "Undo")
    wait_for_tiles(page, *SHOT, "#1")
    assert [one.ref for one in shots.history.filter(starred=True).pictures] == ["#1", "#2.2", "#2.4"]


def test_what_is_gone_or_filtered_out_is_chosen_no_more(page: Page, shots: Session) -> None:
    """Nothing that is not seen can be dropped by the bar."""
    wait_for_tiles(page, *SHOT, "#1")
    go_to(page, "#2.1")
    page.press("Control+a")
    shots.trash("#2.2")
    wait_for_chosen(page, "#2.1", "#2.3", "#2.4", "#1")
    page.fill("Search", "whale")
    wait_for_tiles(page, "#1")
    wait_for_chosen(page, "#1")


# Comparing


def test_the_third_of_four_is_compared(page: Page, shots: Session) -> None:
    """C chooses the picture it stands on, and that one is compared; in the full view too."""
    wait_for_tiles(page, *SHOT, "#1")
    go_to(page, "#2.3")
    page.press("c", "4", "Enter")
    page.wait(_TITLE, "#2.4")
    page.press("c", "1", "c", "Escape")
    page.click("button", "Compare 3")
    page.wait("() => document.querySelectorAll('.nowp-by-side img:not([hidden])').length === 3")
    assert page.evaluate(_COMPARED) == ["#2.3", "#2.4", "#2.1"]


def test_the_winner_is_chosen_with_digits(page: Page, shots: Session) -> None:
    """A digit names one, S stars it, K keeps it and drops the others that were compared; Undo brings them back."""
    wait_for_tiles(page, *SHOT, "#1")
    go_to(page, "#2.1")
    page.press("c", "2", "c", "3", "c")
    page.click("button", "Compare 3")
    page.wait("() => document.querySelectorAll('.nowp-contestant').length === 3")
    page.press("k")
    assert count(page, ".nowp-over:not([hidden])") == 1
    page.press("2", "s")
    page.wait("() => document.querySelector('.nowp-contestant [aria-label=\"Take the star off #2.2\"]')")
    assert count(page, ".nowp-winner") == 1
    page.press("k")
    wait_for_tiles(page, "#2.2", "#2.4", "#1")
    assert page.focused().startswith("#2.2")
    assert refs(shots, "#2") == ["#2.2", "#2.4"]
    page.click("button", "Undo")
    wait_for_tiles(page, *SHOT, "#1")
    assert [one.ref for one in shots.history.filter(starred=True).pictures] == ["#2.2"]


def test_the_winner_is_chosen_in_a_cell(browser: Browser, session: Session) -> None:
    """`nj.compare` has the same buttons; it marks only what is compared there."""
    shoot(session, "a red fox", 4)
    from now_jupyter._panel import Comparison

    with (
        panels.opened(session, lambda one: Comparison.of(one, ["#1.2", "#1.3", "#1.4"])) as wire,
        browser.page(wire) as page,
    ):
        page.wait("() => document.querySelectorAll('.nowp-by-side img:not([hidden])').length === 3")
        page.click("button", "Star #1.3")
        wire.until(lambda: [one.ref for one in session.history.filter(starred=True).pictures] == ["#1.3"])
        page.click("button", "Keep #1.4, drop the others")
        page.wait(f"() => ({_COMPARED})().join() === '#1.4'")
        assert refs(session, "#1") == ["#1.1", "#1.4"]
        page.click("button", "Undo")
        page.wait(f"() => ({_COMPARED})().join() === '#1.2,#1.3,#1.4'")
        assert refs(session, "#1") == ["#1.1", "#1.2", "#1.3", "#1.4"]
        assert wire.ask("trash", spots=[[1, 1]]).content["error"]
        assert page.errors == []


# The full view


def test_the_full_view_goes_through_every_picture(page: Page, shots: Session) -> None:
    """Arrows in all four directions by one, digits and thumbnails within the request, Page keys to the next one."""
    wait_for_tiles(page, *SHOT, "#1")
    go_to(page, "#2.1")
    page.press("Enter")
    page.wait(_TITLE, "#2.1")
    for key, title in [
        *(("ArrowRight", "#2.2"), ("ArrowDown", "#2.3"), ("ArrowLeft", "#2.2"), ("ArrowUp", "#2.1")),
        *(("4", "#2.4"), ("ArrowRight", "#1"), ("PageUp", "#2.1"), ("PageDown", "#1"), ("ArrowLeft", "#2.4")),
    ]:
        page.press(key)
        page.wait(_TITLE, title)
    page.wait("() => [...document.querySelectorAll('.nowp-stripe img')].filter((one) => one.naturalWidth).length === 4")
    page.click("button", "Picture 2 of 4")
    page.wait(_TITLE, "#2.2")
    assert page.focused() == "Picture 2 of 4"
    page.press("Delete")
    page.wait(_TITLE, "#2.3")
    page.press("k")
    page.wait("() => document.querySelectorAll('.nowp-stripe').length === 0")
    assert refs(shots, "#2") == ["#2.3"]
    page.press("Escape")
    wait_for_tiles(page, "#2.3", "#1")
    assert page.focused().startswith("#2.3")


@pytest.fixture
def looked_at(page: Page, shots: Session) -> Page:
    """The full view of the third of four."""
    go_to(page, "#2.3")
    page.press("Enter")
    page.wait("() => document.querySelector('.nowp-original:not(.nowp-rough)')?.naturalWidth")
    return page


def test_the_original_is_downloaded(looked_at: Page, shots: Session, tmp_path: Path) -> None:
    """Under its readable name, byte for byte."""

    async def download(raw: Any) -> str:
        async with raw.expect_download() as waiting:
            await raw.get_by_role("button", name="Download", exact=True).last.click()
        file = await waiting.value
        await file.save_as(tmp_path / "got.png")
        return str(file.suggested_filename)

    picture = shots.history["#2"].pictures[2]
    assert looked_at.do(download) == picture.path.name == "2.3-red-fox.png"
    assert (tmp_path / "got.png").read_bytes() == picture.bytes()


def test_picture_and_path_are_copied(looked_at: Page, shots: Session) -> None:
    """The picture as PNG, the path as text."""
    looked_at.click("button", "Copy picture")
    looked_at.wait("() => document.querySelector('.nowp-toast')?.textContent.includes('on the clipboard')")
    size = """async () => {
        const [item] = await navigator.clipboard.read();
        const bitmap = await createImageBitmap(await item.getType("image/png"));
        return [item.types.join(), bitmap.width, bitmap.height].join();
    }"""
    assert looked_at.evaluate(size) == "image/png,256,256"
    looked_at.click("button", "Copy path")
    path = str(shots.history["#2"].pictures[2].path)
    looked_at.wait("path => document.querySelector('.nowp-toast')?.textContent.includes(path)", path)
    assert looked_at.evaluate("() => navigator.clipboard.readText()") == path


def test_a_picture_opens_in_a_tab(looked_at: Page, shots: Session) -> None:
    """The original itself, from a blob."""

    async def open_tab(raw: Any) -> str:
        async with raw.expect_popup() as waiting:
            await raw.get_by_role("button", name="Open in a tab").last.click()
        tab = await waiting.value
        await tab.wait_for_url("blob:**")
        return str(tab.url)

    assert looked_at.do(open_tab).startswith("blob:")
    assert looked_at.errors == []


def test_a_picture_is_dragged_out_under_its_name(page: Page, shots: Session) -> None:
    """Held for a moment, its bytes are here; what is dragged names type, file and address, and its reference."""
    page.wait_for_pictures(5)
    page.evaluate("() => document.querySelector('.nowp-tile').dispatchEvent(new PointerEvent('pointerdown'))")
    page.wire.wait_for(lambda one: one.content.get("name") == "2-red-fox.png")
    dragged = """() => {
        const dataTransfer = new DataTransfer();
        const event = new DragEvent("dragstart", { dataTransfer, bubbles: true, cancelable: true });
        document.querySelector(".nowp-open").dispatchEvent(event);
        return [dataTransfer.getData("DownloadURL"), dataTransfer.getData("text/plain")];
    }"""
    page.wait(f"() => ({dragged})()[0].startsWith('image/png:2-red-fox.png:blob:')")
    assert page.evaluate(dragged)[1] == "#2.1"


def test_a_tile_has_a_menu(page: Page, shots: Session, tmp_path: Path) -> None:
    """By the right button and by key, walked with arrows; Escape goes back to the tile."""
    wait_for_tiles(page, *SHOT, "#1")
    go_to(page, "#2.2")
    page.press("Shift+F10")
    page.evaluate(
        """() => document.activeElement.dispatchEvent(
            new MouseEvent("contextmenu", { bubbles: true, cancelable: true }))"""
    )
    page.wait("() => document.querySelector('.nowp-menu:not([hidden])')")
    names = "() => [...document.querySelectorAll('.nowp-item > span')].map((one) => one.textContent)"
    assert {"Download", "Copy picture", "Copy path", "Open in a tab"} < set(page.evaluate(names))
    page.press("ArrowDown", "Escape")
    assert page.focused().startswith("#2.2")
    page.do(lambda raw: raw.locator(".nowp-open[aria-label^='#2.4 ']").click(button="right"))
    page.do(lambda raw: raw.get_by_role("menuitem", name="Keep this, drop the rest").click())
    wait_for_tiles(page, "#2.4", "#1")
    page.do(lambda raw: raw.locator(".nowp-open[aria-label^='#1 ']").click(button="right"))
    page.evaluate("() => document.querySelector('.nowp-search').dispatchEvent(new Event('pointerdown'))")
    page.do(lambda raw: raw.locator(".nowp-search").click())
    page.wait("() => document.querySelector('.nowp-menu').hidden")


def test_another_folder_shows_its_own_pictures(page: Page, shots: Session, tmp_path: Path) -> None:
    """What has the same number there is another picture, not the one that was seen here."""
    original = "() => document.querySelector('.nowp-stage .nowp-original:not(.nowp-rough)')?.naturalWidth"
    go_to(page, "#1")
    page.press("Enter")
    page.wait(f"() => ({original})() === 256")
    page.press("Escape")
    shots.context.use_folder(str(tmp_path / "other.now"))
    shots.generate("another whale", size="square")
    page.wait("() => document.querySelector('.nowp-open')?.ariaLabel?.includes('another whale')")
    go_to(page, "#1")
    page.press("Enter")
    page.wait(f"() => ({original})() === 1024")


# The wire


def test_all_pictures_travel_as_numbers(wire: Wire, shots: Session) -> None:
    """Pairs of number and picture, 0 where there is none; marks narrow to single pictures."""
    assert wire.ask("find").spots == [(2, 1), (2, 2), (2, 3), (2, 4), (1, 1)]
    assert len(wire.ask("find").numbers) == 2
    shots.tag("#2.3", "cover")
    assert wire.ask("find", tag="cover").spots == [(2, 3)]
    assert wire.ask("find", tag="cover", starred=True).spots == []
    with suppress(NowImageError):
        shots.generate("refused", params={"demo": {"code": "content_policy_violation"}})
    assert wire.ask("find", status="failed").spots == [(3, 0)]


def test_keeping_tells_what_was_dropped(wire: Wire, shots: Session) -> None:
    """The others of each request that one of its pictures is kept of, and of no other request."""
    assert wire.ask("keep", spots=[[2, 2], [2, 3], [1, 1]]).content["dropped"] == [[2, 1], [2, 4]]
    assert refs(shots, "#2") == ["#2.2", "#2.3"]
    wire.ask("restore", spots=[[2, 1], [2, 4]])
    assert refs(shots, "#2") == SHOT
    assert wire.ask("keep", spots=[[2, 0]]).content["dropped"] == []


def test_marks_go_on_where_one_cannot_be_put(wire: Wire, shots: Session) -> None:
    """A picture that is gone is said, and the others have their star."""
    assert "#2.9" in wire.ask("star", spots=[[2, 9], [2, 1], [1, 0]], on=True).content["error"]["lines"][0]
    assert [one.ref for one in shots.history.filter(starred=True).pictures] == ["#1", "#2.1"]


def test_originals_are_the_files(wire: Wire, shots: Session) -> None:
    """Bytes and name as they lie on disk; what is no output is refused."""
    said = wire.ask("original", number=2, output=4)
    picture = shots.history["#2"].pictures[3]
    assert (said.content["name"], said.content["mime"], said.buffers[0]) == (
        picture.path.name,
        "image/png",
        picture.bytes(),
    )
    assert wire.ask("original", number=2, output=5).content["error"]
    assert wire.ask("original", number=2, output=0).content["error"]
