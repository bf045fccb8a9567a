"""The key, in the one object that may hold it, and the redactor that takes it out of what comes from outside.

A key shows itself nowhere: not in a repr, a pickle or a copy. All that leaves it is the header for the configured
origin.
"""

from __future__ import annotations

import re
from itertools import chain, islice
from typing import NoReturn, TypeVar

from .._messages import ConfigError

__all__ = ["Key", "Redactor"]

_BEARER = re.compile(r"(?:authorization\s*:\s*)?bearer(?:\s+|$)", re.IGNORECASE)
_PRINTABLE = re.compile(r"[!-~]+")
_PLACEHOLDER = re.compile(r"[{<].*[}>]|(?:sk-)?(?:\.{3,}|\*{3,}|x+|your[-_].*)?", re.IGNORECASE)
_VARIABLE = re.compile(
    r"\$[A-Za-z_{(:].*|%[A-Za-z_]\w*%|(?:os\.(?:environ|getenv)|process\.env)\b.*|(?:[A-Z]+_)*API_KEY"
)
_NOTHING = ("none", "null", "nil", "undefined")
_LONGEST = 4096
_SHORTEST_REDACTED = 6  # a shorter text would be taken out of words that only happen to contain it
_LONGEST_ESCAPE = 6  # bytes: \u0041
_FEW = 32  # escapes that may be of the key; where there are more, it is looked for everywhere

_Data = TypeVar("_Data", str, bytes)


class Key:
    """A checked API key; `source` says where it came from (`NOW_API_KEY`, `keyring`).

    Raises:
        ConfigError: the text cannot be a key; it is not repeated in the message.
    """

    __slots__ = ("_compiled", "_text", "source")

    def __init__(self, text: str, *, source: str = "") -> None:
        bare = _BEARER.sub("", text.strip().strip("\"'`").strip(), count=1)
        fault = _fault_of(bare, source or "Key(…)")
        self._text = "" if fault else bare
        text = bare = ""  # a traceback may print what a frame holds
        if fault is not None:
            raise fault
        self._compiled: list[re.Pattern[bytes]] = []
        self.source = source

    def __eq__(self, other: object) -> bool:
        """Whether it is the same key from the same place: the environment is read anew for each order."""
        return isinstance(other, Key) and (self._text, self.source) == (other._text, other.source)

    def __hash__(self) -> int:
        return hash((self._text, self.source))

    def header(self) -> str:
        """Return the value of the Authorization header."""
        return f"Bearer {self._text}"

    def escapes(self) -> list[tuple[bytes, ...]]:
        """Return for each character all that may stand for it: JSON's and URLs' escapes, and itself."""
        return [_escapes_of(byte) for byte in self._text.encode("ascii")]

    def mask(self, data: bytes) -> bytes:
        """Return the data with stars over the key, also where characters of it are escaped."""
        plain = self._text.encode("ascii")
        data = data.replace(plain, b"*" * len(plain))
        if b"\\" not in data and b"%" not in data:
            return data  # the pattern is slow on the base64 of large pictures, in which there is neither
        whole, *escapes = self._patterns
        found = chain.from_iterable(escape.finditer(data) for escape in escapes)
        places = [match.start() for match in islice(found, _FEW)]
        reach = _LONGEST_ESCAPE * len(plain)
        if len(places) < _FEW and not any(whole.search(data, max(0, at - reach), at + reach) for at in places):
            return data  # as of the bytes of a picture, through which the pattern is slow, too
        return whole.sub(lambda match: b"*" * len(match[0]), data)

    @property
    def _patterns(self) -> list[re.Pattern[bytes]]:
        """A pattern of the key however it is escaped, and one for each way to escape a character of it.

        Those begin with one sign, for which whole pictures are looked through in no time.
        """
        if not self._compiled:
            every = self.escapes()
            whole = b"".join(b"(?:" + b"|".join(map(re.escape, forms)) + b")" for forms in every)
            escapes = sorted({form for forms in every for form in forms[:-1]})
            ways = ((sign, [one[1:] for one in escapes if one[:1] == sign]) for sign in (b"%", b"\\"))
            escaped = (re.escape(sign) + b"(?:" + b"|".join(map(re.escape, rest)) + b")" for sign, rest in ways)
            self._compiled = [re.compile(one) for one in (whole, *escaped)]
        return self._compiled

    def __len__(self) -> int:
        return len(self._text)

    def __repr__(self) -> str:
        return "Key(…)"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a key is not written anywhere")  # pickle and copy ask here


