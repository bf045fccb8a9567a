"""A real JupyterLab in a real Chromium, for tests.

    def test_something(lab: Lab) -> None:
        page = lab.open(["1 + 1"])
        page.run(0)
        page.wait_for_text(0, "2")

One server and one browser serve the whole run (`LabServer`), and one tab in which JupyterLab is loaded: the first
notebook of a test is opened there, as loading it anew takes longer than most of what is done in it. Every test has a
folder of its own (`Lab`), every opened notebook is a `Page`; notebooks are closed with their test, and what a page
stored in the browser is gone then. Playwright's asynchronous API runs on a thread of its own, because its
synchronous one keeps a loop running in the test's thread, where `anyio.run` could then not be used.
Waiting is always for a condition. The flags of server and browser are those that were measured to be robust.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar
from urllib.parse import quote, urlsplit

from anyio.from_thread import BlockingPortal, start_blocking_portal

from clean_room import folders_below
from ensure_programs import find_browser
from kernels import KERNEL_7

if TYPE_CHECKING:  # both take seconds to load, in every worker
    from playwright import async_api as playwright

__all__ = ["Lab", "LabServer", "Page"]

T = TypeVar("T")
_OF_THE_NET = ("http", "https", "ws", "wss")
_LOOPBACK = ("127.0.0.1", "localhost", "::1", "[::1]")
_CHROMIUM = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)
_SERVER = (
    *("--no-browser", "--allow-root", "--ip=127.0.0.1", "--ServerApp.port_retries=0", "--IdentityProvider.token="),
    *("--ServerApp.password=", "--ServerApp.disable_check_xsrf=True", "--LabApp.news_url=None"),
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    *("--LabApp.extension_manager=readonly", "--LabApp.expose_app_in_browser=True"),
)
_ALL_CELLS_IN_THE_PAGE = {"windowingMode": "none"}
_READY = """() => {
    const panel = window.jupyterapp?.shell?.currentWidget;
    const kernel = panel?.sessionContext?.session?.kernel;
    const light = document.querySelector('.jp-Notebook-ExecutionIndicator');
    return panel?.context?.isReady && kernel?.connectionStatus === 'connected' && kernel?.status === 'idle'
        && light?.dataset.status === 'idle';
}"""
_SHOW = "path => { window.jupyterapp.commands.execute('docmanager:open', { path }); }"
_CLOSE_ALL = """async () => {
    const { shell, serviceManager } = window.jupyterapp;
    const isAsItWas = shell.mode === 'single-document' && document.body.dataset.jpThemeLight === 'true';
    for (const area of ['main', 'down']) for (const one of [...shell.widgets(area)]) {
        if (one.context) one.context.model.dirty = false;
        one.dispose();
    }
    await serviceManager.sessions.shutdownAll();
    localStorage.clear();
    sessionStorage.clear();
    return isAsItWas;
}"""
_COMMAND = "([command, wait]) => { const done = window.jupyterapp.commands.execute(command); return wait ? done : 0; }"
_SELECT = """index => {
    const notebook = window.jupyterapp.shell.currentWidget.content;
    notebook.activeCellIndex = index;
    notebook.deselectAll();
}"""
_CELLS = """() => window.jupyterapp.shell.currentWidget.content.widgets.map(cell => ({
    kind: cell.model.type,
    source: cell.model.sharedModel.getSource(),
    prompt: cell.node.querySelector('.jp-InputPrompt')?.innerText ?? '',
    text: [...cell.node.querySelectorAll('.jp-OutputArea-output')].map(one => one.innerText).join('\\n').trim(),
    images: [...cell.node.querySelectorAll('.jp-OutputArea-output img')]
        .filter(one => one.complete && one.naturalWidth)
        .map(one => [one.naturalWidth, one.naturalHeight]),
}))"""


class LabServer:
    """The server and the browser; a context manager."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "notebooks"
        self.root.mkdir()
        self.log = folder / "server.log"
        self._environment = {**os.environ, **folders_below(folder / "home")}
        self._stack = ExitStack()
        self.tab: playwright.Page | None = None
        """The tab in which JupyterLab is loaded and no notebook is open, or that of the test of now."""
        self._rooms = 0
        settings = Path(self._environment["JUPYTERLAB_SETTINGS_DIR"]) / "@jupyterlab" / "notebook-extension"
        settings.mkdir(parents=True)
        tracker = settings / "tracker.jupyterlab-settings"
        tracker.write_text(json.dumps(_ALL_CELLS_IN_THE_PAGE), encoding="utf-8")

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.address = stack.enter_context(self._server())
            self.portal = stack.enter_context(start_blocking_portal(name="playwright"))
            self.browser = stack.enter_context(self._chromium(self.portal))
            self._context = self.portal.call(_new_context, self.browser)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextmanager
    def open_folder(self, name: str) -> Iterator[Lab]:
        """Give a test its folder, and end its pages and kernels afterwards."""
        self._rooms += 1
        folder = self.root / f"{self._rooms}-{_file_name(name)[:40]}"
        folder.mkdir()
        lab = Lab(self, folder, self._context)
        self.portal.call(lab.watch)
        try:
            yield lab
        finally:
            self.portal.call(lab.leave)
            self._end_sessions(folder)

    def ask(self, method: str, path: str) -> Any:
        """Call the server's REST interface."""
        request = urllib.request.Request(f"{self.address}/{path}", method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            body = answer.read()
        return json.loads(body) if body else None

    def _end_sessions(self, folder: Path) -> None:
        for session in self.ask("GET", "api/sessions"):
            if session["path"].startswith(f"{folder.name}/"):
                self.ask("DELETE", f"api/sessions/{session['id']}")

    @contextmanager
    def _server(self) -> Iterator[str]:
        port = _free_port()
        command = [sys.executable, "-m", "jupyterlab", *_SERVER, f"--port={port}", f"--ServerApp.root_dir={self.root}"]
        with self.log.open("wb") as log:
            process = subprocess.Popen(
                command, env=self._environment, cwd=self.root, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            self._wait_for_server(process, address := f"http://127.0.0.1:{port}")
            yield address
        finally:
            process.terminate()
            _end(process)

    def _wait_for_server(self, process: subprocess.Popen[bytes], address: str) -> None:
        end = time.monotonic() + 90
        while not _answers(f"{address}/api/status"):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"JupyterLab did not start:\n{self.log.read_text(encoding='utf-8')[-3000:]}")
            time.sleep(0.1)

    @contextmanager
    def _chromium(self, portal: BlockingPortal) -> Iterator[playwright.Browser]:
        from playwright.async_api import async_playwright

        driver = portal.call(async_playwright().start)
        try:
            browser = portal.call(_launch, driver)
            yield browser
            portal.call(browser.close)
        finally:
            portal.call(driver.stop)


class Lab:
    """One test's folder below the server's root, and its pages in the browser."""

    def __init__(self, server: LabServer, folder: Path, context: playwright.BrowserContext) -> None:
        self.server = server
        self.folder = folder
        self.context = context
        self._has_tab = False
        self.strangers: list[str] = []
        """Addresses beyond loopback that the page asked for; all were refused."""
        self.console_errors: list[str] = []
        self.page_errors: list[str] = []
        self._acts: dict[Any, Callable[..., None]] = {
            "console": self._on_console,
            "request": self._on_request,
            "weberror": lambda error: self.page_errors.append(str(error.error)),
        }

    async def watch(self) -> None:
        """Write down what goes wrong in pages, and whom they ask beyond loopback; nothing there has an address."""
        for event, act in self._acts.items():
            self.context.on(event, act)

    async def leave(self) -> None:
        """Close all pages but the tab that serves the next test, too; notebooks end, and what they stored."""
        kept = self.server.tab if await self._is_of_use(self.server.tab) else None
        for event, act in self._acts.items():
            self.context.remove_listener(event, act)
        for page in self.context.pages:
            if page is not kept:
                await page.close()
        self.server.tab = kept
        await self.context.clear_permissions()

    async def _is_of_use(self, tab: playwright.Page | None) -> bool:
        """Close the notebooks in a tab, and return whether it is then as JupyterLab was loaded."""
        if tab is None:
            return False
        is_as_it_was = await tab.evaluate(f"() => window.jupyterapp && ({_CLOSE_ALL})()")
        return bool(is_as_it_was) and not self.page_errors

    def _on_request(self, request: playwright.Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in _OF_THE_NET and address.hostname not in _LOOPBACK:
            self.strangers.append(request.url)

    def _on_console(self, message: playwright.ConsoleMessage) -> None:
        if message.type == "error":
            self.console_errors.append(message.text)

    def write(self, cells: Sequence[str], name: str = "notebook.ipynb", kernel: str = KERNEL_7) -> Path:
        """Write a notebook of code cells into the test's folder."""
        import nbformat

        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
        notebook.metadata["kernelspec"] = {"name": kernel, "display_name": kernel, "language": "python"}
        path = self.folder / name
        nbformat.write(notebook, path)
        return path

    def open(self, notebook: Path | Sequence[str], *, kernel: str = KERNEL_7) -> Page:
        """Open a notebook of the test's folder, or one of these cells, and wait until its kernel is idle."""
        path = notebook if isinstance(notebook, Path) else self.write(notebook, kernel=kernel)
        if self.server.tab is not None and not self._has_tab:
            self._has_tab = True
            page = Page(self, path, self.server.tab)
            page.show()
            return page
        page = Page(self, path, self.server.portal.call(self.context.new_page))
        page.load()
        if self.server.tab is None:
            self.server.tab, self._has_tab = page.raw, True
        return page


class Page:
    """A notebook in the browser. Cells are counted from 0; times are seconds."""

    def __init__(self, lab: Lab, path: Path, page: playwright.Page) -> None:
        self.lab = lab
        self.path = path
        self.raw = page
        """Playwright's own page; to be used inside `do` only."""

    def do(self, action: Callable[[playwright.Page], Awaitable[T]]) -> T:
        """Do anything with Playwright: `page.do(lambda p: p.keyboard.press("Tab"))`."""
        return self.lab.server.portal.call(_awaited, action, self.raw)

    def evaluate(self, script: str, argument: object = None) -> Any:
        """Run JavaScript in the page."""
        return self.do(lambda page: page.evaluate(script, argument))

    @property
    def _place(self) -> str:
        return self.path.relative_to(self.lab.server.root).as_posix()

    def show(self) -> None:
        """Open the notebook in a tab in which JupyterLab is loaded, and wait for its kernel."""
        self.evaluate(_SHOW, self._place)
        self.wait_until_idle()

    def load(self, timeout: float = 60) -> None:
        """Load the page anew, as a person who comes back to it, and wait for its kernel."""
        address = f"{self.lab.server.address}/doc/tree/{quote(self._place)}?reset"
        self.do(lambda page: page.goto(address, wait_until="domcontentloaded", timeout=timeout * 1000))
        self.wait_until_idle(timeout)

    def wait_until_idle(self, timeout: float = 60) -> None:
        """Wait until the kernel is connected and has nothing to do."""
        self.wait_for(_READY, timeout=timeout)

    def wait_for(self, script: str, argument: object = None, *, timeout: float = 30, what: str = "") -> None:
        """Wait until a JavaScript function gives something true; `what` says it in words.

        Raises:
            TimeoutError: it did not in time; what the cells show by then is told.
        """
        from playwright.async_api import TimeoutError as TooLate

        try:
            self.do(lambda page: page.wait_for_function(script, arg=argument, timeout=timeout * 1000, polling=50))
        except TooLate:
            raise self._late(what or script, timeout) from None

    def _late(self, what: str, timeout: float) -> TimeoutError:
        from playwright.async_api import Error

        cells: list[dict[str, Any]] = []
        with suppress(Error):  # there may be no notebook in the page
            cells = self.cells()
        shown = "\n".join(f"{cell['prompt']} {cell['text']}" for cell in cells)
        errors = self.lab.console_errors + self.lab.page_errors
        return TimeoutError(f"waited {timeout} s for {what}; the cells show\n{shown}\n{errors}")

    def until(self, condition: Callable[[], object], timeout: float = 30, what: str = "a condition") -> None:
        """Wait until a Python condition about the page holds.

        Raises:
            TimeoutError: it did not in time; what the cells show by then is told.
        """
        end = time.monotonic() + timeout
        while not condition():
            if time.monotonic() > end:
                raise self._late(what, timeout)
            self.do(lambda page: page.wait_for_timeout(50))

    def run(self, index: int, *, wait: bool = True, timeout: float = 60) -> None:
        """Run a cell; with `wait=False` only start it."""
        self.evaluate(_SELECT, index)
        self._command("notebook:run-cell", wait=wait, timeout=timeout)

    def run_all(self, *, wait: bool = True, timeout: float = 120) -> None:
        """Run all cells; with `wait=False` only start them."""
        self._command("notebook:run-all-cells", wait=wait, timeout=timeout)

    def save(self) -> Any:
        """Save, and give the notebook as the file then holds it."""
        self._command("docmanager:save")
        import nbformat

        return nbformat.read(self.path, as_version=4)

    def interrupt(self) -> None:
        """Press ■."""
        self._command("notebook:interrupt-kernel")

    def restart(self, timeout: float = 60) -> None:
        """Restart the kernel without the question, and wait for it."""
        restart = "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
        self.evaluate(restart)
        self.wait_until_idle(timeout)

    def _command(self, command: str, *, wait: bool = True, timeout: float = 60) -> None:
        async def execute(page: playwright.Page) -> None:
            page.set_default_timeout(timeout * 1000)
            await page.evaluate(_COMMAND, [command, wait])

        self.do(execute)

    def cells(self) -> list[dict[str, Any]]:
        """Tell of every cell as it is in the page: kind, source, prompt, text and image sizes."""
        cells: list[dict[str, Any]] = self.evaluate(_CELLS)
        return cells

    def prompts(self) -> list[str]:
        """Give what stands beside the code cells: `[1]:`, `[*]:`, `[ ]:`."""
        return [cell["prompt"] for cell in self.cells() if cell["kind"] == "code"]

    def text(self, index: int) -> str:
        """Give what can be read below a cell."""
        return str(self.cells()[index]["text"])

    def images(self, index: int) -> list[tuple[int, int]]:
        """Give the natural sizes of the images below a cell that are really there."""
        return [(width, height) for width, height in self.cells()[index]["images"]]

    def wait_for_text(self, index: int, text: str, timeout: float = 30) -> None:
        """Wait until these words stand below a cell."""
        there = f"([index, text]) => ({_CELLS})()[index].text.includes(text)"
        self.wait_for(there, [index, text], timeout=timeout, what=f"{text!r} below cell {index}")

    def wait_for_images(self, index: int, *sizes: tuple[int, int], timeout: float = 30) -> None:
        """Wait until exactly these images stand below a cell."""
        wanted = json.dumps([list(size) for size in sizes], separators=(",", ":"))
        there = f"([index, sizes]) => JSON.stringify(({_CELLS})()[index].images) === sizes"
        self.wait_for(there, [index, wanted], timeout=timeout, what=f"images of {sizes} below cell {index}")

    def wait_for_prompts(self, *prompts: str, timeout: float = 60) -> None:
        """Wait until exactly these prompts stand beside the code cells."""
        there = f"prompts => ({_CELLS})().filter(one => one.kind === 'code').map(one => one.prompt).join() === prompts"
        self.wait_for(there, ",".join(prompts), timeout=timeout, what=f"prompts {prompts}")

    def by_role(self, role: Any, name: str, *, index: int | None = None) -> playwright.Locator:
        """Find what has this role and accessible name in the outputs (of one cell); for use inside `do`."""
        place = ".jp-Cell" if index is None else f".jp-Cell >> nth={index}"
        area = self.raw.locator(place).locator(".jp-OutputArea-output")
        return area.get_by_role(role, name=name, exact=True)

    def click(self, name: str, *, index: int | None = None, timeout: float = 30) -> None:
        """Click the button of this accessible name in an output."""
        self.do(lambda _: self.by_role("button", name, index=index).first.click(timeout=timeout * 1000))

    def fill(self, name: str, text: str, *, index: int | None = None, timeout: float = 30) -> None:
        """Type into the text field of this accessible name in an output."""
        self.do(lambda _: self.by_role("textbox", name, index=index).first.fill(text, timeout=timeout * 1000))

    def screenshot(self, name: str) -> Path | None:
        """Keep a picture of the page in the folder NOW_SCREENSHOTS, where that is set."""
        folder = os.environ.get("NOW_SCREENSHOTS")
        if not folder:
            return None
        path = Path(folder) / f"{_file_name(name)}.png"
        self.do(lambda page: page.screenshot(path=path))
        return path


async def _awaited(action: Callable[[playwright.Page], Awaitable[T]], page: playwright.Page) -> T:
    return await action(page)


async def _launch(driver: playwright.Playwright) -> playwright.Browser:
    browser = find_browser()
    if browser is None:
        raise RuntimeError("no Chromium was found: run `make browser`")
    return await driver.chromium.launch(executable_path=browser, args=list(_CHROMIUM))


async def _new_context(browser: playwright.Browser) -> playwright.BrowserContext:
    context = await browser.new_context(viewport={"width": 1280, "height": 1000}, locale="en-US")
    context.set_default_timeout(30_000)
    return context


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name).strip("-")
