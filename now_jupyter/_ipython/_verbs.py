"""The verbs of the module `now_jupyter`: plain functions that speak for the notebook's session.

They are made of the methods of `Session`; `view`, `panel`, `compare` and `mask` show something and are here only.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from .._messages import say
from .._session import Reference, Session
from .._values import Generation, Picture
from ._extension import session

if TYPE_CHECKING:
    from pathlib import Path

    from .._display import ButtonRow
    from .._panel import Comparison, MaskEditor, Panel

__all__ = [
    "again",
    "agenerate",
    "balance",
    "buttons",
    "compare",
    "edit",
    "generate",
    "mask",
    "models",
    "panel",
    "press",
    "restore",
    "resume",
    "star",
    "submit",
    "tag",
    "trash",
    "use_demo",
    "vary",
    "view",
    "wait",
]

P = ParamSpec("P")
T = TypeVar("T")


def _speak_for(method: Callable[Concatenate[Session, P], T]) -> Callable[P, T]:
    """Return the function of the module for a verb of the session, with its signature and its help."""

    def verb(*args: P.args, **kwargs: P.kwargs) -> T:
        here = session()
        act: Callable[P, T] = getattr(here, name)
        with here.spell_for_python():
            return act(*args, **kwargs)

    name = method.__name__
    method.__qualname__ = name  # what Python says where a call does not fit
    own = inspect.signature(method, eval_str=True)
    verb.__name__ = verb.__qualname__ = name
    verb.__doc__ = inspect.getdoc(method)
    verb.__signature__ = own.replace(parameters=[*own.parameters.values()][1:])  # type: ignore[attr-defined]
    return verb


agenerate = _speak_for(Session.agenerate)
again = _speak_for(Session.again)
balance = _speak_for(Session.balance)
edit = _speak_for(Session.edit)
generate = _speak_for(Session.generate)
models = _speak_for(Session.models)
press = _speak_for(Session.press)
restore = _speak_for(Session.restore)
resume = _speak_for(Session.resume)
star = _speak_for(Session.star)
submit = _speak_for(Session.submit)
tag = _speak_for(Session.tag)
use_demo = _speak_for(Session.use_demo)
vary = _speak_for(Session.vary)
wait = _speak_for(Session.wait)


def trash(ref: Reference) -> Generation:
    """Move a picture (`"#12.3"`) or a whole generation (`"#12"`) out of the history; return what is left of it.

    What went where is said, as a cell shows what is left. The files stay on disk, `history.trash` lists them, and
    `restore` brings them back.

    Raises:
        InputError: there is no such picture.
    """
    here = session()
    with here.spell_for_python():
        gone = here.subject(ref)
        left = here.trash(ref)
    refs = gone.ref
    if isinstance(gone, Generation) and here.history.with_id(gone.id) is not None:  # a filter had narrowed it
        refs = ", ".join(one.ref for one in gone.outputs)
    said = say("{ref} is in the trash; %now restore {ref} brings it back", here.settings().language, ref=refs)
    print(said)  # noqa: T201 - the word beside the picture that is left
    return left


def view(ref: Reference) -> None:
    """Show one picture large, as the original's pixels.

    Raises:
        InputError: there is no such picture.
    """
    from .._display import show_one  # noqa: PLC0415 - IPython's display is loaded where something is shown

    here = session()
    picture = here.generation(ref).grid if not _names_one(ref) else None
    picture = picture or here.picture(ref)
    show_one(picture, here.settings(), how="full")
    here.remember_shown(picture)


def _names_one(ref: Reference) -> bool:
    """Whether one picture is meant, not all of a generation."""
    return isinstance(ref, Picture | int) or (isinstance(ref, str) and "." in ref)


def panel(*, tab: bool = False) -> Panel:
    """Open a panel on this notebook's pictures; as the last value of a cell it is shown.

    With `tab` it is shown in a tab of its own, beside the notebook (JupyterLab, with the extra `sidecar`).

    Raises:
        InputError: a tab is wanted, and the package `sidecar` is not installed.
    """
    from .._panel import make_panel  # noqa: PLC0415 - widgets take 0.1 s to load

    return make_panel(session(), tab=tab)


def buttons(ref: Reference) -> ButtonRow:
    """Show the buttons that a service put under a picture; each click is an order, and what comes appears below.

    Raises:
        InputError: there is no such picture, or it has no buttons.
    """
    from .._display import make_button_row  # noqa: PLC0415 - IPython's display is loaded where something is shown

    return make_button_row(session(), ref)


def compare(*refs: Reference) -> Comparison:
    """Compare two to four pictures; as the last value of a cell the comparison is shown.

    Raises:
        InputError: a picture is not there, or there are too few or too many.
    """
    from .._panel import Comparison  # noqa: PLC0415 - widgets take 0.1 s to load

    return Comparison.of(session(), refs)


def mask(ref: Reference | Path) -> MaskEditor:
    """Paint a mask over a picture or a file; as the last value of a cell the editor is shown.

    The editor is given to an order as it is: `nj.edit("#12", "a red hat", mask=editor)`. `editor.mask` is a NumPy array
    (True: repaint), `editor.picture()` a PIL image (white: repaint). Run again, the cell has what was painted still.

    Raises:
        InputError: there is no such picture.
    """
    from .._panel import MaskEditor  # noqa: PLC0415 - widgets take 0.1 s to load

    return MaskEditor.of(session(), ref)
