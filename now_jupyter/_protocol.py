"""What a service is: a value without I/O that offers, plans, and reads answers as conversations of steps.

A service says what it does for a model (`Offer`), makes the one paid call of an order (`Plan`) and reads its answer as
a generator of steps (`Conversation`). The runner sends the paid call, exactly once, and performs the steps; no step
pays. Nothing here holds a key, a host, a clock or a file: a `Call` is relative to the configured address, `{key}` in
its headers is filled in by the transport.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import IntEnum
from types import MappingProxyType
from typing import Annotated, Any, Generic, Literal, TypeAlias, TypeVar

from ._bounds import Amount, Bounded, Content, Few, Line, Opaque, Room, Span, Text, Word
from ._json import JSON, Fields, Texts
from ._messages import Billed
from ._values import Button, Buttons, Handle, Input, Kind, Origin, Request, Role, State

__all__ = [
    "Ask",
    "Base64",
    "Body",
    "Button",
    "Call",
    "Charge",
    "Checkpoint",
    "Conversation",
    "Crop",
    "Event",
    "Fetch",
    "File",
    "Fit",
    "Found",
    "Input",
    "Kind",
    "LaidBack",
    "Later",
    "Link",
    "Listed",
    "Lost",
    "Next",
    "Offer",
    "Option",
    "Origin",
    "Outcome",
    "Plan",
    "Poll",
    "Progress",
    "Remark",
    "Reply",
    "Request",
    "Role",
    "Service",
    "Source",
    "Step",
    "Whole",
]

T = TypeVar("T")
_BEARER: Mapping[str, str] = MappingProxyType({"Authorization": "Bearer {key}"})
About: TypeAlias = Annotated[Fields, Room(16 << 10, is_shown=True)]
Key: TypeAlias = Annotated[str, Text(200, "opaque")]
Usage: TypeAlias = Annotated[Fields, Room(32 << 10, is_shown=True)]


class Fit(IntEnum):
    """How surely a model is spoken to in this way; one scale for all services, so that they compare."""

    ASKED = 0  # only on the user's word
    FALLBACK = 1  # nothing speaks against it
    LIKELY = 2  # a word in the name, or a published output type
    NAMED = 3  # a known family
    PUBLISHED = 4  # the relay names this very endpoint for it
    RESERVED = 5  # the name, or this relay, is the service's alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed(Bounded):
    """A model as the relay lists it, or only its name.

    `paths` are the endpoints that the relay names for it, `makes` what it says that comes out, `relay` its family.
    """

    name: Word
    paths: Annotated[tuple[Word, ...], Few(50)] = ()
    makes: Annotated[tuple[Word, ...], Few(50)] = ()
    relay: Word = ""

    @property
    def bare(self) -> str:
        """The last part of the name in lower case: `GPT-Image-2` and `azure/gpt-image-2` are one model."""
        return self.name.lower().rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """What a model is known to take for one option; no `values`: anything of its kind.

    `name` and `spelled` are the wire's words where they differ from ours; `grid`: any WxH divisible by it, too;
    `most`: the largest number; `only_with`: another option and the values of it that this one needs.
    """

    values: Texts = ()
    name: str = ""
    spelled: Fields = field(default_factory=dict)
    grid: int = 0
    most: int | None = None
    only_with: tuple[str, Texts] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a service does for one model: routing, completion, help, the panel's controls and `plan` read it.

    It is advice, never a gate. `known` False: the values are suggestions. `options` are under our neutral names, `raw`
    holds the `-p` fields that the service knows, `inputs` how many of each role it takes, `longest` the most
    characters of a prompt, `dialect` a word of the service's own.
    """

    model: str
    fit: Fit
    makes: Kind = "picture"
    known: bool = True
    dialect: str = ""
    prompt: Literal["needed", "optional", "none"] = "needed"
    longest: int | None = None
    options: Mapping[str, Option] = field(default_factory=dict)
    raw: Mapping[str, Option] = field(default_factory=dict)
    inputs: Mapping[Role, int] = field(default_factory=dict)

    @property
    def most(self) -> int:
        """How many outputs one paid call gives at the most."""
        return (self.options["n"].most or 1) if "n" in self.options else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One paid call to be planned: the request as typed, and this call's share `n` of what it asks for."""

    request: Request
    offer: Offer
    n: int = 1
    previews: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """An input inside a call; the transport puts its bytes in, converted where `convert` says so."""

    sha256: str
    form: Literal["file", "base64", "data-uri"] = "file"
    convert: Literal["", "png", "mask-alpha", "mask-white", "mask-black"] = ""


