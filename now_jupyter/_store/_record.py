"""The record of one paid call: all that is known of it, from the intent to the last output.

A record is written before anything is sent and again at every change; it is the truth.
It holds the request as typed and whole, what was resolved beside it (service, model, share of n, memo, charge,
expected), what came, and why something did not. It holds no key and no host. `generation_of` gives the view of it that
people see.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import msgspec

from .._json import JSON, Fields, Texts
from .._messages import Billed, Failure, StoreCorrupt, StoreTooNew, plain
from .._values import (
    Attempt,
    Audio,
    Button,
    Document,
    Generation,
    Kind,
    Money,
    Output,
    Picture,
    Request,
    Status,
    Video,
)

__all__ = ["FORMAT", "Record", "RecordedOutput", "generation_of", "is_digest", "is_file_name", "is_identity"]

FORMAT = 1
_TERMINAL = {Status.DONE, Status.FAILED, Status.CANCELLED}
_LONGEST_TEXT = 1 << 20
_MOST_ITEMS = 1000
_DEEPEST = 40
_MOST_DIGITS = 30
_LATEST = 2.5e11  # Unix seconds that calendars can still write
_NAME_BYTES = 255
_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=1 << 53)]
_IDENTITY = r"\A[0-9a-f]{32}\Z"
_Identity: TypeAlias = Annotated[str, msgspec.Meta(pattern=_IDENTITY)]
_MARK = {"is_mark": True}  # filled in from the marks beside the record, and not stored in it
_SHOWN_AS_IT_IS = (
    *("id", "ref", "request", "status", "billed", "created", "service", "buttons", "elapsed", "usage"),
    *("request_id", "parents", "name", "demo", "error"),
)
_OUTPUTS: Mapping[Kind, type[Output]] = {"video": Video, "audio": Audio, "words": Document, "vectors": Document}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedOutput:
    """One output that was announced: here as a file below `pictures/` or as words, or not (yet), with the reason.

    `number` is its place among the outputs, from 1, and never changes; `sources` are there only while it is not here,
    so that it can be fetched again. `about` and `handle` are the service's; `tags` (`*` is the star) and `is_trashed`
    are its marks, there when it was read with them.
    """

    key: str
    number: _Count
    kind: Kind = "picture"
    is_side: bool = False
    file: str = ""
    sha256: str = ""
    mime: str = ""
    width: _Count = 0
    height: _Count = 0
    size_bytes: _Count = 0
    words: str = ""
    about: Fields = field(default_factory=dict)
    handle: JSON = None
    sources: tuple[Fields, ...] = ()
    error: Failure | None = None
    tags: Texts = field(default=(), metadata=_MARK)
    is_trashed: bool = field(default=False, metadata=_MARK)

    @property
    def is_here(self) -> bool:
        """Whether it was saved."""
        return bool(self.sha256 or self.words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One paid call. `number` 0 means: not yet claimed. Marks (star, tags) are kept beside it, by anyone.

    `share` is this call's share of the n of `request`, `expected` how many outputs count, `memo` what its service has
    to know to read the answer, `position` the order's place among the orders of its execution. `relay` tells relays
    apart by a short digest of their address (empty: not known), so that none is asked for another's task.
    """

    id: _Identity
    request: Request
    created: float
    number: _Count = 0
    status: Status = Status.PENDING
    billed: Billed = "no"
    demo: bool = False
    kernel: str = ""
    cell: str | None = None
    execution: str = ""
    position: _Count = 0
    service: str = ""
    model: str = ""
    share: _Count = 1
    memo: Fields = field(default_factory=dict)
    charge: Fields = field(default_factory=dict)
    expected: _Count = 1
    idempotency_key: str = ""
    name: str | None = None
    alt: str = ""
    tags: Texts = ()
    parents: Texts = ()
    attempts: tuple[Attempt, ...] = ()
    state: Fields | None = None
    outputs: tuple[RecordedOutput, ...] = ()
    buttons: tuple[Button, ...] = ()
    needs: str = ""
    usage: Fields | None = None
    cost: Money | None = None
    request_id: str | None = None
    elapsed: float | None = None
    error: Failure | None = None
    settled: bool = False
    relay: str = ""

    @property
    def ref(self) -> str:
        """The number as people write it."""
        return f"#{self.number}"

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen to it by itself or by `resume`."""
        return self.status in _TERMINAL

    @property
    def counted(self) -> tuple[RecordedOutput, ...]:
        """The outputs that count: all but those that only come along."""
        return tuple(one for one in self.outputs if not one.is_side)

    @property
    def shown(self) -> list[RecordedOutput]:
        """The outputs that are here and not in the trash, those that only come along last."""
        here = (one for one in self.outputs if one.is_here and not one.is_trashed)
        return sorted(here, key=lambda one: (one.is_side, one.number))

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
            _check_bounds(form)
            record: Record = msgspec.convert(form, cls)
            _check_names(record)
            record = _make_plain(record)
        except (ValueError, TypeError, RecursionError, OverflowError, ArithmeticError) as problem:
            reason = f"{type(problem).__name__} {problem}"
        else:
            return record
        raise StoreCorrupt("this record cannot be read: {reason}", reason=reason)


def _make_plain(record: Record) -> Record:
    """Return a record without signs that would act where it is shown; a wrong clock is put right."""
    return replace(
        record,
        created=min(max(record.created, 0.0), _LATEST),
        model=plain(record.model),
        service=plain(record.service),
        name=None if record.name is None else plain(record.name),
        tags=tuple(plain(tag) for tag in record.tags),
        buttons=tuple(replace(one, label=plain(one.label)) for one in record.buttons),
        error=_make_failure_plain(record.error) if record.error else None,
        outputs=tuple(
            replace(one, error=_make_failure_plain(one.error)) if one.error else one for one in record.outputs
        ),
    )


def _make_failure_plain(failure: Failure) -> Failure:
    texts: dict[str, Any] = {name: plain(getattr(failure, name)) for name in ("type", "template", "advice", "kept")}
    return replace(failure, **texts, facts={plain(name): plain(value) for name, value in failure.facts.items()})


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


# Reading: a record may come from anywhere, so nothing in it is believed before it is checked, here, once.


def _check_bounds(form: object, depth: int = 0) -> None:
    if isinstance(form, str) and len(form) > _LONGEST_TEXT:
        raise ValueError("a text is too long")
    if isinstance(form, float) and not math.isfinite(form):
        raise ValueError("a number is not finite")
    if not isinstance(form, dict | list):
        return
    if len(form) > _MOST_ITEMS or depth > _DEEPEST:
        raise ValueError("a list or object is too long or too deep")
    for one in form if isinstance(form, list) else (*form, *form.values()):
        _check_bounds(one, depth + 1)


def _check_names(record: Record) -> None:
    amount = record.cost.amount if record.cost else None
    if amount is not None and not (amount.is_finite() and amount >= 0 and abs(amount.adjusted()) <= _MOST_DIGITS):
        raise ValueError("an amount is no sane number")  # 1E+999999999 would be written out with all its zeros
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
    is_inside = not name.startswith(".") and not set(name) & set("/\\\0:")
    return bool(name) and is_inside and len(name.encode("utf-8", "replace")) <= _NAME_BYTES


# What people see


def generation_of(record: Record, pictures: Path) -> Generation:
    """Return the view of a record that people see, without what is in the trash; `pictures` holds the originals."""
    made, here = _made(record), record.shown
    return Generation(
        **{name: getattr(record, name) for name in _SHOWN_AS_IT_IS},
        prompt=record.request.prompt,
        model=record.model or record.request.model or "",
        params=dict(record.request.params),
        raw=dict(record.request.raw),
        outputs=tuple(_output_of(record, one, pictures, made) for one in here if one.sha256),
        text="\n\n".join(one.words for one in here if one.words),
        cost=None if record.billed == "no" and record.is_over else record.cost,
        tags=tuple(tag for tag in record.tags if tag != "*"),
        starred="*" in record.tags,
        rerouted=len({one.service for one in record.attempts}) > 1,
    )


def _output_of(record: Record, one: RecordedOutput, folder: Path, made: Fields) -> Output:
    common: dict[str, Any] = {
        **{name: getattr(one, name) for name in ("key", "sha256", "mime", "size_bytes", "is_side", "about")},
        "ref": record.ref_of(one),
        "path": folder / one.file,
        "made": {**made, **({"seed": one.about["seed"]} if "seed" in one.about else {})},
    }
    if one.kind in _OUTPUTS:
        return _OUTPUTS[one.kind](**common)
    return Picture(**common, width=one.width, height=one.height, alt=record.alt or record.request.prompt)


def _made(record: Record) -> dict[str, JSON]:
    request = record.request
    inputs = [one.id for one in request.inputs]
    known: Fields = {"raw": dict(request.raw), "inputs": inputs, "demo": record.demo}
    of_record = {"id": record.id, "prompt": request.prompt, "model": record.model, "service": record.service}
    return {**of_record, "params": dict(request.params), **{key: value for key, value in known.items() if value}}
