"""The one session that belongs to this notebook, and the extension of each shell.

`%load_ext` needs only the latter: a session, and all that belongs to it, is loaded when it is first asked for.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from .._cells import Cells, Execution
from ._children import hand_down, take_over
from ._loading import garbage_can_wait

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .._orders import Job
    from .._session import Session
    from ._light import Extension

__all__ = ["load", "session", "unload"]


class _Holder:
    """The session of this process, and of each shell its cells and extension; a forked child gets its own session.

    `working` is the folder where the extension was loaded: the session that is made later begins there.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.session: Session | None = None
        self.process = os.getpid()
        self.working: Path | None = None
        self.cells: dict[int, Cells] = {}
        self.extensions: dict[int, Extension] = {}


_HELD = _Holder()


def session() -> Session:
    """Return this notebook's session, made at first use."""
    with _HELD.lock:
        if _HELD.session is None or _HELD.process != os.getpid():
            _HELD.session = _new_session(is_forked=_HELD.session is not None)
            _HELD.process = os.getpid()
        return _HELD.session


def _new_session(*, is_forked: bool) -> Session:
    with garbage_can_wait():
        from .._session import Session  # noqa: PLC0415 - loaded when something is asked of it

    told = take_over()
    if (ip := _shell()) is None:
        marimo = _told_by_marimo()
        session = Session(names=lambda: marimo, inherited=told.settings, execution=_execution)
    else:
        from .._traits import Now  # noqa: PLC0415 - traitlets come with IPython

        if is_forked:
            Now.clear_instance()  # what was typed into it is among what the parent tells
        config = Now.instance(parent=ip)
        session = Session(
            names=lambda: ip.user_ns,
            configured=config.configured,
            typed=config.typed,
            inherited=told.settings,
            execution=_execution,
            working=None if is_forked else _HELD.working,
        )
        config.observe(_hand_down_typed)
        if not is_forked:  # a child has no cell
            session.accompany = partial(_accompany, ip)
    session.use_demo(told.demo, instant=told.instant)
    session.context.at_choice = partial(hand_down, session)
    return session


def _hand_down_typed(_change: object) -> None:
    hand_down(session())


def _accompany(
    ip: InteractiveShell, job: Job, prompt: str, way: Literal["buttons", "line"]
) -> AbstractContextManager[Callable[[], None]]:
    """Show how far an order is, where the extension is loaded."""
    extension = _HELD.extensions.get(id(ip))
    return nullcontext(lambda: None) if extension is None else extension.magics().accompany(job, prompt, way)


def _told_by_marimo() -> Mapping[str, Any]:
    """Return the file of the marimo notebook whose cell, or whose script, asks for the session, under our name for it.

    It stands in the globals of the cell, in whatever way marimo runs it; another thread of ours could not tell it.
    """
    if "marimo" not in sys.modules:
        return {}
    from .._store import MARIMO_FILE  # noqa: PLC0415 - comes with the session

    callers = (frame.f_globals for frame, _ in traceback.walk_stack(None))
    files = (one.get("__file__") for one in callers if one.get("__name__") == "__main__")
    return {MARIMO_FILE: next((file for file in files if file), None)}


def _shell() -> InteractiveShell | None:
    if "IPython" not in sys.modules:
        return None
    from IPython.core.getipython import get_ipython  # noqa: PLC0415 - it is loaded already

    return get_ipython()


def _execution() -> Execution | None:
    """Return the run of the cell that orders something, so that verbs are run again as the magic is."""
    ip = _shell()
    return None if ip is None else _cells_of(ip).current


def _cells_of(ip: InteractiveShell) -> Cells:
    """Return what knows a shell's cells; it watches from the first order on, be the extension loaded or not."""
    if id(ip) not in _HELD.cells:
        _HELD.cells[id(ip)] = cells = Cells(ip)
        cells.attach()
    return _HELD.cells[id(ip)]


def load(ip: InteractiveShell) -> None:
    """Attach the extension to a shell; a second time changes nothing."""
    from .._traits import Now  # noqa: PLC0415 - as above
    from ._light import Extension  # noqa: PLC0415 - IPython's magics are loaded where there is a shell

    if id(ip) not in _HELD.extensions:
        _HELD.working = _HELD.working or Path.cwd()
        config = Now.instance(parent=ip)
        config.observe(_hand_down_typed)  # also before there is a session
        extension = Extension(ip, session, config, _cells_of(ip))
        extension.attach()
        _HELD.extensions[id(ip)] = extension


def unload(ip: InteractiveShell) -> None:
    """Detach the extension from a shell."""
    extension = _HELD.extensions.pop(id(ip), None)
    if extension is not None:
        extension.detach()
        _HELD.cells.pop(id(ip)).detach()
