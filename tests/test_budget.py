"""The budget: a hard stop in the folder that holds across kernels, and `--budget` for one run."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from now_jupyter._messages import InputError, NowImageError, StoreCorrupt
from now_jupyter._options._readers import read_amount
from now_jupyter._orders._quotes import Budget
from now_jupyter._session import Session
from now_jupyter._store import _store
from now_jupyter._store._record import Record
from now_jupyter._values import Money, Request, Status
from relays import Served, new_session, relay_on_loopback

SETTINGS: dict[str, Any] = {"prices": {"gpt-image-2": 0.3, "dall-e-3": 0.3}, "currency": "CNY"}


@pytest.fixture
def served() -> Iterator[Served]:
    with relay_on_loopback() as relay:
        yield relay


def opened(folder: Path, served: Served, **more: Any) -> Any:
    return new_session(folder, served.url, typed=lambda: {**SETTINGS, **more})


@pytest.fixture
def session(served: Served, tmp_path: Path) -> Iterator[Session]:
    with opened(tmp_path, served) as one:
        yield one


def left(session: Session) -> str:
    budget = session.budget()
    assert budget is not None
    return str(budget[1])


def record(number: int, **more: Any) -> Record:
    cost = Money(Decimal(1), "CNY", "estimated")
    known: Mapping[str, Any] = {"id": f"{number:032x}", "status": Status.DONE, "billed": "yes", "cost": cost, **more}
    return Record(number=number, request=Request(prompt="a fox"), created=1.0, **known)


# What it counts


@pytest.mark.parametrize(
    ("more", "counted"),
    [
        ({}, 1),
        ({"billed": "maybe", "status": Status.UNKNOWN}, 1),
        ({"billed": "maybe", "status": Status.UNKNOWN, "settled": True}, 1),
        ({"billed": "no", "status": Status.RUNNING}, 1),
        ({"billed": "no", "status": Status.FAILED}, 0),
        ({"billed": "no", "status": Status.CANCELLED}, 0),
        ({"demo": True}, 0),
        ({"cost": None}, 0),
        ({"cost": Money(Decimal(1), "USD", "reported")}, 0),
    ],
)
def test_what_counts_as_spent(more: dict[str, Any], counted: int) -> None:
    """Billed, maybe billed and under way count; what was refused, taken back or made by the demo does not."""
    budget = Budget(amount=Money(Decimal(3), "CNY", "reported"), after=4)
    assert budget.left([record(4), record(5, **more)]).amount == 3 - counted


def test_only_lower_numbers_stand_before_an_order() -> None:
    """Two kernels that claim at once agree on who was first; nothing is ever less than nothing."""
    budget = Budget(amount=Money(Decimal(2), "CNY", "reported"))
    assert budget.left([record(1), record(3), record(5)], below=5).amount == 0
    assert budget.left([record(number) for number in range(1, 9)]).amount == 0


@pytest.mark.parametrize("text", ["10", "¥10", "￥10", "10 CNY", "10元", "１０", "CNY 10", "10.0"])
def test_amounts_as_people_type_them(text: str) -> None:
    """With or without a sign, before or behind, full width too."""
    amount = read_amount(text)
    assert amount.amount == 10
    assert amount.currency in ("", "CNY")


@pytest.mark.parametrize("text", ["", "ten", "-1", "¥10¥", "1e3", "NaN", "10,5", "∞"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    """With the forms that are right."""
    with pytest.raises(InputError, match="not an amount"):
        read_amount(text)


# The hard stop


def test_the_budget_stops_what_goes_beyond_it(session: Session, served: Served) -> None:
    """Nothing is recorded or sent; the message says what is left and how to set another."""
    session.set_budget("¥0.7")
    for prompt in ("a fox", "a cat"):
        session.generate(prompt)
    assert left(session) == "¥0.10"
    with pytest.raises(InputError, match=r"~¥0\.30, and ¥0\.10 is left of the budget of ¥0\.70") as caught:
        session.generate("a dog", yes=True)
    assert caught.value.billed == "no"
    assert (served.posts, len(session.history)) == (2, 2)
    session.set_budget(None)
    assert session.generate("a dog").billed == "yes"
    assert session.budget() is None


def test_what_was_spent_before_does_not_count(session: Session) -> None:
    """A budget is for what comes; setting it again begins again."""
    session.generate("a fox")
    session.set_budget(0.3)
    assert left(session) == "¥0.30"
    session.generate("a cat")
    assert left(session) == "¥0.00"
    session.set_budget(0.3)
    assert left(session) == "¥0.30"


def test_every_picture_of_an_order_counts(session: Session, served: Served) -> None:
    """Three requests of one order go together or not at all."""
    session.set_budget(0.8)
    with pytest.raises(InputError, match=r"~¥0\.90"):
        session.generate("a fox", model="dall-e-3", n=3)
    assert (served.posts, len(session.history)) == (0, 0)
    session.generate("a fox", model="dall-e-3", n=2)
    assert left(session) == "¥0.20"


def test_the_trash_gives_no_money_back(session: Session) -> None:
    """A picture in the trash was paid for: neither the budget nor the sum forgets it."""
    session.set_budget(1)
    session.generate("a fox")
    session.trash("#1")
    assert left(session) == "¥0.70"
    assert str(session.history.cost()) == "~¥0.30"


def test_a_refused_order_costs_nothing(session: Session) -> None:
    """What the relay refused shows no price and takes nothing from the budget."""
    session.set_budget(1)
    with pytest.raises(NowImageError):
        session.generate("a fox", params={"demo": {"status": 400}})
    assert session.history[-1].billed == "no"
    assert session.history[-1].cost is None
    assert left(session) == "¥1.00"


def test_maybe_counts_as_spent(session: Session) -> None:
    """An order whose outcome is unknown is counted at its expected price, and stays so when it is settled."""
    session.set_budget(1)
    with pytest.raises(NowImageError, match="billed: maybe"):
        session.generate("a fox", params={"demo": {"status": 500}})
    assert left(session) == "¥0.70"
    with pytest.raises(NowImageError, match="billed: maybe"):
        session.generate("a fox", params={"demo": {"status": 500}}, reuse=False)
    assert session.context.home().store.read(1).settled
    assert left(session) == "¥0.40"


def test_an_unknown_price_under_a_budget_needs_the_users_word(served: Served, tmp_path: Path) -> None:
    """Without `yes` nothing is sent; with it the order goes out and counts nothing."""
    with opened(tmp_path, served) as session:
        session.set_budget(1)
        with pytest.raises(InputError, match="price of this order is not known"):
            session.generate("a fox", model="nobody-knows-its-price")
        assert served.posts == 0
        with pytest.raises(NowImageError, match="nobody-knows-its-price"):
            session.generate("a fox", model="nobody-knows-its-price", yes=True)
        assert served.posts == 1
        assert left(session) == "¥1.00"


def test_a_price_of_ones_own_is_what_a_budget_and_a_question_go_by(served: Served, tmp_path: Path) -> None:
    """It makes an unknown price known, and is refused where it goes beyond what is left."""
    with new_session(tmp_path, served.url) as session:
        session.set_price("nobody-knows-its-price", "0.3/picture")
        session.set_budget(1)
        with pytest.raises(NowImageError, match="nobody-knows-its-price"):  # the relay's word: it was sent
            session.generate("a fox", model="nobody-knows-its-price")
        session.set_price("gpt-image-2", "$0.6/call")
        session.set_price("dall-e-3", 0.6)
        for yes, why in (
            (False, r"costs ~\$1\.20 .*, which is more than \$1\.00"),
            (True, r"~\$1\.20, and \$1\.00 is left"),
        ):
            with pytest.raises(InputError, match=why):
                session.generate("a fox", model="dall-e-3", n=2, yes=yes)
        assert str(session.generate("a fox", model="gpt-image-2", n=2).cost) == "~$0.60"
        assert served.posts == 2


def test_the_demo_is_never_counted(tmp_path: Path) -> None:
    """Neither stopped nor counted."""
    with new_session(tmp_path, "") as session:
        session.use_demo(instant=True)
        session.set_budget("0")
        assert session.generate("a fox").demo
        assert left(session) == "$0.00"


def test_another_currency_is_refused(served: Served, tmp_path: Path) -> None:
    """A sign that is not that of `Now.currency` is an error, never read as the other; so is a changed currency."""
    with opened(tmp_path, served) as session:
        with pytest.raises(InputError, match=r"\$5\.00 is not in CNY"):
            session.set_budget("$5")
        session.set_budget("¥5")
    with opened(tmp_path, served, currency="USD") as session, pytest.raises(InputError, match="not in USD"):
        session.generate("a fox")
    assert served.posts == 0


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"amount": {}}', '{"after": true, "amount": {"amount": "1", "currency": "CNY"}}',
             '{"after": 0, "amount": {"amount": "NaN", "currency": "CNY"}}']
)  # fmt: skip
def test_a_budget_that_cannot_be_read_stops_everything(session: Session, served: Served, text: str) -> None:
    """A hard stop does not vanish because a file is broken."""
    session.set_budget(1)
    (session.context.home().store.folder / "budget.json").write_text(text)
    with pytest.raises(StoreCorrupt, match="budget"):
        session.generate("a fox")
    assert served.posts == 0
    session.set_budget(1)
    assert session.generate("a fox").billed == "yes"


def test_a_budget_that_cannot_be_counted_stops_everything(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of orders for which the memory has no room nobody knows what they cost, here or in the trash."""
    monkeypatch.setattr(_store, "ROOM", 60_000)
    with opened(tmp_path, served) as session:
        session.set_budget(1)
        session.generate("a fox")
        for at in range(2, 12):
            store = session.context.home().store
            store.write(store.claim(record(0, id=f"{at:032x}", alt="x" * 2_000, memo={"a": "x" * 9_000})))
        with pytest.raises(StoreCorrupt, match="more orders since the budget was set"):
            session.generate("a hare")
        session.set_budget(1)
        assert session.generate("a hare").billed == "yes"
        assert left(session) == "¥0.70"


