"""Colours: chosen in OKLCH, where equal steps look equal, so that every palette holds together."""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = [
    "COLD",
    "GREYS",
    "HUES",
    "NIGHT",
    "PAIRS",
    "Colour",
    "Palette",
    "choose_palette",
    "mix",
    "named_hues",
    "oklch",
]

Colour = tuple[int, int, int]

# Hue of the scene and hue of what stands out in it; pairs that get on well.
PAIRS = ((250, 45), (205, 30), (285, 75), (165, 60), (30, 235), (345, 95), (100, 300), (225, 15), (55, 200), (190, 350))
HUES: Mapping[str, tuple[str, ...]] = {
    "25": ("red", "crimson", "scarlet", "红", "赤"),
    "55": ("orange", "amber", "autumn", "sunset", "橙", "橘", "秋", "夕", "晚霞"),
    "95": ("yellow", "gold", "sand", "desert", "黄", "金", "沙"),
    "145": ("green", "spring", "jade", "绿", "翠", "春", "竹"),
    "190": ("teal", "cyan", "turquoise", "青", "碧"),
    "250": ("blue", "azure", "indigo", "蓝"),
    "300": ("purple", "violet", "lavender", "紫"),
    "355": ("pink", "rose", "sakura", "blossom", "粉", "樱", "桃"),
}
GREYS = ("grey", "gray", "black and white", "monochrome", "ink wash", "灰", "黑白", "水墨")
COLD = ("snow", "winter", "ice", "雪", "冬", "冰")
NIGHT = ("night", "moon", "star", "dark", "midnight", "neon", "夜", "月", "星", "暗", "霓虹")


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """The colours of one picture, from air to ink."""

    sky: Colour
    glow: Colour
    sun: Colour
    far: Colour
    near: Colour
    accent: Colour
    second: Colour
    light: Colour
    ink: Colour
    is_night: bool

    def between(self, depth: float) -> Colour:
        """Return the colour of something at this depth, from far (0) to near (1)."""
        return mix(self.far, self.near, depth)


def choose_palette(prompt: str, rng: random.Random, *, has_subject: bool = False) -> Palette:
    """Choose colours by the prompt's words, or else by chance; a named colour is the subject's where there is one."""
    words = prompt.lower()
    hue, other = _hues(words, rng)
    if has_subject and named_hues(words):
        hue, other = (other, hue) if len(named_hues(words)) == 1 else (hue, other)
    if any(word in words for word in COLD):
        hue = 242.0
    grey = 0.15 if any(word in words for word in GREYS) else 1.0
    is_night = any(word in words for word in NIGHT) and "starfish" not in words
    return _night(hue, other, grey) if is_night else _day(hue, other, grey)


def named_hues(words: str) -> list[int]:
    """Return the hues that a text names, in the order of the text."""
    found = [(words.find(name), int(hue)) for hue, names in HUES.items() for name in names if name in words]
    return list(dict.fromkeys(hue for _, hue in sorted(found)))


def oklch(lightness: float, chroma: float, hue: float) -> Colour:
    """Return an sRGB colour."""
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        _gamma(4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short),
        _gamma(-1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short),
        _gamma(-0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short),
    )


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """Return a colour between two."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return (red, green, blue)


def _hues(words: str, rng: random.Random) -> tuple[float, float]:
    hue, other = rng.choice(PAIRS)
    named = named_hues(words)
    if len(named) > 1:
        return named[1] + rng.uniform(-6, 6), named[0]
    if named:
        return named[0] + rng.uniform(-8, 8), named[0] + rng.choice((-150, 40, 150))
    return hue + rng.uniform(-12, 12), other


def _day(hue: float, other: float, grey: float) -> Palette:
    return Palette(
        sky=oklch(0.80, 0.075 * grey, hue),
        glow=oklch(0.945, 0.05 * grey, other),
        sun=oklch(0.90, 0.11 * grey, other),
        far=oklch(0.76, 0.06 * grey, hue),
        near=oklch(0.33, 0.075 * grey, hue),
        accent=oklch(0.67, 0.17 * grey, other),
        second=oklch(0.58, 0.13 * grey, hue + 35),
        light=oklch(0.97, 0.018 * grey, other),
        ink=oklch(0.24, 0.04 * grey, hue),
        is_night=False,
    )


def _night(hue: float, other: float, grey: float) -> Palette:
    return Palette(
        sky=oklch(0.22, 0.065 * grey, hue),
        glow=oklch(0.50, 0.11 * grey, hue + 25),
        sun=oklch(0.95, 0.045 * grey, 95),
        far=oklch(0.44, 0.085 * grey, hue),
        near=oklch(0.18, 0.05 * grey, hue),
        accent=oklch(0.76, 0.15 * grey, other),
        second=oklch(0.60, 0.14 * grey, hue + 50),
        light=oklch(0.94, 0.03 * grey, 90),
        ink=oklch(0.14, 0.03 * grey, hue),
        is_night=True,
    )


def _gamma(value: float) -> int:
    value = min(1.0, max(0.0, value))
    curved = 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055  # noqa: PLR2004 - sRGB
    return round(255 * curved)
