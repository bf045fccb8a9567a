"""Loops of another kind than asyncio."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sniffio

from now_jupyter._messages import InputError
from relays import Served, new_session, relay_on_loopback


@pytest.fixture
def served() -> Iterator[Served]:
    with relay_on_loopback() as relay:
        yield relay


def test_another_loop_is_refused_before_anything_is_ordered(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`await nj.agenerate(…)` under `%autoawait trio` sends nothing; awaiting a job there leaves the job as it is."""
    with new_session(tmp_path, served.url) as session:
        job = session.submit("a fox", model="dall-e-2")
        job.wait_until_over()
        monkeypatch.setattr(sniffio.thread_local, "name", "trio")  # as trio itself does while it runs
        with pytest.raises(InputError, match="asyncio only"):
            session.agenerate("a cat").send(None)
        with pytest.raises(InputError, match="asyncio only"):
            job.await_result().send(None)
        monkeypatch.undo()
        assert (job.result().billed, len(session.history), served.posts) == ("yes", 1, 1)
