"""Pictures made in the background: asked for by `?async=true` or an address of its own, told in two dialects."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from ._backend import Backend, digest_of
from ._forms import read_form
from ._images import Images, Job
from ._wire import Refusal, Request, Response, json_response
from ._wishes import answer_wished

__all__ = ["TASK_PATHS", "ImageTasks", "wants_task"]

TASK_PATHS = ("/v1/images/tasks/", "/v1/tasks/")
_MOST = 512


@dataclass(slots=True)
class _Task:
    job: Job
    submitted: float
    life: float
    answer: dict[str, Any] | None = None


class ImageTasks:
    """The tasks of one relay, each drawn when it is asked for after its time."""

    def __init__(self, backend: Backend, images: Images) -> None:
        """Work on this relay's clock, with its painter."""
        self._backend = backend
        self._images = images
        self._tasks: OrderedDict[str, _Task] = OrderedDict()

    async def submit(self, request: Request, *, edits: bool = False) -> Response:
        """Take the order into the books, and answer with the id of its task."""
        job = self._images.accept(request, read_form(request), event="image_edit" if edits else "image_generation")
        if (instead := answer_wished(job.wishes)) is not None:
            return instead
        name = f"img_{digest_of(request.path, len(self._tasks), self._backend.clock(), job.order.prompt)[:20]}"
        self._tasks[name] = _Task(job, self._backend.clock(), self._backend.patience(job.wishes))
        if len(self._tasks) > _MOST:
            self._tasks.popitem(last=False)
        return json_response({"code": "success", "message": "", "data": name})

    async def fetch(self, request: Request) -> Response:
        """Tell how a task is doing, in the dialect of the address; an unknown one is refused."""
        start = next(one for one in TASK_PATHS if request.path.startswith(one))
        name = request.path.removeprefix(start)
        if (task := self._tasks.get(name)) is None:
            message = "task_not_exist"
            raise Refusal(400, message, code="task_not_exist")
        age = 1.0 if task.life <= 0 else min(1.0, (self._backend.clock() - task.submitted) / task.life)
        if age >= 1 and task.answer is None and task.job.wishes.fault != "failure":
            task.answer = await self._images.finish(task.job)
        told = _as_relays_do if start == TASK_PATHS[0] else _as_shops_do
        return json_response(told(name, age, task.answer))


def wants_task(request: Request) -> bool:
    """Whether a call to the images endpoints asks for a task in place of the picture."""
    return "true" in parse_qs(request.query).get("async", ())


def _as_relays_do(name: str, age: float, answer: dict[str, Any] | None) -> dict[str, Any]:
    status = "IN_PROGRESS" if age < 1 else "SUCCESS" if answer else "FAILURE"
    facts = {"task_id": name, "status": status, "progress": f"{int(age * 100)}%"}
    reason = {"fail_reason": "[Demo] the task failed, as asked"} if status == "FAILURE" else {"fail_reason": ""}
    return {"code": "success", "message": "", "data": facts | reason | {"data": answer}}


def _as_shops_do(name: str, age: float, answer: dict[str, Any] | None) -> dict[str, Any]:
    status = "processing" if age < 1 else "completed" if answer else "failed"
    facts: dict[str, Any] = {"id": name, "object": "image.generation.task", "status": status}
    if status == "failed":
        facts["error"] = {"code": "task_failed", "message": "[Demo] the task failed, as asked"}
    items = answer["data"] if answer else []
    return facts | {"progress": int(age * 100), "results": [one.get("url") or one.get("b64_json") for one in items]}
