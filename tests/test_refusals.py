from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime

import pytest

from now_jupyter._messages import (
    AuthError,
    BadResponseError,
    ConfigError,
    ConnectFailed,
    MaybeBilledError,
    NowImageError,
    QuotaError,
    RateLimitError,
    RejectedError,
)
from now_jupyter._settings import Key, Redactor
from now_jupyter._transport._error_responses import refusal_error, wait_asked


def paid(status: int, body: object = None, **headers: str) -> NowImageError:
    data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    named = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    return refusal_error(status, named, data, paid=True, key_source="keyring")


def openai(code: object = None, type_: str = "", message: str = "Words.") -> dict[str, object]:
    return {"error": {"message": message, "type": type_, "param": "", "code": code}}


@pytest.mark.parametrize(
    ("status", "body", "kind", "billed"),
    [
        # known codes win over the status
        (503, openai("model_not_found", "new_api_error"), RejectedError, "no"),
        (500, openai("invalid_request", "new_api_error"), RejectedError, "no"),
        (500, openai("sensitive_words_detected"), RejectedError, "no"),
        (501, openai("api_not_implemented"), RejectedError, "no"),
        (400, openai("content_policy_violation", "invalid_request_error"), RejectedError, "no"),
        (400, openai("moderation_blocked", "image_generation_user_error"), RejectedError, "no"),
        (403, openai("insufficient_user_quota"), QuotaError, "no"),
        (403, openai("pre_consume_token_quota_failed"), QuotaError, "no"),
        (429, openai("insufficient_quota"), QuotaError, "no"),
        (400, openai("billing_hard_limit_reached", "invalid_request_error"), QuotaError, "no"),
        (503, openai("system_cpu_overloaded"), RateLimitError, "no"),
        (503, openai("server_is_overloaded"), RateLimitError, "no"),
        (400, openai("invalid_api_key"), AuthError, "no"),
        # then the type
        (429, openai(None, "insufficient_quota"), QuotaError, "no"),
        (500, openai(None, "invalid_request_error"), RejectedError, "no"),
        (418, openai(None, "authentication_error"), AuthError, "no"),
        # then the status
        (401, openai("", "invalid_request_error"), AuthError, "no"),
        (401, openai(None, "new_api_error", "无效的令牌"), AuthError, "no"),
        (403, openai(None, "new_api_error"), AuthError, "no"),
        (402, {"message": "pay"}, QuotaError, "no"),
        (429, openai("rate_limit_exceeded", "images"), RateLimitError, "no"),
        (429, b"", RateLimitError, "no"),
        (404, openai(None, "invalid_request_error", "Invalid URL (POST /v1/x)"), RejectedError, "no"),
        (413, openai(None, "new_api_error"), RejectedError, "no"),
        (451, b"no", RejectedError, "no"),
        (400, {"error": "plain text"}, RejectedError, "no"),
        (422, {"detail": {"reason": "bad", "code": 3}}, RejectedError, "no"),
        (407, b"<html>", ConnectFailed, "no"),
        (302, b"", ConfigError, "no"),
        # nobody knows what became of these
        (408, b"", MaybeBilledError, "maybe"),
        (409, b"", MaybeBilledError, "maybe"),
        (425, b"", MaybeBilledError, "maybe"),
        (500, openai("do_request_failed", "new_api_error"), MaybeBilledError, "maybe"),
        (500, openai("server_error", "server_error"), MaybeBilledError, "maybe"),
        (502, b"<html><title>502</title></html>", MaybeBilledError, "maybe"),
        (503, b"", MaybeBilledError, "maybe"),
        (524, b"<!DOCTYPE html>", MaybeBilledError, "maybe"),
        (200, openai("server_error"), BadResponseError, "maybe"),
        (200, openai(None, "invalid_request_error"), BadResponseError, "maybe"),
        (200, openai("model_not_found"), RejectedError, "no"),
        # other shapes
        (400, {"description": "quota_not_enough", "type": "upstream_error", "code": 4}, QuotaError, "no"),
        (400, {"description": "task_no_found ", "type": "upstream_error", "code": 4}, RejectedError, "no"),
        (200, {"success": False, "message": "No."}, BadResponseError, "maybe"),
        (503, openai(None, "new_api_error", "分组 default 下模型 x 无可用渠道"), RejectedError, "no"),
    ],
)
def test_a_refusal_is_judged_by_code_then_type_then_status(
    status: int, body: object, kind: type[NowImageError], billed: str
) -> None:
    """The tables of the endpoint files, for a paid call."""
    error = paid(status, body)
    assert type(error) is kind
    assert error.billed == billed
    assert error.status == status
    assert error.lines()


