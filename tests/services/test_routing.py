"""Which service makes it, in how many calls, and when another way may be tried."""

from __future__ import annotations

from typing import Any

import pytest

from now_jupyter._messages import BadResponseError, InputError, MaybeBilledError, NowImageError, RejectedError
from now_jupyter._protocol import Ask, Call, Charge, Fit, Input, Listed, Offer, Option, Origin, Plan, Request, Service
from now_jupyter._services import (
    asks,
    best_model,
    make_plan,
    makes_pictures,
    other_route,
    routes,
    well_known_names,
)
from now_jupyter._services._routing import leads_elsewhere

MODEL = Listed(name="m")


class Double(Service):
    """A service that offers what it is told to."""

    def __init__(self, name: str, offer: Any = None, plan: Any = None, **facts: Any) -> None:
        self.name = name
        self._offer = offer if offer is not None else Offer(**{"model": "m", "fit": Fit.NAMED, **facts})
        self._plan = plan

    def offer(self, _listed: Listed) -> Offer | None:
        if isinstance(self._offer, Exception):
            raise self._offer
        return self._offer

    def plan(self, _ask: Ask) -> Plan:
        if isinstance(self._plan, Exception):
            raise self._plan
        return self._plan

    def read(self, _reply: Any, _memo: Any) -> Any:
        yield from ()


def names(services: list[Service], request: Request | None = None, **how: Any) -> list[str]:
    found = routes(MODEL, request or Request(prompt="x"), among=services, **how)
    return [one.service.name for one in found]


def test_the_surest_comes_first_and_equal_ones_as_registered() -> None:
    services: list[Service] = [
        Double("likely", fit=Fit.LIKELY),
        Double("named"),
        Double("also"),
        Double("published", fit=Fit.PUBLISHED),
        Double("asked", fit=Fit.ASKED),
    ]
    assert names(services) == ["published", "named", "also", "likely"]


def test_what_is_remembered_and_what_the_magic_makes_come_before_the_fit() -> None:
    services: list[Service] = [
        Double("words", fit=Fit.RESERVED, makes="words"),
        Double("pictures", fit=Fit.LIKELY),
        Double("worked", fit=Fit.FALLBACK),
    ]
    assert names(services) == ["pictures", "worked", "words"]
    assert names(services, remembered="worked") == ["worked", "pictures", "words"]
    assert names(services, makes="words")[0] == "words"


def test_the_users_word_is_the_only_way() -> None:
    services: list[Service] = [Double("a"), Double("b", fit=Fit.ASKED)]
    assert names(services, Request(service="b")) == ["b"]
    pressed = Input(
        role="press",
        id="x",
        origin=Origin(service="b", model="m", prompt="", words=(), state={}, handle=None, buttons=()),
    )
    services = [Double("a"), Double("b", inputs={"press": 1})]
    assert names(services, Request(inputs=(pressed,))) == ["b"]


def test_a_service_must_take_the_roles_that_are_given() -> None:
    two = Request(inputs=(Input(role="picture", id="1"), Input(role="picture", id="2")))
    services: list[Service] = [
        Double("none"),
        Double("one", inputs={"picture": 1}),
        Double("two", inputs={"picture": 2}),
    ]
    assert names(services, two) == ["two"]
    with pytest.raises(InputError, match=r"(?s)none takes nothing as picture.*that do: gpt-image-2, (?!.*dall-e-3)"):
        names(services[:2], two)


def test_there_may_be_no_way() -> None:
    with pytest.raises(InputError, match="m"):
        names([Double("asked", fit=Fit.ASKED)])
    with pytest.raises(InputError, match="no service openia") as caught:
        names([], Request(service="openia"))
    assert "openai-images" in caught.value.next_step()


@pytest.mark.parametrize(
    "offer",
    [
        ValueError("bug"),
        "nonsense",
        Offer(model="m", fit=Fit.NAMED, options={"n": Option(most=-1)}),
        Offer(model="m", fit=Fit.NAMED, options={"a": Option(name="x"), "b": Option(name="x")}),
        Offer(model="m", fit=Fit.NAMED, options={"a": Option()}, raw={"a": Option()}),
        Offer(model="m", fit=Fit.NAMED, options={"a": "nonsense"}),  # type: ignore[dict-item]
    ],
)
def test_a_service_that_fails_to_offer_offers_nothing_and_is_named_when_asked_for(offer: Any) -> None:
    broken = Double("broken", offer)
    assert names([broken, Double("good")]) == ["good"]
    with pytest.raises(NowImageError, match="broken") as caught:
        names([broken], Request(service="broken"))
    assert len(caught.value.lines()) <= 6


GOOD = Plan(call=Call(path="/x"), charge=Charge(name="m"))


@pytest.mark.parametrize(
    "plan",
    [
        ZeroDivisionError("bug"),
        None,
        Plan(call=Call(path="https://h.example/x"), charge=Charge(name="m")),
        Plan(call=Call(path="/../x"), charge=Charge(name="m")),
        Plan(call=Call(path="/{}", ids=()), charge=Charge(name="m")),
        Plan(call=Call(path="/x", query={"key": "{key}"}), charge=Charge(name="m")),
        Plan(call=Call(path="/x"), charge=Charge(name="")),
        Plan(call=Call(path="/x"), charge=Charge(name="m"), memo={"a": float("nan")}),
        Plan(call=Call(path="/x"), charge=Charge(name="m"), memo={"task_id": 2.0**60}),
    ],
)
def test_a_plan_that_must_not_be_sent_is_refused_by_the_services_name(plan: Any) -> None:
    order = Ask(request=Request(), offer=Offer(model="m", fit=Fit.NAMED))
    with pytest.raises(NowImageError, match="broken") as caught:
        make_plan(Double("broken", plan=plan), order)
    assert caught.value.billed == "no"
    assert make_plan(Double("good", plan=GOOD), order) is GOOD


