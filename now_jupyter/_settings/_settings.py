"""What is in force: a frozen snapshot of all settings, made of layers, and the key that goes with it.

The order is fixed: call > `%config` > what the parent process chose > environment > `ipython_config.py` > what
`%now login` stored > default. The environment's `OPENAI_API_KEY` counts only together with
`OPENAI_BASE_URL`, so that a key meant for OpenAI is not sent to a relay. Nothing beside a notebook is read here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from .._json import amount_of
from .._messages import ConfigError, Language, language_of
from ._key import Key
from ._logins import Login, Logins, is_same_address, key_from_environment

__all__ = ["Configuration", "Reuse", "Settings", "check_amounts"]

Reuse = Literal["restart", "always", "never"]

_OF_ENVIRONMENT = {"NOW_BASE_URL": "base_url", "NOW_MODEL": "model", "NOW_FOLDER": "folder"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All that is in force at one moment, and the login in use.

    Times in seconds, amounts in `currency`, `rate` units of it per relay dollar, `largest_download` in MiB;
    `confirm_over` "auto" is one relay dollar, and lets unknown prices pass.
    """

    base_url: str = ""
    model: str = ""
    timeout: float | None = None
    max_concurrency: int = 8
    reuse: Reuse = "restart"
    confirm_over: float | Literal["auto"] | None = "auto"
    preview_px: int = 512
    embed: Literal["preview", "full", "text", "none"] = "preview"
    folder: str = ""
    currency: str = "USD"
    rate: float = 1.0
    prices: Mapping[str, float] = field(default_factory=dict)
    download_hosts: tuple[str, ...] = ()
    largest_download: int = 64
    await_cells: bool = True
    short_errors: bool = True
    language: Language = "en"
    progress_after: float = 0.4
    partial_images: int | None = None
    login: Login | None = None


_NAMES = frozenset(one.name for one in fields(Settings)) - {"login"}


class Configuration:
    """The layers that settings are made of, and where the key comes from.

    `given` and `key` were given by the caller, `inherited` was chosen in the parent process, `configured` and `typed`
    return what `ipython_config.py` and `%config` say at the moment.
    """

    def __init__(  # noqa: PLR0913 - a parameter for each layer
        self,
        *,
        environ: Mapping[str, str],
        logins: Logins,
        given: Mapping[str, Any] | None = None,
        key: Key | None = None,
        inherited: Mapping[str, Any] | None = None,
        configured: Callable[[], Mapping[str, Any]] = dict,
        typed: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        self.logins = logins
        self._environ = environ
        self._given = dict(given or {})
        self._key = key
        self._inherited = dict(inherited or {})
        self._configured = configured
        self._typed = typed

    def settings(self) -> Settings:
        """Return a snapshot of all settings.

        Raises:
            ConfigError: a layer has a name that is no setting, or an amount that cannot be meant, or the file of logins
                cannot be read.
        """
        login = self.logins.current()
        layers: tuple[Mapping[str, Any], ...] = (
            {"language": language_of(self._environ)},
            login.layer() if login else {},
            self._configured(),
            _from_environment(self._environ),
            self._inherited,
            self._typed(),
            self._given,
        )
        merged: dict[str, Any] = {name: value for layer in layers for name, value in layer.items()}
        if unknown := sorted(merged.keys() - _NAMES):
            known = ", ".join(sorted(_NAMES))
            raise ConfigError("{name} is no setting", advice="known settings: {known}", name=unknown[0], known=known)
        check_amounts(merged)
        return Settings(**merged, login=login)

    def key(self, settings: Settings) -> Key | None:
        """Return the key for the address in force: it goes to the address that it was set for, and nowhere else.

        Raises:
            ConfigError: what the environment holds cannot be a key.
        """
        if self._key is not None:
            return self._key
        if (key := key_from_environment(self._environ, settings.base_url)) is not None:
            return key
        login = settings.login
        return self.logins.key(login) if login and is_same_address(settings.base_url, login.base_url) else None

    def chosen(self) -> dict[str, Any]:
        """Return what was chosen in this process or its parents, over the environment and what is stored."""
        return {**self._inherited, **self._typed(), **self._given}

    def override(self, **settings: Any) -> None:  # noqa: ANN401 - any setting's value
        """Put settings over all other layers from now on."""
        self._given |= settings


def check_amounts(settings: Mapping[str, Any]) -> None:
    """Refuse prices, a rate and a limit that cannot be meant, among whatever settings these are."""
    prices = settings.get("prices", {})
    limit = settings.get("confirm_over", "auto")
    amounts = {"confirm_over": 0 if limit in (None, "auto") else limit, "rate": settings.get("rate", 1)}
    amounts |= {f"prices[{name!r}]": price for name, price in prices.items()}
    for name, amount in amounts.items():
        if amount_of(amount) is None or (name == "rate" and not amount_of(amount)):
            raise ConfigError(
                "Now.{name} is {value}, which is no amount of money",
                advice="set it to a number such as 7.2",
                name=name,
                value=amount,
            )


def _from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    texts = {setting: environ.get(name, "").strip() for name, setting in _OF_ENVIRONMENT.items()}
    texts["base_url"] = texts["base_url"] or environ.get("OPENAI_BASE_URL", "").strip()
    return {setting: text for setting, text in texts.items() if text}
