"""What `%load_ext now_jupyter` puts into a shell: stand-ins, which load the magics themselves when one is first used.

Loading takes a few milliseconds so, and most notebooks that load the extension make no picture right away. What is
imported here is what every kernel has already.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from itertools import product
from typing import TYPE_CHECKING, Any

from IPython.core.completer import CompletionContext, SimpleMatcherResult, context_matcher
from IPython.core.magic import needs_local_scope, no_var_expand

from .._cells import Cells
from ._lists import register_lists, unregister_lists
from ._loading import garbage_can_wait
from ._rewriting import AWAITED_PREFIX, Rewriting

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .._session import Session
    from .._traits import Now
    from ._magics import Magics

__all__ = ["Extension"]

_MAGIC = "nowimage"
_COMMANDS = "now"
_PLACES = tuple(product(("line", "cell"), (_MAGIC, AWAITED_PREFIX + _MAGIC, _COMMANDS)))
_OURS = (f"%{_COMMANDS}", f"％{_COMMANDS}")  # with one of these each of our lines begins
_SHOWN = ("now_jupyter._values.Generation", "now_jupyter._values.Output", "now_jupyter._orders._job.Job")
_BUNDLED = _SHOWN[:2]


class Extension:
    """Everything that `%load_ext now_jupyter` puts into a shell, and takes out again."""

    def __init__(self, ip: InteractiveShell, session: Callable[[], Session], config: Now, cells: Cells) -> None:
        """Stand in for the magics of a shell with these cells; `attach` puts the parts in place."""
        self.cells = cells
        self._ip: Any = ip  # typed loosely: IPython's own types know neither hooks nor configurables
        self._session = session
        self._config = config
        self._publisher: Any = ip.display_pub
        self._loading = threading.Lock()
        self._magics: Magics | None = None
        self._before: dict[tuple[str, str], Any] = {}
        self._rewriting = Rewriting(
            ip,
            cells,
            names=(_MAGIC,),
            plain=(_COMMANDS,),
            wanted=lambda: self.magics().settings_or_default().await_cells,
        )
        self._matcher = self._make_matcher()

    def magics(self) -> Magics:
        """Return the magics themselves; they and the session are loaded at the first call."""
        with self._loading:
            if self._magics is None:
                with garbage_can_wait():
                    from ._magics import Magics  # noqa: PLC0415 - what takes long to load

                    self._magics = Magics(self._ip, self._session(), self.cells, self._publisher)
            return self._magics

    def attach(self) -> None:
        """Put magics, hooks, formatters, completion and settings in place."""
        magics = self._ip.magics_manager.magics
        self._before = {(kind, name): magics[kind].get(name) for kind, name in _PLACES}
        register, usage = self._ip.register_magic_function, lambda: self.magics().usage()
        for magic, name in ((self.nowimage, _MAGIC), (self.await_nowimage, AWAITED_PREFIX + _MAGIC)):
            register(needs_local_scope(_document(magic, usage)), "line_cell", name)
        register(_document(self.now, lambda: self.magics().usage_of_now()), "line", _COMMANDS)
        self._rewriting.attach()
        self._register_formatters()
        self._ip.Completer.custom_matchers.append(self._matcher)
        if self._config not in self._ip.configurables:
            self._ip.configurables.append(self._config)

    def detach(self) -> None:
        """Take everything out again."""
        for (kind, name), before in self._before.items():
            _put_back(self._ip.magics_manager.magics[kind], name, before)
        self._rewriting.detach()
        self._unregister_formatters()
        self._ip.Completer.custom_matchers.remove(self._matcher)
        if self._config in self._ip.configurables:
            self._ip.configurables.remove(self._config)

    # The stand-ins

    def nowimage(self, line: str, cell: str | None = None, local_ns: Mapping[str, object] | None = None) -> object:
        """Make pictures, and show them in the cell; `%nowimage --help` tells how."""
        return self.magics().nowimage(line, cell, local_ns)

    def await_nowimage(
        self, line: str, cell: str | None = None, local_ns: Mapping[str, object] | None = None
    ) -> Awaitable[object]:
        """Make pictures as `%nowimage` does, letting the kernel go on meanwhile."""
        return self.magics().await_nowimage(line, cell, local_ns)

    def now(self, line: str) -> Any:  # noqa: ANN401 - each command's own result
        """Do everything that is not a picture; `%now --help` lists what."""
        return self.magics().now(line)

    def _make_matcher(self) -> Callable[[CompletionContext], SimpleMatcherResult]:
        @context_matcher(identifier="now_jupyter")  # type: ignore[untyped-decorator]
        def match(context: CompletionContext) -> SimpleMatcherResult:
            is_ours = any(sign in context.full_text for sign in _OURS)
            return self.magics().match(context) if is_ours else {"completions": []}

        matcher: Callable[[CompletionContext], SimpleMatcherResult] = match
        return matcher

    def _register_formatters(self) -> None:
        """Have IPython show our values our way; they are named, as their classes may not be loaded yet."""
        formatters = self._ip.display_formatter
        for name in _SHOWN:
            formatters.ipython_display_formatter.for_type_by_name(*name.rsplit(".", 1), lambda v: self.magics().show(v))
        for name in _BUNDLED:
            bundle = lambda value, **_: self.magics().bundle(value)  # noqa: E731 - IPython gives what it includes
            formatters.mimebundle_formatter.for_type_by_name(*name.rsplit(".", 1), bundle)
        register_lists(formatters.mimebundle_formatter, lambda values: self.magics().bundle_of_list(values))

    def _unregister_formatters(self) -> None:
        formatters = self._ip.display_formatter
        for formatter in (formatters.ipython_display_formatter, formatters.mimebundle_formatter):
            for name in _SHOWN:
                formatter.pop(name, None)
        unregister_lists(formatters.mimebundle_formatter)


def _document(magic: Callable[..., Any], usage: Callable[[], str]) -> Callable[..., Any]:
    """Give a magic the generated help, which `%%nowimage?` shows; IPython asks for it by `getdoc`."""

    @no_var_expand
    @wraps(magic)
    def run(*arguments: str, **around: Any) -> Any:  # noqa: ANN401 - whatever IPython and the magic give
        return magic(*arguments, **around)

    run.getdoc = usage  # type: ignore[attr-defined]  # a function takes attributes
    return run


def _put_back(table: dict[str, Any], name: str, before: object) -> None:
    if before is None:
        table.pop(name, None)
    else:
        table[name] = before
