"""Magics, `%now`, rewriting of cells, the extension, and the verbs of the notebook's session.

`%load_ext` comes by here, so the verbs, and all that they need, are loaded when one is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._extension import load, session, unload
from ._loading import garbage_can_wait

__all__ = ["load", "session", "unload"]

if TYPE_CHECKING:
    from . import _verbs
    from ._verbs import *

    __all__ += _verbs.__all__
else:

    def __getattr__(name: str) -> object:
        """Load a verb when it is first used."""
        from importlib import import_module

        if name.startswith("_"):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        with garbage_can_wait():
            return getattr(import_module("._verbs", __name__), name)
