"""What an order comes to before anything is claimed: its requests, their places, what the history has for them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from .._background import Execution, run_in_thread
from .._history import Reading, live_record
from .._messages import MaybeBilledError, StoreError
from .._relay import RelayFacts
from .._services import known_model
from .._settings import Reuse
from .._store import Record, Store, sibling_stores
from .._values import Money, Request
from ._reuse import Candidate, CellPosition, Decision, Reruns
from ._workspace import Workspace

__all__ = ["Order", "Part", "Planner"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A request and what is wanted around it. `reuse` None means: as the settings say.

    `settles` names the equal orders of unknown outcome that the user has given up; None gives up all of them.
    `budget` is the most that all its requests together may cost.
    """

    request: Request
    reuse: Reuse | None = None
    execution: Execution | None = None
    name: str | None = None
    tags: tuple[str, ...] = ()
    alt: str = ""
    save: Path | None = None
    agreed: bool = False
    parents: tuple[str, ...] = ()
    settles: frozenset[str] | None = None
    budget: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One request of an order, its place in the cell, and what was decided for it."""

    request: Request
    place: CellPosition
    decision: Decision


class Planner:
    """Plans orders by the memory of this kernel (`Reruns`) and by what lies in this history and the ones beside it."""

    def __init__(self, workspace: Workspace, facts: RelayFacts, *, kernel: str) -> None:
        """Begin with an empty memory."""
        self._workspace = workspace
        self._facts = facts
        self._reruns = Reruns(kernel=kernel)
        self._siblings: dict[Path, Store] = {}
        self._reading = Reading()

    async def planned(self, order: Order) -> list[Part]:
        """Split an order into requests and decide each; what is decided is remembered.

        Raises:
            MaybeBilledError: an equal order may have been billed, and nobody knows what became of it.
        """
        parts: list[Part] = []
        try:
            for request in await self.split(order):
                parts += [await run_in_thread(self._decided, request, order)]
        except BaseException:
            self.forget(parts)
            raise
        return parts

    async def tried(self, order: Order) -> list[Part]:
        """Decide as `planned` would, and remember nothing."""
        trial, requests = self._reruns.copy(), await self.split(order)
        places = [_place(order.execution, ahead=index) for index in range(len(requests))]
        decisions = [
            await run_in_thread(self._decision, trial, one, order, at) for one, at in zip(requests, places, strict=True)
        ]
        return [
            Part(request=one, place=at, decision=decision)
            for one, at, decision in zip(requests, places, decisions, strict=True)
        ]

    def forget(self, parts: Sequence[Part]) -> None:
        """Take back what was decided and cannot be carried out."""
        for part in parts:
            self._reruns.forget(part.decision)

    async def split(self, order: Order) -> list[Request]:
        """Make several requests where the model is known to take fewer pictures per request."""
        model = await self.model(order.request) if _count(order.request) > 1 else ""
        return _split(order.request, model)

    async def model(self, request: Request) -> str:
        """Name the model: as typed, as set, else the relay's best known."""
        named = request.model or self._workspace.settings().model
        return named or await self._facts.default_model(self._workspace.connection())

    async def keep_model(self, request: Request) -> None:
        """Remember in the folder which model was chosen where none is named, so that it stays the same."""
        if not (request.model or self._workspace.settings().model):
            await self._facts.keep_choice(self._workspace.connection())

    def ran(self, parts: Sequence[Part]) -> None:
        """Remember that a cell got what it asked for."""
        self._reruns.ran(parts[0].place)

    def _decided(self, request: Request, order: Order) -> Part:
        place = _next_place(order.execution)
        decision = self._decision(self._reruns, request, order, place)
        if (record := _in_the_way(decision, order)) is not None:
            raise MaybeBilledError(
                "{ref} is the same order and may have been billed",
                advice="%now resume looks for it, free; --fresh orders again",
                kept="{ref} is kept in the history",
                ref=record.ref,
            )
        return Part(request=request, place=place, decision=decision)

    async def overtaken(self, part: Part, order: Order, number: int) -> Decision | None:
        """Look once more when a number is claimed: another kernel may have ordered the same with a lower one."""
        decision = await run_in_thread(
            partial(self._decision, self._reruns, part.request, order, part.place, below=number)
        )
        return decision if decision.kind in ("serve", "join") else None

    def _decision(
        self, memory: Reruns, request: Request, order: Order, place: CellPosition, *, below: int | None = None
    ) -> Decision:
        mode = order.reuse or self._workspace.settings().reuse
        fingerprint = request.fingerprint()
        records = self._workspace.history.records()
        own = (Candidate(record=record) for record in records if below is None or record.number < below)
        return memory.decide(
            fingerprint,
            [one for one in own if one.record.request.prompt == request.prompt],
            place,
            mode=mode,
            demo=self._workspace.is_demo(),
            beside=lambda: self._beside(request.prompt),
        )

    def _beside(self, prompt: str) -> list[Candidate]:
        """Give what the histories beside this one hold; one that cannot be read stands in nobody's way."""
        found: list[Candidate] = []
        for store in sibling_stores(self._workspace.home().store):
            known = self._siblings.setdefault(store.folder, store)
            with suppress(StoreError):
                found += [
                    Candidate(record=live_record(known, record), shelf=known.folder.name)
                    for record in self._reading.of(known)
                    if record.request.prompt == prompt
                ]
        return found


def _in_the_way(decision: Decision, order: Order) -> Record | None:
    """Give the equal order of unknown outcome that needs the user's word first."""
    if decision.kind == "unsettled" and decision.candidate is not None:
        return decision.candidate.record
    if order.settles is None:
        return None
    return next((one for one in reversed(decision.unsettled) if one.ref not in order.settles), None)


def _count(request: Request) -> int:
    count = request.params.get("n", 1)
    return count if isinstance(count, int) else 1


def _split(request: Request, model: str) -> list[Request]:
    """Make several requests where the model is known to take fewer pictures per request."""
    known, count = known_model(model), _count(request)
    if known is None or count <= known.most:
        return [request]
    full, rest = divmod(count, known.most)
    sizes = [known.most] * full + ([rest] if rest else [])
    return [replace(request, params={**request.params, "n": size}) for size in sizes]


def _next_place(execution: Execution | None) -> CellPosition:
    if execution is None:
        return CellPosition()
    return CellPosition(cell=execution.cell, execution=execution.serial, index=execution.next_place())


def _place(execution: Execution | None, *, ahead: int) -> CellPosition:
    if execution is None:
        return CellPosition()
    return CellPosition(cell=execution.cell, execution=execution.serial, index=execution.places + ahead)
