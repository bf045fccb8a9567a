"""The panel's script, styles and words, put together from the files in `static/`.

What a widget's model holds of them is `loader.js` alone, because a front end and nbclient may save the model's state in
the notebook; it fetches the rest from the kernel with one message.

A front end loads a widget's script from a blob, which cannot import its neighbours, and there is no build step. So
each file is an ES module that editors and type checkers understand, and here their one-line imports and the word
`export` are taken away and the files joined, in an order in which everything stands before it is used.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from graphlib import TopologicalSorter
from importlib.resources import files
from types import MappingProxyType

from .._messages import Language, say
from ._fallback import MARK

__all__ = ["LABELS", "in_order", "labels", "loader", "script", "styles"]

_STYLES = ("panel.css", "gallery.css", "studio.css")
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([a-z]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const)\b)", re.MULTILINE)
_COMMENT = re.compile(r"^[ \t]*(?:/\*(?:(?!\*/).)*\*/|//[^\n]*)\n", re.MULTILINE | re.DOTALL)


@cache
def loader() -> str:
    """Return the script that stands in the widget's state."""
    return _COMMENT.sub("", _file("loader.js"))


@cache
def script() -> str:
    """Return the whole script, without its comments."""
    names = sorted(one.name for one in files(__package__).joinpath("static").iterdir() if one.name.endswith(".js"))
    sources = in_order({name: _file(name) for name in names if name != "loader.js"})
    return _COMMENT.sub("", _EXPORT.sub("", _IMPORT.sub("", "".join(sources.values()))))


def in_order(sources: Mapping[str, str]) -> dict[str, str]:
    """Return files by name, each after those that it imports."""
    imports = {name: _IMPORT.findall(source) for name, source in sources.items()}
    return {name: sources[name] for name in TopologicalSorter(imports).static_order()}


@cache
def styles() -> str:
    """Return all styles; the mark of static pictures is filled in."""
    return "".join(_file(name) for name in _STYLES).replace("NOW_STATIC_MARK", MARK)


def _file(name: str) -> str:
    return files(__package__).joinpath("static", name).read_text(encoding="utf-8")


LABELS: Mapping[str, str] = MappingProxyType(json.loads(_file("labels.json")))
"""All words of the panel, by the names under which its script knows them."""


def labels(language: Language) -> dict[str, str]:
    """Return all words in a language; what stands in single braces is filled in by the script."""
    return {**{name: say(template, language) for name, template in LABELS.items()}, "language": language}
