"""What a relay says of itself where something went wrong: its words and codes, out of JSON or text of any shape.

A reason may lie inside another one: relays pass on what the service behind them said, as an object or as text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from .._json import JSON, dig, read_json, text_of

__all__ = ["codes_in", "is_error", "is_under_way", "some_words", "words_of"]

_CLIENT_ERROR = 400
_MESSAGES = (
    *("message", "failreason", "failurereason", "description", "reason", "msg", "statusmsg", "detail", "errormessage"),
    *("errormsg", "errmsg", "statusmessage", "errordescription", "blockreasonmessage", "raifilteredreason", "title"),
    *("finishmessage", "refusal"),
)
_INNER = (
    "error",
    "errors",
    "detail",
    "details",
    "baseresp",
    "data",
    "response",
    "promptfeedback",
    "fault",
    "result",
    "output",
)
_BEHIND = ("raw", "metadata", "innererror", "cause", "upstream", "upstreamerror", "body", "details")
_CODES = (
    "code",
    "errorcode",
    "errcode",
    "statuscode",
    "status",
    "type",
    "reason",
    "finishreason",
    "blockreason",
    "name",
)
_PLACES_OF_CODES = {"finishreason": "finish ", "blockreason": "finish "}  # where a code means what it does only there
_SUCCESS = frozenset(["", "0", "1", "200", "201", "ok", "success", "succeed", "succeeded", "none", "null", "21", "22"])
_FAILED = frozenset(["failed", "failure", "fail", "error", "rejected", "blocked", "cancelled", "canceled", "expired"])
_BLOCKED = frozenset(  # what pictures and words end with where rules forbid them
    [
        *("content_filter", "content_filtered", "safety", "image_safety", "prohibited_content", "blocklist", "spii"),
        *("image_prohibited_content", "recitation", "image_recitation", "image_other", "no_image", "other"),
    ]
)
_MOST_STATUS = 599
_STATES = ("status", "state", "task_status")
_UNDER_WAY = frozenset(
    [
        *("queued", "pending", "processing", "submitted", "submit", "running", "starting", "started", "created"),
        *("in_progress", "in_queue", "not_start", "waiting", "accepted", "generating"),
    ]
)
_PLACE_PARTS = ("body", "query", "path", "__root__")
_ID_SUFFIX = re.compile(r"[(（]\s{0,9}request[ _]?id\s{0,9}[:：][^)）]{0,200}[)）]\s*$", re.IGNORECASE)
_CODE_WORD = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+")
_INNER_JSON = re.compile(r"[\[{]")
_LONGEST_CODE = 80
_LONGEST_TEXT = 2000
_LONGEST_JSON = 64 << 10
_MOST_SAID = 3
_DEEPEST = 6


def is_error(body: JSON) -> bool:
    """Whether an answer, or a part of one, says of itself that it is an error."""
    if isinstance(body, list | tuple):
        return bool(body) and all(isinstance(one, Mapping) and one.get("error") and is_error(one) for one in body)
    if not isinstance(body, Mapping):
        return False
    fields = _plain_names(body)
    return _names_an_error(body, fields) or (_has_failed(fields) and _own_words(body, 0).lower() not in _SUCCESS)


def _names_an_error(body: Mapping[str, Any], fields: Mapping[str, Any]) -> bool:
    """Whether an answer has a place for errors, and something stands there."""
    if not all(_says_nothing(fields.get(name)) for name in ("error", "errors", "errormsg", "raifilteredreason")):
        return True
    if fields.get("success") is False or dig(fields.get("baseresp"), "status_code"):
        return True
    is_blocked = text_of(fields.get("finishreason")).lower() in _BLOCKED
    return is_blocked or bool(dig(body, "promptFeedback", "blockReason")) or is_error(fields.get("response"))


def _says_nothing(value: Any) -> bool:  # noqa: ANN401 - untrusted JSON
    """Whether what stands in the place of an error is none: "success", or empty, as some write what is not there."""
    if isinstance(value, Mapping | list | tuple):
        return all(_says_nothing(one) for one in (value.values() if isinstance(value, Mapping) else value))
    return not value or text_of(value).lower() in _SUCCESS


def _has_failed(fields: Mapping[str, Any]) -> bool:
    """Whether a state or a code says so; words have to stand beside it, as both are of many kinds."""
    is_failed = text_of(fields.get("type")) == "error" or text_of(fields.get("status")).lower() in _FAILED
    return is_failed or _has_error_code(fields)


def _has_error_code(fields: Mapping[str, Any]) -> bool:
    code = fields.get("code", fields.get("errorcode", fields.get("errcode")))
    if isinstance(code, bool) or not isinstance(code, int | str) or str(code).lower() in _SUCCESS:
        return False
    number = int(str(code)[:9]) if str(code)[:9].isdigit() else _MOST_STATUS + 1
    if number <= _MOST_STATUS:
        return number >= _CLIENT_ERROR and isinstance(code, int)
    return not fields.get("data")  # numbers and words of a maker's own say success, too


def is_under_way(body: JSON) -> bool:
    """Whether an answer, or a part of one, is a task that goes on: a link beside its state leads to itself."""
    places = (body, dig(body, "data"))
    return any(text_of(dig(place, name)).lower() in _UNDER_WAY for place in places for name in _STATES)


def some_words(body: JSON) -> str:
    """Return the relay's words; where it has none, what it says as it is written, but for an empty answer."""
    if words := words_of(body):
        return words
    is_empty = body is None or not body or (isinstance(body, list) and not any(body))
    return "" if is_empty or isinstance(body, str) else json.dumps(body, ensure_ascii=False)[:_LONGEST_TEXT]


