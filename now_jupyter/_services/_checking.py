"""Whether a service keeps its contract: for ours, and for the tests of plug-ins (`now_jupyter.services.check`)."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import Any

from .._json import Fields
from .._messages import InputError, MaybeBilledError, NowImageError, TaskLost, TaskStillPending
from .._protocol import (
    Ask,
    Call,
    Checkpoint,
    Event,
    Fetch,
    Found,
    Listed,
    Next,
    Offer,
    Outcome,
    Poll,
    Reply,
    Service,
    Step,
    later_in,
)
from ._contract import faults_of_call, faults_of_fields, faults_of_offer, faults_of_plan

__all__ = ["Exchange", "check"]

_MOST_STEPS = 5_000
_MOST_POLLS = 50
_MOST_CUTS = 100
_ODD: tuple[Any, ...] = ("", "no such value", "9" * 400, -1, 10**30, 0.5, True, None, [], [None], {}, {"a": [1]})
_FOREIGN: tuple[Any, ...] = (
    *(None, "", "text", 0, -1, 1.5, True, [], {}, [None], [[]], {"data": None}, {"data": []}, {"data": [{}, None, 7]}),
    *({"data": "text"}, {"data": {"data": {"data": 7}}}, {"error": None}, {"error": "no"}, {"error": {"message": 7}}),
    *({"code": 500, "message": "no"}, {"success": False}, {"choices": [{}]}, {"choices": [{"message": None}]}),
    *({"id": 7, "status": 7}, {"result": 7}, {"status": "FAILURE", "buttons": None}, {"status": "SUCCESS"}, {"url": 7}),
)
_PAGE = Reply(text="<!doctype html><title>nginx</title>", media_type="text/html")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A paid answer and what the relay says after it.

    `events` are those of a streamed answer, `answers` those to the free calls, in their order, the last one again and
    again; an error among them is raised. `memo` None: that of the plan of the first ask.
    """

    reply: Reply
    events: tuple[Event, ...] = ()
    answers: tuple[Reply | NowImageError, ...] = ()
    memo: Fields | None = None


def check(
    service: Service, asks: Iterable[Ask], replies: Iterable[Reply | Exchange] = (), *, before: Sequence[Reply] = ()
) -> None:
    """Hold a service to its contract, with paid calls to plan and answers to read.

    Plans are equal when they are made twice, and hold no key, no host and no id that is a float. An answer that is
    whole, cut off or somebody else's is read to an end, or to one of our errors. What is found again has the same key,
    from the answer and from each checkpoint. `before` are answers to the calls that come before the paid one.

    Raises:
        AssertionError: it does not; a line for each fault.
    """
    every = tuple(asks)
    faults = [fault for ask in every for fault in _faults_of_planning(service, ask, before)]
    memo = _try(lambda: service.plan(every[0]).memo) if every else None
    for one in replies:
        exchange = one if isinstance(one, Exchange) else Exchange(reply=one)
        known = exchange.memo if exchange.memo is not None else memo if isinstance(memo, Mapping) else {}
        faults += _faults_of_reading(service, replace(exchange, memo=known))
    if faults:
        name = getattr(service, "name", type(service).__name__)
        raise AssertionError("\n".join([f"the service {name} breaks its contract:", *dict.fromkeys(faults)]))


def _try(action: Callable[[], Any]) -> Any:  # noqa: ANN401 - what the action gives, or what it raised
    try:
        return action()
    except Exception as problem:  # noqa: BLE001 - to be judged by the caller
        return problem


def _foreign(result: object, doing: str) -> Iterator[str]:
    if isinstance(result, Exception) and not isinstance(result, NowImageError):
        yield f"{doing} raises {type(result).__name__}: {result}"


# Offers and plans


def _faults_of_planning(service: Service, ask: Ask, before: Sequence[Reply]) -> Iterator[str]:
    yield from _faults_of_offering(service, ask.offer)
    plan, again = (_try(lambda: service.plan(ask)) for _ in range(2))
    if isinstance(plan, Exception):
        yield f"plan raises {type(plan).__name__}: {plan}"
        return
    if plan != again:
        yield "two plans of one ask differ"
    yield from faults_of_plan(plan, ask)
    yield from _faults_of_preparing(service, ask, before)
    yield from _unrefused_fields(service, ask)
    for name in ask.offer.options:
        for odd in _ODD:
            request = replace(ask.request, params={**ask.request.params, name: odd})
            yield from _foreign(_try(partial(service.plan, replace(ask, request=request))), f"plan with {name}={odd!r}")


