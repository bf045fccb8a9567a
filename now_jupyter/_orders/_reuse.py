"""Whether a request is served from the history, joined to one under way, refused as unsettled, or bought.

The rule is design.md §2.5. It is decided from records alone; nothing here reads a file or sends a byte. A record holds
its share of the n that its request asked for: an order takes equal records until their shares make n, and buys the
rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from .._settings import Reuse
from .._store import Record
from .._values import Request, Status

__all__ = ["Candidate", "CellPosition", "Decision", "Reruns"]

_ANSWERED = (Status.DONE, Status.PARTIAL)
_UNDER_WAY = (Status.RUNNING, Status.PENDING)


@dataclass(frozen=True, slots=True, kw_only=True)
class CellPosition:
    """Where an order is made: in which cell (None: the front end sends no id), in which run, as which one."""

    cell: str | None = None
    execution: str = ""
    index: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A record that may answer; `sibling` names the folder it lies in, empty for this notebook's own."""

    record: Record
    sibling: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is served, what is joined, how much is `missing`, and the equal orders of unknown outcome."""

    served: tuple[Candidate, ...] = ()
    joined: tuple[Candidate, ...] = ()
    missing: int = 0
    unsettled: tuple[Record, ...] = ()
    is_refused: bool = False

    @property
    def answers(self) -> tuple[Candidate, ...]:
        """The records that answer, now or later."""
        return (*self.served, *self.joined)


@dataclass(slots=True)
class Reruns:
    """The memory of one kernel: which answers it has served and which cells it has run."""

    kernel: str
    _served: set[str] = field(default_factory=set)
    _ran: dict[str, str] = field(default_factory=dict)

    def copy(self) -> Reruns:
        """Return a copy to try a decision on."""
        return Reruns(self.kernel, set(self._served), dict(self._ran))

    def decide(  # noqa: PLR0913 - the order, what there is, and the mode
        self,
        request: Request,
        candidates: Iterable[Candidate],
        position: CellPosition,
        *,
        mode: Reuse,
        demo: bool,
        share: int | None = None,
        beside: Callable[[], Iterable[Candidate]] = tuple,
    ) -> Decision:
        """Apply the rule to the equal ones among `candidates` (oldest first) and remember what was decided.

        `share` is how much is wanted, the whole n where it is None. `beside` returns those of the histories beside
        this one; it is asked only where nothing of the own one answers.
        """
        wanted = share or request.count
        equal = self._equal(candidates, request, demo=demo)
        own = (one.record for one in equal if not one.sibling)
        unsettled = tuple(one for one in own if one.status is Status.UNKNOWN and not one.settled)
        if mode == "never":
            return Decision(missing=wanted, unsettled=unsettled)
        is_first = self._is_first_run(position)
        served = self._find_answers(equal, position, mode, wanted, is_first=is_first)
        if not served and (mode == "always" or is_first):
            others = self._equal(beside(), request, demo=demo)
            served = self._find_answers(others, position, mode, wanted, is_first=is_first)
        missing = wanted - _shares(served)
        joined = _take(self._joinable(equal, position, is_first=is_first), missing)
        missing = max(0, missing - _shares(joined))
        taken = joined if mode == "always" else [*served, *joined]
        self._served |= {one.record.id for one in taken}
        return Decision(
            served=tuple(served),
            joined=tuple(joined),
            missing=missing,
            unsettled=unsettled if missing else (),
            is_refused=bool(unsettled and missing),
        )

    def forget(self, decision: Decision) -> None:
        """Take a decision back that was not carried out."""
        self._served -= {one.record.id for one in decision.answers}

    def note_run(self, position: CellPosition) -> None:
        """Remember that this cell got what it asked for in this run."""
        if position.cell is not None:
            self._ran.setdefault(position.cell, position.execution)

    def _is_first_run(self, position: CellPosition) -> bool:
        return position.cell is None or self._ran.get(position.cell, position.execution) == position.execution

    def _equal(self, candidates: Iterable[Candidate], request: Request, *, demo: bool) -> list[Candidate]:
        fingerprint, begins = request.fingerprint(), _first_word(request)
        return [
            one
            for one in candidates
            if one.record.demo == demo
            and one.record.id not in self._served
            and _first_word(one.record.request) == begins  # cheap, and tells nearly all apart
            and one.record.request.has_same_prompt(request)
            and one.record.request.fingerprint() == fingerprint
        ]

    def _find_answers(
        self, equal: Sequence[Candidate], position: CellPosition, mode: Reuse, wanted: int, *, is_first: bool
    ) -> list[Candidate]:
        if mode == "always":
            newest = [one for one in reversed(equal) if _is_answer(one.record)]
            return _take(_same_cell_first(newest, position), wanted)[::-1]
        older = [one for one in equal if one.record.kernel != self.kernel and _is_answer(one.record)]
        return _take(_same_cell_first(older, position), wanted) if is_first else []

    def _joinable(self, equal: Sequence[Candidate], position: CellPosition, *, is_first: bool) -> list[Candidate]:
        def may_join(record: Record) -> bool:
            if record.kernel != self.kernel:
                return is_first
            return record.execution != position.execution and record.cell == position.cell

        return [one for one in equal if not one.sibling and _is_waited_for(one.record) and may_join(one.record)]


def _first_word(request: Request) -> list[str]:
    return request.prompt.split(None, 1)[:1]


def _is_answer(record: Record) -> bool:
    return record.status in _ANSWERED and record.has_answer


def _is_waited_for(record: Record) -> bool:
    return record.status in _UNDER_WAY or (record.status is Status.PARTIAL and not record.has_answer)


def _same_cell_first(answers: Sequence[Candidate], position: CellPosition) -> list[Candidate]:
    here = (position.cell, position.index)
    return sorted(answers, key=lambda one: not position.cell or (one.record.cell, one.record.position) != here)


def _take(candidates: Sequence[Candidate], wanted: int) -> list[Candidate]:
    taken: list[Candidate] = []
    for one in candidates:
        if _shares(taken) >= wanted:
            break
        taken.append(one)
    return taken


def _shares(candidates: Sequence[Candidate]) -> int:
    return sum(max(1, one.record.share) for one in candidates)
