"""Power cuts: what was not flushed when the machine went out may be gone, name and content each by itself.

The disk is modelled in the strictest way: a file has the content of its last fsync, a folder the names of its own. The
other extreme is tried too, as systems write names early: all names are there, and what was not flushed is empty.
"""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from checker import checked
from disks import Struck, book_of, session_in, sold_digests
from now_jupyter._messages import NowImageError
from now_jupyter._values import Status

Names = dict[str, dict[str, int]]


@dataclass(frozen=True)
class _State:
    """What a power cut at a moment leaves: the names that are flushed, all names, and the flushed contents."""

    moment: str
    flushed: Names
    names: Names
    contents: dict[int, bytes]

    def restore(self, folder: Path, *, names_come_early: bool) -> None:
        """Make the folder that is there when the machine is on again."""
        for part, names in (self.names if names_come_early else self.flushed).items():
            (folder / part).mkdir(mode=0o700, parents=True, exist_ok=True)
            for name, inode in names.items():
                (folder / part / name).write_bytes(self.contents.get(inode, b""))


@dataclass
class _Disk:
    """Looks on while one history is written, and remembers what a power cut would leave after each flush."""

    home: Path
    states: list[_State] = field(default_factory=list)
    _flushed: Names = field(default_factory=dict)
    _contents: dict[int, bytes] = field(default_factory=dict)
    _held: dict[int, int] = field(default_factory=dict)  # so that no number of a file is given to another one

    def begin(self) -> None:
        """Take what is there as flushed."""
        self._flushed = self._names()
        for part, names in self._flushed.items():
            for name in names:
                self._flush_file(os.open(self.home / part / name, os.O_RDONLY))

    def note(self, moment: str) -> None:
        """Remember what there is at a moment."""
        self.states.append(_State(moment, dict(self._flushed), self._names(), dict(self._contents)))

    def flush(self, file: int) -> None:
        """Take note of an fsync."""
        path = Path(f"/proc/self/fd/{file}").readlink()
        if self.home not in (path, *path.parents):
            return
        if stat.S_ISDIR(os.fstat(file).st_mode):
            part = str(path.relative_to(self.home))
            self._flushed = {**self._flushed, part: self._names()[part]}
        else:
            self._flush_file(os.open(path, os.O_RDONLY))
        self.note(f"fsync {path.relative_to(self.home)}")

    def end(self) -> None:
        """Let go of all files."""
        for file in self._held.values():
            os.close(file)

    def _flush_file(self, file: int) -> None:
        seen = os.fstat(file)
        self._contents[seen.st_ino] = os.pread(file, seen.st_size, 0)
        os.close(self._held.pop(seen.st_ino, file)) if seen.st_ino in self._held else None
        self._held[seen.st_ino] = file

    def _names(self) -> Names:
        found: Names = {}
        for folder in (self.home, *(one for one in self.home.iterdir() if one.is_dir())):
            names = found[str(folder.relative_to(self.home))] = {}
            with suppress(FileNotFoundError):  # a temporary file that got its name meanwhile
                names |= {one.name: one.stat().st_ino for one in folder.iterdir() if one.is_file()}
        return found


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Disk]:
    """A disk that looks on from the first order on that is told so, which begins with a folder that is there."""
    disk = _Disk(tmp_path / "n.now")
    fsync, one_at_a_time = os.fsync, threading.Lock()

    def flushing(file: int) -> None:
        with one_at_a_time:  # what is flushed by now and what is known to be are the same to whoever goes on
            fsync(file)
            disk.flush(file)

    with session_in(disk.home, "http://127.0.0.1:9") as session:
        session.context.home().store.preflight()
    disk.begin()
    monkeypatch.setattr(os, "fsync", flushing)
    yield disk
    monkeypatch.undo()
    disk.end()


@pytest.mark.row("S4", injected="power cut after each flush")
@pytest.mark.parametrize("names_come_early", [False, True])
@pytest.mark.parametrize(("form", "count"), [("b64", 1), ("b64", 3), ("url", 1), ("url", 3)])
def test_a_power_cut_loses_no_picture_that_was_here(
    form: Any, count: int, *, names_come_early: bool, disk: _Disk, tmp_path: Path, campaign: Any
) -> None:
    """The intent is on the disk before the order goes out; what was on the disk once is found by `resume` ever after;
    and what was told to be done is there, under its name in its record, without `resume`.
    """
    with Struck(lambda: disk.note("sent"), form=form, count=count) as relay:
        with session_in(disk.home, relay.url) as session:
            session.generate("a fox", model="gpt-image-2", n=count)
            disk.note("told")
            session.wait()
        wanted, found = sold_digests(relay), list[set[str]]()
        for number, state in enumerate(disk.states):
            home = tmp_path / f"{number}" / "n.now"
            state.restore(home, names_come_early=names_come_early)
            found.append(_found(home, relay, has_gone=number >= _place(disk, "sent"), is_told=state.moment == "told"))
        assert len(relay.ledger) == 1, "a power cut made it order again"
    kept = [sum(one in here for one in wanted) for here in found]
    assert kept == sorted(kept), "what was on the disk is gone again"
    assert kept[-1] == count
    campaign.outcome(outcome=f"{len(kept)} cuts: pictures found {kept}", billed="once", kept="all from the flush on")


def _place(disk: _Disk, moment: str) -> int:
    return next(number for number, state in enumerate(disk.states) if state.moment == moment)


def _found(home: Path, relay: Any, *, has_gone: bool, is_told: bool) -> set[str]:
    """Load what a power cut left, and resume; give the digests of what is in the history then."""
    with session_in(home, relay.url) as session:
        before = session.history.records()
        assert session.context.home().store.damaged == ()
        if has_gone:
            assert [one.billed in ("maybe", "yes") for one in before] == [True], "it was sent, and no record says so"
        if is_told:
            assert [one.status for one in before] == [Status.DONE]
        with suppress(NowImageError):
            session.resume()
        records = session.history.records()
        for one in (one for record in records for one in record.outputs if one.file):
            path = session.context.home().store.output_path(one.file)
            assert hashlib.sha256(path.read_bytes()).hexdigest() == one.sha256
        if has_gone:
            checked(book_of(relay), home)
        return {one.sha256 for record in records for one in record.outputs if one.file}
