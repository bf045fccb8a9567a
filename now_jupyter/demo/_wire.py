"""What goes in and out of the relay: requests, streamed responses, refusals, and the bill."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

__all__ = [
    "CHUNK_BYTES",
    "JSON_TYPE",
    "Charge",
    "Headers",
    "Refusal",
    "Request",
    "Response",
    "broken",
    "bytes_response",
    "chunks",
    "cut_short",
    "html_response",
    "invalid_request",
    "invalid_value",
    "json_response",
    "whole",
    "with_header",
]

Headers = tuple[tuple[str, str], ...]
JSON_TYPE = "application/json; charset=utf-8"
CHUNK_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One complete HTTP request; header names are in lower case."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """One HTTP response, whose body arrives as time passes."""

    status: int
    headers: Headers
    body: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One complete paid POST as the relay's books show it; `amount` is in relay dollars."""

    path: str
    model: str
    n: int
    idempotency_key: str | None
    billed: bool
    amount: float


class Refusal(Exception):
    """A request the relay turns down, in whichever shape its endpoint answers."""

    def __init__(  # noqa: PLR0913 - an error object of the family has so many fields
        self, status: int, message: str, *, code: str = "", kind: str = "", param: str = "", headers: Headers = ()
    ) -> None:
        """Keep the facts; the endpoint family decides how they are written."""
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.kind = kind or "new_api_error"
        self.param = param
        self.headers = headers


def invalid_value(param: str, message: str) -> Refusal:
    """Return what OpenAI answers to a field it knows with a value it does not."""
    return Refusal(400, message, code="invalid_value", kind="invalid_request_error", param=param)


def invalid_request(message: str) -> Refusal:
    """Return what new-api answers when its own validation fails: HTTP 500, oddly."""
    return Refusal(500, message, code="invalid_request")


def json_response(value: object, *, status: int = 200, extra: Headers = ()) -> Response:
    """Answer with JSON."""
    data = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return bytes_response(data, JSON_TYPE, status=status, extra=extra)


def html_response(title: str, *, status: int = 200) -> Response:
    """Answer with the kind of page that gateways put in front of relays."""
    page = f"<html><head><title>{title}</title></head><body><center><h1>{title}</h1></center></body></html>\r\n"
    return bytes_response(page.encode(), "text/html", status=status)


def bytes_response(data: bytes, media_type: str, *, status: int = 200, extra: Headers = ()) -> Response:
    """Answer with these bytes, handed out chunk by chunk."""
    headers = (("content-type", media_type), ("content-length", str(len(data))), *extra)
    return Response(status=status, headers=headers, body=chunks(data))


async def chunks(data: bytes) -> AsyncIterator[bytes]:
    """Hand out bytes as a network would."""
    for start in range(0, len(data), CHUNK_BYTES):
        yield data[start : start + CHUNK_BYTES]


async def broken(data: bytes) -> AsyncIterator[bytes]:
    """Hand out the first half, then lose the connection."""
    async for chunk in chunks(data[: len(data) // 2]):
        yield chunk
    message = "the demo relay cut the body, as asked"
    raise ConnectionResetError(message)


def cut_short(response: Response, data: bytes) -> Response:
    """Promise the whole body and deliver half of it."""
    return Response(status=response.status, headers=response.headers, body=broken(data))


def with_header(response: Response, name: str, value: str) -> Response:
    """Return the same response with one more header."""
    return Response(status=response.status, headers=(*response.headers, (name, value)), body=response.body)


async def whole(response: Response) -> bytes:
    """Read a response to its end."""
    return b"".join([chunk async for chunk in response.body])
