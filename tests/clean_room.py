"""The clean room: environment and folders in which tests and the processes they start live."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from network_guard import LOG

__all__ = ["GUARD", "ROOT", "Homes", "clean_environment", "folders_below"]

ROOT = Path(__file__).parents[1]
GUARD = ROOT / "tests" / "guard"
_PERSONAL = (
    *("NOW_", "OPENAI_", "AZURE_OPENAI", "XDG_", "JUPYTER", "IPYTHON", "JPY_"),
    *("PAPERMILL_", "VSCODE_", "COLAB_", "DBUS_SESSION", "PYTHONDONTWRITEBYTECODE"),
)
_LANGUAGES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
_KEPT = ("NOW_SCREENSHOTS",)  # a wish of the person who runs the tests, not a setting of the package


def clean_environment(environ: Mapping[str, str], home: Path) -> dict[str, str]:
    """Give `environ` without settings, keys, proxies and languages; all home folders lie below `home`."""
    kept = {name: value for name, value in environ.items() if not _is_personal(name.upper())}
    return kept | folders_below(home) | _manners(home)


def _is_personal(name: str) -> bool:
    return name not in _KEPT and (name.startswith(_PERSONAL) or name.endswith("_PROXY") or name in _LANGUAGES)


def folders_below(home: Path) -> dict[str, str]:
    """Make the folders in which programs keep what is a person's, and name them as the environment does."""
    folders = {
        "HOME": home / "home",
        "USERPROFILE": home / "home",
        "APPDATA": home / "appdata",
        "LOCALAPPDATA": home / "appdata",
        "XDG_CONFIG_HOME": home / "config",
        "XDG_DATA_HOME": home / "data",
        "XDG_CACHE_HOME": home / "cache",
        "XDG_STATE_HOME": home / "state",
        "IPYTHONDIR": home / "ipython",
        "JUPYTER_CONFIG_DIR": home / "jupyter" / "config",
        "JUPYTER_DATA_DIR": home / "jupyter" / "data",
        "JUPYTER_RUNTIME_DIR": home / "jupyter" / "runtime",
        "JUPYTERLAB_SETTINGS_DIR": home / "lab" / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": home / "lab" / "workspaces",
    }
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    return {name: str(folder) for name, folder in folders.items()}


class Homes:
    """Homes for one test after the other; one in which nothing was written serves the next test, too."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made = 0
        self._empty: set[str] = set()
        self._environment: dict[str, str] = {}

    @property
    def home(self) -> Path:
        """The home of now."""
        return self._folder / str(self._made)

    def open(self) -> dict[str, str]:
        """Give the environment of a home in which nothing lies but empty folders."""
        if not self._made or _everything_below(self.home) != self._empty:
            self._made += 1
            self._environment = folders_below(self.home)
            self._empty = _everything_below(self.home)
        return self._environment


def _everything_below(folder: Path) -> set[str]:
    return {os.path.join(at, name) for at, folders, files in os.walk(folder) for name in (*folders, *files)}  # noqa: PTH118 - quick, as it is done for every test


def _manners(home: Path) -> dict[str, str]:
    return {
        "LC_ALL": "C.UTF-8",
        LOG: str(home / "network.log"),
        # What a test starts gets the network guard, and finds the package also where it is not installed.
        "PYTHONPATH": os.pathsep.join([str(GUARD), str(ROOT)]),
        # The keyring of a person is never read or written; a test of the keyring brings its own.
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
    }
