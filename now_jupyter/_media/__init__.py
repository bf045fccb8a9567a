"""From bytes to type, size, digest, preview and sheet; provenance in files; the one table of media types."""

from __future__ import annotations

from ._animation import moving_preview
from ._base64 import unpack_base64
from ._copies import (
    Copy,
    copy_to_share,
    place_to_save,
    put_new,
    recipe_file,
    save_copies,
    save_copy,
    sidecar_of,
)
from ._decoding import DecoderError, decode, displayable, examine, open_picture, pixels_only
from ._files import read_verified
from ._masks import Box, draw_boxes, encode_png, lay_back, region_of, share_changed, to_alpha
from ._preview import Cell, cell_of, crop_picture, fit, preview, sheet
from ._provenance import Labels, SourceType, extract, label, labels_in, restore_original, source_type
from ._types import MediaType, can_show, identify, is_inline, is_web_page, media_type

__all__ = [
    "Box",
    "Cell",
    "Copy",
    "DecoderError",
    "Labels",
    "MediaType",
    "SourceType",
    "can_show",
    "cell_of",
    "copy_to_share",
    "crop_picture",
    "decode",
    "displayable",
    "draw_boxes",
    "encode_png",
    "examine",
    "extract",
    "fit",
    "identify",
    "is_inline",
    "is_web_page",
    "label",
    "labels_in",
    "lay_back",
    "media_type",
    "moving_preview",
    "open_picture",
    "pixels_only",
    "place_to_save",
    "preview",
    "put_new",
    "read_verified",
    "recipe_file",
    "region_of",
    "restore_original",
    "save_copies",
    "save_copy",
    "share_changed",
    "sheet",
    "sidecar_of",
    "source_type",
    "to_alpha",
    "unpack_base64",
]
