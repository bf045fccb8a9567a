"""What is given to an order (`-i`, `--mask`, `--vary`, `--button`), resolved into the inputs of its request."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from .._history import History
from .._json import text_of
from .._media import extract, media_type
from .._messages import DownloadError, InputError, Language, plain, say
from .._options import request_from
from .._orders import Order
from .._protocol import Listed
from .._services import can_take, request_again, works_on_pictures
from .._store import Record, RecordedOutput
from .._values import Button, Generation, Input, Origin, Output, Picture, Request, Role, Status, name_of_button
from ._given import Given, boxes_in, from_file, from_pixels, mask_from, mask_of_boxes
from ._references import Reference, References

_NUMBERS = re.compile(r"[\s\d.()（）-]*+[,，][\s\d.,，()（）-]*+")  # a box that lacks something

__all__ = ["Inputs", "left_out", "recalled_from", "require_start", "try_file"]


class Inputs:
    """Finds what is given: references to the history, files, addresses, and values of Python."""

    def __init__(self, references: References, history: History, *, fetch: Callable[[str], bytes]) -> None:
        self._references = references
        self._history = history
        self._fetch = fetch

    def resolve(self, order: Order, *, relay: str, language: Language) -> Order:
        """Return the order with its inputs found; `relay` tells where it will be sent to."""
        if order.request.given("press"):  # once more: it stands in the request what is pressed
            return self._check_press(order, relay)
        if order.request.button is not None:
            return self._resolve_press(order, relay, language)
        if not order.given:
            return self._say_origin(order, language) if order.parents else order
        found = [self._find(role, value, relay, language) for role, value in order.given if role != "mask"]
        found += [self._find_mask(value, found, language) for role, value in order.given if role == "mask"]
        request = replace(order.request, inputs=tuple(one.input for one in found))
        refs = [one.ref for one in found if one.ref]
        return replace(
            order,
            given=(),
            request=_as_it_was_made(request),
            sources={one.input.sha256: one.source for one in found if one.source is not None},
            parents=tuple(dict.fromkeys((*order.parents, *(one.parent for one in found if one.parent)))),
            notes=(
                *_say_from(refs, language),
                *dict.fromkeys(note for one in found for note in one.notes),
            ),
        )

    def _say_origin(self, order: Order, language: Language) -> Order:
        """Return an order that is repeated, whose inputs are found already, with where they are from."""
        refs = [name for _, name in self._history.inputs_of(order.request) if name.startswith("#")]
        return replace(order, notes=(*order.notes, *_say_from(refs, language)))

    def _check_press(self, order: Order, relay: str) -> Order:
        mark = order.request.given("press")[0].id.partition(":")[0]
        record = self._history.with_id(mark)
        if record is not None:
            _require_same_relay(record, relay)
        return order

    def _resolve_press(self, order: Order, relay: str, language: Language) -> Order:
        record, output = self._pressed(order)
        button = _button_named(order.request.button or "", record)
        pressed = Input(
            role="press",
            id=f"{record.id}:{output.key if output else ''}",
            origin=_origin_of(record, output, buttons=(button,)),
        )
        _require_same_relay(record, relay)
        model = order.request.model or record.model  # that made what is pressed, where none is named
        masks = [one for role, one in order.given if role == "mask"]
        inputs, sources = [pressed], {}
        if masks:
            picture = self._find_output("picture", self._picture_of(record, output), relay, language)
            mask = self._find_mask(masks[0], [picture], language)
            inputs.append(mask.input)
            sources = {mask.input.sha256: mask.source} if mask.source is not None else {}
        request = replace(order.request, inputs=tuple(inputs), button=button.label, model=model)
        alt = order.alt or record.alt or record.request.prompt
        return replace(order, given=(), request=request, parents=(record.id,), sources=sources, alt=alt)

    def _picture_of(self, record: Record, output: RecordedOutput | None) -> Output:
        return self._references.picture(record.ref_of(output) if output else record.ref)

    def _pressed(self, order: Order) -> tuple[Record, RecordedOutput | None]:
        given = [one for role, one in order.given if role == "press"]
        if not given:
            newest = self._history.with_buttons()
            if newest is None:
                raise InputError("nothing in this history has buttons", advice="give the picture with -i")
            return newest, None
        value = given[0]
        generation = self._references.generation(_as_reference(value))
        record = self._history.record(int(generation.ref.removeprefix("#")))
        named = str(value).partition(".")[2]
        return record, next((one for one in record.outputs if named and str(one.number) == named), None)

    def _find(self, role: Role, value: object, relay: str, language: Language) -> Given:
        found = self._look_up(value)
        if isinstance(found, Output):
            return self._find_output(role, found, relay, language)
        return from_file(role, found, language) if isinstance(found, bytes | Path) else from_pixels(role, found)

    def _find_mask(self, value: object, found: Sequence[Given], language: Language) -> Given:
        """Return a mask, which belongs to the first picture."""
        first = next((one.input for one in found if one.input.role == "picture"), None)
        if first is None:
            raise InputError("a mask needs a picture that it belongs to", advice="give the picture with -i")
        if (boxes := boxes_in(value)) is not None:
            return mask_of_boxes(boxes, first)
        if isinstance(value, str) and _NUMBERS.fullmatch(value):
            raise InputError(
                "{value} is no box", advice="give left,top,right,bottom in pixels of the picture", value=value.strip()
            )
        mask = self._look_up(value)
        return mask_from(mask.path if isinstance(mask, Output) else mask, first, language)

    def _look_up(self, value: object) -> object:
        """Return what a value names: an output of the history, bytes, a path; any other value is given back."""
        if isinstance(value, str):
            return self._look_up_named(value.strip())
        if isinstance(value, Generation) or type(value) is int:
            return self._references.picture(value)
        return bytes(value) if isinstance(value, bytearray | memoryview) else value

    def _look_up_named(self, text: str) -> object:
        if text[:8].lower() == "https://":
            return self._fetch_input(text)
        path = try_file(text)
        if path is not None and not text.startswith("#"):
            return path
        return self._references.picture(text)

    def _fetch_input(self, url: str) -> bytes:
        try:
            return self._fetch(url)
        except DownloadError as problem:  # which speaks of what was bought
            reason = problem.message()
        raise InputError("{url} gives no picture: {reason}", url=url, reason=reason)

    def _find_output(self, role: Role, output: Output, relay: str, language: Language) -> Given:
        found = from_file(role, output.path, language, is_known=True)
        record = next(iter(self._history.with_output(output.sha256)), None)
        if record is None:
            return found
        recorded = next(one for one in record.outputs if one.sha256 == output.sha256)
        origin = _origin_of(record, recorded, buttons=record.buttons) if record.relay == relay else None
        ref = record.ref_of(recorded)
        return replace(found, input=replace(found.input, origin=origin), parent=record.id, ref=ref)


def require_start(order: Order) -> None:
    """Refuse an order of nothing.

    Raises:
        InputError: there are neither words nor anything to start from.
    """
    request = order.request
    if request.prompt.strip() or request.inputs or order.given or request.button is not None:
        return
    if request.model and works_on_pictures(Listed(name=request.model)):
        raise InputError("{model} needs a picture", advice="give it with -i", model=request.model)
    raise InputError("there is no prompt", advice="write what the picture shall show")


def _say_from(refs: Sequence[str], language: Language) -> list[str]:
    return [say("from {refs}", language, refs=", ".join(dict.fromkeys(refs)))] if refs else []


def _require_same_relay(record: Record, relay: str) -> None:
    if record.relay != relay:
        raise InputError("{ref} was made at another relay than the one in use", ref=record.ref)


def _as_it_was_made(request: Request) -> Request:
    """Return the request of another version with the model that made the picture, where none is named and it can."""
    made = [one.origin.model for one in request.given("vary") if one.origin is not None]
    if request.model or not made or not can_take(Listed(name=made[0]), request):
        return request
    return replace(request, model=made[0])


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
        prompt=record.request.prompt or _words_about(record),
        words=tuple(one.words for one in record.outputs if one.words),
        state=record.state or {},
        handle=output.handle if output else None,
        buttons=tuple(buttons),
    )


def _words_about(record: Record) -> str:
    """Return what a picture without a prompt of its own shows: as its service says, else as what it came from."""
    used = (text_of(one.about.get("revised_prompt")) for one in record.outputs)
    return next((words for words in used if words), record.alt)


def _button_named(label: str, record: Record) -> Button:
    name = name_of_button(label).casefold()
    found = next((one for one in record.buttons if one.label.casefold() == name), None)
    if not record.buttons and record.status in (Status.PENDING, Status.RUNNING):
        raise InputError("{ref} is not finished", advice="%now wait waits for it", ref=record.ref)
    if found is None:
        raise InputError(
            "{ref} has no button {label}",
            advice="it has: {known}"
            if record.buttons
            else "it has none: not every service puts buttons under a picture",
            ref=record.ref,
            label=label,
            known=", ".join(one.label for one in record.buttons),
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


def recalled_from(data: bytes) -> tuple[Request, list[str]]:
    """Return the request that makes a picture file again, by what the file (or the one beside it) says of itself.

    Beside it stand the names of what another tool noted that means nothing to a relay.

    Raises:
        InputError: it does not say how it was made.
    """
    made = extract(data) or {}
    if isinstance(made.get("prompt"), str):
        request, dropped = request_from(made), made.get("dropped")
        again = request_again(replace(request, service=None), request.model or "", request.service or "")
        return again, [plain(one, 40) for one in dropped] if isinstance(dropped, list) else []
    if tool := made.get("tool"):
        raise InputError(
            "this file holds a workflow of {tool}, of which nothing maps to a request",
            advice="copy the words of its prompt by hand",
            tool=plain(tool, 40),
        )
    raise InputError("this file does not say how it was made", advice="files saved with --save or Picture.save do")


def left_out(inputs: Sequence[tuple[Input, str]], dropped: Sequence[str], language: Language) -> list[str]:
    """Return the lines that say what of a recalled file is not taken over: inputs without a name, and words."""
    lines = []
    if gone := [one.sha256 or one.id for one, name in inputs if not name]:
        lines.append(say("not in this history, and so left out: {inputs}", language, inputs=", ".join(gone)))
    if dropped:
        lines.append(say("left out, as no relay knows them: {names}", language, names=", ".join(dropped)))
    return lines
