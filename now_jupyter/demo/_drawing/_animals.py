"""Animals, folded out of few shapes: a fox, a cat and a rabbit facing us, a bird on its branch."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from ._canvas import Canvas, Fill, Point, smooth
from ._nature import hills
from ._palette import Colour, Palette, mix, named_hues, oklch

__all__ = ["Coat", "Outline", "Stand", "bird", "cat", "coat_of", "fox", "rabbit"]

Outline = Sequence[Point]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coat:
    """The colours of one animal."""

    main: Colour
    shade: Colour
    white: Colour
    dark: Colour


class Stand:
    """Where an animal sits; its outlines are given in a box of 1 by 1 with the middle at 0."""

    def __init__(self, canvas: Canvas, rng: random.Random) -> None:
        """Choose the place, and which way the animal looks."""
        share = 0.84 if canvas.is_transparent else rng.uniform(0.58, 0.64)
        self._canvas = canvas
        self._size = canvas.unit * share
        self._x = canvas.width * (0.5 if canvas.is_transparent else rng.uniform(0.42, 0.58))
        self._top = canvas.height * (0.885 if canvas.is_transparent else 0.86) - self._size
        self._flip = rng.choice((-1, 1))

    def shape(self, outline: Outline, fill: Fill, *, opacity: float = 1.0) -> None:
        """Paint one outline."""
        shape = self._canvas.shape()
        shape.polygon([self._place(point) for point in outline])
        self._canvas.paint(shape, fill, opacity=opacity)

    def both(self, outline: Outline, fill: Fill) -> None:
        """Paint an outline on both sides."""
        shape = self._canvas.shape()
        for side in (-1, 1):
            shape.polygon([self._place((x * side, y)) for x, y in outline])
        self._canvas.paint(shape, fill)

    def dots(self, points: Outline, rx: float, ry: float, fill: Fill) -> None:
        """Paint equal ellipses."""
        shape = self._canvas.shape()
        for point in points:
            x, y = self._place(point)
            shape.ellipse(x, y, rx * self._size, ry * self._size)
        self._canvas.paint(shape, fill)

    def strokes(self, lines: Sequence[Outline], width: float, fill: Fill) -> None:
        """Paint thin lines."""
        shape = self._canvas.shape()
        for line in lines:
            shape.line([self._place(point) for point in line], max(0.8, width * self._size))
        self._canvas.paint(shape, fill)

    def _place(self, point: Point) -> Point:
        return (self._x + self._flip * point[0] * self._size, self._top + point[1] * self._size)


def fox(canvas: Canvas, palette: Palette, rng: random.Random, prompt: str) -> None:
    """Draw a sitting fox."""
    hills(canvas, palette, rng)
    stand, coat = Stand(canvas, rng), coat_of(prompt, palette, 52)
    tail = [
        (0.12, 0.93),
        (0.30, 0.98),
        (0.45, 0.88),
        (0.50, 0.70),
        (0.44, 0.52),
        (0.36, 0.44),
        (0.36, 0.62),
        (0.28, 0.76),
        (0.14, 0.84),
    ]
    stand.shape(smooth(tail), (coat.main, coat.shade))
    stand.shape(smooth([(0.36, 0.42), (0.47, 0.55), (0.485, 0.64), (0.42, 0.60), (0.375, 0.62)]), coat.white)
    _body(stand, coat, 0.22)
    head = [
        (-0.20, 0.02),
        (-0.08, 0.15),
        (0.08, 0.15),
        (0.20, 0.02),
        (0.235, 0.25),
        (0.27, 0.36),
        (0.10, 0.46),
        (0.0, 0.53),
        (-0.10, 0.46),
        (-0.27, 0.36),
        (-0.235, 0.25),
    ]
    stand.shape(head, (mix(coat.main, coat.white, 0.08), coat.main))
    stand.both([(0.183, 0.07), (0.105, 0.16), (0.205, 0.22)], coat.dark)
    stand.both([(0.27, 0.36), (0.13, 0.335), (0.035, 0.42), (0.0, 0.53), (0.10, 0.46)], coat.white)
    stand.shape([(0.0, 0.19), (0.045, 0.36), (0.0, 0.47), (-0.045, 0.36)], mix(coat.main, coat.shade, 0.5))
    stand.dots([(-0.105, 0.305), (0.105, 0.305)], 0.019, 0.021, coat.dark)
    stand.dots([(-0.099, 0.298), (0.111, 0.298)], 0.006, 0.006, coat.white)
    stand.dots([(0.0, 0.515)], 0.028, 0.021, coat.dark)


def cat(canvas: Canvas, palette: Palette, rng: random.Random, prompt: str) -> None:
    """Draw a sitting cat."""
    hills(canvas, palette, rng)
    stand, coat = Stand(canvas, rng), coat_of(prompt, palette, rng.choice((None, 70, 40)))
    tail = [
        (0.10, 0.95),
        (0.28, 0.97),
        (0.40, 0.88),
        (0.40, 0.72),
        (0.32, 0.62),
        (0.34, 0.54),
        (0.40, 0.53),
        (0.40, 0.60),
        (0.47, 0.70),
        (0.48, 0.90),
        (0.34, 1.03),
        (0.10, 1.01),
    ]
    stand.shape(smooth(tail), (coat.main, coat.shade))
    _body(stand, coat, 0.23)
    head = [
        (-0.19, 0.03),
        (-0.09, 0.12),
        (0.09, 0.12),
        (0.19, 0.03),
        (0.225, 0.22),
        (0.235, 0.31),
        (0.17, 0.41),
        (0.07, 0.455),
        (-0.07, 0.455),
        (-0.17, 0.41),
        (-0.235, 0.31),
        (-0.225, 0.22),
    ]
    stand.shape(head, (mix(coat.main, coat.white, 0.1), coat.main))
    stand.both([(0.175, 0.075), (0.105, 0.14), (0.195, 0.19)], mix(palette.accent, coat.white, 0.4))
    stand.shape([(-0.03, 0.12), (0.03, 0.12), (0.0, 0.20)], coat.shade)
    stand.both([(0.06, 0.12), (0.10, 0.12), (0.075, 0.18)], coat.shade)
    stand.dots([(-0.06, 0.395), (0.06, 0.395)], 0.068, 0.048, coat.white)
    stand.dots([(-0.105, 0.28), (0.105, 0.28)], 0.042, 0.036, mix(palette.sun, (160, 200, 90), 0.55))
    stand.dots([(-0.105, 0.28), (0.105, 0.28)], 0.014, 0.032, coat.dark)
    stand.shape([(-0.026, 0.352), (0.026, 0.352), (0.0, 0.38)], mix(palette.accent, coat.dark, 0.25))
    whiskers = [
        [(side * 0.10, 0.39 + lift), (side * 0.30, 0.37 + lift * 2.4)]
        for side in (-1, 1)
        for lift in (-0.012, 0.006, 0.024)
    ]
    stand.strokes(whiskers, 0.005, coat.white)


def rabbit(canvas: Canvas, palette: Palette, rng: random.Random, prompt: str) -> None:
    """Draw a sitting rabbit."""
    hills(canvas, palette, rng)
    stand, coat = Stand(canvas, rng), coat_of(prompt, palette, 75, pale=True)
    stand.dots([(0.25, 0.86)], 0.075, 0.07, coat.white)
    _body(stand, coat, 0.22)
    ear = [(0.03, 0.24), (0.05, 0.06), (0.11, -0.10), (0.17, -0.06), (0.17, 0.10), (0.13, 0.26)]
    stand.both(smooth(ear), (mix(coat.main, coat.white, 0.2), coat.main))
    stand.both(
        smooth([(0.075, 0.2), (0.09, 0.06), (0.125, -0.04), (0.14, 0.05), (0.115, 0.2)]),
        mix(palette.accent, coat.white, 0.45),
    )
    head = [
        (0.0, 0.17),
        (0.13, 0.20),
        (0.20, 0.32),
        (0.15, 0.43),
        (0.0, 0.48),
        (-0.15, 0.43),
        (-0.20, 0.32),
        (-0.13, 0.20),
    ]
    stand.shape(smooth(head), (mix(coat.main, coat.white, 0.15), coat.main))
    stand.dots([(-0.045, 0.42), (0.045, 0.42)], 0.055, 0.042, coat.white)
    stand.dots([(-0.105, 0.31), (0.105, 0.31)], 0.023, 0.028, coat.dark)
    stand.dots([(-0.098, 0.30), (0.112, 0.30)], 0.007, 0.007, coat.white)
    stand.shape([(-0.026, 0.375), (0.026, 0.375), (0.0, 0.402)], mix(palette.accent, coat.dark, 0.2))


def bird(canvas: Canvas, palette: Palette, rng: random.Random, prompt: str) -> None:
    """Draw a bird on a branch."""
    hills(canvas, palette, rng, ground=0.9)
    stand, coat = Stand(canvas, rng), coat_of(prompt, palette, None)
    branch = smooth([(-1.2, 0.95), (-0.5, 0.87), (0.1, 0.86), (0.55, 0.80), (1.3, 0.84)], closed=False)
    stand.strokes([branch], 0.030, palette.near)
    stand.strokes([smooth([(0.2, 0.85), (0.42, 0.98), (0.62, 1.03)], closed=False)], 0.016, palette.near)
    for x, y in ((-0.62, 0.83), (-0.5, 0.93), (0.62, 0.76), (0.72, 0.86), (0.6, 1.0), (-0.8, 0.95)):
        stand.shape(smooth([(x - 0.06, y), (x, y - 0.032), (x + 0.07, y), (x, y + 0.032)]), palette.second)
    stand.strokes([[(-0.03, 0.76), (-0.05, 0.87)], [(0.05, 0.76), (0.04, 0.87)]], 0.012, coat.dark)
    stand.shape([(0.16, 0.60), (0.24, 0.70), (0.58, 0.97), (0.63, 0.92), (0.36, 0.62)], coat.shade)
    body = [
        (-0.30, 0.29),
        (-0.22, 0.20),
        (-0.10, 0.20),
        (0.0, 0.30),
        (0.20, 0.46),
        (0.30, 0.66),
        (0.16, 0.76),
        (-0.04, 0.79),
        (-0.22, 0.70),
        (-0.30, 0.52),
        (-0.29, 0.40),
    ]
    stand.shape(smooth(body), (coat.main, mix(coat.main, coat.shade, 0.5)))
    stand.shape(
        smooth([(-0.29, 0.42), (-0.20, 0.46), (-0.06, 0.62), (0.0, 0.76), (-0.12, 0.76), (-0.25, 0.66), (-0.31, 0.52)]),
        mix(coat.white, palette.sun, 0.4),
    )
    stand.shape(
        smooth([(-0.06, 0.42), (0.10, 0.44), (0.26, 0.60), (0.42, 0.80), (0.22, 0.74), (0.02, 0.64), (-0.07, 0.52)]),
        (coat.shade, coat.dark),
    )
    stand.strokes([[(0.06, 0.52), (0.30, 0.72)], [(0.04, 0.58), (0.22, 0.72)]], 0.006, coat.main)
    stand.shape([(-0.305, 0.27), (-0.43, 0.325), (-0.295, 0.345)], mix(palette.sun, palette.accent, 0.5))
    stand.dots([(-0.20, 0.285)], 0.024, 0.024, coat.white)
    stand.dots([(-0.203, 0.285)], 0.015, 0.015, coat.dark)


def _body(stand: Stand, coat: Coat, half: float) -> None:
    body = [
        (-0.10, 0.38),
        (0.10, 0.38),
        (half * 0.86, 0.66),
        (half, 0.90),
        (half * 0.72, 0.99),
        (-half * 0.72, 0.99),
        (-half, 0.90),
        (-half * 0.86, 0.66),
    ]
    stand.shape(smooth(body), (coat.main, mix(coat.main, coat.shade, 0.75)))
    stand.shape(smooth([(-0.10, 0.44), (0.10, 0.44), (0.085, 0.62), (0.0, 0.76), (-0.085, 0.62)]), coat.white)
    stand.strokes([[(0.0, 0.80), (0.0, 0.975)]], 0.008, coat.shade)
    stand.both(smooth([(0.015, 0.95), (0.05, 0.925), (0.105, 0.94), (0.11, 0.99), (0.02, 0.995)]), coat.dark)


def coat_of(prompt: str, palette: Palette, hue: float | None, *, pale: bool = False) -> Coat:
    """Return the colours of an animal: those that the prompt names, else of this hue, else the palette's."""
    named = named_hues(prompt.lower())
    dim = 0.06 if palette.is_night else 0.0
    if named:
        hue = named[0]
    chroma = 0.022 if pale and not named else 0.155
    main = palette.accent if hue is None else oklch((0.90 if pale and not named else 0.68) - dim, chroma, hue)
    white = mix((252, 248, 240), palette.sky, 0.12 if palette.is_night else 0.0)
    return Coat(main=main, shade=mix(main, palette.ink, 0.42), white=white, dark=mix(palette.ink, (20, 14, 18), 0.6))
