"""The index: it answers as the files say, whatever becomes of it, and is never what is believed."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from now_jupyter._settings import user_folder
from now_jupyter._store import Record, RecordedOutput, Store
from now_jupyter._store import _index as index
from now_jupyter._store._record_files import encode
from now_jupyter._values import Request, Status
from records_made import record_of


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A history of three."""
    store = Store(tmp_path / "n.now")
    for prompt in ("a red fox", "a blue bird", "a red fox"):
        store.claim(record_of(prompt))
    return store


def index_file() -> Path:
    """Return the newest index."""
    return max((user_folder("cache") / "indexes").glob("*.sqlite"), key=lambda one: one.stat().st_mtime_ns)


def lay_down(store: Store, record: Record) -> None:
    """Put a record into the folder as something else than a kernel would."""
    (store.folder / "jobs" / f"{record.number}.json").write_bytes(encode(record.to_json()))


def test_every_question_is_answered_as_the_files_say(store: Store) -> None:
    """By request, id, name, digest, parents, button, state; of the trash nothing."""
    first = store.read(1)
    picture = RecordedOutput(key="k", number=1, sha256="ab" * 32, mime="image/png", file="1-fox.png", width=1, height=1)
    made = record_of(
        "", name="kept", parents=(first.id,), outputs=(picture,), model="m", status=Status.DONE, elapsed=2.5
    )
    made = replace(made, request=replace(made.request, button="U1"))
    store.claim(made)
    found = store.index
    assert found.numbers() == [1, 2, 3, 4]
    assert found.newest(2) == [4, 3]
    assert found.equal_to(first.request) == [1, 3]
    assert (found.with_id(first.id), found.named("kept"), found.named("none")) == ([1], [4], [])
    assert (found.with_output("ab" * 32), found.children_of(first.id)) == ([4], [4])
    assert found.pressed_on(first.id) == {"U1"}
    assert found.seconds_of("m", 20) == [2.5]
    assert found.under_way() == [1, 2, 3]
    assert [one.pictures_with(()) for one in found.entries(model="m")] == [(1,)]
    store.mark(4, add=["*"], output="k")
    assert [one.pictures_with({"*"}) for one in store.index.entries()].count((1,)) == 1
    assert store.index.most_frequent_tags() == ["*"]
    store.trash(4)
    assert store.index.numbers() == [1, 2, 3]


