"""The Chinese catalogue: English template → Chinese template, with the same places, by topic."""

from __future__ import annotations

from ._commands import COMMANDS
from ._help import HELP
from ._history import HISTORY
from ._input import INPUT
from ._orders import ORDERS
from ._panel import PANEL
from ._relay import RELAY
from ._services import SERVICES

__all__ = ["CHINESE"]

CHINESE: dict[str, str] = {
    **COMMANDS,
    **HELP,
    **HISTORY,
    **INPUT,
    **ORDERS,
    **PANEL,
    **RELAY,
    **SERVICES,
}
