"""Where a store lies, and what must hold before it is used."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from now_jupyter._messages._errors import StoreCorrupt, StoreFull, StoreTooNew, StoreUnavailable
from now_jupyter._store import Store
from records_made import PNG, files_below, keep, record_of


def identity_of(store: Store) -> str:
    form = json.loads((store.folder / "format").read_text())
    return str(form["id"])


def test_a_store_that_is_only_looked_at_leaves_no_trace(tmp_path: Path) -> None:
    """Making a store and reading it touches nothing on disk."""
    store = Store(tmp_path / "n.now")
    assert not store.exists
    assert store.last_notebook == ""
    assert store.records() == store.trashed() == store.newest(3) == []
    assert store.answer(1) is None
    assert not store.is_held(1)
    with pytest.raises(StoreCorrupt):
        store.read(1)
    assert list(tmp_path.iterdir()) == []


def test_preflight_makes_a_private_folder_that_says_what_it_is(store: Store, tmp_path: Path) -> None:
    """The folder is closed to others, has a lasting identity, names its notebook; what passes is kept out of git."""
    assert store.exists
    assert store.last_notebook == str(tmp_path / "n.ipynb")
    assert len(identity_of(store)) == 32
    assert {stat.S_IMODE(path.stat().st_mode) for path in (store.folder, *store.folder.iterdir())} == {0o700, 0o600}
    ignored = (store.folder / ".gitignore").read_text().split()
    assert {"answers/", "quarantine/", "trash/", "locks/"} <= set(ignored)


def test_a_second_preflight_changes_nothing_but_the_notebook(store: Store, tmp_path: Path) -> None:
    """Preflight may be called before every purchase; the identity stays, the notebook follows."""
    before, identity = files_below(store.folder), identity_of(store)
    store.preflight()
    assert files_below(store.folder) == before
    other = Store(store.folder, notebook=tmp_path / "renamed.ipynb")
    other.preflight()
    assert (identity_of(other), other.last_notebook) == (identity, str(tmp_path / "renamed.ipynb"))


def test_too_little_space_is_told_before_buying(store: Store) -> None:
    """Preflight refuses when the file system has less than is needed."""
    with pytest.raises(StoreFull):
        store.preflight(need_bytes=1 << 62)


def test_preflight_really_writes(tmp_path: Path) -> None:
    """A limit that only a write meets, like a quota, is met by the preflight."""
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from now_jupyter._store import Store\n"
        "from now_jupyter._messages._errors import StoreFull\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        "try: Store(Path(sys.argv[1])).preflight()\n"
        "except StoreFull: pass\n"
        "else: sys.exit(3)\n"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "n.now"], check=True)
    assert not list((tmp_path / "n.now").rglob("*.tmp"))


@pytest.mark.parametrize("part", [".", "jobs", "answers", "pictures", "inputs", "quarantine", "trash", "locks"])
def test_a_link_in_the_place_of_a_folder_is_refused(tmp_path: Path, part: str) -> None:
    """A folder that came with links in it is neither read nor written, and where they lead nothing changes."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    folder = tmp_path / "n.now"
    if part != ".":
        folder.mkdir()
    (folder / part if part != "." else folder).symlink_to(elsewhere)
    store = Store(folder)
    for act in (store.preflight, store.records, lambda: store.claim(record_of()), lambda: store.newest(1)):
        with pytest.raises(StoreUnavailable):
            act()
    assert list(elsewhere.iterdir()) == []


def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    """Somebody else's history is not ours to use."""
    foreign = Path("/usr")
    if os.geteuid() == 0:
        foreign = tmp_path / "n.now"
        foreign.mkdir()
        os.chown(foreign, 65534, 65534)
    with pytest.raises(StoreUnavailable):
        Store(foreign).preflight()
    with pytest.raises(StoreUnavailable):
        Store(foreign).records()


def test_a_spoilt_format_file_stops_nobody(store: Store) -> None:
    """It is moved aside and written anew; the records stay."""
    store.claim(record_of())
    (store.folder / "format").write_bytes(b"\xff{")
    store.preflight()
    assert store.exists
    assert len(store.records()) == 1
    assert any(path.read_bytes() == b"\xff{" for path in (store.folder / "quarantine").iterdir())


def test_a_history_of_a_later_version_is_read_and_never_written(store: Store) -> None:
    """Reading works as far as it can; nothing in the folder changes."""
    number = store.claim(record_of("a fox")).number
    form = json.loads((store.folder / "format").read_text())
    (store.folder / "format").write_text(json.dumps({**form, "format": 99}))
    before = files_below(store.folder)
    late = Store(store.folder)
    assert [one.number for one in late.records()] == [number]
    writes: list[Callable[[], object]] = [
        late.preflight,
        lambda: late.claim(record_of()),
        lambda: late.write(record_of(number=number)),
        lambda: late.mark(number, add=["x"]),
        lambda: late.trash(number),
        lambda: keep(late, record_of(number=number)),
        lambda: late.keep_input(PNG, mime="image/png"),
        lambda: late.open_answer(number),
    ]
    for act in writes:
        with pytest.raises(StoreTooNew):
            act()
    assert files_below(store.folder) == before


def test_a_record_of_a_later_version_is_not_overwritten(store: Store) -> None:
    """A single record that a later version wrote is left alone."""
    record = store.claim(record_of())
    path = store.folder / "jobs" / "1.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    with pytest.raises(StoreTooNew):
        store.write(record)
    assert store.records() == []
    assert store.damaged == ("1.json",)


def test_a_folder_that_is_gone_is_not_made_again_behind_the_users_back(store: Store, tmp_path: Path) -> None:
    """A late write after the folder was moved fails, to be kept elsewhere, and does not split the history."""
    record = store.claim(record_of())
    store.folder.rename(tmp_path / "moved.now")
    with pytest.raises(StoreUnavailable):
        store.write(record)
    assert not store.folder.exists()


def test_the_place_does_not_move_with_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative folder is meant from where the store was made."""
    monkeypatch.chdir(tmp_path)
    store = Store(Path("n.now"))
    monkeypatch.chdir("/")
    store.preflight()
    assert (tmp_path / "n.now" / "format").exists()


def test_a_quiet_folder_is_looked_through_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """One look at the folder itself tells that nothing changed; a link that takes a part's place is seen at once."""
    later = time.time_ns() + 10 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: later)
    store.preflight()
    store.preflight()
    store.records()
    looked: list[Path] = []
    real = os.lstat
    monkeypatch.setattr(os, "lstat", lambda path, **more: looked.append(Path(path)) or real(path, **more))
    store.hold(7)
    store.is_held(8)
    assert not {store.folder / part for part in ("jobs", "pictures", "format", ".gitignore")} & set(looked)
    monkeypatch.undo()
    (store.folder / "pictures").rename(store.folder / "away")
    (store.folder / "pictures").symlink_to(store.folder / "away")
    with pytest.raises(StoreUnavailable):
        store.keep_input(PNG, mime="image/png")
