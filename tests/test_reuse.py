"""Re-running: Run All redraws instead of buying, and running a cell again makes new pictures (design.md §2.5)."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from now_jupyter._cells import Execution
from now_jupyter._messages import MaybeBilledError
from now_jupyter._options import parse_keywords
from now_jupyter._orders import order_of
from now_jupyter._orders._reuse import Candidate, CellPosition, Decision, Reruns
from now_jupyter._protocol import Listed, Offer, Option
from now_jupyter._services._openai_images import OpenAIImages
from now_jupyter._session import Session
from now_jupyter._store import Record, RecordedOutput, Store
from now_jupyter._store._files import folder_stamp
from now_jupyter._values import Generation, Request, Status
from relays import new_session, relay_on_loopback

FOX = Request(prompt="a fox")
DONE = RecordedOutput(key="1", number=1, file="1.png", sha256="ab" * 32, mime="image/png")


def record(number: int, *, kernel: str = "before", cell: str | None = None, k: int = 0, **facts: Any) -> Record:
    given = {"status": Status.DONE, "outputs": (DONE,), "execution": "1", **facts}
    return Record(
        id=uuid.UUID(int=number).hex,
        created=float(number),
        number=number,
        kernel=kernel,
        cell=cell,
        position=k,
        **{"request": FOX, **given},
    )


def unknown(number: int, **facts: Any) -> Record:
    return record(number, **{"status": Status.UNKNOWN, "outputs": (), "billed": "maybe", **facts})


def running(number: int, **facts: Any) -> Record:
    return record(number, **{"status": Status.RUNNING, "outputs": (), "billed": "maybe", **facts})


@dataclass
class Memory:
    """A kernel's memory and the records of its notebook."""

    records: list[Record] = field(default_factory=list)
    reruns: Reruns = field(default_factory=lambda: Reruns("now"))
    beside: list[Record] = field(default_factory=list)
    asked_beside: int = 0

    def decide(self, cell: str | None = None, run: str = "1", k: int = 0, **how: Any) -> tuple[str, int | None]:
        """What becomes of an order of one picture, in a word and a number."""
        decision = self.decide_all(cell, run, k, **how)
        for word, answers in (("serve", decision.served), ("join", decision.joined)):
            if answers:
                (one,) = answers
                return word, one.record.number
        return ("unsettled", decision.unsettled[-1].number) if decision.is_refused else ("buy", None)

    def decide_all(self, cell: str | None = None, run: str = "1", k: int = 0, **how: Any) -> Decision:
        return self.reruns.decide(
            **{
                "request": FOX,
                "candidates": [Candidate(record=one) for one in self.records],
                "position": CellPosition(cell=cell, execution=run, index=k),
                "mode": "restart",
                "demo": False,
                "beside": self._others,
                **how,
            }
        )

    def _others(self) -> list[Candidate]:
        self.asked_beside += 1
        return [Candidate(record=one, sibling="Other.now") for one in self.beside]

    def ran(self, cell: str, run: str = "1") -> None:
        self.reruns.note_run(CellPosition(cell=cell, execution=run))


def test_an_empty_history_buys() -> None:
    """There is nothing to serve."""
    assert Memory().decide() == ("buy", None)


def test_older_answers_are_served_oldest_first_and_each_once() -> None:
    """Three equal cells without ids get the two old answers, then one is bought."""
    memory = Memory([record(1), record(2)])
    assert [memory.decide() for _ in range(3)] == [("serve", 1), ("serve", 2), ("buy", None)]


def test_the_answer_of_the_same_cell_and_place_comes_before_an_older_equal_one() -> None:
    """Each cell gets its own back, in whatever order the cells are run."""
    memory = Memory([record(1, cell="a"), record(2, cell="b"), record(3, cell="b", k=1)])
    assert memory.decide("b", k=1) == ("serve", 3)
    assert memory.decide("b", k=0) == ("serve", 2)
    assert memory.decide("c") == ("serve", 1)


def test_a_loop_gets_its_answers_back_in_their_order() -> None:
    """The k-th request of an execution is served by the k-th of the one before."""
    memory = Memory([record(number, cell="a", k=number - 1) for number in (1, 2, 3)])
    assert [memory.decide("a", k=k) for k in range(4)] == [("serve", 1), ("serve", 2), ("serve", 3), ("buy", None)]


