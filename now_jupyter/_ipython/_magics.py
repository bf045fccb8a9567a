"""`%%nowimage` and `%nowimage`: read what was typed, ask the session, show what came, return it.

The same magic is registered under a second name for cells that await it; `_rewriting` decides which one a cell
calls. `_light` loads all this when it is first needed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from .._bundles import try_bundle, try_bundle_of_several
from .._cells import Cells, Execution
from .._display import Progress, View, attempt, show_value
from .._messages import NowImageError
from .._options import fill, parse_cell, parse_line, usage
from .._orders import Job, order_of
from .._services import builtin_names, services
from .._session import Session
from .._settings import Settings
from .._values import Generation, Output
from ._commands import usage_of_now
from ._completion import matcher_for
from ._nest import serves_clicks
from ._now import NowCommands
from ._reports import rehearsal_text

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from IPython.core.interactiveshell import InteractiveShell

    from .._bundles import Bundle

__all__ = ["Magics"]

_UNSEEN = ("text", "none")


@dataclass(slots=True, kw_only=True)
class _Pending:
    """One request of a cell that waits for it, and where it appears."""

    job: Job
    timeout: float | None
    name: str | None
    view: View


class Magics:
    """What the extension does in a shell: its magics, its completion, and how our values are shown."""

    def __init__(self, ip: InteractiveShell, session: Session, cells: Cells, publisher: object) -> None:
        """Connect a session to a shell with these cells; `publisher` is the shell's own, which shows what is put."""
        self.session = session
        self.cells = cells
        self.match = matcher_for(session)
        self._waited: tuple[Execution, Generation, View] | None = None
        self._publisher = publisher
        self._ip: Any = ip  # typed loosely: IPython's own types know neither hooks nor configurables
        self._now = NowCommands(ip, session)

    # The magics

    def nowimage(self, line: str, cell: str | None = None, local_ns: Mapping[str, object] | None = None) -> object:
        """Make pictures, blocking this thread in short slices."""
        with self._plainly():
            pending = self._place(line, cell, local_ns, awaited=False)
            if not isinstance(pending, _Pending):
                return pending
            with self._waiting(pending):
                return self._finish(pending.job.result(pending.timeout, pending.view.tick), pending)
            return self._leave_early(pending)

    def await_nowimage(
        self, line: str, cell: str | None = None, local_ns: Mapping[str, object] | None = None
    ) -> Awaitable[object]:
        """Make pictures, letting the kernel go on meanwhile."""
        return self._run_awaited(line, cell, local_ns)

    async def _run_awaited(self, line: str, cell: str | None, local_ns: Mapping[str, object] | None) -> object:
        with self._plainly():
            pending = self._place(line, cell, local_ns, awaited=True)
            if not isinstance(pending, _Pending):
                return pending
            with self._waiting(pending):
                return self._finish(await pending.job.await_result(pending.timeout, pending.view.tick), pending)
            return self._leave_early(pending)

    def now(self, line: str) -> Any:  # noqa: ANN401 - each command's own result
        """Do everything that is not a picture."""
        with self._plainly():
            return self._now.run(line)

    # What is generated, or shown

    def usage(self) -> str:
        """Return the help of the magic, in the user's language."""
        return usage(self.settings_or_default().language, services=builtin_names())

    def usage_of_now(self) -> str:
        """Return the help of `%now`, in the user's language."""
        return usage_of_now(self.settings_or_default().language)

    def show(self, value: Generation | Output | Job) -> None:
        """Show a value in the cell that asks for it, but what is to be seen there already."""
        show_value(
            value,
            was_shown=self.cells.current.was_shown,
            settings=self.session.settings,
            remember=self.session.remember_shown,
            view_of=self._view_of,
        )

    def bundle(self, value: Generation | Output) -> Bundle:
        """Return a value's bundle, for whoever shows it in a place of their own."""
        return try_bundle(value, self.session.settings().preview_px)

    def bundle_of_list(self, values: Sequence[object]) -> Bundle | None:
        """Return the sheet of a list of pictures; None where it is none, or pictures are not to be seen."""
        settings = self.session.settings()
        return None if settings.embed in _UNSEEN else try_bundle_of_several(values, settings.preview_px)

    # The way of one request

    def _place(
        self, line: str, cell: str | None, names: Mapping[str, object] | None, *, awaited: bool
    ) -> _Pending | object:
        """Read and place a request; help, `--dry-run` and `--no-wait` give their value at once."""
        parsed = parse_line(line) if cell is None else parse_cell(line, cell)
        settings = self.session.settings()
        if parsed.help:
            return print(usage(settings.language, services=self._service_names()))  # noqa: T201 - help is text for the cell
        parsed = fill(parsed, self._users_names(names), literal=bool(parsed.options.get("literal")))
        order = order_of(parsed, execution=self.cells.current)
        if parsed.options.get("dry_run"):
            return print(rehearsal_text(self.session, order))  # noqa: T201 - as above
        is_left = bool(parsed.options.get("no_wait"))
        job, how = self.session.place(order, asks=not is_left), cast("str | None", parsed.options.get("show"))
        timeout = cast("float | None", parsed.options.get("timeout")) or settings.timeout
        progress = self._progress(awaited=awaited)
        view = View(job, settings, prompt=order.request.prompt, how=how, progress=progress)
        pending = _Pending(job=job, timeout=timeout, name=order.name, view=view)
        return self._let_go(pending) if is_left else pending

    def _users_names(self, local: Mapping[str, object] | None) -> dict[str, object]:
        """Give what the user has defined; IPython's own names (`open`, `exit`, `In`) are none of it."""
        everyone, hidden = self._ip.user_ns, self._ip.user_ns_hidden
        names = {name: value for name, value in everyone.items() if name not in hidden or hidden[name] is not value}
        return names if local is None or local is everyone else {**names, **local}

    def _progress(self, *, awaited: bool) -> Progress:
        if self._ip.display_pub is not self._publisher:  # `%%capture` never sees an update
            return "none"
        if not hasattr(self._ip, "kernel"):
            return "text"
        if not self.cells.current.watched:
            return "none"
        return "buttons" if awaited and serves_clicks() else "line"

    def _let_go(self, pending: _Pending) -> Job:
        self.cells.current.note_shown(pending.job)
        self._bind(pending, pending.job)
        self._leave(pending)
        return pending.job

    @contextmanager
    def _waiting(self, pending: _Pending) -> Iterator[None]:
        """However the wait ends, the cell's outputs say so; a click on "Stop waiting" ends it without an error."""
        try:
            yield
        except BaseException as error:
            if pending.job.is_decided:
                pending.view.fail(error)
                raise
            self._leave(pending)
            if pending.job.left_by != "stop":
                raise

    def _finish(self, generation: Generation, pending: _Pending) -> Generation:
        self._bind(pending, generation)
        attempt(lambda: pending.view.finish(generation), print)
        attempt(lambda: self.cells.current.note_shown(generation), print)
        attempt(lambda: self.session.remember_shown(generation), print)
        return generation

    def _leave_early(self, pending: _Pending) -> Generation | None:
        generation = pending.job.generation
        self.cells.current.note_shown(generation)
        self._bind(pending, generation)
        return generation

    def _bind(self, pending: _Pending, value: Job | Generation | None) -> None:
        if pending.name and value is not None:
            self._ip.user_ns[pending.name] = value

    # Python verbs in a cell

    @contextmanager
    def accompany(self, job: Job, prompt: str, way: Literal["buttons", "line"]) -> Iterator[Callable[[], None]]:
        """Show how far an order of `nj.generate` is, in the cell that waits; its value becomes the picture there."""
        if not self.cells.depth or threading.current_thread() is not threading.main_thread():
            yield lambda: None
            return
        progress = self._progress(awaited=way == "buttons")
        view = View(job, self.session.settings(), prompt=prompt, progress=progress)
        try:
            yield view.tick
        except BaseException as error:
            if job.is_decided:
                view.fail(error)
            else:
                self._leave_view(view)
            raise
        if (generation := job.generation) is not None:
            attempt(lambda: view.rest(generation), print)
            self._waited = (self.cells.current, generation, view)

    def _view_of(self, value: Generation | Job) -> View | None:
        """Return the place of a value: of a generation where its progress was shown, of a job a new one."""
        if isinstance(value, Job):
            prompt = value.records[0].request.prompt if value.records else ""
            view = View(value, self.session.settings(), prompt=prompt, progress=self._progress(awaited=False))
            if not self.cells.current.watched:
                self.cells.at_edges(view.show_again)
            return view
        waited, self._waited = self._waited, None
        is_here = waited is not None and waited[0] is self.cells.current and waited[1] is value
        return waited[2] if waited and is_here else None

    def _leave_view(self, view: View) -> None:
        view.leave()
        if not self.cells.current.watched:
            self.cells.at_edges(view.show_again)

    def _leave(self, pending: _Pending) -> None:
        self._leave_view(pending.view)

        def arrive(job: Job) -> None:
            if job.error() is None and job.generation is not None:
                self.session.remember_shown(job.generation)
                self._bind(pending, job.generation)

        pending.job.on_done(arrive)

    # Around

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        """Let our own errors show as a few lines in the user's language, or whole (`Now.short_errors`)."""
        problem: NowImageError | None = None
        try:
            yield
        except NowImageError as error:
            problem = error.in_language(self.settings_or_default().language)
        if problem is not None:
            raise problem.shorten(on=self.settings_or_default().short_errors)

    def settings_or_default(self) -> Settings:
        """Return the settings in force, or the defaults where those cannot be read."""
        try:
            return self.session.settings()
        except NowImageError:
            return Settings()

    def _service_names(self) -> list[str]:
        return [one.name for one in services()]
