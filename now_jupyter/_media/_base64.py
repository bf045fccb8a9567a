"""Base64 in all the forms in which relays send it."""

from __future__ import annotations

import binascii
from urllib.parse import unquote_to_bytes

from .._messages import BadImageError

__all__ = ["unpack_base64"]

_BLANKS = b" \t\r\n\f\v"
_PLAIN_ALPHABET = bytes.maketrans(b"-_", b"+/")


def unpack_base64(text: str) -> bytes:
    """Return the bytes of base64 text: of a `data:` URI, with blanks, URL-safe, without padding.

    Raises:
        BadImageError: it is not base64.
    """
    for packed in (lambda: text, lambda: _plain(text)):  # as nearly all send it: a long text is not copied
        try:
            if data := binascii.a2b_base64(packed(), strict_mode=True):
                return data
        except ValueError:
            continue
    raise BadImageError("the picture came as base64 text that cannot be read")


def _plain(text: str) -> bytes:
    plain = _payload(text.strip().removeprefix("\ufeff")).translate(_PLAIN_ALPHABET, _BLANKS).rstrip(b"=")
    return plain + b"=" * (-len(plain) % 4)


def _payload(text: str) -> bytes:
    head, comma, rest = text.partition(",") if text[:5].lower() == "data:" else ("", "", text)
    if head and not (comma and head.lower().rstrip().endswith(";base64")):
        raise BadImageError("the picture came as a data: link without base64")
    packed = rest.encode("utf-8", "replace")
    return unquote_to_bytes(packed) if b"%" in packed else packed
