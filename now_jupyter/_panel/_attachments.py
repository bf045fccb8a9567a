"""The inputs of the form: pictures of the history, and files that were attached, which the folder keeps by digest."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .._media import decode, examine, identify, preview, read_verified, region_of
from .._messages import BadImageError, InputError
from .._session import Session
from .._store import Record, RecordedOutput
from .._values import Input, Role
from ._draft import Draft, Given
from ._pictures import picture_of, pictures_of

__all__ = ["Attachments", "facts_of", "large_picture", "region_bits"]

_THUMB_PX = 320
_LARGEST = 8 << 20
_LONGEST = 4096  # what is painted on: finer than any screen, small enough for a browser's memory
_REMEMBERED = 200


class Attachments:
    """Keeps what is attached, and finds what a draft's inputs are; used by any thread."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: OrderedDict[str, Input] = OrderedDict()

    def attach(self, data: bytes) -> Given:
        """Keep a file that was pasted, dropped or opened; one of this history is named by its number.

        Raises:
            InputError: it is no picture that can be used.
            StoreError: it cannot be kept.
        """
        facts = facts_of(data)
        named = self._ref_of(facts.sha256)
        if not named:
            self._session.context.home().store.keep_input(data, mime=facts.mime)
        return Given(role="picture", sha256=facts.sha256, ref=named)

    def _ref_of(self, sha256: str) -> str:
        for record in self._session.history.with_output(sha256):
            for one in pictures_of(record):
                if one.sha256 == sha256:
                    return record.ref_of(one)
        return ""

    def of_picture(self, record: Record, output: int) -> Given:
        """Return a picture of the history as an input."""
        one = picture_of(record, output)
        return Given(role="picture", sha256=one.sha256, ref=record.ref_of(one))

    def given(self, draft: Draft) -> tuple[tuple[Role, object], ...]:
        """Return the inputs of a draft as an order takes them.

        Raises:
            InputError: a number means another picture by now, or none.
            StoreError: a kept file is gone.
        """
        found = [(one, self.path_of(one)) for one in draft.inputs]
        return tuple((one.role, one.ref or path) for one, path in found)

    def named(self, draft: Draft) -> list[tuple[Role, str]]:
        """Return the inputs of a draft as they are written in a cell."""
        return [(role, str(name)) for role, name in self.given(draft)]

    def inputs(self, draft: Draft) -> tuple[Input, ...]:
        """Return what is known of a draft's inputs, for a price."""
        return tuple(self.input_of(one) for one in draft.inputs)

    def path_of(self, one: Given) -> Path:
        """Return where the file of an input is.

        Raises:
            InputError: its number means another picture by now, or none.
            StoreError: it is gone.
        """
        store = self._session.context.home().store
        if not one.ref:
            return store.input_path(one.sha256)
        return store.pictures / self._output_of(one).file

    def _output_of(self, one: Given) -> RecordedOutput:
        record, output = self._session.history.locate(one.ref)
        found = output or next(iter(pictures_of(record)), None)
        if found is None or found.sha256 != one.sha256:
            raise InputError("{ref} is another picture by now", advice="take it out of the form", ref=one.ref)
        return found

    def input_of(self, one: Given) -> Input:
        """Return what is known of an input; a file is looked at once."""
        if one.ref:
            known = self._output_of(one)
            if known.width:
                return _input(known, one.role)
        mark = f"{one.role} {one.sha256}"
        if mark not in self._known:
            self._known[mark] = facts_of(self.path_of(one), one.role)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return self._known[mark]

    def show(self, one: Given) -> dict[str, Any]:
        """Return the answer with facts and thumbnail of an input."""
        facts = self.input_of(one)
        small, mime, *_ = preview(self._bytes_of(one), longest=_THUMB_PX)
        size = {"width": facts.width, "height": facts.height}
        return {**size, "mime": mime, "buffers": (small,)}

    def paintable(self, one: Given, masks: Sequence[Given]) -> dict[str, Any]:
        """Return the answer with an input as a mask is painted on it, and the mask that there is, as packed bits."""
        facts = self.input_of(one)
        size = (facts.width, facts.height)
        bits = [region_bits(self._bytes_of(mask), size) for mask in masks]
        return large_picture(self._bytes_of(one), size, bits)

    def _bytes_of(self, one: Given) -> bytes:
        return read_verified(self.path_of(one), one.sha256)


def facts_of(source: bytes | Path, role: Role = "picture") -> Input:
    """Return what is known of a picture that is given.

    Raises:
        InputError: it is no picture that can be used.
    """
    try:
        facts = examine(source)
    except BadImageError as problem:
        reason = problem.message()
    else:
        if facts.kind == "picture" and facts.width:
            return _input(facts, role)
        reason = facts.mime
    raise InputError("this file cannot be used as a picture: {reason}", reason=reason)


def _input(facts: Any, role: Role) -> Input:  # noqa: ANN401 - a file's facts, or a record's output
    return Input(
        role=role,
        id=facts.sha256,
        sha256=facts.sha256,
        mime=facts.mime,
        width=facts.width,
        height=facts.height,
        size_bytes=facts.size_bytes,
    )


def large_picture(data: bytes, size: tuple[int, int], more: Sequence[bytes] = ()) -> dict[str, Any]:
    """Return the answer with a picture to paint on: the original where a browser can show it, else a smaller one.

    `width` and `height` are the original's in any case.
    """
    media = identify(data)
    mime = media.mime if media is not None and media.shown else ""
    if max(size) > _LONGEST or len(data) > _LARGEST or not mime:
        data, mime, *_ = preview(data, longest=_LONGEST)
    return {"mime": mime, "width": size[0], "height": size[1], "buffers": (data, *more)}


def region_bits(data: bytes, size: tuple[int, int]) -> bytes:
    """Return where a mask says "repaint", one bit a pixel, each row from a new byte on, in the size of its picture."""
    region = region_of(decode(data))
    if region.size != size:
        region = region.resize(size, resample=0)  # nearest: it stays black and white
    return region.convert("1").tobytes()
