"""`services.check` finds what breaks the contract, and says it in words."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

import now_jupyter.services as public
from now_jupyter.services import (
    Ask,
    BadResponseError,
    Call,
    Charge,
    Checkpoint,
    Exchange,
    Fetch,
    Fit,
    Found,
    InputError,
    Later,
    Link,
    Listed,
    Offer,
    Option,
    Outcome,
    Plan,
    Poll,
    Reply,
    Request,
    Service,
    check,
)


class Good(Service):
    """A service of tasks that keeps the contract: a free call before the paid one, two pictures behind it."""

    name = "good"

    def offer(self, listed: Listed) -> Offer | None:
        return Offer(model=listed.name, fit=Fit.NAMED, options={"n": Option(name="count", most=2)})

    def plan(self, ask: Ask) -> Plan:
        if {"model", "prompt", "count"} & set(ask.request.raw):
            raise InputError("-p cannot set {name}: it would pass by what is split, priced and agreed", name="n")
        body = {"model": ask.offer.model, "prompt": ask.request.prompt, "ticket": Later("ticket")}
        before = (Call(path="/ticket", json={}),)
        return Plan(call=Call(path="/paid", json=body), charge=Charge(name="m"), before=before, memo={"x": 1})

    def prepare(self, plan: Plan) -> Any:
        reply = yield from Fetch(plan.before[0])
        return {"ticket": str(reply.body)}

    def read(self, reply: Reply, _memo: Any) -> Any:
        task = reply.body.get("task") if isinstance(reply.body, dict) else None
        if not isinstance(task, str) or not task:
            raise BadResponseError("the service gave no task")
        yield from Checkpoint(state={"task": task})
        return (yield from self.resume({"task": task}))

    def resume(self, state: Any) -> Any:
        known = yield from Poll(state["task"])
        links = known.get("links")
        for at, link in enumerate(links if isinstance(links, list) else []):
            yield from Found(key=f"p{at}", sources=(Link(str(link)),))
        return Outcome()

    def poll(self, tasks: Any) -> Any:
        reply = yield from Fetch(Call(path="/tasks/{}", ids=(tasks[0],), method="GET"))
        return {tasks[0]: reply.body} if isinstance(reply.body, dict) else {}


ASK = Ask(request=Request(prompt="a fox"), offer=Offer(model="m", fit=Fit.NAMED, options={"n": Option(name="count")}))
ANSWERS = (Reply(body={"links": ["https://h.example/1", "https://h.example/2"]}),)
EXCHANGE = Exchange(reply=Reply(body={"task": "7"}), answers=ANSWERS)
TICKET = [Reply(body=5)]


def fault_of(**methods: Callable[..., Any]) -> str:
    service = type("Broken", (Good,), {"name": "broken", **methods})()
    with pytest.raises(AssertionError) as caught:
        check(service, [ASK], [EXCHANGE], before=TICKET)
    return str(caught.value)


def test_a_good_service_passes() -> None:
    check(Good(), [ASK], [EXCHANGE, Reply(body={"odd": 1})], before=TICKET)


def replan(**changes: Any) -> Callable[..., Plan]:
    def plan(self: Good, ask: Ask) -> Plan:
        from dataclasses import replace

        return replace(Good.plan(self, ask), **changes)

    return plan


COUNTER = iter(range(10**9))


def restless(self: Good, ask: Ask) -> Plan:
    return replan(memo={"x": next(COUNTER)})(self, ask)


def unprepared(_self: Good, _plan: Plan) -> Any:
    yield from ()
    return {}


@pytest.mark.parametrize(
    ("methods", "fault"),
    [
        ({"plan": replan(call=Call(path="https://h.example/x"), before=())}, "not one below the relay's address"),
        ({"plan": replan(call=Call(path="/x", headers={"x": "Bearer " + "y" * 20}), before=())}, "a key stands in"),
        ({"plan": replan(memo={"task_id": 2.0**60})}, "task_id in the memo is a float"),
        ({"plan": replan(before=())}, "waits for values"),
        ({"plan": replan(expected=0)}, "expects no output"),
        ({"plan": restless}, "two plans of one ask differ"),
        ({"plan": lambda _self, ask: {}[ask]}, "plan raises"),
        (
            {"plan": lambda self, ask: Good.plan(self, Ask(request=Request(prompt="x"), offer=ask.offer))},
            "-p count=… is not refused",
        ),
        ({"offer": lambda _self, listed: listed}, "it offers Listed instead of an Offer"),
        ({"prepare": lambda _self, _plan: iter(())}, "prepare ends with"),
        ({"prepare": unprepared}, "prepare gives no 'ticket'"),
    ],
)
def test_what_is_wrong_with_a_plan_is_said(methods: Any, fault: str) -> None:
    said = fault_of(**methods)
    assert said.startswith("the service broken breaks its contract:")
    assert re.search(fault, said)


def reader(*steps: Any, end: Any = Outcome()) -> Callable[..., Any]:  # noqa: B008 - a constant
    def read(_self: Good, _reply: Reply, _memo: Any) -> Any:
        for step in steps:
            yield step() if callable(step) else step
        return end

    return read


def foreign(_self: Good, reply: Reply, _memo: Any) -> Any:
    yield from ()
    return Outcome(usage=reply.body["usage"]["total"])  # type: ignore[index,call-overload]


def endless(_self: Good, _reply: Reply, _memo: Any) -> Any:
    while True:
        yield from Checkpoint(state={})


LINKS = (Link("https://h.example/1"),)


@pytest.mark.parametrize(
    ("methods", "fault"),
    [
        ({"read": foreign}, "raises (TypeError|KeyError)"),
        ({"read": endless}, "does not end"),
        ({"read": reader("nonsense")}, "yields str, which is no step"),
        ({"read": reader(end=None)}, "NoneType instead of an Outcome"),
        ({"read": reader(Found(key="1", sources=LINKS), Found(key="1", sources=LINKS))}, "names no output, or two"),
        ({"read": reader(Found(key="1"))}, "has no source"),
        ({"read": reader(lambda: Found(key=str(next(COUNTER)), sources=LINKS))}, "one answer gives the keys"),
        ({"read": reader(Checkpoint(state={"id": 1.5, "task": "7"}))}, "is a float"),
        ({"resume": lambda _self, state: {}[state["no"]]}, "KeyError"),
        ({"poll": lambda _self, tasks: reader(end={tasks[0]: 7})(None, None, None)}, "raises AttributeError"),
        ({"cancel": lambda _self, state: state["no"]}, "cancel raises KeyError"),
    ],
)
def test_what_is_wrong_with_reading_is_said(methods: Any, fault: str) -> None:
    assert re.search(fault, fault_of(**methods))


def test_a_resume_that_finds_other_keys_is_told() -> None:
    class Forgetful(Good):
        name = "forgetful"

        def read(self, _reply: Reply, _memo: Any) -> Any:
            yield from Checkpoint(state={"task": "7"})
            yield from Found(key="first", sources=LINKS)
            return Outcome()

    with pytest.raises(AssertionError, match="instead of"):
        check(Forgetful(), [ASK], [EXCHANGE], before=TICKET)


def test_the_public_module_gives_the_protocol_and_the_errors() -> None:
    """A plug-in needs nothing but this module."""
    assert {"Service", "Offer", "Plan", "Found", "InputError", "check", "Exchange"} <= set(public.__all__)
    assert all(hasattr(public, name) for name in public.__all__)
