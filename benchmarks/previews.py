"""What previews, metadata and checks of a picture cost beside the usual ways."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable, Iterator

from PIL import Image, PngImagePlugin

from harness import Row, in_turn, ms
from now_jupyter import _media
from now_jupyter._media import _provenance
from pictures import SMALL, kept
from stage import Stage

__all__ = ["rows"]

SIDE = 1024
LONGEST = 512
MADE = {"prompt": "a red fox in snow, 35 mm, soft light " * 10, "model": "gpt-image-2", "params": {"n": 1}}
Work = Callable[[], object]


def rows(stage: Stage) -> Iterator[Row]:
    """Measure on one picture, which both have in memory."""
    data = kept(SMALL if stage.is_tiny else (SIDE,))[0]
    pairs: dict[str, tuple[Work, Work, str]] = {
        "preview": (lambda: _media.preview(data), lambda: resized(data), "decode, Lanczos, PNG"),
        "metadata into a file": (lambda: _provenance.embed(data, MADE), lambda: saved_again(data), "decode, encode"),
        "check": (lambda: _media.examine(data), lambda: Image.open(io.BytesIO(data)).load(), "decode"),
    }
    for name, (ours, theirs, peer) in pairs.items():
        figures = in_turn([lambda _, one=one: _seconds(one) for one in (ours, theirs)], stage.rounds(9))
        work = f"{name} of a PNG of {len(data) / 1e6:.1f} MB"
        yield Row(work=work, unit="ms", ours=ms(figures[0]), peer=peer, theirs=ms(figures[1]))


def _seconds(work: Work) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def resized(data: bytes) -> bytes:
    """Decode all of it, resize with the best filter, write PNG: what `display(image.resize(…))` does."""
    image, target = Image.open(io.BytesIO(data)), io.BytesIO()
    scale = LONGEST / max(image.size)
    size = (round(image.width * scale), round(image.height * scale))
    image.resize(size, Image.Resampling.LANCZOS).save(target, "PNG")
    return target.getvalue()


def saved_again(data: bytes) -> bytes:
    """Open and save with the metadata: what tools without a splice do."""
    info, target = PngImagePlugin.PngInfo(), io.BytesIO()
    info.add_itxt("now_jupyter", json.dumps(MADE))
    Image.open(io.BytesIO(data)).save(target, "PNG", pnginfo=info)
    return target.getvalue()
