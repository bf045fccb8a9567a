"""An engine for a task service (the demo's Midjourney protocol), as small as the protocol allows.

It proves that submit → poll with progress → pictures → a button, stopping and resuming need nothing but steps; the
engine that users get is written later, on the same steps.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

from now_jupyter._json import JSON
from now_jupyter._messages._errors import BadResponseError, RejectedError, TaskFailed
from now_jupyter._protocol import (
    Answer,
    Call,
    Checkpoint,
    Conversation,
    Found,
    Need,
    Outcome,
    Poll,
    Progress,
    Reply,
    Step,
    Submit,
    Wait,
)
from now_jupyter._services._pace import Pace
from now_jupyter._values import Button, Request

ACCEPTED = (1, 22)
GIVEN_UP = ("FAILURE", "CANCEL")


class TaskService:
    """Imagine and action of the Midjourney protocol (reference/midjourney.md §2–§4).

    `pause` is a short one for tests that wait; without it the pauses are the usual ones.
    """

    name = "tasks"

    def __init__(self, *, pause: float | None = 0.05) -> None:
        self.pause = pause

    def start(self, request: Request, *, model: str, partials: int = 0) -> Conversation:  # noqa: ARG002 - the protocol's
        """Submit, remember the task before anything else, then follow it."""
        reply = yield Submit(_submit_call(request))
        task = _task_of(reply)
        yield Checkpoint({"task": task})
        return (yield from self._follow(task))

    def resume(self, request: Request, state: Mapping[str, JSON], *, model: str) -> Conversation:  # noqa: ARG002 - as above
        """Follow the task that was remembered; nothing is submitted."""
        return (yield from self._follow(str(state["task"])))

    def poll_call(self, tasks: Sequence[str]) -> Call:
        return Call(method="POST", path="/mj/task/list-by-condition", body={"ids": list(tasks)})

    def poll_answer(self, reply: Reply) -> Mapping[str, JSON]:
        items = reply.body if isinstance(reply.body, list) else []
        return {str(item["id"]): item for item in items if isinstance(item, Mapping)}

    def _follow(self, task: str) -> Generator[Step, Answer, Outcome]:
        pace = Pace() if self.pause is None else Short(self.pause)
        while True:
            known: Any = yield Poll(task)
            if known is None:
                pace.unknown(task)
            else:
                pace.known()
                outcome = yield from _told(known)
                if outcome is not None:
                    return outcome
            yield pace.wait()


class Short(Pace):
    """Pauses that are all as short as a test wants them."""

    def __init__(self, pause: float) -> None:
        super().__init__()
        self._short = pause

    def wait(self) -> Wait:
        self._unknown_for += self._short
        return Wait(self._short)


def _told(known: Mapping[str, Any]) -> Generator[Step, Answer, Outcome | None]:
    """Take what the service says of a task; None while it goes on."""
    if known["status"] == "MODAL":
        yield Need("modal")
    if known["status"] not in ("SUCCESS", *GIVEN_UP):
        yield Progress(fraction=_fraction(known["progress"]))
        return None
    if link := known.get("imageUrl"):
        yield Found(source=link)
    if known["status"] in GIVEN_UP:
        raise TaskFailed("the task failed: {reason}", reason=known["failReason"])
    buttons = tuple(Button(label=one["label"] or one["emoji"], action=one["customId"]) for one in known["buttons"])
    return Outcome(expected=1, buttons=buttons)


def _submit_call(request: Request) -> Call:
    extra = {key: value for key, value in request.params.items() if key == "demo"}
    if "button" in request.params:
        body = {"taskId": request.params["task"], "customId": request.params["button"], **extra}
        return Call(method="POST", path="/mj/submit/action", body=body)
    return Call(method="POST", path="/mj/submit/imagine", body={"prompt": request.prompt, **extra})


def _task_of(reply: Answer) -> str:
    body = reply.body if isinstance(reply, Reply) else None
    if not isinstance(body, Mapping) or not body.get("result"):
        raise BadResponseError("the service gave no task")
    if body.get("code") not in ACCEPTED:
        raise RejectedError("the service refused: {words}", words=body.get("description"))
    return str(body["result"])


def _fraction(progress: object) -> float | None:
    text = str(progress or "").removesuffix("%")
    return int(text) / 100 if text.isdigit() else None