def words_of(body: JSON, *, depth: int = 0) -> str:
    """Return the relay's words for an error of any shape; empty where it has none."""
    if depth > _DEEPEST:
        return ""
    if isinstance(body, str):
        return _words_in_text(body, depth)
    if isinstance(body, list | tuple):
        said = dict.fromkeys(filter(None, (words_of(one, depth=depth + 1) for one in body[: 2 * _MOST_SAID])))
        return "; ".join([*said][:_MOST_SAID])
    if not isinstance(body, Mapping):
        return ""
    words = _with_place(body, _own_words(body, depth))
    behind = _words_behind(body, depth)
    return f"{words}: {behind}" if words and behind and behind not in words else words or behind


def _words_in_text(text: str, depth: int) -> str:
    """Return words as they are, but of JSON what it says, also where it stands behind words."""
    text = _ID_SUFFIX.sub("", text[:_LONGEST_JSON]).strip()
    start = _INNER_JSON.search(text)
    inner = _json_of(text[start.start() :]) if start else None
    said = words_of(inner, depth=depth + 1) if inner is not None else ""
    if start is None or not said:
        return text[:_LONGEST_TEXT]
    return f"{text[: start.start()]}{said}"[:_LONGEST_TEXT].strip()


def _json_of(text: str) -> JSON:
    with suppress(ValueError):
        value = read_json(text)
        return value if isinstance(value, Mapping | list) else None
    return None


def _own_words(body: Mapping[str, Any], depth: int) -> str:
    fields = _plain_names(body)
    error: Any = fields.get("error")
    places: list[Any] = [error] if isinstance(error, str) else []
    places += [one for name in _INNER if isinstance(one := fields.get(name), Mapping | list)]
    places += [one for name in _MESSAGES if isinstance(one := fields.get(name), str | list | Mapping)]
    words = next((words for one in places if (words := words_of(one, depth=depth + 1))), "")
    return words or _of_named_faults(fields.get("errors"), depth)


def _of_named_faults(errors: Any, depth: int) -> str:  # noqa: ANN401 - untrusted JSON
    """Return the words of faults that stand under the names of fields: `{"size": ["must be…"]}`."""
    if not isinstance(errors, Mapping):
        return ""
    every = ((str(name), words_of(one, depth=depth + 1)) for name, one in [*errors.items()][:_MOST_SAID])
    return "; ".join(f"{name}: {words}" for name, words in every if words)


def _with_place(body: Mapping[str, Any], words: str) -> str:
    """Return words with the field that they are about, as checkers of bodies name it: `loc: ["body", "size"]`."""
    place = body.get("loc")
    if not words or not isinstance(place, list):
        return words
    named = ".".join(text_of(part) for part in place if text_of(part) and part not in _PLACE_PARTS)
    return f"{named}: {words}" if named else words


def _words_behind(body: Mapping[str, Any], depth: int) -> str:
    """Return what the service behind the relay said, which the relay passes on inside of its own words."""
    fields = _plain_names(body)
    error = fields.get("error")
    inner = [fields, _plain_names(error)] if isinstance(error, Mapping) else [fields]
    places = (one.get(name) for one in inner for name in _BEHIND)
    return next((words for one in places if one and (words := words_of(one, depth=depth + 1))), "")


def _plain_names(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object with its names in one spelling: `errorMessage`, `error_message` and `Error-Message` are one."""
    return {str(name)[:_LONGEST_CODE].replace("_", "").replace("-", "").lower(): value for name, value in body.items()}


def codes_in(body: JSON) -> list[str]:
    """Return all codes that an error of any shape bears, the outer ones first; codes come before types."""
    every = list(_codes_in(body, 0))
    return list(dict.fromkeys(code for rank in range(len(_CODES)) for at, code in every if at == rank))


def _codes_in(body: Any, depth: int) -> Iterator[tuple[int, str]]:  # noqa: ANN401 - untrusted JSON
    if depth > _DEEPEST:
        return
    if isinstance(body, str):
        yield from _codes_in_text(body[:_LONGEST_JSON].strip(), depth)
    elif isinstance(body, list | tuple):
        for one in body[:_MOST_SAID]:
            yield from _codes_in(one, depth + 1)
    elif isinstance(body, Mapping):
        yield from _codes_in_object(_plain_names(body), depth)


def _codes_in_text(text: str, depth: int) -> Iterator[tuple[int, str]]:
    if _CODE_WORD.fullmatch(text[:_LONGEST_CODE]):
        yield 0, text  # Midjourney relays put their code into the description: `quota_not_enough`
    elif start := _INNER_JSON.search(text):
        yield from _codes_in(_json_of(text[start.start() :]), depth + 1)


def _codes_in_object(fields: Mapping[str, Any], depth: int) -> Iterator[tuple[int, str]]:
    is_base = "statusmsg" in fields and "statuscode" in fields
    for rank, name in enumerate(_CODES):
        if code := text_of(fields.get(name))[:_LONGEST_CODE]:
            place = "base_resp " if is_base and name == "statuscode" else _PLACES_OF_CODES.get(name, "")
            yield rank, place + code
    for name in dict.fromkeys((*_INNER, *_BEHIND, *_MESSAGES)):
        yield from _codes_in(fields.get(name), depth + 1)
