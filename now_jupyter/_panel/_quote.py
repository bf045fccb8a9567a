"""What the next click would cost, and which settings the chosen model is known to take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from .._messages import Language, NowImageError, plain, say
from .._options import option
from .._orders import Order, budget_line
from .._protocol import Offer
from .._relay import ListedModel, in_currency, spent
from .._session import Session
from ._draft import FIELDS, Draft, request_of

__all__ = ["controls_of", "quote_of", "relay_of"]

_ANY_PROMPT = "…"  # before anything is typed; what a model takes does not hang on it
_MOST_MODELS = 400
_ROOM_FOR_MODELS = 24_000


def quote_of(session: Session, draft: Draft) -> dict[str, Any]:
    """Return price, controls and remarks for a draft.

    Raises:
        NowImageError: an option cannot be read, or no service can make this.
    """
    settings = session.settings()
    order = Order(request=request_of(draft if draft.prompt.strip() else replace(draft, prompt=_ANY_PROMPT)))
    preview = session.preview(order)
    return {
        "model": plain(preview.offer.model, 200),
        "price": "" if preview.price.amount is None else str(preview.price),
        "demo": session.context.is_demo(),
        "controls": controls_of(preview.offer, draft, settings.language),
        "notes": [plain(note) for note in preview.notes],
    }


def _budget(session: Session) -> str:
    return "" if session.context.is_demo() else budget_line(session.budget(), session.settings().language)


# Controls


def controls_of(offer: Offer, draft: Draft, language: Language) -> dict[str, dict[str, Any]]:
    """Return for each option which values are known, and why it does not apply where it does not."""
    return {
        name: {"values": _values(name, offer), "why": _why_not(name, offer, draft, language)} for name in FIELDS
    } | {"n": {"values": [], "why": ""}}  # what one request does not take is sent as several


def _values(name: str, offer: Offer) -> list[str]:
    known = offer.options.get(name)
    if known is None:
        return []
    return list(known.values) if known.values or offer.known else list(option(name).choices)


def _why_not(name: str, offer: Offer, draft: Draft, language: Language) -> str:
    """Return why an option does not apply; empty where it does."""
    known = offer.options.get(name)
    if known is None:
        return say("not known for {model}", language, model=plain(offer.model, 60))
    other, values = known.only_with or ("", ())
    if not other or {**dict(draft.params), **draft.options}.get(other) in values:
        return ""
    return say("for {values} only", language, values=", ".join(values))


# The relay


def relay_of(session: Session) -> dict[str, Any]:
    """Return who answers, with which models, and what is left; what cannot be told is left out."""
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
