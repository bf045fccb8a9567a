"""Orders for pictures, carried out in a worker thread so that the relay's loop never waits for Pillow."""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image

from ._backend import Backend, seed_of
from ._drawing import Sketch, draw, encode, open_picture, repaint, rough
from ._forms import Form
from ._models import Model, Size, check_count, check_quality, check_size, model_for_pictures, price_of
from ._wire import Refusal, invalid_request, invalid_value

__all__ = [
    "BACKGROUNDS",
    "MAX_PROMPT",
    "MAX_SEED",
    "MEDIA_TYPES",
    "Drawn",
    "Order",
    "counted",
    "draw_order",
    "read_order",
]

MAX_SEED = 2**63
MAX_PROMPT = {"gpt": 32_000, "dalle": 4_000}
MEDIA_TYPES: Mapping[str, str] = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}
BACKGROUNDS = ("transparent", "opaque", "auto")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Everything that decides how the pictures of one request look."""

    model: Model
    prompt: str
    n: int
    size: Size
    quality: str
    seed: int | None
    background: str = "opaque"
    output_format: str = "png"
    compression: int = 100
    repeat: int = 0
    sources: tuple[bytes, ...] = ()
    mask: bytes | None = None

    @property
    def price(self) -> float:
        """What all its pictures cost, in dollars."""
        return price_of(self.model, self.size, self.quality, self.n)

    @property
    def size_text(self) -> str:
        """The size as the wire writes it."""
        return f"{self.size[0]}x{self.size[1]}"

    @property
    def media_type(self) -> str:
        """The type of its files."""
        return MEDIA_TYPES[self.output_format]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One finished picture and the rough stages that led to it."""

    data: bytes
    stages: tuple[bytes, ...] = ()


def read_order(form: Form, *, needs_prompt: bool = True) -> Order:
    """Read and check the fields that all picture endpoints share, in the order in which the family complains."""
    model = model_for_pictures(form.text("model"))
    prompt = form.text("prompt")
    if needs_prompt:
        _check_prompt(model, prompt)
    return Order(
        model=model,
        prompt=prompt,
        n=check_count(model, form.whole_number("n", 1)),
        size=check_size(model, form.text("size"), prompt),
        quality=check_quality(model, form.text("quality")),
        seed=_seed(form),
        **_file_options(model, form),
    )


def counted(backend: Backend, order: Order) -> Order:
    """Tell an order apart from equal ones before it, so that ordering twice gives two pictures; a seed pins it."""
    if order.seed is not None:
        return order
    return replace(order, repeat=backend.times_seen("picture", *_identity(order)))


async def draw_order(order: Order, index: int, *, stages: int = 0) -> Drawn:
    """Draw one picture of an order."""
    return await asyncio.to_thread(_draw, order, index, stages)


def _draw(order: Order, index: int, stages: int) -> Drawn:
    sketch = Sketch(
        prompt=order.prompt,
        size=order.size,
        seed=seed_of(*_identity(order), order.repeat, index),
        note=f"{order.model.name} · {order.size_text}",
        transparent=order.background == "transparent",
    )
    if order.sources:
        mask = open_picture(order.mask) if order.mask is not None else None
        picture = repaint(sketch, [open_picture(data) for data in order.sources], mask)
    else:
        picture = draw(sketch)
    done = tuple(_file(order, rough(picture, (stage + 1) / (stages + 1))) for stage in range(stages))
    return Drawn(data=_file(order, picture), stages=done)


def _file(order: Order, picture: Image.Image) -> bytes:
    return encode(picture, form=order.output_format, quality=order.compression)


def _identity(order: Order) -> tuple[Any, ...]:
    sources = [hashlib.sha256(data).hexdigest() for data in (*order.sources, order.mask or b"")]
    return (order.prompt, order.model.name, order.size_text, order.quality, order.seed, sources)


def _check_prompt(model: Model, prompt: str) -> None:
    if not prompt.strip():
        message = "prompt is required"
        raise invalid_request(message)
    if len(prompt) > MAX_PROMPT.get(model.family, 32_000):
        message = (
            f"Invalid 'prompt': string too long. Expected a string with maximum length {MAX_PROMPT[model.family]}."
        )
        raise invalid_value("prompt", message)
    if "demo-banned" in prompt:
        raise _moderated(model)


def _moderated(model: Model) -> Refusal:
    if model.family == "dalle":
        message = "Your request was rejected as a result of our safety system."
        return Refusal(400, message, code="content_policy_violation", kind="invalid_request_error")
    message = "Your request was rejected by the safety system. safety_violations=[demo]."
    return Refusal(400, message, code="moderation_blocked", kind="image_generation_user_error")


def _seed(form: Form) -> int | None:
    if form.fields.get("seed") is None:
        return None
    seed = form.whole_number("seed", 0)
    if not -MAX_SEED <= seed < MAX_SEED:
        raise invalid_value("seed", f"Invalid 'seed': {seed}.")
    return seed


def _file_options(model: Model, form: Form) -> dict[str, Any]:
    if model.family != "gpt":
        return {}
    output_format = _choice(form, "output_format", tuple(MEDIA_TYPES), "png")
    background = _choice(form, "background", BACKGROUNDS, "auto")
    compression = form.whole_number("output_compression", 100)
    if not 0 <= compression <= 100:  # noqa: PLR2004 - a percentage
        raise invalid_value("output_compression", f"Invalid 'output_compression': {compression}. Expected 0 to 100.")
    if background == "transparent" and output_format == "jpeg":
        message = "Transparent background is not supported for JPEG output. Use 'png' or 'webp'."
        raise invalid_value("background", message)
    background = "opaque" if background == "auto" else background
    return {"output_format": output_format, "background": background, "compression": compression}


def _choice(form: Form, name: str, allowed: tuple[str, ...], default: str) -> str:
    value = form.text(name, default) or default
    if value not in allowed:
        choices = ", ".join(f"'{choice}'" for choice in allowed)
        raise invalid_value(name, f"Invalid value: '{value}'. Supported values are: {choices}.")
    return value
