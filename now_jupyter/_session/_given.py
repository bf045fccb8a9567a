"""What is given to an order, as a file that services take: pictures upright and of a common type, masks in one form."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Real
from pathlib import Path
from typing import Any

from .._json import digest
from .._media import Box, decode, displayable, draw_boxes, encode_png, examine, open_picture, region_of
from .._messages import BadImageError, InputError, Language, plain, say
from .._values import Input, Kind, Role

__all__ = ["Given", "boxes_in", "from_file", "from_pixels", "mask_from", "mask_of_boxes"]

_LARGEST = 256 << 20
_ROLES: Mapping[Kind, Role] = {"picture": "picture", "video": "video", "audio": "audio", "words": "words"}
_SENT_AS_IT_IS = ("image/png", "image/jpeg", "image/webp")
_MODES = ("1", "L", "LA", "P", "RGB", "RGBA")  # that services read
_QUALITY = 95
_LIKE = 0.03
_BRIGHTEST = 255
_OVERSHOOT = 0.1  # by which resampling passes 0 and 1; it is cut off
_EXCERPT = 120
_BOX = re.compile(r"[(（]?\s*" + r"\s*[,，]\s*".join([r"(-?\d{1,6})"] * 4) + r"\s*[)）]?")


@dataclass(frozen=True, slots=True)
class Given:
    """One input, the bytes or file behind it, the picture of the history that it is, and what was changed of it."""

    input: Input
    source: bytes | Path | None = None
    parent: str = ""
    ref: str = ""
    notes: tuple[str, ...] = ()


def from_file(role: Role, source: bytes | Path, language: Language, *, is_known: bool = False) -> Given:
    """Return an input that is a file; `is_known`: it is one of the history, of whatever size.

    Raises:
        InputError: it is too large, or nothing that can be given.
    """
    if isinstance(source, Path) and not is_known and source.stat().st_size > _LARGEST:
        raise InputError("{path} is larger than {limit} MiB", path=source, limit=_LARGEST >> 20)
    found = _examine(role, source)
    if found.role not in ("picture", "vary"):
        return Given(found, source)
    data = source if isinstance(source, bytes) else source.read_bytes()
    ready, notes = _make_ready(data, language)
    if ready is None:
        return Given(found, source)
    return Given(replace(_examine(role, ready), id=found.id), ready, notes=tuple(notes))


def _make_ready(data: bytes, language: Language) -> tuple[bytes | None, list[str]]:
    """Return a picture as services read it, and what was changed; None where it can be sent as it is."""
    try:
        opened = open_picture(data)
    except BadImageError:  # SVG, JPEG XL: what Pillow cannot read, a service may
        return None, []
    mime = opened.media.mime
    moves = getattr(opened.image, "n_frames", 1) > 1
    is_common = mime in _SENT_AS_IT_IS and opened.image.mode in _MODES
    if is_common and opened.orientation == 1 and not moves:
        return None, []
    image = displayable(decode(data))
    kind = "JPEG" if mime == "image/jpeg" and image.mode != "RGBA" else "PNG"
    target = io.BytesIO()
    image.save(target, kind, quality=_QUALITY, icc_profile=image.info.get("icc_profile"))
    notes = [
        say("the picture was turned upright", language) if opened.orientation > 1 else "",
        say("of what moves, the first picture is sent", language) if moves else "",
        "" if is_common else say("{given} is sent as {used}", language, given=_name_of(opened), used=kind),
    ]
    return target.getvalue(), [one for one in notes if one]


def _name_of(opened: Any) -> str:  # noqa: ANN401 - what `open_picture` gives
    mode = opened.image.mode
    return opened.media.name if mode in _MODES else f"{opened.media.name} ({mode})"


def _examine(role: Role, source: bytes | Path) -> Input:
    try:
        facts = examine(source)
    except BadImageError as problem:
        reason = problem.message()
    else:
        return Input(
            role=_ROLES.get(facts.kind, role) if role == "picture" else role,
            id=facts.sha256,
            sha256=facts.sha256,
            mime=facts.mime,
            width=facts.width,
            height=facts.height,
            size_bytes=facts.size_bytes,
        )
    raise InputError("what is given as {role} cannot be used: {reason}", role=role, reason=reason)


def from_pixels(role: Role, value: object) -> Given:
    """Return an input that is an image object: one of PIL, an array of NumPy, or what gives one by `pil()`.

    Raises:
        InputError: it is none.
    """
    image = _require_image(value)
    data = encode_png(image, level=1)  # it is made for the way to the relay, by whoever waits
    pixels = f"{image.mode} {image.width}x{image.height} ".encode() + image.tobytes()
    return Given(replace(_examine(role, data), id=digest(pixels)), data)


def _require_image(value: object) -> Any:  # noqa: ANN401 - an image of PIL
    image = _as_image(value)
    if image is None:
        raise InputError(
            "a value of type {kind} is no picture",
            advice="give a Picture, a PIL image, an array of height × width (× 3 or 4), bytes or a path",
            kind=type(value).__name__,
        )
    return image


def _as_image(value: Any) -> Any:  # noqa: ANN401 - as above
    value = value.pil() if callable(getattr(value, "pil", None)) else value
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.ndarray):
        return _image_of_array(numpy, value)
    pillow = sys.modules.get("PIL.Image")
    return _plain_image(value) if pillow is not None and isinstance(value, pillow.Image) else None


def _plain_image(image: Any) -> Any:  # noqa: ANN401 - as above
    """Return an image of PIL upright and in a common mode; one that was opened is read only now, and may be damaged."""
    from PIL import ImageOps  # noqa: PLC0415 - Pillow is loaded when it is used

    try:
        image = ImageOps.exif_transpose(image)
        if image.mode in ("L", "LA", "RGB", "RGBA", "1"):
            return image
        return image.convert("L") if image.mode == "F" else displayable(image)
    except (OSError, SyntaxError, ValueError) as problem:
        reason = plain(str(problem), _EXCERPT)
    raise InputError("this image of PIL cannot be read: {reason}", reason=reason)


def _image_of_array(numpy: Any, array: Any) -> Any:  # noqa: ANN401 - as above
    from PIL import Image  # noqa: PLC0415 - Pillow is loaded when it is used

    flat = array[:, :, 0] if array.ndim == 3 and array.shape[2] == 1 else array  # noqa: PLR2004 - of one channel
    is_shaped = flat.ndim == 2 or (flat.ndim == 3 and flat.shape[2] in (3, 4))  # noqa: PLR2004 - as above
    if not is_shaped or not flat.size or flat.dtype.kind not in "buif":
        raise InputError(
            "an array of {kind} and shape {shape} is no picture",
            advice="give height × width (× 3 or 4), as uint8 or as floats from 0 to 1",
            kind=flat.dtype.name,
            shape=array.shape,
        )
    return Image.fromarray(_to_bytes(numpy, flat))


def _to_bytes(numpy: Any, array: Any) -> Any:  # noqa: ANN401 - as above
    """Return an array of 0 to 1 or of whole numbers as one of bytes; what is beyond would be turned into noise."""
    if array.dtype == bool:
        return array.astype(numpy.uint8) * 255
    is_float = array.dtype.kind == "f"
    values = array.astype(float) if is_float else array
    if is_float and not numpy.isfinite(values).all():
        raise InputError("the array has values that are no numbers", advice="numpy.nan_to_num makes them 0")
    least, most = values.min(), values.max()
    if (least < -_OVERSHOOT or most > 1 + _OVERSHOOT) if is_float else (least < 0 or most > _BRIGHTEST):
        raise InputError(
            "the array has values from {least} to {most}",
            advice="give whole numbers from 0 to 255, or floats from 0 to 1",
            least=f"{least:.4g}" if is_float else least,
            most=f"{most:.4g}" if is_float else most,
        )
    return (numpy.rint(numpy.clip(values, 0, 1) * _BRIGHTEST) if is_float else values).astype(numpy.uint8)


# Masks


def mask_from(value: bytes | Path | object, picture: Input, language: Language) -> Given:
    """Return a mask in the one form, white where it is to be repainted, of the size of the picture that it is for.

    Raises:
        InputError: it is no picture, has another shape, or nothing is to be repainted.
    """
    if isinstance(value, bytes | Path):
        _examine("mask", value)
        image = decode(value if isinstance(value, bytes) else value.read_bytes())
    else:
        image = _require_image(_of_zero_and_one(value))
    region, size = region_of(image), (picture.width, picture.height)
    notes: tuple[str, ...] = ()
    if region.size != size and all(size):
        given, used = (f"{width}x{height}" for width, height in (region.size, size))
        if abs(region.width * size[1] / (region.height * size[0]) - 1) > _LIKE:
            raise InputError(
                "the mask has {mask} pixels and the picture {picture}: they have to be equal",
                advice="give a mask of the size of the picture",
                mask=given,
                picture=used,
            )
        region = region.resize(size, 0)
        notes = (say("the mask was brought from {given} to {used}", language, given=given, used=used),)
    return replace(_given_mask(region), notes=notes)


def _of_zero_and_one(value: Any) -> Any:  # noqa: ANN401 - as above
    """Return an array of 0 and 1, as programs make masks, as one of False and True; anything else as it is."""
    numpy = sys.modules.get("numpy")
    is_array = numpy is not None and isinstance(value, numpy.ndarray) and value.size
    return value > 0 if is_array and value.dtype.kind in "iu" and value.max() <= 1 else value


def boxes_in(value: object) -> list[Box] | None:
    """Return the rectangles that a value says: `(x0, y0, x1, y1)`, several of them, or `"10,20,300,400"`."""
    if isinstance(value, str):
        found = _BOX.fullmatch(value.strip())
        return [_box([int(part) for part in found.groups()])] if found else None
    if not isinstance(value, Sequence) or isinstance(value, bytes | bytearray) or not value:
        return None
    if all(isinstance(one, Real) for one in value):
        return [_box(value)]
    return [_box(one) for one in value] if all(_is_box(one) for one in value) else None


def _is_box(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(x, Real) for x in value)


def _box(numbers: Sequence[float]) -> Box:
    try:
        left, top, right, bottom = (round(one) for one in numbers)
    except (ValueError, OverflowError):
        left = top = right = bottom = 0
    if left < right and top < bottom:
        return left, top, right, bottom
    raise InputError(
        "{value} is no box", advice="give (left, top, right, bottom) in pixels of the picture", value=tuple(numbers)
    )


def mask_of_boxes(boxes: Sequence[Box], picture: Input) -> Given:
    """Return the mask of these rectangles.

    Raises:
        InputError: they lie outside of the picture.
    """
    return _given_mask(draw_boxes(boxes, (picture.width, picture.height)))


def _given_mask(region: Any) -> Given:  # noqa: ANN401 - an image of PIL
    if region.getbbox() is None:
        raise InputError(
            "the mask is empty: it says nowhere to repaint", advice="paint white, or True, what may change"
        )
    data = encode_png(region)
    pixels = f"mask {region.width}x{region.height} ".encode() + region.convert("1").tobytes()
    return Given(replace(_examine("mask", data), id=digest(pixels)), data)
