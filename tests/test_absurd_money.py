"""Prices, rates, costs and budgets that cannot be meant: a relay's is unknown, a user's is refused at once, a folder's
stops buying. Whatever is given, what was spent never becomes less and no more is bought than the budget allows.
"""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator
from decimal import Context, Decimal, localcontext
from pathlib import Path
from typing import Any

import pytest

from demo_calls import png
from faultserver import FaultServer, Send, response
from now_jupyter._json import amount_of
from now_jupyter._messages import ConfigError, InputError, StoreCorrupt
from now_jupyter._options import parse_keywords
from now_jupyter._orders import Order, order_of
from now_jupyter._relay._catalogue import read_models
from now_jupyter._session import Session
from now_jupyter._settings import Configuration, Settings
from now_jupyter._settings._logins import Logins
from now_jupyter._traits import Now
from now_jupyter._values import Money, sum_of
from relays import ask_relay, new_session
from shells import shell_in

WORLDS = 100
SANE = {
    "0.04": "0.04",
    '"0.3"': "0.3",
    "0": "0",
    "1e-7": "1E-7",
    "12": "12",
    "0.30000000000000004": "0.30000000000000004",
}
ABSURD = [
    *("-1", "-0.0001", "-1e30", "NaN", "Infinity", "-Infinity", "1E+3000000000", '"1E+3000000000"', "1e25"),
    *('"a lot"', '""', '"NaN"', '"-Infinity"', '"0x10"', "true", "null", "[]", "{}", "[0.04]", '{"amount": 1}'),
    *("9" * 400, "9" * 5000, '"1E-3000000000"', '"' + "1" * 400 + '"', '"sNaN123"'),
]
MODEL = "dall-e-2"


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as one:
        yield one


def given(text: str) -> list[Send]:
    return [Send(response(200, text.encode(), headers={"Content-Type": "application/json"}))]


def sell(server: FaultServer, *, price: str, ratio: str = "1", cost: str = "null", more: str = "") -> None:
    """Have the server list a price and report a cost, each as JSON text."""
    picture = base64.b64encode(png((8, 8))).decode()
    answer = f'{{"data": [{{"b64_json": "{picture}"}}], "usage": {{"total_tokens": 1, "cost": {cost}}}{more}}}'
    listed = f'{{"model_name": "{MODEL}", "quota_type": 1, "model_price": {price}}}'
    server.forget()
    server.script(given(f'{{"data": [{listed}], "group_ratio": {{"default": {ratio}}}}}'), path="/api/pricing")
    server.script(given(answer), path="/v1/images/generations")


def worth(token: str) -> Decimal | None:
    """What a JSON text says, where it can be meant."""
    return Decimal(SANE[token]) if token in SANE else None


def spent(session: Session) -> Decimal:
    amount = session.history.cost().amount
    assert amount is not None
    assert amount.is_finite()
    return amount


def left(session: Session) -> Decimal | None:
    """What is left of the budget; None where it cannot be read."""
    try:
        budget = session.budget()
    except StoreCorrupt as problem:
        if "%now budget AMOUNT" in str(problem):  # it says how to go on
            return None
        raise
    assert budget is not None
    amount = budget[1].amount
    assert amount is not None
    return amount


@pytest.mark.slow
def test_no_price_list_and_no_budget_makes_anyone_spend_more(server: FaultServer, tmp_path: Path) -> None:
    """In a hundred worlds of odd prices, ratios, reported costs and budget files: an order goes out only at a price
    that is known and within what is left; once paid it gives its picture; the budget never grows, nor does what was
    spent shrink.
    """
    chance, bought = random.Random(20), 0
    tokens = [*SANE, *SANE, *SANE, *ABSURD]
    for world in range(WORLDS):
        price, cost = chance.choice(tokens), chance.choice(tokens)
        ratio = chance.choice([*["1"] * 4, "0.5", *ABSURD])
        amount, after = (
            chance.choice([*SANE, *ABSURD]),
            chance.choice([*["0"] * 4, "-3", "10000", "9" * 30, "1e3", "null"]),
        )
        sell(server, price=price, ratio=ratio, cost=cost)
        (folder := tmp_path / str(world)).mkdir()
        with new_session(folder, server.url) as session:
            session.set_budget("0.5")
            if world % 3:
                text = amount if amount.startswith('"') else f'"{amount}"'
                (session.context.home().store.folder / "budget.json").write_text(
                    f'{{"after": {after}, "amount": {{"amount": {text}, "currency": "USD", "source": "reported"}}}}'
                )
            for number in range(3):
                bought += order(session, server, f"a fox {number}", price=price, ratio=ratio)
    assert bought > WORLDS // 10


def order(session: Session, server: FaultServer, prompt: str, *, price: str, ratio: str) -> int:
    """Place one order and hold what must be true of it; give how many requests were paid."""
    before, was_left, was_spent = server.posts, left(session), spent(session)
    try:
        session.generate(prompt, model=MODEL, size="1024x1024")
    except (InputError, StoreCorrupt):
        assert server.posts == before
    else:
        assert session.history[-1].pictures
        assert server.posts == before + 1
        listed = worth(price)
        assert listed is not None
        assert was_left is not None
        factor = (
            Decimal(ratio) if ratio in ("1", "0.5") else amount_of(json.loads(ratio, parse_int=Decimal)) or Decimal(1)
        )
        assert listed * factor <= was_left
    is_left = left(session)
    assert (is_left is None) == (was_left is None)
    assert is_left is None or was_left is None or is_left <= was_left
    assert spent(session) >= was_spent
    return server.posts - before


