"""What a request will cost, and what the relay says is left."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal
from typing import Any

import anyio
import pytest

from demo_calls import BASE_URL, new_relay
from faultserver import FaultServer, Send, json_answer, response
from now_jupyter._messages import NowImageError
from now_jupyter._protocol import Ask, Charge, Listed, Plan, Request
from now_jupyter._relay import _memory
from now_jupyter._relay._balance import Balance, read_balance, read_status
from now_jupyter._relay._catalogue import Price, read_models, read_published
from now_jupyter._relay._memory import recall, remember_price, remember_service
from now_jupyter._relay._money import estimate, in_currency, spent
from now_jupyter._relay._own_price import OwnPrice
from now_jupyter._services import service_named
from now_jupyter._settings import Settings
from now_jupyter._transport import RelayClient
from now_jupyter._values import Money
from relays import ask_relay

PRICES = {name: Price(per_call=Decimal("0.04")) for name in ("dall-e-3", "dall-e-2", "gpt-image-2")}


def plan_of(model: str, *, n: int = 1, **options: Any) -> Plan:
    """What the images service would send."""
    service = service_named("openai-images")
    offer = service.offer(Listed(name=model))
    assert offer is not None
    return service.plan(Ask(request=Request(prompt="a fox", params=options), offer=offer, n=n))


@pytest.mark.parametrize(
    ("body", "amount"),
    [
        ({"model": "gpt-image-2"}, "0.04"),
        ({"model": "gpt-image-2", "n": 3, "size": "1792x1024", "quality": "hd"}, "0.12"),
        ({"model": "dall-e-3", "size": "1024x1024"}, "0.04"),
        ({"model": "dall-e-3", "size": "1792x1024"}, "0.08"),
        ({"model": "dall-e-3", "size": "1024x1792", "quality": "hd"}, "0.12"),
        ({"model": "dall-e-3", "quality": "hd"}, "0.08"),
        ({"model": "dall-e-2", "size": "256x256", "n": 2}, "0.032"),
        ({"model": "dall-e-2", "size": "512x512"}, "0.018"),
        ({"model": "unlisted"}, None),
    ],
)
def test_the_estimate_counts_pictures_sizes_and_quality(body: Mapping[str, Any], amount: str | None) -> None:
    """dall-e by new-api's ratios, others by the call; an unknown price is unknown, not zero."""
    assert estimate(plan_of(**body), PRICES, Settings()).amount == (None if amount is None else Decimal(amount))


def test_the_users_own_prices_win() -> None:
    """Per picture, in the user's currency, not converted; also for what is billed by tokens."""
    settings = Settings(prices={"gpt-image-2": 0.3, "by-token": 1}, currency="CNY", rate=7.2)
    own = estimate(plan_of("gpt-image-2", n=2), PRICES, settings)
    assert own == Money(Decimal("0.6"), "CNY", "estimated")
    assert estimate(plan_of("by-token"), {"by-token": Price(per_call=None)}, settings).amount == Decimal(1)


@pytest.mark.parametrize(
    ("unit", "charge", "amount"),
    [
        ("", Charge(name="m", times=Decimal(6), unit="picture"), "0.9"),
        ("", Charge(name="m", times=Decimal(2)), "0.6"),
        ("picture", Charge(name="m", times=Decimal(6), unit="picture"), "0.9"),
        ("picture", Charge(name="m"), "0.9"),
        ("call", Charge(name="m", times=Decimal(6), unit="picture"), "0.3"),
        ("second", Charge(name="m", times=Decimal(8), unit="second"), "2.4"),
        ("second", Charge(name="m"), None),
    ],
)
def test_a_kept_price_counts_in_its_unit(unit: str, charge: Charge, amount: str | None) -> None:
    """Pictures are what is expected, calls one; what a service does not count in is unknown. `Now.prices` wins, and
    what is kept in another currency is not used.
    """
    plan = replace(plan_of("gpt-image-2"), charge=charge, expected=3)
    kept = {"m": OwnPrice(Money(Decimal("0.3"), "CNY"), unit)}
    settings = Settings(currency="CNY")
    assert estimate(plan, {}, settings, kept).amount == (None if amount is None else Decimal(amount))
    assert estimate(plan, {}, Settings(currency="USD"), kept).amount is None
    typed = Settings(currency="CNY", prices={"m": 1})
    assert estimate(plan, {}, typed, kept).amount == (3 if charge.unit == "picture" else charge.times)


