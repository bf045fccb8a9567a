"""The panel without a kernel: its traits, its messages, and how much goes over the wire."""

from __future__ import annotations

import base64
import json
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import panels
from now_jupyter._errors import InputError, MaybeBilledError
from now_jupyter._options._parsing import parse_cell
from now_jupyter._orders._requests import order_of
from now_jupyter._panel import Comparison, Panel, compare, recall
from now_jupyter._panel._compare import words_apart
from now_jupyter._panel._fallback import MARK
from now_jupyter._panel._messages import ACTIONS, read_message
from now_jupyter._panel._state import FIELDS, Draft, cell_of, draft_of, order_from, read_draft
from now_jupyter._records import Record
from now_jupyter._session import Session
from now_jupyter._values import Request, Status
from panels import Said, Wire

EMPTY: dict[str, Any] = Draft().to_json()  # type: ignore[assignment]
HOSTILE = "<img src=x onerror=alert(1)> \u202e{{}}</script>"


def draft(prompt: str = "a red fox", **more: Any) -> dict[str, Any]:
    return {**EMPTY, "prompt": prompt, **more}


def numbers(said: Said) -> list[int]:
    data = said.buffers[0]
    return [int(one) for one in struct.unpack(f"<{len(data) // 8}d", data)]


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with panels.quiet_session(tmp_path) as session:
        yield session


@pytest.fixture
def wire(session: Session) -> Iterator[Wire]:
    with panels.opened(session) as wire:
        yield wire


def ordered(wire: Wire, form: dict[str, Any], *, at: float = 0.0, agreed: list[str] | None = None) -> Said:
    return wire.ask("generate", draft=form, at=at, agreed=agreed or [])


# Making


def test_generate_makes_a_picture_and_tells_of_it(wire: Wire, session: Session) -> None:
    """A click becomes one generation; its row and its thumbnail are told without being asked for."""
    ordered(wire, draft(options={"size": "16:9"}))
    done = wire.wait_for(lambda one: one.content.get("event") == "changed" and one.content["row"]["status"] == "done")
    assert done.content["row"]["number"] == 1
    assert done.buffers[0].startswith(b"\xff\xd8")
    assert session.history["#1"].params == {"size": "16:9"}


def test_generate_never_reuses(wire: Wire, session: Session) -> None:
    """An equal picture in the history does not answer a click, whatever `Now.reuse` says."""
    session.generate("a red fox")
    ordered(wire, draft())
    wire.until(lambda: len(session.history) == 2 and session.history[-1].status is Status.DONE)


def test_a_double_click_buys_once(wire: Wire, session: Session) -> None:
    """Two messages of one double click, even when the kernel was busy between them, make one order."""
    assert "job" in ordered(wire, draft(), at=1000.0).content
    assert ordered(wire, draft(), at=1300.0).content["repeat"] is True
    wire.until(lambda: not session.jobs())
    assert len(session.history) == 1


def test_the_same_message_twice_buys_once(wire: Wire, session: Session) -> None:
    """A message that is delivered again makes nothing."""
    message = {"id": "one", "action": "generate", "draft": draft(), "at": 0.0, "agreed": []}
    wire.message(message)
    wire.message({**message, "at": 9e9})
    wire.wait_for(lambda one: one.content.get("re") == "one" and one.content.get("repeat") is True)
    wire.until(lambda: not session.jobs())
    assert len(session.history) == 1


def test_a_second_click_later_buys_again(wire: Wire, session: Session) -> None:
    """Whoever clicks again after a while wants another picture."""
    ordered(wire, draft(), at=1000.0)
    assert "job" in ordered(wire, draft(), at=5000.0).content
    wire.until(lambda: len(session.history) == 2)


def test_an_unsettled_equal_order_asks_for_the_users_word(wire: Wire, session: Session) -> None:
    """What may have been billed is not settled by a click: the panel asks, and only the agreed word orders again."""
    session.generate("a red fox")
    store = session.context.home().store
    store.write(replace(store.read(1), status=Status.UNKNOWN, billed="maybe"))
    asked = ordered(wire, draft()).content["ask"]
    assert "#1" in asked["lines"][0]
    assert any("billed: maybe" in line for line in asked["lines"])
    assert not store.read(1).settled
    assert len(session.history) == 1
    assert "job" in ordered(wire, draft(), at=9000.0, agreed=asked["agree"]).content
    wire.until(lambda: len(session.history) == 2)


