"""The demo relay's free endpoints, its key, and the faults it shows on request."""

import asyncio
from typing import Any

import pytest

from demo_calls import Clock, ask, generate, get, new_relay
from now_jupyter.demo import Relay, Request


def test_models_are_listed_as_new_api_lists_them_chat_models_too() -> None:
    """So that filtering for picture models has something to do."""
    answer = asyncio.run(get(new_relay(), "/v1/models"))
    by_name = {model["id"]: model for model in answer.json["data"]}
    assert answer.json["success"] is True
    assert answer.json["object"] == "list"
    assert by_name["gpt-image-2"]["supported_endpoint_types"] == ["image-generation"]
    assert {"gpt-image-2.6-flare", "gpt-image-2.6-sunburst", "dall-e-3", "mj_imagine"} <= set(by_name)
    assert by_name["gpt-5.5"]["supported_endpoint_types"] == ["openai"]


def test_one_model_is_described_and_an_unknown_one_is_an_error_with_status_200() -> None:
    """The oddity of the family."""
    assert asyncio.run(get(new_relay(), "/v1/models/dall-e-3")).json["id"] == "dall-e-3"
    unknown = asyncio.run(get(new_relay(), "/v1/models/nobody"))
    assert (unknown.status, unknown.error["code"]) == (200, "model_not_found")


def test_the_three_balances_agree_with_the_books() -> None:
    """Granted minus used is what is left, in dollars, cents and points."""

    async def story() -> None:
        relay = new_relay()
        await generate(relay, n=2)
        await generate(relay, model="nobody")
        spent = sum(charge.amount for charge in relay.ledger)
        assert spent == pytest.approx(0.08)
        assert (await get(relay, "/v1/dashboard/billing/usage")).json["total_usage"] == pytest.approx(spent * 100)
        granted = (await get(relay, "/v1/dashboard/billing/subscription")).json["hard_limit_usd"]
        token = (await get(relay, "/api/usage/token/")).json["data"]
        per_dollar = (await get(relay, "/api/status")).json["data"]["quota_per_unit"]
        assert token["total_available"] == token["total_granted"] - token["total_used"]
        assert token["total_available"] / per_dollar == pytest.approx(granted - spent)

    asyncio.run(story())


def test_prices_are_per_call_and_the_price_asked_is_the_price_taken() -> None:
    """`/api/pricing` and the ledger say the same."""

    async def story() -> None:
        relay = new_relay()
        prices = {line["model_name"]: line for line in (await get(relay, "/api/pricing")).json["data"]}
        await generate(relay)
        assert prices["gpt-image-2"]["quota_type"] == 1
        assert relay.ledger[0].amount == prices["gpt-image-2"]["model_price"]

    asyncio.run(story())


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v2/x"), ("PUT", "/v1/images/generations"), ("POST", "/mj/nothing")]
)
def test_an_unknown_path_is_an_invalid_url(method: str, path: str) -> None:
    """404 with the method and the path."""
    answer = asyncio.run(ask(new_relay(), method, path))
    assert answer.status == 404
    assert answer.error["message"] == f"Invalid URL ({method} {path})"


@pytest.mark.parametrize("given", ["", "Bearer wrong", "Basic toy", "toy"])
def test_a_key_is_demanded_where_there_is_one(given: str) -> None:
    """401 otherwise, and nothing in the books."""
    relay = new_relay(key="toy")
    headers = {"authorization": given, "content-type": "application/json"}
    answer = asyncio.run(ask(relay, "POST", "/v1/images/generations", b"{}", headers))
    assert answer.status == 401
    assert answer.error["message"].startswith("无效的令牌")
    assert relay.ledger == ()


@pytest.mark.parametrize(
    ("wish", "status", "content_type"),
    [
        ({"fault": "html"}, 200, "text/html"),
        ({"fault": "empty"}, 200, "application/json"),
        ({"fault": "no_picture"}, 200, "application/json; charset=utf-8"),
        ({"status": 429}, 429, "application/json; charset=utf-8"),
        ({"status": 502}, 502, "text/html"),
        ({"status": 524}, 524, "text/html"),
        ({"status": 418}, 418, "application/json; charset=utf-8"),
    ],
)
def test_a_fault_comes_as_wished(wish: dict[str, Any], status: int, content_type: str) -> None:
    """Errors are not billed, useless successes are."""
    relay = new_relay()
    answer = asyncio.run(generate(relay, demo=wish))
    assert (answer.status, answer.headers["content-type"]) == (status, content_type)
    assert relay.ledger[0].billed == (status == 200)


