"""The way of a click on "Generate": it buys once, never reuses, and asks before it may pay for the same thing twice."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .._messages import InputError, MaybeBilledError
from .._options import checked_prompt
from .._orders import Job, Order
from .._session import Session
from ._draft import Draft, order_from
from ._jobs import JobBoard
from ._messages import Message
from ._pictures import picture_at
from ._rpc import Answer, Asked

__all__ = ["VERBS", "Ordering", "verbs_of"]

VERBS = ("edit", "vary", "press")
"""The session's verbs for one picture (design.md §2.2); each takes its reference and gives a `Job`."""

_REMEMBERED = 1000
_DOUBLE_CLICK_MS = 800.0
_PRICE = "price"
_REPEAT = {"repeat": True}


class Ordering:
    """Places the orders of one panel; used on one worker thread."""

    def __init__(self, session: Session, board: JobBoard) -> None:
        self._session = session
        self._board = board
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._last: tuple[str, float] = ("", float("-inf"))

    def order(self, message: Message) -> Answer:
        """Place the order of a click; the same message, or the second half of a double click, places none.

        Raises:
            Asked: the user's word is needed first.
            InputError: the draft cannot be sent.
        """
        order = order_from(message.fields["draft"])
        mark, agreed = order.request.fingerprint(), frozenset(message.fields["agreed"])
        if self._is_repeat(message, mark):
            return _REPEAT
        self._ask_first(order, agreed)
        self._remember(message, mark)
        job = self._session.place(replace(order, agreed=_PRICE in agreed, settles=agreed - {_PRICE}))
        return {"job": self._board.add(job, order.request.prompt)}

    def act(self, message: Message) -> Answer:
        """Do with a picture what the session has a verb for (`VERBS`), once for each click.

        Raises:
            InputError: the session has no such verb, or the draft has no prompt to edit by.
        """
        fields, verb = message.fields, message.action
        given = {"press": fields.get("label"), "edit": fields.get("draft")}.get(verb)
        mark = f"{verb} {fields['number']} {fields.get('place', '')} {given}"
        if self._is_repeat(message, mark):
            return _REPEAT
        if verb not in verbs_of(self._session):
            raise InputError("this session cannot do that with a picture")
        words = [checked_prompt(given.prompt)] if isinstance(given, Draft) else [given] if given else []
        self._remember(message, mark)
        job = getattr(self._session, verb)(self._ref(fields), *words)
        return {"job": self._board.add(job, words[0] if words else "")} if isinstance(job, Job) else {}

    def _ref(self, fields: Mapping[str, Any]) -> str:
        record = self._session.history.record(fields["number"])
        return record.ref_of(picture_at(record, fields["place"])) if "place" in fields else record.ref

    def _is_repeat(self, message: Message, mark: str) -> bool:
        last, at = self._last
        return message.id in self._seen or (last == mark and abs(message.fields["at"] - at) < _DOUBLE_CLICK_MS)

    def _remember(self, message: Message, mark: str) -> None:
        self._last = (mark, message.fields["at"])
        self._seen[message.id] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)

    def _ask_first(self, order: Order, agreed: frozenset[str]) -> None:
        """Ask about equal orders of unknown outcome, which one with `reuse="never"` settles, and about the price."""
        language = self._session.settings().language
        rehearsal = self._session.rehearse(order)
        if refs := [ref for ref in rehearsal.unsettled if ref not in agreed]:
            error = MaybeBilledError(
                "{ref} is the same order and may have been billed",
                advice="%now resume looks for it, free",
                kept="{ref} is kept in the history",
                ref=", ".join(refs),
            )
            raise Asked(error.of_order().in_language(language).lines(), [*agreed, *refs])
        if rehearsal.doubt is not None and _PRICE not in agreed:
            raise Asked([rehearsal.doubt.in_language(language).message()], [*agreed, _PRICE])


def verbs_of(session: Session) -> list[str]:
    """Return what can be done with a picture here: a verb that the session has not is not offered."""
    return [verb for verb in VERBS if callable(getattr(session, verb, None))]
