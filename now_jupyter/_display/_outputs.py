"""One output of a cell: created in the cell, afterwards only updated, from any thread (reference/jupyter.md §2).

What is shown has been paid for. So nothing on its way to the screen may end a cell, and `attempt` is the one place that
sees to it.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TypeAlias

from IPython import display as ipython_display
from IPython.core.displaypub import DisplayPublisher
from IPython.core.getipython import get_ipython

from .._messages import Language, name_bug

__all__ = ["CellOutput", "attempt", "is_terminal"]

_MARK = "now_output"  # in the metadata of what stands in an Output widget, where nothing else tells outputs apart
_Bundle: TypeAlias = tuple[Mapping[str, Any], Mapping[str, Any]]
_display: Any = ipython_display.display  # IPython ships no types for it


def attempt(act: Callable[[], object], tell: Callable[[str], object], language: Language = "en") -> None:
    """Do what only shows something; a fault in it is told in one line, and stops nothing."""
    try:
        act()
    except Exception as bug:  # noqa: BLE001 - see above
        line = name_bug(bug, language)
        try:
            tell(line)
        except Exception:  # noqa: BLE001 - the display takes nothing at all
            with suppress(Exception):
                print(line, file=sys.stderr)  # noqa: T201 - the last way to be seen


def is_terminal() -> bool:
    """Whether what is shown is printed as text, and stays as it is: what should replace it would stand below, again."""
    shell: Any = get_ipython()
    return shell is not None and type(shell.display_pub) is DisplayPublisher


class CellOutput:
    """One output of a cell: created once, updated afterwards."""

    def __init__(self) -> None:
        self._id = uuid.uuid4().hex
        self._widget = _capturing_widget()
        self._late: dict[str, Any] | None = None
        self.is_there = False

    @property
    def is_captured(self) -> bool:
        """Whether an Output widget takes what is shown here; updates by display id do not arrive there."""
        return self._widget is not None

    def put(self, data: Mapping[str, Any], metadata: Mapping[str, Any] | None = None) -> None:
        """Show `data` here, in the place of what was here before."""
        about = dict(metadata or {})
        if self._widget is None:
            _display(dict(data), raw=True, metadata=about, display_id=self._id, update=self.is_there)
        elif not self.is_there:
            _display(dict(data), raw=True, metadata={**about, _MARK: self._id})
            self._widget.observe(lambda _: self._put_into_widget(), names="outputs")
        else:
            self._late = {"output_type": "display_data", "data": dict(data), "metadata": {**about, _MARK: self._id}}
            self._put_into_widget(is_first=True)
        self.is_there = True

    def _put_into_widget(self, *, is_first: bool = False) -> None:
        """Put what came late into its place among the outputs of the widget, at first behind them where it has none.

        While cells run, the kernel hears nothing from the page, which says only afterwards what it took from the cell.
        """
        outputs = self._widget.outputs
        place = next((at for at, one in enumerate(outputs) if self._is_here(one)), len(outputs))
        if self._late is not None and (is_first or outputs[place : place + 1] not in ((), (self._late,))):
            others = [one for one in outputs[place:] if not self._is_here(one)]
            self._widget.outputs = (*outputs[:place], self._late, *others)

    def _is_here(self, output: Mapping[str, Any]) -> bool:
        return bool(output.get("metadata", {}).get(_MARK) == self._id)

    def put_made(self, make: Callable[[], _Bundle], *, instead: object, language: Language = "en") -> None:
        """Show what `make` returns; where it cannot be made or shown, `instead` in words, and why."""

        def tell(line: str) -> None:
            self.put({"text/plain": f"{instead!r}\n{line}"})

        attempt(lambda: self.put(*make()), tell, language)


def _capturing_widget() -> Any:  # noqa: ANN401 - an Output widget; ipywidgets is loaded where someone uses it
    """Return the Output widget that the running cell or callback is inside of (`with out:`, `interact`), or None."""
    every: dict[str, Any] = getattr(sys.modules.get("ipywidgets.widgets.widget"), "_instances", {})
    shell: Any = get_ipython() if every else None
    if not hasattr(shell, "get_parent"):
        return None
    message = (shell.get_parent() or {}).get("header", {}).get("msg_id")
    return next((one for one in [*every.values()] if message and getattr(one, "msg_id", "") == message), None)
