"""A tab of its own for a panel, beside the notebook, by the package `sidecar`: all of its height is the panel's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._messages import InputError

__all__ = ["open_tab", "require_sidecar"]


def require_sidecar() -> Any:  # noqa: ANN401 - it has no types
    """Return the widget that is a tab.

    Raises:
        InputError: the package that gives it is not installed.
    """
    try:
        from sidecar import Sidecar  # noqa: PLC0415 - it is an extra
    except ImportError:
        raise InputError(
            "a panel in a tab needs the package sidecar",
            advice='%pip install "now_jupyter[sidecar]", then reload the page; without --tab it is in the cell',
        ) from None
    return Sidecar


def open_tab(view: Mapping[str, Any], title: str) -> Any:  # noqa: ANN401 - as above
    """Open a tab that shows nothing but this view, and return it; `close` closes it.

    It opens as soon as the front end hears of it, and again when the page is loaded anew; displayed, it would leave an
    empty copy in the cell.
    """
    shown = {"output_type": "display_data", "data": dict(view), "metadata": {}}
    return require_sidecar()(title=title, anchor="split-right", outputs=(shown,))
