"""What tests of the panel's page do again and again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import files

from panels import Page

__all__ = ["SCROLL", "at_each_width", "choose_two", "count", "in_each_theme", "open_first", "violations"]

SCROLL = """(steps) => new Promise((tell) => {
    const scroller = document.querySelector(".nowp-scroller");
    const times = [];
    let last = performance.now();
    const frame = (now) => {
        times.push(now - last);
        last = now;
        const before = scroller.scrollTop;
        scroller.scrollTop += scroller.scrollHeight / (steps ?? 240);
        if (scroller.scrollTop > before) requestAnimationFrame(frame);
        else tell(times.slice(1).sort((a, b) => a - b));
    };
    requestAnimationFrame(frame);
})"""
"""Scroll the gallery to its end in so many steps, 240 if none is given; gives how long the frames took, in ms, the
shortest first."""

_RUN = """() => axe.run(".nowp", { resultTypes: ["violations"], selectors: false })
    .then((one) => one.violations)"""
_SERIOUS = ("serious", "critical")


def violations(page: Page) -> list[str]:
    """Name what axe finds serious; motion is let to end first, because what fades in has no contrast yet."""
    page.wait("() => document.getAnimations().every((one) => one.playState !== 'running')")
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8") + ";0")
    found = page.evaluate(_RUN)
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:160]} {one['nodes'][0]['failureSummary'][:200]}"
        for one in found
        if one["impact"] in _SERIOUS
    ]


def at_each_width(page: Page, widths: Sequence[int]) -> Iterator[int]:
    """Make the window narrow and wide as a user does; where it is the widest of these by now, from wide to narrow."""
    now = page.raw.viewport_size or {"width": 0, "height": 0}
    for width in sorted(widths, reverse=now["width"] >= max(widths)):
        page.resize(width, now["height"])
        yield width


def in_each_theme(page: Page) -> Iterator[str]:
    """Change from light to dark while the panel is in the page; afterwards it is light again."""
    yield "light"
    page.show_in(light=False)
    yield "dark"
    page.show_in(light=True)


def count(page: Page, selector: str) -> int:
    return int(page.evaluate("one => document.querySelectorAll(one).length", selector))


def open_first(page: Page) -> None:
    page.wait_for_pictures()
    page.evaluate("() => document.querySelector('.nowp-open').focus()")
    page.press("Enter")
    page.wait("() => document.querySelector('.nowp-original:not(.nowp-rough)')?.naturalWidth")


def choose_two(page: Page) -> None:
    page.wait_for_pictures(2)
    page.evaluate("() => document.querySelector('.nowp-open').focus()")
    page.press("c", "ArrowRight", "c")
    page.click("button", "Compare 2")
    page.wait("() => document.querySelectorAll('.nowp-apart tr').length")
