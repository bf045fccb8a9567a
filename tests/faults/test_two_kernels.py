"""Two kernels, real processes, at work on one history at the same time."""

from __future__ import annotations

import json
import threading
import uuid
from pathlib import Path
from typing import Any

import pytest

from checker import checked, pictures_in
from kernels import KERNEL_6, KERNEL_7, Kernel
from kills import Relay
from now_jupyter._store import Store
from now_jupyter._store._record import Record
from now_jupyter._values import Request

JOBS = 50
ORDER = (
    "import now_jupyter as nj\n"
    "jobs = [nj.submit(f'fox {i} of {name}', model='gpt-image-2', tag=[name]) for i in range(many)]\n"
    "while not all(job.done() for job in jobs):\n"
    "    assert len(nj.history.search(name)) <= many\n"
    "done = [job.result(60) for job in jobs]\n"
    "print({g.status.value for g in done}, len({g.ref for g in done}), len(nj.history.search(name)))"
)


@pytest.mark.row("S5", injected="two kernels with 50 jobs each")
def test_two_kernels_buy_fifty_pictures_each_into_one_history(tmp_path: Path, campaign: Any) -> None:
    """No error, no number twice, no picture lost, nothing sent twice."""
    folder = tmp_path / "n.now"
    with Relay() as relay:
        env = {"NOW_BASE_URL": relay.url, "JPY_SESSION_NAME": str(tmp_path / "n.ipynb")}
        with Kernel(KERNEL_7, env=env, cwd=tmp_path) as first, Kernel(KERNEL_6, env=env, cwd=tmp_path) as second:
            ran = [
                one.start(f"name, many = {name!r}, {JOBS}\n{ORDER}")
                for one, name in ((first, "left"), (second, "right"))
            ]
            for one in ran:
                one.wait()
            assert [one.text.strip() for one in ran] == [f"{{'done'}} {JOBS} {JOBS}"] * 2
        relay.settle()
        check_history(folder, relay)
    assert [one.number for one in Store(folder).records()] == list(range(1, 2 * JOBS + 1))
    campaign.outcome(outcome="100 jobs", billed="once each", kept="all")


def check_history(folder: Path, relay: Relay) -> None:
    """Each order has one record and its picture, and the relay got each once."""
    verdict = checked(relay.book, folder)
    here = pictures_in(folder)
    assert verdict.safe == verdict.billed == len(verdict.jobs) == 2 * JOBS
    assert len({job.key for job in verdict.jobs}) == 2 * JOBS
    assert {job.status for job in verdict.jobs} == {"done"}
    named = {name: digest for job in verdict.jobs for name, digest in job.files.items()}
    assert named == here
    assert len(here) == 2 * JOBS
    assert not list((folder / "answers").iterdir())
    assert not list((folder / "quarantine").iterdir())


@pytest.mark.row("S5", injected="two kernels run the same cell at once")
def test_two_kernels_with_the_same_cell_order_it_once(tmp_path: Path, campaign: Any) -> None:
    """Whoever comes second joins, also across processes; both show the same picture."""
    code = "import now_jupyter as nj\nprint(nj.generate('the same fox', model='gpt-image-2').pictures[0].sha256)"
    with Relay() as relay:
        env = {"NOW_BASE_URL": relay.url, "JPY_SESSION_NAME": str(tmp_path / "n.ipynb")}
        with Kernel(env=env, cwd=tmp_path) as first, Kernel(env=env, cwd=tmp_path) as second:
            for one in (first, second):
                one.run("import now_jupyter as nj; nj.history")
            ran = [one.start(code) for one in (first, second)]
            for one in ran:
                one.wait()
        shown = {one.text.strip() for one in ran}
        records = [json.loads(path.read_text("utf-8")) for path in (tmp_path / "n.now" / "jobs").glob("*.json")]
        assert sorted(one["status"] for one in records) in (["done"], ["cancelled", "done"])
        assert len(relay.ledger) == len(shown) == 1
    campaign.outcome(outcome="joined", billed="once", kept="all")


def intent(prompt: str) -> Record:
    return Record(id=uuid.uuid4().hex, request=Request(prompt=prompt), created=1.0)


@pytest.mark.row("S5", injected="a kernel stands still in the midst of claiming a number")
def test_no_number_is_claimed_while_another_kernel_is_about_to_claim_a_lower_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, campaign: Any
) -> None:
    """Who has a number finds every lower one on the disk: else two that order the same at once would both pay."""
    store, other = Store(tmp_path / "n.now"), Store(tmp_path / "n.now")
    about_to, may_go_on = threading.Event(), threading.Event()
    seen: list[Any] = []
    write = other._jobs.claim

    def late(record: Record) -> bool:
        about_to.set()
        may_go_on.wait(30)
        return write(record)

    monkeypatch.setattr(other._jobs, "claim", late)
    slow = threading.Thread(target=lambda: other.claim_and_hold(intent("slow")))
    quick = threading.Thread(target=lambda: seen.extend([store.claim_and_hold(intent("quick"))[0], store.records()]))
    slow.start()
    about_to.wait(30)
    quick.start()
    quick.join(0.3)
    assert not seen
    may_go_on.set()
    slow.join(30)
    quick.join(30)
    claimed, records = seen
    assert (claimed.number, [one.number for one in records]) == (2, [1, 2])
    campaign.outcome(outcome="the other waits its turn", billed="once", kept="all")
