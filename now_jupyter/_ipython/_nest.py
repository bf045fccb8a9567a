"""`%now nest`: nest-asyncio where it helps and does no harm.

It lets `asyncio.run()` work in cells. From ipykernel 7.1 on it makes the kernel drop clicks and queued cells, so
there it is refused (measured: reference/jupyter.md §1). It is never applied on its own.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from typing import Any

from .._messages import InputError, Language, say

__all__ = ["nest_off", "nest_on", "serves_clicks"]

_FIRST_UNSAFE = (7, 1)
_FIRST_SERVING = (7, 0)


def nest_on(language: Language) -> str:
    """Apply nest-asyncio to the running loop and return the sentence that says so.

    Raises:
        InputError: this kernel or loop would suffer.
    """
    version = _ipykernel_version()
    if version is not None and version >= _FIRST_UNSAFE:
        raise InputError(
            "nest-asyncio makes ipykernel {version} drop clicks and queued cells, so it is not applied",
            advice="use `await` in cells: %%nowimage and nj.agenerate need no nesting",
            version=".".join(map(str, version)),
        )
    nest_asyncio: Any = importlib.import_module("nest_asyncio")
    try:
        nest_asyncio.apply(_running_loop())
    except (ValueError, RuntimeError) as problem:
        reason = str(problem)
    else:
        return say("asyncio.run() now works in cells; %now nest off tells how to undo it", language)
    raise InputError("nest-asyncio cannot be applied here: {reason}", reason=reason)


def nest_off(language: Language) -> str:
    """Return how it is undone: nest-asyncio itself has no way back."""
    if "nest_asyncio" in sys.modules and getattr(asyncio, "_nest_patched", False):
        return say("nest-asyncio cannot be taken out of a running kernel; restart it to be rid of it", language)
    return say("nest-asyncio is not applied in this kernel", language)


def serves_clicks() -> bool:
    """Whether this kernel serves a click on a widget while a cell awaits."""
    version = _ipykernel_version()
    return version is not None and version >= _FIRST_SERVING


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:  # a terminal: nest-asyncio then finds the loop that will run
        return None


def _ipykernel_version() -> tuple[int, ...] | None:
    kernel: Any = sys.modules.get("ipykernel")
    return None if kernel is None else tuple(kernel.version_info[:2])
