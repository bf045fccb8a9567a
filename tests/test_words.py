"""Every sentence that is said to people has its Chinese twin, with the same places."""

from __future__ import annotations

import ast
import json
import re
import string
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

import now_jupyter
from now_jupyter._ipython._commands import COMMANDS
from now_jupyter._messages import Language, _errors, load_chinese, say
from now_jupyter._options import OPTIONS, usage
from now_jupyter._panel._assets import LABELS
from now_jupyter._values import Status
from sources import nodes_of, tree_of

PACKAGE = Path(now_jupyter.__file__).parent
CATALOGUE = PACKAGE / "_messages" / "zh.json"
CHINESE = load_chinese()
ERRORS = {name for name in _errors.__all__ if isinstance(getattr(_errors, name), type)}
SPOKEN_BY_THE_ERRORS = {f"billed: {word}" for word in ("no", "maybe", "yes")}  # built in `lines`, from the three words
NOT_LITERAL = {"_errors.py", "_record.py"}  # they pass on, or read, the templates of others
SENTENCES = {"what", "template", "advice", "kept"}
TABLES = {*LABELS.values(), *Status, *(one.help for one in (*OPTIONS, *COMMANDS))}  # said by a loop over the table
PASS_ON = {
    "_text.py": "status",
    "_assets.py": "template",
    "_table.py": "one.help",
    "_commands.py": "one.help",
}  # which says these
COMMAND = re.compile(r"%now ([\w{}]+)")
ALIAS = {one.name: one.chinese for one in COMMANDS} | {"{near}": "{chinese}", "{word}": "{word}"}
VERBS = {"has", "shows"}  # what a bare %now does
CHINESE_SIGN = re.compile(r"[\u4e00-\u9fff]")
LONGEST_WORD = 5  # what is typed or read in Chinese (`竖`, `登录`, a relay's words) is shorter than a sentence


def sources() -> list[Path]:
    """Give the sources that say something: not the demo, which is no part of us."""
    paths = sorted(PACKAGE.rglob("*.py"))
    return [path for path in paths if "demo" not in path.relative_to(PACKAGE).parts]


@cache
def templates_of(path: Path) -> tuple[tuple[str, ast.expr, str | None], ...]:
    """Give the place, the expression and the text (None: it is no literal) of every template in a source."""
    return tuple(find_templates(path))


def find_templates(path: Path) -> Iterator[tuple[str, ast.expr, str | None]]:
    constants = constants_of(tree_of(path))
    for node in nodes_of(path):
        if isinstance(node, ast.Call | ast.Assign):
            for expression in spoken_in(node) if isinstance(node, ast.Call) else assigned_in(node):
                place = f"{path.relative_to(PACKAGE)}:{expression.lineno}"
                yield from ((place, expression, text) for text in texts_of(expression, constants))


def spoken_in(call: ast.Call) -> list[ast.expr]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name == "say":
        return call.args[:1]
    if name not in ERRORS | {"Failure", "_Meaning"}:
        return []
    positional = call.args[:1] if name in ERRORS else []
    return [*positional, *(word.value for word in call.keywords if word.arg in SENTENCES)]


def assigned_in(assign: ast.Assign) -> list[ast.expr]:
    """Return the sentence that is put into an error afterwards; a name or number passes on what is said elsewhere."""
    names = {target.attr for target in assign.targets if isinstance(target, ast.Attribute)}
    is_number = isinstance(assign.value, ast.Constant) and not isinstance(assign.value.value, str)
    return [] if is_number or isinstance(assign.value, ast.Name) or not names & SENTENCES else [assign.value]


