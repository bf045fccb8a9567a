"""Tables of pandas, which is an extra."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .._messages import InputError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["frame_of"]


def frame_of(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    """Return a DataFrame of these rows, whose `created` are times.

    Raises:
        InputError: pandas is not installed.
    """
    try:
        import pandas  # noqa: ICN001, PLC0415 - optional extra
    except ImportError:
        raise InputError("to_dataframe() needs pandas", advice='%pip install "now_jupyter[pandas]"') from None
    frame = pandas.DataFrame(rows, columns=list(columns))
    return frame.assign(created=pandas.to_datetime(frame["created"], utc=True, errors="coerce"))
