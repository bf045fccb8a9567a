"""The picture that stands for a panel wherever there is none: on GitHub, in HTML, in a notebook without a kernel.

It is a sheet of the latest pictures with their captions as text. It bears a mark in its first bytes, a JPEG comment,
so that the style sheet can tell it by the beginning of its data URL and hide it while the panel above it is alive.
"""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

from .._media import Cell, Labels, cell_of, label, read_verified, sheet
from .._messages import Language, NowImageError, plain, say
from .._store import Record, RecordedOutput
from ._pictures import pictures_of

__all__ = ["MARK", "Bundle", "latest", "masked_bundle", "static_bundle"]

Bundle: TypeAlias = tuple[dict[str, Any], dict[str, Any]]
"""Data and metadata of an output."""

_JFIF = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
_COMMENT = b"now_jupyter panel"
_HEAD = _JFIF + b"\xff\xfe" + (len(_COMMENT) + 2).to_bytes(2) + _COMMENT
MARK = b64encode(_HEAD[: len(_HEAD) // 3 * 3]).decode()
"""How the data URL of every static picture of ours begins, behind `data:image/jpeg;base64,`."""

_MOST = 6
_LONGEST = 384
_QUALITY = 82
_VEIL = (230, 20, 92)


def static_bundle(
    pictures: Sequence[tuple[Record, RecordedOutput]], folder: Path, *, language: Language = "en", text: str = ""
) -> Bundle:
    """Return the static output: these pictures as one sheet, their captions as text."""
    shown = []
    cells: dict[str, Cell] = {}
    for record, one in pictures:
        with suppress(NowImageError):  # gone or damaged, or this Pillow cannot read its type
            data = read_verified(folder / one.file, one.sha256)
            shown.append((record, one))
            cells[record.ref_of(one).lstrip("#")] = cell_of(data, longest=_LONGEST, among=len(pictures))
    captions = [_caption(record, one) for record, one in shown] or [say("no pictures yet", language)]
    words = "\n".join([*captions, text] if text else captions)
    return _bundle(_image_of(cells), words, [record for record, _ in shown])


def masked_bundle(picture: bytes, region: Any, words: str, records: Sequence[Record]) -> Bundle:  # noqa: ANN401 - as below
    """Return the static output of a mask: its picture, with the region in colour; `records` made the picture."""
    from PIL import Image  # noqa: PLC0415 - Pillow is loaded when it is used

    cell = cell_of(picture, longest=_LONGEST)
    seen = cell.image.convert("RGB")
    seen.thumbnail((_LONGEST, _LONGEST))
    veil = region.resize(seen.size).point(lambda level: level * 2 // 3)
    seen.paste(Image.new("RGB", seen.size, _VEIL), mask=veil)
    return _bundle(_on_white(seen, cell.labels), words, records)


def _bundle(image: tuple[bytes, int, int], words: str, records: Sequence[Record]) -> Bundle:
    data, width, height = image
    of_image = {"width": width, "height": height, "alt": plain(words, 300)}
    mark: dict[str, Any] = {"static": True, "ids": list(dict.fromkeys(record.id for record in records))}
    if all(record.demo for record in records):
        mark["demo"] = True
    return {"text/plain": words, "image/jpeg": data}, {"image/jpeg": of_image, "now": mark}


def latest(newest_first: Iterable[Record]) -> list[tuple[Record, RecordedOutput]]:
    """Choose what stands for the panel: the latest pictures, newest first."""
    return list(islice(((record, one) for record in newest_first for one in pictures_of(record)), _MOST))


def _caption(record: Record, one: RecordedOutput) -> str:
    facts = (record.ref_of(one), plain(record.request.prompt, 72), plain(record.model, 80), f"{one.width}×{one.height}")
    return " · ".join(facts)


def _image_of(cells: Mapping[str, Cell]) -> tuple[bytes, int, int]:
    if len(cells) > 1:
        return _mark(sheet([*cells.values()], longest=_LONGEST, labels=[*cells])[0])
    for cell in cells.values():
        cell.image.thumbnail((_LONGEST, _LONGEST))
        return _on_white(cell.image, cell.labels)
    return _empty()


def _mark(image: bytes) -> tuple[bytes, int, int]:
    from PIL import Image  # noqa: PLC0415 - Pillow is loaded when it is used

    with Image.open(io.BytesIO(image)) as seen:
        return _on_white(seen, image)


def _on_white(seen: Any, like: bytes | Labels) -> tuple[bytes, int, int]:  # noqa: ANN401 - a PIL image
    from PIL import Image  # noqa: PLC0415 - as above

    ground = Image.new("RGB", seen.size, "white")
    ground.paste(seen, mask=seen.getchannel("A") if seen.mode == "RGBA" else None)
    return _encode(ground, [like])


def _empty() -> tuple[bytes, int, int]:
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415 - as above

    card = Image.new("RGB", (420, 48), "#f3f4f6")
    font = ImageFont.load_default(16)
    ImageDraw.Draw(card).text((210, 24), "now_jupyter · no pictures yet", font=font, fill="#5a5e66", anchor="mm")
    return _encode(card)


def _encode(image: Any, like: Sequence[bytes | Labels] = ()) -> tuple[bytes, int, int]:  # noqa: ANN401 - a PIL image
    target = io.BytesIO()
    image.save(target, "JPEG", quality=_QUALITY)
    data = label(target.getvalue(), like) if like else target.getvalue()
    return _HEAD + data[len(_JFIF) :], image.width, image.height
