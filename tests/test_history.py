"""The history as a sequence: found by number, name and words, summed up, watched, and read cheaply."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from now_jupyter._history import History, live_record
from now_jupyter._messages import InputError
from now_jupyter._store import Record, RecordedOutput, Store, _record_files
from now_jupyter._values import Input, Money, Request, Status


def output(number: int, **facts: Any) -> RecordedOutput:
    named = {"key": f"key {number}", "file": f"{number}.png", "sha256": f"{number:02x}" * 32, "mime": "image/png"}
    return RecordedOutput(number=number, **{**named, **facts})


def list_of_reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note the names of the files that are read from now on."""
    names: list[str] = []
    read = _record_files.try_read_file

    def note(path: Path, *, limit: int) -> bytes | None:
        names.append(path.name)
        return read(path, limit=limit)

    monkeypatch.setattr(_record_files, "try_read_file", note)
    return names


def grow_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let some time go by after the last change in the folder."""
    later = time.time_ns() + 10 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: later)


@dataclass
class Shelf:
    """A history over a real folder, and a quick way to put something into it."""

    store: Store
    history: History

    def add(self, prompt: str = "a fox", *, pictures: int = 1, **facts: Any) -> Record:
        outputs = tuple(output(number) for number in range(1, pictures + 1))
        inputs = facts.pop("inputs", ())
        given = {"status": Status.DONE, "billed": "yes", "model": "gpt-image-2", "outputs": outputs, **facts}
        return self.store.claim(
            Record(
                id=uuid.uuid4().hex,
                request=Request(prompt=prompt, params={"size": "1:1"}, inputs=inputs),
                created=1.0,
                **given,
            )
        )


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    store = Store(tmp_path / "fox.now")
    store.preflight()
    yield Shelf(store, History(lambda: store))
    store.close()


def test_a_history_that_is_not_there_is_empty(tmp_path: Path) -> None:
    """Looking makes no folder."""
    store = Store(tmp_path / "none.now")
    history = History(lambda: store)
    assert (len(history), list(history), list(history.search("fox")), repr(history)) == (0, [], [], "History(0)")
    assert not store.folder.exists()


def test_it_is_a_sequence_oldest_first(shelf: Shelf) -> None:
    """Places, slices, iteration and membership."""
    for prompt in ("one", "two", "three"):
        shelf.add(prompt)
    history = shelf.history
    assert [one.prompt for one in history] == ["one", "two", "three"]
    assert (history[-1].prompt, [one.ref for one in history[:2]]) == ("three", ["#1", "#2"])
    assert history[0] in history
    with pytest.raises(IndexError):
        history[3]


def test_numbers_names_and_pictures_are_found(shelf: Shelf) -> None:
    """`#1`, `1`, `#1.2`, `fox`, `fox.2`; of several of one name the newest."""
    shelf.add(pictures=2, name="fox")
    shelf.add("newer", pictures=2, name="fox")
    find = shelf.history.find
    assert (find("#1")[0].ref, find(" 1 ")[0].ref, find("fox")[0].ref) == ("#1", "#1", "#2")
    picture = find("#1.2")[1]
    assert picture is not None
    assert picture.ref == "#1.2"
    assert find("fox.2")[1] == find("#2.2")[1]
    assert shelf.history["#2"].prompt == "newer"


def test_an_output_keeps_its_number_when_others_go(shelf: Shelf) -> None:
    """Of three, the first lies in the trash and the second never came; what only came along has a number, too."""
    outputs = (output(1), output(2, file="", sha256="", sources=({"url": "x"},)), output(3), output(4, is_side=True))
    shelf.add(outputs=outputs)
    shelf.store.trash(1, "key 1")
    assert [one.ref for one in shelf.history["#1"].outputs] == ["#1.3", "#1.4"]
    assert shelf.history.find("#1.3")[1] == shelf.history["#1"].outputs[0]
    for ref, why in (("#1.1", "#1.1 is in the trash"), ("#1.2", "#1.2 asks for picture 2")):
        with pytest.raises(InputError, match=why):
            shelf.history.find(ref)
    shelf.store.restore(1, "key 1")
    assert shelf.history.find("#1.1")[1] is not None


@pytest.mark.parametrize("ref", ["#9", "hare", "#1.3", "fox.0", "../etc", "", "#0", "#1.1.1"])
def test_what_is_not_there_says_what_is(ref: str, shelf: Shelf) -> None:
    """An input error, never a traceback."""
    shelf.add(name="fox")
    with pytest.raises(InputError) as caught:
        shelf.history.find(ref)
    assert "#1 … #1" in caught.value.next_step() or ".1" in caught.value.next_step()


def test_words_are_searched_newest_first(shelf: Shelf) -> None:
    """In prompt, model, name and tags, all words, also Chinese ones."""
    shelf.add("a red fox")
    shelf.add("雪中的红狐")
    shelf.add("a red hare", tags=("winter",))
    assert [one.ref for one in shelf.history.search("red")] == ["#3", "#1"]
    assert [one.ref for one in shelf.history.search("red winter")] == ["#3"]
    assert [one.ref for one in shelf.history.search("红狐")] == ["#2"]
    assert not shelf.history.search("nothing")


def test_filters_may_be_combined(shelf: Shelf) -> None:
    """Model, tag, status, star and name."""
    shelf.add(tags=("*", "a"))
    shelf.add(model="dall-e-3", tags=("a",))
    shelf.add(status=Status.FAILED, pictures=0)
    refs = lambda **wanted: [one.ref for one in shelf.history.filter(**wanted)]  # noqa: E731 - a table of cases
    assert (refs(model="dall-e-3"), refs(tag="a"), refs(starred=True)) == (["#2"], ["#1", "#2"], ["#1"])
    assert (refs(status="failed"), refs(tag="a", starred=False), refs(name="x")) == (["#3"], ["#2"], [])
    shelf.store.mark(2, add=["*", "cover"], output="key 1")
    assert (refs(tag="cover"), refs(starred=True), refs(tag="a", starred=False)) == (["#2"], ["#1", "#2"], [])
    shelf.store.trash(2, "key 1")
    assert refs(tag="cover") == []


def test_filters_choose_pictures(shelf: Shelf) -> None:
    """Of four, the two that are starred or tagged; what has no picture is chosen by the marks of its order."""
    shelf.add(pictures=4)
    shelf.add("failed", pictures=0, tags=("*",))
    shelf.store.mark(1, add=["*"], output="key 3")
    shelf.store.mark(1, add=["cover"], output="key 4")
    chosen = shelf.history.filter(starred=True)
    assert [(one.ref, [picture.ref for picture in one.pictures]) for one in chosen] == [("#1", ["#1.3"]), ("#2", [])]
    assert [picture.ref for picture in shelf.history.filter(tag="cover").pictures] == ["#1.4"]
    assert [picture.ref for picture in shelf.history.filter(starred=False).pictures] == ["#1.1", "#1.2", "#1.4"]
    assert [(one.starred, one.tags) for one in shelf.history["#1"].pictures[2:]] == [(True, ()), (False, ("cover",))]
    assert (shelf.history["#1"].starred, shelf.history["#1"].tags) == (True, ("cover",))
    assert "#1.3" in repr(chosen)


def test_the_trash_lists_generations_and_single_pictures(shelf: Shelf) -> None:
    """Oldest first; what lies there by itself is shown without the others of its order."""
    shelf.add("one", pictures=2)
    shelf.add("two", pictures=3)
    assert repr(shelf.history.trash) == "Selection(0)"
    shelf.store.trash(1)
    shelf.store.trash(2, "key 2")
    assert [picture.ref for picture in shelf.history.trash.pictures] == ["#1.1", "#1.2", "#2.2"]
    assert [picture.ref for picture in shelf.history[0].pictures] == ["#2.1", "#2.3"]


def test_the_tree_shows_parents_and_children_and_ends(shelf: Shelf) -> None:
    """Also where records name each other as parents, which only foreign hands can make."""
    first = shelf.add("first")
    second = shelf.add("second", parents=(first.id,))
    shelf.add("third", parents=(second.id,))
    shelf.store.write(replace(first, parents=(second.id,)))
    tree = shelf.history.tree("#2")
    assert [one.prompt for one in tree.parents] == ["first"]
    assert [child.generation.prompt for child in tree.children] == ["first", "third"]


def test_a_tree_is_shown_as_text_and_as_small_pictures(shelf: Shelf) -> None:
    """With how each was made of the one above it; what a name says is text, never HTML."""
    first = shelf.add("<b>first</b>", pictures=1)
    given = Input(role="picture", id="x")
    edited = shelf.add("second", parents=(first.id,), inputs=(given, Input(role="mask", id="y")), pictures=1)
    shelf.add("third", parents=(edited.id, first.id), inputs=(given,))
    shelf.add("", parents=(first.id,), inputs=(Input(role="vary", id="z"),))
    tree = shelf.history.tree(shelf.history["#1"])
    model = shelf.history["#1"].model
    assert repr(tree).split("\n") == [
        f"#1 · <b>first</b> · {model}",
        f"├─ #2 · edit, mask · second · {model}",
        f"├─ #3 · edit · third · {model}",
        f"└─ #4 · variation · {model}",
    ]
    shown = tree._repr_mimebundle_()["text/html"]
    assert "&lt;b&gt;first" in shown
    assert "<b>" not in shown
    assert repr(shelf.history.tree("#2")).split("\n")[0].startswith("↑ #1")


def test_a_tree_names_the_picture_of_several(shelf: Shelf) -> None:
    """Also where two parents are: each with the picture that was given."""
    four, one = shelf.add("four", pictures=4), shelf.add("one", pictures=1)
    third = Input(role="picture", id="x", sha256=four.outputs[2].sha256)
    shelf.add("both", parents=(four.id, one.id), inputs=(third, Input(role="picture", id="y")))
    model = one.model
    assert repr(shelf.history.tree("#1")).split("\n")[1] == f"└─ #3 · edit · ← #1.3 · both · {model}"
    assert repr(shelf.history.tree("#3")).split("\n")[-1] == f"#3 · edit · ← #1.3 · both · {model}"
    assert shelf.history.sources_of(shelf.history.record(3)) == [(1, 3), (2, 0)]


def test_a_long_line_of_edits_is_shown_as_far_as_anybody_reads(shelf: Shelf) -> None:
    before = shelf.add("0")
    for number in range(1, 60):
        before = shelf.add(str(number), parents=(before.id,))
    lines = repr(shelf.history.tree("#1")).split("\n")
    assert len(lines) == 41
    assert lines[-1].endswith("… 1")


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"billed": "no"}, Status.CANCELLED),
        ({"billed": "maybe"}, Status.UNKNOWN),
        ({"billed": "yes", "state": {"task": "1"}}, Status.PENDING),
        (
            {"billed": "yes", "outputs": (RecordedOutput(key="0", number=1, sources=({"url": "https://x.example"},)),)},
            Status.PENDING,
        ),
    ],
)
def test_what_a_dead_kernel_left_is_named_for_what_it_is(facts: Any, expected: Status, shelf: Shelf) -> None:
    """Nobody holds it: cancelled, unknown, or to be collected; held by a living one it is running."""
    record = shelf.add(**{"status": Status.RUNNING, "outputs": (), **facts})
    assert shelf.history[0].status is expected
    hold = shelf.store.hold(record.number)
    assert hold is not None
    with hold:
        assert shelf.history[0].status is Status.RUNNING


def test_a_kept_answer_makes_it_collectable(shelf: Shelf) -> None:
    """The raw answer is on disk: pending, not unknown."""
    record = shelf.add(status=Status.RUNNING, billed="maybe", outputs=())
    answer = shelf.store.open_answer(record.number)
    answer.begin({})
    answer.finish()
    assert live_record(shelf.store, record).status is Status.PENDING


def test_sums_count_what_was_billed_and_say_apart_what_may_have_been(shelf: Shelf) -> None:
    """Demo, unbilled and unknown prices are not in it; two currencies are not added."""
    dollars = lambda amount, source="estimated": Money(Decimal(amount), "USD", source)  # noqa: E731 - as above
    shelf.add(cost=dollars("1"))
    shelf.add(cost=dollars("0.5", "reported"))
    shelf.add(cost=dollars("8"), billed="maybe")
    shelf.add(cost=dollars("16"), billed="no")
    shelf.add(cost=dollars("32"), demo=True)
    shelf.add(cost=Money(None))
    assert shelf.history.cost() == dollars("1.5")
    assert shelf.history.cost(billed="maybe") == dollars("8")
    shelf.add(cost=Money(Decimal(7), "CNY", "reported"))
    assert [str(one) for one in shelf.history.costs()] == ["~$1.50", "¥7.00"]


def test_the_usual_time_is_the_median_of_what_went_well(shelf: Shelf) -> None:
    """None before there is any."""
    assert shelf.history.usual_seconds("gpt-image-2") is None
    for seconds in (1.0, 9.0, 2.0):
        shelf.add(elapsed=seconds)
    shelf.add(elapsed=100.0, status=Status.FAILED)
    assert shelf.history.usual_seconds("gpt-image-2") == 2.0


def test_a_dataframe_has_a_row_for_each(shelf: Shelf) -> None:
    """With parameters as columns."""
    shelf.add(cost=Money(Decimal("0.04"), "USD", "estimated"))
    frame = shelf.history.to_dataframe()
    assert frame.loc[0, ["ref", "param_size", "cost"]].tolist() == ["#1", "1:1", 0.04]
    assert frame.loc[0, "created"] == shelf.history[0].created == datetime.fromtimestamp(1, UTC)


def test_an_empty_history_has_its_columns(shelf: Shelf) -> None:
    """And its times are times, so that a script for the full one works on it."""
    for frame in (shelf.history.to_dataframe(), shelf.history[:].to_dataframe()):
        assert len(frame) == 0
        assert {"ref", "created", "prompt", "model", "status", "path", "cost", "tags"} <= set(frame.columns)
        assert str(frame["created"].dtype).startswith("datetime64")


def test_an_observer_that_fails_stops_nobody(shelf: Shelf, caplog: pytest.LogCaptureFixture) -> None:
    """Its fault goes to the log; the others are still told; one who left is not."""
    told: list[str] = []
    shelf.history.observe(lambda one: 1 / len(one.parents))
    leave = shelf.history.observe(lambda one: told.append(one.ref))
    shelf.add()
    with caplog.at_level(logging.ERROR):
        shelf.history.tell(shelf.history[0])
    leave()
    leave()
    with caplog.at_level(logging.CRITICAL):
        shelf.history.tell(shelf.history[0])
    assert told == ["#1"]
    assert "observer" in caplog.text


def test_the_text_shows_the_last_twenty(shelf: Shelf) -> None:
    """A line each, stars and counts in front, older ones counted."""
    for number in range(22):
        shelf.add(f"fox {number}", tags=("*",) if number == 21 else ())
    lines = repr(shelf.history).splitlines()
    assert (lines[0], lines[1], len(lines)) == ("History(22)", "… 2 older", 22)
    assert lines[-1].startswith("★  #22    done  gpt-image-2  ?  ")


def test_the_table_is_markup_and_what_stands_in_it_is_text(shelf: Shelf) -> None:
    """Prompt, model, tags and failure come from outside: none of them can open an element or leave an attribute."""
    hostile = '"><img src=x onerror=alert(1)>'
    shelf.add(hostile, model=hostile, tags=(hostile,))
    html = shelf.history[:]._repr_mimebundle_()["text/html"]
    assert "<img" not in html
    assert html.count("&quot;&gt;&lt;img src=x") >= 2
    assert {*re.findall(r"<[a-z]+", html)} == {"<table", "<thead", "<tr", "<th", "<tbody", "<td"}


def test_records_are_read_again_only_where_something_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A quiet folder is not looked at; of one that changed, only what is new is read."""
    store = Store(tmp_path / "fox.now")
    store.preflight()
    shelf = Shelf(store, History(lambda: store))
    for _ in range(3):
        shelf.add()
    read = list_of_reads(monkeypatch)
    grow_old(monkeypatch)
    assert [len(shelf.history.records()) for _ in range(3)] == [3, 3, 3]
    assert [name for name in read if name.endswith(".json")] == ["3.json", "2.json", "1.json"]
    read.clear()
    Shelf(Store(store.folder), shelf.history).add()
    assert len(shelf.history.records()) == 4
    assert {name for name in read if name.endswith(".json")} == {"4.json"}


def test_the_newest_are_counted_once_whatever_their_marks(shelf: Shelf) -> None:
    """A star is a file of its own beside the record."""
    for prompt in ("one", "two"):
        shelf.add(prompt)
    shelf.store.mark(2, add=["*"])
    assert [shelf.history[place].prompt for place in (-1, -2)] == ["two", "one"]


def test_the_newest_is_found_without_reading_the_others(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the history is; one that cannot be read does not count."""
    for prompt in ("one", "two", "three"):
        shelf.add(prompt)
    while not shelf.store._jobs.index.is_fresh:  # what was made a moment ago is looked at again
        assert len(shelf.history) == 3
    spoilt = shelf.store.folder / "jobs" / "3.json"
    spoilt.write_bytes(b"{")
    assert shelf.history[-1].prompt == "two"
    spoilt.rename(shelf.store.folder / "away").rename(spoilt)
    read = list_of_reads(monkeypatch)
    assert shelf.history[-1].prompt == "two"
    assert "1.json" not in read
    with pytest.raises(IndexError):
        shelf.history[-3]
