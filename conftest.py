"""No test, and no notebook run by nbval, sees the environment, the folders or the network of the person who runs it."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from clean_room import clean_environment

_MEMORY = Path("/dev/shm")  # noqa: S108 - the system's own place for it
_ROOM = 2 << 30  # several times what lies there at once
_home = pytest.StashKey[tempfile.TemporaryDirectory[str]]()


def pytest_configure(config: pytest.Config) -> None:
    """Clean the environment for the whole run, before anything of ours is started; to import it reads nothing."""
    if "TMPDIR" not in os.environ and _has_room(_MEMORY):
        os.environ["TMPDIR"] = tempfile.tempdir = str(_MEMORY)
    config.stash[_home] = home = tempfile.TemporaryDirectory(prefix="now-tests-", ignore_cleanup_errors=True)
    clean = clean_environment(os.environ, Path(home.name))
    os.environ.clear()
    os.environ.update(clean)


def _has_room(memory: Path) -> bool:
    """Whether files may lie in memory: a disk takes milliseconds for each of the many that are written through."""
    return os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _ROOM


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name no test by bytes: they may hold the time (gzip's do), and all workers must collect the same names."""
    return argname if isinstance(val, bytes) else None


def pytest_unconfigure(config: pytest.Config) -> None:
    """Take the folders away."""
    if home := config.stash.get(_home, None):
        home.cleanup()