@pytest.mark.parametrize("odd", ["-1", "NaN", "Infinity", "1E+999999999", "much", -1, 1e300, None, [], {}])
@pytest.mark.parametrize("place", ["amount", "unit", "money", "m"])
def test_a_kept_price_that_cannot_be_meant_is_none(odd: Any, place: str) -> None:
    """Whatever stands in its file, an order is priced by what makes sense, or its price is unknown."""
    remember_price("relay", "m", OwnPrice(Money(Decimal("0.3")), "call"))
    path = _memory._memory_file()
    form = json.loads(path.read_text())
    prices = form["relay"]["prices"]
    at = {"amount": prices["m"]["money"], "unit": prices["m"], "money": prices["m"], "m": prices}[place]
    at[place] = odd
    path.write_text(json.dumps(form))
    plan = replace(plan_of("gpt-image-2"), charge=Charge(name="m"))
    price = estimate(plan, {"m": Price(per_call=Decimal(2))}, Settings(), recall("relay").prices)
    assert price.amount in (None, Decimal(2))
    remember_price("relay", "m", OwnPrice(Money(Decimal("0.3")), "call"))
    assert recall("relay").prices["m"].of(plan) == Decimal("0.3")


def test_what_is_remembered_at_once_is_all_there() -> None:
    """An order that notes how a model is made takes no price of the user's away."""
    with ThreadPoolExecutor(2) as pool:
        for at in range(10):
            own = OwnPrice(Money(Decimal(at)))
            price = pool.submit(remember_price, "relay", str(at), own)
            service = pool.submit(remember_service, "relay", str(at), "x")
            assert [price.result(), service.result()] == [None, None]
    kept = recall("relay")
    assert kept.prices.keys() == kept.services.keys() == set(map(str, range(10)))


def test_relay_dollars_become_the_users_currency() -> None:
    """By the rate, exactly."""
    settings = Settings(currency="CNY", rate=7.2)
    assert str(in_currency(Decimal("0.04"), settings)) == "~¥0.29"
    assert in_currency(None, settings) == Money(None, "CNY")
    left, used = spent(Balance(left=None, used=Decimal(1)), settings)
    assert (left, str(used)) == (None, "¥7.20")


def test_tokens_are_an_unknown_price() -> None:
    """A model that is billed by tokens has no price per call."""
    assert estimate(plan_of("chat"), {"chat": Price(per_call=None)}, Settings()).amount is None


# What relays say

USAGE = "/v1/billing/usage"
GRANTED, USED = "/v1/dashboard/billing/subscription", "/v1/dashboard/billing/usage"
TOKEN = "/api/usage/token/"
ERROR = {"error": {"message": "not here", "type": "x"}}
QUOTA = {"total_granted": 2_500_000, "total_used": 375_000, "total_available": 2_125_000, "unlimited_quota": False}
CNY = {"data": {"quota_display_type": "CNY", "usd_exchange_rate": 7.0}}


