"""Copies that users ask for: where they go, as which type, and that they arrive whole or not at all."""

from __future__ import annotations

import io
import json
import os
import re
import secrets
import warnings
from collections.abc import Mapping
from pathlib import Path

from .._json import JSON
from .._messages import InputError, language_of, say
from ._decoding import decode, refusal_of
from ._preview import displayable
from ._provenance import SourceType, carry_packet, embed, is_signed, label
from ._types import MediaType, identify, media_type

__all__ = ["recipe_file", "save_copy"]

_OTHER_SUFFIXES = {".jxl", ".ico", ".psd", ".eps", ".csv", ".html", ".md", ".py", ".ipynb", ".zip"}
_ODD_IN_NAMES = re.compile(r"[^\w.\-]+")
_QUALITY = 95
_SIGNATURE_LOST = "{path} is labelled as generated, but has lost its signature (C2PA); a copy as {kind} keeps it"


def save_copy(data: bytes, path: Path | str, *, name: str, made: Mapping[str, JSON] | None) -> Path:
    """Write a picture, or what else was made, where the user wants it and return the path of the file.

    A file of that name is replaced, whole and at once. The pixels are encoded again only where the suffix asks for
    another type; labels stay, and a copy that is not the very original says that it was generated. A signed (C2PA)
    file is copied byte for byte, and how it was made goes into a file beside it (`recipe_file`).

    Args:
        data: The picture, encoded.
        path: A folder (one that is there, or text that ends with a separator), or a file with or without suffix.
        name: The file's name without suffix, for a folder.
        made: How it was made, to be kept in the file or beside it; None for a copy without that.

    Raises:
        InputError: this path cannot be written, or its suffix is none that this can be saved as.
        BadImageError: the bytes are no file of a known type.
    """
    media = identify(data)
    if media is None:
        raise refusal_of(data)
    target = _target(path, name, media)
    wanted = media_type(target.suffix)
    other = None if wanted is media else wanted
    copy = _convert(data, other) if other else data
    if other or made is not None:
        copy = label(copy, [data], _source_type(made or {}))
    _write(embed(copy, made) if made is not None else copy, target)
    if made is not None and is_signed(copy):
        _write(json.dumps(dict(made), ensure_ascii=False, indent=1).encode("utf-8", "replace"), _beside(target))
    if other and is_signed(data):
        warnings.warn(say(_SIGNATURE_LOST, language_of(os.environ), path=target, kind=media.name), stacklevel=3)
    return target


def recipe_file(path: Path) -> Path:
    """Return the file that tells how a picture file was made: the one beside it, where there is one, else itself."""
    beside = _beside(path)
    return beside if os.path.isfile(beside) else path  # noqa: PTH113 - see `_target`


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.now.json")


def _source_type(made: Mapping[str, JSON]) -> SourceType:
    if made.get("demo"):
        return "algorithmicMedia"
    return "compositeWithTrainedAlgorithmicMedia" if made.get("inputs") else "trainedAlgorithmicMedia"


def _target(path: Path | str, name: str, media: MediaType) -> Path:
    asked = _expand(path)
    is_folder = os.path.isdir(asked)  # noqa: PTH112 - False where `Path.is_dir` raises
    if is_folder or os.fspath(path).endswith(("/", os.sep)):
        return asked / (_ODD_IN_NAMES.sub("-", name).lstrip(".") + media.suffix)
    ending = asked.suffix.lower()
    wanted = media_type(ending)
    if wanted is media or (wanted is not None and wanted.native and media.pillow):
        return asked
    if wanted is None and ending not in _OTHER_SUFFIXES:
        return asked.with_name(asked.name + media.suffix)
    if media.pillow:
        raise InputError(
            "{suffix} is no type that pictures are saved as",
            advice="use .png, .jpg or .webp, or leave the suffix out",
            suffix=ending,
        )
    raise InputError(
        "a {kind} file cannot be saved as {suffix}", advice="leave the suffix out", kind=media.name, suffix=ending
    )


def _expand(path: Path | str) -> Path:
    try:
        asked = Path(path).expanduser()
    except RuntimeError:
        asked = None
    if asked is None or "\0" in os.fspath(path):
        raise InputError("{path} is no path that can be written", path=path)
    return asked


def _convert(data: bytes, wanted: MediaType) -> bytes:
    from PIL import Image  # noqa: PLC0415 - Pillow is loaded when it is used

    image = displayable(decode(data))
    if wanted.pillow == "Jpeg" and image.mode == "RGBA":
        ground = Image.new("RGB", image.size, "white")
        ground.paste(image, mask=image.getchannel("A"))
        ground.info = image.info
        image = ground
    target = io.BytesIO()
    image.save(target, wanted.pillow, quality=_QUALITY, icc_profile=image.info.get("icc_profile"))
    return carry_packet(target.getvalue(), data)


def _write(data: bytes, target: Path) -> None:
    if os.path.exists(target) and not os.path.isfile(target):  # noqa: PTH110, PTH113 - see `_target`
        raise InputError("{path} is there and is no plain file", path=target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _replace(data, target)
    except (FileExistsError, NotADirectoryError):
        refusal = InputError("{path} was not written: a part of its path is a file, not a folder", path=target)
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or type(problem).__name__
        refusal = InputError(
            "{path} was not written: {reason}", advice="choose another place", path=target, reason=reason
        )
    else:
        return
    raise refusal


def _replace(data: bytes, target: Path) -> None:
    part = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
