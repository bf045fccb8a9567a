"""A panel whose kernel is busy, restarted or gone says so, keeps the draft, and never looks as if it were alive."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from lab import Lab
from panels import Browser, Page, Wire

_THUMBS = "least => [...document.querySelectorAll('.nowp-thumb')].filter((one) => one.naturalWidth).length >= least"
GONE = "The kernel does not answer. Run this cell to bring the panel back."
BUSY = "The kernel is busy or gone; what you asked for waits."


@pytest.fixture
def page(wire: Wire) -> Iterator[Page]:
    with Browser.started() as browser, browser.page(wire) as page:
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


def test_a_restart_in_jupyterlab(lab: Lab) -> None:
    """Lab tells the panel of a restart; the cell, run again, brings it back with what was made."""
    page = lab.open(["%load_ext now_jupyter\nimport now_jupyter as nj", "nj.panel()"])
    page.run(0)
    page.run(1)
    page.wait_for("() => document.querySelector('.nowp-alive')")
    page.do(lambda raw: raw.get_by_role("textbox", name="Prompt").fill("a red fox"))
    page.do(lambda raw: raw.get_by_role("textbox", name="Prompt").press("Control+Enter"))
    page.wait_for(_THUMBS, 1, timeout=60)
    page.restart()
    page.wait_for("text => document.querySelector('.nowp-kernel')?.textContent === text", GONE)
    page.do(lambda raw: raw.locator(".nowp-go").click())
    page.wait_for("text => document.querySelector('.nowp-trouble').innerText.includes(text)", GONE)
    assert page.evaluate("() => document.querySelector('.nowp-prompt').value") == "a red fox"
    page.screenshot("panel-restarted")
    page.run(0)
    page.run(1)
    page.wait_for("() => document.querySelector('.nowp-kernel')?.textContent === ''")
    page.wait_for(_THUMBS, 1, timeout=60)
