"""A panel whose kernel is busy says so; of a restart see test_panel_lab.py."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from panels import Browser, Page, Wire

_THUMBS = "least => [...document.querySelectorAll('.nowp-thumb')].filter((one) => one.naturalWidth).length >= least"
BUSY = "The kernel is busy or gone; what you asked for waits."


@pytest.fixture
def page(browser: Browser, wire: Wire) -> Iterator[Page]:
    with browser.page(wire) as page:
        page.wait("() => document.querySelector('.nowp-alive')")
        yield page


def test_a_question_that_waits_for_a_busy_kernel_is_said_to_wait(page: Page, wire: Wire) -> None:
    """The line goes away with the first answer, and what was clicked is done then."""
    busy = threading.Event()
    for name in ("files", "relay", "orders"):
        wire.widget.have(name, busy.wait)
    page.fill("Search", "fox")
    page.wait("text => document.querySelector('.nowp-kernel').textContent === text", BUSY)
    busy.set()
    page.wait("() => document.querySelector('.nowp-kernel').textContent === ''")
    page.fill("Search", "")
    page.fill("Prompt", "a red fox")
    page.click("button", "Generate")
    page.wait(_THUMBS, 1)
    assert page.errors == []
