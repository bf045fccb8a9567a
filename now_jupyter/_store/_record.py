"""The record of one paid call: all that is known of it, from the intent to the last output.

A record is written before anything is sent and again at every change; it is the truth.
It holds the request as typed and whole, what was resolved beside it (service, model, share of n, memo, charge,
expected), what came, and why something did not. It holds no key and no host. `generation_of` gives the view of it that
people see.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import msgspec

from .._bounds import Bounded, Count, Few, Line, Moment, Prose, Room, Span, Text, Word, clip, printable, room_of
from .._json import JSON, Fields, Texts
from .._media import can_show
from .._messages import Billed, Failure, StoreCorrupt, StoreTooNew
from .._protocol import About, Key, Usage
from .._values import (
    Attempt,
    Audio,
    Buttons,
    Document,
    Generation,
    Handle,
    Kind,
    Money,
    Output,
    Picture,
    Request,
    State,
    Status,
    Video,
)

__all__ = [
    "FORMAT",
    "STAR",
    "Record",
    "RecordedOutput",
    "generation_of",
    "is_digest",
    "is_file_name",
    "is_identity",
]

FORMAT = 1
_TERMINAL = {Status.DONE, Status.FAILED, Status.CANCELLED}
_FEW_OUTPUTS = 16
# So many may each take as much room in a record as a field may; of more, each has its share.
_ROOM_OF_OUTPUTS = 1 << 20
_NAME_BYTES = 255
Tags: TypeAlias = Annotated[tuple[Annotated[str, Text(100)], ...], Few(100)]
_IDENTITY = r"\A[0-9a-f]{32}\Z"
_Identity: TypeAlias = Annotated[str, msgspec.Meta(pattern=_IDENTITY)]
STAR = "*"
"""The tag that is shown as a star."""

_MARK = {"is_mark": True}  # filled in from the marks beside the record, and not stored in it
_SHOWN_AS_IT_IS = (
    *("id", "ref", "request", "status", "billed", "service", "buttons", "elapsed", "usage"),
    *("request_id", "parents", "name", "demo", "error", "taken_from"),
)
_SHOWN_OF_OUTPUT = ("key", "sha256", "mime", "size_bytes", "is_side", "about", "stands_for")
_OUTPUTS: Mapping[Kind, type[Output]] = {"video": Video, "audio": Audio, "words": Document, "vectors": Document}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedOutput(Bounded):
    """One output that was announced: here as a file below `pictures/` or as words, or not (yet), with the reason.

    `number` is its place among the outputs, from 1, and never changes; `sources` are there only while it is not here,
    so that it can be fetched again. `stands_for` are the digests of the originals that a small picture or a copy stands
    in for, until they come. `about` and `handle` are the service's; `tags` (`*` is the star; None: those of the
    record) and `is_trashed` are its marks, there when it was read with them.
    """

    key: Key
    number: Count
    kind: Kind = "picture"
    is_side: bool = False
    file: Annotated[str, Text(_NAME_BYTES + 1, "opaque")] = ""
    sha256: Word = ""
    mime: Word = ""
    width: Count = 0
    height: Count = 0
    size_bytes: Count = 0
    words: Prose = ""
    about: About = field(default_factory=dict)
    handle: Handle = None
    sources: Annotated[tuple[Annotated[Fields, Room(12 << 10)], ...], Few(4)] = ()
    error: Failure | None = None
    stands_for: Annotated[tuple[Word, ...], Few(100)] = ()
    tags: Tags | None = field(default=None, metadata=_MARK)
    is_trashed: bool = field(default=False, metadata=_MARK)

    @property
    def is_here(self) -> bool:
        """Whether it was saved."""
        return bool(self.sha256 or self.words)

    @property
    def is_picture(self) -> bool:
        """Whether it is a picture that a browser can show."""
        return self.kind == "picture" and can_show(self.mime)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record(Bounded):
    """One paid call. `number` 0 means: not yet claimed. Marks (star, tags) are kept beside it, by anyone.

    `share` is this call's share of the n of `request`, `expected` how many outputs count, `memo` what its service has
    to know to read the answer, `position` the order's place among the orders of its execution. `relay` tells relays
    apart by a short digest of their address (empty: not known), so that none is asked for another's task. `taken_from`
    names the history and the number (`mine.now#1`) that an answer was taken from; it was paid for there.
    `answered_by` is the model that the answer names.
    """

    id: _Identity
    request: Request
    created: Moment
    number: Count = 0
    status: Status = Status.PENDING
    billed: Billed = "no"
    demo: bool = False
    kernel: Word = ""
    cell: Word | None = None
    execution: Word = ""
    position: Count = 0
    service: Word = ""
    model: Word = ""
    answered_by: Word = ""
    share: Count = 1
    memo: State = field(default_factory=dict)
    charge: Annotated[Fields, Room(4 << 10)] = field(default_factory=dict)
    expected: Count = 1
    idempotency_key: Word = ""
    name: Word | None = None
    alt: Line = ""
    tags: Tags = ()
    parents: Annotated[tuple[Word, ...], Few(100)] = ()
    attempts: Annotated[tuple[Attempt, ...], Few(100)] = ()
    state: State | None = None
    outputs: tuple[RecordedOutput, ...] = ()
    buttons: Buttons = ()
    needs: Line = ""
    usage: Usage | None = None
    cost: Money | None = None
    request_id: Word | None = None
    elapsed: Annotated[float, Span(0, 1e9)] | None = None
    error: Failure | None = None
    settled: bool = False
    relay: Word = ""
    taken_from: Line = ""

    def __post_init__(self) -> None:
        """Put each field within its bound; many outputs share the room that a few may take."""
        Bounded.__post_init__(self)
        if len(self.outputs) > _FEW_OUTPUTS and sum(map(_room_of, self.outputs)) > _ROOM_OF_OUTPUTS:
            room = _ROOM_OF_OUTPUTS // len(self.outputs)
            object.__setattr__(self, "outputs", tuple(_thin(one, room) for one in self.outputs))

    @property
    def ref(self) -> str:
        """The number as people write it."""
        return f"#{self.number}"

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen to it by itself or by `resume`."""
        return self.status in _TERMINAL

    def about_to_go(self, at: float) -> Record:
        """Return it as it has to be on the disk before its call goes out: maybe billed, an attempt begun."""
        begun = Attempt(at=at, service=self.service)
        return replace(self, status=Status.RUNNING, billed="maybe", attempts=(*self.attempts, begun))

    @property
    def is_about_to_go(self) -> bool:
        """Whether that is all that is known of its call."""
        return self.billed == "maybe" and bool(self.attempts) and self.attempts[-1].is_only_begun

    @property
    def is_paid_here(self) -> bool:
        """Whether what it cost, if anything, was spent in this history."""
        return not self.demo and not self.taken_from

    @property
    def counted(self) -> tuple[RecordedOutput, ...]:
        """The outputs that count: all but those that only come along."""
        return tuple(one for one in self.outputs if not one.is_side)

    @property
    def shown(self) -> list[RecordedOutput]:
        """The outputs that are here and not in the trash, those that only come along last."""
        here = (one for one in self.outputs if one.is_here and not one.is_trashed)
        return sorted(here, key=lambda one: (one.is_side, one.number))

    def tags_of(self, *outputs: RecordedOutput) -> Texts:
        """Return the tags of these outputs, each once; without any, those of the record itself."""
        every = (self.tags if one.tags is None else one.tags for one in outputs)
        return tuple(dict.fromkeys(tag for tags in every for tag in tags)) if outputs else self.tags

    def ref_of(self, output: RecordedOutput) -> str:
        """Return an output's reference, which needs no number of its own where it is the only one."""
        return self.ref if len(self.outputs) == 1 else f"{self.ref}.{output.number}"

    @property
    def has_answer(self) -> bool:
        """Whether an output that counts is here."""
        return any(one.is_here for one in self.counted)

    def to_json(self) -> dict[str, JSON]:
        """Return the JSON form; what is as it is by default is left out."""
        return {"format": FORMAT, **_without_defaults(self)}

    @classmethod
    def from_json(cls, form: object) -> Record:
        """Return the record in a form that may come from anywhere; StoreTooNew or StoreCorrupt where it is none."""
        if not isinstance(form, dict):
            raise StoreCorrupt("this is not a record")
        if isinstance(version := form.get("format"), int) and version > FORMAT:
            raise StoreTooNew("this record has format {version}, newer than this version reads", version=version)
        try:
            record: Record = msgspec.convert(form, cls)
            _check_names(record)
        except (ValueError, TypeError, RecursionError, OverflowError, ArithmeticError) as problem:
            reason = f"{type(problem).__name__} {problem}"
        else:
            return record
        raise StoreCorrupt("this record cannot be read: {reason}", reason=reason)


