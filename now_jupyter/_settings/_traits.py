"""`%config Now.…` and `c.Now.…`: the traits at the edge, whose values become layers of the frozen `Settings`."""

from __future__ import annotations

from typing import Any

from traitlets import Bool, CaselessStrEnum, Dict, Float, Int, List, Unicode
from traitlets.config import SingletonConfigurable

from ._settings import Settings

__all__ = ["Now"]

_DEFAULTS = Settings()


class Now(SingletonConfigurable):
    """Settings of now_jupyter. The key is none of them: `%now login` asks for it."""

    base_url = Unicode(help="The relay's address: its host root, or the address ending in /v1.")
    model = Unicode(help="The model used where none is named. Empty: the relay's best-known picture model.")
    timeout = Float(
        None, allow_none=True, help="Seconds a cell waits before it is freed; the job goes on. None: no limit."
    )
    max_concurrency = Int(_DEFAULTS.max_concurrency, min=1, max=64, help="Paid requests under way at once.")
    reuse = CaselessStrEnum(
        ["restart", "always", "never"],
        _DEFAULTS.reuse,
        help="When a cell is served from the history: at its first run in a new kernel, always, or never.",
    )
    confirm_over = Float(
        None, allow_none=True, help="An expected price above this needs --yes, in Now.currency. None: never."
    )
    preview_px = Int(
        _DEFAULTS.preview_px, min=64, max=4096, help="Longest side in pixels of the picture kept in the notebook."
    )
    embed = CaselessStrEnum(
        ["preview", "full", "text", "none"], _DEFAULTS.embed, help="What a cell shows where --show is not given."
    )
    folder = Unicode(help="The history's folder. Empty: <notebook>.now beside the notebook.")
    currency = Unicode(_DEFAULTS.currency, help="The currency that you pay the relay in, such as CNY or USD.")
    rate = Float(_DEFAULTS.rate, help="Units of Now.currency per dollar of the relay.")
    prices = Dict(
        per_key_traits=None,
        help="Your own prices per picture by model, in Now.currency; they win over the relay's list.",
    )
    download_hosts = List(
        Unicode(), help="Hosts on private networks that pictures may be fetched from, beside the relay itself."
    )
    largest_download = Int(
        _DEFAULTS.largest_download, min=1, max=1 << 14, help="The largest file in MiB that is fetched from a link."
    )
    await_cells = Bool(
        _DEFAULTS.await_cells, help="Let the kernel go on (clicks, your own tasks) while a top-level cell waits."
    )
    short_errors = Bool(_DEFAULTS.short_errors, help="Show our own errors as a few lines instead of a whole traceback.")
    language = CaselessStrEnum(["en", "zh"], _DEFAULTS.language, help="Language of messages: en or zh.")
    progress_after = Float(_DEFAULTS.progress_after, min=0.0, help="Seconds before a waiting cell shows its progress.")
    partial_images = Int(
        None,
        allow_none=True,
        min=0,
        max=3,
        help="Unfinished pictures to ask for on the way (each costs some tokens). None: only in the demo.",
    )

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - traitlets' own signature
        """Read the configuration files' values; what changes later was typed by the user."""
        super().__init__(**kwargs)
        self._typed: set[str] = set()
        self.observe(self._remember, names=list(self.trait_names(config=True)))

    def _remember(self, change: Any) -> None:  # noqa: ANN401 - traitlets' change bunch
        self._typed.add(change["name"])

    def configured(self) -> dict[str, Any]:
        """Return the layer that came from `ipython_config.py`."""
        return {name: self._value(name) for name in self._in_files() - self._typed}

    def typed(self) -> dict[str, Any]:
        """Return the layer that the user set in this kernel with `%config`."""
        return {name: self._value(name) for name in sorted(self._typed)}

    def _in_files(self) -> set[str]:
        section = self.config.get("Now", {})
        return {name for name in self.trait_names(config=True) if name in section}

    def _value(self, name: str) -> Any:  # noqa: ANN401 - any trait's value
        value = getattr(self, name)
        return tuple(value) if isinstance(value, list) else value


for _trait in Now.class_own_traits().values():
    _trait.tag(config=True)
