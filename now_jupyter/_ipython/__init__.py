"""Magics, `%now`, rewriting of cells, the extension, and the verbs of the notebook's session."""

from __future__ import annotations

from ._extension import load, session, unload
from ._verbs import (
    agenerate,
    balance,
    compare,
    generate,
    models,
    panel,
    restore,
    resume,
    star,
    submit,
    tag,
    trash,
    use_demo,
    view,
    wait,
)

__all__ = [
    "agenerate",
    "balance",
    "compare",
    "generate",
    "load",
    "models",
    "panel",
    "restore",
    "resume",
    "session",
    "star",
    "submit",
    "tag",
    "trash",
    "unload",
    "use_demo",
    "view",
    "wait",
]
