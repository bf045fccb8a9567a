"""What a measurement is: a row with a goal, figures of several rounds, a peer, and whether the machine let one tell."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

__all__ = ["Noise", "Row", "Verdict", "in_turn", "ms"]

_QUIET = 0.15  # a machine whose own pace differs by more than this is too noisy for close calls
_CALIBRATIONS = 12
_TIMES = ("ms", "s")
_STEPS = 300_000  # some 15 ms of pure Python


class Verdict(StrEnum):
    """What a figure says of its goal."""

    REACHED = "reached"
    MISSED = "not reached"
    NOISY = "too noisy to tell"
    TOLD = ""  # a figure without a goal


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """How much slower than at its best this machine was while something was measured: 0.1 is a tenth."""

    spread: float

    @classmethod
    def now(cls) -> Noise:
        """Take the pace of a loop that does nothing but count."""
        times = []
        for _ in range(_CALIBRATIONS):
            began = time.perf_counter()
            for _step in range(_STEPS):
                pass
            times.append(time.perf_counter() - began)
        return cls(spread=statistics.fmean(times) / min(times) - 1)

    @property
    def is_quiet(self) -> bool:
        """Whether close calls can be made."""
        return self.spread <= _QUIET


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table.

    `ours` and `theirs` are figures of the same rounds in `unit`. The goal holds for the median of ours, or with
    `of="ratio"` for the median of ours / theirs. What is counted (calls, bytes) no noise can change.
    """

    work: str
    unit: str
    ours: Sequence[float]
    theirs: Sequence[float] = ()
    peer: str = ""
    goal: float | None = None
    of: Literal["ours", "ratio"] = "ours"
    is_counted: bool = False
    note: str = ""
    noise: Noise = field(default=Noise(spread=0.0))

    @property
    def ratios(self) -> list[float]:
        """Ours / theirs, round by round."""
        return [our / their for our, their in zip(self.ours, self.theirs, strict=False) if their]

    @property
    def ratio(self) -> float | None:
        """The median of the ratios; None without a peer."""
        return statistics.median(self.ratios) if self.ratios else None

    @property
    def figures(self) -> Sequence[float]:
        """What the goal is about, round by round."""
        return self.ratios if self.of == "ratio" else self.ours

    @property
    def verdict(self) -> Verdict:
        """Whether the goal is reached; a noisy machine tells only where no round comes near the other side."""
        if self.goal is None or not self.figures:
            return Verdict.TOLD
        best, worst = self._usual()
        if not (self.is_counted or self.noise.is_quiet) and best <= self.goal < worst:
            return Verdict.NOISY
        return Verdict.REACHED if statistics.median(self.figures) <= self.goal else Verdict.MISSED

    def _usual(self) -> tuple[float, float]:
        """Give the bounds of the figures, as a quiet machine may have them: noise meets both sides of a ratio."""
        pace = 1 + self.noise.spread if self.of == "ours" and self.unit in _TIMES else 1
        if len(self.figures) < 4:
            return min(self.figures) / pace, max(self.figures)
        quarter, _median, three_quarters = statistics.quantiles(self.figures, n=4)
        return quarter / pace, three_quarters

    def cells(self) -> list[str]:
        """Give work, goal, ours, peer, ratio, verdict and note as they are printed."""
        ours = f"{_number(statistics.median(self.ours))} {self.unit}".strip()
        theirs = f"{self.peer} {_number(statistics.median(self.theirs))} {self.unit}" if self.theirs else self.peer
        ratio = _short(self.ratio) if self.ratio is not None else ""
        return [self.work, self._goal(), ours, theirs.strip(), ratio, self.verdict.value, self.note]

    def _goal(self) -> str:
        if self.goal is None:
            return ""
        return f"≤ {_short(self.goal)} ×" if self.of == "ratio" else f"≤ {_number(self.goal)} {self.unit}".strip()


def _number(value: float) -> str:
    """Write three figures that matter, and whole numbers as such."""
    if value == round(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def _short(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}"


def in_turn(works: Sequence[Callable[[int], float]], rounds: int) -> list[list[float]]:
    """Measure several works in turn, so that a slow moment of the machine meets all; give the figures of each."""
    figures: list[list[float]] = [[] for _ in works]
    for number in range(rounds):
        for place, work in enumerate(works):
            figures[place].append(work(number))
    return figures


def ms(seconds: Sequence[float]) -> list[float]:
    """Give seconds as milliseconds."""
    return [1000 * one for one in seconds]
