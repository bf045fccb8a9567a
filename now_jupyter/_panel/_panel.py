"""The panel: make, look, choose, change, beside the cells and on the same session and history.

What is saved in a notebook. Showing a panel makes three outputs: the widget, and below it a sheet of the latest
pictures (`_fallback`) with its captions, which stand for it wherever the widget is not. JupyterLab shows the richest
type of a bundle and never falls back to another when the widget's model is gone, hence an output of its own; while
the panel is alive the styles hide it. So nothing hangs on saved widget state, for which front ends want a CDN. Where
it is saved all the same (by nbclient, or a user's setting), it is small: a loader, words, draft and the relay's
models. Script, styles, rows and pictures travel as messages and are no part of it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from msgspec.structs import asdict
from traitlets import Dict, List

from .._media import preview, recipe_file
from .._messages import InputError, NowImageError, plain
from .._options import cell_text
from .._session import Session
from .._store import Record, RecordedOutput, read_file
from .._values import Generation, Status
from ._attachments import Attachments
from ._detail import detail_of, draft_in
from ._diff import differences
from ._draft import Draft, draft_of, read_draft, recipe_of, request_of
from ._fallback import Bundle, latest, static_bundle
from ._gallery import Gallery, pack
from ._jobs import JobBoard
from ._marking import MARKS, mark
from ._messages import Message
from ._ordering import VERBS, Ordering
from ._pictures import original_of, picture_bytes, picture_of, pictures_of
from ._quote import quote_of, relay_of
from ._rpc import Answer
from ._static_output import Standing
from ._tab import open_tab, require_sidecar
from ._thumbs import Wanted, thumb_of

__all__ = ["Panel", "follow", "make_panel", "recall"]

_PARTIAL_PX = 640
_LARGEST_FILE = 32 << 20
_LARGEST_ZIP = 512 << 20
_UNDER_WAY = (Status.PENDING, Status.RUNNING)
_OPEN: WeakKeyDictionary[Panel, Session] = (
    WeakKeyDictionary()
)  # `%now recall` finds those of its session; none is kept alive


class Panel(Standing):
    """A widget for making, looking at, choosing and changing pictures. Show it as the last value of a cell."""

    draft = Dict().tag(sync=True)
    """What stands in the form (`_draft.Draft`); the one trait that a front end may set."""

    jobs: List[Any] = List().tag(sync=True)
    """What is under way, and failures that were not yet put away."""

    relay = Dict().tag(sync=True)
    """Who answers: models with prices, the default model, what is left."""

    def __init__(self, session: Session, *, tab: bool = False) -> None:
        """Connect to a session; what it knows is asked for in the background. `tab`: it appears in a tab of its own."""
        self._is_in_tab, self._tab = tab, None
        super().__init__(session, mode="panel", draft=Draft().to_json())
        self._gallery = Gallery(session)
        self._wanted = Wanted()
        self._folder = session.context.home().store.folder
        self._board = JobBoard(session, lambda forms: self.put("jobs", forms), self._send_partial_soon)
        self._attachments = Attachments(session)
        self._ordering = Ordering(session, self._board, self._attachments)
        self._answering: object = None
        self._asking = threading.Event()
        self._end_observing = session.history.observe(self._receive_change)
        self.have("files", self._begin)
        self._board.look()
        _OPEN[self] = session

    def _begin(self) -> None:
        """Have the history's index, then ask the relay: at once they would both read all of it."""
        with suppress(NowImageError):
            self._gallery.prepare()
        self._ask_relay_soon()

    def static(self) -> Bundle:
        """Return the latest pictures."""
        return static_bundle(
            latest(self._session.history.records_newest_first()), self._gallery.pictures, language=self.language
        )

    def __repr__(self) -> str:
        return f"Panel({len(self._session.history)} generations)"

    def _view(self) -> dict[str, Any]:
        """Return what shows the panel in the cell: itself, or words where a tab does; a session has one tab."""
        own = super()._view()
        if not self._is_in_tab:
            return own
        for one in _panels_of(self._session):
            one.close_tab()
        self._tab = open_tab(own, self.words["panel"])
        return {"text/plain": self.words["inTab"]}

    def close_tab(self) -> None:
        """Close the tab that shows the panel, if one does."""
        if self._tab is not None:
            self._tab.close()
            self._tab = None

    def recall(self, source: str | Path) -> list[str]:
        """Fill the draft from a picture: of the history (`#12`, `-1`, a name) or a file (a `Path`); undo takes it back.

        Returns what of a file could not be taken over, in lines.

        Raises:
            InputError: there is no such picture, or the file does not say how it was made.
        """
        if isinstance(source, Path):
            data = read_file(recipe_file(source), limit=_LARGEST_FILE)
            draft, notes = self._draft_in(data)
        else:
            record = self._session.history.record(int(self._session.generation(source).ref.removeprefix("#")))
            draft, notes = recipe_of(record, self._session.history), []
        self.put("draft", draft.to_json())
        return notes

    def close(self) -> None:
        """End the panel; what is under way goes on."""
        _OPEN.pop(self, None)
        self.close_tab()
        self._end_observing()
        self._board.close()
        super().close()

    # What it answers

    def answers(self) -> Mapping[str, tuple[str, Callable[[Message], Answer]]]:
        """Return for each action the worker that does it, and how."""
        return {
            **super().answers(),
            "find": ("files", self._find),
            "choices": ("files", lambda _: self._gallery.choices()),
            "rows": ("files", self._of_this_folder(self._rows)),
            "thumbs": ("files", self._of_this_folder(self._thumbnails)),
            "detail": ("files", self._of_this_folder(self._detail)),
            "picture": ("files", self._of_this_folder(lambda message: self._bytes(message, picture_bytes))),
            "original": ("files", self._of_this_folder(lambda message: self._bytes(message, original_of))),
            "export": ("files", self._of_this_folder(self._export)),
            "compare": ("files", self._of_this_folder(self._compare)),
            "cell": ("files", self._cell),
            "attach": ("files", self._attach),
            "pick": ("files", self._of_this_folder(self._pick)),
            "input": ("files", lambda message: self._attachments.show(message.fields["input"])),
            "paintable": (
                "files",
                lambda message: self._attachments.paintable(message.fields["input"], message.fields["masks"]),
            ),
            **dict.fromkeys(MARKS, ("files", self._of_this_folder(lambda message: mark(self._session, message)))),
            **dict.fromkeys(("presets", "preset", "rename", "unpreset"), ("files", self._presets)),
            "drop": ("files", lambda message: self._recipe_in(message.data)),
            "quote": ("relay", self._quote),
            "relay": ("relay", lambda _: self._ask_relay()),
            "generate": ("orders", self._ordering.order),
            "stop": ("orders", lambda message: {"cancelled": self._board.stop(message.fields["job"])}),
            "dismiss": ("orders", lambda message: self._board.dismiss(message.fields["job"])),
            **dict.fromkeys(VERBS, ("orders", self._of_this_folder(self._ordering.act))),
        }

    # The form

    def _draft_in(self, data: bytes) -> tuple[Draft, list[str]]:
        return draft_in(data, self._session.history, self.language)

    def _recipe_in(self, data: bytes) -> Answer:
        draft, notes = self._draft_in(data)
        return {"draft": draft.to_json(), "notes": notes}

    def _cell(self, message: Message) -> Answer:
        draft = message.fields["draft"]
        return {"cell": cell_text(request_of(draft), self._attachments.named(draft))}

    def _attach(self, message: Message) -> Answer:
        """Take a file as an input, and offer to recall how it was made where it or the history says so."""
        one = self._attachments.attach(message.data)
        with suppress(InputError):
            return {"input": asdict(one), "recall": self._recipe_in(message.data)}
        return {"input": asdict(one), "recall": None}

    def _paintable(self, message: Message) -> Answer:
        return self._attachments.paintable(message.fields["input"], message.fields["masks"])

    def _presets(self, message: Message) -> Answer:
        """Change the presets as the action says, and return all of them as drafts."""
        fields, presets = message.fields, self._session.presets
        if message.action == "preset":
            presets.save(fields["name"], request_of(fields["draft"]))
        elif message.action == "rename":
            presets.rename(fields["name"], fields["to"])
        elif message.action == "unpreset":
            presets.delete(fields["name"])
        found: list[dict[str, Any]] = []
        for name, request in presets.all().items():
            with suppress(ValueError):  # more than the form can hold
                found.append({"name": name, "draft": read_draft(draft_of(request).to_json()).to_json()})
        return {"presets": found}

    def _pick(self, message: Message) -> Answer:
        """Return a picture of the history as an input."""
        record = self._session.history.record(message.fields["number"])
        return {"input": asdict(self._attachments.of_picture(record, message.fields["output"]))}

    # The folder it shows

    def _of_this_folder(self, answer: Callable[[Message], Answer]) -> Callable[[Message], Answer]:
        """Refuse what names a number of the folder that was shown before: here it is another picture."""

        def checked(message: Message) -> Answer:
            if self._follow():
                raise InputError("the history is now {path}", path=self._folder)
            return answer(message)

        return checked

    def follow_soon(self) -> None:
        """Look whether the history lies in another folder now, and go along."""
        self.have("files", self._follow)

    def _follow(self) -> bool:
        """Go along with the session to another folder; tells whether there was one."""
        folder = self._session.context.home().store.folder
        with self._sending:
            if folder == self._folder:
                return False
            self._folder = folder
        self._wanted.forget()
        self._gallery.forget()
        self.tell({"event": "moved", "folder": plain(folder.name, 80)})
        self.renew_soon()
        return True

    # Looking

    def _find(self, message: Message) -> Answer:
        """Return all that fits; or the newest of it at first, so that they stand there however long the history is."""
        self._follow()
        found, is_whole = self._gallery.find(**message.fields)
        if not is_whole:
            return {"whole": False, "buffers": pack(found)}
        for key, data in self._board.previews().items():
            self._send_partial_soon(key, data)
        return {"whole": True, "choices": self._gallery.choices(), "buffers": pack(found)}

    def _rows(self, message: Message) -> Answer:
        return {"rows": self._gallery.rows(message.fields["numbers"], self.language)}

    def _thumbnails(self, message: Message) -> None:
        """Make what is to be seen now; what this view wanted before and is not yet made is no longer."""
        self._wanted.ask(message.view, message.fields["spots"])
        self.have("files", self._send_next_thumbnail)

    def _send_next_thumbnail(self) -> None:
        """Make one and go to the end of the line, so that nobody waits for more than one."""
        spot = self._wanted.take()
        if spot is not None:
            self._send_thumbnail(*spot)
            self.have("files", self._send_next_thumbnail)

    def _send_thumbnail(self, number: int, output: int) -> None:
        with suppress(NowImageError):
            thumbnail = thumb_of(picture_of(self._session.history.record(number), output), self._gallery.pictures)
            self.tell({"event": "thumb", "number": number, "output": output}, thumbnail)

    def _detail(self, message: Message) -> Answer:
        record = self._session.history.record(message.fields["number"])
        return detail_of(record, self._gallery, self._session.history, self.language)

    def _bytes(self, message: Message, read: Callable[[Record, int, Path], dict[str, Any]]) -> Answer:
        record = self._session.history.record(message.fields["number"])
        return read(record, message.fields["output"], self._gallery.pictures)

    def _export(self, message: Message) -> Answer:
        """Return a zip of pictures with how they were made, or without."""
        spots = message.fields["spots"]
        total = sum(one.size_bytes for number, output in spots for one in self._files_of(number, output))
        if total > _LARGEST_ZIP:
            raise InputError(
                "these pictures are {size} MB together, too much for a page",
                advice="%now export pictures.zip writes them beside the notebook",
                size=round(total / 1e6),
            )
        refs = [f"#{number}.{output}" if output else f"#{number}" for number, output in spots]
        data = self._session.history.export_to_bytes(*refs, metadata=message.fields["metadata"])
        return {"name": f"{Path(self._folder).stem}.zip", "mime": "application/zip", "buffers": (data,)}

    def _files_of(self, number: int, output: int) -> list[RecordedOutput]:
        return [one for one in self._session.history.record(number).shown if output in (0, one.number)]

    def _compare(self, message: Message) -> Answer:
        records = [self._session.history.record(number) for number, _ in message.fields["spots"]]
        if not records:
            raise InputError("there is nothing to compare", advice="choose two to four pictures")
        return differences(records)

    # The relay

    def _quote(self, message: Message) -> Answer:
        draft = message.fields["draft"]
        self.follow_soon()
        if self._answering != self._who_answers():
            self._ask_relay_soon()
        return {**quote_of(self._session, draft, self._attachments), "parent": self._gallery.ref_of(draft.parent)}

    def _who_answers(self) -> object:
        return self._session.context.is_demo(), self._session.settings()

    def _ask_relay_soon(self) -> None:
        """Ask who answers and what is left, after what is being asked now; once, however often it is wanted."""
        if not self._asking.is_set():
            self._asking.set()
            self.have("relay", self._ask_relay)

    def _ask_relay(self) -> None:
        self._asking.clear()
        self._answering = self._who_answers()
        self.put("relay", relay_of(self._session))

    def _send_partial_soon(self, key: str, data: bytes) -> None:
        self.have("files", self._send_partial, key, data)

    def _send_partial(self, key: str, data: bytes) -> None:
        with suppress(NowImageError):
            small, mime, *_ = preview(data, longest=_PARTIAL_PX)
            self.tell({"event": "partial", "job": key, "mime": mime}, (small,))

    # What it hears of the history

    def _receive_change(self, generation: Generation) -> None:
        """Take note, on the background thread, that a generation changed; the look at it happens elsewhere."""
        digits = generation.ref.removeprefix("#")
        if digits.isdecimal():
            self.have("files", self._look_again, int(digits))
            self._board.look()

    def _look_again(self, number: int) -> None:
        self._follow()
        before = self._gallery.known_pictures(number)
        try:
            record = self._session.history.record(number)
        except NowImageError:
            self.tell({"event": "gone", "number": number})
        else:
            for each in (record, *self._gallery.pressed_by(record)):
                self.tell({"event": "changed", "row": self._gallery.row(each, self.language)})
            for one in pictures_of(record):
                if one.number not in before:  # unasked: a kernel that computes would take no question
                    self._send_thumbnail(number, one.number)
            if not record.demo and record.status not in _UNDER_WAY:
                self._ask_relay_soon()  # for what is left now
        self.renew_soon()


def make_panel(session: Session, *, tab: bool) -> Panel:
    """Return a panel, which appears in a tab of its own where that is wanted.

    Raises:
        InputError: a tab is wanted, and `sidecar` is not installed.
    """
    if tab:
        require_sidecar()
    return Panel(session, tab=tab)


def follow(session: Session) -> None:
    """Have every open panel of a session look whether the history lies in another folder now."""
    for one in _panels_of(session):
        one.follow_soon()


def recall(session: Session, source: str | Path) -> list[str] | None:
    """Fill the draft of every open panel of a session as `Panel.recall` does; None: none is open."""
    told = [one.recall(source) for one in _panels_of(session)]
    return told[0] if told else None


def _panels_of(session: Session) -> list[Panel]:
    return [one for one, shown in _OPEN.items() if shown is session]
