"""How a record ends (design.md §5, End): decided here, from the record, the outcome and the error, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

from .._json import JSON
from .._messages import (
    BadResponseError,
    Billed,
    Failure,
    MaybeBilledError,
    NowImageError,
    StoreError,
    TaskFailed,
    TaskLost,
    TaskNeedsAction,
    TaskStillPending,
    failure_of,
    some_words,
)
from .._protocol import Outcome
from .._store import Record
from .._values import Status

__all__ = ["decide_end", "error_of_abandoned", "error_of_lost", "error_of_need", "is_settled_by"]

_OF_A_TASK = (TaskFailed, TaskLost, TaskNeedsAction, TaskStillPending)


def decide_end(record: Record, outcome: Outcome, error: NowImageError | None, *, lost: NowImageError | None) -> Record:
    """Return the record as it ends; `error` ended the conversation, `lost` tells of an output that is not here."""
    expected = max(outcome.expected or record.expected, 0)
    billed = _billed_at_end(record, error)
    ended = replace(
        record,
        billed=billed,
        expected=expected,
        needs=outcome.needs,
        usage=outcome.usage or record.usage,
        buttons=outcome.buttons or record.buttons,
        answered_by=outcome.model or record.answered_by,
    )
    status = _status_at_end(ended, error, lost)
    return replace(ended, status=status, error=_failure_at_end(ended, error or lost, status))


def _billed_at_end(record: Record, error: NowImageError | None) -> Billed:
    """Return what is known of the money: what a record says is lowered only by a verdict on the order itself."""
    if record.outputs:
        return "yes"
    if error is None or isinstance(error, StoreError):
        return record.billed
    return error.billed if is_settled_by(record, error) else record.billed


def is_settled_by(record: Record, error: NowImageError) -> bool:
    """Whether an error is a verdict on the order: with a checkpoint, only the service's word on the task is one."""
    return record.state is None or isinstance(error, _OF_A_TASK)


def _status_at_end(record: Record, error: NowImageError | None, lost: NowImageError | None) -> Status:
    """Return how a record ends; what can still be collected never ends as failed."""
    counted = record.counted
    is_whole = all(one.is_here for one in record.outputs)
    if error is None and lost is None and is_whole and counted and len(counted) >= record.expected and not record.needs:
        return Status.DONE
    if counted:
        return Status.PARTIAL
    if record.needs or isinstance(error, TaskStillPending | TaskNeedsAction):
        return Status.PENDING
    if record.state is not None and (error is None or not is_settled_by(record, error)):
        return Status.PENDING
    return Status.UNKNOWN if record.billed != "no" else Status.FAILED


def _failure_at_end(record: Record, error: NowImageError | None, status: Status) -> Failure | None:
    if status is Status.DONE:
        return None
    if error is not None:
        return failure_of(error)
    if problem := next((one.error for one in record.outputs if one.error and not one.is_here), None):
        return problem
    here = sum(one.is_here for one in record.counted)
    if here < record.expected:
        return failure_of(BadResponseError("asked for {expected}, got {here}", expected=record.expected, here=here))
    return None


def error_of_lost(reason: JSON) -> NowImageError:
    """Return the error of an output that will not come, with what the relay says of it."""
    return BadResponseError(
        "an output will not come; the relay says: {words}", billed="yes", words=some_words(reason) or "?"
    )


def error_of_abandoned(record: Record) -> NowImageError:
    """Return the error of an order that was sent and had to be left because the session was closed."""
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


def error_of_need(record: Record, outcome: Outcome) -> NowImageError | None:
    """Return the error of an order that waits for the user's word; None where it waits for nothing."""
    if not outcome.needs:
        return None
    return TaskNeedsAction(
        "the service waits for your decision: {needs} ({buttons})",
        advice="%nowimage --button LABEL -i {ref} decides",
        needs=outcome.needs,
        buttons=", ".join(one.label for one in outcome.buttons),
        ref=record.ref,
    )
