"""Magics, `%now`, rewriting of cells, the extension, and the session that belongs to the notebook."""

from __future__ import annotations

from ._extension import compare, load, panel, session, unload, view

__all__ = ["compare", "load", "panel", "session", "unload", "view"]
