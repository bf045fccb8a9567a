"""The search index: right, replaceable, and never in the way."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from uuid import uuid4

import pytest

from now_jupyter._messages._errors import StoreUnavailable
from now_jupyter._store import Store
from now_jupyter._store._index import Index, needles
from now_jupyter._store._record import Record
from now_jupyter._values import Request


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "n.now")
    for prompt in ("a red Fox in snow", "雪地里的红色狐狸", "a blue bird", "100% _sure_ ＦＯＸ"):
        store.claim(record_of(prompt))
    return store


def record_of(prompt: str) -> Record:
    return Record(id=uuid4().hex, request=Request(prompt=prompt), created=1.0, model="gpt-image-2")


def index_of(store: Store) -> Path:
    return store.folder / "index.sqlite"


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        ("fox", [4, 1]),
        ("狐狸", [2]),
        ("red snow", [1]),
        ("RED", [1]),
        ("%", [4]),
        ("_sure", [4]),
        ("gpt-image", [4, 3, 2, 1]),
        ("", [4, 3, 2, 1]),
        ("elephant", []),
        ("'; DROP TABLE records; --", []),
    ],
)
def test_words_are_found_as_parts_of_words(store: Store, words: str, numbers: list[int]) -> None:
    """All words must occur, case and width aside, in any script, and nothing in them is a command; newest first."""
    assert store.find(words) == numbers


def test_no_more_than_the_limit_is_given(store: Store) -> None:
    """The newest ones fill the limit."""
    assert store.find("", limit=2) == [4, 3]


def test_the_index_follows_writes_marks_and_the_trash(store: Store) -> None:
    """What changes after indexing is found as it is now, also when another store changed it."""
    assert store.find("bird") == [3]
    other = Store(store.folder)
    other.mark(1, tags=["Winter"])
    other.trash(3)
    other.claim(record_of("another bird"))
    assert store.find("winter") == [1]
    assert store.find("bird") == [5]


def test_a_change_within_one_tick_of_the_clock_is_found(store: Store) -> None:
    """A record that was changed in place right after it was indexed, its time and length as before, is read again."""
    path = store.folder / "jobs" / "3.json"
    seen = path.stat()
    assert store.find("bird") == [3]
    path.write_bytes(path.read_bytes().replace(b"bird", b"frog"))
    os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert store.find("frog") == [3]


def test_records_that_are_old_are_not_read_again(store: Store) -> None:
    """The second search reads no record that did not change."""
    for path in (store.folder / "jobs").iterdir():
        os.utime(path, (1, 1))
    store.find("fox")
    read: list[int] = []
    index = Index(index_of(store), set_aside=lambda *_: None)
    signatures = store._jobs.signatures()
    assert index.find(["fox"], limit=9, signatures=signatures, read=read.append) == [4, 1]  # type: ignore[func-returns-value]
    assert read == []


def test_a_spoilt_index_is_moved_aside_and_made_anew(store: Store) -> None:
    """A file that is no index goes to quarantine, whole, and the search works."""
    store.find("fox")
    spoil = b"no database at all, but long enough to be looked at" * 50
    index_of(store).write_bytes(spoil)
    assert store.find("fox") == [4, 1]
    assert [path.read_bytes() for path in (store.folder / "quarantine").glob("*index.sqlite")] == [spoil]


@pytest.mark.parametrize("left", [b"", b"x", b"SQLite format 3\0"])
def test_an_index_that_was_cut_is_made_anew(store: Store, left: bytes) -> None:
    """A file too short for an index, as a crash may leave it, is filled again."""
    store.find("fox")
    index_of(store).write_bytes(left)
    assert store.find("fox") == [4, 1]


def test_damage_in_the_middle_of_the_index_does_no_harm(store: Store) -> None:
    """Pages that were overwritten lead to a new index, not to an error."""
    store.find("fox")
    data = bytearray(index_of(store).read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    index_of(store).write_bytes(data)
    assert store.find("fox") == [4, 1]


@pytest.mark.parametrize("statement", ["PRAGMA user_version=99", "DROP TABLE records", "CREATE TABLE more (x)"])
def test_an_index_of_another_version_is_made_anew(store: Store, statement: str) -> None:
    """An index of another form is replaced."""
    store.find("fox")
    connection = sqlite3.connect(index_of(store))
    connection.execute(statement)
    connection.close()
    assert store.find("fox") == [4, 1]


def test_an_index_with_triggers_is_not_used(store: Store) -> None:
    """A trigger that came with a folder never runs."""
    store.find("fox")
    connection = sqlite3.connect(index_of(store))
    connection.execute("CREATE TRIGGER evil AFTER INSERT ON records BEGIN DELETE FROM records; END")
    connection.close()
    store.claim(record_of("one more fox"))
    assert store.find("fox") == [5, 4, 1]


def test_a_locked_index_does_not_stop_a_search(store: Store) -> None:
    """While another program holds the index, the records themselves are searched; writes do not care."""
    store.find("fox")
    store._index._patience = 0.05
    connection = sqlite3.connect(index_of(store), isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    store.claim(record_of("fox five"))
    assert store.find("fox") == [5, 4, 1]
    connection.execute("ROLLBACK")
    connection.close()
    assert store.find("fox") == [5, 4, 1]


def test_a_locked_index_is_waited_for_once(tmp_path: Path) -> None:
    """After the patience was used up once, the next try does not wait until the index was free again."""
    index = Index(tmp_path / "index.sqlite", set_aside=lambda *_: None, patience=0.3)
    index.find([], limit=1, signatures={}, read=lambda _: None)
    connection = sqlite3.connect(tmp_path / "index.sqlite", isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    took = []
    for _ in range(2):
        begun = time.monotonic()
        with pytest.raises(StoreUnavailable) as caught:
            index.find([], limit=1, signatures={}, read=lambda _: None)
        assert caught.value.__context__ is None
        took.append(time.monotonic() - begun)
    connection.close()
    assert took[0] >= 0.25
    assert took[1] < 0.25
    assert index.find([], limit=1, signatures={}, read=lambda _: None) == []
    assert not index.was_locked


def test_the_index_may_be_deleted_at_any_moment(store: Store) -> None:
    """A missing index is made again, private."""
    store.find("fox")
    index_of(store).unlink()
    assert store.find("fox") == [4, 1]
    assert index_of(store).stat().st_mode & 0o777 == 0o600
    store.rebuild_index()
    assert store.find("fox") == [4, 1]


@pytest.mark.parametrize("name", ["index.sqlite", "index.sqlite-journal", "index.sqlite-wal"])
def test_a_link_in_the_place_of_the_index_is_not_followed(store: Store, tmp_path: Path, name: str) -> None:
    """A link that came with a folder is moved aside; what it points to stays as it is."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"")
    (store.folder / name).symlink_to(victim)
    assert store.find("fox") == [4, 1]
    assert victim.read_bytes() == b""


