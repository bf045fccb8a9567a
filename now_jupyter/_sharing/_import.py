"""Pictures that come from elsewhere become this history's own: under numbers of its own, each once, told where from.

They come in an export or a bundle (folder or zip), in a colleague's history (folder or zip), or as the previews in a
notebook that came without its history. What is here stays as it is; only a preview gives way to its original.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from .._messages import InputError, Language, NowImageError, StoreFull, StoreUnavailable, say
from .._store import Record, Store, generation_of
from .._values import Generation, Status
from ._archives import Source, opened_source
from ._bundle import notebook_in, write_notebook
from ._previews import previews_in
from ._staging import Refusal, recipes_in, stage, staged_store

__all__ = ["Imported", "bring_in"]

_MARGIN = 32 << 20
_FEW = 8


@dataclass(frozen=True, slots=True)
class Imported:
    """What came: the generations that are new here or have been completed, and what was told of the others.

    `already` counts what was here before, `refused` names what was not taken and why, `notebook` is the one that came
    along, `moved` has the places where they were and the numbers that they have now.
    """

    new: tuple[Generation, ...] = ()
    completed: tuple[Generation, ...] = ()
    already: int = 0
    refused: tuple[str, ...] = ()
    notebook: Path | None = None
    moved: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    language: Language = field(default="en", repr=False)

    def __str__(self) -> str:
        return "\n".join(self._lines()) or say("nothing was in it that could be taken in", self.language)

    def __repr__(self) -> str:
        return str(self)

    def _lines(self) -> list[str]:
        lines = []
        if self.new:
            numbers = ", ".join(f"{now} ({was})" for was, now in self.moved[:_FEW]) + ("…" * (len(self.moved) > _FEW))
            lines.append(say("taken in: {count}, as {numbers}", self.language, count=len(self.new), numbers=numbers))
        previews = sum(any(one.stands_for for one in generation.outputs) for generation in self.new)
        if previews:
            lines.append(
                say(
                    "preview only: {count}; the originals take their place when they come",
                    self.language,
                    count=previews,
                )
            )
        if self.completed:
            refs = ", ".join(one.ref for one in self.completed[:_FEW])
            lines.append(say("completed: {refs}", self.language, refs=refs))
        if self.already:
            lines.append(say("here already: {count}", self.language, count=self.already))
        if self.refused:
            lines.append(say("not taken in: {count}", self.language, count=len(self.refused)))
            lines += [f"  {one}" for one in self.refused[:_FEW]]
        if self.notebook is not None:
            lines.append(say("notebook: {path}", self.language, path=self.notebook))
        return lines


def bring_in(path: Path, store: Store, language: Language) -> Imported:
    """Take in what a folder, a zip or a notebook holds.

    Raises:
        InputError: it holds nothing of ours, or more than can be honest.
        StoreError: the history cannot take it.
    """
    if path.is_file() and path.suffix.lower() == ".ipynb":
        return _take_previews(path, _Taking(store, path.name, language))
    if path.is_dir() and (history := Store(path)).exists:
        return _take_history(history, _Taking(store, path.name, language))
    with opened_source(path) as source:
        return _take_export(source, path, store, language)


def _take_history(history: Store, taking: _Taking) -> Imported:
    if history.folder == taking.store.folder:
        raise InputError("{path} is this notebook's own history", path=history.folder.name)
    records = history.records()
    for name in history.damaged:
        taking.refuse(name, InputError("it cannot be read"))
    for record in records:
        taking.take(record, history)
    return taking.result()


def _take_export(source: Source, path: Path, store: Store, language: Language) -> Imported:
    every = recipes_in(source)
    notebook = notebook_in(source)
    if not every and notebook is None:
        raise InputError(
            "{path} holds no recipes that could be taken in",
            advice="exports without metadata, and pages, are for looking at only",
            path=path.name,
        )
    written = write_notebook(source, notebook, store.folder.parent) if notebook else None
    target = Store(written.with_suffix(".now"), notebook=written) if written else store
    taking = _Taking(target, path.name, language)
    for one in every:
        try:
            recipe = one.recipe(source)
        except (StoreFull, StoreUnavailable):
            raise
        except NowImageError as problem:
            taking.refuse(one.name, problem)
            continue
        with staged_store() as staging:
            staged = stage(one, recipe, source, staging)
            taking.refuse_all(staged.refused)
            taking.take(staged.record, staging, size_bytes=staged.size_bytes)
    result = taking.result(written)
    if written:
        target.close()
    return result


def _take_previews(notebook: Path, taking: _Taking) -> Imported:
    with staged_store() as staging:
        for record, place, problem in previews_in(notebook, staging):
            if problem is not None:
                taking.refuse(place, problem)
            else:
                taking.take(record, staging, place=place)
    return taking.result()


class _Taking:
    """One import while it goes on: what is known here, and what has become of each record."""

    def __init__(self, store: Store, name: str, language: Language) -> None:
        self.store = store
        self._name = name
        self._language = language
        store.require_own()
        known = [*store.records(), *store.trashed()] if store.exists else []
        self._known = {one.number: one for one in known}
        self._by_id = {one.id: one for one in known}
        self._previews = {one.number: one for one in known if _has_preview(one)}
        self._originals = {digest for one in known for digest in _originals_of(one)}
        self._new: list[Record] = []
        self._completed: dict[int, Record] = {}
        self._already = 0
        self._refused: list[str] = []
        self._moved: list[tuple[str, str]] = []

    def take(self, record: Record, source: Store, *, place: str = "", size_bytes: int = 0) -> None:
        """Take in one record, if it is not here and has anything to show."""
        place = place or f"{self._name}{record.ref}"
        if not record.shown:
            return
        if record.status not in (Status.DONE, Status.PARTIAL):  # it went on there, or what became of it is not known
            record = replace(record, status=Status.PARTIAL)
        if record.id not in self._by_id and self._has_files_of(record):
            self._already += 1
            return
        self.store.preflight(size_bytes + _MARGIN)
        try:
            taken = self.store.take_in(record, source, place=place, known=self._candidates(record))
        except (StoreFull, StoreUnavailable):
            raise
        except NowImageError as problem:
            self.refuse(place, problem)
            return
        self._note(taken, place)

    def _candidates(self, record: Record) -> list[Record]:
        """Return the records here that may be this one: of its id, and those in which previews stand in for others."""
        same = self._by_id.get(record.id)
        return [same] if same else list(self._previews.values())

    def _has_files_of(self, record: Record) -> bool:
        """Whether all files of a record are here in others, or the originals of its previews are."""
        originals = {digest for one in record.shown if one.sha256 for digest in one.stands_for or (one.sha256,)}
        return bool(originals) and originals <= self._originals

    def _note(self, taken: Record, place: str) -> None:
        before = self._known.get(taken.number)
        if before is None:
            self._new.append(taken)
            self._moved.append((place, taken.ref))
        elif before.outputs == taken.outputs:
            self._already += 1
        else:
            self._completed[taken.number] = taken
        self._known[taken.number] = taken
        self._by_id[taken.id] = taken
        self._previews.pop(taken.number, None)
        if _has_preview(taken):
            self._previews[taken.number] = taken
        self._originals |= _originals_of(taken)

    def refuse(self, name: str, problem: NowImageError) -> None:
        """Note what is not taken in, and why."""
        self._refused.append(f"{name}: {problem.in_language(self._language).message()}")

    def refuse_all(self, refusals: Sequence[Refusal]) -> None:
        """Note several."""
        for name, problem in refusals:
            self.refuse(f"{self._name}/{name}", problem)

    def result(self, notebook: Path | None = None) -> Imported:
        """Return what came of it."""
        completed = [one for number, one in self._completed.items() if number not in {new.number for new in self._new}]
        folder = self.store.pictures
        return Imported(
            new=tuple(generation_of(self._known[one.number], folder) for one in self._new),
            completed=tuple(generation_of(one, folder) for one in completed),
            already=self._already,
            refused=tuple(self._refused),
            notebook=notebook,
            moved=tuple(self._moved),
            language=self._language,
        )


def _has_preview(record: Record) -> bool:
    return any(one.stands_for for one in record.outputs)


def _originals_of(record: Record) -> set[str]:
    return {one.sha256 for one in record.outputs if one.sha256 and not one.stands_for}
