"""Performs conversations: send, read, poll, save, decide the end, resume."""

from __future__ import annotations

from ._rescue import recover_all_rescued
from ._run import RunResult, Watch
from ._runner import Runner

__all__ = ["RunResult", "Runner", "Watch", "recover_all_rescued"]
