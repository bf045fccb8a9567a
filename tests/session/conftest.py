"""A session and the relay that it buys from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from now_jupyter._session import Session
from relays import Served, new_session, relay_on_loopback


@pytest.fixture
def served() -> Iterator[Served]:
    with relay_on_loopback() as relay:
        yield relay


@pytest.fixture
def session(served: Served, tmp_path: Path) -> Iterator[Session]:
    with new_session(tmp_path, served.url) as one:
        yield one
