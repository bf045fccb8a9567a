"""The system's errors as errors of ours, without cause or context."""

from __future__ import annotations

import errno
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from .._messages import StoreError, StoreFull, StoreUnavailable

__all__ = ["codes_of", "with_store_errors"]

P = ParamSpec("P")
S = TypeVar("S")
T = TypeVar("T")


def codes_of(*names: str) -> frozenset[int]:
    """Return the numbers of the errors of these names that this system has."""
    return frozenset(getattr(errno, name) for name in names if hasattr(errno, name))


_FULL = codes_of("ENOSPC", "EDQUOT", "EFBIG")
_UNAVAILABLE = codes_of("EROFS", "EACCES", "EPERM", "ENOENT", "ENOTDIR", "ELOOP", "ESTALE", "ENXIO", "ENODEV")
_CURE = "see that the folder is there, is yours and may be written, or choose another with %now folder PATH"
_MAKE_ROOM = "free some space there, or choose another folder with %now folder PATH"


def with_store_errors(act: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """Make a function of a path, or a method of what has a `path`, raise our errors instead of the system's."""

    @functools.wraps(act)
    def wrapper(first: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return act(first, *args, **kwargs)
        except OSError as problem:
            place: Any = first
            error = _error_of(problem, getattr(place, "path", place))
        raise error

    return wrapper


def _error_of(problem: OSError, path: Path) -> StoreError:
    facts: dict[str, Any] = {"path": path, "reason": problem.strerror or type(problem).__name__}
    if problem.errno in _FULL:
        return StoreFull("no space is left to write {path}: {reason}", advice=_MAKE_ROOM, **facts)
    if problem.errno in _UNAVAILABLE:
        return StoreUnavailable("{path} cannot be used: {reason}", advice=_CURE, **facts)
    return StoreError("{path} could not be read or written: {reason}", **facts)
