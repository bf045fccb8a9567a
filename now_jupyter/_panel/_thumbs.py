"""Thumbnails: JPEGs, each of one whole picture, made once and kept in memory, those in sight first."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

from .._media import fit, label, labels_in, read_verified
from .._messages import NowImageError
from .._store import RecordedOutput

__all__ = ["Spot", "Wanted", "thumb_of"]

Spot: TypeAlias = tuple[int, int]
"""The number of a generation, and that of its output."""

_LONGEST = 384
_QUALITY = 80
_GROUND = (232, 233, 236)
_MOST_VIEWS = 8


def thumb_of(one: RecordedOutput, folder: Path) -> list[bytes]:
    """Return the thumbnail of a picture; none where it cannot be shown, is gone or damaged."""
    with suppress(NowImageError):
        return [_thumb(folder / one.file, one.sha256)]
    return []


@lru_cache(maxsize=1000)  # some 40 MB
def _thumb(path: Path, sha256: str) -> bytes:
    from PIL import Image  # noqa: PLC0415 - Pillow is loaded when it is used

    data = read_verified(path, sha256)
    small = fit(data, _LONGEST)
    ground = Image.new("RGB", small.size, _GROUND)
    ground.paste(small, mask=small if small.mode == "RGBA" else None)
    target = io.BytesIO()
    ground.save(target, "JPEG", quality=_QUALITY)
    return label(target.getvalue(), [labels_in(data)])


class Wanted:
    """What each view of a panel has in sight and has not got yet, the views taking turns; used on one thread."""

    def __init__(self) -> None:
        self._by_view: dict[str, dict[Spot, None]] = {}

    def ask(self, view: str, spots: Sequence[Spot]) -> None:
        """Want these for a view; what it wanted before and is not yet made is no longer in sight."""
        self._by_view.pop(view, None)
        self._by_view[view] = dict.fromkeys(spots)
        if len(self._by_view) > _MOST_VIEWS:
            del self._by_view[next(iter(self._by_view))]

    def take(self) -> Spot | None:
        """Return the next one, which all views then get; None where nothing is wanted."""
        view = next((view for view, spots in self._by_view.items() if spots), None)
        if view is None:
            return None
        self._by_view[view] = self._by_view.pop(view)
        spot = next(iter(self._by_view[view]))
        for spots in self._by_view.values():
            spots.pop(spot, None)
        return spot

    def forget(self) -> None:
        """Want nothing any more."""
        self._by_view.clear()
