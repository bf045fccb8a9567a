"""Thumbnails: square JPEGs of one picture or of the first four, made once and kept in memory."""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path

from .._media import fill, read_verified
from .._store import Record
from ._pictures import pictures_of

__all__ = ["THUMB_PX", "thumb_of"]

THUMB_PX = 320
_QUALITY = 80
_MOST_IN_ONE = 4
_GROUND = (232, 233, 236)
_GAP = 2  # on each side of the middle
_FIRST = THUMB_PX // 2 - _GAP
_HALF = THUMB_PX // 2 + _GAP
_ALL = THUMB_PX
_PLACES: dict[int, tuple[tuple[int, int, int, int], ...]] = {
    1: ((0, 0, _ALL, _ALL),),
    2: ((0, 0, _FIRST, _ALL), (_HALF, 0, _ALL, _ALL)),
    3: ((0, 0, _FIRST, _ALL), (_HALF, 0, _ALL, _FIRST), (_HALF, _HALF, _ALL, _ALL)),
    4: ((0, 0, _FIRST, _FIRST), (_HALF, 0, _ALL, _FIRST), (0, _HALF, _FIRST, _ALL), (_HALF, _HALF, _ALL, _ALL)),
}


def thumb_of(record: Record, pictures: Path) -> bytes | None:
    """Return the thumbnail of a record; None where it has no picture that can be shown.

    Raises:
        BadImageError: its picture is gone or damaged.
    """
    shown = pictures_of(record)[:_MOST_IN_ONE]
    return _thumb(tuple((pictures / one.file, one.sha256) for one in shown)) if shown else None


@lru_cache(maxsize=1000)  # some 30 MB
def _thumb(shown: tuple[tuple[Path, str], ...]) -> bytes:
    from PIL import Image  # noqa: PLC0415 - Pillow is loaded when it is used

    ground = Image.new("RGB", (THUMB_PX, THUMB_PX), _GROUND)
    for (path, sha256), box in zip(shown, _PLACES[len(shown)], strict=True):
        filled = fill(read_verified(path, sha256), (box[2] - box[0], box[3] - box[1]))
        ground.paste(filled, box[:2], filled if filled.mode == "RGBA" else None)
    target = io.BytesIO()
    ground.save(target, "JPEG", quality=_QUALITY)
    return target.getvalue()
