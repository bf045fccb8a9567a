"""The client of the relay: free calls that are repeated, and the paid call that is not.

The paid POST is sent again only where it provably was not sent (no connection came about) or was refused by a rate
limit; everything else that goes wrong once a byte may have gone out is raised as `MaybeBilledError`, never repeated.
Each paid call has a connection of its own and one deadline over everything, streams included. What a success (by
status) says is the service's to read, an error in it included.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from contextlib import ExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import anyio
import httpx

from .._background import Turns
from .._messages import BadResponseError, ConnectFailed, NowImageError, RateLimitError
from .._protocol import Call, Event, Reply
from .._settings import Key, Redactor
from .._values import Attempt
from ._addresses import origin_of
from ._answers import Answer, Sink
from ._connections import ConnectionPool, RequestTrace
from ._decoding import EventDecoder, TooManyValuesError, file_type, is_stream, read_reply
from ._error_responses import refusal_error, wait_asked
from ._exception_map import UNTRUSTED, free_error, from_network, paid_error, send_error
from ._long_texts import SAID_CAP, Cutter, LongTexts, Said
from ._private_files import private_file, restart, write
from ._readiness import MOST_LOOKS, NOT_READY, Patience, ensure_ready, not_ready
from ._requests import Inputs, open_body, url_of
from ._retries import Deadline, Retries

if TYPE_CHECKING:
    from ..demo import Relay

__all__ = ["CONNECT_SECONDS", "RelayClient", "Submission"]

T = TypeVar("T")

PAID_REPEATS, FREE_REPEATS = 2, 3
FREE_SECONDS = 30.0
FILE_SECONDS = 120.0
CONNECT_SECONDS = 10.0
ERROR_CAP = 64 << 10
_OPENING_SECONDS = 30.0  # for name, proxy, connection and TLS together
_ERROR_SECONDS = 10.0  # for the body of a refusal, whose status is known already
_LEAVING_SECONDS = 2.0  # for the end of a stream that nobody waits for
_LARGEST_FILE = 64 << 20
_EVENT_PEEK, _FILE_PEEK = 8, 4096  # bytes that tell events from JSON, and one file from another
_TOO_MANY = 429
_SERVER_ERROR = 500
_HEADERS = {
    "Accept": "application/json, text/event-stream, image/*, */*;q=0.5",
    "Accept-Encoding": "identity",
    "User-Agent": "now-jupyter",
}


@dataclass(frozen=True, slots=True)
class Submission:
    """The answer to a paid call: `reply` at once, then its events where it is a stream.

    Of an answer that is a file the sink has the bytes; `content` are those that it did not take, where it failed.
    """

    reply: Reply
    events: AsyncGenerator[Event, None]
    content: bytes = b""

    async def next(self) -> Event | None:
        """Return the next event; None at the end and of what is no stream; a MaybeBilledError where it broke off."""
        return await anext(self.events, None)


class RelayClient:
    """Talks to one relay: `base_url` as `normal_base_url` gives it, or a `relay` in this process."""

    def __init__(  # noqa: PLR0913 - time and chance are handed in, so that tests need not wait
        self,
        *,
        base_url: str,
        key: Key | None = None,
        relay: Relay | None = None,
        deadline: float = 600.0,
        connecting: float = CONNECT_SECONDS,
        largest_file: int = _LARGEST_FILE,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.origin = origin_of(base_url)
        self.repeats_key = Redactor(key).is_in  # whether bytes that came from somewhere hold the key
        self.base_url = base_url
        self._deadline = deadline
        self._connecting = connecting
        self._largest_file = largest_file
        self._sleep = sleep
        self._jitter = jitter
        self._pool = ConnectionPool(base_url=base_url, key=key, relay=relay)
        self.proxy = self._pool.proxy
        self.aclose = self._pool.aclose

    def url_of(self, call: Call) -> str:
        """Return the whole address that a call goes to; an InputError where it would not be the relay's."""
        return str(url_of(call, self.base_url))

    async def fetch(
        self, call: Call, *, inputs: Inputs = Path, texts: LongTexts | None = None, once: bool = False
    ) -> Reply:
        """Make a free call, again where that may help, unless `once`; whatever goes wrong, nothing was billed.

        Without a place for long texts the whole answer is no longer than what one says.
        """

        async def read(answer: Answer) -> Reply:
            async with aclosing(answer):
                return (await _read(answer, texts)).reply

        cap, most = None if texts else SAID_CAP, 0 if once else FREE_REPEATS
        return await self._send(call, read, seconds=FREE_SECONDS, inputs=inputs, cap=cap, most=most)

    async def download(self, call: Call, path: Path, *, inputs: Inputs = Path) -> str:
        """Make a free call whose answer is a file, write it to `path`, and return its media type.

        Where that fails, the file is gone again.
        """
        with private_file(path) as file:

            async def save(answer: Answer) -> str:
                async with aclosing(answer):
                    restart(file)
                    async for piece in answer.pieces:
                        write(file, piece)
                mime = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
                if answer.status in NOT_READY:
                    raise not_ready(answer.status)
                ensure_ready(file, mime)
                return mime

            return await self._send(call, save, seconds=FILE_SECONDS, inputs=inputs, cap=self._largest_file)

    @asynccontextmanager
    async def submit(  # noqa: PLR0913 - what surrounds one paid call
        self,
        call: Call,
        *,
        sink: Sink,
        texts: LongTexts,
        idempotency_key: str,
        inputs: Inputs = Path,
        on_attempt: Callable[[Attempt], None] | None = None,
    ) -> AsyncIterator[Submission]:
        """Make a paid call, and give its answer; `on_attempt` is told how far each attempt came.

        The `billed` of an error tells what is known of the money.
        """
        answer = await self._send(
            replace(call, headers={**call.headers, "Idempotency-Key": idempotency_key}),
            _pass_on,
            seconds=self._deadline,
            inputs=inputs,
            is_paid=True,
            most=PAID_REPEATS,
            on_attempt=on_attempt,
            cap=self._largest_file if call.expects == "file" else None,
            sink=sink,
        )
        async with aclosing(answer):
            submission = await _read(answer, texts)
            async with aclosing(submission.events):
                yield submission
                with anyio.move_on_after(_LEAVING_SECONDS), suppress(NowImageError):
                    while await submission.next() is not None:  # so that a complete answer is kept as one
                        pass

    async def _send(  # noqa: PLR0913 - all that free and paid calls differ in
        self,
        call: Call,
        use: Callable[[Answer], Awaitable[T]],
        *,
        seconds: float,
        inputs: Inputs,
        most: int = FREE_REPEATS,
        is_paid: bool = False,
        on_attempt: Callable[[Attempt], None] | None = None,
        cap: int | None = None,
        sink: Sink | None = None,
    ) -> T:
        """Send a call, again where that may help, and return what `use` makes of its answer."""
        until = Deadline(seconds)
        may_help = Patience(most, partial(_may_help, is_paid=is_paid))
        retries = Retries(most=MOST_LOOKS, may_help=may_help, until=until, sleep=self._sleep, jitter=self._jitter)
        url = url_of(call, self.base_url)
        with ExitStack() as undo:
            body = await open_body(call, inputs, undo)

            async def attempt() -> T:
                trace = RequestTrace(on_attempt)
                request = httpx.Request(
                    call.method,
                    url,
                    headers={**_HEADERS, **(body.headers if body else {}), **call.headers},
                    content=body,
                    extensions={"timeout": {"connect": self._connecting}, "trace": trace},
                )
                exchange = _Exchange(
                    pool=self._pool,
                    trace=trace,
                    until=until,
                    is_paid=is_paid,
                    retries=retries,
                    expects=call.expects,
                    cap=cap,
                    sink=sink,
                )
                return await use(await exchange.send(request))

            return await retries.run(attempt)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Exchange:
    """One attempt at one call: a request goes out, and an answer begins or an error says why not."""

    pool: ConnectionPool
    trace: RequestTrace
    until: Deadline
    is_paid: bool
    retries: Retries
    expects: str
    cap: int | None
    sink: Sink | None

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
            judge=partial(free_error, seconds=_ERROR_SECONDS) if is_refusal else self._judge,
            redactor=Redactor(self.pool.key),
            billed="maybe" if self.is_paid else "no",
            cap=ERROR_CAP if is_refusal else self.cap,
            expects=self.expects,
            sink=None if is_refusal else self.sink,
            at_end=(lambda: None) if is_refusal else partial(self.trace.note, phase="answered"),
        )
        self.trace.note(phase="answering", status=answer.status, request_id=answer.request_id)
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
        error.answered = (answer.head, bytes(body)) if self.is_paid else None
        if isinstance(error, RateLimitError):
            self.retries.asked = wait_asked(answer.headers)
        self.trace.note(error=type(error).__name__)
        return error

    def _judge(self, problem: Exception) -> NowImageError:
        attempt = self.trace.attempt
        seconds = self.until.seconds
        if attempt.phase == "connecting":
            error = send_error(problem, host=self.pool.host, proxy=self.pool.proxy)
        elif not self.is_paid:
            error = free_error(problem, seconds=seconds)
        else:
            has_begun = attempt.phase == "answering"
            error = paid_error(problem, seconds=seconds, has_begun=has_begun, request_id=attempt.request_id)
        self.trace.note(error=type(error).__name__)
        return error


