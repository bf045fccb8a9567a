"""The pictures themselves, as the full view and a comparison want them: the original where a browser can show it."""

from __future__ import annotations

from pathlib import Path

from .._media import media_type, preview, read_verified
from .._messages import InputError
from .._store import Record, picture_file

__all__ = ["picture_bytes"]

_LARGEST = 8 << 20
_LONGEST = 2048


def picture_bytes(record: Record, place: int, folder: Path) -> tuple[str, bytes]:
    """Give type and bytes of one picture of a record; a very large one is made smaller.

    Raises:
        InputError: it has no such picture.
        BadImageError: the file is gone or damaged.
    """
    kept = [one for one in record.kept if one.sha256]
    if place > len(kept):
        raise InputError("{ref} has no picture {place}", ref=record.ref, place=place)
    one = kept[place - 1]
    data = read_verified(folder / picture_file(one.sha256 or "", one.mime), one.sha256 or "")
    media = media_type(one.mime)
    if media is not None and media.in_browser and len(data) <= _LARGEST:
        return one.mime, data
    small, mime, _width, _height = preview(data, longest=_LONGEST)
    return mime, small
