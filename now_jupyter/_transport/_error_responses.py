"""What a refusal says, in whichever of the relays' shapes."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from .._json import JSON
from .._messages import NowImageError, Refusal, error_of_refusal, plain
from ._decoding import read_json

__all__ = ["refusal_error", "request_id_of", "wait_asked"]

_REQUEST_IDS = ("x-oneapi-request-id", "x-request-id")
_ID_SUFFIX = re.compile(r"\s*[(（]\s*request[ _]?id\s*[:：][^)）]*[)）]\s*$", re.IGNORECASE)
_MESSAGES = ("message", "description", "reason", "msg")
_CODE_WORD = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+")
_ADDRESS = re.compile(r"(https?://[^/\s?#]+)", re.IGNORECASE)
_LONGEST_WORDS = 300
_LONGEST_CODE = 80
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
    message, code, kind = _parse_error(_parse_body(body))
    refusal = Refusal(
        status=status,
        words=_clean(_ID_SUFFIX.sub("", message), _LONGEST_WORDS, redact) or f"HTTP {status}",
        code=_clean(code, _LONGEST_CODE, redact),
        type=kind.lower(),
        request_id=request_id_of(headers),
        location=_origin_of(headers.get("location", "")),
        wait=wait_asked(headers),
        paid=paid,
        key_source=key_source,
    )
    return error_of_refusal(refusal)


def request_id_of(headers: Mapping[str, str]) -> str | None:
    """Return the id under which the relay can look an answer up."""
    return next((id_ for name in _REQUEST_IDS if (id_ := plain(headers.get(name, ""), _LONGEST_CODE))), None)


def wait_asked(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Return the seconds that a relay asks to wait; None where it asks for nothing that makes sense."""
    text = headers.get("retry-after", "")
    for number, unit in ((headers.get("retry-after-ms", ""), 1000), (text, 1)):
        with suppress(ValueError):
            seconds = float(number) / unit
            if math.isfinite(seconds) and seconds >= 0:
                return seconds
    try:
        then = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    aware = then if then.tzinfo else then.replace(tzinfo=UTC)
    return max(0.0, (aware - (now or datetime.now(UTC))).total_seconds())


def _clean(text: str, limit: int, redact: Callable[[str], str]) -> str:
    """Return a text that can be shown; the key goes last, because what is invisible may have parted it."""
    return plain(redact(plain(text, 8 * limit)), limit)


def _parse_body(body: bytes) -> JSON:
    text = body.decode("utf-8-sig", "replace").strip()
    try:
        return read_json(text)
    except ValueError:
        return None if text.startswith("<") else text[:_LONGEST_PAGE]  # of a web page nothing is quoted


def _parse_error(form: JSON) -> tuple[str, str, str]:
    """Return message, code and type of any of the shapes."""
    if isinstance(form, str):
        return form, "", ""
    if not isinstance(form, Mapping):
        return "", "", ""
    inner = form.get("error") or form.get("detail")
    fields = inner if isinstance(inner, Mapping) else {**form, "message": inner} if isinstance(inner, str) else form
    message = next((text for name in _MESSAGES if (text := _text(fields.get(name)))), "")
    code = _text(fields.get("code"))
    if (not code or code.isdigit()) and _CODE_WORD.fullmatch(message.strip()):
        code = message.strip()  # Midjourney relays put their code into the description: `quota_not_enough`
    return message, code, _text(fields.get("type"))


def _text(value: object) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _origin_of(location: str) -> str:
    found = _ADDRESS.match(location)
    return found[1].rpartition("@")[2] if found else plain(location.split("?", maxsplit=1)[0], _LONGEST_CODE)