def test_a_journal_cannot_delete_another_file(store: Store, tmp_path: Path) -> None:
    """SQLite deletes the file that a journal names as its super-journal; such a journal is moved aside unread."""
    store.find("fox")
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (store.folder / "index.sqlite-journal").write_bytes(hot_journal(index_of(store), bytes(victim)))
    assert store.find("fox") == [4, 1]
    assert victim.read_bytes() == b"precious"


def hot_journal(database: Path, names: bytes) -> bytes:
    pages = database.stat().st_size // 4096
    header = bytes.fromhex("d9d505f920a163d7") + b"".join(n.to_bytes(4, "big") for n in (0, 1, pages, 512, 4096))
    checksum = sum(byte if byte < 128 else byte - 256 for byte in names) & 0xFFFFFFFF
    lock_page = (0x40000000 // 4096 + 1).to_bytes(4, "big")
    tail = len(names).to_bytes(4, "big") + checksum.to_bytes(4, "big") + bytes.fromhex("d9d505f920a163d7")
    return header.ljust(512, b"\0") + lock_page + names + tail


def test_the_journal_of_the_test_above_is_a_danger(store: Store, tmp_path: Path) -> None:
    """Without the defence, plain SQLite does delete the file that the crafted journal names."""
    store.find("fox")
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (store.folder / "index.sqlite-journal").write_bytes(hot_journal(index_of(store), bytes(victim)))
    connection = sqlite3.connect(index_of(store))
    connection.execute("SELECT count(*) FROM records").fetchone()
    connection.close()
    assert not victim.exists()


def test_half_characters_and_zero_bytes_can_be_indexed(store: Store) -> None:
    """Text that SQLite could not take is made harmless first."""
    store.claim(record_of("broken \ud83d half\x00zero"))
    assert store.find("half zero") == [5]
    assert needles("\ud83d") == []


def test_no_index_is_made_where_there_is_no_history(tmp_path: Path) -> None:
    """Searching an empty place leaves it empty."""
    assert Store(tmp_path / "n.now").find("fox") == []
    assert list(tmp_path.iterdir()) == []
