"""What a relay's refusal means: from status, headers and body to an error of ours.

The order is code, then type, then status; never the words alone, which relays translate, mask and rewrite. A known
refusal code wins over the status: then nothing was billed, whatever the status says. The tables below are those of the
relays' sources; what they do not know is judged by its status.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeAlias

from .._json import JSON
from .._messages import (
    AuthError,
    BadResponseError,
    ConfigError,
    ConnectFailed,
    MaybeBilledError,
    NowImageError,
    QuotaError,
    RateLimitError,
    RejectedError,
    plain,
)
from ._decoding import read_json

__all__ = ["refusal", "request_id_of", "wait_asked"]

_REQUEST_IDS = ("x-oneapi-request-id", "x-request-id")
_ID_SUFFIX = re.compile(r"\s*[(（]\s*request[ _]?id\s*[:：][^)）]*[)）]\s*$", re.IGNORECASE)
_MESSAGES = ("message", "description", "reason", "msg")
_CODE_WORD = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+")
_ADDRESS = re.compile(r"(https?://[^/\s?#]+)", re.IGNORECASE)
_NO_CHANNEL = ("无可用渠道", "no available channel")
_LONGEST_WORDS = 300
_LONGEST_CODE = 80
_LONGEST_PAGE = 2000  # characters of a text without a shape
_CLIENT_ERROR, _SERVER_ERROR = 400, 500


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What an answer says, in whichever shape: the relay's words, its code and type, and what support will ask for."""

    status: int
    words: str
    code: str = ""
    type: str = ""
    request_id: str | None = None
    paid: bool = False
    source: str = ""
    location: str = ""
    wait: float | None = None

    def support(self) -> dict[str, Any]:
        """Return the arguments that every error takes."""
        return {"status": self.status, "code": self.code or None, "request_id": self.request_id, "words": self.words}


_Maker: TypeAlias = Callable[[_Facts], NowImageError]


def refusal(  # noqa: PLR0913 - all that an answer is made of, and who asked
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    paid: bool,
    key_source: str,
    redact: Callable[[str], str] = str,
) -> NowImageError:
    """Return the error that a refusal means.

    `paid` says that the call costs money; `key_source` is named where the key is refused; `redact` takes the key out of
    the relay's words once they are plain: something invisible may have parted it.
    """
    facts = replace(_read(status, headers, _parse(body), redact), paid=paid, source=key_source)
    return _maker(facts)(facts)


def request_id_of(headers: Mapping[str, str]) -> str | None:
    """Return the id under which the relay can look an answer up."""
    for name in _REQUEST_IDS:
        if value := plain(headers.get(name, ""), _LONGEST_CODE):
            return value
    return None


