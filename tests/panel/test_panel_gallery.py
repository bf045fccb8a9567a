"""The gallery, comparing, and what is shown without a kernel: what goes over the wire."""

from __future__ import annotations

import base64
import json
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import panels
from now_jupyter._display._display import caption_of
from now_jupyter._messages._errors import InputError
from now_jupyter._panel import Comparison, Panel
from now_jupyter._panel._diff import words_apart
from now_jupyter._panel._draft import order_from, read_draft
from now_jupyter._panel._fallback import MARK
from now_jupyter._session import Session
from now_jupyter._store._record import Record
from panels import Page, Wire, draft

# Looking


def test_the_gallery_is_found_newest_first_and_filtered(wire: Wire, session: Session) -> None:
    """Numbers come newest first; words, model, tag, star and status narrow them."""
    for prompt in ("a red fox", "a blue whale", "a red lighthouse"):
        session.generate(prompt, size="256x256")
    session.star("#2")
    session.tag("#3", "cover")
    assert wire.ask("find").numbers == [3, 2, 1]
    assert wire.ask("find", text="RED").numbers == [3, 1]
    assert wire.ask("find", starred=True).numbers == [2]
    assert wire.ask("find", tag="cover").numbers == [3]
    assert wire.ask("find", status="failed").numbers == []
    assert wire.ask("find").content["choices"]["tags"] == ["cover"]


def test_what_a_cell_makes_appears_and_what_is_trashed_goes(wire: Wire, session: Session) -> None:
    """The panel follows the history; the trash gives back what it took."""
    session.generate("a red fox", size="256x256")
    wire.wait_for(lambda one: one.content.get("event") == "changed" and one.content["row"]["status"] == "done")
    wire.ask("trash", spots=[[1, 0]])
    wire.event("gone", number=1)
    assert len(session.history) == 0
    wire.ask("restore", spots=[[1, 0]])
    wire.until(lambda: len(session.history) == 1)


def test_one_of_several_pictures_is_marked_by_itself(wire: Wire, session: Session) -> None:
    """Star, trash and undo under the second of two leave the first as it is."""
    session.generate("a red fox", model="dall-e-2", size="256x256", n=2)
    wire.ask("star", spots=[[1, 2]], on=True)
    assert [one["starred"] for one in wire.ask("detail", number=1).content["pictures"]] == [False, True]
    wire.ask("trash", spots=[[1, 2]])
    assert [one.ref for one in session.history["#1"].pictures] == ["#1.1"]
    wire.ask("restore", spots=[[1, 2]])
    assert [one.ref for one in session.history.filter(starred=True).pictures] == ["#1.2"]


def test_two_panels_on_one_session_hear_of_one_another(session: Session) -> None:
    """A star given in one panel shows in the other."""
    session.generate("a red fox", size="256x256")
    with panels.opened(session) as one, panels.opened(session) as two:
        one.ask("star", spots=[[1, 1]], on=True)
        two.wait_for(lambda said: said.content.get("event") == "changed" and said.content["row"]["starred"])


def test_marks_and_detail(wire: Wire, session: Session) -> None:
    """The full view knows what was asked, what it cost, its cell and its family."""
    session.generate("a {red} fox", size="16:9")
    wire.ask("tag", spots=[[1, 0]], tag="cover", on=True)
    found = wire.ask("detail", number=1).content
    assert found["tags"] == ["cover"]
    assert found["cell"] == "%%nowimage --model gpt-image-2 --size 16:9 --literal\na {red} fox"
    assert ["size", "16:9"] in found["params"]
    wire.order(found["draft"])
    wire.until(lambda: len(session.history) == 2 and not session.jobs())
    assert wire.ask("detail", number=2).content["parents"] == [[1, 0]]
    wire.ask("find")
    assert wire.ask("detail", number=1).content["children"] == [[2, [0]]]
    assert wire.ask("tag", spots=[[1, 0]], tag="*", on=True).content["error"]["lines"]


