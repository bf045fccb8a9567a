"""This notebook's view of its store: a sequence of generations, oldest first, found by number, name or words."""

from __future__ import annotations

import logging
import re
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache, partial
from typing import overload
from unicodedata import normalize

from .._json import Texts
from .._messages import Billed, InputError, Language, StoreCorrupt, StoreError
from .._store import STAR, Record, RecordedOutput, Store, generation_of
from .._values import Generation, Input, Money, Output, Picture, Request, Status, sum_of
from ._handing_on import HandsOn
from ._listing import MOST_ROWS, Generations, Selection
from ._tree import Tree, tree_of

__all__ = ["History", "live_record"]

_LOG = logging.getLogger("now_jupyter")
_REF = re.compile(r"(?:#?(?P<number>\d{1,15})|(?P<name>[^\W\d]\w*))(?:\.(?P<output>\d{1,4}))?")
_UNDER_WAY = (Status.RUNNING, Status.PENDING)
_RECENT = 20
_MOST_READ = 1000


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


class History(HandsOn, Generations):
    """All generations of this notebook: `history[-1]`, `history["#12"]`, `history[:5]`, `history.search("fox")`."""

    def __init__(self, store: Callable[[], Store], language: Callable[[], Language] = lambda: "en") -> None:
        """View whatever store is in use, and list it in the language of who reads."""
        self._store = store
        self._language = language
        self._observers: list[Callable[[Generation], None]] = []

    def records(self) -> list[Record]:
        """Return the records themselves, oldest first, as they stand now."""
        return self._read(Store.records)

    def newest(self, count: int) -> list[Generation]:
        """Return the newest generations, the newest first; quick, however long the history is."""
        return self._views(reversed(self._read(lambda store: store.newest(count))))

    def _read_each(self, numbers: Iterable[int]) -> list[Record]:
        store = self._store()
        return [live_record(store, record) for record in store.read_each(numbers)]

    def _read(self, read: Callable[[Store], list[Record]]) -> list[Record]:
        store = self._store()
        return [live_record(store, record) for record in read(store)]

    @property
    def language(self) -> Language:  # type: ignore[override]  # of a selection it is one for ever
        """In which language it is listed, and what failed told."""
        return self._language()

    def _select(self, generations: Sequence[Generation], *, newest_first: bool = False) -> Selection:
        return Selection(generations, newest_first=newest_first, language=self.language)

    def _views(self, records: Iterable[Record]) -> list[Generation]:
        folder = self._store().pictures
        return [generation_of(record, folder) for record in records]

    def __len__(self) -> int:
        return self._store().count()

    def __iter__(self) -> Iterator[Generation]:
        return iter(self._views(self.records()))

    @overload
    def __getitem__(self, key: int | str) -> Generation: ...
    @overload
    def __getitem__(self, key: slice) -> Selection: ...

    def __getitem__(self, key: int | str | slice) -> Generation | Selection:
        """Return one generation by place (`-1`), number (`"#12"`) or name (`-o`), or several by slice."""
        if isinstance(key, str):
            return self.find(key)[0]
        if isinstance(key, slice):
            return self._select(self._views(self._read_each(self._numbers()[key])))
        if key == -1:
            return self.newest(1)[0]  # at once, whatever has changed in the folder
        return self._views(self._read_each([self._numbers()[key]]))[0]

    def records_newest_first(self) -> Iterator[Record]:
        """Yield the records, the newest first; each is read when it is asked for."""
        for number in reversed(self._numbers()):
            yield from self._read_each([number])

    def _numbers(self) -> Sequence[int]:
        return self._store().index.numbers()

    def _shown(self) -> tuple[Sequence[Generation], int]:
        newest = self._read(lambda store: store.newest(MOST_ROWS))
        return self._views(newest), max(0, len(self) - MOST_ROWS)

    def find(self, ref: str) -> tuple[Generation, Output | None]:
        """Return the generation that `#12`, `#12.2`, `NAME` or `NAME.2` means and, where one is named, its output."""
        record, output = self.locate(ref)
        generation = generation_of(record, self._store().pictures)
        keys = [output.key] if output else []
        return generation, next((one for one in generation.outputs if one.key in keys), None)

    def locate(self, ref: str, *, in_trash: bool = False) -> tuple[Record, RecordedOutput | None]:
        """Return the record and, where one is named, the output that a reference means, if need be in the trash.

        Raises:
            InputError: there is none.
        """
        match = _REF.fullmatch(normalize("NFKC", ref).strip())  # as a Chinese keyboard gives it: ＃12
        if match is None and (taken := self._find_taken(ref.strip())) is not None:
            return taken, None
        record = self._find_record(match["number"], match["name"], in_trash=in_trash) if match else None
        if match is None or record is None:
            raise self._not_here(ref, match)
        return record, _output_of(record, int(match["output"]), ref, in_trash=in_trash) if match["output"] else None

    def _find_taken(self, place: str) -> Record | None:
        """Return the record that came from a place such as `a.now#1`, as its caption says."""
        if "#" not in place:
            return None
        return next((one for one in self.records_newest_first() if one.taken_from == place), None)

    def _not_here(self, ref: str, match: re.Match[str] | None) -> InputError:
        """Say that nothing is called so, or that it lies in the trash."""
        if match is not None and _last_of(self._read(Store.trashed), match["number"], match["name"]) is not None:
            return _in_the_trash(ref)
        known = self._numbers()
        return InputError(
            "there is no {ref} in this history",
            advice="%now history lists what there is: {hint}" if known else "there are no pictures in it yet",
            ref=ref,
            hint=f"#{known[0]} … #{known[-1]}" if known else "",
        )

    def _find_record(self, number: str | None, name: str | None, *, in_trash: bool) -> Record | None:
        trashed = self._read(Store.trashed) if in_trash else []
        if (found := _last_of(trashed, number, name)) is not None:
            return found
        if name is not None:
            return next(iter(self._read_each(self._store().index.named(name)[:1])), None)
        with suppress(InputError):
            return self.record(int(number or 0))
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

    def inputs_of(self, request: Request) -> list[tuple[Input, str]]:
        """Return what a request was given, each with how it is named now: `#12.2`, else the path of the kept file.

        What is neither in this history nor kept any more has no name.
        """
        return [(one, self._ref_of_input(one) or self._path_of_input(one.sha256)) for one in request.inputs]

    def _ref_of_input(self, given: Input) -> str:
        for record, one in self._sources_of(given):
            return record.ref_of(one) if one else record.ref
        return ""

    def _sources_of(self, given: Input) -> Iterator[tuple[Record, RecordedOutput | None]]:
        """Yield the records that an input is of, the newest first, each with the output that it is; None: all of it."""
        index = self._store().index
        identity, _, key = given.id.partition(":")
        numbers = index.with_output(given.sha256) if given.sha256 else index.with_id(identity)
        for record in reversed(self._read_each(numbers)):
            for one in record.shown:
                if given.sha256 in ("", one.sha256) and (given.sha256 or one.key == key):
                    yield record, one
            if not given.sha256 and not key:
                yield record, None

    def sources_of(self, record: Record) -> list[tuple[int, int]]:
        """Return what a record was made from: numbers of records here and of their outputs, 0 for all of a record."""
        given = (one for one in record.request.inputs if one.role != "mask")
        named = (found for one in given for found in self._sources_of(one) if found[0].id in record.parents)
        spots = [(source.number, one.number if one and len(source.outputs) > 1 else 0) for source, one in named]
        known = {number for number, _ in spots}
        whole = (number for parent in record.parents for number in self._store().index.with_id(parent))
        return list(dict.fromkeys([*spots, *((number, 0) for number in whole if number not in known)]))

    def with_output(self, sha256: str) -> list[Record]:
        """Return the records that have an output of this digest, oldest first."""
        return self._read_each(self._store().index.with_output(sha256))

    def with_id(self, identity: str) -> Record | None:
        """Return the record of this id; None where it is not here."""
        return next(iter(self._read_each(self._store().index.with_id(identity))), None)

    def with_buttons(self) -> Record | None:
        """Return the newest record that has buttons; None where there is none."""
        return next(iter(self._read_each(self._store().index.with_buttons()[:1])), None)

    def _path_of_input(self, sha256: str) -> str:
        with suppress(StoreError):
            return str(self._store().input_path(sha256))
        return ""

    def search(self, words: str) -> Selection:
        """Return the generations with these words in prompt, model, name, alt text or tags, newest first."""
        store = self._store()  # however the folder changes before they are looked at
        numbers = store.index.holding(words)
        return Selection(_Lazy(numbers, partial(_found, store)), newest_first=True, language=self.language)

    def filter(
        self,
        *,
        model: str | None = None,
        tag: str | None = None,
        status: str | None = None,
        starred: bool | None = None,
        name: str | None = None,
    ) -> Selection:
        """Return the generations that fit all that is asked for, oldest first.

        With `tag` or `starred`, each has only those of its outputs that have the tag or the star.
        """
        wanted = {"model": model, "status": status, "name": name}
        asked = {key: value for key, value in wanted.items() if value is not None}
        marked = self._choose(self.records(), lambda tags: tag in (None, *tags) and starred in (None, STAR in tags))
        return self._select([one for one in marked if all(getattr(one, key) == value for key, value in asked.items())])

    def _choose(self, records: Iterable[Record], fits: Callable[[Texts], bool]) -> Iterator[Generation]:
        """Yield the generations with the outputs whose tags fit; where none is shown, its own tags must."""
        folder = self._store().pictures
        for record in records:
            shown = [one for one in record.shown if fits(record.tags_of(one))]
            if shown or (not record.shown and fits(record.tags)):
                yield generation_of(record, folder, shown)

    @property
    def trash(self) -> Selection:
        """What lies in the trash, oldest first: whole generations, and single pictures of others."""
        folder = self._store().pictures
        here = [
            (record, [one for one in record.outputs if one.is_here and one.is_trashed]) for record in self.records()
        ]
        whole = [(record, [one for one in record.outputs if one.is_here]) for record in self._read(Store.trashed)]
        every = sorted([*whole, *(pair for pair in here if pair[1])], key=lambda pair: pair[0].number)
        return self._select([generation_of(record, folder, outputs) for record, outputs in every])

    def tree(self, ref: str | Generation | Picture) -> Tree:
        """Return the family of a generation: what it was made from, and what was made of it.

        Raises:
            InputError: there is none.
        """
        name = ref if isinstance(ref, str) else ref.ref.partition("–")[0]
        return tree_of(self.find(name)[0], list(self), self.language)

    def cost(self, *, billed: Billed = "yes") -> Money:
        """Return what was spent, or with `billed="maybe"` what may have been, in the currency of the newest order."""
        every = self.costs(billed=billed)
        return every[-1] if every else sum_of([])

    def costs(self, *, billed: Billed = "yes") -> list[Money]:
        """Return the sums by currency, the one of the newest order last; what lies in the trash was paid for, too.

        What was taken from another history was paid for there, and counts there alone.
        """
        sums: dict[str, Money] = {}
        paid = [one for one in (*self.records(), *self._read(Store.trashed)) if one.is_paid_here]
        for one in self._views(sorted(paid, key=lambda record: record.number)):
            if one.billed != billed or one.cost is None or one.cost.amount is None:
                continue
            before = sums.pop(one.cost.currency, None)
            sums[one.cost.currency] = one.cost if before is None else sum_of([before, one.cost])
        return list(sums.values())

    def usual_seconds(self, model: str) -> float | None:
        """Return the median time that this model took here; None where it has not been used yet."""
        times = self._store().index.seconds_of(model, _RECENT)
        return statistics.median(times) if times else None

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


