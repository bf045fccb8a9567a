"""The canvas: soft gradients underneath, sharp shapes drawn larger and brought down, light put on top.

Coordinates are in pixels of the finished picture. Shapes are masks drawn at twice the size, which is all the
smoothing they need.
"""

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFilter, ImageOps

from ._palette import Colour, mix

__all__ = ["OVERSIZE", "Canvas", "Fill", "Point", "Shape", "smooth", "turned"]

Point = tuple[float, float]
Fill = Colour | tuple[Colour, Colour]
OVERSIZE = 2


class Shape:
    """A mask to draw on; what is white will be painted."""

    def __init__(self, width: int, height: int) -> None:
        """Start with nothing."""
        self._mask = Image.new("L", (width * OVERSIZE, height * OVERSIZE), 0)
        self._pen = ImageDraw.Draw(self._mask)

    def polygon(self, points: Sequence[Point], value: int = 255) -> None:
        """Add, or with value 0 cut out, a polygon."""
        self._pen.polygon([(x * OVERSIZE, y * OVERSIZE) for x, y in points], fill=value)

    def ellipse(self, x: float, y: float, rx: float, ry: float | None = None, value: int = 255) -> None:
        """Add an ellipse around a centre."""
        ry = rx if ry is None else ry
        box = [(x - rx) * OVERSIZE, (y - ry) * OVERSIZE, (x + rx) * OVERSIZE, (y + ry) * OVERSIZE]
        self._pen.ellipse(box, fill=value)

    def box(self, left: float, top: float, right: float, bottom: float, value: int = 255) -> None:
        """Add a rectangle."""
        corners = sorted((left, right)), sorted((top, bottom))
        (left, right), (top, bottom) = corners
        self._pen.rectangle([left * OVERSIZE, top * OVERSIZE, right * OVERSIZE, bottom * OVERSIZE], fill=value)

    def line(self, points: Sequence[Point], width: float, value: int = 255) -> None:
        """Add a line with round joints."""
        scaled = [(x * OVERSIZE, y * OVERSIZE) for x, y in points]
        self._pen.line(scaled, fill=value, width=max(1, round(width * OVERSIZE)), joint="curve")

    def mask(self) -> Image.Image:
        """Return the smooth mask."""
        return self._mask.reduce(OVERSIZE)


class Canvas:
    """A picture under way."""

    def __init__(self, size: tuple[int, int], ground: Colour, *, transparent: bool = False) -> None:
        """Start with one colour; a transparent canvas remembers where it was painted."""
        self.width, self.height = size
        self.unit = min(size)
        self._image = Image.new("RGB", size, ground)
        self._alpha = Image.new("L", size, 0) if transparent else None

    @property
    def is_transparent(self) -> bool:
        """Whether the background stays clear."""
        return self._alpha is not None

    def shape(self) -> Shape:
        """Return an empty mask of this canvas."""
        return Shape(self.width, self.height)

    def backdrop(self, top: Colour, bottom: Colour, until: float = 1.0) -> None:
        """Lay a soft gradient over everything; it never counts as painted."""
        self._image.paste(self._gradient(top, bottom, until))

    def paint(self, shape: Shape, fill: Fill, *, opacity: float = 1.0, blur: float = 0.0) -> None:
        """Paint a shape in one colour, or in a gradient from its top to its bottom."""
        mask = shape.mask()
        if blur:
            mask = mask.filter(ImageFilter.GaussianBlur(blur))
        if opacity < 1:
            mask = mask.point([round(value * opacity) for value in range(256)])
        box = mask.getbbox()
        if box is None:
            return
        mask = mask.crop(box)
        if isinstance(fill[0], tuple):
            top, bottom = fill
            self._image.paste(_ramp(mask.size, top, bottom), box, mask)
        else:
            self._image.paste(fill, box, mask)
        if self._alpha is not None:
            self._alpha.paste(255, box, mask)

    def glow(self, x: float, y: float, radius: float, colour: Colour, strength: float) -> None:
        """Put a halo of light on the background."""
        if self.is_transparent:
            return
        side = max(2, round(radius * 2))
        halo = ImageOps.invert(Image.radial_gradient("L")).point(_faded(strength)).resize((side, side))
        self._image.paste(colour, (round(x - radius), round(y - radius)), halo)

    def mist(self, top: float, bottom: float, colour: Colour, strength: float) -> None:
        """Let mist rise from `bottom` up to `top`."""
        if self.is_transparent:
            return
        height = max(1, round(bottom - top))
        fade = Image.linear_gradient("L").resize((1, height)).point([round(value * strength) for value in range(256)])
        self._image.paste(colour, (0, round(top)), fade.resize((self.width, height)))

    def reflect(self, line: float, colour: Colour, veil: float) -> None:
        """Turn everything below a horizontal line into still water."""
        if self.is_transparent:
            return
        top = round(line)
        depth = self.height - top
        mirrored = ImageOps.flip(self._image.crop((0, max(0, top - depth), self.width, top))).resize(
            (self.width, depth)
        )
        mirrored = mirrored.filter(ImageFilter.BoxBlur((self.unit / 400, self.unit / 90)))
        self._image.paste(Image.blend(mirrored, Image.new("RGB", mirrored.size, colour), veil), (0, top))

    def finish(self) -> Image.Image:
        """Return the picture."""
        if self._alpha is None:
            return self._image
        picture = self._image.copy()
        picture.putalpha(self._alpha)
        return picture

    def _gradient(self, top: Colour, bottom: Colour, until: float) -> Image.Image:
        height = max(1, round(self.height * until))
        whole = Image.new("RGB", (self.width, self.height), bottom)
        whole.paste(_ramp((self.width, height), top, bottom), (0, 0))
        return whole


def smooth(points: Sequence[Point], *, closed: bool = True, steps: int = 12) -> list[Point]:
    """Return a Catmull-Rom curve through points."""
    count = len(points)
    around = [points[-1], *points, points[0], points[1]] if closed else [points[0], *points, points[-1]]
    curve: list[Point] = []
    for index in range(count if closed else count - 1):
        curve.extend(_between(around[index : index + 4], steps))
    return curve if closed else [*curve, points[-1]]


def turned(points: Sequence[Point], angle: float, centre: Point = (0.0, 0.0)) -> list[Point]:
    """Return points turned around a centre."""
    sine, cosine = math.sin(angle), math.cos(angle)
    return [(centre[0] + x * cosine - y * sine, centre[1] + x * sine + y * cosine) for x, y in points]


def _between(four: Sequence[Point], steps: int) -> list[Point]:
    before, start, end, after = four
    return [_spline(before, start, end, after, step / steps) for step in range(steps)]


def _spline(before: Point, start: Point, end: Point, after: Point, t: float) -> Point:
    x, y = (
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(before, start, end, after, strict=True)
    )
    return (x, y)


def _ramp(size: tuple[int, int], top: Colour, bottom: Colour) -> Image.Image:
    steps = 64
    column = Image.new("RGB", (1, steps))
    column.putdata([mix(top, bottom, step / (steps - 1)) for step in range(steps)])
    return column.resize((1, size[1]), Image.Resampling.BICUBIC).resize(size)


def _faded(strength: float) -> list[int]:
    """Give the light for each value of a radial gradient; it ends where the gradient's circle meets its square."""
    rim = 80
    return [round(strength * 255 * (max(0, value - rim) / (255 - rim)) ** 1.6) for value in range(256)]
