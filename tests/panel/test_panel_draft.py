"""The draft and whatever else a front end may set or send."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import panels
from drawing import signed
from now_jupyter._media import save_copy
from now_jupyter._messages import InputError
from now_jupyter._options import cell_text, parse_cell
from now_jupyter._orders import order_of
from now_jupyter._panel import recall
from now_jupyter._panel._draft import FIELDS, draft_of, order_from, read_draft
from now_jupyter._panel._messages import ACTIONS, read_message
from now_jupyter._panel._thumbs import thumb_of
from now_jupyter._session import Session
from now_jupyter._values import Request
from panels import Wire, draft

HOSTILE = "<img src=x onerror=alert(1)> \u202e{{}}</script>"


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


def test_recall_names_the_service_that_made_it(wire: Wire, session: Session) -> None:
    """Where the model leads elsewhere, the draft names it: ordering again must not buy at another one."""
    session.generate("a red fox", size="256x256")
    wire.widget.recall("#1")
    assert wire.widget.draft["service"] == ""
    store = session.context.home().store
    store.write(replace(store.read(1), service="studio"))
    wire.widget.recall("#1")
    assert wire.widget.draft["service"] == "studio"


def test_now_recall_fills_the_open_panels(wire: Wire, session: Session, tmp_path: Path) -> None:
    """`%now recall` takes a number or a file; with no panel of that session open it says so."""
    made = session.generate("a red fox", size="16:9")
    path = made.pictures[0].save(tmp_path / "fox.png")
    assert recall(session, "#1") == []
    assert wire.widget.draft["parent"] == made.id
    assert recall(session, path) == []
    assert (wire.widget.draft["prompt"], wire.widget.draft["options"]) == ("a red fox", {"size": "16:9"})
    with panels.quiet_session(tmp_path / "other") as other:
        assert recall(other, "#1") is None
    with pytest.raises(InputError, match="no #9"):
        recall(session, "#9")
    (tmp_path / "plain.txt").write_text("words")
    with pytest.raises(InputError, match="does not say"):
        recall(session, tmp_path / "plain.txt")


def test_a_signed_file_is_recalled_from_the_recipe_beside_it(wire: Wire, session: Session, tmp_path: Path) -> None:
    """What a signed file must not hold is read from `NAME.now.json`, whether the picture or that file is named."""
    made = {"prompt": "a signed fox", "params": {"size": "1:1"}}
    path = save_copy(signed("PNG"), tmp_path / "fox.png", name="fox", made=made)
    for named in (path, tmp_path / "fox.png.now.json"):
        wire.widget.recall(named)
        assert (wire.widget.draft["prompt"], wire.widget.draft["options"]) == ("a signed fox", {"size": "1:1"})
        wire.set({"draft": draft("typed")})


def test_thumbnails_say_that_they_were_generated(session: Session) -> None:
    """A thumbnail that is dragged out of the gallery bears the label of its pictures."""
    session.generate("a red fox", n=2)
    record, store = session.history.record(1), session.context.home().store
    (thumb,) = thumb_of(record.outputs[1], store.pictures)
    assert b"digitalsourcetype/" in thumb


def test_halves_of_characters_do_not_stop_the_wire(wire: Wire, session: Session) -> None:
    """A record from elsewhere may hold what cannot be encoded; it is shown with a replacement."""
    session.generate("a red fox", size="256x256")
    store = session.context.home().store
    record = store.read(1)
    store.write(replace(record, request=replace(record.request, prompt="a \ud800 fox")))
    assert wire.ask("detail", number=1).content["prompt"] == "a ? fox"


# Hostile messages


_LEAF = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
_FLAT = _LEAF | st.lists(_LEAF, max_size=4) | st.dictionaries(st.text(max_size=8), _LEAF, max_size=4)
_JSON = _FLAT | st.lists(_FLAT, max_size=4) | st.dictionaries(st.text(max_size=8), _FLAT, max_size=4)
_MESSAGES = st.fixed_dictionaries(
    {"id": st.text(max_size=70) | st.integers(), "action": st.sampled_from(sorted(ACTIONS)) | st.text(max_size=9)},
    optional=dict.fromkeys(
        ("number", "numbers", "draft", "on", "tag", "text", "job", "spots", "output", "place", "at", "agreed", "label"),
        _JSON,
    ),
)


@pytest.mark.slow
@given(content=_JSON | _MESSAGES, buffers=st.lists(st.binary(max_size=8), max_size=2))
@settings(max_examples=300, deadline=None)
def test_a_hostile_message_is_read_or_refused(content: object, buffers: list[bytes]) -> None:
    """Whatever arrives becomes a message of the list with checked fields, or a ValueError, and nothing else."""
    try:
        message = read_message(content, buffers)
    except ValueError:
        return
    assert message.action in ACTIONS
    assert set(message.fields) <= set(ACTIONS[message.action].__struct_fields__)


@given(content=_MESSAGES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_hostile_message_buys_nothing_and_breaks_nothing(wire: Wire, session: Session, content: Any) -> None:
    """After any message the panel still answers and nothing was ordered."""
    if content["action"] in ("generate", "press", "again", "vary"):
        content["action"] = "find"
    wire.message(content)
    assert wire.ask("find").numbers == []
    assert session.jobs() == []


@pytest.mark.parametrize(
    "content",
    [
        {"id": "a", "action": "rows", "numbers": [1] * 201},
        {"id": "a", "action": "rows", "numbers": [True]},
        {"id": "a", "action": "star", "spots": [[1, 0]], "on": 1},
        {"id": "a", "action": "star", "spots": [[1, 0]], "on": True, "more": 1},
        {"id": "a", "action": "star", "spots": [[0, 0]], "on": True},
        {"id": "a", "action": "trash", "spots": [[1, 0]] * 1001},
        {"id": "a", "action": "thumbs", "spots": [[1, 1, 1]]},
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
    session.generate(HOSTILE, size="256x256")
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
        "format": st.sampled_from(["png", "webp"]),
        "negative": _WORDS,
    },
)


@pytest.mark.slow
@given(prompt=_WORDS, model=st.none() | st.just("gpt-image-2"), options=_OPTIONS, params=_PARAMS)
@settings(max_examples=200, deadline=None)
def test_a_request_survives_the_draft(prompt: str, model: str | None, options: Any, params: Any) -> None:
    """From a request to the form and back nothing is lost, also over the wire."""
    request = Request(prompt=prompt, model=model, params=options, raw=params)
    form = json.loads(json.dumps(draft_of(request).to_json()))
    assert order_from(read_draft(form)).request == request


@pytest.mark.slow
@given(prompt=_WORDS, options=_OPTIONS.filter(lambda one: not {"quality", "negative"} & set(one)))
@settings(max_examples=100, deadline=None)
def test_a_request_survives_the_cell(prompt: str, options: Any) -> None:
    """What "Copy as cell" gives is the cell that orders the very same request."""
    request = Request(prompt=prompt, model="gpt-image-2", params=options)
    line, _, body = cell_text(request).partition("\n")
    assert order_of(parse_cell(line.removeprefix("%%nowimage"), body)).request == request


def test_every_option_of_a_request_has_its_place_in_the_form() -> None:
    """A new option in the table appears in the draft without anyone thinking of it."""
    assert {"size", "quality", "style", "background", "format", "n", "seed", "negative"} <= set(FIELDS)
