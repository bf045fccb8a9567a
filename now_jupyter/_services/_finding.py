"""Where outputs are in a JSON answer of whatever shape: one walk with rules, not a list of shapes.

- What a text may be is told by its name. A name that says link or picture (`url`, `image_urls`, `resultUrl`) makes a
  picture of any link, path of the relay or base64; `b64_json` and its like of any text; under all other names only what
  is evidently a picture is one. Words are looked into for Markdown, and text that is JSON is walked, too.
- What was given back (`input`), goes beside it (`thumbnail`, `logo`, a task's own address) or tells what went wrong
  (`error`) is no picture, whatever it looks like.
- An object is one picture, and its own links are ways to it, base64 first; what lies inside an object comes before
  them. Names that differ in their number only are pictures of their own.
- The surest finds count alone: below names that answers are made of, then what is evident anywhere, then what only its
  name tells, and last what is called original; what stands in one list is of one kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from .._json import JSON, digest, read_json
from .._messages import is_error, is_under_way
from .._protocol import Base64, Found, Link, Lost, Source
from ._naming import Name, Sure, read_name, says_not_final
from ._sources import evident_source, is_page, source_of, sources_in_words, without_pictures

__all__ = ["number", "outputs_in", "outputs_in_words", "without_pictures"]

_RENDITIONS = (
    *("original", "raw", "full", "4k", "hd", "2k", "large", "1k", "regular", "medium", "sd", "small", "tiny"),
    *("png", "webp", "jpg", "jpeg", "2x", "1x"),
)
_MIMES = ("mimeType", "mime_type", "media_type", "content_type")
_LONGEST_JSON = 1 << 20
_DEEPEST = 100
_MOST = 1000
_MOST_WAYS = 16
_SHORT = 256
_MOST_GIVEN = 200


@dataclass(frozen=True, slots=True)
class _Find:
    """Something found, and how sure it is that it was made."""

    what: Found | Lost
    sure: Sure


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the walk is: how sure what it finds here is, what is known of all pictures below, and how deep it is."""

    sure: Sure = Sure.IN_PLACE
    about: Mapping[str, JSON] = field(default_factory=dict)
    depth: int = 0
    is_listed: bool = False


def outputs_in(body: JSON) -> Iterator[Found | Lost]:
    """Yield what an answer holds, in its order, each output under its number; the same one is told once."""
    walk = _Walk()
    every = walk.words(body, _Place()) if isinstance(body, str) else walk.value(body, _Place(), Name())
    surest = max((one.sure for one in every if isinstance(one.what, Found)), default=Sure.IN_PLACE)
    return number((one.what for one in every if _counts(one, surest)), set(walk.given))


def _counts(one: _Find, surest: Sure) -> bool:
    return one.sure == surest if isinstance(one.what, Found) else one.sure == Sure.IN_PLACE


def outputs_in_words(words: str, *, is_whole: bool = True) -> Iterator[Found]:
    """Yield the pictures in words: Markdown, else data URIs, else links; `is_whole` False: only what surely ended."""
    for source in sources_in_words(words, is_whole=is_whole) if not is_page(words) else ():
        yield Found(key="", sources=(source,))


def number(every: Iterable[Found | Lost], seen: set[str], *, count: int = 0) -> Iterator[Found | Lost]:
    """Yield outputs under their numbers, each once; `seen` holds the marks of those that came before, so many."""
    for one in every:
        if isinstance(one, Lost):
            yield one
        elif _mark_of(one.sources[0]) not in seen:
            count += 1
            seen.update(map(_mark_of, one.sources))
            yield replace(one, key=str(count))


def _mark_of(source: Source) -> str:
    """Return what tells a source from others, without holding on to it; base64 is the same with a head and without."""
    if isinstance(source, bytes):
        return digest(source)
    text = source.text if isinstance(source, Base64) else source.url if isinstance(source, Link) else ""
    if isinstance(source, Base64) and text[:5].lower() == "data:":
        text = text[text.find(",", 0, _SHORT) + 1 :]
    return digest(text.encode("utf-8", "surrogatepass")) if text else repr(source)


_NAMELESS = Name(frozenset({"-"}))  # of what is evident without its name


@dataclass(slots=True)
class _Held:
    """What an object holds: pictures inside it, and its own ways to pictures, by the group of their names."""

    is_typed: bool  # its `data` are of the type that stands beside them
    is_under_way: bool
    inner: list[_Find] = field(default_factory=list)
    own: dict[str, list[tuple[Source, Sure]]] = field(default_factory=dict)


