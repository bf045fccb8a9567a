"""The gallery's data: which records fit a query, and the short row of each that a tile needs.

Only numbers travel for the whole history (8 bytes each); rows and thumbnails follow for what is to be seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from .._json import digest
from .._messages import Language, NowImageError, plain
from .._session import Session
from .._store import STAR, Record, Search
from ._pictures import others_of, pictures_of

__all__ = ["Gallery", "row_of"]

_MOST_CHOICES = 100
_PROMPT_IN_ROW = 240


class Gallery:
    """Looks into the history of a session; used on one worker thread."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._search = Search()
        self._known: dict[int, Record] = {}

    def records(self) -> dict[int, Record]:
        """Read the history as it stands now, oldest first."""
        self._known = {record.number: record for record in self._session.history.records()}
        return self._known

    def known(self, number: int) -> Record:
        """Return one record as it was when the history was last read, else as it stands now."""
        return self._known.get(number) or self._session.history.record(number)

    def forget(self) -> None:
        """Know nothing of the folder that was read before."""
        self._known = {}

    def renew(self, number: int) -> Record:
        """Read one record as it stands now, and take note of it."""
        self._known[number] = self._session.history.record(number)
        return self._known[number]

    def find(self, *, text: str, model: str, tag: str, status: str, starred: bool) -> list[int]:
        """Return the numbers of all that fits, newest first; what is empty is not asked for."""
        return [
            one.number
            for one in self._search.find(reversed(self.records().values()), text)
            if (not starred or STAR in one.tags_of(*one.shown))
            and (not model or one.model == model)
            and (not tag or tag in one.tags_of(*one.shown))
            and (not status or one.status.value == status)
        ]

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
                rows.append(row_of(self.known(number), language))
        return rows

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


def row_of(record: Record, language: Language) -> dict[str, Any]:
    """Return what a tile shows of a record."""
    tags = record.tags_of(*record.shown)
    return {
        "number": record.number,
        "status": record.status.value,
        "prompt": plain(record.request.prompt, _PROMPT_IN_ROW),
        "model": record.model,
        "count": len(pictures_of(record)),
        "others": [
            {"kind": one.kind, "file": one.file, "words": plain(one.words, _PROMPT_IN_ROW)} for one in others_of(record)
        ],
        "starred": STAR in tags,
        "tags": [tag for tag in tags if tag != STAR],
        "failure": plain(record.error.message(language), 160) if record.error else "",
        "version": _version(record),
    }


def _version(record: Record) -> str:
    """Return a word that changes with what there is to be seen."""
    shown = [*pictures_of(record), *others_of(record)]
    return digest(" ".join(one.sha256 or one.key for one in shown).encode())[:8]
