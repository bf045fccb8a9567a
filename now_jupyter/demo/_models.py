"""The models this relay offers: what each accepts and what it costs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ._wire import Refusal, invalid_request, invalid_value

__all__ = [
    "DALLE_2_SIZES",
    "DALLE_3_SIZES",
    "GPT_SIZES",
    "LOW_TO_HIGH",
    "MODELS",
    "QUALITY_FACTOR",
    "SIZE_PATTERN",
    "Family",
    "Model",
    "Size",
    "check_count",
    "check_quality",
    "check_size",
    "model_for_pictures",
    "model_that_talks",
    "price_of",
    "size_of",
]

Family = Literal["gpt", "dalle", "maker", "midjourney", "ideogram", "gemini", "page", "chat"]
Size = tuple[int, int]

SQUARE, LANDSCAPE, PORTRAIT = (1024, 1024), (1536, 1024), (1024, 1536)
GPT_SIZES = (SQUARE, LANDSCAPE, PORTRAIT)
DALLE_3_SIZES = (SQUARE, (1792, 1024), (1024, 1792))
DALLE_2_SIZES = ((256, 256), (512, 512), SQUARE)
LOW_TO_HIGH = ("auto", "low", "medium", "high")
QUALITY_FACTOR = {"low": 0.25, "high": 4.0, "xhigh": 6.0, "max": 8.0, "hd": 2.0}
MAX_EDGE, MAX_RATIO, EDGE_STEP = 3840, 3, 16
EDGES = {"512": 512, "1K": 1024, "2K": 2048, "4K": 3840}
RATIO_PATTERN = re.compile(r"(\d{1,2}):(\d{1,2})")
SIZE_PATTERN = re.compile(r"(\d{1,5})x(\d{1,5})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One line of the relay's price list; `price` is dollars for one plain picture."""

    name: str
    family: Family
    price: float
    endpoint: str = "image-generation"
    owner: str = "openai"
    sizes: tuple[Size, ...] = GPT_SIZES
    qualities: tuple[str, ...] = LOW_TO_HIGH
    max_n: int = 10
    free_sizes: bool = False


def _midjourney(action: str, price: float) -> Model:
    return Model(
        name=f"mj_{action}", family="midjourney", price=price, endpoint="midjourney", owner="midjourney", max_n=1
    )


def _maker(name: str, price: float, owner: str, max_n: int = 10) -> Model:
    return Model(name=name, family="maker", price=price, owner=owner, max_n=max_n, free_sizes=True)


_ALL = (
    Model(name="gpt-image-2", family="gpt", price=0.04, free_sizes=True),
    Model(
        name="gpt-image-2.6-flare", family="gpt", price=0.02, free_sizes=True, qualities=(*LOW_TO_HIGH, "xhigh", "max")
    ),
    Model(
        name="gpt-image-2.6-sunburst",
        family="gpt",
        price=0.08,
        free_sizes=True,
        qualities=(*LOW_TO_HIGH, "xhigh", "max"),
    ),
    Model(name="gpt-image-1", family="gpt", price=0.04),
    Model(name="dall-e-3", family="dalle", price=0.04, sizes=DALLE_3_SIZES, qualities=("standard", "hd"), max_n=1),
    Model(name="dall-e-2", family="dalle", price=0.02, sizes=DALLE_2_SIZES, qualities=("standard",)),
    _maker("doubao-seedream-4-5", 0.04, "bytedance", max_n=1),
    _maker("qwen-image", 0.03, "alibaba"),
    _maker("flux-kontext-pro", 0.04, "bfl"),
    _maker("Kwai-Kolors/Kolors", 0.01, "kuaishou", max_n=4),
    _midjourney("imagine", 0.05),
    _midjourney("upscale", 0.02),
    _midjourney("variation", 0.05),
    _midjourney("reroll", 0.05),
    _midjourney("blend", 0.05),
    _midjourney("describe", 0.01),
    _midjourney("shorten", 0.01),
    _midjourney("zoom", 0.05),
    _midjourney("pan", 0.05),
    _midjourney("modal", 0.05),
    _midjourney("inpaint", 0.0),
    _midjourney("custom_zoom", 0.0),
    _midjourney("low_variation", 0.05),
    _midjourney("high_variation", 0.05),
    Model(name="ideogram_generate", family="ideogram", price=0.06, endpoint="ideogram", owner="ideogram", max_n=8),
    Model(name="ideogram_describe", family="ideogram", price=0.01, endpoint="ideogram", owner="ideogram"),
    Model(name="ideogram-v3", family="ideogram", price=0.08, endpoint="ideogram", owner="ideogram", max_n=8),
    Model(name="gemini-3-pro-image-preview", family="gemini", price=0.05, endpoint="openai", owner="google", max_n=1),
    Model(name="gpt-4o-image", family="page", price=0.03, endpoint="openai", max_n=1),
    Model(name="gpt-5.5", family="chat", price=0.0, endpoint="openai"),
    Model(name="deepseek-v4-chat", family="chat", price=0.0, endpoint="openai", owner="deepseek"),
)
MODELS: Mapping[str, Model] = {model.name: model for model in _ALL}


