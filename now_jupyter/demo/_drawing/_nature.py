"""Land and water: ridges in mist, the sea with a paper boat, a forest, and what the weather adds."""

import math
import random
from collections.abc import Callable

from ._canvas import Canvas, Point, Shape
from ._palette import Colour, Palette, mix

__all__ = [
    "Line",
    "Swimmer",
    "along",
    "birds",
    "clouds",
    "fir",
    "forest",
    "hills",
    "mountains",
    "paper_boat",
    "rain",
    "ridge",
    "sea",
    "sky_light",
    "snow",
    "stars",
    "under",
]

Line = Callable[[float], float]
Swimmer = Callable[[Canvas, Palette, Point, float, float], None]


def paper_boat(canvas: Canvas, palette: Palette, keel: Point, size: float, tilt: float) -> None:
    """Draw a folded paper boat."""
    parts: tuple[tuple[tuple[Point, ...], Colour], ...] = (
        (((0.0, -1.0), (0.52, -0.36), (-0.52, -0.36)), mix(palette.light, palette.accent, 0.12)),
        (((0.0, -1.0), (0.52, -0.36), (0.0, -0.36)), mix(palette.light, palette.accent, 0.36)),
        (((-1.0, -0.52), (0.0, -0.22), (-0.56, 0.22)), palette.light),
        (((1.0, -0.52), (0.0, -0.22), (0.56, 0.22)), mix(palette.light, palette.accent, 0.3)),
        (((0.0, -0.22), (0.56, 0.22), (-0.56, 0.22)), mix(palette.light, palette.accent, 0.14)),
    )
    sine, cosine = math.sin(tilt), math.cos(tilt)
    for points, colour in parts:
        shape = canvas.shape()
        shape.polygon(
            [(keel[0] + size * (x * cosine - y * sine), keel[1] + size * (x * sine + y * cosine)) for x, y in points]
        )
        canvas.paint(shape, colour)


def mountains(canvas: Canvas, palette: Palette, rng: random.Random) -> None:
    """Draw layered ridges in mist, a sun or moon, and still water below."""
    height = canvas.height
    canvas.backdrop(palette.sky, palette.glow, 0.62)
    sky_light(canvas, palette, rng, (rng.uniform(0.22, 0.78), rng.uniform(0.2, 0.34)), rng.uniform(0.075, 0.115))
    shore = height * 0.78
    layers = 5
    for layer in range(layers):
        depth = layer / (layers - 1)
        line = ridge(rng, 0.42 + 0.30 * depth, 0.20 - 0.13 * depth, sharp=1 - depth)
        colour = palette.between(depth**0.9 * 0.92)
        shape = canvas.shape()
        shape.polygon(under(canvas, line, shore if not canvas.is_transparent else height * 0.9))
        if layer == layers - 1:
            _pines(shape, canvas, line, rng)
        canvas.paint(shape, (colour, mix(colour, palette.glow, 0.5 * (1 - depth) + 0.12)))
    canvas.reflect(shore, mix(palette.glow, palette.sky, 0.4), 0.22)
    _streaks(canvas, palette, rng, shore)
    birds(canvas, palette.near, rng)


def sea(canvas: Canvas, palette: Palette, rng: random.Random, swimmer: Swimmer | None = paper_boat) -> None:
    """Draw rows of waves, and on one of them a paper boat, or whatever swims there."""
    width, height, unit = canvas.width, canvas.height, canvas.unit
    canvas.backdrop(palette.sky, palette.glow, 0.52)
    spot = (rng.uniform(0.25, 0.75), rng.uniform(0.2, 0.32))
    sky_light(canvas, palette, rng, spot, rng.uniform(0.08, 0.13))
    clouds(canvas, palette, rng)
    rows, boat_row = 7, rng.choice((2, 3))
    boat_x = rng.uniform(0.34, 0.66)
    for row in range(rows):
        depth = row / (rows - 1)
        line = _wave(rng, 0.50 + 0.42 * depth**1.25, 0.008 + 0.022 * depth, 2.0 + 3.5 * (1 - depth))
        if row == boat_row and swimmer:
            swimmer(canvas, palette, (boat_x * width, line(boat_x) * height), unit * 0.15, rng.uniform(-0.09, 0.09))
        colour = palette.between(0.12 + 0.85 * depth)
        shape = canvas.shape()
        shape.polygon(under(canvas, line, height * 1.02))
        canvas.paint(shape, (mix(colour, palette.light, 0.16), colour))
        crest = canvas.shape()
        crest.line([(x, y + unit * 0.004) for x, y in along(canvas, line)], max(1.0, unit * 0.002))
        canvas.paint(crest, palette.light, opacity=0.30)
    birds(canvas, palette.near, rng)