def test_an_unsettled_order_that_appears_after_the_question_is_not_settled(wire: Wire, session: Session) -> None:
    """The user's word is for what the question named; another kernel's order of the same stays open."""
    session.generate("a red fox")
    session.generate("a red fox", reuse=False)
    store = session.context.home().store
    store.write(replace(store.read(1), status=Status.UNKNOWN, billed="maybe"))
    agreed = ordered(wire, draft()).content["ask"]["agree"]
    order = replace(order_from(read_draft(draft())), settles=frozenset(agreed))
    store.write(replace(store.read(2), status=Status.UNKNOWN, billed="maybe"))
    with pytest.raises(MaybeBilledError, match="#2 is the same order"):
        session.place(order).result(10)
    assert not store.read(1).settled
    assert not store.read(2).settled
    assert len(session.history) == 2


def test_the_parts_of_a_split_order_are_looked_at_one_by_one(wire: Wire, session: Session) -> None:
    """An equal order of one picture stands before one of two where the model takes one per request."""
    session.generate("a red fox", model="dall-e-3")
    store = session.context.home().store
    form = draft(model="dall-e-3", options={"n": "2"})
    one = session.generate("a red fox", model="dall-e-3", n=2, reuse=False)
    part = store.read(int(one.parts[0].ref.removeprefix("#")))
    store.write(replace(part, status=Status.UNKNOWN, billed="maybe"))
    asked = ordered(wire, form).content["ask"]
    assert part.ref in asked["lines"][0]
    assert "job" in ordered(wire, form, at=9000.0, agreed=asked["agree"]).content
    wire.until(lambda: len(session.history) == 5)


def test_errors_are_told_in_the_words_of_a_cell(wire: Wire, session: Session) -> None:
    """A refused draft answers with the lines that a cell would show; nothing is recorded."""
    lines = ordered(wire, draft(prompt=" ")).content["error"]["lines"]
    with pytest.raises(InputError) as error:
        session.submit(" ")
    assert lines == error.value.lines()
    assert len(session.history) == 0


def test_a_failed_order_shows_in_the_panel_until_it_is_put_away(wire: Wire, session: Session) -> None:
    """The relay's refusal appears with billed, number and advice; "Dismiss" takes it away."""
    ordered(wire, draft(params=[["demo", '{"code": "content_policy_violation"}']]))
    wire.until(lambda: [job["state"] for job in wire.widget.jobs] == ["failed"])
    lines = wire.widget.jobs[0]["lines"]
    assert lines[0].startswith("RejectedError")
    assert "#1" in lines[1]
    wire.ask("dismiss", job=wire.widget.jobs[0]["key"])
    wire.until(lambda: wire.widget.jobs == [])


def test_a_running_job_shows_and_stop_waiting_leaves_it_alone(tmp_path: Path) -> None:
    """What runs, in a cell or here, is told with its progress and unfinished picture; stopping hides it, it arrives."""
    with panels.quiet_session(tmp_path) as session:
        session.use_demo(on=True)
        with panels.opened(session) as wire:
            job = session.submit("a slow whale", params={"demo": {"latency": 1.5}})
            wire.event("partial")
            wire.until(lambda: wire.widget.jobs and wire.widget.jobs[0]["sent"])
            assert wire.ask("stop", job=wire.widget.jobs[0]["key"]).content["cancelled"] is False
            wire.until(lambda: wire.widget.jobs == [])
            assert not job.done()
            assert job.wait().status is Status.DONE


def test_a_click_never_blocks_its_thread(wire: Wire, session: Session) -> None:
    """The thread that brings a message is free at once, although the answer needs the disk and the relay."""
    lock = threading.Event()
    wire.widget.worker("files").do(lock.wait)
    began = time.monotonic()
    wire.message({"id": "x", "action": "find"})
    assert time.monotonic() - began < 0.2
    lock.set()
    wire.wait_for(lambda one: one.content.get("re") == "x")


def test_the_price_and_the_controls_of_the_next_click(wire: Wire) -> None:
    """A quote names the model, what it takes, and why a setting does not apply."""
    answer = wire.ask("quote", draft=draft(model="dall-e-3")).content
    assert answer["controls"]["style"] == {"values": ["vivid", "natural"], "why": ""}
    assert answer["controls"]["background"]["why"] == "not known for dall-e-3"
    assert answer["demo"] is True


# Looking


