"""Where outputs are in a JSON answer of whatever shape: links, base64 and data URIs, one after the other.

First the places where relays are known to put them are looked at; only where these hold nothing, everything is, and
then only what is evidently a picture counts. What was given back (`input`, `request`) or decorates (`logo`) is not
looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

from .._json import JSON, digest
from .._protocol import Base64, Call, Found, Link, Lost, Source

__all__ = ["number", "outputs_in", "outputs_in_words", "without_pictures"]

_Read: TypeAlias = Callable[[str], "Source | None"]  # what a text means where it stands

_BASE64_KEYS = (
    *("b64_json", "b64", "base64", "image_base64", "base64_json", "b64_image", "imageBytes", "image_data"),
    *("bytesBase64Encoded", "bytesBase64"),
)
_LINK_KEYS = ("url", "image_url", "imageUrl", "image", "link", "uri", "img", "result_url", "output_url")
_CONTAINERS = (
    *("images", "data", "image_urls", "imageUrls", "image_list", "output", "outputs", "results", "result"),
    *("task_result", "generated_images", "artifacts", "predictions", "candidates", "choices", "message", "delta"),
    *("parts", "inlineData", "inline_data", "item", "response", "svg"),
)
_MIMES = ("mimeType", "mime_type", "media_type", "content_type")
_NOT_MADE = re.compile(
    r"input|request|param|prompt|logo|icon|avatar|mask|reference|init|thumb|preview|original|user|provider|error",
    re.IGNORECASE,
)
_PICTURE_STARTS = ("iVBORw0KGgo", "/9j/", "UklGR", "R0lGOD", "PHN2Zy", "PD94bW")  # PNG, JPEG, WebP, GIF, SVG in base64
# The classes leave out what begins the next match, and quantifiers are possessive: linear on any text.
_BASE64_TEXT = r"data:image/[\w.+-]{1,40}+;base64,[A-Za-z0-9+/=_%-]++"
_DATA_URI = re.compile(_BASE64_TEXT)
_MARKDOWN = re.compile(
    r"!\[(?P<alt>[^\]\[]{0,500}+)\]\(\s{0,9}+(?P<source>"
    + _BASE64_TEXT
    + r"|https?://[^()\s\[\]]{1,4000}+)[^()\[\]]{0,200}+\)"
)
_LINK = re.compile(r"https?://[^\s()\[\]<>\"'`]++")
_PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".svg", ".avif")
_OWN_PATH = re.compile(  # of the relay: no base64 of a JPEG, and no path that climbs
    r"(?!/9j/)(?![^\s?]*/\.\.?(?:[/?]|$))/[\w.~%-]+(?:/[\w.~%-]+)*(?:\?\S{0,500})?", re.ASCII
)
_DECORATION = re.compile(r"logo|icon|badge|avatar", re.IGNORECASE)
_LONGEST_PATH = 1000
_LONGEST_LINK = 4000
_DEEPEST = 12
_MOST = 1000
_SHORT = 256


def outputs_in(body: JSON) -> Iterator[Found | Lost]:
    """Yield what an answer holds, in its order, each output under its number; the same one is told once."""
    if isinstance(body, str):
        return number(outputs_in_words(body), set())
    found = list(islice(_walk(body, _read_evident, 0), _MOST))
    if not any(isinstance(one, Found) for one in found):
        found += islice(_search(body, 0), _MOST)
    return number(found, set())


def without_pictures(words: str) -> str:
    """Return words without the pictures in them."""
    return _DATA_URI.sub("", _MARKDOWN.sub("", words)).strip()


def number(every: Iterable[Found | Lost], seen: set[str]) -> Iterator[Found | Lost]:
    """Yield outputs under their numbers, each once; `seen` holds the marks of those that came before."""
    for one in every:
        if isinstance(one, Lost):
            yield one
        elif (mark := _mark_of(one)) not in seen:
            seen.add(mark)
            yield replace(one, key=str(len(seen)))


def _mark_of(found: Found) -> str:
    """Return what tells an output's source from others, without holding on to it."""
    source = found.sources[0]
    text = source.text if isinstance(source, Base64) else source.url if isinstance(source, Link) else ""
    return digest(text.encode("utf-8", "surrogatepass")) if len(text) > _SHORT else repr(source)


# The known places


def _walk(value: Any, read: _Read, depth: int) -> Iterator[Found | Lost]:  # noqa: ANN401 - untrusted JSON
    if depth > _DEEPEST:
        return
    if isinstance(value, str):
        if (source := read(value)) is not None:
            yield Found(key="", sources=(source,))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _walk(one, read, depth + 1)
    elif isinstance(value, Mapping):
        yield from _in_mapping(value, depth)


def _in_mapping(item: Mapping[str, Any], depth: int) -> Iterator[Found | Lost]:
    inner = list(_in_containers(item, depth))
    yield from inner
    if any(isinstance(one, Found) for one in inner):
        return
    if sources := _sources(item):
        yield Found(key="", sources=sources, about=_about(item))
    elif lists := [(item[key], read) for key, read in _READERS.items() if isinstance(item.get(key), list)]:
        for value, read in lists:
            yield from _walk(value, read, depth + 1)
    elif depth and (reason := item.get("error")):
        yield Lost(reason)


