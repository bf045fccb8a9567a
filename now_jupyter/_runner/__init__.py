"""Performs conversations: send, read, poll, save, decide the end, resume."""

from __future__ import annotations

from ._run import RunResult, Watch
from ._runner import Runner
from ._saving import all_brought_home

__all__ = [
    "RunResult",
    "Runner",
    "Watch",
    "all_brought_home",
]
