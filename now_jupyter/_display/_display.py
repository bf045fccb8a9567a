"""From values to outputs: the picture, its caption, and the line that stands there while it is being made.

Every output is created in the cell; later it is only updated, by its display id, also from the background. Saved
notebooks hold `image/*` and `text/plain`, never HTML. Facts: design.md §2.6, reference/jupyter.md §2, §4, §7.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import Context
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from .._media import can_show, examine, is_inline, preview, sheet
from .._messages import BadImageError, NowImageError, plain, say
from .._orders import Job
from .._settings import Settings
from .._values import Generation, Picture, Status
from ._outputs import Output

if TYPE_CHECKING:
    from ._waiting import WaitingLine, WaitingText

__all__ = ["Progress", "View", "bundle_of", "caption_of", "register_formatters", "show", "unregister_formatters"]

Progress: TypeAlias = Literal["buttons", "line", "text", "none"]
_PROMPT_SHOWN = 72
_ENDINGS = (Status.FAILED, Status.CANCELLED, Status.UNKNOWN)


def bundle_of(
    generation: Generation, settings: Settings, *, how: str = "preview"
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give data and metadata of the picture's output: a preview (of several: a numbered sheet) and its fact line."""
    text = "\n".join(repr(picture) for picture in generation.pictures) or repr(generation)
    data: dict[str, Any] = {"text/plain": text}
    mark: dict[str, Any] = {"id": generation.id, "sha256": [picture.sha256 for picture in generation.pictures]}
    if generation.demo:
        mark["demo"] = True
    metadata: dict[str, Any] = {"now": mark}
    if how in ("preview", "full") and (image := _image(generation.pictures, settings.preview_px, whole=how == "full")):
        data[image[1]], mime, width, height = image
        metadata[mime] = {"width": width, "height": height, "alt": _alt(generation)}
    return data, metadata


def _image(pictures: Sequence[Picture], longest: int, *, whole: bool) -> tuple[bytes, str, int, int] | None:
    """Return what a notebook shows of these pictures: bytes, type, width and height; None where it can show none."""
    originals = {number: one.bytes() for number, one in enumerate(pictures, 1) if can_show(one.mime)}
    with suppress(BadImageError):  # the bytes are as they came, but this Pillow cannot read their type
        if len(originals) > 1:
            return sheet(tuple(originals.values()), longest=longest, numbers=tuple(originals))
        for number, data in originals.items():
            one = pictures[number - 1]
            if whole and is_inline(one.mime):
                return data, one.mime, one.width, one.height
            return preview(data, longest=max(one.width, one.height, 1) if whole else longest)
    return None


def _alt(generation: Generation) -> str:
    return plain(generation.pictures[0].alt or generation.prompt, 300)


def caption_of(
    generation: Generation, *, origin: str = "bought", notes: Sequence[str] = (), working: Path | None = None
) -> str:
    """Give the caption: a stable line (what is shown, model, size, path), then a passing one (number, time, cost)."""
    return "\n".join([_stable_line(generation, working), *_passing_lines(generation, origin, notes)])


def _stable_line(generation: Generation, working: Path | None) -> str:
    prompt = plain(generation.prompt, _PROMPT_SHOWN)
    if not generation.pictures:
        return " · ".join([prompt, generation.model or "?", generation.status.value])
    sizes = dict.fromkeys(f"{picture.width}×{picture.height}" for picture in generation.pictures)
    count = len(generation.pictures)
    shape = (f"{count} × " if count > 1 else "") + ", ".join(sizes)
    model = f"{len(generation.parts)} × {generation.model}" if generation.parts else generation.model
    return " · ".join([prompt, model, shape, _where(generation.pictures, working)])


def _where(pictures: Sequence[Picture], working: Path | None) -> str:
    path = pictures[0].path if len(pictures) == 1 else pictures[0].path.parent
    try:
        return str(path.relative_to(working or Path.cwd()))
    except ValueError:
        return os.path.relpath(path) if path.drive == Path.cwd().drive else str(path)


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
    if generation.error is not None and generation.pictures:
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
) -> None:
    """Have IPython show our values our way; what is already shown in this execution shows nothing."""

    def show_generation(generation: Generation) -> None:
        if not was_shown(generation):
            show(generation, settings())

    def show_picture(picture: Picture) -> None:
        show_one(picture, settings())

    def show_job(job: Job) -> None:
        if not was_shown(job):
            Output().put({"text/plain": repr(job)})

    formatter = ip.display_formatter.ipython_display_formatter
    formatter.for_type(Generation, show_generation)
    formatter.for_type(Picture, show_picture)
    formatter.for_type(Job, show_job)


def unregister_formatters(ip: Any) -> None:  # noqa: ANN401 - as above
    """Take our formatters out again."""
    formatter = ip.display_formatter.ipython_display_formatter
    for kind in (Generation, Picture, Job):
        formatter.type_printers.pop(kind, None)


def show(
    generation: Generation,
    settings: Settings,
    *,
    how: str | None = None,
    origin: str = "bought",
    notes: Sequence[str] = (),
) -> None:
    """Show a generation now: its picture and its caption, as two outputs."""
    how = how or settings.embed
    if how == "none":
        return
    Output().put(*bundle_of(generation, settings, how=how))
    Output().put({"text/plain": caption_of(generation, origin=origin, notes=notes)})