def _in_containers(item: Mapping[str, Any], depth: int) -> Iterator[Found | Lost]:
    found = 0
    for key in _CONTAINERS:
        value = item.get(key)
        if isinstance(value, str) and (key in ("message", "delta") or _has_mime(item)):
            continue  # words of the relay; or base64 with its type beside it, which `_sources` takes
        for one in _walk(value, _read_evident, depth + 1):
            found += isinstance(one, Found)
            yield one
    if found:
        return
    content = item.get("content") or (item.get("text") if item.get("type") in ("text", "output_text") else None)
    if isinstance(content, str):
        yield from outputs_in_words(content)
    else:
        yield from _walk(content, _read_evident, depth + 1)


def _sources(item: Mapping[str, Any]) -> tuple[Source, ...]:
    """Return all ways to the one output of an object: inside it, then by link."""
    every = [read(value) for key, read in _READERS.items() for value in _texts(item.get(key))]
    if isinstance(data := item.get("data"), str) and _has_mime(item):
        every.append(source_of(data) or Base64(data))
    return tuple(source for at, source in enumerate(every) if source is not None and source not in every[:at])


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - untrusted JSON
    nested = [value.get(key) for key in ("url", "b64_json")] if isinstance(value, Mapping) else [value]
    yield from (one for one in nested if isinstance(one, str) and one)


def _has_mime(item: Mapping[str, Any]) -> bool:
    return any(isinstance(item.get(key), str) for key in _MIMES)


def _about(item: Mapping[str, Any]) -> dict[str, JSON]:
    prompt, seed = item.get("revised_prompt"), item.get("seed")
    about: dict[str, JSON] = {"revised_prompt": prompt} if prompt and isinstance(prompt, str) else {}
    return about | ({"seed": seed} if isinstance(seed, int) and not isinstance(seed, bool) else {})


# What a text means


def source_of(text: str) -> Source | None:
    """Return what a text leads to where it says so itself: a link, a data URI, a path of the relay."""
    text = text.strip() if len(text) < _LONGEST_PATH else text
    if (scheme := text[:8].lower()).startswith(("http://", "https://")):
        return Link(text) if len(text) > len(scheme) else None
    if text[:5].lower() == "data:":
        return Base64(text)
    if text.startswith("base64://"):
        return Base64(text.removeprefix("base64://"))
    if len(text) > _LONGEST_PATH or not _OWN_PATH.fullmatch(text):
        return None
    path, _, query = text.partition("?")
    return Call(path=path, method="GET", base="host", query=dict(parse_qsl(query)), expects="file")


def _read_evident(text: str) -> Source | None:
    return source_of(text) or (Base64(text) if text.startswith(_PICTURE_STARTS) else None)


_READERS: Mapping[str, _Read] = {
    **dict.fromkeys(_BASE64_KEYS, lambda text: source_of(text) or Base64(text)),
    **dict.fromkeys(_LINK_KEYS, _read_evident),
}


# In words, and anywhere


def outputs_in_words(words: str, *, is_whole: bool = True) -> Iterator[Found]:
    """Yield the pictures in words: Markdown, else data URIs, else links; `is_whole` False: only what surely ended."""
    shown = _first(one["source"] for one in _MARKDOWN.finditer(words) if not _DECORATION.search(one["alt"]))
    if not shown and is_whole:
        bare = _MARKDOWN.sub("", words).strip()  # what it shows as decoration is none as a link either
        is_alone = bare.startswith("base64://") or _LINK.fullmatch(bare)
        links = [bare] if is_alone else (one[0] for one in _LINK.finditer(bare) if _leads_to_picture(one[0]))
        shown = _first(one[0] for one in _DATA_URI.finditer(bare)) or _first(links)
    for one in shown:
        if (source := source_of(one)) is not None:
            yield Found(key="", sources=(source,))


def _first(texts: Iterable[str]) -> list[str]:
    return list(islice(texts, _MOST))


def _leads_to_picture(link: str) -> bool:
    path = link[:_LONGEST_LINK].partition("?")[0].partition("#")[0].lower()
    return path.endswith(_PICTURE_SUFFIXES) and not _DECORATION.search(path)


def _search(value: Any, depth: int) -> Iterator[Found]:  # noqa: ANN401 - untrusted JSON
    """Yield what is evidently a picture, wherever it stands."""
    if isinstance(value, str):
        is_link = value.startswith(("http://", "https://")) and _leads_to_picture(value)
        if is_link or value.startswith(_PICTURE_STARTS) or value[:11].lower() == "data:image/":
            yield Found(key="", sources=(source_of(value) or Base64(value),))
    elif depth <= _DEEPEST:
        items = value if isinstance(value, list | tuple) else ()
        if isinstance(value, Mapping):
            items = [one for key, one in value.items() if not _NOT_MADE.search(str(key))]
        for one in items:
            yield from _search(one, depth + 1)
