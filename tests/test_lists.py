"""What relays list, and in how many shapes they write it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from faultserver import FaultServer, Send, json_answer, response
from now_jupyter._messages import ConnectFailed, NowImageError, RejectedError
from now_jupyter._protocol import Listed
from now_jupyter._relay._balance import read_balance
from now_jupyter._relay._catalogue import family_at, read_models, read_published
from now_jupyter._session import Session
from relays import ask_relay, new_session

MODELS, PRICING, INFO = "/v1/models", "/api/pricing", "/model/info"
PAGE = response(200, b"<!doctype html><title>Shop</title>", headers={"Content-Type": "text/html; charset=utf-8"})


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        running.script([Send(response(404))])
        yield running


def answers(server: FaultServer, **bodies: Any) -> None:
    """Answer each path so (`MODELS=…`), and no other."""
    server.forget()
    server.script([Send(response(404))])
    for name, body in bodies.items():
        data = body if isinstance(body, bytes) else json_answer(body)
        server.script([Send(data)], path=globals().get(name, name))


@pytest.mark.parametrize(
    "body",
    [
        {"object": "list", "data": [{"id": "gpt-image-2"}, {"id": "flux-pro"}]},
        [{"id": "gpt-image-2"}, {"id": "flux-pro"}],
        {"models": [{"name": "gpt-image-2"}, {"name": "flux-pro"}]},
        {"models": ["gpt-image-2", "flux-pro"]},
        ["gpt-image-2", "flux-pro", "flux-pro", 7, None, ["x"]],
        {"data": ["gpt-image-2", {"model": "flux-pro"}]},
        {"success": True, "data": {"models": [{"model_name": "gpt-image-2"}, {"id": "flux-pro"}]}},
        {"code": 0, "result": {"items": [{"slug": "gpt-image-2"}, {"model_id": "flux-pro", "name": ""}]}},
        {"data": [], "models": [{"id": "gpt-image-2", "name": "GPT Image 2"}, {"id": "flux-pro"}]},
        {"data": [{"id": "gpt-image-2"}, {"id": "flux-pro"}, {"id": "a\x1b[31m"}, {"id": ""}, {}]},
    ],
)
def test_a_list_is_read_in_any_shape(server: FaultServer, body: Any) -> None:
    """Bare or within, under any of the usual names, of texts or of fields; each model once."""
    answers(server, MODELS=body)
    assert [one.name for one in ask_relay(server.url, read_models)] == ["flux-pro", "gpt-image-2"]


@pytest.mark.parametrize(
    "page",
    [
        PAGE,
        response(200, b"\n  <html><body>hi", headers={"Content-Type": "text/plain"}),
        response(200, "\ufeff<!DOCTYPE html>".encode()),
        response(200, b"hello", headers={"Content-Type": "text/html"}),
    ],
)
def test_a_web_page_is_said_to_be_one(server: FaultServer, page: bytes, tmp_path: Path) -> None:
    """With its address, wherever a list is asked for, and what to do."""
    server.forget()
    server.script([Send(page)])
    with pytest.raises(RejectedError, match=f"{server.url}/v1/models is a web page") as caught:
        ask_relay(server.url, read_models)
    assert "/v1" in caught.value.next_step()
    with new_session(tmp_path, server.url) as session:
        with pytest.raises(RejectedError, match="is a web page"):
            session.models()
        with pytest.raises(NowImageError, match="does not tell the balance"):
            session.balance()


@pytest.mark.parametrize(
    ("item", "makes"),
    [
        ({"architecture": {"output_modalities": ["image", "text"]}}, ("image", "text")),
        ({"architecture": {"modality": "text+image->text+image"}}, ("text", "image")),
        ({"output_modalities": ["image"]}, ("image",)),
        ({"type": "text-to-image"}, ("image",)),
        ({"type": "image"}, ("image",)),
        ({"categories": ["Image"]}, ("image",)),
        ({"architecture": {"modality": "text->text"}}, ("text",)),
        ({"architecture": {"modality": 5}, "type": None}, ()),
    ],
)
def test_what_a_model_makes_is_read_where_it_is_told(server: FaultServer, item: Mapping[str, Any], makes: Any) -> None:
    """In OpenRouter's words and in others'."""
    answers(server, MODELS={"data": [{"id": "acme/painter-1", **item}]})
    assert ask_relay(server.url, read_models)[0].listed.makes == makes


def listed(session: Session, model: str) -> Listed:
    """What is known of a model when an order is planned."""
    return session.ask(lambda: session.facts.find_listed(session.context.access(), model))


@pytest.mark.parametrize(
    ("item", "makes"),
    [
        ({"type": "model"}, ()),
        ({"type": "base", "categories": ["new", "hot"]}, ()),
        ({"type": "text_to_image"}, ("image",)),
        ({"type": "image-to-image"}, ("image",)),
        ({"type": "image_edit"}, ("image",)),
        ({"type": "文生图"}, ("image",)),
        ({"type": "image-to-video"}, ("video",)),
        ({"type": "image-text-to-text"}, ("text",)),
    ],
)
def test_only_a_word_that_tells_what_comes_out_tells_what_a_model_makes(
    server: FaultServer, item: Mapping[str, Any], makes: Any
) -> None:
    """Else the name tells: a list in which all are of the type `model` holds picture models, too."""
    answers(server, MODELS={"data": [{"id": "gpt-image-2", **item}]})
    (model,) = ask_relay(server.url, read_models)
    assert model.listed.makes == makes
    assert model.makes_pictures is (makes in ((), ("image",)))


def test_names_of_endpoints_are_resolved_to_paths(server: FaultServer, tmp_path: Path) -> None:
    """new-api's `/api/pricing` says at the top where each endpoint lives; its names stay beside the paths."""
    priced = [
        {"model_name": "painter", "quota_type": 1, "model_price": 0.1, "supported_endpoint_types": ["aigc", "odd"]},
        {"model_name": "talker", "supported_endpoint_types": ["openai"]},
    ]
    places = {"aigc": {"path": "/v1/images/generations", "method": "POST"}, "openai": "/v1/chat/completions", "odd": 5}
    answers(
        server,
        MODELS={"data": [{"id": "painter", "supported_endpoint_types": ["aigc"]}, {"id": "talker"}]},
        PRICING={"data": priced, "supported_endpoint": places},
    )
    with new_session(tmp_path, server.url) as session:
        models = {one.name: one for one in session.models()}
        assert models["painter"].listed.paths == ("aigc", "/v1/images/generations", "odd")
        assert models["talker"].listed.paths == ("openai", "/v1/chat/completions")
        assert [one.name for one in models.values() if one.makes_pictures] == ["painter"]
        assert listed(session, "painter") == models["painter"].listed
        assert session.known_models() == ["painter"]


