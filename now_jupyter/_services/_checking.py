"""Whether a service keeps its contract: for ours, and for the tests of plug-ins (`now_jupyter.services.check`)."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice, product, repeat
from typing import Any

from .._json import Fields, Texts
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
    Plan,
    Poll,
    Reply,
    Service,
    Step,
)
from ._contract import faults_of_call, faults_of_fields, faults_of_offer, faults_of_plan

__all__ = ["Exchange", "check"]

_MOST_STEPS = 5_000
_MOST_POLLS = 50
_MOST_CUTS = 100
_WRONG: tuple[Any, ...] = (None, 7, "", [], {})  # what stands in the place of each part of an answer
_ODD: tuple[Any, ...] = ("", "no such value", "9" * 400, -1, 10**30, 0.5, True, None, [], [None], {}, {"a": [1]})
_FOREIGN: tuple[Any, ...] = (
    *(None, "", "text", 0, -1, 1.5, True, [], {}, [None], [[]], {"data": None}, {"data": []}, {"data": [{}, None, 7]}),
    *({"data": "text"}, {"data": {"data": {"data": 7}}}, {"error": None}, {"error": "no"}, {"error": {"message": 7}}),
    *({"code": 500, "message": "no"}, {"success": False}, {"choices": [{}]}, {"choices": [{"message": None}]}),
    *({"id": 7, "status": 7}, {"result": 7}, {"status": "FAILURE", "buttons": None}, {"status": "SUCCESS"}, {"url": 7}),
)
_CUT = MaybeBilledError("the connection broke in the middle of the answer")
_NO_ANSWER = MaybeBilledError("the connection broke before the relay answered")
_PAGE = Reply(text="<!doctype html><title>nginx</title>", media_type="text/html")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A paid answer and what the relay says after it.

    `events` are those of a streamed answer, `answers` those to the free calls, in their order, the last one again and
    again; an error among either is raised. `memo` None: that of the plan of the first ask. An exchange of an older
    release brings along what that release kept: its `memo`, its checkpoints as `states`, and the `keys` it found.
    """

    reply: Reply
    events: tuple[Event | NowImageError, ...] = ()
    answers: tuple[Reply | NowImageError, ...] = ()
    memo: Fields | None = None
    states: tuple[Fields, ...] = ()
    keys: Texts | None = None


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
    plan = _try(lambda: service.plan(every[0])) if every else None
    memo = plan.memo if isinstance(plan, Plan) and isinstance(plan.memo, Mapping) else {}
    for one in replies:
        exchange = one if isinstance(one, Exchange) else Exchange(reply=one)
        faults += _faults_of_reading(service, replace(exchange, memo=memo) if exchange.memo is None else exchange)
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
    if isinstance(plan, Plan):
        yield from _faults_of_preparing(service, plan, before) if plan.before else ()
        yield from _settable_fields(service, ask, plan.call.json)
    for name, odd in product(ask.offer.options, _ODD):
        plan = _plan_with(service, ask, params={**ask.request.params, name: odd})
        yield from _foreign(plan, f"plan with {name}={odd!r}")


def _plan_with(service: Service, ask: Ask, **changes: Any) -> Any:  # noqa: ANN401 - a plan, or what was raised
    return _try(lambda: service.plan(replace(ask, request=replace(ask.request, **changes))))


def _faults_of_offering(service: Service, offer: Offer) -> Iterator[str]:
    first, again = (_try(lambda: service.offer(Listed(name=offer.model))) for _ in range(2))
    yield from _foreign(first, "offer")
    if first != again and not isinstance(first, Exception):
        yield "two offers for one model differ"
    for one in (first, offer):
        yield from faults_of_offer(one) if one is not None and not isinstance(one, Exception) else ()
    yield from _foreign(_try(lambda: service.offer(Listed(name=""))), "offer for a model without a name")


def _settable_fields(service: Service, ask: Ask, body: object) -> Iterator[str]:
    """Yield the wire's fields of model, prompt and n that `-p` can set: they would pass by splitting and price."""
    fields = body.items() if isinstance(body, Mapping) else ()
    own = {name for name, value in fields if value and value in (ask.offer.model, ask.request.prompt)}
    if count := ask.offer.options.get("n"):
        own.add(count.name or "n")
    for name in sorted(own):
        if not isinstance(_plan_with(service, ask, raw={name: "x"}), InputError):
            yield f"-p {name}=… is not refused"


def _faults_of_preparing(service: Service, plan: Plan, before: Sequence[Reply]) -> Iterator[str]:
    talk = _prepare(service, plan, *before)
    yield from talk.faults
    values = talk.end
    if not isinstance(values, Mapping):
        yield f"prepare ends with {values!r}"
        return
    if isinstance(missing := _try(lambda: plan.call.fill(values)), KeyError):
        yield f"prepare gives no {missing} for the paid call"
    for odd in _FOREIGN:
        yield from _prepare(service, plan, Reply(body=odd)).faults


def _prepare(service: Service, plan: Plan, *answers: Reply) -> _Talk:
    return _Talk(service, lambda: service.prepare(plan), Exchange(reply=Reply(), answers=answers))


# Answers