def _room_of(one: RecordedOutput) -> int:
    return room_of([one.about, one.handle, list(one.sources)])


def _thin(one: RecordedOutput, room: int) -> RecordedOutput:
    sources = tuple(form for form in one.sources if room_of(form) <= room // 2)  # one that is cut leads elsewhere
    about: Any = clip(one.about, room // 4, printable)
    return replace(one, about=about or {}, handle=clip(one.handle, room // 4), sources=sources[:1])


def _without_defaults(value: Any) -> Any:  # noqa: ANN401 - any field of a record
    if hasattr(value, "__dataclass_fields__"):
        pairs = ((one, getattr(value, one.name)) for one in fields(value) if not one.metadata)
        return {one.name: _without_defaults(part) for one, part in pairs if part != _default_of(one)}
    if isinstance(value, tuple | list):
        return [_without_defaults(one) for one in value]
    if isinstance(value, Mapping):
        return {key: _without_defaults(one) for key, one in value.items()}
    return str(value) if isinstance(value, Decimal) else value


def _default_of(one: Any) -> object:  # noqa: ANN401 - a dataclass's field
    return one.default_factory() if one.default_factory is not MISSING else one.default


def _check_names(record: Record) -> None:
    if not all(is_digest(one.sha256) and is_file_name(one.file) for one in record.outputs if one.sha256 or one.file):
        raise ValueError("an output has no sane digest or file name")


def is_identity(text: str) -> bool:
    """Whether this is an id as records and histories have them."""
    return re.search(_IDENTITY, text) is not None


def is_digest(text: str) -> bool:
    """Whether this is a SHA-256 in hex."""
    return re.fullmatch("[0-9a-f]{64}", text) is not None


def is_file_name(name: str) -> bool:
    """Whether this names a file in a folder, and nothing hidden or elsewhere."""
    is_inside = not name.startswith(".") and not set(name) & set("/\\\n:") and printable(name) == name
    return bool(name) and is_inside and len(name.encode("utf-8", "replace")) <= _NAME_BYTES


# What people see


def generation_of(record: Record, pictures: Path, shown: Sequence[RecordedOutput] | None = None) -> Generation:
    """Return the view of a record that people see; `pictures` holds the originals.

    `shown` are the outputs that it is to have: without a word all that are not in the trash.
    """
    made, here = _made(record), record.shown if shown is None else shown
    tags = record.tags_of(*here)
    return Generation(
        **{name: getattr(record, name) for name in _SHOWN_AS_IT_IS},
        prompt=record.request.prompt,
        created=datetime.fromtimestamp(record.created, UTC),
        model=record.model or record.request.model or "",
        params=dict(record.request.params),
        raw=dict(record.request.raw),
        outputs=tuple(_output_of(record, one, pictures, made) for one in here if one.sha256),
        text="\n\n".join(one.words for one in here if one.words),
        cost=None if record.billed == "no" and record.is_over else record.cost,
        tags=_without_star(tags),
        starred=STAR in tags,
        rerouted=len({one.service for one in record.attempts}) > 1,
    )


def _without_star(tags: Texts) -> Texts:
    return tuple(tag for tag in tags if tag != STAR)


def _output_of(record: Record, one: RecordedOutput, folder: Path, made: Fields) -> Output:
    tags = record.tags_of(one)
    common: dict[str, Any] = {
        **{name: getattr(one, name) for name in _SHOWN_OF_OUTPUT},
        "ref": record.ref_of(one),
        "path": folder / one.file,
        "tags": _without_star(tags),
        "starred": STAR in tags,
        "made": {**made, **({"seed": one.about["seed"]} if "seed" in one.about else {})},
    }
    if one.kind in _OUTPUTS:
        return _OUTPUTS[one.kind](**common)
    return Picture(**common, width=one.width, height=one.height, alt=record.alt or record.request.prompt)


def _made(record: Record) -> dict[str, JSON]:
    request = record.request
    inputs = [{"role": one.role, "id": one.id, "sha256": one.sha256} for one in request.inputs]
    known: Fields = {
        "raw": dict(request.raw),
        "inputs": [{name: value for name, value in one.items() if value} for one in inputs],
        "button": request.button,
        "demo": record.demo,
    }
    of_record = {"id": record.id, "prompt": request.prompt, "model": record.model, "service": record.service}
    return {**of_record, "params": dict(request.params), **{key: value for key, value in known.items() if value}}