class _Lazy(Sequence[Generation]):
    """Generations of which the numbers are known; each is read when it is looked at."""

    def __init__(self, numbers: Sequence[int], read: Callable[[int], Generation]) -> None:
        self._numbers = numbers
        self._read = lru_cache(_MOST_READ)(read)

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, key: int) -> Generation: ...
    @overload
    def __getitem__(self, key: slice) -> _Lazy: ...

    def __getitem__(self, key: int | slice) -> Generation | _Lazy:
        return _Lazy(self._numbers[key], self._read) if isinstance(key, slice) else self._read(self._numbers[key])


def _found(store: Store, number: int) -> Generation:
    """Return what was found under a number, also when it was put into the trash since."""
    return generation_of(live_record(store, store.read_anywhere(number)), store.pictures)


def _last_of(records: Sequence[Record], number: str | None, name: str | None) -> Record | None:
    """Return the record of this number, or the newest of this name."""
    fits = (one for one in reversed(records) if (one.number == int(number) if number else one.name == name))
    return next(fits, None)


def _in_the_trash(ref: str) -> InputError:
    return InputError("{ref} is in the trash", advice="%now restore {ref} brings it back", ref=ref)


def _output_of(record: Record, number: int, ref: str, *, in_trash: bool) -> RecordedOutput:
    every = [one for one in record.outputs if one.sha256]
    there = [one for one in every if in_trash or not one.is_trashed]
    if found := [one for one in there if one.number == number]:
        return found[0]
    if any(one.number == number for one in every):
        raise _in_the_trash(ref)
    raise InputError(
        "{ref} asks for picture {place}, but {generation} has {count}",
        advice="the first picture is .1",
        ref=ref,
        place=number,
        generation=record.ref,
        count=len(there),
    )
