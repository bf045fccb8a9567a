"""Searching the history: right, fresh, and quick enough on a long one."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from now_jupyter._history import History
from now_jupyter._store import Record, RecordedOutput, Store
from now_jupyter._store._search import needles
from now_jupyter._values import Request

LONG = 10_000
SLOWEST_SEARCH = 0.030  # seconds on a long history (design.md §6)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "n.now")
    for prompt in ("a red Fox in snow", "雪地里的红色狐狸", "a blue bird", "100% _sure_ ＦＯＸ"):
        store.claim(record_of(prompt))
    return store


def record_of(prompt: str, **more: object) -> Record:
    record = Record(id=uuid4().hex, request=Request(prompt=prompt), created=1.0, model="gpt-image-2")
    return replace(record, **more)  # type: ignore[arg-type]


def found(store: Store, words: str) -> list[str]:
    return [one.ref for one in History(lambda: store).search(words)]


@pytest.mark.parametrize(
    ("words", "refs"),
    [
        ("fox", ["#4", "#1"]),
        ("狐狸", ["#2"]),
        ("red snow", ["#1"]),
        ("RED", ["#1"]),
        ("%", ["#4"]),
        ("_sure", ["#4"]),
        ("gpt-image", ["#4", "#3", "#2", "#1"]),
        ("", ["#4", "#3", "#2", "#1"]),
        ("elephant", []),
        ("[", []),
    ],
)
def test_words_are_found_as_parts_of_words(store: Store, words: str, refs: list[str]) -> None:
    """All words must occur, case and width aside, in any script, and nothing in them is a command; newest first."""
    assert found(store, words) == refs


def test_what_was_found_is_still_there_when_it_is_looked_at(store: Store, tmp_path: Path) -> None:
    """Whatever went to the trash since, and wherever the history lies now."""
    stores = [store]
    result = History(lambda: stores[-1]).search("fox")
    store.trash(4)
    stores.append(Store(tmp_path / "other.now"))
    assert [(one.ref, one.prompt) for one in result] == [("#4", "100% _sure_ ＦＯＸ"), ("#1", "a red Fox in snow")]
    assert "#4" in repr(result)


def test_a_search_follows_writes_marks_and_the_trash(store: Store) -> None:
    """What changes after a search is found as it is now, also when another store changed it."""
    history = History(lambda: store)
    assert [one.ref for one in history.search("bird")] == ["#3"]
    other = Store(store.folder)
    other.mark(1, add=["Winter"])
    other.trash(3)
    other.claim(record_of("another bird"))
    assert [one.ref for one in history.search("winter")] == ["#1"]
    assert [one.ref for one in history.search("bird")] == ["#5"]


def test_the_tags_of_an_output_are_searched(store: Store) -> None:
    """A tag on a single picture finds the generation that it belongs to."""
    record = store.claim(record_of("a hare", outputs=(RecordedOutput(key="k", number=1, words="x"),)))
    store.mark(record.number, add=["Cover"], output="k")
    assert found(store, "cover") == [record.ref]


def test_a_change_within_one_tick_of_the_clock_is_found(store: Store) -> None:
    """A record that was replaced right after it was read, time and length as before, is read again."""
    path, other = store.folder / "jobs" / "3.json", store.folder / "jobs" / "3.json.new"
    seen = path.stat()
    assert found(store, "bird") == ["#3"]
    other.write_bytes(path.read_bytes().replace(b"bird", b"frog"))
    os.utime(other, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    other.replace(path)
    assert found(store, "frog") == ["#3"]


def test_half_characters_and_zero_bytes_can_be_searched(store: Store) -> None:
    """Text that no file could take is made harmless first."""
    store.claim(record_of("broken \ud83d half\x00zero"))
    assert found(store, "half zero") == ["#5"]
    assert needles("\ud83d") == []


def test_searching_where_there_is_no_history_leaves_it_empty(tmp_path: Path) -> None:
    """Looking makes no folder."""
    assert found(Store(tmp_path / "n.now"), "fox") == []
    assert list(tmp_path.iterdir()) == []