def test_run_again_in_the_same_kernel_buys() -> None:
    """The first execution of a cell is served; the second makes new ones although older ones are left."""
    memory = Memory([record(1, cell="a"), record(2, cell="a")])
    assert memory.decide("a", run="1") == ("serve", 1)
    memory.ran("a", "1")
    assert memory.decide("a", run="1", k=1) == ("serve", 2)
    assert memory.decide("a", run="2") == ("buy", None)


@pytest.mark.parametrize(
    ("prompt", "becomes"),
    [
        ("a fox\n in snow", "serve"),
        ("a fox  \r\n in snow\t", "serve"),
        ("\n\na fox\n in snow\n\n\n", "serve"),
        ("a fox\nin snow", "buy"),
        ("a  fox\n in snow", "buy"),
        ("a fox\n\n in snow", "buy"),
    ],
)
def test_what_nobody_sees_makes_no_prompt_another(prompt: str, becomes: str) -> None:
    """Editors and document tools trim blanks at line ends, change line endings, and lose empty lines at both ends."""
    memory = Memory([record(1, request=Request(prompt="a fox\n in snow"))])
    assert memory.decide(request=Request(prompt=prompt))[0] == becomes


def test_a_cell_that_got_nothing_is_still_at_its_first_run() -> None:
    """A failed execution does not use up the right to be served."""
    memory = Memory([])
    assert memory.decide("a", run="1") == ("buy", None)
    memory.records.append(record(1, cell="a"))
    assert memory.decide("a", run="2") == ("serve", 1)


def test_answers_of_this_kernel_are_not_served() -> None:
    """What was made a moment ago is not what Run All is for."""
    assert Memory([record(1, kernel="now")]).decide() == ("buy", None)


@pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELLED])
def test_what_has_no_picture_serves_nobody(status: Status) -> None:
    """A failed order is ordered again."""
    assert Memory([record(1, status=status, outputs=())]).decide() == ("buy", None)


def test_always_serves_the_newest_again_and_again() -> None:
    """`--reuse`: also what this kernel made, also twice, its own cell's first."""
    memory = Memory([record(1, cell="a"), record(2, kernel="now", cell="b")])
    assert [memory.decide("c", mode="always") for _ in range(2)] == [("serve", 2), ("serve", 2)]
    assert memory.decide("a", mode="always") == ("serve", 1)


def test_never_buys_and_settles_what_was_unknown() -> None:
    """`--fresh`: the user's word is given; the unknown order no longer stands in the way."""
    memory = Memory([record(1), unknown(2)])
    decision = memory.decide_all(mode="never")
    assert (decision.answers, decision.missing, decision.is_refused) == ((), 1, False)
    assert [one.number for one in decision.unsettled] == [2]


def test_an_unknown_order_refuses_until_it_is_settled() -> None:
    """Nobody knows whether it was billed; settled, it does not matter any more."""
    memory = Memory([unknown(1, kernel="now")])
    assert memory.decide() == ("unsettled", 1)
    memory.records = [replace(memory.records[0], settled=True)]
    assert memory.decide() == ("buy", None)


def test_an_older_answer_comes_before_an_unknown_order() -> None:
    """What can be served free is."""
    assert Memory([record(1), unknown(2)]).decide() == ("serve", 1)


def test_an_order_of_another_kernel_under_way_is_joined_once() -> None:
    """Equal, under way, first run: joined; the next one buys."""
    memory = Memory([running(1)])
    assert [memory.decide("a"), memory.decide("b")] == [("join", 1), ("buy", None)]


def test_running_a_stopped_cell_again_joins_its_order() -> None:
    """Same kernel, same cell, later run; a second request of the same run does not join the first."""
    memory = Memory([running(1, kernel="now", cell="a", execution="1")])
    assert memory.decide("a", run="1", k=1) == ("buy", None)
    assert memory.decide("b", run="2") == ("buy", None)
    assert memory.decide("a", run="2") == ("join", 1)


def test_a_picture_that_only_waits_for_its_link_is_joined() -> None:
    """All links were dead: fetching them again is free, ordering again is not."""
    lost = replace(DONE, sha256="", file="", sources=({"link": "https://pictures.example/1.png"},))
    memory = Memory([record(1, status=Status.PARTIAL, outputs=(lost,))])
    assert memory.decide() == ("join", 1)


def test_demo_answers_and_paid_ones_do_not_serve_each_other() -> None:
    """A demo picture never passes for a paid one, nor is a paid one used up by the demo."""
    memory = Memory([record(1, demo=True), record(2)])
    assert memory.decide(demo=False) == ("serve", 2)
    assert memory.decide(demo=True) == ("serve", 1)
    assert memory.decide(demo=False) == ("buy", None)


