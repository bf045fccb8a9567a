"""What a notebook holds of a picture or an answer: a mime bundle, made without showing anything.

Saved notebooks hold `image/*` as base64 and `text/plain`, never HTML, but for tables, which have small pictures in it.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ._media import (
    DecoderError,
    SourceType,
    can_show,
    cell_of,
    is_inline,
    label,
    moving_preview,
    preview,
    read_verified,
    sheet,
    source_type,
)
from ._messages import BadImageError, NowImageError, name_bug, plain, printable

if TYPE_CHECKING:
    from ._values import Generation, Output, Picture, Showable

__all__ = [
    "Bundle",
    "bundle_of",
    "bundle_of_output",
    "image_bundle",
    "richest_of",
    "small_image",
    "try_bundle",
    "try_bundle_of_several",
]

Bundle: TypeAlias = tuple[dict[str, Any], dict[str, Any]]
_PREVIEW_PX = 512
_THUMB_PX = 64
_MOST_LISTED = 24


def try_bundle(value: Showable, longest: int = _PREVIEW_PX) -> Bundle:
    """Return data and metadata of a value for whoever asks; what cannot be shown is said in words."""
    from ._values import Generation, Output  # noqa: PLC0415 - values show themselves by this module

    try:
        if isinstance(value, Output):
            return bundle_of_output(value, longest)
        return bundle_of(value, longest) if isinstance(value, Generation) else ({"text/plain": repr(value)}, {})
    except Exception as bug:  # noqa: BLE001 - whoever shows a list of pictures shows the others
        return {"text/plain": f"{value!r}\n{name_bug(bug)}"}, {}


def try_bundle_of_several(values: Sequence[object], longest: int = _PREVIEW_PX) -> Bundle | None:
    """Return what is shown beside the words of a list: a sheet of its pictures; None where it holds anything else."""
    from ._values import Generation, Picture  # noqa: PLC0415 - see `try_bundle`

    listed = [one.pictures if isinstance(one, Generation) else (one,) for one in values[:_MOST_LISTED]]
    every = [one for some in listed for one in some if isinstance(one, Picture)]
    pictures = [one for one in every if not one.is_side] or every
    if not pictures or not all(isinstance(one, Generation | Picture) for one in values):
        return None
    try:
        image, about = _image_part(pictures[:_MOST_LISTED], longest, whole=False, alt=pictures[0].alt)
    except Exception:  # noqa: BLE001 - the words of the list are there
        return None
    mark: dict[str, Any] = {"sha256": [one.sha256 for one in pictures]}
    return image, {"now": _told_apart(mark, demo=all(one.made.get("demo") for one in pictures)), **about}


def small_image(picture: Picture) -> str:
    """Return a picture as a small `<img>` for a table of HTML; nothing where it cannot be shown or is gone."""
    with suppress(NowImageError):
        if can_show(picture.mime):
            source, width = _thumb_of(picture.path, picture.sha256, source_type(picture.made))
            held = f'width="{width}" style="min-width:{width}px"'  # notebooks let pictures shrink to nothing in a table
            return f'<img alt="{escape(plain(picture.alt, 100))}" src="{source}" {held} />'
    return ""


@lru_cache(maxsize=1000)  # some 4 MB
def _thumb_of(path: Path, sha256: str, kind: SourceType) -> tuple[str, int]:
    data, mime, width, *_ = preview(
        read_verified(path, sha256), longest=_THUMB_PX, original_if_smaller=False, kind=kind
    )
    return f"data:{mime};base64,{base64.b64encode(data).decode()}", width


def richest_of(bundle: Bundle) -> tuple[str, str]:
    """Return one type of a bundle and its data: the picture as a data URL, where there is one, else the text."""
    data, _ = bundle
    image = next((mime for mime in data if mime.startswith("image/")), None)
    return ("text/plain", data["text/plain"]) if image is None else (image, f"data:{image};base64,{data[image]}")


def bundle_of(generation: Generation, longest: int = _PREVIEW_PX, *, how: str = "preview") -> Bundle:
    """Return data and metadata of the answer's output: a preview (of several: a numbered sheet), facts and words."""
    from ._values import Picture  # noqa: PLC0415 - see `try_bundle`

    words = [printable(generation.text)] if generation.text else []
    text = "\n".join([*map(repr, generation.outputs), *words]) or repr(generation)
    mark: dict[str, Any] = {"id": generation.id, "sha256": [one.sha256 for one in generation.outputs]}
    shown = [one for one in generation.outputs if isinstance(one, Picture) and how in ("preview", "full")]
    alt = next((one.alt for one in shown), "") or generation.prompt
    image, about = _image_part(shown, longest, whole=how == "full", alt=alt)
    return {"text/plain": text, **image}, {"now": _told_apart(mark, demo=generation.demo), **about}


