"""The values that travel through the package: what was asked, what came of it, what it cost.

All are frozen and hold data only; a picture may read its own immutable file, nothing else here does I/O.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Context, Decimal, localcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from ._bounds import Amount, Bounded, Content, Count, Few, Line, Moment, Room, Text, Word
from ._json import JSON, Fields, Texts, canonical, digest
from ._messages import Billed, Failure

if TYPE_CHECKING:
    from PIL.Image import Image

    from ._bundles import Bundle

__all__ = [
    "Attempt",
    "Audio",
    "Button",
    "Buttons",
    "Document",
    "Generation",
    "Handle",
    "Input",
    "Kind",
    "Money",
    "Origin",
    "Output",
    "Picture",
    "Request",
    "Role",
    "Showable",
    "State",
    "Status",
    "Video",
    "name_of_button",
    "sum_of",
    "together",
]

_SIGNS = {"CNY": "¥", "USD": "$", "EUR": "€", "JPY": "¥", "GBP": "£"}
_SHORT_DIGEST = 12
_COUNTING = Context(prec=50)  # a program may have set its own to anything

Kind: TypeAlias = Literal["picture", "video", "audio", "words", "vectors"]
Prompt: TypeAlias = Annotated[str, Text(64 << 10, "opaque")]  # as long as one that is typed may be
Role: TypeAlias = Literal["picture", "video", "audio", "words", "mask", "vary", "press"]


class Status(StrEnum):
    """Where a generation stands."""

    PENDING = "pending"  # recorded; nothing was sent yet, or the service waits
    RUNNING = "running"  # on its way
    DONE = "done"  # all pictures are here
    PARTIAL = "partial"  # some pictures are here
    FAILED = "failed"  # it is certain that no more will come
    CANCELLED = "cancelled"  # stopped before it was sent
    UNKNOWN = "unknown"  # sent, and nobody knows what became of it


@dataclass(frozen=True, slots=True)
class Money(Bounded):
    """An amount, its currency (ISO 4217) and who says so: `reported` by the relay, `estimated` by us, or `unknown`.

    An amount is finite, of a sane size and not negative; whatever else is given for one, it is unknown.
    """

    amount: Amount | None
    currency: Annotated[str, Text(12)] = "USD"
    source: Literal["reported", "estimated", "unknown"] = "unknown"

    def __post_init__(self) -> None:
        """Know the source of a known amount only."""
        Bounded.__post_init__(self)
        if self.amount is None:
            object.__setattr__(self, "source", "unknown")

    def __str__(self) -> str:
        if self.amount is None:
            return "?"
        places = 2 if self.amount >= Decimal("0.1") or not self.amount else 4
        about = "~" if self.source == "estimated" else ""
        return f"{about}{self.sign}{self.amount:.{places}f}"

    @property
    def sign(self) -> str:
        """What stands before the amount; yuan and yen share theirs."""
        return _SIGNS.get(self.currency, f"{self.currency} ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Button(Bounded):
    """What a service offers to do with an output; `action` is the service's own opaque word.

    `asks` says what it needs: a mask (and words, if one likes), or words, of which `words` are the usual ones.
    `is_refused`: the service shows it, and relays do not press it.
    """

    label: Annotated[str, Text(100)]
    action: Annotated[str, Text(2000, "opaque")]
    asks: Literal["", "mask", "words"] = ""
    words: Line = ""
    is_refused: bool = False


_SIGNS_OF_BUTTONS = {
    "🔄": "reroll",
    "⬅": "left",
    "➡": "right",
    "⬆": "up",
    "⬇": "down",
    "重绘": "reroll",
    "左": "left",
    "右": "right",
    "上": "up",
    "下": "down",
    "确认": "confirm",
}


def name_of_button(sign: str) -> str:
    """Return what a button is called that is given by its sign, its name or a word for it: `2` for the keycap 2."""
    bare = sign.strip().rstrip("\ufe0f\u20e3")
    return _SIGNS_OF_BUTTONS.get(bare, bare)


"""What buttons are called by signs, which services put in the place of a label, and in Chinese."""
Buttons: TypeAlias = Annotated[tuple[Button, ...], Few(50)]
Handle: TypeAlias = Annotated[JSON, Room(4 << 10)]
State: TypeAlias = Annotated[Fields, Room(128 << 10)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin(Bounded):
    """How an input was made, where that was this service at this relay: what a follow-up needs."""

    service: Word
    model: Word
    prompt: Prompt = ""
    words: Annotated[tuple[Annotated[str, Text(16 << 10, "lines")], ...], Few(8)] = ()
    state: State = field(default_factory=dict)
    handle: Handle = None
    buttons: Buttons = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Input(Bounded):
    """Something that is given to an order; only `role` and `id` (what it shows) tell two requests apart.

    `id` is the digest of a file, of an image object that of its pixels, of a pressed output without a file its
    generation and key.
    """

    role: Role
    id: Word
    sha256: Word = ""
    mime: Word = ""
    width: Count = 0
    height: Count = 0
    size_bytes: Count = 0
    origin: Origin | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Bounded):
    """A request as typed: nothing in it is resolved, routed or split.

    `params` are options under our neutral names, `raw` fields of the body (`-p`), `button` the label that is pressed.
    Host, key, alt text, tags and ways of showing are no part of it: two equal requests have the same `fingerprint`.
    """

    prompt: Prompt = ""
    model: Word | None = None
    service: Word | None = None
    params: Annotated[Fields, Content()] = field(default_factory=dict)
    raw: Annotated[Fields, Content()] = field(default_factory=dict)
    inputs: tuple[Input, ...] = ()
    button: Word | None = None

    @property
    def count(self) -> int:
        """How many outputs are asked for."""
        count = self.params.get("n", 1)
        return count if isinstance(count, int) and not isinstance(count, bool) else 1

    @property
    def keeps_outside(self) -> bool:
        """Whether what lies outside of a mask is to stay as it was."""
        has_both = {one.role for one in self.inputs} >= {"picture", "mask"}
        return has_both and self.params.get("keep_outside") is not False

    def given(self, *roles: Role) -> tuple[Input, ...]:
        """Return the inputs of these roles, in their order."""
        return tuple(one for one in self.inputs if one.role in roles)

    def has_same_prompt(self, other: Request) -> bool:
        """Whether two prompts look the same."""
        return self.prompt == other.prompt or _visible(self.prompt) == _visible(other.prompt)

    def fingerprint(self) -> str:
        """Return a digest that equal requests share; what nobody sees (blanks at line ends, …) makes no difference."""
        form: JSON = {
            "prompt": _visible(self.prompt),
            "model": self.model,
            "service": self.service,
            "params": dict(self.params),
            "raw": dict(self.raw),
            "inputs": [[one.role, one.id] for one in self.inputs],
            "button": self.button,
        }
        return digest(canonical(form).encode("utf-8", "surrogatepass"))


def _visible(prompt: str) -> str:
    lines = [line.rstrip() for line in prompt.replace("\r\n", "\n").replace("\r", "\n").split("\n")]
    return "\n".join(lines).strip("\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt(Bounded):
    """One try at sending: when (Unix seconds), how far it came, what the relay said; `service`: the way it went."""

    at: Moment
    phase: Literal["connecting", "sending", "sent", "answering", "answered"] = "connecting"
    status: int | None = None
    request_id: Word | None = None
    error: Line | None = None
    service: Word = ""

    @property
    def is_only_begun(self) -> bool:
        """Whether nothing is known of it yet."""
        return self.phase == "connecting" and self.error is None


class Showable:
    """A value that shows itself wherever it is put: by the bundle of IPython, or by the one type that marimo takes."""

    __slots__ = ()

    def _repr_mimebundle_(self, **_: object) -> Bundle:
        from ._bundles import try_bundle  # noqa: PLC0415 - Pillow-free import time of the values

        return try_bundle(self)

    def _mime_(self) -> tuple[str, str]:
        from ._bundles import richest_of  # noqa: PLC0415 - as above

        return richest_of(self._repr_mimebundle_())


@dataclass(frozen=True, slots=True, kw_only=True)
class Output(Showable):
    """One thing that came: `path` is the original, byte for byte as received, under a name that people recognise.

    `key` is its name within the generation, `is_side` that it only came along (a cover, a sheet that was cut), `about`
    what the service says of it (title, seconds, revised prompt). `tags` and `starred` are its own marks. Of one that
    was taken in as a preview or a copy, `stands_for` are the digests of the originals, which are elsewhere.
    """

    ref: str
    sha256: str
    path: Path
    mime: str
    size_bytes: int = 0
    key: str = ""
    is_side: bool = False
    stands_for: Texts = ()
    tags: Texts = field(default=(), compare=False)
    starred: bool = field(default=False, compare=False)
    about: Fields = field(default_factory=dict, repr=False)
    made: Fields = field(default_factory=dict, repr=False, compare=False)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.mime}, sha256={self.sha256[:_SHORT_DIGEST]})"

    def bytes(self) -> bytes:
        """Return the original file's bytes.

        Raises:
            BadImageError: the file is gone or is no longer what was received.
        """
        from ._media import read_verified  # noqa: PLC0415 - Pillow-free import time of the values

        return read_verified(self.path, self.sha256)

    def save(self, path: str | Path, *, metadata: bool = True, overwrite: bool = False) -> Path:
        """Write a copy to `path` (a folder: under its own name), and return the path that was written.

        A file that is there stays, and the copy gets the next free name (`fox-2.png`), unless `overwrite`. `metadata`
        puts into a picture how it was made. Pixels are encoded again only for a suffix of another type.
        """
        from ._media import save_copy  # noqa: PLC0415 - see `bytes`

        made = self.made if metadata else None
        return save_copy(self.bytes(), path, name=self.path.stem, made=made, overwrite=overwrite)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Picture(Output):
    """A picture; `width` and `height` in pixels, 0 where they are not known (SVG)."""

    width: int = 0
    height: int = 0
    alt: str = ""

    @property
    def revised_prompt(self) -> str | None:
        """The prompt that the service says it used."""
        value = self.about.get("revised_prompt")
        return value if isinstance(value, str) else None

    @property
    def seed(self) -> int | None:
        """The seed that the service says it used."""
        value = self.about.get("seed")
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def __repr__(self) -> str:
        kind = self.mime.removeprefix("image/")
        return f"Picture({self.width}x{self.height} {kind}, sha256={self.sha256[:_SHORT_DIGEST]})"

    @property
    def changed_outside(self) -> float | None:
        """Which share of the pixels outside of the mask it was edited with differs visibly; None without a mask."""
        changed = self.about.get("changed")
        share = changed.get("outside") if isinstance(changed, Mapping) else None
        return float(share) if isinstance(share, int | float) else None

    def to_html(self) -> str:
        """Return a small `<img>`, with which tables show it: `df.style.format({"picture": nj.Picture.to_html})`."""
        from ._bundles import small_image  # noqa: PLC0415 - see `bytes`

        return small_image(self)

    def pil(self) -> Image:
        """Return the picture as a loaded PIL image."""
        from ._media import decode  # noqa: PLC0415 - Pillow is loaded when it is used

        return decode(self.bytes())


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Video(Output):
    """A film."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Audio(Output):
    """A sound or a piece of music."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Document(Output):
    """Words that are too long for the record, or vectors, as a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation(Showable):
    """What one order came to. `ref` (`#12`) is its number in this notebook, `id` its identity everywhere.

    `params` are the options as typed, `raw` the `-p` fields; `outputs` what came, in the order of their numbers, what
    only came along last; `text` what came as words; `tags` and `starred` tell what any of them has. `elapsed` is in
    seconds, `created` a time in UTC. An order that had to be sent as several requests (`4 × dall-e-3`) has them in
    `parts`; `rerouted` is one that went another way than the first that was tried; `taken_from` names the history
    beside this one that it was made and paid for in (`mine.now#1`); `origin` tells how this order was met (bought, from
    the history, or joined).
    """

    id: str
    ref: str
    prompt: str
    model: str
    status: Status
    billed: Billed
    created: datetime
    service: str = ""
    params: Fields = field(default_factory=dict)
    raw: Fields = field(default_factory=dict)
    outputs: tuple[Output, ...] = ()
    text: str = ""
    buttons: tuple[Button, ...] = ()
    elapsed: float | None = None
    usage: Fields | None = None
    cost: Money | None = None
    request_id: str | None = None
    parents: Texts = ()
    name: str | None = None
    tags: Texts = ()
    starred: bool = False
    demo: bool = False
    error: Failure | None = None
    parts: tuple[Generation, ...] = ()
    rerouted: bool = False
    taken_from: str = ""
    origin: Literal["bought", "history", "joined"] = field(default="bought", repr=False, compare=False)
    request: Request = field(default_factory=Request, repr=False)

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """The pictures among the outputs that were asked for; what only came along, where nothing else is a picture."""
        every = tuple(one for one in self.outputs if isinstance(one, Picture))
        return tuple(one for one in every if not one.is_side) or every

    @property
    def grid(self) -> Picture | None:
        """The sheet that the pictures were cut from (Midjourney's 2 × 2), where there is one."""
        is_cut = any("crop" in one.about for one in self.pictures)
        sides = (one for one in self.outputs if isinstance(one, Picture) and one.is_side)
        return next(sides, None) if is_cut else None

    @property
    def has_answer(self) -> bool:
        """Whether anything came of it."""
        return bool(self.outputs or self.text)

    @property
    def parent(self) -> str | None:
        """The picture it came from, where there is one."""
        return self.parents[0] if self.parents else None

    def save(self, path: str | Path, *, metadata: bool = True, overwrite: bool = False) -> list[Path]:
        """Write copies of all outputs to `path` as `Output.save` does, and return the paths that were written.

        Several get a number each (`fox-1.png`, `fox-2.png`), in a folder their own names. One that cannot be of the
        type of the suffix gets its own.
        """
        from ._media import save_copies  # noqa: PLC0415 - see `Output.bytes`

        return save_copies(self.outputs, path, metadata=metadata, overwrite=overwrite)

    def __repr__(self) -> str:
        facts = [self.status.value, _amount_of(self.outputs), self.model]
        return f"Generation({', '.join(fact for fact in facts if fact)})"