@dataclass(frozen=True, slots=True)
class Later:
    """A value of the paid call that a free call before it will give; a dry run prints its name."""

    name: str


Body: TypeAlias = "JSON | File | Later | Sequence[Body] | Mapping[str, Body]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to the relay, without host and key.

    `{}` in `path` stand for `ids`, each of which becomes one encoded segment. `base` says what the path is relative
    to: `api` is where `/v1` is, `host` what stands before it. `expects="file"`: the answer goes to disk only.
    """

    path: str
    ids: Texts = ()
    method: Literal["GET", "POST"] = "POST"
    base: Literal["api", "host"] = "api"
    query: Mapping[str, str] = field(default_factory=dict)
    json: Body = None
    form: tuple[tuple[str, str | File | Later], ...] | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: _BEARER)
    expects: Literal["json", "events", "text", "file"] = "json"

    def fill(self, values: Fields) -> Call:
        """Return the call with these values in the places of its `Later`s; a KeyError names one that is missing."""
        form = self.form and tuple((name, _fill(part, values)) for name, part in self.form)
        return replace(self, json=_fill(self.json, values), form=form or self.form)


def _fill(body: Any, values: Fields) -> Any:  # noqa: ANN401 - a body of any shape
    if isinstance(body, Later):
        return values[body.name]
    if isinstance(body, Mapping):
        return {key: _fill(one, values) for key, one in body.items()}
    return [_fill(one, values) for one in body] if isinstance(body, list | tuple) else body


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """How the relay counts: `times` the list price of `name` (not always the model), or the user's price per `unit`."""

    name: str
    times: Decimal = Decimal(1)
    unit: Literal["picture", "call", "second", "character"] = "call"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """What becomes of an option: resolved to `used`, ignored, dropped by the service, or unusual (`known` values)."""

    option: str
    kind: Literal["resolved", "ignored", "dropped", "unusual"]
    given: JSON
    used: JSON = None
    known: Texts = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One paid call, exactly: shown by a dry run, priced by a quote, sent by the runner.

    `before` are the free calls that come first; `expected` is how many outputs count; `memo` is what `read` has to
    know, kept in the record.
    """

    call: Call
    charge: Charge
    before: tuple[Call, ...] = ()
    expected: int = 1
    remarks: tuple[Remark, ...] = ()
    memo: Fields = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer with a status of success: JSON, words, a file that is kept (`is_file`), or the head of events.

    Long base64 in JSON is on the disk; its beginning and a mark stand in its place, and `Base64` takes them for it.
    What is said beside it has at most 8 MiB, and so have words: `Whole` is all of them.
    """

    body: JSON = None
    text: str = ""
    media_type: str = ""
    is_file: bool = False
    streamed: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """One server-sent event: its type (from `event:` or the JSON itself) and its data, parsed where it is JSON."""

    type: str
    data: JSON


@dataclass(frozen=True, slots=True)
class Link(Bounded):
    """An output at an address of the web; it is fetched without the key."""

    url: Opaque


