"""The record of one paid request: all that is known of it, from the intent to the last picture.

A record is written before anything is sent and again at every change; it is the truth of which the index is a copy.
It holds no key and no host. `generation_of` gives the view of it that people see.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Literal, TypeVar

from .._json import JSON
from .._messages import Billed, StoreCorrupt, StoreTooNew, plain
from .._values import Button, Failure, Generation, Money, Picture, Request, Status

__all__ = ["FORMAT", "Attempt", "Kept", "Record", "generation_of", "picture_file"]

FORMAT = 1
_TERMINAL = {Status.DONE, Status.FAILED, Status.CANCELLED}
_HEX = frozenset("0123456789abcdef")
_SUFFIXES = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "image/gif": "gif"}
_LONGEST_TEXT = 1 << 20
_MOST_ITEMS = 1000
_MOST_DIGITS = 30
_LATEST = 2.5e11  # Unix seconds that calendars can still write
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try at sending: when (Unix seconds), how far it came, what the relay said."""

    at: float
    phase: Literal["connecting", "sending", "sent", "answering", "answered"] = "connecting"
    status: int | None = None
    request_id: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One picture announced by the service: kept under its digest, or not (yet), with the reason.

    `link` is there only while the picture is not here, so that it can be fetched again.
    """

    index: int
    sha256: str | None = None
    mime: str = ""
    width: int = 0
    height: int = 0
    size_bytes: int = 0
    revised_prompt: str | None = None
    seed: int | None = None
    link: str | None = None
    error: Failure | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One paid request. `number` 0 means: not yet claimed. Marks (star, tags) are kept beside it, by anyone.

    `relay` tells relays apart by a short digest of their address (empty: not known), so that none is asked for
    another's task.
    """

    id: str
    request: Request
    created: float
    number: int = 0
    status: Status = Status.PENDING
    billed: Billed = "no"
    demo: bool = False
    kernel: str = ""
    cell: str | None = None
    execution: str = ""
    place: int = 0
    model: str = ""
    idempotency_key: str = ""
    name: str | None = None
    alt: str = ""
    tags: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    state: Mapping[str, JSON] | None = None
    kept: tuple[Kept, ...] = ()
    expected: int | None = None
    buttons: tuple[Button, ...] = ()
    usage: Mapping[str, JSON] | None = None
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

    def to_json(self) -> dict[str, JSON]:
        """Give the JSON form; what is empty is left out."""
        form: dict[str, JSON] = {"format": FORMAT, "request": self.request.to_json()}
        for name in self.__slots__:
            value = getattr(self, name)
            if name != "request" and value not in (None, (), "", False):
                form[name] = _plain_json(value)
        return form

    @classmethod
    def from_json(cls, form: object) -> Record:
        """Read a record that may come from anywhere.

        Raises:
            StoreTooNew: it was written by a later version.
            StoreCorrupt: it is not a record.
        """
        if not isinstance(form, dict):
            raise StoreCorrupt("this is not a record")
        if isinstance(version := form.get("format"), int) and version > FORMAT:
            raise StoreTooNew("this record has format {version}, newer than this version reads", version=version)
        try:
            return _read_record(form)
        except (KeyError, TypeError, ValueError, InvalidOperation, RecursionError, OverflowError) as problem:
            reason = f"{type(problem).__name__} {problem}"
        raise StoreCorrupt("this record cannot be read: {reason}", reason=reason)


def picture_file(sha256: str, mime: str) -> str:
    """Name the file of a picture below `pictures/`: two hex digits, the digest, the type's suffix."""
    return f"{sha256[:2]}/{sha256}.{_SUFFIXES.get(mime, 'bin')}"


