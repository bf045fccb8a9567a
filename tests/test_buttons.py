"""The buttons of a service in a cell: each click is an order, what it needs is said, and what comes appears below."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import pytest
from PIL import Image

from now_jupyter._display._buttons import ButtonRow
from now_jupyter._messages import InputError
from now_jupyter._runner import _polling
from now_jupyter._session import Session
from relays import Served, new_session, relay_on_loopback


@pytest.fixture
def served() -> Iterator[Served]:
    with relay_on_loopback() as relay:
        yield relay


@pytest.fixture
def session(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.setattr(_polling, "_FIRST_PAUSE", 0.05)
    with new_session(tmp_path, served.url) as one:
        one.generate("a fox", model="midjourney")
        yield one


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end


def shown(row: ButtonRow, kind: type) -> list[Any]:
    """All widgets of a kind below the buttons."""
    found, left = [], list(row._news.children)
    while left:
        one = left.pop()
        found += [one] if isinstance(one, kind) else []
        left += getattr(one, "children", ())
    return found


@pytest.mark.slow
def test_a_click_orders_and_its_picture_comes_below(session: Session, served: Served) -> None:
    """Once, however often it is clicked meanwhile; then the button is marked."""
    row = ButtonRow(session, "#1")
    assert list(row._buttons)[:5] == ["U1", "U2", "U3", "U4", "reroll"]
    row._buttons["U2"].click()
    assert row._buttons["U2"].disabled
    until(lambda: shown(row, widgets.Image) and row._buttons["U2"].button_style)
    assert served.count("/mj/submit/action") == 1
    assert session.history["#2"].request.button == "U2"
    assert "#2" in shown(row, widgets.Label)[0].value
    assert not [one.value for one in shown(row, widgets.Label) if "\n" in one.value]
    (image,) = shown(row, widgets.Image)
    with Image.open(io.BytesIO(image.value)) as picture:
        assert (image.layout.width, image.layout.align_self) == (f"{picture.width}px", "flex-start")
    assert (row._buttons["U2"].button_style, row._buttons["U2"].disabled) == ("success", False)
    assert ButtonRow(session, "#1")._buttons["U2"].tooltip == "pressed: #2"


@pytest.mark.slow
def test_what_a_button_needs_is_said(session: Session, served: Served) -> None:
    session.press("#1", "U1")
    row = ButtonRow(session, session.history[-1])
    posts = served.posts
    row._buttons["Vary (Region)"].click()
    until(lambda: shown(row, widgets.Label))
    assert 'mask=nj.mask("#2")' in "".join(one.value for one in shown(row, widgets.Label))
    assert served.posts == posts
    assert (row._buttons["❤"].disabled, row._buttons["❤"].tooltip) == (True, "relays refuse the button ❤")
    row._buttons["Custom Zoom"].click()
    (words,) = shown(row, widgets.Text)
    words.value = "--zoom 1.5"
    next(one for one in shown(row, widgets.Button) if one.description == "Custom Zoom").click()
    until(lambda: len(session.history) == 3 and not session.jobs())
    assert session.history["#3"].prompt == "--zoom 1.5"


@pytest.mark.slow
@pytest.mark.parametrize("word", ["order", "not now"])
def test_what_costs_more_than_was_agreed_is_asked_about(word: str, served: Served, tmp_path: Path) -> None:
    with new_session(tmp_path, served.url, typed=lambda: {"confirm_over": 0.001}) as session:
        row = ButtonRow(session, "#1") if len(session.history) else None
        assert row is None
        session.generate("a fox", model="midjourney", yes=True)
        row = ButtonRow(session, "#1")
        row._buttons["U1"].click()
        until(lambda: shown(row, widgets.Button))
        assert served.count("/mj/submit/action") == 0
        next(one for one in shown(row, widgets.Button) if one.description == word).click()
        until(lambda: not row._buttons["U1"].disabled)
        assert served.count("/mj/submit/action") == (word == "order")


def test_without_buttons_there_is_nothing_to_show(session: Session) -> None:
    session.generate("an owl", size="1024x1024")
    with pytest.raises(InputError, match="#2 has no buttons"):
        ButtonRow(session, "#2")
