"""Buttons of a service and what came along, in the panel: marked, asked for what they need, exported."""

from __future__ import annotations

import io
import sys
import zipfile
from dataclasses import replace

import pytest
from PIL import Image

from now_jupyter._messages import InputError
from now_jupyter._panel import make_panel
from now_jupyter._runner import _polling
from now_jupyter._session import Session
from panel_steps import count
from panels import Page, Wire

_MENU = "() => [...document.querySelectorAll('.nowp-menu .nowp-small')].map((one) => one.ariaLabel)"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask sooner than a user's session does: the instant demo has its tasks done before it is asked."""
    monkeypatch.setattr(_polling, "_FIRST_PAUSE", 0.05)


def grid(session: Session) -> None:
    """Order a grid, and its second picture, which has the buttons that ask back."""
    session.generate("a red fox", model="midjourney")
    session.press("#1", "U2")


def row(wire: Wire, number: int) -> dict[str, object]:
    (found,) = wire.ask("rows", numbers=[number]).content["rows"]
    return dict(found)


def open_menu(page: Page, ref: str) -> None:
    page.wait("ref => document.querySelector(`.nowp-open[aria-label^='${ref} ']`)", ref)
    page.do(lambda raw: raw.locator(f".nowp-open[aria-label^='{ref} ']").click(button="right"))


def mask() -> bytes:
    target = io.BytesIO()
    picture = Image.new("L", (1024, 1024))
    picture.paste(255, (100, 100, 400, 400))
    picture.save(target, "PNG")
    return target.getvalue()


def test_a_row_knows_the_buttons_and_which_were_used(wire: Wire, session: Session) -> None:
    """The grid stands last and is marked; U2 is used once its picture is here, and the parent's row is told."""
    grid(session)
    first = row(wire, 1)
    assert [one["notes"] for one in first["pictures"]] == [[], [], [], [], ["grid"]]
    assert [one["label"] for one in first["buttons"] if one["used"]] == ["U2"]
    asked = {one["label"]: one["asks"] for one in row(wire, 2)["buttons"]}
    assert (asked["Vary (Region)"], asked["Custom Zoom"]) == ("mask", "words")
    used = {"label": "U2", "asks": "", "words": "", "refused": False, "used": True}
    wire.wait_for(lambda one: one.content.get("event") == "changed" and used in one.content["row"]["buttons"])


@pytest.mark.slow
def test_what_a_button_asks_for_goes_along(wire: Wire, session: Session) -> None:
    """A mask and words for a region, words for a zoom; again is the same press with both."""
    grid(session)
    given = {**wire.ask("attach", buffers=[mask()]).content["input"], "role": "mask"}
    wire.ask("press", number=2, label="Vary (Region)", prompt="a hat", masks=[given], at=1000.0)
    wire.until(lambda: len(session.history) == 3 and not session.jobs())
    wire.ask("press", number=2, label="Custom Zoom", prompt="--zoom 1.5", at=9000.0)
    wire.until(lambda: len(session.history) == 4 and not session.jobs())
    wire.ask("again", number=3, at=19000.0)
    wire.until(lambda: len(session.history) == 5 and not session.jobs())
    region, zoom, again = (session.history.record(number) for number in (3, 4, 5))
    assert [one.status.value for one in (region, zoom, again)] == ["done"] * 3
    assert (region.request.prompt, zoom.request.prompt) == ("a hat", "--zoom 1.5")
    assert [one.role for one in again.request.inputs] == ["press", "mask"]
    assert again.request.fingerprint() == region.request.fingerprint()


def test_the_menu_asks_before_it_presses(page: Page, session: Session) -> None:
    """Used and refused buttons are marked; a zoom asks for words, of which the usual ones stand there."""
    grid(session)
    open_menu(page, "#1.1")
    assert "U2 · pressed already" in page.evaluate(_MENU)
    page.press("Escape")
    open_menu(page, "#2")
    page.do(lambda raw: raw.get_by_role("menuitem", name="Custom Zoom").click())
    page.wait("() => document.querySelector('.nowp-gallery .nowp-wanted input')?.value === '--zoom 1.5'")
    page.press("Escape")
    page.wait("() => !document.querySelector('.nowp-wanted')")
    open_menu(page, "#2")
    page.do(lambda raw: raw.get_by_role("menuitem", name="Vary (Region)").click())
    page.wait("() => document.querySelector('.nowp-masking:not([hidden]) .nowp-easel')?.dataset.view")
    page.press("i")  # all of it
    page.click("button", "Use mask")
    page.wait("() => document.querySelector('.nowp-wanted input')?.matches(':focus')")
    page.fill("Vary (Region): words for it", "a hat")
    page.press("Enter")
    page.wait("() => [...document.querySelectorAll('.nowp-open')].some((one) => one.ariaLabel?.startsWith('#3'))")
    assert count(page, ".nowp-wanted") == 0


def test_what_is_chosen_is_exported(wire: Wire, session: Session) -> None:
    """One zip with how it was made or without; the grid too, where it is chosen."""
    grid(session)
    with_recipes = wire.ask("export", spots=[[1, 2], [1, 5]], metadata=True)
    assert with_recipes.content["name"] == "panel.zip"
    with zipfile.ZipFile(io.BytesIO(with_recipes.buffers[0])) as held:
        names = held.namelist()
    assert sum(name.endswith(".png") for name in names) == 2
    assert any(name.endswith(".json") for name in names)
    clean = wire.ask("export", spots=[[1, 2]], metadata=False)
    with zipfile.ZipFile(io.BytesIO(clean.buffers[0])) as held:
        assert [name.rpartition(".")[2] for name in held.namelist()] == ["png"]
        assert b"a red fox" not in held.read(held.namelist()[0])


def test_a_preview_is_marked(wire: Wire, session: Session) -> None:
    """Small pictures that stand for originals say so."""
    session.generate("a whale", size="256x256")
    store = session.context.home().store
    record = store.read(1)
    (one,) = record.outputs
    store.write(replace(record, outputs=(replace(one, stands_for=("ab" * 32,)),)))
    wire.ask("find")
    assert [one["notes"] for one in row(wire, 1)["pictures"]] == [["preview"]]


def test_a_tab_needs_sidecar(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it the error says how to install it, before anything is shown."""
    monkeypatch.setitem(sys.modules, "sidecar", None)
    with pytest.raises(InputError, match="sidecar") as error:
        make_panel(session, tab=True)
    assert "now_jupyter[sidecar]" in str(error.value.lines())
