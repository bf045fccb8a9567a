"""`POST /v1/images/generations`: one call, answered with links, base64 or a stream of events.

Facts and tolerances: reference/openai-images.md §2, §3, §5. What was paid for is taken in whatever form it comes.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal

from .._json import JSON
from .._media import unpack_base64
from .._messages import BadImageError, BadResponseError, Language, NowImageError, say
from .._protocol import Answer, Call, Conversation, Event, Found, Next, Outcome, Progress, Reply, Step, Submit
from .._values import Request
from ._models import Model, known_model, resolve_size

__all__ = ["OpenAIImages", "body_of", "warnings_for"]

_PATH = "/v1/images/generations"
_BASE64_KEYS = ("b64_json", "b64", "base64", "image_base64")
_LINK_KEYS = ("url", "image_url", "image")
_ERROR_TYPES = ("error", "upstream_error")


class OpenAIImages:
    """The engine of the OpenAI-style images endpoint."""

    name = "openai"

    def start(self, request: Request, *, model: str, partials: int = 0) -> Conversation:
        """Order the pictures and take them as they come."""
        body = body_of(request, model=model, partials=partials)
        call = Call(method="POST", path=_PATH, body=body)
        expected = _count(body)
        reply = yield Submit(call, stream=body.get("stream") is True)
        if not isinstance(reply, Reply):
            raise TypeError(reply)
        return (yield from (_streamed(expected) if reply.streamed else _complete(reply, expected)))


def body_of(request: Request, *, model: str, partials: int = 0) -> dict[str, JSON]:
    """Make the request body: what was given, in the API's words; the size resolved to what the model knows."""
    body: dict[str, JSON] = {"model": model, "prompt": request.prompt}
    body |= {key: value for key, value in request.params.items() if value is not None}
    if isinstance(size := body.get("size"), str):
        body["size"] = resolve_size(size, model)
    known = known_model(model)
    if partials and known and known.streams and "stream" not in body:
        body |= {"stream": True, "partial_images": partials}
    return body


def warnings_for(body: Mapping[str, JSON], language: Language = "en") -> list[str]:
    """Say what the model is not known to take, with what it is known to take; nothing for an unknown model."""
    model = str(body.get("model"))
    known = known_model(model)
    if known is None:
        return []
    odd = [
        say(
            "{model} is not known to take {field} {value}; known: {known}",
            language,
            model=model,
            field=field,
            value=body[field],
            known=", ".join(values) or "–",
        )
        for field, values in _known_values(known, body).items()
        if field in body and body[field] not in values
    ]
    if len(str(body.get("prompt", ""))) > known.longest_prompt:
        limit = known.longest_prompt
        odd.append(
            say(
                "the prompt is longer than the {limit} characters that {model} is known to read",
                language,
                limit=limit,
                model=model,
            )
        )
    return odd


def _known_values(known: Model, body: Mapping[str, JSON]) -> Mapping[str, Sequence[str]]:
    size = str(body.get("size"))
    fits = (size,) if known.free_sizes and _fits_grid(size) else ()
    return {
        "quality": known.qualities,
        "style": known.styles,
        "background": known.backgrounds,
        "output_format": known.formats,
        "size": (*known.sizes, *fits),
    }


def _fits_grid(size: str) -> bool:
    sides = size.split("x")
    return len(sides) == 2 and all(side.isdigit() and int(side) % 16 == 0 for side in sides)  # noqa: PLR2004


def _count(body: Mapping[str, JSON]) -> int:
    count = body.get("n", 1)
    return count if isinstance(count, int) else 1


# An ordinary reply


def _complete(reply: Reply, expected: int) -> Generator[Step, Answer, Outcome]:
    if reply.raw and reply.media_type.startswith("image/"):
        yield Found(source=reply.raw, encoding="bytes")
        return Outcome(expected=expected)
    found = list(_pictures_in(reply.body))
    if not found:
        raise _no_picture(reply)
    yield from found
    return _outcome(reply.body, expected)


def _pictures_in(body: JSON) -> Iterator[Found]:
    items: Any = body
    if isinstance(body, Mapping):
        items = next((body[key] for key in ("data", "images", "output") if body.get(key)), body)
    for item in items if isinstance(items, list) else [items]:
        if (picture := _picture_in(item)) is not None:
            yield picture


