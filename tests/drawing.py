"""Pictures made for tests, and ways to look at them."""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence
from typing import Any

from PIL import Image, ImageChops

from now_jupyter import _media

TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}


def texture(width: int = 96, height: int = 64, seed: int = 1) -> Image.Image:
    """A picture that compresses like a photograph: the same spots at every scale."""
    state, layers = seed, []
    for size in (3, 7, 17):
        spots = bytearray()
        for _ in range(size * size * 3):
            state = (state * 1103515245 + 12345) % (1 << 31)
            spots.append(state >> 16 & 255)
        small = Image.frombytes("RGB", (size, size), bytes(spots))
        layers.append(small.resize((width, height), Image.Resampling.BICUBIC))
    return Image.blend(Image.blend(layers[0], layers[1], 0.35), layers[2], 0.2)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def sheet(pictures: Sequence[bytes]) -> tuple[bytes, str, int, int]:
    return _media.sheet([_media.cell_of(data, among=len(pictures)) for data in pictures])


def chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)


def png(width: int, height: int, *chunks: bytes) -> bytes:
    header = width.to_bytes(4) + height.to_bytes(4) + b"\x08\x02\0\0\0"
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunks) + chunk(b"IEND", b"")


def spliced(data: bytes, *chunks: bytes) -> bytes:
    return data[:33] + b"".join(chunks) + data[33:]


def itxt(text: bytes, *, packed: bool = False, keyword: bytes = b"parameters") -> bytes:
    return chunk(b"iTXt", keyword + b"\0" + bytes([packed]) + b"\0\0\0" + text)


def with_xmp(kind: str, packet: str) -> bytes:
    image = texture(61, 41)
    if kind == "PNG":
        return spliced(encoded(image), itxt(packet.encode(), keyword=b"XML:com.adobe.xmp"))
    return encoded(image, kind, xmp=packet.encode())


def xmp_of(data: bytes) -> str:
    with Image.open(io.BytesIO(data)) as image:
        packet = image.info["xmp"]
    return packet.decode() if isinstance(packet, bytes) else packet


def signed(kind: str) -> bytes:
    """A file with a part that bears a C2PA signature."""
    data = encoded(texture(61, 41), kind)
    if kind == "PNG":
        return spliced(data, chunk(b"caBX", b"\0\0\0\x10jumb"))
    if kind == "JPEG":
        return data[:2] + b"\xff\xeb\0\x0aJP\0\1\0\0\0\1" + data[2:]
    part = b"C2PA" + (8).to_bytes(4, "little") + b"\0\0\0\x08jumb"
    return data[:4] + (int.from_bytes(data[4:8], "little") + len(part)).to_bytes(4, "little") + data[8:] + part


def far_apart(one: Image.Image, other: Image.Image) -> float:
    bands = ImageChops.difference(one.convert("RGB"), other.convert("RGB")).split()
    pixels = one.width * one.height
    return max(sum(level * count for level, count in enumerate(band.histogram())) / pixels for band in bands)
