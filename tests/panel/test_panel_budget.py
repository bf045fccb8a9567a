"""The panel under a budget: what is left of it, what it refuses, and the word that is asked for first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import panels
from now_jupyter._session import Session
from panels import Said, Wire, draft
from relays import Served, new_session, relay_on_loopback


@pytest.fixture
def served() -> Iterator[Served]:
    with relay_on_loopback() as relay:
        yield relay


@contextmanager
def panel_on(folder: Path, served: Served, **typed: Any) -> Iterator[tuple[Session, Wire]]:
    with new_session(folder, served.url, typed=lambda: typed) as session, panels.opened(session) as wire:
        yield session, wire


def ordered(wire: Wire, prompt: str = "a fox", *, at: float = 0.0, agreed: tuple[str, ...] = (), **more: Any) -> Said:
    return wire.order(draft(prompt, **more), at=at, agreed=agreed)


def test_what_is_left_and_the_budget_are_shown_and_follow_each_order(served: Served, tmp_path: Path) -> None:
    """Balance as the relay tells it, budget as the folder counts it; both are asked for again after a purchase."""
    with panel_on(tmp_path, served) as (session, wire):
        session.set_budget(1)
        wire.ask("relay")
        wire.until(lambda: wire.widget.relay.get("left") == "$100.00")
        assert wire.widget.relay["budget"] == "budget: $1.00, $1.00 left"
        ordered(wire)
        wire.until(lambda: wire.widget.relay.get("left") == "$99.96")
        assert wire.widget.relay["budget"] == "budget: $1.00, $0.96 left"


def test_what_goes_beyond_the_budget_is_refused_in_the_panel(served: Served, tmp_path: Path) -> None:
    """The refusal is that of a cell, in the panel's list; nothing is recorded or sent."""
    with panel_on(tmp_path, served) as (session, wire):
        session.set_budget(0.05)
        ordered(wire, options={"n": "2"})
        wire.until(lambda: wire.widget.jobs and wire.widget.jobs[0]["state"] == "failed")
        assert "left of the budget of $0.0500" in wire.widget.jobs[0]["lines"][0]
        assert (served.posts, len(session.history)) == (0, 0)


def test_an_unknown_price_under_a_budget_is_asked_about(served: Served, tmp_path: Path) -> None:
    """Only the user's word sends it, once."""
    with panel_on(tmp_path, served) as (session, wire):
        session.set_budget(1)
        asked = ordered(wire, model="nobody-knows-its-price").content["ask"]
        assert "not known" in asked["lines"][0]
        assert served.posts == 0
        ordered(wire, model="nobody-knows-its-price", agreed=tuple(asked["agree"]), at=9000.0)
        wire.until(lambda: served.posts == 1)
