"""What is asked of offers and plans, whoever wrote the service: the same rules for orders and for `services.check`."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from .._messages import InputError, NowImageError, plain
from .._protocol import Ask, Call, File, Later, Listed, Offer, Plan, Service

__all__ = ["faults_of_call", "faults_of_fields", "faults_of_offer", "faults_of_plan", "make_plan", "offer_of"]

T = TypeVar("T")
_ADDRESS = re.compile(r"^[a-z][a-z0-9+.-]{0,20}:|//", re.IGNORECASE)
_ID_NAME = re.compile(r"(^|_)(id|task)s?$|[a-z](Id|Task)s?$")
_SECRET = re.compile(r"\bsk-[\w-]{16}|\bBearer (?!\{key\})\S{16}", re.IGNORECASE)


def offer_of(service: Service, listed: Listed) -> Offer | None:
    """Return what a service offers for a model.

    Raises:
        NowImageError: it raised something, or offers nonsense; names it.
    """
    return _make(service, lambda: service.offer(listed), lambda offer: () if offer is None else faults_of_offer(offer))


def make_plan(service: Service, ask: Ask) -> Plan:
    """Return the plan that a service makes.

    Raises:
        InputError: this cannot be asked of it.
        NowImageError: it raised what is none of our errors, or planned what must not be sent; names it.
    """
    if ask.offer.prompt == "none" and ask.request.prompt.strip() and not ask.request.given("press"):
        raise InputError("{model} takes no words", advice="leave the prompt out", model=ask.offer.model)
    return _make(service, lambda: service.plan(ask), lambda plan: faults_of_plan(plan, ask))


def _make(service: Service, make: Callable[[], T], faults_of: Callable[[T], Iterable[str]]) -> T:
    try:
        made = make()
        fault = next(iter(faults_of(made)), "")
    except NowImageError:
        raise
    except Exception as problem:
        raise _error_of(service, f"{type(problem).__name__}: {problem}") from problem
    if fault:
        raise _error_of(service, fault)
    return made


def _error_of(service: Service, fault: str) -> NowImageError:
    return NowImageError(
        "the service {service} has a fault: {fault}",
        advice="nothing was sent; --service chooses another, %now doctor lists the plug-ins that are left out",
        service=plain(getattr(service, "name", type(service).__name__), 40),
        fault=fault,
    )


def faults_of_offer(offer: object) -> Iterator[str]:
    """Yield what is wrong with an offer."""
    if not isinstance(offer, Offer):
        yield f"it offers {type(offer).__name__} instead of an Offer"
        return
    names = Counter(option.name or name for name, option in (*offer.options.items(), *offer.raw.items()))
    yield from (f"the field {name} is offered twice" for name, count in names.items() if count > 1)
    if offer.most < 1:
        yield "a paid call of it gives less than one output"


def faults_of_plan(plan: object, ask: Ask) -> Iterator[str]:
    """Yield what is wrong with a plan: what could not be sent, priced, kept or repeated."""
    if not isinstance(plan, Plan):
        yield f"it plans {type(plan).__name__} instead of a Plan"
        return
    for call in (plan.call, *plan.before):
        yield from faults_of_call(call, ask)
    if not plan.before and any(_parts(plan.call, Later)):
        yield "the paid call waits for values, and no call before it gives them"
    if any(any(_parts(call, Later)) for call in plan.before):
        yield "a call before the paid one waits for values itself"
    if not plan.charge.times.is_finite() or plan.charge.times < 0 or not plan.charge.name:
        yield f"the charge is {plan.charge.times} × {plan.charge.name!r}"
    if plan.expected < 1:
        yield "it expects no output"
    yield from faults_of_fields(plan.memo, "the memo")


def faults_of_call(call: Call, ask: Ask | None = None) -> Iterator[str]:
    """Yield what is wrong with a call: it knows no host and no key, and sends what was given only."""
    if not call.path.startswith("/") or _ADDRESS.search(call.path) or ".." in call.path.split("/"):
        yield f"the path {call.path!r} is not one below the relay's address"
    if call.path.count("{}") != len(call.ids) or not all(call.ids):
        yield f"the path {call.path!r} does not fit the ids {call.ids!r}"
    if call.json is not None and call.form is not None:
        yield "the body is JSON and a form at once"
    if any(name.lower() == "host" for name in call.headers):
        yield "a header names the host"
    unsafe = [call.path, *call.ids, *call.query, *call.query.values()]
    if any(_SECRET.search(value) for value in call.headers.values()) or any("{key}" in value for value in unsafe):
        yield "a key stands in the call; only {key} in a header is filled in when it is sent"
    given = {one.sha256 for one in ask.request.inputs} if ask else set()
    if ask and (foreign := [file for file in _parts(call, File) if file.sha256 not in given]):
        yield f"the file {foreign[0].sha256[:12]!r} was not given"


def faults_of_fields(fields: object, what: str) -> Iterator[str]:
    """Yield what is wrong with something that records keep: JSON it has to be, without a key, ids as text."""
    try:
        text = json.dumps(fields, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as problem:
        yield f"{what} is not JSON: {problem}"
        return
    if _SECRET.search(text):
        yield f"{what} holds a key"
    yield from (f"the id {name} in {what} is a float" for name in _float_ids(fields))


def _float_ids(value: Any, name: str = "") -> Iterator[str]:  # noqa: ANN401 - JSON of any shape
    if isinstance(value, float) and _ID_NAME.search(name):
        yield name
    many = value if isinstance(value, list | tuple) else ()
    for key, one in value.items() if isinstance(value, Mapping) else ((name, one) for one in many):
        yield from _float_ids(one, str(key))


def _parts(body: Any, kind: type[T]) -> Iterator[T]:  # noqa: ANN401 - a call, or a body of any shape
    """Yield what of a kind a call or body holds: inputs (`File`), or places that a free call has to fill (`Later`)."""
    if isinstance(body, Call):
        body = (body.json, body.form)
    if isinstance(body, kind):
        yield body
    many = body.values() if isinstance(body, Mapping) else body if isinstance(body, list | tuple) else ()
    for one in many:
        yield from _parts(one, kind)
