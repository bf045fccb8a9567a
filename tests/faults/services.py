"""A task service on a fault server, and the engine that talks to it.

The engine is the tests' own small one (`task_engine.py`), with the codes of a real one: what the rows prove are the
steps that every engine is made of, their polling, limits, checkpoints and resuming.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from task_engine import GIVEN_UP, TaskService

from faultserver import Action, Seen, Send, json_answer
from now_jupyter._messages._errors import NowImageError, RateLimitError, RejectedError
from now_jupyter._protocol import Conversation, Engine, Reply, Submit
from now_jupyter._services._registry import ENGINES
from now_jupyter._values import Generation, Request
from stand import Stand, on_stand

__all__ = ["ENGINES_WITH_TASKS", "LIST", "SUBMIT", "Service", "Tasks", "pauses_between_polls", "stand_of", "waited"]

SUBMIT, LIST = "/mj/submit/imagine", "/mj/task/list-by-condition"
TAKEN = (1, 21, 22)


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
        if code not in TAKEN:
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


ENGINES_WITH_TASKS: Mapping[str, Engine] = MappingProxyType({**ENGINES, "tasks": Tasks(pause=None)})


class Service:
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
    return on_stand(folder, engines=ENGINES_WITH_TASKS, stopwatch=waited, **options)
