"""Masks: one form inside (a picture of mode L, white where it is to be repainted), whatever they are given as.

Also what is done with them: how much of a picture changed outside of one, and the original laid back over that.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias

from .._messages import BadImageError
from ._decoding import decode, displayable, one_at_a_time
from ._provenance import label

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Box", "draw_boxes", "encode_png", "lay_back", "region_of", "share_changed", "to_alpha"]

Box: TypeAlias = tuple[int, int, int, int]
"""A rectangle in pixels: left, top, right, bottom; the last two are the first ones outside."""

_OPAQUE = 255
_HALF = 128
_SEEN = 16  # a difference between two values of 0 to 255 that is more than the noise of an encoder
_LIKE = 0.03  # sides that differ by so little are the same shape: services round to multiples of 8 and 16
_FEATHER, _MOST_FEATHER = 256, 8  # the soft edge is a 256th of the shorter side wide, at most 8 pixels


def region_of(mask: Image) -> Image:
    """Return where a mask says "here", as white on black: by its transparency, or, where it has none, by its white."""
    if mask.has_transparency_data:
        alpha = mask.convert("RGBA").getchannel("A")
        if alpha.getextrema() != (_OPAQUE, _OPAQUE):
            return _decided(_invert(alpha))
    return _decided(displayable(mask).convert("L"))


def to_alpha(mask: Image) -> Image:
    """Return a mask as OpenAI wants it: transparent where it is to be repainted."""
    region = region_of(mask)
    ground = region.convert("RGBA")
    ground.putalpha(_invert(region))
    return ground


def draw_boxes(boxes: Sequence[Box], size: tuple[int, int]) -> Image:
    """Return the mask of some rectangles in a picture of this size; what lies outside of it is cut off."""
    from PIL import Image  # noqa: PLC0415 - Pillow is loaded when it is used

    region = Image.new("L", size, 0)
    for left, top, right, bottom in boxes:
        region.paste(_OPAQUE, (max(0, left), max(0, top), min(size[0], right), min(size[1], bottom)))
    return region


def encode_png(image: Image, *, level: int = 6) -> bytes:
    """Return a picture as PNG, with its colour profile; level 1 takes half the time, and is a sixth larger."""
    target = io.BytesIO()
    image.save(target, "PNG", icc_profile=image.info.get("icc_profile"), compress_level=level)
    return target.getvalue()


def share_changed(edited: bytes, original: bytes, mask: bytes) -> tuple[float, float]:
    """Return which shares of the pixels outside and inside of a mask differ visibly from the original.

    Raises:
        BadImageError: one of them cannot be decoded, or they are of different shapes.
    """
    from PIL import ImageChops  # noqa: PLC0415 - Pillow is loaded when it is used

    with one_at_a_time():
        before = _upright(original)
        after = _fitted(_upright(edited), before.size)
        bands = ImageChops.difference(after.convert("RGB"), before.convert("RGB")).split()
        apart = ImageChops.lighter(ImageChops.lighter(bands[0], bands[1]), bands[2])
        differs = apart.point(lambda level: _OPAQUE if level > _SEEN else 0)
        region = region_of(decode(mask))
        return _share(differs, _invert(region)), _share(differs, region)


def _share(differs: Image, where: Image) -> float:
    counts = differs.histogram(where.convert("1"))
    return counts[_OPAQUE] / (sum(counts) or 1)


def lay_back(edited: bytes, original: bytes, mask: bytes) -> bytes:
    """Return an edited picture with the original laid back over all that is outside of the mask, as PNG.

    It has the original's size and colour profile; outside of the mask its pixels are the original's. The edge is soft
    on the inner side. Labels of both stay.

    Raises:
        BadImageError: one of them cannot be decoded, or they are of different shapes.
    """
    with one_at_a_time():
        before = _upright(original)
        after = _in_profile_of(before, _fitted(_upright(edited), before.size))
        mode = "RGBA" if "A" in before.mode + after.mode else "RGB"
        laid = before.convert(mode)
        laid.paste(after.convert(mode), (0, 0), _feathered(region_of(decode(mask))))
        laid.info = {"icc_profile": before.info.get("icc_profile")}
        data = encode_png(laid)
    return label(data, [edited, original], "compositeWithTrainedAlgorithmicMedia")


def _upright(data: bytes) -> Image:
    return displayable(decode(data))


def _fitted(image: Image, size: tuple[int, int]) -> Image:
    from PIL.Image import Resampling  # noqa: PLC0415 - Pillow is loaded when it is used

    if image.size == size:
        return image
    if abs(image.width * size[1] / (image.height * size[0]) - 1) > _LIKE:
        raise BadImageError(
            "the picture that came is {width} × {height}, another shape than the one that was given",
            width=image.width,
            height=image.height,
        )
    return image.resize(size, Resampling.LANCZOS)


def _in_profile_of(before: Image, after: Image) -> Image:
    """Return a picture in the colours of another one's profile; as it is where either profile cannot be read."""
    from PIL import ImageCms  # noqa: PLC0415 - Pillow is loaded when it is used

    wanted, own = before.info.get("icc_profile"), after.info.get("icc_profile")
    if not wanted or wanted == own or before.mode == "L" or after.mode == "L":
        return after
    with suppress(ImageCms.PyCMSError, OSError, ValueError):
        source = ImageCms.ImageCmsProfile(io.BytesIO(own)) if own else ImageCms.createProfile("sRGB")
        colours = after.convert("RGB")
        turned = ImageCms.profileToProfile(colours, source, ImageCms.ImageCmsProfile(io.BytesIO(wanted)))
        if turned is not None and after.mode == "RGBA":
            turned.putalpha(after.getchannel("A"))
        return turned or after
    return after


def _feathered(region: Image) -> Image:
    """Return a mask that grows from nearly nothing to all within some pixels inside of its edge; black stays black."""
    from PIL import Image, ImageChops, ImageFilter  # noqa: PLC0415 - Pillow is loaded when it is used

    steps = max(1, min(_MOST_FEATHER, min(region.size) // _FEATHER))
    left, top, right, bottom = region.getbbox() or (0, 0, *region.size)  # elsewhere there is nothing to soften
    box = (max(0, left - 1), max(0, top - 1), min(region.width, right + 1), min(region.height, bottom + 1))
    inner = region.crop(box)
    soft = Image.new("L", inner.size, 0)
    for step in range(1, steps + 1):
        share = step * _OPAQUE // steps - (step - 1) * _OPAQUE // steps
        soft = ImageChops.add(soft, inner.point([0] * _OPAQUE + [share]))
        inner = inner.filter(ImageFilter.MinFilter(3))
    whole = Image.new("L", region.size, 0)
    whole.paste(soft, box)
    return whole


def _decided(channel: Image) -> Image:
    return channel.point(lambda level: _OPAQUE if level >= _HALF else 0)


def _invert(channel: Image) -> Image:
    return channel.point(lambda level: _OPAQUE - level)