def forest(canvas: Canvas, palette: Palette, rng: random.Random) -> None:
    """Draw rows of firs coming out of the mist."""
    height, unit = canvas.height, canvas.unit
    canvas.backdrop(palette.sky, palette.glow, 0.7)
    sky_light(canvas, palette, rng, (rng.uniform(0.3, 0.7), rng.uniform(0.24, 0.36)), rng.uniform(0.09, 0.14))
    rows = 5
    for row in range(rows):
        depth = row / (rows - 1)
        line = ridge(rng, 0.57 + 0.28 * depth, 0.05, sharp=0.0)
        shape = canvas.shape()
        shape.polygon(under(canvas, line, height))
        count = round(26 - 17 * depth)
        for tree in range(count):
            at = (tree + rng.uniform(-0.3, 0.3)) / (count - 1)
            tall = unit * rng.uniform(0.12, 0.2) * (1 + 1.9 * depth)
            fir(shape, (at * canvas.width, (line(at) + 0.05) * height), tall, rng.uniform(0.19, 0.25))
        colour = palette.between(0.04 + 0.9 * depth)
        canvas.paint(shape, (colour, mix(colour, palette.glow, 0.55 * (1 - depth))))
        canvas.mist(height * (0.42 + 0.3 * depth), height * (0.66 + 0.34 * depth), palette.glow, 0.5 * (1 - depth))
    birds(canvas, palette.near, rng)


def hills(canvas: Canvas, palette: Palette, rng: random.Random, ground: float = 0.74) -> None:
    """Draw the quiet stage on which an animal sits: light, two lines of hills, a ground."""
    height, unit = canvas.height, canvas.unit
    if canvas.is_transparent:
        return
    canvas.backdrop(palette.sky, palette.glow, ground)
    spot = (rng.uniform(0.3, 0.7), rng.uniform(0.34, 0.42))
    sky_light(canvas, palette, rng, spot, rng.uniform(0.2, 0.25))
    for row in range(3):
        depth = row / 2
        line = ridge(rng, ground - 0.16 + 0.16 * depth, 0.07 - 0.05 * depth, sharp=0.0)
        colour = palette.between(0.12 + 0.5 * depth)
        shape = canvas.shape()
        shape.polygon(under(canvas, line, height))
        for _ in range(9 if row == 1 else 0):
            at = rng.uniform(0, 1)
            fir(shape, (at * canvas.width, (line(at) + 0.008) * height), unit * rng.uniform(0.07, 0.14), 0.22)
        canvas.paint(shape, (mix(colour, palette.light, 0.1), mix(colour, palette.glow, 0.35 * (1 - depth))))


def snow(canvas: Canvas, rng: random.Random) -> None:
    """Let it snow: small far flakes and a few soft near ones."""
    if canvas.is_transparent:
        return
    for count, low, high, opacity, blur in (
        (150, 0.0012, 0.0028, 0.8, 0),
        (40, 0.003, 0.006, 0.75, 0),
        (14, 0.008, 0.013, 0.5, 0.004),
    ):
        shape = canvas.shape()
        for _ in range(count):
            x, y = rng.random() * canvas.width, rng.random() * canvas.height
            shape.ellipse(x, y, rng.uniform(low, high) * canvas.unit)
        canvas.paint(shape, (250, 252, 255), opacity=opacity, blur=blur * canvas.unit)


def rain(canvas: Canvas, palette: Palette, rng: random.Random) -> None:
    """Let it rain in thin slanted lines."""
    if canvas.is_transparent:
        return
    shape = canvas.shape()
    for _ in range(130):
        x, y = rng.uniform(-0.1, 1.1) * canvas.width, rng.random() * canvas.height
        fall = rng.uniform(0.03, 0.08) * canvas.unit
        shape.line([(x, y), (x - fall * 0.22, y + fall)], max(0.5, canvas.unit * 0.0014))
    canvas.paint(shape, palette.light, opacity=0.45)


def sky_light(canvas: Canvas, palette: Palette, rng: random.Random, spot: Point, radius: float) -> None:
    """Put the sun in the sky, or at night the moon among stars."""
    if canvas.is_transparent:
        return
    x, y, size = spot[0] * canvas.width, spot[1] * canvas.height, radius * canvas.unit
    if palette.is_night:
        stars(canvas, palette, rng, 110)
    canvas.glow(x, y, size * 4.6, palette.sun, 0.55)
    disc = canvas.shape()
    disc.ellipse(x, y, size)
    canvas.paint(disc, (mix(palette.sun, palette.light, 0.5), palette.sun))


def stars(canvas: Canvas, palette: Palette, rng: random.Random, count: int) -> None:
    """Scatter stars, most of them faint."""
    for share, size, opacity in ((0.7, 0.0011, 0.55), (0.3, 0.0019, 0.9)):
        shape = canvas.shape()
        for _ in range(round(count * share)):
            shape.ellipse(
                rng.random() * canvas.width,
                rng.random() * canvas.height * 0.72,
                size * canvas.unit * rng.uniform(0.7, 1.5),
            )
        canvas.paint(shape, palette.light, opacity=opacity)


