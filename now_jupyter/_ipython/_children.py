"""What was chosen in a notebook's session holds in the processes that it starts, however they are started.

A worker of `multiprocessing` or joblib is forked, or begins anew and knows only its environment. So the choices stand
there, as JSON, from the first one on. The key is none of them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .._session import Session

__all__ = ["Choices", "hand_down", "take_over"]

_NAME = "NOW_SESSION"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What was chosen in a session: settings, and whether the demo answers (None: only where nothing else can)."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    demo: bool | None = None
    instant: bool = False


def hand_down(session: Session) -> None:
    """Let processes that are started from now on know what was chosen in this session."""
    os.environ[_NAME] = json.dumps({"process": os.getpid(), **session.context.choices()}, default=float)


def take_over() -> Choices:
    """Return what was chosen in the session of a parent process."""
    told: dict[str, Any] = json.loads(os.environ.get(_NAME, "{}"))
    if not told or told.pop("process") == os.getpid():
        return Choices()
    settings = {name: tuple(one) if isinstance(one, list) else one for name, one in told.pop("settings").items()}
    return Choices(settings=settings, **told)