def texts_of(expression: ast.expr, constants: dict[str, str]) -> list[str | None]:
    """Follow a literal, a constant of the module, or a choice between such."""
    if isinstance(expression, ast.Constant) and isinstance(expression.value, str):
        return [expression.value]
    if isinstance(expression, ast.Name) and expression.id in constants:
        return [constants[expression.id]]
    if isinstance(expression, ast.BoolOp):
        return [text for one in expression.values if isinstance(one, ast.Constant) for text in texts_of(one, constants)]
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
    return {node.value for node in nodes_of(path) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


@pytest.mark.slow
def test_the_whole_package_is_looked_at() -> None:
    """Every package that says something is among the sources, and each has been heard."""
    speaking = {path.relative_to(PACKAGE).parts[0] for path in sources() if templates_of(path)}
    packages = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert packages - speaking <= {"_background", "_json", "demo"}


@pytest.mark.slow
def test_every_sentence_has_its_chinese_twin() -> None:
    """What is raised or said is a template of the catalogue."""
    spoken = {text: place for path in sources() for place, _, text in templates_of(path) if text}
    spoken |= dict.fromkeys(TABLES, "a table")
    missing = [f"{place}: {text!r}" for text, place in spoken.items() if text not in CHINESE]
    assert not missing, "no Chinese for\n" + "\n".join(missing)


def test_templates_are_literals() -> None:
    """A sentence that is put together elsewhere could not be found in the catalogue."""
    built = [
        f"{place}: {ast.unparse(expression)}"
        for path in sources()
        if path.name not in NOT_LITERAL
        for place, expression, text in templates_of(path)
        if text is None and ast.unparse(expression) != PASS_ON.get(path.name)
    ]
    assert not built, "write these as literal templates with facts:\n" + "\n".join(built)


def test_twins_have_the_same_places() -> None:
    """A fact that the English sentence names, the Chinese one names too, and no other."""
    unlike = [english for english, chinese in CHINESE.items() if places(chinese) != places(english)]
    assert not unlike, "other places in the Chinese of\n" + "\n".join(unlike)


def test_no_translation_is_left_over() -> None:
    """A sentence that nobody says any more leaves the catalogue."""
    said = {text for path in sources() for text in literal_strings(path)} | TABLES
    assert not set(CHINESE) - said - SPOKEN_BY_THE_ERRORS


def test_the_catalogue_is_sorted_with_a_pair_a_line() -> None:
    """So that two changes of it meet only where they concern one sentence, and none is translated twice."""
    ordered = json.dumps(CHINESE, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    assert CATALOGUE.read_text(encoding="utf-8") == ordered


def test_english_needs_no_catalogue() -> None:
    """It is read once, and only by who reads Chinese."""
    load_chinese.cache_clear()
    assert say("billed: no") == "billed: no"
    assert load_chinese.cache_info().currsize == 0
    assert say("billed: no", "zh") == say("billed: no", "zh") != "billed: no"
    assert load_chinese.cache_info().misses == 1


def test_there_is_one_catalogue() -> None:
    """No Chinese sentence is written elsewhere, beside no English one."""
    elsewhere = [
        f"{path.relative_to(PACKAGE)}: {text}"
        for path in sources()
        for text in literal_strings(path) - docstrings(path)
        if len(CHINESE_SIGN.findall(text)) > LONGEST_WORD
    ]
    assert not elsewhere


def docstrings(path: Path) -> set[str]:
    alone = (node.value for node in nodes_of(path) if isinstance(node, ast.Expr))
    return {node.value for node in alone if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_a_chinese_sentence_names_commands_in_chinese() -> None:
    """The same commands, each by its alias, as the table of commands has it."""
    naming = [english for english in CHINESE if COMMAND.search(english)]
    unlike = [english for english in naming if not names_the_same_commands(english, CHINESE[english])]
    assert naming
    assert not unlike, "other commands in the Chinese of\n" + "\n".join(unlike)


def names_the_same_commands(english: str, chinese: str) -> bool:
    named = [word for word in COMMAND.findall(english) if word not in VERBS]
    in_chinese = COMMAND.findall(chinese)
    if not set(named) <= set(ALIAS) or set(in_chinese) & {one.name for one in COMMANDS}:
        return False
    return sorted(word for word in in_chinese if word in ALIAS.values()) == sorted(ALIAS[word] for word in named)


def test_the_help_is_whole_in_both_languages() -> None:
    """Nothing of the page is left to be filled in."""
    assert all("{rows}" not in usage(language) for language in get_args(Language))


def test_the_words_for_billing_are_in_the_catalogue() -> None:
    """They are said with every error."""
    assert set(CHINESE) >= SPOKEN_BY_THE_ERRORS
    assert say("billed: no", "zh") != "billed: no"
