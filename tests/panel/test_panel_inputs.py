"""Pictures that are given to an order in the panel: attached, chosen from the history, recalled, and ordered with."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import panels
from now_jupyter._json import digest
from now_jupyter._options import parse_cell
from now_jupyter._orders import order_of
from now_jupyter._panel import Panel
from now_jupyter._session import Session
from now_jupyter._values import Status
from panel_steps import at_each_width, in_each_theme, open_first, violations
from panels import Browser, Page, Wire, draft

DROP = """([text, kind]) => {
    const given = new DataTransfer();
    const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
    given.items.add(new File([bytes], "fox.png", { type: "image/png" }));
    const event = kind === "drop"
        ? new DragEvent("drop", { dataTransfer: given, bubbles: true, cancelable: true })
        : new ClipboardEvent("paste", { clipboardData: given, bubbles: true, cancelable: true });
    document.querySelector(".nowp-prompt").dispatchEvent(event);
}"""
CARDS = "count => document.querySelectorAll('.nowp-card').length === count"


def file_of(kind: str = "PNG", size: tuple[int, int] = (64, 48), colour: str = "teal") -> bytes:
    target = io.BytesIO()
    Image.new("RGB", size, colour).save(target, kind)
    return target.getvalue()


def attach(wire: Wire, data: bytes) -> dict[str, Any]:
    given: dict[str, Any] = wire.ask("attach", buffers=[data]).content["input"]
    return given


def ordered(wire: Wire, session: Session, form: dict[str, Any], count: int) -> None:
    answer = wire.order(form).content
    assert "job" in answer, answer
    wire.until(lambda: len(session.history) == count and not session.jobs())


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_any_picture_that_can_be_read_is_attached_and_ordered_with(wire: Wire, session: Session, kind: str) -> None:
    """It is kept by its digest, shown small, and the order starts from it."""
    data = file_of(kind)
    one = attach(wire, data)
    assert one == {"role": "picture", "sha256": digest(data), "ref": "", "name": ""}
    shown = wire.ask("input", input=one)
    assert (shown.content["width"], shown.content["height"]) == (64, 48)
    assert Image.open(io.BytesIO(shown.buffers[0])).size == (64, 48)
    ordered(wire, session, draft("make it night", inputs=[one]), 1)
    (given,) = session.history.record(1).request.inputs
    assert (given.role, given.width, given.height) == ("picture", 64, 48)


@pytest.mark.parametrize("data", [b"", b"no picture", b"<svg xmlns='http://www.w3.org/2000/svg'/>", file_of()[:60]])
def test_what_is_no_picture_is_refused_with_a_reason(wire: Wire, session: Session, data: bytes) -> None:
    """Nothing of it is kept."""
    lines = wire.ask("attach", buffers=[data]).content["error"]["lines"]
    assert "cannot be used as a picture" in lines[0]
    assert not list(session.context.home().store.folder.glob("inputs/*"))


def test_a_picture_of_the_history_is_known_by_its_bytes(wire: Wire, session: Session) -> None:
    """Attached again it is that number, with the offer to recall it; what comes of it is its child."""
    made = session.generate("a red fox", size="1:1")
    answer = wire.ask("attach", buffers=[made.pictures[0].bytes()]).content
    assert answer["input"]["ref"] == "#1"
    assert answer["recall"]["draft"]["prompt"] == "a red fox"
    assert wire.ask("pick", number=1, output=1).content["input"] == answer["input"]
    ordered(wire, session, draft("a blue fox", inputs=[answer["input"]]), 2)
    assert session.history["#2"].parents == (made.id,)


@pytest.mark.slow
def test_an_edit_is_recalled_and_made_again_with_its_inputs(wire: Wire, session: Session, tmp_path: Path) -> None:
    """Draft and cell name the number, or the file that was kept; ordered again, the request is the same."""
    session.generate("a red fox", size="1024x1024")
    made, file = wire.ask("pick", number=1, output=1).content["input"], attach(wire, file_of())
    ordered(wire, session, draft("a fox in teal", inputs=[made, file]), 2)
    found = wire.ask("detail", number=2).content
    assert found["draft"]["inputs"] == [made, file]
    assert found["given"] == [["picture", "#1"], ["picture", file["sha256"][:12]]]
    line, _, body = found["cell"].partition("\n")
    kept = session.context.home().store.input_path(file["sha256"])
    assert line == f"%%nowimage --model gpt-image-2 -i #1 -i {kept}"
    again = order_of(parse_cell(line.removeprefix("%%nowimage"), body))
    assert again.given == (("picture", "#1"), ("picture", str(kept)))
    ordered(wire, session, found["draft"], 3)
    wire.ask("again", number=2, at=9000.0)
    wire.until(lambda: len(session.history) == 4 and not session.jobs())
    second, third, fourth = (session.history.record(number).request for number in (2, 3, 4))
    assert third.fingerprint() == fourth.fingerprint()
    assert [one.id for one in third.inputs] == [one.id for one in second.inputs]


def test_a_number_that_means_another_picture_is_not_ordered_with(wire: Wire, session: Session) -> None:
    """The digest is checked: in another folder #1 is another picture."""
    session.generate("a red fox", size="256x256")
    one = {**wire.ask("pick", number=1, output=1).content["input"], "sha256": "0" * 64}
    lines = wire.order(draft("a blue fox", inputs=[one])).content["error"]["lines"]
    assert "#1 is another picture by now" in lines[0]
    gone = {"role": "picture", "sha256": "1" * 64, "ref": ""}
    assert "missing" in wire.order(draft("a blue fox", inputs=[gone]), at=9e3).content["error"]["lines"][0]
    assert len(session.history) == 1


