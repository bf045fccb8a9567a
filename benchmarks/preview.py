"""What previews and metadata cost beside the naive ways, as ratios within one run.

python benchmarks/preview.py [rounds]

Pictures are 1/f textures: they compress like photographs, which noise does not.
"""

from __future__ import annotations

import io
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from PIL import Image, PngImagePlugin

from now_jupyter import _media
from now_jupyter._media import _provenance

LONGEST = 512
MADE = {"prompt": "a red fox in snow, 35 mm, soft light " * 10, "model": "gpt-image-2", "params": {"n": 1}}
Work = Callable[[], object]


def texture(size: int, seed: int) -> Image.Image:
    """Make colours whose spectrum falls like 1/f, as that of photographs does."""
    chance = np.random.default_rng(seed)
    waves = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None, :])
    waves[0, 0] = 1
    bands = []
    for _ in range(3):
        spectrum = (chance.normal(size=waves.shape) + 1j * chance.normal(size=waves.shape)) / waves
        band = np.fft.irfft2(spectrum, s=(size, size))
        bands.append(((band - band.min()) / np.ptp(band) * 255).astype(np.uint8))
    return Image.fromarray(np.dstack(bands))


def encoded(image: Image.Image, kind: str) -> bytes:
    """Write the picture as one of the three types."""
    target = io.BytesIO()
    image.save(target, kind)
    return target.getvalue()


def naive_preview(data: bytes) -> bytes:
    """Decode all of it, resize with the best filter, write PNG: what `display(image.resize(…))` does."""
    image = Image.open(io.BytesIO(data))
    scale = LONGEST / max(image.size)
    return encoded(
        image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.LANCZOS), "PNG"
    )


def encoded_again(data: bytes) -> bytes:
    """Open and save with the metadata: what tools without a splice do."""
    image, target = Image.open(io.BytesIO(data)), io.BytesIO()
    if image.format == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_itxt("now_jupyter", json.dumps(MADE))
        image.save(target, "PNG", pnginfo=info)
    else:
        image.save(target, image.format, quality=95, xmp=json.dumps(MADE).encode())
    return target.getvalue()


def seconds(works: list[Work], rounds: int) -> list[float]:
    """Time several works in turn, so that a slow moment of the machine meets all; gives medians."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for place, work in enumerate(works):
            begin = time.perf_counter()
            work()
            times[place].append(time.perf_counter() - begin)
    return [statistics.median(one) for one in times]


def row(label: str, ours: Work, naive: Work, rounds: int, sizes: str = "") -> None:
    """Print one line of the table."""
    fast, slow = seconds([ours, naive], rounds)
    print(f"{label:<34}{fast * 1e3:>9.1f}{slow * 1e3:>10.1f}{slow / fast:>8.1f}×  {sizes}")


def main(rounds: int) -> None:
    """Print the table."""
    print(f"{'':<34}{'ours ms':>9}{'naive ms':>10}{'ratio':>9}  bytes: original, ours, naive")
    for size in (1024, 2048):
        image = texture(size, seed=size)
        for kind in ("PNG", "JPEG", "WEBP"):
            data = encoded(image, kind)
            sizes = f"{len(data):,}  {len(_media.preview(data)[0]):,}  {len(naive_preview(data)):,}"
            row(
                f"preview {kind} {size}²",
                lambda d=data: _media.preview(d),
                lambda d=data: naive_preview(d),
                rounds,
                sizes,
            )
            row(
                f"splice {kind} {size}²",
                lambda d=data: _provenance.embed(d, MADE),
                lambda d=data: encoded_again(d),
                rounds,
            )
    data = encoded(texture(1024, seed=7), "PNG")
    four = [encoded(texture(1024, seed=seed), "PNG") for seed in range(4)]
    row(
        "sheet of 4 / 4 naive previews",
        lambda: _media.sheet([_media.cell_of(one, among=4) for one in four]),
        lambda: [naive_preview(one) for one in four],
        rounds,
    )
    row(
        "examine / plain decode (PNG 1024²)",
        lambda: _media.examine(data),
        lambda: Image.open(io.BytesIO(data)).load(),
        rounds,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
