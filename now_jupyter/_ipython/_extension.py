"""The one session that belongs to this notebook, and the extension of each shell."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Any

from .._session import Session

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["load", "session", "unload"]


class _Holder:
    """The session of this process and the extension of each shell; a forked child gets its own."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.session: Session | None = None
        self.process = os.getpid()
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
    if "IPython" not in sys.modules:
        return Session()
    from IPython.core.getipython import get_ipython  # noqa: PLC0415 - it is loaded already

    from .._settings import Now  # noqa: PLC0415 - traitlets come with IPython

    if (ip := get_ipython()) is None:
        return Session()
    config = Now.instance(parent=ip)
    return Session(names=lambda: ip.user_ns, configured=config.configured, typed=config.typed)


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
