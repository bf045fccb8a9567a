"""What a relay's refusal means: which error of ours it is, and so whether it may have been billed.

The order is code, then type, then status; never the words alone, which relays translate, mask and rewrite. A known
refusal code wins over the status: then nothing was billed, whatever the status says. The tables below are those of the
relays' sources; what they do not know is judged by its status.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

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
from ._reasons import codes_in, some_words, words_of

__all__ = ["Refusal", "error_of_refusal"]

_OK, _CLIENT_ERROR, _SERVER_ERROR = 200, 400, 500
_NO_CHANNEL = ("无可用渠道", "no available channel")
_INNER = ("error", "detail", "base_resp", "data", 0)
_CODE_WORD = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+")
_CODE_IN_WORDS = re.compile(r"\b(?:[a-z][a-z0-9]*(?:_[a-z0-9]+)+|(?:[A-Z][a-z0-9]+){2,})\b")
_STATUS_IN_WORDS = re.compile(r"\bstatus[ _]?code:? ?(\d{3})\b")
_MARKS = {  # of programs that give no code of their own: not words for people, which are translated
    "safety_violations=": "moderation_blocked",
    "Invalid model name passed in model=": "model_not_found",
}
_WRAPPERS = frozenset(["badresponsestatuscode", "badresponsebody", "upstreamerror", "providererror"])
_SURE_STATUSES = frozenset([401, 402, 403, 404, 413, 429])  # that a body names: the relay took nothing
_OF_AN_END = "finish "
_LONGEST_CODE = 80
_LONGEST_WORDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What an answer says, as text or JSON of any shape, and what it answers; no `status`: it stands inside a success.

    `paid` says that the call costs money; `key_source` is named where the key is refused (empty: there is no key, None:
    unknown); `wait` is in seconds; `redact` takes the key out of the relay's words; `is_barred`: it is no answer of the
    relay, but of a firewall before it.
    """

    body: JSON
    status: int | None = None
    request_id: str | None = None
    location: str = ""
    wait: float | None = None
    paid: bool = True
    key_source: str | None = None
    redact: Callable[[str], str] = str
    is_barred: bool = False


class _Reason(NamedTuple):
    words: str
    code: str
    type: str
    upstream: int = 0  # the status that the service behind the relay gave it


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


# What a relay says


def _read_reason(refusal: Refusal) -> _Reason:
    def clean(text: str, limit: int) -> str:
        return plain(refusal.redact(plain(text, 8 * limit)), limit)  # what is invisible may have parted the key

    codes, outer = codes_in(refusal.body), _fields_of(refusal.body)
    is_wrapped = any(_plain_code(code) in _WRAPPERS for code in codes)
    known = next((code for code in codes if _meaning_of_code(code) is not None), "")
    words = words_of(refusal.body) if known else some_words(refusal.body)  # a code says more than JSON without words
    if not known and (is_wrapped or _CLIENT_ERROR <= (refusal.status or _OK) < _SERVER_ERROR):
        known = _code_in_words(words)
    code = known or text_of(outer.get("code") or outer.get("status_code") or dig(refusal.body, "code"))
    if (not code or code.isdigit()) and not known and _CODE_WORD.fullmatch(words[:_LONGEST_CODE]):
        code = words  # Midjourney relays put their code into the description
    code = clean(code, _LONGEST_CODE)
    fallback = code.removeprefix(_OF_AN_END) or (f"HTTP {refusal.status}" if refusal.status else "?")
    status = _STATUS_IN_WORDS.search(words) if is_wrapped else None
    return _Reason(
        clean(words, _LONGEST_WORDS) or fallback,
        code,
        text_of(outer.get("type")).lower(),
        int(status[1]) if status else 0,
    )


def _fields_of(body: JSON) -> Mapping[str, JSON]:
    inner = next((found for name in _INNER if (found := dig(body, name))), None)
    inner = inner.get("error", inner) if isinstance(inner, Mapping) else inner
    return inner if isinstance(inner, Mapping) else body if isinstance(body, Mapping) else {}


def _code_in_words(words: str) -> str:
    """Return a known code that stands among words, where a relay passes on what the service behind it said."""
    marked = next((code for mark, code in _MARKS.items() if mark in words), "")
    named = (one[0] for one in _CODE_IN_WORDS.finditer(words) if _meaning_of_code(one[0]) is not None)
    return marked or next(named, "")


def _plain_code(code: str) -> str:
    """Return a code in one spelling: `AccountOverdueError` and `account_overdue_error` are one."""
    return "".join(sign for sign in code.lower() if sign.isalnum())


def _meaning_of_code(code: str) -> _Meaning | None:
    return _BY_CODE.get(_plain_code(code)) or _BY_CODE.get(_plain_code(code.partition(".")[0]))


# What it means