class Redactor:
    """Takes a key out of text and bytes that come from outside: as it is, and escaped as in JSON and URLs.

    `redact` is for what is all here. For an answer that comes in pieces make a redactor of its own: `feed` it each
    piece, then ask for the `end`. Without a key nothing is changed.
    """

    __slots__ = ("_escapes", "_key", "_rest")

    def __init__(self, key: Key | None) -> None:
        self._key = key if key is not None and len(key) >= _SHORTEST_REDACTED else None
        self._escapes = self._key.escapes() if self._key is not None else []
        self._rest = b""

    def redact(self, data: _Data) -> _Data:
        """Return the data with stars in place of the key."""
        if self._key is None:
            return data
        if isinstance(data, bytes):
            return self._key.mask(data)
        return self._key.mask(data.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogatepass")

    def is_in(self, data: bytes) -> bool:
        """Whether the data repeat the key."""
        return self.redact(data) != data

    def feed(self, data: bytes) -> bytes:
        """Return what can be shown by now; what may be the beginning of the key waits for the next piece."""
        if self._key is None:
            return data
        data = self._key.mask(self._rest + data)
        end = _undecided(self._escapes, data)
        self._rest = data[end:]
        return data[:end]

    def end(self) -> bytes:
        """Return what waited."""
        rest, self._rest = self._rest, b""
        return rest


def _escapes_of(byte: int) -> tuple[bytes, ...]:
    codes = sorted({b"%02x" % byte, b"%02X" % byte})
    slash = (b"\\/",) if byte == ord("/") else ()
    return (*(sign + code for sign in (b"\\u00", b"%") for code in codes), *slash, bytes([byte]))


def _undecided(key: list[tuple[bytes, ...]], data: bytes) -> int:
    """Return where a key may begin that is cut off by the end of the data; the end where there is none."""
    first, begins = max(0, len(data) - _LONGEST_ESCAPE * len(key)), {escape[0] for escape in key[0]}
    places = (at for at, sign in enumerate(data[first:], first) if sign in begins)
    return next((at for at in places if _is_cut_off(key, data, at)), len(data))


def _is_cut_off(key: list[tuple[bytes, ...]], data: bytes, at: int) -> bool:
    for escapes in key:
        if any(len(data) - at < len(escape) and escape.startswith(data[at:]) for escape in escapes):
            return True
        taken = next((escape for escape in escapes if data.startswith(escape, at)), None)
        if taken is None:
            return False
        at += len(taken)
    return False


def _fault_of(bare: str, source: str) -> ConfigError | None:
    """Return why a text cannot be a key, not repeating it; None where it can."""
    if not bare:
        return ConfigError("the key from {source} is empty", advice="%now login asks for it", source=source)
    if "://" in bare:
        return ConfigError(
            "the key from {source} is an address",
            advice="see whether key and address were swapped, or use %now login",
            source=source,
        )
    if not _PRINTABLE.fullmatch(bare) or len(bare) > _LONGEST:
        return ConfigError(
            "the key from {source} holds blanks or characters that no key has",
            advice="copy it again from the relay's key page, then %now login",
            source=source,
        )
    if _PLACEHOLDER.fullmatch(bare):
        return ConfigError(
            "the key from {source} is a placeholder, not a key",
            advice="copy your own key from the relay's key page, then %now login",
            source=source,
        )
    if bare.lower() in _NOTHING or _VARIABLE.fullmatch(bare):
        return ConfigError(
            "the key from {source} is the name of a variable, not the key that it holds"
            if _VARIABLE.fullmatch(bare)
            else "the key from {source} is the word for nothing: it was never set",
            advice="put the key itself there, or use %now login",
            source=source,
        )
    return None
