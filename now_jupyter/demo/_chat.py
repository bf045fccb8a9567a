"""Pictures by models that talk: `/v1/chat/completions`, and Gemini's own `generateContent`.

Google's family draws beside words, a model behind a web page in a stream of progress and links; others only talk.
"""

import base64
import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from ._backend import Backend, digest_of
from ._drawing import is_picture
from ._forms import read_data_uri, read_json
from ._models import Model, Size, model_that_talks, size_of
from ._studio import Order, counted, draw_order
from ._wire import Refusal, Request, Response, broken, invalid_request, json_response
from ._wishes import Wishes, answer_wished

__all__ = ["NATIVE", "Chat"]

NATIVE = re.compile(r"/v1beta/models/([^/:]{1,200}):generateContent")
_PIXELS = re.compile(r"(\d{2,4})x(\d{2,4})")
_DRAWING = ("gemini", "page")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Turn:
    """One message to a model: what it says, what it shows, and in which form the answer is to come."""

    model: Model
    order: Order
    wishes: Wishes
    streams: bool = False
    has_images: bool = False


class Chat:
    """The endpoints at which one talks to a model."""

    def __init__(self, backend: Backend) -> None:
        """Work on this relay's clock, books and gallery."""
        self._backend = backend

    async def complete(self, request: Request) -> Response:
        """Answer the last message, in one piece or in deltas."""
        fields = read_json(request)
        model = model_that_talks(str(fields.get("model") or ""))
        words, pictures = _last_message(fields)
        shape = _shape({**_google(fields), **_mapping(fields.get("image_config"))}, words, model)
        turn = _Turn(
            model=model,
            order=self._order(model, words, pictures, shape),
            wishes=self._backend.wishes_of(request, fields),
            streams=fields.get("stream") is True,
            has_images="image" in (fields.get("modalities") or ()),
        )
        return await self._begin(request, turn) or await self._completion(turn)

    async def generate_content(self, request: Request) -> Response:
        """Answer as Google itself does."""
        fields, name = read_json(request), NATIVE.fullmatch(request.path)
        model = model_that_talks(name[1] if name else "")
        if model.family != "gemini":
            raise Refusal(404, f"models/{model.name} is not found for API version v1beta", code="404")
        parts = _list(_mapping(_list(fields.get("contents"))[-1:] and _list(fields["contents"])[-1]).get("parts"))
        words = " ".join(str(part["text"]) for part in map(_mapping, parts) if part.get("text"))
        inline = [_mapping(part).get("inlineData") or _mapping(part).get("inline_data") for part in parts]
        pictures = [_picture(_mapping(one).get("data")) for one in inline if one]
        given = _mapping(_mapping(fields.get("generationConfig")).get("imageConfig"))
        config = {"aspect_ratio": given.get("aspectRatio"), "image_size": given.get("imageSize")}
        turn = _Turn(
            model=model,
            order=self._order(model, words, pictures, _shape(config, words, model)),
            wishes=self._backend.wishes_of(request, fields),
        )
        return await self._begin(request, turn) or json_response(await self._candidates(turn))

    def _order(self, model: Model, words: str, pictures: list[bytes], size: Size) -> Order:
        if not words.strip():
            message = "messages is required"
            raise invalid_request(message)
        order = Order(
            model=model, prompt=words, n=1, size=size, quality="auto", seed=None, sources=tuple(pictures[:14])
        )
        return counted(self._backend, order)

    async def _begin(self, request: Request, turn: _Turn) -> Response | None:
        """Enter the call into the books, take the time, and answer at once what was wished or is blocked."""
        wishes, is_blocked = turn.wishes, "demo-banned" in turn.order.prompt
        amount = turn.order.price
        self._backend.charge(request, model=turn.model.name, n=1, billed=wishes.is_billed or is_blocked, amount=amount)
        if not turn.streams:
            await self._backend.pause(self._backend.patience(wishes))
        if is_blocked:  # a blocked prompt is billed all the same
            message = "request blocked by Gemini API: PROHIBITED_CONTENT"
            raise Refusal(400, message, code="prompt_blocked")
        return answer_wished(wishes)

    async def _draw(self, turn: _Turn) -> bytes | None:
        if turn.model.family not in _DRAWING or turn.wishes.fault == "no_picture":
            return None
        return (await draw_order(turn.order, 0)).data

    async def _candidates(self, turn: _Turn) -> dict[str, Any]:
        data = await self._draw(turn)
        parts: list[dict[str, Any]] = [{"text": _said(turn)}]
        if data is not None:
            parts.append({"inlineData": {"mimeType": "image/png", "data": base64.b64encode(data).decode()}})
        content = {"role": "model", "parts": parts}
        used = {"promptTokenCount": 9, "candidatesTokenCount": 1290, "totalTokenCount": 1299}
        return {"candidates": [{"content": content, "finishReason": "STOP", "index": 0}], "usageMetadata": used}

    async def _completion(self, turn: _Turn) -> Response:
        if turn.streams:
            headers = (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"))
            body = self._cut(turn) if turn.wishes.fault == "cut" else self._frames(turn)
            return Response(status=200, headers=headers, body=body)
        message: dict[str, Any] = {"role": "assistant"}
        for delta in self._deltas(turn, await self._draw(turn)):
            message |= {"content": message.get("content", "") + delta.get("content", "")}
            message |= {name: value for name, value in delta.items() if name != "content"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        response = json_response(self._frame(turn, "chat.completion", choices=[choice], usage=_USAGE))
        if turn.wishes.fault != "cut":
            return response
        data = b"".join([chunk async for chunk in response.body])
        return Response(status=200, headers=response.headers, body=broken(data))

    def _deltas(self, turn: _Turn, data: bytes | None) -> list[dict[str, Any]]:
        """Return what is said, piece by piece: a picture in whichever of the ways its family has."""
        if data is None:
            return [{"content": _said(turn)}]
        if turn.model.family == "page":
            link = self._backend.link_to(data, "image/png", turn.wishes)
            again = link.replace("/pictures/", "/pictures/download/")
            told = json.dumps({"prompt": turn.order.prompt, "referenced_image_ids": []}, ensure_ascii=False)
            waits = ("> 排队中..", "> 生成中...", "> 进度 **23%**", "> 进度 **67%**", "> 生成完成 ✅")
            ends = f"![file_00.png]({link})\n[下载⏬]({again})\n"
            return [{"content": f"{one}\n\n"} for one in (told, *waits)] + [{"content": ends}]
        uri = f"data:image/png;base64,{base64.b64encode(data).decode()}"
        if turn.has_images:
            picture = {"type": "image_url", "index": 0, "image_url": {"url": uri}}
            return [{"content": _said(turn)}, {"images": [picture]}]
        return [{"content": f"{_said(turn)}\n"}, {"content": f"![image]({uri})"}]

    async def _frames(self, turn: _Turn) -> AsyncIterator[bytes]:
        deltas = self._deltas(turn, await self._draw(turn))
        step = self._backend.patience(turn.wishes) / len(deltas)
        for delta in deltas:
            await self._backend.pause(step)
            choice = {"index": 0, "delta": delta, "finish_reason": None}
            yield _sse(self._frame(turn, "chat.completion.chunk", choices=[choice]))
        end = {"index": 0, "delta": {}, "finish_reason": "stop"}
        yield _sse(self._frame(turn, "chat.completion.chunk", choices=[end], usage=_USAGE))
        yield b"data: [DONE]\n\n"

    async def _cut(self, turn: _Turn) -> AsyncIterator[bytes]:
        async for chunk in broken(b"".join([frame async for frame in self._frames(turn)])):
            yield chunk

    def _frame(self, turn: _Turn, kind: str, **facts: object) -> dict[str, Any]:
        mark = digest_of(turn.order.prompt, turn.order.repeat)[:24]
        head = {"id": f"chatcmpl-{mark}", "object": kind, "created": int(self._backend.clock())}
        return head | {"model": turn.model.name} | facts


_USAGE = {"prompt_tokens": 9, "completion_tokens": 1300, "total_tokens": 1309}


def _said(turn: _Turn) -> str:
    if turn.model.family in _DRAWING:
        return "I cannot draw that." if turn.wishes.fault == "no_picture" else "Here it is:"
    return "I am the demo relay's word-only model: I make no pictures."


def _last_message(fields: Mapping[str, Any]) -> tuple[str, list[bytes]]:
    """Return the words and the pictures of the last message, whose content is text or parts."""
    content = _mapping((_list(fields.get("messages")) or [{}])[-1]).get("content")
    if isinstance(content, str):
        return content, []
    parts = [_mapping(part) for part in _list(content)]
    words = "\n".join(str(part["text"]) for part in parts if part.get("text"))
    links = [_mapping(part["image_url"]).get("url") for part in parts if part.get("image_url")]
    return words, [_picture(link) for link in links]


def _picture(text: object) -> bytes:
    data = read_data_uri(text)
    if not is_picture(data):
        message = "failed to decode the picture of the message"
        raise invalid_request(message)
    return data


def _google(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    return _mapping(_mapping(_mapping(fields.get("extra_body")).get("google")).get("image_config"))


def _shape(config: Mapping[str, Any], words: str, model: Model) -> Size:
    """Return the size: by ratio and tier of the config, behind a page by the first word."""
    first = words.split(maxsplit=1)[0] if model.family == "page" and words.strip() else ""
    if (pixels := _PIXELS.fullmatch(first)) is not None:
        return int(pixels[1]), int(pixels[2])
    return size_of(str(config.get("aspect_ratio") or first), str(config.get("image_size") or ""))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _sse(value: Mapping[str, Any]) -> bytes:
    return f"data: {json.dumps(value, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()
