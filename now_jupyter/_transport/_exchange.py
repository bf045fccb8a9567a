"""One attempt at one call, and whether there may be another."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import anyio

from .._messages import BadResponseError, ConnectFailed, NowImageError, RateLimitError
from .._protocol import Reply
from .._settings import Key, Redactor
from ._bodies import Inflater
from ._connections import Deadline, Line, Watch
from ._error_responses import error_in, refusal_error, request_id_of, wait_asked
from ._exception_map import CERTIFICATE, broken_off, cut_short, from_network, not_sent
from ._responses import Incoming, Sink

if TYPE_CHECKING:
    import httpx

__all__ = ["Exchange", "Patience", "Peer"]

PAID_REPEATS, FREE_REPEATS = 2, 3
LONGEST_WAIT = 60.0  # that a relay may ask for, each time, before the call is sent again
ERROR_CAP = 64 << 10
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 4.0
_OPENING_SECONDS = 30.0  # for name, proxy, connection and TLS together
_ERROR_SECONDS = 10.0  # for the body of a refusal, whose status is known already
_TOO_MANY = 429
_SERVER_ERROR = 500


class Patience:
    """Decides whether a call is repeated, and when; what is paid for, only where it certainly was not taken.

    `asked` is what the last answer asked to wait.
    """

    def __init__(self, *, paid: bool, jitter: Callable[[], float]) -> None:
        self.paid = paid
        self.asked: float | None = None
        self._jitter = jitter
        self._turn = 0

    def pause(self, error: NowImageError) -> float | None:
        """Give the seconds until the next attempt; None where there is to be none."""
        if self._turn >= (PAID_REPEATS if self.paid else FREE_REPEATS) or not self._may_repeat(error):
            return None
        pause = self._rate_pause() if isinstance(error, RateLimitError) else self._backoff()
        self._turn += 1
        return pause

    def _may_repeat(self, error: NowImageError) -> bool:
        if isinstance(error, ConnectFailed):
            return error.code != CERTIFICATE and error.status is None
        if isinstance(error, RateLimitError):
            return error.status == _TOO_MANY or not self.paid
        is_passing = error.status is None or error.status >= _SERVER_ERROR
        return not self.paid and isinstance(error, BadResponseError) and is_passing

    def _rate_pause(self) -> float | None:
        pause = self._backoff() if self.asked is None else self.asked
        return None if pause > LONGEST_WAIT else pause

    def _backoff(self) -> float:
        return min(_LONGEST_PAUSE, _FIRST_PAUSE * (1 << self._turn) * (1 + self._jitter()))


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

    def without_key(self, body: bytes) -> bytes:
        """Cover the key in what the relay says."""
        return Redactor(self.key).redact(body)

    def refusal(self, status: int, headers: httpx.Headers, body: bytes, *, paid: bool) -> NowImageError:
        """Return the error of a refusal."""
        return refusal_error(status, headers, body, paid=paid, key_source=self._key_source, key=self.key)

    def ensure_no_error(self, reply: Reply, *, paid: bool) -> None:
        """Raise where a reply of success holds an error instead."""
        if error_in(reply.body):
            headers = {"x-request-id": reply.request_id or ""}
            raise refusal_error(reply.status, headers, reply.body, paid=paid, key_source=self._key_source, key=self.key)

    @property
    def _key_source(self) -> str:
        return self.key.source or "Key(…)" if self.key else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One attempt: a request goes out, and an answer begins or an error says why not."""

    peer: Peer
    line: Line
    watch: Watch
    until: Deadline
    patience: Patience
    sink: Sink | None = None

    async def answer(self, request: httpx.Request) -> Incoming:
        """Send the request and give the answer that begins.

        Raises:
            NowImageError: no answer came, or it is a refusal.
        """
        request.extensions = {**request.extensions, "trace": self.watch}
        with ExitStack() as undo:
            undo.callback(self.line.release)
            response = await self._begun(request)
            self.watch.answering(response.status_code, request_id_of(response.headers))
            if not response.is_success:
                await self._refuse(response)
            undo.pop_all()
        return Incoming(
            response,
            until=self.until,
            judge=self._judge,
            paid=self.patience.paid,
            sink=self.sink,
            redactor=Redactor(self.peer.key),
            at_end=self.watch.answered,
            at_close=self.line.release,
        )

    async def _begun(self, request: httpx.Request) -> httpx.Response:
        with from_network(self._judge), self.until.scope(_OPENING_SECONDS) as opening:
            self.watch.at_sending = partial(_prolong, opening, self.until)
            try:
                return await self.line.send(request)
            finally:
                await self.watch.hang_up()

    async def _refuse(self, response: httpx.Response) -> None:
        body = self.peer.without_key(await _error_body(response, self.until))
        self.patience.asked = wait_asked(response.headers)
        error = self.peer.refusal(response.status_code, response.headers, body, paid=self.patience.paid)
        self.watch.failed(error)
        raise error

    def _judge(self, problem: Exception) -> NowImageError:
        error = self._meaning(problem)
        self.watch.failed(error)
        return error

    def _meaning(self, problem: Exception) -> NowImageError:
        if not self.watch.is_sent:
            return not_sent(problem, host=self.peer.host, proxy=self.peer.proxy)
        if not self.patience.paid:
            return cut_short(problem, seconds=self.until.seconds)
        attempt = self.watch.attempt
        has_begun = attempt.phase == "answering"
        return broken_off(problem, seconds=self.until.seconds, has_begun=has_begun, request_id=attempt.request_id)


def _prolong(opening: anyio.CancelScope, until: Deadline) -> None:
    """From the first byte on, the whole deadline counts."""
    opening.deadline = anyio.current_time() + until.left()


async def _error_body(response: httpx.Response, until: Deadline) -> bytes:
    """Read what a refusal says, as far as it comes: its status is enough to judge it."""
    pieces: list[bytes] = []
    inflater = Inflater(response.headers.get("content-encoding", ""), cap=ERROR_CAP, excess=_enough)
    with suppress(NowImageError), from_network(partial(cut_short, seconds=_ERROR_SECONDS)), until.scope(_ERROR_SECONDS):
        async for chunk in response.aiter_raw():
            pieces.extend(inflater.feed(chunk))  # what came before a failure is kept
    with anyio.CancelScope(shield=True):
        await response.aclose()
    return b"".join(pieces)


def _enough() -> NowImageError:
    return BadResponseError("the answer is larger than {size} MiB", size=ERROR_CAP / (1 << 20))
