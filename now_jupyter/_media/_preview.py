"""Small pictures for the notebook: a preview of one, a numbered sheet of several.

What goes into the notebook is JPEG, or PNG where something shows through, and says that it was generated; the same
bytes always give the same preview.
"""

from __future__ import annotations

import io
import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ._decoding import load, one_at_a_time, open_picture
from ._files import read_file
from ._provenance import Labels, SourceType, label, labels_in
from ._types import is_inline

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Cell", "cell_of", "crop_picture", "fit", "preview", "sheet"]

Size = tuple[int, int]

_QUALITY = 83
_MOST_TO_CUT = 50_000_000  # pixels: a part is there beside the whole
_SMALL_BYTES = 64 << 10
_SHEET_SCALE = 1.75  # of `longest`: cells stay legible, the notebook stays small
_SHEET_SHAPE = 1.5  # width to height that fits a notebook's column
_LARGEST_PROFILE = 16 << 10  # a display profile has 0.5–4 kB; a printer's would double the preview
_WHITE = (255, 255, 255)
_CLEAR = (255, 255, 255, 0)
_PILL = (22, 22, 26, 168)
_RIM = (255, 255, 255, 72)  # shows the pill on black ground
_DIGIT = (255, 255, 255, 255)
_FINE = 4  # badges are drawn that much larger, for smooth edges


def preview(
    data: bytes,
    *,
    longest: int = 512,
    original_if_smaller: bool = True,
    kind: SourceType = "trainedAlgorithmicMedia",
) -> tuple[bytes, str, int, int]:
    """Return a small picture to be shown: its bytes, type, width and height.

    Args:
        data: The picture, encoded.
        longest: The longest side in pixels; a smaller picture is never made larger.
        original_if_smaller: Pass on a picture that is small enough already; only a label is added where it has none.
        kind: What the label says where the picture has none.

    Raises:
        BadImageError: the bytes are no picture that can be shown.
    """
    opened = open_picture(data)
    size = opened.size
    fits = len(data) <= _SMALL_BYTES and max(size) <= longest and is_inline(opened.media.mime)
    has_ink = opened.image.mode == "CMYK"
    with one_at_a_time():
        image = load(opened, within=longest)
    if original_if_smaller and fits and opened.orientation == 1 and not has_ink:
        return label(data, kind=kind), opened.media.mime, *size
    return _encode(_shrink(image, (longest, longest)), [data], kind)


def fit(data: bytes, longest: int) -> Image:
    """Return a whole picture, small: its longest side is at most this.

    Raises:
        BadImageError: the bytes are no picture that can be shown.
    """
    opened = open_picture(data)
    with one_at_a_time():
        image = load(opened, within=longest)
    return _shrink(image, (longest, longest))


def crop_picture(source: bytes | Path, box: tuple[float, float, float, float]) -> bytes:
    """Return a part of a picture as PNG, with its colour profile; `box` in fractions: left, top, right, bottom.

    Raises:
        BadImageError: the picture cannot be decoded.
    """
    left, top, right, bottom = (min(max(part, 0.0), 1.0) for part in box)
    target = io.BytesIO()
    with one_at_a_time():
        data = source if isinstance(source, bytes) else read_file(source)
        image = load(open_picture(data, max_pixels=_MOST_TO_CUT))
        edges = (round(left * image.width), round(top * image.height))
        ends = (max(edges[0] + 1, round(right * image.width)), max(edges[1] + 1, round(bottom * image.height)))
        image.crop((*edges, *ends)).save(target, "PNG", icc_profile=image.info.get("icc_profile"))
    return label(target.getvalue(), [data])


def _shrink(image: Image, box: Size) -> Image:
    """Return a picture that fits into the box; it is not made larger."""
    from PIL.Image import Resampling  # noqa: PLC0415 - Pillow is loaded when it is used

    image.thumbnail(box, Resampling.LANCZOS, reducing_gap=1.0)
    return image


def _encode(
    image: Image, like: Sequence[bytes | Labels], kind: SourceType = "trainedAlgorithmicMedia"
) -> tuple[bytes, str, int, int]:
    target = io.BytesIO()
    profile = image.info.get("icc_profile")
    form = "PNG" if image.mode == "RGBA" else "JPEG"
    kept = profile if profile and len(profile) <= _LARGEST_PROFILE else None
    image.save(target, form, quality=_QUALITY, icc_profile=kept)
    return label(target.getvalue(), like, kind), f"image/{form.lower()}", *image.size


# A sheet: equal cells, each with its number.


