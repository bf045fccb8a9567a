"""Names of output files that people recognise in a file browser: `12-red-fox-in-snow.png`.

A prompt may be hostile and in any language, and the name has to be one on every file system: letters, their marks and
digits of all scripts stay, everything else parts words or goes.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["file_name", "readable_name", "safe_name"]

_LONGEST = 40  # characters, which are 120 bytes of Chinese
_MOST_BYTES = 120  # of UTF-8; file systems take 255 for the whole name, encrypting ones 143
_MOST_READ = 1000  # characters of a prompt
_KEPT = {"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Nd"}
_WITHOUT_TRACE = {"Cf"}  # joiners, soft hyphens, marks of direction
_APOSTROPHES = "'’ʼ"
_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
_ARTICLE = re.compile(r"(?:(?:a|an|the)-)+(?=.)")
_RESERVED = re.compile(r"con|prn|aux|nul|(?:com|lpt)[0-9]")  # on Windows, with any suffix
_ODD = re.compile(r"[^\w.()+,@-]+")


def file_name(number: int, index: int, prompt: str, suffix: str) -> str:
    """Return the name of an output's file: `12-red-fox.png`, `12.2-red-fox.png` for the second output of #12."""
    ref = f"{number}.{index}" if index > 1 else str(number)
    words = readable_name(prompt)
    return f"{ref}-{words}{suffix}" if words else f"{ref}{suffix}"


def readable_name(prompt: str, *, longest: int = _LONGEST) -> str:
    """Return the first words of a prompt as `red-fox-in-snow`, at most `longest` characters; empty where it has none.

    The result is safe as the name of a file, or a part of one, on every file system.
    """
    text = unicodedata.normalize("NFC", _INVISIBLE.sub("", prompt[:_MOST_READ])).lower()
    parted = unicodedata.normalize("NFC", "".join(map(_piece, text)))
    words = [word for word in map(_without_leading_marks, parted.split(" ")) if word]
    name = _cut(_ARTICLE.sub("", "-".join(words), count=1) if words else "", longest)
    return f"_{name}" if _RESERVED.fullmatch(name) else name


def safe_name(text: str) -> str:
    """Return a name, as somebody has thought of it, made safe for every file system; empty where nothing is left."""
    plain = unicodedata.normalize("NFC", _INVISIBLE.sub("", text[:_MOST_READ]))
    name = _ODD.sub("-", plain).encode()[:_MOST_BYTES].decode("utf-8", "ignore").strip("-. ")
    return f"_{name}" if _RESERVED.fullmatch(name.partition(".")[0].lower()) else name


def _piece(char: str) -> str:
    category = unicodedata.category(char)
    if category in _WITHOUT_TRACE or char in _APOSTROPHES:
        return ""
    return char if category in _KEPT else " "


def _without_leading_marks(word: str) -> str:
    """Return the word from its first letter or digit on: a mark would change what stands before it."""
    return next((word[at:] for at, char in enumerate(word) if unicodedata.category(char)[0] != "M"), "")


def _cut(name: str, longest: int) -> str:
    """Return the words that fit; one that would leave half of the room empty is cut itself."""
    short = name[:longest].encode()[:_MOST_BYTES].decode("utf-8", "ignore")
    if len(short) < len(name) and name[len(short)] != "-":
        whole, _, _ = short.rpartition("-")
        short = whole if 2 * len(whole) >= len(short) else short
    return short.rstrip("-")
