"""Odd answers of real relays, by name: what a request gets that asks for one with the wish ``odd``.

Pictures that are there, in another place or wrapping, and refusals whose reason stands somewhere unusual.
"""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from ._wire import JSON_TYPE, Response, bytes_response, html_response, json_response

__all__ = ["ODD_NAMES", "answer_oddly"]

Value: TypeAlias = dict[str, Any]


def answer_oddly(name: str, value: Value) -> Response:
    """Return an ordinary answer of the images endpoints in the odd form of that name."""
    return _ODD[name](value)


# Pictures in odd places


def _items(value: Value) -> list[Value]:
    items: list[Value] = value["data"]
    return items


def _texts(value: Value) -> list[str]:
    return [str(one.get("b64_json") or one.get("url")) for one in _items(value)]


def _uris(value: Value) -> list[str]:
    return [one if "://" in one else f"data:image/png;base64,{one}" for one in _texts(value)]


def _paths(value: Value) -> list[Value]:
    return [
        {"url": "/" + one["url"].partition("://")[2].partition("/")[2]} if one.get("url") else one
        for one in _items(value)
    ]


def _choice(message: Value) -> Response:
    return json_response({"choices": [{"index": 0, "message": {"role": "assistant"} | message}]})


def _in_chat(value: Value) -> Response:
    images = [{"type": "image_url", "image_url": {"url": one}} for one in _uris(value)]
    return _choice({"content": "Here it is", "images": images})


def _plain(text: str, media_type: str = JSON_TYPE) -> Response:
    return bytes_response(text.encode(), media_type)


def _thumbnails(value: Value) -> Response:
    small = base64.b64encode(_SMALL_PNG).decode()
    return json_response({"data": [{**one, "thumbnail": f"data:image/png;base64,{small}"} for one in _items(value)]})


_SMALL_PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


# Reasons in odd places


def _refusal(status: int, body: Any) -> Callable[[Value], Response]:  # noqa: ANN401 - JSON
    return lambda _value: json_response(body, status=status)


_BANNED = {"message": "Your request was rejected by the safety system.", "code": "moderation_blocked"}
_WHERE = {"loc": ["body", "size"], "msg": "value is not a valid size", "type": "value_error"}
_OUTER = {"message": "Provider returned error", "code": 400}
_INNER = json.dumps({"error": {"message": "the prompt names a living artist"}})

_ODD: Mapping[str, Callable[[Value], Response]] = {
    "relative-link": lambda value: json_response(value | {"data": _paths(value)}),
    "images-list": lambda value: json_response({"images": _texts(value)}),
    "images-inside-data": lambda value: json_response({"data": {"images": [{"url": _uris(value)}]}}),
    "data-uri": lambda value: json_response({"data": [{"b64_json": one} for one in _uris(value)]}),
    "chat-images": _in_chat,
    "markdown": lambda value: _choice({"content": "\n".join(f"![image]({one})" for one in _uris(value))}),
    "parts": lambda value: _choice(
        {"content": [{"type": "image_url", "image_url": {"url": one}} for one in _uris(value)]}
    ),
    "pings-before": lambda value: _plain(": PING\n\n: PING\n\n" + json.dumps(value)),
    "json-lines": lambda value: _plain(
        "".join(json.dumps({"data": [one]}) + "\n" for one in _items(value)), "application/x-ndjson"
    ),
    "done-after": lambda value: _plain(json.dumps(value) + "\n\ndata: [DONE]\n\n"),
    "brace-after": lambda value: _plain(json.dumps(value) + "}"),
    "warning-before": lambda value: _plain(
        "Warning: Undefined variable $x in /srv/index.php on line 7\n" + json.dumps(value)
    ),
    "thumbnails": _thumbnails,
    "seed-on-top": lambda value: json_response(value | {"seed": "4242"}),
    "one-item-failed": lambda value: json_response({"data": [{"error": _BANNED}, *_items(value)[1:]]}),
    "reason-beside-nothing": _refusal(200, {"data": [], "message": "the model was busy and made nothing"}),
    "code-in-success": _refusal(200, {"code": 50411, "msg": "Input text contains sensitive content", "data": None}),
    "base-resp": _refusal(200, {"base_resp": {"status_code": 1026, "status_msg": "input new_sensitive"}}),
    "error-in-list": _refusal(400, [{"error": {"message": "the size is not supported", "code": 400}}]),
    "detail-list": _refusal(422, {"detail": [_WHERE]}),
    "reason-in-metadata": _refusal(400, {"error": _OUTER | {"metadata": {"raw": _INNER, "provider_name": "demo"}}}),
    "no-money-429": _refusal(429, {"error": {"code": "1113", "message": "余额不足或无可用资源包,请充值。"}}),
    "overdue-403": _refusal(
        403, {"error": {"code": "AccountOverdueError", "message": "The account has an overdue balance."}}
    ),
    "challenge": lambda _value: html_response("Just a moment...", status=403),
    "policy-as-500": _refusal(
        500, {"error": {"code": "bad_response_status_code", "message": json.dumps({"error": _BANNED})}}
    ),
}
ODD_NAMES = tuple(_ODD)
