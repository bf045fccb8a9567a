"""The layers of the package (design.md §4): imports go down, and to neighbours only where the table names them."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import packages_distributions
from itertools import pairwise
from pathlib import Path

import pytest

from clean_room import ROOT
from sources import nodes_of, tree_of

PACKAGE = ROOT / "now_jupyter"
HEAVY = ("IPython", "httpx", "PIL", "ipywidgets", "anyio", "anywidget", "pandas", "numpy", "traitlets", "sqlite3")

# Package or module → layer, and the neighbours of the same layer that it may import (design.md §4).
LAYERS: dict[str, tuple[int, set[str]]] = {
    "_json": (0, set()),
    "_bounds": (0, {"_json"}),
    "_messages": (0, {"_json", "_bounds"}),
    "_background": (0, {"_messages"}),
    "_cells": (0, set()),
    # Values, and what is reckoned without the world
    "_values": (1, {"_media", "_bundles"}),  # a picture reads and shows its own file
    "_protocol": (1, {"_values"}),
    "_media": (1, set()),
    "_bundles": (1, {"_values", "_media"}),
    "_options": (1, {"_values"}),
    "_traits": (1, set()),
    "_settings": (1, {"_traits"}),
    # The world: services, wire, disk
    "_services": (2, set()),
    "_transport": (2, set()),
    "_store": (2, set()),
    # What happens to an order
    "_relay": (3, set()),
    "_runner": (3, set()),
    "_sharing": (3, set()),
    "_history": (3, {"_sharing"}),
    "_orders": (4, set()),
    "_session": (4, {"_orders"}),
    # What people see
    "_display": (5, set()),
    "_panel": (5, {"_display"}),
    "_ipython": (5, {"_display", "_panel"}),
    "services": (6, set()),  # the protocol for plug-ins
    "__init__": (6, set()),
}
UNPLACED: tuple[int, set[str]] = (99, set())
PACKAGES_THAT_USE_THE_DEMO = {"_transport"}
USERS_OF_HTTPX = {"_transport"}


@dataclass(frozen=True, slots=True)
class Import:
    """One import: the module, the package it wants ("" for the world outside) and where it is written."""

    module: Path
    target: str
    outside: str
    place: str
    at_load: bool

    @property
    def package(self) -> str:
        return package_of(self.module)


def package_of(module: Path) -> str:
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def modules() -> tuple[Path, ...]:
    return tuple(sorted(path for path in PACKAGE.rglob("*.py")))


@cache
def imports() -> tuple[Import, ...]:
    return tuple(one for module in modules() for one in imports_of(module))


def imports_of(module: Path) -> Iterator[Import]:
    for node, at_load in run_nodes(tree_of(module), at_load=True):
        for target, outside in targets_of(node, module):
            place = f"{module.relative_to(ROOT)}:{node.lineno}"  # type: ignore[attr-defined]  # a statement has it
            yield Import(module, target, outside, place, at_load)


def is_function(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def run_nodes(tree: ast.AST, *, at_load: bool) -> Iterator[tuple[ast.AST, bool]]:
    """Walk what is run, and say whether loading runs it; imports for types only are none of the package's imports."""
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.expr):  # holds no import
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for other in child.orelse:
                yield other, at_load
                yield from run_nodes(other, at_load=at_load)
            continue
        yield child, at_load
        yield from run_nodes(child, at_load=at_load and not is_function(child))


def targets_of(node: ast.AST, module: Path) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Import):
        yield from (("", alias.name) for alias in node.names)
    if isinstance(node, ast.ImportFrom) and not node.level:
        yield "", node.module or ""
    if isinstance(node, ast.ImportFrom) and node.level:
        yield from ((target, "") for target in relative_targets(node, module))


def relative_targets(node: ast.ImportFrom, module: Path) -> Iterator[str]:
    package = module.parents[node.level - 1]
    if node.module:
        yield package_of(package / node.module.split(".")[0])
        return
    for alias in node.names:
        named = package / alias.name
        is_module = named.is_dir() or named.with_suffix(".py").is_file()
        yield package_of(named if is_module else package / "__init__.py")


def report(faults: list[str]) -> str:
    return "\n" + "\n".join(faults)


def test_every_package_has_a_layer() -> None:
    """A new module is given its place in the table before it is used."""
    unknown = {package_of(module) for module in modules()} - set(LAYERS) - {"demo"}
    assert not unknown, f"give it a layer: {sorted(unknown)}"


@pytest.mark.slow
def test_imports_go_down() -> None:
    """A package imports lower layers, and neighbours where its row names them; nothing upward, nowhere."""
    wrong = [f"{one.place} {one.package} → {one.target}" for one in imports() if not is_allowed(one)]
    assert not wrong, report(wrong)


def test_what_blocks_goes_to_the_threads_of_the_loop() -> None:
    """Threads of anyio's are started when they are needed, which Python forbids while it ends (3.12)."""
    own = PACKAGE / "_background"
    others = [module for module in modules() if own not in module.parents and package_of(module) != "demo"]
    wrong = [str(module) for module in others if "to_thread" in module.read_text(encoding="utf-8")]
    assert not wrong, report(wrong)


@pytest.mark.slow
def test_no_package_reaches_into_another() -> None:
    """What a package gives stands in its `__init__`; its modules are its own."""
    wrong = [place for module in modules() for place in reaching_into_others(module)]
    assert not wrong, report(wrong)


def reaching_into_others(module: Path) -> Iterator[str]:
    for node in nodes_of(module):
        if isinstance(node, ast.ImportFrom) and node.level and node.module:
            target = module.parents[node.level - 1].joinpath(*node.module.split("."))
            parts = target.relative_to(PACKAGE).parts
            if len(parts) > 1 and parts[0] != package_of(module):
                yield f"{module.relative_to(ROOT)}:{node.lineno} {'.'.join(parts)}"


