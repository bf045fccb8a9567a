"""The gallery's data: which records fit a query, and the short row of each that a tile needs.

Only numbers travel for the whole history (8 bytes each); rows and thumbnails follow for what is to be seen.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._history import live_record
from .._json import digest
from .._messages import InputError, Language, NowImageError, plain
from .._session import Session
from .._store import Record, RecordedOutput, needles, words_of
from ._pictures import others_of, pictures_of

__all__ = ["Gallery", "Query", "packed", "row_of"]

_MOST_CHOICES = 100
_PROMPT_IN_ROW = 240
_STAR = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What the search field and the filters say; empty means all."""

    text: str = ""
    model: str = ""
    tag: str = ""
    status: str = ""
    starred: bool = False

    def fits(self, record: Record, parts: Sequence[str]) -> bool:
        """Return whether a record is what is looked for."""
        return (
            (not self.starred or _STAR in record.tags)
            and (not self.model or record.model == self.model)
            and (not self.tag or self.tag in record.tags)
            and (not self.status or record.status.value == self.status)
            and (not parts or _has_all(words_of(record), parts))
        )


def _has_all(words: str, parts: Sequence[str]) -> bool:
    return all(part in words for part in parts)


class Gallery:
    """Looks into the history of a session; used on one worker thread."""

    def __init__(self, session: Session) -> None:
        """Remember nothing yet."""
        self._session = session
        self._known: dict[int, Record] = {}

    def records(self) -> dict[int, Record]:
        """Read the history as it stands now, oldest first."""
        self._known = {record.number: record for record in self._session.history.records()}
        return self._known

    def record(self, number: int) -> Record:
        """Read one record as it stands now.

        Raises:
            InputError: there is none of that number.
        """
        store = self._session.context.home().store
        with suppress(NowImageError):
            return live_record(store, store.read(number))
        raise InputError("there is no {ref} in this history", ref=f"#{number}")

    def known(self, number: int) -> Record:
        """Return one record as it was when the history was last read, else as it stands now."""
        return self._known.get(number) or self.record(number)

    def forget(self) -> None:
        """Know nothing of the folder that was read before."""
        self._known = {}

    def renew(self, record: Record) -> None:
        """Take note of a record as it is now."""
        self._known[record.number] = record

    def find(self, query: Query) -> list[int]:
        """Return the numbers of all that fits, newest first."""
        records, parts = self.records(), needles(query.text)
        return [number for number, one in reversed(records.items()) if query.fits(one, parts)]

    def choices(self) -> dict[str, list[str]]:
        """Return what can be filtered by: the models, tags and states that there are, most frequent first."""
        records = self._known.values()
        tags = (tag for record in records for tag in record.tags if tag != _STAR)
        return {
            "models": _most_frequent(record.model for record in records if record.model),
            "tags": _most_frequent(tags),
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


def packed(numbers: Sequence[int]) -> bytes:
    """Write numbers as JavaScript's Float64Array reads them: a history may count further than 32 bits."""
    values = array("d", numbers)
    return values.tobytes()


def _most_frequent(words: Iterable[str]) -> list[str]:
    return [word for word, _ in Counter(words).most_common(_MOST_CHOICES)]


def row_of(record: Record, language: Language = "en") -> dict[str, Any]:
    """Return what a tile shows of a record."""
    return {
        "number": record.number,
        "status": record.status.value,
        "prompt": plain(record.request.prompt, _PROMPT_IN_ROW),
        "model": plain(record.model, 80),
        "count": len(pictures_of(record)),
        "others": [_form_of(one) for one in others_of(record)],
        "starred": _STAR in record.tags,
        "tags": [plain(tag, 100) for tag in record.tags if tag != _STAR],
        "failure": plain(record.error.message(language), 160) if record.error else "",
        "version": _version(record),
    }


def _form_of(one: RecordedOutput) -> dict[str, str]:
    return {"kind": one.kind, "file": plain(one.file, 255), "words": plain(one.words, _PROMPT_IN_ROW)}


def _version(record: Record) -> str:
    """Return a word that changes with what there is to be seen."""
    shown = [*pictures_of(record), *others_of(record)]
    return digest(" ".join(one.sha256 or one.key for one in shown).encode())[:8]