def test_the_family_is_that_of_the_picture(wire: Wire, session: Session) -> None:
    """One of four that was varied stands for itself; what was made of another is not its child."""
    session.generate("a red fox", size="256x256", n=4)
    session.vary("#1.3")
    session.edit("#1.2", "a hat")
    session.edit(["#2", "#1.1"], "both")
    family = {number: wire.ask("detail", number=number).content for number in range(1, 5)}
    assert [family[number]["parents"] for number in (2, 3, 4)] == [[[1, 3]], [[1, 2]], [[2, 0], [1, 1]]]
    assert family[1]["children"] == [[2, [3]], [3, [2]], [4, [1]]]


def test_what_has_no_words_says_how_it_was_made(wire: Wire, session: Session) -> None:
    """A variation names its picture on the tile and in the name of the full view, and itself in caption and list."""
    session.generate("a red fox", model="dall-e-2", size="256x256", n=2)
    made = session.vary("#1.2")
    assert wire.ask("rows", numbers=[2]).content["rows"][0]["prompt"] == "variation of #1.2"
    assert wire.ask("detail", number=2).content["alt"] == "variation of #1.2"
    assert caption_of(made).startswith("variation · dall-e-2 · ")
    assert "variation" in repr(session.history[-1:])
    wire.ask("vary", number=1, output=1, at=0.0, agreed=[])
    wire.until(lambda: len(session.history) == 3 and not session.jobs())
    assert wire.ask("rows", numbers=[3]).content["rows"][0]["prompt"] == "variation of #1.1 · a red fox"
    session.trash("#1")
    assert wire.ask("rows", numbers=[2]).content["rows"][0]["prompt"] == "variation"


def test_a_tile_without_words_ends_with_no_dot(page: Page, session: Session) -> None:
    """On the tile stands the reference, and what there is of words."""
    session.generate("a red fox", model="dall-e-2", size="256x256")
    session.vary("#1")
    page.wait_for_pictures(2)
    words = page.evaluate("() => [...document.querySelectorAll('.nowp-tile-words')].map((one) => one.textContent)")
    assert words == ["#2 · variation of #1", "#1 · a red fox"]


def test_a_dropped_file_is_recalled(wire: Wire, session: Session, tmp_path: Path) -> None:
    """A picture of the history is known by its bytes; a copy with metadata says itself how it was made."""
    made = session.generate("a red fox", size="16:9")
    by_bytes = wire.ask("drop", buffers=[made.pictures[0].bytes()]).content["draft"]
    assert by_bytes["parent"] == made.id
    saved = made.pictures[0].save(tmp_path / "fox.png").read_bytes()
    by_words = wire.ask("drop", buffers=[saved]).content["draft"]
    assert (by_words["prompt"], by_words["options"]) == ("a red fox", {"size": "16:9"})
    assert by_words["service"] == ""  # the model leads there
    assert "does not say" in wire.ask("drop", buffers=[b"no picture"]).content["error"]["lines"][0]


# Comparing


@pytest.mark.parametrize(
    ("before", "after", "runs"),
    [
        ("a red fox", "a blue fox", ["=a ", "-red", "+blue", "= fox"]),
        ("a red fox", "a blue wolf", ["=a ", "-red fox", "+blue wolf"]),
        ("low poly lake, dawn", "macro of dew, leaf", ["-low poly lake, dawn", "+macro of dew, leaf"]),
        ("a fox", "a red fox", ["=a ", "+red ", "=fox"]),
        ("一只戴眼镜的猫", "一只戴帽子的猫", ["=一只戴", "-眼镜", "+帽子", "=的猫"]),
        ("a fox", "a fox", ["=a fox"]),
        ("", "a fox", ["+a fox"]),
        ("fox,", "wolf,", ["-fox", "+wolf", "=,"]),
    ],
)
def test_words_apart(before: str, after: str, runs: list[str]) -> None:
    """What stayed, went and came, word by word, in Chinese character by character; blanks alone do not tear it up."""
    signs = {"same": "=", "gone": "-", "new": "+"}
    assert [signs[kind] + text for kind, text in words_apart(before, after)] == runs


