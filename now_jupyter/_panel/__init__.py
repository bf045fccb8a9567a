"""The panel: one widget, its messages, and what it shows."""

from __future__ import annotations

from ._compare_widget import Comparison
from ._mask_widget import MaskEditor
from ._panel import Panel, follow, make_panel, recall

__all__ = ["Comparison", "MaskEditor", "Panel", "follow", "make_panel", "recall"]
