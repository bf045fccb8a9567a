"""What a request may ask of the demo: latency and faults, in a body field ``demo`` (an object; JSON text in a form).

This is the one table of them::

    latency      seconds until the picture is there (0 to 3600); for a Midjourney task, its whole life
    status       answer with this HTTP status (400 to 599) and an error body the family sends with it
    code         answer with this error code in its own status, such as "content_policy_violation",
                 "insufficient_user_quota"; for /mj a number is the code of the submit reply (22, 23, 24, 9, ...)
    retry_after  seconds, sent as the header Retry-After
    odd          the answer in an odd form that real relays have, by name (`_odd.py` lists them): "images-list",
                 "markdown", "done-after", "detail-list", …; for the images endpoints
    form         "url", "b64" or "json": the form of the reply; "json" ignores `stream`, as many relays do
    billed       true or false: what the books say, whatever the answer
    refresh      seconds: a Midjourney task looks for so long as it did before, as relays ask upstream now and then only
    times        only the first so many equal requests suffer the fault, later ones succeed
    fault        "html"        200 with a web page
                 "empty"       200 with an empty body
                 "cut"         the body stops half way and the connection is lost
                 "no_picture"  200 with `data` empty; a Midjourney task ends without a link
                 "dead_link"   a link that answers 404
                 "html_link"   a link that answers with a web page
                 "reset"       the connection is lost before any answer
                 "error_frame" an error in the middle of a 200 stream
                 "no_mask"     the mask of an edit is ignored
                 "failure"     a Midjourney task that fails
                 "wrong_host"  Midjourney's pictures are said to be at http://localhost:3000, as badly set relays say
                 "rewritten"   a Midjourney submit says 1 whatever its code, as new-api does with 21 and 22
                 "forgotten"   the relay does not know the Midjourney task
                 "modal"       a Midjourney submit that looks accepted, but then waits for a modal (remix mode)

A wish for an error (`status`, `code`, "failure") is not billed, any other fault is, unless `billed` says otherwise. A
lost connection shows as `ConnectionResetError`, raised by `Relay.handle` or by the response's body.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, cast, get_args

from ._forms import parse_json
from ._odd import ODD_NAMES
from ._wire import Refusal, Response, bytes_response, html_response, invalid_value

__all__ = [
    "CODES_BY_STATUS",
    "ERRORS_BY_CODE",
    "MAX_SECONDS",
    "OPENAI",
    "PAGES_BY_STATUS",
    "Fault",
    "ReplyForm",
    "Wishes",
    "answer_wished",
    "read_wishes",
    "wished_refusal",
]

Fault = Literal[
    "html", "empty", "cut", "no_picture", "dead_link", "html_link", "reset", "error_frame",
    "no_mask", "wrong_host", "rewritten", "forgotten", "failure", "modal",
]  # fmt: skip
ReplyForm = Literal["url", "b64", "json"]
MAX_SECONDS = 3600

OPENAI = "invalid_request_error"
ERRORS_BY_CODE: Mapping[str, tuple[int, str, str]] = {
    "content_policy_violation": (400, OPENAI, "Your request was rejected as a result of our safety system."),
    "moderation_blocked": (
        400,
        "image_generation_user_error",
        "Your request was rejected by the safety system. safety_violations=[violence].",
    ),
    "billing_hard_limit_reached": (400, OPENAI, "Billing hard limit has been reached."),
    "unknown_parameter": (400, OPENAI, "Unknown parameter: 'demo'."),
    "invalid_value": (400, OPENAI, "Invalid value in the request."),
    "invalid_api_key": (401, OPENAI, "Incorrect API key provided."),
    "insufficient_user_quota": (403, "new_api_error", "用户额度不足, 剩余额度: ＄0.000000"),
    "pre_consume_token_quota_failed": (403, "new_api_error", "令牌额度不足"),
    "access_denied": (403, "new_api_error", "您的 IP 不在令牌允许访问的列表中"),
    "rate_limit_exceeded": (429, "images", "Rate limit reached for images per minute."),
    "insufficient_quota": (429, "insufficient_quota", "You exceeded your current quota."),
    "slow_down": (503, "server_error", "Slow down."),
    "server_is_overloaded": (503, "server_error", "The server is overloaded."),
    "server_error": (500, "server_error", "The server had an error while processing your request."),
    "invalid_request": (500, "new_api_error", "prompt is required"),
    "do_request_failed": (500, "new_api_error", "do request failed: connection reset by peer"),
    "bad_response_status_code": (502, "upstream_error", "bad response status code 502"),
    "bad_response_body": (500, "upstream_error", "unexpected end of JSON input"),
    "api_not_implemented": (501, "new_api_error", "API not implemented"),
    "model_not_found": (503, "new_api_error", "分组 default 下模型无可用渠道（distributor）"),
    "system_cpu_overloaded": (503, "new_api_error", "system cpu overloaded"),
}
CODES_BY_STATUS: Mapping[int, str] = {
    400: "invalid_value",
    401: "invalid_api_key",
    403: "insufficient_user_quota",
    429: "rate_limit_exceeded",
    500: "server_error",
    501: "api_not_implemented",
    503: "system_cpu_overloaded",
}
PAGES_BY_STATUS: Mapping[int, str] = {
    408: "408 Request Time-out",
    413: "413 Request Entity Too Large",
    502: "502 Bad Gateway",
    504: "504 Gateway Time-out",
    520: "520: Web server is returning an unknown error",
    522: "522: Connection timed out",
    524: "524: A timeout occurred",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What one request asked of the demo; nothing, as a rule."""

    latency: float | None = None
    status: int | None = None
    code: str | int | None = None
    retry_after: float | None = None
    form: ReplyForm | None = None
    billed: bool | None = None
    refresh: float | None = None
    times: int | None = None
    fault: Fault | None = None
    odd: str | None = None

    @property
    def wants_error(self) -> bool:
        """Whether the answer is to be an error instead of work done."""
        return self.status is not None or self.code is not None or self.fault == "failure"

    @property
    def is_billed(self) -> bool:
        """Whether the books shall show the request as billed."""
        return not self.wants_error if self.billed is None else self.billed

    def without_fault(self) -> "Wishes":
        """Return what is left once the fault has happened often enough."""
        return Wishes(latency=self.latency, form=self.form)


