"""One attempt at one call: a request goes out, and an answer begins or an error says why not."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, aclosing, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import anyio

from .._messages import NowImageError, RateLimitError
from .._settings import Key, Redactor
from ._answers import Answer, Sink
from ._connections import Connection, RequestTrace
from ._error_responses import refusal_error, request_id_of, wait_asked
from ._exception_map import broken_off, cut_short, from_network, not_sent
from ._retries import Deadline

if TYPE_CHECKING:
    import httpx

__all__ = ["ERROR_CAP", "Exchange", "Peer"]

ERROR_CAP = 64 << 10
_OPENING_SECONDS = 30.0  # for name, proxy, connection and TLS together
_ERROR_SECONDS = 10.0  # for the body of a refusal, whose status is known already


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Whom we talk to, for the words of an error; `proxy` without its password."""

    origin: str
    proxy: str | None
    key: Key | None

    @property
    def host(self) -> str:
        """Host and port, as people write them."""
        return self.origin.partition("://")[2]

    @property
    def key_source(self) -> str:
        """Where the key came from."""
        return self.key.source or "Key(…)" if self.key else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What one attempt needs; `asked` is told what a rate limit asks to wait."""

    peer: Peer
    connection: Connection
    trace: RequestTrace
    until: Deadline
    is_paid: bool
    asked: Callable[[float | None], None] = field(repr=False)
    expects: str = "json"
    cap: int | None = None
    sink: Sink | None = None

    async def send(self, request: httpx.Request) -> Answer:
        """Send the request and return the answer that begins.

        Raises:
            NowImageError: no answer came, or it is a refusal.
        """
        request.extensions = {**request.extensions, "trace": self.trace}
        with ExitStack() as undo:
            undo.callback(self.connection.release)
            response = await self._open(request)
            answer = self._receive(response)
            undo.pop_all()  # the answer lets go of the connection
        self.trace.answering(answer.status, request_id_of(answer.headers))
        if not response.is_success:
            await self._refuse(answer)
        return answer

    def _receive(self, response: httpx.Response) -> Answer:
        is_refusal = not response.is_success
        return Answer(
            response,
            until=self.until.within(_ERROR_SECONDS) if is_refusal else self.until,
            judge=partial(cut_short, seconds=_ERROR_SECONDS) if is_refusal else self._judge,
            redactor=Redactor(self.peer.key),
            billed="maybe" if self.is_paid else "no",
            cap=ERROR_CAP if is_refusal else self.cap,
            expects=self.expects,
            sink=None if is_refusal else self.sink,
            at_end=(lambda: None) if is_refusal else self.trace.answered,
            at_close=self.connection.release,
        )

    async def _open(self, request: httpx.Request) -> httpx.Response:
        with from_network(self._judge), self.until.scope(_OPENING_SECONDS) as opening:
            self.trace.at_sending = partial(_prolong, opening, self.until)
            try:
                return await self.connection.send(request)
            finally:
                await self.trace.hang_up()

    async def _refuse(self, answer: Answer) -> None:
        """Read what a refusal says, as far as it comes: its status is enough to judge it."""
        pieces: list[bytes] = []
        async with aclosing(answer):
            with suppress(NowImageError):
                while (piece := await answer.chunk()) is not None:
                    pieces.append(piece)
        error = refusal_error(
            answer.status,
            answer.headers,
            b"".join(pieces),
            paid=self.is_paid,
            key_source=self.peer.key_source,
            redact=Redactor(self.peer.key).redact,
        )
        if isinstance(error, RateLimitError):
            self.asked(wait_asked(answer.headers))
        self.trace.failed(error)
        raise error

    def _judge(self, problem: Exception) -> NowImageError:
        error = self._explain(problem)
        self.trace.failed(error)
        return error

    def _explain(self, problem: Exception) -> NowImageError:
        if not self.trace.is_sent:
            return not_sent(problem, host=self.peer.host, proxy=self.peer.proxy)
        if not self.is_paid:
            return cut_short(problem, seconds=self.until.seconds)
        attempt = self.trace.attempt
        has_begun = attempt.phase == "answering"
        return broken_off(problem, seconds=self.until.seconds, has_begun=has_begun, request_id=attempt.request_id)


def _prolong(opening: anyio.CancelScope, until: Deadline) -> None:
    """From the first byte on, the whole deadline counts."""
    opening.deadline = anyio.current_time() + until.left()