class _Walk:
    """One walk through one answer; `given` are the marks of what was only given back in it."""

    def __init__(self) -> None:
        self.given: set[str] = set()
        self._left = _MOST

    def value(self, value: Any, at: _Place, name: Name) -> list[_Find]:  # noqa: ANN401 - untrusted JSON
        """Return what is found in anything that stands under a name, in its order."""
        if at.depth > _DEEPEST or self._left <= 0:
            return []
        if isinstance(value, str):
            return self._text(value, at, name)
        if isinstance(value, list | tuple):
            below = replace(at, depth=at.depth + 1, is_listed=True)
            return _of_one_kind([found for one in value for found in self.value(one, below, name)])
        return self._object(value, at) if isinstance(value, Mapping) else []

    def words(self, words: str, at: _Place) -> list[_Find]:
        """Return the pictures in words."""
        if (inner := self._json(words, at)) is not None:
            return inner
        if (source := evident_source(words)) is not None:
            return [self._find((source,), at)]
        return [self._find(one.sources, at) for one in outputs_in_words(words)]

    def _find(self, sources: tuple[Source, ...], at: _Place) -> _Find:
        self._left -= 1
        return _Find(Found(key="", sources=sources, about=dict(at.about)), at.sure)

    def _text(self, text: str, at: _Place, name: Name) -> list[_Find]:
        if (source := _source_under(name, text)) is not None:
            is_evident = evident_source(text) is not None
            return [self._find((source,), replace(at, sure=max(at.sure, Sure.EVIDENT)) if is_evident else at)]
        if name.is_words or "![" in text or text[:1] in ("{", "["):
            return self.words(text, at)
        return []

    def _json(self, text: str, at: _Place) -> list[_Find] | None:
        if text[:1] not in ("{", "[") or len(text) > _LONGEST_JSON:
            return None
        with suppress(ValueError):
            return self.value(read_json(text), replace(at, depth=at.depth + 1), Name())
        return None

    def _object(self, item: Mapping[str, Any], at: _Place) -> list[_Find]:
        if _is_not_final(item):
            return []
        at = replace(at, depth=at.depth + 1, about={**at.about, **_about(item)})
        if item.get("thought") is True:
            at = replace(at, sure=Sure.CALLED_ORIGINAL)
        if sources := _renditions_in(item):
            return [self._find(sources, at)]
        held = _Held(is_typed=any(isinstance(item.get(key), str) for key in _MIMES), is_under_way=is_under_way(item))
        for key, value in item.items():
            name = read_name(str(key))
            if name.is_skipped:
                self._note_given(value, name)
            elif isinstance(value, str):
                self._take_text(value, name, replace(at, sure=name.below(at.sure)), held)
            elif isinstance(value, Mapping | list | tuple):
                found = self.value(value, replace(at, sure=name.below(at.sure), is_listed=False), name)
                ways = _ways_in(value, found, name)
                held.own.setdefault(name.group, []).extend(ways)
                held.inner += () if ways else found
        return self._settle(item, at, held)

    def _take_text(self, text: str, name: Name, at: _Place, held: _Held) -> None:
        """Take one text of an object: a way to its picture, a picture of its own, or words with pictures in them."""
        if not text:
            return
        is_data = held.is_typed and name.parts == {"data"}
        source = _source_under(name, text, is_data=is_data)
        says_so = name.is_link or is_data or name.has_base64(text)
        if source is None or not says_so:
            held.inner += self._text(text, at, name if source is None else _NAMELESS)
        elif not held.is_under_way or evident_source(text) is not None:
            held.own.setdefault(name.group, []).append((source, at.sure))

    def _settle(self, item: Mapping[str, Any], at: _Place, held: _Held) -> list[_Find]:
        """Return what an object comes to: what lies in it, else itself, else why it is none."""
        best = max((one.sure for one in held.inner if isinstance(one.what, Found)), default=None)
        ways = [every for every in held.own.values() if every]
        surest = max((sure for every in ways for _, sure in every), default=None)
        if surest is not None and (best is None or surest > best):
            lost = [one for one in held.inner if isinstance(one.what, Lost)]
            return lost + [self._one(every, at) for every in ways]
        if best is None and not held.inner and at.is_listed and at.sure is Sure.IN_PLACE and is_error(item):
            return [_Find(Lost(item.get("error") or dict(item)), at.sure)]
        return _with_seeds(held.inner, item)

    def _one(self, ways: list[tuple[Source, Sure]], at: _Place) -> _Find:
        surest = max(sure for _, sure in ways)
        sources = [source for source, sure in ways if sure == surest][:_MOST_WAYS]
        once = [source for place, source in enumerate(sources) if source not in sources[:place]]
        ordered = sorted(once, key=lambda one: not isinstance(one, Base64 | bytes))
        return self._find(tuple(ordered), replace(at, sure=surest))

    def _note_given(self, value: Any, name: Name) -> None:  # noqa: ANN401 - untrusted JSON
        """Keep the marks of what was given, so that it is none where it stands among the pictures, either."""
        if name.is_given and len(self.given) < _MOST_GIVEN:
            self.given |= {_mark_of(one) for text in _texts_in(value, 0) if (one := evident_source(text)) is not None}


