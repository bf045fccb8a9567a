"""Finding records by words: parts of words, in any script, with width and case folded."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from ._record import Record

__all__ = ["Search", "needles", "words_of"]

_LONGEST_WORDS = 200_000
_MOST_NEEDLES = 20


def words_of(record: Record) -> str:
    """Return the text of a record that a search looks at: prompt, models, name, alt text, tags."""
    request = record.request
    tags = record.tags_of(*record.shown)
    parts = (request.prompt, record.model, request.model, record.name, record.alt, *tags)
    return _fold("\n".join(part for part in parts if part))


def needles(words: str) -> list[str]:
    """Split what was typed into the parts that all must be found."""
    return _fold(words).split()[:_MOST_NEEDLES]


def _fold(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text[:_LONGEST_WORDS]).casefold()
    return re.sub(r"[\x00\ud800-\udfff]", " ", plain)[:_LONGEST_WORDS]


class Search:
    """Looks through records by words; the text of each is folded once."""

    def __init__(self) -> None:
        self._texts: dict[int, tuple[Record, str]] = {}

    def find(self, records: Iterable[Record], words: str) -> list[Record]:
        """Return the records that contain all words, in their order."""
        parts = needles(words)
        return [record for record in records if not parts or all(map(self._text_of(record).__contains__, parts))]

    def _text_of(self, record: Record) -> str:
        known = self._texts.get(record.number)
        if known is None or known[0] is not record:
            known = self._texts[record.number] = (record, words_of(record))
        return known[1]
