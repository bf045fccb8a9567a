"""The pictures themselves, as the full view and a comparison want them: the original where a browser can show it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .._media import media_type, preview, read_verified
from .._messages import InputError
from .._store import Record, RecordedOutput

__all__ = ["notes_of", "original_of", "others_of", "picture_bytes", "picture_of", "pictures_of"]

_LARGEST = 8 << 20
_LONGEST = 2048


def pictures_of(record: Record) -> list[RecordedOutput]:
    """Return the pictures of a record that are here and can be shown, those that count first."""
    return [one for one in record.shown if one.is_picture]


def others_of(record: Record) -> list[RecordedOutput]:
    """Return what else came of a record: sounds, films, words, and pictures that cannot be shown."""
    return [one for one in record.shown if not one.is_picture]


def notes_of(record: Record, one: RecordedOutput) -> list[str]:
    """Return what is to be said of a picture that is not simply what was ordered.

    `grid`, `sent` (what a service sent before the original was laid back over it) and `along` only came along,
    `preview` is a small picture in the place of an original that is not here.
    """
    notes = ["preview"] if one.stands_for else []
    if one.is_side:
        notes.append("grid" if one.key == "grid" else "sent" if record.request.keeps_outside else "along")
    return notes


def picture_of(record: Record, number: int) -> RecordedOutput:
    """Return one picture of a record by its own number; by 0 the first.

    Raises:
        InputError: it has no such picture.
    """
    for one in pictures_of(record):
        if number in (0, one.number):
            return one
    raise InputError("{ref} has no picture {place}", ref=record.ref, place=number)


def original_of(record: Record, number: int, folder: Path) -> dict[str, Any]:
    """Return the answer with name, type and bytes of one output's file as it lies on disk.

    Raises:
        InputError: there is no such file.
    """
    for one in record.shown:
        if one.number == number and one.file:
            data = read_verified(folder / one.file, one.sha256)
            return {"name": one.file, "mime": one.mime, "buffers": (data,)}
    raise InputError("{ref} has no file {place}", ref=record.ref, place=number)


def picture_bytes(record: Record, number: int, folder: Path) -> dict[str, Any]:
    """Return the answer with type and bytes of one picture of a record; a very large one is made smaller."""
    one = picture_of(record, number)
    data = read_verified(folder / one.file, one.sha256)
    media = media_type(one.mime)
    if media is not None and media.shown and len(data) <= _LARGEST:
        return {"mime": one.mime, "buffers": (data,)}
    small, mime, *_ = preview(data, longest=_LONGEST)
    return {"mime": mime, "buffers": (small,)}
