"""Every notebook that nbval runs gets a history of its own, and no waiting line: nbval sees the first display only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

_CONFIG = "c = get_config()  # noqa: F821\nc.Now.progress_after = 600.0\n"
_folders = pytest.StashKey[dict[Path, Path]]()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """Set the folders before the notebook's kernel starts; one pair for all cells of a notebook."""
    folders = item.config.stash.setdefault(_folders, {})
    if item.path not in folders:
        folders[item.path] = _make_folder(item)
    folder = folders[item.path]
    os.environ["NOW_FOLDER"] = str(folder / f"{item.path.stem}.now")
    os.environ["IPYTHONDIR"] = str(folder / "ipython")
    try:
        return (yield)
    finally:
        del os.environ["NOW_FOLDER"]


def _make_folder(item: pytest.Item) -> Path:
    folder = Path(os.environ["HOME"]) / "notebooks" / item.path.stem
    profile = folder / "ipython" / "profile_default"
    profile.mkdir(parents=True)
    (profile / "ipython_config.py").write_text(_CONFIG, encoding="utf-8")
    return folder
