"""Pictures of tasks, kept as the recipe they are drawn from: a task lives long, its bytes are drawn when asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from PIL import Image, ImageFilter, ImageOps

from ._backend import seed_of
from ._drawing import Sketch, compose, compose_over, encode, open_picture, rough, sign, system_fonts

__all__ = ["PLACES", "Place", "Plate", "around", "four", "plain_file", "print_plates", "render", "reseeded"]

# Left edge, top edge and scale of the old picture inside the new one.
Place = tuple[float, float, float]
PLACES: Mapping[str, Place] = {
    "50": (0.25, 0.25, 0.5),
    "75": (1 / 6, 1 / 6, 2 / 3),
    "100": (0.125, 0.125, 0.75),
    "pan_left": (0.4, 0.2, 0.6),
    "pan_right": (0.0, 0.2, 0.6),
    "pan_up": (0.2, 0.4, 0.6),
    "pan_down": (0.2, 0.0, 0.6),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plate:
    """How to draw one picture: from nothing, over given pictures, or around an older plate."""

    sketch: Sketch
    sources: tuple[bytes, ...] = ()
    mask: bytes | None = None
    inner: "Plate | None" = None
    place: Place = (0.0, 0.0, 1.0)


def four(plate: Plate, *facts: object) -> tuple[Plate, ...]:
    """Return four variations of a plate, told apart by these facts."""
    return tuple(reseeded(plate, *facts, index) for index in range(4))


def reseeded(plate: Plate, *facts: object) -> Plate:
    """Return the same plate with another seed."""
    return replace(plate, sketch=replace(plate.sketch, seed=seed_of(plate.sketch.seed, *facts)))


def around(plate: Plate, place: Place, prompt: str | None = None) -> Plate:
    """Return a plate that shows another one smaller, in new surroundings."""
    return Plate(sketch=replace(plate.sketch, prompt=prompt or plate.sketch.prompt), inner=plate, place=place)


def print_plates(plates: tuple[Plate, ...], progress: float = 1.0) -> bytes:
    """Return the file of one picture, or of four as a grid; unfinished ones are rough."""
    size = plates[0].sketch.size
    picture = render(plates[0], size) if len(plates) == 1 else _grid(plates, size)
    if progress < 1:
        picture = rough(picture, progress)
    return encode(picture, form="png", quality=100)


def render(plate: Plate, size: tuple[int, int]) -> Image.Image:
    """Draw one plate at a size and sign it; the composition is the same at every size."""
    sketch = replace(plate.sketch, size=size)
    return sign(_painted(plate, size), sketch, find_fonts=system_fonts, over_old=bool(plate.sources))


def plain_file(plate: Plate) -> bytes:
    """Return the file of a plate without its signature, to draw over."""
    return encode(_painted(plate, plate.sketch.size), form="png")


def _painted(plate: Plate, size: tuple[int, int]) -> Image.Image:
    sketch = replace(plate.sketch, size=size)
    if plate.inner is not None:
        return _framed(sketch, plate.inner, plate.place)
    if plate.sources:
        return compose_over(sketch, [open_picture(data) for data in plate.sources], _alpha_mask(plate.mask))
    return compose(sketch)


def _grid(plates: tuple[Plate, ...], size: tuple[int, int]) -> Image.Image:
    half = (size[0] // 2, size[1] // 2)
    grid = Image.new("RGB", size)
    for index, plate in enumerate(plates):
        grid.paste(render(plate, half).convert("RGB"), (index % 2 * half[0], index // 2 * half[1]))
    return grid


def _framed(sketch: Sketch, inner: Plate, place: Place) -> Image.Image:
    """Paint a plate smaller, and let its colours run on around it."""
    old = _painted(inner, sketch.size).convert("RGB")
    width, height = sketch.size
    part = (round(width * place[2]), round(height * place[2]))
    picture = old.filter(ImageFilter.GaussianBlur(min(sketch.size) / 14))
    picture = Image.blend(picture, compose(replace(sketch, prompt="abstract")).convert("RGB"), 0.18)
    feather = Image.new("L", part, 0)
    edge = max(2, min(part) // 14)
    feather.paste(255, (edge, edge, part[0] - edge, part[1] - edge))
    feather = feather.filter(ImageFilter.GaussianBlur(edge / 2.2))
    picture.paste(old.resize(part), (round(width * place[0]), round(height * place[1])), feather)
    return picture


def _alpha_mask(mask: bytes | None) -> Image.Image | None:
    """Turn Midjourney's mask (white: repaint) into OpenAI's (transparent: repaint)."""
    if mask is None:
        return None
    grey = open_picture(mask).convert("L")
    result = Image.new("RGBA", grey.size, (0, 0, 0, 255))
    result.putalpha(ImageOps.invert(grey))
    return result
