"""The panel on short and long histories, in one run: bytes, frames while scrolling, and from a result to its picture.

The page is the real script in a real Chromium (tests/panels.py). A history of 100 records is the measure for one of
10,000: what a long history costs is said as a ratio.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / part) for part in ("tests", "tests/guard", "tools")]

import panels  # noqa: E402 - found by the line above
from now_jupyter._values import Status  # noqa: E402
from panel_steps import SCROLL  # noqa: E402
from panels import Browser  # noqa: E402

SHORT, LONG = 100, 10_000
ROUNDS = 5
_SHOWN = "least => [...document.querySelectorAll('.nowp-thumb')].filter((one) => one.naturalWidth).length >= least"
_WATCH = """() => {
    window.long_tasks = [0];
    new PerformanceObserver((list) => window.long_tasks.push(...list.getEntries().map((one) => one.duration)))
        .observe({ type: "longtask" });
}"""


def originals() -> Sequence[bytes]:
    """Make the pictures that all histories show."""
    with tempfile.TemporaryDirectory() as folder, panels.quiet_session(Path(folder)) as session:
        return [session.generate(f"picture {index}").pictures[0].bytes() for index in range(3)]


def looked_through(browser: Browser, many: int, pictures: Sequence[bytes]) -> tuple[int, float, float, float]:
    """Give bytes of the first paint, seconds to it, median frame and longest task (ms) of a scroll to the end."""
    with tempfile.TemporaryDirectory() as name, panels.quiet_session(folder := Path(name)) as session:
        panels.fill_store(folder, many, pictures)
        with panels.opened(session) as wire:
            began = time.perf_counter()
            with browser.page(wire) as page:
                page.wait_for_pictures(6)
                seconds = time.perf_counter() - began
                state = len(json.dumps(wire.widget.get_state(), default=str).encode())
                sent = state + sum(one.size for one in wire.said)
                page.evaluate(_WATCH)
                frames = page.evaluate(SCROLL)
                return sent, seconds, statistics.median(frames), max(page.evaluate("() => window.long_tasks"))


def from_result_to_picture(browser: Browser) -> float:
    """Give the median seconds between a result and its thumbnail in the page."""
    taken: list[float] = []
    with tempfile.TemporaryDirectory() as name, panels.quiet_session(Path(name)) as session:
        done: list[float] = []
        session.history.observe(lambda one: done.append(time.perf_counter()) if one.status is Status.DONE else None)
        with panels.opened(session) as wire, browser.page(wire) as page:
            for count in range(1, ROUNDS + 1):
                session.generate(f"a red fox {count}")
                page.wait(_SHOWN, count)
                taken.append(time.perf_counter() - done[-1])
    return statistics.median(taken)


def main() -> None:
    """Print the figures."""
    pictures = originals()
    with Browser.started() as browser:
        looked_through(browser, SHORT, pictures)  # the first page of a browser is slower
        short, long = (looked_through(browser, many, pictures) for many in (SHORT, LONG))
        soon = from_result_to_picture(browser)
    print(f"panel, {LONG:,} records against {SHORT}:")
    print(
        f"  first paint   {long[0]:,} bytes = {long[0] / short[0]:.2f} x, {long[1]:.2f} s = {long[1] / short[1]:.2f} x"
    )
    print(
        f"  median frame  {long[2]:.1f} ms = {long[2] / short[2]:.2f} x; longest task {long[3]:.0f} ms ({short[3]:.0f})"
    )
    print(f"  result to picture in the page {soon * 1000:.0f} ms")


if __name__ == "__main__":
    main()
