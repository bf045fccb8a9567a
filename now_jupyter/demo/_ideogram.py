"""The Ideogram endpoints as relays offer them: generate, remix, upscale and describe, each answered at once."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ._backend import Backend
from ._drawing import encode, is_picture, open_picture
from ._forms import Form, parse_json, read_form, read_json
from ._models import MODELS, Size
from ._studio import Order, counted, draw_order
from ._wire import Refusal, Request, Response, bytes_response, html_response, json_response
from ._wishes import Wishes, wished_refusal

__all__ = ["MAX_SEED", "MODEL", "RATIO", "RESOLUTION", "Ideogram"]

MODEL = MODELS["ideogram_generate"]
RATIO = re.compile(r"ASPECT_(\d{1,2})_(\d{1,2})")
RESOLUTION = re.compile(r"RESOLUTION_(\d{3,4})_(\d{3,4})")
MAX_SEED = 2**31


class Ideogram:
    """The /ideogram endpoints of one relay."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def generate(self, request: Request) -> Response:
        """Draw a prompt."""
        return await self._answer(request, Form(fields=read_json(request)), needs_prompt=True)

    async def remix(self, request: Request) -> Response:
        """Draw a prompt over a picture."""
        return await self._answer(request, read_form(request), needs_prompt=True, needs_picture=True)

    async def upscale(self, request: Request) -> Response:
        """Draw a picture again, twice as large."""
        return await self._answer(request, read_form(request), needs_prompt=False, needs_picture=True)

    async def flat(self, request: Request) -> Response:
        """Draw by a form of the third version: a prompt, or over a picture, or where a mask is black."""
        work = request.path.rpartition("/")[2]
        form = read_form(request)
        return await self._answer(
            request, _as_legacy(form), needs_prompt=work != "reframe", needs_picture=work != "generate"
        )

    async def describe(self, request: Request) -> Response:
        """Say what a picture may show."""
        data = self._picture(request, read_form(request))
        self._backend.charge(request, model="ideogram_describe", n=1, billed=True, amount=MODEL.price / 6)
        width, height = open_picture(data).size
        text = f"A quiet picture of {width} by {height} points, seen by the demo relay"
        return json_response({"descriptions": [{"text": text}, {"text": f"{text}, in other words"}]})

    async def _answer(
        self, request: Request, form: Form, *, needs_prompt: bool, needs_picture: bool = False
    ) -> Response:
        wishes, order = self._accept(request, form, needs_prompt=needs_prompt, needs_picture=needs_picture)
        self._backend.charge(request, model=MODEL.name, n=order.n, billed=wishes.is_billed, amount=order.price)
        await self._backend.pause(self._backend.patience(wishes))
        if (refusal := wished_refusal(wishes)) is not None:
            raise refusal
        if wishes.fault in ("reset", "cut"):
            message = "the demo relay dropped the connection, as asked"
            raise ConnectionResetError(message)
        if wishes.fault == "html":
            return html_response("Welcome to nginx!")
        if wishes.fault == "empty":
            return bytes_response(b"", "application/json")
        count = 0 if wishes.fault == "no_picture" else order.n
        created = datetime.fromtimestamp(self._backend.clock(), UTC).isoformat(timespec="seconds")
        return json_response({"created": created, "data": [await self._item(order, i, wishes) for i in range(count)]})

    def _accept(self, request: Request, form: Form, *, needs_prompt: bool, needs_picture: bool) -> tuple[Wishes, Order]:
        try:
            asked = _image_request(form)
            wishes = self._backend.wishes_of(request, dict(asked) | dict(form.fields))
            sources = [self._picture(request, form)] if needs_picture else []
            order = _order(asked, tuple(sources), needs_prompt=needs_prompt)
            if sources and (masks := form.uploads("mask")):
                order = replace(order, mask=_to_openai(masks[0]), size=open_picture(sources[0]).size)
        except Refusal:
            self._backend.charge(request, model=MODEL.name, n=1, billed=False, amount=0)
            raise
        return wishes, order if wishes.wants_error else counted(self._backend, order)

    async def _item(self, order: Order, index: int, wishes: Wishes) -> dict[str, Any]:
        is_safe = "demo-banned" not in order.prompt
        url = ""
        if is_safe:
            url = self._backend.link_to((await draw_order(order, index)).data, order.media_type, wishes)
        facts = {"prompt": order.prompt, "resolution": order.size_text, "is_image_safe": is_safe}
        return facts | {"seed": (order.seed or order.repeat) + index, "url": url, "style_type": "GENERAL"}

    def _picture(self, _request: Request, form: Form) -> bytes:
        pictures = form.uploads("image_file")
        if not pictures or not is_picture(pictures[0]):
            raise _invalid("image_file is required and must be a JPEG, PNG or WebP picture")
        return pictures[0]


