"""Pictures of nothing in particular: paper-cut ribbons, contour lines, and shapes in a grid."""

import math
import random

from ._canvas import Canvas, Point, Shape
from ._palette import Palette, mix

__all__ = ["RINGS", "Waves", "contours", "ribbons", "shapes"]

# How often round, from which phase, how strong.
Waves = list[tuple[int, float, float]]
RINGS = 13


def ribbons(canvas: Canvas, palette: Palette, rng: random.Random) -> None:
    """Draw sheets of cut paper, one behind the other, moved by one wind."""
    width, height, unit = canvas.width, canvas.height, canvas.unit
    canvas.backdrop(mix(palette.sky, palette.light, 0.35), palette.glow)
    turns = [(rng.uniform(0.5, 1.5), rng.random() * math.tau, rng.uniform(0.05, 0.1)) for _ in range(3)]
    slant, drift, sheets = rng.uniform(-0.22, 0.22), rng.uniform(0.25, 0.5), 11
    ways = [palette.far, palette.second, palette.accent, palette.sun, palette.light, palette.near]
    for sheet in range(sheets):
        share = sheet / (sheets - 1)
        edge: list[Point] = []
        for step in range(121):
            at = step / 120
            sway = sum(
                size * math.sin(at * math.tau * often + phase + share * drift * 7) for often, phase, size in turns
            )
            edge.append((at * width, height * (0.10 + 0.86 * share + slant * (at - 0.5) + sway)))
        shadow, shape = canvas.shape(), canvas.shape()
        outline = [*edge, (width, height * 1.6), (0, height * 1.6)]
        if not canvas.is_transparent:
            shadow.polygon([(x, y - unit * 0.006) for x, y in outline])
            canvas.paint(shadow, palette.ink, opacity=0.28, blur=unit * 0.012)
        shape.polygon(outline)
        position = share * (len(ways) - 1)
        first = min(int(position), len(ways) - 2)
        colour = mix(ways[first], ways[first + 1], position - first)
        canvas.paint(shape, (mix(colour, palette.light, 0.14), mix(colour, palette.ink, 0.06)))


def contours(canvas: Canvas, palette: Palette, rng: random.Random) -> None:
    """Draw islands in contour lines, tinted by height, on a quiet sea."""
    width, height, unit = canvas.width, canvas.height, canvas.unit
    canvas.backdrop(mix(palette.far, palette.sky, 0.5), palette.far)
    shore, top = mix(palette.glow, palette.light, 0.4), mix(palette.accent, palette.near, 0.65)
    for island in range(2):
        centre = (width * (rng.uniform(0.4, 0.46) + 0.43 * island), height * (rng.uniform(0.42, 0.5) - 0.26 * island))
        waves = [(often, rng.random() * math.tau, rng.uniform(0.05, 0.15) / often**0.6) for often in (1, 2, 3, 5)]
        reach = unit * (rng.uniform(0.27, 0.32) - 0.18 * island)
        for ring in range(RINGS):
            share = ring / (RINGS - 1)
            outline = _coast(centre, reach * (1 - share * 0.93), waves, share * 1.4)
            shape, line = canvas.shape(), canvas.shape()
            shape.polygon(outline)
            low, high = mix(shore, palette.accent, min(1.0, share * 2)), max(0.0, share * 2 - 1)
            canvas.paint(shape, mix(low, top, high))
            line.line([*outline, outline[0], outline[1]], max(0.6, unit * 0.0016))
            canvas.paint(line, palette.ink, opacity=0.4)


def _coast(centre: Point, reach: float, waves: Waves, turn: float) -> list[Point]:
    angles = [step / 140 * math.tau for step in range(140)]
    outline: list[Point] = []
    for angle in angles:
        radius = reach * (1 + sum(size * math.sin(angle * often + phase + turn) for often, phase, size in waves))
        outline.append((centre[0] + radius * math.cos(angle) * 1.1, centre[1] + radius * math.sin(angle)))
    return outline