def bundle_of_output(output: Output, longest: int = _PREVIEW_PX, *, how: str = "preview", text: str = "") -> Bundle:
    """Return data and metadata of one output: a picture as such, anything else by its facts (or `text`)."""
    from ._values import Picture  # noqa: PLC0415 - see `try_bundle`

    pictures = [one for one in (output,) if isinstance(one, Picture)]
    image, about = _image_part(pictures, longest, whole=how == "full", alt="".join(one.alt for one in pictures))
    mark = _told_apart({"sha256": [output.sha256]}, demo=bool(output.made.get("demo")))
    return {"text/plain": text or repr(output), **image}, {"now": mark, **about}


def _told_apart(mark: dict[str, Any], *, demo: bool) -> dict[str, Any]:
    """Return the mark of an output, which counts as paid where it does not say that the demo drew it."""
    return {**mark, "demo": True} if demo else mark


def _image_part(pictures: Sequence[Picture], longest: int, *, whole: bool, alt: str) -> Bundle:
    image = _image_of(pictures, longest, whole=whole)
    if image is None:
        return {}, {}
    data, mime, width, height = image
    return image_bundle(data, mime), {mime: {"width": width, "height": height, "alt": plain(alt, 300)}}


def image_bundle(data: bytes, mime: str) -> dict[str, str]:
    """Return an image as notebooks hold it: in base64, which every container of outputs takes."""
    return {mime: base64.b64encode(data).decode()}


def _image_of(pictures: Sequence[Picture], longest: int, *, whole: bool) -> tuple[bytes, str, int, int] | None:
    """Return what a notebook shows of these pictures: bytes, type, width and height; None where it can show none."""
    here: list[Picture] = []
    last = b""  # of what is here: nearly always the only one, which is then read once
    for one in pictures:
        if can_show(one.mime) and (data := _bytes_of(one)) is not None:
            here.append(one)
            last = data
    shown = [one for one in here if not one.is_side]
    sheets = [one for one in here if one.is_side]
    if not shown or (len(shown) > 1 and len(sheets) == 1):
        shown = sheets  # the service's own sheet of them, or a cover
    try:
        if len(shown) > 1:
            cells = [
                cell_of(one.bytes(), longest=longest, among=len(shown), kind=source_type(one.made)) for one in shown
            ]
            return sheet(cells, longest=longest, labels=_labels_of(shown))
        for one in shown:
            data = last if one is here[-1] else one.bytes()
            kind = source_type(one.made)
            if whole and is_inline(one.mime):
                return label(data, kind=kind), one.mime, one.width, one.height
            size = max(one.width, one.height, 1) if whole else longest
            return moving_preview(data, longest=size) or preview(data, longest=size, kind=kind)
    except DecoderError:
        raise
    except BadImageError:  # the bytes are as they came, but this Pillow cannot read their type
        return None
    return None


def _bytes_of(picture: Picture) -> bytes | None:
    """Return a picture's bytes; None where it is gone or was changed: what was paid for and kept fails no cell."""
    with suppress(NowImageError):
        return picture.bytes()
    return None


def _labels_of(pictures: Sequence[Picture]) -> list[str]:
    """Return what pictures are called on a sheet: as their references, which in one generation differ at the end."""
    refs = [one.ref.lstrip("#") for one in pictures]
    is_one = len({ref.partition(".")[0] for ref in refs}) == 1
    return [ref.rpartition(".")[2] for ref in refs] if is_one else refs
