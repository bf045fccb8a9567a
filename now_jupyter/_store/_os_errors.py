"""The system's errors as errors of ours, without cause or context."""

from __future__ import annotations

import errno
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from .._messages import StoreError, StoreFull, StoreUnavailable

__all__ = ["codes_of", "with_store_errors"]

P = ParamSpec("P")
T = TypeVar("T")


def codes_of(*names: str) -> frozenset[int]:
    """Return the numbers of the errors of these names that this system has."""
    return frozenset(getattr(errno, name) for name in names if hasattr(errno, name))


_FULL = codes_of("ENOSPC", "EDQUOT", "EFBIG")
_UNAVAILABLE = codes_of("EROFS", "EACCES", "EPERM", "ENOENT", "ENOTDIR", "ELOOP", "ESTALE", "ENXIO", "ENODEV")


def with_store_errors(act: Callable[Concatenate[Path, P], T]) -> Callable[Concatenate[Path, P], T]:
    """Make a function whose first argument is a path raise our errors instead of the system's."""

    @functools.wraps(act)
    def wrapper(path: Path, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return act(path, *args, **kwargs)
        except OSError as problem:
            error = _error_of(problem, path)
        raise error

    return wrapper


def _error_of(problem: OSError, path: Path) -> StoreError:
    reason = problem.strerror or type(problem).__name__
    if problem.errno in _FULL:
        return StoreFull(
            "no space is left to write {path}: {reason}",
            advice="free some space there, or choose another folder with %now folder PATH",
            path=path,
            reason=reason,
        )
    if problem.errno in _UNAVAILABLE:
        return StoreUnavailable(
            "{path} cannot be used: {reason}",
            advice="see that the folder is there, is yours and may be written, or choose another with %now folder PATH",
            path=path,
            reason=reason,
        )
    return StoreError("{path} could not be read or written: {reason}", path=path, reason=reason)
