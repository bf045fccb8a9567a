"""A panel without a kernel: its comm is recorded, and a page with the real script can be put at the other end.

    with opened(session) as wire:
        wire.ask("find").numbers

`Page` shows the panel in Chromium; between the two there is nothing but JSON and bytes, as between kernel and browser.
"""

from __future__ import annotations

import asyncio
import base64
import json
import struct
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import comm
from anyio.from_thread import BlockingPortal, start_blocking_portal
from comm.base_comm import BaseComm

from lab import _launch
from now_jupyter._json import digest
from now_jupyter._panel._assets import loader
from now_jupyter._panel._draft import Draft
from now_jupyter._session import Session
from now_jupyter._store import Record, RecordedOutput, Store
from now_jupyter._values import Request, Status

if TYPE_CHECKING:  # it takes a second to load, in every worker
    from playwright import async_api as playwright

__all__ = ["Browser", "Page", "Said", "Wire", "draft", "fill_store", "opened", "quiet_session", "wired"]

T = TypeVar("T")
_ID = "0123456789abcdef" * 2
_ADDRESS = "http://127.0.0.1/panel"
_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>panel</title><style>
body {{ margin: 0; padding: {padding}px; background: {ground}; }}</style></head>
<body data-jp-theme-light="{light}"><main></main></body></html>"""
_MODEL = """async ({ script, state }) => {
    localStorage.clear();
    sessionStorage.clear();
    const bytes = (text) => {
        const letters = atob(text);
        const made = new Uint8Array(letters.length);
        for (let at = 0; at < letters.length; at++) made[at] = letters.charCodeAt(at);
        return made;
    };
    const letters = (view) => Array.from(new Uint8Array(view.buffer ?? view), (one) => String.fromCharCode(one));
    const listeners = [];
    const changed = [];
    const emit = (name, ...given) => listeners.filter((one) => one[0] === name).forEach((one) => one[1](...given));
    const model = {
        get: (name) => state[name],
        set: (name, value) => { state[name] = value; changed.push(name); emit(`change:${name}`); },
        save_changes: () => kernel_set(Object.fromEntries(changed.splice(0).map((name) => [name, state[name]]))),
        send: (content, _, buffers = []) => {
            if (window.kernel_is_gone) throw new Error("Cannot send");
            kernel_message(content, buffers.map((one) => btoa(letters(one).join(""))));
        },
        on: (name, call) => listeners.push([name, call]),
        off: (name, call) => {
            const kept = listeners.filter((one) => one[0] !== name || one[1] !== call);
            listeners.splice(0, listeners.length, ...kept);
        },
    };
    window.from_kernel = (data, buffers) => {
        if (data.method === "custom") {
            emit("msg:custom", data.content, buffers.map((one) => new DataView(bytes(one).buffer)));
            return;
        }
        for (const [name, value] of Object.entries(data.state ?? {})) { state[name] = value; emit(`change:${name}`); }
    };
    window.listening = () => listeners.length;
    window.tell_of_the_comm = () => emit("comm_live_update");
    window.addresses = new Set();
    const [create, revoke] = [URL.createObjectURL, URL.revokeObjectURL];
    URL.createObjectURL = (blob) => { const made = create.call(URL, blob); window.addresses.add(made); return made; };
    URL.revokeObjectURL = (address) => { window.addresses.delete(address); revoke.call(URL, address); };
    const made = await import(create.call(URL, new Blob([script], { type: "text/javascript" })));
    window.show_panel = () => {
        const el = document.createElement("div");
        document.querySelector("main").append(el);
        const end = made.default.render({ model, el });
        return () => { end(); el.remove(); };
    };
    window.end_panel = window.show_panel();
}"""
_PAINTED = """least => document.getAnimations().every(one => one.playState !== "running") &&
    [...document.querySelectorAll(".nowp-thumb")].filter(one => one.complete && one.naturalWidth).length >= least"""
_THEME = """([light, ground]) => {
    document.body.dataset.jpThemeLight = String(light);
    document.body.style.background = ground;
}"""
_LAID_OUT = "() => new Promise((tell) => requestAnimationFrame(() => requestAnimationFrame(() => tell(true))))"
_FOCUS = "() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? ''"


@dataclass(frozen=True, slots=True)
class Said:
    """One message of the kernel's side, with its size on the wire."""

    data: Mapping[str, Any]
    buffers: Sequence[bytes]

    @property
    def content(self) -> Mapping[str, Any]:
        content: Mapping[str, Any] = self.data.get("content", {})
        return content

    @property
    def numbers(self) -> list[int]:
        """The numbers of generations in an answer to "find"."""
        return list(dict.fromkeys(number for number, _output in self.spots))

    @property
    def spots(self) -> list[tuple[int, int]]:
        """What tiles there are in an answer to "find": number and output, 0 where there is no picture."""
        of_records, of_pictures = self.buffers
        outputs = iter(struct.unpack(f"<{len(of_pictures) // 2}H", of_pictures))
        return [
            (int(number), output)
            for number, _created, count in struct.iter_unpack("<3d", of_records)
            for output in (islice(outputs, int(count)) if count else [0])
        ]

    @property
    def size(self) -> int:
        return len(json.dumps(self.data).encode()) + sum(len(one) for one in self.buffers)


