"""Asking whoever runs a cell or a script, where there is someone: programs that run notebooks take no questions."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import suppress
from typing import Any

__all__ = ["ask", "may_ask"]


def may_ask() -> bool:
    """Whether a question would reach a person: at a front end that types answers, or at a terminal.

    Only the main thread asks, and in a kernel only a running cell.
    """
    if threading.current_thread() is not threading.main_thread():
        return False
    ipython: Any = sys.modules.get("IPython")
    shell: Any = ipython.get_ipython() if ipython else None
    if hasattr(shell, "kernel"):
        request = shell.get_parent() or {}
        return bool(request.get("content", {}).get("allow_stdin"))
    with suppress(Exception):  # a program may have put anything there, or closed it
        return sys.stdin.isatty()
    return False


def ask(question: str) -> str:
    """Return what is typed; ■ ends the question, also in a cell that awaits.

    Raises:
        KeyboardInterrupt: no answer was wanted.
        EOFError: none will come.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return input(question)
    finally:
        signal.signal(signal.SIGINT, before or signal.SIG_DFL)