def test_the_gallery_is_found_newest_first_and_filtered(wire: Wire, session: Session) -> None:
    """Numbers come newest first; words, model, tag, star and status narrow them."""
    for prompt in ("a red fox", "a blue whale", "a red lighthouse"):
        session.generate(prompt)
    session.star("#2")
    session.tag("#3", "cover")
    assert numbers(wire.ask("find")) == [3, 2, 1]
    assert numbers(wire.ask("find", text="RED")) == [3, 1]
    assert numbers(wire.ask("find", starred=True)) == [2]
    assert numbers(wire.ask("find", tag="cover")) == [3]
    assert numbers(wire.ask("find", status="failed")) == []
    assert wire.ask("find").content["choices"]["tags"] == ["cover"]


def test_what_a_cell_makes_appears_and_what_is_trashed_goes(wire: Wire, session: Session) -> None:
    """The panel follows the history; the trash gives back what it took."""
    session.generate("a red fox")
    wire.wait_for(lambda one: one.content.get("event") == "changed" and one.content["row"]["status"] == "done")
    wire.ask("trash", number=1)
    wire.event("gone", number=1)
    assert len(session.history) == 0
    wire.ask("restore", number=1)
    wire.until(lambda: len(session.history) == 1)


def test_two_panels_on_one_session_hear_of_one_another(session: Session) -> None:
    """A star given in one panel shows in the other."""
    session.generate("a red fox")
    with panels.opened(session) as one, panels.opened(session) as two:
        one.ask("star", number=1, on=True)
        two.wait_for(lambda said: said.content.get("event") == "changed" and said.content["row"]["starred"])


def test_marks_and_detail(wire: Wire, session: Session) -> None:
    """The full view knows what was asked, what it cost, its cell and its family."""
    session.generate("a {red} fox", size="16:9")
    wire.ask("tag", number=1, tag="cover", on=True)
    found = wire.ask("detail", number=1).content
    assert found["tags"] == ["cover"]
    assert found["cell"] == "%%nowimage --model gpt-image-2 --size 16:9 --literal\na {red} fox"
    assert ["size", "16:9"] in found["params"]
    ordered(wire, found["draft"])
    wire.until(lambda: len(session.history) == 2 and not session.jobs())
    assert wire.ask("detail", number=2).content["parents"] == [1]
    wire.ask("find")
    assert wire.ask("detail", number=1).content["children"] == [2]
    assert wire.ask("tag", number=1, tag="*", on=True).content["error"]["lines"]


def test_buttons_show_only_where_the_session_can_press_them(session: Session) -> None:
    """No stub: a button of the service is offered when the session has the verb, and is then pressed once."""
    session.generate("a red fox")
    store = session.context.home().store
    from now_jupyter._values import Button

    store.write(replace(store.read(1), buttons=(Button(label="U1", action="up"),)))
    with panels.opened(session) as wire:
        assert wire.ask("detail", number=1).content["buttons"] == []
        pressed: list[tuple[str, str]] = []
        session.press = lambda ref, label: pressed.append((ref, label))  # type: ignore[attr-defined]
        assert wire.ask("detail", number=1).content["buttons"] == ["U1"]
        wire.ask("press", number=1, label="U1", at=1000.0)
        assert wire.ask("press", number=1, label="U1", at=1200.0).content["repeat"] is True
        assert pressed == [("#1", "U1")]


def test_edit_and_vary_show_where_the_session_has_the_verb(session: Session) -> None:
    """They call it with the picture, and Edit with the form's prompt; a double click does it once."""
    session.generate("a red fox")
    with panels.opened(session) as wire:
        assert wire.ask("detail", number=1).content["verbs"] == []
        assert "cannot" in wire.ask("vary", number=1, place=1, at=0.0).content["error"]["lines"][0]
        done: list[tuple[str, ...]] = []
        session.edit = lambda *given: done.append(("edit", *given))  # type: ignore[attr-defined]
        session.vary = lambda ref: session.submit(f"a fox like {ref}")  # type: ignore[attr-defined]
        assert wire.ask("detail", number=1).content["verbs"] == ["edit", "vary"]
        wire.ask("edit", number=1, place=1, draft=draft("in snow"), at=1000.0)
        wire.ask("edit", number=1, place=1, draft=draft("in snow"), at=1100.0)
        assert done == [("edit", "#1.1", "in snow")]
        assert "no prompt" in wire.ask("edit", number=1, place=1, draft=draft(" "), at=9e3).content["error"]["lines"][0]
        assert "job" in wire.ask("vary", number=1, place=1, at=2e4).content
        wire.until(lambda: len(session.history) == 2)