def test_the_price_knows_what_is_given_and_why_it_cannot_be(wire: Wire) -> None:
    """A quote says what the model takes; where it cannot take what is given, why, with controls all the same."""
    one = attach(wire, file_of())
    fine = wire.ask("quote", draft=draft("", model="gpt-image-2", inputs=[one])).content
    assert (fine["takes"]["picture"], fine["takes"]["mask"], fine["notes"]) == (16, 1, [])
    wrong = wire.ask("quote", draft=draft("", model="dall-e-3", inputs=[one])).content
    assert wrong["takes"] == {}
    assert "dall-e-3" in wrong["notes"][0]
    assert "gpt-image-2" in wrong["notes"][1]
    assert wrong["controls"]["style"]["values"] == ["vivid", "natural"]


@pytest.mark.parametrize("model", ["mj_describe", "mj_blend", "swap_face", "ideogram_describe", "ideogram_upscale"])
def test_a_model_that_needs_a_picture_says_so_and_can_be_given_one(model: str, wire: Wire) -> None:
    """Most of them take no words: nothing is typed yet, and the controls are theirs all the same."""
    bare = wire.ask("quote", draft=draft("", model=model)).content
    assert (bare["model"], bare["price"]) == (model, "")
    assert bare["takes"]["picture"] >= 1
    assert not bare["controls"]["background"]["values"]
    assert "picture" in bare["notes"][0]
    assert "no words" not in bare["notes"][0]
    count = 2 if model in ("mj_blend", "swap_face") else 1
    given = [attach(wire, file_of(colour=colour)) for colour in ("teal", "navy")[:count]]
    assert wire.ask("quote", draft=draft("", model=model, inputs=given)).content["notes"] == []


def test_ratios_stand_in_the_size_list(wire: Wire) -> None:
    """Those that the model's sizes have, each with the size that goes out for it."""
    free = wire.ask("quote", draft=draft(model="gpt-image-2")).content["controls"]["size"]
    assert {"16:9", "9:16", "3:2", "1:1"} <= set(free["values"])
    assert free["notes"]["16:9"] == "1536x864"
    fixed = wire.ask("quote", draft=draft(model="gpt-image-1")).content["controls"]["size"]
    assert [one for one in fixed["values"] if ":" in one] == ["1:1", "2:3", "3:2"]


