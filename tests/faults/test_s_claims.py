"""Row S5: what makes an order's number its own, where no lock stands before it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from checker import jobs_in
from now_jupyter._records import Record
from now_jupyter._store import Store
from now_jupyter._values import Request

KERNELS, ORDERS = 6, 20


@pytest.mark.row("S5", injected="numbers claimed by six at once, on a file system without locks")
def test_a_number_is_claimed_once_also_without_a_lock(tmp_path: Path, campaign: Any) -> None:
    """Locks only say who is at work, and network homes may have none: the claim by itself gives each number once."""
    folder = tmp_path / "n.now"
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
