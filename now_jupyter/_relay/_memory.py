"""What is remembered of relays, per user: family, the model chosen where none is named, the service of a model.

It lies among the user's own files, never in a folder that may come from elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from .._messages import StoreError
from .._settings import user_folder
from .._store import try_read_file, write_durably

__all__ = ["recall", "remember_family", "remember_model", "remember_service"]

_LARGEST = 1 << 18
_MOST_RELAYS, _MOST_MODELS = 50, 500
_Value = TypeVar("_Value")


def _memory_file() -> Path:
    return user_folder("state") / "relays.json"


class Remembered(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of one relay: its family, the model chosen where none is named, and by which service each model is made."""

    family: str = ""
    model: str = ""
    services: Mapping[str, str] = {}


def recall(mark: str) -> Remembered:
    """Return what is remembered of a relay."""
    return _read().get(mark, Remembered())


def remember_family(mark: str, family: str) -> None:
    """Remember to which family a relay belongs."""
    _write(mark, replace(recall(mark), family=family))


def remember_model(mark: str, model: str) -> None:
    """Remember the model chosen at a relay."""
    _write(mark, replace(recall(mark), model=model))


def remember_service(mark: str, model: str, service: str) -> None:
    """Remember by which service a model is made at a relay."""
    known = recall(mark)
    _write(mark, replace(known, services=_put_last(known.services, model, service, most=_MOST_MODELS)))


def _write(mark: str, known: Remembered) -> None:
    with suppress(StoreError, OSError):  # what is not remembered is asked for again
        path = _memory_file()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_durably(path, msgspec.json.encode(_put_last(_read(), mark, known, most=_MOST_RELAYS)))


def _read() -> dict[str, Remembered]:
    """Return all that is remembered; what cannot be read is as if it were not there."""
    with suppress(StoreError, OSError, ValueError, RecursionError):
        return msgspec.json.decode(try_read_file(_memory_file(), limit=_LARGEST) or b"{}", type=dict[str, Remembered])
    return {}


def _put_last(known: Mapping[str, _Value], key: str, value: _Value, *, most: int) -> dict[str, _Value]:
    others = [(name, one) for name, one in known.items() if name != key]
    return dict([*others, (key, value)][-most:])
