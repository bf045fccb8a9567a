"""What is remembered of relays, per user: the model chosen where none is named, and by which service a model is made.

It lies among the user's own files, never in a folder that may come from elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from .._json import dig, text_of
from .._messages import StoreError
from .._store import try_read_file, write_durably

__all__ = ["recall", "remember_model", "remember_service"]

_LARGEST = 1 << 18
_MOST_RELAYS, _MOST_MODELS = 50, 500


def _memory_file() -> Path:
    from platformdirs import user_state_path  # noqa: PLC0415 - asked for when something is chosen

    return user_state_path("now_jupyter") / "relays.json"


def recall(mark: str, *path: str) -> str:
    """Return what is remembered of a relay: its "model", or of its "services" that of a model; empty: nothing is."""
    return text_of(dig(_read(), mark, *path))


def remember_model(mark: str, model: str) -> None:
    """Remember the model chosen at a relay."""
    _change(mark, {"model": model})


def remember_service(mark: str, model: str, service: str) -> None:
    """Remember by which service a model is made at a relay."""
    _change(mark, {"services": _put_last(dig(_read(), mark, "services"), model, service, most=_MOST_MODELS)})


def _change(mark: str, changes: Mapping[str, Any]) -> None:
    every = _read()
    known = every.get(mark)
    newest = _put_last(every, mark, {**(known if isinstance(known, dict) else {}), **changes}, most=_MOST_RELAYS)
    path = _memory_file()
    with suppress(StoreError, OSError):  # what is not remembered is asked for again
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_durably(path, json.dumps(newest).encode())


def _read() -> dict[str, Any]:
    """Return all that is remembered; what cannot be read is as if it were not there."""
    try:
        form = json.loads(try_read_file(_memory_file(), limit=_LARGEST) or b"{}")
    except (StoreError, OSError, ValueError, RecursionError):
        return {}
    return form if isinstance(form, dict) else {}


def _put_last(known: object, key: str, value: object, *, most: int) -> dict[str, Any]:
    others = {name: one for name, one in known.items() if name != key} if isinstance(known, Mapping) else {}
    return dict([*others.items(), (key, value)][-most:])
