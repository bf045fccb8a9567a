"""The buttons of a service under a picture, in a cell: each click is an order, and its picture comes below."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import ipywidgets as widgets

from .._bundles import bundle_of
from .._messages import InputError, NowImageError, lines_of, say
from .._orders import Job, Order
from .._session import Reference, Session
from .._values import Button, Generation, Request
from ._display import caption_of
from ._ticking import tick_on
from ._waiting import WaitingLine

__all__ = ["ButtonRow"]

_PREVIEW_PX = 384


class ButtonRow(widgets.VBox):  # type: ignore[misc]  # ipywidgets has no types
    """The buttons under one picture; those that were pressed before are marked.

    A button that asks for words has a field for them; one that asks for a mask says which line gives it. One that
    relays refuse is off.
    """

    def __init__(self, session: Session, ref: Reference) -> None:
        """Show the buttons of what is referred to.

        Raises:
            InputError: it has none.
        """
        self._session = session
        self._language = session.settings().language
        self._generation = session.generation(ref)
        if not self._generation.buttons:
            raise InputError("{ref} has no buttons", advice="%now history shows what has", ref=self._generation.ref)
        self._buttons = {one.label: self._make_button(one) for one in self._generation.buttons}
        row = widgets.HBox(list(self._buttons.values()), layout=widgets.Layout(flex_flow="row wrap", grid_gap="0.3em"))
        self._row, self._news = row, widgets.VBox()
        super().__init__([row, self._news])
        self._mark_used()

    def __repr__(self) -> str:
        return f"ButtonRow({self._generation.ref}: {', '.join(self._buttons)})"

    def _make_button(self, button: Button) -> Any:  # noqa: ANN401 - a widget
        made = widgets.Button(description=button.label, layout=widgets.Layout(width="auto"), disabled=button.is_refused)
        if button.is_refused:
            made.tooltip = say("relays refuse the button {label}", self._language, label=button.label)
        elif button.asks == "words":
            made.on_click(lambda _: self._ask_for_words(button))
        elif button.asks == "mask":
            made.on_click(lambda _: self._say([self._line_with_mask(button)]))
        else:
            made.on_click(lambda _: self._begin(button.label))
        return made

    def _line_with_mask(self, button: Button) -> str:
        ref = self._generation.ref
        line = f'nj.press("{ref}", "{button.label}", "…", mask=nj.mask("{ref}"))'
        return say("{label} needs a mask: {line}", self._language, label=button.label, line=line)

    def _ask_for_words(self, button: Button) -> None:
        words = widgets.Text(value=button.words)
        go = widgets.Button(description=button.label)
        box = widgets.HBox([words, go])

        def order(_: object) -> None:
            self._put(box, None)
            self._begin(button.label, words.value)

        go.on_click(order)
        self._put(None, box)

    def _mark_used(self) -> None:
        children = [one for one in self._session.history if self._generation.id in one.parents]
        for used in (one for one in children if one.has_answer and one.request.button in self._buttons):
            made = self._buttons[used.request.button or ""]
            made.button_style, made.tooltip = "success", say("pressed: {ref}", self._language, ref=used.ref)

    def _begin(self, label: str, words: str = "") -> None:
        """Order on a thread of its own: what is asked of the relay first must not hold the kernel."""
        self._buttons[label].disabled = True
        threading.Thread(target=self._order, args=(label, words), name="now-jupyter-button", daemon=True).start()

    def _order(self, label: str, words: str = "", *, agreed: bool = False) -> None:
        request = Request(prompt=words, button=label)
        order = Order(request=request, given=(("press", self._generation.ref),), reuse="never", agreed=agreed)
        try:
            doubt = None if agreed else self._session.rehearse(order).doubt
            if doubt is None:
                self._follow(self._session.place(order), label)
            else:
                question = doubt.in_language(self._language).message()
                self._ask(question, lambda: self._order(label, words, agreed=True), label)
        except NowImageError as problem:
            self._say(lines_of(problem.in_language(self._language)))
            self._buttons[label].disabled = False

    def _ask(self, question: str, go_on: Callable[[], None], label: str) -> None:
        yes = widgets.Button(description=say("order", self._language), button_style="warning")
        no = widgets.Button(description=say("not now", self._language))
        box = widgets.HBox([widgets.Label(question), yes, no])

        def end(go: Callable[[], None] | None) -> None:
            self._put(box, None)
            if go is not None:
                threading.Thread(target=go, name="now-jupyter-button", daemon=True).start()
            else:
                self._buttons[label].disabled = False

        yes.on_click(lambda _: end(go_on))
        no.on_click(lambda _: end(None))
        self._put(None, box)

    def _follow(self, job: Job, label: str) -> None:
        waiting = WaitingLine(job, self._language)
        self._put(None, waiting.box)

        def tick() -> bool:
            if not job.is_decided:
                waiting.update()
            return not job.is_decided

        def end(done: Job) -> None:
            waiting.close()
            self._put(waiting.box, self._result_of(done))
            self._buttons[label].disabled = False
            self._mark_used()

        tick_on(tick)
        job.on_done(end)

    def _result_of(self, job: Job) -> Any:  # noqa: ANN401 - a widget
        error, generation = job.error(), job.generation
        if error is not None or generation is None:
            return widgets.VBox(_labels_of(lines_of(error) if error else []))
        caption = caption_of(generation, notes=job.notes, language=self._language)
        return widgets.VBox([*_images_of(generation), *_labels_of(caption.split("\n"))])

    def _say(self, lines: list[str]) -> None:
        self._put(None, widgets.VBox(_labels_of(lines)))

    def _put(self, old: Any, new: Any) -> None:  # noqa: ANN401 - widgets
        """Put one thing in the place of another, or below all others."""
        shown = [new if one is old else one for one in self._news.children] if old else [*self._news.children, new]
        self._news.children = [one for one in shown if one is not None]


def _labels_of(lines: Sequence[str]) -> list[Any]:
    """Return a label for each line: in one of them, lines would run together."""
    return [widgets.Label(line) for line in lines]


def _images_of(generation: Generation) -> list[Any]:
    """Return the pictures in their own size, or smaller where there is less room: a box would stretch them."""
    data, about = bundle_of(replace(generation, text=""), _PREVIEW_PX)
    return [
        widgets.Image(
            value=base64.b64decode(encoded),
            format=mime.removeprefix("image/"),
            layout=widgets.Layout(width=f"{about[mime]['width']}px", max_width="100%", align_self="flex-start"),
        )
        for mime, encoded in data.items()
        if mime.startswith("image/")
    ]
