"""The panel in a real JupyterLab in a real Chromium: made, looked at, copied, reloaded, reopened."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from kernels import KERNEL_6, KERNEL_7
from lab import Lab, Page
from now_jupyter._panel._fallback import MARK

LOAD = "%load_ext now_jupyter\nimport now_jupyter as nj"
_GONE = "The kernel does not answer. Run this cell to bring the panel back."
_VISIBLE = "selector => { const one = document.querySelector(selector); return Boolean(one && one.offsetParent); }"
_MARKED = f"img[src^='data:image/jpeg;base64,{MARK}']"
_READY_IN_NOTEBOOK_7 = """() => document.querySelector('.jp-Cell .cm-content')
    && document.querySelector('.jp-Notebook-ExecutionIndicator')?.dataset.status === 'idle'
    && !/no kernel/i.test(document.querySelector('.jp-Toolbar-kernelName')?.textContent ?? 'no kernel')"""
_SHOWN = "() => [...document.querySelectorAll('.nowp-thumb')].filter((one) => one.naturalWidth).length"


def opened(lab: Lab, *cells: str, kernel: str = KERNEL_7) -> Page:
    page = lab.open([LOAD, "nj.panel()", *cells], kernel=kernel)
    page.run(0)
    page.run(1)
    page.wait_for("() => document.querySelector('.nowp-alive')")
    return page


def shown_outputs(page: Page, index: int) -> int:
    """Count the outputs below a cell that can be seen."""
    seen = "index => [...document.querySelectorAll('.jp-Cell')[index].querySelectorAll('.jp-OutputArea-child')]"
    return int(page.evaluate(f"{seen}.filter((one) => one.offsetParent).length", index))


def write(page: Page, prompt: str) -> None:
    page.do(lambda raw: raw.get_by_role("textbox", name="Prompt").fill(prompt))


def click(page: Page, name: str, *, inside: str = ".nowp") -> None:
    page.do(lambda raw: raw.locator(inside).get_by_role("button", name=name, exact=False).first.click())


def make(page: Page, prompt: str, shown: int) -> None:
    write(page, prompt)
    page.do(lambda raw: raw.get_by_role("textbox", name="Prompt").press("Control+Enter"))
    page.wait_for(f"() => ({_SHOWN})() === {shown}", timeout=60)


def test_the_whole_way(lab: Lab) -> None:
    """Type, generate, see it come, recall, compare, copy as cell, run that cell; nothing left this machine."""
    page = opened(lab, "pass")
    write(page, "a red fox in snow")
    page.do(lambda raw: raw.get_by_role("textbox", name="Prompt").press("Control+Enter"))
    page.wait_for(f"() => ({_SHOWN})() === 1 && !document.querySelector('.nowp-job')", timeout=60)
    make(page, "a blue fox in snow", 2)

    page.do(lambda raw: raw.locator(".nowp-open").last.press("Enter"))
    page.wait_for("() => document.querySelector('.nowp-original:not(.nowp-rough)')?.naturalWidth === 1024")
    page.screenshot("panel-full")
    page.do(lambda _: lab.context.grant_permissions(["clipboard-read", "clipboard-write"]))
    click(page, "Copy as cell", inside=".nowp-side")
    page.wait_for("() => document.querySelector('.nowp-toast')?.textContent.includes('clipboard')")
    cell = page.evaluate("() => navigator.clipboard.readText()")
    assert cell == "%%nowimage --model gpt-image-2\na red fox in snow"
    click(page, "Use all", inside=".nowp-side")
    page.wait_for("() => document.querySelector('.nowp-prompt')?.value === 'a red fox in snow'")
    click(page, "Bring back the draft before")
    page.wait_for("() => document.querySelector('.nowp-prompt')?.value === 'a blue fox in snow'")

    page.do(lambda raw: raw.locator(".nowp-open").first.focus())
    for key in ("c", "ArrowRight", "c"):
        page.do(lambda raw, key=key: raw.keyboard.press(key))
    click(page, "Compare 2")
    page.wait_for(
        "() => document.querySelector('.nowp-apart ins') && document.querySelector('.nowp-by-slider img')?.naturalWidth"
    )
    page.screenshot("panel-compare")
    page.do(lambda raw: raw.keyboard.press("Escape"))

    page.evaluate(
        "text => window.jupyterapp.shell.currentWidget.content.widgets[2].model.sharedModel.setSource(text)", cell
    )
    page.run(2)
    page.wait_for_text(2, "gpt-image-2 · 1024×1024")
    page.wait_for(f"() => ({_SHOWN})() === 3")
    assert lab.page_errors == []
    assert lab.console_errors == []
    assert lab.strangers == []


def test_a_mask_is_painted_in_a_cell_and_given_to_the_next(lab: Lab) -> None:
    """`nj.mask` stands in the cell, its picture below it is hidden; what is painted is what the next cell edits."""
    make_one = "made = nj.generate('a red fox', model='dall-e-2', size='512x512')"
    edit = "done = nj.edit(made, 'a whale', mask=editor)\nprint(int(editor.mask.sum()), done.parents == (made.id,))"
    page = lab.open([f"{LOAD}\n{make_one}", "editor = nj.mask(made)\neditor", edit])
    page.run(0)
    page.run(1)
    page.wait_for("() => document.querySelector('.nowp-alive .nowp-easel')?.dataset.view")
    assert shown_outputs(page, 1) == 1
    scale, right, down, left, top = page.evaluate(
        """() => {
            const easel = document.querySelector(".nowp-easel");
            easel.scrollIntoView({ block: "center" });
            const box = easel.getBoundingClientRect();
            return [...easel.dataset.view.split(" ").map(Number), box.left, box.top];
        }"""
    )

    async def draw(raw: Any) -> None:
        await raw.locator(".nowp-easel").focus()
        await raw.keyboard.press("r")
        for x, y, act in ((100, 120, raw.mouse.down), (299, 219, raw.mouse.up)):
            await raw.mouse.move(left + right + (x + 0.5) * scale, top + down + (y + 0.5) * scale)
            await act()

    page.do(draw)
    page.wait_for("() => document.querySelector('.nowp-mask').dataset.saved === '20000'")
    page.screenshot("mask-in-a-cell")
    page.run(2)
    page.wait_for_text(2, "20000 True")
    assert lab.page_errors == []
    assert lab.strangers == []


def test_stop_waiting_and_a_busy_kernel(lab: Lab) -> None:
    """A stopped job goes out of sight and on; while a cell computes the picture is still made and shown."""
    page = opened(lab, "import time; time.sleep(6); print('computed')")
    write(page, "a slow whale")
    page.do(lambda raw: raw.locator(".nowp-more summary").click())
    click(page, "+ Add a parameter")
    page.do(lambda raw: raw.get_by_role("textbox", name="Name", exact=True).fill("demo"))
    page.do(lambda raw: raw.get_by_role("textbox", name="Value", exact=True).fill('{"latency": 4}'))
    page.do(lambda raw: raw.get_by_role("textbox", name="Prompt").press("Control+Enter"))
    page.wait_for(
        "() => [...document.querySelectorAll('.nowp-job button')].some((one) => one.textContent === 'Stop waiting')"
    )
    page.wait_for("() => document.querySelector('.nowp-job .nowp-partial')?.naturalWidth")
    page.screenshot("panel-running")
    click(page, "Stop waiting")
    page.wait_for("() => !document.querySelector('.nowp-job')")
    page.run(2, wait=False)
    page.wait_for(f"() => ({_SHOWN})() === 1", timeout=30)
    page.wait_for_text(2, "computed")
    assert lab.page_errors == []


def test_the_panel_outlives_a_reload_and_stands_as_a_picture_without_a_kernel(lab: Lab) -> None:
    """Reloaded, it is back with its draft; saved and opened without its kernel, the latest pictures are there."""
    page = opened(lab)
    make(page, "a red fox in snow", 1)
    page.wait_for("() => true")
    assert page.evaluate(_VISIBLE, f".jp-OutputArea-child:has({_MARKED})") is False
    page.until(lambda: "#1 · a red fox" in str(page.save().cells[1].outputs[2].data["text/plain"]), what="its caption")
    assert shown_outputs(page, 1) == 1
    page.load()
    page.wait_for("() => document.querySelector('.nowp-thumb')?.naturalWidth")
    assert page.evaluate("() => document.querySelector('.nowp-prompt').value") == "a red fox in snow"
    saved = page.save()
    view, picture, captions = saved.cells[1].outputs
    assert captions.data == {"text/plain": picture.data["text/plain"]}
    assert "application/vnd.jupyter.widget-view+json" in view.data
    assert str(picture.data["image/jpeg"]).startswith(MARK[:40])
    assert "widgets" not in saved.metadata
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    reopened = _open_without_a_kernel(lab, page.path)
    reopened.wait_for(f'() => document.querySelector("{_MARKED}")?.naturalWidth')
    reopened.wait_for(f'() => ({_VISIBLE})(".jp-OutputArea-child:has({_MARKED})")')
    assert "#1 · a red fox in snow" in reopened.text(1)
    reopened.screenshot("panel-without-a-kernel")


def _open_without_a_kernel(lab: Lab, path: Path) -> Page:
    """Open a copy whose kernel nobody started; its widget has no model anywhere."""
    import nbformat

    notebook: Any = nbformat.read(path, as_version=4)
    copy = path.with_name("copy.ipynb")
    nbformat.write(notebook, copy)
    return lab.open(copy)


def test_a_comparison_in_a_cell(lab: Lab) -> None:
    """`nj.compare` shows the view; its picture stands below it in the file."""
    cells = [
        "a = nj.generate('a red fox', quality='low'); b = nj.generate('a blue fox', quality='high')",
        "nj.compare(a, b)",
    ]
    page = lab.open([LOAD, "nj.use_demo(instant=True)", *cells])
    for index in range(4):
        page.run(index)
    page.wait_for(
        "() => document.querySelector('.nowp-apart tr') && document.querySelector('.nowp-by-slider img')?.naturalWidth"
    )
    saved = page.save()
    assert "quality: low | high" in saved.cells[3].outputs[2].data["text/plain"]
    assert shown_outputs(page, 3) == 1
    assert base64.b64decode(saved.cells[3].outputs[1].data["image/jpeg"]).startswith(b"\xff\xd8")
    assert lab.page_errors == []


def test_the_panel_follows_the_theme_of_lab(lab: Lab) -> None:
    """Its ground is that of the theme, and its words stand out from it; also when the theme changes before its eyes."""
    page = opened(lab)
    bright = "color => color.match(/[\\d.]+/g).slice(0, 3).map(Number).reduce((sum, one) => sum + one) > 380"
    style = "getComputedStyle(document.querySelector('.nowp'))"
    both = f"[{style}.backgroundColor, {style}.color]"
    for light in (False, True):
        theme = "JupyterLab Light" if light else "JupyterLab Dark"
        page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
        page.wait_for("light => document.body.dataset.jpThemeLight === light", str(light).lower())
        page.wait_for(f"light => {both}.map({bright}).join() === [light, !light].join()", light)
        page.screenshot(f"panel-lab-{'light' if light else 'dark'}")


def test_the_panel_in_notebook_7(lab: Lab) -> None:
    """The same in Notebook 7: it opens, makes a picture, and hides the picture that stands for it."""
    path = lab.write([LOAD, "nj.panel()"])
    page = Page(lab, path, lab.server.portal.call(lab.context.new_page))
    address = f"{lab.server.address}/notebooks/{path.relative_to(lab.server.root).as_posix()}"
    page.do(lambda raw: raw.goto(address, wait_until="domcontentloaded"))
    page.wait_for(_READY_IN_NOTEBOOK_7, timeout=60)
    its_own_errors = list(lab.page_errors)
    page.do(lambda raw: raw.locator(".jp-Cell .cm-content").first.click())
    for _ in range(2):
        page.do(lambda raw: raw.keyboard.press("Shift+Enter"))
    page.wait_for("() => document.querySelector('.nowp-alive')", timeout=60)
    make(page, "a red fox in snow", 1)
    page.screenshot("panel-notebook-7")
    assert page.evaluate(_VISIBLE, f".jp-OutputArea-child:has({_MARKED})") is False
    assert lab.page_errors == its_own_errors


# Both kernels

_BUSY = """import asyncio, os, time
open("busy", "w").close()
while not os.path.exists("enough"):
    time.sleep(0.05)