def test_histories_beside_are_asked_only_where_the_own_one_has_no_answer() -> None:
    """Reading them costs time; each of their answers is served once too."""
    memory = Memory([record(1)], beside=[record(2), unknown(3), running(4)])
    assert (memory.decide("a"), memory.asked_beside) == (("serve", 1), 0)
    assert (memory.decide("b"), memory.asked_beside) == (("serve", 2), 1)
    assert memory.decide("c") == ("buy", None)
    memory.ran("a")
    before = memory.asked_beside
    memory.decide("a", run="2")
    memory.decide("d", mode="never")
    assert memory.asked_beside == before


def test_a_decision_that_is_not_carried_out_is_forgotten() -> None:
    """What was not shown can still be served."""
    memory = Memory([record(1)])
    memory.reruns.forget(memory.decide_all())
    assert memory.decide() == ("serve", 1)


# Whole orders

FOUR = Request(prompt="a fox", params={"n": 4})


def of_four(number: int, *, share: int = 1, **facts: Any) -> Record:
    return record(number, **{"request": FOUR, "share": share, **facts})


def numbers_of(decision: Decision) -> tuple[list[int], list[int], int]:
    """The records that serve, those that are joined, and how much is missing."""
    served, joined = ([one.record.number for one in part] for part in (decision.served, decision.joined))
    return served, joined, decision.missing


def test_an_order_takes_equal_records_until_their_shares_make_n() -> None:
    """Four records of one picture each serve one order of four, the fifth the next, and that one buys three."""
    memory = Memory([of_four(number) for number in range(1, 6)])
    assert numbers_of(memory.decide_all(request=FOUR)) == ([1, 2, 3, 4], [], 0)
    assert numbers_of(memory.decide_all(request=FOUR)) == ([5], [], 3)
    assert numbers_of(memory.decide_all(request=FOUR)) == ([], [], 4)


@pytest.mark.parametrize("shares", [(4,), (1, 1, 1, 1), (3, 1), (2, 2), (1, 3)])
def test_however_an_order_was_cut_it_is_equal(shares: tuple[int, ...]) -> None:
    """Shares of whatever size make n together; nothing is bought."""
    memory = Memory([of_four(number, share=share) for number, share in enumerate(shares, 1)])
    assert numbers_of(memory.decide_all(request=FOUR)) == (list(range(1, len(shares) + 1)), [], 0)


def test_what_is_under_way_makes_up_for_what_is_missing() -> None:
    """Two are here, one is on its way, one is bought."""
    memory = Memory([of_four(1), of_four(2), running(3, request=FOUR)])
    assert numbers_of(memory.decide_all(request=FOUR)) == ([1, 2], [3], 1)


def test_an_unknown_part_refuses_only_where_something_is_missing() -> None:
    """Part of an order may have been billed: it stands before buying, not before serving."""
    lost = unknown(9, request=FOUR)
    whole, short = (Memory([*(of_four(number) for number in range(1, most)), lost]) for most in (5, 4))
    assert not whole.decide_all(request=FOUR).is_refused
    decision = short.decide_all(request=FOUR)
    assert (decision.is_refused, decision.missing, [one.number for one in decision.unsettled]) == (True, 1, [9])


def test_always_serves_the_newest_that_make_n_in_their_order() -> None:
    """`--reuse` of four: the newest four, shown as they were made."""
    memory = Memory([of_four(number, kernel="now") for number in range(1, 7)])
    for _ in range(2):
        assert numbers_of(memory.decide_all(request=FOUR, mode="always")) == ([3, 4, 5, 6], [], 0)


def test_a_share_is_asked_for_alone() -> None:
    """One claimed part looks for an equal part only."""
    assert numbers_of(Memory([of_four(1), of_four(2)]).decide_all(request=FOUR, share=1)) == ([1], [], 0)


# Any sequence of restarts and runs

CELLS = st.sampled_from(["a", "b", None])
RUN = st.tuples(st.just("run"), CELLS, st.integers(1, 3))
RESTART = st.tuples(st.just("restart"), st.none(), st.just(0))