def _faults_of_reading(service: Service, exchange: Exchange) -> Iterator[str]:
    whole, again = (_read(service, exchange) for _ in range(2))
    if whole.faults:
        yield from whole.faults
        return
    if again.keys != whole.keys:
        yield f"one answer gives the keys {whole.keys}, then {again.keys}"
    if exchange.keys is not None and whole.keys != list(exchange.keys):
        yield f"the answer gives the keys {whole.keys} instead of {list(exchange.keys)}"
    for state, found in (*whole.states, *((state, 0) for state in exchange.states)):
        yield from _faults_of_resuming(service, exchange, state, (whole.keys, whole.keys[found:]))
    for other in _others(exchange):
        yield from (f"{fault} (after a cut or foreign answer)" for fault in _read(service, other).faults)
    for at in range(min(len(exchange.events) + 1, _MOST_CUTS)):
        talk = _read(service, replace(exchange, events=(*exchange.events[:at], _CUT)))
        yield from (f"{fault} (cut after {at} events)" for fault in talk.faults)
        if not set(talk.keys) <= set(whole.keys):
            yield f"cut after {at} events, the stream gives the keys {talk.keys} instead of {whole.keys}"


def _faults_of_resuming(
    service: Service, exchange: Exchange, state: Fields, keys: tuple[list[str], list[str]]
) -> Iterator[str]:
    every, missing = keys
    talk = _Talk(service, lambda: service.resume(state), exchange)
    yield from talk.faults
    if not set(missing) <= set(talk.keys) <= set(every):
        yield f"resumed from {dict(state)}, it finds {talk.keys} instead of {missing}"
    call = _try(lambda: service.cancel(state))
    yield from _foreign(call, "cancel")
    yield from faults_of_call(call) if isinstance(call, Call) else ()


def _others(exchange: Exchange) -> Iterator[Exchange]:
    """Yield the exchange with its answers damaged, and with those of somebody else."""
    odd = (_PAGE, Reply(), Reply(is_file=True), Reply(streamed=True))
    yield from (replace(exchange, reply=reply) for reply in (*_spoil(exchange.reply), *odd))
    for at, answer in enumerate(exchange.answers):
        for reply in _spoil(answer) if isinstance(answer, Reply) else ():
            yield replace(exchange, answers=(*exchange.answers[:at], reply))
    for event in (Event("message", body) for body in _FOREIGN):
        yield replace(exchange, reply=Reply(streamed=True), events=(event, *exchange.events, event))


def _spoil(reply: Reply) -> Iterator[Reply]:
    return (Reply(body=body) for body in chain(islice(_damage(reply.body), _MOST_CUTS), _FOREIGN))


def _damage(body: Any) -> Iterator[Any]:  # noqa: ANN401 - JSON of any shape
    """Yield a body with each of its parts gone, or something else."""
    if isinstance(body, Mapping):
        for key, value in body.items():
            yield {name: one for name, one in body.items() if name != key}
            yield from ({**body, key: odd} for odd in (*_damage(value), *_WRONG))
    elif isinstance(body, list | tuple):
        yield from (list(one.values()) for one in _damage(dict(enumerate(body))))


def _read(service: Service, exchange: Exchange) -> _Talk:
    talk = _Talk(service, lambda: service.read(exchange.reply, exchange.memo or {}), exchange)
    if not isinstance(talk.end, Outcome | NowImageError) and not talk.faults:
        talk.faults.append(f"read ends with {type(talk.end).__name__} instead of an Outcome")
    return talk


class _Talk:
    """A conversation, gone through as the runner does: what it found, where it could be resumed, how it ended."""

    def __init__(self, service: Service, begin: Callable[[], object], exchange: Exchange) -> None:
        self._service = service
        self._events = chain(exchange.events, repeat(None))
        self._answers = chain(exchange.answers, repeat(exchange.answers[-1] if exchange.answers else _NO_ANSWER))
        self._polls = 0
        self.keys: list[str] = []
        self.states: list[tuple[Fields, int]] = []
        self.faults: list[str] = []
        self.end = self._follow(begin)

    def _follow(self, begin: Callable[[], object]) -> object:
        """Return what a conversation ends with; None where it is none, or has no end."""
        conversation: Any = _try(begin)
        if not isinstance(conversation, Generator):
            self.faults += _foreign(conversation, "a conversation")
            return conversation
        answer: Any = None
        for _ in range(_MOST_STEPS):
            try:
                step = (
                    conversation.throw(answer.with_traceback(None))
                    if isinstance(answer, Exception)
                    else conversation.send(answer)
                )
            except StopIteration as end:
                return end.value
            except Exception as problem:  # noqa: BLE001 - that is what is looked for
                self.faults += _foreign(problem, "a conversation")
                return problem
            if not isinstance(step, Step):
                self.faults.append(f"a conversation yields {type(step).__name__}, which is no step")
                return None
            answer = self._answer(step)
        self.faults.append("a conversation does not end")
        return None

    def _answer(self, step: Step[Any]) -> object:
        """Return what a step is answered with; an error is to be thrown."""
        match step:
            case Next():
                return next(self._events)
            case Fetch(call=call):
                self.faults += faults_of_call(call)
                return next(self._answers)
            case Poll(task=task):
                return self._poll(task)
            case Found(key=key):
                if not key or key in self.keys:
                    self.faults.append(f"the key {key!r} names no output, or two")
                if not step.sources and not step.words:
                    self.faults.append(f"the output {key!r} has no source")
                self.faults += faults_of_fields([step.about, step.handle], f"what is known of the output {key!r}")
                self.keys.append(key)
            case Checkpoint(state=state):
                self.faults += faults_of_fields(state, "a checkpoint")
                self.states.append((state, len(self.keys)))
        return None

    def _poll(self, task: str) -> object:
        self._polls += 1
        if self._polls > _MOST_POLLS:
            return TaskStillPending("the task is still going on after {minutes} minutes", minutes=0)
        known = self._follow(lambda: self._service.poll((task,)))
        if isinstance(known, NowImageError):
            return known
        fields = known.get(task) if isinstance(known, Mapping) else None
        return TaskLost("the service no longer knows task {task}", task=task) if fields is None else fields
