"""The previews that a saved notebook shows, as records: all that is left of pictures whose history did not come along.

An output of ours says which generation and which files it shows (`metadata.now`). Where the cell's source tells the
request, the record has it, so that the cell run again is served instead of bought. The notebook comes from anyone.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from .._json import JSON, dig, digest, read_json
from .._media import examine, is_inline, media_type
from .._messages import InputError, NowImageError, plain
from .._options import Deferred, parse_cell, parse_line, request_typed
from .._store import Record, RecordedOutput, Store, is_digest, is_identity, read_file, write_durably
from .._values import Request, Status

__all__ = ["is_blank", "notebook_form", "previews_in", "shown_ids"]

T = TypeVar("T")
_LARGEST_NOTEBOOK = 256 << 20
_LARGEST_PREVIEW = 32 << 20
_MOST_VALUES = 2_000_000
_MOST_SHOWN = 10_000
_MOST_FILES = 100  # of one generation
_LONGEST_ALT = 300
_CELL = re.compile(r"(?:[ \t]*(?:#\|[^\n]*)?\n)*%%nowimage(?!\w)(?P<line>[^\n]*)\n?(?P<body>.*)", re.DOTALL)
_LINE = re.compile(r"^[ \t]*(?:[^\W\d]\w*[ \t]*=[ \t]*)?%nowimage(?!\w)(?P<line>[^\n]*)$", re.MULTILINE)
_NUMBER = re.compile(r"^#(\d{1,15})\b", re.MULTILINE)
_COUNT = re.compile(r"\A\d{1,4} × ")
_SIZES = re.compile(r"(?:\d{1,4} × )?\d{1,6}×\d{1,6}")


@dataclass(frozen=True, slots=True)
class _Shown:
    """One output of ours: the generation and files that it shows, the picture, and the words about it."""

    identity: str
    files: tuple[str, ...]
    image: bytes
    alt: str
    caption: str
    demo: bool
    cell: str
    source: str
    place: int


@dataclass
class _Group:
    """What shows one generation: its own output, and single pictures of it."""

    main: _Shown
    singles: list[_Shown] = field(default_factory=list)


def previews_in(notebook: Path, store: Store) -> Iterator[tuple[Record, str, NowImageError | None]]:
    """Yield a record for each generation that a notebook shows, its previews laid out in `store`, and where it was.

    The third is why one could not be read.

    Raises:
        InputError: this is no notebook.
    """
    created = notebook.stat().st_mtime
    groups = _groups(list(_shown_in(notebook_form(notebook))))
    for number, group in enumerate(groups, 1):
        place = _place_of(group.main, notebook.name)
        try:
            yield _record_of(group, number, created, store), place, None
        except NowImageError as problem:
            yield Record(id="0" * 32, request=Request(), created=created), place, problem


def notebook_form(notebook: Path) -> Mapping[str, JSON]:
    """Return what a notebook's file says.

    Raises:
        InputError: it is none.
    """
    with suppress(ValueError, NowImageError):
        form = read_json(read_file(notebook, limit=_LARGEST_NOTEBOOK), most=_MOST_VALUES)
        if isinstance(form, dict) and isinstance(form.get("cells"), list):
            return form
    raise InputError("{path} is no notebook that can be read", path=notebook.name)


def is_blank(form: Mapping[str, JSON]) -> bool:
    """Whether nothing stands in a notebook, as in one that was made and never saved."""
    return not any(_text_of(dig(cell, "source")) for cell in _part(form, "cells", list))


def shown_ids(form: Mapping[str, JSON]) -> set[str]:
    """Return the generations and files that a notebook's outputs show, by id and digest."""
    shown = list(_shown_in(form, with_images=False))
    return {one.identity for one in shown if one.identity} | {sha256 for one in shown for sha256 in one.files}


def _shown_in(form: Mapping[str, JSON], *, with_images: bool = True) -> Iterator[_Shown]:
    count = 0
    for cell in _part(form, "cells", list):
        outputs, place = _part(cell, "outputs", list), 0
        for at, output in enumerate(outputs):
            shown = _shown(cell, output, outputs[at + 1 : at + 2], place, with_images=with_images)
            if shown is None:
                continue
            place += bool(shown.identity)
            count += 1
            if count > _MOST_SHOWN:
                return
            yield shown


def _shown(cell: JSON, output: JSON, following: Sequence[JSON], place: int, *, with_images: bool) -> _Shown | None:
    metadata = _part(output, "metadata", dict)
    mark, data = _part(metadata, "now", dict), _part(output, "data", dict)
    mime = next((one for one in data if is_inline(one)), "")
    files = tuple(one for one in _part(mark, "sha256", list)[:_MOST_FILES] if isinstance(one, str) and is_digest(one))
    image = _bytes_of(data.get(mime)) if mime and files and with_images else b""
    if not files or (with_images and not image):
        return None
    identity = mark.get("id")
    return _Shown(
        identity=identity if isinstance(identity, str) and is_identity(identity) else "",
        files=files,
        image=image,
        alt=str(_part(metadata, mime, dict).get("alt") or ""),
        caption=_caption_in(following),
        demo=mark.get("demo") is True,
        cell=str(_part(cell, "id", str)),
        source=_text_of(cell.get("source") if isinstance(cell, dict) else ""),
        place=place,
    )