def generation_of(record: Record, pictures: Path) -> Generation:
    """Give the view of a record that people see; `pictures` is the folder of the originals."""
    made = _made(record)
    kept = [one for one in record.kept if one.sha256]
    return Generation(
        id=record.id,
        ref=record.ref,
        prompt=record.request.prompt,
        model=record.model or record.request.model or "",
        params=dict(record.request.params),
        status=record.status,
        billed=record.billed,
        created=record.created,
        pictures=tuple(
            _picture(record, one, pictures, ref=_picture_ref(record, place, len(kept)), made=made)
            for place, one in enumerate(kept, 1)
        ),
        buttons=record.buttons,
        elapsed=record.elapsed,
        usage=record.usage,
        cost=None if record.billed == "no" and record.is_over else record.cost,
        request_id=record.request_id,
        parents=record.parents,
        name=record.name,
        tags=tuple(tag for tag in record.tags if tag != "*"),
        starred="*" in record.tags,
        demo=record.demo,
        error=record.error,
    )


def _picture_ref(record: Record, place: int, count: int) -> str:
    return record.ref if count == 1 else f"{record.ref}.{place}"


def _picture(record: Record, one: Kept, folder: Path, *, ref: str, made: Mapping[str, JSON]) -> Picture:
    digest = one.sha256 or ""
    return Picture(
        ref=ref,
        sha256=digest,
        path=folder / picture_file(digest, one.mime),
        mime=one.mime,
        width=one.width,
        height=one.height,
        alt=record.alt or record.request.prompt,
        revised_prompt=one.revised_prompt,
        seed=one.seed,
        made={**made, **({} if one.seed is None else {"seed": one.seed})},
    )


def _made(record: Record) -> dict[str, JSON]:
    request = record.request
    made: dict[str, JSON] = {"id": record.id, "prompt": request.prompt, "model": record.model, **_how(request)}
    return made if not record.demo else {**made, "demo": True}


def _how(request: Request) -> dict[str, JSON]:
    return {"service": request.service, "params": dict(request.params), "inputs": list(request.inputs)}


def _plain_json(value: Any) -> JSON:  # noqa: ANN401 - any field of a record
    if isinstance(value, Money):
        return value.to_json()
    if isinstance(value, Attempt | Kept | Button | Failure):
        pairs = ((name, getattr(value, name)) for name in value.__slots__)
        return {name: _plain_json(one) for name, one in pairs if one not in (None, "", {})}
    if isinstance(value, tuple):
        return [_plain_json(one) for one in value]
    return dict(value) if isinstance(value, Mapping) else value


# Reading: nothing in a record is believed before its type is checked.


def _read_record(form: Mapping[str, Any]) -> Record:
    text = _Fields(form)
    return Record(
        id=_identity(form["id"]),
        request=_read_request(form["request"]),
        created=min(max(text.number("created") or 0.0, 0.0), _LATEST),
        number=text.whole("number") or 0,
        status=Status(form.get("status", "pending")),
        billed=_one_of(form.get("billed", "no"), "no", "maybe", "yes"),
        demo=form.get("demo") is True,
        kernel=text.text("kernel") or "",
        cell=text.text("cell"),
        execution=text.text("execution") or "",
        place=text.whole("place") or 0,
        model=text.text("model") or "",
        idempotency_key=text.text("idempotency_key") or "",
        name=text.text("name"),
        alt=text.text("alt") or "",
        tags=text.many("tags", _text),
        parents=text.many("parents", _text),
        attempts=text.many("attempts", _read_attempt),
        state=text.mapping("state"),
        kept=text.many("kept", _read_kept),
        expected=text.whole("expected"),
        buttons=text.many("buttons", _read_button),
        usage=text.mapping("usage"),
        cost=_read_money(form["cost"]) if form.get("cost") else None,
        request_id=text.text("request_id"),
        elapsed=text.number("elapsed"),
        error=_read_failure(form["error"]) if form.get("error") else None,
        settled=form.get("settled") is True,
        relay=text.text("relay") or "",
    )


