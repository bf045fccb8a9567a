"""What becomes of a record that is taken in twice: it stays one, and gets what it lacks.

A preview out of a notebook, or a copy of another size, stands in for originals that are elsewhere. They take its place
when they come.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ._record import Record, RecordedOutput

__all__ = ["complete_record", "missing_outputs", "same_record"]


def same_record(taken: Record, known: Iterable[Record]) -> Record | None:
    """Return the record that is this one: of its id, else one in which previews stand in for its outputs."""
    every = list(known)
    coming = {one.sha256 for one in taken.outputs if not one.stands_for}
    standing = (one for one in every if _stands_in(one, coming))
    return next((one for one in every if one.id == taken.id), None) or next(standing, None)


def missing_outputs(here: Record, taken: Record) -> list[RecordedOutput]:
    """Return the outputs of a record that the same one lacks here, or has only something that stands in for them."""
    there = {one.sha256 for one in here.outputs}
    originals = {one.key for one in here.outputs if one.sha256 and not one.stands_for}
    any_here = {one.key for one in here.outputs if one.is_here}
    return [
        one
        for one in taken.outputs
        if one.key not in (any_here if one.stands_for else originals)
        and (not one.sha256 or one.sha256 not in there)
        and (one.sha256 or one.key not in any_here)
        and not (one.stands_for and _is_covered(one, here.outputs))
    ]


def complete_record(
    here: Record, taken: Record, copied: Sequence[RecordedOutput]
) -> tuple[Record, list[RecordedOutput]]:
    """Return the record with what was copied for it, and the outputs that it replaces.

    Where all that was here stood in for something, the record itself is the one that came, under the number from here.
    """
    keys = {one.key for one in copied}
    there = [*here.outputs, *copied]
    gone = [one for one in here.outputs if one.key in keys or (one.stands_for and _is_covered(one, there))]
    base = taken if all(one.stands_for for one in here.outputs) and not copied[0].stands_for else here
    outputs = sorted((*(one for one in here.outputs if one not in gone), *copied), key=lambda one: one.number)
    whole = replace(base, number=here.number, outputs=tuple(outputs), taken_from=taken.taken_from)
    return replace(whole, settled=True), [one for one in gone if one.file and one.file not in _files_of(copied)]


def _files_of(outputs: Iterable[RecordedOutput]) -> set[str]:
    return {one.file for one in outputs}


def _stands_in(record: Record, coming: set[str]) -> bool:
    stood_for = {digest for one in record.outputs for digest in one.stands_for}
    return bool(stood_for) and all(one.stands_for for one in record.outputs) and stood_for <= coming


def _is_covered(one: RecordedOutput, outputs: Iterable[RecordedOutput]) -> bool:
    """Whether all that an output stands for is among others."""
    originals = {other.sha256 for other in outputs if not other.stands_for}
    return set(one.stands_for) <= originals