def show_one(picture: Picture, settings: Settings, *, how: str = "preview") -> None:
    """Show one picture, without a caption."""
    data: dict[str, Any] = {"text/plain": repr(picture)}
    metadata: dict[str, Any] = {"now": {"sha256": [picture.sha256]}}
    if image := _image([picture], settings.preview_px, whole=how == "full"):
        data[image[1]], mime, width, height = image
        metadata[mime] = {"width": width, "height": height, "alt": plain(picture.alt, 300)}
    Output().put(data, metadata)


def show_rescued(error: BaseException, *places: Output) -> None:
    """Show whole what no disk would take: the cell's output is then the only place where the picture is kept.

    The first ones go into the outputs `places`, the others into new ones.
    """
    rescued = error.rescued if isinstance(error, NowImageError) else ()
    for number, data in enumerate(rescued):
        place = places[number] if number < len(places) else Output()
        place.put(_whole(data))


def _whole(data: bytes) -> dict[str, Any]:
    facts = examine(data)
    words = {"text/plain": f"{facts.width}x{facts.height} sha256={facts.sha256[:12]}"}
    if is_inline(facts.mime):
        return {**words, facts.mime: data}
    with suppress(BadImageError):
        image, mime, *_ = preview(data, longest=max(facts.width, facts.height, 1))
        return {**words, mime: image}
    return words


# While it is being made


class View:
    """Where one job appears in its cell: first how far it is, then, in that same output, the picture."""

    def __init__(
        self, job: Job, settings: Settings, *, prompt: str = "", how: str | None = None, progress: Progress = "buttons"
    ) -> None:
        """Prepare; nothing is shown before `tick` finds that it takes longer than a moment."""
        self._job = job
        self._settings = settings
        self._prompt = plain(prompt, _PROMPT_SHOWN)
        self._how = how or settings.embed
        self._progress = progress
        self._picture = Output()
        self._caption = Output()
        self._waiting: WaitingLine | WaitingText | None = None

    def tick(self) -> None:
        """Show how far it is; called a few times a second by the waiting cell."""
        if "none" in (self._how, self._progress) or self._job.elapsed < self._settings.progress_after:
            return
        if self._waiting is None:
            self._waiting = self._begun()
        self._waiting.update()

    def _begun(self) -> WaitingLine | WaitingText:
        from ._waiting import WaitingLine, WaitingText  # noqa: PLC0415 - widgets are loaded when one is shown

        language = self._settings.language
        waiting: WaitingLine | WaitingText
        if self._progress == "text":
            waiting = WaitingText(self._job, language)
        else:
            waiting = WaitingLine(self._job, language, clickable=self._progress == "buttons")
        waiting.show_in(self._picture)
        return waiting

    def finish(self, generation: Generation) -> None:
        """Turn the output into the picture and put its caption under it."""
        self._end()
        if self._how == "none":
            return
        self._picture.put(*bundle_of(generation, self._settings, how=self._how))
        self._caption.put({"text/plain": caption_of(generation, origin=self._job.origin, notes=self._job.notes)})

    def fail(self, error: BaseException) -> None:
        """Leave no waiting line behind; the error itself is shown by the cell."""
        self._end()
        show_rescued(error)
        if not self._picture.is_there:
            return
        known = self._job.generation
        status = known.status if known is not None and known.status in _ENDINGS else type(error).__name__
        self._picture.put({"text/plain": " · ".join(word for word in (self._job.refs, self._prompt, status) if word)})

    def leave(self) -> None:
        """The cell is freed: leave two outputs that the late picture will fill."""
        self._end()
        if self._how == "none":
            return
        self._picture.put({"text/plain": self._promise()})
        self._caption.put({"text/plain": self._prompt})
        # In a context of its own: programs that run notebooks take an update only as one of the cell that runs now.
        self._job.on_done(lambda job: Context().run(self._arrive, job))

    def show_again(self) -> bool:
        """Show once more what may have come between two cells, where programs lose it; whether it is still to come."""
        if not self._job.is_decided:
            return True
        if self._how != "none":
            self._arrive(self._job)
        return False

    def _promise(self) -> str:
        language = self._settings.language
        if not self._job.refs:
            return say("ordered; the picture will appear here", language)
        return say("{ref} is on its way; the picture will appear here", language, ref=self._job.refs)

    def _arrive(self, job: Job) -> None:
        error = job.error()
        if error is not None:
            text = "\n".join(error.lines()) if isinstance(error, NowImageError) else _outcome_line(error)
            words, picture = self._picture, self._caption  # other cells may run now: nothing new is shown if possible
            words.put({"text/plain": text})
            show_rescued(error, picture)
        elif (generation := job.generation) is not None:
            self.finish(generation)

    def _end(self) -> None:
        if self._waiting is not None:
            self._waiting.close()
            self._waiting = None


def _outcome_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {plain(str(error).splitlines()[0] if str(error) else '', 200)}"
