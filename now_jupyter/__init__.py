"""Make and tweak pictures in a notebook through Now-api, an OpenAI-compatible relay.

    %load_ext now_jupyter

    %%nowimage --size 16:9
    a red fox in fresh snow

In Python the same verbs are names of this module; they speak for the notebook's session:

    import now_jupyter as nj
    g = nj.generate("a red fox in fresh snow", n=2)
    nj.history["#12"].pictures[0].save("fox.png")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ._history import History
    from ._ipython import (
        again,
        agenerate,
        balance,
        buttons,
        compare,
        edit,
        generate,
        mask,
        models,
        panel,
        press,
        restore,
        resume,
        session,
        star,
        submit,
        tag,
        trash,
        use_demo,
        vary,
        view,
        wait,
    )
    from ._messages import (
        AuthError,
        BadImageError,
        BadResponseError,
        ConfigError,
        ConnectFailed,
        DownloadError,
        InputError,
        Interrupted,
        LinkExpiredError,
        MaybeBilledError,
        NowImageError,
        QuotaError,
        RateLimitError,
        RejectedError,
        ServiceError,
        StoreCorrupt,
        StoreError,
        StoreFull,
        StoreTooNew,
        StoreUnavailable,
        TaskFailed,
        TaskLost,
        TaskNeedsAction,
        TaskStillPending,
        UnsafeURLError,
    )
    from ._orders import Job
    from ._session import Session
    from ._values import Generation, Money, Picture

    history: History

__version__ = "0.1.0"

__all__ = [
    "AuthError",
    "BadImageError",
    "BadResponseError",
    "ConfigError",
    "ConnectFailed",
    "DownloadError",
    "Generation",
    "History",
    "InputError",
    "Interrupted",
    "Job",
    "LinkExpiredError",
    "MaybeBilledError",
    "Money",
    "NowImageError",
    "Picture",
    "QuotaError",
    "RateLimitError",
    "RejectedError",
    "ServiceError",
    "Session",
    "StoreCorrupt",
    "StoreError",
    "StoreFull",
    "StoreTooNew",
    "StoreUnavailable",
    "TaskFailed",
    "TaskLost",
    "TaskNeedsAction",
    "TaskStillPending",
    "UnsafeURLError",
    "__version__",
    "again",
    "agenerate",
    "balance",
    "buttons",
    "compare",
    "edit",
    "generate",
    "history",
    "load_ipython_extension",
    "mask",
    "models",
    "panel",
    "press",
    "restore",
    "resume",
    "session",
    "star",
    "submit",
    "tag",
    "trash",
    "unload_ipython_extension",
    "use_demo",
    "vary",
    "view",
    "wait",
]

_CLASSES = {
    "Generation": "_values",
    "History": "_history",
    "Job": "_orders",
    "Money": "_values",
    "Picture": "_values",
    "Session": "_session",
}

if not TYPE_CHECKING:  # type checkers find the names above, and no others

    def __getattr__(name: str) -> object:
        """Load a public name when it is first used; `history` is that of the session at the moment."""
        from importlib import import_module

        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        if name[0].isupper():
            return getattr(import_module(f".{_CLASSES.get(name, '_messages')}", __name__), name)
        notebook = import_module("._ipython", __name__)
        return notebook.session().history if name == "history" else getattr(notebook, name)


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(ip: InteractiveShell) -> None:
    """Put the magics into a shell; sends nothing, prints nothing, may be called again."""
    from ._ipython import load

    load(ip)


def unload_ipython_extension(ip: InteractiveShell) -> None:
    """Take everything out again, as it was before."""
    from ._ipython import unload

    unload(ip)
