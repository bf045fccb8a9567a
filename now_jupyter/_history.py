"""This notebook's view of its store: a sequence of generations, oldest first, found by number, name or words."""

from __future__ import annotations

import logging
import re
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, overload

from ._messages import Billed, InputError, Language, StoreCorrupt, plain
from ._store import Record, Search, Store, generation_of
from ._values import Generation, Money, Output, Status, sum_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["History", "live_record", "reason_of"]

_LOG = logging.getLogger("now_jupyter")
_REF = re.compile(r"(?:#?(?P<number>\d{1,15})|(?P<name>[^\W\d]\w*))(?:\.(?P<output>\d{1,4}))?")
_COLUMNS = ("ref", "created", "prompt", "model", "status", "billed", "elapsed", "starred", "demo")
_UNDER_WAY = (Status.RUNNING, Status.PENDING)
_SHOWN = 20
_LONGEST_REASON = 160
_RECENT = 20


def live_record(store: Store, record: Record) -> Record:
    """Return a record that says "under way" as it stands now that its kernel may be gone.

    Whoever works on a record holds its lock, so one that nobody holds was left: `cancelled` if nothing was sent,
    `pending` if `resume` can collect it free of charge, else `unknown`.
    """
    if record.status not in _UNDER_WAY or store.is_held(record.number):
        return record
    if record.state is not None or store.answer(record.number) is not None or record.outputs:
        return replace(record, status=Status.PENDING)
    return replace(record, status=Status.CANCELLED if record.billed == "no" else Status.UNKNOWN)


class History(Sequence[Generation]):
    """All generations of this notebook: `history[-1]`, `history["#12"]`, `history[:5]`, `history.search("fox")`."""

    def __init__(self, store: Callable[[], Store]) -> None:
        """View whatever store is in use."""
        self._store = store
        self._observers: list[Callable[[Generation], None]] = []
        self._search = Search()

    def records(self) -> list[Record]:
        """Return the records themselves, oldest first, as they stand now."""
        return self._read(Store.records)

    def _read(self, read: Callable[[Store], list[Record]]) -> list[Record]:
        store = self._store()
        return [live_record(store, record) for record in read(store)]

    def _views(self, records: Iterable[Record]) -> list[Generation]:
        folder = self._store().pictures
        return [generation_of(record, folder) for record in records]

    def __len__(self) -> int:
        return len(self.records())

    def __iter__(self) -> Iterator[Generation]:
        return iter(self._views(self.records()))

    @overload
    def __getitem__(self, key: int | str) -> Generation: ...
    @overload
    def __getitem__(self, key: slice) -> list[Generation]: ...

    def __getitem__(self, key: int | str | slice) -> Generation | list[Generation]:
        """Return one generation by place (`-1`), number (`"#12"`) or name (`-o`), or several by slice."""
        if isinstance(key, str):
            return self.find(key)[0]
        if isinstance(key, slice):
            return self._views(self.records()[key])
        # Reading the newest is quick, however long the history is.
        records = self.records() if key >= 0 else self._read(lambda store: store.newest(-key))
        return self._views([records[key]])[0]

    def __repr__(self) -> str:
        return self.listing()

    def listing(self, language: Language | None = None) -> str:
        """Return the newest rows as text; in a language with what failed and why, which a repr leaves out."""
        records = self.records()
        views = self._views(records[-_SHOWN:])
        lines = [_row(generation) + reason_of(generation, language) for generation in views]
        more = [f"… {len(records) - _SHOWN} older"] if len(records) > _SHOWN else []
        return "\n".join([f"History({len(records)})", *more, *lines])

    def find(self, ref: str) -> tuple[Generation, Output | None]:
        """Return the generation that `#12`, `#12.2`, `NAME` or `NAME.2` means and, where one is named, its output."""
        match = _REF.fullmatch(ref.strip())
        record = self._find_record(match["number"], match["name"]) if match else None
        if match is None or record is None:
            known = self.records()
            raise InputError(
                "there is no {ref} in this history",
                advice="%now history lists what there is: {hint}",
                ref=ref,
                hint=f"{known[0].ref} … {known[-1].ref}" if known else "–",
            )
        generation = generation_of(record, self._store().pictures)
        return generation, _output_of(record, generation, int(match["output"]), ref) if match["output"] else None

    def _find_record(self, number: str | None, name: str | None) -> Record | None:
        if number is None:
            return next((record for record in reversed(self.records()) if record.name == name), None)
        with suppress(InputError):
            return self.record(int(number))
        return None

    def record(self, number: int) -> Record:
        """Return one record as it stands now.

        Raises:
            InputError: there is none of that number.
        """
        store = self._store()
        with suppress(StoreCorrupt):
            return live_record(store, store.read(number))
        raise InputError("there is no {ref} in this history", ref=f"#{number}")

    def search(self, words: str) -> list[Generation]:
        """Return the generations with these words in prompt, model, name, alt text or tags, newest first."""
        return self._views(self._search.find(reversed(self.records()), words))

    def filter(
        self,
        *,
        model: str | None = None,
        tag: str | None = None,
        status: str | None = None,
        starred: bool | None = None,
        name: str | None = None,
    ) -> list[Generation]:
        """Return the generations that fit all that is asked for, oldest first; a tag or star may be an output's."""
        wanted = {"model": model, "status": status, "name": name}
        asked = {key: value for key, value in wanted.items() if value is not None}
        tagged = (one for one in self.records() if _has_marks(one, tag=tag, starred=starred))
        return [one for one in self._views(tagged) if all(getattr(one, key) == value for key, value in asked.items())]

    def tree(self, ref: str) -> Mapping[str, Any]:
        """Return the family of a generation: `{"generation", "parents", "children"}`, children as trees in turn."""
        generation = self[ref]
        every = list(self)
        by_id = {one.id: one for one in every}
        parents = [by_id[parent] for parent in generation.parents if parent in by_id]
        return {"generation": generation, "parents": parents, "children": _children(generation, every, frozenset())}

    def cost(self, *, billed: Billed = "yes") -> Money:
        """Return what was spent, or with `billed="maybe"` what may have been, in the currency of the newest order."""
        every = self.costs(billed=billed)
        return every[-1] if every else sum_of([])

    def costs(self, *, billed: Billed = "yes") -> list[Money]:
        """Return the sums by currency, the one of the newest order last; what lies in the trash was paid for, too."""
        sums: dict[str, Money] = {}
        trashed = self._read(Store.trashed)
        for one in self._views(sorted([*self.records(), *trashed], key=lambda record: record.number)):
            if one.demo or one.billed != billed or one.cost is None or one.cost.amount is None:
                continue
            before = sums.pop(one.cost.currency, None)
            sums[one.cost.currency] = one.cost if before is None else sum_of([before, one.cost])
        return list(sums.values())

    def usual_seconds(self, model: str) -> float | None:
        """Return the median time that this model took here; None where it has not been used yet."""
        done = (one for one in self.records() if one.model == model and one.status is Status.DONE)
        times = [one.elapsed for one in done if one.elapsed]
        return statistics.median(times[-_RECENT:]) if times else None

    def to_dataframe(self) -> pd.DataFrame:
        """Return the history as a pandas DataFrame, a row a generation (needs the extra `pandas`)."""
        import pandas  # noqa: ICN001, PLC0415 - optional extra

        return pandas.DataFrame([_columns(generation) for generation in self])

    def observe(self, callback: Callable[[Generation], None]) -> Callable[[], None]:
        """Call `callback` with every generation that changes, on the background thread; return a way to end it."""
        self._observers.append(callback)
        return lambda: self._observers.remove(callback) if callback in self._observers else None

    def tell(self, generation: Generation) -> None:
        """Tell the observers; a fault in one of them must not stop what is being paid for."""
        for observer in list(self._observers):
            try:
                observer(generation)
            except Exception:  # noqa: BLE001 - written to the log, where its author finds it
                _LOG.exception("an observer of the history failed")