def test_a_dropped_file_is_recalled(wire: Wire, session: Session, tmp_path: Path) -> None:
    """A picture of the history is known by its bytes; a copy with metadata says itself how it was made."""
    made = session.generate("a red fox", size="16:9")
    by_bytes = wire.ask("drop", buffers=[made.pictures[0].bytes()]).content["draft"]
    assert by_bytes["parent"] == made.id
    saved = made.pictures[0].save(tmp_path / "fox.png").read_bytes()
    by_words = wire.ask("drop", buffers=[saved]).content["draft"]
    assert (by_words["prompt"], by_words["options"]) == ("a red fox", {"size": "16:9"})
    assert "does not say" in wire.ask("drop", buffers=[b"no picture"]).content["error"]["lines"][0]


# Traits


def test_only_the_draft_can_be_set_from_outside(wire: Wire) -> None:
    """A front end that sets another trait, or a draft that is none, is overruled."""
    wire.set({"draft": draft("typed"), "words": {"prompt": "x"}, "_esm": "alert(1)", "jobs": [1]})
    assert wire.widget.draft["prompt"] == "typed"
    assert wire.widget.words["prompt"] == "Prompt"
    assert wire.widget.jobs == []
    wire.set({"draft": {"prompt": ["no"]}})
    wire.set({"draft": draft("x" * 70_000)})
    assert wire.widget.draft["prompt"] == "typed"


def test_recall_fills_the_draft(wire: Wire, session: Session) -> None:
    """`panel.recall` puts prompt and settings of a picture into the form."""
    session.generate("a red fox", size="16:9")
    wire.widget.recall("#1")
    assert wire.widget.draft["options"] == {"size": "16:9"}


def test_now_recall_fills_the_open_panels(wire: Wire, session: Session, tmp_path: Path) -> None:
    """`%now recall` takes a number or a file; with no panel of that session open it says so."""
    made = session.generate("a red fox", size="16:9")
    path = made.pictures[0].save(tmp_path / "fox.png")
    assert recall(session, "#1")
    assert wire.widget.draft["parent"] == made.id
    assert recall(session, path)
    assert (wire.widget.draft["prompt"], wire.widget.draft["options"]) == ("a red fox", {"size": "16:9"})
    with panels.quiet_session(tmp_path / "other") as other:
        assert not recall(other, "#1")
    with pytest.raises(InputError, match="no #9"):
        recall(session, "#9")
    (tmp_path / "plain.txt").write_text("words")
    with pytest.raises(InputError, match="does not say"):
        recall(session, tmp_path / "plain.txt")


def test_halves_of_characters_do_not_stop_the_wire(wire: Wire, session: Session) -> None:
    """A record from elsewhere may hold what cannot be encoded; it is shown with a replacement."""
    session.generate("a red fox")
    store = session.context.home().store
    record = store.read(1)
    store.write(replace(record, request=replace(record.request, prompt="a \ud800 fox")))
    assert wire.ask("detail", number=1).content["prompt"] == "a ? fox"


# Hostile messages

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_MESSAGES = st.fixed_dictionaries(
    {"id": st.text(max_size=70) | st.integers(), "action": st.sampled_from(sorted(ACTIONS)) | st.text(max_size=9)},
    optional=dict.fromkeys(
        ("number", "numbers", "draft", "on", "tag", "text", "job", "pictures", "place", "at", "agreed", "label"), _JSON
    ),
)


@given(content=_JSON | _MESSAGES, buffers=st.lists(st.binary(max_size=8), max_size=2))
@settings(max_examples=300, deadline=None)
def test_a_hostile_message_is_read_or_refused(content: object, buffers: list[bytes]) -> None:
    """Whatever arrives becomes a message of the list with checked fields, or a ValueError, and nothing else."""
    try:
        message = read_message(content, buffers)
    except ValueError:
        return
    assert message.action in ACTIONS
    assert set(message.fields) <= set(ACTIONS[message.action])


