"""Which thumbnails are to be made next: those in sight of each view, the views taking turns."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["Wanted"]

_MOST_VIEWS = 8


class Wanted:
    """What each view of a panel has in sight and has not got yet; used on one worker thread."""

    def __init__(self) -> None:
        """Nothing is wanted yet."""
        self._by_view: dict[str, dict[int, None]] = {}

    def ask(self, view: str, numbers: Sequence[int]) -> None:
        """Want these for a view; what it wanted before and is not yet made is no longer in sight."""
        self._by_view.pop(view, None)
        self._by_view[view] = dict.fromkeys(numbers)
        while len(self._by_view) > _MOST_VIEWS:
            del self._by_view[next(iter(self._by_view))]

    def take(self) -> int | None:
        """Return the next one, which all views then get; None where nothing is wanted."""
        view, numbers = next(((view, numbers) for view, numbers in self._by_view.items() if numbers), ("", None))
        if numbers is None:
            return None
        self._by_view[view] = self._by_view.pop(view)
        number = next(iter(numbers))
        for others in self._by_view.values():
            others.pop(number, None)
        return number

    def forget(self) -> None:
        """Want nothing any more."""
        self._by_view.clear()
