"""`nj.compare(a, b)`: the panel's comparison as the value of a cell, with a picture of both side by side below it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, TypeAlias

from traitlets import Dict, List, Unicode

from .._display import CellOutput
from .._messages import InputError, plain
from .._session import Reference, Session
from .._store import Record
from .._values import Picture
from ._diff import differences
from ._fallback import static_bundle
from ._gallery import Gallery
from ._labels import labels
from ._messages import MOST_PICTURES, Message
from ._pictures import picture_at, picture_bytes, pictures_of, ref_of
from ._rpc import Answer, Wired
from ._static_output import Static, view_bundle

__all__ = ["Comparison"]

Spot: TypeAlias = tuple[Record, int]


class Comparison(Wired):
    """Two to four pictures, compared; show it as the last value of a cell."""

    mode = Unicode("compare").tag(sync=True)
    """As in `Panel`."""

    words = Dict().tag(sync=True)
    """As in `Panel`."""

    pictures: List[Any] = List().tag(sync=True)
    """What is compared: number, place, reference and alt text of each."""

    def __init__(self, session: Session, spots: Sequence[Spot]) -> None:
        """Compare these pictures; `of` finds them."""
        self._spots = spots
        super().__init__(
            session,
            words=labels(session.settings().language),
            pictures=[_form(record, place) for record, place in self._spots],
        )

    @classmethod
    def of(cls, session: Session, refs: Sequence[Reference]) -> Self:
        """Compare what is named.

        Raises:
            InputError: a picture is not there, or there are too few or too many.
        """
        if not 2 <= len(refs) <= MOST_PICTURES:  # noqa: PLR2004 - one picture cannot be compared
            raise InputError("{count} pictures cannot be compared", advice="give two to four", count=len(refs))
        gallery = Gallery(session)
        return cls(session, [_spot(session.picture(ref), gallery) for ref in refs])

    def answers(self) -> Mapping[str, tuple[str, Callable[[Message], Answer]]]:
        """Return for each action the worker that does it, and how."""
        return {"picture": ("files", self._picture), "compare": ("files", self._differences)}

    def _picture(self, message: Message) -> Answer:
        wanted = (message.fields["number"], message.fields["place"])
        for record, place in self._spots:
            if (record.number, place) == wanted:
                mime, data = picture_bytes(record, place, self._session.context.home().store.pictures)
                return {"mime": mime}, (data,)
        raise InputError("{ref} is not compared here", ref=f"#{wanted[0]}")

    def _differences(self, _message: Message) -> Answer:
        return self.differences(), ()

    def differences(self) -> dict[str, Any]:
        """Return how their parameters and words differ."""
        return differences([record for record, _ in self._spots])

    def _ipython_display_(self, **_: object) -> None:
        CellOutput().put(view_bundle(self))
        Static(*self._static())

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, Any], dict[str, Any]]:
        data, metadata = self._static()
        return {**data, **view_bundle(self)}, metadata

    def __repr__(self) -> str:
        return f"Comparison({', '.join(record.ref for record, _ in self._spots)})"

    def _static(self) -> tuple[dict[str, Any], dict[str, Any]]:
        shown = [(record, picture_at(record, place)) for record, place in self._spots]
        folder = self._session.context.home().store.pictures
        rows = [row for row in self.differences()["params"] if not row["same"]]
        text = "\n".join(f"{row['name']}: {' | '.join(row['values'])}" for row in rows)
        return static_bundle(shown, folder, language=self._session.settings().language, text=text)


def _spot(picture: Picture, gallery: Gallery) -> Spot:
    for record in gallery.records().values():
        for place, one in enumerate(pictures_of(record), 1):
            if one.sha256 == picture.sha256 and picture.ref.split(".")[0] == record.ref:
                return record, place
    raise InputError("{ref} is not in this history", ref=picture.ref, advice="%now history lists what there is")


def _form(record: Record, place: int) -> dict[str, Any]:
    return {
        "number": record.number,
        "place": place,
        "ref": ref_of(record, picture_at(record, place)),
        "alt": plain(record.alt or record.request.prompt, 300),
    }