@given(content=_MESSAGES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_hostile_message_buys_nothing_and_breaks_nothing(wire: Wire, session: Session, content: Any) -> None:
    """After any message the panel still answers and nothing was ordered."""
    if content["action"] in ("generate", "press", "edit", "vary"):
        content["action"] = "find"
    wire.message(content)
    assert wire.ask("find").content["count"] == 0
    assert session.jobs() == []


@pytest.mark.parametrize(
    "content",
    [
        {"id": "a", "action": "rows", "numbers": [1] * 201},
        {"id": "a", "action": "rows", "numbers": [True]},
        {"id": "a", "action": "star", "number": 1, "on": 1},
        {"id": "a", "action": "star", "number": 1, "on": True, "more": 1},
        {"id": "a", "action": "__init__"},
        {"id": "a" * 65, "action": "find"},
        {"id": "a", "action": "find", "text": "x" * 300_000},
        {"id": "a", "action": "generate", "draft": {"prompt": "x", "options": {"folder": "/"}}, "at": 1},
    ],
)
def test_what_is_not_allowed_is_refused(content: object) -> None:
    """Unknown actions and fields, wrong types and too much of anything."""
    with pytest.raises(ValueError):
        read_message(content)


def test_hostile_words_travel_as_words(wire: Wire, session: Session) -> None:
    """Markup stays what it is, text; marks that turn text around are taken out of rows."""
    session.generate(HOSTILE)
    row = wire.ask("rows", numbers=[1]).content["rows"][0]
    assert "<img src=x onerror=alert(1)>" in row["prompt"]
    assert "\u202e" not in row["prompt"]


# Round trips

_WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30).filter(
    lambda text: text.strip()
)
_PARAMS = st.dictionaries(
    st.from_regex(r"x_[a-z]{1,8}", fullmatch=True),
    st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _WORDS
    | st.none(),
    max_size=4,
)
_OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "size": st.sampled_from(["1024x1024", "16:9", "auto", "portrait"]),
        "n": st.integers(1, 100),
        "seed": st.integers(0, 2**62),
        "quality": _WORDS,
        "output_format": st.sampled_from(["png", "webp"]),
        "negative_prompt": _WORDS,
    },
)


@given(prompt=_WORDS, model=st.none() | st.just("gpt-image-2"), options=_OPTIONS, params=_PARAMS)
@settings(max_examples=200, deadline=None)
def test_a_request_survives_the_draft(prompt: str, model: str | None, options: Any, params: Any) -> None:
    """From a request to the form and back nothing is lost, also over the wire."""
    request = Request(prompt=prompt, model=model, params={**options, **params})
    form = json.loads(json.dumps(draft_of(request).to_json()))
    assert order_from(read_draft(form)).request == request


@given(prompt=_WORDS, options=_OPTIONS.filter(lambda one: not {"quality", "negative_prompt"} & set(one)))
@settings(max_examples=100, deadline=None)
def test_a_request_survives_the_cell(prompt: str, options: Any) -> None:
    """What "Copy as cell" gives is the cell that orders the very same request."""
    request = Request(prompt=prompt, model="gpt-image-2", params=options)
    line, _, body = cell_of(request).partition("\n")
    assert order_of(parse_cell(line.removeprefix("%%nowimage"), body)).request == request


def test_every_option_of_a_request_has_its_place_in_the_form() -> None:
    """A new option in the table appears in the draft without anyone thinking of it."""
    assert {"size", "quality", "style", "background", "format", "n", "seed", "negative"} <= set(FIELDS)


# Comparing


def test_words_apart() -> None:
    """What stayed, went and came, word by word."""
    assert words_apart("a red fox", "a blue fox") == [
        ("same", "a "),
        ("gone", "red"),
        ("new", "blue"),
        ("same", " fox"),
    ]


def test_a_comparison_in_a_cell(session: Session) -> None:
    """`compare` shows pictures with their differences; its static form names them too."""
    session.generate("a red fox", quality="low")
    session.generate("a blue fox", quality="high")
    with panels.opened(session, lambda one: compare(one, "#1", "#2")) as wire:
        found = wire.ask("compare", pictures=[[1, 1], [2, 1]]).content
        assert [row["name"] for row in found["params"] if not row["same"]] == ["quality"]
        assert wire.ask("picture", number=1, place=1).buffers[0].startswith(b"\x89PNG")
        assert wire.ask("picture", number=9, place=1).content["error"]
        data, _ = wire.widget._repr_mimebundle_()
        assert "quality: low | high" in data["text/plain"] or "image/jpeg" in data
        assert isinstance(wire.widget, Comparison)
    with pytest.raises(InputError, match="cannot be compared"):
        compare(session, "#1")


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
