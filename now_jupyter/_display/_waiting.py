"""What stands in a cell while a picture is being made: one line, a partial picture where there is one, and a button."""

from __future__ import annotations

from contextlib import suppress

import ipywidgets as widgets

from .._media import preview
from .._messages import Language, NowImageError, say
from .._orders import Job
from ._ticking import line_of

__all__ = ["WaitingLine"]

_PREVIEW_PX = 384


class WaitingLine:
    """Progress as widgets. Its button is "Cancel" while nothing was sent, "Stop waiting" afterwards.

    Where a click would be served only after the cell (`clickable` tells), there is none, and the line says what helps.
    """

    def __init__(self, job: Job, language: Language, *, clickable: bool = True) -> None:
        self._job = job
        self._language = language
        self._clickable = clickable
        self._seen: bytes | None = None
        self._line = widgets.Label()
        self._bar = widgets.FloatProgress(min=0.0, max=1.0, layout=widgets.Layout(width="12em", height="16px"))
        self._button = widgets.Button(layout=widgets.Layout(width="auto"))
        self._image = widgets.Image(layout=widgets.Layout(display="none", max_width="384px"))
        self._button.on_click(self._stop)
        row = widgets.HBox(
            [self._line, self._bar, *([self._button] if clickable else [])],
            layout=widgets.Layout(align_items="center", grid_gap="0.6em"),
        )
        self.box = widgets.VBox([row, self._image])
        """What is shown."""
        self._all = (self.box, row, self._line, self._bar, self._button, self._image)
        self.update()

    def update(self) -> None:
        """Bring line, bar, button and partial picture up to date."""
        facts = [line_of(self._job, self._language, with_bar=False)]
        facts += [] if self._clickable else [say("■ frees the cell", self._language)]
        facts += [self._job.hint] if self._job.hint else []
        self._line.value = " · ".join(facts)
        is_sent = self._job.is_sent
        self._button.description = say("Stop waiting", self._language) if is_sent else say("Cancel", self._language)
        why = say("already ordered, it will arrive here as {ref}", self._language, ref=self._job.refs)
        self._button.tooltip = why if is_sent else say("nothing has been sent yet", self._language)
        progress = self._job.progress
        fraction = progress.fraction if progress else None
        self._bar.layout.visibility = "hidden" if fraction is None else "visible"
        self._bar.value = fraction or 0.0
        if progress and progress.preview and progress.preview is not self._seen:
            self._show_partial(progress.preview)

    def _show_partial(self, data: bytes) -> None:
        self._seen = data
        with suppress(NowImageError):  # a picture that is not finished need not be one
            self._image.value, mime, *_ = preview(data, longest=_PREVIEW_PX)
            self._image.format = mime.removeprefix("image/")
            self._image.layout.display = ""

    def _stop(self, _button: object) -> None:
        if not self._job.cancel():
            self._job.stop_waiting()

    def close(self) -> None:
        """Take the widgets' models away; the output itself is updated by whoever owns it."""
        for one in self._all:
            for part in (one.layout, getattr(one, "style", None)):
                if part is not None:  # a widget does not take the models it is made of with it
                    part.close()
            one.close()
