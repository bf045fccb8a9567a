"""What tests of the panel's page do again and again."""

from __future__ import annotations

from importlib.resources import files

from panels import Page

__all__ = ["SCROLL", "choose_two", "count", "open_first", "violations"]

SCROLL = """() => new Promise((tell) => {
    const scroller = document.querySelector(".nowp-scroller");
    const times = [];
    let last = performance.now();
    const frame = (now) => {
        times.push(now - last);
        last = now;
        const before = scroller.scrollTop;
        scroller.scrollTop += scroller.scrollHeight / 240;
        if (scroller.scrollTop > before) requestAnimationFrame(frame);
        else tell(times.slice(1).sort((a, b) => a - b));
    };
    requestAnimationFrame(frame);
})"""
"""Scroll the gallery to its end in 240 steps; gives how long the frames took, in ms, the shortest first."""

_SERIOUS = ("serious", "critical")


def violations(page: Page) -> list[str]:
    """Name what axe finds serious; motion is let to end first, because what fades in has no contrast yet."""
    page.wait("() => document.getAnimations().every((one) => one.playState !== 'running')")
    page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8") + ";0")
    found = page.evaluate("() => axe.run('.nowp').then((one) => one.violations)")
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:160]} {one['nodes'][0]['failureSummary'][:200]}"
        for one in found
        if one["impact"] in _SERIOUS
    ]


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
