"""POST /v1/images/generations, /edits and /variations: one JSON reply, or a stream of partial pictures."""

import base64
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ._backend import Backend
from ._drawing import is_picture
from ._forms import Form, read_form, read_json, require_multipart
from ._makers import read_makers_fields
from ._models import MODELS
from ._odd import answer_oddly
from ._studio import Drawn, Order, counted, draw_order, read_order
from ._wire import Refusal, Request, Response, broken, invalid_value, json_response
from ._wishes import Wishes, answer_wished

__all__ = ["MAX_PARTIALS", "PREFIX", "TOKENS_BY_QUALITY", "Images", "Job", "usage"]

PREFIX = "/v1/images/"
MAX_PARTIALS = 3
TOKENS_BY_QUALITY = {"low": 272, "auto": 1056, "medium": 1056, "high": 4160, "xhigh": 6240, "max": 8320}


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One accepted request: what to draw, and in which form to answer."""

    order: Order
    wishes: Wishes
    event: str
    partials: int
    streams: bool
    form: str

    @property
    def has_usage(self) -> bool:
        """Whether its family tells what was used."""
        return self.order.model.family == "gpt"


class Images:
    """The OpenAI image endpoints of one relay."""

    def __init__(self, backend: Backend) -> None:
        """Work on this relay's clock, books and gallery."""
        self._backend = backend

    async def generate(self, request: Request) -> Response:
        """Draw a prompt."""
        return await self._answer(request, Form(fields=_parsed(self._backend, request)), event="image_generation")

    async def edit(self, request: Request) -> Response:
        """Draw over given pictures, inside the mask if there is one."""
        require_multipart(request)
        return await self._answer(request, read_form(request), event="image_edit")

    async def vary(self, request: Request) -> Response:
        """Draw a given picture differently."""
        require_multipart(request)
        return await self._answer(request, read_form(request), event="image_variation")

    async def finish(self, job: Job) -> dict[str, Any]:
        """Draw what was accepted."""
        count = 0 if job.wishes.fault == "no_picture" else job.order.n
        drawn = [await draw_order(job.order, index) for index in range(count)]
        value = {"created": int(self._backend.clock()), "data": [self._item(job, one) for one in drawn]}
        return value | _used(job.order) | {"usage": usage(job.order, job.order.n)} if job.has_usage else value

    async def _answer(self, request: Request, form: Form, *, event: str) -> Response:
        job = self.accept(request, form, event=event)
        await self.wait(job)
        if (instead := answer_wished(job.wishes)) is not None:
            return instead
        if job.wishes.odd is not None:
            return answer_oddly(job.wishes.odd, await self.finish(job))
        return self._stream(job) if job.streams else await self._reply(job)

    async def wait(self, job: Job) -> None:
        """Take the time of a picture; a stream takes it between its frames."""
        if not job.streams:
            await self._backend.pause(self._backend.patience(job.wishes))

    def accept(self, request: Request, form: Form, *, event: str) -> Job:
        """Take an order into the books."""
        try:
            job = self._accept(request, form, event)
        except Refusal:
            wanted = form.fields.get("n")
            n = wanted if isinstance(wanted, int) else 1
            self._backend.charge(request, model=form.text("model"), n=n, billed=False, amount=0)
            raise
        order, billed = job.order, job.wishes.is_billed
        self._backend.charge(request, model=order.model.name, n=order.n, billed=billed, amount=order.price)
        return job

    def _accept(self, request: Request, form: Form, event: str) -> Job:
        wishes = self._backend.wishes_of(request, form.fields)
        model = MODELS.get(form.text("model"))
        if model is not None and model.family == "maker":
            form = read_makers_fields(form, model)
            event = "image_edit" if form.files else event
        order = read_order(form, needs_prompt=event != "image_variation")
        if form.fields.get("response_format") is not None and order.model.family == "gpt":
            raise _unknown_parameter("response_format")
        if event != "image_generation":
            order = _with_sources(order, form)
        if wishes.fault == "no_mask":
            order = replace(order, mask=None)
        # Relays drop the wish for a stream where the model has none.
        streams = form.flag("stream") and order.model.family == "gpt" and wishes.form != "json"
        return Job(
            order=order if wishes.wants_error else counted(self._backend, order),
            wishes=wishes,
            event="image_edit" if event == "image_edit" else "image_generation",
            partials=_partials(form) if streams else 0,
            streams=streams and not wishes.wants_error and wishes.odd is None,
            form=_reply_form(order, form, wishes),
        )

    async def _reply(self, job: Job) -> Response:
        value = await self.finish(job)
        response = json_response(value)
        if job.wishes.fault != "cut":
            return response
        data = json.dumps(value).encode()
        return replace(response, headers=_length(response, len(data)), body=broken(data))

    def _item(self, job: Job, drawn: Drawn) -> dict[str, str]:
        item = self._place(job, drawn.data)
        if job.order.model.name == "dall-e-3" and job.order.prompt:
            item["revised_prompt"] = f"{job.order.prompt.strip()}, drawn with care by the demo relay"
        return item

    def _place(self, job: Job, data: bytes) -> dict[str, str]:
        if job.form == "url":
            return {"url": self._backend.link_to(data, job.order.media_type, job.wishes)}
        return {"b64_json": base64.b64encode(data).decode()}

    def _stream(self, job: Job) -> Response:
        body = self._cut(job) if job.wishes.fault == "cut" else self._frames(job)
        headers = (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"))
        return Response(status=200, headers=headers, body=body)

    async def _frames(self, job: Job) -> AsyncIterator[bytes]:
        step = self._backend.patience(job.wishes) / (job.partials + 1)
        count = 0 if job.wishes.fault == "no_picture" else job.order.n
        for index in range(count):
            drawn = await draw_order(job.order, index, stages=job.partials)
            for number, stage in enumerate(drawn.stages):
                await self._backend.pause(step)
                yield self._partial(job, stage, number)
            await self._backend.pause(step)
            if job.wishes.fault == "error_frame":
                yield _error_frame()
                break
            yield self._completed(job, drawn.data)
        yield b"data: [DONE]\n\n"

    async def _cut(self, job: Job) -> AsyncIterator[bytes]:
        frames = [frame async for frame in self._frames(job)]
        async for chunk in broken(b"".join(frames)):
            yield chunk

    def _partial(self, job: Job, stage: bytes, number: int) -> bytes:
        encoded = {"b64_json": base64.b64encode(stage).decode()}
        return self._frame(f"{job.event}.partial_image", job, encoded | {"partial_image_index": number})

    def _completed(self, job: Job, data: bytes) -> bytes:
        return self._frame(f"{job.event}.completed", job, self._place(job, data) | {"usage": usage(job.order, 1)})

    def _frame(self, event: str, job: Job, fields: Mapping[str, Any]) -> bytes:
        value = {"type": event, "created_at": int(self._backend.clock())} | _used(job.order) | dict(fields)
        return _sse(event, value)


def usage(order: Order, n: int) -> dict[str, Any]:
    """Return the token counts that a GPT image model reports for `n` pictures."""
    words = max(1, len(order.prompt.encode()) // 4)
    seen = 323 * len(order.sources)
    drawn = TOKENS_BY_QUALITY[order.quality] * n
    return {
        "total_tokens": words + seen + drawn,
        "input_tokens": words + seen,
        "output_tokens": drawn,
        "input_tokens_details": {"text_tokens": words, "image_tokens": seen},
        "output_tokens_details": {"image_tokens": drawn, "text_tokens": 0},
    }


def _used(order: Order) -> dict[str, str]:
    quality = "medium" if order.quality == "auto" else order.quality
    facts = {"background": order.background, "output_format": order.output_format}
    return facts | {"size": order.size_text, "quality": quality}


def _parsed(backend: Backend, request: Request) -> Mapping[str, Any]:
    try:
        return read_json(request)
    except Refusal:
        backend.charge(request, model="", n=1, billed=False, amount=0)
        raise


def _with_sources(order: Order, form: Form) -> Order:
    images = form.uploads("image")
    if not images:
        message = "image is required"
        raise Refusal(400, message, code="invalid_value", kind="invalid_request_error", param="image")
    masks = form.uploads("mask")
    for name, data in (*(("image", data) for data in images), *(("mask", data) for data in masks)):
        if not is_picture(data):
            raise invalid_value(name, f"Invalid '{name}': the file is not a supported picture (png, webp, jpg).")
    return replace(order, sources=tuple(images[:16]), mask=masks[0] if masks else None)


def _partials(form: Form) -> int:
    partials = form.whole_number("partial_images", 0)
    if not 0 <= partials <= MAX_PARTIALS:
        raise invalid_value("partial_images", f"Invalid 'partial_images': {partials}. Expected a value from 0 to 3.")
    return partials


def _reply_form(order: Order, form: Form, wishes: Wishes) -> str:
    if wishes.fault in ("dead_link", "html_link"):
        return "url"
    if wishes.form in ("url", "b64"):
        return str(wishes.form)
    if order.model.family == "gpt":
        return "b64"
    return "b64" if form.text("response_format", "url") == "b64_json" else "url"


def _unknown_parameter(name: str) -> Refusal:
    message = f"Unknown parameter: '{name}'."
    return Refusal(400, message, code="unknown_parameter", kind="invalid_request_error", param=name)


def _length(response: Response, size: int) -> tuple[tuple[str, str], ...]:
    return tuple((name, str(size) if name == "content-length" else value) for name, value in response.headers)


def _error_frame() -> bytes:
    error = {
        "message": "The server had an error while drawing.",
        "type": "server_error",
        "param": None,
        "code": "server_error",
    }
    return _sse("error", {"type": "error", "error": error})


def _sse(event: str, value: Mapping[str, Any]) -> bytes:
    return f"event: {event}\ndata: {json.dumps(value, separators=(',', ':'))}\n\n".encode()
