"""What the names in an answer tell of what stands under them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

__all__ = ["Name", "Sure", "read_name", "says_not_final"]

_LINKS = frozenset(
    [
        *("url", "uri", "link", "href", "src", "image", "img", "pic", "picture", "photo", "file", "download", "output"),
        *("result", "asset", "media", "artifact", "art", "artwork", "drawing", "render", "sample", "video", "gif"),
        *("svg", "png", "webp", "jpg", "jpeg", "avif", "original"),
    ]
)
_BASE64 = frozenset(["b64", "base64"])
_BYTES = frozenset(["byte", "bytes"])
_PLACES = _LINKS | _BASE64 | _BYTES | {
    *("data", "list", "item", "response", "task", "prediction", "candidate", "choice", "message", "delta", "content"),
    *("part", "inline", "body", "payload", "generated", "generation", "json", "variant", "creation", "work", "object"),
    *("answer", "success", "completed", "final", "size", "format", "encoded"),
}  # fmt: skip
_WORDS = frozenset(["content", "text", "markdown", "answer", "reply", "words", "response", "output"])
_GIVEN = frozenset(
    [
        *("input", "request", "req", "param", "parameter", "prompt", "mask", "reference", "ref", "init", "initial"),
        *("query", "instruction", "option"),
    ]
)
_BESIDE = frozenset(
    [
        *("logo", "icon", "favicon", "avatar", "badge", "banner", "thumb", "thumbnail", "preview", "poster"),
        *("placeholder", "user", "owner", "author", "provider", "error", "warning", "usage", "help", "doc", "term"),
        *("reasoning", "thinking", "thought", "webhook", "callback"),
    ]
)
_PAGES = frozenset(
    [
        *("status", "get", "poll", "polling", "cancel", "stream", "web", "site", "website", "page", "homepage", "api"),
        *("next", "prev", "previous", "self", "first", "last", "privacy", "support", "dashboard", "console", "billing"),
        *("pay", "payment", "checkout", "invoice", "topup", "recharge", "login", "register", "upgrade", "pricing"),
    ]
)
_SKIPPED = _GIVEN | _BESIDE
_NOT_FINAL = (_SKIPPED | {"partial"}) - {"error"}
_PARTS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")
_LONGEST_NAME = 80
_LONG = 64  # signs: `bytes` may as well be a number of them


class Sure(IntEnum):
    """How sure it is that something was made."""

    CALLED_ORIGINAL, TOLD_BY_NAME, EVIDENT, IN_PLACE = range(4)


@dataclass(frozen=True, slots=True)
class Name:
    """What a name tells of what stands under it."""

    parts: frozenset[str] = frozenset()
    group: str = ""  # names of one group are ways to one picture

    @property
    def is_skipped(self) -> bool:
        """Whether nothing under it is looked at."""
        return not self.parts.isdisjoint(_SKIPPED)

    @property
    def is_given(self) -> bool:
        """Whether it holds what the user gave."""
        return not self.parts.isdisjoint(_GIVEN)

    @property
    def is_link(self) -> bool:
        """Whether any link under it leads to a picture; so it is where there is no name, and in OpenAI's own place."""
        return not self.parts or self.parts == {"data"} or not (self.parts.isdisjoint(_LINKS) or self.parts & _PAGES)

    @property
    def is_words(self) -> bool:
        """Whether words with pictures in them stand under it."""
        return not self.parts.isdisjoint(_WORDS)

    def has_base64(self, text: str) -> bool:
        """Whether a text under it is base64, whatever it begins with."""
        return not self.parts.isdisjoint(_BASE64) or (not self.parts.isdisjoint(_BYTES) and len(text) > _LONG)

    def below(self, sure: Sure) -> Sure:
        """Return how sure it is what is found under this name."""
        if "original" in self.parts:
            return Sure.CALLED_ORIGINAL
        return sure if self.parts <= _PLACES else min(sure, Sure.TOLD_BY_NAME)


@lru_cache(4096)
def read_name(name: str) -> Name:
    """Return what a name tells, in whatever spelling it comes."""
    every = [part.lower() for part in _PARTS.split(name[:_LONGEST_NAME]) if part]
    bare = [part if part in _BASE64 else part.rstrip("0123456789") for part in every]
    parts = frozenset(_known_part(part) for part in bare if part)
    is_numbered = any(part[-1:].isdigit() and part not in _BASE64 for part in every)
    return Name(parts, name if is_numbered else "video" if "video" in parts else "")


def says_not_final(kind: str) -> bool:
    """Whether the type of an object says that it is what was given, what goes beside, or not yet finished."""
    return not read_name(kind).parts.isdisjoint(_NOT_FINAL)


def _known_part(part: str) -> str:
    """Return a part of a name in the singular; of one that is written together (`imageurl`), what it ends with."""
    single = part.removesuffix("s")
    if single in _PLACES or single in _NOT_FINAL:
        return single
    if part.endswith("ies"):
        return part
    return next(
        (end for end in ("url", "uri", "link", "image", "base64", "b64", "thumb") if single.endswith(end)), part
    )