def test_again_and_vary_ask_before_they_cost(wire: Wire, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """What may have been billed is asked about first, as before "Generate"; a double click orders once."""
    session.generate("a red fox", model="dall-e-2", size="512x512")
    wire.ask("vary", number=1, output=1, at=1000.0)
    assert wire.ask("vary", number=1, output=1, at=1200.0).content["repeat"] is True
    wire.until(lambda: len(session.history) == 2 and not session.jobs())
    varied = session.history.record(2)
    assert (varied.request.given("vary")[0].sha256, varied.model) == (
        session.history["#1"].pictures[0].sha256,
        "dall-e-2",
    )
    assert varied.parents == (session.history["#1"].id,)
    store = session.context.home().store
    store.write(replace(store.read(1), status=Status.UNKNOWN, billed="maybe"))
    asked = wire.ask("again", number=1, at=5000.0).content["ask"]
    assert asked["agree"] == ["#1"]
    assert len(session.history) == 2
    wire.ask("again", number=1, at=5100.0, agreed=asked["agree"])
    wire.until(lambda: len(session.history) == 3 and not session.jobs())
    assert session.history.record(3).request.fingerprint() == store.read(1).request.fingerprint()


# In the page


def test_what_is_dropped_or_pasted_becomes_an_input(page: Page, session: Session, tmp_path: Path) -> None:
    """A card for each with what it is used as; what says how it was made can be recalled instead."""
    made = session.generate("a red fox", size="16:9")
    page.wait_for_pictures(1)
    for kind in ("drop", "paste"):
        page.evaluate(DROP, [base64.b64encode(file_of(colour=(kind == "drop" and "teal") or "navy")).decode(), kind])
    page.wait(CARDS, 2)
    page.evaluate(DROP, [base64.b64encode(made.pictures[0].bytes()).decode(), "paste"])
    page.wait(CARDS, 3)
    names = page.evaluate("() => [...document.querySelectorAll('.nowp-card-name')].map((one) => one.textContent)")
    assert names == ["fox.png", "pasted", "#1"]
    page.click("button", "Move #1 forward")
    page.click("button", f"Remove {names[0]}")
    page.wire.until(lambda: [one["ref"] for one in page.wire.widget.draft["inputs"]] == ["#1", ""])
    assert [one["name"] for one in page.wire.widget.draft["inputs"]] == ["", "pasted"]
    assert violations(page) == []
    page.click("button", "Recall its prompt and settings instead")
    page.wait("() => document.querySelector('.nowp-prompt').value === 'a red fox'")
    page.wait(CARDS, 0)
    page.click("button", "Bring back the draft before")
    page.wait(CARDS, 2)


def test_edit_puts_a_picture_into_the_form(page: Page, session: Session) -> None:
    """With the focus in the prompt; a second view of the same panel shows it, too."""
    session.generate("a red fox", size="256x256")
    open_first(page)
    page.evaluate("() => window.show_panel()")
    page.click("button", "Edit")
    page.wait(CARDS, 2)
    assert page.focused() == "Prompt"
    page.fill("Prompt", "a blue fox")
    page.press("Control+Enter")
    page.wire.until(lambda: len(session.history) == 2 and not session.jobs())
    assert session.history["#2"].parents == (session.history["#1"].id,)


def test_what_a_model_does_not_take_is_said(page: Page, session: Session) -> None:
    """With the models that do; under a picture the button stays and says why it is off."""
    session.generate("a red fox", model="dall-e-3")
    page.wait("() => document.querySelector('.nowp-add-input')?.offsetParent")
    page.fill("Model", "dall-e-3")
    page.wait("() => !document.querySelector('.nowp-add-input').offsetParent")
    page.evaluate(DROP, [base64.b64encode(file_of()).decode(), "paste"])
    page.wait("() => document.querySelector('.nowp-inputs .nowp-why')?.textContent.includes('Of this relay')")
    page.press("Escape")
    open_first(page)
    for name in ("Vary", "Edit", "Repaint"):
        label = page.evaluate(
            "name => document.querySelector(`[aria-label^='${name}: '][aria-disabled=true]`)?.title", name
        )
        assert "dall-e-3" in label


def test_of_a_misspelt_model_the_form_says_that_it_is_not_known(page: Page, session: Session) -> None:
    """With a mask in the form, whose model nobody knows to take one; and which do."""
    base = attach(page.wire, file_of(size=(60, 40)))
    mask = {**attach(page.wire, file_of("PNG", (60, 40), "black")), "role": "mask"}
    page.wire.widget.put("draft", draft("a fox", model="gpt-imag-2", inputs=[base, mask]))
    page.wait("() => document.querySelector('.nowp-inputs .nowp-why')?.textContent")
    said = page.evaluate("() => document.querySelector('.nowp-inputs .nowp-why').textContent")
    assert said.startswith("gpt-imag-2 is not known here. Of this relay these do: ")
    quote = page.wire.ask("quote", draft=draft("a fox", model="gpt-imag-2", inputs=[base, mask])).content
    assert quote["notes"][0] == "InputError: gpt-imag-2 is not known here, and so it is given nothing as mask"


def test_the_form_with_inputs_fits_at_any_width(browser: Browser, session: Session) -> None:
    """Nothing scrolls sideways, and contrast holds in light and dark, with many inputs and a mask."""
    over = """() => [...document.querySelectorAll('.nowp-draft *')].filter((one) =>
        one.getBoundingClientRect().right > document.querySelector('.nowp-draft').getBoundingClientRect().right + 17
    ).map((one) => one.className)"""
    widths = [480, 700, 1000, 1400]
    with panels.opened(session, Panel) as wire, browser.page(wire, width=min(widths)) as page:
        inputs = [attach(wire, file_of(size=(60 + one, 40))) for one in range(5)]
        inputs.append({**attach(wire, file_of("PNG", (60, 40), "black")), "role": "mask"})
        wire.widget.put("draft", draft("a fox", inputs=inputs))
        page.wait(CARDS, 6)
        page.wait("() => [...document.querySelectorAll('.nowp-input-thumb')].every((one) => one.naturalWidth)")
        for width in at_each_width(page, widths):
            for theme in in_each_theme(page):
                assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), (width, theme)
                assert page.evaluate(over) == [], (width, theme)
                assert violations(page) == [], (width, theme)
        assert page.errors == []


