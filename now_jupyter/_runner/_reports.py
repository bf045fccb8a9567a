"""What a run tells: how far it is, each change of its record, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal

from .._messages import NowImageError
from .._protocol import Base64, Call, Link, Progress
from .._store import Record
from ._saving import Saver

__all__ = ["ProgressReport", "RunResult", "Watch", "report"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressReport:
    """How far a run is: a fraction of 1, an unfinished picture (encoded), words; what is not known is left out."""

    fraction: float | None = None
    preview: bytes | None = None
    words: str = ""


@dataclass(frozen=True, slots=True)
class Watch:
    """Whoever looks on: told of every change of the record and of progress; both return at once."""

    changed: Callable[[Record], None]
    progressed: Callable[[ProgressReport], None]


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended: the record's last state, the error that ended it, what the relay says that it cost, a bug."""

    record: Record
    error: NowImageError | None = None
    cost: Decimal | None = None
    bug: Exception | None = None


async def report(progress: Progress, saver: Saver, watch: Watch) -> None:
    """Tell whoever looks on how far it is; an unfinished picture that cannot be had is left out."""
    preview = None
    if isinstance(progress.preview, Link | Base64 | Call | bytes):
        with suppress(NowImageError):  # a preview is for the eye only
            preview = await saver.load(progress.preview)
    watch.progressed(ProgressReport(fraction=progress.fraction, preview=preview, words=progress.words))