def _picture_in(item: JSON) -> Found | None:
    fields: Mapping[str, Any] = {"url": item} if isinstance(item, str) else item if isinstance(item, Mapping) else {}
    source, encoding = _source(fields)
    if not source:
        return None
    seed = fields.get("seed")
    return Found(
        source=source,
        encoding=encoding,
        revised_prompt=_text(fields.get("revised_prompt")),
        seed=seed if isinstance(seed, int) and not isinstance(seed, bool) else None,
    )


def _source(fields: Mapping[str, Any]) -> tuple[str, Literal["url", "base64"]]:
    for key in _BASE64_KEYS:
        if text := _text(fields.get(key)):
            return (text, "url") if text.startswith(("http://", "https://")) else (text, "base64")
    for key in _LINK_KEYS:
        value = fields.get(key)
        if text := _text(value.get("url") if isinstance(value, Mapping) else value):
            if text.startswith("data:"):
                return text, "base64"
            return (text, "url") if "://" in text else ("", "url")
    return "", "url"


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _outcome(body: JSON, expected: int) -> Outcome:
    fields: Mapping[str, Any] = body if isinstance(body, Mapping) else {}
    created, usage = fields.get("created") or fields.get("created_at"), fields.get("usage")
    return Outcome(
        expected=expected,
        created=float(created) if isinstance(created, int | float) and not isinstance(created, bool) else None,
        usage=usage if isinstance(usage, Mapping) and any(usage.values()) else None,
    )


def _no_picture(reply: Reply) -> NowImageError:
    looks = (
        "HTML" if b"<html" in reply.raw[:1024].lower() or b"<!doctype" in reply.raw[:1024].lower() else reply.media_type
    )
    if reply.body is None and looks:
        return BadResponseError(
            "the relay answered with {looks} instead of pictures",
            advice="check the address that %now shows: it should be the API's, not a web page's; the answer is kept",
            looks=looks,
            status=reply.status,
            request_id=reply.request_id,
        )
    return BadResponseError(
        "the relay's answer holds no picture",
        advice="the answer is kept with the record; ask the relay's support with the request id before ordering again",
        status=reply.status,
        request_id=reply.request_id,
    )


# A stream


def _streamed(expected: int) -> Generator[Step, Answer, Outcome]:
    found, last = 0, None
    while isinstance(event := (yield Next()), Event):
        fields = event.data if isinstance(event.data, Mapping) else {}
        if event.type in _ERROR_TYPES or fields.get("error"):
            raise _stream_error(fields)
        if event.type.endswith(".partial_image"):
            yield from _partial(fields, found, expected)
            continue
        for picture in _pictures_in(event.data):
            yield picture
            found, last = found + 1, event.data
            yield Progress(fraction=min(found / expected, 1.0))
    if not found:
        raise BadResponseError(
            "the stream ended before the picture was complete",
            advice="look at the relay's log before ordering again; `--fresh` orders again",
        )
    return _outcome(last, expected)


def _partial(fields: Mapping[str, Any], found: int, expected: int) -> Iterator[Step]:
    picture = _picture_in(fields)
    if picture is None or picture.encoding != "base64":
        return
    with suppress(BadImageError):  # a preview is for the eye only
        preview = unpack_base64(str(picture.source))
        yield Progress(fraction=_fraction_of(fields, found, expected), preview=preview)


def _fraction_of(fields: Mapping[str, Any], found: int, expected: int) -> float:
    place = fields.get("partial_image_index")
    share = (place + 1) / (place + 2) if isinstance(place, int) and place >= 0 else 0.5
    return (found + share) / expected


def _stream_error(fields: Mapping[str, Any]) -> NowImageError:
    error = fields.get("error") or fields
    words = error.get("message") if isinstance(error, Mapping) else error
    return BadResponseError(
        "the relay reports inside the stream: {words}",
        advice="it may have been billed; look at the relay's log before ordering again",
        words=words or "?",
        code=_text(error.get("code")) if isinstance(error, Mapping) else None,
    )