@pytest.mark.slow
@settings(deadline=None, max_examples=300)
@given(st.lists(st.one_of(RUN, RUN, RUN, RESTART), max_size=25))
def test_nothing_is_bought_while_an_older_answer_is_left_and_none_is_served_twice(steps: list[Any]) -> None:
    """At a cell's first run in a kernel an unserved older answer is always served; no answer twice per kernel."""
    numbers, runs, kernels = count(1), count(1), count(1)
    memory, kernel = Memory(), "0"
    memory.reruns = Reruns(kernel)
    served: list[int] = []
    seen: set[str] = set()
    for kind, cell, requests in steps:
        if kind == "restart":
            kernel, served, seen = str(next(kernels)), [], set()
            memory.reruns = Reruns(kernel)
            continue
        run = str(next(runs))
        first = cell is None or cell not in seen
        for k in range(requests):
            left = [one.number for one in memory.records if one.kernel != kernel and one.number not in served]
            decision, number = memory.decide(cell, run, k)
            assert (decision == "serve") == (first and bool(left))
            if number is not None:
                assert number in left
                served.append(number)
                continue
            memory.records.append(record(next(numbers), kernel=kernel, cell=cell, k=k, execution=run))
        if cell is not None:
            memory.ran(cell, run)
            seen.add(cell)


# With a real session and store


class Kernel:
    """A session that runs cells as a notebook does."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self._runs = count(1)

    def run(self, cell: str | None, prompt: str = "a fox", *, times: int = 1, **options: Any) -> list[Generation]:
        execution = Execution(serial=str(next(self._runs)), cell=cell)
        orders = (order_of(parse_keywords(prompt, options), execution=execution) for _ in range(times))
        return [self.session.place(order).result(30) for order in orders]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    return tmp_path


def refs(*results: list[Generation]) -> list[str]:
    return [one.ref for result in results for one in result]


@pytest.mark.parametrize("ids", [True, False], ids=["with cell ids", "without"])
def test_run_all_after_a_restart_redraws_and_then_buys(folder: Path, ids: bool) -> None:
    """Two equal cells and a loop: all is served in the new kernel, in place; then a new cell buys."""
    a, b, c, d = ("a", "b", "c", "d") if ids else (None,) * 4
    with relay_on_loopback() as served:
        with new_session(folder, served.url) as session:
            kernel = Kernel(session)
            before = refs(kernel.run(a), kernel.run(b, times=2), kernel.run(c))
            assert before == ["#1", "#2", "#3", "#4"]
        with new_session(folder, served.url) as session:
            kernel = Kernel(session)
            assert refs(kernel.run(a), kernel.run(b, times=2), kernel.run(c)) == before
            assert served.posts == 4
            assert refs(kernel.run(d)) == ["#5"]
        assert served.posts == 5


def test_a_cell_that_is_refused_for_its_price_keeps_its_answers(folder: Path) -> None:
    """Half of an order lies in the history, the other half needs the user's word: with it, only that half is bought."""
    with relay_on_loopback() as served:
        with new_session(folder, served.url) as session:
            Kernel(session).run("a", model="dall-e-3", n=2)
            session.trash("#2")
        with new_session(folder, served.url, typed=lambda: {"confirm_over": 0.01}) as session:
            kernel = Kernel(session)
            with pytest.raises(Exception, match="confirm_over"):
                kernel.run("a", model="dall-e-3", n=2)
            (whole,) = kernel.run("a", model="dall-e-3", n=2, yes=True)
        assert [one.ref for one in whole.parts] == ["#1", "#3"]
        assert served.posts == 3


def test_four_of_one_each_are_served_from_four_records(folder: Path) -> None:
    """`4 × dall-e-3` is four records; after a restart one order takes all four, in their order."""
    with relay_on_loopback() as served:
        with new_session(folder, served.url) as session:
            (before,) = Kernel(session).run("a", model="dall-e-3", n=4)
        with new_session(folder, served.url) as session:
            kernel = Kernel(session)
            (again,) = kernel.run("a", model="dall-e-3", n=4)
            assert [one.sha256 for one in again.pictures] == [one.sha256 for one in before.pictures]
            assert [one.ref for one in again.parts] == ["#1", "#2", "#3", "#4"]
            assert served.posts == 4
            assert len(kernel.run("a", model="dall-e-3", n=4)[0].parts) == 4
        assert served.posts == 8


class Limited(OpenAIImages):
    """The images service with another limit on how many pictures one call gives."""

    def __init__(self, most: int) -> None:
        self._most = most

    def offer(self, listed: Listed) -> Offer:
        offer = super().offer(listed)
        return replace(offer, options={**offer.options, "n": Option(most=self._most)})


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [(1, 10), (10, 1), (3, 2), (2, 3)])
def test_a_table_of_limits_that_changes_makes_no_answer_unequal(before: int, after: int, folder: Path) -> None:
    """A new release may know another limit: what was made under the old one is served all the same."""
    with relay_on_loopback() as served:
        with new_session(folder, served.url, services=[Limited(before)]) as session:
            (made,) = Kernel(session).run("a", model="gpt-image-2", n=4)
        posts = served.posts
        with new_session(folder, served.url, services=[Limited(after)]) as session:
            (again,) = Kernel(session).run("a", model="gpt-image-2", n=4)
        assert [one.sha256 for one in again.pictures] == [one.sha256 for one in made.pictures]
        assert (len(again.pictures), served.posts) == (4, posts)