@pytest.mark.slow
def test_it_holds_across_kernels_that_order_at_once(served: Served, tmp_path: Path) -> None:
    """Four sessions order the same moment; no more goes out than the budget allows, whoever was first."""
    with ExitStack() as stack:
        sessions = [stack.enter_context(opened(tmp_path, served)) for _ in range(4)]
        sessions[0].set_budget(1)
        together = threading.Barrier(4)

        def order(number: int) -> str:
            together.wait()
            try:
                return sessions[number].generate(f"a fox {number}").billed
            except InputError as refusal:
                return str(refusal).splitlines()[0][:3]

        with ThreadPoolExecutor(4) as pool:
            outcomes = sorted(pool.map(order, range(4)))
        assert outcomes == ["the", "yes", "yes", "yes"]
        assert served.posts == 3
        assert {left(one) for one in sessions} == {"¥0.10"}
        billed = [one for one in sessions[0].history if one.billed == "yes"]
        assert len(billed) == 3


def test_a_kill_leaves_the_expected_price_in_the_record(session: Session) -> None:
    """The price is written before anything is sent, so that what is unknown afterwards has a worth."""
    session.set_budget(1)
    session.generate("a fox")
    store = session.context.home().store
    store.write(replace(store.read(1), status=Status.UNKNOWN, billed="maybe", outputs=()))
    assert str(session.history.cost(billed="maybe")) == "~¥0.30"
    assert session.budget() is not None


# One run


def test_a_run_has_a_budget_of_its_own(session: Session, served: Served) -> None:
    """`--budget` stops this order alone, before anything is recorded; an unknown price needs the user's word."""
    with pytest.raises(InputError, match=r"~¥0\.60, and budget= is ¥0\.50"):
        session.generate("a fox", n=2, budget="¥0.5")
    with pytest.raises(InputError, match="price of this order is not known"):
        session.generate("a fox", model="nobody-knows-its-price", budget=1)
    with pytest.raises(InputError, match="is not in CNY"):
        session.generate("a fox", budget="$1")
    assert (served.posts, len(session.history)) == (0, 0)
    assert session.generate("a fox", n=2, budget=0.6).billed == "yes"
