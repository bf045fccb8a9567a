"""Links that are given out before their picture is made: they answer without one, and are asked again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO

from .._json import read_json
from .._messages import DownloadError, NowImageError, is_under_way
from ._exception_map import from_disk

__all__ = ["MOST_LOOKS", "NOT_READY", "Patience", "ensure_ready", "not_ready"]

NOT_READY = (202, 204)
MOST_LOOKS = 60  # at a link that says itself that its picture is not ready; the deadline ends it before
_WHAT = "the picture is not ready yet at its link"
_LONGEST_ANSWER = 4 << 10


def not_ready(status: int) -> NowImageError:
    """Return the error of a link whose picture is still being made."""
    return DownloadError(
        _WHAT, kept="the link is kept", advice="%now resume fetches it again, free", status=status, billed="yes"
    )


class Patience:
    """Whether another try may help: `most` times after what goes wrong, often while a picture is being made."""

    def __init__(self, most: int, may_help: Callable[[NowImageError], bool]) -> None:
        self._left = most
        self._may_help = may_help

    def __call__(self, error: NowImageError) -> bool:
        """Take note of an error, and tell."""
        if error.what == _WHAT:
            return True
        self._left -= 1
        return self._left >= 0 and self._may_help(error)


def ensure_ready(file: BinaryIO, mime: str) -> None:
    """Raise what `not_ready` makes where the file that came is no picture but JSON of a task that goes on."""
    if "json" not in mime or file.tell() > _LONGEST_ANSWER:
        return
    with from_disk():
        file.seek(0)
        said = file.read(_LONGEST_ANSWER)
    with suppress(ValueError):
        if is_under_way(read_json(said)):
            raise not_ready(200)
