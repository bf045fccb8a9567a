"""How a widget of ours stands in a cell: itself, and the static picture that is there when the widget is not."""

from __future__ import annotations

import threading
from typing import Any

from traitlets import Dict, Unicode

from .._display import CellOutput, is_terminal
from .._messages import say
from .._session import Session
from ._assets import labels
from ._fallback import Bundle
from ._rpc import Wired

__all__ = ["Standing"]


class Standing(Wired):
    """A widget with two outputs below that stand for it: a picture, and its captions, as pages show one type alone."""

    mode = Unicode().tag(sync=True)
    """What the script shows: `panel`, or in a cell `compare` for a comparison and `mask` for the mask editor."""

    words = Dict().tag(sync=True)
    """All labels, in the language of the session."""

    def __init__(self, session: Session, **traits: object) -> None:
        self._statics: list[tuple[CellOutput, CellOutput]] = []
        self._shown = ""
        self._due = threading.Event()
        super().__init__(session, words=labels(session.settings().language), **traits)

    def static(self) -> Bundle:
        """Return the static picture as the history is now."""
        raise NotImplementedError

    def show(self) -> None:
        """Appear in the running cell: the widget, and below it what stands for it; in a terminal its text, once."""
        if is_terminal():
            more = say("a terminal shows its text alone; a notebook shows it all", self.language)
            CellOutput().put({"text/plain": f"{self.static()[0]['text/plain']}\n{more}"})
            return
        CellOutput().put(self._view())
        outputs = CellOutput(), CellOutput()
        _fill(*outputs, self.static())
        self._statics.append(outputs)

    def _ipython_display_(self, **_: object) -> None:
        self.show()

    def _repr_mimebundle_(self, **_: object) -> Bundle:
        data, metadata = self.static()
        return {**data, **self._view()}, metadata

    def _view(self) -> dict[str, Any]:
        view = {"version_major": 2, "version_minor": 1, "model_id": self.model_id}
        return {"application/vnd.jupyter.widget-view+json": view, "text/plain": repr(self)}

    def renew_soon(self) -> None:
        """Bring the static picture up to date after what the worker has to do now; once, however often it is asked."""
        if self._statics and not self._due.is_set():
            self._due.set()
            self.have("files", self._renew)

    def _renew(self) -> None:
        self._due.clear()
        bundle = self.static()
        if bundle[0]["text/plain"] != self._shown:
            self._shown = bundle[0]["text/plain"]
            for outputs in self._statics:
                _fill(*outputs, bundle)


def _fill(picture: CellOutput, captions: CellOutput, bundle: Bundle) -> None:
    words = str(bundle[0]["text/plain"])
    picture.put({**bundle[0], "text/plain": words.partition("\n")[0]}, bundle[1])
    captions.put({"text/plain": words}, {"now": {"static": True}})
