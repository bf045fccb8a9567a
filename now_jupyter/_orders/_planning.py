"""What an order comes to before anything is claimed: what the history has for it, and the calls for what is missing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from .._background import Together, outcome_of, run_in_thread
from .._history import live_record
from .._media import can_show, media_type
from .._messages import InputError, Language, MaybeBilledError, StoreCorrupt, StoreError, say
from .._protocol import Ask, Plan, Service
from .._relay import RelayFacts
from .._services import Route, asks, is_unlike, make_plan, routes, say_remark, service_named
from .._settings import Settings
from .._store import Record, Store, generation_of, sibling_stores
from .._values import Request, Status
from ._order import Order
from ._reuse import Candidate, CellPosition, Decision, Reruns
from ._workspace import Snapshot, Workspace

__all__ = [
    "Placed",
    "PlannedCall",
    "Planner",
    "position_of",
    "say_differences",
    "say_of_previews",
    "say_remarks",
]

_DEMO_PREVIEWS = 2
_FORMATS = ("output_format", "format", "image_format")  # the wires' names


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """An order, where it is made, and what is in force for it."""

    order: Order
    position: CellPosition
    snapshot: Snapshot


class Planner:
    """Plans orders by the memory of this kernel (`reruns`) and by what lies in this history and the ones beside it."""

    def __init__(
        self, workspace: Workspace, facts: RelayFacts, *, kernel: str, services: Sequence[Service] | None = None
    ) -> None:
        self._services = services
        self._workspace = workspace
        self.facts = facts
        self._siblings: dict[Path, Store] = {}
        self._spoilt: set[str] = set()
        self.reruns = Reruns(kernel=kernel)
        self._deciding = Together(self._decide_each)

    async def decide(self, placed: Placed) -> Decision:
        """Decide an order and remember it; an equal order of unknown outcome needs the user's word first."""
        decision = await self._deciding.do(placed)
        if (record := _find_obstacle(decision, placed.order)) is not None:
            self.reruns.forget(decision)
            raise MaybeBilledError(
                "{ref} is the same order and may have been billed",
                advice="%now resume looks for it, free; --fresh orders again",
                kept="{ref} is kept in the history",
                ref=record.ref,
            )
        return decision

    async def try_decide(self, order: Order, snapshot: Snapshot) -> Decision:
        """Decide as `decide` would, and remember nothing."""
        placed = Placed(order=order, position=position_of(order, is_trial=True), snapshot=snapshot)
        return await run_in_thread(self._decide, self.reruns.copy(), placed)

    def find_faster(self, placed: Placed, claimed: Record, known: Collection[str]) -> Decision:
        """Look once more when a number is claimed: another kernel may have ordered the same with a lower one.

        What answers a part of this order already (`known`) answers no other.
        """
        return self._decide(self.reruns, placed, claimed=claimed, known=known)

    def _decide_each(self, every: Sequence[Placed]) -> list[Decision | Exception]:
        return [outcome_of(partial(self._decide_and_take_in, placed)) for placed in every]

    def _decide_and_take_in(self, placed: Placed) -> Decision:
        """Decide, and take what histories beside this one have for it into this one, so that every verb works on it."""
        while True:
            decision = self._decide(self.reruns, placed)
            try:
                return replace(decision, served=tuple(self._take_in(one, placed) for one in decision.served))
            except BaseException as problem:
                self.reruns.forget(decision)
                if not isinstance(problem, StoreCorrupt):
                    raise

    def _take_in(self, candidate: Candidate, placed: Placed) -> Candidate:
        """Return an answer as one of this history; one whose files are not what they should be answers nothing more."""
        if not candidate.sibling:
            return candidate
        placed.snapshot.home.check(is_purchase=False)
        store, position = placed.snapshot.home.store, placed.position
        record = replace(candidate.record, cell=position.cell, execution=position.execution, position=position.index)
        try:
            taken = store.take_in(record, self._siblings[store.folder.parent / candidate.sibling])
        except StoreCorrupt:
            self._spoilt.add(record.id)
            raise
        self._workspace.history.tell(generation_of(taken, store.pictures))
        return Candidate(record=taken)

    def _decide(
        self, memory: Reruns, placed: Placed, *, claimed: Record | None = None, known: Collection[str] = ()
    ) -> Decision:
        """Decide an order; or only what a `claimed` record is for, by those that were claimed before it."""
        order, snapshot = placed.order, placed.snapshot
        store = snapshot.home.store
        if claimed is None:  # a number is claimed in one's own history only
            store.require_own()  # what others made answers no order
        equal = store.equal_to(order.request, below=claimed.number if claimed else None)
        before = (live_record(store, record) for record in equal)
        return memory.decide(
            order.request,
            (Candidate(record=record) for record in before if record.id not in known and _may_answer(record, order)),
            placed.position,
            mode=order.reuse or snapshot.settings.reuse,
            demo=snapshot.is_demo,
            share=claimed.share if claimed else None,
            beside=lambda: () if claimed else self._find_beside(store, order.request),
        )

    def _find_beside(self, own: Store, request: Request) -> list[Candidate]:
        """Return the equal ones of the user's own histories beside this one, without those that are here, too.

        What cannot be read stands in nobody's way.
        """
        found: list[Candidate] = []
        for store in (one for one in sibling_stores(own) if one.is_own):
            known = self._siblings.setdefault(store.folder, store)
            with suppress(StoreError):
                equal = known.equal_to(request)
                others = [one for one in equal if one.id not in self._spoilt and not own.knows(one.id)]
                found += [Candidate(record=live_record(known, one), sibling=known.folder.name) for one in others]
        return found

    async def plan(self, request: Request, snapshot: Snapshot, *, n: int | None = None) -> list[PlannedCall]:
        """Return the paid calls that make `n` of what a request asks for, all of it where n is None."""
        return _plan_calls(await self.find_routes(request, snapshot), request, snapshot, n or request.count)

    async def find_routes(self, request: Request, snapshot: Snapshot) -> list[Route]:
        """Return the ways in which a request can be made here, the best first."""
        if request.service:
            self.find_service(request.service)  # nothing is asked for what cannot be made
        model = request.model or snapshot.settings.model or await self.facts.default_model(snapshot.access)
        listed = await self.facts.find_listed(snapshot.access, model)
        remembered = self.facts.remembered_service(snapshot.access, model)
        try:
            return routes(listed, request, remembered=remembered, among=self._services)
        except InputError as error:
            if "{models}" in error.advice:
                models, near = await self.facts.picture_models(snapshot.access, model)
                error.add_facts(models=models, near=near)
                if not models:
                    error.advice = "choose another model; --service tries it all the same: {known}"
                if near:
                    error.advice = (
                        "did you mean {near}? picture models here: {models}; --service tries it all the same: {known}"
                    )
            if "{able}" in error.advice:
                able, near = await self.facts.picture_models(snapshot.access, model, request)
                error.add_facts(able=able, near=near)
                if not able:
                    error.advice = "the relay lists no model that does"
                if near:
                    error.advice = "did you mean {near}? models here that do: {able}"
            raise

    def say_before(self, calls: Sequence[PlannedCall], snapshot: Snapshot) -> list[str]:
        """Return what there is to say of an order before it is paid."""
        return [*say_remarks(calls, snapshot.settings.language), *self._say_of_mask(calls[0], snapshot)]

    def _say_of_mask(self, call: PlannedCall, snapshot: Snapshot) -> list[str]:
        """Say that this model at this relay hardly heeds masks, where that was seen."""
        share = self.facts.share_outside(snapshot.access, call.model) if call.ask.request.given("mask") else 0
        said = say(
            "{model} here takes a mask as a hint: last time it changed {share} % outside of it",
            snapshot.settings.language,
            model=call.model,
            share=f"{100 * share:.0f}",
        )
        return [said] if share else []

    def find_service(self, name: str) -> Service:
        """Return the service that made a record."""
        return next((one for one in self._services or () if one.name == name), None) or service_named(name)

    def plan_otherwise(self, call: PlannedCall, route: Route, snapshot: Snapshot) -> list[PlannedCall]:
        """Return the paid calls for the same share by another way."""
        others = call.others[call.others.index(route) :] if route in call.others else (route,)
        return _plan_calls(others, call.ask.request, snapshot, call.ask.n)


