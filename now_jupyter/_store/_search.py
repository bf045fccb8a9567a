"""Finding records by words: parts of words, in any script, with width and case folded."""

from __future__ import annotations

import re
import unicodedata

from ._record import Record

__all__ = ["needles", "words_of"]

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