@settings(deadline=None)
@given(st.text("ab, 猫狗"), st.text("ab, 猫狗"))
def test_words_apart_lose_nothing(before: str, after: str) -> None:
    """What stayed and went is the one prompt, what stayed and came the other."""
    runs = words_apart(before, after)
    assert "".join(text for kind, text in runs if kind != "new") == before
    assert "".join(text for kind, text in runs if kind != "gone") == after


def test_a_comparison_in_a_cell(session: Session) -> None:
    """`compare` shows pictures with their differences; its static form names them too."""
    session.generate("a red fox", size="256x256", quality="low")
    session.generate("a blue fox", size="256x256", quality="high")
    with panels.opened(session, lambda one: Comparison.of(one, ["#1", "#2"])) as wire:
        found = wire.ask("compare", spots=[[1, 1], [2, 1]]).content
        assert [row["name"] for row in found["params"] if not row["same"]] == ["quality"]
        assert wire.ask("picture", number=1, output=1).buffers[0].startswith(b"\x89PNG")
        assert wire.ask("picture", number=9, output=1).content["error"]
        data, _ = wire.widget._repr_mimebundle_()
        assert "quality: low | high" in data["text/plain"] or "image/jpeg" in data
        assert isinstance(wire.widget, Comparison)
    with pytest.raises(InputError, match="one picture cannot be compared"):
        Comparison.of(session, ["#1"])
    with pytest.raises(InputError, match="5 pictures cannot be compared"):
        Comparison.of(session, ["#1"] * 5)
    both = session.generate("two foxes", model="dall-e-2", size="256x256", n=2)
    assert repr(Comparison.of(session, ["#1", *both.pictures])) == "Comparison(#1, #3.1, #3.2)"


# What is shown without a kernel, and what goes over the wire


def test_the_static_picture_stands_for_the_panel(wire: Wire, session: Session) -> None:
    """The bundle holds the latest pictures as a marked JPEG with captions, also while there is none."""
    data, _ = wire.widget._repr_mimebundle_()
    assert base64.b64encode(data["image/jpeg"]).decode().startswith(MARK)
    session.generate("a red fox")
    data, metadata = wire.widget._repr_mimebundle_()
    assert base64.b64encode(data["image/jpeg"]).decode().startswith(MARK)
    assert "#1 · a red fox" in metadata["image/jpeg"]["alt"]
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == wire.widget.model_id


def test_the_state_that_may_be_saved_is_small(wire: Wire, session: Session) -> None:
    """A loader, words, draft and models: far below 100 KB, also where several panels stand in a notebook."""
    session.generate("a red fox")
    wire.until(lambda: wire.widget.relay)
    assert len(json.dumps(wire.widget.get_state(), default=str).encode()) < 40_000


def test_a_panel_leaves_nothing_running(session: Session) -> None:
    """Closing ends its threads and its ears."""
    with panels.opened(session) as wire:
        wire.ask("find")
    names = ("now-jupyter-files", "now-jupyter-relay", "now-jupyter-orders", "now-jupyter-panel")
    end = time.monotonic() + 10
    while any(thread.name.startswith(names) for thread in threading.enumerate()):
        assert time.monotonic() < end
    assert isinstance(wire.widget, Panel)


def test_a_record_keeps_its_family(session: Session) -> None:
    """A draft filled from a picture makes its order a child of it."""
    order = order_from(read_draft(draft(parent="f" * 32)))
    assert order.parents == ("f" * 32,)
    assert order.reuse == "never"
    assert Record(id="f" * 32, request=order.request, created=0.0).ref == "#0"
