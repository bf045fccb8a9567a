"""What a relay's refusal means: which error of ours it is, and so whether it may have been billed.

The order is code, then type, then status; never the words alone, which relays translate, mask and rewrite. A known
refusal code wins over the status: then nothing was billed, whatever the status says. The tables below are those of the
relays' sources; what they do not know is judged by its status.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from .._bounds import plain
from .._json import JSON, dig, text_of
from ._errors import (
    AuthError,
    BadResponseError,
    Billed,
    ConfigError,
    ConnectFailed,
    MaybeBilledError,
    NowImageError,
    QuotaError,
    RateLimitError,
    RejectedError,
)

__all__ = ["Refusal", "error_of_refusal", "is_error", "words_of"]

_OK, _CLIENT_ERROR = 200, 400
_NO_CHANNEL = ("无可用渠道", "no available channel")
_MESSAGES = (
    *("message", "fail_reason", "failReason", "failure_reason", "description", "reason", "msg", "status_msg"),
    *("detail", "error_message", "error_msg"),
)
_INNER = ("error", "detail", "base_resp", "data")
_CODE_WORD = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+")
_ID_SUFFIX = re.compile(r"[(（]\s{0,9}request[ _]?id\s{0,9}[:：][^)）]{0,200}[)）]\s*$", re.IGNORECASE)
_LONGEST_CODE = 80
_LONGEST_WORDS = 300
_LONGEST_TEXT = 2000
_DEEPEST = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What an answer says, as text or JSON of any shape, and what it answers; no `status`: it stands inside a success.

    `paid` says that the call costs money; `key_source` is named where the key is refused (empty: there is no key, None:
    unknown); `wait` is in seconds; `redact` takes the key out of the relay's words.
    """

    body: JSON
    status: int | None = None
    request_id: str | None = None
    location: str = ""
    wait: float | None = None
    paid: bool = True
    key_source: str | None = None
    redact: Callable[[str], str] = str


class _Reason(NamedTuple):
    words: str
    code: str
    type: str


@dataclass(frozen=True, slots=True, eq=False)
class _Meaning:
    kind: type[NowImageError]
    what: str
    advice: str = ""
    billed: Billed | None = None


def error_of_refusal(refusal: Refusal) -> NowImageError:
    """Return the error that a refusal means."""
    reason = _read_reason(refusal)
    meaning = _variant(_meaning(reason, refusal.status or _OK), refusal)
    facts = {
        "words": reason.words,
        "source": refusal.key_source or "",
        "location": refusal.location or "?",
        "wait": f"{refusal.wait or 0:.0f}",
    }
    return meaning.kind(
        meaning.what,
        advice=meaning.advice,
        billed=meaning.billed,
        status=refusal.status,
        code=reason.code or None,
        request_id=refusal.request_id,
        **{name: fact for name, fact in facts.items() if f"{{{name}}}" in meaning.what + meaning.advice},
    )


# What a relay says, in whichever of its shapes


def is_error(body: JSON) -> bool:
    """Whether an answer says of itself that it is an error."""
    if not isinstance(body, Mapping):
        return False
    if body.get("error") or body.get("success") is False or dig(body, "base_resp", "status_code"):
        return True
    code = body.get("code")
    is_high = isinstance(code, int) and not isinstance(code, bool) and code >= _CLIENT_ERROR
    return is_high and isinstance(body.get("message"), str)


def words_of(body: JSON, *, depth: int = 0) -> str:
    """Return the relay's words for an error of any shape; empty where it has none."""
    if isinstance(body, str):
        return _ID_SUFFIX.sub("", body[:_LONGEST_TEXT]).strip()
    if not isinstance(body, Mapping) or depth > _DEEPEST:
        return ""
    error: Any = body.get("error")
    places: list[Any] = [error] if isinstance(error, str) else []
    places += [one for name in _INNER if isinstance(one := body.get(name), Mapping)]
    places += [one for name in _MESSAGES if isinstance(one := body.get(name), str)]
    return next((words for one in places if (words := words_of(one, depth=depth + 1))), "")


