"""From what came to what is kept: pictures judged and stored, answers read again, how a record ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from anyio import to_thread

from .._media import Facts, examine, layout_of, unpack_base64
from .._messages import (
    BadImageError,
    Billed,
    MaybeBilledError,
    NowImageError,
    StoreError,
    TaskFailed,
    TaskLost,
    TaskNeedsAction,
    TaskStillPending,
    class_of_error,
    plain,
)
from .._protocol import Conversation, Event, Found, Outcome, Reply
from .._store import Kept, Record, RescueFolder, Store, read_file
from .._transport import Downloader, replayed
from .._values import Failure, Status

__all__ = [
    "Replay",
    "abandoned",
    "all_brought_home",
    "asked_for",
    "brought_home",
    "ended",
    "failure_of",
    "keep_bytes",
    "keep_file",
    "links_again",
    "rescued",
    "told_of",
]

_STARS = b"*" * 6  # no key that is covered is shorter
_LARGEST_FILE = 256 << 20
_OF_A_TASK = (TaskFailed, TaskLost, TaskNeedsAction, TaskStillPending)


def failure_of(error: NowImageError) -> Failure:
    """Give the part of an error that a record keeps."""
    return Failure(
        type=type(error).__name__,
        message=error.message(),
        advice=error.next_step(),
        status=error.status,
        code=error.code,
    )


def told_of(error: NowImageError) -> str:
    """Say in one line what became of a picture: what happened, and where it is."""
    return " · ".join(part for part in (error.message(), error.kept_where()) if part)


def abandoned(record: Record) -> NowImageError:
    """Give the error of an order that was sent and had to be left because the session was closed."""
    if record.state is not None:
        return TaskStillPending(
            "the session was closed while {ref} was under way",
            advice="%now resume collects it, free",
            ref=record.ref,
        )
    return MaybeBilledError(
        "the session was closed while {ref} was under way",
        advice="%now resume looks for it, free; --fresh orders again",
        ref=record.ref,
    )


def ended(record: Record, outcome: Outcome, error: NowImageError | None, *, cause: NowImageError | None) -> Record:
    """Give the record as it ends; `cause` is the error, or else why a picture could not be kept."""
    expected = outcome.expected or len(record.kept)
    billed = _billed_at_end(record, error)
    return replace(
        record,
        status=_status_at_end(record, error, billed=billed, expected=expected),
        billed=billed,
        expected=expected or None,
        usage=outcome.usage or record.usage,
        buttons=tuple(outcome.buttons) or record.buttons,
        error=_failure_at_end(record, cause, expected=expected),
    )


def _billed_at_end(record: Record, error: NowImageError | None) -> Billed:
    """Say what is known of the money: what a record says is lowered only by a verdict on the order itself."""
    if record.kept:
        return "yes"
    if error is None or isinstance(error, StoreError):
        return record.billed
    if record.state is not None and not isinstance(error, _OF_A_TASK):
        return record.billed
    return error.billed


def _status_at_end(record: Record, error: NowImageError | None, *, billed: Billed, expected: int) -> Status:
    """Say how a record ends; what can still be collected never ends as failed."""
    here = sum(one.sha256 is not None for one in record.kept)
    if here == len(record.kept) and here >= max(expected, 1):
        return Status.DONE
    if record.kept:
        return Status.PARTIAL
    if _goes_on(record, error):
        return Status.PENDING
    return Status.UNKNOWN if billed == "maybe" else Status.FAILED


def _goes_on(record: Record, error: NowImageError | None) -> bool:
    if isinstance(error, TaskStillPending | TaskNeedsAction):
        return True
    return record.state is not None and error is not None and not isinstance(error, _OF_A_TASK)


def _failure_at_end(record: Record, error: NowImageError | None, *, expected: int) -> Failure | None:
    """Say why pictures are missing; None where none is."""
    if error is not None:
        return failure_of(error)
    if problem := next((one for one in record.kept if one.error and not one.sha256), None):
        return Failure(type="DownloadError", message=problem.error or "", advice="%now resume fetches it again, free")
    here = sum(one.sha256 is not None for one in record.kept)
    if here < expected:
        return Failure(type="BadResponseError", message=f"asked for {expected}, got {here}")
    return None


def keep_bytes(store: Store, found: Found, announced: Kept, *, repeats_key: Callable[[bytes], bool]) -> Kept:
    """Keep a picture that came with the answer, byte for byte unless it repeats the key.

    Raises:
        BadImageError: it is none; what came is in quarantine.
        StoreError: it could not be written.
    """
    data: bytes | None = None
    try:
        data = without_key(_bytes_of(found), repeats_key, is_redacted=found.encoding == "bytes")
        facts = examine(data)
    except BadImageError as problem:
        store.quarantine(_raw(found) if data is None else data, reason=problem.message())
        raise
    store.keep_picture(data, mime=facts.mime, sha256=facts.sha256)
    return _kept(announced, facts)


def _raw(found: Found) -> bytes:
    return found.source if isinstance(found.source, bytes) else found.source.encode("utf-8", "replace")


def without_key(data: bytes, repeats_key: Callable[[bytes], bool], *, is_redacted: bool = False) -> bytes:
    """Give a picture as it came; one whose texts repeat the key, or did before it was covered, with only its pixels.

    Raises:
        BadImageError: it is no picture.
    """
    return layout_of(data).bare if repeats_key(data) or (is_redacted and _STARS in data) else data


def keep_file(store: Store, path: Path, announced: Kept, *, repeats_key: Callable[[bytes], bool]) -> Kept:
    """Keep a picture that was fetched into `path`; as `keep_bytes`."""
    data = read_file(path, limit=_LARGEST_FILE)
    if repeats_key(data):
        return keep_bytes(store, Found(source=data, encoding="bytes"), announced, repeats_key=repeats_key)
    del data
    try:
        facts = examine(path)
    except BadImageError as problem:
        store.quarantine(path, reason=problem.message())
        raise
    store.keep_picture(path, mime=facts.mime, sha256=facts.sha256)
    return _kept(announced, facts)


def _kept(announced: Kept, facts: Facts) -> Kept:
    return replace(
        announced,
        sha256=facts.sha256,
        mime=facts.mime,
        width=facts.width,
        height=facts.height,
        size_bytes=facts.size_bytes,
        link=None,
        error=None,
    )


def links_again(record: Record) -> Conversation:
    """A conversation that only fetches the links that a record kept."""
    missing = [one for one in record.kept if one.sha256 is None]
    if not any(one.link for one in missing) and (missing or not record.kept):
        raise MaybeBilledError(
            "no answer to {ref} was kept and its service cannot be asked again",
            advice="look at the relay's log; `--fresh` orders again",
            ref=record.ref,
        )
        yield  # pragma: no cover - makes this a generator
    for one in record.kept:
        yield Found(source=one.link or "", revised_prompt=one.revised_prompt, seed=one.seed)
    return Outcome(expected=record.expected or asked_for(record))


def asked_for(record: Record) -> int | None:
    """Say how many pictures a request asked for, where it says that itself."""
    count = record.request.params.get("n", 1)
    return count if isinstance(count, int) else None


# Where the history cannot take what was paid for


async def rescued(  # noqa: PLR0913 - the picture, where it belongs and what stood in the way
    found: Found,
    announced: Kept,
    error: StoreError,
    *,
    record: Record,
    spill: RescueFolder,
    downloader: Downloader,
    repeats_key: Callable[[bytes], bool],
) -> StoreError:
    """Keep outside of the history a picture that it could not take; give the error that tells where."""
    try:
        data = await downloader.fetch_into_memory(announced.link) if announced.link else _bytes_of(found)
        data = without_key(data, repeats_key)
        mime = examine(data).mime
    except NowImageError:
        return error  # the link stays in the record; what is no picture has nothing to be rescued
    place = await to_thread.run_sync(partial(spill.keep, record.id, announced.index, data, mime=mime))
    if place is None:
        error.rescued = (data,)
        error.kept = "the picture is only in the output and memory of this kernel; make room, then %now resume keeps it"
    else:
        error.facts |= {"spilled": plain(place)}
        error.kept = "the picture is in {spilled}; %now resume brings it into the history"
    return error


def _bytes_of(found: Found) -> bytes:
    return found.source if isinstance(found.source, bytes) else unpack_base64(found.source)


def brought_home(spill: RescueFolder, store: Store, record: Record) -> Record:
    """Take into the history what was rescued of a record elsewhere; what is no picture any more goes to quarantine.

    Raises:
        StoreError: the history still cannot take it; it stays where it is.
    """
    waiting = spill.of(record.id)
    for index, data in sorted(waiting.items()):
        try:
            record = _with_picture(store, record, index, data)
        except BadImageError as problem:
            store.quarantine(data, reason=problem.message())
    if waiting:
        record = _whole_again(record)
        store.write(record)
    if waiting and record.status is Status.DONE:
        store.drop_answer(record.number)
    for index in waiting:
        spill.forget(record.id, index)
    return record


def _with_picture(store: Store, record: Record, index: int, data: bytes) -> Record:
    facts = examine(data)
    store.keep_picture(data, mime=facts.mime, sha256=facts.sha256)
    known = next((one for one in record.kept if one.index == index), Kept(index=index))
    others = (one for one in record.kept if one.index != index)
    kept = sorted((*others, _kept(known, facts)), key=lambda one: one.index)
    return replace(record, kept=tuple(kept), billed="yes", expected=record.expected or asked_for(record))


def _whole_again(record: Record) -> Record:
    """Give a record that fell short only because the history could not take its pictures as it ends now."""
    if record.status is not Status.PARTIAL or record.error is None:
        return record
    if not issubclass(class_of_error(record.error.type), StoreError):
        return record
    return ended(record, Outcome(expected=record.expected), None, cause=None)


def all_brought_home(spill: RescueFolder, store: Store) -> tuple[list[Record], StoreError | None]:
    """Bring home what was rescued of any record of a history, also of settled ones and of those in the trash.

    No relay is needed for it. What a living process works on is left to that; given are the records that have their
    pictures now, and why others have not.
    """
    away = spill.identities()
    records = [*store.records(), *store.trashed()] if away and store.exists else []
    home: list[Record] = []
    problem: StoreError | None = None
    for record in records:
        try:
            if record.id in away and (hold := store.hold(record.number)) is not None:
                with hold:
                    home.append(brought_home(spill, store, _as_it_is(store, record)))
        except StoreError as error:
            problem = error
    return home, problem


def _as_it_is(store: Store, record: Record) -> Record:
    """Read a record again now that nobody else writes it; one in the trash is written by nobody."""
    return next((one for one in store.records() if one.id == record.id), record)


class Replay:
    """A raw answer that was kept, given to the engine again as if it came from the relay."""

    def __init__(self, reply: Reply, events: list[Event]) -> None:
        self.reply = reply
        self._events = iter(events)

    def next(self) -> Event | None:
        """Give the next event, None at the end."""
        return next(self._events, None)

    @classmethod
    def of(cls, store: Store, number: int) -> Replay | None:
        """Read the kept answer of a record; None where there is none or it cannot be used."""
        stored = store.answer(number)
        if stored is None:
            return None
        try:
            reply, events = replayed(stored.head, stored.body())
        except NowImageError:
            return None
        return None if reply is None else cls(reply, events)
