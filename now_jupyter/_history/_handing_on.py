"""What a history gives to others and takes from them: exports, bundles, imports, reports."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from os import PathLike
from pathlib import Path
from typing import TypeAlias

from .._messages import Language
from .._sharing import (
    Exported,
    ExportOptions,
    Imported,
    Item,
    Report,
    bring_in,
    bundle,
    export,
    export_to_bytes,
    fits_marks,
    main_outputs,
    report_of,
    written_path,
)
from .._store import STAR, Record, RecordedOutput, Store
from .._values import Generation, Output

__all__ = ["HandsOn"]

_Ref: TypeAlias = str | int | Generation | Output
"""`"#12"`, `"#12.2"`, a name, a place, or the value itself."""


class HandsOn(ABC):
    """The part of a history that deals with others."""

    _store: Callable[[], Store]
    _language: Callable[[], Language]

    @abstractmethod
    def records(self) -> list[Record]:
        """Return the records, oldest first."""

    @abstractmethod
    def locate(self, ref: str, *, in_trash: bool = False) -> tuple[Record, RecordedOutput | None]:
        """Return what a reference means."""

    @abstractmethod
    def tell(self, generation: Generation) -> None:
        """Tell whoever observes the history."""

    def export(  # noqa: PLR0913 - what is exported, where to, and how
        self,
        path: str | PathLike[str],
        *refs: _Ref,
        starred: bool = False,
        tag: str | None = None,
        metadata: bool = True,
        names: str = "",
        longest: int | None = None,
        format: str | None = None,  # noqa: A002 - the option's name everywhere
    ) -> Exported:
        """Write pictures to a folder, a zip (`fox.zip`) or a page that needs nothing else (`fox.html`); say what came.

        Nothing that is there is replaced: `fox-2.zip`. With `metadata` every picture says how it was made, and another
        history can take it in (`import_from`). Labels and signatures of the service stay in any case.

        Args:
            path: Where to; the suffix says as what.
            refs: Which ones (`"#12"`, `"#12.2"`, a name, a value); without any, all that are in the history.
            starred: Only those with a star.
            tag: Only those with this tag.
            metadata: False leaves out how they were made.
            names: What files are called, such as `"{tag}-{n:02d}"`; fields: n tag ref prompt model seed width height
                date.
            longest: Make pictures smaller whose longest side has more pixels.
            format: Encode pictures as `"png"`, `"jpeg"` or `"webp"`.

        Raises:
            InputError: there is nothing to export, an option is none, or nothing can be written there.
        """
        items = self._items(refs, starred=starred, tag=tag)
        options = ExportOptions(metadata=metadata, names=names, longest=longest, format=format)
        return export(written_path(path), items, self._store(), options, self._language())

    def export_to_bytes(self, *refs: _Ref, metadata: bool = True, names: str = "") -> bytes:
        """Return a zip of these pictures, as `export` writes it."""
        items = self._items(refs, starred=False, tag=None)
        return export_to_bytes(items, self._store(), ExportOptions(metadata=metadata, names=names))

    def report(self, *refs: _Ref, starred: bool = False, tag: str | None = None) -> Report:
        """Return a report, a row for each picture: how it was made, what it cost, of what, when, under which id.

        An order that nothing came of, and that was or may have been billed, has a row, too: `status` and `billed` tell.
        It is shown as text; `.to_csv(path)`, `.to_markdown(path)` and `.to_dataframe()` give it otherwise. `cost` is
        the picture's share of what its call cost. Pictures are chosen as in `export`.
        """
        items = self._items(refs, starred=starred, tag=tag)
        return report_of(items, self._billed_for_nothing(refs, starred=starred, tag=tag), self._language())

    def _billed_for_nothing(self, refs: Sequence[_Ref], *, starred: bool, tag: str | None) -> list[Record]:
        """Return the orders that are meant, have no output, and were or may have been billed."""
        every = {one.id: one for ref in refs for one in self._orders_named(ref)}.values() if refs else self.records()
        lost = [one for one in every if not one.demo and one.billed != "no" and not main_outputs(one)]
        return [one for one in lost if tag in (None, *one.tags) and (not starred or STAR in one.tags)]

    def _orders_named(self, ref: _Ref) -> list[Record]:
        """Return the records of what is named, but for an output, which is there."""
        if isinstance(ref, Generation):
            return [self.locate(part.ref)[0] for part in ref.parts or (ref,)]
        if isinstance(ref, Output):
            return []
        if isinstance(ref, int):
            return [self.records()[ref]]
        record, output = self.locate(ref)
        return [] if output else [record]

    def import_from(self, path: str | PathLike[str]) -> Imported:
        """Take in what an export, a bundle, another `.now` folder or a notebook holds, and say what came.

        Each picture is taken in once, under a number of this history, and says where it is from. Of a notebook without
        its history the previews are taken in; the originals take their place when they come. The notebook of a bundle
        is written beside this one, with a history of its own.

        Raises:
            InputError: nothing of ours is there, or more than can be honest.
            StoreError: the history cannot take it.
        """
        imported = bring_in(written_path(path), self._store(), self._language())
        for generation in (*imported.new, *imported.completed):
            self.tell(generation)
        return imported

    def bundle(self, path: str | PathLike[str], notebook: Path | None) -> Exported:
        """Write a saved notebook with what it shows and what has a star, for a colleague's `import_from`."""
        return bundle(written_path(path), notebook, self.records(), self._store(), self._language())

    def _items(self, refs: Sequence[_Ref], *, starred: bool, tag: str | None) -> list[Item]:
        """Return the outputs that are meant, each once; what only came along, where nothing else did or it is named."""
        named = [item for ref in refs for item in self._named(ref)]
        every = named if refs else [Item(record, one) for record in self.records() for one in main_outputs(record)]
        fitting = [one for one in every if fits_marks(one, starred=starred, tag=tag)]
        return list({(one.record.id, one.output.key): one for one in fitting}.values())

    def _named(self, ref: _Ref) -> list[Item]:
        if isinstance(ref, Generation):
            return [item for part in ref.parts or (ref,) for item in self._items_of(part)]
        if isinstance(ref, Output):
            record, _output = self.locate(ref.ref.partition(".")[0])
            return [Item(record, one) for one in record.shown if (one.key, one.sha256) == (ref.key, ref.sha256)]
        if isinstance(ref, int):
            record = self.records()[ref]
            return [Item(record, one) for one in main_outputs(record)]
        record, output = self.locate(ref)
        return [Item(record, output)] if output else [Item(record, one) for one in main_outputs(record)]

    def _items_of(self, generation: Generation) -> list[Item]:
        record, _output = self.locate(generation.ref)
        keys = {one.key for one in generation.outputs}
        return [Item(record, one) for one in main_outputs(record) if one.key in keys]
