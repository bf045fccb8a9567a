"""Disks of a test's own that fill up, turn read-only or refuse single calls, and relays in whose hands they do so.

    with small_disk(tmp_path / "disk") as disk, Struck(lambda: fill(disk, left=0), form="b64") as relay: ...

The disks are real ones (tmpfs), so that what fails is the system's own call. Mounting needs root or a mount namespace.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from checker import Ledger, Verdict, checked
from kills import GENERATE, PATIENCE, PROMPT, Relay
from now_jupyter._messages._errors import NowImageError, StoreError
from now_jupyter._session import Session
from now_jupyter._store._rescue import spill_folder
from now_jupyter._values import Status

__all__ = [
    "PAGE",
    "Struck",
    "after",
    "book_of",
    "buy",
    "check_ladder",
    "comes_home",
    "digests_below",
    "fill",
    "fill_inodes",
    "free",
    "read_only",
    "session_in",
    "small_disk",
    "sold_digests",
    "spilled",
    "until",
    "writable_again",
]

PAGE = 4096
_ROOM = 48 << 20


def mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    assert not done.returncode, f"{done.stderr.strip()}: run this as root, or within `unshare -Urm`"


@contextmanager
def small_disk(place: Path, *, size: int = _ROOM, inodes: int = 0) -> Iterator[Path]:
    """Mount a disk of so many bytes, and of so many files where that is said."""
    place.mkdir(parents=True, exist_ok=True)
    most = f",nr_inodes={inodes}" if inodes else ""
    mount("-t", "tmpfs", "-o", f"size={size}{most}", "tmpfs", str(place))
    try:
        yield place
    finally:
        while os.path.ismount(place):  # also what was mounted over it since
            subprocess.run(["umount", "-l", str(place)], check=True)


def read_only(folder: Path) -> None:
    """Turn a folder into a read-only file system while files in it are open.

    The system does not remount read-only what is open for writing; mounted over itself, every later call meets the
    read-only one, as after an error of the disk.
    """
    mount("--bind", str(folder), str(folder))
    mount("-o", "remount,bind,ro", str(folder))


def writable_again(folder: Path) -> None:
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(disk: Path, *, left: int) -> None:
    """Leave so many bytes free on a disk."""
    seen = os.statvfs(disk)
    with (disk / "ballast").open("ab") as ballast:
        os.posix_fallocate(ballast.fileno(), 0, max(1, seen.f_bavail * seen.f_frsize - left))


def fill_inodes(disk: Path, *, left: int) -> None:
    """Leave room for so many more files on a disk."""
    (disk / "ballast").mkdir()
    for number in range(os.statvfs(disk).f_favail - left):
        (disk / "ballast" / f"{number}").touch()


@contextmanager
def session_in(folder: Path, url: str, **given: Any) -> Iterator[Session]:
    session = Session(folder=folder, base_url=url, environ={}, working=folder.parent, **given)
    try:
        yield session
    finally:
        session.close()


class Struck(Relay):
    """A relay that bills an order, lets something happen to the client's disk, and then answers."""

    def __init__(self, strike: Callable[[], object], *, form: Any = "b64", count: int = 1) -> None:
        super().__init__(form=form, count=count)
        self.strike = strike

    def _sold(self, key: str) -> list[Any]:
        self.strike()
        return super()._sold(key)


def after(relay: Relay, actions: Callable[[str], list[Any]]) -> None:
    """Answer orders by these actions of their key; a function among them is called when its turn has come."""
    relay._scripts[GENERATE].clear()
    relay.script(lambda seen: _Staged(actions(seen.headers["idempotency-key"])), path=GENERATE)


class _Staged(list[Any]):
    def __iter__(self) -> Iterator[Any]:
        for one in super().__iter__():
            if callable(one):
                one()
            else:
                yield one


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another process or thread does."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it does not come"
        time.sleep(0.001)


def digests_below(folder: Path) -> set[str]:
    return {hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def sold_digests(relay: Relay) -> list[str]:
    return [hashlib.sha256(data).hexdigest() for key in relay.ledger for data in relay.pictures(key)]


def spilled() -> list[bytes]:
    return [path.read_bytes() for path in spill_folder().glob("*") if path.is_file()]


def buy(session: Session, count: int = 1, **options: Any) -> NowImageError | None:
    try:
        session.generate(PROMPT, model="gpt-image-2", n=count, **options)
    except NowImageError as problem:
        return problem
    return None


def book_of(relay: Relay) -> Ledger:
    """Give what the relay has billed, for the independent checker."""
    book = Ledger()
    for key in relay.ledger:
        book.note(key, pictures=relay.pictures(key))
    return book


def check_ladder(problem: NowImageError | None, home: Path, relay: Relay) -> Verdict:
    """Hold that every picture is somewhere (history, spill folder, output), that the message says where, and that
    the ledger agrees with the disk.
    """
    wanted, here, away = set(sold_digests(relay)), digests_below(home), digests_below(spill_folder())
    shown = () if problem is None else problem.rescued
    record = json.loads((home / "jobs" / "1.json").read_text("utf-8"))
    assert record["billed"] in ("maybe", "yes")
    assert wanted <= here | away | {hashlib.sha256(data).hexdigest() for data in shown}, "a picture is nowhere"
    if problem is not None:
        assert problem.billed in ("maybe", "yes")
        assert isinstance(problem, StoreError)
        assert len(problem.lines()) <= 6
    if problem is not None and wanted <= away - here:
        assert str(spill_folder()) in str(problem)
    if shown:
        assert "only in the output and memory of this kernel" in str(problem)
    return checked(book_of(relay), home, elsewhere=[*spilled(), *shown])


def free(disk: Path) -> None:
    """Give a filled disk its room back."""
    with suppress(FileNotFoundError):
        ballast = disk / "ballast"
        if ballast.is_dir():
            subprocess.run(["rm", "-r", str(ballast)], check=True)
        else:
            ballast.unlink()


def comes_home(home: Path, relay: Relay) -> None:
    """Resume, and hold that all is in the history now, nothing anywhere else, and nothing was ordered again."""
    with session_in(home, relay.url) as session:
        session.resume()
        assert [one.status for one in session.history] == [Status.DONE]
        assert [one.sha256 for one in session.history[0].pictures] == sold_digests(relay)
        assert "wait outside" not in session.doctor().text()
    assert set(sold_digests(relay)) <= digests_below(home / "pictures")
    assert spilled() == []
    assert len(relay.ledger) == 1
    assert checked(book_of(relay), home).marked == 0
