"""Which service makes it: the user's word, what is remembered, then how surely each offers it; equal ones as listed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from .._messages import InputError, NowImageError
from .._protocol import Ask, Fit, Input, Kind, Listed, Offer, Request, Role, Service
from ._contract import offer_of
from ._models import is_ending, rank
from ._registry import service_named, services

__all__ = [
    "Route",
    "asks",
    "best_model",
    "can_take",
    "is_known",
    "leads_elsewhere",
    "makes_pictures",
    "other_route",
    "request_again",
    "roles_taken",
    "routes",
    "usual_service",
    "well_known_names",
    "works_on_pictures",
]

_NOT_FOUND, _NOT_IMPLEMENTED, _BAD_REQUEST = 404, 501, 400
_ELSEWHERE = ("invalid_url", "api_not_implemented", "convert_request_failed", "wrong_endpoint")
# A path without a host: with one it is an address that was called.
_NAMES_A_PATH = re.compile(
    r"(?<![\w.:/-])/?\bv\d{1,2}/(chat|images|responses|completions|video|audio|mj)\b", re.IGNORECASE | re.ASCII
)
_MOST_EXAMPLES = 12


@dataclass(frozen=True, slots=True)
class Route:
    """One way in which a request can be made."""

    service: Service
    offer: Offer


def routes(
    listed: Listed,
    request: Request,
    *,
    makes: Kind = "picture",
    remembered: str = "",
    among: Sequence[Service] | None = None,
) -> list[Route]:
    """Return the ways in which a request can be made with a model, the best first.

    `makes` is what the magic makes, `remembered` the service that worked for this model at this relay, `among` the
    services to choose from (all where left out).

    Raises:
        InputError: there is none; says why.
        NowImageError: the service that was asked for has a fault.
    """
    named = _named_service(request)
    choice = services() if among is None else tuple(among)
    if named:
        choice = tuple(one for one in choice if one.name == named) or (service_named(named),)
    found = list(_find_routes(choice, listed, is_named=bool(named)))
    able = [one for one in found if named or one.offer.fit > Fit.ASKED]
    if not able:
        raise _no_service(listed, named, found)
    if not (fitting := _taking(able, request)):
        raise _no_such_input(listed, max(able, key=lambda one: one.offer.fit), request)
    return sorted(
        fitting, key=lambda one: (one.service.name == remembered, one.offer.makes == makes, one.offer.fit), reverse=True
    )


def _named_service(request: Request) -> str:
    """Return the service of the user's word; of a button it is the one that made what it belongs to."""
    pressed = (one.origin.service for one in request.given("press") if one.origin)
    return request.service or next(pressed, "")


def _find_routes(choice: Sequence[Service], listed: Listed, *, is_named: bool) -> Iterator[Route]:
    for service in choice:
        try:
            offer = offer_of(service, listed)
        except NowImageError:
            if is_named:
                raise
            continue  # a plug-in that fails offers nothing
        if offer is not None:
            yield Route(service, offer)


def _taking(ways: Sequence[Route], request: Request) -> list[Route]:
    """Return the ways that take what is given; none where those known for the model do not, and others guess."""
    fitting = [one for one in ways if not _roles_too_many(one.offer, request)]
    surest = max((one.offer.fit for one in ways), default=Fit.ASKED)
    is_guess = surest >= Fit.NAMED > max((one.offer.fit for one in fitting), default=Fit.ASKED)
    return [] if is_guess else fitting


def _roles_too_many(offer: Offer, request: Request) -> list[Role]:
    """Return the roles of which more is given than the offer takes; what a button takes its service knows."""
    is_pressed = bool(request.given("press"))
    counted = (one for one in request.inputs if not (is_pressed and one.role == "mask"))
    return [one.role for one in counted if len(request.given(one.role)) > offer.inputs.get(one.role, 0)]


def _no_service(listed: Listed, named: str, found: Sequence[Route]) -> InputError:
    return InputError(
        "the service {service} does nothing for {model}" if named else "{model} is not known to make pictures",
        advice="leave --service out, or choose another model"
        if named
        else "picture models here: {models}; --service tries it all the same: {known}",
        model=listed.name,
        service=named,
        models=", ".join(well_known_names()),
        known=", ".join(one.service.name for one in found) or "–",
    )


def _no_such_input(listed: Listed, route: Route, request: Request) -> InputError:
    role = _roles_too_many(route.offer, request)[0]
    takes_none = not route.offer.inputs.get(role, 0)
    return InputError(
        "{model} is not known here, and so it is given nothing as {role}"
        if takes_none and not is_known(route.offer)
        else "{model} at {service} takes nothing as {role}"
        if takes_none
        else "{model} at {service} takes at most {most} inputs as {role}",
        advice="models here that do: {able}" if takes_none else "give fewer, or choose another model or service",
        model=listed.name,
        service=route.service.name,
        most=route.offer.inputs.get(role, 0),
        role=role,
        able=", ".join(name for name in well_known_names() if can_take(Listed(name=name), request)) or "–",
    )


