"""The panel's script and styles, put together from the files in `static/`.

What a widget's model holds of them is `loader.js` alone, because a front end and nbclient may save the model's state in
the notebook; it fetches the rest from the kernel with one message.

A front end loads a widget's script from a blob, which cannot import its neighbours, and there is no build step. So
each file is an ES module that editors and type checkers understand, and here their one-line imports and the word
`export` are taken away and the files joined, in an order in which everything stands before it is used.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from ._fallback import MARK

__all__ = ["loader", "script", "styles"]

_SCRIPTS = (
    "dom.js",
    "wire.js",
    "context.js",
    "fields.js",
    "order.js",
    "draft.js",
    "jobs.js",
    "filters.js",
    "rows.js",
    "selection.js",
    "tile.js",
    "grid.js",
    "gallery.js",
    "zoom.js",
    "details.js",
    "picture.js",
    "differences.js",
    "compare.js",
    "panel.js",
)
_STYLES = ("panel.css", "gallery.css")
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./[a-z]+\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const)\b)", re.MULTILINE)
_COMMENT = re.compile(r"^\s*(?:/\*(?:(?!\*/).)*\*/|//[^\n]*)\n", re.MULTILINE | re.DOTALL)


@cache
def loader() -> str:
    """Return the script that stands in the widget's state."""
    return _COMMENT.sub("", _file("loader.js"))


@cache
def script() -> str:
    """Return the whole script, without its comments."""
    joined = "".join(_file(name) for name in _SCRIPTS)
    return _COMMENT.sub("", _EXPORT.sub("", _IMPORT.sub("", joined)))


@cache
def styles() -> str:
    """Return all styles; the mark of static pictures is filled in."""
    return "".join(_file(name) for name in _STYLES).replace("NOW_STATIC_MARK", MARK)


def _file(name: str) -> str:
    return files(__package__).joinpath("static", name).read_text(encoding="utf-8")
