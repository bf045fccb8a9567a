"""What an open panel does while nothing is under way, and how a long gallery scrolls, in a real Chromium."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from harness import Row
from histories import write_history
from now_jupyter import Session
from stage import Stage

if TYPE_CHECKING:
    import panels

__all__ = ["rows"]

_WATCHED = """() => {
    window.end_panel();
    const watch = window.watch = { due: new Set(), begun: 0 };
    for (const [begin, end, again] of [["setTimeout", "clearTimeout"], ["setInterval", "clearInterval", true],
                                       ["requestAnimationFrame", "cancelAnimationFrame"],
                                       ["requestIdleCallback", "cancelIdleCallback"]]) {
        const [make, drop] = [window[begin], window[end]];
        window[begin] = (act, ...rest) => {
            const mark = make.call(window, (...given) => { if (!again) watch.due.delete(begin + mark); act(...given); },
                                   ...rest);
            watch.due.add(begin + mark);
            watch.begun += 1;
            return mark;
        };
        window[end] = (mark) => { watch.due.delete(begin + mark); drop.call(window, mark); };
    }
    window.end_panel = window.show_panel();
}"""
_IDLE = "() => ({ due: window.watch.due.size, begun: window.watch.begun })"


def rows(stage: Stage) -> Iterator[Row]:
    """Open it on a history of a thousand."""
    import panels  # noqa: PLC0415 - loads the browser's driver
    from panel_steps import SCROLL  # noqa: PLC0415 - as above

    count = stage.few(1000, 30)
    stage.relay.set()
    with stage.new_folder() as folder, panels.Browser.started() as browser:
        session = Session(folder=write_history(folder, count, stage.relay), base_url=stage.relay.base_url)
        with panels.opened(session) as wire, browser.page(wire) as page:
            page.wait_for_pictures(6)
            page.evaluate(_WATCHED)
            page.wait_for_pictures(6)
            _until_quiet(page, stage.few(10, 1))
            before, heard = page.evaluate(_IDLE), len(wire.said)
            time.sleep(stage.few(10, 1))
            after, messages = page.evaluate(_IDLE), len(wire.said) - heard
            frames = page.evaluate(SCROLL)
        session.close()
    timers = after["due"] + after["begun"] - before["begun"]
    work = "open panel, nothing under way, ten seconds"
    yield Row(work=f"{work}: messages", unit="", ours=[messages], goal=0, is_counted=True)
    yield Row(work=f"{work}: timers", unit="", ours=[timers], goal=0, is_counted=True)
    yield Row(
        work=f"scrolling through {count:,} pictures: time of a frame", unit="ms", ours=[statistics.median(frames)]
    )


def _until_quiet(page: panels.Page, seconds: float) -> None:
    """Wait until what the opening began is through, but no longer than so: what never ends is to be counted."""
    end = time.monotonic() + seconds
    while page.evaluate(_IDLE)["due"] and time.monotonic() < end:
        time.sleep(0.1)
