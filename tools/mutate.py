"""Take guards out of the package, one at a time, and see that a test notices.

    make mutants                                   some guards of every package
    make mutants MUTANTS="_runner _store --most 40"

A guard is an `if` that raises, returns or goes on, or a call that refuses. Each is taken out in a copy of the tree, and
the tests of its package are run there until one fails. What survives is printed: a test is missing, or the guard is one
too many. Nothing hangs on the text of the sources, so that they may be changed freely. Exit code 1 where any survived.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "now_jupyter"
COPIED = ("now_jupyter", "tests", "tools", "notebooks", "pyproject.toml", "conftest.py", "README.md", "README.zh-CN.md")
REFUSALS = ("refuse", "ensure", "require", "check")
TESTS = {
    "_messages": ("test_words.py", "test_failures.py", "test_refusals.py"),
    "_background": ("test_background.py",),
    "_media": ("media",),
    "_options": ("options", "test_prompts.py"),
    "_settings": ("test_settings.py", "test_login.py"),
    "_services": ("services", "plugins"),
    "_transport": ("transport", "test_download.py", "test_addresses.py", "test_refusals.py"),
    "_store": ("store", "test_files.py", "test_folder.py", "test_history.py"),
    "_relay": ("test_money.py", "session"),
    "_runner": ("runner", "plugins", "faults/test_s_after_paying.py", "faults/test_t_tasks.py"),
    "_orders": ("session", "test_reuse.py", "test_budget.py", "test_money.py"),
    "_session": ("session", "plugins"),
}
SECONDS = 600


@dataclass(frozen=True, slots=True)
class Guard:
    """One statement that refuses something: where it stands, and what the module is without it."""

    module: Path
    line: int
    text: str
    without: str

    @property
    def package(self) -> str:
        """The package that it stands in."""
        return self.module.relative_to(PACKAGE).parts[0]

    def __str__(self) -> str:
        return f"{self.module.relative_to(ROOT)}:{self.line} {self.text}"


def guards_in(module: Path) -> Iterator[Guard]:
    """Yield the guards of a module."""
    source = module.read_text("utf-8")
    lines = source.splitlines(keepends=True)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.If) and not node.orelse and is_way_out(node.body[-1]):
            yield Guard(module, node.lineno, f"if {ast.unparse(node.test)}", without(lines, "False", node.test))
        if isinstance(node, ast.Expr) and is_refusal(node.value):
            yield Guard(module, node.lineno, ast.unparse(node), without(lines, "None", node))


def is_way_out(statement: ast.stmt) -> bool:
    """Whether a block ends here."""
    return isinstance(statement, ast.Raise | ast.Return | ast.Continue)


def is_refusal(value: ast.expr) -> bool:
    """Whether this calls something that is named as a refusal."""
    called = value.func if isinstance(value, ast.Call) else None
    name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
    return name.strip("_").split("_")[0] in REFUSALS


def without(lines: Sequence[str], instead: str, part: ast.expr | ast.stmt) -> str:
    """Return the source with a part of it replaced; the other lines stay where they are."""
    first, last = part.lineno - 1, (part.end_lineno or part.lineno) - 1
    head = lines[first].encode()[: part.col_offset].decode()
    tail = lines[last].encode()[part.end_col_offset :].decode()
    blank = "\n" * (last - first) if isinstance(part, ast.stmt) else ""
    return "".join([*lines[:first], head + instead + tail + blank, *lines[last + 1 :]])


def survives(guard: Guard, copy: Path) -> bool:
    """Whether the tests of the package pass without a guard."""
    target = copy / guard.module.relative_to(ROOT)
    target.write_text(guard.without, "utf-8")
    try:
        return passes(guard.package, copy)
    finally:
        target.write_bytes(guard.module.read_bytes())


def passes(package: str, copy: Path) -> bool:
    """Whether the tests of a package pass; a run that hangs does not."""
    tests = [f"tests/{name}" for name in TESTS[package]]
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", *tests]
    environment = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def main() -> int:
    """Try the guards that were asked for, and name the survivors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("packages", nargs="*", default=list(TESTS), choices=[*TESTS, []], metavar="PACKAGE")
    parser.add_argument("--most", type=int, default=5, help="guards of each package, chosen by chance (default 5)")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    chosen: list[Guard] = []
    for package in asked.packages:
        found = [guard for module in sorted((PACKAGE / package).rglob("*.py")) for guard in guards_in(module)]
        chosen += random.Random(asked.seed).sample(found, min(asked.most, len(found)))  # noqa: S311 - a sample
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "tree"
        copy.mkdir()
        for name in COPIED:
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy2)(source, copy / name)
        if red := [package for package in asked.packages if not passes(package, copy)]:
            sys.exit(f"the tests of {', '.join(red)} fail as they are")
        left = [guard for guard in chosen if report(guard, survived=survives(guard, copy))]
    print(f"{len(chosen) - len(left)} of {len(chosen)} guards are held by a test")
    return bool(left)


def report(guard: Guard, *, survived: bool) -> bool:
    """Print what became of a guard, and return whether it survived."""
    print("SURVIVED" if survived else "held    ", guard, flush=True)
    return survived


if __name__ == "__main__":
    sys.exit(main())
