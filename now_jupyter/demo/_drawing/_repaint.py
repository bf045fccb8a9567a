"""Drawing over given pictures: inside the mask something new, elsewhere what was there."""

from collections.abc import Sequence
from dataclasses import replace

from PIL import Image, ImageChops, ImageFilter, ImageOps

from ._caption import sign
from ._compose import compose, is_named
from ._sketch import Sketch
from ._text import FontFinder, system_fonts

__all__ = ["WASH", "compose_over", "repaint"]

# How much of the new drawing shows where no mask says what to change.
WASH = 0.5
# What the old picture shows stays, in the light of the new drawing.
SMALLEST = 64  # of a place, in pixels, that holds a whole drawing
SAME = ("same", "this", "同", "这")


def repaint(
    sketch: Sketch, sources: Sequence[Image.Image], mask: Image.Image | None, *, find_fonts: FontFinder = system_fonts
) -> Image.Image:
    """Draw the sketch over the pictures and sign it."""
    return sign(compose_over(sketch, sources, mask), sketch, find_fonts=find_fonts, over_old=True)


def compose_over(sketch: Sketch, sources: Sequence[Image.Image], mask: Image.Image | None) -> Image.Image:
    """Draw the sketch over the pictures; the mask is transparent where the first of them may change."""
    base = _blended([_fitted(source, sketch.size) for source in sources])
    if mask is not None:
        return _patched(base, sketch, mask)
    new = compose(sketch).convert("RGB")
    return _lit(base, new) if is_named(sketch.prompt.lower(), SAME) else _washed(base, new)


def _fitted(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    ground = Image.new("RGBA", picture.size, (244, 242, 236, 255))
    ground.alpha_composite(picture.convert("RGBA"))
    return ImageOps.fit(ground.convert("RGB"), size, Image.Resampling.BICUBIC)


def _blended(pictures: Sequence[Image.Image]) -> Image.Image:
    result = pictures[0]
    for number, picture in enumerate(pictures[1:], 2):
        result = Image.blend(result, picture, 1 / number)
    return result


def _washed(base: Image.Image, new: Image.Image) -> Image.Image:
    """Lay the light and colour of the new drawing over the old picture, as a glaze."""
    glaze = ImageChops.soft_light(base, new)
    return Image.blend(glaze, ImageChops.screen(base, ImageChops.multiply(new, new)), WASH * 0.7)


def _lit(base: Image.Image, new: Image.Image) -> Image.Image:
    """Show the old picture in the light of the new drawing, of which no shape is seen."""
    edge = new.crop((0, 0, max(1, new.width // 12), new.height))  # where its sky and ground are, and no subject
    light = edge.resize((1, 5), Image.Resampling.BOX).resize(base.size, Image.Resampling.BICUBIC)
    return Image.blend(ImageChops.overlay(base, light), ImageChops.hard_light(base, light), 0.6)


def _patched(base: Image.Image, sketch: Sketch, mask: Image.Image) -> Image.Image:
    """Draw the sketch, whole, where the picture may change."""
    change = ImageOps.invert(mask.convert("RGBA").getchannel("A")).resize(base.size, Image.Resampling.BILINEAR)
    left, top, right, bottom = change.getbbox() or (0, 0, 0, 0)
    size = (right - left, bottom - top)
    new = base.copy()
    if min(size) >= SMALLEST:
        new.paste(compose(replace(sketch, size=size)).convert("RGB"), (left, top))
    else:
        new = compose(sketch).convert("RGB")
    return Image.composite(new, base, change.filter(ImageFilter.GaussianBlur(min(base.size) / 200)))