def _faults_of_offering(service: Service, offer: Offer) -> Iterator[str]:
    listed = Listed(name=offer.model)
    first, again = (_try(lambda: service.offer(listed)) for _ in range(2))
    yield from _foreign(first, "offer")
    if first != again and not isinstance(first, Exception):
        yield "two offers for one model differ"
    for one in (first, offer):
        yield from faults_of_offer(one) if one is not None and not isinstance(one, Exception) else ()
    yield from _foreign(_try(lambda: service.offer(Listed(name=""))), "offer for a model without a name")


def _unrefused_fields(service: Service, ask: Ask) -> Iterator[str]:
    """Yield the wire's fields of model, prompt and n that `-p` can set: they would pass by splitting and price."""
    body = service.plan(ask).call.json
    fields = body.items() if isinstance(body, Mapping) else ()
    own = {
        name
        for name, value in fields
        if isinstance(value, str) and value and value in (ask.offer.model, ask.request.prompt)
    }
    if count := ask.offer.options.get("n"):
        own.add(count.name or "n")
    for name in sorted(own):
        request = replace(ask.request, raw={name: "x"})
        if not isinstance(_try(partial(service.plan, replace(ask, request=request))), InputError):
            yield f"-p {name}=… is not refused"


def _faults_of_preparing(service: Service, ask: Ask, before: Sequence[Reply]) -> Iterator[str]:
    plan = service.plan(ask)
    if not plan.before:
        return
    talk = _hear(service, _try(lambda: service.prepare(plan)), Exchange(reply=Reply(), answers=tuple(before)))
    yield from talk.faults
    if not isinstance(talk.end, Mapping):
        yield f"prepare ends with {talk.end!r}"
        return
    left = _try(lambda: list(later_in(plan.call.fill(talk.end))))
    yield from ["prepare leaves values of the paid call open"] if left else ()
    for odd in _FOREIGN:
        talk = _hear(service, _try(lambda: service.prepare(plan)), Exchange(reply=Reply(), answers=(Reply(body=odd),)))
        yield from talk.faults


# Answers


