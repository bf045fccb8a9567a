"""Birds that no songbird stands for: an owl on its branch, a heron in shallow water."""

import random

from ._animals import Stand, coat_of
from ._canvas import Canvas, smooth
from ._nature import hills
from ._palette import Palette, mix

__all__ = ["heron", "owl"]


def owl(canvas: Canvas, palette: Palette, rng: random.Random, prompt: str) -> None:
    """Draw an owl facing us."""
    hills(canvas, palette, rng, ground=0.9)
    stand, coat = Stand(canvas, rng), coat_of(prompt, palette, 65)
    branch = smooth([(-1.3, 0.96), (-0.4, 0.9), (0.3, 0.9), (1.3, 0.84)], closed=False)
    stand.strokes([branch], 0.034, palette.near)
    body = [(-0.24, 0.12), (0.0, 0.09), (0.24, 0.12), (0.31, 0.45), (0.25, 0.76), (0.1, 0.92), (-0.1, 0.92)]
    stand.shape(smooth([*body, (-0.25, 0.76), (-0.31, 0.45)]), (coat.main, mix(coat.main, coat.shade, 0.6)))
    stand.both([(0.09, 0.13), (0.25, -0.02), (0.27, 0.22)], mix(coat.main, coat.shade, 0.35))
    stand.shape(smooth([(-0.16, 0.48), (0.0, 0.42), (0.16, 0.48), (0.17, 0.7), (0.0, 0.88), (-0.17, 0.7)]), coat.white)
    wing = [(0.22, 0.4), (0.33, 0.5), (0.31, 0.74), (0.19, 0.9), (0.17, 0.62)]
    stand.both(smooth(wing), (coat.shade, coat.dark))
    flecks = [
        [(x - 0.02, y), (x, y + 0.022), (x + 0.02, y)]
        for y in (0.54, 0.61, 0.68, 0.75)
        for x in ((-0.1, -0.03, 0.04, 0.11) if y in (0.54, 0.68) else (-0.065, 0.0, 0.065))
    ]
    stand.strokes(flecks, 0.009, coat.shade)
    eyes = [(-0.115, 0.26), (0.115, 0.26)]
    stand.dots(eyes, 0.118, 0.118, mix(coat.white, coat.main, 0.15))
    stand.dots(eyes, 0.07, 0.07, mix(palette.sun, (240, 180, 50), 0.6))
    stand.dots(eyes, 0.04, 0.04, coat.dark)
    stand.dots([(-0.1, 0.243), (0.13, 0.243)], 0.012, 0.012, coat.white)
    stand.shape([(-0.035, 0.3), (0.035, 0.3), (0.0, 0.4)], mix(palette.sun, coat.dark, 0.35))
    toes = [[(x + step, 0.88), (x + step, 0.945)] for x in (-0.11, 0.07) for step in (0.0, 0.03, 0.06)]
    stand.strokes(toes, 0.018, mix(palette.sun, coat.dark, 0.3))


def heron(canvas: Canvas, palette: Palette, rng: random.Random, prompt: str) -> None:
    """Draw a heron on its long legs, among reeds."""
    hills(canvas, palette, rng, ground=0.84)
    stand, coat = Stand(canvas, rng), coat_of(prompt, palette, 245, pale=True)
    legs = [[(0.0, 0.62), (-0.02, 0.8), (0.0, 1.0)], [(0.07, 0.62), (0.1, 0.8), (0.06, 1.0)]]
    stand.strokes(legs, 0.015, mix(palette.sun, coat.dark, 0.5))
    ripples = [[(x - 0.13, y), (x + 0.13, y)] for x, y in ((0.0, 1.0), (0.08, 1.02), (-0.22, 1.05), (0.3, 1.06))]
    stand.strokes(ripples, 0.008, palette.light)
    neck = [(-0.12, 0.46), (-0.22, 0.38), (-0.16, 0.28), (-0.07, 0.2), (-0.1, 0.1), (-0.17, 0.07)]
    stand.strokes([smooth(neck, closed=False)], 0.055, coat.white)
    body = [
        (-0.16, 0.47),
        (-0.04, 0.4),
        (0.14, 0.44),
        (0.34, 0.6),
        (0.44, 0.72),
        (0.24, 0.68),
        (0.02, 0.66),
        (-0.12, 0.58),
    ]
    stand.shape(smooth(body), (coat.main, mix(coat.main, coat.shade, 0.55)))
    wing = [(-0.02, 0.46), (0.14, 0.48), (0.32, 0.62), (0.43, 0.72), (0.2, 0.64), (0.02, 0.58)]
    stand.shape(smooth(wing), (mix(coat.shade, coat.main, 0.3), coat.shade))
    stand.dots([(-0.17, 0.075)], 0.052, 0.038, coat.white)
    stand.shape([(-0.2, 0.05), (-0.46, 0.105), (-0.2, 0.098)], mix(palette.sun, palette.accent, 0.4))
    stand.shape([(-0.19, 0.05), (-0.1, 0.035), (0.06, 0.1), (-0.1, 0.066)], coat.dark)
    stand.dots([(-0.185, 0.07)], 0.009, 0.009, coat.dark)
    for foot in (-0.62, -0.52, -0.42, 0.56, 0.66, 0.76):
        sway = rng.uniform(-0.06, 0.06)
        tip = rng.uniform(0.42, 0.6)
        stand.strokes([smooth([(foot, 1.06), (foot, 0.8), (foot + sway, tip)], closed=False)], 0.011, palette.near)
        stand.strokes(
            [[(foot + sway, tip), (foot + sway * 1.15, tip - 0.1)]], 0.028, mix(palette.near, palette.ink, 0.5)
        )
