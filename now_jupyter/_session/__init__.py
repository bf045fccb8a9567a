"""The only place where parts are put together, and the verbs that people use."""

from __future__ import annotations

from ._session import Session

__all__ = [
    "Session",
]
