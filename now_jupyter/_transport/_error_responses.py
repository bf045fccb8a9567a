"""An answer that refuses: its body and its headers, on their way to an error of ours."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from .._json import JSON
from .._media import is_web_page
from .._messages import NowImageError, Refusal, error_of_refusal, plain
from ._decoding import read_body

__all__ = ["refusal_error", "request_id_of", "wait_asked"]

_REQUEST_IDS = ("x-oneapi-request-id", "x-request-id")
_ADDRESS = re.compile(r"(https?://[^/\s?#]+)", re.IGNORECASE)
_NUMBER_OF_FIREWALL = re.compile(rb"\s*error code: 10(?!15)\d\d\b")  # 1015 is a rate limit
_FORBIDDEN = 403
_OF_FIREWALLS = (_FORBIDDEN, 503)
_LONGEST_ID = 80
_LONGEST_PAGE = 2000  # characters of a text without a shape


def refusal_error(  # noqa: PLR0913 - all that an answer is made of, and who asked
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    paid: bool,
    key_source: str,
    redact: Callable[[str], str] = str,
) -> NowImageError:
    """Return the error that a refusal means; `headers` have their names in lower case.

    `paid` says that the call costs money; `key_source` is named where the key is refused; `redact` takes the key out of
    the relay's words.
    """
    return error_of_refusal(
        Refusal(
            body=_parse_body(body),
            status=status,
            request_id=request_id_of(headers),
            location=_origin_of(headers.get("location", "")),
            wait=wait_asked(headers),
            paid=paid,
            key_source=key_source,
            redact=redact,
            is_barred=_is_barred(status, headers, body),
        )
    )


def _is_barred(status: int, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether it is a firewall before the relay that refuses: the relay itself says no in JSON."""
    if status not in _OF_FIREWALLS:
        return False
    if headers.get("cf-mitigated") or _NUMBER_OF_FIREWALL.match(body):
        return True
    return status == _FORBIDDEN and is_web_page(body)


def request_id_of(headers: Mapping[str, str]) -> str | None:
    """Return the id under which the relay can look an answer up."""
    for name in _REQUEST_IDS:
        if value := plain(headers.get(name, ""), _LONGEST_ID):
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


def _parse_body(body: bytes) -> JSON:
    text = body.decode("utf-8-sig", "replace").strip()
    try:
        return read_body(text)
    except ValueError:
        return None if text.startswith("<") else text[:_LONGEST_PAGE]  # of a web page nothing is quoted


def _origin_of(location: str) -> str:
    found = _ADDRESS.match(location)
    return found[1].rpartition("@")[2] if found else plain(location.split("?", maxsplit=1)[0], _LONGEST_ID)
