"""Pictures out of the notebook: as a folder, a zip, or a page that needs nothing else, under names of one's choice.

With metadata every picture says how it was made, inside it (a signed one beside it), and `recipes/` holds what another
history needs to take them in. Without, files are as they came from the service, and nothing of ours is added; labels
and signatures of the service stay either way. Nothing that is there is replaced.
"""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from os import PathLike
from pathlib import Path

from .._json import digest
from .._media import Copy, MediaType, copy_to_share, label, media_type, put_new, read_verified, sidecar_of, source_type
from .._messages import BadImageError, InputError, Language, StoreError, say, shown_path
from .._store import Record, Store, generation_of, read_file
from .._values import Output, Picture
from ._names import USUAL_NAMES, FreeNames, NameTemplate, Value
from ._page import page_of
from ._recipes import FOLDER, INPUTS, Item, Sent, recipe_bytes
from ._writing import FileToWrite, is_other, write_folder, write_zip

__all__ = ["ExportOptions", "Exported", "export", "export_to_bytes", "files_of", "written_path"]

_PAGES = (".html", ".htm")
_OF_A_FILE = re.compile(r"\.(?!v?\d+$)[a-z0-9]{1,5}")  # a folder may be called fox.2 or fox.v2
_TYPES = ("png", "jpeg", "jpg", "webp")
_SIDES = range(16, 32_769)
_LARGEST_INPUT = 256 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """How pictures are exported: with what is known of them, under which names, how large, as which type."""

    metadata: bool = True
    names: str = ""
    longest: int | None = None
    format: str | None = None

    def wanted(self) -> MediaType | None:
        """Return the type that pictures are to have; None where they keep theirs.

        Raises:
            InputError: pictures are not written as that type, or not in that size.
        """
        if self.longest is not None and (type(self.longest) is not int or self.longest not in _SIDES):
            raise InputError(
                "{longest} is no length in pixels", advice="give 16 to 32768, such as 2048", longest=self.longest
            )
        if self.format is None:
            return None
        name = str(self.format).lower().lstrip(".")
        if name not in _TYPES:
            raise InputError("pictures are not exported as {format}", advice="png, jpeg or webp", format=self.format)
        return media_type(f".{name}")


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export has written: where, how many pictures and other outputs, and what is to be said about it."""

    path: Path
    count: int
    notes: tuple[str, ...] = ()
    language: Language = field(default="en", repr=False)

    def __str__(self) -> str:
        line = say("{path} ({count} exported)", self.language, path=shown_path(self.path), count=self.count)
        return "\n".join([line, *self.notes])

    def __repr__(self) -> str:
        return str(self)

    def __fspath__(self) -> str:
        return str(self.path)


def written_path(path: str | PathLike[str]) -> Path:
    """Return the path that a user means, wherever the working folder goes meanwhile.

    Raises:
        InputError: it is none.
    """
    text = os.fspath(path)
    with suppress(RuntimeError, OSError):
        if text and "\0" not in text:
            return Path(text).expanduser().absolute()
    raise InputError("{path} is no path that can be written", path=text or '""')


def export(path: Path, items: Sequence[Item], store: Store, options: ExportOptions, language: Language) -> Exported:
    """Write outputs of a history to a folder, a zip (`.zip`) or a page (`.html`), by the path's suffix.

    Raises:
        InputError: there is nothing to export, an option is none, or nothing can be written there.
    """
    packing = _Packing(items, store, options)
    suffix = path.suffix.lower()
    if suffix in _PAGES:
        page = page_of(
            packing.outputs(), title=path.stem, metadata=options.metadata, shrink=packing.page_copy, language=language
        )
        written = put_new(path, lambda file: file.writelines(page))
    elif suffix == ".zip":
        written = put_new(path, lambda file: write_zip(file, packing.files()))
    elif path.is_file() or (not path.is_dir() and _OF_A_FILE.fullmatch(suffix)):
        raise InputError(
            "{path} is no folder, zip or page", advice="give a folder, or a file ending in .zip or .html", path=path
        )
    else:
        packing.is_taken = lambda name, data: is_other(path / name, data)
        write_folder(path, packing.files())
        written = path
    return Exported(written, packing.count, tuple(packing.notes(language)), language)


def export_to_bytes(items: Sequence[Item], store: Store, options: ExportOptions) -> bytes:
    """Return a zip of outputs of a history, in memory; the panel hands it to the browser."""
    target = io.BytesIO()
    write_zip(target, _Packing(items, store, options).files())
    return target.getvalue()


def files_of(items: Sequence[Item], store: Store, folder: str) -> Iterator[FileToWrite]:
    """Yield the files of outputs with all that is known of them, the pictures in a folder; for a bundle."""
    return _Packing(items, store, ExportOptions(), folder=f"{folder}/").files()


class _Packing:
    """One export while it is made: the names that are taken, and what could not be kept."""

    def __init__(self, items: Sequence[Item], store: Store, options: ExportOptions, *, folder: str = "") -> None:
        if not items:
            raise InputError("there is nothing to export", advice="%now history lists what there is")
        self._items = items
        self._store = store
        self._options = options
        self._wanted = options.wanted()
        self._template = NameTemplate(options.names or USUAL_NAMES)
        self._free = FreeNames()
        self._folder = folder
        self._given: set[str] = set()
        self._lost: dict[str, list[str]] = {}
        self.is_taken: Callable[[str, bytes], bool] = lambda _name, _data: False
        self.count = 0

    def outputs(self) -> Iterator[tuple[Output, Callable[[], bytes]]]:
        """Yield the outputs as people see them, each with a way to its bytes."""
        for item in self._items:
            output = self._seen(item)
            self.count += 1
            yield output, output.bytes

    def page_copy(self, output: Output, data: bytes, longest: int) -> Copy:
        """Return a picture as a page holds it."""
        copy = copy_to_share(
            data, made=output.made, metadata=False, longest=self._options.longest or longest, wanted=self._wanted
        )
        self._note(copy, output.ref)
        return copy._replace(data=label(copy.data, kind=source_type(output.made)))

    def files(self) -> Iterator[FileToWrite]:
        """Yield the files of the export, one at a time."""
        by_record: dict[str, list[Item]] = {}
        for one in self._items:
            by_record.setdefault(one.record.id, []).append(one)
        for items in by_record.values():
            record = items[0].record
            sent: dict[str, Sent] = {}
            for item in items:
                yield from self._files_of(item, sent)
            if sent and self._options.metadata:
                yield from self._recipe(record, [one for one in items if one.output.key in sent], sent)

    def _files_of(self, item: Item, sent: dict[str, Sent]) -> Iterator[FileToWrite]:
        output, made = self._seen(item), item.record.created
        try:
            data = read_verified(output.path, output.sha256)
            copy = copy_to_share(
                data,
                made=output.made,
                metadata=self._options.metadata,
                longest=self._options.longest,
                wanted=self._wanted,
            )
        except BadImageError:
            self._lost.setdefault("missing", []).append(output.ref)
            return
        self.count += 1
        self._note(copy, output.ref)
        name = self._name_of(item, output, copy)
        yield FileToWrite(f"{self._folder}{name}", copy.data, made)
        if copy.is_bare:
            beside = sidecar_of(Path(name)).name
            text = json.dumps(dict(output.made), ensure_ascii=False, indent=1)
            yield FileToWrite(f"{self._folder}{beside}", text.encode("utf-8", "replace"), made)
        sent[item.output.key] = Sent(
            file=f"{self._folder}{name}",
            sha256=digest(copy.data),
            is_copy=not copy.is_same,
            tags=item.record.tags_of(item.output),
        )

    def _name_of(self, item: Item, output: Output, copy: Copy) -> str:
        wish = self._template.fill(self._values(item, output))
        names = (self._free.take(wish, copy.media.suffix) for _ in count())
        return next(name for name in names if not self.is_taken(name, copy.data))

    def _recipe(self, record: Record, items: Sequence[Item], sent: Mapping[str, Sent]) -> Iterator[FileToWrite]:
        for given in record.request.inputs:
            if given.sha256 in self._given:
                continue
            try:
                path = self._store.input_path(given.sha256)
                data = read_file(path, limit=_LARGEST_INPUT)
            except StoreError:  # it may have been gone for long
                continue
            self._given.add(given.sha256)
            yield FileToWrite(f"{INPUTS}/{path.name}", data, record.created)
        data = recipe_bytes(record, [one.output for one in items], sent)
        yield FileToWrite(f"{FOLDER}/{record.number}.json", data, record.created)

    def _seen(self, item: Item) -> Output:
        (output,) = generation_of(item.record, self._store.pictures, [item.output]).outputs
        return output

    def _values(self, item: Item, output: Output) -> Mapping[str, Value]:
        record, size = item.record, (output.width, output.height) if isinstance(output, Picture) else (None, None)
        seed = output.seed if isinstance(output, Picture) else None
        return {
            "n": self.count,
            "tag": output.tags[0] if output.tags else "",
            "ref": output.ref.lstrip("#"),
            "prompt": record.request.prompt,
            "model": record.model or record.request.model or "",
            "seed": seed if seed is not None else record.request.params.get("seed"),
            "date": datetime.fromtimestamp(record.created, UTC),
            "width": size[0] or None,
            "height": size[1] or None,
        }

    def _note(self, copy: Copy, ref: str) -> None:
        if copy.lost:
            self._lost.setdefault(copy.lost, []).append(ref)

    def notes(self, language: Language) -> Iterator[str]:
        """Yield what is to be said, each thing once."""
        if refs := self._lost.get("signature"):
            yield say(
                "{refs}: labelled as generated, but without their signature (C2PA), which no other size or type keeps",
                language,
                refs=_few(refs),
            )
        if refs := self._lost.get("type"):
            yield say("{refs}: as they came, since they are no still pictures", language, refs=_few(refs))
        if refs := self._lost.get("missing"):
            yield say("{refs}: not exported, their files are gone, changed or too large", language, refs=_few(refs))


def _few(refs: Sequence[str]) -> str:
    return ", ".join(refs[:8]) + (f" … ({len(refs)})" if len(refs) > 8 else "")  # noqa: PLR2004 - what fits in a line
