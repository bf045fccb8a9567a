"""A task service on a fault server, and the service of ours that talks to it.

It is the tests' own small one, with the codes of a real one: what the rows prove are the steps that every service is
made of, their polling, limits, checkpoints and resuming.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from faultserver import Action, Seen, Send, json_answer
from now_jupyter._services import services
from now_jupyter._values import Generation
from now_jupyter.services import (
    Ask,
    BadResponseError,
    Button,
    Call,
    Charge,
    Checkpoint,
    Conversation,
    Fetch,
    Fields,
    Fit,
    Found,
    Link,
    Listed,
    Lost,
    NowImageError,
    Offer,
    Outcome,
    Plan,
    Poll,
    Progress,
    RateLimitError,
    RejectedError,
    Reply,
    Service,
    TaskFailed,
    Texts,
)
from stand import Stand, on_stand

__all__ = ["LIST", "SERVICES_WITH_TASKS", "SUBMIT", "TaskDesk", "Tasks", "pauses_between_polls", "stand_of", "waited"]

SUBMIT, LIST = "/mj/submit/imagine", "/mj/task/list-by-condition"
TAKEN = (1, 21, 22)
GIVEN_UP = ("FAILURE", "CANCEL")


class Tasks(Service):
    """Imagine of the Midjourney protocol, as small as the steps allow."""

    name = "tasks"
    batch = 20

    def offer(self, listed: Listed) -> Offer:
        return Offer(model=listed.name, fit=Fit.ASKED)

    def plan(self, ask: Ask) -> Plan:
        call = Call(path=SUBMIT, base="host", json={"prompt": ask.request.prompt})
        return Plan(call=call, charge=Charge(name=ask.offer.model), expected=ask.n)

    def read(self, reply: Reply, memo: Fields) -> Conversation[Outcome]:
        """Remember the task before anything else, then follow it."""
        del memo
        body = reply.body if isinstance(reply.body, Mapping) else {}
        code, words = body.get("code"), body.get("description")
        if code == 23:
            raise RateLimitError("the service's queue is full: {words}", words=words)
        if code not in TAKEN:
            raise RejectedError("the service refuses: {words}", words=words)
        if not body.get("result"):
            raise BadResponseError("the service gave no task")
        yield from Checkpoint(state={"task": str(body["result"])})
        return (yield from _follow(str(body["result"])))

    def resume(self, state: Fields) -> Conversation[Outcome]:
        return (yield from _follow(str(state["task"])))

    def poll(self, tasks: Texts) -> Conversation[Fields]:
        reply = yield from Fetch(Call(path=LIST, base="host", json={"ids": list(tasks)}))
        if not isinstance(reply.body, list):
            raise BadResponseError("this is no list of tasks")
        return {str(item["id"]): item for item in reply.body if isinstance(item, Mapping)}


def _follow(task: str) -> Conversation[Outcome]:
    while True:
        known: Any = yield from Poll(task)
        if known["status"] == "MODAL":
            return Outcome(needs="modal")
        if known["status"] in ("SUCCESS", *GIVEN_UP):
            return (yield from _ended(known))
        text = str(known["progress"]).removesuffix("%")
        yield from Progress(fraction=int(text) / 100 if text.isdigit() else None)


def _ended(known: Mapping[str, Any]) -> Conversation[Outcome]:
    link = known.get("imageUrl")
    if link:
        yield from Found(key="1", sources=(Link(str(link)),))
    if known["status"] in GIVEN_UP:
        if not link:
            raise TaskFailed("the task failed: {reason}", reason=known["failReason"])
        yield from Lost(known["failReason"])
    buttons = tuple(Button(label=one["label"], action=one["customId"]) for one in known["buttons"])
    return Outcome(expected=1, buttons=buttons)


SERVICES_WITH_TASKS: Sequence[Service] = (*services(), Tasks())


class TaskDesk:
    """A task service on the stand's server: one task, `17`, whose answers are lined up.

    It keeps its own books, as services do: a task that is taken is billed, and given back when it is given up without
    a picture.
    """

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.submits = 0
        self._answers: deque[Any] = deque()
        self._submitted: Sequence[Action] | None = None
        self._code = 1
        self._pictures: tuple[bytes, ...] = ()
        self._task: dict[str, Any] = {"id": "17", "buttons": [], "failReason": "no"}
        stand.server.script(self._submit, path=SUBMIT)
        stand.server.script(self._list, path=LIST)

    def sells(self, *pictures: bytes, code: int = 1) -> None:
        self._pictures, self._code = pictures, code

    def refuses(self, answer: Sequence[Action]) -> None:
        """Take no task, and say so in this way."""
        self._submitted = answer

    def answers(self, status: str, *, image: str = "", progress: str = "", **more: Any) -> None:
        task = {**self._task, "status": status, "progress": progress, "imageUrl": image, **more}
        self.line_up(lambda: self._gave_up() if status in GIVEN_UP and not image else None, [Send(json_answer([task]))])

    def line_up(self, *answers: Sequence[Action] | Callable[[], None]) -> None:
        """Line up answers to polls; a function is called when its turn comes, before the next answer."""
        self._answers.extend(answers)

    def forget_answers(self) -> None:
        self._answers.clear()

    def _submit(self, seen: Seen) -> Sequence[Action]:
        self.submits += 1
        is_taken = self._submitted is None and self._code in TAKEN
        self.stand.ledger.note(seen.headers["idempotency-key"], billed=is_taken, pictures=self._pictures)
        if self._submitted is not None:
            return self._submitted
        return [Send(json_answer({"code": self._code, "description": "words", "result": "17"}))]

    def _gave_up(self) -> None:
        self.stand.ledger.sales[:] = [replace(one, billed=False) for one in self.stand.ledger.sales]

    def _list(self, _seen: Seen) -> Sequence[Action]:
        while callable(self._answers[0]):
            self._answers.popleft()()
        return self._answers.popleft() if len(self._answers) > 1 else self._answers[0]

    @property
    def polls(self) -> int:
        return sum(one.path == LIST for one in self.stand.server.seen)

    def order(self) -> Generation | NowImageError:
        return self.stand.buy(service="tasks", model="mj")


def waited(stand: Stand) -> float:
    """A stopwatch that goes on by what was waited for."""
    return sum(stand.pauses)


def pauses_between_polls(stand: Stand) -> list[float]:
    """What was waited for from one poll to the next; the moment in which polls are gathered is none of it."""
    return [one for one in stand.pauses if one >= 1]


def stand_of(folder: Path, **options: Any) -> Any:
    return on_stand(folder, services=SERVICES_WITH_TASKS, stopwatch=waited, **options)
