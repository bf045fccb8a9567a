"""Sentences of records, which are kept in English, told again in the user's language.

A record keeps the words of its failure as they were, with the facts in their places. The sentence they were made of is
found among those of the catalogue, and said again with the same facts.
"""

from __future__ import annotations

import re
from functools import cache

from .._messages import CHINESE, Language

__all__ = ["retold"]

_LONGEST = 1000
_PLACE = re.compile(r"\{(\w+)\}")
_FEWEST_LETTERS = 8


def retold(text: str, language: Language) -> str:
    """Tell a sentence of ours in a language; any other text stays as it is."""
    if language == "en" or not text or len(text) > _LONGEST:
        return text
    for pattern, template in _sentences():
        if found := pattern.fullmatch(text):
            return CHINESE[template].format(**found.groupdict())
    return text


@cache
def _sentences() -> list[tuple[re.Pattern[str], str]]:
    """Give all sentences as patterns, those with most words of their own first."""
    ours = sorted(CHINESE, key=lambda template: -len(_PLACE.sub("", template)))
    return [(_pattern(one), one) for one in ours if len(_PLACE.sub("", one)) >= _FEWEST_LETTERS]


def _pattern(template: str) -> re.Pattern[str]:
    seen: set[str] = set()
    parts: list[str] = []
    for index, part in enumerate(_PLACE.split(template)):
        if index % 2 == 0:
            parts.append(re.escape(part.replace("{{", "{").replace("}}", "}")))
        else:
            parts.append(f"(?P={part})" if part in seen else f"(?P<{part}>.*?)")
            seen.add(part)
    return re.compile("".join(parts), re.DOTALL)
