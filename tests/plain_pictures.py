"""Pictures of one colour in place of the demo's drawings, for all tests that do not look at what is drawn.

A drawing of 1024×1024 costs a quarter of a second, ten times of what everything else about an order costs. The plain
one has the same size, transparency and format; the same sketch gives the same bytes, another seed or prompt others.
The same order of another test is not painted again.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from types import ModuleType
from typing import Any
from unittest import mock

from PIL import Image

from now_jupyter.demo import _midjourney, _plates, _studio
from now_jupyter.demo._drawing import Sketch, _repaint, compose_over
from now_jupyter.demo._drawing import encode as encode_well

__all__ = ["PLAINLY", "WELL", "paint"]

Way = Mapping[tuple[ModuleType, str], Callable[..., Any]]

_COLOUR = "now_jupyter_colour"


@contextmanager
def paint(way: Way) -> Iterator[None]:
    """Have every relay in this process paint in this way."""
    with ExitStack() as stack:
        for (module, name), function in way.items():
            stack.enter_context(mock.patch.object(module, name, function))
        yield


def _compose(sketch: Sketch) -> Image.Image:
    facts = hashlib.sha256(f"{sketch.seed} {sketch.prompt}".encode(errors="surrogatepass")).digest()
    width, height = sketch.size
    middle = (width // 4, height // 4, width * 3 // 4, height * 3 // 4)
    picture = Image.new("RGBA", sketch.size, (*facts[:3], 0 if sketch.transparent else 255))
    picture.paste((*facts[3:6], 255), middle)
    return picture if sketch.transparent else picture.convert("RGB")


def _leave_unsigned(picture: Image.Image, _sketch: Sketch, **_: Any) -> Image.Image:
    return picture


def _rough(picture: Image.Image, progress: float) -> Image.Image:
    rough = Image.new("RGB", picture.size, colour := (round(255 * progress), 128, 128))
    rough.info[_COLOUR] = colour
    return rough


def _encode(picture: Image.Image, *, form: str, quality: int = 100) -> bytes:
    if form != "png":
        return encode_well(picture, form=form, quality=quality)
    colour = picture.info.get(_COLOUR)
    return _png(picture) if colour is None else _png_of(picture.size, colour)


def _png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=1)
    return out.getvalue()


@lru_cache(maxsize=32)
def _png_of(size: tuple[int, int], colour: tuple[int, int, int]) -> bytes:
    """The stages of all pictures look alike, and are encoded once."""
    return _png(Image.new("RGB", size, colour))


PLAINLY: Way = {
    (_studio, "_draw"): lru_cache(maxsize=128)(_studio._draw),
    (_midjourney, "print_plates"): lru_cache(maxsize=128)(_plates.print_plates),
    (_midjourney, "plain_file"): lru_cache(maxsize=128)(_plates.plain_file),
    (_studio, "draw"): _compose,
    (_studio, "repaint"): compose_over,
    (_plates, "sign"): _leave_unsigned,
    (_plates, "compose"): _compose,
    (_repaint, "compose"): _compose,
    (_studio, "rough"): _rough,
    (_plates, "rough"): _rough,
    (_studio, "encode"): _encode,
    (_plates, "encode"): _encode,
}
WELL: Way = {(module, name): getattr(module, name) for module, name in PLAINLY}
