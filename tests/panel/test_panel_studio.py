"""The panel as a place to work, in a real JupyterLab: a tab of full height, Midjourney with its buttons, a zip."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from lab import Lab, Page

pytestmark = pytest.mark.slow

LOAD = "%load_ext now_jupyter\nimport now_jupyter as nj\nnj.use_demo(instant=True)"
_TAB = "document.querySelector('.lm-DockPanel-widget:not(.jp-NotebookPanel):has(.nowp)')"
_FILLS = f"""() => {{
    const tab = {_TAB}?.getBoundingClientRect();
    const panel = {_TAB}?.querySelector('.nowp').getBoundingClientRect();
    return tab && panel && panel.height > tab.height - 40 && panel.bottom <= tab.bottom + 1
        && panel.width > tab.width - 40;
}}"""
_NOTE_SHARES = """() => {
    window.shares = [];
    const note = () => {
        const told = document.querySelector('.nowp-job [role=progressbar]')?.ariaValueNow;
        if (told) window.shares.push(Number(told));
    };
    new MutationObserver(note).observe(document.body, { subtree: true, childList: true, attributes: true });
}"""
_SHOWN = "() => [...document.querySelectorAll('.nowp-thumb')].filter((one) => one.naturalWidth).length"


def opened(lab: Lab, *cells: str) -> Page:
    """Run these cells, the last of which shows a panel."""
    page = lab.open([LOAD, *cells])
    for index in range(len(cells) + 1):
        page.run(index)
    page.wait_for("() => document.querySelector('.nowp-alive')")
    return page


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.do(lambda raw, key=key: raw.keyboard.press(key))


def button(page: Page, name: str, *, inside: str = ".nowp", role: Any = "button") -> None:
    page.do(lambda raw: raw.locator(inside).get_by_role(role, name=name).first.click())


def order(page: Page, prompt: str) -> None:
    page.do(lambda raw: raw.get_by_role("textbox", name="Prompt").fill(prompt))
    page.do(lambda raw: raw.get_by_role("textbox", name="Prompt").press("Control+Enter"))


def saved_by(page: Page, act: Any) -> tuple[str, Path]:
    """Do what makes the browser save a file; give its name and where it is."""

    async def run(raw: Any) -> tuple[str, Path]:
        async with raw.expect_download() as coming:
            await act(raw)
        download = await coming.value
        return download.suggested_filename, await download.path()

    return page.do(run)


def test_a_tab_has_its_full_height_and_makes_pictures(lab: Lab) -> None:
    """`%now panel --tab` opens beside the notebook, fills the tab, shows the widget alone, and works."""
    page = opened(lab, "%now panel --tab")
    page.wait_for(_FILLS)
    assert page.evaluate(f"() => {_TAB}.querySelectorAll('.jp-OutputArea-child').length") == 1
    assert page.evaluate("() => document.querySelectorAll('.jp-Notebook .nowp').length") == 0
    assert page.text(1).startswith("The panel is in a tab of its own")
    order(page, "a red fox in snow")
    page.wait_for(f"() => ({_SHOWN})() === 1 && !document.querySelector('.nowp-job')", timeout=60)
    page.screenshot("panel-tab")
    page.evaluate("() => window.jupyterapp.shell.activateById([...window.jupyterapp.shell.widgets('main')][0].id)")
    page.run(1)
    page.wait_for(f"() => document.querySelectorAll('.jupyterlab-sidecar').length === 1 && ({_SHOWN})() === 1")
    assert (lab.page_errors, lab.console_errors, lab.strangers) == ([], [], [])


def test_midjourney_from_the_panel(lab: Lab) -> None:
    """Imagine with live progress, the grid last and marked, U2 from the tile's menu, the child beside its parent."""
    page = opened(lab, "nj.use_demo()\nnj.panel()")
    page.evaluate(_NOTE_SHARES)
    page.do(lambda raw: raw.get_by_role("combobox", name="Model").fill("midjourney"))
    page.evaluate("() => document.querySelector('.nowp-more').setAttribute('open', '')")
    page.evaluate("() => document.querySelector('.nowp-pairs + button').click()")
    for place, text in enumerate(("demo", '{"latency": 8}')):  # of a task its whole life
        page.do(lambda raw, at=place, words=text: raw.locator(".nowp-pairs input").nth(at).fill(words))
    order(page, "a red fox in snow")
    page.wait_for("() => window.shares.length > 0 && document.querySelector('.nowp-partial')?.naturalWidth", timeout=60)
    page.screenshot("midjourney-under-way")
    page.wait_for(f"() => ({_SHOWN})() === 5 && !document.querySelector('.nowp-job')", timeout=120)
    shares = page.evaluate("() => window.shares")
    assert len(set(shares)) > 1, shares
    assert shares == sorted(shares)
    badges = "() => [...document.querySelectorAll('.nowp-badge:not([hidden])')].map((one) => one.textContent)"
    assert page.evaluate(badges) == ["grid"]
    page.do(lambda raw: raw.locator(".nowp-open").first.click(button="right"))
    page.screenshot("midjourney-menu")
    button(page, "U2", inside=".nowp-menu", role="menuitem")
    page.wait_for(f"() => ({_SHOWN})() === 6 && !document.querySelector('.nowp-job')", timeout=120)
    page.do(lambda raw: raw.locator(".nowp-open").first.press("Enter"))
    page.wait_for("() => document.querySelector('.nowp-relative img')?.naturalWidth")
    assert page.evaluate("() => document.querySelector('.nowp-relative').textContent") == "#1"
    page.screenshot("midjourney-child")
    page.do(lambda raw: raw.locator(".nowp-relative").first.click())
    page.wait_for("() => document.querySelector('.nowp-over .nowp-title').textContent.startsWith('#1')")
    used = "() => [...document.querySelectorAll('.nowp-side .nowp-used')].map((one) => one.textContent)"
    assert page.evaluate(used) == ["U2"]
    page.screenshot("midjourney-parent")
    assert (lab.page_errors, lab.console_errors, lab.strangers) == ([], [], [])


def test_three_of_four_are_picked_and_exported(lab: Lab) -> None:
    """By keyboard alone: choose three, export them; the zip holds these and how they were made."""
    four = "made = nj.generate('a red fox', model='dall-e-2', size='256x256', n=4)"
    page = opened(lab, four, "nj.panel()")
    page.wait_for(f"() => ({_SHOWN})() === 4")
    page.do(lambda raw: raw.locator(".nowp-open").first.focus())
    press(page, "c", "ArrowRight", "c", "4", "c")
    page.wait_for("() => document.querySelector('.nowp-chosen-count').textContent.startsWith('3')")

    async def export(raw: Any) -> None:
        await raw.locator(".nowp-chooser").get_by_role("button", name="Export as a zip").focus()
        await raw.keyboard.press("Enter")

    name, path = saved_by(page, export)
    assert name.endswith(".zip")
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as held:
        pictures = sorted(one for one in held.namelist() if one.endswith(".png"))
        assert [one.partition("-")[0] for one in pictures] == ["1.1", "1.2", "1.4"]
        assert any(one.endswith(".json") for one in held.namelist())
    assert (lab.page_errors, lab.console_errors, lab.strangers) == ([], [], [])
