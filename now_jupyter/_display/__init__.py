"""From values to outputs of cells."""

from __future__ import annotations

from ._display import Progress, View, register_formatters, show_one, unregister_formatters
from ._outputs import CellOutput

__all__ = ["CellOutput", "Progress", "View", "register_formatters", "show_one", "unregister_formatters"]
