"""Files out of pictures and pictures out of files, and the rough stages before a picture is done."""

import io
import warnings

from PIL import Image, ImageFilter, ImageOps
from PIL.PngImagePlugin import PngInfo

__all__ = ["FORMATS", "MAX_PIXELS", "encode", "is_picture", "open_picture", "rough"]

MAX_PIXELS = 40_000_000
FORMATS = ("PNG", "JPEG", "WEBP")
LABEL = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
    ' Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia"/>'
    "</rdf:RDF></x:xmpmeta>"
)


def encode(picture: Image.Image, *, form: str, quality: int = 100) -> bytes:
    """Return a picture as a PNG, JPEG or WebP file that says that an algorithm drew it."""
    out = io.BytesIO()
    if form == "jpeg":
        label = b"http://ns.adobe.com/xap/1.0/\0" + LABEL.encode()
        segment = b"\xff\xe1" + (len(label) + 2).to_bytes(2) + label
        picture.convert("RGB").save(out, "JPEG", quality=min(95, max(5, quality)), extra=segment)
    elif form == "webp":
        picture.save(out, "WEBP", quality=min(95, quality), method=2, xmp=LABEL.encode())
    else:
        texts = PngInfo()
        texts.add_itxt("XML:com.adobe.xmp", LABEL)
        picture.save(out, "PNG", compress_level=6, pnginfo=texts)
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
