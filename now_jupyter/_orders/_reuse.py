"""Whether a request is served from the history, joined to one under way, refused as unsettled, or bought.

The rule is design.md §2.5. It is decided from records alone; nothing here reads a file or sends a byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from .._settings import Reuse
from .._store import Record
from .._values import Status

__all__ = ["Candidate", "CellPosition", "Decision", "Reruns"]

_ANSWERED = (Status.DONE, Status.PARTIAL)
_UNDER_WAY = (Status.RUNNING, Status.PENDING)


@dataclass(frozen=True, slots=True, kw_only=True)
class CellPosition:
    """Where a request is made: in which cell (None: the front end sends no id), in which run, as which one."""

    cell: str | None = None
    execution: str = ""
    index: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A record that may answer; `shelf` names the folder it lies in, empty for this notebook's own."""

    record: Record
    shelf: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is to be done, and with which record."""

    kind: Literal["buy", "serve", "join", "unsettled"]
    candidate: Candidate | None = None
    unsettled: tuple[Record, ...] = ()


@dataclass(slots=True)
class Reruns:
    """The memory of one kernel: which answers it has served and which cells it has run."""

    kernel: str
    _served: set[str] = field(default_factory=set)
    _ran: dict[str, str] = field(default_factory=dict)

    def copy(self) -> Reruns:
        """Give a copy to try a decision on."""
        return Reruns(self.kernel, set(self._served), dict(self._ran))

    def decide(  # noqa: PLR0913 - the order, what there is, and the mode
        self,
        fingerprint: str,
        candidates: Iterable[Candidate],
        place: CellPosition,
        *,
        mode: Reuse,
        demo: bool,
        beside: Callable[[], Iterable[Candidate]] = tuple,
    ) -> Decision:
        """Apply the rule to the equal ones among `candidates` (oldest first) and remember what was decided.

        `beside` gives those of the histories beside this one; it is asked only where nothing of the own one answers.
        """
        equal = self._equal(candidates, fingerprint, demo=demo)
        unsettled = tuple(one.record for one in equal if self._is_unsettled(one))
        first = self._is_first_run(place)
        if mode == "never":
            return Decision(kind="buy", unsettled=unsettled)
        answer = self._answer(equal, place, mode, first=first)
        if answer is None and (mode == "always" or first):
            answer = self._answer(self._equal(beside(), fingerprint, demo=demo), place, mode, first=first)
        if answer is not None:
            return self._serve(answer, mode)
        if job := self._joinable(equal, place, first=first):
            self._served.add(job.record.id)
            return Decision(kind="join", candidate=job)
        if unsettled:
            return Decision(kind="unsettled", candidate=Candidate(record=unsettled[-1]), unsettled=unsettled)
        return Decision(kind="buy")

    def forget(self, decision: Decision) -> None:
        """Take a decision back that was not carried out."""
        if decision.candidate is not None:
            self._served.discard(decision.candidate.record.id)

    def ran(self, place: CellPosition) -> None:
        """Remember that this cell got what it asked for in this run."""
        if place.cell is not None:
            self._ran.setdefault(place.cell, place.execution)

    def _is_first_run(self, place: CellPosition) -> bool:
        return place.cell is None or self._ran.get(place.cell, place.execution) == place.execution

    def _equal(self, candidates: Iterable[Candidate], fingerprint: str, *, demo: bool) -> list[Candidate]:
        return [
            one
            for one in candidates
            if one.record.request.fingerprint() == fingerprint
            and one.record.demo == demo
            and one.record.id not in self._served
        ]

    def _answer(self, equal: Sequence[Candidate], place: CellPosition, mode: Reuse, *, first: bool) -> Candidate | None:
        if mode == "always":
            return _any_answer(equal, place)
        return _best(self._older(equal), place) if first else None

    def _serve(self, answer: Candidate, mode: Reuse) -> Decision:
        if mode != "always":
            self._served.add(answer.record.id)
        return Decision(kind="serve", candidate=answer)

    def _older(self, equal: Sequence[Candidate]) -> list[Candidate]:
        return [one for one in equal if one.record.kernel != self.kernel and _has_pictures(one.record)]

    def _joinable(self, equal: Sequence[Candidate], place: CellPosition, *, first: bool) -> Candidate | None:
        under_way = [one for one in equal if _is_waited_for(one.record) and not one.shelf]
        return next((one for one in under_way if self._may_join(one.record, place, first=first)), None)

    def _may_join(self, record: Record, place: CellPosition, *, first: bool) -> bool:
        if record.kernel != self.kernel:
            return first
        return record.execution != place.execution and record.cell == place.cell

    def _is_unsettled(self, one: Candidate) -> bool:
        return one.record.status is Status.UNKNOWN and not one.record.settled and not one.shelf


def _has_pictures(record: Record) -> bool:
    return record.status in _ANSWERED and any(one.sha256 for one in record.kept)


def _is_waited_for(record: Record) -> bool:
    return record.status in _UNDER_WAY or (record.status is Status.PARTIAL and not _has_pictures(record))


def _best(answers: Sequence[Candidate], place: CellPosition) -> Candidate | None:
    """Choose the answer of the same cell and place, else the oldest."""
    same = (one for one in answers if place.cell and (one.record.cell, one.record.place) == (place.cell, place.index))
    return next(same, answers[0] if answers else None)


def _any_answer(equal: Sequence[Candidate], place: CellPosition) -> Candidate | None:
    answers = [one for one in equal if _has_pictures(one.record)]
    same = [one for one in answers if place.cell and (one.record.cell, one.record.place) == (place.cell, place.index)]
    every = same or answers
    return every[-1] if every else None