def test_fresh_settles_what_was_unknown(folder: Path) -> None:
    """The refused order is settled by `--fresh`, and then no longer stands in the way."""
    lost = {"params": {"demo": {"fault": "reset", "times": 1}}}
    with relay_on_loopback() as served, new_session(folder, served.url) as session:
        kernel = Kernel(session)
        for expected in ("HTTP answer", "#1 is the same order"):
            with pytest.raises(MaybeBilledError, match=expected):
                kernel.run("a", **lost)
        assert served.posts == 1
        assert refs(kernel.run("a", **lost, fresh=True)) == ["#2"]
        assert refs(kernel.run("a", **lost)) == ["#3"]
        assert session.history["#1"].status is Status.UNKNOWN


@pytest.mark.slow
def test_an_order_of_another_living_kernel_is_joined(folder: Path) -> None:
    """Two kernels on one notebook: the second gets the picture that the first is paying for."""
    with relay_on_loopback() as served:
        slow = {"params": {"demo": {"latency": 0.8}}}
        with new_session(folder, served.url) as first, new_session(folder, served.url) as second:
            job = first.submit("a fox", **slow)
            until(lambda: job.is_sent)
            joined = second.submit("a fox", **slow)
            assert joined.result(30).ref == job.result(30).ref == "#1"
            assert joined.origin == "joined"
        assert served.posts == 1


def until(true: Any) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end


def test_a_sibling_that_cannot_be_read_stands_in_nobodys_way(folder: Path) -> None:
    """A foreign folder with our ending is no obstacle."""
    broken = folder / "broken.now"
    Store(broken).preflight()
    (broken / "jobs").rmdir()
    (broken / "jobs").write_text("no folder")
    with new_session(folder) as session:
        assert session.generate("a fox").ref == "#1"


def test_demo_pictures_never_answer_for_a_relay(folder: Path) -> None:
    """First the demo, then a relay: bought."""
    with new_session(folder) as session:
        assert session.generate("a fox").demo
    with relay_on_loopback() as served, new_session(folder, served.url) as session:
        assert not session.generate("a fox").demo
        assert served.posts == 1


def test_rehearsing_changes_nothing(folder: Path) -> None:
    """What would be served is still served afterwards, and no place is used up."""
    with new_session(folder) as session:
        session.generate("a fox")
    with new_session(folder) as session:
        order = order_of(parse_keywords("a fox", {}), execution=Execution(serial="1", cell="a"))
        assert [session.rehearse(order).decisions for _ in range(2)] == [("would be served from #1",)] * 2
        assert session.place(order).result(30).ref == "#1"


@pytest.mark.slow
def test_planning_on_a_long_history_is_quick(folder: Path) -> None:
    """After the first look an order costs with two thousand records no more than six times what it costs with five."""
    short, long = (planned(folder / name, count) for name, count in (("short.now", 5), ("long.now", 2_000)))
    assert long < 6 * short


def planned(history: Path, count: int) -> float:
    """Return the seconds that planning an order takes on a history of so many records, at best."""
    store = Store(history)
    store.preflight()
    for number in range(1, count + 1):
        (store.folder / "jobs" / f"{number}.json").write_text(
            f'{{"format":1,"id":"{number:032x}","number":{number},"created":1.0,"status":"done","billed":"yes",'
            f'"request":{{"prompt":"fox {number}"}}}}'
        )
    long_ago(store.folder / "jobs")
    with new_session(history.parent, environ={"NOW_FOLDER": history.name}) as session:
        session.use_demo(instant=True)
        order = order_of(parse_keywords("another", {}))
        while folder_stamp(store.folder / "jobs") is None:  # what changed a moment ago is looked at again
            session.rehearse(order)
        session.rehearse(order)
        return min(timed(session.rehearse, order) for _ in range(9))


def long_ago(jobs: Path) -> None:

    for path in (*jobs.iterdir(), jobs):
        os.utime(path, (1e9, 1e9))


def timed(work: Any, *arguments: Any) -> float:
    began = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - began