@dataclass(frozen=True, slots=True)
class Base64:
    """An output as base64 text, also as a `data:` URI, as it stands in an answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Crop(Bounded):
    """A part of another output of the same generation, in fractions of its sides: left, top, right, bottom."""

    of: Key
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class LaidBack(Bounded):
    """Another output of the same generation, with the first picture that was given laid back outside of the mask."""

    of: Key


@dataclass(frozen=True, slots=True)
class Whole:
    """The answer itself, as it is kept."""


Source: TypeAlias = Link | Base64 | bytes | Call | Crop | LaidBack | Whole


class Step(Generic[T]):
    """What a conversation yields; `answer = yield from Step(…)` is typed by the step."""

    __slots__ = ()

    def __iter__(self) -> Conversation[T]:
        answer: T = yield self
        return answer


Conversation: TypeAlias = Generator[Step[Any], Any, T]


@dataclass(frozen=True, slots=True)
class Next(Step["Event | None"]):
    """The next event of a streamed answer; None at its end."""


@dataclass(frozen=True, slots=True)
class Fetch(Step[Reply]):
    """A free call; may be repeated."""

    call: Call


@dataclass(frozen=True, slots=True)
class Poll(Step[Fields], Bounded):
    """How a task is doing, after a fitting pause, shared with others that ask.

    Raises into the conversation:
        TaskLost: the service has not known the task for a minute.
        TaskStillPending: the time for tasks is over.
    """

    task: Annotated[str, Text(2000, "opaque")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(Step[None], Bounded):
    """How far it is, for the eye only: a fraction of 1, an unfinished picture, words."""

    fraction: Annotated[float, Span(0, 1)] | None = None
    preview: Source | None = None
    words: Annotated[str, Text(300)] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint(Step[None], Bounded):
    """What `resume` needs; on disk before the conversation goes on."""

    state: State
    billed: Billed = "yes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found(Step[None], Bounded):
    """An output, saved while the conversation goes on; the first source that gives a sound file is taken.

    `key` is its name within the generation, the same whenever it is found again. `is_side`: it comes along (a cover,
    the sheet that was cut), is numbered last and not counted. `handle` is the service's own name of it.
    """

    key: Key
    kind: Kind = "picture"
    sources: Annotated[tuple[Source, ...], Few(4)] = ()
    words: Annotated[str, Content()] = ""
    is_side: bool = False
    about: About = field(default_factory=dict)
    handle: Handle = None


@dataclass(frozen=True, slots=True)
class Lost(Step[None], Bounded):
    """One output that will not come, and what the relay says of it; the others are read on."""

    reason: Annotated[JSON, Room(16 << 10)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Bounded):
    """What is known at the end beside the outputs.

    `needs`: the service waits for the user's word; the buttons say which. `cost` is what the relay reports, in its own
    unit, `model` the one that the answer names.
    """

    expected: Annotated[int, Span(0, 1000)] | None = None
    buttons: Buttons = ()
    needs: Line = ""
    usage: Usage = field(default_factory=dict)
    cost: Amount | None = None
    model: Word = ""


class Service(ABC):
    """One service of a relay; subclass it and register one value of it (`CONTRIBUTING.md` shows how).

    `name` is what `--service` takes, `batch` how many tasks one `poll` asks for, `examples` are models that people are
    likely to mean before any relay has been asked.
    """

    name: str
    batch: int = 1
    examples: Texts = ()

    @abstractmethod
    def offer(self, listed: Listed) -> Offer | None:
        """Return what this service does for a model; None where it does nothing for it."""

    @abstractmethod
    def plan(self, ask: Ask) -> Plan:
        """Return the one paid call; pure: equal asks, equal plans.

        Raises:
            InputError: this cannot be asked of the service.
        """

    @abstractmethod
    def read(self, reply: Reply, memo: Fields) -> Conversation[Outcome]:
        """Read the paid answer, live or kept, into its outputs."""

    def prepare(self, plan: Plan) -> Conversation[Fields]:
        """Make the calls of `plan.before`, and return the values of the `Later`s in `plan.call`."""
        yield from ()
        if plan.before:
            raise TypeError(f"{self.name} has calls before the paid one and no `prepare`")
        return {}

    def resume(self, state: Fields) -> Conversation[Outcome]:
        """Go on from the last `Checkpoint`, free."""
        yield from ()
        raise TypeError(f"{self.name} has no `resume` for {sorted(state)}")

    def poll(self, tasks: Texts) -> Conversation[Fields]:
        """Ask how up to `batch` tasks are doing, and return their fields by task; unknown ones are left out."""
        yield from ()
        raise TypeError(f"{self.name} has no `poll` for {tasks}")

    def cancel(self, state: Fields) -> Call | None:
        """Return the free call that takes an order back; None where it cannot be cancelled."""
        del state
        return None
