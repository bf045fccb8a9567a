"""An engine for a task service (the demo's Midjourney protocol), as small as the protocol of the house allows.

It proves that submit → poll with progress → pictures → a button, stopping and resuming need nothing but steps; the
engine that users get is written later, on the same steps.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

from now_jupyter._errors import BadResponseError, RejectedError, TaskFailed, TaskLost
from now_jupyter._steps import (
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
from now_jupyter._values import JSON, Button, Request

PATIENCE = 60.0
ACCEPTED = (1, 22)


class TaskService:
    """Imagine and action of the Midjourney protocol (reference/midjourney.md §2–§4)."""

    name = "tasks"

    def __init__(self, *, pause: float = 0.05) -> None:
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
        missing = 0.0
        while True:
            known: Any = yield Poll(task)
            if known is None:
                missing += self.pause
                if missing > PATIENCE:
                    raise TaskLost("the service no longer knows task {task}", task=task)
            elif known["status"] == "SUCCESS":
                yield Found(source=known["imageUrl"])
                buttons = tuple(
                    Button(label=one["label"] or one["emoji"], action=one["customId"]) for one in known["buttons"]
                )
                return Outcome(expected=1, buttons=buttons)
            elif known["status"] == "FAILURE":
                raise TaskFailed("the task failed: {reason}", reason=known["failReason"])
            elif known["status"] == "MODAL":
                yield Need("modal")
            else:
                yield Progress(fraction=_fraction(known["progress"]))
            yield Wait(self.pause)


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