def _read_reason(refusal: Refusal) -> _Reason:
    def clean(text: str, limit: int) -> str:
        return plain(refusal.redact(plain(text, 8 * limit)), limit)  # what is invisible may have parted the key

    body = refusal.body
    words, fields = words_of(body), _fields_of(body)
    code = text_of(fields.get("code") or fields.get("status_code") or dig(body, "code"))
    if (not code or code.isdigit()) and _CODE_WORD.fullmatch(words[:_LONGEST_CODE]):
        code = words  # Midjourney relays put their code into the description: `quota_not_enough`
    code = clean(code, _LONGEST_CODE)
    fallback = code or (f"HTTP {refusal.status}" if refusal.status else "?")
    return _Reason(clean(words, _LONGEST_WORDS) or fallback, code, text_of(fields.get("type")).lower())


def _fields_of(body: JSON) -> Mapping[str, JSON]:
    inner = next((found for name in _INNER if (found := dig(body, name))), None)
    return inner if isinstance(inner, Mapping) else body if isinstance(body, Mapping) else {}


# What it means


def _meaning(reason: _Reason, status: int) -> _Meaning:
    if (meaning := _BY_CODE.get(reason.code.lower())) is not None:
        return meaning
    if status == 503 and any(words in reason.words.lower() for words in _NO_CHANNEL):  # noqa: PLR2004 - HTTP
        return _NO_MODEL
    by_type = _BY_TYPE.get(reason.type) if status >= _CLIENT_ERROR else None
    if by_type is not None and (by_type is _NO_MONEY or status not in _BY_STATUS):
        return by_type
    return _BY_STATUS.get(status) or _BY_CLASS.get(status // 100, _UNCLEAR)


def _variant(meaning: _Meaning, refusal: Refusal) -> _Meaning:
    if not refusal.key_source and meaning in (_KEY_REFUSED, _NOT_ALLOWED):
        return _SOME_KEY_REFUSED if refusal.key_source is None else _KEY_WANTED
    if refusal.wait is not None and meaning is _TOO_MANY:
        return _TOO_MANY_FOR_NOW
    return meaning if refusal.paid else _UNPAID.get(meaning, meaning)


_NO_MODEL = _Meaning(
    RejectedError,
    what="the relay has no such model for this key: {words}",
    advice="%now models lists what it has; nothing was ordered",
)
_POLICY = _Meaning(
    RejectedError, what="the prompt was refused by the content rules: {words}", advice="word it differently"
)
_REJECTED = _Meaning(
    RejectedError, what="the relay refuses this request: {words}", advice="change what it names, then run again"
)
_NOT_THERE = _Meaning(
    RejectedError,
    what="the relay does not have this: {words}",
    advice="check the base URL and whether the relay offers this service; %now doctor helps",
)
_NOT_OFFERED = _Meaning(
    RejectedError, what="the relay does not offer this: {words}", advice="use another way, such as an edit"
)
_TOO_LARGE = _Meaning(
    RejectedError, what="the request is too large for the relay: {words}", advice="use smaller pictures"
)
_KEY_WANTED = _Meaning(AuthError, what="the relay wants a key: {words}", advice="%now login asks for it")
_SOME_KEY_REFUSED = _Meaning(AuthError, what="the relay refuses the key: {words}", advice="%now login asks for another")
_KEY_REFUSED = _Meaning(
    AuthError,
    what="the relay refuses the key from {source}: {words}",
    advice="check at the relay that the key is whole, enabled and not used up; %now login sets another",
)
_NOT_ALLOWED = _Meaning(
    AuthError,
    what="the relay does not allow this to the key from {source}: {words}",
    advice="its models, group or addresses are limited at the relay, or it was pasted with something after it",
)
_NO_MONEY = _Meaning(
    QuotaError,
    what="no money is left for this key: {words}",
    advice="top up at the relay; %now balance shows what is there",
)
_RELAY_OUT_OF_MONEY = _Meaning(
    QuotaError,
    what="the relay's own account at the service is out of money: {words}",
    advice="tell the relay, or choose another model",
)
_TOO_MANY = _Meaning(
    RateLimitError, what="too many requests for the relay: {words}", advice="wait a little, then run again"
)
_TOO_MANY_FOR_NOW = _Meaning(
    RateLimitError, what="too many requests for the relay: {words}", advice="it asks to wait {wait} s, then run again"
)
_BUSY = _Meaning(
    RateLimitError, what="the relay is overloaded and did not take the request: {words}", advice="run again later"
)
_UNCLEAR = _Meaning(
    MaybeBilledError,
    what="the relay had trouble after taking the order: {words}",
    advice="look at the relay's log before ordering again",
)
_CONTRADICTION = _Meaning(
    BadResponseError,
    what="the relay answers with an error: {words}",
    advice="look at the relay's log before ordering again",
)
_REDIRECTED = _Meaning(
    ConfigError,
    what="the relay sends us on to {location}, where the key must not follow",
    advice="if that is the right address, give it to %now login",
)
_PROXY = _Meaning(ConnectFailed, what="the proxy asks for a password: {words}", advice="put it into HTTPS_PROXY")

# What is unclear for a paid call is only bad for a free one.
_UNPAID: Mapping[_Meaning, _Meaning] = {
    _UNCLEAR: _Meaning(BadResponseError, what="the relay has trouble: {words}", advice="try again later", billed="no"),
    _CONTRADICTION: _Meaning(BadResponseError, what="the relay answers with an error: {words}", billed="no"),
}


def _table(*rows: tuple[_Meaning, str]) -> Mapping[str, _Meaning]:
    return {name: meaning for meaning, names in rows for name in names.split()}


_BY_CODE = _table(
    (_NO_MODEL, "model_not_found model_not_available deployment_not_found"),
    (_POLICY, "content_policy_violation moderation_blocked sensitive_words_detected prompt_blocked content_filter"),
    (_KEY_REFUSED, "invalid_api_key invalid_token"),
    (_NOT_ALLOWED, "access_denied unsupported_country_region_territory"),
    (_NO_MONEY, "insufficient_quota insufficient_user_quota pre_consume_token_quota_failed"),
    (_NO_MONEY, "credit_balance_exhausted quota_not_enough insufficient_balance"),
    (_RELAY_OUT_OF_MONEY, "billing_hard_limit_reached billing_not_active"),
    (_TOO_MANY, "rate_limit_exceeded slow_down"),
    (_BUSY, "server_is_overloaded system_cpu_overloaded system_memory_overloaded system_disk_overloaded"),
    (_NOT_OFFERED, "api_not_implemented"),
    (_TOO_LARGE, "read_request_body_failed"),
    (_REJECTED, "invalid_request invalid_image_request invalid_value invalid_size unknown_parameter"),
    (_REJECTED, "prompt_missing prompt_too_long size_not_supported n_not_within_range"),
    (_REJECTED, "convert_request_failed count_token_failed model_price_error get_channel_failed"),
)
_BY_TYPE = _table(
    (_POLICY, "image_generation_user_error"),
    (_REJECTED, "invalid_request_error"),
    (_KEY_REFUSED, "authentication_error"),
    (_NOT_ALLOWED, "permission_error"),
    (_NO_MONEY, "insufficient_quota billing_error"),
    (_TOO_MANY, "rate_limit_error"),
    (_BUSY, "overloaded_error"),
)
# These say more than a type does; the other statuses are judged by their class.
_BY_STATUS: Mapping[int, _Meaning] = {
    401: _KEY_REFUSED,
    402: _NO_MONEY,
    403: _NOT_ALLOWED,
    404: _NOT_THERE,
    405: _NOT_THERE,
    407: _PROXY,
    408: _UNCLEAR,
    409: _UNCLEAR,
    413: _TOO_LARGE,
    425: _UNCLEAR,
    429: _TOO_MANY,
    451: _POLICY,
    501: _NOT_OFFERED,
}
_BY_CLASS: Mapping[int, _Meaning] = {2: _CONTRADICTION, 3: _REDIRECTED, 4: _REJECTED}
