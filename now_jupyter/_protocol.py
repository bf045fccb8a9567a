"""The steps of an engine's conversation, and what comes back for each.

An engine yields these frozen values and receives the answers; the runner performs them. No step holds a key, a host
or a client: a `Call` is relative to the configured address.

    Submit      paid, performed at most once       → Reply (`streamed`: its events follow, one per Next)
    Next        the next event of that stream      → Event, or None at its end
    Fetch       free, may be repeated              → Reply
    Poll        free, batched by the runner        → the task's data, or None where the service does not know it
    Wait        seconds                            → None
    Progress    for the eye only                   → None
    Checkpoint  durable before the next step       → None
    Found       a picture; saved while we go on    → None
    Need        the user must decide               → does not return
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from ._json import JSON
from ._values import Button, Request

__all__ = [
    "Answer",
    "Call",
    "Checkpoint",
    "Conversation",
    "Engine",
    "Event",
    "Fetch",
    "Found",
    "Need",
    "Next",
    "Outcome",
    "Poll",
    "Progress",
    "Reply",
    "Step",
    "Submit",
    "TaskEngine",
    "Wait",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to the relay; `path` begins with `/` and is relative to the host root."""

    path: str
    method: Literal["GET", "POST"] = "GET"
    body: Mapping[str, JSON] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A complete answer of the relay, or the head of a stream.

    `body` is the parsed JSON (None where it is none), `raw` the bytes where they are not JSON. An answer that is an
    error by its status never becomes a Reply: it is raised in the engine as an error of ours.
    """

    status: int
    media_type: str = ""
    body: JSON = None
    raw: bytes = b""
    request_id: str | None = None
    streamed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One server-sent event: its type (from `event:` or the JSON itself) and its data (parsed where it is JSON)."""

    type: str
    data: JSON


@dataclass(frozen=True, slots=True)
class Submit:
    """The paid call; performed once, never repeated after a byte may have gone out."""

    call: Call
    stream: bool = False


@dataclass(frozen=True, slots=True)
class Next:
    """Ask for the next event of the stream that the Submit opened."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """A free call."""

    call: Call


@dataclass(frozen=True, slots=True)
class Poll:
    """Ask how a task is doing; many tasks share one call (`TaskEngine.poll_call`)."""

    task: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Let time pass, in seconds."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far it is: a fraction of 1 where known, a partial picture (encoded bytes) where the service gives one."""

    fraction: float | None = None
    preview: bytes | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What `resume` needs later; on disk before the engine goes on."""

    state: Mapping[str, JSON]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A picture as the service gives it: link, base64 text (also a `data:` URI) or bytes, in their order."""

    source: str | bytes
    encoding: Literal["url", "base64", "bytes"] = "url"
    revised_prompt: str | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Need:
    """The service waits for a decision that only the user can take."""

    kind: str
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an engine returns at its end. `expected` says how many pictures were asked for."""

    expected: int | None = None
    created: float | None = None
    usage: Mapping[str, JSON] | None = None
    buttons: Sequence[Button] = field(default=())


Step: TypeAlias = Submit | Next | Fetch | Poll | Wait | Progress | Checkpoint | Found | Need
Answer: TypeAlias = "Reply | Event | JSON"
Conversation: TypeAlias = Generator[Step, "Answer", Outcome]


class Engine(Protocol):
    """One service's way of making pictures, as a conversation without I/O."""

    @property
    def name(self) -> str:
        """The service's name: `--service NAME`."""

    def start(self, request: Request, *, model: str, partials: int = 0) -> Conversation:
        """Begin: from the request to its pictures; `partials` is how many unfinished ones are welcome on the way."""


class TaskEngine(Engine, Protocol):
    """An engine whose service works on tasks: they are polled, and can be taken up again later."""

    def resume(self, request: Request, state: Mapping[str, JSON], *, model: str) -> Conversation:
        """Go on from a `Checkpoint` without paying."""

    def poll_call(self, tasks: Sequence[str]) -> Call:
        """Make the one call that asks for all of these tasks."""

    def poll_answer(self, reply: Reply) -> Mapping[str, JSON]:
        """Sort the answer by task; a task that the service does not know is left out."""
