"""How a panel stands in a cell: the widget, and the static picture that is there when the widget is not."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from .._display import CellOutput
from .._session import Session
from ._fallback import latest, static_bundle
from ._gallery import Gallery
from ._rpc import Wired

__all__ = ["WIDGET_VIEW", "Standing", "Static", "view_bundle"]

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def view_bundle(widget: Wired) -> dict[str, Any]:
    """Return the bundle of a widget's view alone."""
    view = {"version_major": 2, "version_minor": 1, "model_id": widget.model_id}
    return {WIDGET_VIEW: view, "text/plain": repr(widget)}


class Static:
    """The two outputs that stand for a widget: a picture, and its captions, as pages show the richest type alone."""

    def __init__(self, data: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
        """Appear in the running cell, right below the widget."""
        self._picture = CellOutput()
        self._captions = CellOutput()
        self.put(data, metadata)

    def put(self, data: Mapping[str, Any], metadata: Mapping[str, Any]) -> None:
        """Show these instead."""
        words = str(data["text/plain"])
        self._picture.put({**data, "text/plain": words.partition("\n")[0]}, metadata)
        self._captions.put({"text/plain": words}, {"now": {"static": True}})


class Standing:
    """The outputs of one panel; their static picture follows the history."""

    def __init__(self, widget: Wired, session: Session, gallery: Gallery) -> None:
        """Show nothing yet."""
        self._widget = widget
        self._session = session
        self._gallery = gallery
        self._statics: list[Static] = []
        self._shown = ""
        self._due = threading.Event()

    def show(self) -> None:
        """Appear in the running cell: the widget, and below it what stands for it."""
        CellOutput().put(view_bundle(self._widget))
        self._statics.append(Static(*self.static()))

    def whole_bundle(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return view and static picture as one bundle, for those who ask for nothing else."""
        data, metadata = self.static()
        return {**data, **view_bundle(self._widget)}, metadata

    def static(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the static picture as the history is now."""
        pictures = latest(self._session.history.records())
        language = self._session.settings().language
        return static_bundle(pictures, self._session.context.home().store.pictures, language=language)

    def renew_soon(self) -> None:
        """Bring the static picture up to date after what the worker has to do now; once, however often it is asked."""
        if self._statics and not self._due.is_set():
            self._due.set()
            self._widget.have("files", self._renew)

    def _renew(self) -> None:
        self._due.clear()
        data, metadata = self.static()
        if data["text/plain"] == self._shown:
            return
        self._shown = data["text/plain"]
        for one in self._statics:
            one.put(data, metadata)