def test_n_is_cut_into_what_one_call_takes() -> None:
    request = Request(prompt="x", params={"n": 25})
    route = routes(MODEL, request, among=[Double("a", options={"n": Option(most=10)})])[0]
    cut = asks(route, request, n=25, previews=1)
    assert [(one.n, one.previews) for one in cut] == [(10, 1), (10, 1), (5, 1)]
    assert all(one.request is request for one in cut)
    single = routes(MODEL, request, among=[Double("a")])[0]
    assert [one.n for one in asks(single, request, n=3)] == [1, 1, 1]
    assert asks(single, request, n=0) == []


# Another way


@pytest.mark.parametrize(
    ("error", "is_elsewhere"),
    [
        (RejectedError("{words}", words="Invalid URL (POST /v1/x)", status=404), True),
        (RejectedError("no", status=501), True),
        (RejectedError("no", status=500, code="convert_request_failed"), True),
        (RejectedError("{words}", words="this is an image model. Use /v1/images/generations", status=400), True),
        (RejectedError("{words}", words="model gone", status=404), False),
        (RejectedError("{words}", words="bad size", status=400), False),
        (BadResponseError("no", status=501), False),
        (MaybeBilledError("{words}", words="Invalid URL", status=404), False),
        (RejectedError("no", code="content_policy_violation", status=400), False),
    ],
)
def test_only_a_proof_that_the_address_is_wrong_leads_elsewhere(error: NowImageError, is_elsewhere: bool) -> None:
    """Never after anything that may have been billed, nor after a refusal of the request itself."""
    assert leads_elsewhere(error) is is_elsewhere
    ways = routes(MODEL, Request(), among=[Double("a"), Double("b", fit=Fit.LIKELY)])
    other = other_route(ways, error)
    assert (other.service.name if other else None) == ("b" if is_elsewhere else None)


@pytest.mark.parametrize(
    ("words", "is_elsewhere"),
    [
        ("bad size, see /v1/images/generations", False),
        ("POST https://api.openai.com/v1/images/generations: size", False),
        ("Client error '400 Bad Request' for url 'https://h.example/v1/chat/completions'", False),
        ("this model lives at /v1/chat/completions, not at /v1/images/generations", True),
    ],
)
def test_the_path_that_was_called_and_addresses_are_no_other_way(words: str, is_elsewhere: bool) -> None:
    """Relays quote what they asked themselves; on chat a wrong guess costs money."""
    error = RejectedError("{words}", words=words, status=400)
    assert leads_elsewhere(error, called="/images/generations") is is_elsewhere


def test_a_guess_and_another_kind_are_no_other_way() -> None:
    error = RejectedError("no", status=501)
    for second in (Double("b", fit=Fit.FALLBACK), Double("b", fit=Fit.LIKELY, makes="words")):
        assert other_route(routes(MODEL, Request(), among=[Double("a"), second]), error) is None
    assert other_route(routes(MODEL, Request(service="a"), among=[Double("a"), Double("b")]), error) is None


# Choosing a model


def listed(*every: str) -> list[Listed]:
    return [Listed(name=name) for name in every]


def test_the_best_known_picture_model_is_preferred() -> None:
    """Family first, then the plain name before dated copies; without any picture model there is none."""
    assert best_model(listed("dall-e-3", "gpt-image-2-2026-04-21", "gpt-image-2", "gpt-4o")) == "gpt-image-2"
    assert best_model(listed("dall-e-3", "openai/GPT-Image-2")) == "openai/GPT-Image-2"
    assert best_model(listed("flux-pro", "gpt-4o")) == "flux-pro"
    assert best_model(listed("gpt-4o", "tts-1")) is None


def test_a_shops_prefix_and_a_talker_before_it_do_not_choose_the_model() -> None:
    """ihub-apps#772: the best family counts, whoever's name stands before it; what is published beats a name."""
    assert best_model(listed("azure/dall-e-2", "openai/gpt-image-2")) == "openai/gpt-image-2"
    published = [*listed("acme/talker-9", "gpt-4o"), Listed(name="acme/painter-1", makes=("image",))]
    assert best_model(published) == "acme/painter-1"


@pytest.mark.parametrize("name", ["cogview-4", "wanx2.1-t2i", "hidream-i1", "sd3.5-large", "openai/dall-e-3"])
def test_names_of_many_makers_are_known_as_picture_models(name: str) -> None:
    assert makes_pictures(Listed(name=name))
    assert not makes_pictures(Listed(name=name, makes=("text",)))


def test_what_makes_pictures_is_told_by_paths_types_or_name() -> None:
    assert makes_pictures(Listed(name="x", paths=("/v1/images/generations",)))
    assert makes_pictures(Listed(name="x", makes=("image",)))
    assert makes_pictures(Listed(name="Qwen-Image"))
    assert not makes_pictures(Listed(name="gpt-4o"))
    assert not makes_pictures(Listed(name="suno_music"))


def test_well_known_names_can_be_ordered() -> None:
    assert "gpt-image-2" in well_known_names()
    assert all(makes_pictures(Listed(name=name)) for name in well_known_names())
