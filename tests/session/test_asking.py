"""Asking before an order that costs much: where someone can answer they are asked, elsewhere it says how to go on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from buying import until
from now_jupyter._background import _asking
from now_jupyter._messages import InputError, Interrupted, NotConfirmed, RejectedError
from now_jupyter._options import parse_keywords
from now_jupyter._orders import _quotes, order_of
from now_jupyter._session import Session, _session
from now_jupyter._traits import Now
from now_jupyter.demo import Request, Response
from relays import Served, new_session

LIMIT = {"confirm_over": 0.05}
TWO = "this costs ~$0.0800 (pictures: 2), which is more than $0.0500. Go on? [y/N] "


@pytest.fixture
def limited(served: Served, tmp_path: Path) -> Iterator[Session]:
    """A session in which more than five cents need the user's word."""
    with new_session(tmp_path, served.url, typed=lambda: LIMIT) as session:
        yield session


class Person:
    """Sits before the session and answers each question with the next of these, an exception by raising it."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, question: str) -> str:
        self.asked.append(question)
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return str(answer)


@pytest.fixture
def sit(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Person]:
    """Have a person sit there."""

    def sit(*answers: Any) -> Person:
        person = Person(*answers)
        monkeypatch.setattr(_session, "may_ask", lambda: True)
        monkeypatch.setattr(_asking, "input", person, raising=False)
        return person

    return sit


@pytest.mark.parametrize("answer", ["y", " YES ", "是"])
def test_with_the_users_word_it_is_bought_once(
    answer: str, limited: Session, served: Served, sit: Callable[..., Person]
) -> None:
    """What is cheaper is not asked about."""
    person = sit(answer)
    assert limited.generate("a fox").billed == "yes"
    assert limited.generate("a fox", n=2, fresh=True).billed == "yes"
    assert person.asked == [TWO]
    assert served.posts == 2


def test_what_is_remarked_is_said_once(limited: Session, sit: Callable[..., Person]) -> None:
    """Though it was planned twice, before and after the question."""
    sit("y")
    job = limited.place(order_of(parse_keywords("a fox", {"n": 2, "model": "dall-e-3"})), asks=True)
    job.result(30)
    assert job.notes == ["2 × dall-e-3: one request each"]


@pytest.mark.parametrize("answer", ["", "n", "what?", KeyboardInterrupt(), EOFError()])
def test_without_it_nothing_is_sent(
    answer: object, limited: Session, served: Served, sit: Callable[..., Person]
) -> None:
    """Enter is no; so is ■. Nothing is recorded either, and the same may be ordered again."""
    sit(answer, "y")
    with pytest.raises(Interrupted, match="not ordered; nothing was sent"):
        limited.generate("a fox", n=2)
    assert (served.posts, len(limited.history), limited.jobs()) == (0, 0, [])
    assert limited.generate("a fox", n=2).ref == "#1"


def test_where_nobody_can_answer_it_says_how_to_go_on(
    limited: Session, served: Served, sit: Callable[..., Person]
) -> None:
    """No terminal, a thread, an order that is not waited for, an awaited call, a front end that breaks off."""
    caught: list[BaseException] = []

    def refused(order: Callable[[], object]) -> None:
        with pytest.raises(NotConfirmed) as one:
            order()
        caught.append(one.value)

    refused(lambda: limited.generate("a fox", n=2))
    person = sit(NotImplementedError())
    refused(lambda: limited.submit("a fox", n=2).result(30))
    refused(lambda: asyncio.run(limited.agenerate("a fox", n=2)))
    assert person.asked == []
    refused(lambda: limited.generate("a fox", n=2))
    assert person.asked == [TWO]
    assert "yes=True orders it all the same" in caught[0].next_step()
    assert (served.posts, len(limited.history)) == (0, 0)
    assert limited.generate("a fox", n=2, yes=True).billed == "yes"


def test_only_the_main_thread_and_a_terminal_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a cell whose front end types answers, which `test_cells` looks at."""
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    found = []
    thread = threading.Thread(target=lambda: found.append(_asking.may_ask()))
    thread.start()
    thread.join()
    monkeypatch.setattr("sys.stdin", None)
    assert [*found, _asking.may_ask()] == [False, False]


