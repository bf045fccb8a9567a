"""What is known of the relay in use: models, prices, balance, and the model and service that are used at it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import anyio

from .._background import run_in_thread
from .._messages import NowImageError
from .._options import alike
from .._protocol import Listed
from .._services import best_model, can_take, well_known_names
from .._settings import Settings
from .._transport import RelayAccess, RelayClient
from .._values import Request
from ._balance import Balance, RelayStatus, read_balance, read_status
from ._catalogue import ListedModel, Price, Published, family_at, read_models, read_published
from ._memory import recall, remember_family, remember_mask, remember_model, remember_price, remember_service
from ._money import say_price
from ._own_price import OwnPrice, own_price

__all__ = ["LAST_RESORT", "RelayFacts"]

T = TypeVar("T")
LAST_RESORT = well_known_names()[0]
_FRESH = 600.0
_MOMENT = 60.0
_MUCH = 0.5
_MOST_NAMED = 8
_MOST_ALIKE = 3


class PictureModels(NamedTuple):
    """Models in `words`, with their prices, and the `near` one of them, which was probably meant, if any."""

    words: str = ""
    near: str = ""


class RelayFacts:
    """Free questions to the relay, each asked at most every ten minutes."""

    def __init__(self, *, settings: Callable[[], Settings], clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._known: dict[tuple[str, RelayClient], tuple[float, Any]] = {}
        self._chosen: dict[RelayClient, str] = {}
        self._hasty: dict[RelayClient, float] = {}

    # What the relay says

    async def models(self, access: RelayAccess) -> list[ListedModel]:
        """Return the models with prices, those of the relay and the user's own."""
        models = await self._ask_once("models", access, read_models)
        published = await self._published(access)
        joined = [published.add_to(model) for model in models]
        self._known["models", access.client] = (self._known["models", access.client][0], joined)
        if joined:
            await self._remember_family(access, joined[0].listed.relay)
        settings, kept = self._settings(), self.kept_prices(access)
        return [replace(one, own=own_price(one.name, settings, kept)) for one in joined]

    async def _remember_family(self, access: RelayAccess, family: str) -> None:
        """Remember a family that only lists tell: in the next kernel it is known before one is read."""
        if family not in (family_at(access.client.origin) or None, recall(access.mark).family):
            await run_in_thread(remember_family, access.mark, family)

    def known_names(self) -> list[str]:
        """Return the picture models of all answers so far, else the well-known ones; asks nobody."""
        listed = [answer for (what, _), (_, answer) in self._known.items() if what == "models"]
        names = {model.name for models in listed for model in models if model.makes_pictures}
        return sorted(names) or well_known_names()

    async def prices(self, access: RelayAccess) -> Mapping[str, Price]:
        """Return the price list; empty where the relay has none."""
        return (await self._published(access)).prices or self._listed_prices(access)

    async def _published(self, access: RelayAccess) -> Published:
        return await self._ask_once("published", access, read_published, instead=Published())

    def _listed_prices(self, access: RelayAccess) -> dict[str, Price]:
        """Return the prices that stand in the list itself, where it was read."""
        return {one.name: one.price for one in self._listed_models(access) if one.price is not None}

    def _listed_models(self, access: RelayAccess) -> list[ListedModel]:
        _, models = self._known.get(("models", access.client), (0.0, []))
        return list(models)

    async def prices_within(self, seconds: float, access: RelayAccess) -> Mapping[str, Price]:
        """Return the price list; empty where the relay does not tell it so soon, which is tried once a minute."""
        client = access.client
        if self._clock() < self._known.get(("published", client), (0.0, None))[0]:
            return await self.prices(access)
        if self._clock() >= self._hasty.get(client, 0.0):
            self._hasty[client] = self._clock() + _MOMENT
            with suppress(NowImageError), anyio.move_on_after(seconds):
                published = await read_published(client, once=True)
                self._known["published", client] = (self._clock() + _FRESH, published)
                if published.relay:
                    await self._remember_family(access, published.relay)
                return published.prices or self._listed_prices(access)
        return self._listed_prices(access)

    async def status(self, access: RelayAccess) -> RelayStatus:
        """Return how the relay counts; new-api's usual way where it does not tell."""
        return await self._ask_once("status", access, read_status, instead=RelayStatus())

    async def balance(self, access: RelayAccess) -> Balance:
        """Return the balance, asked for each time anew."""
        return await read_balance(access.client)

    async def find_listed(self, access: RelayAccess, model: str) -> Listed:
        """Return a model as the relay lists it; its name and the relay's family where no list has it, or none was read.

        Nobody is asked.
        """
        models = self._listed_models(access)
        published: Published = self._known.get(("published", access.client), (0.0, Published()))[1]
        relay = next((one.listed.relay for one in models), "") or family_at(access.client.origin)
        unlisted = ListedModel(listed=Listed(name=model, relay=relay or recall(access.mark).family))
        return published.add_to(next((one for one in models if one.name == model), unlisted)).listed

    async def picture_models(self, access: RelayAccess, name: str, request: Request | None = None) -> PictureModels:
        """Return the relay's picture models for a message about the model of this name.

        With a request only those that are likely to take its inputs.
        """
        try:
            every = await self.models(access)
        except NowImageError:
            return PictureModels()
        models = {one.name: one for one in every if one.makes_pictures}
        models = {key: one for key, one in models.items() if request is None or can_take(one.listed, request)}
        near = [] if name in {one.name for one in every} else alike(name, models, most=_MOST_ALIKE)
        ordered, settings = dict.fromkeys([*near, *models]), self._settings()
        named = [_with_price(models[key], settings) for key in ordered][:_MOST_NAMED]
        words = ", ".join([*named, "…"] if len(models) > _MOST_NAMED else named)
        return PictureModels(words, near[0] if near else "")

    # What the user says of it

    def kept_prices(self, access: RelayAccess) -> Mapping[str, OwnPrice]:
        """Return the user's own prices at this relay, in whatever currency."""
        return recall(access.mark).prices

    async def keep_price(self, access: RelayAccess, model: str, price: OwnPrice | None) -> None:
        """Keep what the user says that a model costs here, or (None) forget it; a StoreError where that fails."""
        await run_in_thread(remember_price, access.mark, model, price)

    # What is used at it

    async def default_model(self, access: RelayAccess) -> str:
        """Return the model where none is named: as remembered, else the best known of the relay's list."""
        if name := recall(access.mark).model:
            return name
        with suppress(NowImageError):
            models = await self._ask_once("models", access, read_models)
            best = best_model([model.listed for model in models])
            if best or (best := best_model([model.listed for model in await self.models(access)])):
                self._chosen[access.client] = best
                return best
        return LAST_RESORT

    async def remember_choice(self, access: RelayAccess) -> None:
        """Remember which model was chosen, so that it stays the same."""
        name = self._chosen.get(access.client)
        if name and recall(access.mark).model != name:
            await run_in_thread(remember_model, access.mark, name)

    def remembered_service(self, access: RelayAccess, model: str) -> str:
        """Return by which service a model was made at this relay; empty where nothing is known."""
        return recall(access.mark).services.get(model, "")

    async def remember_service(self, access: RelayAccess, model: str, service: str) -> None:
        """Remember by which service a model is made at this relay."""
        await run_in_thread(remember_service, access.mark, model, service)

    def share_outside(self, access: RelayAccess, model: str) -> float:
        """Return which share of a picture a model last changed outside of a mask, where that was much; else 0."""
        return recall(access.mark).masks.get(model, 0.0)

    async def note_share_outside(self, access: RelayAccess, model: str, share: float) -> None:
        """Remember of a model that it takes a mask as a hint at the most, or that it heeds it."""
        found = round(share, 2) if share >= _MUCH else 0.0
        if found != self.share_outside(access, model):
            await run_in_thread(remember_mask, access.mark, model, found)

    async def _ask_once(
        self, what: str, access: RelayAccess, ask: Callable[[RelayClient], Awaitable[T]], *, instead: T | None = None
    ) -> T:
        """Return an answer that is still fresh, else ask; `instead` is the answer of a relay that does not tell."""
        until, answer = self._known.get((what, access.client), (0.0, None))
        if answer is not None and self._clock() < until:
            known: T = answer
            return known
        try:
            found, fresh = await ask(access.client), _FRESH
        except NowImageError:
            if instead is None:
                raise
            found, fresh = instead, _MOMENT  # to ask at every order would hold up each of them
        self._known[what, access.client] = (self._clock() + fresh, found)
        return found


def _with_price(model: ListedModel, settings: Settings) -> str:
    is_known = model.own is not None or (model.price is not None and model.price.per_call is not None)
    return f"{model.name} {say_price(model, settings)}" if is_known else model.name
