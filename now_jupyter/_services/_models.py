"""What each known model accepts: advice, never a gate.

Relays invent names and drop fields, so a model is any string and an unlisted value is sent as it is, with a warning
that names the known ones. Facts: reference/openai-images.md §1–2 (OpenAI's image guide and API reference, 2026-11).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "ANY_SIZE",
    "Model",
    "is_picture_model",
    "known_model",
    "preferred_model",
    "resolve_size",
    "well_known_names",
]

_SQUARES = ("256x256", "512x512", "1024x1024")
_GPT_SIZES = ("auto", "1024x1024", "1536x1024", "1024x1536")
_GPT_QUALITIES = ("auto", "low", "medium", "high")
_WORDS = {"square": "1:1", "方": "1:1", "portrait": "2:3", "竖": "2:3", "landscape": "3:2", "横": "3:2"}
_LONG_EDGE = 1536
_GRID = 16
_WIDEST = 3.0
ANY_SIZE = "WxH divisible by 16"


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What a family of models is known to take; `prefix` is how its names begin, `most` the pictures per request."""

    prefix: str
    sizes: tuple[str, ...]
    qualities: tuple[str, ...]
    most: int = 10
    free_sizes: bool = False
    streams: bool = True
    styles: tuple[str, ...] = ()
    backgrounds: tuple[str, ...] = ("transparent", "opaque", "auto")
    formats: tuple[str, ...] = ("png", "jpeg", "webp")
    longest_prompt: int = 32_000


_UNKNOWN_SIZES = _GPT_SIZES[1:]
_HIGH = (*_GPT_QUALITIES, "xhigh", "max")
_MODELS = (
    Model(
        prefix="gpt-image-2.6",
        sizes=_GPT_SIZES,
        free_sizes=True,
        qualities=_HIGH,
        formats=("png", "jpeg", "webp", "svg", "gif"),
    ),
    Model(prefix="gpt-image-2.5", sizes=_GPT_SIZES, free_sizes=True, qualities=_HIGH),
    Model(prefix="gpt-image-2", sizes=_GPT_SIZES, free_sizes=True, qualities=_GPT_QUALITIES),
    Model(prefix="gpt-image-1", sizes=_GPT_SIZES, qualities=_GPT_QUALITIES),
    Model(prefix="chatgpt-image", sizes=_GPT_SIZES, qualities=_GPT_QUALITIES),
    Model(
        prefix="dall-e-3",
        sizes=("1024x1024", "1792x1024", "1024x1792"),
        qualities=("standard", "hd"),
        most=1,
        streams=False,
        styles=("vivid", "natural"),
        backgrounds=(),
        formats=(),
        longest_prompt=4_000,
    ),
    Model(
        prefix="dall-e-2",
        sizes=_SQUARES,
        qualities=("standard",),
        streams=False,
        backgrounds=(),
        formats=(),
        longest_prompt=1_000,
    ),
)
_BEST_FIRST = (
    "gpt-image-2",
    "gpt-image-2.6",
    "gpt-image-2.5",
    "gpt-image",
    "dall-e-3",
)
_PICTURE_WORDS = (
    "image",
    "dall-e",
    "flux",
    "ideogram",
    "imagen",
    "stable-diffusion",
    "sdxl",
    "seedream",
    "jimeng",
    "kolors",
    "recraft",
    "banana",
)
_NOT_PICTURES = ("mj_", "swap_face", "suno", "embedding", "-tts", "whisper", "video")


def well_known_names() -> list[str]:
    """Name the models that people most likely mean, for completion before any relay has been asked."""
    return [*_BEST_FIRST[:1], "gpt-image-2.6-flare", "gpt-image-2.6-sunburst", "dall-e-3"]


def known_model(name: str) -> Model | None:
    """Find what is known of a model by how its name begins."""
    return next((model for model in _MODELS if name.startswith(model.prefix)), None)


def is_picture_model(name: str, endpoint_types: Sequence[str] = ()) -> bool:
    """Tell by its endpoint types, else by its name, whether a model makes pictures at the images endpoint."""
    low = name.lower()
    if any(word in low for word in _NOT_PICTURES):
        return False
    if "image-generation" in endpoint_types:
        return True
    return any(word in low for word in _PICTURE_WORDS)


def preferred_model(names: Sequence[str]) -> str | None:
    """Choose the best-known picture model of a relay's list: the shortest name (no dated copy) of the first family."""
    for family in _BEST_FIRST:
        if found := [name for name in names if name.startswith(family)]:
            return min(found, key=lambda name: (name != family, len(name), name))
    return min((name for name in names if is_picture_model(name)), default=None)


def resolve_size(size: str, model: str) -> str:
    """Turn a ratio (`16:9`) or word (`portrait`, `竖`) into the model's nearest known size; `WxH` and `auto` stay."""
    ratio = _ratio(_WORDS.get(size, size))
    if ratio is None:
        return size
    known = known_model(model)
    if known and known.free_sizes and size not in _WORDS:
        return _free_size(ratio)
    sizes = [one for one in (known.sizes if known else _UNKNOWN_SIZES) if one != "auto"]
    return min(sizes, key=lambda one: (abs(math.log(_shape(one) / ratio)), -_area(one)))


def _ratio(size: str) -> float | None:
    width, colon, height = size.partition(":")
    return float(width) / float(height) if colon else None


def _free_size(ratio: float) -> str:
    ratio = min(max(ratio, 1 / _WIDEST), _WIDEST)
    if ratio == 1:
        return "1024x1024"
    short = round(_LONG_EDGE * min(ratio, 1 / ratio) / _GRID) * _GRID
    return f"{_LONG_EDGE}x{short}" if ratio > 1 else f"{short}x{_LONG_EDGE}"


def _sides(size: str) -> tuple[int, int]:
    width, _, height = size.partition("x")
    return int(width), int(height)


def _shape(size: str) -> float:
    width, height = _sides(size)
    return width / height


def _area(size: str) -> int:
    width, height = _sides(size)
    return width * height
