"""Where the key comes from, and what `%now login` keeps.

The key lives in the environment, in the OS keyring (extra `keyring`), or in this kernel only. Beside it a small file
per user (0600) remembers address, model and currency of each login by name; it never holds a key.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from platformdirs import user_config_path

from .._messages import ConfigError
from ._key import Key

__all__ = ["Login", "Logins", "is_same_address", "key_from_environment", "keyring_backend"]

_SERVICE = "now_jupyter"
_KEPT: Mapping[str, Any] = MappingProxyType({"model": str, "currency": str, "rate": int | float})
_PLACEHOLDERS = frozenset({"", "sk-", "your-api-key", "your_api_key", "<key>", "xxx", "{{api_key}}"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """One remembered login: a name, an address and what goes with it."""

    name: str
    base_url: str
    settings: Mapping[str, Any] = field(default_factory=dict)

    def layer(self) -> dict[str, Any]:
        """Give the settings layer of this login."""
        return {**self.settings, "base_url": self.base_url}


def key_from_environment(environ: Mapping[str, str], address: str = "") -> Key | None:
    """Take the key for `address` from `NOW_API_KEY`, or from `OPENAI_API_KEY` where `OPENAI_BASE_URL` is that address.

    Raises:
        ConfigError: what is there cannot be a key.
    """
    own, openai = environ.get("NOW_BASE_URL", "").strip(), environ.get("OPENAI_BASE_URL", "").strip()
    for name, relay in (("NOW_API_KEY", own or address), ("OPENAI_API_KEY", openai)):
        text = environ.get(name, "").strip()
        if not text or (name == "OPENAI_API_KEY" and not relay) or not is_same_address(relay, address):
            continue
        if text.lower() in _PLACEHOLDERS:
            raise ConfigError(
                "{name} holds a placeholder, not a key",
                advice="set it to your relay's key, or use %now login",
                name=name,
            )
        return Key(text, source=f"environment {name}")
    return None


def is_same_address(first: str, second: str) -> bool:
    """Tell whether two addresses of relays are the same, written with `/v1` or without."""
    return _bare(first) == _bare(second)


def _bare(address: str) -> str:
    return address.strip().rstrip("/").removesuffix("/v1").rstrip("/").lower()


def keyring_backend() -> Any | None:  # noqa: ANN401 - the optional module
    """Give the `keyring` module where it is installed and has a place to keep secrets."""
    try:
        import keyring  # noqa: PLC0415 - optional extra
        from keyring.backends.fail import Keyring as Nowhere  # noqa: PLC0415
    except ImportError:
        return None
    try:
        return None if isinstance(keyring.get_keyring(), Nowhere) else keyring
    except Exception:  # noqa: BLE001 - a broken desktop service must not stop anyone: there is no keyring then
        return None


def _account(login: Login) -> str:
    """Name the key's place in the keyring: it belongs to a login and to that login's address."""
    return f"{login.name} {login.base_url}"


class Logins:
    """The remembered logins of this user, and the keys that belong to them."""

    def __init__(self, path: Path | None = None, *, keyring: Any | None = None) -> None:  # noqa: ANN401 - see above
        """Use the file `path`; the default is the user's configuration folder."""
        self._path = path or user_config_path(_SERVICE) / "logins.json"
        self._keyring = keyring
        self._session: dict[str, Key] = {}

    def current(self) -> Login | None:
        """Give the login in use, where there is one."""
        form = self._read()
        return self._login(form, str(form.get("current", "")))

    def names(self) -> list[str]:
        """Give the names of all logins."""
        return sorted(self._read().get("logins", {}))

    def use(self, name: str) -> Login:
        """Make another login the one in use.

        Raises:
            ConfigError: there is none of that name.
        """
        form = self._read()
        login = self._login(form, name)
        if login is None:
            raise ConfigError(
                "there is no login named {name}",
                advice="known: {known}; %now login {name} makes one",
                name=name,
                known=", ".join(self.names()) or "–",
            )
        self._write({**form, "current": name})
        return login

    def remember(self, login: Login, key: Key | None) -> bool:
        """Keep a login and make it the one in use; tells whether its key could be kept beyond this kernel."""
        form = self._read()
        logins = {**form.get("logins", {}), login.name: {"base_url": login.base_url, **login.settings}}
        self._write({"current": login.name, "logins": logins})
        return self._keep_key(login, key) if key else True

    def forget(self, name: str | None = None) -> str | None:
        """Forget a login (the one in use where none is named) with its key; gives its name."""
        form = self._read()
        name = name or str(form.get("current", ""))
        login = self._login(form, name)
        if login is None:
            return None
        self._drop_key(login)
        logins = {key: value for key, value in form.get("logins", {}).items() if key != name}
        self._write({"current": next(iter(logins), ""), "logins": logins})
        return name

    def key(self, login: Login) -> Key | None:
        """Find the key of a login: of this kernel, else in the keyring."""
        if key := self._session.get(_account(login)):
            return key
        text = self._asked(lambda keyring: keyring.get_password(_SERVICE, _account(login)))
        return Key(str(text), source="keyring") if text else None

    def _keep_key(self, login: Login, key: Key) -> bool:
        """Keep a key; some keyrings take it and keep nothing, so it is read back."""
        self._session[_account(login)] = key
        text = key.header().removeprefix("Bearer ")
        self._asked(lambda keyring: keyring.set_password(_SERVICE, _account(login), text))
        return self._asked(lambda keyring: keyring.get_password(_SERVICE, _account(login))) == text

    def _drop_key(self, login: Login) -> None:
        self._session.pop(_account(login), None)
        self._asked(lambda keyring: keyring.delete_password(_SERVICE, _account(login)))

    def _asked(self, question: Callable[[Any], object]) -> object:
        """Ask the keyring; None where there is none, or where it fails as each desktop does in its own way."""
        keyring = self._keyring or keyring_backend()
        if keyring is None:
            return None
        try:
            return question(keyring)
        except Exception:  # noqa: BLE001 - see above; the key is then kept for this kernel only
            return None

    def _login(self, form: Mapping[str, Any], name: str) -> Login | None:
        kept = form.get("logins", {}).get(name)
        if not isinstance(kept, dict) or not isinstance(kept.get("base_url"), str):
            return None
        settings = {key: kept[key] for key, kind in _KEPT.items() if isinstance(kept.get(key), kind)}
        return Login(name=name, base_url=kept["base_url"], settings=settings)

    def _read(self) -> dict[str, Any]:
        try:
            form = json.loads(self._path.read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            form = None
        if isinstance(form, dict) and isinstance(form.get("logins", {}), dict):
            return form
        raise ConfigError(
            "the file of logins cannot be read: {path}", advice="move it away and use %now login", path=self._path
        )

    def _write(self, form: Mapping[str, Any]) -> None:
        problem = ""
        temporary = self._path.with_suffix(f".{os.getpid()}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(form, file, ensure_ascii=False, indent=1)
            temporary.replace(self._path)
        except OSError as error:
            problem = error.strerror or type(error).__name__
        if problem:
            raise ConfigError(
                "the file of logins cannot be written: {path}: {problem}",
                advice="see that the folder is yours; NOW_BASE_URL and NOW_API_KEY work without it",
                path=self._path,
                problem=problem,
            )