def is_allowed(one: Import) -> bool:
    if not one.target or one.target == one.package:
        return True
    if "demo" in (one.target, one.package):
        return one.package in PACKAGES_THAT_USE_THE_DEMO
    layer, neighbours = LAYERS.get(one.package, UNPLACED)
    below, _ = LAYERS.get(one.target, UNPLACED)
    return below < layer or one.target in neighbours


def test_no_package_is_reached_from_itself_while_loading() -> None:
    """There is no circle of imports."""
    arrows: dict[str, set[str]] = {}
    for one in imports():
        if one.at_load and one.target not in ("", one.package):
            arrows.setdefault(one.package, set()).add(one.target)
    circles = [package for package in arrows if package in reached_from(arrows, package)]
    assert not circles


def reached_from(arrows: dict[str, set[str]], package: str) -> set[str]:
    seen: set[str] = set()
    ahead = set(arrows.get(package, ()))
    while ahead:
        seen |= ahead
        ahead = {further for near in ahead for further in arrows.get(near, ())} - seen
    return seen


def test_the_demo_stands_alone() -> None:
    """The relay's double knows the standard library and Pillow, and nothing of ours."""
    known = {*sys.stdlib_module_names, "PIL"}
    of_demo = [one for one in imports() if one.package == "demo"]
    strange = [
        f"{one.place} {one.outside}" for one in of_demo if one.outside and one.outside.split(".")[0] not in known
    ]
    assert not strange, report(strange)


def test_nothing_imports_the_package_by_its_name() -> None:
    """Siblings are relative; the package's own name would run the top layer."""
    wrong = [one.place for one in imports() if one.outside.split(".")[0] == "now_jupyter"]
    assert not wrong, report(wrong)


def test_httpx_has_one_door() -> None:
    """The HTTP library can be replaced in one place: the packages of transport and download."""
    users = {one.package for one in imports() if one.outside.split(".")[0] in ("httpx", "httpx_sse", "httpcore")}
    assert users <= USERS_OF_HTTPX


@pytest.mark.slow
def test_what_is_imported_is_declared() -> None:
    """What every user needs stands among the dependencies, what some need among the extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    needed = {name_of(one) for one in project["dependencies"]}
    declared = needed | {name_of(one) for extra in project["optional-dependencies"].values() for one in extra}
    owners = packages_distributions()
    for one in imports():
        root = one.outside.split(".")[0]
        if root and root not in sys.stdlib_module_names:
            owned = {name_of(owner) for owner in owners.get(root, [root])}
            assert owned & (needed if one.at_load else declared), f"{one.place} {root}"


def test_dependencies_with_known_faults_are_shut_out() -> None:
    """A lock that followed links, and two readings of one body."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    least = {name_of(one): re.split(r"[><=~]+", one)[1] for one in project["dependencies"]}
    for name, first in (("filelock", (3, 20, 3)), ("h11", (0, 16)), ("httpcore", (1, 0, 9))):
        assert tuple(map(int, least[name].split("."))) >= first


def name_of(requirement: str) -> str:
    """Give the name of a package as an index has it."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[><=~; ]", requirement)[0]).lower()


def test_every_module_says_what_it_gives() -> None:
    """`__all__` stands in each module that is imported."""
    silent = [str(module.relative_to(PACKAGE)) for module in modules() if "__all__" not in names_of(module)]
    assert not [name for name in silent if not name.endswith("__main__.py")]


def names_of(module: Path) -> set[str]:
    return {name for node in tree_of(module).body for name in assigned_by(node)}


def assigned_by(node: ast.stmt) -> list[str]:
    targets = [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [])
    return [target.id for target in targets if isinstance(target, ast.Name)]


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=True, timeout=60)


def test_public_names_stay_what_they_say() -> None:
    """After every module has been imported no public name is a module, and each is there."""
    script = """
import importlib, pkgutil, types
import now_jupyter as nj
for found in pkgutil.walk_packages(nj.__path__, "now_jupyter."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
wrong = [name for name in nj.__all__ if isinstance(getattr(nj, name), types.ModuleType)]
print(len(nj.__all__), wrong)
"""
    count, wrong = python("-c", script).stdout.strip().split(maxsplit=1)
    assert wrong == "[]"
    assert int(count) > 10


def test_importing_loads_nothing_heavy() -> None:
    """`import now_jupyter` alone loads neither IPython nor httpx, Pillow, widgets or a loop."""
    script = f"import sys, now_jupyter; print([name for name in {HEAVY} if name in sys.modules])"
    assert python("-c", script).stdout.strip() == "[]"


def test_importing_is_quick() -> None:
    """`import now_jupyter` takes no more than 0.6 of what the loop of the standard library takes to load."""
    ours, asyncio = (
        min(ms) for ms in zip(*((import_ms("now_jupyter"), import_ms("asyncio")) for _ in range(7)), strict=True)
    )
    assert ours < 0.6 * asyncio


def import_ms(module: str) -> float:
    lines = python("-X", "importtime", "-c", f"import {module}").stderr
    found = re.search(rf"(\d+) \| +{module}$", lines, re.MULTILINE)
    assert found, lines
    return int(found[1]) / 1000


def test_layers_fall_from_top_to_bottom() -> None:
    """The table is written in the order of the layers."""
    layers = [layer for layer, _ in LAYERS.values()]
    assert all(lower <= upper for lower, upper in pairwise(layers))
    assert all(LAYERS[near][0] == layer for layer, neighbours in LAYERS.values() for near in neighbours)
