"""Performs conversations: send, read, poll, save, decide the end, resume."""

from __future__ import annotations

from ._run import Performed, Watch
from ._runner import Runner
from ._saving import all_brought_home

__all__ = [
    "Performed",
    "Runner",
    "Watch",
    "all_brought_home",
]
