"""Base64 in all the forms in which relays send it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import unquote_to_bytes

import pybase64

from .._messages import BadImageError

__all__ = ["unpack_base64"]

_BLANKS = b" \t\r\n\f\v"
_PLAIN_ALPHABET = bytes.maketrans(b"-_", b"+/")
_MARK = b"\xef\xbb\xbf"
_GROUP = 4


def unpack_base64(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the bytes of base64 text that comes in pieces: of a `data:` URI, with blanks, URL-safe, without padding.

    Raises:
        BadImageError: it is not base64.
    """
    left, is_padded, is_empty = b"", False, True
    for piece in _payload(iter(pieces)):
        signs = left + piece.translate(_PLAIN_ALPHABET, _BLANKS)
        plain = signs.rstrip(b"=")
        if is_padded and plain != left:
            raise _refusal()
        is_padded = is_padded or len(plain) < len(signs)
        whole = len(plain) // _GROUP * _GROUP
        if whole:
            yield _decode(plain[:whole])
            is_empty = False
        left = plain[whole:]
    if left:
        yield _decode(left + b"=" * (_GROUP - len(left)))
    elif is_empty:
        raise _refusal()


def _decode(signs: bytes) -> bytes:
    try:
        return pybase64.b64decode(signs, validate=True)
    except ValueError:
        refusal = _refusal()
    raise refusal


def _refusal() -> BadImageError:
    return BadImageError("the picture came as base64 text that cannot be read")


def _payload(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what stands behind the head of a `data:` URI, or all of it."""
    first = next(pieces, b"").lstrip().removeprefix(_MARK).lstrip()
    head, comma, rest = first.partition(b",") if first[:5].lower() == b"data:" else (b"", b"", first)
    if head and not (comma and head.lower().rstrip().endswith(b";base64")):
        raise BadImageError("the picture came as a data: link without base64")
    for piece in pieces:
        start = rest.rfind(b"%", -2)  # an escape that may go on in the next piece
        end = start if start >= 0 else len(rest)
        yield _unquoted(rest[:end])
        rest = rest[end:] + piece
    yield _unquoted(rest)


def _unquoted(text: bytes) -> bytes:
    return unquote_to_bytes(text) if b"%" in text else text
