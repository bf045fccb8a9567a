"""What is known of the relay in use: models, prices, and the model that is used where none is named."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

from .._background import run_in_thread
from .._json import digest
from .._messages import NowImageError, StoreError
from .._services import preferred_model, well_known_names
from .._settings import Settings
from .._store import Home, try_read_file, write_durably
from .._transport import Api, Connection
from ._catalogue import Balance, ListedModel, Price, RelayStatus, read_balance, read_models, read_prices, read_status
from ._money import in_currency

__all__ = ["LAST_RESORT", "RelayFacts", "relay_mark"]

T = TypeVar("T")
LAST_RESORT = "gpt-image-2"
_FRESH = 600.0
_MOMENT = 60.0
_MOST_NAMED = 8
_MEMORY = "models.json"
_LARGEST_MEMORY = 1 << 16


class RelayFacts:
    """Free questions to the relay, each asked at most every ten minutes."""

    def __init__(
        self, *, home: Callable[[], Home], settings: Callable[[], Settings], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Remember the chosen model in the folder that `home` gives."""
        self._home = home
        self._settings = settings
        self._clock = clock
        self._known: dict[tuple[str, Api], tuple[float, Any]] = {}
        self._chosen: dict[Api, str] = {}

    async def models(self, connection: Connection) -> list[ListedModel]:
        """List the models with prices."""
        models = await self._once("models", connection.api, read_models)
        prices = await self.prices(connection)
        return [replace(model, price=prices.get(model.name)) for model in models]

    def known_names(self) -> list[str]:
        """Give the picture models of all answers so far, else the well-known ones; asks nobody."""
        listed = [answer for (what, _api), (_at, answer) in self._known.items() if what == "models"]
        names = {model.name for models in listed for model in models if model.makes_pictures}
        return sorted(names) or well_known_names()

    async def prices(self, connection: Connection) -> Mapping[str, Price]:
        """Give the price list; empty where the relay has none."""
        try:
            return await self._once("prices", connection.api, read_prices)
        except NowImageError:
            return self._told_nothing("prices", connection.api, {})

    async def status(self, connection: Connection) -> RelayStatus:
        """Say how the relay counts; new-api's usual way where it does not tell."""
        try:
            return await self._once("status", connection.api, read_status)
        except NowImageError:
            return self._told_nothing("status", connection.api, RelayStatus())

    async def balance(self, connection: Connection) -> Balance:
        """Ask for the balance, each time anew."""
        return await read_balance(connection.api)

    async def default_model(self, connection: Connection) -> str:
        """Choose the model where none is named: as remembered, else the best known of the relay's list."""
        if name := self._remembered(connection.api):
            return name
        try:
            names = [
                model.name for model in await self._once("models", connection.api, read_models) if model.makes_pictures
            ]
        except NowImageError:
            return LAST_RESORT
        best = preferred_model(names)
        if best is None:
            return LAST_RESORT
        self._chosen[connection.api] = best
        return best

    async def keep_choice(self, connection: Connection) -> None:
        """Write down which model was chosen, once there is a folder to write it into."""
        name = self._chosen.get(connection.api)
        if name and self._remembered(connection.api) != name:
            await run_in_thread(self._remember, connection.api, name)

    async def picture_models_in_words(self, connection: Connection) -> str:
        """Name the relay's picture models with their prices, for a message."""
        try:
            models = [model for model in await self.models(connection) if model.makes_pictures]
        except NowImageError:
            return "–"
        settings = self._settings()
        named = [_with_price(model, settings) for model in models[:_MOST_NAMED]]
        return ", ".join([*named, "…"] if len(models) > _MOST_NAMED else named) or "–"

    async def _once(self, what: str, api: Api, ask: Callable[[Api], Awaitable[T]]) -> T:
        known = self._known.get((what, api))
        if known is not None and self._clock() - known[0] < _FRESH:
            answer: T = known[1]
            return answer
        found = await ask(api)
        self._known[what, api] = (self._clock(), found)
        return found

    def _told_nothing(self, what: str, api: Api, instead: T) -> T:
        """Go by this for a moment: to ask at every order what a relay does not tell would hold up each of them."""
        self._known[what, api] = (self._clock() - _FRESH + _MOMENT, instead)
        return instead

    def _remembered(self, api: Api) -> str:
        name = self._memory().get(relay_mark(api))
        return name if isinstance(name, str) else ""

    def _remember(self, api: Api, name: str) -> None:
        memory = {**self._memory(), relay_mark(api): name}
        with suppress(StoreError):  # a model that is not remembered is asked for again
            write_durably(self._home().store.folder / _MEMORY, json.dumps(memory).encode())

    def _memory(self) -> dict[str, Any]:
        data = None
        with suppress(StoreError, OSError):
            data = try_read_file(self._home().store.folder / _MEMORY, limit=_LARGEST_MEMORY)
        try:
            form = json.loads(data or b"{}")
        except ValueError:
            return {}
        return form if isinstance(form, dict) else {}


def relay_mark(api: Api) -> str:
    """Tell relays apart without writing their addresses beside a notebook."""
    return digest(api.origin.encode())[:16]


def _with_price(model: ListedModel, settings: Settings) -> str:
    if model.price is None or model.price.per_call is None:
        return model.name
    return f"{model.name} {in_currency(model.price.per_call, settings, reported=True)}"
