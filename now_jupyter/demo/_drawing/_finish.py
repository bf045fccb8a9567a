"""Files out of pictures and pictures out of files, and the rough stages before a picture is done."""

import io
import warnings

from PIL import Image, ImageFilter, ImageOps

__all__ = ["FORMATS", "MAX_PIXELS", "encode", "is_picture", "open_picture", "rough"]

MAX_PIXELS = 40_000_000
FORMATS = ("PNG", "JPEG", "WEBP")


def encode(picture: Image.Image, *, form: str, quality: int = 100) -> bytes:
    """Return a picture as a PNG, JPEG or WebP file."""
    out = io.BytesIO()
    if form == "jpeg":
        picture.convert("RGB").save(out, "JPEG", quality=min(95, max(5, quality)))
    elif form == "webp":
        picture.save(out, "WEBP", quality=min(95, quality), method=2)
    else:
        picture.save(out, "PNG", compress_level=6)
    return out.getvalue()


def rough(picture: Image.Image, progress: float) -> Image.Image:
    """Return how a picture looks before it is done: large soft patches that become finer."""
    progress = min(1.0, max(0.0, progress))
    cells = round(6 + 90 * progress**2)
    share = cells / max(picture.size)
    small = picture.resize(
        (max(1, round(picture.width * share)), max(1, round(picture.height * share))), Image.Resampling.BOX
    )
    blurred = small.resize(picture.size, Image.Resampling.BICUBIC)
    if progress < 0.5 and blurred.mode == "RGB":  # noqa: PLR2004 - the first half is flat, like paint laid in
        return ImageOps.posterize(blurred, 5).filter(ImageFilter.BoxBlur(3))
    return blurred


def open_picture(data: bytes) -> Image.Image:
    """Return the picture in a file, upright; raises `ValueError` for anything else."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            picture = Image.open(io.BytesIO(data), formats=FORMATS)
            if picture.width * picture.height > MAX_PIXELS:
                message = "the picture is too large"
                raise ValueError(message)
            picture.load()
    except (OSError, SyntaxError, Warning, Image.DecompressionBombError) as error:
        message = "not a PNG, JPEG or WebP picture"
        raise ValueError(message) from error
    return picture


def is_picture(data: bytes) -> bool:
    """Whether these bytes are a picture that can be drawn over."""
    try:
        open_picture(data)
    except ValueError:
        return False
    return True