def _amount_of(outputs: Sequence[Output]) -> str:
    counted = [one for one in outputs if not one.is_side] or outputs
    names = [type(one).__name__.lower() for one in counted] or ["picture"]
    kind = names[0] if len(set(names)) == 1 else "output"
    return f"{len(counted)} {kind}{'' if len(counted) == 1 else 's'}"


_WORST_FIRST = (Status.UNKNOWN, Status.RUNNING, Status.PENDING, Status.PARTIAL)


def together(parts: Sequence[Generation]) -> Generation:
    """Join what was ordered at once and had to be sent as several requests; a single one is given back as it is."""
    first = parts[0]
    if len(parts) == 1:
        return first
    return replace(
        first,
        ref=f"{first.ref}–{parts[-1].ref}",
        status=_joined_status({part.status for part in parts}),
        billed=max((part.billed for part in parts), key=("no", "yes", "maybe").index),
        outputs=tuple(output for part in parts for output in part.outputs),
        text="\n\n".join(part.text for part in parts if part.text),
        elapsed=max((part.elapsed or 0.0) for part in parts),
        cost=sum_of([part.cost for part in parts]),
        error=next((part.error for part in parts if part.error), None),
        tags=tuple(dict.fromkeys(tag for part in parts for tag in part.tags)),
        starred=any(part.starred for part in parts),
        taken_from=", ".join(dict.fromkeys(part.taken_from for part in parts if part.taken_from)),
        parts=tuple(parts),
    )


def _joined_status(statuses: set[Status]) -> Status:
    if len(statuses) == 1:
        return statuses.pop()
    return next((status for status in _WORST_FIRST if status in statuses), Status.PARTIAL)


def sum_of(costs: Sequence[Money | None], currency: str = "USD") -> Money:
    """Return what all come to, nothing (in `currency`) if there are none; unknown if one is, or is in another one."""
    known = [cost for cost in costs if cost is not None and cost.amount is not None]
    currencies = {cost.currency for cost in known} or {currency}
    if len(known) < len(costs) or len(currencies) > 1:
        return Money(None, currency)
    is_reported = known and all(cost.source == "reported" for cost in known)
    with localcontext(_COUNTING):
        amount = sum((cost.amount for cost in known if cost.amount), start=Decimal(0))
    return Money(amount, currencies.pop(), "reported" if is_reported else "estimated")
