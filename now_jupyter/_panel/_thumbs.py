"""Thumbnails: square JPEGs of one picture or of the first four, made once and kept in memory."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

from .._media import fill
from .._store import Record
from ._pictures import pictures_of, read_picture

__all__ = ["THUMB_PX", "Thumbs"]

THUMB_PX = 320
_QUALITY = 80
_ROOM = 32 << 20
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


class Thumbs:
    """Makes thumbnails and remembers the last of them, up to 32 MB."""

    def __init__(self) -> None:
        """Remember nothing yet."""
        self._lock = threading.Lock()
        self._made: OrderedDict[tuple[str, ...], bytes] = OrderedDict()
        self._size = 0

    def of(self, record: Record, pictures: Path) -> bytes | None:
        """Return the thumbnail of a record; None where it has no picture that can be shown.

        Raises:
            BadImageError: its picture is gone or damaged.
        """
        shown = pictures_of(record)[:_MOST_IN_ONE]
        if not shown:
            return None
        mark = tuple(one.sha256 for one in shown)
        with self._lock:
            known = self._made.get(mark)
        if known is not None:
            return known
        return self._remembered(mark, _thumb([read_picture(one, pictures) for one in shown]))

    def _remembered(self, mark: tuple[str, ...], data: bytes) -> bytes:
        with self._lock:
            self._made[mark] = data
            self._size += len(data)
            while self._size > _ROOM:
                self._size -= len(self._made.popitem(last=False)[1])
        return data


def _thumb(originals: Sequence[bytes]) -> bytes:
    from PIL import Image  # noqa: PLC0415 - Pillow is loaded when it is used

    ground = Image.new("RGB", (THUMB_PX, THUMB_PX), _GROUND)
    for data, box in zip(originals, _PLACES[len(originals)], strict=True):
        filled = fill(data, (box[2] - box[0], box[3] - box[1]))
        ground.paste(filled, box[:2], filled if filled.mode == "RGBA" else None)
    target = io.BytesIO()
    ground.save(target, "JPEG", quality=_QUALITY)
    return target.getvalue()
