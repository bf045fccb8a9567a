"""How our magics get into IPython's input: the prompt byte for byte, and awaited where the kernel can go on meanwhile.

This is the only place that knows how IPython rewrites what was typed. Facts: reference/jupyter.md §1, §7.
"""

from __future__ import annotations

import ast
import io
import re
import threading
import tokenize
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from typing import TYPE_CHECKING

from .._cells import Cells

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["AWAITED_PREFIX", "Rewriting", "can_await"]

AWAITED_PREFIX = "await_"
_LINES = re.compile(r"[^\n]*\n|[^\n]+")
# What stands before `= %nowimage`: names, attributes, items, several of them.
_TARGET = r"[^\W\d][\w.]*(?:\[[^\[\]\n]*\])*"
_BLANK = r"[ \t\u00a0\u3000]"  # a Chinese keyboard's, and what is pasted from a web page
_TARGETS = rf"{_TARGET}(?:[ \t]*,[ \t]*{_TARGET})*[ \t]*"


def can_await(ip: InteractiveShell) -> bool:
    """Whether IPython would run an awaiting cell on asyncio here, on the main thread."""
    from IPython.core import interactiveshell  # noqa: PLC0415 - IPython is loaded where it is used

    runner = getattr(interactiveshell, "_asyncio_runner", None)
    on_main = threading.current_thread() is threading.main_thread()
    return bool(ip.autoawait) and ip.loop_runner is runner and on_main


