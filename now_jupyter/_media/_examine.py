"""What a file is: its type, its kind, its size, its digest; and whether it is sound."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from .._json import digest
from .._messages import BadImageError
from ._decoding import MOST_PIXELS, load, open_picture, refusal_of
from ._files import read_file, use_plain_file
from ._types import Kind, MediaType, head_of, identify, identify_words

__all__ = ["Facts", "examine"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is true of a file's bytes; width and height in pixels as people see it (turned upright), 0 where unknown."""

    mime: str
    kind: Kind
    width: int
    height: int
    sha256: str
    size_bytes: int


def examine(source: bytes | Path, *, expected: Kind = "picture", max_pixels: int = MOST_PIXELS) -> Facts:
    """Return the facts of a sound file of any kind; PNG, JPEG and WebP are decoded to make sure that they are whole.

    Everything else is known by its beginning: it is kept, whether it can be shown or not. Words are a sound file only
    where they are expected, since a link that has expired gives words too.

    Raises:
        BadImageError: it is none, or a damaged one; says what it is instead.
    """
    head = head_of(source)
    media = _type_of(head, expected)
    if media is None:
        raise refusal_of(head)
    if media.pillow:
        whole = source if isinstance(source, bytes) else read_file(source)
        (width, height), (sha256, size_bytes) = _size_of(whole, media, max_pixels), (digest(whole), len(whole))
    else:
        (width, height), (sha256, size_bytes) = (0, 0), _digest_of(source)
    return Facts(mime=media.mime, kind=media.kind, width=width, height=height, sha256=sha256, size_bytes=size_bytes)


def _type_of(head: bytes, expected: Kind) -> MediaType | None:
    media = identify(head)
    if expected in ("words", "vectors"):
        return media or identify_words(head)
    return None if media is None or media.kind == "words" else media


def _digest_of(source: bytes | Path) -> tuple[str, int]:
    if isinstance(source, bytes):
        return digest(source), len(source)
    return use_plain_file(source, lambda file: (hashlib.file_digest(file, "sha256").hexdigest(), file.tell()))


def _size_of(data: bytes, media: MediaType, max_pixels: int) -> tuple[int, int]:
    if media.native:
        opened = open_picture(data, max_pixels=max_pixels)
        load(opened)
        return opened.size
    try:
        return open_picture(data, max_pixels=max_pixels).size
    except BadImageError:
        return 0, 0