@pytest.mark.parametrize(
    ("answers", "left", "used"),
    [
        ({USAGE: {"success": True, "data": {"balance": 4.25, "used": 0.75}}}, "4.25", "0.75"),
        ({USAGE: {"success": True, "data": {"balance": -1, "used": 0.75}}}, None, "0.75"),
        ({GRANTED: {"hard_limit_usd": 5.0}, USED: {"total_usage": 75.0}}, "4.25", "0.75"),
        ({GRANTED: {"hard_limit_usd": 100000000}, USED: {"total_usage": 75.0}}, None, "0.75"),
        ({GRANTED: {"hard_limit_usd": 35.0}, USED: {"total_usage": 700}, "/api/status": CNY}, "4", "1"),
        ({USAGE: ERROR, GRANTED: ERROR, TOKEN: {"code": True, "data": QUOTA}}, "4.25", "0.75"),
        ({TOKEN: {"data": {**QUOTA, "unlimited_quota": True}}}, None, "0.75"),
        ({TOKEN: {"data": QUOTA}, "/api/status": {"data": {"quota_per_unit": 1_000_000}}}, "2.125", "0.375"),
        ({GRANTED: {"hard_limit_usd": 5}, USED: ERROR, TOKEN: {"data": QUOTA}}, "4.25", "0.75"),
        ({USAGE: {"data": {"balance": "much"}}, TOKEN: {"data": QUOTA}}, "4.25", "0.75"),
    ],
    ids=[
        "usage",
        "usage without limit",
        "subscription",
        "subscription without limit",
        "subscription in yuan",
        "errors in a 200, then the token's",
        "token without limit",
        "token, other points",
        "subscription fails halfway",
        "nonsense first",
    ],
)
def test_the_balance_is_found_in_three_ways(answers: Mapping[str, Any], left: str | None, used: str) -> None:
    """The first sensible answer wins; an error may come with 200."""
    with FaultServer() as server:
        for path, body in answers.items():
            server.script([Send(json_answer(body))], path=path)
        balance = ask_relay(server.url, read_balance)
    assert (balance.left, balance.used) == (None if left is None else Decimal(left), Decimal(used))


@pytest.mark.parametrize(
    "answer", [response(404), json_answer(ERROR), json_answer({"data": {}}), response(200, b"<p>")]
)
def test_a_relay_that_tells_no_balance_is_said_so(answer: bytes) -> None:
    """One of our errors, and never billed."""
    with FaultServer() as server:
        server.script([Send(answer)])
        with pytest.raises(NowImageError) as caught:
            ask_relay(server.url, read_balance)
    assert caught.value.billed == "no"


def test_prices_and_models_are_read_with_all_their_oddities() -> None:
    """Group ratio, tokens, missing fields, nonsense and pseudo models."""
    listed = [{"id": "gpt-image-1"}, {"id": "flux", "supported_endpoint_types": ["image-generation"]}, {"id": 5}, "x"]
    priced = [
        {"model_name": "gpt-image-1", "quota_type": 1, "model_price": 0.04},
        {"model_name": "flux", "quota_type": 0, "model_ratio": 2},
        {"model_name": "odd", "quota_type": 1, "model_price": "NaN"},
    ]
    with FaultServer() as server:
        server.script(
            [Send(json_answer({"success": True, "data": [*listed, {"id": "mj_imagine"}, {"id": "gpt-5"}]}))],
            path="/v1/models",
        )
        server.script([Send(json_answer({"data": priced, "group_ratio": {"default": 0.5}}))], path="/api/pricing")
        models = ask_relay(server.url, read_models)
        prices = ask_relay(server.url, read_published).prices
    assert [(one.name, one.makes_pictures) for one in models] == [
        ("flux", True),
        ("gpt-5", False),
        ("gpt-image-1", True),
        ("mj_imagine", True),
        ("x", False),
    ]
    assert {name: price.per_call for name, price in prices.items()} == {
        "gpt-image-1": Decimal("0.020"),
        "flux": None,
    }


def test_the_demo_is_understood() -> None:
    """Its own price list, status and balance."""

    async def ask() -> Any:
        api = RelayClient(base_url=BASE_URL, relay=new_relay())
        return await read_balance(api), await read_status(api), (await read_published(api)).prices

    balance, status, prices = anyio.run(ask)
    assert (balance.left, status.rate) == (Decimal(100), Decimal("7.3"))
    assert prices["dall-e-3"].per_call == Decimal("0.04")


def test_a_balance_shows_its_currency() -> None:
    """What `nj.balance()` shows in a cell: relay dollars, and no limit as such."""
    assert repr(Balance(left=Decimal("93.5"), used=Decimal(7))) == "Balance(left=$93.50, used=$7.00)"
    assert repr(Balance(left=None)) == "Balance(left=∞, used=?)"