class Rewriting:
    r"""Two input transformers for our magics: `names`, whose top-level calls are awaited, and `plain` ones.

    `keep` runs first and writes the magic call itself, so that nothing in a prompt (`it's`, a final `?` or backslash,
    `>>>`) is taken for syntax. `awaiting` runs last and puts `await` before top-level calls when no cell is running
    yet.
    """

    def __init__(
        self,
        ip: InteractiveShell,
        cells: Cells,
        *,
        names: tuple[str, ...],
        plain: tuple[str, ...],
        wanted: Callable[[], bool],
    ) -> None:
        """Serve these magics; `wanted` says whether cells are to be awaited."""
        self._ip = ip
        self._cells = cells
        self._names = names
        self._wanted = wanted
        self._signs = tuple(f"{sign}{name}" for sign in "%％" for name in (*names, *plain))
        self._calls = tuple(f"_magic('{name}'" for name in names)
        self._either = "|".join(map(re.escape, names))
        self._every = "|".join(map(re.escape, plain))
        self.keep = _Transformer(self._keep)
        self.awaiting = _Transformer(self._await)
        self._plain: dict[str, str] = {}
        self._store = ip.history_manager.store_inputs if ip.history_manager else None

    @cached_property  # most cells hold none of our magics, and loading waits for no pattern
    def _line(self) -> re.Pattern[str]:
        awaited, plain = rf"({self._either}){_BLANK}+(\S[^\n]*?)", rf"({self._every})(?:{_BLANK}+([^\n]*?))?"
        return re.compile(rf"^([ \t]*)[\u00a0\u3000]*((?:{_TARGETS}=[ \t]*)?)[%％](?:{awaited}|{plain})\r?\n?$")

    @cached_property
    def _cell(self) -> re.Pattern[str]:
        return re.compile(rf"^[\u00a0\u3000]*[%％]{{2}}({self._either})(?:{_BLANK}([^\n]*?))?\r?\n?$")

    def attach(self) -> None:
        """Put all hooks in their places."""
        self._ip.input_transformers_cleanup.insert(0, self.keep)
        self._ip.input_transformers_post.append(self.awaiting)
        if self._ip.history_manager is not None:
            self._ip.history_manager.store_inputs = self._store_plain

    def detach(self) -> None:
        """Take all hooks out."""
        if self._ip.history_manager is not None:
            del self._ip.history_manager.store_inputs
        cleanup, post = self._ip.input_transformers_cleanup, self._ip.input_transformers_post
        cleanup[:] = [hook for hook in cleanup if hook is not self.keep]
        post[:] = [hook for hook in post if hook is not self.awaiting]

    def _keep(self, lines: list[str]) -> list[str]:
        code = "".join(lines)
        if not any(sign in code for sign in self._signs):
            return lines
        whole = _LINES.findall(code)  # IPython takes form feeds and the like in a prompt for ends of lines
        kept = self._rewrite(whole)
        return lines if kept == whole else kept

    def _rewrite(self, lines: list[str]) -> list[str]:
        # Document tools take `#|` lines away before they run a cell; where it runs with them, it is the same cell.
        first = next((number for number, line in enumerate(lines) if line.strip() and not line.startswith("#|")), 0)
        if not lines or not lines[first].lstrip("\u00a0\u3000").startswith(("%%", "％％")):
            return self._keep_lines(lines)
        match = self._cell.match(lines[first])
        return lines if match is None else self._keep_cell(match, "".join(lines[first + 1 :]))

    def _keep_cell(self, match: re.Match[str], body: str) -> list[str]:
        name, options = match.group(1), match.group(2) or ""
        body = f"{body[:-2]}\n" if body.endswith("\r\n") else body or "\n"  # IPython refuses an empty body by itself
        return [f"get_ipython().run_cell_magic({name!r}, {options!r}, {body!r})\n"]

    def _keep_lines(self, lines: list[str]) -> list[str]:
        kept: list[str] = []
        rest = iter(lines)
        for line in rest:
            match = self._line.match(line)
            if match is None or _inside_something(kept):
                kept.append(line)
                continue
            indent, target, *called = match.groups("")
            name, text = called[0] or called[2], called[1] or called[3]
            kept.append(f"{indent}{target}get_ipython().run_line_magic({name!r}, {_join_lines(text, rest)!r})\n")
        return kept

    def _await(self, lines: list[str]) -> list[str]:
        code = "".join(lines)
        is_called = any(call in code for call in self._calls)
        if not is_called or self._cells.depth or not (self._wanted() and can_await(self._ip)):
            return lines
        try:
            tree = ast.parse(code)
        except (SyntaxError, ValueError):
            return lines
        calls = [statement.value for statement in tree.body if isinstance(statement, ast.Expr | ast.Assign)]
        spots = [(call.lineno - 1, call.col_offset, name) for call in calls if (name := self._magic_called(call))]
        awaited = _with_await(code, spots)
        self._plain = {"".join(awaited): code} if spots else {}
        return awaited

    def _store_plain(self, line_num: int, source: str, source_raw: str | None = None) -> None:
        """Keep in `In`, `%history` and `%save` the call that can be run anywhere, not the one that is awaited."""
        if self._store is not None:
            self._store(line_num, self._plain.pop(source, source), source_raw)

    def _magic_called(self, call: ast.expr) -> str | None:
        """Return the name of our magic if this is IPython's call of it."""
        match call:
            case ast.Call(
                func=ast.Attribute(
                    value=ast.Call(func=ast.Name(id="get_ipython")), attr="run_line_magic" | "run_cell_magic"
                ),
                args=[ast.Constant(value=str(name)), *_],
            ) if name in self._names:
                return name
            case _:
                return None


class _Transformer(partial[list[str]]):
    """A hook that IPython leaves out when it only asks whether the input is complete."""

    has_side_effects = True


def _join_lines(text: str, rest: Iterator[str]) -> str:
    """Join the lines that a final backslash continues, as IPython does for every line magic."""
    while text.endswith("\\") and (following := next(rest, None)) is not None:
        text = f"{text[:-1].rstrip()} {following.strip()}"
    return text


def _inside_something(lines: list[str]) -> bool:
    """Whether the code so far ends inside an open string or bracket."""
    try:
        for _ in tokenize.generate_tokens(io.StringIO("".join(lines)).readline):
            pass
    except tokenize.TokenError as problem:
        return "multi-line" in str(problem) or "triple-quoted" in str(problem)
    except SyntaxError:  # indentation that the next lines mend
        return False
    return False


def _with_await(code: str, spots: list[tuple[int, int, str]]) -> list[str]:
    code = code.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")
    lines = [f"{line}\n" for line in code.split("\n")]  # as ast counts lines, not as str does
    for number, offset, name in reversed(spots):
        line = lines[number].encode()
        call = line[offset:].decode().replace(f"_magic('{name}'", f"_magic('{AWAITED_PREFIX}{name}'", 1)
        lines[number] = f"{line[:offset].decode()}await {call}"
    return lines
