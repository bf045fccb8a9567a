"""What is said to people, in English and Chinese.

Every sentence is written once, in English, where it is needed; that English template is also its key in the
Chinese catalogue (`zh.json`). A test reads the sources and holds that no sentence lacks its translation.
Text from outside (relays, files) goes through `plain` before it becomes part of a sentence.
"""

from __future__ import annotations

import json
import os
import re
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Literal

__all__ = ["Language", "columns_of", "language_of", "load_chinese", "say", "say_status", "shown_path"]

Language = Literal["en", "zh"]

_PLACE = re.compile(r"\{\{|\}\}|\{(\w+)\}")


def say(template: str, language: Language = "en", /, **facts: object) -> str:
    """Return the sentence `template` in `language`, with `facts` in their places.

    Templates may come from a record, so places are names only, and one without a fact stays as it is.
    """
    text = load_chinese().get(template, template) if language == "zh" else template
    return _PLACE.sub(lambda found: _fill(found, facts), text)


def say_status(status: str, language: Language = "en") -> str:
    """Return how a generation stands, as a word; each of `Status` is in the catalogue."""
    return say(status, language)


@cache
def load_chinese() -> Mapping[str, str]:
    """Return the Chinese catalogue: English template → Chinese template, with the same places."""
    catalogue: dict[str, str] = json.loads(Path(__file__).with_name("zh.json").read_text(encoding="utf-8"))
    return catalogue


def _fill(found: re.Match[str], facts: Mapping[str, object]) -> str:
    name = found[1]
    if name is None:
        return found[0][0]  # a doubled brace
    return str(facts[name]) if name in facts else found[0]


def language_of(environ: Mapping[str, str]) -> Language:
    """Return the language that the environment asks for, as gettext would read it."""
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environ.get(name, ""):
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


def columns_of(text: str) -> int:
    """Return how wide a terminal shows a text: a Chinese sign takes two columns."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def shown_path(path: Path) -> str:
    """Return a path as people write it: from the working folder on, where it lies in there."""
    with suppress(OSError):  # the working folder may be gone
        return os.path.relpath(path) if Path.cwd() in path.parents else str(path)
    return str(path)
