"""Performs conversations: send, read, poll, save, decide the end, resume."""

from __future__ import annotations

from ._reports import ProgressReport, RunResult, Watch
from ._rescue import recover_all_rescued
from ._runner import Runner

__all__ = ["ProgressReport", "RunResult", "Runner", "Watch", "recover_all_rescued"]
