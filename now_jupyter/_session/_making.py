"""The verbs that order: they build an order, have it placed, and wait for what comes."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, Literal, TypeAlias, Unpack

from .._cells import Execution
from .._messages import InputError, NowImageError
from .._options import Parsed, parse_keywords, spell_for_python
from .._orders import Job, Order, ensure_asyncio, order_again, order_of
from .._settings import Settings
from .._store import Record
from .._values import Generation
from ._references import Reference
from ._signatures import AgainOptions, EditOptions, GenerateOptions, OrderOptions, VaryOptions, expand_options

__all__ = ["Accompany", "Making"]

Accompany: TypeAlias = Callable[[Job, str, Literal["buttons", "line"]], AbstractContextManager[Callable[[], None]]]


class Making(ABC):
    """What a session orders."""

    accompany: Accompany
    """What surrounds the wait of the verbs; it gives what is called now and then meanwhile."""
    settings: Callable[[], Settings]
    _execution: Callable[[], Execution | None]

    @abstractmethod
    def place(self, order: Order, *, asks: bool = False) -> Job:
        """Take an order and return its job."""

    @abstractmethod
    def record_of(self, ref: Reference) -> Record:
        """Return the record of what is referred to."""

    @abstractmethod
    def ids_of_order(self, record: Record) -> list[str]:
        """Return the identities of all records of one order."""

    @expand_options
    def submit(self, prompt: str, **options: Unpack[OrderOptions]) -> Job:
        """Order pictures and return the `Job` at once.

        Raises:
            InputError: the prompt or an option cannot be sent; nothing was recorded or sent.
        """
        with self.spell_for_python():
            return self.place(order_of(parse_keywords(prompt, options), execution=self._execution()))

    @expand_options
    def generate(self, prompt: str, **options: Unpack[GenerateOptions]) -> Generation:
        """Make pictures and wait for them.

        Raises:
            NowImageError: no picture came of it; the message says what happened, whether it was billed, and what to do.
        """
        return self._make(prompt, options)

    @expand_options
    async def agenerate(self, prompt: str, **options: Unpack[GenerateOptions]) -> Generation:
        """Make pictures and await them; as `generate`."""
        ensure_asyncio()
        with self.spell_for_python():
            parsed = parse_keywords(prompt, options)
            job = self.place(order_of(parsed, execution=self._execution()))
            with self.accompany(job, prompt, "buttons") as tick:
                generation = await job.await_result(self._timeout_of(parsed), tick)
            return _told(generation, job)

    @contextmanager
    def spell_for_python(self) -> Iterator[None]:
        """Have errors speak to callers in Python: of arguments, in the user's language."""
        try:
            yield
        except NowImageError as error:
            with suppress(NowImageError):
                error.in_language(self.settings().language)
            error.spelled(spell_for_python)
            raise

    def _timeout_of(self, parsed: Parsed) -> float | None:
        given = parsed.options.get("timeout")
        return given if isinstance(given, float) else self.settings().timeout

    @expand_options
    def edit(self, picture: Any, prompt: str, **options: Unpack[EditOptions]) -> Generation:  # noqa: ANN401 - a picture of any kind
        """Change a picture, or make one of several, and wait for it; `mask` says where it may change.

        `picture` is one, or a list of up to sixteen: a REF (`"#12.2"`), a Picture, a path, an https address, an image
        of PIL, an array, bytes. A mask is one of these, white (or True, or transparent) where to repaint, a box
        `(left, top, right, bottom)` in pixels or several, or what `mask()` drew.

        Raises:
            InputError: it is no picture, or the model takes none; nothing was sent.
            NowImageError: no picture came of it; the message says what happened, whether it was billed, and what to do.
        """
        given = {**options, "image": picture if isinstance(picture, list | tuple) else [picture]}
        with self.spell_for_python():
            _require_given(given["image"])
        return self._make(prompt, given)

    @expand_options
    def vary(self, picture: Any, prompt: str = "", **options: Unpack[VaryOptions]) -> Generation:  # noqa: ANN401 - as above
        """Make another version of a picture and wait for it; most models are asked for an edit, in your words or ours.

        Raises:
            InputError: it is no picture, or the model takes none; nothing was sent.
            NowImageError: no picture came of it; the message says what happened, whether it was billed, and what to do.
        """
        with self.spell_for_python():
            _require_given(picture)
        return self._make(prompt, {**options, "vary": picture})

    @expand_options
    def press(self, ref: Reference, button: str, prompt: str = "", **options: Unpack[EditOptions]) -> Generation:
        """Press a service's button (`generation.buttons`) under a picture, and wait for what comes.

        `prompt` and `mask` are for buttons that ask for them, such as Midjourney's Vary (Region) and Custom Zoom.

        Raises:
            InputError: there is no such button; names those that there are.
            NowImageError: nothing came of it; the message says what happened, whether it was billed, and what to do.
        """
        return self._make(prompt, {**options, "image": [ref], "button": button})

    @expand_options
    def again(self, ref: Reference, **options: Unpack[AgainOptions]) -> Generation:
        """Order once more what made a picture, exactly so, and wait for it.

        A cell that is run again after a restart shows what it made then, as every cell does.

        Raises:
            InputError: there is no such picture.
            NowImageError: nothing came of it; the message says what happened, whether it was billed, and what to do.
        """
        record = self.record_of(ref)
        return self._make(record.request.prompt, {**options, "image": [ref]}, record)

    def _make(self, prompt: str, given: Mapping[str, object], again: Record | None = None) -> Generation:
        with self.spell_for_python():
            parsed = parse_keywords(prompt, given)
            order = order_of(parsed, execution=self._execution())
            if again is not None:
                order = order_again(again, order, apart_from=self.ids_of_order(again))
            job = self.place(order, asks=True)
            with self.accompany(job, prompt, "line") as tick:
                generation = job.result(self._timeout_of(parsed), tick)
            return _told(generation, job, stacklevel=5)


def _require_given(picture: object) -> None:
    """Refuse nothing, which would be an order without a picture."""
    if picture is None or (isinstance(picture, list | tuple) and not picture):
        raise InputError("no picture is given", advice="give one, or use generate()")


def _told(generation: Generation, job: Job, *, stacklevel: int = 4) -> Generation:
    """Return what came; programs, too, are told where a copy that they asked for was not written."""
    if job.unsaved:
        warnings.warn(job.unsaved, stacklevel=stacklevel)
    return generation