def _part(form: JSON, name: str, kind: type[T]) -> T:
    value = form.get(name) if isinstance(form, dict) else None
    return value if isinstance(value, kind) else kind()


def _text_of(value: JSON) -> str:
    """Return a text of a notebook, which may be one or a list of lines."""
    if isinstance(value, list):
        return "".join(one for one in value if isinstance(one, str))
    return value if isinstance(value, str) else ""


def _bytes_of(value: JSON) -> bytes:
    text = _text_of(value)
    with suppress(binascii.Error, ValueError):
        if len(text) <= _LARGEST_PREVIEW * 4 // 3:
            return b64decode("".join(text.split()), validate=True)
    return b""


def _caption_in(following: Sequence[JSON]) -> str:
    """Return the words below a picture; empty where they are something else's."""
    for output in following:
        data = _part(output, "data", dict)
        text = _text_of(data.get("text/plain"))
        if set(data) == {"text/plain"} and _NUMBER.search(text):
            return text[:2000]
    return ""


def _groups(shown: Sequence[_Shown]) -> list[_Group]:
    """Return each generation once; a single picture goes with the generation that it belongs to."""
    groups: dict[str, _Group] = {}
    for one in shown:
        if one.identity:
            groups.setdefault(one.identity, _Group(one))
    owner = {sha256: group for group in groups.values() for sha256 in group.main.files}
    for one in shown:
        if one.identity or len(one.files) != 1:
            continue
        (sha256,) = one.files
        if sha256 not in owner:
            owner[sha256] = groups[sha256] = _Group(one)
        elif owner[sha256].main.files != one.files:
            owner[sha256].singles.append(one)
            owner[sha256] = _Group(one)  # once is enough
    return list(groups.values())


def _place_of(shown: _Shown, name: str) -> str:
    number = _NUMBER.search(shown.caption)
    return f"{name}#{number[1]}" if number else name


def _record_of(group: _Group, number: int, created: float, store: Store) -> Record:
    shown = group.main
    outputs = [_output_of(one, shown, f"{number}.{place}", store) for place, one in enumerate([shown, *group.singles])]
    request = _request_of(shown)
    return Record(
        id=shown.identity or digest("".join(shown.files).encode())[:32],
        request=request,
        created=created,
        number=number,
        status=Status.DONE,
        billed="no" if shown.demo else "yes",
        demo=shown.demo,
        cell=shown.cell or None,
        position=shown.place,
        model=request.model or _model_in(shown.caption),
        share=len(shown.files),
        expected=len(shown.files),
        alt="" if plain(request.prompt, _LONGEST_ALT) == shown.alt else shown.alt,
        outputs=tuple(outputs),
        settled=True,
    )


def _output_of(one: _Shown, main: _Shown, name: str, store: Store) -> RecordedOutput:
    """Lay a preview out, and return the output that it is: of one picture under its number, of several behind them."""
    facts = examine(one.image)
    media = media_type(facts.mime)
    file = f"{name}{media.suffix if media else '.bin'}"
    write_durably(store.pictures / file, one.image)
    number = main.files.index(one.files[0]) + 1 if len(one.files) == 1 else len(one.files) + 1
    return RecordedOutput(
        key=f"preview-{number}",
        number=number,
        file=file,
        sha256=facts.sha256,
        mime=facts.mime,
        width=facts.width,
        height=facts.height,
        size_bytes=facts.size_bytes,
        stands_for=one.files,
    )


def _model_in(caption: str) -> str:
    """Return the model that a caption names: before the size, at the end of its first line."""
    facts = caption.split("\n", 1)[0].split(" · ")
    if len(facts) < 2 or not _SIZES.match(facts[-1]):  # noqa: PLR2004 - model and size
        return ""
    model = _COUNT.sub("", facts[-2]).strip()
    return "" if model == "?" else model


def _request_of(shown: _Shown) -> Request:
    """Return the request that the cell's source tells of; else one of the words that describe the picture."""
    request = _typed(shown) or Request(prompt=shown.alt)
    said = plain(request.prompt, _LONGEST_ALT)
    if shown.alt and said != shown.alt and len(shown.alt) < _LONGEST_ALT and "{" in request.prompt:
        request = replace(request, prompt=shown.alt)  # with the values that stood in the braces
    return request


def _typed(shown: _Shown) -> Request | None:
    whole, lines = _CELL.fullmatch(shown.source), list(_LINE.finditer(shown.source))
    with suppress(NowImageError):
        if whole:
            parsed = parse_cell(whole["line"], whole["body"])
        elif shown.place < len(lines) and shown.identity:
            parsed = parse_line(lines[shown.place]["line"])
        else:
            return None
        options = {name: value for name, value in parsed.options.items() if not isinstance(value, Deferred)}
        return request_typed(replace(parsed, options=options)) if not parsed.help else None
    return None