def _source_under(name: Name, text: str, *, is_data: bool = False) -> Source | None:
    """Return what a text leads to under its name; `is_data`: it is of the type that stands beside it."""
    if (source := evident_source(text)) is not None:
        return source
    is_base64 = is_data or name.has_base64(text)
    source = source_of(text) if name.is_link or is_base64 else None
    return Base64(text) if source is None and is_base64 and text else source


def _texts_in(value: Any, depth: int) -> Iterator[str]:  # noqa: ANN401 - untrusted JSON
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple) and depth < _DEEPEST:
        for one in value.values() if isinstance(value, Mapping) else value:
            yield from _texts_in(one, depth + 1)


def _of_one_kind(every: list[_Find]) -> list[_Find]:
    """Return what stands in one list, each as sure as the surest: lists hold things of one kind."""
    best = max((one.sure for one in every if isinstance(one.what, Found)), default=Sure.CALLED_ORIGINAL)
    if all(one.sure is best for one in every):
        return every
    return [replace(one, sure=best) if one.sure and isinstance(one.what, Found) else one for one in every]


# Objects


def _is_not_final(item: Mapping[str, Any]) -> bool:
    """Whether an object says of itself that it is what was given, what goes beside, or not yet finished."""
    if item.get("role") in ("user", "system"):
        return True
    kind = item.get("type")
    return isinstance(kind, str) and says_not_final(kind)


def _renditions_in(item: Mapping[str, Any]) -> tuple[Source, ...]:
    """Return the ways to one picture that is there in several sizes or types, the best first; else nothing."""
    named = {str(key).lower(): value for key, value in item.items() if isinstance(value, str)}
    texts = [named[key] for key in _RENDITIONS if key in named]
    sources = [source for text in texts if (source := source_of(text) or evident_source(text)) is not None]
    is_all = len(texts) == len(item) and len(sources) == len(texts)
    return tuple(sources) if is_all and len(texts) > 1 else ()


def _ways_in(value: Any, found: list[_Find], name: Name) -> list[tuple[Source, Sure]]:  # noqa: ANN401 - as above
    """Return the ways to one picture that an object under a name of a link holds (`image_url: {url}`)."""
    if not isinstance(value, Mapping) or len(found) != 1 or name.parts.isdisjoint({"url", "image", "img", "b64"}):
        return []
    what = found[0].what
    return [(source, found[0].sure) for source in what.sources] if isinstance(what, Found) else []


def _about(item: Mapping[str, Any]) -> dict[str, JSON]:
    prompt, seed = item.get("revised_prompt"), _read_seed(item.get("seed"))
    about: dict[str, JSON] = {"revised_prompt": prompt} if prompt and isinstance(prompt, str) else {}
    return about | ({} if seed is None else {"seed": seed})


def _read_seed(seed: Any) -> int | None:  # noqa: ANN401 - untrusted JSON
    if isinstance(seed, str) and seed.isascii() and seed.isdigit() and len(seed) < 20:  # noqa: PLR2004 - of 64 bits
        return int(seed)
    return seed if isinstance(seed, int) and not isinstance(seed, bool) else None


def _with_seeds(every: list[_Find], item: Mapping[str, Any]) -> list[_Find]:
    """Give pictures the seeds that stand in a list beside them, as many as they are."""
    seeds = item.get("seeds", item.get("seed"))
    found = [one.what for one in every if isinstance(one.what, Found)]
    if not isinstance(seeds, list) or len(seeds) != len(found):
        return every
    left = iter(seeds)
    return [
        replace(one, what=replace(one.what, about={**one.what.about, **_about({"seed": next(left)})}))
        if isinstance(one.what, Found)
        else one
        for one in every
    ]
