"""The panel where pictures cost money: the price of the next click, what is left, and the question before paying."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from now_jupyter._session import Session
from panels import Page, Wire, draft
from relays import Served, new_session, relay_on_loopback

FOX = draft(model="gpt-image-2")
_PRICE = "() => document.querySelector('.nowp-price')?.textContent"
_LEFT = "() => document.querySelector('.nowp-purse')?.textContent ?? ''"


@pytest.fixture
def served() -> Iterator[Served]:
    with relay_on_loopback() as served:
        yield served


@pytest.fixture
def session(served: Served, tmp_path: Path) -> Iterator[Session]:
    """A session that asks before it pays more than six cents."""
    with new_session(tmp_path, served.url, typed=lambda: {"confirm_over": 0.06}) as session:
        yield session


def quoted(wire: Wire, **changes: Any) -> dict[str, Any]:
    return dict(wire.ask("quote", draft={**FOX, **changes}).content)


@pytest.mark.parametrize(
    ("changes", "price"),
    [
        ({}, "~$0.0400"),
        ({"options": {"n": "3"}}, "~$0.12"),
        ({"model": "dall-e-3", "options": {"size": "1024x1024"}}, "~$0.0400"),
        ({"model": "dall-e-3", "options": {"size": "16:9"}}, "~$0.0800"),
        ({"model": "dall-e-3", "options": {"n": "2", "size": "16:9", "quality": "hd"}}, "~$0.24"),
        ({"model": "unheard-of"}, ""),
    ],
)
def test_the_price_of_the_next_click_follows_model_number_and_size(
    wire: Wire, changes: dict[str, Any], price: str
) -> None:
    """It is the relay's own price for exactly this request; none is invented for a model that has none."""
    assert quoted(wire, **changes)["price"] == price


def test_remarks_say_what_a_model_does_with_the_request(wire: Wire) -> None:
    """What the model is not known to take is said before it is paid for, and only for the model that is chosen."""
    sepia = {"quality": "sepia"}
    assert quoted(wire)["notes"] == []
    assert (
        "not known to take quality sepia; known: standard, hd"
        in quoted(wire, model="dall-e-3", options=sepia)["notes"][0]
    )
    assert quoted(wire, model="unheard-of", options=sepia)["notes"] == []


def test_a_click_that_makes_several_requests_says_so(wire: Wire) -> None:
    """Where the model makes fewer pictures at a time than are asked for, each request is counted before it is paid."""
    assert quoted(wire, model="dall-e-3", options={"n": "4"})["notes"] == ["4 × dall-e-3: one request each"]
    assert quoted(wire, model="dall-e-3")["notes"] == []


def test_looking_at_prices_costs_nothing(wire: Wire, served: Served) -> None:
    """Opening the panel and typing ask free questions only, and the price list once."""
    for count in range(1, 6):
        quoted(wire, options={"n": str(count)})
    assert served.posts == 0
    assert {one.method for one in served.relay.requests} == {"GET"}
    assert served.count("/api/pricing") == 1


def test_what_is_left_is_told_anew_after_a_purchase(wire: Wire, session: Session) -> None:
    """The balance that the panel shows is the one after the last picture, whoever bought it."""
    wire.until(lambda: wire.widget.relay.get("left") == "$100.00")
    wire.order(FOX)
    wire.until(lambda: wire.widget.relay["left"] == "$99.96")
    session.generate("from a cell", model="gpt-image-2")
    wire.until(lambda: wire.widget.relay["left"] == "$99.92")


def test_another_relay_is_noticed_with_the_next_quote(wire: Wire, session: Session) -> None:
    """After `%now demo on` the panel says that nothing costs anything, and back."""
    wire.until(lambda: wire.widget.relay.get("left"))
    session.use_demo(on=True, instant=True)
    assert quoted(wire)["price"] == ""
    wire.until(lambda: wire.widget.relay["demo"] and not wire.widget.relay["left"])
    session.use_demo(on=False)
    assert quoted(wire)["price"] == "~$0.0400"
    wire.until(lambda: wire.widget.relay["left"] == "$100.00")


