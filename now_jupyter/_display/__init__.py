"""From values to outputs of cells."""

from __future__ import annotations

from ._display import Progress, View, bundle_of, caption_of, register_formatters, show, show_one, unregister_formatters
from ._outputs import CellOutput

__all__ = [
    "CellOutput",
    "Progress",
    "View",
    "bundle_of",
    "caption_of",
    "register_formatters",
    "show",
    "show_one",
    "unregister_formatters",
]
