"""One attempt at one call: a request goes out, and an answer begins or an error says why not."""

from __future__ import annotations

from contextlib import aclosing, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import anyio

from .._messages import NowImageError, RateLimitError
from .._settings import Redactor
from ._answers import Answer, Sink
from ._connections import ConnectionPool, RequestTrace
from ._error_responses import refusal_error, request_id_of, wait_asked
from ._exception_map import broken_off, cut_short, from_network, not_sent
from ._retries import Deadline, Retries

if TYPE_CHECKING:
    import httpx

__all__ = ["ERROR_CAP", "Exchange"]

ERROR_CAP = 64 << 10
_OPENING_SECONDS = 30.0  # for name, proxy, connection and TLS together
_ERROR_SECONDS = 10.0  # for the body of a refusal, whose status is known already


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What one attempt needs."""

    pool: ConnectionPool
    trace: RequestTrace
    until: Deadline
    is_paid: bool
    retries: Retries
    expects: str = "json"
    cap: int | None = None
    sink: Sink | None = None

    async def send(self, request: httpx.Request) -> Answer:
        """Send the request and return the answer that begins; where none does, or a refusal, raise what it means."""
        with from_network(self._judge), self.until.scope(_OPENING_SECONDS) as opening:
            connect = self.pool.for_paid_call if self.is_paid else self.pool.for_free_call
            whole = anyio.current_time() + self.until.left()  # counts from the first byte on
            self.trace.at_sending = partial(setattr, opening, "deadline", whole)
            try:
                response = await connect().send(request)
            finally:
                await self.trace.hang_up()
        is_refusal = not response.is_success
        answer = Answer(
            response,
            until=Deadline(min(_ERROR_SECONDS, self.until.left())) if is_refusal else self.until,
            judge=partial(cut_short, seconds=_ERROR_SECONDS) if is_refusal else self._judge,
            redactor=Redactor(self.pool.key),
            billed="maybe" if self.is_paid else "no",
            cap=ERROR_CAP if is_refusal else self.cap,
            expects=self.expects,
            sink=None if is_refusal else self.sink,
            at_end=(lambda: None) if is_refusal else partial(self.trace.note, phase="answered"),
        )
        self.trace.note(phase="answering", status=answer.status, request_id=request_id_of(answer.headers))
        if is_refusal:
            raise await self._refuse(answer)
        return answer

    async def _refuse(self, answer: Answer) -> NowImageError:
        """Read what a refusal says, as far as it comes: its status is enough to judge it."""
        body = bytearray()
        async with aclosing(answer):
            with suppress(NowImageError):
                async for piece in answer.pieces:
                    body += piece
        error = refusal_error(
            answer.status,
            answer.headers,
            bytes(body),
            paid=self.is_paid,
            key_source=self.pool.key.source or "Key(…)" if self.pool.key else "",
            redact=Redactor(self.pool.key).redact,
        )
        if isinstance(error, RateLimitError):
            self.retries.asked = wait_asked(answer.headers)
        self.trace.note(error=type(error).__name__)
        return error

    def _judge(self, problem: Exception) -> NowImageError:
        attempt = self.trace.attempt
        seconds = self.until.seconds
        if attempt.phase == "connecting":
            error = not_sent(problem, host=self.pool.host, proxy=self.pool.shown_proxy)
        elif not self.is_paid:
            error = cut_short(problem, seconds=seconds)
        else:
            has_begun = attempt.phase == "answering"
            error = broken_off(problem, seconds=seconds, has_begun=has_begun, request_id=attempt.request_id)
        self.trace.note(error=type(error).__name__)
        return error