def test_kernels_see_each_others_records_without_reading_them(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever writes a record writes its row."""
    other = Store(store.folder)
    while not store._jobs.index.is_fresh:  # what was made a moment ago is looked at again
        assert other.index.count() == store.index.count() == 3
    monkeypatch.setattr(index, "_signatures", lambda _: pytest.fail("the whole folder is looked at"))
    fourth = other.claim(record_of("a white hare"))
    other.write(replace(fourth, status=Status.DONE))
    assert store.index.equal_to(fourth.request) == [4]
    assert store.index.under_way() == [1, 2, 3]


@pytest.mark.parametrize("change", ["added", "replaced", "removed", "restored"])
def test_what_others_change_is_taken_in(store: Store, change: str) -> None:
    """Version control, a file manager, another machine: only the folder tells."""
    assert store.index.count() == 3
    second = store.read(2)
    path = store.folder / "jobs" / "2.json"
    if change == "added":
        lay_down(store, record_of("a hare", number=9))
    elif change == "replaced":
        path.unlink()
        lay_down(store, replace(second, request=Request(prompt="a hare")))
    else:
        path.rename(store.folder / "away")
        assert store.index.numbers() == [1, 3]
        if change == "restored":
            (store.folder / "away").rename(path)
    expected = {"added": [1, 2, 3, 9], "removed": [1, 3]}.get(change, [1, 2, 3])
    assert [one.number for one in store.records()] == store.index.numbers() == expected
    assert store.index.holding("hare") == {"added": [9], "replaced": [2]}.get(change, [])


def _spoil(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def _empty_tables(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("DROP TABLE records")
    database.close()


@pytest.mark.parametrize("harm", [_spoil, _cut, _empty_tables, Path.unlink])
@pytest.mark.parametrize("is_open", [True, False])
def test_an_index_that_is_spoilt_is_made_anew(store: Store, harm: Callable[[Path], object], *, is_open: bool) -> None:
    """Nothing is lost with it, and the history goes on."""
    assert store.index.count() == 3
    if not is_open:
        store.close()
    harm(index_file())
    for one in (store, Store(store.folder)):
        assert [record.number for record in one.records()] == one.index.numbers()
        assert one.index.equal_to(store.read(1).request) == [1, 3]
        one.claim(record_of("another"))
    assert len(store.records()) == 5


def test_without_a_place_for_it_the_index_is_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    """Where the user's cache cannot be written, or there is no home at all."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    other = Store(store.folder)
    assert other.index.numbers() == [1, 2, 3]
    store.claim(record_of("a hare"))
    assert other.index.holding("hare") == [4]
    other.claim(record_of("another hare"))
    assert other.index.holding("hare") == store.index.holding("hare") == [5, 4]


def test_whoever_holds_the_index_holds_up_nobody(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that was stopped in the middle of a write: others go on, and are right."""
    assert store.index.count() == 3
    monkeypatch.setattr(index, "_PATIENCE", 0.01)
    other = Store(store.folder)
    assert other.index.count() == 3
    with sqlite3.connect(index_file(), isolation_level=None) as database:
        database.execute("BEGIN EXCLUSIVE")
        other.claim(record_of("a hare"))
        assert other.index.holding("hare") == [4]
    database.close()
    assert store.index.holding("hare") == [4]


def test_a_lower_number_whose_kernel_did_not_say_so_is_found(store: Store) -> None:
    """It died, or is about to: nobody buys what it has ordered already."""
    request = store.read(1).request
    assert store.index.count() == 3
    claimed = store.claim(record_of("a red fox"))
    lay_down(store, record_of("a red fox", number=5))
    state = store._jobs.index
    assert state.equal_to(request) == [1, 3, claimed.number]
    assert [one.number for one in store.equal_to(request, below=6)] == [1, 3, 4, 5]


def test_a_long_history_is_usable_while_it_is_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest, each by its number and how many there are; what is asked of all waits."""
    for number in range(4, 604):
        lay_down(store, record_of(f"hare {number}", number=number))
    go_on = threading.Event()
    row_of = index.RecordIndex._row_of

    def wait_and_read(self: index.RecordIndex, *of: object) -> object:
        assert go_on.wait(30)
        return row_of(self, *of)  # type: ignore[arg-type]

    monkeypatch.setattr(index.RecordIndex, "_row_of", wait_and_read)
    assert [one.number for one in store.newest(2)] == [602, 603]
    assert store.count() == 603
    assert store.read(300).request.prompt == "hare 300"
    go_on.set()
    assert len(store.index.holding("hare")) == 600
    assert store.count() == 603


def test_a_forked_process_leaves_the_index_to_its_parent(store: Store) -> None:
    """Each has a connection of its own."""
    assert store.index.count() == 3
    child = os.fork()
    if not child:
        code = 1
        try:
            store.claim(record_of("a hare"))
            code = 0 if store.index.holding("hare") == [4] else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store.index.holding("hare") == [4]


def test_indexes_of_histories_that_are_gone_make_room(store: Store) -> None:
    """Those that were not used for longest go first."""
    assert store.index.count() == 3
    folder = index_file().parent
    for number in range(250):
        (folder / f"1-0-{number}.sqlite").touch()
        os.utime(folder / f"1-0-{number}.sqlite", (number, number))
    other = Store(store.folder.with_name("other.now"))
    other.claim(record_of("a hare"))
    assert other.index.count() == 1
    left = {one.name for one in folder.glob("*.sqlite")}
    assert len(left) <= 201
    assert index_file().name in left
    assert "1-0-0.sqlite" not in left
    assert "1-0-249.sqlite" in left
