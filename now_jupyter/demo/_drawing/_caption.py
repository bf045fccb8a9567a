"""The signature of every drawing: the prompt in a band at the foot, and the word DEMO in a corner."""

from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from ._sketch import Sketch
from ._text import Font, FontFinder, choose_font, fold, readable

__all__ = ["INK", "MARK", "MAX_LINES", "PAPER", "Box", "Layout", "lay_out", "sign"]

MARK = "DEMO"
MAX_LINES = 2
INK = (18, 20, 26)
PAPER = (250, 248, 243)
Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where everything of a signature stands, in pixels."""

    band: Box
    pill: Box
    lines: tuple[tuple[str, Font, tuple[int, int]], ...]
    mark: tuple[str, Font, tuple[int, int]]


def sign(picture: Image.Image, sketch: Sketch, *, find_fonts: FontFinder, over_old: bool = False) -> Image.Image:
    """Set the caption and the mark onto a picture; one that already had them is covered well."""
    layout = lay_out(sketch, find_fonts=find_fonts)
    picture = _tinted(picture, layout.band, 250 if over_old else 176, round_corners=sketch.transparent)
    picture = _tinted(picture, layout.pill, 250 if over_old else 208, round_corners=True)
    pen = ImageDraw.Draw(picture)
    for number, (text, font, spot) in enumerate(layout.lines):
        is_note = number == len(layout.lines) - 1
        pen.text(spot, text, font=font, fill=(190, 190, 188) if is_note else PAPER)
    text, font, spot = layout.mark
    pen.text(spot, text, font=font, fill=PAPER)
    return picture


def lay_out(sketch: Sketch, *, find_fonts: FontFinder) -> Layout:
    """Measure the prompt and decide where each line stands."""
    width, height = sketch.size
    unit = min(width, height)
    size, small = max(11, round(unit * 0.027)), max(9, round(unit * 0.0175))
    margin = max(6, round(unit * 0.03))
    font = choose_font(sketch.prompt[:400], size, find_fonts)
    folded = fold(readable(sketch.prompt[:2000], font), font, width - 2 * margin, MAX_LINES)
    note_font = choose_font(sketch.note, small, find_fonts)
    note = fold(readable(sketch.note or MARK, note_font), note_font, width - 2 * margin, 1)
    rows = [
        *((text, font, round(size * 1.38)) for text in folded),
        *((text, note_font, round(small * 1.4)) for text in note),
    ]
    top = height - sum(step for _, _, step in rows) - round(margin * 1.15)
    lines, y = [], top + round(margin * 0.55)
    for text, row_font, step in rows:
        lines.append((text, row_font, (margin, y)))
        y += step
    pill, mark = _pill(width, margin, max(10, round(unit * 0.019)))
    return Layout(band=(0, top, width, height), pill=pill, lines=tuple(lines), mark=mark)


def _pill(width: int, margin: int, size: int) -> tuple[Box, tuple[str, Font, tuple[int, int]]]:
    font = ImageFont.load_default(size)
    text = " ".join(MARK)
    left, top, right, bottom = font.getbbox(text)
    pad = round(size * 0.72)
    box_width, box_height = round(right - left) + 2 * pad, round(bottom - top) + round(1.3 * pad)
    box = (width - margin - box_width, margin, width - margin, margin + box_height)
    return box, (text, font, (box[0] + pad - round(left), box[1] + round(0.65 * pad) - round(top)))


def _tinted(picture: Image.Image, box: Box, opacity: int, *, round_corners: bool) -> Image.Image:
    size = (box[2] - box[0], box[3] - box[1])
    mask = Image.new("L", (size[0] * 2, size[1] * 2), 0)
    radius = size[1] * (1.0 if size[0] < picture.width else 0.24) if round_corners else 0
    ImageDraw.Draw(mask).rounded_rectangle((0, 0, size[0] * 2 - 1, size[1] * 2 - 1), radius=radius, fill=opacity)
    mask = mask.reduce(2)
    if picture.mode == "RGBA":
        layer = Image.new("RGBA", size, (*INK, 0))
        layer.putalpha(mask)
        picture.alpha_composite(layer, box[:2])
    else:
        picture.paste(INK, box, mask)
    return picture
