"""The coast: a lighthouse on its rock, a whale among the waves, a boat on a mountain lake."""

import random

from ._canvas import Canvas, Point, Shape, smooth
from ._nature import mountains, paper_boat, sea
from ._palette import Palette, mix

__all__ = ["lake", "lighthouse", "whale"]


def lake(canvas: Canvas, palette: Palette, rng: random.Random) -> None:
    """Draw mountains above still water, and a paper boat on it."""
    mountains(canvas, palette, rng)
    keel = (canvas.width * rng.uniform(0.36, 0.64), canvas.height * 0.845)
    paper_boat(canvas, palette, keel, canvas.unit * 0.075, rng.uniform(-0.05, 0.05))


def lighthouse(canvas: Canvas, palette: Palette, rng: random.Random) -> None:
    """Draw a lighthouse on a rock, its beam over the waves."""
    sea(canvas, palette, rng, swimmer=None)
    x, size = canvas.width * rng.choice((0.3, 0.36, 0.64, 0.7)), canvas.unit * 0.5
    foot = canvas.height * 0.77
    side = 1 if x < canvas.width / 2 else -1

    def at(point: Point) -> Point:
        return (x + point[0] * size, foot - point[1] * size)

    def polygon(shape: Shape, points: list[Point]) -> Shape:
        shape.polygon([at(point) for point in points])
        return shape

    far = side * canvas.width / size
    if not canvas.is_transparent:
        beam = polygon(canvas.shape(), [(0, 1.0), (far, 1.34), (far, 0.9), (0, 0.96)])
        canvas.paint(beam, palette.sun, opacity=0.45, blur=size * 0.02)
        canvas.glow(*at((0, 0.98)), size * 0.4, palette.sun, 0.9)
    rock = [
        (-0.62, -0.2),
        (-0.5, -0.02),
        (-0.3, 0.1),
        (-0.1, 0.14),
        (0.15, 0.13),
        (0.34, 0.06),
        (0.5, -0.06),
        (0.7, -0.2),
    ]
    canvas.paint(polygon(canvas.shape(), rock), (mix(palette.near, palette.ink, 0.4), palette.ink))
    white, red = mix(palette.light, palette.glow, 0.15), palette.accent
    for part in range(5):
        low, high = 0.12 + part * 0.15, 0.12 + (part + 1) * 0.15
        wide = [0.115 - 0.05 * (level - 0.12) / 0.75 for level in (low, high)]
        band = [(-wide[0], low), (-wide[1], high), (wide[1], high), (wide[0], low)]
        shaded = [(0.3 * wide[0], low), (0.3 * wide[1], high), (wide[1], high), (wide[0], low)]
        colour = white if part % 2 else red
        canvas.paint(polygon(canvas.shape(), band), colour)
        canvas.paint(polygon(canvas.shape(), shaded), mix(colour, palette.ink, 0.22))
    top = canvas.shape()
    polygon(top, [(-0.1, 0.87), (-0.1, 0.9), (0.1, 0.9), (0.1, 0.87)])
    polygon(top, [(-0.085, 1.04), (0.0, 1.14), (0.085, 1.04)])
    canvas.paint(top, palette.ink)
    canvas.paint(polygon(canvas.shape(), [(-0.055, 0.9), (-0.055, 1.04), (0.055, 1.04), (0.055, 0.9)]), palette.sun)
    surf = canvas.shape()
    for step in range(7):
        surf.ellipse(*at((-0.6 + step * 0.2, -0.17 + 0.03 * (step % 2))), size * 0.12, size * 0.035)
    canvas.paint(surf, palette.light, opacity=0.75, blur=size * 0.008)


def whale(canvas: Canvas, palette: Palette, rng: random.Random) -> None:
    """Draw a whale that comes up between the waves, with its spout."""
    sea(canvas, palette, rng, swimmer=_whale)


def _whale(canvas: Canvas, palette: Palette, keel: Point, size: float, tilt: float) -> None:
    size, side = size * 1.7, 1 if tilt > 0 else -1

    def outline(points: list[Point]) -> list[Point]:
        return [(keel[0] + side * x * size, keel[1] + (y - 0.05) * size) for x, y in points]

    back, spout = canvas.shape(), canvas.shape()
    body = [(-1.0, 0.5), (-0.98, -0.1), (-0.7, -0.42), (-0.2, -0.46), (0.35, -0.24), (0.75, 0.08), (1.0, 0.5)]
    back.polygon(outline(smooth(body)))
    fluke = [
        (1.0, 0.4),
        (1.06, -0.16),
        (0.84, -0.44),
        (1.0, -0.42),
        (1.12, -0.26),
        (1.26, -0.44),
        (1.44, -0.42),
        (1.2, -0.14),
        (1.18, 0.4),
    ]
    back.polygon(outline(fluke))
    canvas.paint(back, (mix(palette.near, palette.light, 0.12), palette.ink))
    for reach in (-0.26, -0.1, 0.1, 0.26):
        drops = [(-0.6, -0.44), (-0.6 + reach * 0.4, -0.85), (-0.6 + reach, -0.95), (-0.6 + reach * 1.5, -0.72)]
        spout.line(outline(smooth(drops, closed=False)), max(1.0, size * 0.028))
    canvas.paint(spout, palette.light, opacity=0.85)
    eye = canvas.shape()
    eye.ellipse(*outline([(-0.72, -0.1)])[0], size * 0.03)
    canvas.paint(eye, palette.light)
