"""One output of a cell: created in the cell, afterwards only updated, from any thread (reference/jupyter.md §2)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from IPython import display as ipython_display

__all__ = ["CellOutput"]

_display: Any = ipython_display.display  # IPython ships no types for it


class CellOutput:
    """One output of a cell: created once, updated afterwards."""

    def __init__(self) -> None:
        self._id = uuid.uuid4().hex
        self.is_there = False

    def put(self, data: Mapping[str, Any], metadata: Mapping[str, Any] | None = None) -> None:
        """Show `data` here, in the place of what was here before."""
        _display(dict(data), raw=True, metadata=dict(metadata or {}), display_id=self._id, update=self.is_there)
        self.is_there = True

    def put_value(self, value: object) -> None:
        """Show a value (a widget) here."""
        _display(value, display_id=self._id, update=self.is_there)
        self.is_there = True
