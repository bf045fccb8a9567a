"""What an order comes to before anything is claimed: what the history has for it, and the calls for what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .._background import run_in_thread
from .._history import live_record
from .._messages import Language, MaybeBilledError, StoreError, say
from .._protocol import Ask, Plan, Service
from .._relay import RelayFacts
from .._services import Route, asks, make_plan, routes, say_remark, service_named
from .._store import Record, Store, sibling_stores
from .._values import Request
from ._order import Order
from ._reuse import Candidate, CellPosition, Decision, Reruns
from ._workspace import Snapshot, Workspace

__all__ = ["PlannedCall", "Planner", "position_of"]

_DEMO_PREVIEWS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCall:
    """One paid call: the way it goes, its share of the request, and the plan that is shown, priced and sent."""

    route: Route
    others: tuple[Route, ...]
    ask: Ask
    plan: Plan

    @property
    def model(self) -> str:
        """The model that it asks for."""
        return self.route.offer.model


class Planner:
    """Plans orders by the memory of this kernel (`Reruns`) and by what lies in this history and the ones beside it."""

    def __init__(
        self, workspace: Workspace, facts: RelayFacts, *, kernel: str, services: Sequence[Service] | None = None
    ) -> None:
        self._services = services
        self._workspace = workspace
        self._facts = facts
        self._reruns = Reruns(kernel=kernel)
        self._siblings: dict[Path, Store] = {}

    # What the history has

    async def decide(self, order: Order, position: CellPosition, snapshot: Snapshot) -> Decision:
        """Decide an order; what is decided is remembered."""
        decision = await run_in_thread(self._decide, self._reruns, order, position, snapshot)
        if (record := _find_obstacle(decision, order)) is not None:
            self.forget(decision)
            raise MaybeBilledError(
                "{ref} is the same order and may have been billed",
                advice="%now resume looks for it, free; --fresh orders again",
                kept="{ref} is kept in the history",
                ref=record.ref,
            )
        return decision

    async def try_decide(self, order: Order, position: CellPosition, snapshot: Snapshot) -> Decision:
        """Decide as `decide` would, and remember nothing."""
        return await run_in_thread(self._decide, self._reruns.copy(), order, position, snapshot)

    async def find_faster(
        self, order: Order, position: CellPosition, snapshot: Snapshot, claimed: Record
    ) -> Decision | None:
        """Look once more when a number is claimed: another kernel may have ordered the same with a lower one."""
        look = partial(self._decide, below=claimed.number, share=claimed.share)
        decision = await run_in_thread(look, self._reruns, order, position, snapshot)
        return decision if decision.answers else None

    def forget(self, decision: Decision) -> None:
        """Take back what was decided and cannot be carried out."""
        self._reruns.forget(decision)

    def note_run(self, position: CellPosition) -> None:
        """Remember that a cell got what it asked for."""
        self._reruns.note_run(position)

    def _decide(  # noqa: PLR0913 - the order, where it is made, and what to look at
        self,
        memory: Reruns,
        order: Order,
        position: CellPosition,
        snapshot: Snapshot,
        *,
        below: int | None = None,
        share: int | None = None,
    ) -> Decision:
        records = self._workspace.history.records()
        own = (Candidate(record=record) for record in records if below is None or record.number < below)
        return memory.decide(
            order.request,
            own,
            position,
            mode=order.reuse or snapshot.settings.reuse,
            demo=snapshot.is_demo,
            share=share,
            beside=lambda: self._find_beside(snapshot),
        )

    def _find_beside(self, snapshot: Snapshot) -> list[Candidate]:
        """Return what the histories beside this one hold; one that cannot be read stands in nobody's way."""
        found: list[Candidate] = []
        for store in sibling_stores(snapshot.home.store):
            known = self._siblings.setdefault(store.folder, store)
            with suppress(StoreError):
                live = (live_record(known, record) for record in known.records())
                found += [Candidate(record=record, sibling=known.folder.name) for record in live]
        return found

    # What has to be bought

    async def plan(self, request: Request, snapshot: Snapshot, *, n: int | None = None) -> list[PlannedCall]:
        """Return the paid calls that make `n` of what a request asks for, all of it where n is None."""
        if request.service:
            self.find_service(request.service)  # nothing is asked for what cannot be made
        model = await self.choose_model(request, snapshot)
        listed = await self._facts.find_listed(snapshot.access, model)
        remembered = self._facts.remembered_service(snapshot.access, model)
        return self._plan_by(
            routes(listed, request, remembered=remembered, among=self._services), request, snapshot, n or request.count
        )

    def find_service(self, name: str) -> Service:
        """Return the service that made a record."""
        return next((one for one in self._services or () if one.name == name), None) or service_named(name)

    def plan_otherwise(self, call: PlannedCall, route: Route, snapshot: Snapshot) -> list[PlannedCall]:
        """Return the paid calls for the same share by another way."""
        others = call.others[call.others.index(route) :] if route in call.others else (route,)
        return self._plan_by(others, call.ask.request, snapshot, call.ask.n)

    def _plan_by(self, ways: Sequence[Route], request: Request, snapshot: Snapshot, n: int) -> list[PlannedCall]:
        best, *others = ways
        return [
            PlannedCall(route=best, others=tuple(others), ask=ask, plan=make_plan(best.service, ask))
            for ask in asks(best, request, n=n, previews=_previews(snapshot))
        ]

    def say_remarks(self, calls: Sequence[PlannedCall], language: Language) -> list[str]:
        """Return what the plans remark, each sentence once, and where one order is several calls."""
        first = calls[0]
        lines = [say_remark(one, language) for one in first.plan.remarks]
        if len(calls) > 1:
            times = say("{times} × {model}: one request each", language, times=len(calls), model=first.model)
            lines.append(times)
        return list(dict.fromkeys(lines))

    async def remember_way(self, call: PlannedCall, snapshot: Snapshot) -> None:
        """Remember by which service a model is made at this relay."""
        await self._facts.remember_service(snapshot.access, call.model, call.route.service.name)

    async def choose_model(self, request: Request, snapshot: Snapshot) -> str:
        """Return the model: as typed, as set, else the relay's best known."""
        named = request.model or snapshot.settings.model
        return named or await self._facts.default_model(snapshot.access)

    async def remember_model(self, request: Request, snapshot: Snapshot) -> None:
        """Remember which model was chosen where none is named, so that it stays the same."""
        if not (request.model or snapshot.settings.model):
            await self._facts.remember_choice(snapshot.access)


def position_of(order: Order, *, is_trial: bool = False) -> CellPosition:
    """Return where an order is made; only a trial leaves the count of its execution as it is."""
    execution = order.execution
    if execution is None:
        return CellPosition()
    index = execution.places if is_trial else execution.next_place()
    return CellPosition(cell=execution.cell, execution=execution.serial, index=index)


def _previews(snapshot: Snapshot) -> int:
    wanted = snapshot.settings.partial_images
    if wanted is not None:
        return wanted
    return _DEMO_PREVIEWS if snapshot.is_demo else 0


def _find_obstacle(decision: Decision, order: Order) -> Record | None:
    """Return the equal order of unknown outcome that needs the user's word first."""
    if decision.is_refused:
        return decision.unsettled[-1]
    if order.settles is None:
        return None
    return next((one for one in reversed(decision.unsettled) if one.ref not in order.settles), None)
