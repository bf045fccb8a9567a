"""The one session that belongs to this notebook, and the extension of each shell."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Any

from .._background import Cells, Execution
from .._session import Session

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
            _HELD.session = _new_session()
            _HELD.process = os.getpid()
        return _HELD.session


def _new_session() -> Session:
    ip = _shell()
    if ip is None:
        return Session(execution=_execution)
    from .._settings import Now  # noqa: PLC0415 - traitlets come with IPython

    config = Now.instance(parent=ip)
    return Session(names=lambda: ip.user_ns, configured=config.configured, typed=config.typed, execution=_execution)


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
