"""The list of defences fits the sources: `make defences` proves them one by one, this holds that it still can."""

from __future__ import annotations

import ast
import functools

from defences import DEFENCES, Defence
from house import ROOT
from test_rows import rows_of_the_table


@functools.cache
def rows_proved_by(test: str) -> frozenset[str]:
    """The rows that the marks of a test name; none where there is no such test."""
    path, _, name = test.partition("::")
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    functions = [one for one in tree.body if isinstance(one, ast.FunctionDef) and one.name == name.partition("[")[0]]
    marks = [mark for one in functions for mark in one.decorator_list if isinstance(mark, ast.Call)]
    return frozenset(str(ast.literal_eval(one.args[0])) for one in marks if ast.unparse(one.func) == "pytest.mark.row")


def what_is_wrong_with(one: Defence) -> str:
    source = (ROOT / one.path).read_text("utf-8")
    try:
        without = one.taken_out(source)
        compile(without, one.path, "exec")
    except (ValueError, SyntaxError) as problem:
        return str(problem)
    if without == source:
        return "nothing is taken out"
    return "" if one.row in rows_proved_by(one.test) else f"{one.test} does not prove {one.row}"


def test_every_defence_can_be_taken_out() -> None:
    """Its text stands in the source once, without it the source is another one that compiles, and the test that is
    named for it is there and bears the mark of its row.
    """
    wrong = [f"{one.row} {one.says}: {problem}" for one in DEFENCES if (problem := what_is_wrong_with(one))]
    assert not wrong, "\n".join(wrong)


def test_every_row_has_a_defence() -> None:
    """No row of the table is without a defence, and there is none of a row that is not in the table."""
    assert {one.row for one in DEFENCES} == rows_of_the_table()


def test_no_defence_is_told_twice() -> None:
    """What a row says of a defence is said once."""
    assert len({(one.row, one.says) for one in DEFENCES}) == len(DEFENCES)
