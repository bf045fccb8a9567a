"""Which folder holds this notebook's history, so that the two do not come loose from each other (design.md §2.7)."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from .._messages import ConfigError, InputError, StoreError
from ._files import move_durably, remove_file, try_read_file, write_durably
from ._notebook import ShownBefore, folder_of, pictures_shown
from ._record import is_file_name
from ._record_files import encode, parse_json
from ._store import Store

__all__ = ["Home", "adopt", "find_home", "sibling_stores"]

_NOTHING = ShownBefore()
_ANY = "OTHER.now"
_LARGEST_NOTE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The store in use, what the saved notebook shows, and a doubt that stands before any purchase.

    Where one history beside it may be the notebook's, that is the `candidate`. `passing` is the folder that is taken
    away with the store when a program (MyST-NB, Jupyter Book) is through with the notebook.
    """

    store: Store
    shown: ShownBefore = _NOTHING
    in_doubt: bool = False
    candidate: str = _ANY
    passing: Path | None = None

    def check(self, *, is_purchase: bool) -> None:
        """Refuse an order where the notebook shows pictures that were paid for, and their history is not here.

        Refuse a purchase, too, where the pictures would not stay.
        """
        if self.passing is not None and is_purchase:
            raise ConfigError(
                "{path} is a temporary folder, and pictures would go with it; nothing is bought",
                advice="set NOW_FOLDER, or %now folder, to the whole path of a folder that stays",
                path=self.passing,
            )
        if self.in_doubt:
            _write_note(self.store, self.shown)
            raise ConfigError(
                "this notebook shows pictures whose history is not beside it; nothing is bought until that is clear",
                advice="%now adopt {other} takes it over, %now import the previews, %now folder {name} starts anew",
                other=self.candidate,
                name=self.store.folder.name,
            )


def find_home(folder: str, notebook: Path | None, working: Path) -> Home:
    """Return the store in use: the folder that is set, else the notebook's own; one that came loose is taken back."""
    if folder:
        chosen = Store(working / os.path.expanduser(folder), notebook=notebook)  # noqa: PTH111 - Path's raises
        chosen.agree()  # whoever sets a folder wants to live in it
        passing = None if Path(os.path.expanduser(folder)).is_absolute() else _passing(notebook, working)  # noqa: PTH111
        return Home(store=chosen, shown=pictures_shown(notebook), passing=passing)
    store = Store(folder_of(notebook, working), notebook=notebook)
    shown = pictures_shown(notebook)
    if store.exists:
        return Home(store=store, shown=shown)
    noted = _read_note(store)
    shown = ShownBefore(shown.ids | noted.ids, shown.paid or noted.paid)
    if not shown.ids:
        return Home(store=store, shown=shown, passing=_passing(notebook, working))
    held = {one: _held(one, shown) for one in sibling_stores(store)}
    holders = [one for one, ids in held.items() if ids]
    orphans = [one for one in holders if _is_orphan(one) or not one.is_own]
    # What was taken in from another notebook's history lies in that one, too, which stays where it is.
    whole = len(orphans) == 1 and (len(holders) == 1 or held[orphans[0]] == shown.ids)
    if whole and orphans[0].is_own and not _is_at_work(orphans[0]):
        move_durably(orphans[0].folder, store.folder)
        return Home(store=Store(store.folder, notebook=notebook), shown=shown)
    in_doubt = shown.paid and (not holders or bool(orphans))
    candidate = orphans[0].folder.name if len(orphans) == 1 else _ANY
    return Home(store=store, shown=shown, in_doubt=in_doubt, candidate=candidate)


def _passing(notebook: Path | None, working: Path) -> Path | None:
    """Return the working folder where it is one that `tempfile` made, and no notebook is known that lies in it."""
    with suppress(OSError, ValueError):
        place = working.resolve().relative_to(Path(tempfile.gettempdir()).resolve())
        if notebook is None and place.parts and place.parts[0].startswith(tempfile.gettempprefix()):
            return working
    return None


def sibling_stores(store: Store) -> Iterator[Store]:
    """Yield the other histories beside this one."""
    for folder in sorted(store.folder.parent.glob("*.now")):
        if folder != store.folder and not folder.is_symlink() and (one := Store(folder)).exists:
            yield one


def adopt(store: Store, name: str, working: Path) -> bool:
    """Make a history this notebook's own by the user's word; one that is not in its place is moved there.

    A name is looked for beside the notebook, then in the working folder. False where the word cannot be remembered.
    """
    places = [place / os.path.expanduser(name) for place in (store.folder.parent, working)]  # noqa: PTH111
    found = next((one for one in map(Store, places) if one.exists), None)
    if found is None:
        raise InputError("{path} is no history", advice="give a folder such as Untitled.now", path=name)
    if found.folder == store.folder:
        return store.agree()
    if store.exists:
        raise InputError(
            "this notebook has a history already: {path}",
            advice="%now folder {other} uses the other one",
            path=store.folder.name,
            other=name,
        )
    move_durably(found.folder, store.folder)
    remove_file(_note_of(store))
    return store.agree()


def _note_of(store: Store) -> Path:
    # What a notebook showed before a refusal took the place of its pictures: the doubt must outlive the next Run All.
    return store.folder.with_name(f".{store.folder.name}.missing")


def _write_note(store: Store, shown: ShownBefore) -> None:
    with suppress(StoreError):
        write_durably(_note_of(store), encode({"ids": sorted(shown.ids), "paid": shown.paid}))


def _read_note(store: Store) -> ShownBefore:
    try:
        form = parse_json(try_read_file(_note_of(store), limit=_LARGEST_NOTE) or b"{}")
        return msgspec.convert(form, ShownBefore)
    except (StoreError, msgspec.ValidationError):
        return _NOTHING


def _held(store: Store, shown: ShownBefore) -> frozenset[str]:
    """Return which of the generations that were shown a history holds."""
    with suppress(StoreError):
        index = store.index
        return frozenset(one for one in shown.ids if index.with_id(one))
    return frozenset()


def _is_orphan(store: Store) -> bool:
    """Whether the notebook that the folder was last used by is gone from beside it."""
    name = Path(store.last_notebook).name
    return not is_file_name(name) or not (store.folder.parent / name).exists()


def _is_at_work(store: Store) -> bool:
    """Whether a living kernel is at work there: what it has paid for must find its folder."""
    with suppress(StoreError):
        return any(map(store.is_held, store.index.under_way()))
    return True
