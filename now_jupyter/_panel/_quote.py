"""What the next click would cost, and which settings the chosen model is known to take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._json import JSON
from .._messages import Language, NowImageError, plain, say
from .._options import option
from .._orders import Order, budget_line
from .._relay import ListedModel, in_currency, spent
from .._services import Model, body_of, known_model, warnings_for
from .._session import Session
from .._values import Request
from ._draft import FIELDS, Draft, request_of

__all__ = ["controls_of", "quote_of", "relay_of"]

_MOST_MODELS = 400
_ROOM_FOR_MODELS = 24_000


def quote_of(session: Session, draft: Draft) -> dict[str, Any]:
    """Give price, controls and remarks for a draft.

    Raises:
        NowImageError: an option cannot be read.
    """
    settings = session.settings()
    model = draft.model or session.default_model()
    request = request_of(draft)
    body = body_of(request, model=model)
    return {
        "model": plain(model, 200),
        "price": _price(session, request),
        "demo": session.context.is_demo(),
        "controls": controls_of(model, draft, settings.language),
        "notes": [plain(note) for note in (*warnings_for(body, settings.language), *_split(body, settings.language))],
    }


def _split(body: Mapping[str, JSON], language: Language) -> list[str]:
    """Say where one click makes several requests."""
    known, count = known_model(str(body.get("model"))), body.get("n", 1)
    if known is None or not isinstance(count, int) or count <= known.most:
        return []
    times = -(-count // known.most)
    return [say("{times} × {model}: one request each", language, times=times, model=str(body["model"]))]


def _price(session: Session, request: Request) -> str:
    """Give the expected price; nothing where nobody knows it."""
    try:
        price = session.price(Order(request=request))
    except NowImageError:
        return ""
    return "" if price.amount is None else str(price)


def _budget(session: Session) -> str:
    return "" if session.context.is_demo() else budget_line(session.budget(), session.settings().language)


# Controls


def controls_of(model: str, draft: Draft, language: Language) -> dict[str, dict[str, Any]]:
    """Say for each option which values are known, and why it does not apply where it does not."""
    known = known_model(model)
    if known is None:
        return {name: {"values": list(option(name).choices), "why": ""} for name in FIELDS}
    values = _values(known)
    reasons = {name: "" if values.get(name, "given") else _no_use(model, language) for name in FIELDS}
    reasons["compression"] = reasons["format"] or _why_no_compression(draft, language)
    return {name: {"values": list(values.get(name, ())), "why": why} for name, why in reasons.items()}


def _values(known: Model) -> Mapping[str, Sequence[str]]:
    return {
        "size": known.sizes,
        "quality": known.qualities,
        "style": known.styles,
        "background": known.backgrounds,
        "format": known.formats,
        "seed": (),
        "negative": (),
    }


def _no_use(model: str, language: Language) -> str:
    return say("not known for {model}", language, model=plain(model, 60))


def _why_no_compression(draft: Draft, language: Language) -> str:
    return "" if draft.options.get("format") in ("jpeg", "webp") else say("for jpeg and webp only", language)


# The relay


def relay_of(session: Session) -> dict[str, Any]:
    """Say who answers, with which models, and what is left; what cannot be told is left out."""
    facts: dict[str, Any] = {"demo": False, "models": [], "default": "", "left": "", "budget": "", "lines": []}
    try:
        facts["demo"] = session.context.is_demo()
        facts["default"] = plain(session.default_model(), 200)
        facts["budget"] = _budget(session)
        facts["models"] = _few([_model(one, session) for one in session.models() if one.makes_pictures])
    except NowImageError as error:
        facts["lines"] = error.in_language(session.settings().language).lines()
        return facts
    return facts if facts["demo"] else {**facts, "left": _left(session)}


def _model(one: ListedModel, session: Session) -> dict[str, str]:
    price = one.price
    if price is None or session.context.is_demo():
        return {"name": one.name, "price": ""}
    if price.per_call is None:
        return {"name": one.name, "price": say("by tokens", session.settings().language)}
    return {"name": one.name, "price": str(in_currency(price.per_call, session.settings(), reported=True))}


def _few(models: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """Keep the widget's state small; any other model can be typed."""
    kept, room = [], _ROOM_FOR_MODELS
    for one in models[:_MOST_MODELS]:
        room -= len(one["name"]) + len(one["price"]) + 24
        if room < 0:
            break
        kept.append(one)
    return kept


def _left(session: Session) -> str:
    try:
        left, _used = spent(session.balance(), session.settings())
    except NowImageError:
        return ""
    return "∞" if left is None else str(left)
