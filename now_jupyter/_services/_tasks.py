"""Following a task to its outputs: the same for every dialect that has no surprises of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from .._json import JSON, Fields, Texts, dig, text_of
from .._messages import BadResponseError, RejectedError, TaskFailed, is_error, is_under_way, words_of
from .._protocol import Call, Checkpoint, Conversation, Fetch, Found, Lost, Outcome, Poll, Progress, Reply
from ._decoder import outcome_of, percent_of
from ._finding import outputs_in

__all__ = ["begin_task", "follow_pictures", "follow_task", "poll_task", "standing_of", "task_in"]

_DEAD = ("failure", "failed", "fail", "error", "cancel", "canceled", "cancelled", "expired")
_DONE = ("success", "succeed", "succeeded", "completed", "complete", "done", "finished")
_STATE_KEYS = ("status", "state", "task_status")
_TASK_KEYS = ("task_id", "taskId")
_ACCEPTED = (0, 1, 200, "0", "1", "200", "success", "SUCCESS", "ok")
_PLACES: tuple[tuple[str | int, ...], ...] = ((), ("data",), ("data", 0), ("result",), ("output",), (0,))
_LONGEST_ID = 200


def task_in(body: JSON, *, keys: Texts = ()) -> str:
    """Return the id of the task that runs in place of an output; `keys`: what else this wire calls it.

    A bare `id` counts only where a state stands beside it: answers of all kinds have ids.
    """
    if is_error(body) or (isinstance(body, Mapping) and standing_of(body) == "dead"):
        return ""
    for place in _PLACES:
        fields = dig(body, *place)
        if isinstance(fields, Mapping) and (task := _task_of(fields, keys)):
            return task
    data = dig(body, "data")
    accepted = isinstance(data, str) and any(dig(body, "code") == one for one in _ACCEPTED)
    return _read_id(data) if accepted else ""


def _task_of(fields: Mapping[str, Any], keys: Texts) -> str:
    has_state = any(isinstance(fields.get(key), str) for key in _STATE_KEYS)
    every = (*_TASK_KEYS, *keys, *(("id",) if has_state else ()), *(("request_id",) if is_under_way(fields) else ()))
    return next((task for key in every if (task := _read_id(fields.get(key)))), "")


def _read_id(value: Any) -> str:  # noqa: ANN401 - untrusted JSON
    task = text_of(value)
    return task if len(task) <= _LONGEST_ID and "://" not in task else ""


def begin_task(reply: Reply, memo: Fields, *, keys: Texts = ()) -> Conversation[str]:
    """Return the id of the task that an answer names; it is on disk before anything else happens.

    Raises:
        BadResponseError: it names none.
    """
    if not (task := task_in(reply.body, keys=keys)):
        raise BadResponseError("the service gave no task", advice="look at the relay's log before ordering again")
    yield from Checkpoint(state={**memo, "task": task})
    return task


def follow_task(task: str) -> Conversation[Fields]:
    """Return what is known of a task when it is done.

    Raises:
        TaskFailed: the service gave up on it, and nothing came.
    """
    while True:
        known = yield from Poll(task)
        standing = standing_of(known)
        if standing == "done":
            return known
        if standing == "dead":  # what it gave all the same is kept; that it failed is one output that will not come
            reason = words_of(known) or text_of(known.get("status")) or "?"
            if not any(isinstance(one, Found) for one in outputs_in(known)):
                raise TaskFailed("the task failed: {reason}", reason=reason)
            yield from Lost(reason)
            return known
        yield from Progress(fraction=percent_of(known.get("progress", dig(known, "data", "progress"))))


def follow_pictures(task: str) -> Conversation[Outcome]:
    """Follow a task, and yield the pictures that it made.

    Raises:
        TaskFailed: the service gave up on it.
        BadResponseError: it is done, and no picture is in it.
    """
    known = yield from follow_task(task)
    count = 0
    for one in outputs_in(known):
        count += isinstance(one, Found)
        yield one
    if not count:
        raise BadResponseError(
            "the task is done, and there is no picture in it: {words}",
            advice="%now resume asks once more, free",
            words=words_of(known) or "–",
        )
    return outcome_of(known)


def poll_task(tasks: Texts, *paths: str, base: Literal["api", "host"] = "api") -> Conversation[Fields]:
    """Ask for one task, at the first of these addresses that this relay has; an unknown one is left out."""
    failed: BadResponseError | None = None
    silent: Fields | None = None  # what says nothing of the task
    for path in paths:
        try:
            reply = yield from Fetch(Call(path=path, ids=(tasks[0],), method="GET", base=base))
        except RejectedError:  # the relay does not have the address, or does not know the task
            continue
        except BadResponseError as problem:  # some have nothing but trouble where they have no address
            failed = problem
            continue
        known = reply.body  # unless it is an error that says success by its status
        if isinstance(known, Mapping) and (standing_of(known) != "open" or not is_error(known)):
            if _states_in(known) or standing_of(known) != "open":
                return {tasks[0]: known}
            silent = silent or known
    if silent is not None:
        return {tasks[0]: silent}
    if failed is not None:
        raise failed
    return {}


def _states_in(task: Fields) -> list[str]:
    """Return the words for how a task stands, the outer ones first."""
    places = (dig(task, *place) for place in _PLACES)
    return [word for place in places for key in _STATE_KEYS if (word := text_of(dig(place, key)).lower())]


def standing_of(task: Fields) -> Literal["done", "dead", "open"]:
    """Return how a task stands, wherever the word is; one without a word is done when an output is in it."""
    words = _states_in(task)
    if words and words[0] not in _DONE:
        return "dead" if words[0] in _DEAD else "open"
    if words and all(word in _DONE for word in words):
        return "done"
    if any(isinstance(one, Found) for one in outputs_in(task)):
        return "done"
    inner = next((word for word in words if word not in _DONE), "")  # the outer word is that of the question itself
    return "dead" if inner in _DEAD else "open"
