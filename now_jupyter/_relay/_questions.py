"""Free questions to a relay about itself, and the lists that it answers with, whatever their shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from .._json import JSON
from .._messages import Refusal, RejectedError, error_of_refusal, is_error
from .._protocol import Call, Reply
from .._transport import RelayClient

__all__ = ["ask", "is_page", "items_in"]

_PLACES = ("data", "models", "items", "list", "result", "results")  # of a list inside an answer
_DEEPEST = 3
_MOST_LISTED = 5000


async def ask(
    client: RelayClient, path: str, *, base: Literal["api", "host"] = "api", once: bool = False, **query: str
) -> JSON:
    """Return what a relay says of itself.

    Raises:
        NowImageError: it does not say; with a success, too, it may say that something went wrong, or send a web page.
    """
    call = Call(path=path, method="GET", base=base, query=query)
    reply = await client.fetch(call, once=once)
    if is_page(reply):
        raise RejectedError(
            "{url} is a web page, not the relay's API",
            advice="the address may be that of the relay's site: look there for the API's, which often ends in /v1",
            url=client.url_of(Call(path=path, method="GET", base=base)),
        )
    if is_error(reply.body):
        raise error_of_refusal(Refusal(body=reply.body, paid=False))
    return reply.body


def is_page(reply: Reply) -> bool:
    """Whether an answer is a web page; those of single-page sites come with a success for every address."""
    start = reply.text.lstrip("\ufeff \t\r\n")[:1].lower()
    return reply.body is None and (start == "<" or ("html" in reply.media_type and bool(reply.text)))


def items_in(body: JSON) -> list[Mapping[str, Any]]:
    """Return the items of the list in an answer: bare or within, of texts or of fields; a text becomes an `id`."""
    found = _list_in(body, _DEEPEST)[:_MOST_LISTED]
    fields = [{"id": item} if isinstance(item, str) else item for item in found]
    return [item for item in fields if isinstance(item, Mapping)]


def _list_in(body: JSON, depth: int) -> list[Any]:
    if isinstance(body, list) or depth == 0 or not isinstance(body, Mapping):
        return body if isinstance(body, list) else []
    return next((found for name in _PLACES if (found := _list_in(body.get(name), depth - 1))), [])
