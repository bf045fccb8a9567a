"""Names of output files that people recognise in a file browser: `12-red-fox-in-snow.png`."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["file_name", "readable_name"]

_LONGEST = 60
_MOST_BYTES = 150
_ARTICLES = {"a", "an", "the"}


def readable_name(prompt: str) -> str:
    """Return a few words of a prompt, joined by hyphens, safe as part of a file name anywhere; maybe empty."""
    words = re.findall(r"[^\W_]+", unicodedata.normalize("NFC", prompt[:1000]).lower())
    if words and words[0] in _ARTICLES and len(words) > 1:
        del words[0]
    name = ""
    for word in words:
        longer = f"{name}-{word}" if name else word[:_LONGEST]
        if len(longer) > _LONGEST or len(longer.encode()) > _MOST_BYTES:
            break
        name = longer
    return name


def file_name(number: int, index: int | None, prompt: str, suffix: str) -> str:
    """Return `<number>-<words><suffix>`, or `<number>.<index>-<words><suffix>` for one output of several."""
    words = readable_name(prompt)
    start = f"{number}" if index is None else f"{number}.{index}"
    return f"{start}-{words or 'output'}{suffix}"
