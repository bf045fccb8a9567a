"""One paid call and one free one, and all that came of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import anyio

from faultserver import Send, json_answer
from now_jupyter._json import JSON
from now_jupyter._messages import NowImageError, StoreFull
from now_jupyter._protocol import Call, Event, Reply
from now_jupyter._settings import Key
from now_jupyter._transport import Inputs, LongTexts, RelayClient
from now_jupyter._values import Attempt
from now_jupyter.demo import Relay
from wire import GENERATIONS, MODELS

PATH = GENERATIONS

MODELS_CALL = Call(path=MODELS, method="GET")

ORDER = Call(path=PATH, json={"model": "gpt-image-2", "prompt": '纸船 a "fox"\n\\ 🦊'})

PICTURE = {"created": 1, "data": [{"b64_json": "aGk="}]}

STREAMED = replace(ORDER, expects="events")

OK = [Send(json_answer(PICTURE))]


def no_inputs(sha256: str) -> Path:
    raise TypeError(sha256)


def no_room() -> LongTexts:
    """A place for long texts on a disk that takes none."""
    return LongTexts(lambda: Path("/nowhere/x"))


@dataclass
class Kept:
    """A sink in memory."""

    head: Mapping[str, JSON] | None = None
    data: bytes = b""
    end: str = ""
    fail_at: str = ""
    fail_after: int = 0

    def begin(self, head: Mapping[str, JSON]) -> None:
        self._maybe_fail("begin")
        self.head = head

    def write(self, data: bytes) -> None:
        self._maybe_fail("write")
        self.data += data

    def finish(self) -> None:
        self._maybe_fail("finish")
        self.end = "finished"

    def abandon(self) -> None:
        self.end = self.end or "abandoned"

    def _maybe_fail(self, moment: str) -> None:
        if self.fail_at == moment and len(self.data) >= self.fail_after:
            raise StoreFull("full")


@dataclass
class Outcome:
    """All that came of one paid call."""

    reply: Reply | None = None
    events: list[Event] = field(default_factory=list)
    error: NowImageError | None = None
    sink: Kept = field(default_factory=Kept)
    attempts: list[Attempt] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    left: bytes = b""

    @property
    def phases(self) -> list[str]:
        return [one.phase for one in self.attempts]


def order(
    url: str,
    call: Call = ORDER,
    *,
    key: Key | None = None,
    deadline: float = 30.0,
    sink: Kept | None = None,
    relay: Relay | None = None,
    inputs: Inputs = no_inputs,
    on_attempt: Callable[[Attempt], None] | None = None,
) -> Outcome:
    """Place one order and report what came of it."""
    came = Outcome(sink=sink or Kept())

    async def pause(seconds: float) -> None:
        came.pauses.append(seconds)

    def told(attempt: Attempt) -> None:
        came.attempts.append(attempt)
        if on_attempt:
            on_attempt(attempt)

    async def place() -> None:
        client = RelayClient(base_url=url, key=key, relay=relay, deadline=deadline, sleep=pause, jitter=lambda: 0.0)
        try:
            async with client.submit(
                call, sink=came.sink, texts=no_room(), idempotency_key="one-order", inputs=inputs, on_attempt=told
            ) as submission:
                came.reply = submission.reply
                came.left = submission.content
                while (event := await submission.next()) is not None:
                    came.events.append(event)
        except NowImageError as problem:
            came.error = problem
        finally:
            await client.aclose()
            await client.aclose()

    anyio.run(place)
    return came


def ask(url: str, call: Call, *, key: Key | None = None, relay: Any = None) -> Any:
    """Make one free call; gives the reply or the error."""

    async def at_once(_seconds: float) -> None:
        return None

    async def perform() -> Reply | NowImageError:
        client = RelayClient(base_url=url, key=key, relay=relay, sleep=at_once)
        try:
            return await client.fetch(call)
        except NowImageError as problem:
            return problem
        finally:
            await client.aclose()

    return anyio.run(perform)


PARTIAL = {"type": "image_generation.partial_image", "b64_json": "YQ==", "partial_image_index": 0}


def frames(*events: object, line_end: str = "\n", named: bool = True) -> bytes:
    text = ""
    for event in events:
        name = event.get("type") if isinstance(event, dict) else None
        text += f"event: {name}{line_end}" if named and name else ""
        text += f"data: {event if isinstance(event, str) else json.dumps(event)}{line_end}{line_end}"
    return text.encode()


def made(kind: type[BaseException]) -> BaseException:
    for arguments in (("x",), ("x", "y"), ()):
        try:
            return kind(*arguments)
        except TypeError:
            continue
    raise TypeError(kind)