def shapes(canvas: Canvas, palette: Palette, rng: random.Random) -> None:
    """Fill a grid with discs, quarters, arches and stripes, after the posters of the Bauhaus."""
    unit = canvas.unit
    ground = palette.light if not palette.is_night else palette.ink
    canvas.backdrop(ground, ground)
    cell = unit / rng.choice((4, 5))
    columns, rows = math.ceil(canvas.width / cell), math.ceil(canvas.height / cell)
    left, top = (canvas.width - columns * cell) / 2, (canvas.height - rows * cell) / 2
    colours = [palette.accent, palette.second, palette.sun, palette.near, palette.far, palette.glow]
    for row in range(rows):
        for column in range(columns):
            corner = (left + column * cell, top + row * cell)
            one, other = rng.sample(colours, 2)
            if rng.random() < 0.55 and not canvas.is_transparent:  # noqa: PLR2004 - a little more than half have a ground
                tile = canvas.shape()
                tile.box(corner[0], corner[1], corner[0] + cell, corner[1] + cell)
                canvas.paint(tile, mix(other, ground, 0.15))
            figure = canvas.shape()
            _figure(figure, corner, cell, rng)
            canvas.paint(figure, one)


def _figure(figure: Shape, corner: Point, cell: float, rng: random.Random) -> None:
    draw = rng.choice((_disc, _quarter, _quarter, _arch, _stripes, _leaf, _rings))
    draw(figure, corner, cell, rng)


def _disc(figure: Shape, corner: Point, cell: float, rng: random.Random) -> None:
    figure.ellipse(corner[0] + cell / 2, corner[1] + cell / 2, cell * rng.choice((0.5, 0.34, 0.2)))


def _quarter(figure: Shape, corner: Point, cell: float, rng: random.Random) -> None:
    figure.polygon(_arc(corner, cell, rng.randrange(4), cell))


def _arch(figure: Shape, corner: Point, cell: float, rng: random.Random) -> None:
    down = rng.randrange(2)
    middle = (corner[0] + cell / 2, corner[1] + cell * down)
    start = math.pi * (1 - down)
    angles = [start + math.pi * (step / 40) for step in range(41)]
    side = 1 if down else -1
    figure.polygon(
        [
            (middle[0] + cell / 2 * math.cos(angle), middle[1] - side * abs(cell / 2 * math.sin(angle)))
            for angle in angles
        ]
    )


def _stripes(figure: Shape, corner: Point, cell: float, rng: random.Random) -> None:
    count, upright = rng.choice((3, 4, 5)), rng.randrange(2)
    for index in range(count):
        low, high = cell * index / count, cell * (index + 0.5) / count
        if upright:
            figure.box(corner[0] + low, corner[1], corner[0] + high, corner[1] + cell)
        else:
            figure.box(corner[0], corner[1] + low, corner[0] + cell, corner[1] + high)


def _leaf(figure: Shape, corner: Point, cell: float, rng: random.Random) -> None:
    turn = rng.randrange(2)
    one, other = _arc(corner, cell, turn, cell), _arc(corner, cell, turn + 2, cell)
    figure.polygon([*one[1:], *other[1:]])


def _rings(figure: Shape, corner: Point, cell: float, rng: random.Random) -> None:
    turn = rng.randrange(4)
    for step in range(4):
        figure.polygon(_arc(corner, cell, turn, cell * (1 - step * 0.25)), value=255 if step % 2 == 0 else 0)


def _arc(corner: Point, cell: float, turn: int, radius: float) -> list[Point]:
    """Return a quarter disc around one corner of a cell, that corner first."""
    centre = (corner[0] + cell * (turn in (1, 2)), corner[1] + cell * (turn in (2, 3)))
    angles = [turn * math.pi / 2 + math.pi / 2 * step / 24 for step in range(25)]
    return [centre, *((centre[0] + radius * math.cos(angle), centre[1] + radius * math.sin(angle)) for angle in angles)]
