"""Answers found in a history beside the notebook become its own (design.md §2.5): paid there, and used here."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from demo_calls import png
from now_jupyter._display._display import caption_of
from now_jupyter._ipython._reports import cell_of
from now_jupyter._messages import ConfigError, InputError
from now_jupyter._options import parse_keywords
from now_jupyter._orders import order_of
from now_jupyter._session import Session
from now_jupyter._store import Record, Store
from now_jupyter._store._folder import find_home
from now_jupyter._values import Input, Money, Request, Status
from records_made import keep, record_of
from relays import Served, new_session, relay_on_loopback
from test_folder import notebook
from test_own_folders import snapshot
from test_store_crashes import at_line

PNG = png()
STRIDE = 211  # lines from one kill to the next; 13 was tried by hand
PRICE = Money(Decimal("0.04"), "USD", "estimated")


@pytest.fixture
def served() -> Iterator[Served]:
    """A relay on loopback, at which nothing is to be bought."""
    with relay_on_loopback() as one:
        yield one


def history(folder: Path, prompt: str = "a fox", *, count: int = 1, **facts: Any) -> Record:
    """A history of this user beside the notebook, with one answer in it."""
    store = Store(folder)
    store.preflight()
    given = {"status": Status.PENDING, "billed": "yes", "cost": PRICE, **facts}
    record = store.claim(record_of(prompt, **given))
    for number in range(1, count + 1):
        record = keep(store, record, PNG + bytes([number]), number=number, key=str(number))
    store.write(replace(record, status=Status.DONE))
    return store.read(record.number)


def test_an_answer_from_beside_is_this_historys_own(tmp_path: Path, served: Served) -> None:
    """A number of its own under the same identity: star, tag, cell, files and the next kernel know it."""
    there = history(tmp_path / "mine.now")
    before = snapshot(tmp_path / "mine.now")
    with new_session(tmp_path, served.url) as session:
        session.generate("a hare")
        made = session.generate("a fox")
        assert (made.ref, made.id, made.taken_from) == ("#2", there.id, "mine.now#1")
        assert made.pictures[0].path == tmp_path / "untitled.now" / "pictures" / "2-fox.png"
        assert made.pictures[0].bytes() == PNG + b"\1"
        assert session.star(made).starred
        assert session.tag("#2", "cover").tags == ("cover",)
        assert session.trash("#2").ref == session.restore("#2").ref == "#2"
        assert cell_of(session.history["#2"], session) == "%%nowimage\na fox"
        assert str(made.cost) == "~$0.0400"
    with new_session(tmp_path, served.url) as session:
        again = session.generate("a fox")
        assert (again.ref, again.origin, again.taken_from) == ("#2", "history", "mine.now#1")
    assert served.posts == 1
    assert snapshot(tmp_path / "mine.now") == before


def test_the_caption_names_where_it_is_from(tmp_path: Path) -> None:
    """Once it was served, and whenever it is shown later."""
    history(tmp_path / "mine.now", demo=True)
    with new_session(tmp_path) as session:
        served = caption_of(session.generate("a fox")).splitlines()[-1]
        assert served == "from history #1 · from mine.now#1 · nothing spent"
        assert caption_of(session.history["#1"]).splitlines()[-1] == "#1 · from mine.now#1 · demo, costs nothing"
        assert session.history["mine.now#1"].ref == "#1"
        with pytest.raises(InputError, match=r"there is no mine\.now#2"):
            session.history["mine.now#2"]


def test_what_was_paid_elsewhere_is_not_spent_here(tmp_path: Path, served: Served) -> None:
    """Neither the sum nor the budget counts it; both histories together count it once."""
    history(tmp_path / "mine.now")
    with new_session(tmp_path, served.url) as session:
        session.set_budget("1")
        session.generate("a fox")
        assert session.history.cost().amount == 0
        assert [str(amount) for amount in session.budget() or ()] == ["$1.00", "$1.00"]
    with new_session(tmp_path, served.url, environ={"NOW_FOLDER": "mine.now"}) as session:
        assert session.history.cost() == PRICE


def test_all_that_belongs_to_it_comes_along(tmp_path: Path) -> None:
    """Its other pictures under their numbers, the marks, what was given to it; not what lies in the trash there."""
    beside = Store(tmp_path / "mine.now")
    beside.preflight()
    given = beside.keep_input(PNG, mime="image/png")
    request = Request(prompt="a fox", inputs=(Input(role="picture", id=given, sha256=given, mime="image/png"),))
    there = history(beside.folder, count=3, request=request)
    beside.mark(there.number, add=["*"], output="3")
    beside.mark(there.number, add=["cover"])
    beside.trash(there.number, "2")
    store = Store(tmp_path / "own.now")
    taken = store.take_in(beside.read(there.number), beside)
    assert [one.file for one in taken.outputs] == ["1-fox.png", "1.3-fox.png"]
    assert [(one.number, taken.tags_of(one)) for one in taken.outputs] == [(1, ("cover",)), (3, ("*", "cover"))]
    assert store.input_path(given).read_bytes() == PNG


@pytest.mark.parametrize("spoil", ["gone", "changed"])
def test_what_is_spoilt_there_answers_nothing_and_leaves_nothing(spoil: str, tmp_path: Path, served: Served) -> None:
    """The next equal one answers; without one it is bought."""
    for _ in range(2):
        history(tmp_path / "mine.now")
    path = tmp_path / "mine.now" / "pictures" / "1-fox.png"
    path.unlink() if spoil == "gone" else path.write_bytes(PNG)
    with new_session(tmp_path, served.url) as session:
        assert session.generate("a fox").taken_from == "mine.now#2"
        assert session.generate("a fox").taken_from == ""
        assert [one.ref for one in session.history] == ["#1", "#2"]
        assert session.doctor().is_healthy
    assert served.posts == 1


def test_what_was_put_into_the_trash_here_does_not_come_back(tmp_path: Path, served: Served) -> None:
    """As with any other answer in the trash, the next kernel makes a new one."""
    history(tmp_path / "mine.now")
    with new_session(tmp_path, served.url) as session:
        session.trash(session.generate("a fox"))
    with new_session(tmp_path, served.url) as session:
        assert session.generate("a fox").taken_from == ""
    assert served.posts == 1


def test_rehearsing_takes_nothing_in(tmp_path: Path) -> None:
    """A dry run names the history beside, and no folder is made."""
    history(tmp_path / "mine.now", demo=True)
    with new_session(tmp_path) as session:
        assert session.rehearse(order_of(parse_keywords("a fox", {}))).decisions == ("would be served from mine.now#1",)
    assert not (tmp_path / "untitled.now").exists()


def test_a_panel_is_told(tmp_path: Path) -> None:
    """Whoever observes the history learns of what was taken in."""
    history(tmp_path / "mine.now", demo=True)
    with new_session(tmp_path) as session:
        seen: list[str] = []
        session.history.observe(lambda one: seen.append(one.ref))
        session.generate("a fox")
        assert seen == ["#1"]


def test_two_kernels_at_once_take_it_in_once(tmp_path: Path) -> None:
    """Many at the same moment, each through a store of its own."""
    there = history(tmp_path / "mine.now")
    kernels, start = 6, Barrier(6)

    def take_in(_: int) -> Record:
        own, beside = Store(tmp_path / "own.now"), Store(tmp_path / "mine.now")
        start.wait()
        return own.take_in(there, beside)

    with ThreadPoolExecutor(kernels) as threads:
        taken = list(threads.map(take_in, range(kernels)))
    assert {(one.id, one.number) for one in taken} == {(there.id, 1)}
    assert [one.id for one in Store(tmp_path / "own.now").records()] == [there.id]


@pytest.mark.slow
def test_killed_anywhere_it_is_whole_or_not_there(tmp_path: Path) -> None:
    """And taken in again, it is there once; the history beside never changes."""
    there = history(tmp_path / "mine.now", count=2)
    before = snapshot(tmp_path / "mine.now")
    beside = Store(tmp_path / "mine.now")
    deaths = 0
    for line in range(1, 10_000, STRIDE):
        own = tmp_path / f"{line}.now"
        if not (child := os.fork()):
            at_line(line, lambda: os.kill(os.getpid(), signal.SIGKILL))()
            Store(own).take_in(there, Store(beside.folder))
            os._exit(0)
        died = os.WIFSIGNALED(os.waitpid(child, 0)[1])
        deaths += died
        store = Store(own)
        assert all(store.output_path(one.file).exists() for record in store.records() for one in record.outputs)
        taken = store.take_in(there, beside)
        assert [one.id for one in store.records()] == [taken.id] == [there.id]
        assert [store.output_path(one.file).read_bytes() for one in taken.outputs] == [PNG + b"\1", PNG + b"\2"]
        if not died:
            break
    assert deaths > 10
    assert snapshot(beside.folder) == before


def test_a_copy_that_was_renamed_takes_its_history_along(tmp_path: Path) -> None:
    """Though the history of the original, which is still there, holds the same pictures."""
    original = notebook(tmp_path / "fox.ipynb")
    there = history(tmp_path / "fox.now")
    Store(tmp_path / "fox.now", notebook=original).preflight()
    Store(tmp_path / "copy.now", notebook=tmp_path / "copy.ipynb").take_in(there, Store(tmp_path / "fox.now"))
    home = find_home("", notebook(tmp_path / "hare.ipynb", there.id), tmp_path)
    assert not home.in_doubt
    assert [one.taken_from for one in home.store.records()] == ["fox.now#1"]
    assert (tmp_path / "fox.now").exists()


def test_in_doubt_whose_history_it_is_nothing_is_taken_in(tmp_path: Path, served: Served) -> None:
    """A folder made for it would end the doubt by itself."""
    ids = [history(tmp_path / f"{name}.now", name).id for name in ("a fox", "a hare")]
    path = notebook(tmp_path / "x.ipynb", *ids)
    with new_session(tmp_path, served.url, environ={"JPY_SESSION_NAME": str(path)}) as session:
        refuse(session, "a fox")
        assert not (tmp_path / "x.now").exists()
        session.context.adopt("a fox.now")
        assert session.generate("a fox").id == ids[0]
        assert session.generate("a hare").taken_from == "a hare.now#1"


def refuse(session: Session, prompt: str) -> None:
    with pytest.raises(ConfigError, match="not beside it"):
        session.generate(prompt)
