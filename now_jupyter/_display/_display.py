"""From values to outputs: the picture, its caption, and the line that stands there while it is being made.

Every output is created in the cell; later it is only updated, by its display id, also from the background. Saved
notebooks hold `image/*` and `text/plain`; only lists of generations are HTML.
Facts: design.md §2.6, reference/jupyter.md §2, §4, §7.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import Context
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from .._media import DecoderError, can_show, examine, is_inline, preview, sheet
from .._messages import BadImageError, NowImageError, lines_of, plain, printable, say
from .._orders import Job
from .._settings import Settings
from .._values import Generation, Picture, Status
from .._values import Output as SavedOutput
from ._outputs import CellOutput, attempt

if TYPE_CHECKING:
    from ._waiting import WaitingLine

__all__ = ["Progress", "View", "bundle_of", "caption_of", "register_formatters", "show_one", "unregister_formatters"]

Progress: TypeAlias = Literal["buttons", "line", "text", "none"]
_PROMPT_SHOWN = 72
_ENDINGS = (Status.FAILED, Status.CANCELLED, Status.UNKNOWN)


def bundle_of(
    generation: Generation, settings: Settings, *, how: str = "preview"
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return data and metadata of the answer's output: a preview (of several: a numbered sheet), facts and words."""
    words = [printable(generation.text)] if generation.text else []
    text = "\n".join([*map(repr, generation.outputs), *words]) or repr(generation)
    mark: dict[str, Any] = {"id": generation.id, "sha256": [one.sha256 for one in generation.outputs]}
    if generation.demo:
        mark["demo"] = True
    shown = generation.pictures if how in ("preview", "full") else ()
    alt = next((one.alt for one in shown), "") or generation.prompt
    image, about = _image_bundle(shown, settings.preview_px, whole=how == "full", alt=alt)
    return {"text/plain": text, **image}, {"now": mark, **about}


def _image_bundle(
    pictures: Sequence[Picture], longest: int, *, whole: bool, alt: str
) -> tuple[dict[str, Any], dict[str, Any]]:
    image = _image_of(pictures, longest, whole=whole)
    if image is None:
        return {}, {}
    data, mime, width, height = image
    return {mime: data}, {mime: {"width": width, "height": height, "alt": plain(alt, 300)}}


def _image_of(pictures: Sequence[Picture], longest: int, *, whole: bool) -> tuple[bytes, str, int, int] | None:
    """Return what a notebook shows of these pictures: bytes, type, width and height; None where it can show none."""
    here: list[tuple[Picture, bytes]] = []
    for one in pictures:
        with suppress(NowImageError):  # gone or changed: what was paid for and kept fails no cell
            here += [(one, one.bytes())] if can_show(one.mime) else []
    shown = [pair for pair in here if not pair[0].is_side]
    sheets = [pair for pair in here if pair[0].is_side]
    if not shown or (len(shown) > 1 and len(sheets) == 1):
        shown = sheets  # the service's own sheet of them, or a cover
    try:
        if len(shown) > 1:
            return sheet([data for _, data in shown], longest=longest, labels=_labels_of([one for one, _ in shown]))
        for one, data in shown:
            if whole and is_inline(one.mime):
                return data, one.mime, one.width, one.height
            return preview(data, longest=max(one.width, one.height, 1) if whole else longest)
    except DecoderError:
        raise
    except BadImageError:  # the bytes are as they came, but this Pillow cannot read their type
        return None
    return None


def _labels_of(pictures: Sequence[Picture]) -> list[str]:
    """Return what pictures are called on a sheet: as their references, which in one generation differ at the end."""
    refs = [one.ref.lstrip("#") for one in pictures]
    is_one = len({ref.partition(".")[0] for ref in refs}) == 1
    return [ref.rpartition(".")[2] for ref in refs] if is_one else refs


