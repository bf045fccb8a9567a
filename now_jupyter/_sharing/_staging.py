"""One record at a time out of a zip or a folder, checked and laid out as a history of its own, to be taken in.

A recipe may lie: every file is held against the digest that is told of it and looked at, and what it is is read from
its bytes. What does not fit is left out and told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from .._json import digest
from .._media import examine, media_type, restore_original
from .._messages import BadImageError, InputError, NowImageError
from .._store import Record, RecordedOutput, Store, encode, marked, parse_json, private_folder, write_durably
from ._archives import Source
from ._recipes import FOLDER, INPUTS, Recipe, Sent, read_recipe

__all__ = ["Refusal", "Staged", "recipes_in", "stage", "staged_store"]

_LARGEST_PICTURE = 64 << 20
_LARGEST_FILE = 256 << 20
_LARGEST_RECIPE = 8 << 20
_LARGEST_MARKS = 1 << 20
_RECIPE = re.compile(rf"\A(?P<root>(?:[^/]+/){{0,3}}){FOLDER}/(?P<number>\d{{1,15}})(?:-\d{{1,4}})?\.json")
_JOB = re.compile(r"\A(?P<root>(?:[^/]+/){0,3})jobs/(?P<number>\d{1,15})\.json")
Refusal = tuple[str, NowImageError]
"""What was refused, by a name that people recognise, and why."""


@dataclass(frozen=True, slots=True)
class Found:
    """A record in a source: the name of its file, and how it is read."""

    name: str
    root: str
    number: int
    read: Callable[[Source, Found], Recipe] = field(repr=False)
    inputs: str = INPUTS

    def recipe(self, source: Source) -> Recipe:
        """Return the recipe; StoreError or InputError where it is none."""
        return self.read(source, self)


def recipes_in(source: Source) -> list[Found]:
    """Return the recipes of an export, or the records of a history, in the order of their numbers."""
    names = source.names()
    exported = [Found(one[0], one["root"], int(one["number"]), _read_recipe) for one in _matches(_RECIPE, names)]
    kept = [Found(one[0], one["root"], int(one["number"]), _read_job, "inputs") for one in _matches(_JOB, names)]
    return sorted([*exported, *kept], key=lambda one: (one.number, one.name))


def _matches(pattern: re.Pattern[str], names: list[str]) -> Iterator[re.Match[str]]:
    return filter(None, map(pattern.fullmatch, names))


def _read_recipe(source: Source, found: Found) -> Recipe:
    return read_recipe(source.read(found.name, limit=_LARGEST_RECIPE))


def _read_job(source: Source, found: Found) -> Recipe:
    """Read a record of a history, which somebody has packed as it was."""
    record = Record.from_json(parse_json(source.read(found.name, limit=_LARGEST_RECIPE)))
    record = marked(record, _marks_of(source, found))
    shown = tuple(record.shown)
    files = {one.key: Sent(f"pictures/{one.file}", one.sha256, tags=record.tags_of(one)) for one in shown if one.sha256}
    return Recipe(replace(record, outputs=shown), files)


def _marks_of(source: Source, found: Found) -> bytes:
    """Return the marks beside a record; none where there are none that can be read."""
    try:
        return source.read(f"{found.name.removesuffix('.json')}.marks", limit=_LARGEST_MARKS)
    except InputError:
        return b""


@dataclass(frozen=True, slots=True)
class Staged:
    """A record whose files lie in a folder, those that were refused, and the bytes of all."""

    record: Record
    refused: tuple[Refusal, ...]
    size_bytes: int


@contextmanager
def staged_store() -> Iterator[Store]:
    """Give a store in a temporary folder, from which what is staged is taken in."""
    with TemporaryDirectory(prefix="now-") as folder:
        place = Path(folder).resolve()
        for part in ("jobs", "pictures", "inputs"):
            private_folder(place / part)
        yield Store(place)


def stage(found: Found, recipe: Recipe, source: Source, store: Store) -> Staged:
    """Lay out what a recipe tells of in the folder of a store, as far as it is true."""
    outputs: list[RecordedOutput] = []
    refused: list[Refusal] = []
    size = 0
    for place, one in enumerate(recipe.record.outputs):
        if not one.is_here:
            continue
        sent = recipe.files.get(one.key)
        try:
            output, data = _checked(one, sent, found, source) if one.sha256 else (one, b"")
        except NowImageError as problem:
            refused.append((sent.file if sent else one.file, problem))
            continue
        if data:
            media = media_type(output.mime)
            output = replace(output, file=f"{place}{media.suffix if media else '.bin'}")
            write_durably(store.pictures / output.file, data)
        size += len(data)
        outputs.append(output)
    size += _stage_inputs(found, recipe, source, store)
    _stage_marks(recipe, store)
    return Staged(replace(recipe.record, outputs=tuple(outputs)), tuple(refused), size)


def _checked(one: RecordedOutput, sent: Sent | None, found: Found, source: Source) -> tuple[RecordedOutput, bytes]:
    """Return an output as it is by its bytes, and these: those of the original, where they can be had."""
    if sent is None:
        raise InputError("its file did not come along")
    data = source.read(f"{found.root}{sent.file}", limit=_LARGEST_PICTURE if one.kind == "picture" else _LARGEST_FILE)
    if digest(data) != sent.sha256:
        raise InputError("it is not the file that its recipe tells of")
    original = restore_original(data, one.sha256)
    if original is None and not sent.is_copy:
        raise InputError("it is not the file that its recipe tells of")
    kept = data if original is None else original
    facts = examine(kept, expected=one.kind)
    if one.kind not in (facts.kind, "vectors"):
        raise BadImageError("it is of another kind than its recipe tells")
    stands_for = one.stands_for or ((one.sha256,) if original is None else ())
    known = {name: getattr(facts, name) for name in ("sha256", "mime", "width", "height", "size_bytes")}
    return replace(one, stands_for=stands_for, **known), kept


def _stage_inputs(found: Found, recipe: Recipe, source: Source, store: Store) -> int:
    """Lay out what was given to the order, as far as it came along and is what it should be."""
    size = 0
    for given in recipe.record.request.inputs:
        media = media_type(given.mime)
        name = f"{given.sha256}{media.suffix if media else '.bin'}"
        try:
            data = source.read(f"{found.root}{found.inputs}/{name}", limit=_LARGEST_FILE)
        except InputError:
            continue
        if digest(data) == given.sha256:
            write_durably(store.folder / "inputs" / name, data)
            size += len(data)
    return size


def _stage_marks(recipe: Recipe, store: Store) -> None:
    marks = {"format": 1, "outputs": {key: {"tags": list(one.tags)} for key, one in recipe.files.items() if one.tags}}
    write_durably(store.folder / "jobs" / f"{recipe.record.number}.marks", encode(msgspec.to_builtins(marks)))
