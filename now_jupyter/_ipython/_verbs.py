"""The verbs of the module `now_jupyter`: plain functions that speak for the notebook's session.

They have the signatures of the methods of `Session` (a test holds them together); `view`, `panel` and `compare` show
something and are here only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from .._orders import Job
from .._relay import Balance, ListedModel
from .._session import GenerateOptions, OrderOptions, Reference, expand_options
from .._values import Generation
from ._extension import session

if TYPE_CHECKING:
    from .._panel import Comparison, Panel

__all__ = [
    "agenerate",
    "balance",
    "compare",
    "generate",
    "models",
    "panel",
    "restore",
    "resume",
    "star",
    "submit",
    "tag",
    "trash",
    "use_demo",
    "view",
    "wait",
]


@expand_options
def generate(prompt: str, **options: Unpack[GenerateOptions]) -> Generation:
    """Make pictures and wait for them.

    Raises:
        NowImageError: no picture came of it; the message says what happened, whether it was billed, and what to do.
    """
    return session().generate(prompt, **options)


@expand_options
async def agenerate(prompt: str, **options: Unpack[GenerateOptions]) -> Generation:
    """Make pictures and await them; as `generate`."""
    return await session().agenerate(prompt, **options)


@expand_options
def submit(prompt: str, **options: Unpack[OrderOptions]) -> Job:
    """Order pictures and return the `Job` at once.

    Raises:
        InputError: the prompt or an option cannot be sent; nothing was recorded or sent.
    """
    return session().submit(prompt, **options)


def resume() -> list[Generation]:
    """Collect what was ordered and did not arrive, free, and return what came of each."""
    return session().resume()


def wait() -> None:
    """Wait until nothing is under way in this kernel."""
    session().wait()


def models() -> list[ListedModel]:
    """Return the relay's models with their prices."""
    return session().models()


def balance() -> Balance:
    """Return the balance that the relay reports."""
    return session().balance()


def use_demo(*, on: bool | None = True, instant: bool = False) -> None:
    """Have the demo answer (`on`), never (`False`), or only where nothing else is configured (`None`).

    `instant` takes out its waiting, for users' own tests.
    """
    session().use_demo(on=on, instant=instant)


def star(ref: Reference, *, on: bool = True) -> Generation:
    """Put a star on a generation, or take it off; return the generation as it is then."""
    return session().star(ref, on=on)


def tag(ref: Reference, *tags: str, remove: bool = False) -> Generation:
    """Add tags to a generation, or take them off; return the generation as it is then."""
    return session().tag(ref, *tags, remove=remove)


def trash(ref: Reference) -> Generation:
    """Move a generation out of the history; its pictures stay on disk and `restore` brings it back."""
    return session().trash(ref)


def restore(ref: Reference) -> Generation:
    """Bring a generation back from the trash and return it."""
    return session().restore(ref)


def view(ref: Reference) -> None:
    """Show one picture large, as the original's pixels.

    Raises:
        InputError: there is no such picture.
    """
    from .._display import show_one  # noqa: PLC0415 - IPython's display is loaded where something is shown

    here = session()
    show_one(here.picture(ref), here.settings(), how="full")


def panel() -> Panel:
    """Open a panel on this notebook's pictures; as the last value of a cell it is shown."""
    from .._panel import Panel  # noqa: PLC0415 - widgets take 0.1 s to load

    return Panel(session())


def compare(*refs: Reference) -> Comparison:
    """Compare two to four pictures; as the last value of a cell the comparison is shown.

    Raises:
        InputError: a picture is not there, or there are too few or too many.
    """
    from .._panel import Comparison  # noqa: PLC0415 - widgets take 0.1 s to load

    return Comparison.of(session(), refs)
