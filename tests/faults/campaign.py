"""What the tests of the campaign write down: one line per fault, and the figures of the closing note."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

__all__ = ["Book", "Campaign", "Line"]


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the table."""

    row: str
    injected: str
    outcome: str
    billed: str
    kept: str


@dataclass
class Book:
    """All lines and figures of one run."""

    lines: list[Line] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    members: dict[str, set[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Campaign:
    """What a test of the campaign writes down."""

    book: Book
    row: str
    injected: str
    is_full: bool

    def outcome(self, *, outcome: str, billed: str, kept: str, injected: str = "") -> None:
        """Write down what came of a fault; `injected` where the mark of the test does not say it."""
        told = injected or self.injected
        self.book.lines.append(Line(row=self.row, injected=told, outcome=outcome, billed=billed, kept=kept))

    def figure(self, name: str, amount: float, *, most: bool = False) -> None:
        """Add to a figure of the closing note, or keep the largest."""
        before = self.book.figures.get(name, 0)
        self.book.figures[name] = max(before, amount) if most else before + amount

    def distinct(self, name: str, members: Iterable[str]) -> None:
        """Count in a figure what no test has counted before."""
        known = self.book.members.setdefault(name, set())
        known.update(members)
        self.book.figures[name] = len(known)