@pytest.mark.slow
@pytest.mark.parametrize("token", ABSURD)
def test_what_cannot_be_meant_is_unknown_at_a_relay(token: str, server: FaultServer, tmp_path: Path) -> None:
    """Its price is asked about under a budget, and without one its picture comes all the same, at no known price."""
    sell(server, price=token, cost=token)
    with new_session(tmp_path, server.url) as session:
        with pytest.raises(InputError, match="price of this order is not known"):
            session.generate("a fox", model=MODEL, budget="1")
        assert server.posts == 0
        made = session.generate("a fox", model=MODEL)
        assert (made.billed, len(made.pictures), server.posts) == ("yes", 1, 1)
        assert made.cost is None
        assert session.rehearse(_order("a cat")).price.amount is None


def _order(prompt: str) -> Order:
    return order_of(parse_keywords(prompt, {"model": MODEL}))


def test_times_and_sums_of_any_size_cost_no_picture(server: FaultServer, tmp_path: Path) -> None:
    """`created`, tokens and seeds of hundreds of digits stand beside a picture that is kept and served again."""
    huge = "1" + "0" * 400
    sell(server, price="0.04", more=f', "created": {huge}, "seed": {huge}, "size": {huge}, "background": 1e999')
    with new_session(tmp_path, server.url) as session:
        assert session.generate("a fox", model=MODEL).pictures
    with new_session(tmp_path, server.url) as session:
        assert session.generate("a fox", model=MODEL).pictures
    assert server.posts == 1


# What users give


@pytest.mark.parametrize(
    "amount", [-1, float("nan"), float("inf"), 10**400, Decimal("1E+3000000000"), "a lot", True, -0.01]
)
def test_a_budget_that_cannot_be_meant_is_refused_at_once(amount: Any, server: FaultServer, tmp_path: Path) -> None:
    """For one run and for the folder; nothing is sent or kept."""
    sell(server, price="0.04")
    with new_session(tmp_path, server.url) as session:
        with pytest.raises(InputError, match=r"amount|type"):
            session.generate("a fox", model=MODEL, budget=amount)
        with pytest.raises(InputError, match="not an amount"):
            session.set_budget(amount)
        assert session.budget() is None
    assert server.posts == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("rate", one) for one in ("-1", "0.0", "float('nan')", "1e300")),
        *(("confirm_over", one) for one in ("float('nan')", "-1")),
        *(("prices", one) for one in ("{'dall-e-2': -1}", "{'dall-e-2': 'dear'}", "{'dall-e-2': float('inf')}")),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused_where_it_is_typed(
    name: str, value: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said with its name, and what was in force before stays."""
    with shell_in(tmp_path) as shell:
        shell.run("%load_ext now_jupyter")
        before = shell.session.settings()
        shell.run(f"%config Now.{name} = {value}")  # IPython logs what a setting says of itself
        assert f"Now.{name}" in caplog.text
        assert "no amount of money" in caplog.text
        with pytest.raises(ConfigError, match=name):
            setattr(Now.instance(), name, eval(value))
        assert shell.session.settings() == before
        Now.instance().prices = {"dall-e-2": 1.0}
        Now.instance().prices["dall-e-2"] = -1.0
        with pytest.raises(ConfigError, match="prices"):
            shell.session.settings()


def test_a_stored_rate_that_cannot_be_meant_is_left_out(tmp_path: Path) -> None:
    """A file of logins with a negative rate locks nobody out."""
    form = {
        "current": "x",
        "logins": {"x": {"base_url": "https://relay.example/v1", "rate": -7.2, "model": "m"}},
    }
    (tmp_path / "logins.json").write_text(json.dumps(form))
    settings = Configuration(environ={}, logins=Logins(tmp_path / "logins.json")).settings()
    assert (settings.rate, settings.model) == (Settings().rate, "m")


# Values


def test_money_is_finite_and_not_negative_or_unknown() -> None:
    """Whatever is given, and its currency is plain."""
    for odd in (-1, "NaN", "Infinity", "-Infinity", "1E+3000000000", "1E-3000000000", "sNaN"):
        assert Money(Decimal(odd), "USD", "reported") == Money(None, "USD", "unknown")
    assert str(Money(Decimal("-0"))) == "$0.00"
    assert Money(Decimal(1), "\x1b[31mUSD\n\u202e").currency == "USD"
    assert len(str(Money(Decimal("0." + "3" * 900_000)).amount)) < 40


def test_sums_are_exact_or_unknown() -> None:
    """One unknown amount makes the sum unknown, as does another currency; a program's own precision changes nothing."""
    one, other = Money(Decimal(100), "USD", "reported"), Money(Decimal("0.04"), "USD", "estimated")
    with localcontext(Context(prec=2)):
        assert sum_of([one, other]) == Money(Decimal("100.04"), "USD", "estimated")
    assert sum_of([one, one]).source == "reported"
    assert sum_of([], "CNY") == Money(Decimal(0), "CNY", "estimated")
    for unknown in (None, Money(None), Money(Decimal(1), "CNY", "reported")):
        assert sum_of([one, unknown]).amount is None


def test_a_list_of_any_length_is_read_in_part(server: FaultServer) -> None:
    """Sixty thousand models and names that nobody can type come down to a list for people."""
    listed = [{"id": f"model-{number}"} for number in range(60_000)]
    server.script(given(json.dumps({"data": [{"id": "\x1b[31mred"}, {"id": "n" * 900}, *listed]})), path="/v1/models")
    models = ask_relay(server.url, read_models)
    assert 1000 < len(models) <= 5000
    assert all(one.name.isprintable() for one in models)
