"""Magics, `%now`, rewriting of cells, the extension, and the verbs of the notebook's session."""

from __future__ import annotations

from . import _verbs
from ._extension import load, session, unload
from ._verbs import *

__all__ = ["load", "session", "unload"]
__all__ += _verbs.__all__
