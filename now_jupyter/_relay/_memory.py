"""What is remembered of relays, per user: family, default model, and the services and own prices of models.

It lies among the user's own files, never in a folder that may come from elsewhere.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from .._messages import StoreError
from .._settings import user_folder
from .._store import try_read_file, write_durably
from ._own_price import OwnPrice

__all__ = ["recall", "remember_family", "remember_mask", "remember_model", "remember_price", "remember_service"]

_LARGEST = 8 << 20
_MOST_RELAYS, _MOST_MODELS = 50, 500
_CHANGING = threading.Lock()  # what one remembers is not lost to what another does
_Value = TypeVar("_Value")
_READ: dict[Path, tuple[tuple[int, ...], Mapping[str, Remembered]]] = {}  # every order asks, hardly any changes it


def _memory_file() -> Path:
    return user_folder("state") / "relays.json"


class Remembered(msgspec.Struct, frozen=True, omit_defaults=True):
    """Of one relay: its family, the model where none is named, and of each model its service and the user's price.

    `masks`: which share of a picture a model last changed outside of a mask, where that was much.
    """

    family: str = ""
    model: str = ""
    services: Mapping[str, str] = {}
    prices: Mapping[str, OwnPrice] = {}
    masks: Mapping[str, float] = {}


def recall(mark: str) -> Remembered:
    """Return what is remembered of a relay."""
    return _read().get(mark, Remembered())


def remember_family(mark: str, family: str) -> None:
    """Remember to which family a relay belongs."""
    _try_to_change(mark, lambda known: replace(known, family=family))


def remember_model(mark: str, model: str) -> None:
    """Remember the model chosen at a relay."""
    _try_to_change(mark, lambda known: replace(known, model=model))


def remember_service(mark: str, model: str, service: str) -> None:
    """Remember by which service a model is made at a relay."""
    _try_to_change(mark, lambda known: replace(known, services=_put_last(known.services, model, service)))


def remember_mask(mark: str, model: str, share: float) -> None:
    """Remember which share of a picture a model changed outside of a mask; 0 forgets it."""

    def change(known: Remembered) -> Remembered:
        others = {name: one for name, one in known.masks.items() if name != model}
        return replace(known, masks=_put_last(others, model, share) if share else others)

    _try_to_change(mark, change)


def remember_price(mark: str, model: str, price: OwnPrice | None) -> None:
    """Remember what the user says that a model costs at a relay, or (None) forget it.

    Raises:
        StoreError: it cannot be remembered.
    """

    def change(known: Remembered) -> Remembered:
        others = {name: one for name, one in known.prices.items() if name != model}
        return replace(known, prices=others if price is None else _put_last(others, model, price))

    try:
        _change(mark, change)
    except OSError as problem:
        reason = problem.strerror or type(problem).__name__
        raise StoreError("the price cannot be kept: {reason}", reason=reason) from None


def _try_to_change(mark: str, change: Callable[[Remembered], Remembered]) -> None:
    with suppress(StoreError, OSError):  # what is not remembered is asked for again
        _change(mark, change)


def _change(mark: str, change: Callable[[Remembered], Remembered]) -> None:
    with _CHANGING:
        known = _read()
        path = _memory_file()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        changed = _put_last(known, mark, change(known.get(mark, Remembered())), most=_MOST_RELAYS)
        write_durably(path, msgspec.json.encode(changed))


def _read() -> Mapping[str, Remembered]:
    """Return all that is remembered; what cannot be read is as if it were not there."""
    with suppress(StoreError, OSError, ValueError, RecursionError):
        path = _memory_file()
        seen = os.lstat(path)
        stamp = (seen.st_ino, seen.st_mtime_ns, seen.st_size)  # each change gives the name to another file
        before, known = _READ.get(path, ((), {}))
        if before != stamp:
            data = try_read_file(path, limit=_LARGEST) or b"{}"
            known = msgspec.json.decode(data, type=dict[str, Remembered])
            _READ[path] = (stamp, known)
        return known
    return {}


def _put_last(known: Mapping[str, _Value], key: str, value: _Value, *, most: int = _MOST_MODELS) -> dict[str, _Value]:
    others = [(name, one) for name, one in known.items() if name != key]
    return dict([*others, (key, value)][-most:])
