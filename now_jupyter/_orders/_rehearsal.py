"""What an order would do, exactly: the calls in order, what the history serves, the expected price and its doubts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._json import JSON
from .._messages import InputError, Language, say
from .._protocol import Call, File, Later, Offer
from .._transport import RelayClient
from .._values import Input, Money, Request
from ._planning import PlannedCall
from ._reuse import Decision

__all__ = ["Rehearsal", "RehearsedCall", "rehearse_calls", "say_decision"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsedCall:
    """One call as it will go out: method, whole URL, body; inputs stand as names, values still to come in `<…>`."""

    method: str
    url: str
    body: JSON = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What an order would do: its calls, what the history serves, remarks, and the expected price.

    `decisions` say it in the user's language; `service` makes it, `offer` is what its model is known to take. The
    user's word is needed for equal orders of unknown outcome (`unsettled`, as `#12`) and where the price is in `doubt`.
    """

    calls: tuple[RehearsedCall, ...]
    decisions: tuple[str, ...]
    price: Money
    notes: tuple[str, ...]
    demo: bool
    service: str
    offer: Offer
    unsettled: tuple[str, ...] = ()
    doubt: InputError | None = None


def rehearse_calls(planned: Sequence[PlannedCall], client: RelayClient) -> Iterator[RehearsedCall]:
    """Yield the calls of all plans, in the order in which they would go out."""
    for one in planned:
        yield from (_rehearse(call, one.ask.request, client) for call in (*one.plan.before, one.plan.call))


def _rehearse(call: Call, request: Request, client: RelayClient) -> RehearsedCall:
    names = {one.sha256: _name_of(one) for one in request.inputs}
    form = None if call.form is None else [[name, _show(part, names)] for name, part in call.form]
    body = _show(call.json, names) if form is None else form
    return RehearsedCall(method=call.method, url=client.url_of(call), body=body)


def _name_of(one: Input) -> str:
    return f"{one.role} {one.sha256[:12]}" + (f" {one.width}x{one.height}" if one.width else "")


def _show(body: Any, names: Mapping[str, str]) -> JSON:  # noqa: ANN401 - a body of any shape
    match body:
        case Later(name):
            return f"<{name} of the answer before>"
        case File():
            return f"<{names.get(body.sha256, body.sha256[:12])}>"
        case Mapping():
            return {key: _show(one, names) for key, one in body.items()}
        case list() | tuple():
            return [_show(one, names) for one in body]
        case _:
            shown: JSON = body
            return shown


def say_decision(decision: Decision, language: Language) -> Iterator[str]:
    """Yield what was decided, in words."""
    yield from (f"{say('would be served from', language)} {one.sibling}{one.record.ref}" for one in decision.served)
    yield from (f"{say('would join', language)} {one.record.ref}" for one in decision.joined)
    if decision.is_refused:
        yield f"{say('would be refused because of', language)} {decision.unsettled[-1].ref}"
    elif decision.missing:
        yield say("would be bought", language)
