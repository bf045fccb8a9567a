"""The index: it answers as the files say, whatever becomes of it, and is never what is believed."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from now_jupyter._messages import StoreError
from now_jupyter._settings import user_folder
from now_jupyter._store import Record, RecordedOutput, Store, _record_files
from now_jupyter._store import _index as index
from now_jupyter._store import _index_file as opening
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
    monkeypatch.setattr(index, "signatures_in", lambda _: pytest.fail("the whole folder is looked at"))
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


def _spoil_names(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"CREATE TABLE records", b"CREATE \xff\xfe\xfdLE records"))


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def _empty_tables(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("DROP TABLE records")
    database.close()


@pytest.mark.parametrize("harm", [_spoil, _spoil_names, _cut, _empty_tables, Path.unlink])
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
    monkeypatch.setattr(opening, "_PATIENCE", 0.01)
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


def up_to_date(folder: Path) -> Store:
    """Return a store of its own whose index knows all that the folder holds."""
    store = Store(folder)
    while not store._jobs.index.is_fresh:  # what was made a moment ago is looked at again
        assert store.index.count() == 3
    return store


@pytest.mark.parametrize("later", [0, 1, 2])
def test_what_was_claimed_while_a_record_was_written_is_found(store: Store, later: int) -> None:
    """By a machine without this index, or a kernel that died before the row: then the folder's stamp does not tell."""
    other = up_to_date(store.folder)
    foreign = record_of("a white hare", number=4)
    with store._jobs.index.following(1):
        lay_down(store, foreign)
    for _ in range(later):
        claimed = other.claim(record_of("another"))
        assert [one.number for one in other.equal_to(foreign.request, below=claimed.number)] == [4]
    assert [one.number for one in other.equal_to(foreign.request)] == [4]


def test_numbers_far_above_all_others_are_no_work(store: Store) -> None:
    """Of a history that was emptied by hand, and whose locks are still there."""
    for number in (1, 2, 3):
        store.trash(number)
    (store.folder / "locks" / f"{10**14}.lock").touch()
    other = Store(store.folder)
    claimed = other.claim(record_of("a hare"))
    lay_down(store, record_of("a hare", number=10**14 - 5))
    below = other.equal_to(claimed.request, below=claimed.number)
    assert [one.number for one in below] == [10**14 - 5]


def test_an_index_begins_with_the_folder(tmp_path: Path) -> None:
    """What is asked before the first order leaves the index its file, so that other kernels have the rows as well."""
    store = Store(tmp_path / "new.now")
    assert store.equal_to(Request(prompt="a hare")) == []
    store.claim(record_of("a hare"))
    assert store.index.count() == 1
    with sqlite3.connect(index_file()) as database:
        assert database.execute("SELECT number FROM records").fetchall() == [(1,)]
    database.close()


def test_what_the_system_would_not_give_is_read_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails for a moment must not hide an answer for ever."""
    store.close()
    index_file().unlink()
    for path in (store.folder / "jobs").iterdir():
        os.utime(path, ns=(1_700_000_000_123_456_789,) * 2)  # what is new is read again anyway

    def fail(*_: object, **__: object) -> bytes:
        raise StoreError("it could not be read")

    with monkeypatch.context() as patch:
        patch.setattr(_record_files, "try_read_file", fail)
        assert Store(store.folder).index.count() == 0
    for one in (store, Store(store.folder)):
        assert one.index.count() == 3


@pytest.mark.parametrize("act", ["claim", "mark"])
def test_an_index_that_cannot_be_written_is_waited_for_once(
    store: Store, act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel that was stopped in the middle of a write is not waited for with every record."""
    other = up_to_date(store.folder)
    opened: list[object] = []
    connect = opening.connect
    monkeypatch.setattr(opening, "_PATIENCE", 0.01)
    for module in (index, opening):
        monkeypatch.setattr(module, "connect", lambda path: [opened.append(path), connect(path)][1])
    other.close()
    with sqlite3.connect(index_file(), isolation_level=None) as database:
        assert other.index.count() == 3
        database.execute("BEGIN IMMEDIATE")  # others may read
        for _ in range(3):
            other.claim(record_of("a hare")) if act == "claim" else other.mark(2, add=["*"])
        assert opened[1:] == [":memory:"]
    database.close()
    assert other.index.count() == store.index.count() == (6 if act == "claim" else 3)


@pytest.mark.parametrize("harm", ["DELETE FROM records WHERE number = 2", "DELETE FROM state"])
def test_after_a_power_cut_the_index_is_looked_through(
    store: Store, harm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is never flushed: of what was written together, a part may be lost."""
    up_to_date(store.folder).close()
    store.close()
    with sqlite3.connect(index_file()) as database:
        database.execute(harm)
    database.close()
    monkeypatch.setattr(opening, "_boot", lambda: "the next one")
    assert Store(store.folder).index.numbers() == [1, 2, 3]
    up_to_date(store.folder)
    monkeypatch.setattr(index, "signatures_in", lambda _: pytest.fail("the whole folder is looked at"))
    assert Store(store.folder).index.numbers() == [1, 2, 3]


def test_after_a_power_cut_an_index_that_does_not_fit_together_is_made_anew(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An equal order that the index has lost would be bought again."""
    request = store.read(1).request
    up_to_date(store.folder).close()
    store.close()
    with sqlite3.connect(index_file()) as database:
        database.execute("PRAGMA writable_schema = ON")
        (found,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'by_id'")
        database.execute("UPDATE sqlite_master SET rootpage = ? WHERE name = 'by_request'", found)
    database.close()
    monkeypatch.setattr(opening, "_boot", lambda: "the next one")
    assert [one.number for one in Store(store.folder).equal_to(request)] == [1, 3]


def test_an_act_that_failed_beside_others_is_looked_into(store: Store) -> None:
    """Nothing is known of the folder then, also while the others go on."""
    state = up_to_date(store.folder)._jobs.index
    with sqlite3.connect(index_file()) as database:
        database.execute("UPDATE state SET stamp = NULL")
    database.close()
    with state.following(1):
        with pytest.raises(RuntimeError), state.following(2):
            raise RuntimeError
        assert not state.is_fresh


def test_marks_and_states_of_two_kernels_are_both_in_the_index(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is the last to write a row has seen what the other one wrote."""
    other = up_to_date(store.folder)
    record, marking = store.read(2), threading.Thread(target=store.mark, args=(2,), kwargs={"add": ["*"]})
    look = index.signature_of

    def look_and_wait(*of: Any) -> bytes:
        seen = look(*of)
        if threading.current_thread() is threading.main_thread():
            marking.start()
            while store._jobs.marks(2).tags is None:
                pass
        return seen

    monkeypatch.setattr(index, "signature_of", look_and_wait)
    other.write(replace(record, status=Status.DONE))
    marking.join()
    assert [(one.tags, one.number) for one in other._jobs.index.entries(status="done")] == [('["*"]', 2)]


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
