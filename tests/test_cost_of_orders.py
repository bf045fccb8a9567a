"""What an order asks of the system: how often it flushes, opens and looks at files."""

from __future__ import annotations

import builtins
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from now_jupyter._session import Session
from relays import new_session

KINDS = {"fsync": "flushes", "open": "opens", "stat": "looks", "lstat": "looks", "fstat": "looks", "statvfs": "looks"}


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """A session in the demo, with a history of twenty.

    However slow this machine is, nothing of an order is waited for so long that it is written down on the way.
    """
    monkeypatch.setattr("now_jupyter._runner._run._MOMENT", 600.0)
    with new_session(tmp_path) as one:
        one.use_demo(instant=True)
        one.generate("a history", model="dall-e-2", size="256x256", n=2)
        for number in range(20):
            one.generate(f"fox {number}", model="dall-e-2", size="256x256")
        one.wait()
        while not one.context.home().store._jobs.index.is_fresh:  # as it is when the last order is a moment ago
            one.history.search("fox")
        yield one


@contextmanager
def counting(monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[Counter[str]]:
    """Count what is asked of the system, in every thread, but for the folders above the history."""
    counted: Counter[str] = Counter()

    above = {str(one) for one in home.parents}  # asked for where a path is made absolute, by its depth

    def count(call: Callable[..., Any], kind: str) -> Callable[..., Any]:
        def counted_call(*arguments: Any, **options: Any) -> Any:
            counted[kind] += str(arguments[0]) not in above
            return call(*arguments, **options)

        return counted_call

    with monkeypatch.context() as patch:
        for name, kind in KINDS.items():
            patch.setattr(os, name, count(getattr(os, name), kind))
        patch.setattr(builtins, "open", count(builtins.open, "opens"))
        yield counted


def cost_of(session: Session, monkeypatch: pytest.MonkeyPatch, prompt: str, **options: Any) -> Counter[str]:
    with counting(monkeypatch, session.context.home().store.folder) as counted:
        assert session.generate(prompt, model="dall-e-2", size="256x256", **options).pictures
    session.wait()
    return counted


@pytest.mark.slow
def test_an_order_asks_little_of_the_system(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Intent, picture and end are flushed, name and content each; few files are looked at."""
    counted = cost_of(session, monkeypatch, "a new fox")
    assert counted["flushes"] == 6
    assert counted["opens"] <= 20
    assert counted["looks"] <= 60


def test_each_further_picture_is_flushed_with_its_name(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """One end of the record names them all."""
    assert cost_of(session, monkeypatch, "three foxes", n=3)["flushes"] == 6 + 2 * 2


@pytest.mark.slow
def test_settings_are_built_a_few_times_for_an_order(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the cell that waits, and for the snapshot that the order goes by."""
    built: list[None] = []
    settings = session.context._configuration.settings
    monkeypatch.setattr(session.context._configuration, "settings", lambda: built.append(None) or settings())
    session.generate("a new fox", model="dall-e-2", size="256x256")
    assert len(built) <= 2
