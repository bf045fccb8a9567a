"""The values that travel through the house: what was asked, what came of it, what it cost.

All are frozen and hold data only; a picture may read its own immutable file, nothing else here does I/O.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ._json import JSON, canonical, digest
from ._messages import Billed, Failure

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = [
    "JSON",
    "Billed",
    "Button",
    "Failure",
    "Generation",
    "Money",
    "Picture",
    "Request",
    "Status",
    "canonical",
    "digest",
    "together",
]

_SIGNS = {"CNY": "¥", "USD": "$", "EUR": "€", "JPY": "¥", "GBP": "£"}
_SHORT_DIGEST = 12


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
class Money:
    """An amount, its currency (ISO 4217) and who says so: `reported` by the relay, `estimated` by us, or `unknown`."""

    amount: Decimal | None
    currency: str = "USD"
    source: Literal["reported", "estimated", "unknown"] = "unknown"

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

    def times(self, count: int) -> Money:
        """Multiply the amount."""
        return self if self.amount is None else replace(self, amount=self.amount * count)

    def to_json(self) -> JSON:
        """Give the JSON form."""
        amount = None if self.amount is None else str(self.amount)
        return {"amount": amount, "currency": self.currency, "source": self.source}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as typed: prompt after interpolation, options under their API names, digests of its input pictures.

    Host, key, alt text, tags and ways of showing are no part of it: two equal requests have the same `fingerprint`.
    """

    prompt: str
    model: str | None = None
    service: str = "openai"
    params: Mapping[str, JSON] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()

    def to_json(self) -> dict[str, JSON]:
        """Give the JSON form, which is also what the fingerprint is taken of."""
        return {
            "prompt": self.prompt,
            "model": self.model,
            "service": self.service,
            "params": dict(self.params),
            "inputs": list(self.inputs),
        }

    def fingerprint(self) -> str:
        """Tell equal requests by equal text."""
        return digest(canonical(self.to_json()).encode("utf-8", "surrogatepass"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Button:
    """What a service offers to do with a picture; `action` is the service's own opaque word."""

    label: str
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One picture of the history. `width` and `height` in pixels; `path` is the original, byte for byte as received."""

    ref: str
    sha256: str
    path: Path
    mime: str
    width: int
    height: int
    alt: str = ""
    revised_prompt: str | None = None
    seed: int | None = None
    made: Mapping[str, JSON] = field(default_factory=dict, repr=False, compare=False)

    def __repr__(self) -> str:
        kind = self.mime.removeprefix("image/")
        return f"Picture({self.width}x{self.height} {kind}, sha256={self.sha256[:_SHORT_DIGEST]})"

    def bytes(self) -> bytes:
        """Give the original file's bytes.

        Raises:
            BadImageError: the file is gone or is no longer what was received.
        """
        from ._media import read_verified  # noqa: PLC0415 - Pillow-free import time of the values

        return read_verified(self.path, self.sha256)

    def pil(self) -> Image:
        """Give the picture as a loaded PIL image."""
        from ._media import decode  # noqa: PLC0415 - Pillow is loaded when it is used

        return decode(self.bytes())

    def save(self, path: str | Path, *, metadata: bool = True) -> Path:
        """Write the picture to `path` (a folder: under its own name); `metadata` puts into it how it was made.

        The pixels are never encoded again. Gives the path that was written.
        """
        from ._media import save_copy  # noqa: PLC0415 - see `pil`

        name = f"{self.ref.lstrip('#')}-{self.sha256[:_SHORT_DIGEST]}"
        return save_copy(self.bytes(), path, name=name, made=self.made if metadata else None)

    def _repr_mimebundle_(self, **_: object) -> None:
        return None  # `_display` shows pictures; this keeps IPython from asking for every other form


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """What one order came to. `ref` (`#12`) is its number in this notebook, `id` its identity everywhere.

    `params` is what was asked for beside prompt and model; `elapsed` is in seconds, `created` in Unix seconds.
    An order that had to be sent as several requests (`4 × dall-e-3`) has them in `parts`.
    """

    id: str
    ref: str
    prompt: str
    model: str
    params: Mapping[str, JSON]
    status: Status
    billed: Billed
    created: float
    pictures: tuple[Picture, ...] = ()
    buttons: tuple[Button, ...] = ()
    elapsed: float | None = None
    usage: Mapping[str, JSON] | None = None
    cost: Money | None = None
    request_id: str | None = None
    parents: tuple[str, ...] = ()
    name: str | None = None
    tags: tuple[str, ...] = ()
    starred: bool = False
    demo: bool = False
    error: Failure | None = None
    parts: tuple[Generation, ...] = ()

    @property
    def parent(self) -> str | None:
        """The picture it came from, where there is one."""
        return self.parents[0] if self.parents else None

    def __repr__(self) -> str:
        count = len(self.pictures)
        facts = [self.status.value, f"{count} picture{'' if count == 1 else 's'}", self.model]
        return f"Generation({', '.join(fact for fact in facts if fact)})"


_WORST_FIRST = (Status.UNKNOWN, Status.RUNNING, Status.PENDING, Status.PARTIAL)
_BILLED_WORST_FIRST: tuple[Billed, ...] = ("maybe", "yes", "no")


def together(parts: Sequence[Generation]) -> Generation:
    """Join what was ordered at once and had to be sent as several requests; a single one is given back as it is."""
    first = parts[0]
    if len(parts) == 1:
        return first
    return replace(
        first,
        ref=f"{first.ref}–{parts[-1].ref}",
        params={**first.params, "n": len(parts)},
        status=_joined_status([part.status for part in parts]),
        billed=next(word for word in _BILLED_WORST_FIRST if any(part.billed == word for part in parts)),
        pictures=tuple(picture for part in parts for picture in part.pictures),
        elapsed=max((part.elapsed or 0.0) for part in parts),
        cost=_joined_cost([part.cost for part in parts]),
        error=next((part.error for part in parts if part.error), None),
        parts=tuple(parts),
    )


def _joined_status(statuses: Sequence[Status]) -> Status:
    if len(set(statuses)) == 1:
        return statuses[0]
    return next((status for status in _WORST_FIRST if status in statuses), Status.PARTIAL)


def _joined_cost(costs: Sequence[Money | None]) -> Money | None:
    known = [cost for cost in costs if cost is not None and cost.amount is not None]
    if len(known) < len(costs) or not known:
        return None
    total = sum((cost.amount for cost in known if cost.amount is not None), Decimal(0))
    return replace(known[0], amount=total)
