"""`nj.compare(a, b)`: the panel's comparison as the value of a cell, with a picture of both side by side below it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

from traitlets import List

from .._messages import InputError, plain
from .._session import Reference, Session
from .._store import Record
from .._values import Picture
from ._diff import differences
from ._fallback import Bundle, static_bundle
from ._messages import MOST_PICTURES, Message
from ._pictures import picture_at, picture_bytes, pictures_of
from ._rpc import Answer
from ._static_output import Standing

__all__ = ["Comparison"]


class Comparison(Standing):
    """Two to four pictures, compared; show it as the last value of a cell."""

    pictures: List[Any] = List().tag(sync=True)
    """What is compared: number, place, reference and alt text of each."""

    def __init__(self, session: Session, spots: Sequence[tuple[Record, int]]) -> None:
        self._spots = spots
        super().__init__(session, mode="compare", pictures=[_form(record, place) for record, place in spots])

    @classmethod
    def of(cls, session: Session, refs: Sequence[Reference]) -> Self:
        """Compare what is named.

        Raises:
            InputError: a picture is not there, or there are too few or too many.
        """
        if not 2 <= len(refs) <= MOST_PICTURES:  # noqa: PLR2004 - one picture cannot be compared
            raise InputError("{count} pictures cannot be compared", advice="give two to four", count=len(refs))
        return cls(session, [_spot(session.picture(ref), session) for ref in refs])

    def answers(self) -> Mapping[str, tuple[str, Callable[[Message], Answer]]]:
        """Return for each action the worker that does it, and how."""
        how = {"picture": ("files", self._picture), "compare": ("files", lambda _: self.differences())}
        return {**super().answers(), **how}

    def differences(self) -> dict[str, Any]:
        """Return the parameters side by side, those that differ marked, and each prompt against the first in words."""
        return differences(self._records())

    def _records(self) -> list[Record]:
        return [record for record, _ in self._spots]

    def _picture(self, message: Message) -> Answer:
        wanted = (message.fields["number"], message.fields["place"])
        for record, place in self._spots:
            if (record.number, place) == wanted:
                return picture_bytes(record, place, self._session.context.home().store.pictures)
        raise InputError("{ref} is not compared here", ref=f"#{wanted[0]}")

    def __repr__(self) -> str:
        return f"Comparison({', '.join(record.ref for record in self._records())})"

    def static(self) -> Bundle:
        """Return the pictures side by side, with what differs."""
        shown = [(record, picture_at(record, place)) for record, place in self._spots]
        rows = [row for row in self.differences()["params"] if not row["same"]]
        text = "\n".join(f"{row['name']}: {' | '.join(row['values'])}" for row in rows)
        return static_bundle(shown, self._session.context.home().store.pictures, language=self.language, text=text)


def _spot(picture: Picture, session: Session) -> tuple[Record, int]:
    record = session.history.record(int(picture.ref.removeprefix("#").partition(".")[0]))
    for place, one in enumerate(pictures_of(record), 1):
        if one.sha256 == picture.sha256:
            return record, place
    raise InputError("{ref} is not in this history", ref=picture.ref, advice="%now history lists what there is")


def _form(record: Record, place: int) -> dict[str, Any]:
    return {
        "number": record.number,
        "place": place,
        "ref": record.ref_of(picture_at(record, place)),
        "alt": plain(record.alt or record.request.prompt, 300),
    }
