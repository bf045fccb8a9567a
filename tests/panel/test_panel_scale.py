"""The panel on a long history: little over the wire, a page that stays small. Times: benchmarks/long_history.py."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pytest

import panels
from panel_steps import SCROLL, count
from panels import Browser

_STEPS = 240
_PASSES_OVER_NONE = """steps => {
    const { scrollHeight, clientHeight } = document.querySelector(".nowp-scroller");
    return scrollHeight / steps < clientHeight;
}"""
_PAINTED_AT_THE_END = """() => {
    const last = document.querySelector('.nowp-open[aria-label^="#1 "] img');
    return Boolean(last?.naturalWidth);
}"""


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Sequence[bytes]:
    """Real pictures of the demo, as the histories below hold them."""
    with panels.quiet_session(tmp_path_factory.mktemp("originals")) as session:
        made = [session.generate(f"picture {index}", model="dall-e-2", size="256x256") for index in range(3)]
        return [one.pictures[0].bytes() for one in made]


@pytest.fixture(scope="module")
def history_of(tmp_path_factory: pytest.TempPathFactory, originals: Sequence[bytes]) -> Callable[[int], Path]:
    """Give the folder of a history of so many records, which is written once: no test here changes one."""

    @cache
    def write(count: int) -> Path:
        folder = tmp_path_factory.mktemp(f"history-{count}")
        panels.fill_store(folder, count, originals, size=(256, 256))
        return folder

    return write


@pytest.mark.slow
@pytest.mark.parametrize("many", [10, 1_000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_the_first_paint_is_small(history_of: Callable[[int], Path], many: int) -> None:
    """Opening the panel on any history sends less than 1 MB: the state, all numbers, and what is in sight."""
    with panels.quiet_session(history_of(many)) as session, panels.opened(session) as wire:
        state = len(json.dumps(wire.widget.get_state(), default=str).encode())
        wire.ask("script")
        newest = wire.ask("find", newest=True)
        found = newest if newest.content["whole"] else wire.ask("find")
        assert found.content["whole"]
        assert newest.numbers == found.numbers[:200]
        shown = found.spots[:24]
        wire.ask("rows", numbers=[number for number, _ in shown])
        wire.ask("thumbs", spots=shown)
        for number, output in shown:
            wire.event("thumb", number=number, output=output)
        total = state + sum(one.size for one in wire.said)
        assert len(found.numbers) == many
        assert total < 1_000_000
        assert state < 40_000


def test_ten_thousand_pictures_scroll_to_the_end(browser: Browser, history_of: Callable[[int], Path]) -> None:
    """Scrolling through all of them keeps the page small and ends at the oldest picture."""
    with (
        panels.quiet_session(history_of(10_000)) as session,
        panels.opened(session) as wire,
        browser.page(wire) as page,
    ):
        page.wait_for_pictures(6, seconds=120)
        elements = count(page, ".nowp *")
        page.wait("() => document.querySelector('.nowp-count').textContent === '10000 pictures'")
        page.evaluate(SCROLL)
        page.wait(_PAINTED_AT_THE_END, seconds=120)
        assert count(page, ".nowp *") < elements + 400
        assert page.evaluate("() => window.addresses.size") <= 601
        assert page.errors == []


def test_memory_of_the_page_is_bounded(browser: Browser, history_of: Callable[[int], Path]) -> None:
    """Walking to the end and back twice more leaves no more in the page than the first time."""
    with (
        panels.quiet_session(history_of(1_000)) as session,
        panels.opened(session) as wire,
        browser.page(wire) as page,
    ):
        page.wait_for_pictures(6)
        assert page.evaluate(_PASSES_OVER_NONE, _STEPS)
        kept = []
        for _ in range(3):
            page.evaluate(SCROLL, _STEPS)
            page.wait(_PAINTED_AT_THE_END, seconds=120)
            page.evaluate("() => { document.querySelector('.nowp-scroller').scrollTop = 0; }")
            page.wait_for_pictures(6)
            kept.append([count(page, ".nowp *"), int(page.evaluate("() => window.listening()"))])
        assert kept[-1][0] <= kept[0][0] + 40
        assert kept[-1][1] == kept[0][1]
        assert page.evaluate("() => window.addresses.size") <= 601
