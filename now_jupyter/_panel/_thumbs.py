"""Thumbnails: square JPEGs of one picture or of the first four, made once and kept in memory, those in sight first."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from .._media import fill, label, labels_in, read_verified
from .._messages import NowImageError
from .._store import Record
from ._pictures import pictures_of

__all__ = ["Wanted", "thumb_of"]

_SIDE = 320
_QUALITY = 80
_MOST_IN_ONE = 4
_GROUND = (232, 233, 236)
_GAP = 2  # on each side of the middle
_FIRST = _SIDE // 2 - _GAP
_HALF = _SIDE // 2 + _GAP
_PLACES: dict[int, tuple[tuple[int, int, int, int], ...]] = {
    1: ((0, 0, _SIDE, _SIDE),),
    2: ((0, 0, _FIRST, _SIDE), (_HALF, 0, _SIDE, _SIDE)),
    3: ((0, 0, _FIRST, _SIDE), (_HALF, 0, _SIDE, _FIRST), (_HALF, _HALF, _SIDE, _SIDE)),
    4: ((0, 0, _FIRST, _FIRST), (_HALF, 0, _SIDE, _FIRST), (0, _HALF, _FIRST, _SIDE), (_HALF, _HALF, _SIDE, _SIDE)),
}
_MOST_VIEWS = 8


def thumb_of(record: Record, folder: Path) -> list[bytes]:
    """Return the thumbnail of a record; none where its pictures cannot be shown, are gone or damaged."""
    shown = pictures_of(record)[:_MOST_IN_ONE]
    with suppress(NowImageError):
        return [_thumb(tuple((folder / one.file, one.sha256) for one in shown))] if shown else []
    return []


@lru_cache(maxsize=1000)  # some 30 MB
def _thumb(shown: tuple[tuple[Path, str], ...]) -> bytes:
    from PIL import Image  # noqa: PLC0415 - Pillow is loaded when it is used

    ground = Image.new("RGB", (_SIDE, _SIDE), _GROUND)
    labels = []
    for (path, sha256), box in zip(shown, _PLACES[len(shown)], strict=True):
        data = read_verified(path, sha256)
        filled = fill(data, (box[2] - box[0], box[3] - box[1]))
        ground.paste(filled, box[:2], filled if filled.mode == "RGBA" else None)
        labels.append(labels_in(data))
    target = io.BytesIO()
    ground.save(target, "JPEG", quality=_QUALITY)
    return label(target.getvalue(), labels)


class Wanted:
    """What each view of a panel has in sight and has not got yet, the views taking turns; used on one thread."""

    def __init__(self) -> None:
        self._by_view: dict[str, dict[int, None]] = {}

    def ask(self, view: str, numbers: Sequence[int]) -> None:
        """Want these for a view; what it wanted before and is not yet made is no longer in sight."""
        self._by_view.pop(view, None)
        self._by_view[view] = dict.fromkeys(numbers)
        if len(self._by_view) > _MOST_VIEWS:
            del self._by_view[next(iter(self._by_view))]

    def take(self) -> int | None:
        """Return the next one, which all views then get; None where nothing is wanted."""
        view = next((view for view, numbers in self._by_view.items() if numbers), None)
        if view is None:
            return None
        self._by_view[view] = self._by_view.pop(view)
        number = next(iter(self._by_view[view]))
        for numbers in self._by_view.values():
            numbers.pop(number, None)
        return number

    def forget(self) -> None:
        """Want nothing any more."""
        self._by_view.clear()
