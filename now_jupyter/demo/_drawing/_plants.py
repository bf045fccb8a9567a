"""Flowers, grown from the bottom of the page as in an old herbal."""

import math
import random
from dataclasses import dataclass

from ._canvas import Canvas, Point, smooth, turned
from ._palette import Colour, Palette, mix

__all__ = ["Kind", "flowers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One sort of flower: how many petals, how wide, in how many rings, and its colours."""

    petals: int
    wide: float
    rings: int
    colour: Colour
    heart: Colour


def flowers(canvas: Canvas, palette: Palette, rng: random.Random) -> None:
    """Draw a few tall stems with leaves and open flowers before a pale disc."""
    width, height, unit = canvas.width, canvas.height, canvas.unit
    paper = palette.sky if palette.is_night else palette.light
    canvas.backdrop(mix(paper, palette.glow, 0.25), mix(paper, palette.glow, 0.75))
    if not canvas.is_transparent:
        disc = canvas.shape()
        disc.ellipse(width * rng.uniform(0.4, 0.6), height * 0.4, unit * 0.33)
        canvas.paint(disc, (mix(palette.glow, palette.sun, 0.9), mix(palette.glow, palette.sun, 0.45)))
    garden = _Garden(canvas, palette, rng)
    count = max(4, round(5 * width / unit))
    kinds = rng.sample(_kinds(palette), 2)
    for index in range(count):
        spread = (index - (count - 1) / 2) / count
        root = (width * (0.5 + spread * count * 0.09), height * 1.03)
        head = (width * (0.5 + spread * 0.95 + rng.uniform(-0.03, 0.03)), height * rng.uniform(0.24, 0.56))
        garden.stem(root, head)
        garden.flower(head, unit * rng.uniform(0.075, 0.115), kinds[index % 2])


class _Garden:
    """Where the flowers of one picture grow."""

    def __init__(self, canvas: Canvas, palette: Palette, rng: random.Random) -> None:
        self._canvas, self._palette, self._rng = canvas, palette, rng
        self._green = mix(palette.second, palette.near, 0.45)

    def stem(self, root: Point, head: Point) -> None:
        """Draw a stem with its leaves."""
        unit, rng = self._canvas.unit, self._rng
        middle = (root[0] * 0.55 + head[0] * 0.45 + unit * rng.uniform(-0.05, 0.05), (root[1] + head[1]) / 2)
        curve = smooth([root, middle, head], closed=False, steps=24)
        shape = self._canvas.shape()
        shape.line(curve, max(1.2, unit * 0.006))
        self._canvas.paint(shape, self._green)
        for at in (16, 24, 31):
            angle = rng.choice((-1, 1)) * rng.uniform(0.5, 1.0) - math.pi / 2
            self._leaf(curve[at], angle, unit * rng.uniform(0.08, 0.14))

    def flower(self, at: Point, size: float, kind: Kind) -> None:
        """Draw an open flower."""
        turn = self._rng.random() * math.tau
        for ring in range(kind.rings):
            shade = mix(kind.colour, self._palette.light, 0.28 * ring)
            for petal in range(kind.petals):
                angle = turn + (petal + 0.5 * ring) * math.tau / kind.petals
                colour = mix(shade, self._palette.ink, 0.10 * (petal % 2))
                outline = _petal(size * (1 - 0.34 * ring), kind.wide)
                shape = self._canvas.shape()
                shape.polygon(turned(outline, angle, at))
                self._canvas.paint(shape, (mix(colour, self._palette.light, 0.18), colour), opacity=0.95)
        heart = self._canvas.shape()
        heart.ellipse(*at, size * 0.2)
        self._canvas.paint(heart, (kind.heart, mix(self._palette.accent, self._palette.ink, 0.35)))

    def _leaf(self, foot: Point, angle: float, size: float) -> None:
        outline: list[Point] = [(0, 0), (0.35, -0.17), (0.75, -0.12), (1, 0), (0.75, 0.12), (0.35, 0.17)]
        shape, vein = self._canvas.shape(), self._canvas.shape()
        shape.polygon(turned(smooth([(x * size, y * size) for x, y in outline]), angle, foot))
        self._canvas.paint(shape, (mix(self._green, self._palette.light, 0.25), self._green))
        vein.line(turned([(0, 0), (size * 0.85, 0)], angle, foot), max(0.6, size * 0.018))
        self._canvas.paint(vein, self._palette.light, opacity=0.5)


def _kinds(palette: Palette) -> list[Kind]:
    pale = mix(palette.accent, palette.light, 0.45)
    return [
        Kind(petals=5, wide=0.46, rings=1, colour=palette.accent, heart=palette.sun),
        Kind(petals=8, wide=0.30, rings=2, colour=pale, heart=palette.sun),
        Kind(petals=13, wide=0.19, rings=2, colour=palette.second, heart=palette.sun),
        Kind(petals=6, wide=0.42, rings=2, colour=palette.sun, heart=palette.accent),
    ]


def _petal(size: float, wide: float) -> list[Point]:
    half = [(0.45, 0.8 * wide), (0.85, 0.75 * wide)]
    outline = [(0.05, 0.0), *((x, -y) for x, y in half), (1.0, 0.0), *reversed(half)]
    return smooth([(x * size, y * size) for x, y in outline])
