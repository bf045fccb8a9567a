"""The one session that belongs to this notebook, and the extension of each shell."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from .._background import Cells, Execution
from .._session import Session
from .._store import MARIMO_FILE
from ._children import hand_down, take_over

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["load", "session", "unload"]


class _Holder:
    """The session of this process, and of each shell its cells and extension; a forked child gets its own session."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.session: Session | None = None
        self.process = os.getpid()
        self.cells: dict[int, Cells] = {}
        self.extensions: dict[int, Any] = {}


_HELD = _Holder()


def session() -> Session:
    """Return this notebook's session, made at first use."""
    with _HELD.lock:
        if _HELD.session is None or _HELD.process != os.getpid():
            _HELD.session = _new_session(is_forked=_HELD.session is not None)
            _HELD.process = os.getpid()
        return _HELD.session


def _new_session(*, is_forked: bool) -> Session:
    told = take_over()
    if (ip := _shell()) is None:
        marimo = _told_by_marimo()
        session = Session(names=lambda: marimo, inherited=told.settings, execution=_execution)
    else:
        from .._settings import Now  # noqa: PLC0415 - traitlets come with IPython

        if is_forked:
            Now.clear_instance()  # what was typed into it is among what the parent tells
        config = Now.instance(parent=ip)
        session = Session(
            names=lambda: ip.user_ns,
            configured=config.configured,
            typed=config.typed,
            inherited=told.settings,
            execution=_execution,
        )
        config.observe(lambda _: hand_down(session))
    session.use_demo(told.demo, instant=told.instant)
    session.context.at_choice = partial(hand_down, session)
    return session


def _told_by_marimo() -> Mapping[str, Any]:
    """Return the file of the marimo notebook whose cell, or whose script, asks for the session, under our name for it.

    It stands in the globals of the cell, in whatever way marimo runs it; another thread of ours could not tell it.
    """
    if "marimo" not in sys.modules:
        return {}
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
    from .._settings import Now  # noqa: PLC0415 - as above
    from ._magics import Extension  # noqa: PLC0415 - IPython's magics are loaded where there is a shell

    if id(ip) not in _HELD.extensions:
        extension = Extension(ip, session(), Now.instance(parent=ip), _cells_of(ip))
        extension.attach()
        _HELD.extensions[id(ip)] = extension


def unload(ip: InteractiveShell) -> None:
    """Detach the extension from a shell."""
    extension = _HELD.extensions.pop(id(ip), None)
    if extension is not None:
        extension.detach()
        _HELD.cells.pop(id(ip)).detach()
