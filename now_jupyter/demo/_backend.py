"""What all endpoints of one relay share: its clock, its books, its pictures, and how often it saw a request."""

import hashlib
import json
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ._wire import Charge, Request
from ._wishes import Wishes, read_wishes

__all__ = ["GRANTED_DOLLARS", "MAX_PICTURES", "Backend", "Gallery", "digest_of", "seed_of"]

GRANTED_DOLLARS = 100.0
# Links of a real relay expire too; a day of playing must not fill the memory.
MAX_PICTURES = 512


@dataclass(slots=True)
class Gallery:
    """Pictures that can be fetched by link."""

    _pictures: OrderedDict[str, tuple[bytes, str]] = field(default_factory=OrderedDict)

    def put(self, data: bytes, media_type: str) -> str:
        """Keep a picture and return the name of its link."""
        extension = media_type.rpartition("/")[2]
        name = f"{hashlib.sha256(data).hexdigest()[:24]}.{extension}"
        self._pictures[name] = (data, media_type)
        self._pictures.move_to_end(name)
        if len(self._pictures) > MAX_PICTURES:
            self._pictures.popitem(last=False)
        return name

    def get(self, name: str) -> tuple[bytes, str] | None:
        """Return a picture and its media type."""
        return self._pictures.get(name)


@dataclass(slots=True, kw_only=True)
class Backend:
    """The state of one relay."""

    base_url: str
    latency: float
    clock: Callable[[], float]
    sleep: Callable[[float], Awaitable[object]]
    ledger: list[Charge] = field(default_factory=list)
    gallery: Gallery = field(default_factory=Gallery)
    _seen: Counter[str] = field(default_factory=Counter)

    def charge(self, request: Request, *, model: str, n: int, billed: bool, amount: float) -> None:
        """Enter one complete paid POST into the books."""
        key = request.headers.get("idempotency-key")
        paid = amount if billed else 0.0
        self.ledger.append(Charge(path=request.path, model=model, n=n, idempotency_key=key, billed=billed, amount=paid))

    @property
    def used_dollars(self) -> float:
        """What the key has spent so far."""
        return round(sum(charge.amount for charge in self.ledger), 6)

    async def pause(self, seconds: float) -> None:
        """Let time pass; none for a relay without latency."""
        if seconds > 0:
            await self.sleep(seconds)

    def patience(self, wishes: Wishes) -> float:
        """Return how long one picture takes."""
        return self.latency if wishes.latency is None else wishes.latency

    def times_seen(self, *facts: object) -> int:
        """Return how often these facts were seen before, and count them."""
        digest = digest_of(*facts)
        self._seen[digest] += 1
        return self._seen[digest] - 1

    def wishes_of(self, request: Request, fields: Mapping[str, Any]) -> Wishes:
        """Read what the request asks of the demo; a fault that happened often enough is dropped."""
        wishes = read_wishes(fields.get("demo"))
        if wishes.times is None:
            return wishes
        plain = {name: value for name, value in fields.items() if name != "demo"}
        seen = self.times_seen("fault", request.path, plain)
        return wishes if seen < wishes.times else wishes.without_fault()

    def link_to(self, data: bytes, media_type: str, wishes: Wishes) -> str:
        """Keep a picture and return its link, or the bad one that was asked for."""
        name = self.gallery.put(data, media_type)
        if wishes.fault == "dead_link":
            return f"{self.base_url}/pictures/gone-{name}"
        if wishes.fault == "html_link":
            return f"{self.base_url}/pictures/page-{name}"
        return f"{self.base_url}/pictures/{name}"


def digest_of(*facts: object) -> str:
    """Return a digest that is the same for the same facts in every process."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, ensure_ascii=False, default=str).encode()).hexdigest()


def seed_of(*facts: object) -> int:
    """Return a seed for `random.Random` from facts."""
    return int(digest_of(*facts)[:13], 16)
