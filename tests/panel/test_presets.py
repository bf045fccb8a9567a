"""Presets: saved in the panel, kept in the folder of the history, used in the form, in cells and in Python."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import panels
from now_jupyter._messages import InputError, StoreCorrupt
from now_jupyter._options import complete, parse_line
from now_jupyter._orders import order_of
from now_jupyter._session import Session
from now_jupyter._values import Request
from panels import Page, Wire, draft

FILM = Request(prompt="{prompt}, 35 mm film", model="dall-e-3", params={"size": "1024x1024", "style": "natural"})


def write_file(session: Session, form: object) -> Path:
    store = session.context.home().store
    store.preflight()
    path = store.folder / "presets.json"
    path.write_text(json.dumps(form) if not isinstance(form, str) else form)
    return path


def test_a_preset_is_used_in_cells_and_what_is_typed_wins(session: Session) -> None:
    """The order is the one that was typed whole: the history serves it, and a dry run shows it."""
    session.presets.save("film", FILM)
    order = order_of(parse_line("--preset film --style vivid a fox"))
    rehearsed = session.rehearse(order)
    assert rehearsed.calls[0].body == {
        "model": "dall-e-3",
        "prompt": "a fox, 35 mm film",
        "size": "1024x1024",
        "style": "vivid",
    }
    made = session.generate("a fox", preset="film", style="vivid")
    typed = {"model": "dall-e-3", "size": "1024x1024", "style": "vivid"}
    assert (made.prompt, made.params) == ("a fox, 35 mm film", {"size": "1024x1024", "style": "vivid"})
    assert session.generate("a fox, 35 mm film", reuse=True, **typed).ref == made.ref
    job = session.place(order)
    assert job.result(30).request == made.request
    assert any("preset film: model dall-e-3" in note for note in job.notes)


@pytest.mark.parametrize(
    ("prompt", "fragment", "together"),
    [
        ("a fox", "in snow", "a fox, in snow"),
        ("a fox, in snow", "in snow", "a fox, in snow"),
        ("a fox", "photo of {prompt}; {prompt}!", "photo of a fox; a fox!"),
        ("a fox", "", "a fox"),
    ],
)
def test_a_fragment_stands_where_it_says_or_behind_a_comma(
    session: Session, prompt: str, fragment: str, together: str
) -> None:
    """`{prompt}` is its place; what is there already is not put twice."""
    session.presets.save("one", Request(prompt=fragment))
    assert session.generate(prompt, preset="one").prompt == together


def test_without_any_prompt_nothing_is_sent(session: Session) -> None:
    """A fragment may be all of the prompt; where it is empty there is none."""
    session.presets.save("whole", Request(prompt="a whale"))
    session.presets.save("bare", Request(params={"n": 2}))
    assert session.generate("", preset="whole").prompt == "a whale"
    with pytest.raises(InputError, match="there is no prompt"):
        session.generate("", preset="bare")


def test_an_unknown_name_lists_those_that_there_are(session: Session) -> None:
    """With the one that was probably meant; Tab offers them."""
    with pytest.raises(InputError, match="no preset film") as none:
        session.generate("a fox", preset="film")
    assert "save one" in none.value.in_language("en").lines()[-1]
    session.presets.save("film", FILM)
    session.presets.save("4 K", FILM)
    with pytest.raises(InputError, match="did you mean film") as wrong:
        session.generate("a fox", preset="flim")
    assert "4 K, film" in " ".join(wrong.value.in_language("en").lines())
    assert complete("--preset fi", {"preset": ["film"]}) == ("fi", ["film"])


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 61, "<b>", "-m", "a/b"])
def test_a_name_is_a_word_or_some(session: Session, name: str) -> None:
    """What could not be typed or shown is refused."""
    with pytest.raises(InputError, match="cannot be the name"):
        session.presets.save(name, FILM)


def test_a_folder_from_elsewhere_brings_what_an_option_can_have_and_no_more(session: Session) -> None:
    """Odd values, names and shapes are left out; the rest is used, and said."""
    made = {
        "prompt": "{prompt} in snow",
        "params": {"size": ["x"], "n": 2, "seed": "7", "folder": "/"},
        "raw": {"user": "u"},
    }
    write_file(session, {"presets": {"good": made, "b\nad": made, "odd": [1], "<b>": made}})
    assert session.presets.all() == {"good": Request(prompt="{prompt} in snow", params={"n": 2}, raw={"user": "u"})}


@pytest.mark.parametrize("form", ["{", [], {"presets": []}, "x" * (1 << 21), "[" * 100_000])
def test_a_file_that_cannot_be_read_stays_as_it_is(session: Session, form: Any) -> None:
    """It is said, and not overwritten; orders without a preset do not look at it."""
    path = write_file(session, form)
    before = path.read_bytes()
    for attempt in (session.presets.all, lambda: session.presets.save("film", FILM)):
        with pytest.raises(StoreCorrupt, match="presets"):
            attempt()
    assert path.read_bytes() == before
    assert session.generate("a fox").pictures


def test_the_panel_saves_renames_and_deletes(wire: Wire, session: Session) -> None:
    """Each answer has all of them as drafts; a name that is taken is refused."""
    form = draft("{prompt}, film", model="dall-e-3", options={"style": "natural"}, params=[["user", "u"]])
    saved = wire.ask("preset", name=" film ", draft=form).content["presets"]
    assert [(one["name"], one["draft"]["prompt"]) for one in saved] == [("film", "{prompt}, film")]
    assert saved[0]["draft"]["params"] == [["user", "u"]]
    wire.ask("preset", name="other", draft=form)
    assert "already" in wire.ask("rename", name="film", to="other").content["error"]["lines"][0]
    assert [one["name"] for one in wire.ask("rename", name="film", to="grain").content["presets"]] == ["grain", "other"]
    assert [one["name"] for one in wire.ask("unpreset", name="other").content["presets"]] == ["grain"]
    assert list(session.presets.all()) == ["grain"]


def test_presets_in_the_page(page: Page, session: Session) -> None:
    """Saved from the form, applied to it with undo, renamed and deleted."""
    page.fill("Prompt", "a fox")
    page.fill("Size", "16:9")
    page.press("Escape")
    page.evaluate("() => document.querySelector('.nowp-fold').setAttribute('open', '')")
    page.wait("() => document.querySelector('.nowp-presets').textContent.includes('None yet')")
    page.fill("Name of the preset", "film")
    page.fill("Words for the prompt", "35 mm film")
    page.click("button", "Save")
    page.wait("() => document.querySelector('.nowp-preset')")
    assert session.presets.all() == {"film": Request(prompt="35 mm film", params={"size": "16:9"})}
    page.fill("Size", "1:1")
    page.press("Escape")
    page.click("button", "Put the preset film into the form")
    page.wait("() => document.querySelector('.nowp-prompt').value === 'a fox, 35 mm film'")
    page.wire.until(lambda: page.wire.widget.draft["options"] == {"size": "16:9"})
    page.click("button", "Bring back the draft before")
    page.wait("() => document.querySelector('.nowp-prompt').value === 'a fox'")
    page.click("button", "Rename the preset film")
    page.fill("Rename the preset film", "grain")
    page.press("Enter")
    page.wait("() => document.querySelector('.nowp-preset')?.textContent.startsWith('grain')")
    page.click("button", "Delete the preset grain")
    page.wait("() => document.querySelector('.nowp-presets').textContent.includes('None yet')")
    assert session.presets.all() == {}


def test_another_session_on_the_folder_has_them(session: Session, tmp_path: Path) -> None:
    """They lie in the folder, and need no kernel to be there."""
    session.presets.save("film", FILM)
    with panels.quiet_session(tmp_path) as other:
        assert other.presets.all() == {"film": FILM}