class _Fields:
    """Typed access to the fields of a JSON object; a wrong type is a ValueError that names the field."""

    def __init__(self, form: object) -> None:
        if not isinstance(form, Mapping):
            raise TypeError("an object is missing")
        self._form = form

    def text(self, name: str) -> str | None:
        value = self._form.get(name)
        return None if value is None else _text(value)

    def number(self, name: str) -> float | None:
        value = self._form.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError(f"{name} is no number")
        return float(value)

    def whole(self, name: str) -> int | None:
        value = self._form.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 53:
            raise ValueError(f"{name} is no whole number")
        return value

    def mapping(self, name: str) -> Mapping[str, JSON] | None:
        value = self._form.get(name)
        if value is not None and not isinstance(value, dict):
            raise ValueError(f"{name} is no object")
        return value

    def many(self, name: str, read: Callable[[Any], T]) -> tuple[T, ...]:
        value = self._form.get(name, [])
        if not isinstance(value, list) or len(value) > _MOST_ITEMS:
            raise ValueError(f"{name} is no list of a sane length")
        return tuple(read(one) for one in value)


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        raise ValueError("a text is missing or too long")
    return value


def _one_of(value: object, *words: Billed) -> Billed:
    for word in words:
        if word == value:
            return word
    raise ValueError("a word is none of those allowed")


def _identity(value: object) -> str:
    text = _text(value)
    if len(text) != 32 or not set(text) <= _HEX:  # noqa: PLR2004 - a UUID in hex
        raise ValueError("the identity is no UUID")
    return text


def _digest(value: str | None) -> str | None:
    if value is not None and (len(value) != 64 or not set(value) <= _HEX):  # noqa: PLR2004 - SHA-256 in hex
        raise ValueError("a digest is none")
    return value


def _read_request(form: object) -> Request:
    fields = _Fields(form)
    return Request(
        prompt=fields.text("prompt") or "",
        model=fields.text("model"),
        service=fields.text("service") or "openai",
        params=fields.mapping("params") or {},
        inputs=fields.many("inputs", _text),
    )


def _read_attempt(form: object) -> Attempt:
    fields = _Fields(form)
    phase = fields.text("phase") or "connecting"
    if phase not in ("connecting", "sending", "sent", "answering", "answered"):
        raise ValueError("an attempt has no known phase")
    return Attempt(
        at=fields.number("at") or 0.0,
        phase=phase,  # type: ignore[arg-type]  # checked above; mypy does not narrow to a Literal
        status=fields.whole("status"),
        request_id=fields.text("request_id"),
        error=fields.text("error"),
    )


def _read_kept(form: Any) -> Kept:  # noqa: ANN401 - a JSON object
    fields = _Fields(form)
    return Kept(
        index=fields.whole("index") or 0,
        sha256=_digest(fields.text("sha256")),
        mime=fields.text("mime") or "",
        width=fields.whole("width") or 0,
        height=fields.whole("height") or 0,
        size_bytes=fields.whole("size_bytes") or 0,
        revised_prompt=fields.text("revised_prompt"),
        seed=_whole_or_none(form),
        link=fields.text("link"),
        error=_read_failure(form["error"]) if fields.mapping("error") else None,
    )


def _whole_or_none(form: Any) -> int | None:  # noqa: ANN401 - a JSON object
    seed = form.get("seed")
    return seed if isinstance(seed, int) and not isinstance(seed, bool) else None


def _read_button(form: object) -> Button:
    fields = _Fields(form)
    return Button(label=fields.text("label") or "", action=fields.text("action") or "")


def _read_money(form: object) -> Money:
    fields = _Fields(form)
    amount = fields.text("amount")
    source = fields.text("source")
    if source not in ("reported", "estimated", "unknown"):
        raise ValueError("an amount has no known source")
    value = None if amount is None else Decimal(amount)
    if value is not None and not (value.is_finite() and abs(value.adjusted()) <= _MOST_DIGITS):
        raise ValueError("an amount is no sane number")  # 1E+999999999 would be written out with all its zeros
    return Money(value, fields.text("currency") or "USD", source)  # type: ignore[arg-type]  # checked above


def _read_failure(form: object) -> Failure:
    fields = _Fields(form)
    return Failure(
        type=fields.text("type") or "NowImageError",
        template=plain(fields.text("template") or ""),
        advice=plain(fields.text("advice") or ""),
        kept=plain(fields.text("kept") or ""),
        facts={name: plain(fact) for name, fact in (fields.mapping("facts") or {}).items()},
        status=fields.whole("status"),
        code=fields.text("code"),
        request_id=fields.text("request_id"),
    )
