"""What a record keeps of what was found, and how it is read again, free."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from .._json import Fields, number_of
from .._messages import MaybeBilledError, NowImageError, StoreError, error_of
from .._protocol import Call, Conversation, Crop, Event, Found, LaidBack, Link, Outcome, Reply, Source, Whole
from .._store import Record, RecordedOutput, Store
from .._transport import LongTexts, read_kept

__all__ = [
    "LONGEST_WORDS",
    "announce",
    "complete_error",
    "fetch_again",
    "keep_refusal",
    "place_of",
    "read_kept_answer",
    "repeats_in",
    "with_output",
]

_MULTIPLE_CHOICES = 300

LONGEST_WORDS = 64 << 10  # bytes of words that a record holds; longer ones become a file


def read_kept_answer(store: Store, number: int, texts: LongTexts) -> tuple[Reply, Iterator[Event]] | None:
    """Return the kept answer of a record; None where there is none, it cannot be used, or it is a refusal.

    Raises:
        BadResponseError: it has too many values.
    """
    stored = store.answer(number)
    with suppress(StoreError):
        is_refusal = stored is not None and (number_of(stored.head.get("status")) or 0) >= _MULTIPLE_CHOICES
        return None if stored is None or is_refusal else read_kept(stored.head, stored.pieces(), texts)
    return None


def keep_refusal(store: Store, number: int, error: NowImageError) -> None:
    """Keep what the relay answered when it refused a paid call, where anything came."""
    head, body = error.answered or ({}, b"")
    if body:
        file = store.open_answer(number)
        file.begin(head)
        file.write(body)
        file.finish()
        file.secure()


def complete_error(error: NowImageError, store: Store, record: Record) -> None:
    """Add to an error what support will ask for: the request's id, and where the relay's answer is kept."""
    error.request_id = error.request_id or record.request_id
    if error.kept or error.billed == "no":
        return
    with suppress(StoreError):
        if store.answer(record.number) is not None:
            error.kept = "{ref} is kept in the history, the relay's answer in {answer}"
            error.add_facts(ref=record.ref, answer=f"{store.folder.name}/answers/{record.number}")


def fetch_again(record: Record) -> Conversation[Outcome]:
    """Converse only about the sources that a record kept."""
    missing = [one for one in record.outputs if not one.is_here]
    if not any(one.sources for one in missing) and (missing or not record.outputs):
        if record.error is not None:  # why, is known; nothing new is
            raise error_of(record.error, billed=record.billed)
        raise MaybeBilledError(
            "no answer to {ref} was kept and its service cannot be asked again",
            advice="look at the relay's log; `--fresh` orders again",
            ref=record.ref,
        )
    for one in record.outputs:
        sources = tuple(source for form in one.sources if (source := source_from_json(form)) is not None)
        yield from Found(
            key=one.key,
            kind=one.kind,
            sources=sources,
            words=one.words,
            is_side=one.is_side,
            about=one.about,
            handle=one.handle,
        )
    return Outcome(expected=record.expected, buttons=record.buttons, usage=record.usage or {})


def source_to_json(source: Source) -> Fields | None:
    """Return what a record keeps of a source; None for bytes, which the kept answer holds."""
    match source:
        case Link(url):
            return {"link": url}
        case Call():
            call = {"path": source.path, "ids": list(source.ids), "base": source.base}
            return {"call": {**call, "query": dict(source.query), "headers": dict(source.headers)}}
        case Crop(of, box):
            return {"crop": {"of": of, "box": [float(edge) for edge in box]}}
        case LaidBack(of):
            return {"laid_back": of}
        case Whole():
            return {"whole": True}
        case _:
            return None


def source_from_json(form: Fields) -> Source | None:
    """Return the source of a record; None where it is none that we know."""
    match form:
        case {"link": str(url)}:
            return Link(url)
        case {"call": dict() as call} if isinstance(path := call.get("path"), str):
            return _call_from_json(path, call)
        case {"crop": {"of": str(of), "box": [float(left), float(top), float(right), float(bottom)]}}:
            return Crop(of, (left, top, right, bottom))
        case {"laid_back": str(of)}:
            return LaidBack(of)
        case {"whole": True}:
            return Whole()
        case _:
            return None


def _call_from_json(path: str, form: Mapping[str, Any]) -> Call:
    """Return a free call again; a record may come from anywhere, so only a GET is made of it."""
    return Call(
        path=path,
        ids=tuple(str(one) for one in form.get("ids") or ()),
        method="GET",
        base="host" if form.get("base") == "host" else "api",
        query=_texts(form.get("query")),
        headers=_texts(form.get("headers")),
        expects="file",
    )


def _texts(form: object) -> Mapping[str, str]:
    return {str(name): str(value) for name, value in form.items()} if isinstance(form, Mapping) else {}


def announce(found: Found, *, number: int) -> RecordedOutput:
    """Return what the record says of an output before it is here."""
    forms = (source_to_json(source) for source in found.sources)
    return RecordedOutput(
        key=found.key,
        number=number,
        kind=found.kind,
        is_side=found.is_side,
        about={name: value for name, value in found.about.items() if value is not None},
        handle=found.handle,
        sources=tuple(form for form in forms if form is not None),
    )


def with_output(record: Record, output: RecordedOutput) -> Record:
    """Return the record with this output in its place; what brought an output was billed."""
    outputs = (*(one for one in record.outputs if one.key != output.key), output)
    return replace(record, outputs=tuple(sorted(outputs, key=lambda one: one.number)), billed="yes")


def repeats_in(record: Record, expected: int) -> tuple[RecordedOutput, ...]:
    """Return the outputs that are the same files as what was given, or as others, beyond those that were asked for."""
    given = {one.sha256 for one in record.request.inputs} - {""}
    echoes = [one for one in record.counted if one.sha256 in given]
    made = [one for one in record.counted if one.sha256 and one.sha256 not in given]
    first = {one.sha256: one for one in reversed(made)}
    again = [one for one in made if first[one.sha256] is not one]
    return tuple([*echoes, *reversed(again)][: max(0, len(record.counted) - max(expected, 1))])


def place_of(found: Found, record: Record) -> int:
    """Return the number of a new output: those that count come first, those that only come along after all others."""
    taken = {one.number for one in record.outputs}
    first = 1 if not found.is_side else max(record.expected, len(record.counted)) + 1
    return next(number for number in range(first, first + len(taken) + 1) if number not in taken)
