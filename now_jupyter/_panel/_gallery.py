"""The gallery's data: which pictures fit a query, and the short row of each record that their tiles need.

A tile is one picture; what is none (failed, under way, words, a sound) has one tile for the request. For the whole
history only numbers travel (`pack`); rows and thumbnails follow for what is to be seen.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from .._messages import Language, NowImageError, plain
from .._protocol import Listed
from .._services import roles_taken
from .._session import Session
from .._store import STAR, Record, Search
from .._values import Role
from ._pictures import notes_of, others_of, pictures_of

__all__ = ["Found", "Gallery", "pack"]

_MOST_CHOICES = 100
_PROMPT_IN_ROW = 240


@dataclass(frozen=True, slots=True)
class Found:
    """A record that fits a query, and the numbers of its pictures that do; none where it has no picture."""

    number: int
    created: float
    outputs: tuple[int, ...]


def pack(every: Sequence[Found]) -> tuple[bytes, bytes]:
    """Return numbers, times (in seconds) and counts of pictures as one Float64Array, and their numbers as Uint16Array.

    Doubles, as a history may count further than 32 bits.
    """
    of_records = array("d", [part for one in every for part in (one.number, one.created, len(one.outputs))])
    return of_records.tobytes(), array("H", [output for one in every for output in one.outputs]).tobytes()


class Gallery:
    """Looks into the history of a session; used on one worker thread."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._search = Search()
        self._known: dict[int, Record] = {}
        self._pressed: defaultdict[str, set[str]] = defaultdict(set)

    def records(self) -> dict[int, Record]:
        """Read the history as it stands now, oldest first."""
        self._known = {record.number: record for record in self._session.history.records()}
        self._pressed.clear()
        for record in self._known.values():
            self._note_pressed(record)
        return self._known

    def known(self, number: int) -> Record:
        """Return one record as it was when the history was last read, else as it stands now."""
        return self._known.get(number) or self._session.history.record(number)

    def forget(self) -> None:
        """Know nothing of the folder that was read before."""
        self._known = {}
        self._pressed.clear()

    def drop(self, number: int) -> None:
        """Know nothing more of a record that is gone."""
        self._known.pop(number, None)

    def renew(self, number: int) -> Record:
        """Read one record as it stands now, and take note of it."""
        self._known[number] = self._session.history.record(number)
        self._note_pressed(self._known[number])
        return self._known[number]

    def _note_pressed(self, record: Record) -> None:
        """Take note of which button of its parents made a record, once something came of it."""
        if record.request.button is not None and record.shown:
            for parent in record.parents:
                self._pressed[parent].add(record.request.button)

    def known_pictures(self, number: int) -> frozenset[int]:
        """Return the numbers of the pictures that a record had when it was last read."""
        record = self._known.get(number)
        return frozenset(one.number for one in pictures_of(record)) if record else frozenset()

    def find(self, *, text: str, model: str, tag: str, status: str, starred: bool) -> list[Found]:
        """Return all that fits, newest first; what is empty is not asked for, marks are those of single pictures."""
        wanted = {mark for mark in (tag, STAR if starred else "") if mark}
        found = [
            Found(one.number, one.created, outputs)
            for one in self._search.find(self.records().values(), text)
            if (not model or one.model == model) and (not status or one.status.value == status)
            if (outputs := _marked(one, wanted)) is not None
        ]
        return sorted(found, key=lambda one: (-one.created, -one.number))

    def choices(self) -> dict[str, list[str]]:
        """Return what can be filtered by: the models, tags and states that there are, most frequent first."""
        records = self._known.values()
        return {
            "models": _most_frequent(record.model for record in records if record.model),
            "tags": _most_frequent(tag for one in records for tag in one.tags_of(*one.shown) if tag != STAR),
            "states": _most_frequent(record.status.value for record in records),
        }

    def rows(self, numbers: Iterable[int], language: Language) -> list[dict[str, Any]]:
        """Return the rows of these records; what is no longer there is left out."""
        rows = []
        for number in numbers:
            with suppress(NowImageError):
                rows.append(self.row(self.known(number), language))
        return rows

    def row(self, record: Record, language: Language) -> dict[str, Any]:
        """Return what the tiles of a record show of it, its pictures, and the buttons that its service put there."""
        return {
            **_row_of(record, language),
            "takes": _takes(record.model),
            "buttons": _buttons_of(record, self._pressed.get(record.id, set())),
        }

    def pressed_by(self, record: Record) -> list[Record]:
        """Return the records whose button made this one."""
        if record.request.button is None:
            return []
        return [one for one in self._known.values() if one.id in record.parents]

    def family(self, record: Record) -> Mapping[str, list[int]]:
        """Return the numbers of a record's parents and children."""
        records = self._known.values()
        return {
            "parents": [one.number for one in records if one.id in record.parents][:_MOST_CHOICES],
            "children": [one.number for one in records if record.id in one.parents][:_MOST_CHOICES],
        }

    def ref_of(self, identity: str) -> str:
        """Return the number of a record, as people write it; a dash where it is not known here."""
        return next((record.ref for record in list(self._known.values()) if record.id == identity), "–")

    @property
    def pictures(self) -> Path:
        """The folder of the originals."""
        return self._session.context.home().store.pictures


def _most_frequent(words: Iterable[str]) -> list[str]:
    return [word for word, _ in Counter(words).most_common(_MOST_CHOICES)]


def _marked(record: Record, wanted: set[str]) -> tuple[int, ...] | None:
    """Return the numbers of a record's pictures that bear these marks; None where neither they nor it itself do."""
    if pictures := pictures_of(record):
        return tuple(one.number for one in pictures if wanted <= {*record.tags_of(one)}) or None
    return () if wanted <= {*record.tags_of(*record.shown)} else None


@lru_cache(1024)
def _takes(model: str) -> Mapping[Role, int]:
    """Return how many inputs of each role a model takes, by its name alone."""
    return dict(roles_taken(Listed(name=model))) if model else {}


def _buttons_of(record: Record, pressed: Collection[str]) -> list[dict[str, Any]]:
    return [
        {
            "label": one.label,
            "asks": one.asks,
            "words": one.words,
            "refused": one.is_refused,
            "used": one.label in pressed,
        }
        for one in record.buttons
    ]


def _words_of(record: Record) -> str:
    """Return what stands on a tile: the prompt; of what a button made, the button and what it shows."""
    words = record.request.prompt or record.alt
    return f"{record.request.button} · {words}" if record.request.button else words


def _row_of(record: Record, language: Language) -> dict[str, Any]:
    tags, pictures = record.tags_of(*record.shown), pictures_of(record)
    return {
        "number": record.number,
        "created": record.created,
        "status": record.status.value,
        "prompt": plain(_words_of(record), _PROMPT_IN_ROW),
        "model": record.model,
        "count": len(pictures),
        "pictures": [
            {
                "output": one.number,
                "ref": record.ref_of(one),
                "notes": notes_of(record, one),
                **_marks(record.tags_of(one)),
            }
            for one in pictures
        ],
        "others": [
            {"kind": one.kind, "file": one.file, "words": plain(one.words, _PROMPT_IN_ROW)} for one in others_of(record)
        ],
        **_marks(tags),
        "failure": plain(record.error.message(language), 160) if record.error else "",
    }


def _marks(tags: Iterable[str]) -> dict[str, Any]:
    every = list(tags)
    return {"starred": STAR in every, "tags": [tag for tag in every if tag != STAR]}
