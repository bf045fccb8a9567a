"""What an order would do, exactly: the calls in order, what the history serves, the expected price."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._json import JSON
from .._protocol import Call, File, Later, Offer
from .._transport import RelayClient
from .._values import Money, Request
from ._planning import PlannedCall
from ._reuse import Decision

__all__ = ["Preview", "Rehearsal", "RehearsedCall", "rehearse_calls", "say_decision"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RehearsedCall:
    """One call as it will go out: method, whole URL, body; inputs stand as names, values still to come in `<…>`."""

    method: str
    url: str
    body: JSON = None
    is_free: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What an order would do: its calls, what the history serves, remarks, the expected price, the balance after it.

    `decisions` are pairs of a word (serve, join, unsettled, buy) and a number.
    """

    calls: tuple[RehearsedCall, ...]
    decisions: tuple[tuple[str, str], ...]
    price: Money
    notes: tuple[str, ...]
    demo: bool
    balance_after: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What the model of an order is known to take, what its plans remark, and its price, unknown in the demo."""

    offer: Offer
    notes: tuple[str, ...]
    price: Money


def rehearse_calls(planned: Sequence[PlannedCall], client: RelayClient) -> Iterator[RehearsedCall]:
    """Yield the calls of all plans, in the order in which they would go out."""
    for one in planned:
        for call in one.plan.before:
            yield _rehearse(call, one.ask.request, client, is_free=True)
        yield _rehearse(one.plan.call, one.ask.request, client, is_free=False)


def _rehearse(call: Call, request: Request, client: RelayClient, *, is_free: bool) -> RehearsedCall:
    sizes = {one.sha256: f" {one.width}x{one.height}" if one.width else "" for one in request.inputs}
    names = {one.sha256: f"{one.role} {one.sha256[:12]}{sizes[one.sha256]}" for one in request.inputs}
    form = None if call.form is None else [[name, _show(part, names)] for name, part in call.form]
    body = _show(call.json, names) if form is None else form
    return RehearsedCall(method=call.method, url=client.url_of(call), body=body, is_free=is_free)


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


def say_decision(decision: Decision) -> Iterator[tuple[str, str]]:
    """Yield what was decided, as pairs of a word and a number."""
    yield from (("serve", f" {one.record.ref}") for one in decision.served)
    yield from (("join", f" {one.record.ref}") for one in decision.joined)
    if decision.is_refused:
        yield "unsettled", f" {decision.unsettled[-1].ref}"
    elif decision.missing:
        yield "buy", ""
