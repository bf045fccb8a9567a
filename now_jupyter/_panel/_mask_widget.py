"""`nj.mask(ref)`: the mask editor as the value of a cell; what is painted in it is there for the next cell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakKeyDictionary

from .._media import decode, read_verified, region_of
from .._messages import InputError, plain, say
from .._session import Reference, Session, try_file
from .._store import Record
from .._values import Input
from ._attachments import facts_of, large_picture, region_bits
from ._fallback import Bundle, masked_bundle
from ._messages import Message
from ._rpc import Answer
from ._static_output import Standing

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["MaskEditor"]

_PAINTED: WeakKeyDictionary[Session, dict[str, bytes]] = WeakKeyDictionary()
"""What was painted last over which picture, so that a cell that is run again has it still; by digest."""

_MOST_KEPT = 20


class MaskEditor(Standing):
    """A mask over a picture, painted in the cell. Give it as it is: `nj.edit(ref, "a red hat", mask=editor)`.

    Run again in the same kernel, the cell has what was painted still.
    """

    def __init__(self, session: Session, path: Path, facts: Input, name: str, record: Record | None = None) -> None:
        """Paint over a file of which the facts are known; `record` made it, where it is of the history."""
        self._path, self._name, self._record = path, name, record
        self._sha256, self._size = facts.sha256, _size_of(facts)
        self._painted = _PAINTED.setdefault(session, {}).get(self._sha256, b"")
        super().__init__(session, mode="mask")

    @classmethod
    def of(cls, session: Session, ref: Reference | Path) -> Self:
        """Paint over the picture that is referred to, or over a file.

        Raises:
            InputError: there is no such picture, or it cannot be shown.
        """
        path = try_file(str(ref)) if isinstance(ref, str | Path) else None
        if path is not None:
            return cls(session, path, facts_of(path), path.name)
        picture = session.picture(str(ref) if isinstance(ref, Path) else ref)
        record = next(iter(session.history.with_output(picture.sha256)), None)
        return cls(session, picture.path, facts_of(picture.path), picture.ref, record)

    # What it gives

    @property
    def mask(self) -> Any:  # noqa: ANN401 - NumPy is no dependency
        """The mask as a NumPy array of truth values, height × width; True where it is to be repainted.

        Raises:
            InputError: NumPy is not installed.
        """
        with suppress(ImportError):
            import numpy  # noqa: ICN001, PLC0415 - as above

            return numpy.asarray(self.picture()) > 0
        raise InputError("editor.mask needs NumPy", advice="install it, or use editor.picture()")

    def picture(self) -> Image:
        """Return the mask as a PIL image of mode L in the picture's size, white where it is to be repainted."""
        from PIL import Image  # noqa: PLC0415 - Pillow is loaded when it is used

        return region_of(decode(self._painted)) if self._painted else Image.new("L", self._size, 0)

    def pil(self) -> Image:
        """Return the same, to be given to an order.

        Raises:
            InputError: nothing was painted.
        """
        if not self._painted:
            raise InputError(
                "nothing was drawn on the mask of {ref}",
                advice="paint what is to be repainted, then run this again",
                ref=self._name,
            )
        return self.picture()

    @property
    def share(self) -> float:
        """How much of the picture is to be repainted, 0 to 1."""
        black, *_, white = self.picture().histogram()
        return white / (black + white)

    def __repr__(self) -> str:
        width, height = self._size
        return f"MaskEditor({self._name}, {width}x{height}, {self.share:.1%})"

    # What it answers

    def answers(self) -> Mapping[str, tuple[str, Callable[[Message], Answer]]]:
        """Return for each action the worker that does it, and how."""
        return {**super().answers(), "canvas": ("files", lambda _: self._canvas()), "paint": ("files", self._paint)}

    def _canvas(self) -> Answer:
        painted = [region_bits(self._painted, self._size)] if self._painted else []
        return large_picture(self._bytes(), self._size, painted)

    def _paint(self, message: Message) -> None:
        if message.data and (size := _size_of(facts_of(message.data))) != self._size:
            raise InputError(
                "the mask has {mask} pixels and the picture {picture}: they have to be equal",
                mask="{}x{}".format(*size),
                picture="{}x{}".format(*self._size),
            )
        self._painted = message.data
        kept = _PAINTED.setdefault(self._session, {})
        kept.pop(self._sha256, None)
        kept[self._sha256] = message.data
        if len(kept) > _MOST_KEPT:
            del kept[next(iter(kept))]
        self.renew_soon()

    def _bytes(self) -> bytes:
        return read_verified(self._path, self._sha256)

    def static(self) -> Bundle:
        """Return the picture with the region in colour."""
        share = f"{100 * self.share:.1f}"
        words = say("{ref}: {share} % of the picture is to be repainted", self.language, ref=self._name, share=share)
        records = [self._record] if self._record else []
        return masked_bundle(self._bytes(), self.picture(), plain(words, 300), records)


def _size_of(facts: Input) -> tuple[int, int]:
    return facts.width, facts.height
