"""What is in force in this kernel: settings, key, notebook, folder, and the way to the relay or into the demo."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._history import History
from .._messages import ConfigError
from .._settings import Configuration, Key, Settings
from .._store import Home, adopt, find_home, notebook_path
from .._transport import Connection, check_address, connect, connect_demo, make_demo

if TYPE_CHECKING:
    from ..demo import Relay

__all__ = ["Workspace"]


class Workspace:
    """Answers, at any moment, what is in force now; opens a connection when one is first needed."""

    def __init__(
        self,
        *,
        configuration: Configuration,
        environ: Mapping[str, str],
        working: Path,
        names: Callable[[], Mapping[str, Any]],
    ) -> None:
        """Go by `configuration`; nothing is opened or read yet."""
        self._configuration = configuration
        self._environ = environ
        self._working = working
        self._names = names
        self._homes: dict[object, Home] = {}
        self._choosing = threading.RLock()
        self._left: list[Connection] = []
        self._open: dict[object, Connection] = {}
        self._demo: Relay | None = None
        self._demo_choice: bool | None = None
        self.logins = configuration.logins
        self.history = History(lambda: self.home().store)

    # What is in force

    def settings(self) -> Settings:
        """Give the settings as they are now."""
        return self._configuration.settings()

    def key(self) -> Key | None:
        """Find the key for the address in force: a key goes with the address that it was set for, and nowhere else."""
        return self._configuration.key(self.settings())

    def notebook(self) -> Path | None:
        """Find the notebook that this kernel belongs to."""
        return notebook_path(self._environ, self._names(), self._working)

    def home(self) -> Home:
        """Give the folder in use; the notebook's own unless one is set."""
        folder, notebook = self.settings().folder, self.notebook()
        with self._choosing:  # one store for each folder: its holds are its own
            home = self._homes.get((folder, notebook))
            if home is None or home.in_doubt:
                home = self._homes[folder, notebook] = find_home(folder, notebook, self._working)
            return home

    def is_demo(self) -> bool:
        """Tell whether the demo answers: nothing is configured and nothing here was paid for, or it was chosen."""
        if self._demo_choice is not None:
            return self._demo_choice
        return not self.settings().base_url and self.key() is None and not self._knows_paid()

    def _knows_paid(self) -> bool:
        home = self.home()
        return home.shown.paid or any(not record.demo and record.kept for record in self.history.records())

    def connection(self) -> Connection:
        """Give the way to the relay; the same one while settings and key stay.

        Raises:
            ConfigError: address or key is missing or wrong.
        """
        if self.is_demo():
            return self.demo_connection()
        settings = self.settings()
        key = self._configuration.key(settings)
        address = check_address(settings, key)
        if not address:
            raise ConfigError(
                "pictures here were paid for, and no relay is configured in this kernel",
                advice="%now login asks for address and key; %now demo on uses the demo all the same",
            )
        mark = (address, key, settings.download_hosts, settings.largest_download)
        return self._opened(mark, lambda: connect(address, key, settings))

    def demo_connection(self) -> Connection:
        """Give the way into the demo, whatever answers new orders."""
        return self._opened("demo", lambda: connect_demo(self.demo_relay()))

    def _opened(self, mark: object, make: Callable[[], Connection]) -> Connection:
        if mark not in self._open:
            self._open[mark] = make()
        return self._open[mark]

    # The demo

    def demo_relay(self) -> Relay:
        """Give the built-in relay, made at first use."""
        if self._demo is None:
            self._demo = make_demo()
        return self._demo

    def use_demo(self, *, on: bool | None = True, instant: bool = False) -> None:
        """Have the demo answer (`on`), never (`False`), or only where nothing else is configured (`None`).

        `instant` takes out its waiting, for users' own tests.
        """
        self._demo_choice = on
        if instant:
            self._demo = make_demo(latency=0.0)
            if (replaced := self._open.pop("demo", None)) is not None:
                self._left.append(replaced)

    # Folder

    def use_folder(self, path: str) -> Path:
        """Keep the history in another folder from now on."""
        self._configuration.override(folder=path)
        return self.home().store.folder

    def adopt(self, path: str) -> Path:
        """Make another folder this notebook's history."""
        store = adopt(self.home().store, self._working / Path(path).expanduser())
        self._homes.clear()
        return store.folder

    async def aclose(self) -> None:
        """Close what was opened; may be called twice."""
        opened, self._open = self._open, {}
        for connection in (*self._left, *opened.values()):
            await connection.aclose()
        for home in self._homes.values():
            home.store.close()