@dataclass(eq=False)
class Wire:
    """What a panel has said so far, and a way to speak to it."""

    said: list[Said] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    listeners: list[Callable[[Said], None]] = field(default_factory=list)
    widget: Any = None

    def hear(self, data: Mapping[str, Any], buffers: Sequence[Any]) -> None:
        one = Said(json.loads(json.dumps(data)), [bytes(memoryview(part)) for part in buffers])
        with self.changed:
            self.said.append(one)
            self.changed.notify_all()
        for listener in self.listeners:
            listener(one)

    def message(self, content: object, buffers: Sequence[bytes] = ()) -> None:
        """Send what a front end sends."""
        data = {"method": "custom", "content": content}
        self.widget._handle_msg({"content": {"data": data}, "buffers": [memoryview(one) for one in buffers]})

    def set(self, state: Mapping[str, Any]) -> None:
        """Set traits as a front end does."""
        data = {"method": "update", "state": dict(state), "buffer_paths": []}
        self.widget._handle_msg({"content": {"data": data}, "buffers": []})

    def ask(self, action: str, *, buffers: Sequence[bytes] = (), **fields: object) -> Said:
        """Send a message and wait for its answer."""
        identity = uuid.uuid4().hex
        self.message({"id": identity, "action": action, **fields}, buffers)
        return self.wait_for(lambda one: one.content.get("re") == identity)

    def order(self, form: Mapping[str, Any], *, at: float = 0.0, agreed: Sequence[str] = ()) -> Said:
        """Click on "Generate" at a time in milliseconds."""
        return self.ask("generate", draft=dict(form), at=at, agreed=list(agreed))

    def event(self, name: str, **facts: object) -> Said:
        """Wait for something that is told without being asked."""
        return self.wait_for(
            lambda one: one.content.get("event") == name and facts.items() <= dict(one.content).items()
        )

    def wait_for(self, fits: Callable[[Said], bool], seconds: float = 30) -> Said:
        with self.changed:
            found: list[Said] = []

            def is_there() -> bool:
                found[:] = [one for one in self.said if fits(one)][:1]
                return bool(found)

            assert self.changed.wait_for(is_there, seconds), [one.data for one in self.said][-5:]
            return found[0]

    def until(self, condition: Callable[[], object], seconds: float = 30) -> None:
        """Wait until something about the panel holds."""
        end = time.monotonic() + seconds
        while not condition():
            with self.changed:
                self.changed.wait(0.05)
            assert time.monotonic() < end, "it did not come true"


def draft(prompt: str = "a red fox", **more: Any) -> dict[str, Any]:
    """Fill the form as a front end sends it."""
    return {**Draft().to_json(), "prompt": prompt, **more}


@contextmanager
def wired() -> Iterator[Wire]:
    """Give the recorder that every widget made in this block speaks to."""
    wire = Wire()

    class Recorded(BaseComm):
        def publish_msg(self, _type: str, data: Any = None, _about: Any = None, buffers: Any = None, **_: Any) -> None:
            wire.hear(data or {}, buffers or [])

    before = comm.create_comm
    comm.create_comm = Recorded  # what ipykernel does, too
    try:
        yield wire
    finally:
        comm.create_comm = before


@contextmanager
def opened(session: Session, make: Callable[[Session], Any] | None = None) -> Iterator[Wire]:
    """Open a panel (or what `make` gives) on a session."""
    from now_jupyter._panel import Panel

    with wired() as wire:
        wire.widget = (make or Panel)(session)
        try:
            yield wire
        finally:
            wire.widget.close()
            for worker in wire.widget._workers.values():
                worker.shutdown()  # with what is under way


@contextmanager
def quiet_session(folder: Path, **given: Any) -> Iterator[Session]:
    """Give a session on a folder of its own, with the demo that does not wait."""
    session = Session(folder=folder / "panel.now", environ={}, working=folder, **given)
    session.use_demo(instant=True)
    try:
        yield session
    finally:
        session.close()


