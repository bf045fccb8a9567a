"""A store of its own for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from now_jupyter._store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "n.now", notebook=tmp_path / "n.ipynb")
    store.preflight()
    return store
