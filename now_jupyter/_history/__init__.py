"""This notebook's view of its store, and how it is listed."""

from __future__ import annotations

from ._history import History, live_record
from ._listing import Selection
from ._tree import Tree, way_of, words_of

__all__ = ["History", "Selection", "Tree", "live_record", "way_of", "words_of"]
