"""What verbs may be told to work on: a value, or a REF that names one."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from .._history import History
from .._messages import InputError
from .._store import Record
from .._values import Generation, Output, Picture

__all__ = ["Reference", "References"]

Reference: TypeAlias = str | int | Picture | Generation
"""`"#12"`, `"#12.2"`, `-1` (the picture shown last), the name given by `-o`, or the value itself."""

_LAST = ("-1", "－1", "—1")  # the dashes of a Chinese keyboard, too


class References:
    """Finds what is referred to in this notebook's history; a value of another history is refused."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._last: Picture | None = None

    def remember(self, shown: Generation | Output) -> None:
        """Take note of the picture shown last (`-1`)."""
        pictures = shown.pictures if isinstance(shown, Generation) else [shown]
        self._last = next((one for one in reversed(pictures) if isinstance(one, Picture)), self._last)

    def picture(self, ref: Reference) -> Picture:
        """Return one picture: of a generation the first."""
        one = self._value_or_text(ref)
        if isinstance(one, str):
            generation, output = self._history.find(one)
            return output if isinstance(output, Picture) else _first_picture(generation)
        return one if isinstance(one, Picture) else _first_picture(one)

    def path_of(self, ref: Reference) -> Path:
        """Return where one file is: of a generation the first, be it a picture or not."""
        one = self.subject(ref)
        return one.path if isinstance(one, Output) else _first_output(one).path

    def generation(self, ref: Reference) -> Generation:
        """Return the generation that is referred to, or that the picture belongs to."""
        one = self._value_or_text(ref)
        if isinstance(one, Generation):
            return one
        if isinstance(one, str):
            return self._history.find(one)[0]
        return self._history[self._record_of(one, one.ref).ref]

    def subject(self, ref: Reference) -> Generation | Output:
        """Return what is referred to as it is now: a picture, where one is named, else the generation."""
        one = self._value_or_text(ref)
        if isinstance(one, Generation):
            return one
        generation, output = self._history.find(one if isinstance(one, str) else one.ref)
        return output or generation

    def marked(self, ref: Reference, *, in_trash: bool = False) -> list[tuple[int, str | None]]:
        """Return what marks are put on: numbers, and the key of an output where it is one picture that is meant.

        What was sent as several requests has several numbers.
        """
        one = self._value_or_text(ref)
        if isinstance(one, str):
            record, output = self._history.locate(one, in_trash=in_trash)
            return [(record.number, output.key if output else None)]
        if isinstance(one, Picture):
            return [(self._record_of(one, one.ref, in_trash=in_trash).number, one.key)]
        records = [(self._record_of(one, part.ref, in_trash=in_trash), part) for part in one.parts or (one,)]
        return [
            (record.number, key) for record, part in records for key in ([None] if in_trash else _chosen(record, part))
        ]

    def _record_of(self, value: Picture | Generation, ref: str, *, in_trash: bool = False) -> Record:
        """Return the record that a value came from; every history has a number 1."""
        record, _output = self._history.locate(ref.partition(".")[0], in_trash=in_trash)
        if isinstance(value, Picture):
            is_same = any((one.sha256, one.key) == (value.sha256, value.key) for one in record.outputs)
        else:
            is_same = record.id in {part.id for part in value.parts or (value,)}
        if is_same:
            return record
        raise InputError(
            "{ref} of this history is another one", advice="give a value from this notebook's history", ref=record.ref
        )

    def _value_or_text(self, ref: Reference) -> Picture | Generation | str:
        if isinstance(ref, Picture | Generation):
            return ref
        text = ref.strip() if isinstance(ref, str) else str(ref) if type(ref) is int else ""
        if text in _LAST:
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


def _first_output(generation: Generation) -> Output:
    if not generation.outputs:
        raise InputError("{ref} has no picture", advice="%now history shows which have", ref=generation.ref)
    return generation.outputs[0]


def _first_picture(generation: Generation) -> Picture:
    if not generation.pictures:
        raise InputError("{ref} has no picture", advice="%now history shows which have", ref=generation.ref)
    return generation.pictures[0]


def _chosen(record: Record, generation: Generation) -> list[str | None]:
    """Return the keys of the outputs that a generation shows; only None where it shows all that there are."""
    keys: list[str | None] = [one.key for one in generation.outputs]
    return keys if keys and len(keys) < len([one for one in record.shown if one.sha256]) else [None]