def is_known(offer: Offer) -> bool:
    """Whether more than a guess says what a model takes."""
    return offer.known or offer.fit >= Fit.NAMED


def can_take(listed: Listed, request: Request) -> bool:
    """Whether a service is likely to make pictures of this model from the inputs of a request."""
    return any(one.offer.makes == "picture" for one in _taking(_likely_routes(listed), request))


def roles_taken(listed: Listed) -> dict[Role, int]:
    """Return how many inputs of each role some service takes for a model, where nobody chooses the service."""
    ways = [one for one in _find_routes(services(), listed, is_named=False) if one.offer.fit > Fit.ASKED]
    drawing = [one for one in ways if one.offer.makes == "picture"] or ways
    roles = {role for one in drawing for role in one.offer.inputs}
    fitting = {role: _taking(drawing, Request(inputs=(Input(role=role, id=role),))) for role in roles}
    return {role: max(one.offer.inputs[role] for one in ways) for role, ways in fitting.items() if ways}


def request_again(request: Request, model: str, service: str) -> Request:
    """Return a request with the model that made it and, unless the model leads there, the service."""
    named = replace(request, model=request.model or model or None)
    if request.service or not service:
        return named
    with suppress(NowImageError):
        if routes(Listed(name=model), request)[0].service.name == service:
            return named
    return replace(named, service=service)


def asks(route: Route, request: Request, *, n: int, previews: int = 0) -> list[Ask]:
    """Return an ask for each paid call: n cut into what one call takes. The request stays whole in all of them."""
    most = route.offer.most
    return [
        Ask(request=request, offer=route.offer, n=min(most, n - start), previews=previews)
        for start in range(0, n, most)
    ]


def other_route(ways: Sequence[Route], error: NowImageError, *, called: str = "") -> Route | None:
    """Return the next way, after a refusal which proves that nothing was made and that the address is wrong.

    `ways` are those of `routes`, the first of which was refused, at the path `called`; where the user named the service
    there is no other.
    """
    if not leads_elsewhere(error, called=called):
        return None
    return next(
        (one for one in ways[1:] if one.offer.fit >= Fit.LIKELY and one.offer.makes == ways[0].offer.makes), None
    )


def leads_elsewhere(error: NowImageError, *, called: str = "") -> bool:
    """Whether a refusal proves both that nothing was made, and that this model is spoken to at another address."""
    words = error.facts.get("words", "")
    return error.billed == "no" and (
        error.status == _NOT_IMPLEMENTED
        or (error.code or "").lower() in _ELSEWHERE
        or (error.status == _NOT_FOUND and "invalid url" in words.lower())
        or (error.status in (_BAD_REQUEST, _NOT_FOUND) and _names_another_path(words, called))
    )


def _names_another_path(words: str, called: str) -> bool:
    """Whether words name a path of the API that is not the one that was called."""
    own = called.strip("/").partition("/")[0]
    return any(one[1].lower() != own for one in _NAMES_A_PATH.finditer(words))


# Choosing a model


def makes_pictures(listed: Listed) -> bool:
    """Whether a service is likely to make pictures with a model."""
    return any(one.offer.makes == "picture" for one in _likely_routes(listed))


def usual_service(listed: Listed) -> str:
    """Return the name of the service that is likely to do something with a model where nobody chooses; or nothing.

    Pictures count most, but a model may give words of them, too.
    """
    ways = sorted(_likely_routes(listed), key=lambda one: (one.offer.makes != "picture", -one.offer.fit))
    return ways[0].service.name if ways else ""


def _likely_routes(listed: Listed) -> list[Route]:
    return [one for one in _find_routes(services(), listed, is_named=False) if one.offer.fit >= Fit.LIKELY]


def works_on_pictures(listed: Listed) -> bool:
    """Whether a model makes something of a picture alone, without words, as one that describes it."""
    ways = sorted(_find_routes(services(), listed, is_named=False), key=lambda one: -one.offer.fit)
    return any(one.offer.prompt != "needed" for one in ways[:1])


def best_model(names: Sequence[Listed]) -> str | None:
    """Return the best-known picture model of a relay's list; None where it has none."""
    best = min((one for one in names if makes_pictures(one) and not is_ending(one)), key=rank, default=None)
    return best.name if best else None


def well_known_names() -> list[str]:
    """Return the models that people most likely mean, before any relay has been asked."""
    return list(dict.fromkeys(name for service in services() for name in service.examples))[:_MOST_EXAMPLES]
