"""What the next click would cost, and which settings the chosen model is known to take."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from msgspec.structs import replace

from .._messages import InputError, Language, NowImageError, StoreError, plain, say
from .._options import option
from .._orders import Order, budget_line
from .._protocol import Listed, Offer
from .._relay import ListedModel, say_price, spent
from .._services import is_known, ratios_of, roles_taken
from .._session import Session
from .._settings import Settings
from ._attachments import Attachments
from ._draft import FIELDS, Draft, request_of

__all__ = ["controls_of", "quote_of", "relay_of"]

_ANY_PROMPT = "…"  # before anything is typed; what a model takes does not hang on it
_OF_MASKS = "keep_outside"  # ours, whatever the model
_MOST_MODELS = 400
_ROOM_FOR_MODELS = 24_000


def quote_of(session: Session, draft: Draft, attachments: Attachments) -> dict[str, Any]:
    """Return price, controls and remarks for a draft; while it cannot be sent, why in place of the price."""
    language = session.settings().language
    offer = session.find_offer(request_of(draft))
    typed = draft if draft.prompt.strip() or offer.prompt == "none" else replace(draft, prompt=_ANY_PROMPT)
    try:
        request = request_of(typed, attachments.inputs(draft))
        rehearsal = session.rehearse(Order(request=request, reuse="never"))
    except (InputError, StoreError) as problem:
        price, notes = "", problem.in_language(language).lines()[:2]
    else:
        offer, notes = rehearsal.offer, list(rehearsal.notes)
        price = "" if rehearsal.price.amount is None else str(rehearsal.price)
    return {
        "model": plain(offer.model, 200),
        "price": price,
        "demo": session.context.is_demo(),
        "known": is_known(offer),
        "controls": controls_of(offer, draft, language),
        "takes": dict(roles_taken(Listed(name=offer.model)) if not draft.service else offer.inputs),
        "notes": [plain(note) for note in notes],
    }


# Controls


def controls_of(offer: Offer, draft: Draft, language: Language) -> dict[str, dict[str, Any]]:
    """Return for each option which values are known, and why it does not apply where it does not."""
    controls = {name: _control(name, offer, draft, language) for name in FIELDS if name != _OF_MASKS}
    return {**controls, "n": {"values": [], "why": ""}}  # what one request does not take is sent as several


def _control(name: str, offer: Offer, draft: Draft, language: Language) -> dict[str, Any]:
    known = offer.options.get(name)
    if known is None:
        return {"values": [], "why": say("not known for {model}", language, model=plain(offer.model, 60))}
    values = known.values if known.values or offer.known else option(name).choices
    other, wanted = known.only_with or ("", ())
    applies = not other or {**dict(draft.params), **draft.options}.get(other) in wanted
    why = "" if applies else say("for {values} only", language, values=", ".join(wanted))
    ratios = ratios_of(known) if name == "size" else {}
    more = [ratio for ratio in ratios if ratio not in values]
    notes = {ratio: size for ratio, size in ratios.items() if ratio != size}
    return {"values": [*values, *more], "why": why, **({"notes": notes} if notes else {})}


# The relay


def relay_of(session: Session) -> dict[str, Any]:
    """Return who answers, with which models, and what is left; what cannot be told is left out."""
    settings, language = session.settings(), session.settings().language
    facts: dict[str, Any] = {"demo": False, "models": [], "default": "", "left": "", "budget": "", "lines": []}
    try:
        facts["demo"] = demo = session.context.is_demo()
        facts["default"] = plain(session.default_model(), 200)
        facts["budget"] = "" if demo else budget_line(session.budget(), language)
        facts["models"] = _few([_model(one, settings, demo=demo) for one in session.models() if one.service])
    except NowImageError as error:
        return {**facts, "lines": error.in_language(language).lines()}
    return facts if demo else {**facts, "left": _left(session)}


def _model(one: ListedModel, settings: Settings, *, demo: bool) -> dict[str, str]:
    """Return a model of the list; `takes` are the roles of inputs that it takes."""
    price = "" if demo else say_price(one, settings, unknown="")
    return {"name": one.name, "price": price, "takes": " ".join(roles_taken(one.listed))}


def _few(models: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """Keep the widget's state small; any other model can be typed."""
    kept, room = [], _ROOM_FOR_MODELS
    for one in models[:_MOST_MODELS]:
        room -= sum(len(text) for text in one.values()) + 36
        if room < 0:
            break
        kept.append(one)
    return kept


def _left(session: Session) -> str:
    """Return what is left; nothing where the relay does not tell."""
    with suppress(NowImageError):
        left, _used = spent(session.balance(), session.settings())
        return "∞" if left is None else str(left)
    return ""