def _output_of(record: Record, generation: Generation, number: int, ref: str) -> Output:
    keys = [one.key for one in record.outputs if one.number == number]
    found = next((one for one in generation.outputs if one.key in keys), None)
    if found is not None:
        return found
    raise InputError(
        "{ref} asks for picture {place}, but {generation} has {count}",
        advice="the first picture is .1",
        ref=ref,
        place=number,
        generation=generation.ref,
        count=len(generation.outputs),
    )


def _has_marks(record: Record, *, tag: str | None, starred: bool | None) -> bool:
    tags = {*record.tags, *(one for output in record.outputs if not output.is_trashed for one in output.tags)}
    return (tag is None or tag in tags) and starred in (None, "*" in tags)


def _children(generation: Generation, every: Sequence[Generation], above: frozenset[str]) -> list[Mapping[str, Any]]:
    line = above | {generation.id}
    children = [one for one in every if generation.id in one.parents and one.id not in line]
    return [{"generation": one, "children": _children(one, every, line)} for one in children]


def _row(generation: Generation) -> str:
    star = "★" if generation.starred else " "
    prompt = plain(generation.prompt, 60)
    count = f"{len(generation.pictures)}×" if len(generation.pictures) > 1 else ""
    return f"{star}{generation.ref:>5}  {count}{generation.status.value:<9} {plain(generation.model, 40):<24} {prompt}"


def reason_of(generation: Generation, language: Language | None) -> str:
    """Return why a generation has no or too few pictures, as the end of its row; empty where it has all."""
    if generation.error is None or language is None:
        return ""
    return f" · {plain(generation.error.message(language), _LONGEST_REASON)}"


def _columns(generation: Generation) -> dict[str, Any]:
    first = generation.pictures[0] if generation.pictures else None
    cost = generation.cost
    return {
        **{name: getattr(generation, name) for name in _COLUMNS},
        "status": generation.status.value,
        "pictures": len(generation.pictures),
        "path": str(first.path) if first else None,
        "sha256": first.sha256 if first else None,
        "cost": float(cost.amount) if cost and cost.amount is not None else None,
        "currency": cost.currency if cost else None,
        "tags": ", ".join(generation.tags),
        **{f"param_{key}": value for key, value in generation.params.items()},
    }