@pytest.mark.parametrize("status", [408, 409, 425, 500, 502, 503, 504, 524, 200])
def test_a_free_call_is_never_billed(status: int) -> None:
    """What would be ambiguous for a paid call is only bad for a free one."""
    error = refusal_error(status, {}, b'{"error":"x"}', paid=False, key_source="")
    assert type(error) is BadResponseError
    assert error.billed == "no"


def test_facts_for_support_are_kept() -> None:
    """Status, code, request id and the relay's words; the id at the end of the words goes, as it is shown apart."""
    words = "当前分组上游负载已饱和 (request id: 2026112209)"
    error = paid(400, openai("some_code", "new_api_error", words), x_oneapi_request_id="2026112209")
    assert (error.status, error.code, error.request_id) == (400, "some_code", "2026112209")
    assert error.facts["words"] == "当前分组上游负载已饱和"
    assert paid(400, openai(), X_Request_Id="req_1").request_id == "req_1"


def test_midjourney_words_that_are_a_code_are_one() -> None:
    """Its numbers say less than its description."""
    assert paid(400, {"description": "task_no_found ", "type": "upstream_error", "code": 4}).code == "task_no_found"
    assert paid(400, {"description": "请稍后", "type": "upstream_error", "code": 4}).code == "4"


def test_the_relays_words_are_plain_and_short() -> None:
    """No terminal escapes, no bidi tricks, at most 300 characters, nothing of a web page."""
    shown = str(paid(400, openai(message="a\x1b[31mb\u202ec" + "x" * 999)).facts["words"])
    assert shown.startswith("abc")
    assert len(shown) <= 300
    assert paid(502, b"<html><script>alert(1)</script></html>").facts["words"] == "HTTP 502"
    assert paid(502, b"upstream gone").facts["words"] == "upstream gone"


def test_a_key_in_the_relays_words_is_masked() -> None:
    """Also where it stands in the code."""
    secret = secrets.token_hex(16)
    body = json.dumps(openai(secret, message=f"bad key {secret}")).encode()
    error = refusal_error(401, {}, body, paid=True, key_source="keyring", redact=Redactor(Key(secret)).redact)
    assert secret not in "\n".join([*error.lines(), str(error.facts), str(error.code)])


def test_auth_errors_name_where_the_key_came_from() -> None:
    """Or that there is none."""
    assert "keyring" in paid(401).message()
    assert "keyring" in paid(403).message()
    assert "wants a key" in refusal_error(401, {}, b"", paid=True, key_source="").message()


def test_a_redirect_shows_only_where_it_leads() -> None:
    """No path, query or user of the Location, which may carry secrets."""
    error = paid(302, b"", location="https://u:p@other.example/x?token=1")
    assert error.facts["location"] == "https://other.example" or error.facts["location"] == "other.example"
    assert "token" not in str(error)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Sun, 22 Nov 2026 12:00:10 GMT"}, 10.0),
        ({"retry-after": "Sun, 22 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "999999"}, 999999.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "Sun, 99 Nov 2026"}, None),
        ({}, None),
    ],
)
def test_what_a_relay_asks_to_wait_is_read_in_every_form(headers: dict[str, str], seconds: float | None) -> None:
    """Seconds, thousandths, dates; what makes no sense is none."""
    assert wait_asked(headers, datetime(2026, 11, 22, 12, tzinfo=UTC)) == seconds
