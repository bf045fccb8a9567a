"""The event loop in its thread, and waiting for it."""

from __future__ import annotations

from ._loop import Background, Cells, Execution, Left, Waiting
from ._waking import Waking

__all__ = [
    "Background",
    "Cells",
    "Execution",
    "Left",
    "Waiting",
    "Waking",
]
