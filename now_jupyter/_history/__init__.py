"""This notebook's view of its store, and how it is listed."""

from __future__ import annotations

from ._history import History, live_record
from ._listing import Selection

__all__ = ["History", "Selection", "live_record"]
