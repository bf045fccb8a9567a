"""What stands for a panel where it is not: in HTML, on pages without widgets, in an executed notebook."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from IPython.core.displaypub import DisplayPublisher

from now_jupyter._panel._fallback import MARK
from panels import Browser
from shells import shell_in

CELLS = [
    "%load_ext now_jupyter\nimport now_jupyter as nj\nnj.use_demo(instant=True)",
    "a = nj.generate('a red fox in snow'); b = nj.generate('a blue fox in snow', quality='high')",
    "nj.panel()",
    "nj.compare(a, b)",
]
_STATE = re.compile(r'<script type="application/vnd.jupyter.widget-state\+json">.*?</script>', re.DOTALL)
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"


class Seen(HTMLParser):
    """Collects pictures and what a page would fetch from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.pictures: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.pictures.append(dict(attrs))


@pytest.fixture(scope="module")
def executed(kernels_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The notebook, run by `jupyter nbconvert --execute` as people do, which saves the state of widgets."""
    import nbformat

    folder = tmp_path_factory.mktemp("executed")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(one) for one in CELLS])
    book.metadata["kernelspec"] = {"name": "python3", "display_name": "python3", "language": "python"}
    nbformat.write(book, folder / "panel.ipynb")
    command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--inplace", "panel.ipynb"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder / "panel.ipynb"


def _read(path: Path) -> Any:
    import nbformat

    return nbformat.read(path, as_version=4)


def _exporter(template: str) -> Any:
    from nbconvert import HTMLExporter

    return HTMLExporter(template_name=template)


def test_in_a_terminal_a_panel_is_its_text_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What changes later is not printed into the middle of what comes then."""
    with shell_in(tmp_path / "ipython") as shell:
        shell.ip.display_pub = DisplayPublisher(parent=shell.ip, shell=shell.ip)
        shell.run(f"%load_ext now_jupyter\n%config Now.folder = {str(tmp_path / 'n.now')!r}")
        shell.session.use_demo(instant=True)
        shell.session.generate("a red fox", model="dall-e-2", size="256x256")
        capsys.readouterr()
        shell.run("import now_jupyter as nj\npanel = nj.panel()\npanel.show()")
        panel = shell.ip.user_ns["panel"]
        assert capsys.readouterr().out.splitlines() == [
            "#1 · a red fox · dall-e-2 · 256×256",
            "a terminal shows its text alone; a notebook shows it all",
        ]
        shell.session.generate("a hare", model="dall-e-2", size="256x256")
        panel.renew_soon()
        panel._renew()
        assert capsys.readouterr().out == ""
        panel.close()


def test_the_saved_state_of_widgets_is_small(executed: Path) -> None:
    """An executed notebook holds both widgets in far less than 100 KB; scripts, rows and pictures are no part of it."""
    book: Any = _read(executed)
    state = json.dumps(book.metadata["widgets"][WIDGET_STATE])
    assert 0 < len(state) < 100_000
    assert "a red fox in snow" not in json.dumps([one["state"].get("rows") for one in _models(book)])
    assert not any(one.get("buffers") for one in _models(book))


def _models(book: Any) -> list[Any]:
    return list(book.metadata["widgets"][WIDGET_STATE]["state"].values())


def test_the_outputs_bear_the_pictures_and_their_words(executed: Path) -> None:
    """Beside each widget's view stands a marked picture with captions, and the difference of the two pictures."""
    book: Any = _read(executed)
    panel, comparison = book.cells[2].outputs, book.cells[3].outputs
    assert "#2 · a blue fox in snow" in panel[2].data["text/plain"]
    assert "quality:  | high" in comparison[2].data["text/plain"]
    for outputs in (panel, comparison):
        assert outputs[1].data["image/jpeg"].startswith(MARK)
        assert set(outputs[1].data) == {"image/jpeg", "text/plain"}


@pytest.mark.parametrize("template", ["lab", "classic", "basic"])
@pytest.mark.parametrize("stripped", [False, True], ids=["with widget state", "without"])
def test_html_shows_the_pictures_and_runs_nothing_of_ours(executed: Path, template: str, stripped: bool) -> None:
    """`nbconvert --to html` holds both pictures, described in words; no script of ours is on the page."""
    book: Any = _read(executed)
    if stripped:
        del book.metadata["widgets"]
    page, _ = _exporter(template).from_notebook_node(book)
    seen = Seen()
    seen.feed(page)
    marked = [one for one in seen.pictures if MARK in (one.get("src") or "").replace("\n", "")]
    assert len(marked) == 2
    assert page.count("#1 · a red fox in snow · gpt-image-2 · 1024×1024") >= len(marked)
    if template != "lab":  # which knows no alternative text for JPEG
        assert all("a blue fox in snow" in (one.get("alt") or "") for one in marked)
    assert "nowp-" not in _STATE.sub("", page)


def test_a_page_without_require_and_network_shows_the_pictures(executed: Path) -> None:
    """As on nbviewer with everything blocked: scripts from elsewhere never come, the pictures are painted."""
    book: Any = _read(executed)
    html, _ = _exporter("classic").from_notebook_node(book)
    with Browser.started() as browser:
        context = browser.portal.call(browser.chromium.new_context)
        try:
            shown = browser.portal.call(_painted, context, html)
        finally:
            browser.portal.call(context.close)
    assert shown == 2


async def _painted(context: Any, html: str) -> int:
    page = await context.new_page()

    async def only_the_page(route: Any) -> None:
        if route.request.url == "http://127.0.0.1/page":
            await route.fulfill(body=html, content_type="text/html")
        else:
            await route.abort()

    await page.route("**/*", only_the_page)
    await page.goto("http://127.0.0.1/page", wait_until="domcontentloaded")
    marked = f"img[src^='data:image/jpeg;base64,{MARK}']"
    await page.wait_for_function("one => document.querySelectorAll(one).length === 2", arg=marked, timeout=10_000)
    shown = "one => [...document.querySelectorAll(one)].filter((one) => one.naturalWidth && one.offsetParent).length"
    return int(await page.evaluate(shown, marked))


def test_the_picture_is_a_plain_jpeg(executed: Path) -> None:
    """Whatever shows pictures shows this one."""
    book: Any = _read(executed)
    data = base64.b64decode(book.cells[2].outputs[1].data["image/jpeg"])
    assert data[:3] == b"\xff\xd8\xff"
    assert len(data) < 100_000
