"""The one session that belongs to this notebook, for the module's public verbs and for the extension."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .._session import Session
from .._values import Generation, Picture

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .._panel import Comparison, Panel

__all__ = ["compare", "load", "panel", "session", "unload", "view"]


class _Holder:
    """JobLocks the session of this process and the extension of each shell; a forked child gets its own."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.session: Session | None = None
        self.process = os.getpid()
        self.extensions: dict[int, Any] = {}


_HELD = _Holder()


def session() -> Session:
    """Give this notebook's session, made at first use."""
    with _HELD.lock:
        if _HELD.session is None or _HELD.process != os.getpid():
            _HELD.session = _new_session()
            _HELD.process = os.getpid()
        return _HELD.session


def _new_session() -> Session:
    ip = _shell()
    if ip is None:
        return Session()
    from .._settings import Now  # noqa: PLC0415 - traitlets are loaded where there is a shell

    config = Now.instance(parent=ip)
    return Session(names=lambda: _user_names(ip), configured=config.configured, typed=config.typed)


def _shell() -> InteractiveShell | None:
    import sys  # noqa: PLC0415 - asks only whether IPython runs, and does not load it

    if "IPython" not in sys.modules:
        return None
    from IPython.core.getipython import get_ipython  # noqa: PLC0415 - it is loaded already

    return get_ipython()


def _user_names(ip: InteractiveShell) -> Mapping[str, Any]:
    names: Mapping[str, Any] = ip.user_ns
    return names


def load(ip: InteractiveShell) -> None:
    """Attach the extension to a shell; a second time changes nothing."""
    from .._settings import Now  # noqa: PLC0415 - as above
    from ._magics import Extension  # noqa: PLC0415 - IPython's magics are loaded where there is a shell

    if id(ip) not in _HELD.extensions:
        extension = Extension(ip, session(), Now.instance(parent=ip))
        extension.attach()
        _HELD.extensions[id(ip)] = extension


def unload(ip: InteractiveShell) -> None:
    """Detach the extension from a shell."""
    extension = _HELD.extensions.pop(id(ip), None)
    if extension is not None:
        extension.detach()


def view(ref: str | Picture | Generation) -> None:
    """Show one picture large, as the original's pixels.

    Raises:
        InputError: there is no such picture.
    """
    from .._display import show_one  # noqa: PLC0415 - IPython's display is loaded where something is shown

    here = session()
    show_one(here.picture(ref), here.settings(), how="full")


def panel() -> Panel:
    """Open a panel on this notebook's pictures; as the last value of a cell it is shown."""
    from .._panel import panel as opened  # noqa: PLC0415 - widgets take 0.1 s to load

    return opened(session())


def compare(*refs: str | Picture | Generation) -> Comparison:
    """Compare two to four pictures; as the last value of a cell the comparison is shown.

    Raises:
        InputError: a picture is not there, or there are too few or too many.
    """
    from .._panel import compare as compared  # noqa: PLC0415 - widgets take 0.1 s to load

    return compared(session(), *refs)
