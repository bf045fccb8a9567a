"""The way of a click that orders: it buys once, never reuses, and asks before it may pay for the same thing twice."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .._messages import InputError, MaybeBilledError
from .._orders import Order, order_again
from .._services import request_again
from .._session import Session
from .._store import Record
from .._values import Input, Request, Role
from ._attachments import Attachments
from ._draft import order_from
from ._jobs import JobBoard
from ._messages import Message
from ._rpc import Answer, Asked

__all__ = ["VERBS", "Ordering"]

VERBS = ("again", "vary", "press")
"""What is ordered from a picture itself, without the form."""

_REMEMBERED = 1000
_DOUBLE_CLICK_MS = 800.0
_PRICE = "price"
_REPEAT = {"repeat": True}


class Ordering:
    """Places the orders of one panel; used on one worker thread."""

    def __init__(self, session: Session, board: JobBoard, attachments: Attachments) -> None:
        self._session = session
        self._board = board
        self._attachments = attachments
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._last: tuple[str, float] = ("", float("-inf"))

    def order(self, message: Message) -> Answer:
        """Place the order of a click on "Generate".

        Raises:
            Asked: the user's word is needed first.
            InputError: the draft cannot be sent.
        """
        draft = message.fields["draft"]
        return self._place(message, order_from(draft, self._attachments.given(draft)))

    def act(self, message: Message) -> Answer:
        """Order from a picture what one of `VERBS` says.

        Raises:
            Asked: the user's word is needed first.
            InputError: it cannot be done with this picture.
        """
        record = self._session.history.record(message.fields["number"])
        make = {"again": self._again, "vary": self._vary, "press": self._press}[message.action]
        return self._place(message, make(record, message.fields))

    def _again(self, record: Record, _: Mapping[str, Any]) -> Order:
        """Return the same request; of one that went out in several calls, the share of this one."""
        order = order_again(record)
        request = order.request
        if request.button is not None:
            given = [(one.role, name) for one, name in self._session.history.inputs_of(request)]
            if not all(name for _, name in given):
                raise InputError("what this was made from is not in this history", advice="press the button there")
            return replace(order, request=replace(request, inputs=()), given=tuple(given))
        if request.count > record.share:
            request = replace(request, params={**request.params, "n": record.share})
        return replace(order, request=request, alt=record.alt)

    def _vary(self, record: Record, fields: Mapping[str, Any]) -> Order:
        one = self._attachments.of_picture(record, fields["output"])
        wanted = Request(inputs=(Input(role="vary", id=one.sha256),))
        request = replace(request_again(wanted, record.model, record.service), inputs=())
        alt = record.alt or record.request.prompt
        return Order(request=request, given=(("vary", one.ref),), reuse="never", alt=alt)

    def _press(self, record: Record, fields: Mapping[str, Any]) -> Order:
        request = Request(prompt=fields["prompt"], button=fields["label"], model=record.model)
        given: list[tuple[Role, object]] = [("press", record.ref)]
        given += [("mask", self._attachments.path_of(one)) for one in fields["masks"]]
        return Order(request=request, given=tuple(given), reuse="never")

    def _place(self, message: Message, order: Order) -> Answer:
        """Place an order; the same message, or the second half of a double click, places none."""
        mark, agreed = f"{order.request.fingerprint()} {order.given}", frozenset(message.fields["agreed"])
        if self._is_repeat(message, mark):
            return _REPEAT
        self._ask_first(order, agreed)
        self._remember(message, mark)
        job = self._session.place(replace(order, agreed=_PRICE in agreed, settles=agreed - {_PRICE}))
        return {"job": self._board.add(job, order.request.prompt or order.alt or order.request.button or "")}

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
