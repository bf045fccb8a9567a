"""The key, in the one object that may hold it.

It shows itself nowhere: not in a repr, a pickle or a copy. What leaves it is the header for the configured origin,
and a way to take the key out of a text that comes from outside.
"""

from __future__ import annotations

import re
from typing import NoReturn

from ._errors import ConfigError

__all__ = ["Key"]

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

    def __repr__(self) -> str:
        return "Key(…)"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a key is not written anywhere")  # pickle and copy ask here


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
