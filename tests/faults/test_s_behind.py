"""Rows S3 to S7: what stands behind another defence of the disk, reached alone."""

from __future__ import annotations

import resource
import threading
from pathlib import Path
from typing import Any

import pytest

from checker import jobs_in
from now_jupyter._messages._errors import BadImageError, StoreFull
from now_jupyter._store import Record, Store, _job_locks, write_durably
from now_jupyter._values import Request
from stand import on_stand, png, sells

KERNELS, ORDERS = 6, 20


@pytest.mark.row("S5", injected="numbers claimed by six at once, on a file system without locks")
def test_a_number_is_claimed_once_also_without_a_lock(
    tmp_path: Path, campaign: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Locks only say who is at work, and network homes may have none: the claim by itself gives each number once."""
    folder = tmp_path / "n.now"
    monkeypatch.setattr(_job_locks, "_try_lock", lambda *_: lambda: None)
    Store(folder).preflight()
    together = threading.Barrier(KERNELS)
    claimed: list[Record] = []

    def claim(kernel: int) -> None:
        store = Store(folder)
        for order in range(ORDERS):
            together.wait()
            identity = f"{kernel * ORDERS + order:032x}"
            claimed.append(store.claim(Record(id=identity, request=Request(prompt="fox"), created=0.0)))

    threads = [threading.Thread(target=claim, args=(kernel,)) for kernel in range(KERNELS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(one.number for one in claimed) == list(range(1, KERNELS * ORDERS + 1))
    assert {job.form["id"] for job in jobs_in(folder)} == {one.id for one in claimed}
    campaign.outcome(outcome=f"{len(claimed)} numbers, each once", billed="no", kept="all records")


@pytest.mark.row("S4", injected="a write that ends in the middle (limit on the size of files)")
def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, campaign: Any) -> None:
    """Whoever reads meets the old content or the new, never half of either, and nothing unfinished stays."""
    place = tmp_path / "1.json"
    write_durably(place, b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(StoreFull):
            write_durably(place, b"n" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert place.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == [place.name]
    campaign.outcome(outcome="StoreFull", billed="-", kept="the state before")


@pytest.mark.row("S6", injected="a picture exchanged for another whole one")
def test_changed_pictures_are_neither_shown_nor_lost(tmp_path: Path, campaign: Any) -> None:
    """Other bytes than those that were received are not shown under its name; `doctor` sets them aside, and nothing
    replaces them before.
    """
    with on_stand(tmp_path / "a.now") as stand:
        stand.serve(sells(stand.ledger, png(1)))
        picture = stand.bought().pictures[0]
        picture.path.write_bytes(png(2))
        with pytest.raises(BadImageError, match="no longer the picture"):
            picture.bytes()
        stand.bought()
        assert picture.path.read_bytes() == png(2)
        assert not stand.session.doctor().is_healthy
        aside = [path.read_bytes() for path in (stand.folder / "quarantine").glob("*.png")]
        assert aside == [png(2)]
    campaign.outcome(outcome="BadImageError, then quarantine", billed="yes", kept="both")
