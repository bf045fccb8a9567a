"""From values to outputs of cells."""

from __future__ import annotations

from ._display import Progress, View, register_formatters, show_one, unregister_formatters
from ._outputs import CellOutput, attempt

__all__ = ["CellOutput", "Progress", "View", "attempt", "register_formatters", "show_one", "unregister_formatters"]
