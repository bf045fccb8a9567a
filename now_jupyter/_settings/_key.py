"""The key, in the one object that may hold it.

It shows itself nowhere: not in a repr, a pickle or a copy. What leaves it is the header for the configured origin,
and ways to take the key out of text and bytes that come from outside.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from functools import cached_property
from typing import NoReturn

from .._messages import ConfigError

__all__ = ["Key", "Veil"]

_BEARER = re.compile(r"(?:authorization\s*:\s*)?bearer(?:\s+|$)", re.IGNORECASE)
_PRINTABLE = re.compile(r"[!-~]+")
_PLACEHOLDER = re.compile(r"[{<].*[}>]|(?:sk-)?(?:\.{3,}|\*{3,}|x+|your[-_].*)?", re.IGNORECASE)
_LONGEST = 4096
_SIGNS = (b"\\", b"%", b"&#")
_LONGEST_FORM = 6  # bytes: \u0041, &#100;, &#x41;
_RUN = re.compile(rb"[A-Za-z0-9+/_-]*")
_DEEP = 512
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_SHORTEST_PACKED = 16
_SHORTEST_VEILED = 6  # a shorter text would be taken out of words that only happen to contain it


class Key:
    """A checked API key; `source` says where it came from (`environment NOW_API_KEY`, `keyring`).

    Raises:
        ConfigError: the text cannot be a key; it is not repeated in the message.
    """

    __slots__ = ("_forms", "_text", "source")

    def __init__(self, text: str, *, source: str = "") -> None:
        self._text = _checked(text, source or "Key(…)")
        self.source = source
        self._forms: _Forms | None = None

    def header(self) -> str:
        """Give the value of the Authorization header."""
        return f"Bearer {self._text}"

    def veil(self, text: str) -> str:
        """Take the key out of a text that comes from outside."""
        if len(self._text) < _SHORTEST_VEILED:
            return text
        data = text.replace(self._text, "…").encode("utf-8", "surrogatepass")
        return self.veil_for_bytes().over(data).decode("utf-8", "surrogatepass")

    def veil_for_bytes(self) -> Veil:
        """Give a filter that takes the key out of bytes as they come."""
        return Veil(self if len(self._text) >= _SHORTEST_VEILED else None)

    def forms(self) -> _Forms:
        """Give what a veil looks for."""
        if self._forms is None:
            self._forms = _Forms(self._text.encode("ascii"))
        return self._forms

    def is_in(self, data: bytes) -> bool:
        """Tell whether bytes from outside repeat the key."""
        return self.veil_for_bytes().over(data) != data

    def __repr__(self) -> str:
        return "Key(…)"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a key is not written anywhere")  # pickle and copy ask here


class Veil:
    """Puts stars over a secret in bytes as they come, also where it is split between two pieces.

    Covered are the secret itself, with any of its characters escaped as JSON, URLs and HTML do, its hex and its
    base64. Of the latter not what lies deep in other base64: that is a picture, which stars would destroy.
    """

    __slots__ = ("_before", "_key", "_rest")

    def __init__(self, key: Key | None) -> None:
        self._key = key  # not its text, which an error's frames shall not reach
        self._rest = b""
        self._before = b""  # what was shown last

    def over(self, data: bytes) -> bytes:
        """Cover the secret in bytes that are all here."""
        return data if self._key is None else self._key.forms().covered(data, is_end=True)

    def feed(self, data: bytes) -> bytes:
        """Give what can be shown of the next bytes; what may be the beginning of the secret waits for more."""
        if self._key is None:
            return data
        forms, known = self._key.forms(), len(self._before)
        whole = forms.covered(self._before + self._rest + data, is_end=False)
        end = max(known, forms.begun(whole))
        self._rest, shown = whole[end:], whole[known:end]
        self._before = whole[max(0, end - _DEEP) : end]
        return shown

    def end(self) -> bytes:
        """Give what waited."""
        return self.over(self._before + self._rest)[len(self._before) :]

    def __repr__(self) -> str:
        return "Veil(…)"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a key is not written anywhere")


class _Forms:
    """All in which a secret may be hidden: its characters escaped one by one, its hex, its base64."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._choices = [_forms_of(byte) for byte in secret]
        long = len(secret) >= _SHORTEST_PACKED
        self._hex = (secret.hex().encode("ascii"), secret.hex().upper().encode("ascii")) if long else ()
        self._base64 = _base64(secret) if long else ()

    @cached_property
    def _escaped(self) -> re.Pattern[bytes]:
        return re.compile(b"".join(b"(?:" + b"|".join(map(re.escape, choice)) + b")" for choice in self._choices))

    def covered(self, data: bytes, *, is_end: bool) -> bytes:
        """Put stars over all of them; where more is to come, what is still undecided is left."""
        for text in (self._secret, *self._hex):
            data = data.replace(text, b"*" * len(text))
        if any(sign in data for sign in _SIGNS):
            data = self._escaped.sub(_stars, data)
        for text in self._base64:
            for at in _places(text, data):
                if not _is_deep(data, at, at + len(text)) and (is_end or _is_decided(data, at + len(text))):
                    data = data[:at] + b"*" * len(text) + data[at + len(text) :]
        return data

    def begun(self, data: bytes) -> int:
        """Give where the first form begins that is cut off by the end; the end where none is."""
        first = max(0, len(data) - _LONGEST_FORM * len(self._secret) - _DEEP)
        tail = data[first:]
        starts = [len(tail)]
        for text in (self._secret, *self._hex, *self._base64):
            starts += [at for at in _places(text[:1], tail, len(tail) - len(text) + 1) if text.startswith(tail[at:])]
        for text in self._base64:
            starts += [at for at in _places(text, tail) if not _is_decided(tail, at + len(text))]
        if any(sign in tail for sign in _SIGNS):
            starts += [at for at in range(len(tail)) if _is_cut_off(self._choices, tail, at)]
        return first + min(starts)


