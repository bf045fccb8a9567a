"""The pictures themselves, as the full view and a comparison want them: the original where a browser can show it."""

from __future__ import annotations

from pathlib import Path

from .._media import can_show, media_type, preview, read_verified
from .._messages import InputError
from .._store import Record, RecordedOutput

__all__ = ["picture_bytes", "pictures_of", "read_picture"]

_LARGEST = 8 << 20
_LONGEST = 2048


def pictures_of(record: Record) -> list[RecordedOutput]:
    """Return the pictures of a record that are here and can be shown, those that count first."""
    shown = (one for one in record.outputs if one.kind == "picture" and one.sha256 and can_show(one.mime))
    return sorted(shown, key=lambda one: (one.is_side, one.number))


def read_picture(one: RecordedOutput, folder: Path) -> bytes:
    """Return the bytes of a picture; `folder` is that of the originals.

    Raises:
        BadImageError: the file is gone or damaged.
    """
    return read_verified(folder / one.file, one.sha256)


def picture_bytes(record: Record, place: int, folder: Path) -> tuple[str, bytes]:
    """Give type and bytes of one picture of a record; a very large one is made smaller.

    Raises:
        InputError: it has no such picture.
        BadImageError: the file is gone or damaged.
    """
    pictures = pictures_of(record)
    if place > len(pictures):
        raise InputError("{ref} has no picture {place}", ref=record.ref, place=place)
    one = pictures[place - 1]
    data = read_picture(one, folder)
    media = media_type(one.mime)
    if media is not None and media.in_browser and len(data) <= _LARGEST:
        return one.mime, data
    small, mime, _width, _height = preview(data, longest=_LONGEST)
    return mime, small
