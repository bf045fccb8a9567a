"""From values to outputs: the picture, its caption, and the line that stands there while it is being made.

Every output is created in the cell; later it is only updated, by its display id, also from the background. Saved
notebooks hold `image/*` and `text/plain`; only lists of generations are HTML.
Facts: design.md §2.6, reference/jupyter.md §2, §4, §7.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import Context
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from IPython.core.display_functions import display
from IPython.core.displayhook import CapturingDisplayHook, DisplayHook
from IPython.core.formatters import DisplayFormatter

from .._bundles import bundle_of, bundle_of_output, image_bundle
from .._history import words_of
from .._media import can_show, examine, is_inline, preview
from .._messages import BadImageError, Language, NowImageError, columns_of, lines_of, plain, say, say_status
from .._orders import Job
from .._settings import Settings
from .._values import Generation, Picture, Status
from .._values import Output as SavedOutput
from ._outputs import CellOutput, attempt
from ._ticking import line_of, tick_on

if TYPE_CHECKING:
    from ._waiting import WaitingLine

__all__ = ["Progress", "View", "caption_of", "show_one", "show_value"]

Progress: TypeAlias = Literal["buttons", "line", "text", "none"]
_PROMPT_SHOWN = 72
_WIDTH = 80
_MODEL_SHOWN = 28
_SERVICE_SHOWN = 16
_SIZES_SHOWN = 20
_HOOKS = (DisplayHook.compute_format_data.__code__, CapturingDisplayHook.__call__.__code__)
_ENDINGS = (Status.FAILED, Status.CANCELLED, Status.UNKNOWN)


def caption_of(generation: Generation, *, notes: Sequence[str] = (), language: Language = "en") -> str:
    """Return the caption: a stable line (prompt, model, size), what cannot be seen, the passing line (number, cost).

    Both lines fit into a terminal.
    """
    unseen = [_file_line(one) for one in generation.outputs if not _is_seen(one)]
    lines = _with_notes(_passing_line(generation, language), notes)
    return "\n".join([_stable_line(generation, language), *unseen, *lines])


def _with_notes(line: str, notes: Sequence[str]) -> list[str]:
    """Return a line with what was remarked behind it, as far as that fits, and lines for the rest."""
    rest = list(notes)
    while rest and columns_of(longer := f"{line} · {rest[0]}") <= _WIDTH:
        line = longer
        del rest[0]
    return [line, *rest]


def _stable_line(generation: Generation, language: Language) -> str:
    pictures = [one for one in generation.pictures if not one.is_side]
    sizes = dict.fromkeys(f"{one.width}×{one.height}" for one in pictures if one.width)
    count = f"{len(pictures)} × " if len(pictures) > 1 and sizes else ""
    model = plain(generation.model, _MODEL_SHOWN) or "?"
    facts = [
        f"{len(generation.parts)} × {model}" if generation.parts else model,
        plain(generation.service if generation.rerouted else generation.request.service or "", _SERVICE_SHOWN),
        plain(count + ", ".join(sizes), _SIZES_SHOWN)
        if generation.has_answer
        else say_status(generation.status, language),
    ]
    behind = " · ".join(fact for fact in facts if fact)
    prompt = _fitting(words_of(generation, language), _WIDTH - len(behind) - len(" · "))
    return f"{prompt} · {behind}" if prompt else behind


def _fitting(text: str, width: int) -> str:
    """Return the beginning of a text that fits into so many columns of a terminal."""
    shown = plain(text, width)
    while columns_of(shown) > width:
        shown = plain(text, len(shown) - (columns_of(shown) - width + 1) // 2)
    return shown


def _is_seen(one: SavedOutput) -> bool:
    return isinstance(one, Picture) and can_show(one.mime) and one.width > 0  # its header could be read, too


def _file_line(one: SavedOutput) -> str:
    """Return kind and place of an output that a notebook does not show."""
    path = one.path
    with suppress(ValueError, OSError):
        path = path.relative_to(Path.cwd())
    return f"{type(one).__name__.lower()} · {path}"


def _passing_line(generation: Generation, language: Language) -> str:
    facts = [generation.ref]
    if generation.origin == "history":
        facts = [say("from history {ref}", language, ref=generation.ref), say("nothing spent", language)]
    elif generation.status is Status.RUNNING or generation.status is Status.PENDING:
        facts.append(say("under way", language))
    else:
        facts += _costs(generation, language)
    shares = [one.changed_outside for one in generation.pictures if not one.is_side]
    if share := max((one for one in shares if one), default=0):
        facts.append(say("{share} % changed outside of the mask", language, share=f"{100 * share:.0f}"))
    if generation.taken_from:
        facts.insert(1, say("from {history}", language, history=generation.taken_from))
    if any(one.stands_for for one in generation.outputs):
        facts.append(say("preview only", language))
    if generation.origin == "joined":
        facts.append(say("joined, ordered once", language))
    if generation.error is not None and generation.has_answer:
        facts.append(generation.error.message(language))
    return _fitting(" · ".join(facts), _WIDTH)


def _costs(generation: Generation, language: Language) -> list[str]:
    seconds = generation.elapsed
    facts = [] if seconds is None else [say("{seconds} s", language, seconds=f"{seconds:.1f}")]
    if generation.demo:
        return [*facts, say("demo, costs nothing", language)]
    if generation.cost is not None and generation.cost.amount is not None:
        return [*facts, str(generation.cost)]
    return [*facts, say("price unknown", language)] if generation.billed != "no" else facts


# What IPython shows for our values


def show_value(
    value: Generation | SavedOutput | Job,
    *,
    was_shown: Callable[[object], bool],
    settings: Callable[[], Settings],
    remember: Callable[[Generation | SavedOutput], None],
    view_of: Callable[[Generation | Job], View | None],
) -> None:
    """Show a value for IPython, our way; what is already shown in this execution shows nothing.

    `view_of` gives the place where a value's progress is shown.

    Raises:
        NotImplementedError: it is another that asks (a container of outputs, `glue`, an update by display id); IPython
            then gives it the bundle.
    """
    if not _is_cell_to_show():
        raise NotImplementedError
    if not isinstance(value, Job):
        remember(value)
    if not was_shown(value):
        _put(value, view_of, settings())


def _put(
    value: Generation | SavedOutput | Job, view_of: Callable[[Generation | Job], View | None], settings: Settings
) -> None:
    if isinstance(value, SavedOutput):
        show_one(value, settings)
    elif (view := view_of(value)) is not None:
        view.leave() if isinstance(value, Job) else view.finish(value)
    elif isinstance(value, Generation) and settings.embed != "none":
        _show(value, settings, CellOutput(), CellOutput(), how=settings.embed)


def _is_cell_to_show() -> bool:
    """Whether IPython asks for the sake of the cell: its last value, or a plain `display`, which keeps no handle."""
    asking = DisplayFormatter.format.__code__
    asker = next((frame.f_back for frame, _ in traceback.walk_stack(None) if frame.f_code is asking), None)
    if asker is None or asker.f_code is not display.__code__:
        return asker is not None and asker.f_code in _HOOKS
    return asker.f_locals.get("display_id") is None


def show_one(output: SavedOutput, settings: Settings, *, how: str = "preview") -> None:
    """Show one output, without a caption: a picture as such, anything else by its name and place."""
    text = "" if _is_seen(output) else f"{output!r}\n{_file_line(output)}"
    CellOutput().put_made(
        lambda: bundle_of_output(output, settings.preview_px, how=how, text=text),
        instead=output,
        language=settings.language,
    )


def _show(  # noqa: PLR0913 - what is shown, where, and how
    generation: Generation,
    settings: Settings,
    picture: CellOutput,
    caption: CellOutput,
    *,
    how: str,
    notes: Sequence[str] = (),
) -> None:
    """Show picture and caption, each in its output."""
    language = settings.language
    picture.put_made(lambda: bundle_of(generation, settings.preview_px, how=how), instead=generation, language=language)
    caption.put_made(
        lambda: ({"text/plain": caption_of(generation, notes=notes, language=language)}, {}), instead=generation
    )


def _show_rescued(error: BaseException, *places: CellOutput) -> None:
    """Show whole what no disk would take: the cell's output is then the only place where the picture is kept.

    The first ones go into the outputs `places`, the others into new ones.
    """
    rescued = error.rescued if isinstance(error, NowImageError) else ()
    for data, place in zip_longest(rescued, places[: len(rescued)]):
        facts = examine(data)
        shown: dict[str, Any] = {"text/plain": f"{facts.width}x{facts.height} sha256={facts.sha256[:12]}"}
        with suppress(BadImageError):
            image, mime = data, facts.mime
            if not is_inline(mime):
                image, mime, *_ = preview(data, longest=max(facts.width, facts.height, 1))
            shown |= image_bundle(image, mime)
        (place or CellOutput()).put(shown)


# While it is being made


class View:
    """Where one job appears in its cell: first how far it is, then, in that same output, the picture."""

    def __init__(
        self, job: Job, settings: Settings, *, prompt: str = "", how: str | None = None, progress: Progress = "buttons"
    ) -> None:
        self._job = job
        self._settings = settings
        self._prompt = plain(prompt, _PROMPT_SHOWN)
        self._how = how or settings.embed
        self._picture = CellOutput()
        self._progress: Progress = "none" if self._picture.is_captured else progress
        self._caption = CellOutput()
        self._waiting: WaitingLine | None = None
        self._putting = threading.Lock()  # the time is told by another thread than the end

    @property
    def _ticks(self) -> bool:
        """Whether what is shown here can tell the time after the cell."""
        return self._progress in ("buttons", "line")

    def tick(self) -> None:
        """Show how far it is; called a few times a second by the waiting cell, and nothing for the first moment."""
        if "none" not in (self._how, self._progress) and self._job.elapsed >= self._settings.progress_after:
            attempt(self._show_progress, self._end_progress)

    def _end_progress(self, fault: str) -> None:
        """Show no more how far it is; the caption will tell why."""
        self._progress = "none"
        self._job.notes.append(fault)

    def _show_progress(self) -> None:
        from ._waiting import WaitingLine  # noqa: PLC0415 - widgets are loaded when one is shown

        language = self._settings.language
        if self._progress == "text":  # a terminal, which cannot take a line back
            if not self._picture.is_there:
                self._picture.put({"text/plain": line_of(self._job, language)})
        elif self._waiting is None:
            self._waiting = WaitingLine(self._job, language, clickable=self._progress == "buttons")
            shown = self._waiting.box._repr_mimebundle_()  # what a front end without widgets reads is a line, too
            self._picture.put({**shown, "text/plain": line_of(self._job, language)})
        else:
            self._waiting.update()

    def rest(self, generation: Generation) -> None:
        """Let the line of progress, where there was one, say that the answer is there."""
        self._end()
        if self._picture.is_there:
            self._picture.put({"text/plain": _passing_line(generation, self._settings.language)})

    def finish(self, generation: Generation) -> None:
        """Turn the output into the picture and put its caption under it."""
        self._end()
        if self._how != "none":
            notes = self._job.notes
            _show(generation, self._settings, self._picture, self._caption, how=self._how, notes=notes)

    def fail(self, error: BaseException) -> None:
        """Leave no waiting line behind; the error itself is shown by the cell."""
        attempt(lambda: self._fail(error), self._end_progress)

    def _fail(self, error: BaseException) -> None:
        self._end()
        _show_rescued(error)
        if not self._picture.is_there:
            return
        known = self._job.generation
        is_over = known is not None and known.status in _ENDINGS
        status = say_status(known.status, self._settings.language) if known and is_over else type(error).__name__
        self._picture.put({"text/plain": " · ".join(word for word in (self._job.refs, self._prompt, status) if word)})

    def leave(self) -> None:
        """The cell is freed: leave two outputs that the late picture will fill."""
        attempt(self._leave, self._end_progress)

    def _leave(self) -> None:
        self._end()
        if self._how == "none":
            return
        self._put_on_its_way()
        self._caption.put({"text/plain": self._prompt})
        # In a context of its own: programs that run notebooks take an update only as one of the cell that runs now.
        self._job.on_done(lambda job: Context().run(attempt, lambda: self._arrive(job), self._end_progress))
        if self._ticks:
            tick_on(lambda: Context().run(self._tell_time))

    def _put_on_its_way(self) -> None:
        language, refs = self._settings.language, self._job.refs
        on_its_way = say("{ref} is on its way; the picture will appear here", language, ref=refs)
        what = on_its_way if refs else say("ordered; the picture will appear here", language)
        self._picture.put({"text/plain": line_of(self._job, language, what=what) if self._ticks else what})

    def _tell_time(self) -> bool:
        """Bring the time under a cell that was left up to date; whether the picture is still to come."""
        with self._putting:
            if not self._job.is_decided:
                attempt(self._put_on_its_way, self._end_progress)
        return self._ticks and not self._job.is_decided

    def show_again(self) -> bool:
        """Show once more what may have come between two cells, where programs lose it; whether it is still to come."""
        if not self._job.is_decided:
            return True
        if self._how != "none" and not self._picture.is_captured:
            attempt(lambda: self._arrive(self._job), self._end_progress)
        return False

    def _arrive(self, job: Job) -> None:
        with self._putting:
            self._put_end(job)

    def _put_end(self, job: Job) -> None:
        error = job.error()
        if error is not None:
            self._picture.put({"text/plain": "\n".join(lines_of(error))})
            _show_rescued(error, self._caption)  # other cells may run now: nothing new is shown if possible
        elif (generation := job.generation) is not None:
            self.finish(generation)

    def _end(self) -> None:
        if self._waiting is not None:
            attempt(self._waiting.close, self._end_progress)
            self._waiting = None
