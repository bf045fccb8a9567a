"""What is in force in this kernel: settings, key, notebook, folder, and the access to the relay or the demo."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._history import History
from .._messages import ConfigError, Language, NowImageError
from .._settings import Configuration, Key, Settings
from .._store import Home, Record, adopt, find_home, notebook_path
from .._transport import RelayAccess, check_address, connect, connect_demo, make_demo, relay_proxy

if TYPE_CHECKING:
    from ..demo import Relay

__all__ = ["Snapshot", "Workspace"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What is in force for one order, from its planning to its end; `relay` tells relays apart, empty for the demo."""

    settings: Settings
    home: Home
    access: RelayAccess
    relay: str

    @property
    def is_demo(self) -> bool:
        """Whether the demo answers."""
        return not self.relay


class Workspace:
    """Answers, at any moment, what is in force now; opens an access when one is first needed."""

    def __init__(
        self,
        *,
        configuration: Configuration,
        environ: Mapping[str, str],
        working: Path,
        names: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._configuration = configuration
        self._environ = environ
        self._working = working
        self._names = names
        self._homes: dict[object, Home] = {}
        self._choosing = threading.RLock()
        self._open: dict[object, RelayAccess] = {}
        self._demo: Relay | None = None
        self._demo_choice: bool | None = None
        self._is_instant = False
        self.at_choice: Callable[[], None] = lambda: None
        self.logins = configuration.logins
        self.history = History(lambda: self.home().store, self.language)

    def snapshot(self) -> Snapshot:
        """Return what is in force now, for one order."""
        settings = self.settings()
        access = self.access(settings)
        return Snapshot(settings=settings, home=self.home(settings), access=access, relay=_mark(access))

    def settings(self) -> Settings:
        """Return the settings as they are now."""
        return self._configuration.settings()

    def language(self) -> Language:
        """Return the language of who reads; English where the settings cannot be read."""
        try:
            return self.settings().language
        except NowImageError:
            return "en"

    def key(self) -> Key | None:
        """Return the key for the address in force: a key goes with the address it was set for, and nowhere else."""
        return self._configuration.key(self.settings())

    def notebook(self) -> Path | None:
        """Return the notebook that this kernel belongs to."""
        return notebook_path(self._environ, self._names(), self._working)

    def home(self, settings: Settings | None = None) -> Home:
        """Return the folder in use; the notebook's own unless one is set."""
        folder, notebook = (settings or self.settings()).folder, self.notebook()
        with self._choosing:  # one store for each folder: its locks are its own
            home = self._homes.get((folder, notebook))
            if home is None or home.in_doubt:
                home = self._homes[folder, notebook] = find_home(folder, notebook, self._working)
            return home

    def is_demo(self, settings: Settings | None = None) -> bool:
        """Whether the demo answers: nothing is configured and nothing here was paid for, or it was chosen."""
        if self._demo_choice is not None:
            return self._demo_choice
        settings = settings or self.settings()
        if settings.base_url or self._configuration.key(settings) is not None or self.home(settings).shown.paid:
            return False
        return not self.home(settings).store.index.has_paid()

    def access(self, settings: Settings | None = None) -> RelayAccess:
        """Return the access to the relay; the same one while settings, key and the environment's proxy stay."""
        settings = settings or self.settings()
        if self.is_demo(settings):
            return self.demo_access()
        key = self._configuration.key(settings)
        address = check_address(settings, key)
        if not address:
            raise ConfigError(
                "pictures here were paid for, and no relay is configured in this kernel",
                advice="%now login asks for address and key; %now demo on uses the demo all the same",
            )
        mark = (address, key, relay_proxy(address), settings.download_hosts, settings.largest_download)
        return self._open_once(mark, lambda: connect(address, key, settings))

    def access_of(self, record: Record) -> RelayAccess:
        """Return the access to the relay that took an order: no other is asked for its tasks and links."""
        if record.demo:
            return self.demo_access()
        access = self.access()
        if access.demo is None and record.relay in ("", _mark(access)):
            return access
        raise ConfigError(
            "{ref} was ordered at another relay than the one in use",
            advice="%now use NAME goes back to that one, then %now resume",
            kept="{ref} is kept in the history",
            billed=record.billed,
            ref=record.ref,
        )

    def demo_access(self) -> RelayAccess:
        """Return the access to the demo, whatever answers new orders; its relay is made at first use."""
        return self._open_once("demo", lambda: connect_demo(self.demo_relay()))

    def demo_relay(self) -> Relay:
        """Return the built-in relay, made at first use."""
        self._demo = self._demo or make_demo()
        return self._demo

    def _open_once(self, mark: object, open_it: Callable[[], RelayAccess]) -> RelayAccess:
        if mark not in self._open:
            self._open[mark] = open_it()
        return self._open[mark]

    def use_demo(self, *, on: bool | None = True, instant: bool = False) -> None:
        """Have the demo answer (`on`), never (`False`), or only where nothing else is configured (`None`).

        `instant` takes out its waiting, for users' own tests.
        """
        self._demo_choice = on
        if instant:
            self._is_instant = True
            self._demo = make_demo(latency=0.0)
            if (replaced := self._open.pop("demo", None)) is not None:
                self._open[replaced] = replaced  # it is closed at the end
        self.at_choice()

    def use_folder(self, path: str) -> Path:
        """Keep the history in another folder from now on; one of something else is refused."""
        find_home(path, self.notebook(), self._working).store.require_own()
        self._configuration.override(folder=path)
        self.at_choice()
        return self.home().store.folder

    def choices(self) -> dict[str, Any]:
        """Return what was chosen in this process, for its children: settings, and whether the demo answers."""
        settings = self._configuration.chosen()
        if folder := settings.get("folder"):
            settings["folder"] = str(self._working / os.path.expanduser(folder))  # noqa: PTH111 - Path's raises
        return {"settings": settings, "demo": self._demo_choice, "instant": self._is_instant}

    def adopt(self, path: str) -> bool:
        """Make another folder this notebook's history; False where that can be remembered in this kernel only."""
        return adopt(self.home().store, path, self._working)

    async def aclose(self) -> None:
        """Close what was opened; may be called twice."""
        opened, self._open = self._open, {}
        for access in opened.values():
            await access.aclose()
        for home in self._homes.values():
            home.store.close()


def _mark(access: RelayAccess) -> str:
    return "" if access.demo is not None else access.mark