class _Grid(NamedTuple):
    columns: int
    rows: int
    cell: Size
    gap: int

    @property
    def size(self) -> Size:
        return (self.columns * (self.cell[0] + self.gap) - self.gap, self.rows * (self.cell[1] + self.gap) - self.gap)

    def corner(self, place: int) -> Size:
        row, column = divmod(place, self.columns)
        return column * (self.cell[0] + self.gap), row * (self.cell[1] + self.gap)


class Cell(NamedTuple):
    """What a sheet needs of one picture: it in small, its size, and what its file says of how it came about."""

    image: Image
    size: Size
    labels: Labels


def cell_of(data: bytes, *, longest: int = 512, among: int = 1, kind: SourceType = "trainedAlgorithmicMedia") -> Cell:
    """Return one of `among` pictures of a sheet: the bytes of all are not needed at once.

    It is of that `kind` where it does not say of which.

    Raises:
        BadImageError: the bytes are no picture that can be shown.
    """
    opened = open_picture(data)
    size = opened.size
    side = longest * _SHEET_SCALE
    with one_at_a_time():
        image = load(opened, within=round(min(side, 2 * side / math.sqrt(among))))
    said, aigc = labels_in(data)
    return Cell(image, size, (said or kind, aigc))


def sheet(cells: Sequence[Cell], *, longest: int = 512, labels: Sequence[str] = ()) -> tuple[bytes, str, int, int]:
    """Return several pictures on one sheet, with these labels or 1, 2, …: its bytes, type, width and height."""
    grid = _grid([cell.size for cell in cells], round(longest * _SHEET_SCALE))
    images = [_shrink(cell.image, grid.cell) for cell in cells]
    names = labels or [str(place) for place in range(1, len(cells) + 1)]
    return _encode(_draw(images, grid, names), [cell.labels for cell in cells])


def _grid(sizes: Sequence[Size], longest: int) -> _Grid:
    aspect = statistics.median(width / height for width, height in sizes)
    columns = _columns(len(sizes), aspect)
    rows = math.ceil(len(sizes) / columns)
    gap = max(2, longest // 128)
    room = (longest - gap * (columns - 1)) / columns, (longest - gap * (rows - 1)) / rows
    natural = max(width for width, _ in sizes), max(height for _, height in sizes)
    width = max(1.0, min(room[0], room[1] * aspect, natural[0], natural[1] * aspect))
    return _Grid(columns=columns, rows=rows, cell=(int(width), max(1, int(width / aspect))), gap=gap)


def _columns(count: int, aspect: float) -> int:
    """Choose how many stand side by side: the sheet's shape counts, and that no place stays empty."""
    if count <= 2:  # noqa: PLR2004 - two are compared side by side, whatever their shape
        return count

    def flaw(columns: int) -> float:
        rows = math.ceil(count / columns)
        return abs(math.log(columns * aspect / rows / _SHEET_SHAPE)) + (columns * rows - count) / count

    return min(range(1, count + 1), key=flaw)


def _draw(cells: Sequence[Image], grid: _Grid, labels: Sequence[str]) -> Image:
    from PIL import Image  # noqa: PLC0415 - see `_shrink`

    see_through = any(cell.mode == "RGBA" for cell in cells)
    ground = Image.new("RGBA", grid.size, _CLEAR) if see_through else Image.new("RGB", grid.size, _WHITE)
    for place, (cell, text) in enumerate(zip(cells, labels, strict=True)):
        left, top = grid.corner(place)
        corner = left + (grid.cell[0] - cell.width) // 2, top + (grid.cell[1] - cell.height) // 2
        ground.paste(cell, corner)
        _label(ground, text, corner, grid.cell)
    return ground


def _label(ground: Image, text: str, corner: Size, cell: Size) -> None:
    height = min(34, max(16, round(min(cell) * 0.1)))
    badge = _badge(text, height)
    margin = max(3, height // 4)
    spot = (corner[0] + margin, corner[1] + margin)
    if ground.mode == "RGBA":
        room = (max(0, ground.width - spot[0]), max(0, ground.height - spot[1]))
        ground.alpha_composite(badge.crop((0, 0, min(badge.width, room[0]), min(badge.height, room[1]))), spot)
    else:
        ground.paste(badge, spot, badge)


def _badge(text: str, height: int) -> Image:
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415 - see `_shrink`

    tall = height * _FINE
    font = ImageFont.load_default(tall * 0.66)
    wide = max(tall, round(font.getlength(text) + tall * 0.62))
    badge = Image.new("RGBA", (wide, tall), (*_PILL[:3], 0))
    draw = ImageDraw.Draw(badge)
    draw.rounded_rectangle((0, 0, wide - 1, tall - 1), tall // 2, fill=_PILL, outline=_RIM, width=_FINE)
    draw.text((wide / 2, tall / 2), text, font=font, fill=_DIGIT, anchor="mm")
    return badge.reduce(_FINE)
