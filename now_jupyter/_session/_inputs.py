"""What is given to an order (`-i`, `--mask`, `--vary`, `--button`), resolved into the inputs of its request."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .._history import History
from .._json import digest
from .._media import examine, extract, media_type
from .._messages import BadImageError, InputError
from .._options import request_from
from .._orders import Order
from .._services import request_again
from .._store import Record, RecordedOutput
from .._values import Button, Generation, Input, Kind, Origin, Output, Picture, Request, Role
from ._references import Reference, References

__all__ = ["Inputs", "request_in", "try_file"]

_LARGEST = 256 << 20
_ROLES: Mapping[Kind, Role] = {"picture": "picture", "video": "video", "audio": "audio", "words": "words"}


@dataclass(frozen=True, slots=True)
class _Found:
    """One input, the bytes or file behind it, and the generation it came from, where it came from one."""

    input: Input
    source: bytes | Path | None = None
    parent: str = ""


class Inputs:
    """Finds what is given: references to the history, files, addresses, and values of Python."""

    def __init__(self, references: References, history: History, *, fetch: Callable[[str], bytes]) -> None:
        self._references = references
        self._history = history
        self._fetch = fetch

    def resolve(self, order: Order, *, relay: str) -> Order:
        """Return the order with its inputs found; `relay` tells where it will be sent to."""
        if order.request.button is not None:
            return self._resolve_press(order, relay)
        if not order.given:
            return order
        found = [self._find(role, value, relay) for role, value in order.given]
        return replace(
            order,
            given=(),
            request=replace(order.request, inputs=tuple(one.input for one in found)),
            sources={one.input.sha256: one.source for one in found if one.source is not None},
            parents=tuple(dict.fromkeys((*order.parents, *(one.parent for one in found if one.parent)))),
        )

    def _resolve_press(self, order: Order, relay: str) -> Order:
        record, output = self._pressed(order)
        button = _button_named(order.request.button or "", record)
        pressed = Input(
            role="press",
            id=f"{record.id}:{output.key if output else ''}",
            origin=_origin_of(record, output, buttons=(button,)),
        )
        if record.relay != relay:
            raise InputError("{ref} was made at another relay than the one in use", ref=record.ref)
        model = order.request.model or record.model  # that made what is pressed, where none is named
        request = replace(order.request, inputs=(pressed,), button=button.label, model=model)
        return replace(order, given=(), request=request, parents=(record.id,))

    def _pressed(self, order: Order) -> tuple[Record, RecordedOutput | None]:
        if not order.given:
            with_buttons = [one for one in self._history.records() if one.buttons]
            if not with_buttons:
                raise InputError("nothing in this history has buttons", advice="give the picture with -i")
            return with_buttons[-1], None
        value = order.given[0][1]
        generation = self._references.generation(_as_reference(value))
        record = next(one for one in self._history.records() if one.id == generation.id)
        named = str(value).partition(".")[2]
        return record, next((one for one in record.outputs if named and str(one.number) == named), None)

    def _find(self, role: Role, value: object, relay: str) -> _Found:
        if isinstance(value, str):
            return self._find_named(role, value.strip(), relay)
        if isinstance(value, Generation):
            value = self._references.picture(value)
        if isinstance(value, Output):
            return self._find_output(role, value, relay)
        if isinstance(value, bytes | bytearray):
            return _Found(_examine(role, bytes(value)), bytes(value))
        if isinstance(value, Path):
            return _from_file(role, value)
        return _from_pixels(role, value)

    def _find_named(self, role: Role, text: str, relay: str) -> _Found:
        if text.startswith("https://"):
            data = self._fetch(text)
            return _Found(_examine(role, data), data)
        path = try_file(text)
        if path is not None and not text.startswith("#"):
            return _from_file(role, path)
        return self._find_output(role, self._references.picture(text), relay)

    def _find_output(self, role: Role, output: Output, relay: str) -> _Found:
        found = _from_file(role, output.path, known=output)
        records = (one for one in self._history.records() if any(out.sha256 == output.sha256 for out in one.outputs))
        record = next(records, None)
        if record is None:
            return found
        recorded = next(one for one in record.outputs if one.sha256 == output.sha256)
        origin = _origin_of(record, recorded, buttons=record.buttons) if record.relay == relay else None
        return replace(found, input=replace(found.input, origin=origin), parent=record.id)


def _as_reference(value: object) -> Reference:
    if isinstance(value, Output) and not isinstance(value, Picture):
        return value.ref
    if isinstance(value, str | int | Generation | Picture):
        return value
    raise InputError("a button belongs to a picture of this history", advice="give its number: #12")


def _origin_of(record: Record, output: RecordedOutput | None, *, buttons: Sequence[Button]) -> Origin:
    return Origin(
        service=record.service,
        model=record.model,
        prompt=record.request.prompt,
        words=tuple(one.words for one in record.outputs if one.words),
        state=record.state or {},
        handle=output.handle if output else None,
        buttons=tuple(buttons),
    )


def _button_named(label: str, record: Record) -> Button:
    wanted = label.strip().casefold()
    found = next((one for one in record.buttons if one.label.casefold() == wanted), None)
    if found is None:
        raise InputError(
            "{ref} has no button {label}",
            advice="it has: {known}",
            ref=record.ref,
            label=label,
            known=", ".join(one.label for one in record.buttons) or "–",
        )
    return found


def try_file(text: str) -> Path | None:
    """Return the path of the file that a text names; None where it names none.

    Raises:
        InputError: it can only have been meant for a file, and there is none.
    """
    try:
        path = Path(text).expanduser()
        if text and path.is_file():
            return path
    except (OSError, RuntimeError, ValueError):  # too long, ~nobody: no name of a file
        return None
    if not _names_a_file(text):
        return None
    raise InputError(
        "there is no file {path}",
        advice="give a file that is there, a number such as #12, -1 or a -o name, or an https address",
        path=text,
    )


def _names_a_file(text: str) -> bool:
    """Whether a text that is no file can have been meant for one."""
    return "/" in text or "\\" in text or media_type(Path(text).suffix) is not None


def request_in(data: bytes) -> Request:
    """Return the request that makes a picture file again, by what the file (or the one beside it) says of it.

    Raises:
        InputError: it does not say how it was made.
    """
    made = extract(data) or {}
    if isinstance(made.get("prompt"), str):
        request = request_from(made)
        return request_again(replace(request, service=None), request.model or "", request.service or "")
    raise InputError("this file does not say how it was made", advice="files saved with --save or Picture.save do")


def _from_file(role: Role, path: Path, known: Output | None = None) -> _Found:
    if known is None and path.stat().st_size > _LARGEST:
        raise InputError("{path} is larger than {limit} MiB", path=path, limit=_LARGEST >> 20)
    return _Found(_examine(role, path), path)


def _examine(role: Role, source: bytes | Path) -> Input:
    try:
        facts = examine(source)
    except BadImageError as problem:
        reason = problem.message()
    else:
        return Input(
            role=_ROLES.get(facts.kind, role) if role == "picture" else role,
            id=facts.sha256,
            sha256=facts.sha256,
            mime=facts.mime,
            width=facts.width,
            height=facts.height,
            size_bytes=facts.size_bytes,
        )
    raise InputError("what is given as {role} cannot be used: {reason}", role=role, reason=reason)


def _from_pixels(role: Role, value: Any) -> _Found:  # noqa: ANN401 - an image of PIL, an array of NumPy
    image = _as_image(value)
    if image is None:
        raise InputError(
            "a value of type {kind} is no picture",
            advice="give a Picture, a PIL image, an array of height × width (× 3 or 4), bytes or a path",
            kind=type(value).__name__,
        )
    target = io.BytesIO()
    image.save(target, "PNG")
    data = target.getvalue()
    pixels = f"{image.mode} {image.width}x{image.height} ".encode() + image.tobytes()
    return _Found(replace(_examine(role, data), id=digest(pixels)), data)


def _as_image(value: Any) -> Any:  # noqa: ANN401 - as above
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.ndarray):
        value = _image_of_array(numpy, value)
    pillow = sys.modules.get("PIL.Image")
    if pillow is None or not isinstance(value, pillow.Image):
        return None
    return value if value.mode in ("L", "LA", "RGB", "RGBA", "1") else value.convert("RGBA")


def _image_of_array(numpy: Any, array: Any) -> Any:  # noqa: ANN401 - as above
    from PIL import Image  # noqa: PLC0415 - Pillow is loaded when it is used

    if array.ndim not in (2, 3) or not array.size:
        return None
    if array.dtype == bool:
        return Image.fromarray(array.astype(numpy.uint8) * 255)
    if numpy.issubdtype(array.dtype, numpy.floating):  # 0 to 1
        array = numpy.rint(numpy.clip(numpy.nan_to_num(array), 0, 1) * 255)
    try:
        return Image.fromarray(array.astype(numpy.uint8))
    except (TypeError, ValueError):
        return None