def test_over_the_limit_the_panel_asks_and_orders_once_after_the_word(
    wire: Wire, session: Session, served: Served
) -> None:
    """Below `Now.confirm_over` a click orders; above it nothing is sent or recorded before the user agrees."""
    two = {**FOX, "options": {"n": "2"}}
    asked = wire.order(two, at=1000.0).content["ask"]
    assert "~$0.0800" in asked["lines"][0]
    assert (served.posts, len(session.history)) == (0, 0)
    assert "job" in wire.order(two, at=9000.0, agreed=asked["agree"]).content
    assert wire.order(two, at=9100.0, agreed=asked["agree"]).content["repeat"] is True
    wire.until(lambda: not session.jobs() and len(session.history) == 1)
    assert served.posts == 1
    assert "job" in wire.order(FOX, at=20_000.0).content
    wire.until(lambda: served.posts == 2)


def test_an_unknown_price_is_asked_about_too(wire: Wire, served: Served) -> None:
    """Where the relay tells no price, a limit means that the user decides."""
    assert wire.order({**FOX, "model": "unheard-of"}).content["ask"]
    assert served.posts == 0


# In the page


def test_the_button_bears_the_price_and_the_foot_what_is_left(page: Page) -> None:
    """Both change with what is typed and bought."""
    page.wait(f"() => ({_LEFT})().includes('$100.00')")
    page.fill("Prompt", "a red fox")
    page.fill("Model", "gpt-image-2")
    page.wait(f"() => ({_PRICE})() === '~$0.0400'")
    page.fill("Number", "3")
    page.wait(f"() => ({_PRICE})() === '~$0.12'")
    page.fill("Number", "1")
    page.wait(f"() => ({_PRICE})() === '~$0.0400'")
    page.click("button", "Generate", exact=False)
    page.wait(f"() => ({_LEFT})().includes('$99.96')")


def test_the_question_of_money_in_the_page(page: Page, session: Session, served: Served) -> None:
    """It has the focus and the price; "Not now" sends nothing and keeps the draft, a double click on yes buys once."""
    page.fill("Prompt", "a red fox")
    page.fill("Model", "gpt-image-2")
    page.fill("Number", "2")
    page.evaluate("() => document.querySelector('.nowp-prompt').focus()")
    page.press("Control+Enter")
    page.wait("() => document.querySelector('.nowp-ask')")
    assert page.focused() == "Not now"
    assert "~$0.0800" in page.text(".nowp-ask")
    page.press("Enter")
    page.wait("() => !document.querySelector('.nowp-ask')")
    assert served.posts == 0
    assert page.evaluate("() => document.querySelector('.nowp-prompt').value") == "a red fox"
    page.press("Control+Enter")
    page.wait("() => document.querySelector('.nowp-ask')")
    page.do(lambda raw: raw.get_by_role("button", name="Order all the same").dblclick())
    page.wait_for_pictures(1)
    page.wire.until(lambda: not session.jobs())
    assert (served.posts, len(session.history)) == (1, 1)


def test_the_question_goes_with_escape_and_leaves_the_focus_where_it_was(page: Page, served: Served) -> None:
    """Escape is "Not now"; who pressed the button stands on it again."""
    page.fill("Prompt", "a red fox")
    page.fill("Model", "gpt-image-2")
    page.fill("Number", "2")
    page.evaluate("() => document.querySelector('.nowp-go').focus()")
    page.press("Enter")
    page.wait("() => document.querySelector('.nowp-ask')")
    page.press("Escape")
    page.wait("() => !document.querySelector('.nowp-ask')")
    assert page.evaluate("() => document.activeElement.className") == "nowp-go"
    assert served.posts == 0