async def _pass_on(answer: Answer) -> Answer:
    return answer


def _may_help(error: NowImageError, *, is_paid: bool) -> bool:
    """Whether a call is repeated; what is paid for, only where it certainly was not taken."""
    if isinstance(error, ConnectFailed):
        return error.code != UNTRUSTED and error.status is None
    if is_paid or isinstance(error, RateLimitError):
        return isinstance(error, RateLimitError) and (error.status == _TOO_MANY or not is_paid)
    return isinstance(error, BadResponseError) and (error.status is None or error.status >= _SERVER_ERROR)


async def _read(answer: Answer, texts: LongTexts | None) -> Submission:
    start = await answer.start(_EVENT_PEEK if answer.expects == "events" else _FILE_PEEK)
    if is_stream(answer.head, start):
        if answer.expects == "events" and texts is not None:
            answer.leave_the_rest()
            return Submission(Reply(media_type="text/event-stream", streamed=True), _live_events(answer, start, texts))
    elif (mime := file_type(answer.head, start := await answer.start(_FILE_PEEK, start))) is not None:
        content = await answer.drain()
        return Submission(Reply(media_type=mime, is_file=True), _each(()), content=content)
    said = await answer.rest(start, Said(None if answer.expects == "text" else texts))
    try:
        reply, events = read_reply(answer.head, said)
    except TooManyValuesError as problem:
        raise problem.told(answer.known) from None
    return Submission(reply, _each(events))


async def _live_events(answer: Answer, start: bytes, texts: LongTexts) -> AsyncGenerator[Event, None]:
    cutter, decoder, turns = Cutter(texts), EventDecoder(), Turns()
    for event in decoder.feed(cutter.feed(start)):
        yield event
    while not decoder.is_done and (piece := await anext(answer.pieces, None)) is not None:
        for event in decoder.feed(cutter.feed(piece)):
            await turns.pass_on()
            yield event
    for event in itertools.chain(decoder.feed(cutter.end()), decoder.end()):
        yield event
    if decoder.is_done:
        answer.finish()  # also where the connection stays open


async def _each(events: Iterable[Event]) -> AsyncGenerator[Event, None]:
    for event in events:
        yield event
