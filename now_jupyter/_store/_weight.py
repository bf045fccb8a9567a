"""What a value that is kept for long costs: memory, and the collector's time.

A collector looks at everything that it tracks, again and again, while the whole process waits. Records hold each other
nowhere, so it has nothing to find in them, however many there are.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable, Iterable
from decimal import Decimal
from itertools import chain
from typing import Any

from .._bounds import Bounded

__all__ = ["settle"]

_PLAIN = (str, int, float, Decimal)
_SHARED = {"", *range(257)}  # there is only one of each
_untrack: Callable[[Any], object] = lambda _: None  # noqa: E731 - where Python is another one, its collector is, too
if sys.implementation.name == "cpython":
    _untrack = ctypes.PYFUNCTYPE(None, ctypes.py_object)(("PyObject_GC_UnTrack", ctypes.pythonapi))


def settle(value: Any) -> int:  # noqa: ANN401 - a value of ours, and all its parts
    """Take a value without cycles out of the collector's sight, with all its parts; return the bytes that they take."""
    if type(value) in _PLAIN:
        return 0 if value in _SHARED else sys.getsizeof(value)
    parts: Iterable[Any]
    if isinstance(value, dict):
        parts = chain(value, value.values())
    elif isinstance(value, tuple | list):
        parts = value
    elif isinstance(value, Bounded):
        parts = (getattr(value, name) for name in value.__dataclass_fields__)  # type: ignore[attr-defined]
    else:
        return 0
    if gc.is_tracked(value):
        _untrack(value)
    return sys.getsizeof(value) + sum(map(settle, parts))
