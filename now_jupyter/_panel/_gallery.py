"""The gallery's data: which pictures fit a query, and the short row of each record that their tiles need.

A tile is one picture; what is none (failed, under way, words, a sound) has one tile for the request. For the whole
history only numbers travel (`pack`); rows and thumbnails follow for what is to be seen.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from .._messages import Language, NowImageError, plain, say
from .._protocol import Listed
from .._services import roles_taken
from .._session import Session
from .._store import STAR, Record, RecordIndex
from .._values import Role
from ._pictures import notes_of, others_of, pictures_of

__all__ = ["Found", "Gallery", "pack"]

_MOST_CHOICES = 100
_MOST_KNOWN = 5000
_SCREENFUL = 200  # records, whose tiles are more than any screen shows
_PROMPT_IN_ROW = 240


class Found(NamedTuple):
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
        self._pictures: OrderedDict[int, frozenset[int]] = OrderedDict()

    @property
    def _index(self) -> RecordIndex:
        return self._session.context.home().store.index

    def prepare(self) -> None:
        """Have the index of the history ready."""
        self._index.count()

    def forget(self) -> None:
        """Know nothing of the folder that was read before."""
        self._pictures.clear()

    def known_pictures(self, number: int) -> frozenset[int]:
        """Return the numbers of the pictures that a record had when it was last read."""
        return self._pictures.get(number, frozenset())

    def find(  # noqa: PLR0913 - all that can be asked for
        self, *, text: str, model: str, tag: str, status: str, starred: bool, newest: bool = False
    ) -> tuple[list[Found], bool]:
        """Return all that fits, newest first, or only the `newest` of it; and whether that is all.

        What is empty is not asked for; marks are those of single pictures.
        """
        wanted = {mark for mark in (tag, STAR if starred else "") if mark}
        entries = self._index.entries(words=text, model=model, status=status, most=_SCREENFUL if newest else None)
        found = [
            Found(one.number, one.created, outputs)
            for one in entries
            if (outputs := one.pictures_with(wanted)) is not None
        ]
        return found, not newest or len(entries) < _SCREENFUL

    def choices(self) -> dict[str, list[str]]:
        """Return what can be filtered by: the models, tags and states that there are, most frequent first."""
        index = self._index
        tags = [one for one in index.most_frequent_tags() if one != STAR]
        return {"models": index.most_frequent("model"), "tags": tags, "states": index.most_frequent("status")}

    def rows(self, numbers: Iterable[int], language: Language) -> list[dict[str, Any]]:
        """Return the rows of these records; what is no longer there is left out."""
        rows = []
        for number in numbers:
            with suppress(NowImageError):
                rows.append(self.row(self._session.history.record(number), language))
        return rows

    def row(self, record: Record, language: Language) -> dict[str, Any]:
        """Return what the tiles of a record show of it, its pictures, and the buttons that its service put there."""
        self._pictures[record.number] = frozenset(one.number for one in pictures_of(record))
        if len(self._pictures) > _MOST_KNOWN:
            self._pictures.popitem(last=False)
        pressed = self._index.pressed_on(record.id) if record.buttons else set()
        words = self._words_of(record, language)
        return {
            **_row_of(record, words, language),
            "takes": _takes(record.model),
            "buttons": _buttons_of(record, pressed),
        }

    def _words_of(self, record: Record, language: Language) -> str:
        """Return what stands on a tile: the prompt; of what has none, how it was made, and what it shows."""
        request = record.request
        way = request.button or ""
        if request.given("vary") and not request.prompt:
            refs = [name for one, name in self._session.history.inputs_of(request) if name.startswith("#")]
            way = say("variation of {ref}", language, ref=refs[0]) if refs else say("variation", language)
        return " · ".join(part for part in (way, request.prompt or record.alt) if part)

    def pressed_by(self, record: Record) -> list[Record]:
        """Return the records whose button made this one."""
        if record.request.button is None:
            return []
        parents = map(self._session.history.with_id, record.parents)
        return [one for one in parents if one is not None]

    def family(self, record: Record) -> dict[str, Any]:
        """Return what a record was made from, as spots, and its children: each number, and of which outputs it is."""
        history, children = self._session.history, []
        for number in self._index.children_of(record.id)[:_MOST_CHOICES]:
            with suppress(NowImageError):
                sources = history.sources_of(history.record(number))
                children.append((number, [output for source, output in sources if source == record.number]))
        return {"parents": history.sources_of(record)[:_MOST_CHOICES], "children": children}

    def ref_of(self, identity: str) -> str:
        """Return the number of a record, as people write it; a dash where it is not known here."""
        return next((f"#{number}" for number in self._index.with_id(identity)), "–")

    @property
    def pictures(self) -> Path:
        """The folder of the originals."""
        return self._session.context.home().store.pictures


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


def _row_of(record: Record, words: str, language: Language) -> dict[str, Any]:
    tags, pictures = record.tags_of(*record.shown), pictures_of(record)
    return {
        "number": record.number,
        "created": record.created,
        "status": record.status.value,
        "prompt": plain(words, _PROMPT_IN_ROW),
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