print("computed")"""
_AWAITING = _BUSY.replace("time.sleep", "await asyncio.sleep")


@pytest.mark.parametrize(
    ("kernel", "cell", "serves"),
    [(KERNEL_6, _BUSY, False), (KERNEL_7, _BUSY, False), (KERNEL_7, _AWAITING, True)],
    ids=["6, computing", "7, computing", "7, awaiting"],
)
def test_the_panel_works_while_a_cell_runs(lab: Lab, kernel: str, cell: str, serves: bool) -> None:
    """What was ordered before goes on and is painted while the cell still runs; what is clicked meanwhile is ordered
    at once where the kernel serves comms, else when the cell ends (7.4 mostly); two clicks on one draft are one order.
    """
    page = opened(lab, cell, kernel=kernel)
    write(page, "a slow whale")
    page.do(lambda raw: raw.locator(".nowp-more summary").click())
    click(page, "+ Add a parameter")
    page.do(lambda raw: raw.get_by_role("textbox", name="Name", exact=True).fill("demo"))
    page.do(lambda raw: raw.get_by_role("textbox", name="Value", exact=True).fill('{"latency": 3}'))
    page.do(lambda raw: raw.get_by_role("textbox", name="Prompt").press("Control+Enter"))
    page.wait_for(
        "() => [...document.querySelectorAll('.nowp-job button')].some((one) => one.textContent === 'Stop waiting')"
    )
    page.run(2, wait=False)
    page.until((lab.folder / "busy").exists, what="the cell")
    page.wait_for(f"() => ({_SHOWN})() === 1 && !document.querySelector('.nowp-job')", timeout=30)
    assert "computed" not in page.text(2)
    write(page, "a red fox")
    page.do(lambda raw: raw.get_by_role("textbox", name="Prompt").press("Control+Enter"))
    page.do(lambda raw: raw.get_by_role("textbox", name="Prompt").press("Control+Enter"))
    if serves:
        page.wait_for(f"() => ({_SHOWN})() === 2", timeout=30)
    else:
        waits = "document.querySelector('.nowp-go').textContent.startsWith('Ordering')"
        page.wait_for(f"() => {waits} || ({_SHOWN})() === 2", timeout=30)
    assert "computed" not in page.text(2)
    (lab.folder / "enough").touch()
    page.wait_for_text(2, "computed")
    page.wait_for(f"() => ({_SHOWN})() === 2 && !document.querySelector('.nowp-job')", timeout=30)
    page.wait_for("() => document.querySelector('.nowp-count').textContent === '2 pictures'")
    assert lab.page_errors == []
    assert lab.console_errors == []


@pytest.mark.parametrize("kernel", [KERNEL_6, KERNEL_7])
def test_a_restarted_kernel_is_said_and_the_cell_brings_the_panel_back(lab: Lab, kernel: str) -> None:
    """After a restart the panel says that nobody answers, and keeps the draft; run again, the cell shows it with its
    pictures.
    """
    page = opened(lab, kernel=kernel)
    make(page, "a red fox in snow", 1)
    page.restart()
    page.wait_for("text => document.querySelector('.nowp-kernel')?.textContent === text", _GONE)
    page.do(lambda raw: raw.locator(".nowp-go").click())
    page.wait_for("text => document.querySelector('.nowp-trouble').innerText.includes(text)", _GONE)
    assert page.evaluate("() => document.querySelector('.nowp-prompt').value") == "a red fox in snow"
    page.screenshot("panel-restarted")
    page.run(0)
    page.run(1)
    page.wait_for(f"() => ({_SHOWN})() === 1 && document.querySelectorAll('.nowp').length === 1")
    page.wait_for("() => document.querySelector('.nowp-kernel')?.textContent === ''")
    assert lab.page_errors == []


def test_two_tabs_of_one_notebook(lab: Lab) -> None:
    """The second tab takes over the panel of the same kernel: draft, pictures and what the other one makes."""
    one = opened(lab)
    make(one, "a red fox in snow", 1)
    one.save()
    two = Page(lab, one.path, lab.server.portal.call(lab.context.new_page))
    two.load()
    two.wait_for(f"() => ({_SHOWN})() === 1", timeout=90)
    assert two.evaluate("() => document.querySelector('.nowp-prompt').value") == "a red fox in snow"
    write(one, "typed in the first")
    two.wait_for("() => document.querySelector('.nowp-prompt')?.value === 'typed in the first'")
    make(two, "made in the second", 2)
    one.wait_for(f"() => ({_SHOWN})() === 2")
    assert lab.page_errors == []


# Keys and room


def test_no_plain_key_in_the_panel_is_a_command_of_the_notebook(lab: Lab) -> None:
    """With the focus on a tile, a button or the open picture, x, b, a and d d change no cell; in a cell they do."""
    page = opened(lab, "'the last cell'")
    make(page, "a red fox in snow", 1)
    sources = "() => window.jupyterapp.shell.currentWidget.content.widgets.map((one) => one.model.sharedModel.source)"
    before = page.evaluate(sources)

    def press_all() -> None:
        for key in ("x", "b", "a", "d", "d", "m", "z", "v", "Shift+m"):
            page.do(lambda raw, key=key: raw.keyboard.press(key))

    page.do(lambda raw: raw.locator(".nowp-open").first.focus())
    assert page.evaluate("() => Boolean(document.querySelector('.jp-Notebook.jp-mod-commandMode'))")
    press_all()
    page.do(lambda raw: raw.locator(".nowp-starred, .nowp-tools .nowp-toggle").first.focus())
    press_all()
    page.do(lambda raw: raw.locator(".nowp-open").first.press("Enter"))
    page.wait_for("() => !document.querySelector('.nowp-over').hidden")
    press_all()
    page.do(lambda raw: raw.locator(".nowp-stage").focus())
    press_all()
    page.do(lambda raw: raw.keyboard.press("Escape"))
    page.wait_for("() => document.querySelector('.nowp-over').hidden")
    assert page.evaluate(sources) == before
    page.evaluate(
        "() => { const { content } = window.jupyterapp.shell.currentWidget; content.activeCellIndex = 2;"
        " content.mode = 'command'; content.activate(); content.node.focus(); }"
    )
    page.do(lambda raw: raw.locator(".jp-Cell").nth(2).locator(".jp-InputPrompt").click())
    page.do(lambda raw: raw.keyboard.press("x"))
    page.wait_for(f"before => ({sources})().length === before - 1", len(before))
    assert lab.page_errors == []


def test_the_panel_fills_a_view_of_its_own(lab: Lab) -> None:
    """In a cell most of the notebook's height, in an Output View all of it, and the view does not scroll."""
    page = opened(lab)
    make(page, "a red fox in snow", 1)
    height = "selector => document.querySelector(selector).getBoundingClientRect().height"
    share = page.evaluate(height, ".jp-OutputArea .nowp-body") / page.evaluate(height, ".jp-Notebook")
    assert 0.6 < share < 0.95
    page.evaluate(
        "() => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = 1;"
        " return window.jupyterapp.commands.execute('notebook:create-output-view'); }"
    )
    view = ".jp-LinkedOutputView"
    page.wait_for(f"() => document.querySelector('{view} .nowp-alive')")
    page.evaluate(
        "() => { const { shell } = window.jupyterapp; shell.mode = 'multiple-document';"
        " const view = ['main', 'down'].flatMap((area) => [...shell.widgets(area)])"
        "   .find((one) => one.node.querySelector('.jp-LinkedOutputView'));"
        " shell.add(view, 'main', { mode: 'tab-after' }); shell.activateById(view.id); }"
    )
    rest = f"""() => {{
        const view = document.querySelector('{view}').getBoundingClientRect();
        const body = document.querySelector('{view} .nowp-body').getBoundingClientRect();
        return view.bottom - body.bottom;
    }}"""
    page.wait_for(
        f"() => ({rest})() >= 0 && ({rest})() < 24 && document.querySelector('{view} .nowp-thumb')?.naturalWidth"
    )
    page.screenshot("panel-output-view")
    assert page.evaluate(height, f"{view} .nowp-body") > 700
    assert lab.page_errors == []
