"""A notebook with its pictures and recipes in one file for a colleague, and the notebook out of it again.

In it are the pictures that the saved notebook shows and those with a star, as they came, so that what is seen is there
in full and cells run again are served.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

from .._media import put_new
from .._messages import InputError, Language
from .._store import STAR, Record, Store, read_file, safe_name
from ._archives import Source
from ._export import Exported, files_of
from ._previews import is_blank, notebook_form, shown_ids
from ._recipes import Item, main_outputs
from ._writing import FileToWrite, write_zip

__all__ = ["bundle", "notebook_in", "write_notebook"]

_NOTEBOOK = re.compile(r"[^/]{1,200}\.ipynb")
_LARGEST_NOTEBOOK = 256 << 20


def bundle(path: Path, notebook: Path | None, records: Sequence[Record], store: Store, language: Language) -> Exported:
    """Write a zip with the saved notebook, what it shows and what has a star; return where, and how much.

    Raises:
        InputError: there is no notebook, it was never saved, or the zip cannot be written there.
    """
    if notebook is None or notebook.suffix.lower() != ".ipynb" or not notebook.is_file():
        raise InputError(
            "there is no saved notebook to bundle", advice="save it first; %now export takes pictures alone"
        )
    data, form = read_file(notebook, limit=_LARGEST_NOTEBOOK), notebook_form(notebook)
    shown = shown_ids(form)
    items = [Item(record, one) for record in records for one in main_outputs(record)]
    wanted = [one for one in items if _is_wanted(one, shown)]
    if not wanted and is_blank(form):
        raise InputError(
            "{name} was made and never saved: its file is empty",
            advice="save it first; %now export takes pictures alone",
            name=notebook.name,
        )
    target = path if path.suffix.lower() == ".zip" else path.with_name(f"{path.name}.zip")
    written = put_new(target, lambda file: write_zip(file, _files(notebook.name, data, wanted, store)))
    return Exported(written, len(wanted), (), language)


def _is_wanted(item: Item, shown: set[str]) -> bool:
    return bool({item.record.id, item.output.sha256} & shown) or STAR in item.record.tags_of(item.output)


def _files(name: str, notebook: bytes, items: Sequence[Item], store: Store) -> Iterator[FileToWrite]:
    yield FileToWrite(name, notebook, time.time())
    if items:
        yield from files_of(items, store, "pictures")


def notebook_in(source: Source) -> str | None:
    """Return the name of the notebook in a bundle; None where there is none, or more than one."""
    names = [name for name in source.names() if _NOTEBOOK.fullmatch(name)]
    return names[0] if len(names) == 1 else None


def write_notebook(source: Source, name: str, folder: Path) -> Path:
    """Write the notebook of a bundle into a folder, under a name that neither it nor its history replaces anything.

    One that is there as it came is left: its history is the one that the bundle goes on with.
    """
    data = source.read(name, limit=_LARGEST_NOTEBOOK)
    stem = safe_name(name.removesuffix(".ipynb")) or "notebook"
    names = (folder / f"{stem}{f'-{number}' if number > 1 else ''}.ipynb" for number in count(1))
    while True:
        one = next(names)
        if one.is_file() and one.stat().st_size == len(data) and one.read_bytes() == data:
            return one
        if not one.exists() and not one.with_suffix(".now").exists():
            return put_new(one, lambda file: file.writelines([data]))