def test_a_recalled_file_brings_its_inputs_and_says_what_is_left_out(
    wire: Wire, session: Session, tmp_path: Path
) -> None:
    """By their digests, where this history has them; `%now recall` fills the open panel and says the same."""
    session.generate("a red fox", size="1024x1024")
    made, file = wire.ask("pick", number=1, output=1).content["input"], attach(wire, file_of())
    ordered(wire, session, draft("a fox in teal", inputs=[made, file]), 2)
    saved = session.history["#2"].pictures[0].save(tmp_path / "teal.png")
    session.trash("#2")
    session.context.home().store.input_path(file["sha256"]).unlink()
    answer = wire.ask("drop", buffers=[saved.read_bytes() + b" "]).content
    assert [one["ref"] for one in answer["draft"]["inputs"]] == ["#1"]
    (note,) = answer["notes"]
    assert "left out" in note
    assert file["sha256"] in note


@pytest.mark.parametrize("width", [480, 900])
def test_why_an_order_is_refused_is_seen_and_said_once(browser: Browser, wire: Wire, width: int) -> None:
    """With everything in the form open, its card comes into sight, and the remarks do not say the same."""
    with browser.page(wire, width=width, height=640) as page:
        page.wait("() => document.querySelector('.nowp-prompt')")
        page.evaluate(DROP, [base64.b64encode(file_of()).decode(), "drop"])
        page.wait(CARDS, 1)
        page.fill("Prompt", "a hat")
        page.fill("Model", "dall-e-3")
        page.wait("() => document.querySelector('.nowp-notes').textContent.includes('takes nothing')")
        page.evaluate("() => document.querySelectorAll('.nowp-draft details').forEach((one) => { one.open = true; })")
        page.evaluate("() => document.querySelector('.nowp-prompt').focus()")
        page.press("Control+Enter")
        page.wait("() => document.querySelector('.nowp-draft .nowp-error[role=alert]')")
        page.wait("""() => {
            const box = document.querySelector('.nowp-draft .nowp-error').getBoundingClientRect();
            const there = document.elementFromPoint(box.x + 12, box.y + 12);
            return box.top >= 0 && box.bottom <= innerHeight && there?.closest('.nowp-error');
        }""")
        assert page.text(".nowp-draft").count("takes nothing as picture") == 1
        page.click("button", "Dismiss")
        assert page.focused() == "Prompt"
        assert page.text(".nowp-draft").count("takes nothing as picture") == 1
        assert page.errors == []
