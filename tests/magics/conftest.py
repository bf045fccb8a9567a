"""A shell with the extension, wired to a relay."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shells import Listener, Shell, listener, shell_in


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """A shell with the extension, whose demo answers without waiting."""
    monkeypatch.chdir(tmp_path)
    with shell_in(tmp_path / "ipython", progress_after=600.0) as shell:
        shell.run("%load_ext now_jupyter")
        shell.session.use_demo(instant=True)
        yield shell


@pytest.fixture(scope="module")
def relay() -> Iterator[Listener]:
    with listener() as relay:
        yield relay
