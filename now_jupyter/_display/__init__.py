"""From values to outputs of cells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._display import Progress, View, show_one, show_value
from ._outputs import CellOutput, attempt, is_terminal

if TYPE_CHECKING:
    from .._session import Reference, Session
    from ._buttons import ButtonRow as ButtonRow

__all__ = [
    "CellOutput",
    "Progress",
    "View",
    "attempt",
    "is_terminal",
    "make_button_row",
    "show_one",
    "show_value",
]


def make_button_row(session: Session, ref: Reference) -> ButtonRow:
    """Return the buttons under a picture as a widget; an InputError where there are none."""
    from ._buttons import ButtonRow as ButtonRow

    return ButtonRow(session, ref)
