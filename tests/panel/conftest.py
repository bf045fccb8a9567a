"""A session with the instant demo, a panel on it without a kernel, and a page that shows the panel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import panels
from now_jupyter._session import Session
from panels import Browser, Page, Wire


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with panels.quiet_session(tmp_path) as session:
        yield session


@pytest.fixture
def wire(session: Session) -> Iterator[Wire]:
    with panels.opened(session) as wire:
        yield wire


@pytest.fixture
def page(browser: Browser, wire: Wire) -> Iterator[Page]:
    """A page without an error from its beginning to its end."""
    with browser.page(wire) as page:
        yield page
        assert page.errors == []


@pytest.fixture
def four(session: Session) -> list[str]:
    """Four pictures, of which two differ in one word."""
    prompts = ["a red fox in snow", "a blue fox in snow", "a lighthouse", "a whale"]
    for index, prompt in enumerate(prompts):
        session.generate(prompt, quality=["low", "high"][index % 2], size="256x256")
    return prompts
