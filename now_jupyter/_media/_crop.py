"""A part of a picture as a picture of its own: the quarters of a service's sheet."""

from __future__ import annotations

import io
from pathlib import Path

from ._decoding import load, open_picture, upright
from ._files import read_file

__all__ = ["crop_picture"]


def crop_picture(source: bytes | Path, box: tuple[float, float, float, float]) -> bytes:
    """Return a part of a picture as PNG, with its colour profile; `box` in fractions: left, top, right, bottom.

    Raises:
        BadImageError: the picture cannot be decoded.
    """
    opened = open_picture(source if isinstance(source, bytes) else read_file(source))
    profile = opened.image.info.get("icc_profile")
    image = upright(load(opened), opened.orientation)
    left, top, right, bottom = (min(max(part, 0.0), 1.0) for part in box)
    edges = (round(left * image.width), round(top * image.height))
    ends = (max(edges[0] + 1, round(right * image.width)), max(edges[1] + 1, round(bottom * image.height)))
    target = io.BytesIO()
    image.crop((*edges, *ends)).save(target, "PNG", icc_profile=profile)
    return target.getvalue()
