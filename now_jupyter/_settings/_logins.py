"""Where the key comes from, and what `%now login` keeps.

The key lives in the environment, in the OS keyring (extra `keyring`), or in this kernel only. Beside it a small file
per user (0600) remembers address, model and currency of each login by name; it never holds a key.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import msgspec

from .._bounds import Bounded, Span, Text, Word
from .._json import read_json
from .._messages import ConfigError
from ._environment import user_folder
from ._key import Key

__all__ = ["Login", "Logins", "is_same_address", "key_from_environment"]

_SERVICE = "now_jupyter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login(Bounded):
    """One remembered login: a name, an address and what goes with it; `has_key`: it was given a key."""

    name: Word
    base_url: Annotated[str, Text(2048)]
    model: Word | None = None
    currency: Word | None = None
    rate: Annotated[float, Span(1e-6, 1e6, is_strict=True)] | None = None
    has_key: bool = False

    def layer(self) -> dict[str, Any]:
        """Return the settings that belong to this login."""
        settings = ("base_url", "model", "currency", "rate")
        return {name: value for name in settings if (value := getattr(self, name)) is not None}

    @property
    def account(self) -> str:
        """The key's account in the keyring: it belongs to a login and to that login's address."""
        return f"{self.name} {self.base_url}"


def key_from_environment(environ: Mapping[str, str], address: str = "") -> Key | None:
    """Return the key for `address`: `NOW_API_KEY`, or `OPENAI_API_KEY` where `OPENAI_BASE_URL` is that address.

    Raises:
        ConfigError: what is there cannot be a key.
    """
    own, openai = environ.get("NOW_BASE_URL", "").strip(), environ.get("OPENAI_BASE_URL", "").strip()
    for name, relay in (("NOW_API_KEY", own or address), ("OPENAI_API_KEY", openai)):
        is_meant = (relay or name == "NOW_API_KEY") and is_same_address(relay, address)
        if is_meant and environ.get(name, "").strip():
            return Key(environ[name], source=name)
    return None


def is_same_address(first: str, second: str) -> bool:
    """Whether two addresses of relays are the same, written with `/v1` or without."""
    one, other = (text.strip().rstrip("/").removesuffix("/v1").rstrip("/").lower() for text in (first, second))
    return one == other


class _Form(msgspec.Struct, frozen=True):
    """The file: which login is in use, and what each is made of, by its name."""

    current: str = ""
    logins: Mapping[str, Any] = {}

    def login(self, name: str) -> Login | None:
        kept = self.logins.get(name)
        if not isinstance(kept, dict) or not isinstance(kept.get("base_url"), str):
            return None
        known: dict[str, Any] = {one.name: kept[one.name] for one in fields(Login) if one.name in kept}
        return Login(**{**known, "name": name})


class Logins:
    """The remembered logins of this user, and the keys that belong to them.

    File and keyring are read again only when the file has changed: every login, here or in another kernel, writes it.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Use the file `path`; the default is the user's configuration folder."""
        self._given_path = path
        self._known: tuple[object, _Form] = (None, _Form())
        self._of_kernel: dict[str, Key] = {}
        self._of_keyring: dict[str, Key | None] = {}

    @property
    def _path(self) -> Path:
        return self._given_path or user_folder("config") / "logins.json"

    def current(self) -> Login | None:
        """Return the login in use, where there is one."""
        return self.find("")

    def find(self, name: str) -> Login | None:
        """Return the login of that name, without one the login in use."""
        form = self._read()
        return form.login(name or form.current)

    def names(self) -> list[str]:
        """Return the names of all logins."""
        return sorted(self._read().logins)

    def use(self, name: str) -> Login:
        """Make another login the one in use.

        Raises:
            ConfigError: there is none of that name.
        """
        form = self._read()
        login = form.login(name)
        if login is None:
            raise ConfigError(
                "there is no login named {name}",
                advice="known: {known}; %now login {name} makes one" if form.logins else "%now login {name} makes one",
                name=name,
                known=", ".join(self.names()),
            )
        self._write(_Form(name, form.logins))
        return login

    def remember(self, login: Login, key: Key | None, *, store: bool = True) -> bool:
        """Keep a login and make it the one in use; False where its key is kept for this kernel only."""
        known = self._read().logins
        self._write(_Form(login.name, {**known, login.name: login}))
        return self._keep_key(login.account, key, store=store) if key else True

    def forget(self, name: str | None = None) -> str | None:
        """Forget a login (the one in use where none is named) with its key, and return its name."""
        form = self._read()
        name = name or form.current
        login = form.login(name)
        if login is None:
            return None
        self._of_kernel.pop(login.account, None)
        self._ask_keyring(lambda keyring: keyring.delete_password(_SERVICE, login.account))
        logins = {key: value for key, value in form.logins.items() if key != name}
        self._write(_Form(next(iter(logins), ""), logins))
        return name

    def key(self, login: Login) -> Key | None:
        """Return the key of a login: of this kernel, else of the keyring."""
        account = login.account
        if account in self._of_kernel:
            return self._of_kernel[account]
        self._read()
        if account not in self._of_keyring:
            found = [self._ask_keyring(lambda keyring: keyring.get_password(_SERVICE, account))]  # see `Key`
            self._of_keyring[account] = Key(str(found.pop()), source="keyring") if found[0] else None
        return self._of_keyring[account]

    def _keep_key(self, account: str, key: Key, *, store: bool) -> bool:
        """Keep a key; some keyrings take it and keep nothing, so it is read back."""
        self._of_kernel[account] = key
        if not store:
            return False
        text = key.header().removeprefix("Bearer ")
        self._ask_keyring(lambda keyring: keyring.set_password(_SERVICE, account, text))
        return self._ask_keyring(lambda keyring: keyring.get_password(_SERVICE, account)) == text

    def _ask_keyring(self, question: Callable[[Any], object]) -> object:
        """Ask the keyring; None where there is none, or where it fails as each desktop does in its own way."""
        try:
            import keyring  # noqa: PLC0415 - optional extra

            return question(keyring)
        except Exception:  # noqa: BLE001 - nobody is stopped: the key is then kept for this kernel only
            return None

    def _read(self) -> _Form:
        stamp = self._stamp()
        if self._known[0] != stamp:
            self._of_keyring.clear()
            self._known = (stamp, _Form() if stamp is None else self._parse())
        return self._known[1]

    def _stamp(self) -> tuple[int, ...] | None:
        try:
            found = self._path.stat()
        except OSError as problem:
            return None if isinstance(problem, FileNotFoundError) else ()  # what is wrong is said when it is read
        return (found.st_mtime_ns, found.st_size, found.st_ino)

    def _parse(self) -> _Form:
        with suppress(OSError, ValueError):
            return msgspec.convert(read_json(self._path.read_bytes()), _Form)
        raise ConfigError(
            "the file of logins cannot be read: {path}", advice="move it away and use %now login", path=self._path
        )

    def _write(self, form: _Form) -> None:
        try:
            temporary = self._path.with_suffix(f".{os.getpid()}")
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(form), indent=1))
            temporary.replace(self._path)
        except OSError as problem:
            raise ConfigError(
                "the file of logins cannot be written: {path}: {problem}",
                advice="see that the folder is yours; NOW_BASE_URL and NOW_API_KEY work without it",
                path=problem.filename,
                problem=problem.strerror or type(problem).__name__,
            ) from None
