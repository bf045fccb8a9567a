"""Every pattern of the package takes time in proportion to the text that it looks at, whoever wrote the text."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import random
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from re import _constants as signs  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from types import SimpleNamespace
from typing import Any

import pytest

import now_jupyter
from now_jupyter._ipython._rewriting import Rewriting
from now_jupyter._settings import Key

pytestmark = pytest.mark.slow

ROOT = Path(now_jupyter.__file__).parent
CALLS = ("compile", "match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer")
METHODS = {*CALLS, "scanner"} - {"compile"}
LENGTHS = (8, 64, 2048)
TOO_LONG = 0.05  # seconds: longer texts would tell no more
EACH = re.compile("(?:a|.)*", re.DOTALL)
SUSPICIOUS = 20  # times what it takes to look at each character once
QUADRATIC = 8.0  # from a text to one of four times its length: 4 where it is linear, 16 where it is quadratic
CATEGORIES = {
    signs.CATEGORY_SPACE: " \n",
    signs.CATEGORY_NOT_SPACE: "a.",
    signs.CATEGORY_DIGIT: "1",
    signs.CATEGORY_NOT_DIGIT: "a",
    signs.CATEGORY_WORD: "a_",
    signs.CATEGORY_NOT_WORD: " .",
}


@dataclass(frozen=True, kw_only=True)
class Used:
    """A pattern, and the ways in which the package asks it."""

    place: str
    pattern: re.Pattern[Any]
    methods: frozenset[str]


def modules() -> Iterator[str]:
    yield "now_jupyter"
    yield from (one.name for one in pkgutil.walk_packages([str(ROOT)], "now_jupyter.") if "__main__" not in one.name)


@cache
def tree_of(module: str) -> ast.Module:
    path = ROOT.joinpath(*module.split(".")[1:])
    return ast.parse((path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text("utf-8"))


@cache
def asked() -> Mapping[str, frozenset[str]]:
    """Return the methods of patterns that are called anywhere, by the name of what they are called on."""
    found: dict[str, set[str]] = {}
    for node in (node for module in modules() for node in ast.walk(tree_of(module)) if isinstance(node, ast.Attribute)):
        owner = getattr(node.value, "id", None) or getattr(node.value, "attr", None)
        if owner is not None and node.attr in METHODS:
            found.setdefault(owner, set()).add(node.attr)
    return {name: frozenset(methods) for name, methods in found.items()}


def held_patterns() -> Iterator[Used]:
    """Yield the patterns that are values of modules, of what modules hold, and of objects that make theirs."""
    holders = {name: vars(importlib.import_module(name)) for name in modules()}
    shell: Any = SimpleNamespace(history_manager=None)
    rewriting = Rewriting(shell, shell, names=("nowimage",), plain=("now",), wanted=bool)
    holders["Rewriting"] = {"_line": rewriting._line, "_cell": rewriting._cell}
    key = Key("".join(random.choices("abc/-", k=40)))
    key.mask(b"%")
    holders["Key"] = {"whole": key._patterns[0], "escape": key._patterns[1:]}
    seen: set[int] = set()
    for place, holder in holders.items():
        for name, value in list(holder.items()):
            for pattern in patterns_in(value):
                if id(pattern) not in seen:
                    seen.add(id(pattern))
                    yield Used(
                        place=f"{place}.{name}", pattern=pattern, methods=asked().get(name, frozenset({"search"}))
                    )


def patterns_in(value: Any) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, dict | tuple | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from patterns_in(one)
    elif type(value).__module__.startswith("now_jupyter") and isinstance(getattr(value, "begins", None), re.Pattern):
        yield value.begins


def written_patterns() -> Iterator[tuple[str, str, ast.expr]]:
    """Yield where the package calls `re`, how, and with what."""
    for module in modules():
        for node in ast.walk(tree_of(module)):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="re"), attr=method)) if method in CALLS:
                    yield f"{module}:{node.lineno}", method, node.args[0]


@cache
def every_pattern() -> list[Used]:
    found = list(held_patterns())
    for place, method, argument in written_patterns():
        if method != "compile" and isinstance(argument, ast.Constant):
            found.append(Used(place=place, pattern=re.compile(argument.value), methods=frozenset({method})))
    return found


# Texts that a pattern may stumble over, made of its own parts


def characters(parsed: Any) -> Iterator[str]:
    """Yield one or two characters for each place of a pattern."""
    for kind, value in parsed:
        if kind in (signs.LITERAL, signs.NOT_LITERAL):
            yield chr(value)
        elif kind is signs.ANY:
            yield "a"
        elif kind is signs.CATEGORY:
            yield from CATEGORIES.get(value, "a")
        elif kind is signs.IN:
            negated = value[0][0] is signs.NEGATE
            yield from "a ;" if negated else characters(value)
        elif kind is signs.RANGE:
            yield from (chr(value[0]), chr(value[1]))
        else:
            for inner in inner_of(kind, value):
                yield from characters(inner)


def example(parsed: Any) -> str:
    """Return a text that the pattern takes, or nearly."""
    text = ""
    for kind, value in parsed:
        if kind in (signs.LITERAL, signs.IN, signs.ANY, signs.NOT_LITERAL):
            text += next(characters([(kind, value)]), "a")
        elif kind in (signs.MAX_REPEAT, signs.MIN_REPEAT, signs.POSSESSIVE_REPEAT):
            text += example(value[2]) * min(max(value[0], 1), 40)
        elif kind not in (signs.AT, signs.ASSERT_NOT, signs.ASSERT, signs.GROUPREF):
            text += "".join(example(inner) for inner in list(inner_of(kind, value))[:1])
    return text


def inner_of(kind: Any, value: Any) -> Iterator[Any]:
    if kind in (signs.MAX_REPEAT, signs.MIN_REPEAT, signs.POSSESSIVE_REPEAT):
        yield value[2]
    elif kind is signs.SUBPATTERN:
        yield value[-1]
    elif kind is signs.BRANCH:
        yield from value[1]
    elif kind in (signs.ASSERT, signs.ASSERT_NOT):
        yield value[1]
    elif kind is signs.ATOMIC_GROUP:
        yield value


def stumbling(pattern: re.Pattern[Any]) -> Iterator[tuple[str, str, str]]:
    """Yield beginnings, what is repeated, and ends: runs of one character, of two, and of what nearly matches."""
    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    parsed = parser.parse(source, pattern.flags & ~re.UNICODE if isinstance(pattern.pattern, bytes) else pattern.flags)
    own = list(dict.fromkeys(characters(parsed)))
    few = own if len(own) <= 12 else own[:: len(own) // 12]
    whole = example(parsed)
    starts = list(dict.fromkeys(whole[:at] for at in (0, len(whole) // 2, len(whole) - 1) if at >= 0))
    runs = [*dict.fromkeys([*own, " ", "a", *map("".join, product(few[:3], few[:3])), *(one for one in starts if one)])]
    yield from product(starts, runs, ("", "\0;"))


# Measuring


def text_of(shape: tuple[str, str, str], length: int, pattern: re.Pattern[Any]) -> Any:
    start, run, end = shape
    text = start + run * (length // len(run)) + end
    return text if isinstance(pattern.pattern, str) else text.encode("latin-1", "replace")


def ask(pattern: re.Pattern[Any], method: str, text: Any) -> None:
    empty = text[:0]
    if method in ("sub", "subn"):
        pattern.sub(lambda _: empty, text)
    elif method == "finditer":
        for _ in pattern.finditer(text):
            pass
    else:
        getattr(pattern, method)(text)


def seconds(pattern: re.Pattern[Any], method: str, text: Any, *, times: int = 1) -> float:
    best = float("inf")
    for _ in range(times):
        began = time.process_time()
        ask(pattern, method, text)
        best = min(best, time.process_time() - began)
    return best


def growth(pattern: re.Pattern[Any], method: str, shape: tuple[str, str, str]) -> float:
    """Return how many times as long a text of four times the length takes; 0 where it is quick anyway.

    The texts become longer step by step, so that a pattern that never ends is told by the short ones.
    """
    for length in LENGTHS:
        text = text_of(shape, length, pattern)
        last = seconds(pattern, method, text)
        if last > TOO_LONG:
            break
    if last < SUSPICIOUS * seconds(EACH, "fullmatch", "a" * len(text), times=3):
        return 0.0
    before = seconds(pattern, method, text_of(shape, length // 4, pattern), times=5)
    return min(last, seconds(pattern, method, text, times=1 if last > 1 else 3)) / before


def steepest(used: Used) -> tuple[float, str]:
    """Return the steepest growth of a pattern over all texts and methods, and what it stumbled over."""
    worst = (0.0, "")
    for shape, method in product(stumbling(used.pattern), sorted(used.methods)):
        if (found := growth(used.pattern, method, shape)) > worst[0]:
            worst = (found, f"{method} on {shape!r}")
        if found >= QUADRATIC:
            break
    return worst


def test_every_pattern_runs_in_linear_time() -> None:
    """A text of four times the length takes about four times as long, whatever it is made of."""
    grown = [(used.place, *steepest(used)) for used in every_pattern()]
    assert [(place, where) for place, growing, where in grown if growing >= QUADRATIC] == []


@pytest.mark.parametrize(
    ("written", "method"), [(r"\s+Job$", "sub"), (r"(a|b)*c", "search"), (r"x*x*y", "match"), ("<.*?>;", "findall")]
)
def test_the_measure_sees_a_quadratic_pattern(written: str, method: str) -> None:
    """Patterns that are known to be slow are found by the same texts, so that passing means something."""
    used = Used(place="here", pattern=re.compile(written), methods=frozenset({method}))
    assert steepest(used)[0] >= QUADRATIC


def test_no_pattern_is_passed_over() -> None:
    """Each pattern that is written down anywhere is among those that are timed."""
    timed = {used.pattern.pattern for used in every_pattern()}
    literal = [(place, one) for place, _, one in written_patterns() if isinstance(one, ast.Constant)]
    assert [place for place, one in literal if one.value not in timed] == []
    assert len(timed) > 60