def fill_store(folder: Path, count: int, pictures: Sequence[bytes], *, size: tuple[int, int] = (1024, 1024)) -> None:
    """Write a history of so many records in one go, whose pictures are these, over and over."""
    store = Store(folder / "panel.now")
    store.preflight()
    kept = [_keep(store, place, data, size) for place, data in enumerate(pictures)]
    (store.folder / "jobs").mkdir(exist_ok=True)
    forms = [json.dumps(_record_with(one).to_json()) for one in kept]
    for number in range(1, count + 1):
        text = forms[number % len(kept)].replace("4711", str(number)).replace(_ID, uuid.uuid4().hex)
        text = text.replace("1790000000.0", str(1_790_000_000.0 + number))
        (store.folder / "jobs" / f"{number}.json").write_text(text, encoding="utf-8")


def _record_with(output: RecordedOutput) -> Record:
    """One record with this picture, whose id, number and time are known by how they look."""
    return Record(
        id=_ID,
        number=4711,
        request=Request(prompt="a red fox number 4711 in fresh snow, evening light", params={"size": "1024x1024"}),
        created=1_790_000_000.0,
        status=Status.DONE,
        demo=True,
        model="gpt-image-2",
        service="openai-images",
        outputs=(output,),
    )


def _keep(store: Store, place: int, data: bytes, size: tuple[int, int]) -> RecordedOutput:
    """Put a picture beside the records; many of them may name the same file."""
    file = f"picture-{place}.png"
    path = store.output_path(file)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return RecordedOutput(
        key="0",
        number=1,
        file=file,
        sha256=digest(data),
        mime="image/png",
        width=size[0],
        height=size[1],
        size_bytes=len(data),
    )


async def _running_loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


def _ground(light: bool) -> str:
    return "#ffffff" if light else "#111111"


class Browser:
    """One Chromium for a run of tests."""

    def __init__(self, portal: BlockingPortal) -> None:
        self.portal = portal
        self.loop = portal.call(_running_loop)
        self._free: dict[float, list[_Tab]] = {}
        from playwright.async_api import async_playwright

        self._driver = portal.call(async_playwright().start)
        self.chromium = portal.call(_launch, self._driver)

    @classmethod
    @contextmanager
    def started(cls) -> Iterator[Browser]:
        with start_blocking_portal(name="playwright") as portal:
            browser = cls(portal)
            try:
                yield browser
            finally:
                portal.call(browser.chromium.close)
                portal.call(browser._driver.stop)

    @contextmanager
    def page(self, wire: Wire, *, scale: float = 1, **looks: Any) -> Iterator[Page]:
        """Open a page that shows the panel at this wire, in a tab in which another was well before, if there is one."""
        free = self._free.setdefault(scale, [])
        tab = free.pop() if free else self.portal.call(_Tab.opened, self.chromium, scale)
        try:
            page = Page(self, tab, wire, **looks)
            try:
                yield page
            finally:
                page.close()
            self.portal.call(tab.clear)
            free.append(tab)
        except BaseException:
            self.portal.call(tab.context.close)
            raise


class _Tab:
    """A tab of the browser: to open one costs more than most tests of a panel do in it."""

    def __init__(self, context: playwright.BrowserContext, raw: playwright.Page) -> None:
        self.context = context
        self.raw = raw
        self.page: Page | None = None
        self.html = ""

    @classmethod
    async def opened(cls, chromium: playwright.Browser, scale: float) -> Self:
        context = await chromium.new_context(device_scale_factor=scale, has_touch=False)
        await context.grant_permissions(["clipboard-read", "clipboard-write"], origin="http://127.0.0.1")
        tab = cls(context, await context.new_page())
        await tab.raw.route("**/*", tab._serve)
        tab.raw.on("pageerror", lambda error: tab._tell(str(error)))
        tab.raw.on("console", lambda one: tab._tell(one.text) if one.type == "error" else None)
        await tab.raw.expose_function("kernel_message", lambda *given: tab.page and tab.page._from_page(*given))
        await tab.raw.expose_function("kernel_set", lambda *given: tab.page and tab.page._set_from_page(*given))
        return tab

    async def clear(self) -> None:
        """Leave nothing to see of the page that was here; the next one goes to its address, and takes its place."""
        await self.raw.mouse.move(0, 0)
        await self.raw.evaluate("() => document.body.remove()")

    async def _serve(self, route: playwright.Route) -> None:
        await route.fulfill(body=self.html, content_type="text/html")

    def _tell(self, error: str) -> None:
        if self.page is not None:
            self.page.errors.append(error)