def _as_legacy(form: Form) -> Form:
    """Return a flat form as the older endpoints have it."""
    fields: dict[str, Any] = {name: value for name, value in form.fields.items() if name != "demo"}
    for name in ("num_images", "seed"):
        if name in fields:
            fields[name] = form.whole_number(name, 0)
    if "aspect_ratio" in fields:
        fields["aspect_ratio"] = f"ASPECT_{fields['aspect_ratio']}".replace("x", "_")
    if "resolution" in fields:
        fields["resolution"] = f"RESOLUTION_{fields['resolution']}".replace("x", "_")
    files = tuple(("image_file" if name.partition("[")[0] == "image" else name, data) for name, data in form.files)
    wishes = {"demo": form.fields["demo"]} if "demo" in form.fields else {}
    return Form(fields={"image_request": fields, **wishes}, files=files)


def _to_openai(mask: bytes) -> bytes:
    """Return a mask that is black where to repaint as one that is transparent there."""
    keep = open_picture(mask).convert("L")
    ground = keep.convert("RGBA")
    ground.putalpha(keep)
    return encode(ground, form="png")


def _image_request(form: Form) -> Mapping[str, Any]:
    value = form.fields.get("image_request")
    if isinstance(value, str):
        try:
            value = parse_json(value)
        except ValueError:
            raise _invalid("image_request is not JSON") from None
    if not isinstance(value, dict):
        raise _invalid("image_request is required")
    return value


def _order(asked: Mapping[str, Any], sources: tuple[bytes, ...], *, needs_prompt: bool) -> Order:
    prompt = str(asked.get("prompt") or "")
    if needs_prompt and not prompt.strip():
        raise _invalid("prompt is required")
    n, seed = asked.get("num_images", 1), asked.get("seed")
    if not isinstance(n, int) or not 1 <= n <= MODEL.max_n:
        raise _invalid(f"num_images must be from 1 to {MODEL.max_n}")
    if seed is not None and (not isinstance(seed, int) or not 0 <= seed < MAX_SEED):
        raise _invalid("seed must be from 0 to 2147483647")
    order = Order(model=MODEL, prompt=prompt, n=n, size=_size(asked), quality="auto", seed=seed, sources=sources)
    return order if needs_prompt else replace(order, size=_doubled(sources[0]))


def _size(asked: Mapping[str, Any]) -> Size:
    ratio, resolution = asked.get("aspect_ratio"), asked.get("resolution")
    if ratio and resolution:
        raise _invalid("aspect_ratio and resolution cannot be used together")
    match = RESOLUTION.fullmatch(str(resolution or "")) or RATIO.fullmatch(str(ratio or "ASPECT_1_1"))
    if match is None or not int(match[1]) or not int(match[2]):
        raise _invalid("aspect_ratio or resolution is not one of the supported values")
    width, height = int(match[1]), int(match[2])
    if resolution:
        return (width, height)
    share = (width / height) ** 0.5
    return (round(1024 * share / 16) * 16, round(1024 / share / 16) * 16)


def _doubled(data: bytes) -> Size:
    width, height = open_picture(data).size
    return (min(2048, width * 2), min(2048, height * 2))


def _invalid(message: str) -> Refusal:
    return Refusal(400, message, code="invalid_value", kind="invalid_request_error")
