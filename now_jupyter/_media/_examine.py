"""The bytes of pictures: what they are, how they are read safely, and small ones to be shown.

This is the front door; behind it stand `_containers` (headers), `_decoding` (bytes to pixels), `_preview` and
`_copies`. Pillow is loaded when a picture is decoded, not when this is imported.
"""

from __future__ import annotations

import binascii
import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from .._json import digest
from .._messages import BadImageError
from ._copies import save_copy
from ._decoding import MOST_BYTES, MOST_PIXELS, layout_of, load, sniff, upright, upright_size
from ._preview import preview, sheet

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Facts", "decode", "examine", "preview", "read_verified", "save_copy", "sheet", "sniff", "unpack_base64"]

_BLANKS = b" \t\r\n\f\v"
_PLAIN_ALPHABET = bytes.maketrans(b"-_", b"+/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is true of a picture's bytes; width and height in pixels, as people see it (EXIF orientation applied)."""

    mime: str
    width: int
    height: int
    sha256: str
    size_bytes: int
    animated: bool = False


def examine(data: bytes | Path, *, max_pixels: int = MOST_PIXELS) -> Facts:
    """Make sure that this is a whole picture, by decoding it, and tell what it is.

    Raises:
        BadImageError: it is none; says what it is instead.
    """
    whole = data if isinstance(data, bytes) else _read(data)
    layout = layout_of(whole, max_pixels=max_pixels)
    load(layout)
    width, height = upright_size(layout)
    return Facts(
        mime=layout.mime,
        width=width,
        height=height,
        sha256=digest(whole),
        size_bytes=len(whole),
        animated=layout.animated,
    )


def decode(data: bytes) -> Image:
    """Give the picture as a loaded PIL image, upright.

    Raises:
        BadImageError: the bytes are no PNG, JPEG or WebP picture, or a damaged one.
    """
    layout = layout_of(data)
    return upright(load(layout), layout.orientation)


def unpack_base64(text: str) -> bytes:
    """Read base64 in all the forms in which relays send it: `data:` URI, with blanks, URL-safe, without padding.

    Raises:
        BadImageError: it is not base64.
    """
    data = _unpack_strictly(text)  # as nearly all send it: a long text is not copied
    if data is None:
        data = _unpack_patiently(text)
    if not data:
        raise BadImageError("the picture came as base64 text that cannot be read")
    return data


def _unpack_strictly(text: str | bytes) -> bytes | None:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        return None


def _unpack_patiently(text: str) -> bytes:
    plain = _payload(text.strip().removeprefix("\ufeff")).translate(_PLAIN_ALPHABET, _BLANKS).rstrip(b"=")
    if missing := -len(plain) % 4:
        plain += b"=" * missing
    return _unpack_strictly(plain) or b""


def _payload(text: str) -> bytes:
    head, comma, rest = text.partition(",") if text[:5].lower() == "data:" else ("", "", text)
    if head and not (comma and head.lower().rstrip().endswith(";base64")):
        raise BadImageError("the picture came as a data: link without base64")
    packed = rest.encode("utf-8", "replace")
    return unquote_to_bytes(packed) if b"%" in packed else packed


def read_verified(path: Path, sha256: str) -> bytes:
    """Read a picture of the history and make sure that it is the one that was received.

    Raises:
        BadImageError: the file is gone, is another one by now, or is no plain file.
    """
    data = _read(path)
    if digest(data) != sha256:
        raise BadImageError(
            "this file is no longer the picture that was received: {path}",
            advice="put the original back in its place",
            billed="no",
            path=path,
        )
    return data


def _read(path: Path) -> bytes:
    try:
        data = _bytes_of_plain_file(path)
    except (OSError, ValueError) as problem:
        refusal = _unreadable(path, problem)
    else:
        return data
    raise refusal


def _bytes_of_plain_file(path: Path) -> bytes:
    """Read without following a link and without waiting for the other end of a pipe."""
    flags = os.O_RDONLY
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):  # each where the system has it
        flags |= getattr(os, name, 0)
    if path.is_symlink():
        raise OSError(errno.ELOOP, "")
    handle = os.open(path, flags)
    try:
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode):
            raise OSError(errno.EINVAL, "")
        if facts.st_size > MOST_BYTES:
            raise OSError(errno.EFBIG, "")
        with open(handle, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(handle)


def _unreadable(path: Path, problem: OSError | ValueError) -> BadImageError:
    match problem.errno if isinstance(problem, OSError) else errno.EINVAL:
        case errno.ENOENT | errno.ENOTDIR:
            return BadImageError(
                "the file of this picture is gone, it was deleted or moved: {path}",
                advice="put the original back in its place",
                billed="no",
                path=path,
            )
        case errno.EFBIG:
            limit = MOST_BYTES >> 20
            return BadImageError("{path} is larger than {limit} MiB", billed="no", path=path, limit=limit)
        case errno.ELOOP | errno.EINVAL | errno.EISDIR | errno.ENXIO:
            return BadImageError("this is no plain file, it is not read: {path}", billed="no", path=path)
    reason = (problem.strerror if isinstance(problem, OSError) else None) or type(problem).__name__
    return BadImageError("this file cannot be read ({reason}): {path}", billed="no", path=path, reason=reason)
