"""Conversations driven by hand: no client, no loop, no clock."""

from __future__ import annotations

import base64
from typing import Any

from now_jupyter._protocol import Ask, Fetch, Found, Input, Listed, Next, Offer, Outcome, Plan, Poll, Request, Role
from now_jupyter._services import make_plan, service_named

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n partial").decode()
LINK = "https://h.example/1.png"


def talk(conversation: Any, answers: Any = ()) -> tuple[list[Any], Outcome | None]:
    """Go through a conversation with prepared answers to Next, Fetch and Poll; an error among them is thrown."""
    steps: list[Any] = []
    answer: Any = None
    left = list(answers)
    try:
        while True:
            step = conversation.throw(answer) if isinstance(answer, Exception) else conversation.send(answer)
            steps.append(step)
            answer = left.pop(0) if isinstance(step, Next | Fetch | Poll) else None
    except StopIteration as end:
        return steps, end.value


def found(steps: list[Any]) -> list[Found]:
    return [step for step in steps if isinstance(step, Found)]


def offer(model: str = "gpt-image-2") -> Offer:
    offered = service_named("openai-images").offer(Listed(name=model))
    assert offered is not None
    return offered


def ask(prompt: str = "a fox", model: str = "gpt-image-2", *, n: int = 1, previews: int = 0, **rest: Any) -> Ask:
    """Ask for pictures; `raw` and `inputs` are the request's, all else are options."""
    raw, inputs = rest.pop("raw", {}), rest.pop("inputs", ())
    request = Request(prompt=prompt, params=rest, raw=raw, inputs=tuple(inputs))
    return Ask(request=request, offer=offer(model), n=n, previews=previews)


def plan(*args: Any, **rest: Any) -> Plan:
    return make_plan(service_named("openai-images"), ask(*args, **rest))


def given(role: Role, name: str = "a", **facts: Any) -> Input:
    return Input(role=role, id=name, sha256=name * 64, **{"mime": "image/png", **facts})
