"""The key, in the one object that may hold it.

It shows itself nowhere: not in a repr, a pickle or a copy. What leaves it is the header for the configured origin,
and ways to take the key out of text and bytes that come from outside.
"""

from __future__ import annotations

import re
from typing import NoReturn

from ._errors import ConfigError

__all__ = ["Key", "Veil"]

_BEARER = re.compile(r"(?:authorization\s*:\s*)?bearer(?:\s+|$)", re.IGNORECASE)
_PRINTABLE = re.compile(r"[!-~]+")
_PLACEHOLDER = re.compile(r"[{<].*[}>]|(?:sk-)?(?:\.{3,}|\*{3,}|x+|your[-_].*)?", re.IGNORECASE)
_LONGEST = 4096
_SHORTEST_VEILED = 6  # a shorter text would be taken out of words that only happen to contain it


class Key:
    """A checked API key; `source` says where it came from (`environment NOW_API_KEY`, `keyring`).

    Raises:
        ConfigError: the text cannot be a key; it is not repeated in the message.
    """

    __slots__ = ("_text", "source")

    def __init__(self, text: str, *, source: str = "") -> None:
        self._text = _checked(text, source or "Key(…)")
        self.source = source

    def header(self) -> str:
        """Give the value of the Authorization header."""
        return f"Bearer {self._text}"

    def veil(self, text: str) -> str:
        """Take the key out of a text that comes from outside."""
        return text.replace(self._text, "…") if len(self._text) >= _SHORTEST_VEILED else text

    def veil_for_bytes(self) -> Veil:
        """Give a filter that takes the key out of bytes as they come."""
        return Veil(self._text.encode("ascii") if len(self._text) >= _SHORTEST_VEILED else b"")

    def __repr__(self) -> str:
        return "Key(…)"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a key is not written anywhere")  # pickle and copy ask here


class Veil:
    """Puts stars over a secret in bytes as they come, also where it is split between two pieces."""

    __slots__ = ("_rest", "_secret", "_stars")

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._stars = b"*" * len(secret)
        self._rest = b""

    def over(self, data: bytes) -> bytes:
        """Cover the secret in bytes that are all here."""
        return data.replace(self._secret, self._stars) if self._secret else data

    def feed(self, data: bytes) -> bytes:
        """Give what can be shown of the next bytes; what may be the beginning of the secret waits for more."""
        whole = self.over(self._rest + data)
        begun = next((size for size in range(len(self._secret) - 1, 0, -1) if whole.endswith(self._secret[:size])), 0)
        self._rest = whole[len(whole) - begun :]
        return whole[: len(whole) - begun]

    def end(self) -> bytes:
        """Give what waited."""
        return self._rest

    def __repr__(self) -> str:
        return "Veil(…)"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a key is not written anywhere")


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