def _meaning(reason: _Reason, status: int) -> _Meaning:
    if (meaning := _meaning_of_code(reason.code)) is not None:
        return meaning
    if status < _CLIENT_ERROR and reason.code.isdigit() and int(reason.code[:9]) in _SURE_STATUSES:
        return _BY_STATUS[int(reason.code)]
    if _CLIENT_ERROR <= reason.upstream < _SERVER_ERROR and reason.upstream not in _UNCLEAR_STATUSES:
        return _BY_STATUS.get(reason.upstream, _REJECTED)
    if status == 503 and any(words in reason.words.lower() for words in _NO_CHANNEL):  # noqa: PLR2004 - HTTP
        return _NO_MODEL
    by_type = _BY_TYPE.get(_plain_code(reason.type)) if status >= _CLIENT_ERROR else None
    if by_type is not None and (by_type is _NO_MONEY or status not in _BY_STATUS):
        return by_type
    return _BY_STATUS.get(status) or _BY_CLASS.get(status // 100, _UNCLEAR)


def _variant(meaning: _Meaning, refusal: Refusal) -> _Meaning:
    if refusal.is_barred:
        return _BARRED
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
_POLICY_AFTERWARDS = _Meaning(
    RejectedError,
    what="the picture was refused by the content rules: {words}",
    advice="word it differently; look at the relay's log for what was billed",
    billed="maybe",
)
_BARRED = _Meaning(
    RejectedError,
    what="a firewall before the relay lets this computer through to nothing: {words}",
    advice="the key was not looked at; try another network or proxy, or ask the relay to let programs in",
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
    return {_plain_code(name): meaning for meaning, names in rows for name in names.split()}


# Of OpenAI and the relays first, then as other makers spell them; numbers of MiniMax (in its `base_resp`), Zhipu and
# Volcengine's pictures.
_BY_CODE = _table(
    (_NO_MODEL, "model_not_found model_not_available deployment_not_found ModelNotOpen ModelNotFound 1211"),
    (_NO_MODEL, "InvalidEndpointOrModel"),
    (_POLICY, "content_policy_violation moderation_blocked sensitive_words_detected content_filter"),
    (_POLICY, "InputTextSensitiveContentDetected InputImageSensitiveContentDetected SensitiveContentDetected"),
    (_POLICY, "OutputImageSensitiveContentDetected OutputTextSensitiveContentDetected DataInspectionFailed"),
    (_POLICY, "content_moderation prompt_not_allowed 50411 50412 50413 50511 50512 1301 base_resp1026"),
    (_POLICY_AFTERWARDS, "IMAGE_SAFETY SAFETY PROHIBITED_CONTENT IMAGE_PROHIBITED_CONTENT BLOCKLIST SPII RECITATION"),
    (_POLICY_AFTERWARDS, "prompt_blocked empty_response"),  # new-api's Gemini: what it read is charged all the same
    (_POLICY_AFTERWARDS, "IMAGE_RECITATION IMAGE_OTHER NO_IMAGE CONTENT_FILTERED base_resp1027"),
    (_POLICY_AFTERWARDS, "finish_content_filter finish_content_filtered finish_SAFETY finish_IMAGE_SAFETY"),
    (_POLICY_AFTERWARDS, "finish_PROHIBITED_CONTENT finish_IMAGE_PROHIBITED_CONTENT finish_BLOCKLIST finish_SPII"),
    (_POLICY_AFTERWARDS, "finish_RECITATION finish_IMAGE_RECITATION finish_IMAGE_OTHER finish_NO_IMAGE finish_OTHER"),
    (_KEY_REFUSED, "invalid_api_key invalid_token API_KEY_INVALID base_resp1004 base_resp2049"),
    (_NOT_ALLOWED, "access_denied unsupported_country_region_territory"),
    (_NO_MONEY, "insufficient_quota insufficient_user_quota pre_consume_token_quota_failed"),
    (_NO_MONEY, "credit_balance_exhausted quota_not_enough insufficient_balance AccountOverdueError Arrearage"),
    (_NO_MONEY, "insufficient_credits payment_required balance_not_enough budget_exceeded 1113 base_resp1008"),
    (_RELAY_OUT_OF_MONEY, "billing_hard_limit_reached billing_not_active"),
    (_TOO_MANY, "rate_limit_exceeded slow_down Throttling RESOURCE_EXHAUSTED 1302 1305 50429 50430 base_resp1002"),
    (_BUSY, "server_is_overloaded system_cpu_overloaded system_memory_overloaded system_disk_overloaded"),
    (_BUSY, "ServerOverloaded"),
    (_NOT_OFFERED, "api_not_implemented"),
    (_TOO_LARGE, "read_request_body_failed"),
    (_REJECTED, "invalid_request invalid_image_request invalid_value invalid_size unknown_parameter"),
    (_REJECTED, "prompt_missing prompt_too_long size_not_supported n_not_within_range"),
    (_REJECTED, "convert_request_failed count_token_failed model_price_error get_channel_failed"),
    (_REJECTED, "InvalidParameter MissingParameter INVALID_ARGUMENT base_resp2013"),
)
_BY_TYPE: Mapping[str, _Meaning] = _table(
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
_UNCLEAR_STATUSES = frozenset(status for status, meaning in _BY_STATUS.items() if meaning in (_UNCLEAR, _PROXY))
_BY_CLASS: Mapping[int, _Meaning] = {2: _CONTRADICTION, 3: _REDIRECTED, 4: _REJECTED}
