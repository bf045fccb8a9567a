"""What a text of an answer leads to: a link, a path of the relay, base64 with or without a head, a drawing, words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from urllib.parse import parse_qsl, unquote_to_bytes

from .._protocol import Base64, Call, Link, Source

__all__ = ["evident_source", "is_page", "source_of", "sources_in_words", "without_pictures"]

# The classes leave out what begins the next match, and quantifiers are possessive: linear on any text.
_BASE64_TEXT = r"data:image/[\w.+-]{1,40}+;base64,[A-Za-z0-9+/=_%-]++"
_DATA_URI = re.compile(_BASE64_TEXT)
_MARKDOWN = re.compile(
    r"!\[(?P<alt>(?:[^\]\[]++|\[[^\]\[]{0,500}+\]){0,50}+)\]\(\s{0,9}+<?(?P<source>"
    + _BASE64_TEXT
    + r"|https?://(?:[^()\s\[\]<>]|\([^()\s\[\]<>]{0,100}+\)){1,4000}+"
    + r"|/[\w.~%/-]{1,1000}+(?:\?[^()\s\[\]]{0,500}+)?)(?:[^()\[\]]|\([^()\[\]]{0,200}+\)){0,200}+\)"
)
_TAG = re.compile(r"<img\s[^<>]{1,4000}+>", re.IGNORECASE)
_SRC = re.compile(r"\ssrc\s{0,9}+=\s{0,9}+[\"']?([^\s\"'<>]++)", re.IGNORECASE)
_LINK = re.compile(r"https?://[^\s()\[\]<>\"'`]++")
_PAGE = re.compile(r"\s{0,99}+<(?:!doctype\s|html|head|body|title|meta)", re.IGNORECASE)
_DRAWING = re.compile(r"\s{0,99}+(?:<\?xml[^<>]{0,200}+>\s{0,99}+)?<svg[\s>]", re.IGNORECASE)
_BEGINNINGS = re.compile(  # in base64: PNG, JPEG, WebP, GIF, SVG, TIFF, and films and pictures of the ISO family
    r"\s{0,99}+(?:iVBORw0KGgo|/9j/[A-Za-z0-9+/]{8}|UklGR|R0lGOD|PHN2Zy|PD94bW|SUkqA|TU0AK|AAAA[A-Za-z]GZ0eXB)"
)
_PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".svg", ".avif", ".heic", ".bmp", ".tiff", ".mp4")
_STEP = r"[\w~%-][\w.~%-]*"  # of a path; none climbs
_OWN_PATH = re.compile(rf"(?!/9j/)(?:/{_STEP})+(?:\?\S{{0,500}})?", re.ASCII)  # of the relay: no base64 of a JPEG
_BARE_PATH = re.compile(rf"(?:\./)?({_STEP}(?:/{_STEP})+(?:\?\S{{0,500}})?)", re.ASCII)
_HOST = re.compile(r"[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}", re.IGNORECASE | re.ASCII)
# What decorates bears no other name; a picture that was made may be one of a logo, and bear its prompt.
_DECORATION = re.compile(
    r"\W*(?:logo|(?:fav)?icon|badge|avatar)s?(?:[\W_]{0,3}\d[\dx]{0,9})?(?:\.\w{1,5})?\W*", re.IGNORECASE
)
_LIKE_DECORATION = re.compile(r"logo|icon|badge|avatar", re.IGNORECASE)
_LONGEST_PATH = 1000
_LONGEST_LINK = 4000
_LONGEST_HEAD = 200
_MOST = 1000


def source_of(text: str) -> Source | None:
    """Return what a text leads to where it says so itself: a link, a data URI, a path of the relay."""
    text = text.strip() if len(text) < _LONGEST_PATH else text
    if (scheme := text[:8].lower()).startswith(("http://", "https://")):
        return Link(text) if len(text) > len(scheme) else None
    if text[:5].lower() == "data:":
        return _of_data_uri(text)
    if text.startswith("base64://"):
        return Base64(text.removeprefix("base64://"))
    return None if len(text) > _LONGEST_PATH else _of_address(text)


def _of_address(text: str) -> Source | None:
    """Return what an address without a scheme leads to."""
    if text.startswith("//"):
        return Link(text) if _HOST.match(text[2:]) or ":" in text else None
    return _of_path(text) if _OWN_PATH.fullmatch(text) else _of_bare_path(text)


def _of_path(text: str) -> Call:
    path, _, query = text.partition("?")
    return Call(path=path, method="GET", base="host", query=dict(parse_qsl(query)), expects="file")


def _of_bare_path(text: str) -> Source | None:
    """Return what a path without a beginning leads to; only that of a picture counts, as many words have a slash."""
    found = _BARE_PATH.fullmatch(text)
    if not found or not _leads_to_picture(text):
        return None
    return Link(f"https://{text}") if _HOST.fullmatch(text.partition("/")[0]) else _of_path(f"/{found[1]}")


def _of_data_uri(text: str) -> Source:
    head, comma, rest = text[: _LONGEST_HEAD + 1].partition(",")
    if comma and "base64" not in head.lower():  # a drawing, in plain or with its signs escaped
        return unquote_to_bytes(rest + text[_LONGEST_HEAD + 1 :])
    return Base64(text)


def evident_source(text: str) -> Source | None:
    """Return what a text is evidently a picture by, wherever it stands; None where only its place could tell."""
    if _BEGINNINGS.match(text):
        return Base64(text)
    if text[:11].lower() == "data:image/" or text.startswith("base64://"):
        return source_of(text)
    if text[:5].lower() == "data:":
        return source_of(text) if _BEGINNINGS.match(text[:_LONGEST_HEAD].partition(",")[2]) else None
    if _DRAWING.match(text[:_LONGEST_LINK]):
        return text.encode("utf-8", "replace")
    return source_of(text) if len(text) <= _LONGEST_LINK and _leads_to_picture(text) and " " not in text else None


def is_page(text: str) -> bool:
    """Whether a text is a web page, of which nothing is a picture that was made."""
    return _PAGE.match(text) is not None


def sources_in_words(words: str, *, is_whole: bool = True) -> Iterator[Source]:
    """Yield the pictures in words: Markdown, else data URIs, else links; `is_whole` False: only what surely ended."""
    shown = _shown_in((one["source"], one["alt"]) for one in _MARKDOWN.finditer(words))
    if not shown and is_whole:
        bare = _MARKDOWN.sub("", words).strip()  # what it shows as decoration is none as a link either
        shown = _shown_in((src[1], "") for tag in _TAG.finditer(bare) if (src := _SRC.search(tag[0])))
        shown = shown or _shown_in((one[0], "") for one in _DATA_URI.finditer(bare)) or _links_in(_TAG.sub("", bare))
    yield from (source for one in shown if (source := source_of(one)) is not None)


def _shown_in(every: Iterable[tuple[str, str]]) -> list[str]:
    """Return the links that are shown, each of which has its words: without decoration, and what may be some last."""
    shown = [one for one in islice(every, _MOST) if not (_DECORATION.fullmatch(one[1]) or _decorates(one[0]))]
    return [link for link, alt in shown if not _LIKE_DECORATION.search(alt)] or [link for link, _ in shown]


def _links_in(words: str) -> list[str]:
    bare = words.strip()
    if bare.startswith("base64://") or _LINK.fullmatch(bare):
        return [bare]
    links = [one[0] for one in islice(_LINK.finditer(bare), _MOST) if _leads_to_picture(one[0])]
    return [one for one in links if not _LIKE_DECORATION.search(_name_of(one))] or links


def without_pictures(words: str) -> str:
    """Return words without the pictures in them."""
    return _DATA_URI.sub("", _MARKDOWN.sub("", words)).strip()


def _leads_to_picture(link: str) -> bool:
    return _name_of(link).endswith(_PICTURE_SUFFIXES) and not _decorates(link)


def _decorates(link: str) -> bool:
    return link[:5].lower() != "data:" and _DECORATION.fullmatch(_name_of(link)) is not None


def _name_of(link: str) -> str:
    """Return the last part of a link's path."""
    return link[:_LONGEST_LINK].partition("?")[0].partition("#")[0].rpartition("/")[2].lower()
