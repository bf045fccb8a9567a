"""Lists and tuples of our values in a cell: beside their words, which are Python's, a sheet of the pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from IPython.utils.dir2 import get_real_method

from .._bundles import try_bundle_of_several
from .._settings import Settings

__all__ = ["register_lists", "unregister_lists"]

_LISTS = (list, tuple)
_UNSEEN = ("text", "none")


def register_lists(formatter: Any, settings: Callable[[], Settings]) -> None:  # noqa: ANN401 - IPython's, of mime bundles
    """Have IPython show a sheet beside a list of pictures, unless somebody else shows all lists."""

    def bundle(values: Sequence[object]) -> Any:  # noqa: ANN401 - as another's class of lists gives it
        if type(values) in _LISTS:
            return None if settings().embed in _UNSEEN else try_bundle_of_several(values, settings().preview_px)
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