@pytest.mark.parametrize(
    ("code", "status"), [("content_policy_violation", 400), ("insufficient_user_quota", 403), ("slow_down", 503)]
)
def test_an_error_code_comes_with_its_own_status(code: str, status: int) -> None:
    """Also where a stream was asked for, as the real ones refuse before streaming."""
    answer = asyncio.run(generate(new_relay(), stream=True, demo={"code": code}))
    assert (answer.status, answer.error["code"]) == (status, code)


def test_links_can_be_dead_or_lead_to_a_page() -> None:
    """404, and a web page with status 200."""

    async def story() -> None:
        relay = new_relay()
        for fault, status in (("dead_link", 404), ("html_link", 200)):
            link = (await generate(relay, demo={"fault": fault})).json["data"][0]["url"]
            answer = await get(relay, link)
            assert (answer.status, answer.headers["content-type"]) == (status, "text/html")

    asyncio.run(story())


@pytest.mark.parametrize("stream", [False, True])
def test_a_cut_body_is_half_a_body_then_a_lost_connection(stream: bool) -> None:
    """What came before the loss can be kept."""

    async def story() -> None:
        relay = new_relay()
        body = b'{"model":"gpt-image-2","prompt":"fox","stream":%s,"demo":{"fault":"cut"}}' % (
            b"true" if stream else b"false"
        )
        response = await relay.handle(Request(method="POST", path="/v1/images/generations", body=body))
        kept: list[bytes] = []

        async def read() -> None:
            async for chunk in response.body:
                kept.append(chunk)  # noqa: PERF401 - what came before the loss is the point

        with pytest.raises(ConnectionResetError):
            await read()
        assert kept
        assert relay.ledger[0].billed

    asyncio.run(story())


def test_a_reset_answers_nothing_and_may_be_billed_or_not() -> None:
    """`billed` decides what the books say."""

    async def billed(wish: dict[str, Any]) -> bool:
        relay = new_relay()
        with pytest.raises(ConnectionResetError):
            await generate(relay, demo={"fault": "reset"} | wish)
        return relay.ledger[0].billed

    assert asyncio.run(billed({}))
    assert not asyncio.run(billed({"billed": False}))


def test_a_fault_may_happen_a_few_times_only() -> None:
    """The third equal request succeeds."""

    async def story() -> list[int]:
        relay = new_relay()
        return [(await generate(relay, demo={"status": 429, "times": 2})).status for _ in range(3)]

    assert asyncio.run(story()) == [429, 429, 200]


def test_retry_after_is_sent_where_it_was_wished() -> None:
    """In seconds."""
    assert asyncio.run(generate(new_relay(), demo={"status": 429, "retry_after": 3})).headers["retry-after"] == "3"


def test_an_error_frame_ends_a_stream_that_began_well() -> None:
    """A 200 is not yet a success."""
    answer = asyncio.run(generate(new_relay(), stream=True, partial_images=1, demo={"fault": "error_frame"}))
    assert [name for name, _ in answer.events] == ["image_generation.partial_image", "error"]


def test_the_form_of_the_reply_can_be_forced() -> None:
    """A GPT model with a link; a stream that is answered as JSON; dall-e with base64."""
    assert "url" in asyncio.run(generate(new_relay(), demo={"form": "url"})).json["data"][0]
    plain = asyncio.run(generate(new_relay(), stream=True, demo={"form": "json"}))
    assert plain.headers["content-type"].startswith("application/json")
    assert "b64_json" in asyncio.run(generate(new_relay(), model="dall-e-3", demo={"form": "b64"})).json["data"][0]


def test_latency_on_request_goes_before_the_relays_own() -> None:
    """`-p demo={"latency":5}` in the magic."""
    clock = Clock()
    asyncio.run(generate(new_relay(latency=1, clock=clock), demo={"latency": 5}))
    assert clock.slept == [5]


def test_a_relay_without_injected_parts_works() -> None:
    """The default sleep and clock are the real ones."""
    answer = asyncio.run(generate(Relay(base_url="https://demo.invalid", latency=0)))
    assert answer.json["created"] > 1_700_000_000
