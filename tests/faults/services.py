"""A task service on a fault server, and the engine that talks to it.

The engine is the tests' own small one (`task_engine.py`), with the codes of a real one: what the rows prove are the
steps that every engine is made of, their polling, limits, checkpoints and resuming.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from faultserver import Action, Seen, Send, json_answer
from now_jupyter._engines import ENGINES
from now_jupyter._errors import NowImageError, RateLimitError, RejectedError
from now_jupyter._steps import Conversation, Engine, Reply, Submit
from now_jupyter._values import Generation, Request
from stand import Stand, on_stand
from task_engine import TaskService

__all__ = ["ENGINES_WITH_TASKS", "LIST", "SUBMIT", "Service", "Tasks", "stand_of", "waited"]

SUBMIT, LIST = "/mj/submit/imagine", "/mj/task/list-by-condition"


class Tasks(TaskService):
    """The small engine, with the pauses and the codes of a real one."""

    def start(self, request: Request, *, model: str, partials: int = 0) -> Conversation:
        call = next(super().start(request, model=model, partials=partials))
        assert isinstance(call, Submit)
        reply = yield call
        assert isinstance(reply, Reply)
        assert isinstance(reply.body, Mapping)
        code, words = reply.body.get("code"), reply.body.get("description")
        if code == 23:
            raise RateLimitError("the service's queue is full: {words}", words=words)
        if code not in (1, 21, 22):
            raise RejectedError("the service refuses: {words}", words=words)
        again = super().start(request, model=model, partials=partials)
        next(again)
        step = again.send(Reply(status=200, body={"code": 1, "result": reply.body["result"]}))
        while True:
            try:
                answer = yield step
            except NowImageError as problem:
                step = again.throw(problem)
                continue
            try:
                step = again.send(answer)
            except StopIteration as end:
                outcome: Any = end.value
                return outcome


ENGINES_WITH_TASKS: Mapping[str, Engine] = MappingProxyType({**ENGINES, "tasks": Tasks(pause=2.0)})


class Service:
    """A task service on the stand's server: one task, `17`, whose answers are lined up."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.submits = 0
        self._answers: deque[Sequence[Action]] = deque()
        self._code = 1
        self._pictures: tuple[bytes, ...] = ()
        stand.server.script(self._submit, path=SUBMIT)
        stand.server.script(self._list, path=LIST)

    def sells(self, *pictures: bytes, code: int = 1) -> None:
        self._pictures, self._code = pictures, code

    def answers(self, status: str, *, image: str = "", progress: str = "", **more: Any) -> None:
        task = {
            "id": "17",
            "status": status,
            "progress": progress,
            "imageUrl": image,
            "buttons": [],
            "failReason": "no",
        }
        self.line_up([Send(json_answer([{**task, **more}]))])

    def line_up(self, *answers: Sequence[Action]) -> None:
        self._answers.extend(answers)

    def _submit(self, seen: Seen) -> Sequence[Action]:
        self.submits += 1
        is_taken = self._code in (1, 21, 22)
        self.stand.ledger.note(seen.headers["idempotency-key"], billed=is_taken, pictures=self._pictures)
        return [Send(json_answer({"code": self._code, "description": "words", "result": "17"}))]

    def _list(self, _seen: Seen) -> Sequence[Action]:
        return self._answers.popleft() if len(self._answers) > 1 else self._answers[0]

    @property
    def polls(self) -> int:
        return sum(one.path == LIST for one in self.stand.server.seen)

    def order(self) -> Generation | NowImageError:
        return self.stand.buy(service="tasks", model="mj")


def waited(stand: Stand) -> float:
    """A stopwatch that goes on by what was waited for."""
    return sum(stand.pauses)


def stand_of(folder: Path, **options: Any) -> Any:
    return on_stand(folder, engines=ENGINES_WITH_TASKS, stopwatch=waited, **options)
