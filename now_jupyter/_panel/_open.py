"""The panel: making, looking, choosing, changing and comparing, beside the cells. `_panel.py` tells how it stands."""

from __future__ import annotations

from pathlib import Path

from .._session import Reference, Session
from ._compare_widget import Comparison
from ._panel import OPEN, Panel

__all__ = ["Comparison", "Panel", "compare", "follow", "panel", "recall"]


def panel(session: Session) -> Panel:
    """Open a panel on a session."""
    return Panel(session)


def compare(session: Session, *refs: Reference) -> Comparison:
    """Compare two to four pictures.

    Raises:
        InputError: a picture is not there, or there are too few or too many.
    """
    return Comparison.of(session, refs)


def follow(session: Session) -> None:
    """Have every open panel of a session look whether the history lies in another folder now."""
    for one in [one for one in OPEN if one.belongs_to(session)]:
        one.follow_soon()


def recall(session: Session, source: str | Path) -> bool:
    """Fill the draft of every open panel of a session from a picture of its history or a file; tells if there is one.

    Raises:
        InputError: there is no such picture, or the file does not say how it was made.
    """
    mine = [one for one in OPEN if one.belongs_to(session)]
    for one in mine:
        one.recall(source)
    return bool(mine)
