"""A service with tasks (the demo's Midjourney protocol), as small as the protocol allows.

It proves that submit → poll with progress → picture → a button, stopping and resuming need nothing but a service's own
methods; the service that users get is written later, in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from now_jupyter._json import Fields, Texts
from now_jupyter._messages import BadResponseError, InputError, RejectedError, TaskFailed
from now_jupyter._protocol import (
    Ask,
    Button,
    Call,
    Charge,
    Checkpoint,
    Conversation,
    Fetch,
    Fit,
    Found,
    Link,
    Listed,
    Offer,
    Option,
    Outcome,
    Plan,
    Poll,
    Progress,
    Reply,
    Request,
    Service,
)
from now_jupyter._services import raw_fields

ACCEPTED = (1, 22)
GIVEN_UP = ("FAILURE", "CANCEL")


class TaskService(Service):
    """Imagine and action of the Midjourney protocol (reference/midjourney.md §2–§4)."""

    name = "tasks"
    batch = 100

    def offer(self, listed: Listed) -> Offer:
        return Offer(
            model=listed.name,
            fit=Fit.ASKED,
            prompt="optional",
            raw={"demo": Option()},
            inputs={"picture": 1, "press": 1},
        )

    def plan(self, ask: Ask) -> Plan:
        path, body = _press(ask.request) if ask.request.button else ("imagine", {"prompt": ask.request.prompt})
        call = Call(path=f"/mj/submit/{path}", base="host", json={**body, **raw_fields(ask)})
        return Plan(call=call, charge=Charge(name="mj_imagine"))

    def read(self, reply: Reply, memo: Fields) -> Conversation[Outcome]:
        """Remember the task before anything else, then follow it."""
        del memo
        task = task_in(reply)
        yield from Checkpoint(state={"task": task})
        return (yield from _follow(task))

    def resume(self, state: Fields) -> Conversation[Outcome]:
        return (yield from _follow(str(state["task"])))

    def poll(self, tasks: Texts) -> Conversation[Fields]:
        call = Call(path="/mj/task/list-by-condition", base="host", json={"ids": list(tasks)})
        reply = yield from Fetch(call)
        items = reply.body if isinstance(reply.body, list) else []
        return {str(item["id"]): item for item in items if isinstance(item, Mapping)}


def task_in(reply: Reply) -> str:
    """The task that was accepted."""
    body = reply.body
    if not isinstance(body, Mapping) or not body.get("result"):
        raise BadResponseError("the service gave no task")
    if body.get("code") not in ACCEPTED:
        raise RejectedError("the service refused: {words}", words=body.get("description"))
    return str(body["result"])


def _press(request: Request) -> tuple[str, dict[str, Any]]:
    (pressed,) = request.given("press")
    assert pressed.origin is not None
    action = next((one.action for one in pressed.origin.buttons if one.label == request.button), None)
    if action is None:
        raise InputError("there is no button {label}", label=request.button)
    return "action", {"taskId": pressed.origin.state["task"], "customId": action}


def _follow(task: str) -> Conversation[Outcome]:
    while True:
        known: Mapping[str, Any] = yield from Poll(task)
        if known["status"] == "MODAL":
            yield from Checkpoint(state={"task": task}, billed="maybe")  # until it is confirmed
            return Outcome(needs="modal", buttons=(Button(label="confirm", action=task),))
        if known["status"] in ("SUCCESS", *GIVEN_UP):
            return (yield from _finish(known))
        yield from Progress(fraction=_fraction(known["progress"]))


def _finish(known: Mapping[str, Any]) -> Conversation[Outcome]:
    if link := known.get("imageUrl"):
        yield from Found(key="1", sources=(Link(link),))
    if known["status"] in GIVEN_UP:
        raise TaskFailed("the task failed: {reason}", reason=known["failReason"])
    buttons = tuple(Button(label=one["label"] or one["emoji"], action=one["customId"]) for one in known["buttons"])
    return Outcome(buttons=buttons)


def _fraction(progress: object) -> float | None:
    text = str(progress or "").removesuffix("%")
    return int(text) / 100 if text.isdigit() else None
