"""Pictures that move, in small: as PNG that moves, which pages, notebooks and their exports show, or stands still."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

from .._messages import BadImageError
from ._decoding import Opened, displayable, one_at_a_time, open_picture
from ._provenance import label

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["moving_preview"]

_MOST_FRAMES = 64
_MOST_PIXELS = 48_000_000  # of all frames together, which are decoded one after the other
_MOST_BYTES = 1 << 20  # what moves is the larger part of a notebook otherwise
_SCALES = (1.0, 0.5)  # of the longest side: smaller, rather than standing still
_SAMPLE = 64
_COLOURS = 255
_SHORTEST, _LONGEST = 20, 10_000  # milliseconds that a frame is there
_WHITE = (255, 255, 255)


def moving_preview(data: bytes, *, longest: int) -> tuple[bytes, str, int, int] | None:
    """Return a small picture that moves as a GIF does: its bytes, type, width and height.

    None where it stands still, is damaged, or would be too large for a notebook: then one of its frames is to be shown.
    """
    try:
        opened = open_picture(data)
        with one_at_a_time():
            frames = _frames_of(opened, longest)
    except (BadImageError, OSError, ValueError, SyntaxError, MemoryError):  # its first frame may be sound
        return None
    if len(frames) < 2:  # noqa: PLR2004 - one stands still
        return None
    for scale in _SCALES:
        moving = _join([(_fit(frame, longest * scale), time) for frame, time in frames])
        if len(moving) <= _MOST_BYTES:
            width, height = _fit(frames[0][0], longest * scale).size
            return label(moving, [data]), "image/png", width, height
    return None


def _frames_of(opened: Opened, longest: int) -> list[tuple[Image, int]]:
    """Return the frames in small and how long each is there; nothing where there are too many pixels to decode."""
    image, frames = opened.image, list[tuple["Image", int]]()
    if opened.media.mime != "image/gif":
        return []
    for place in range(_MOST_FRAMES):
        try:
            image.seek(place)
        except EOFError:
            break
        if (place + 1) * math.prod(image.size) > _MOST_PIXELS:
            return []
        time = image.info.get("duration", 0)
        frames.append((_fit(displayable(image.copy()), longest), min(max(int(time or 100), _SHORTEST), _LONGEST)))
    return frames


def _fit(frame: Image, longest: float) -> Image:
    small = _on_white(frame)
    small.thumbnail((max(1, round(longest)), max(1, round(longest))))
    return small


def _on_white(frame: Image) -> Image:
    from PIL import Image  # noqa: PLC0415 - Pillow is loaded when it is used

    ground = Image.new("RGB", frame.size, _WHITE)
    ground.paste(frame, mask=frame.getchannel("A") if frame.mode == "RGBA" else None)
    return ground


def _join(frames: list[tuple[Image, int]]) -> bytes:
    """Return one file of all frames, in the colours that they have together."""
    from PIL import Image  # noqa: PLC0415 - as above

    sample = Image.new("RGB", (_SAMPLE * len(frames), _SAMPLE))
    for place, (frame, _) in enumerate(frames):
        sample.paste(frame.resize((_SAMPLE, _SAMPLE)), (_SAMPLE * place, 0))
    palette = sample.quantize(_COLOURS)
    first, *others = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame, _ in frames]
    target = io.BytesIO()
    times = [time for _, time in frames]
    first.save(target, "PNG", save_all=True, append_images=others, duration=times, loop=0)
    return target.getvalue()