LITELLM = {
    "data": [
        {"model_name": "painter", "model_info": {"mode": "image_generation", "input_cost_per_pixel": 3.81469e-08}},
        {"model_name": "dall-e-3", "model_info": {"mode": "image_generation", "output_cost_per_image": 0.05}},
        {"model_name": "gpt-image-2", "model_info": {"mode": "image_generation", "input_cost_per_token": 5e-06}},
        {"model_name": "fixer", "model_info": {"mode": "image_edit", "output_cost_per_image": 0.0}},
        {
            "model_name": "talker",
            "model_info": {
                "mode": "chat",
                "supported_endpoints": ["/v1/chat/completions"],
                "supported_output_modalities": ["text"],
                "input_cost_per_image": 0.001,
                "output_cost_per_token": 5e-06,
            },
        },
        {
            "model_name": "sketcher",
            "model_info": {
                "mode": "chat",
                "supported_output_modalities": ["text", "image"],
                "output_cost_per_image": 0.039,
                "output_cost_per_image_token": 3e-05,
            },
        },
        {"model_name": "odd", "model_info": {"mode": 7, "output_cost_per_image": "much"}},
        {"model_name": "none"},
    ]
}


def test_litellm_tells_modes_and_prices(
    server: FaultServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`/model/info`: a mode says what a model is for, whatever it is called; prices per picture, pixel or token."""
    names = [item["model_name"] for item in LITELLM["data"]]
    answers(server, MODELS={"data": [{"id": name} for name in names]}, INFO=LITELLM)
    with new_session(tmp_path, server.url) as session:
        assert session.default_model() == "gpt-image-2"
        models = {one.name: one for one in session.models()}
        assert {name for name, one in models.items() if one.makes_pictures} >= {
            "painter",
            "dall-e-3",
            "fixer",
            "sketcher",
        }
        assert not models["talker"].makes_pictures
        prices = {name: one.price and one.price.per_call for name, one in models.items()}
        assert prices["painter"] == Decimal("0.0400")
        assert (prices["dall-e-3"], prices["fixer"]) == (Decimal("0.0500"), None)
        assert (prices["sketcher"], models["sketcher"].listed.makes) == (Decimal("0.0390"), ("text", "image"))
        assert (prices["talker"], models["talker"].price is None) == (None, False)
        assert models["gpt-image-2"].price is not None
        assert models["painter"].listed.paths == ("/images/generations",)
        assert {one.listed.relay for one in models.values()} == {"litellm"}
        assert listed(session, "unheard-of").relay == "litellm"
        assert server.posts == 0


def test_a_quote_is_enough_to_know_litellm(server: FaultServer, tmp_path: Path) -> None:
    """Prices are asked for with an order; the next kernel knows the family before anything is asked."""
    answers(server, INFO=LITELLM)
    with new_session(tmp_path, server.url) as session:
        prices = session.ask(lambda: session.facts.prices_within(5.0, session.context.access()))
        assert prices["painter"].per_call == Decimal("0.0400")
    with new_session(tmp_path, server.url) as later:
        server.forget()
        assert listed(later, "gemini-3-pro-image").relay == "litellm"
        assert server.connections == 0


def test_a_default_model_is_found_by_what_is_published(server: FaultServer, tmp_path: Path) -> None:
    """Where no name in the list says pictures, its mode does."""
    answers(server, MODELS=["painter", "talker"], INFO=LITELLM)
    with new_session(tmp_path, server.url) as session:
        assert session.default_model() == "painter"


OPENROUTER = {
    "data": [
        {
            "id": "google/gemini-3-pro-image",
            "canonical_slug": "x",
            "architecture": {"output_modalities": ["image", "text"]},
            "pricing": {"prompt": "0.000002", "completion": "0.000012", "image": "0.067"},
        },
        {"id": "acme/by-call", "canonical_slug": "x", "pricing": {"prompt": "0", "completion": "0", "request": "0.02"}},
        {"id": "acme/free", "canonical_slug": "x", "pricing": {"prompt": "0", "completion": "0"}},
    ]
}


def test_openrouter_tells_what_draws_and_what_it_costs(server: FaultServer, tmp_path: Path) -> None:
    """By the shape of its list it is known at any address; its other list has what draws and does not talk."""
    only_draws = {"data": [{"id": "acme/painter", "supports_streaming": True, "pricing": {"image": "0.04"}}]}
    answers(server, MODELS=OPENROUTER)
    server.script([Send(json_answer(only_draws))], path="/v1/images/models")
    with new_session(tmp_path, server.url) as session:
        assert listed(session, "acme/painter").relay == ""
        models = {one.name: one for one in session.models()}
        assert {one.listed.relay for one in models.values()} == {"openrouter"}
        assert models["acme/painter"].listed.makes == ("image",)
        prices = {name: one.price and one.price.per_call for name, one in models.items()}
        assert prices == {
            "acme/by-call": Decimal("0.02"),
            "acme/free": None,
            "acme/painter": Decimal("0.04"),
            "google/gemini-3-pro-image": None,
        }
        assert models["google/gemini-3-pro-image"].price is not None
        assert listed(session, "acme/painter") == models["acme/painter"].listed
        assert listed(session, "acme/unlisted").relay == "openrouter"
    with new_session(tmp_path, server.url) as later:  # it is known before the list is read
        assert listed(later, "acme/painter").relay == "openrouter"
        answers(server, MODELS=["painter"])
        later.models()
        assert listed(later, "acme/painter").relay == ""
    with new_session(tmp_path, f"{server.url}/other/v3") as other:  # another relay behind the same host
        assert listed(other, "acme/painter").relay == ""


@pytest.mark.parametrize(
    ("origin", "relay"),
    [
        ("https://openrouter.ai", "openrouter"),
        ("https://eu.openrouter.ai", "openrouter"),
        ("https://ai-gateway.vercel.sh", "vercel"),
        ("https://notopenrouter.ai", ""),
        ("https://openrouter.ai.example", ""),
        ("http://127.0.0.1:4000", ""),
    ],
)
def test_the_family_of_a_relay_is_known_by_its_host(origin: str, relay: str, tmp_path: Path) -> None:
    """Also where no list was read, and nobody is asked for it."""
    assert family_at(origin) == relay
    given = {"environ": {"NOW_API_KEY": "k" * 30, "NOW_BASE_URL": f"{origin}/api/v1"}}
    with new_session(tmp_path, **given) as session:
        session.use_demo(on=False)
        assert listed(session, "acme/painter").relay == relay


@pytest.mark.parametrize(
    ("path", "body", "left", "used"),
    [
        ("/key/info", {"key": "x", "info": {"spend": 0.75, "max_budget": 5}}, "4.25", "0.75"),
        ("/key/info", {"info": {"spend": 0.75, "max_budget": None}}, None, "0.75"),
        ("/key/info", {"info": {"spend": 6, "max_budget": 5}}, "0", "6"),
        ("/v1/credits", {"data": {"total_credits": 5, "total_usage": 0.75}}, "4.25", "0.75"),
    ],
)
def test_other_relays_tell_their_balance(
    server: FaultServer, path: str, body: Any, left: str | None, used: str
) -> None:
    """LiteLLM's proxy tells spend and budget of the key, OpenRouter what was paid in and used."""
    answers(server, **{path: body})
    balance = ask_relay(server.url, read_balance)
    assert (balance.left, balance.used) == (None if left is None else Decimal(left), Decimal(used))


@pytest.mark.parametrize(
    "answer", [response(404), response(405), PAGE, json_answer({"data": {}}), response(302, headers={"Location": "/x"})]
)
def test_a_relay_without_balance_does_not_tell_it(server: FaultServer, answer: bytes) -> None:
    """No talk of the address being wrong: pictures are not affected."""
    server.forget()
    server.script([Send(answer)])
    with pytest.raises(NowImageError, match="the relay does not tell the balance"):
        ask_relay(server.url, read_balance)


def test_why_there_is_no_balance_is_told_where_all_ways_say_it(server: FaultServer) -> None:
    """A key that is refused everywhere, and an address where nobody answers, are no matter of the balance."""
    server.forget()
    server.script([Send(response(401))])
    with pytest.raises(NowImageError, match="key"):
        ask_relay(server.url, read_balance)
    server.script([Send(response(404))], path="/key/info")
    with pytest.raises(NowImageError, match="does not tell the balance"):
        ask_relay(server.url, read_balance)
    with pytest.raises(ConnectFailed):
        ask_relay("http://127.0.0.1:9", read_balance)


def test_what_is_published_is_read_from_the_first_place_that_tells(server: FaultServer) -> None:
    """A page in the place of prices is none; where nobody tells anything it is an error of ours."""
    answers(server, PRICING=PAGE, INFO=LITELLM)
    assert ask_relay(server.url, read_published).relay == "litellm"
    answers(server, PRICING={"data": []}, INFO={"data": []})
    assert ask_relay(server.url, read_published).prices == {}
    answers(server, PRICING=response(404), INFO=response(404))
    with pytest.raises(RejectedError):
        ask_relay(server.url, read_published)
