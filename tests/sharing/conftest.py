"""A notebook on the demo with a few pictures in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from now_jupyter._session import Session
from relays import new_session


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Session]:
    """#1 has two pictures, of which the second has a star; #2 a tag and a Chinese prompt; #3 was made of #1.2."""
    folder = tmp_path / "mine"
    folder.mkdir()
    with new_session(folder) as session:
        session.generate("a red fox / in <snow>", n=2, size="16:9")
        session.generate("雪地里的狐狸", tag="cover", seed=7)
        session.generate("at night", image="#1.2")
        session.star("#1.2")
        yield session


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Session]:
    """Another notebook, with a picture of its own."""
    folder = tmp_path / "other"
    folder.mkdir()
    with new_session(folder) as session:
        session.generate("mine alone")
        yield session
