"""What verbs may be told to work on: a value, or a REF that names one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from .._history import History
from .._messages import InputError
from .._store import Store, generation_of
from .._values import Generation, Picture

__all__ = ["Reference", "References"]

Reference: TypeAlias = str | int | Picture | Generation
"""`"#12"`, `"#12.2"`, `-1` (the picture shown last), the name given by `-o`, or the value itself."""

_LAST = "-1"


class References:
    """Finds what is referred to in this notebook's history; a value of another history is refused."""

    def __init__(self, history: History, store: Callable[[], Store]) -> None:
        self._history = history
        self._store = store
        self._last: Picture | None = None

    def remember(self, generation: Generation) -> None:
        """Take note of the picture shown last (`-1`)."""
        if generation.pictures:
            self._last = generation.pictures[-1]

    def picture(self, ref: Reference) -> Picture:
        """Return one picture: of a generation the first."""
        one = self._value_or_text(ref)
        if isinstance(one, str):
            generation, output = self._history.find(one)
            return output if isinstance(output, Picture) else _first_picture(generation)
        return one if isinstance(one, Picture) else _first_picture(one)

    def generation(self, ref: Reference) -> Generation:
        """Return the generation that is referred to, or that the picture belongs to."""
        one = self._value_or_text(ref)
        if isinstance(one, Generation):
            return one
        if isinstance(one, str):
            return self._history.find(one)[0]
        return _ensure_same(self._history[one.ref], one)

    def numbers(self, ref: Reference, *, in_trash: bool = False) -> list[int]:
        """Return the number of what is in use (or in the trash), or those of all requests that it was sent as."""
        find = self._find_in_trash if in_trash else self.generation
        one = self._value_or_text(ref)
        if isinstance(one, str):
            return [_number(find(one).ref)]
        parts = one.parts or (one,) if isinstance(one, Generation) else (one,)
        return [_number(_ensure_same(find(part.ref), one).ref) for part in parts]

    def _find_in_trash(self, ref: str) -> Generation:
        store, word = self._store(), ref.partition(".")[0]
        trashed = store.trashed()
        found = [one for one in trashed if word in (one.ref, str(one.number), one.name)]
        return generation_of(found[-1], store.pictures) if found else self._history[ref]

    def _value_or_text(self, ref: Reference) -> Picture | Generation | str:
        if isinstance(ref, Picture | Generation):
            return ref
        text = ref.strip() if isinstance(ref, str) else str(ref) if type(ref) is int else ""
        if text == _LAST:
            if self._last is None:
                raise InputError("no picture has been shown by this kernel yet", advice="give its number: #12")
            return self._last
        if isinstance(ref, str):
            return text
        raise InputError(
            "{ref} is neither a picture nor a reference to one",
            advice='give "#12", "#12.2", -1, the name given by -o, a Generation or a Picture',
            ref=text or f"a value of type {type(ref).__name__}",
        )


def _first_picture(generation: Generation) -> Picture:
    if not generation.pictures:
        raise InputError("{ref} has no picture", advice="%now history shows which have", ref=generation.ref)
    return generation.pictures[0]


def _number(ref: str) -> int:
    return int(ref.removeprefix("#"))


def _ensure_same(found: Generation, value: Picture | Generation) -> Generation:
    """Return what was found if the value came from it; every history has a number 1."""
    if isinstance(value, Picture):
        is_same = any(picture.sha256 == value.sha256 for picture in found.pictures)
    else:
        is_same = found.id in {part.id for part in value.parts or (value,)}
    if is_same:
        return found
    raise InputError(
        "{ref} of this history is another one", advice="give a value from this notebook's history", ref=found.ref
    )
