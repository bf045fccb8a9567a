"""What lies outside of a mask: how much of it a service changed, and the original laid back over it.

Most models take a mask as a hint. So what came is kept as it came, beside it; what counts is the picture in which all
outside of the mask is as it was. Where that cannot be made, what came counts itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from .._media import lay_back, share_changed
from .._messages import BadImageError, NowImageError
from .._protocol import Found, LaidBack
from .._store import Record, RecordedOutput, Store

__all__ = ["add_change", "add_laid_back", "is_laid_back", "lay_original_back", "take_as_it_came"]

_LAID_BACK = " kept"


def add_laid_back(found: Found, record: Record) -> Iterator[Found]:
    """Yield what was found, and where the order wants it, before it the same with the original laid back over it."""
    is_edited = record.request.keeps_outside and found.kind == "picture" and not found.is_side
    if not is_edited or is_laid_back(found.key):
        yield found
        return
    yield Found(key=found.key + _LAID_BACK, sources=(LaidBack(found.key),), about=found.about)
    yield replace(found, is_side=True)


def is_laid_back(key: str) -> bool:
    """Whether this is the key of a picture that the original was laid back over."""
    return key.endswith(_LAID_BACK)


def take_as_it_came(record: Record, key: str, problem: NowImageError) -> Record:
    """Return a record in which an edited picture counts as it came, as the original could not be laid back."""
    raw = key.removesuffix(_LAID_BACK)
    reason = problem.message()[:300]
    outputs = (
        replace(one, is_side=False, about={**one.about, "not_laid_back": reason}) if one.key == raw else one
        for one in record.outputs
        if one.key != key
    )
    return replace(record, outputs=tuple(outputs))


def lay_original_back(edited: Path, record: Record, store: Store) -> bytes:
    """Return an edited picture with the original laid back over all that is outside of the mask.

    Raises:
        NowImageError: one of them is gone or cannot be decoded, or they are of different shapes.
    """
    try:
        return lay_back(edited.read_bytes(), *_given(record, store))
    except (OSError, MemoryError) as problem:  # what came is paid for, and counts without this
        reason = getattr(problem, "strerror", None) or type(problem).__name__
    raise BadImageError("this file cannot be read ({reason}): {path}", reason=reason, path=edited)


def add_change(saved: RecordedOutput, record: Record, store: Store) -> RecordedOutput:
    """Return an output that was edited with a mask, with which share of it differs outside and inside of that."""
    is_masked = record.request.given("mask") and record.request.given("picture")
    if not is_masked or saved.kind != "picture" or not saved.file or is_laid_back(saved.key):
        return saved
    with suppress(NowImageError, OSError, MemoryError):
        data = store.output_path(saved.file).read_bytes()
        outside, inside = share_changed(data, *_given(record, store))
        changed = {"outside": round(outside, 4), "inside": round(inside, 4)}
        return replace(saved, about={**saved.about, "changed": changed})
    return saved


def _given(record: Record, store: Store) -> tuple[bytes, bytes]:
    picture, mask = record.request.given("picture")[0], record.request.given("mask")[0]
    return store.input_path(picture.sha256).read_bytes(), store.input_path(mask.sha256).read_bytes()