def _may_answer(record: Record, order: Order) -> bool:
    """Whether a record may answer an order; of one that is repeated only an unknown outcome stands in its way."""
    return record.id not in order.apart_from or record.status is Status.UNKNOWN


def position_of(order: Order, *, is_trial: bool = False) -> CellPosition:
    """Return where an order is made; only a trial leaves the count of its execution as it is."""
    execution = order.execution
    if execution is None:
        return CellPosition()
    index = execution.places if is_trial else execution.next_place()
    return CellPosition(cell=execution.cell, execution=execution.serial, index=index)


def _plan_calls(ways: Sequence[Route], request: Request, snapshot: Snapshot, n: int) -> list[PlannedCall]:
    best, *others = ways
    wanted = snapshot.settings.partial_images
    previews = wanted if wanted is not None else _DEMO_PREVIEWS if snapshot.is_demo else 0
    return [
        PlannedCall(route=best, others=tuple(others), ask=ask, plan=make_plan(best.service, ask))
        for ask in asks(best, request, n=n, previews=previews)
    ]


def say_remarks(calls: Sequence[PlannedCall], language: Language) -> list[str]:
    """Return what the plans remark, each sentence once, and where one order is several calls."""
    lines = [say_remark(one, language) for one in calls[0].plan.remarks]
    lines += [*_say_unseen(calls[0].ask.request, language), *_say_of_count(calls, language)]
    if len(calls) > 1:
        lines.append(say("{times} × {model}: one request each", language, times=len(calls), model=calls[0].model))
    return list(dict.fromkeys(lines))


