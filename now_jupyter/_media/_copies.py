"""Copies that users ask for: where they go, as which type, and that they arrive whole or not at all."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import secrets
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, NamedTuple

from .._json import JSON
from .._messages import InputError, language_of, say
from ._decoding import decode, displayable, one_at_a_time, open_picture, refusal_of
from ._provenance import carry_packet, embed, is_signed, label, source_type
from ._types import MediaType, identify, media_type

if TYPE_CHECKING:
    from .._values import Output

__all__ = ["Copy", "copy_to_share", "place_to_save", "put_new", "recipe_file", "save_copies", "save_copy", "sidecar_of"]

_OTHER_SUFFIXES = {".jxl", ".ico", ".psd", ".eps", ".csv", ".html", ".md", ".py", ".ipynb", ".zip"}
_ODD_IN_NAMES = re.compile(r"[^\w.\-]+")
_QUALITY = 95
_SIGNATURE_LOST = "{path} is labelled as generated, but has lost its signature (C2PA); a copy as {kind} keeps it"


def save_copy(  # noqa: PLR0913 - what is written, where, and how
    data: bytes,
    path: Path | str,
    *,
    name: str,
    made: Mapping[str, JSON] | None,
    place: int = 0,
    overwrite: bool = False,
    strict: bool = True,
) -> Path:
    """Write a picture, or what else was made, where the user wants it and return the path of the file.

    A file that is there already stays: the copy gets the next free name (`fox-2.png`), unless the file is this very
    copy; with `overwrite` it is replaced, whole and at once. The pixels are encoded again only where the suffix asks
    for another type; labels stay, and a copy that is not the very original says that it was generated. A signed (C2PA)
    file is copied byte for byte, and how it was made goes into a file beside it (`recipe_file`).

    Args:
        data: The picture, encoded.
        path: A folder (one that is there, or text that ends with a separator), or a file with or without suffix.
        name: The file's name without suffix, for a folder.
        made: How it was made, to be kept in the file or beside it; None for a copy without that.
        place: Its place among several, which is added to the name of a file; 0 where it is the only one.
        overwrite: Whether a file of that name is replaced.
        strict: Whether a suffix that this cannot be saved as is an error; else its own is put in the place of it.

    Raises:
        InputError: this path cannot be written, or its suffix is none that this can be saved as.
        BadImageError: the bytes are no file of a known type.
    """
    media = identify(data)
    if media is None:
        raise refusal_of(data)
    asked = _expand(path)
    if _is_folder(path, asked):
        target = asked / (_ODD_IN_NAMES.sub("-", name).lstrip(".") + media.suffix)
    else:
        target = _numbered(_with_suffix(asked, media, strict=strict), place)
    wanted = media_type(target.suffix)
    other = None if wanted is media else wanted
    copy = _convert(data, other) if other else data
    if other or made is not None:
        copy = label(copy, [data], source_type(made or {}))
    target = _write_copy(embed(copy, made) if made is not None else copy, target, overwrite=overwrite)
    if made is not None and is_signed(copy):
        _write(json.dumps(dict(made), ensure_ascii=False, indent=1).encode("utf-8", "replace"), sidecar_of(target))
    if other and is_signed(data):
        warnings.warn(say(_SIGNATURE_LOST, language_of(os.environ), path=target, kind=media.name), stacklevel=3)
    return target


def save_copies(outputs: Sequence[Output], path: Path | str, *, metadata: bool, overwrite: bool) -> list[Path]:
    """Write all outputs where the user wants them, and return the paths of the files.

    Several get a number each, in a folder their own names; what cannot be of the type of the suffix gets its own.
    """
    several = len(outputs) > 1
    return [
        save_copy(
            one.bytes(),
            path,
            name=one.path.stem,
            made=one.made if metadata else None,
            place=place if several else 0,
            overwrite=overwrite,
            strict=False,
        )
        for place, one in enumerate(outputs, 1)
    ]


class Copy(NamedTuple):
    """A file as it is handed on: `is_same` where its pixels are the very ones, `is_bare` where it holds no recipe.

    `lost` says what it could not keep: the signature (C2PA) of a file that was encoded anew, or that it stayed as it
    was (`type`), since it is no still picture.
    """

    data: bytes
    media: MediaType
    is_same: bool = True
    is_bare: bool = False
    lost: Literal["", "signature", "type"] = ""


def copy_to_share(
    data: bytes,
    *,
    made: Mapping[str, JSON],
    metadata: bool,
    longest: int | None = None,
    wanted: MediaType | None = None,
) -> Copy:
    """Return a file as others get it: its recipe inside it with `metadata`, else nothing of ours.

    It is encoded anew only where another type is `wanted`, or its longest side is longer than `longest` pixels. Colour
    profile and labels stay; what is encoded anew says that it was generated.

    Raises:
        BadImageError: the bytes are no file of a known type, or a picture that cannot be decoded.
    """
    media = identify(data)
    if media is None:
        raise refusal_of(data)
    target = _type_to_share(data, media, longest, wanted)
    copy = _convert(data, target, longest) if target else data
    if target or metadata:
        copy = label(copy, [data], source_type(made))
    shared = embed(copy, made) if metadata else copy
    lost: Literal["", "signature", "type"] = "signature" if target and is_signed(data) else ""
    if not target and wanted not in (None, media):
        lost = "type"
    is_bare = metadata and (shared == copy or is_signed(copy))
    return Copy(shared, target or media, is_same=target is None, is_bare=is_bare, lost=lost)


def _type_to_share(data: bytes, media: MediaType, longest: int | None, wanted: MediaType | None) -> MediaType | None:
    """Return the type that a file is encoded anew as; None where it stays as it is, as all that moves does."""
    if not media.pillow or (longest is None and wanted in (None, media)):
        return None
    opened = open_picture(data)
    if getattr(opened.image, "is_animated", False):
        return None
    is_large = longest is not None and max(opened.size) > longest
    if not is_large and wanted in (None, media):
        return None
    return wanted or (media if media.native else media_type(".png"))


def put_new(target: Path, fill: Callable[[BinaryIO], None]) -> Path:
    """Write a file, whole and at once, under the first name that is free (`fox.zip`, `fox-2.zip`), and return its path.

    Raises:
        InputError: it cannot be written there.
    """
    part = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with part.open("x+b") as file:
            fill(file)
            file.flush()
            os.fsync(file.fileno())
        names = (target.with_name(f"{target.stem}-{more}{target.suffix}") for more in count(2))
        path = next(one for one in chain([target], names) if _claim(one))
        part.replace(path)
        return path
    except (FileExistsError, NotADirectoryError):
        refusal = _in_a_file(target)
    except (OSError, ValueError) as problem:
        refusal = _not_written(target, getattr(problem, "strerror", None) or type(problem).__name__)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    raise refusal


def recipe_file(path: Path) -> Path:
    """Return the file that tells how a picture file was made: the one beside it, where there is one, else itself."""
    beside = sidecar_of(path)
    return beside if os.path.isfile(beside) else path  # noqa: PTH113 - see `_is_folder`


def sidecar_of(path: Path) -> Path:
    """Return the place for the recipe of a file that can hold none: a file beside it."""
    return path.with_name(f"{path.name}.now.json")


def place_to_save(path: Path | str) -> str:
    """Return what `save_copy` takes for a path, wherever the working folder goes meanwhile.

    Raises:
        InputError: nothing can ever be written there; this is known before anything is paid for.
    """
    asked = _expand(path)
    try:
        return _checked(path, Path(os.path.abspath(asked)))  # noqa: PTH100 - `Path.absolute` leaves `..`
    except NotADirectoryError:
        refusal = _in_a_file(asked)
    except (OSError, ValueError) as problem:
        refusal = _not_written(asked, getattr(problem, "strerror", None) or type(problem).__name__)
    raise refusal


def _checked(path: Path | str, place: Path) -> str:
    is_folder = _is_folder(path, place)
    if not is_folder and place.suffix.lower() in _OTHER_SUFFIXES:
        raise _no_type(place.suffix.lower())
    if not is_folder:
        _refuse_odd(place)
    with suppress(FileNotFoundError):
        os.lstat(place)  # a name that is too long, a loop of links
    nearest = next(one for one in (place, *place.parents) if os.path.lexists(one))
    if nearest != place and not os.path.isdir(nearest):  # noqa: PTH112 - see `_is_folder`
        raise NotADirectoryError
    if not os.access(nearest, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return os.path.join(place, "") if is_folder else os.fspath(place)  # noqa: PTH118 - the separator tells a folder


def _is_folder(path: Path | str, asked: Path) -> bool:
    # os.path answers False where `Path.is_dir` raises.
    return os.path.isdir(asked) or os.fspath(path).endswith(("/", os.sep))  # noqa: PTH112


def _numbered(target: Path, place: int) -> Path:
    return target.with_name(f"{target.stem}-{place}{target.suffix}") if place else target


def _with_suffix(asked: Path, media: MediaType, *, strict: bool) -> Path:
    ending = asked.suffix.lower()
    wanted = media_type(ending)
    if wanted is media or (wanted is not None and wanted.native and media.pillow):
        return asked
    if wanted is None and ending not in _OTHER_SUFFIXES:
        return asked.with_name(asked.name + media.suffix)
    if not strict:
        return asked.with_suffix(media.suffix)
    if media.pillow:
        raise _no_type(ending)
    raise InputError(
        "a {kind} file cannot be saved as {suffix}", advice="leave the suffix out", kind=media.name, suffix=ending
    )


def _no_type(suffix: str) -> InputError:
    return InputError(
        "{suffix} is no type that pictures are saved as",
        advice="use .png, .jpg or .webp, or leave the suffix out",
        suffix=suffix,
    )


def _expand(path: Path | str) -> Path:
    try:
        asked = Path(path).expanduser()
    except RuntimeError:
        asked = None
    if asked is None or "\0" in os.fspath(path):
        raise InputError("{path} is no path that can be written", path=path)
    return asked


def _convert(data: bytes, wanted: MediaType, longest: int | None = None) -> bytes:
    with one_at_a_time():
        return _encode(data, wanted, longest)


def _encode(data: bytes, wanted: MediaType, longest: int | None) -> bytes:
    from PIL import Image  # noqa: PLC0415 - Pillow is loaded when it is used

    image = displayable(decode(data))
    if longest is not None:
        image.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    if wanted.pillow == "Jpeg" and image.mode == "RGBA":
        ground = Image.new("RGB", image.size, "white")
        ground.paste(image, mask=image.getchannel("A"))
        ground.info = image.info
        image = ground
    target = io.BytesIO()
    image.save(target, wanted.pillow, quality=_QUALITY, icc_profile=image.info.get("icc_profile"))
    return carry_packet(target.getvalue(), data)


def _write_copy(data: bytes, target: Path, *, overwrite: bool) -> Path:
    """Write a copy under the first name that is free, or that bears it already; return where it is."""
    if overwrite:
        _write(data, target)
        return target
    names = (target.with_name(f"{target.stem}-{more}{target.suffix}") for more in count(2))
    return next(one for one in chain([target], names) if _holds(one, data) or _write(data, one, exclusive=True))


def _holds(path: Path, data: bytes) -> bool:
    with suppress(OSError, ValueError):
        return os.path.isfile(path) and path.stat().st_size == len(data) and path.read_bytes() == data  # noqa: PTH113
    return False


def _write(data: bytes, target: Path, *, exclusive: bool = False) -> bool:
    """Write a file, whole and at once; False where it is to be a new one, and the name is taken."""
    _refuse_odd(target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        return _put(data, target, exclusive=exclusive)
    except (FileExistsError, NotADirectoryError):
        refusal = _in_a_file(target)
    except (OSError, ValueError) as problem:
        refusal = _not_written(target, getattr(problem, "strerror", None) or type(problem).__name__)
    raise refusal


def _refuse_odd(target: Path) -> None:
    if os.path.exists(target) and not os.path.isfile(target):  # noqa: PTH110, PTH113 - see `_is_folder`
        raise InputError("{path} is there and is no plain file", path=target)


def _in_a_file(path: Path) -> InputError:
    return InputError("{path} was not written: a part of its path is a file, not a folder", path=path)


def _not_written(path: Path, reason: str) -> InputError:
    return InputError("{path} was not written: {reason}", advice="choose another place", path=path, reason=reason)


def _put(data: bytes, target: Path, *, exclusive: bool) -> bool:
    part = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if exclusive and not _claim(target):
            return False
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return True


def _claim(path: Path) -> bool:
    try:
        path.open("xb").close()
    except FileExistsError:
        return False
    return True
