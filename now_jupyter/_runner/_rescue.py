"""What was rescued outside of a history, taken into it once it can be kept there."""

from __future__ import annotations

from .._messages import BadImageError, StoreError, class_of_error
from .._protocol import Outcome
from .._store import Record, RecordedOutput, RescueFolder, Store
from .._values import Status
from ._answers import with_output
from ._saving import keep_data
from ._verdict import decide_end

__all__ = ["recover_all_rescued", "recover_rescued"]


def recover_rescued(rescue: RescueFolder, store: Store, record: Record) -> Record:
    """Take into the history what was rescued of a record; what is no sound file any more goes to quarantine."""
    waiting = rescue.of(record.id)
    if not waiting:
        return record
    for output, data in waiting:
        record = _take(store, record, output, data)
    record = _decide_anew(record)
    store.write(record)
    if record.status is Status.DONE:
        store.drop_answer(record.number)
    for output, _ in waiting:
        rescue.forget(record.id, output.key)
    return record


def _take(store: Store, record: Record, output: RecordedOutput, data: bytes) -> Record:
    """Take one output in; a record that could not be written when it was announced has never heard of it."""
    announced = next((one for one in record.outputs if one.key == output.key), output)
    try:  # whether it repeats the key was looked for when it was rescued
        kept = keep_data(store, record, data, announced, repeats_key=lambda _: False)
    except BadImageError:
        return record  # it is in quarantine
    return with_output(record, kept)


def _decide_anew(record: Record) -> Record:
    """Return a record that fell short only because the history could not take its outputs as it ends now."""
    error = record.error if record.status is Status.PARTIAL else None
    if error is None or not issubclass(class_of_error(error.type), StoreError):
        return record
    return decide_end(record, Outcome(expected=record.expected), None, lost=None)


def recover_all_rescued(rescue: RescueFolder, store: Store) -> tuple[list[Record], StoreError | None]:
    """Bring home what was rescued of any record of a history, also of settled ones and of those in the trash.

    No relay is needed for it. What a living process works on is left to that. Returned are the records that have their
    outputs now, and why others have not.
    """
    away = rescue.identities()
    records = [*store.records(), *store.trashed()] if away and store.exists else []
    home: list[Record] = []
    problem: StoreError | None = None
    for record in records:
        try:
            if record.id in away and (lock := store.hold(record.number)) is not None:
                with lock:
                    home.append(recover_rescued(rescue, store, _read_again(store, record)))
        except StoreError as error:
            problem = error
    return home, problem


def _read_again(store: Store, record: Record) -> Record:
    """Read a record again now that nobody else writes it; one in the trash is written by nobody."""
    return next((one for one in store.records() if one.id == record.id), record)
