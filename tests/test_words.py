"""Every sentence that is said to people has its Chinese twin, with the same places."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

import now_jupyter
from now_jupyter._messages import _errors
from now_jupyter._messages._chinese import CHINESE
from now_jupyter._messages._text import say

PACKAGE = Path(now_jupyter.__file__).parent
ERRORS = {name for name in _errors.__all__ if isinstance(getattr(_errors, name), type)}
SPOKEN_BY_THE_ERRORS = {f"billed: {word}" for word in ("no", "maybe", "yes")}  # built in `lines`, from the three words
NOT_LITERAL = {"_errors.py", "_words.py"}  # they pass on the templates that they were given


def sources() -> list[Path]:
    return [path for path in sorted(PACKAGE.rglob("*.py")) if "demo" not in path.relative_to(PACKAGE).parts]


def templates_of(path: Path) -> Iterator[tuple[str, ast.expr, str | None]]:
    """Give the place, the expression and the text (None: it is no literal) of every template in a source."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    constants = constants_of(tree)
    for call in ast.walk(tree):
        if isinstance(call, ast.Call):
            for expression in spoken_in(call):
                place = f"{path.relative_to(PACKAGE)}:{expression.lineno}"
                yield from ((place, expression, text) for text in texts_of(expression, constants))


def spoken_in(call: ast.Call) -> list[ast.expr]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name == "say":
        return call.args[:1]
    if name not in ERRORS:
        return []
    return [*call.args[:1], *(word.value for word in call.keywords if word.arg in ("advice", "kept"))]


def texts_of(expression: ast.expr, constants: dict[str, str]) -> list[str | None]:
    """Follow a literal, a constant of the module, or a choice between such."""
    if isinstance(expression, ast.Constant) and isinstance(expression.value, str):
        return [expression.value]
    if isinstance(expression, ast.Name) and expression.id in constants:
        return [constants[expression.id]]
    if isinstance(expression, ast.IfExp):
        return texts_of(expression.body, constants) + texts_of(expression.orelse, constants)
    return [None]


def constants_of(tree: ast.Module) -> dict[str, str]:
    assigned = (node for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant))
    return {
        target.id: node.value.value
        for node in assigned
        for target in node.targets
        if isinstance(target, ast.Name) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }


def places(template: str) -> list[str]:
    return sorted(name for _, name, _, _ in string.Formatter().parse(template) if name is not None)


def literal_strings(path: Path) -> set[str]:
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_every_sentence_has_its_chinese_twin() -> None:
    """What is raised or said is a template of the catalogue."""
    spoken = {text: place for path in sources() for place, _, text in templates_of(path) if text}
    missing = [f"{place}: {text!r}" for text, place in spoken.items() if text not in CHINESE]
    assert not missing, "no Chinese for\n" + "\n".join(missing)


def test_templates_are_literals() -> None:
    """A sentence that is put together elsewhere could not be found in the catalogue."""
    built = [
        f"{place}: {ast.unparse(expression)}"
        for path in sources()
        if path.name not in NOT_LITERAL
        for place, expression, text in templates_of(path)
        if text is None
    ]
    assert not built, "write these as literal templates with facts:\n" + "\n".join(built)


@pytest.mark.parametrize("english", sorted(CHINESE))
def test_twins_have_the_same_places(english: str) -> None:
    """A fact that the English sentence names, the Chinese one names too, and no other."""
    assert places(CHINESE[english]) == places(english)


def test_no_translation_is_left_over() -> None:
    """A sentence that nobody says any more leaves the catalogue."""
    said = {text for path in sources() if path.name != "_words_zh.py" for text in literal_strings(path)}
    assert not set(CHINESE) - said - SPOKEN_BY_THE_ERRORS


def test_the_words_for_billing_are_in_the_catalogue() -> None:
    """They are said with every error."""
    assert set(CHINESE) >= SPOKEN_BY_THE_ERRORS
    assert say("billed: no", "zh") != "billed: no"