def model_for_pictures(name: str) -> Model:
    """Return the model of that name, or say in the family's words that nobody serves it."""
    if not name:
        raise Refusal(400, "未指定模型名称，模型名称不能为空")
    model = MODELS.get(name)
    if model is not None and model.family == "gemini":
        message = "only imagen models are supported for image generation"
        raise Refusal(500, message, code="convert_request_failed")
    if model is None or model.family not in ("gpt", "dalle", "maker"):
        raise Refusal(503, f"分组 default 下模型 {name} 无可用渠道（distributor）", code="model_not_found")
    return model


def model_that_talks(name: str) -> Model:
    """Return the model of that name for the chat endpoint; those of the images endpoints live elsewhere."""
    model = MODELS.get(name)
    if model is None or model.family in ("midjourney", "ideogram"):
        raise Refusal(503, f"分组 default 下模型 {name} 无可用渠道（distributor）", code="model_not_found")
    if model.family in ("gpt", "dalle", "maker"):
        raise Refusal(400, f"{name} is an image model. Use /v1/images/generations", kind="invalid_request_error")
    return model


def check_count(model: Model, n: int) -> int:
    """Return how many pictures to draw; zero means one, as on new-api."""
    if n == 0:
        return 1
    if not 1 <= n <= model.max_n:
        raise invalid_value("n", f"Invalid 'n': {n}. Expected a value from 1 to {model.max_n} for {model.name}.")
    return n


def check_quality(model: Model, quality: str) -> str:
    """Return the quality to use."""
    if not quality:
        return model.qualities[0]
    if quality not in model.qualities:
        choices = ", ".join(f"'{choice}'" for choice in model.qualities)
        raise invalid_value("quality", f"Invalid value: '{quality}'. Supported values are: {choices}.")
    return quality


def check_size(model: Model, size: str, prompt: str) -> Size:
    """Return the size in pixels; `auto` looks at the prompt for a hint of the format."""
    if "×" in size:
        message = (
            "size an unexpected error occurred in the parameter, please use 'x' instead of the multiplication sign '×'"
        )
        raise invalid_request(message)
    if size in ("", "auto") and (model.family == "gpt" or not size):
        return _auto(prompt) if size == "auto" else SQUARE
    match = SIZE_PATTERN.fullmatch(size)
    pixels = (int(match[1]), int(match[2])) if match else (0, 0)
    if pixels in model.sizes or (model.free_sizes and _is_free_size(pixels)):
        return pixels
    raise _bad_size(model, size)


def size_of(ratio: str, tier: str) -> Size:
    """Return the pixels of a ratio (`16:9`; what is none is square) and a tier (`512`, `1K`, `2K`, `4K`)."""
    sides = RATIO_PATTERN.fullmatch(ratio)
    width, height = (max(1, int(one)) for one in sides.groups()) if sides else (1, 1)
    edge, share = EDGES.get(tier, 1024), min(MAX_RATIO, max(1 / MAX_RATIO, width / height)) ** 0.5
    return tuple(min(MAX_EDGE, round(one / EDGE_STEP) * EDGE_STEP) for one in (edge * share, edge / share))


def price_of(model: Model, size: Size, quality: str, n: int) -> float:
    """Return what `n` pictures cost in dollars: price times size times quality, as relays reckon."""
    factor = 2.0 if model.family == "dalle" and size[0] != size[1] else max(1.0, size[0] * size[1] / 1024**2)
    return round(model.price * factor * QUALITY_FACTOR.get(quality, 1.0) * n, 6)


def _auto(prompt: str) -> Size:
    words = prompt.lower()
    if any(word in words for word in ("portrait", "tall", "vertical", "竖", "肖像")):
        return PORTRAIT
    if any(word in words for word in ("landscape", "wide", "panorama", "横", "风景")):
        return LANDSCAPE
    return SQUARE


def _is_free_size(pixels: Size) -> bool:
    width, height = pixels
    if not width or not height or width % EDGE_STEP or height % EDGE_STEP:
        return False
    return max(pixels) <= MAX_EDGE and max(pixels) <= MAX_RATIO * min(pixels) and width * height <= 3840 * 2160


def _bad_size(model: Model, size: str) -> Refusal:
    names = [f"{width}x{height}" for width, height in model.sizes]
    if model.family == "dalle":
        return invalid_request(f"size must be one of {', '.join(names[:-1])} or {names[-1]} for {model.name}")
    choices = ", ".join(f"'{name}'" for name in [*names, "auto"])
    return invalid_value("size", f"Invalid value: '{size}'. Supported values are: {choices}.")
