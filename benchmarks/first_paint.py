"""The panel's first paint in a fresh process, as JSON in ms: `python first_paint.py ADDRESS SHORT LONG`.

The tab is there already, with the panel of a short history before; what is timed is the panel of the long one, from its
making and its script's arrival in the page: `tiles`, until the gallery stands, and `pictures`, until six are painted.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import closing
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / part) for part in ("tests", "tests/guard", "tools")]

from now_jupyter import Session  # noqa: E402 - found by the line above
from panels import Browser, opened  # noqa: E402 - as above

_TIMED = """
    window.painted = [];
    const now = () => performance.now();
    const make = URL.createObjectURL;
    URL.createObjectURL = (blob) => { window.begun ??= now(); return make.call(URL, blob); };
    const look = () => {
        if (!document.querySelector(".nowp-open")) return;
        watch.disconnect();
        requestAnimationFrame(() => { window.tiles = now(); });
    };
    const watch = new MutationObserver(look);
    watch.observe(document, { childList: true, subtree: true });
    const note = ({ target }) => target.matches?.(".nowp-thumb") && window.painted.push(now());
    document.addEventListener("load", note, true);
"""
"""The script is the first thing that the page makes an address for."""
_TIMES = "() => [window.tiles - window.begun, window.painted[5] - window.begun]"
_PATIENCE = 120.0


def main(address: str, short: str, long: str) -> None:
    """Open one after the other and print the times of the second."""
    with Browser.started() as browser:
        _open(browser, address, short, is_timed=False)
        print(json.dumps(_open(browser, address, long, is_timed=True)))


def _open(browser: Browser, address: str, history: str, *, is_timed: bool) -> dict[str, float]:
    began = time.perf_counter()
    with closing(Session(folder=history, base_url=address)) as session, opened(session) as wire:
        made = 1000 * (time.perf_counter() - began)
        with browser.page(wire) as page:
            if not is_timed:  # from the next panel on, this tab takes the time
                page.wait_for_pictures(6)
                page.do(lambda tab: tab.add_init_script(_TIMED))
                return {}
            page.wait("() => window.painted.length >= 6", seconds=_PATIENCE)
            tiles, pictures = page.evaluate(_TIMES)
            return {"tiles": made + tiles, "pictures": made + pictures}


if __name__ == "__main__":
    main(*sys.argv[1:])
