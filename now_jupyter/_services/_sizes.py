"""Sizes: `WxH`, ratios, tiers and words, resolved to the nearest that a model is known to take."""

from __future__ import annotations

import math
import re
from collections.abc import MutableMapping

from .._json import JSON, text_of
from .._messages import InputError
from .._protocol import Option

__all__ = ["RATIOS", "TIERS", "fits_grid", "is_unlike", "ratios_of", "resolve_size", "size_like", "take_shape"]

RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")  # of the models that draw in chat
TIERS = ("1K", "2K", "4K")

_WORDS = {"square": "1:1", "方": "1:1", "portrait": "2:3", "竖": "2:3", "landscape": "3:2", "横": "3:2"}
_PAIR = re.compile(r"(\d{1,5})([x:])(\d{1,5})", re.ASCII)
_TIER = re.compile(r"(\d{1,2})k", re.ASCII | re.IGNORECASE)
_LONG_EDGE = 1536  # of a ratio, where any size may be had
_MOST_PIXELS = 3840 * 2160
_WIDEST = 3.0
_ROUNDED = 0.02
_SLACK = 0.1  # of the ratio: services round to their grid


def resolve_size(given: str, option: Option) -> str:
    """Return what goes out for a size as typed.

    Ratios, tiers and words become the nearest known size. A plain `WxH` stays where the model takes pixels at all,
    known or not: a near one might cost more. A model of which nothing is known gets what was typed.
    """
    known = {value.lower(): value for value in option.values}
    if not option.values or given.lower() in known:
        return known.get(given.lower(), given)
    wanted = _WORDS.get(given, given)
    if (tier := _TIER.fullmatch(wanted)) is not None:
        return _of_tier(int(tier[1]), option) or given
    if (shape := _shape(wanted)) is None:
        return given
    pixels = [value for value in option.values if _sides(value, "x")]
    if _sides(wanted, "x") and pixels:
        return given
    if option.grid and wanted == given:
        return _on_grid(shape, option.grid)
    shaped = pixels or [value for value in option.values if _shape(value)]
    return min(shaped, key=lambda value: (_distance(value, shape), -_area(value)), default=given)


def ratios_of(option: Option) -> dict[str, str]:
    """Return the ratios that the sizes of a model have, each with the size that goes out for it."""
    if not option.values:
        return {}
    resolved = {ratio: resolve_size(ratio, option) for ratio in RATIOS}
    return {ratio: size for ratio, size in resolved.items() if not _differs(ratio, size)}


def size_like(width: int, height: int, option: Option) -> str:
    """Return the size of a model that has the shape of a picture; empty where none has it."""
    ratio = f"{width}:{height}"
    size = resolve_size(ratio, option) if option.values else ""
    return "" if _differs(ratio, size) else size


def _differs(ratio: str, size: str) -> bool:
    """Whether a size has another shape than a ratio says, but for the rounding to a grid."""
    shape, wanted = _shape(size), _shape(ratio)
    return not shape or not wanted or abs(math.log(shape / wanted)) > _ROUNDED


def take_shape(sent: MutableMapping[str, JSON], *, tier: str = "image_size") -> dict[str, str]:
    """Take `size` out of the fields, and return it under the name that fits: `aspect_ratio`, `image_size` (a tier).

    What was given under these names itself is taken, too; `auto` is nothing. `tier` is what this wire calls a tier.

    Raises:
        InputError: `size` and one of these names set the same field.
    """
    size = text_of(sent.pop("size", ""))
    named = {"aspect_ratio": size if ":" in size else "", "image_size": "" if ":" in size or size == "auto" else size}
    for name, value in named.items():
        if value and (key := tier if name == "image_size" and tier in sent else name) in sent:
            raise InputError(
                "{flag} and -p {key} set the same field", advice="give one of them", flag="--size", key=key
            )
    named |= {name: text_of(sent.pop(name)) for name in named if name in sent}
    return {name: value for name, value in named.items() if value}


def is_unlike(size: str, width: int, height: int) -> bool:
    """Whether a picture has evidently not the shape that was asked for; a tier or a word for any shape has none."""
    if (word := _WORDS.get(size)) is not None and word != "1:1" and width and height:
        return width == height or (width > height) is not (word == "3:2")  # words leave the ratio open
    shape = _shape(_WORDS.get(size, size))
    return bool(shape and width and height) and abs(math.log(width / height / (shape or 1))) > _SLACK


def fits_grid(size: str, grid: int) -> bool:
    """Whether both sides of a size are divisible by the grid."""
    sides = _sides(size, "x")
    return bool(grid and sides) and all(side % grid == 0 for side in sides or ())


def _of_tier(thousands: int, option: Option) -> str | None:
    """Return the known tier that is nearest, else the size of about so many pixels."""
    if tiers := [value for value in option.values if _TIER.fullmatch(value)]:
        return min(tiers, key=lambda value: abs(int(value[:-1]) - thousands))
    wanted = (1024 * thousands) ** 2
    if option.grid:
        side = int(math.sqrt(min(wanted, _MOST_PIXELS))) // option.grid * option.grid
        return f"{side}x{side}"
    pixels = [value for value in option.values if _sides(value, "x")]
    return min(pixels, key=lambda value: (abs(math.log(_area(value) / wanted)), _distance(value, 1)), default=None)


def _on_grid(shape: float, grid: int) -> str:
    shape = min(max(shape, 1 / _WIDEST), _WIDEST)
    if shape == 1:
        return "1024x1024"
    short = round(_LONG_EDGE * min(shape, 1 / shape) / grid) * grid
    return f"{_LONG_EDGE}x{short}" if shape > 1 else f"{short}x{_LONG_EDGE}"


def _sides(size: str, mark: str) -> tuple[int, int] | None:
    """Return the numbers of `WxH` or `W:H`; None where it is none, or one of them is 0."""
    found = _PAIR.fullmatch(size)
    if found is None or found[2] != mark:
        return None
    width, height = int(found[1]), int(found[3])
    return (width, height) if width and height else None


def _shape(size: str) -> float | None:
    sides = _sides(size, "x") or _sides(size, ":")
    return sides[0] / sides[1] if sides else None


def _distance(size: str, shape: float) -> float:
    return abs(math.log((_shape(size) or 1) / shape))


def _area(size: str) -> int:
    return math.prod(_sides(size, "x") or (1, 1))
