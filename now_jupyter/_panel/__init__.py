"""The panel: one widget, its messages, and what it shows."""

from __future__ import annotations

from ._compare_widget import Comparison
from ._open import compare, follow, panel, recall
from ._panel import Panel

__all__ = [
    "Comparison",
    "Panel",
    "compare",
    "follow",
    "panel",
    "recall",
]