def wait_asked(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Return the seconds that a relay asks to wait; None where it asks for nothing that makes sense."""
    if (thousandths := _seconds(headers.get("retry-after-ms", ""))) is not None:
        return thousandths / 1000
    text = headers.get("retry-after", "")
    return _until(text, now or datetime.now(UTC)) if (seconds := _seconds(text)) is None else seconds


def _seconds(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _until(text: str, now: datetime) -> float | None:
    try:
        then = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    aware = then if then.tzinfo else then.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())


# Reading


def _read(status: int, headers: Mapping[str, str], form: JSON, redact: Callable[[str], str]) -> _Facts:
    message, code, kind = _message_of(form)
    words = _shown(_ID_SUFFIX.sub("", message), _LONGEST_WORDS, redact)
    lower = {name.lower(): value for name, value in headers.items()}
    return _Facts(
        status=status,
        words=words or f"HTTP {status}",
        code=_shown(code, _LONGEST_CODE, redact),
        type=kind.lower(),
        request_id=request_id_of(lower),
        location=_address(lower.get("location", "")),
        wait=wait_asked(lower),
    )


def _shown(text: str, limit: int, redact: Callable[[str], str]) -> str:
    return plain(redact(plain(text, 8 * limit)), limit)


def _parse(body: bytes) -> JSON:
    text = body.decode("utf-8-sig", "replace").strip()
    try:
        return read_json(text)
    except ValueError:
        return None if text.startswith("<") else text[:_LONGEST_PAGE]  # of a web page nothing is quoted


def _message_of(form: JSON) -> tuple[str, str, str]:
    """Return message, code and type of any of the shapes."""
    if isinstance(form, str):
        return form, "", ""
    if not isinstance(form, Mapping):
        return "", "", ""
    inner = form.get("error") or form.get("detail")
    if isinstance(inner, str):
        return inner, _text(form.get("code")) or _word(inner), _text(form.get("type"))
    fields = inner if isinstance(inner, Mapping) else form
    message = next((text for name in _MESSAGES if (text := _text(fields.get(name)))), "")
    code = _text(fields.get("code"))
    told = _word(message) or code if not code or code.isdigit() else code
    return message, told, _text(fields.get("type"))


def _text(value: object) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _word(message: str) -> str:
    """Midjourney relays put their code into the description: `quota_not_enough`."""
    bare = message.strip()
    return bare if _CODE_WORD.fullmatch(bare) else ""


def _address(location: str) -> str:
    found = _ADDRESS.match(location)
    return found[1].rpartition("@")[2] if found else plain(location.split("?", maxsplit=1)[0], _LONGEST_CODE)


# Judging


def _maker(facts: _Facts) -> _Maker:
    if (made := _BY_CODE.get(facts.code.lower())) is not None:
        return made
    if facts.status == 503 and any(words in facts.words.lower() for words in _NO_CHANNEL):  # noqa: PLR2004 - HTTP
        return _no_model
    made = _BY_TYPE.get(facts.type) if facts.status >= _CLIENT_ERROR else None
    if made is not None and (made is _no_money or facts.status not in _BY_STATUS):
        return made
    return _by_status(facts)


def _by_status(facts: _Facts) -> _Maker:
    if (made := _BY_STATUS.get(facts.status)) is not None:
        return made
    if facts.status >= _SERVER_ERROR:
        return _unclear
    if facts.status >= _CLIENT_ERROR:
        return _rejected
    return _redirected if facts.status >= 300 else _contradiction  # noqa: PLR2004 - HTTP


def _no_model(facts: _Facts) -> NowImageError:
    return RejectedError(
        "the relay has no such model for this key: {words}",
        advice="%now models lists what it has; nothing was ordered",
        **facts.support(),
    )


def _policy(facts: _Facts) -> NowImageError:
    return RejectedError(
        "the prompt was refused by the content rules: {words}", advice="word it differently", **facts.support()
    )


def _rejected(facts: _Facts) -> NowImageError:
    return RejectedError(
        "the relay refuses this request: {words}", advice="change what it names, then run again", **facts.support()
    )


def _not_there(facts: _Facts) -> NowImageError:
    return RejectedError(
        "the relay does not have this: {words}",
        advice="check the base URL and whether the relay offers this service; %now doctor helps",
        **facts.support(),
    )


def _not_offered(facts: _Facts) -> NowImageError:
    return RejectedError(
        "the relay does not offer this: {words}", advice="use another way, such as an edit", **facts.support()
    )


def _too_large(facts: _Facts) -> NowImageError:
    return RejectedError(
        "the request is too large for the relay: {words}", advice="use smaller pictures", **facts.support()
    )


def _key_refused(facts: _Facts) -> NowImageError:
    if not facts.source:
        return AuthError("the relay wants a key: {words}", advice="%now login asks for it", **facts.support())
    return AuthError(
        "the relay refuses the key from {source}: {words}",
        advice="check at the relay that the key is whole, enabled and not used up; %now login sets another",
        source=facts.source,
        **facts.support(),
    )


def _not_allowed(facts: _Facts) -> NowImageError:
    if not facts.source:
        return _key_refused(facts)
    return AuthError(
        "the relay does not allow this to the key from {source}: {words}",
        advice="its models, group or addresses are limited at the relay, or it was pasted with something after it",
        source=facts.source,
        **facts.support(),
    )


def _no_money(facts: _Facts) -> NowImageError:
    return QuotaError(
        "no money is left for this key: {words}",
        advice="top up at the relay; %now balance shows what is there",
        **facts.support(),
    )


def _relay_out_of_money(facts: _Facts) -> NowImageError:
    return QuotaError(
        "the relay's own account at the service is out of money: {words}",
        advice="tell the relay, or choose another model",
        **facts.support(),
    )


def _too_many(facts: _Facts) -> NowImageError:
    if facts.wait is not None:
        return RateLimitError(
            "too many requests for the relay: {words}",
            advice="it asks to wait {wait} s, then run again",
            wait=f"{facts.wait:.0f}",
            **facts.support(),
        )
    return RateLimitError(
        "too many requests for the relay: {words}", advice="wait a little, then run again", **facts.support()
    )


def _busy(facts: _Facts) -> NowImageError:
    return RateLimitError(
        "the relay is overloaded and did not take the request: {words}", advice="run again later", **facts.support()
    )


def _unclear(facts: _Facts) -> NowImageError:
    if not facts.paid:
        return BadResponseError(
            "the relay has trouble: {words}", advice="try again later", billed="no", **facts.support()
        )
    return MaybeBilledError(
        "the relay had trouble after taking the order: {words}",
        advice="look at the relay's log before ordering again",
        **facts.support(),
    )


def _contradiction(facts: _Facts) -> NowImageError:
    if not facts.paid:
        return BadResponseError("the relay answers with an error: {words}", billed="no", **facts.support())
    return BadResponseError(
        "the relay answers with an error: {words}",
        advice="look at the relay's log before ordering again",
        **facts.support(),
    )


def _redirected(facts: _Facts) -> NowImageError:
    return ConfigError(
        "the relay sends us on to {location}, where the key must not follow",
        advice="if that is the right address, give it to %now login",
        location=facts.location or "?",
        **facts.support(),
    )


def _proxy(facts: _Facts) -> NowImageError:
    return ConnectFailed("the proxy asks for a password: {words}", advice="put it into HTTPS_PROXY", **facts.support())


def _table(*rows: tuple[_Maker, str]) -> Mapping[str, _Maker]:
    return {name: made for made, names in rows for name in names.split()}


_BY_CODE = _table(
    (_no_model, "model_not_found model_not_available deployment_not_found"),
    (_policy, "content_policy_violation moderation_blocked sensitive_words_detected prompt_blocked content_filter"),
    (_key_refused, "invalid_api_key invalid_token"),
    (_not_allowed, "access_denied unsupported_country_region_territory"),
    (_no_money, "insufficient_quota insufficient_user_quota pre_consume_token_quota_failed"),
    (_no_money, "credit_balance_exhausted quota_not_enough insufficient_balance"),
    (_relay_out_of_money, "billing_hard_limit_reached billing_not_active"),
    (_too_many, "rate_limit_exceeded slow_down"),
    (_busy, "server_is_overloaded system_cpu_overloaded system_memory_overloaded system_disk_overloaded"),
    (_not_offered, "api_not_implemented"),
    (_too_large, "read_request_body_failed"),
    (_rejected, "invalid_request invalid_image_request invalid_value invalid_size unknown_parameter"),
    (_rejected, "prompt_missing prompt_too_long size_not_supported n_not_within_range"),
    (_rejected, "convert_request_failed count_token_failed model_price_error get_channel_failed"),
)
_BY_TYPE = _table(
    (_policy, "image_generation_user_error"),
    (_rejected, "invalid_request_error"),
    (_key_refused, "authentication_error"),
    (_not_allowed, "permission_error"),
    (_no_money, "insufficient_quota billing_error"),
    (_too_many, "rate_limit_error"),
    (_busy, "overloaded_error"),
)
# These say more than a type does; the other statuses are judged by their class.
_BY_STATUS: Mapping[int, _Maker] = {
    401: _key_refused,
    402: _no_money,
    403: _not_allowed,
    404: _not_there,
    405: _not_there,
    407: _proxy,
    408: _unclear,
    409: _unclear,
    413: _too_large,
    425: _unclear,
    429: _too_many,
    451: _policy,
    501: _not_offered,
}
