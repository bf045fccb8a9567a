"""What the session goes by: frozen settings below, made from layers at the edge.

The order is fixed: call > `%config` > environment > `ipython_config.py` > what `%now login` stored > default. The
environment's `OPENAI_API_KEY` counts only together with `OPENAI_BASE_URL`, so that a key meant for OpenAI is not sent
to a relay. Nothing beside a notebook is read here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from .._messages import ConfigError, Language, language_of

__all__ = ["Reuse", "Settings", "from_environment", "layered"]

Reuse = Literal["restart", "always", "never"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of a session. Times in seconds, amounts in `currency`, `rate` units of it per relay dollar."""

    base_url: str = ""
    model: str = ""
    timeout: float | None = None
    max_concurrency: int = 8
    reuse: Reuse = "restart"
    confirm_over: float | None = None
    preview_px: int = 512
    embed: Literal["preview", "full", "text", "none"] = "preview"
    folder: str = ""
    currency: str = "USD"
    rate: float = 1.0
    prices: Mapping[str, float] = field(default_factory=dict)
    download_hosts: tuple[str, ...] = ()
    await_cells: bool = True
    short_errors: bool = True
    language: Language = "en"
    progress_after: float = 0.4
    partial_images: int | None = None

    def with_changes(self, changes: Mapping[str, Any]) -> Settings:
        """Lay one more layer over these."""
        return replace(self, **changes)


NAMES = frozenset(one.name for one in fields(Settings))


def from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """Read the layer of environment variables; the key is not part of the settings (see `_keys`)."""
    layer: dict[str, Any] = {"language": language_of(environ)}
    for name, setting in (("NOW_BASE_URL", "base_url"), ("NOW_MODEL", "model"), ("NOW_FOLDER", "folder")):
        if value := environ.get(name, "").strip():
            layer[setting] = value
    if "base_url" not in layer and (address := environ.get("OPENAI_BASE_URL", "").strip()):
        layer["base_url"] = address
    return layer


def layered(*layers: Mapping[str, Any]) -> Settings:
    """Make settings of layers, the weakest first.

    Raises:
        ConfigError: a layer has a name that is no setting.
    """
    merged: dict[str, Any] = {}
    for layer in layers:
        merged |= layer
    if unknown := sorted(set(merged) - NAMES):
        raise ConfigError(
            "{name} is no setting", advice="known settings: {known}", name=unknown[0], known=", ".join(sorted(NAMES))
        )
    return Settings(**merged)
