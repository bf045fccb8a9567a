"""What may be set: the frozen `Settings` with their defaults, and `%config Now.…`, the traits at the edge.

`%load_ext` needs these, so nothing is loaded here but what every kernel has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from traitlets import Bool, CaselessStrEnum, Dict, Float, Int, List, Unicode
from traitlets.config import SingletonConfigurable

if TYPE_CHECKING:
    from ._messages import Language
    from ._settings import Login

__all__ = ["RELAY_CURRENCY", "Now", "Reuse", "Settings", "check_amounts"]

Reuse = Literal["restart", "always", "never"]
RELAY_CURRENCY = "USD"
"""What relays count in."""


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
    currency: str = RELAY_CURRENCY
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


_DEFAULTS = Settings()
_AUTO: Any = _DEFAULTS.confirm_over  # the one word that a trait of amounts takes


def check_amounts(settings: Mapping[str, Any]) -> None:
    """Refuse prices, a rate and a limit that cannot be meant, among whatever settings these are."""
    from ._json import amount_of  # noqa: PLC0415 - loaded when an amount is there
    from ._messages import ConfigError  # noqa: PLC0415 - as above

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


class _Checked:
    """A trait that refuses at once what is no amount of money."""

    def validate(self: Any, obj: Any, value: Any) -> Any:  # noqa: ANN401 - traitlets' own signature
        value = super().validate(obj, value)  # type: ignore[misc]
        check_amounts({self.name: value})
        return value


class _Amount(_Checked, Float):  # type: ignore[type-arg]
    pass


class _Limit(_Amount):
    def validate(self: Any, obj: Any, value: Any) -> Any:  # noqa: ANN401 - traitlets' own signature
        return value if value == "auto" else super().validate(obj, value)


class _Prices(_Checked, Dict):
    pass


class Now(SingletonConfigurable):
    """Settings of now_jupyter. The key is none of them: `%now login` asks for it."""

    base_url = Unicode(help="The relay's address: its host root, or a whole one with its version, such as …/v1.")
    model = Unicode(help="The model used where none is named. Empty: the relay's best-known picture model.")
    timeout = Float(None, allow_none=True, help="Seconds that a cell waits; the job goes on. None: no limit.")
    max_concurrency = Int(_DEFAULTS.max_concurrency, min=1, max=64, help="Paid requests under way at once.")
    reuse = CaselessStrEnum(
        get_args(Reuse), _DEFAULTS.reuse, help="When the history serves a cell: first in a new kernel, always or never."
    )
    confirm_over = _Limit(
        _AUTO,
        allow_none=True,
        help="An order above this is asked about, in Now.currency. auto: one dollar of the relay. None: never.",
    )
    preview_px = Int(_DEFAULTS.preview_px, min=64, max=4096, help="Longest side of the picture kept in the notebook.")
    embed = CaselessStrEnum(
        ["preview", "full", "text", "none"], _DEFAULTS.embed, help="What a cell shows where --show is not given."
    )
    folder = Unicode(help="The history's folder. Empty: <notebook>.now beside the notebook.")
    currency = Unicode(_DEFAULTS.currency, help="The currency that you pay the relay in, such as CNY or USD.")
    rate = _Amount(_DEFAULTS.rate, help="Units of Now.currency per dollar of the relay.")
    prices = _Prices(per_key_traits=None, help="Your own prices per picture by model, in Now.currency; they win.")
    download_hosts = List(Unicode(), help="Hosts on private networks that pictures may be fetched from.")
    largest_download = Int(_DEFAULTS.largest_download, min=1, max=1 << 14, help="MiB that a fetched file may have.")
    await_cells = Bool(_DEFAULTS.await_cells, help="Let the kernel go on while a top-level cell waits.")
    short_errors = Bool(_DEFAULTS.short_errors, help="Show our own errors as a few lines, without a traceback.")
    language = CaselessStrEnum(["en", "zh"], _DEFAULTS.language, help="Language of messages: en or zh.")
    progress_after = Float(_DEFAULTS.progress_after, min=0.0, help="Seconds before a waiting cell shows its progress.")
    partial_images = Int(
        None,
        allow_none=True,
        min=0,
        max=3,
        help="Unfinished pictures to ask for (some tokens each). None: in the demo.",
    )

    def __init__(self, **kwargs: Any) -> None:  # noqa: ANN401 - traitlets' own signature
        """Read the configuration files' values; what is set later was typed by the user."""
        self._typed: set[str] = set()
        super().__init__(**kwargs)
        self._configured = self._values(set(self.config.get("Now", {})) & set(self.trait_names(config=True)))
        self._typed.clear()

    def __setattr__(self, name: str, value: object) -> None:
        """Set a trait, and remember that it was set, be it to what it is already."""
        super().__setattr__(name, value)
        if name in self.trait_names(config=True):
            self._typed.add(name)
            if name == "currency" and self.currency == RELAY_CURRENCY:
                self._forget_rate()

    def _forget_rate(self) -> None:
        """Take back a rate that was set before, for the currency before."""
        self.set_trait("rate", _DEFAULTS.rate)
        self._typed.discard("rate")

    def configured(self) -> dict[str, Any]:
        """Return the layer that came from `ipython_config.py`."""
        return dict(self._configured)

    def typed(self) -> dict[str, Any]:
        """Return the layer that the user set in this kernel with `%config`."""
        return self._values(self._typed)

    def _values(self, names: set[str]) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in sorted(names)}
        return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


for _trait in Now.class_own_traits().values():
    _trait.tag(config=True)