@pytest.mark.parametrize(
    ("settings", "price", "is_asked"),
    [
        ({}, 1.0, False),
        ({}, 1.01, True),
        ({"confirm_over": "auto"}, 1.01, True),
        ({"confirm_over": None}, 100.0, False),
        ({"currency": "CNY", "rate": 7.0}, 7.0, False),
        ({"currency": "CNY", "rate": 7.0}, 7.01, True),
        ({"currency": "CNY", "rate": 7.0, "confirm_over": 1}, 1.01, True),
    ],
)
def test_by_default_one_relay_dollar_is_the_limit(
    settings: dict[str, Any], price: float, is_asked: bool, served: Served, tmp_path: Path, sit: Callable[..., Person]
) -> None:
    """In what the user pays in; None never asks."""
    person = sit("y")
    settings = {**settings, "prices": {"dall-e-2": price}}
    with new_session(tmp_path, served.url, typed=lambda: settings) as session:
        session.generate("a fox", model="dall-e-2", size="256x256")
    assert bool(person.asked) == is_asked


def test_an_unknown_price_needs_a_limit_that_was_set(
    session: Session, limited: Session, sit: Callable[..., Person]
) -> None:
    """By default it passes; under `Now.confirm_over` or a budget it is asked about."""
    person = sit("n", "n")
    with pytest.raises(RejectedError):  # so it was sent
        session.generate("a fox", model="unheard-of")
    for other, more in ((limited, {}), (session, {"budget": "1"})):
        with pytest.raises(Interrupted):
            other.generate("a hare", model="unheard-of", **more)
    assert [question.partition(" (")[0].partition(",")[0] for question in person.asked] == [
        "the price of this order is not known"
    ] * 2


def test_a_budget_holds_whatever_is_agreed(session: Session, served: Served, sit: Callable[..., Person]) -> None:
    """Beyond it nothing is asked."""
    person = sit()
    session.set_budget("0.01")
    with pytest.raises(InputError, match="of the budget"):
        session.generate("a fox")
    assert (person.asked, served.posts) == ([], 0)


def test_the_demo_never_asks(tmp_path: Path, sit: Callable[..., Person]) -> None:
    """It costs nothing."""
    person = sit()
    with new_session(tmp_path, typed=lambda: {"confirm_over": 0.0}) as session:
        assert session.generate("a fox", n=2).demo
    assert person.asked == []


def test_others_go_on_while_someone_is_asked(limited: Session, sit: Callable[..., Person]) -> None:
    """A question holds up no other order, say of the panel."""
    others: list[str] = []
    person = sit("y")

    def think(question: str) -> str:
        others.append(limited.submit("a hare").result(30).ref)
        return person(question)

    _asking.input = think  # type: ignore[attr-defined]  # in the place of the person, who is put away by the fixture
    assert limited.generate("a fox", n=2).ref == "#2"
    assert others == ["#1"]


def test_a_relay_that_is_slow_to_tell_its_prices_holds_up_nothing(
    session: Session, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nobody set a limit, it is waited for a moment, once."""
    handle = served.relay.handle

    async def tell_no_price(request: Request) -> Response:
        if request.path == "/api/pricing":
            asked.append(request.path)
            if len(asked) == 1:
                await anyio.sleep_forever()
        return await handle(request)

    asked: list[str] = []
    monkeypatch.setattr(served.relay, "handle", tell_no_price)
    monkeypatch.setattr(_quotes, "_SOON", 0.05)
    made = [session.generate(prompt, model="dall-e-2", size="256x256") for prompt in ("a fox", "a hare")]
    assert [str(one.cost) for one in made] == ["~$0.0080"] * 2  # after the first it was asked once more
    assert (len(asked), served.posts) == (2, 2)


def test_the_limit_is_an_amount_or_auto() -> None:
    """`%config Now.confirm_over = "auto"` goes back to the default."""
    try:
        now = Now()
        for value in (5, None, "auto", 0.5):
            now.confirm_over = value
            assert now.typed() == {"confirm_over": value}
        with pytest.raises(Exception, match="confirm_over"):
            now.confirm_over = "much"
    finally:
        Now.clear_instance()


def test_a_wait_that_was_left_asks_nobody(limited: Session, served: Served, sit: Callable[..., Person]) -> None:
    """The time was over before the price was known: the order ends, and says why."""
    sit()
    let_go = threading.Event()

    def look(request: Request) -> None:
        if request.path == "/api/pricing":
            let_go.wait(30)

    served.relay.look = look
    job = limited.place(order_of(parse_keywords("a fox", {"n": 2, "model": "gpt-image-2"})), asks=True)
    with pytest.raises(Exception, match="waiting has ended"):
        job.result(0.1)
    let_go.set()
    until(job.done)
    assert isinstance(job.error(), NotConfirmed)
    assert served.posts == 0
