"""A town by the water, and a planet above none."""

import random

from ._canvas import Canvas, Shape
from ._nature import sky_light, stars
from ._palette import Palette, mix

__all__ = ["city", "planet"]


def city(canvas: Canvas, palette: Palette, rng: random.Random) -> None:
    """Draw three rows of towers with lit windows, mirrored in wet streets."""
    height = canvas.height
    canvas.backdrop(palette.sky, palette.glow, 0.75)
    sky_light(canvas, palette, rng, (rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.32)), rng.uniform(0.1, 0.15))
    shore = height * (0.97 if canvas.is_transparent else 0.78)
    for row in range(3):
        depth = row / 2
        colour = palette.between(0.25 + 0.7 * depth)
        towers, windows = canvas.shape(), canvas.shape()
        _towers(canvas, (towers, windows), rng, shore, depth)
        canvas.paint(towers, (colour, mix(colour, palette.glow, 0.4 * (1 - depth) + 0.06)))
        canvas.paint(windows, mix(palette.sun, palette.accent, 0.25), opacity=0.35 + 0.5 * depth)
    canvas.mist(shore - height * 0.12, shore, palette.glow, 0.3)
    canvas.reflect(shore, palette.near, 0.35)


def planet(canvas: Canvas, palette: Palette, rng: random.Random) -> None:
    """Draw a banded planet with a ring, and its moons."""
    width, height, unit = canvas.width, canvas.height, canvas.unit
    canvas.backdrop(palette.ink, mix(palette.near, palette.second, 0.3))
    if not canvas.is_transparent:
        stars(canvas, palette, rng, 260)
    x, y, radius = width * rng.uniform(0.42, 0.58), height * rng.uniform(0.42, 0.5), unit * rng.uniform(0.22, 0.27)
    canvas.glow(x, y, radius * 2.4, palette.accent, 0.4)
    tilt = rng.uniform(0.24, 0.36)
    _ring(canvas, palette, (x, y, radius), tilt, front=False)
    disc = canvas.shape()
    disc.ellipse(x, y, radius)
    canvas.paint(disc, (mix(palette.accent, palette.light, 0.35), palette.accent))
    for band in range(6):
        _band(canvas, palette, (x, y, radius), -0.8 + band * 0.29 + rng.uniform(-0.05, 0.05), rng)
    _shade(canvas, palette, (x, y, radius))
    _ring(canvas, palette, (x, y, radius), tilt, front=True)
    for side in (rng.uniform(0.08, 0.16), rng.uniform(0.84, 0.92)):
        moon = canvas.shape()
        moon.ellipse(side * width, rng.choice((0.16, 0.24, 0.7)) * height, unit * rng.uniform(0.016, 0.034))
        canvas.paint(moon, (palette.light, mix(palette.light, palette.second, 0.5)))


def _towers(canvas: Canvas, masks: tuple[Shape, Shape], rng: random.Random, shore: float, depth: float) -> None:
    towers, windows = masks
    unit, x = canvas.unit, -0.02 * canvas.width
    while x < canvas.width:
        wide = unit * rng.uniform(0.05, 0.10) * (0.75 + 0.5 * depth)
        tall = canvas.height * rng.uniform(0.14, 0.30) * (1.45 - 0.62 * depth) * rng.choice((1, 1, 1.25))
        top = shore - tall
        towers.box(x, top, x + wide, shore)
        _roof(towers, rng, x, top, wide)
        _windows(windows, rng, (x, top, wide, shore), unit * (0.009 + 0.004 * depth))
        x += wide + unit * rng.choice((0.0, 0.004, 0.014))


def _roof(towers: Shape, rng: random.Random, x: float, top: float, wide: float) -> None:
    kind = rng.randrange(5)
    if kind == 0:
        towers.polygon([(x, top), (x + wide / 2, top - wide * 0.55), (x + wide, top)])
    elif kind == 1:
        towers.box(x + wide * 0.18, top - wide * 0.3, x + wide * 0.82, top)
        towers.box(x + wide * 0.47, top - wide * 1.1, x + wide * 0.53, top)
    elif kind == 2:  # noqa: PLR2004 - the third of five roofs
        towers.polygon([(x, top), (x + wide, top - wide * 0.4), (x + wide, top)])


def _windows(windows: Shape, rng: random.Random, tower: tuple[float, float, float, float], step: float) -> None:
    x, top, wide, shore = tower
    columns, rows = max(1, int(wide / (step * 1.9))), int((shore - top) / (step * 2.1))
    gap = wide / columns
    for row in range(1, rows):
        for column in range(columns):
            if rng.random() < 0.33:  # noqa: PLR2004 - so many people are at home
                left, upper = x + gap * (column + 0.28), top + row * step * 2.1
                windows.box(left, upper, left + gap * 0.44, upper + step * 0.95)


def _band(canvas: Canvas, palette: Palette, ball: tuple[float, float, float], level: float, rng: random.Random) -> None:
    x, y, radius = ball
    if abs(level) >= 0.97:  # noqa: PLR2004 - beyond the pole
        return
    half, thick = (1 - level**2) ** 0.5 * radius, radius * rng.uniform(0.03, 0.075)
    shape = canvas.shape()
    shape.ellipse(x, y + level * radius, half * 0.985, thick)
    canvas.paint(shape, rng.choice((palette.light, palette.second, palette.sun)), opacity=0.42)


def _shade(canvas: Canvas, palette: Palette, ball: tuple[float, float, float]) -> None:
    x, y, radius = ball
    shape = canvas.shape()
    shape.ellipse(x, y, radius * 1.004)
    shape.ellipse(x - radius * 0.32, y - radius * 0.22, radius * 1.12, value=0)
    canvas.paint(shape, palette.ink, opacity=0.62, blur=radius * 0.045)


def _ring(canvas: Canvas, palette: Palette, ball: tuple[float, float, float], tilt: float, *, front: bool) -> None:
    x, y, radius = ball
    for size, colour, opacity in ((1.86, palette.sun, 0.8), (1.64, palette.light, 0.65)):
        shape = canvas.shape()
        shape.ellipse(x, y, radius * size, radius * size * tilt)
        shape.ellipse(x, y, radius * (size - 0.13), radius * (size - 0.13) * tilt, value=0)
        if front:
            shape.box(0, 0, canvas.width, y, value=0)
        canvas.paint(shape, colour, opacity=opacity)
