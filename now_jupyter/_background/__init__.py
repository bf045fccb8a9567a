"""The event loop in its thread, and waiting for it."""

from __future__ import annotations

from ._asking import ask, may_ask
from ._loop import Background, Turns, run_in_thread
from ._together import Together, outcome_of
from ._waiting import Left, Waiting
from ._waking import Waking

__all__ = [
    "Background",
    "Left",
    "Together",
    "Turns",
    "Waiting",
    "Waking",
    "ask",
    "may_ask",
    "outcome_of",
    "run_in_thread",
]