def caption_of(generation: Generation, *, origin: str = "bought", notes: Sequence[str] = ()) -> str:
    """Return the caption: a stable line (prompt, model, size), what cannot be seen, the passing line (number, cost)."""
    unseen = [_file_line(one) for one in generation.outputs if not _is_seen(one)]
    return "\n".join([_stable_line(generation), *unseen, *_passing_lines(generation, origin, notes)])


def _stable_line(generation: Generation) -> str:
    pictures = [one for one in generation.pictures if not one.is_side]
    sizes = dict.fromkeys(f"{one.width}×{one.height}" for one in pictures if one.width)
    count = f"{len(pictures)} × " if len(pictures) > 1 and sizes else ""
    model = generation.model or "?"
    facts = [
        plain(generation.prompt, _PROMPT_SHOWN),
        f"{len(generation.parts)} × {model}" if generation.parts else model,
        plain(generation.service if generation.rerouted else generation.request.service or "", 40),
        count + ", ".join(sizes) if generation.has_answer else generation.status.value,
    ]
    return " · ".join(fact for fact in facts if fact)


def _is_seen(one: SavedOutput) -> bool:
    return isinstance(one, Picture) and can_show(one.mime)


def _file_line(one: SavedOutput) -> str:
    """Return kind and place of an output that a notebook does not show."""
    path = one.path
    with suppress(ValueError, OSError):
        path = path.relative_to(Path.cwd())
    return f"{type(one).__name__.lower()} · {path}"


def _passing_lines(generation: Generation, origin: str, notes: Sequence[str]) -> list[str]:
    facts = [generation.ref]
    if origin == "history":
        facts = [f"from history {generation.ref}", "nothing spent", "run again for new ones"]
    elif generation.status is Status.RUNNING or generation.status is Status.PENDING:
        facts.append("under way")
    else:
        facts += _costs(generation)
    if origin == "joined":
        facts.append("joined, ordered once")
    if generation.error is not None and generation.has_answer:
        facts.append(plain(generation.error.message(), 120))
    return [" · ".join(facts), *notes]


def _costs(generation: Generation) -> list[str]:
    facts = [f"{generation.elapsed:.1f} s"] if generation.elapsed is not None else []
    if generation.demo:
        return [*facts, "demo, costs nothing"]
    if generation.cost is not None and generation.cost.amount is not None:
        return [*facts, str(generation.cost)]
    return [*facts, "price unknown"] if generation.billed != "no" else facts


# What IPython shows for our values


def register_formatters(
    ip: Any,  # noqa: ANN401 - a shell; its own types do not know its formatters
    was_shown: Callable[[object], bool],
    settings: Callable[[], Settings],
    remember: Callable[[Generation | SavedOutput], None],
) -> None:
    """Have IPython show our values our way; what is already shown in this execution shows nothing."""

    def show_generation(generation: Generation) -> None:
        remember(generation)
        if not was_shown(generation) and settings().embed != "none":
            _show(generation, settings(), CellOutput(), CellOutput(), how=settings().embed)

    def show_output(output: SavedOutput) -> None:
        remember(output)
        show_one(output, settings())

    def show_job(job: Job) -> None:
        if not was_shown(job):
            CellOutput().put({"text/plain": repr(job)})

    formatter = ip.display_formatter.ipython_display_formatter
    formatter.for_type(Generation, show_generation)
    formatter.for_type(SavedOutput, show_output)
    formatter.for_type(Job, show_job)


def unregister_formatters(ip: Any) -> None:  # noqa: ANN401 - as above
    """Take our formatters out again."""
    formatter = ip.display_formatter.ipython_display_formatter
    for kind in (Generation, SavedOutput, Job):
        formatter.type_printers.pop(kind, None)


