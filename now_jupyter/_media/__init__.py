"""From bytes to type, size, digest, preview and sheet; provenance in files; the one table of media types."""

from __future__ import annotations

from ._animation import moving_preview
from ._base64 import unpack_base64
from ._copies import place_to_save, recipe_file, save_copies, save_copy
from ._decoding import DecoderError, decode, examine, pixels_only
from ._files import read_verified
from ._preview import Cell, cell_of, crop_picture, fill, preview, sheet
from ._provenance import Labels, SourceType, extract, label, labels_in, source_type
from ._types import MediaType, can_show, identify, is_inline, is_web_page, media_type

__all__ = [
    "Cell",
    "DecoderError",
    "Labels",
    "MediaType",
    "SourceType",
    "can_show",
    "cell_of",
    "crop_picture",
    "decode",
    "examine",
    "extract",
    "fill",
    "identify",
    "is_inline",
    "is_web_page",
    "label",
    "labels_in",
    "media_type",
    "moving_preview",
    "pixels_only",
    "place_to_save",
    "preview",
    "read_verified",
    "recipe_file",
    "save_copies",
    "save_copy",
    "sheet",
    "source_type",
    "unpack_base64",
]
