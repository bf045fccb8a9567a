"""The recipe of an exported picture: its record, as JSON beside the files, so that another history can take it in.

One file an order, in the folder `recipes`; what was given to it lies in `recipes/inputs`. A recipe says which file is
which output, by digests: of the file as it was exported, and of the original as it was received. It holds nothing that
is this relay's or this kernel's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated

import msgspec

from .._bounds import Bounded, Few, Text, Word
from .._json import JSON
from .._messages import StoreCorrupt, StoreError
from .._store import STAR, Record, RecordedOutput, encode, parse_json

__all__ = ["FOLDER", "INPUTS", "Item", "Recipe", "Sent", "fits_marks", "main_outputs", "read_recipe", "recipe_bytes"]

FOLDER = "recipes"
INPUTS = f"{FOLDER}/inputs"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Item:
    """One output that is exported, and the record that it belongs to."""

    record: Record
    output: RecordedOutput


def main_outputs(record: Record) -> list[RecordedOutput]:
    """Return the files of a record that are meant by its number: those that count, or what only came along."""
    here = [one for one in record.shown if one.sha256]
    return [one for one in here if not one.is_side] or here


def fits_marks(item: Item, *, starred: bool, tag: str | None) -> bool:
    """Whether an output has the marks that are asked for."""
    tags = item.record.tags_of(item.output)
    return (not starred or STAR in tags) and tag in (None, *tags)


@dataclass(frozen=True, slots=True)
class Sent(Bounded):
    """What stands for an output: a file's name and digest, whether it is a copy, and the output's own marks."""

    file: Annotated[str, Text(1024, "opaque")] = ""
    sha256: Word = ""
    is_copy: bool = False
    tags: Annotated[tuple[Annotated[str, Text(100)], ...], Few(100)] = ()


@dataclass(frozen=True, slots=True)
class Recipe:
    """A record with the outputs that were exported, and their files by the outputs' keys."""

    record: Record
    files: Mapping[str, Sent] = field(default_factory=dict)


def recipe_bytes(record: Record, outputs: Sequence[RecordedOutput], files: Mapping[str, Sent]) -> bytes:
    """Return the recipe of a record, with these outputs of it."""
    given = tuple(replace(one, origin=None) for one in record.request.inputs)
    own = replace(
        record,
        request=replace(record.request, inputs=given),
        outputs=tuple(replace(one, handle=None, sources=(), tags=None) for one in outputs),
        kernel="",
        execution="",
        idempotency_key="",
        relay="",
        state=None,
        memo={},
        charge={},
        attempts=(),
        buttons=(),
        needs="",
    )
    forms: JSON = {key: msgspec.to_builtins(one) for key, one in files.items()}
    return encode({"now_recipe": _FORMAT, "record": own.to_json(), "files": forms})


def read_recipe(data: bytes) -> Recipe:
    """Return a recipe from bytes that may be anything.

    Raises:
        StoreError: they are none, or a newer version's.
    """
    form = parse_json(data)
    if not isinstance(form, dict) or not isinstance(form.get("now_recipe"), int):
        raise StoreCorrupt("this is not a recipe")
    if form["now_recipe"] > _FORMAT:
        raise StoreError("this recipe was written by a newer version", advice="update now_jupyter")
    record = Record.from_json(form.get("record"))
    try:
        files = msgspec.convert(form.get("files"), dict[str, Sent])
    except (msgspec.ValidationError, RecursionError):
        files = {}
    return Recipe(record, files)
