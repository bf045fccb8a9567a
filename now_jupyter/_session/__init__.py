"""The only place where parts are put together, and the verbs that people use."""

from __future__ import annotations

from ._inputs import left_out, recalled_from, try_file
from ._references import Reference
from ._session import Session
from ._signatures import GenerateOptions, OrderOptions, expand_options

__all__ = [
    "GenerateOptions",
    "OrderOptions",
    "Reference",
    "Session",
    "expand_options",
    "left_out",
    "recalled_from",
    "try_file",
]