@dataclass(slots=True)
class _Talk:
    """What a conversation came to: what it found, where it could be resumed, how it ended."""

    keys: list[str] = field(default_factory=list)
    states: list[tuple[Fields, int]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    end: Any = None


def _faults_of_reading(service: Service, exchange: Exchange) -> Iterator[str]:
    whole = _read(service, exchange)
    if whole.faults:
        yield from whole.faults
        return
    again = _read(service, exchange)
    if again.keys != whole.keys:
        yield f"one answer gives the keys {whole.keys}, then {again.keys}"
    for state, found in whole.states:
        yield from _faults_of_resuming(service, exchange, state, (whole.keys, whole.keys[found:]))
    for other in _others(exchange):
        talk = _read(service, other)
        yield from (f"{fault} (after a cut or foreign answer)" for fault in talk.faults)
    for at in range(min(len(exchange.events) + 1, _MOST_CUTS)):
        talk = _read(service, replace(exchange, events=exchange.events[:at]), is_cut=True)
        yield from (f"{fault} (cut after {at} events)" for fault in talk.faults)
        if not set(talk.keys) <= set(whole.keys):
            yield f"cut after {at} events, the stream gives the keys {talk.keys} instead of {whole.keys}"


def _faults_of_resuming(
    service: Service, exchange: Exchange, state: Fields, keys: tuple[list[str], list[str]]
) -> Iterator[str]:
    every, missing = keys
    yield from faults_of_fields(state, "a checkpoint")
    talk = _hear(service, _try(lambda: service.resume(state)), exchange)
    yield from talk.faults
    if not set(missing) <= set(talk.keys) <= set(every):
        yield f"resumed from {dict(state)}, it finds {talk.keys} instead of {missing}"
    call = _try(lambda: service.cancel(state))
    yield from _foreign(call, "cancel")
    yield from faults_of_call(call) if isinstance(call, Call) else ()


def _others(exchange: Exchange) -> Iterator[Exchange]:
    """Yield the exchange with its answers damaged, and with those of somebody else."""
    bodies = [*islice(_damaged(exchange.reply.body), _MOST_CUTS), *_FOREIGN]
    yield from (replace(exchange, reply=Reply(body=body)) for body in bodies)
    yield from (replace(exchange, reply=reply) for reply in (_PAGE, Reply(), Reply(is_file=True), Reply(streamed=True)))
    for at, answer in enumerate(exchange.answers):
        if isinstance(answer, Reply):
            for body in (*islice(_damaged(answer.body), _MOST_CUTS), *_FOREIGN):
                yield replace(exchange, answers=(*exchange.answers[:at], Reply(body=body)))
    for body in _FOREIGN:
        event = Event("message", body)
        yield replace(exchange, reply=Reply(streamed=True), events=(event, *exchange.events, event))


def _damaged(body: Any) -> Iterator[Any]:  # noqa: ANN401 - JSON of any shape
    """Yield a body with each of its parts gone, or something else."""
    if isinstance(body, Mapping):
        for key, value in body.items():
            yield {name: one for name, one in body.items() if name != key}
            yield from ({**body, key: odd} for odd in (*_damaged(value), None, 7, "", [], {}))
    elif isinstance(body, list | tuple):
        for at, value in enumerate(body):
            yield [*body[:at], *body[at + 1 :]]
            yield from ([*body[:at], odd, *body[at + 1 :]] for odd in (*_damaged(value), None, 7, "", [], {}))


def _read(service: Service, exchange: Exchange, *, is_cut: bool = False) -> _Talk:
    conversation = _try(lambda: service.read(exchange.reply, exchange.memo or {}))
    talk = _hear(service, conversation, exchange, is_cut=is_cut)
    if not isinstance(talk.end, Outcome | NowImageError) and not talk.faults:
        talk.faults.append(f"read ends with {type(talk.end).__name__} instead of an Outcome")
    return talk


def _hear(service: Service, conversation: Any, exchange: Exchange, *, is_cut: bool = False) -> _Talk:  # noqa: ANN401 - whatever it gave
    """Go through a conversation, as the runner does."""
    talk = _Talk()
    _Relay(service, exchange, is_cut=is_cut).speak(conversation, talk)
    return talk


class _Relay:
    """The other side of a conversation."""

    def __init__(self, service: Service, exchange: Exchange, *, is_cut: bool) -> None:
        self._service = service
        self._answers = exchange.answers
        self._events = iter(exchange.events)
        self._is_cut = is_cut
        self._fetched = 0
        self._polls = 0

    def speak(self, conversation: Any, talk: _Talk) -> None:  # noqa: ANN401 - whatever it gave
        if not isinstance(conversation, Generator):
            talk.end = conversation
            talk.faults += _foreign(conversation, "a conversation")
            return
        answer: Any = None
        for _ in range(_MOST_STEPS):
            try:
                step = conversation.throw(answer) if isinstance(answer, Exception) else conversation.send(answer)
            except StopIteration as end:
                talk.end = end.value
                return
            except NowImageError as error:
                talk.end = error
                return
            except Exception as problem:  # noqa: BLE001 - that is what is looked for
                talk.faults.append(f"a conversation raises {type(problem).__name__}: {problem}")
                return
            if not isinstance(step, Step):
                talk.faults.append(f"a conversation yields {type(step).__name__}, which is no step")
                return
            answer = self._answer(step, talk)
        talk.faults.append("a conversation does not end")

    def _answer(self, step: Step[Any], talk: _Talk) -> Any:  # noqa: ANN401 - by the step; an error is to be thrown
        match step:
            case Next():
                return next(
                    self._events,
                    MaybeBilledError("the connection broke in the middle of the answer") if self._is_cut else None,
                )
            case Fetch(call=call):
                talk.faults += faults_of_call(call)
                return self._fetch()
            case Poll(task=task):
                return self._poll(task, talk)
            case Found():
                _note(step, talk)
            case Checkpoint(state=state):
                talk.faults += faults_of_fields(state, "a checkpoint")
                talk.states.append((state, len(talk.keys)))
        return None

    def _fetch(self) -> Reply | NowImageError:
        at, self._fetched = self._fetched, self._fetched + 1
        return (
            self._answers[min(at, len(self._answers) - 1)]
            if self._answers
            else MaybeBilledError("the connection broke before the relay answered")
        )

    def _poll(self, task: str, talk: _Talk) -> Any:  # noqa: ANN401 - fields, or an error to be thrown
        self._polls += 1
        if self._polls > _MOST_POLLS:
            return TaskStillPending("the task is still going on after {minutes} minutes", minutes=0)
        inner = _Talk()
        self.speak(_try(lambda: self._service.poll((task,))), inner)
        talk.faults += inner.faults
        if isinstance(inner.end, NowImageError):
            return inner.end
        fields = inner.end.get(task) if isinstance(inner.end, Mapping) else None
        return TaskLost("the service no longer knows task {task}", task=task) if fields is None else fields


def _note(found: Found, talk: _Talk) -> None:
    if not found.key or found.key in talk.keys:
        talk.faults.append(f"the key {found.key!r} names no output, or two")
    if not found.sources and not found.words:
        talk.faults.append(f"the output {found.key!r} has no source")
    talk.faults += faults_of_fields([found.about, found.handle], f"what is known of the output {found.key!r}")
    talk.keys.append(found.key)