def say_differences(call: PlannedCall, record: Record, language: Language) -> list[str]:
    """Say where what came is evidently not what was sent for: the relay or the service dropped it on the way."""
    unsent = {one.option for one in call.plan.remarks if one.kind == "ignored"}
    sent = {name: value for name, value in call.ask.request.params.items() if name not in unsent}
    sent |= {one.option: one.used for one in call.plan.remarks if one.kind == "resolved"}
    pictures = [one for one in record.outputs if one.kind == "picture" and one.width and not one.is_side]
    size, form = str(sent.get("size", "")), str(sent.get("format", ""))
    asked = media_type(f".{form}") if form else None
    came = [("size", size, f"{one.width}x{one.height}") for one in pictures if is_unlike(size, one.width, one.height)]
    came += [("format", form, one.mime.rpartition("/")[2]) for one in pictures if asked and one.mime != asked.mime]
    unkept = [f"{one.about['not_laid_back']}" for one in record.outputs if "not_laid_back" in one.about]
    lines = (
        say(
            "{option} {given} was sent, and {came} came: it got lost on the way",
            language,
            option=name,
            given=given,
            came=one,
        )
        for name, given, one in came
    )
    said = [say("what is outside of the mask could not be kept: {reason}", language, reason=one) for one in unkept]
    return list(dict.fromkeys([*lines, *said]))


def _say_of_count(calls: Sequence[PlannedCall], language: Language) -> list[str]:
    """Say before paying that another number of outputs comes than was typed, as of Midjourney's grids."""
    wanted, expected = sum(one.ask.n for one in calls), sum(one.plan.expected for one in calls)
    if calls[0].ask.request.params.get("n") is None or expected <= wanted:
        return []
    said = say(
        "--n {n} becomes {count}: one request gives {each}",
        language,
        n=wanted,
        count=expected,
        each=calls[0].plan.expected,
    )
    return [said]


def _say_unseen(request: Request, language: Language) -> list[str]:
    """Say before paying that what is asked for is of a type that a notebook cannot show."""
    asked = request.params.get("format") or next((request.raw[name] for name in _FORMATS if name in request.raw), "")
    media = media_type(f".{asked}") or media_type(str(asked))
    if media is None or media.kind != "picture" or can_show(media.mime):
        return []
    return [
        say("a notebook cannot show {kind}: what comes is kept, and the caption says where", language, kind=media.name)
    ]


def say_of_previews(call: PlannedCall, settings: Settings) -> str:
    """Return how unfinished pictures are asked for, where the service has them and nobody has decided; else nothing."""
    if settings.partial_images is not None or call.ask.previews:
        return ""
    if make_plan(call.route.service, replace(call.ask, previews=1)) == call.plan:
        return ""
    return say("%config Now.partial_images = 2 shows it unfinished", settings.language)


def _find_obstacle(decision: Decision, order: Order) -> Record | None:
    if decision.is_refused:
        return decision.unsettled[-1]
    if order.settles is None:
        return None
    return next((one for one in reversed(decision.unsettled) if one.ref not in order.settles), None)
