"""OpenRouter's own images path, `/images`: one body for making and for pictures to refer to, ratio and tier apart."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from .._json import Fields
from .._protocol import (
    Ask,
    Body,
    Call,
    Charge,
    Conversation,
    Fit,
    Listed,
    Offer,
    Option,
    Outcome,
    Plan,
    Reply,
    Service,
)
from ._decoder import read_pictures, require_output
from ._mapping import fields, file_of, pictures_in, require_prompt
from ._models import is_of_another_kind
from ._sizes import RATIOS, take_shape

__all__ = ["OpenRouterImages"]

_PATH = "/images"
_RELAY = "openrouter"
_TIERS = ("512", "1K", "2K", "4K")
_OPTIONS: Mapping[str, Option] = {
    "n": Option(most=10),
    "size": Option(values=("auto", *RATIOS, *_TIERS, "1024x1024", "1536x1024", "1024x1536")),
    "quality": Option(values=("auto", "low", "medium", "high")),
    "background": Option(values=("auto", "transparent", "opaque")),
    "format": Option(name="output_format", values=("png", "jpeg", "webp", "svg")),
    "compression": Option(name="output_compression", most=100),
    "seed": Option(),
}
_RAW: Mapping[str, Option] = {
    "aspect_ratio": Option(values=RATIOS),
    "resolution": Option(values=_TIERS),
    "provider": Option(),
}
_REFERENCES = 16


class OpenRouterImages(Service):
    """The images API of OpenRouter, which tells the exact cost of each answer."""

    name = "openrouter-images"

    def offer(self, listed: Listed) -> Offer:
        """Return what this path takes: at OpenRouter it is the way of all picture models, elsewhere only asked for."""
        is_here = listed.relay == _RELAY and not is_of_another_kind(listed)
        return Offer(
            model=listed.name,
            fit=Fit.RESERVED if is_here else Fit.ASKED,
            known=False,
            options=_OPTIONS,
            raw=_RAW,
            inputs={"picture": _REFERENCES, "vary": 1},
        )

    def plan(self, ask: Ask) -> Plan:
        """Return the call; a size in pixels goes out as such, since one that differs in ratio is refused."""
        sent, remarks = fields(ask)
        shape = take_shape(sent, tier="resolution")
        if tier := shape.pop("image_size", ""):
            shape["size" if "x" in tier else "resolution"] = tier
        pictures: list[Body] = [
            {"type": "image_url", "image_url": {"url": file_of(one, "data-uri")}} for one in pictures_in(ask.request)
        ]
        body: dict[str, Body] = {"model": ask.offer.model, "prompt": require_prompt(ask), **shape, **sent}
        if ask.n > 1:
            body["n"] = ask.n
        if pictures:
            body["input_references"] = pictures
        return Plan(
            call=Call(path=_PATH, json=body, expects="events" if body.get("stream") is True else "json"),
            charge=Charge(name=ask.offer.model, times=Decimal(ask.n), unit="picture"),
            expected=ask.n,
            remarks=tuple(remarks),
            memo={"n": ask.n},
        )

    def read(self, reply: Reply, memo: Fields) -> Conversation[Outcome]:
        """Read the pictures; the cost that it tells replaces the estimate."""
        count = memo.get("n")
        reading = yield from read_pictures(reply, expected=count if isinstance(count, int) else 1)
        return require_output(reading, reply)
