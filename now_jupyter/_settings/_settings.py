"""What is in force: a frozen snapshot of all settings, made of layers, and the key that goes with it.

The order is fixed: call > `%config` > what the parent process chose > environment > `ipython_config.py` > what
`%now login` stored > default. The environment's `OPENAI_API_KEY` counts only together with
`OPENAI_BASE_URL`, so that a key meant for OpenAI is not sent to a relay. Nothing beside a notebook is read here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from .._messages import ConfigError, language_of
from .._traits import RELAY_CURRENCY, Settings, check_amounts
from ._key import Key
from ._logins import Logins, is_same_address, key_from_environment

__all__ = ["Configuration"]

_OF_ENVIRONMENT = {"NOW_BASE_URL": "base_url", "NOW_MODEL": "model", "NOW_FOLDER": "folder"}


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
        merged: dict[str, Any] = {name: value for layer in layers for name, value in _with_its_rate(layer).items()}
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


def _with_its_rate(layer: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a layer that goes over to relay dollars with their rate: the one below it is another currency's."""
    return {"rate": 1.0, **layer} if layer.get("currency") == RELAY_CURRENCY else layer


def _from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    texts = {setting: environ.get(name, "").strip() for name, setting in _OF_ENVIRONMENT.items()}
    texts["base_url"] = texts["base_url"] or environ.get("OPENAI_BASE_URL", "").strip()
    return {setting: text for setting, text in texts.items() if text}
