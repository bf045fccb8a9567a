"""What a relay means by an error inside an answer whose status says success.

The code decides, never the words alone, which relays translate and rewrite. A known refusal code wins over the status:
then nothing was billed. What the table does not know may have been.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from .._json import JSON
from .._messages import AuthError, BadResponseError, Billed, NowImageError, QuotaError, RateLimitError, RejectedError
from ._finding import dig, text_of

__all__ = ["error_of", "is_error", "words_of"]

_MESSAGES = (
    *("message", "fail_reason", "failReason", "failure_reason", "description", "reason", "msg", "status_msg"),
    *("detail", "error_message", "error_msg"),
)
_INNER = ("error", "detail", "base_resp", "data")
_CODE_WORD = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+")
_ID_SUFFIX = re.compile(r"[(（]\s{0,9}request[ _]?id\s{0,9}[:：][^)）]{0,200}[)）]\s*$", re.IGNORECASE)
_CLIENT_ERROR = 400
_LONGEST_CODE = 80
_LONGEST_WORDS = 2000
_DEEPEST = 6


def is_error(body: JSON) -> bool:
    """Whether an answer says of itself that it is an error."""
    if not isinstance(body, Mapping):
        return False
    if body.get("error") or body.get("success") is False or dig(body, "base_resp", "status_code"):
        return True
    code = body.get("code")
    is_high = isinstance(code, int) and not isinstance(code, bool) and code >= _CLIENT_ERROR
    return is_high and isinstance(body.get("message"), str)


def words_of(reason: JSON, *, depth: int = 0) -> str:
    """Return the relay's words for a reason of any shape; empty where it has none."""
    if isinstance(reason, str):
        return _ID_SUFFIX.sub("", reason[:_LONGEST_WORDS]).strip()
    if not isinstance(reason, Mapping) or depth > _DEEPEST:
        return ""
    error: Any = reason.get("error")
    places: list[Any] = [error] if isinstance(error, str) else []
    places += [one for name in _INNER if isinstance(one := reason.get(name), Mapping)]
    places += [one for name in _MESSAGES if isinstance(one := reason.get(name), str)]
    return next((words for one in places if (words := words_of(one, depth=depth + 1))), "")


def error_of(reason: JSON, *, billed: Billed | None = None, request_id: str | None = None) -> NowImageError:
    """Return the error that a reason means; `billed` where that is known better than by its code."""
    words, code = words_of(reason), _code_of(reason)
    make = _BY_CODE.get(code.lower(), _contradiction)
    error = make(words or code or "?")
    error.code = code or None
    error.request_id = request_id
    error.billed = billed or error.billed
    return error


def _code_of(reason: JSON) -> str:
    if isinstance(reason, str):
        return reason if _CODE_WORD.fullmatch(reason.strip()[:_LONGEST_CODE]) else ""
    if not isinstance(reason, Mapping):
        return ""
    inner: Any = next((reason[name] for name in _INNER if reason.get(name)), None)
    fields = inner if isinstance(inner, Mapping) else reason
    code = text_of(fields.get("code") or fields.get("status_code"))[:_LONGEST_CODE]
    if code and not code.isdigit():
        return code
    return _code_of(inner if isinstance(inner, str) else words_of(fields)) or code


_Maker: TypeAlias = Callable[[str], NowImageError]


def _no_model(words: str) -> NowImageError:
    return RejectedError(
        "the relay has no such model for this key: {words}",
        advice="%now models lists what it has; nothing was ordered",
        words=words,
    )


def _policy(words: str) -> NowImageError:
    return RejectedError(
        "the prompt was refused by the content rules: {words}", advice="word it differently", words=words
    )


def _rejected(words: str) -> NowImageError:
    return RejectedError(
        "the relay refuses this request: {words}", advice="change what it names, then run again", words=words
    )


def _not_offered(words: str) -> NowImageError:
    return RejectedError(
        "the relay does not offer this: {words}", advice="use another way, such as an edit", words=words
    )


def _key_refused(words: str) -> NowImageError:
    return AuthError("the relay refuses the key: {words}", advice="%now login asks for another", words=words)


def _no_money(words: str) -> NowImageError:
    return QuotaError(
        "no money is left for this key: {words}",
        advice="top up at the relay; %now balance shows what is there",
        words=words,
    )


def _relay_out_of_money(words: str) -> NowImageError:
    return QuotaError(
        "the relay's own account at the service is out of money: {words}",
        advice="tell the relay, or choose another model",
        words=words,
    )


def _too_many(words: str) -> NowImageError:
    return RateLimitError(
        "too many requests for the relay: {words}", advice="wait a little, then run again", words=words
    )


def _busy(words: str) -> NowImageError:
    return RateLimitError(
        "the relay is overloaded and did not take the request: {words}", advice="run again later", words=words
    )


def _contradiction(words: str) -> NowImageError:
    return BadResponseError(
        "the relay answers with an error: {words}",
        advice="look at the relay's log before ordering again",
        words=words,
    )


def _table(*rows: tuple[_Maker, str]) -> Mapping[str, _Maker]:
    return {name: make for make, names in rows for name in names.split()}


_BY_CODE = _table(
    (_no_model, "model_not_found model_not_available deployment_not_found"),
    (_policy, "content_policy_violation moderation_blocked sensitive_words_detected prompt_blocked content_filter"),
    (_key_refused, "invalid_api_key invalid_token access_denied unsupported_country_region_territory"),
    (_no_money, "insufficient_quota insufficient_user_quota pre_consume_token_quota_failed"),
    (_no_money, "credit_balance_exhausted quota_not_enough insufficient_balance"),
    (_relay_out_of_money, "billing_hard_limit_reached billing_not_active"),
    (_too_many, "rate_limit_exceeded slow_down"),
    (_busy, "server_is_overloaded system_cpu_overloaded system_memory_overloaded system_disk_overloaded"),
    (_not_offered, "api_not_implemented"),
    (_rejected, "invalid_request invalid_image_request invalid_value invalid_size unknown_parameter"),
    (_rejected, "prompt_missing prompt_too_long size_not_supported n_not_within_range read_request_body_failed"),
    (_rejected, "convert_request_failed count_token_failed model_price_error get_channel_failed"),
)
