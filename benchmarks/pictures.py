"""Pictures that compress like photographs, made once and kept below `benchmarks/results`."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

__all__ = ["SIDES", "SMALL", "kept", "texture"]

RESULTS = Path(__file__).parent / "results"
SIDES = (832, 880, 928, 976, 1024, 1056)
"""Sides in pixels of pictures of 1.5 to 2.5 MB, as picture models give them."""
SMALL = (256,)
"""A side for histories of thousands: 0.16 MB each."""
_OF_EACH = 3


def kept(sides: Sequence[int]) -> list[bytes]:
    """Give PNG files of these sides, three of each; those that are not there yet are made (a second each)."""
    return [_kept(side, seed) for seed in range(_OF_EACH) for side in sides]


def _kept(side: int, seed: int) -> bytes:
    path = RESULTS / "pictures" / f"{side}-{seed}.png"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_bytes(texture(side, seed))
        part.replace(path)
    return path.read_bytes()


def texture(side: int, seed: int) -> bytes:
    """Make a PNG of colours whose spectrum falls like 1/f, as that of photographs does; noise would not compress."""
    import numpy as np  # noqa: PLC0415 - only where pictures are made
    from PIL import Image  # noqa: PLC0415 - as above

    chance = np.random.default_rng(seed * 10_000 + side)
    waves = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None, :])
    waves[0, 0] = 1
    bands = []
    for _ in range(3):
        spectrum = (chance.normal(size=waves.shape) + 1j * chance.normal(size=waves.shape)) / waves
        band = np.fft.irfft2(spectrum, s=(side, side))
        bands.append(((band - band.min()) / np.ptp(band) * 255).astype(np.uint8))
    target = io.BytesIO()
    Image.fromarray(np.dstack(bands)).save(target, "PNG")
    return target.getvalue()