def clouds(canvas: Canvas, palette: Palette, rng: random.Random) -> None:
    """Draw a few flat clouds."""
    if canvas.is_transparent:
        return
    for _ in range(3):
        x, y = rng.uniform(0.05, 0.95) * canvas.width, rng.uniform(0.1, 0.36) * canvas.height
        size = rng.uniform(0.05, 0.09) * canvas.unit
        shape = canvas.shape()
        for step in range(-2, 3):
            shape.ellipse(x + step * size * 0.95, y, size * (1.15 - 0.2 * abs(step)), size * (0.46 - 0.1 * abs(step)))
        shape.box(x - size * 4, y + size * 0.12, x + size * 4, y + size, value=0)
        canvas.paint(shape, palette.light, opacity=0.28 if palette.is_night else 0.62)


def birds(canvas: Canvas, colour: Colour, rng: random.Random) -> None:
    """Draw a few far birds, two strokes each."""
    if canvas.is_transparent:
        return
    shape = canvas.shape()
    x, y = rng.uniform(0.2, 0.7) * canvas.width, rng.uniform(0.14, 0.3) * canvas.height
    for _ in range(rng.randint(3, 6)):
        wing = canvas.unit * rng.uniform(0.009, 0.016)
        x, y = x + rng.uniform(0.03, 0.06) * canvas.unit, y + rng.uniform(-0.03, 0.03) * canvas.unit
        points = [
            (x - wing, y - wing * 0.45),
            (x - wing * 0.4, y - wing * 0.5),
            (x, y),
            (x + wing * 0.4, y - wing * 0.5),
            (x + wing, y - wing * 0.45),
        ]
        shape.line(points, max(0.8, canvas.unit * 0.0022))
    canvas.paint(shape, colour, opacity=0.7)


def fir(shape: Shape, foot: Point, tall: float, slim: float) -> None:
    """Add a fir: three skirts on a short trunk."""
    x, y = foot
    shape.box(x - tall * 0.02, y - tall * 0.15, x + tall * 0.02, y + tall * 0.05)
    for step in range(4):
        top, bottom = y - tall * (1 - 0.2 * step), y - tall * (0.62 - 0.18 * step)
        half = tall * slim * (0.42 + 0.24 * step)
        shape.polygon(
            [
                (x, top),
                (x + half, bottom),
                (x + half * 0.4, bottom - tall * 0.025),
                (x, bottom + tall * 0.01),
                (x - half * 0.4, bottom - tall * 0.025),
                (x - half, bottom),
            ]
        )


def ridge(rng: random.Random, level: float, amplitude: float, *, sharp: float) -> Line:
    """Return the outline of a range: a few long swells, and jags where it is sharp."""
    waves = [(rng.uniform(0.7, 1.3) * 2**power, rng.random() * math.tau, 0.55**power) for power in range(6)]

    def line(at: float) -> float:
        swell = sum(size * math.sin(at * math.tau * often + phase) for often, phase, size in waves[:2])
        jags = sum(size * (1 - 2 * abs(math.sin(at * math.pi * often + phase))) for often, phase, size in waves[1:])
        return level - amplitude * (0.5 * swell * (1 - 0.4 * sharp) + 0.75 * sharp * jags)

    return line


def under(canvas: Canvas, line: Line, bottom: float) -> list[Point]:
    """Return the polygon under a line."""
    return [*along(canvas, line), (canvas.width, bottom), (0, bottom)]


def along(canvas: Canvas, line: Line) -> list[Point]:
    """Return points along a line over the whole width."""
    return [(step / 240 * canvas.width, line(step / 240) * canvas.height) for step in range(241)]


def _wave(rng: random.Random, level: float, amplitude: float, often: float) -> Line:
    phase, other = rng.random() * math.tau, rng.random() * math.tau

    def line(at: float) -> float:
        crest: float = 1 - abs(math.sin(at * math.pi * often + phase)) ** 0.8
        return level - amplitude * (1.5 * crest - 0.6 + 0.5 * math.sin(at * math.tau * 1.3 + other))

    return line


def _pines(shape: Shape, canvas: Canvas, line: Line, rng: random.Random) -> None:
    for _ in range(46):
        at = rng.random()
        fir(
            shape, (at * canvas.width, (line(at) + 0.006) * canvas.height), canvas.unit * rng.uniform(0.025, 0.075), 0.2
        )


def _streaks(canvas: Canvas, palette: Palette, rng: random.Random, shore: float) -> None:
    if canvas.is_transparent:
        return
    shape = canvas.shape()
    for _ in range(22):
        y = shore + (canvas.height - shore) * rng.uniform(0.04, 1) ** 1.4
        x, half = rng.random() * canvas.width, rng.uniform(0.03, 0.13) * canvas.width
        shape.line([(x - half, y), (x + half, y)], max(0.6, canvas.unit * 0.0014))
    canvas.paint(shape, palette.light, opacity=0.35)
