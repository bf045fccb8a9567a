"""The Midjourney protocol as new-api relays it: submit, press buttons, confirm in a modal, and ask again and again."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ._backend import Backend, seed_of
from ._drawing import Sketch, is_picture, open_picture
from ._forms import read_data_uri, read_json
from ._models import MODELS
from ._plates import PLACES, Plate, around, four, plain_file, print_plates, reseeded
from ._tasks import PREVIEW_FROM, Task, buttons_of
from ._wire import Refusal, Request, Response, bytes_response, html_response, json_response
from ._wishes import Wishes, wished_refusal

__all__ = ["ACCEPTED", "BLEND_SIZES", "BUTTONS", "CHANGES", "FLAGS", "LIFE_FACTOR", "PATH", "RATIO", "Midjourney"]

# How many times longer than a plain picture a task takes.
LIFE_FACTOR = 8
PATH = re.compile(r"(?:/[\w-]+)?(/mj/.+)")
RATIO = re.compile(r"--ar\s+(\d{1,3}):(\d{1,3})")
FLAGS = re.compile(r"\s--\w+(?:\s+[^\s-][^\s]*)?")
BLEND_SIZES = {"PORTRAIT": (832, 1248), "SQUARE": (1024, 1024), "LANDSCAPE": (1248, 832)}
QUEUED, FULL, BANNED, SATURATED = 22, 23, 24, 30
ACCEPTED = (1, QUEUED)
BUTTONS: tuple[tuple[str, str], ...] = (
    ("MJ::JOB::upsample", "UPSCALE"),
    ("MJ::JOB::variation", "VARIATION"),
    ("MJ::JOB::reroll", "REROLL"),
    ("MJ::JOB::low_variation", "LOW_VARIATION"),
    ("MJ::JOB::high_variation", "HIGH_VARIATION"),
    ("MJ::JOB::pan_", "PAN"),
    ("MJ::Outpaint", "ZOOM"),
    ("MJ::CustomZoom", "CUSTOM_ZOOM"),
    ("MJ::Inpaint", "INPAINT"),
)
CHANGES = {"UPSCALE": "upsample", "VARIATION": "variation", "REROLL": "reroll"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """A task that is about to be accepted."""

    action: str
    prompt: str = ""
    plates: tuple[Plate, ...] = ()
    custom_id: str = ""
    parent: str = ""
    text: str = ""
    picture: bytes | None = None

    @property
    def needs_modal(self) -> bool:
        return self.action in ("INPAINT", "CUSTOM_ZOOM")


class Midjourney:
    """The /mj endpoints of one relay, and its tasks."""

    def __init__(self, backend: Backend) -> None:
        """Start without tasks."""
        self._backend = backend
        self._tasks: dict[str, Task] = {}
        self._drafts: Mapping[str, Callable[[Mapping[str, Any]], _Draft]] = {
            "/mj/submit/imagine": self._imagine,
            "/mj/submit/change": self._change,
            "/mj/submit/action": self._action,
            "/mj/submit/blend": self._blend,
            "/mj/submit/describe": self._describe,
            "/mj/submit/shorten": self._shorten,
            "/mj/insight-face/swap": self._swap,
        }

    def endpoint(self, request: Request) -> Callable[[Request], Awaitable[Response]] | None:
        """Return who answers this path, with or without a mode in front."""
        match = PATH.fullmatch(request.path)
        if match is None:
            return None
        path = match[1]
        if request.method == "POST":
            return self._endpoint_for_post(path)
        if path.startswith("/mj/image/"):
            return self._image
        return self._ask if re.fullmatch(r"/mj/task/[^/]+/(fetch|image-seed)", path) else None

    def _endpoint_for_post(self, path: str) -> Callable[[Request], Awaitable[Response]] | None:
        if path in self._drafts:
            return self._submit
        return {
            "/mj/submit/modal": self._modal,
            "/mj/submit/simple-change": self._simple_change,
            "/mj/submit/upload-discord-images": self._upload,
            "/mj/task/list-by-condition": self._list,
            "/mj/task/list-by-ids": self._list,
        }.get(path)

    async def _submit(self, request: Request) -> Response:
        path = str(PATH.sub(r"\1", request.path))
        try:
            body = _body(request)
            wishes = self._backend.wishes_of(request, body)
            draft = self._drafts[path](body)
        except Refusal:
            self._backend.charge(request, model=f"mj_{path.rpartition('/')[2]}", n=1, billed=False, amount=0)
            raise
        return self._accept(request, draft, body, wishes, _code(draft, wishes))

    def _accept(self, request: Request, draft: _Draft, body: Mapping[str, Any], wishes: Wishes, code: int) -> Response:
        is_taken = code in ACCEPTED and wishes.status is None and not isinstance(wishes.code, str)
        self._charge(request, f"mj_{draft.action.lower()}", wishes, is_taken=is_taken)
        if not is_taken:
            return _turned_down(draft, wishes, code)
        task = self._put(draft, body, wishes)
        if (broken := _broken_reply(wishes)) is not None:
            return broken
        if wishes.fault == "rewritten":
            return _submitted(1, "Submit success", task.id, {})
        if draft.needs_modal:
            return _submitted(21, "Waiting for window confirm", task.id, {"finalPrompt": task.prompt, "remix": False})
        if code == QUEUED:
            return _submitted(QUEUED, "排队中，前面还有1个任务", task.id, {"numberOfQueues": 1})
        return _submitted(1, "Submit success", task.id, {})

    def _charge(self, request: Request, model: str, wishes: Wishes, *, is_taken: bool) -> None:
        price = MODELS[model].price if model in MODELS else MODELS["mj_imagine"].price
        # A task that fails is paid back; the books show the end of it.
        billed = is_taken and price > 0 and wishes.fault != "failure"
        billed = billed if wishes.billed is None else wishes.billed
        self._backend.charge(request, model=model, n=1, billed=billed, amount=price)

    def _put(self, draft: _Draft, body: Mapping[str, Any], wishes: Wishes) -> Task:
        task = Task(
            id=self._new_id(),
            action=draft.action,
            prompt=draft.prompt,
            submitted=self._backend.clock(),
            life=self._life(wishes),
            plates=draft.plates,
            custom_id=draft.custom_id,
            parent=draft.parent,
            bot=str(body.get("botType") or "MID_JOURNEY"),
            state=str(body.get("state") or ""),
            text=draft.text,
            picture=draft.picture,
            waits_for_modal=draft.needs_modal or wishes.fault == "modal",
            fails=wishes.fault == "failure",
            has_link=wishes.fault != "no_picture",
            link=self._bad_link(wishes),
            refresh=wishes.refresh or 0.0,
            has_wrong_host=wishes.fault == "wrong_host",
        )
        if wishes.fault == "forgotten":
            return task
        self._tasks[task.id] = task
        return task

    def _life(self, wishes: Wishes) -> float:
        return self._backend.latency * LIFE_FACTOR if wishes.latency is None else wishes.latency

    def _bad_link(self, wishes: Wishes) -> str:
        names = {"dead_link": "gone-task.png", "html_link": "page-task.png"}
        return f"{self._backend.base_url}/pictures/{names[wishes.fault]}" if wishes.fault in names else ""

    def _new_id(self) -> str:
        number = int(self._backend.clock() * 1000) % 10**13 * 1000 + len(self._tasks) % 1000
        while f"{number:016d}" in self._tasks:
            number += 1
        return f"{number:016d}"

    def _imagine(self, body: Mapping[str, Any]) -> _Draft:
        prompt = _required(body, "prompt", "prompt_is_required").strip()
        sources = tuple(_picture(item) for item in body.get("base64Array") or ())
        plain = FLAGS.sub("", f" {prompt}").strip() or prompt
        seed = seed_of("mj", prompt, self._backend.times_seen("mj", prompt))
        sketch = Sketch(prompt=plain, size=_size(prompt), seed=seed, note="midjourney")
        return _Draft(action="IMAGINE", prompt=prompt, plates=four(Plate(sketch=sketch, sources=sources)))

    def _blend(self, body: Mapping[str, Any]) -> _Draft:
        sources = tuple(_picture(item) for item in body.get("base64Array") or ())
        if not 2 <= len(sources) <= 5:  # noqa: PLR2004 - the documented limits
            raise _bad("base64Array需要2到5张图片")
        size = BLEND_SIZES.get(str(body.get("dimensions") or "SQUARE"), BLEND_SIZES["SQUARE"])
        seed = seed_of("blend", [len(source) for source in sources], self._backend.times_seen("blend"))
        sketch = Sketch(prompt="blend", size=size, seed=seed, note="midjourney · blend")
        return _Draft(action="BLEND", plates=four(Plate(sketch=sketch, sources=sources)))

    def _swap(self, body: Mapping[str, Any]) -> _Draft:
        if not body.get("sourceBase64") or not body.get("targetBase64"):
            raise _bad("sour_base64_and_target_base64_is_required")
        sources = (_picture(body["targetBase64"]), _picture(body["sourceBase64"]))
        sketch = Sketch(prompt="swap face", size=open_picture(sources[0]).size, seed=1, note="swap_face")
        return _Draft(action="SWAP_FACE", plates=(Plate(sketch=sketch, sources=sources),))

    def _describe(self, body: Mapping[str, Any]) -> _Draft:
        picture = _picture(_required(body, "base64", "base64_is_required"))
        width, height = open_picture(picture).size
        marks = ("soft morning light", "bold flat shapes", "fine ink lines on paper", "misty layers of colour")
        lines = [f"{number}️⃣ a quiet picture, {mark} --ar {width}:{height}" for number, mark in enumerate(marks, 1)]
        return _Draft(action="DESCRIBE", text="\n\n".join(lines), picture=picture)

    def _shorten(self, body: Mapping[str, Any]) -> _Draft:
        prompt = _required(body, "prompt", "prompt_is_required").strip()
        words = prompt.split()
        tokens = ", ".join(f"**{word}**" if len(word) > 3 else f"~~{word}~~" for word in words)  # noqa: PLR2004
        shorter = [" ".join(words[: max(1, len(words) - cut)]) for cut in range(5)]
        options = "\n\n".join(f"{number}️⃣ {text}" for number, text in enumerate(shorter, 1))
        text = f"## Important tokens\n{tokens}\n\n## Shortened prompts\n{options}"
        return _Draft(action="SHORTEN", prompt=prompt, text=text)

    def _change(self, body: Mapping[str, Any]) -> _Draft:
        parent = self._finished(body)
        action = _required(body, "action", "action_is_required")
        index = body.get("index")
        if not index:
            raise _bad("index_is_required")
        if action not in CHANGES:
            raise _no_channel(f"mj_{action.lower()}")
        wanted = f"::{CHANGES[action]}::{0 if action == 'REROLL' else index}::"
        matching = [button["customId"] for button in buttons_of(parent) if wanted in button["customId"]]
        if not matching:
            raise _bad("index_is_required")
        return self._pressed(parent, matching[0])

    def _action(self, body: Mapping[str, Any]) -> _Draft:
        custom_id = _required(body, "customId", "custom_id_is_required")
        parent = self._finished(body)
        if custom_id not in [button["customId"] for button in buttons_of(parent)]:
            raise _bad(f"unknown_action:{custom_id}")
        return self._pressed(parent, custom_id)

    def _pressed(self, parent: Task, custom_id: str) -> _Draft:
        action = next((action for start, action in BUTTONS if custom_id.startswith(start)), None)
        if action is None:
            raise _bad(f"unknown_action:{custom_id}")
        plates = self._plates_after(parent, action, custom_id)
        return _Draft(action=action, prompt=parent.prompt, plates=plates, custom_id=custom_id, parent=parent.id)

    def _plates_after(self, parent: Task, action: str, custom_id: str) -> tuple[Plate, ...]:
        parts = custom_id.split("::")
        times = self._backend.times_seen("pressed", parent.id, custom_id)
        index = int(parts[3]) - 1 if action in ("UPSCALE", "VARIATION") else 0
        chosen = parent.plates[min(index, len(parent.plates) - 1)]
        if action == "UPSCALE":
            return (chosen,)
        if action in ("PAN", "ZOOM"):
            return four(around(chosen, PLACES[parts[2]]), times)
        if action in ("INPAINT", "CUSTOM_ZOOM"):
            return (chosen,)
        return four(chosen, action, times)

    async def _modal(self, request: Request) -> Response:
        body = _body(request)
        wishes = self._backend.wishes_of(request, body)
        task = self._tasks.get(_required(body, "taskId", "task_id_is_required"))
        if task is None or not task.waits_for_modal:
            raise _bad("task_no_found" if task is None else "task_status_not_success")
        prompt = str(body.get("prompt") or task.prompt)
        plates = await asyncio.to_thread(_confirmed, task, prompt, body.get("maskBase64"))
        self._charge(request, "mj_modal", wishes, is_taken=True)
        self._tasks[task.id] = replace(
            task,
            prompt=prompt,
            plates=plates,
            waits_for_modal=False,
            submitted=self._backend.clock(),
            life=self._life(wishes),
            fails=wishes.fault == "failure",
        )
        return _broken_reply(wishes) or _submitted(1, "Submit success", task.id, {})

    async def _simple_change(self, _request: Request) -> Response:
        # The defect of the real ones: the path is taken for "change" and the model name comes out empty.
        raise _no_channel("mj_")

    async def _upload(self, request: Request) -> Response:
        pictures = [_picture(item) for item in _body(request).get("base64Array") or ()]
        links = [self._backend.link_to(data, "image/png", Wishes()) for data in pictures]
        self._backend.charge(request, model="mj_upload", n=1, billed=False, amount=0)
        return json_response({"code": 1, "description": "success", "result": links, "properties": {}})

    async def _list(self, request: Request) -> Response:
        ids = _body(request).get("ids")
        wanted = [str(task_id) for task_id in ids] if isinstance(ids, list) else []
        known = [self._tasks[task_id] for task_id in wanted if task_id in self._tasks]
        return json_response([self._wire(task) for task in known])

    async def _ask(self, request: Request) -> Response:
        *_, task_id, question = request.path.split("/")
        task = self._tasks.get(task_id)
        if task is None:
            raise _bad("task_no_found")
        if question == "fetch":
            return json_response(self._wire(task))
        seed = str(task.plates[0].sketch.seed % 2**32) if task.plates else "0"
        return json_response({"code": 1, "description": "success", "result": seed})

    async def _image(self, request: Request) -> Response:
        task = self._tasks.get(request.path.rpartition("/")[2])
        if task is None or not (task.plates or task.picture):
            return html_response("404 Not Found", status=404)
        if task.picture is not None:
            return bytes_response(task.picture, "image/png")
        age = 0.0 if task.waits_for_modal else task.age(self._backend.clock())
        if age < PREVIEW_FROM:
            return html_response("404 Not Found", status=404)
        return bytes_response(await asyncio.to_thread(print_plates, task.plates, age), "image/png")

    def _wire(self, task: Task) -> dict[str, Any]:
        return task.wire(self._backend.clock(), self._backend.base_url)

    def _finished(self, body: Mapping[str, Any]) -> Task:
        task = self._tasks.get(_required(body, "taskId", "task_id_is_required"))
        if task is None:
            raise _bad("task_no_found")
        if task.status(self._backend.clock()) != "SUCCESS":
            raise _bad("task_status_not_success")
        return task


def _confirmed(task: Task, prompt: str, mask: object) -> tuple[Plate, ...]:
    chosen = task.plates[0]
    if task.action == "CUSTOM_ZOOM":
        zoom = re.search(r"--zoom\s+([\d.]+)", prompt)
        scale = 1 / min(2.0, max(1.0, float(zoom[1]) if zoom else 2.0))
        return four(around(chosen, ((1 - scale) / 2, (1 - scale) / 2, scale)), prompt)
    if task.action != "INPAINT":
        return tuple(reseeded(plate, prompt) for plate in task.plates)
    if not mask:
        raise _bad("maskBase64不能为空")
    sketch = replace(chosen.sketch, prompt=FLAGS.sub("", f" {prompt}").strip())
    return four(Plate(sketch=sketch, sources=(plain_file(chosen),), mask=_picture(mask)), prompt)


def _code(draft: _Draft, wishes: Wishes) -> int:
    if isinstance(wishes.code, int):
        return wishes.code
    return BANNED if "demo-banned" in draft.prompt else 1


def _turned_down(draft: _Draft, wishes: Wishes, code: int) -> Response:
    if wishes.status is not None or isinstance(wishes.code, str):
        raise wished_refusal(wishes) or Refusal(500, "demo")
    words = {FULL: "队列已满，请稍后尝试", BANNED: "可能包含敏感词", SATURATED: "当前分组负载已饱和，请稍后再试"}
    properties = {"promptEn": draft.prompt, "bannedWord": "demo-banned"} if code == BANNED else {}
    value = {"code": code, "description": words.get(code, "请求失败"), "result": "", "properties": properties}
    return json_response(value, status=429 if code == SATURATED else 200)


def _broken_reply(wishes: Wishes) -> Response | None:
    if wishes.fault in ("reset", "cut"):
        message = "the demo relay dropped the connection, as asked"
        raise ConnectionResetError(message)
    if wishes.fault == "html":
        return html_response("Welcome to nginx!")
    return bytes_response(b"", "application/json") if wishes.fault == "empty" else None


def _submitted(code: int, description: str, task_id: str, properties: Mapping[str, Any]) -> Response:
    response = json_response({"code": code, "description": description, "result": task_id, "properties": properties})
    # new-api writes this reply without a content type.
    headers = tuple(
        (name, "text/plain; charset=utf-8" if name == "content-type" else value) for name, value in response.headers
    )
    return replace(response, headers=headers)


def _body(request: Request) -> Mapping[str, Any]:
    try:
        return read_json(request)
    except Refusal:
        raise _bad("bind_request_body_failed") from None


def _required(body: Mapping[str, Any], name: str, complaint: str) -> str:
    value = str(body.get(name) or "")
    if not value.strip():
        raise _bad(complaint)
    return value


def _picture(value: object) -> bytes:
    data = read_data_uri(value)
    if not is_picture(data):
        raise _bad("base64格式错误")
    return data


def _size(prompt: str) -> tuple[int, int]:
    match = RATIO.search(prompt)
    if match is None or not int(match[1]) or not int(match[2]):
        return (1024, 1024)
    ratio = min(3.0, max(1 / 3, int(match[1]) / int(match[2])))
    return (round(1024 * ratio**0.5 / 16) * 16, round(1024 / ratio**0.5 / 16) * 16)


def _bad(description: str) -> Refusal:
    return Refusal(400, f"{description} ", code="4", kind="midjourney")


def _no_channel(model: str) -> Refusal:
    return Refusal(503, f"分组 default 下模型 {model} 无可用渠道（distributor）", code="model_not_found")
