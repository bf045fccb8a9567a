"""Lists and tuples of our values in a cell: beside their words, which are Python's, a sheet of the pictures."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from IPython.utils.dir2 import get_real_method

__all__ = ["register_lists", "unregister_lists"]

_LISTS = (list, tuple)
_VALUES = f"{__package__.rpartition('.')[0]}._values"  # while it is not loaded, no list holds a value of ours


def register_lists(formatter: Any, bundle_of: Callable[[Sequence[object]], Any]) -> None:  # noqa: ANN401 - IPython's
    """Have IPython show what `bundle_of` gives beside a list, unless somebody else shows all lists."""

    def bundle(values: Sequence[object]) -> Any:  # noqa: ANN401 - as another's class of lists gives it
        if type(values) in _LISTS:
            return bundle_of(values) if values and _VALUES in sys.modules else None
        show_itself = get_real_method(values, "_repr_mimebundle_")
        return show_itself(include=None, exclude=None) if show_itself else None

    for kind in _LISTS:
        if formatter.for_type(kind) is None:
            formatter.for_type(kind, bundle)


def unregister_lists(formatter: Any) -> None:  # noqa: ANN401 - as above
    """Take that out again."""
    for kind in _LISTS:
        if getattr(formatter.for_type(kind), "__module__", "") == __name__:
            del formatter.type_printers[kind]