class Page:
    """The real script and styles in a page, on a stub model that speaks to the recorded panel."""

    def __init__(
        self, browser: Browser, tab: _Tab, wire: Wire, *, width: int = 900, height: int = 820, **looks: Any
    ) -> None:
        self.portal = browser.portal
        self._loop = browser.loop
        self.wire = wire
        self.errors: list[str] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False
        self._is_setting = False  # a front end takes no notice of the echo of what it set itself
        self._tab = tab
        self.raw = tab.raw
        self.portal.call(self._begin, width, height, looks)

    async def _begin(self, width: int, height: int, looks: Mapping[str, Any]) -> None:
        light = looks.get("light", True)
        self._tab.html = _PAGE.format(
            light=str(light).lower(),
            ground=_ground(light),
            padding=looks.get("padding", 12),
        )
        await self.raw.bring_to_front()
        await self.raw.set_viewport_size({"width": width, "height": height})
        await self.raw.emulate_media(
            color_scheme="light" if light else "dark", reduced_motion=looks.get("motion", "no-preference")
        )
        await self.raw.goto(_ADDRESS)
        self._tab.page = self  # what was said before, the page said that was here before
        self.wire.listeners.append(self._to_page)
        state = {name: value for name, value in self.wire.widget.get_state().items() if not name.startswith("_")}
        await self.raw.evaluate(_MODEL, {"script": loader(), "state": json.loads(json.dumps(state, default=str))})

    def resize(self, width: int, height: int) -> None:
        """Make the window this large, and wait until the panel has taken its new room and nothing moves any more."""
        self.do(lambda page: page.set_viewport_size({"width": width, "height": height}))
        self._wait_for_layout()

    def show_in(self, *, light: bool) -> None:
        """Change the theme as a front end does, and the browser's with it."""
        self.do(lambda page: page.emulate_media(color_scheme="light" if light else "dark"))
        self.evaluate(_THEME, [light, _ground(light)])
        self._wait_for_layout()

    def _wait_for_layout(self) -> None:
        self.evaluate(_LAID_OUT)
        self.wait("() => document.getAnimations().every((one) => one.playState !== 'running')")

    def _from_page(self, content: object, buffers: Sequence[str]) -> None:
        self.wire.message(content, [base64.b64decode(one) for one in buffers])

    def _set_from_page(self, state: Mapping[str, Any]) -> None:
        self._is_setting = True
        try:
            self.wire.set(state)
        finally:
            self._is_setting = False

    def _to_page(self, said: Said) -> None:
        method = said.data.get("method")
        if method in ("custom", "update") or (method == "echo_update" and not self._is_setting):
            self._loop.call_soon_threadsafe(self._begin_passing_on, said)  # as a kernel's sockets, it makes nobody wait

    def _begin_passing_on(self, said: Said) -> None:
        task = self._loop.create_task(self._pass_on(said))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pass_on(self, said: Said) -> None:
        from playwright.async_api import Error

        if self._is_closed:
            return
        try:
            await self.raw.evaluate(
                "([data, buffers]) => window.from_kernel?.(data, buffers)",
                [dict(said.data), [base64.b64encode(one).decode() for one in said.buffers]],
            )
        except Error as error:
            if not self._is_closed:
                self.errors.append(str(error))

    def do(self, action: Callable[[playwright.Page], Any]) -> Any:
        """Run an asynchronous action on the page and wait for it."""

        async def run() -> Any:
            return await action(self.raw)

        return self.portal.call(run)

    def evaluate(self, expression: str, argument: object = None) -> Any:
        return self.do(lambda page: page.evaluate(expression, argument))

    def wait(self, expression: str, argument: object = None, *, seconds: float = 30) -> None:
        """Wait until an expression about the page is true."""
        self.do(lambda page: page.wait_for_function(expression, arg=argument, timeout=1000 * seconds, polling=50))

    def wait_for_pictures(self, count: int = 1, *, seconds: float = 30) -> None:
        """Wait until so many thumbnails are painted and nothing fades in any more."""
        self.wait(_PAINTED, count, seconds=seconds)

    def click(self, role: Any, name: str, *, exact: bool = True) -> None:
        self.do(lambda page: page.get_by_role(role, name=name, exact=exact).first.click(timeout=10_000))

    def fill(self, name: str, text: str) -> None:
        self.do(lambda page: page.get_by_label(name, exact=True).first.fill(text, timeout=10_000))

    def press(self, *keys: str) -> None:
        for key in keys:
            self.do(lambda page, key=key: page.keyboard.press(key))

    def text(self, selector: str = ".nowp") -> str:
        return str(self.do(lambda page: page.locator(selector).first.inner_text()))

    def focused(self) -> str:
        """Give the accessible name of what has the focus."""
        return str(self.evaluate(_FOCUS))

    def shot(self, path: Path, selector: str = "body") -> None:
        self.do(lambda page: page.locator(selector).first.screenshot(path=path, animations="disabled"))

    def close(self) -> None:
        self._is_closed = True
        self._tab.page = None
        if self._to_page in self.wire.listeners:
            self.wire.listeners.remove(self._to_page)
