"""S2, the second rung: pictures in the user's spill folder, or where even that fails in the output and in memory, and
how `resume` brings them home.
"""

from __future__ import annotations

import hashlib
import itertools
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from checker import checked
from disks import (
    PAGE,
    Struck,
    book_of,
    buy,
    check_ladder,
    comes_home,
    digests_below,
    fill,
    free,
    read_only,
    session_in,
    small_disk,
    sold_digests,
    spilled,
    writable_again,
)
from kills import Kernels, Relay
from now_jupyter._store._rescue import spill_folder
from now_jupyter._values import Status

# The spill folder itself


@pytest.mark.row("S2", injected="disk full after paying; the spill folder is full, read-only, or cannot be made")
@pytest.mark.parametrize("state", ["full", "read-only", "impossible"])
@pytest.mark.parametrize("form", ["b64", "url"])
def test_what_no_disk_takes_stays_in_memory_and_in_the_output(
    form: Any, state: str, disk: Path, campaign: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The error carries the bytes for the cell's output and says so; `resume` in the same kernel keeps them."""
    home = disk / "n.now"
    with small_disk(tmp_path / "data", size=16 * PAGE) as data:
        monkeypatch.setenv("XDG_DATA_HOME", str(data / "file" / "x" if state == "impossible" else data))
        _made_unusable(data, state)
        with (
            Struck(lambda: fill(disk, left=0), form=form, count=2) as relay,
            session_in(home, relay.url) as session,
        ):
            problem = buy(session, 2)
            assert problem is not None
            assert {hashlib.sha256(one).hexdigest() for one in problem.rescued} == set(sold_digests(relay))
            assert spilled() == []
            check_ladder(problem, home, relay)
            free(disk)
            comes_back = session.resume()
            assert [one.status for one in comes_back] == [Status.DONE]
            assert set(sold_digests(relay)) <= digests_below(home / "pictures")
            assert checked(book_of(relay), home).marked == 0
    campaign.outcome(outcome=f"{state}: output and memory, resumed", billed="yes", kept="all")


def _made_unusable(data: Path, state: str) -> None:
    if state == "full":
        fill(data, left=0)
    if state == "read-only":
        read_only(data)
    if state == "impossible":
        (data / "file").touch()


# Home again


@pytest.fixture
def spilling(disk: Path) -> Iterator[tuple[Path, Relay]]:
    """A history whose order has its two pictures in the spill folder, and the relay that sold them."""
    home = disk / "n.now"
    with Struck(lambda: read_only(home / "pictures"), count=2) as relay:
        with session_in(home, relay.url) as session:
            assert buy(session, 2) is not None
        assert len(spilled()) == 2
        writable_again(home / "pictures")
        yield home, relay


@pytest.mark.row("S2", injected="pictures in the spill folder, the order settled by --fresh")
def test_pictures_of_a_settled_order_come_home(spilling: tuple[Path, Relay], campaign: Any) -> None:
    """An order that its user has given up and bought again still gets its paid pictures, without asking the relay."""
    home, relay = spilling
    with session_in(home, relay.url) as session:
        store = session.context.home().store
        store.write(replace(store.read(1), settled=True))
        assert "#1 wait outside" in session.doctor().text()
        asked = len(relay.seen)
        assert [one.ref for one in session.resume()] == ["#1"]
        assert len(relay.seen) == asked
    comes_home(home, relay)
    campaign.outcome(outcome="done, without the relay", billed="yes", kept="all")


@pytest.mark.row("S2", injected="pictures in the spill folder, the relay another one or none")
@pytest.mark.parametrize("url", ["", "http://127.0.0.1:9"])
def test_pictures_come_home_without_their_relay(spilling: tuple[Path, Relay], url: str, campaign: Any) -> None:
    """What lies on this machine needs no network."""
    home, relay = spilling
    with session_in(home, url) as session:
        assert [one.status for one in session.resume()] == [Status.DONE]
    comes_home(home, relay)
    campaign.outcome(outcome="done, without the relay", billed="yes", kept="all")


@pytest.mark.row("S2", injected="pictures in the spill folder, the order in the trash")
def test_pictures_of_an_order_in_the_trash_come_home(spilling: tuple[Path, Relay], campaign: Any) -> None:
    """The pictures go into the history's folder, the order stays in the trash, and back from there it is whole."""
    home, relay = spilling
    with session_in(home, relay.url) as session:
        session.trash("#1")
        assert "#1 wait outside" in session.doctor().text()
        session.resume()
        assert spilled() == []
        assert len(session.history) == 0
        assert session.restore("#1").status is Status.DONE
    comes_home(home, relay)
    campaign.outcome(outcome="done, still in the trash", billed="yes", kept="all")


@pytest.mark.row("S2", injected="killed at each effect while spilled pictures come home")
def test_a_kill_on_the_way_home_loses_no_picture(
    spilling: tuple[Path, Relay], kernels: Kernels, campaign: Any, tmp_path: Path, full_faults: bool
) -> None:
    """Wherever the kernel dies, the pictures are in the history or still in the spill folder, and the next `resume`
    ends it.
    """
    home, relay = spilling
    kept = {path: path.read_bytes() for path in spill_folder().iterdir()}
    for place in itertools.count(1, 1 if full_faults else 7):
        copy = tmp_path / f"{place}" / "n.now"
        shutil.copytree(home, copy)
        for path, data in kept.items():
            path.write_bytes(data)
        ran = kernels.act("resume", copy, relay, ("effect", place))
        assert set(sold_digests(relay)) <= digests_below(copy / "pictures") | digests_below(spill_folder())
        comes_home(copy, relay)
        if not ran.killed:
            break
    campaign.figure("kills", place)
    campaign.outcome(outcome=f"killed at {place} places, resumed", billed="yes", kept="all")


@pytest.mark.row("S2", injected="a file in the spill folder that is spoilt")
def test_a_spoilt_file_in_the_spill_folder_stops_nothing(spilling: tuple[Path, Relay], campaign: Any) -> None:
    """It goes to quarantine, the other picture comes home, and the spoilt one is had from the answer that was kept."""
    home, relay = spilling
    first = min(spill_folder().iterdir())
    first.write_bytes(first.read_bytes()[:-20])
    with session_in(home, relay.url) as session:
        session.resume()
        assert len(session.history[0].pictures) >= 1
    assert spilled() == []
    assert len([path for path in (home / "quarantine").iterdir() if path.suffix != ".why"]) == 1
    verdict = checked(book_of(relay), home)
    assert verdict.safe + verdict.marked == 2
    campaign.outcome(outcome="quarantined, the rest home", billed="yes", kept="what verifies")