def show_one(output: SavedOutput, settings: Settings, *, how: str = "preview") -> None:
    """Show one output, without a caption: a picture as such, anything else by its name and place."""
    text = repr(output) if _is_seen(output) else f"{output!r}\n{_file_line(output)}"
    pictures = [one for one in (output,) if isinstance(one, Picture)]
    alt = "".join(one.alt for one in pictures)

    def made() -> tuple[dict[str, Any], dict[str, Any]]:
        image, about = _image_bundle(pictures, settings.preview_px, whole=how == "full", alt=alt)
        return {"text/plain": text, **image}, {"now": {"sha256": [output.sha256]}, **about}

    CellOutput().put_made(made, instead=output, language=settings.language)


def _show(  # noqa: PLR0913 - what is shown, where, and how
    generation: Generation,
    settings: Settings,
    picture: CellOutput,
    caption: CellOutput,
    *,
    how: str,
    origin: str = "bought",
    notes: Sequence[str] = (),
) -> None:
    """Show picture and caption, each in its output."""
    language = settings.language
    picture.put_made(lambda: bundle_of(generation, settings, how=how), instead=generation, language=language)
    caption.put_made(
        lambda: ({"text/plain": caption_of(generation, origin=origin, notes=notes)}, {}), instead=generation
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
            shown[mime] = image
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
        self._progress = progress
        self._picture = CellOutput()
        self._caption = CellOutput()
        self._waiting: WaitingLine | None = None

    def tick(self) -> None:
        """Show how far it is; called a few times a second by the waiting cell, and nothing for the first moment."""
        if "none" not in (self._how, self._progress) and self._job.elapsed >= self._settings.progress_after:
            attempt(self._show_progress, self._end_progress)

    def _end_progress(self, fault: str) -> None:
        """Show no more how far it is; the caption will tell why."""
        self._progress = "none"
        self._job.notes.append(fault)

    def _show_progress(self) -> None:
        from ._waiting import WaitingLine, line_of  # noqa: PLC0415 - widgets are loaded when one is shown

        language = self._settings.language
        if self._progress == "text":  # a terminal, which cannot take a line back
            if not self._picture.is_there:
                self._picture.put({"text/plain": line_of(self._job, language)})
        elif self._waiting is None:
            self._waiting = WaitingLine(self._job, language, clickable=self._progress == "buttons")
            self._picture.put_value(self._waiting.box)
        else:
            self._waiting.update()

    def finish(self, generation: Generation) -> None:
        """Turn the output into the picture and put its caption under it."""
        self._end()
        if self._how != "none":
            origin, notes = self._job.origin, self._job.notes
            _show(generation, self._settings, self._picture, self._caption, how=self._how, origin=origin, notes=notes)

    def fail(self, error: BaseException) -> None:
        """Leave no waiting line behind; the error itself is shown by the cell."""
        attempt(lambda: self._fail(error), self._end_progress)

    def _fail(self, error: BaseException) -> None:
        self._end()
        _show_rescued(error)
        if not self._picture.is_there:
            return
        known = self._job.generation
        status = known.status if known is not None and known.status in _ENDINGS else type(error).__name__
        self._picture.put({"text/plain": " · ".join(word for word in (self._job.refs, self._prompt, status) if word)})

    def leave(self) -> None:
        """The cell is freed: leave two outputs that the late picture will fill."""
        attempt(self._leave, self._end_progress)

    def _leave(self) -> None:
        self._end()
        if self._how == "none":
            return
        language, refs = self._settings.language, self._job.refs
        on_its_way = say("{ref} is on its way; the picture will appear here", language, ref=refs)
        self._picture.put(
            {"text/plain": on_its_way if refs else say("ordered; the picture will appear here", language)}
        )
        self._caption.put({"text/plain": self._prompt})
        # In a context of its own: programs that run notebooks take an update only as one of the cell that runs now.
        self._job.on_done(lambda job: Context().run(attempt, lambda: self._arrive(job), self._end_progress))

    def show_again(self) -> bool:
        """Show once more what may have come between two cells, where programs lose it; whether it is still to come."""
        if not self._job.is_decided:
            return True
        if self._how != "none":
            attempt(lambda: self._arrive(self._job), self._end_progress)
        return False

    def _arrive(self, job: Job) -> None:
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
