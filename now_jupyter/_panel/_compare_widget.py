"""`nj.compare(a, b)`: the panel's comparison as the value of a cell, with a picture of both side by side below it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from traitlets import List

from .._messages import InputError, plain
from .._session import Reference, Session
from .._store import STAR, Record, RecordedOutput
from .._values import Picture
from ._diff import differences
from ._fallback import Bundle, static_bundle
from ._marking import MARKS, mark
from ._messages import MOST_PICTURES, Message
from ._pictures import original_of, picture_bytes, pictures_of
from ._rpc import Answer
from ._static_output import Standing

__all__ = ["Comparison"]


class Comparison(Standing):
    """Two to four pictures, compared; show it as the last value of a cell."""

    pictures: List[Any] = List().tag(sync=True)
    """What is compared: number, output, reference, star and alt text of each."""

    def __init__(self, session: Session, spots: Sequence[tuple[Record, RecordedOutput]]) -> None:
        self._spots = spots
        self._folder = session.context.home().store.folder
        super().__init__(session, mode="compare", pictures=[_form(record, one) for record, one in spots])

    @classmethod
    def of(cls, session: Session, refs: Sequence[Reference]) -> Self:
        """Compare what is named.

        Raises:
            InputError: a picture is not there, or there are too few or too many.
        """
        if not 2 <= len(refs) <= MOST_PICTURES:  # noqa: PLR2004 - one picture cannot be compared
            raise InputError(
                "one picture cannot be compared" if len(refs) == 1 else "{count} pictures cannot be compared",
                advice="give two to four",
                count=len(refs),
            )
        return cls(session, [_spot(session.picture(ref), session) for ref in refs])

    def answers(self) -> Mapping[str, tuple[str, Callable[[Message], Answer]]]:
        """Return for each action the worker that does it, and how."""
        return {
            **super().answers(),
            "picture": ("files", lambda message: self._bytes(message, picture_bytes)),
            "original": ("files", lambda message: self._bytes(message, original_of)),
            "compare": ("files", lambda _: self.differences()),
            **dict.fromkeys(MARKS, ("files", self._mark)),
        }

    def differences(self) -> dict[str, Any]:
        """Return the parameters side by side, those that differ marked, and each prompt against the first in words."""
        return differences(self._records())

    def _records(self) -> list[Record]:
        return [record for record, _ in self._spots]

    def _bytes(self, message: Message, read: Callable[[Record, int, Path], dict[str, Any]]) -> Answer:
        record, one = self._compared(message.fields["number"], message.fields["output"])
        return read(record, one.number, self._session.context.home().store.pictures)

    def _mark(self, message: Message) -> Answer:
        for number, output in message.fields["spots"]:
            record, _one = self._compared(number, output)
            if self._folder != self._session.context.home().store.folder:
                raise InputError("{ref} is not compared here", ref=record.ref)
        return mark(self._session, message)

    def _compared(self, number: int, output: int) -> tuple[Record, RecordedOutput]:
        for record, one in self._spots:
            if (record.number, one.number) == (number, output):
                return record, one
        raise InputError("{ref} is not compared here", ref=f"#{number}")

    def __repr__(self) -> str:
        return f"Comparison({', '.join(record.ref_of(one) for record, one in self._spots)})"

    def static(self) -> Bundle:
        """Return the pictures side by side, with what differs."""
        rows = [row for row in self.differences()["params"] if not row["same"]]
        text = "\n".join(f"{row['name']}: {' | '.join(row['values'])}" for row in rows)
        return static_bundle(
            self._spots, self._session.context.home().store.pictures, language=self.language, text=text
        )


def _spot(picture: Picture, session: Session) -> tuple[Record, RecordedOutput]:
    record = session.history.record(int(picture.ref.removeprefix("#").partition(".")[0]))
    for one in pictures_of(record):
        if (one.sha256, one.key) == (picture.sha256, picture.key):
            return record, one
    raise InputError("{ref} is not in this history", ref=picture.ref, advice="%now history lists what there is")


def _form(record: Record, one: RecordedOutput) -> dict[str, Any]:
    return {
        "number": record.number,
        "output": one.number,
        "ref": record.ref_of(one),
        "starred": STAR in record.tags_of(one),
        "alt": plain(record.alt or record.request.prompt, 300),
    }