def read_wishes(value: object) -> Wishes:
    """Read the field ``demo``; refuse what is not in the table, so that a typing error does not pass for success."""
    if value in (None, ""):
        return Wishes()
    given = _object(value)
    known = {field.name for field in fields(Wishes)}
    if unknown := sorted(set(given) - known):
        raise invalid_value(
            "demo", f"Unknown demo wish: '{unknown[0]}'. Supported wishes are: {', '.join(sorted(known))}."
        )
    _check(given)
    return Wishes(**given)


def wished_refusal(wishes: Wishes) -> Refusal | None:
    """Return the error asked for, in the family's words."""
    if wishes.code is None and wishes.status is None:
        return None
    code = str(wishes.code or CODES_BY_STATUS.get(wishes.status or 0, "bad_response_status_code"))
    status, kind, message = ERRORS_BY_CODE.get(code, (400, OPENAI, f"Error {code}."))
    status = wishes.status or status
    if code == "bad_response_status_code":
        message = f"bad response status code {status}"
    headers = () if wishes.retry_after is None else (("retry-after", f"{wishes.retry_after:g}"),)
    return Refusal(status, message, code=code, kind=kind, headers=headers)


def answer_wished(wishes: Wishes) -> Response | None:
    """Answer at once what was wished in place of an answer; raise what was wished as an error."""
    if (refusal := wished_refusal(wishes)) is not None:
        raise refusal
    if wishes.fault == "reset":
        message = "the demo relay dropped the connection, as asked"
        raise ConnectionResetError(message)
    if wishes.fault == "html":
        return html_response("Welcome to nginx!")
    return bytes_response(b"", "application/json") if wishes.fault == "empty" else None


def _object(value: object) -> dict[str, Any]:
    if isinstance(value, str):
        try:
            value = parse_json(value)
        except ValueError:
            raise invalid_value("demo", "The field 'demo' is not JSON.") from None
    if not isinstance(value, dict):
        raise invalid_value("demo", "The field 'demo' must be an object.")
    return cast("dict[str, Any]", value)


def _check(given: dict[str, Any]) -> None:
    for name, low, high in (
        ("latency", 0, MAX_SECONDS),
        ("status", 400, 599),
        ("retry_after", 0, 10**6),
        ("times", 0, 10**6),
        ("refresh", 0, MAX_SECONDS),
    ):
        _check_number(given, name, low, high)
    for name, allowed in (
        ("fault", get_args(Fault)),
        ("form", get_args(ReplyForm)),
        ("billed", (True, False)),
        ("odd", ODD_NAMES),
    ):
        if given.get(name) is not None and given[name] not in allowed:
            choices = ", ".join(str(choice) for choice in allowed)
            raise invalid_value("demo", f"Invalid demo {name}: {given[name]!r}. Supported values are: {choices}.")


def _check_number(given: dict[str, Any], name: str, low: float, high: float) -> None:
    value = given.get(name)
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise invalid_value("demo", f"Invalid demo {name}: {value!r}. It must be a number from {low} to {high}.")
