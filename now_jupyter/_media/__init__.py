"""From bytes to type, size, digest, preview and sheet; provenance in files."""

from __future__ import annotations

from ._copies import save_copy
from ._decoding import layout_of, load, sniff, upright
from ._examine import Facts, decode, examine, read_verified, unpack_base64
from ._preview import displayable, preview, sheet
from ._provenance import extract

__all__ = [
    "Facts",
    "decode",
    "displayable",
    "examine",
    "extract",
    "layout_of",
    "load",
    "preview",
    "read_verified",
    "save_copy",
    "sheet",
    "sniff",
    "unpack_base64",
    "upright",
]