def _forms_of(byte: int) -> tuple[bytes, ...]:
    """Give all that may stand for a character."""
    low, high = b"%02x" % byte, b"%02X" % byte
    around = ((b"\\u00", b""), (b"\\x", b""), (b"%", b""), (b"&#x", b";"))
    escaped = [sign + code + end for sign, end in around for code in (low, high)]
    slash = [b"\\/"] if byte == ord("/") else []
    return (*dict.fromkeys([*escaped, b"&#%d;" % byte, *slash]), bytes([byte]))


def _stars(found: re.Match[bytes]) -> bytes:
    return b"*" * len(found[0])


def _is_cut_off(choices: Sequence[Sequence[bytes]], data: bytes, at: int) -> bool:
    for choice in choices:
        rest = data[at : at + _LONGEST_FORM]
        if any(len(rest) < len(form) and form.startswith(rest) for form in choice):
            return True
        taken = next((form for form in choice if rest.startswith(form)), None)
        if taken is None:
            return False
        at += len(taken)
    return False


def _base64(secret: bytes) -> tuple[bytes, ...]:
    """Give the part of the base64 that is the same whatever stands around, at each of its three places."""
    found: list[bytes] = []
    for skipped in range(3):  # characters that share a group of four with something else
        core = b64encode(secret[skipped : len(secret) - (len(secret) - skipped) % 3])
        found += [core, core.translate(_URL_SAFE)]
    return tuple(dict.fromkeys(found))


def _places(text: bytes, data: bytes, start: int = 0) -> list[int]:
    found = []
    at = data.find(text, max(0, start))
    while at >= 0:
        found.append(at)
        at = data.find(text, at + 1)
    return found


def _is_deep(data: bytes, start: int, end: int) -> bool:
    """Tell whether a long run of base64 goes on before or behind."""
    sides = (data[max(0, start - _DEEP) : start], data[end : end + _DEEP])
    return any(len(side) == _DEEP and _RUN.fullmatch(side) for side in sides)


def _is_decided(data: bytes, end: int) -> bool:
    """Tell whether enough is known of what stands behind."""
    behind = data[end : end + _DEEP]
    return len(behind) == _DEEP or not _RUN.fullmatch(behind)


def _checked(text: str, source: str) -> str:
    bare = _BEARER.sub("", text.strip().strip("\"'`").strip(), count=1)
    if not bare:
        raise ConfigError("the key from {source} is empty", advice="%now login asks for it", source=source)
    if not _PRINTABLE.fullmatch(bare) or len(bare) > _LONGEST:
        raise ConfigError(
            "the key from {source} holds blanks or characters that no key has",
            advice="copy it again from the relay's key page, then %now login",
            source=source,
        )
    if _PLACEHOLDER.fullmatch(bare):
        raise ConfigError(
            "the key from {source} is a placeholder, not a key",
            advice="copy your own key from the relay's key page, then %now login",
            source=source,
        )
    return bare
