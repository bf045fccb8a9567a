"""Variables in prompts and in option values."""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Callable, Mapping
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from now_jupyter._messages import InputError
from now_jupyter._options._parsing import Parsed, parse_cell, parse_line
from now_jupyter._options._prompts import fill, interpolate


class Touchy:
    """Nothing about it can be read."""

    def __getattr__(self, name: str) -> object:
        raise RuntimeError(name)

    def __getitem__(self, key: object) -> object:
        raise RuntimeError(str(key))

    def __str__(self) -> str:
        raise RuntimeError("str")


NAMES: Mapping[str, object] = {
    "color": "red",
    "n": 3,
    "none": None,
    "猫": "cat",
    "cfg": SimpleNamespace(size="16:9", deep=SimpleNamespace(items_=["a", {"k k": "v"}]), _hidden="no"),
    "rows": ["first", "last"],
    "table": {"it's": 1, "a": {"b": "ab"}, 0: "zero"},
    "array": np.array([1.5, 2.5]),
    "touchy": Touchy(),
    "braces": "{color}",
    "math": math,
    "paint": lambda: "paint",
    "_private": "p",
}


def refusal(call: Callable[..., object], *arguments: object, **more: object) -> str:
    with pytest.raises(InputError) as caught:
        call(*arguments, **more)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return str(caught.value)


def filled(line: str, names: Mapping[str, object] = NAMES) -> Mapping[str, object]:
    return fill(parse_cell(line, "a fox"), names, literal=False).options


# Prompts


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ("a {color} fox", "a red fox"),
        ("{color}{n}", "red3"),
        ("{猫}", "cat"),
        ("{none}", "None"),
        ("{cfg.size}", "16:9"),
        ("{cfg.deep.items_[1]['k k']}", "v"),
        ("{rows[0]} {rows[-1]}", "first last"),
        ('{table["it\'s"]} {table[\'a\']["b"]} {table[0]}', "1 ab zero"),
        ("{array[1]}", "2.5"),
        ("{_private}", "p"),
        ('{"color": {color}}', '{"color": red}'),
        ("${n}", "$3"),
        ("{braces}", "{color}"),
    ],
)
def test_existing_names_become_their_values(prompt: str, text: str) -> None:
    """Names, attributes and items; what comes in is not looked at again."""
    assert interpolate(prompt, NAMES) == text


@pytest.mark.parametrize(
    "prompt",
    [
        *("{unknown}", "{unknown.color}", "{}", "{0}", "{ color }", "{color!r}", "{color:>9}", "{n + 1}", "{paint()}"),
        *("{{color}}", "{{{color}}}", "$color", "{color", "color}", "{red|blue}", "{a, b}", '{"color": "color"}'),
        *("{cfg._hidden}", "{cfg.__class__}", "{color.}", "{rows[n]}", "{rows[0:1]}", "{rows[ 0 ]}", "\\{", "{\n}"),
    ],
)
def test_all_else_stays_as_typed(prompt: str) -> None:
    """Nothing is evaluated, nothing collapsed."""
    assert interpolate(prompt, NAMES) == prompt


@given(st.text())
def test_without_names_nothing_changes(text: str) -> None:
    """No name exists, so no brace means anything."""
    assert interpolate(text, {}) == text


@given(st.text(alphabet="{}[].'\"$color_n 0\\"))
def test_braces_never_end_in_another_error(text: str) -> None:
    """Whatever the braces hold, the text comes back or is refused."""
    try:
        assert isinstance(interpolate(text, NAMES), str)
    except InputError as refused:
        assert refused.lines()  # noqa: PT017 - either outcome is right


@given(st.text(), st.text(), st.text())
def test_only_the_reference_is_replaced(before: str, value: str, after: str) -> None:
    """What stands around a reference stays, and so does every sign of the value."""
    if not before.endswith("{") and "{" not in before + after:
        assert interpolate(f"{before}{{x}}{after}", {"x": value}) == f"{before}{value}{after}"


@pytest.mark.slow
@given(st.dictionaries(st.text(), st.recursive(st.none() | st.integers(), st.lists), min_size=1))
def test_json_is_text(form: dict[str, object]) -> None:
    """A prompt in JSON is not touched."""
    text = json.dumps(form, ensure_ascii=True)
    if text.count("{") == 1:
        assert interpolate(text, NAMES) == text


@pytest.mark.parametrize(
    ("prompt", "near"),
    [("a {colour} fox", "color"), ("{Color}", "color"), ("{row}", "rows"), ("{arary}", "array")],
)
def test_a_near_miss_is_refused_before_paying(prompt: str, near: str) -> None:
    """A misspelt variable would be drawn with its braces."""
    text = refusal(interpolate, prompt, NAMES)
    assert f"is not defined; did you mean {{{near}}}?" in text
    assert "--literal" in text


@pytest.mark.parametrize(
    "prompt", ["{privat}", "{_privat}", "{maths}", "{paints}", "{Outs}", "{{colour}}", "{colour.x}"]
)
def test_a_near_miss_is_one_of_the_users_own_variables(prompt: str) -> None:
    """Hidden names, modules, functions and IPython's own are nobody's misspelling."""
    assert interpolate(prompt, {**NAMES, "Out": {}}) == prompt


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        *(("{rows[2]}", "IndexError"), ("{rows['a']}", "TypeError"), ("{n[0]}", "TypeError")),
        *(("{table['b']}", "KeyError"), ("{cfg.colour}", "AttributeError"), ("{touchy}", "RuntimeError")),
        *(("{touchy.x}", "RuntimeError"), ("{touchy[0]}", "RuntimeError")),
    ],
)
def test_a_part_that_is_not_there_is_refused(prompt: str, reason: str) -> None:
    """The name exists, so it was meant; what went wrong is told."""
    text = refusal(interpolate, prompt, NAMES)
    assert f"{prompt} cannot be read: {reason}" in text


@pytest.mark.parametrize("prompt", ["{math}", "{paint}", "{math.floor}", "{rows.append}"])
def test_modules_and_functions_are_no_text(prompt: str) -> None:
    """Nobody pays for the picture of `<function …>`."""
    assert f"{prompt} is of type " in refusal(interpolate, prompt, NAMES)


def test_an_interrupt_while_reading_a_variable_goes_through() -> None:
    """Stopping the cell is no error of the variable."""

    class Slow:
        def __str__(self) -> str:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interpolate("{x}", {"x": Slow()})


# Filling what was parsed


def test_filling_completes_prompt_and_options() -> None:
    """Variables in the prompt, and values that are wholly one."""
    parsed = parse_line("-n {n} --size {cfg.size} --alt 'a {color}' a {color} fox")
    assert fill(parsed, NAMES, literal=False) == Parsed(
        prompt="a red fox", options={"n": 3, "size": "16:9", "alt": "a {color}"}
    )


def test_literal_leaves_the_prompt_alone() -> None:
    """Braces, near misses and all; option values are looked up nevertheless."""
    parsed = parse_line("--literal -n {n} a {color} {colour}")
    assert fill(parsed, NAMES, literal=True) == Parsed(prompt="a {color} {colour}", options={"literal": True, "n": 3})


def test_what_needs_no_filling_is_unchanged() -> None:
    """Filling once more, or without variables, changes nothing."""
    parsed = parse_cell("-s 16:9 -n 2 --tag a --tag b -p x=[1] -p y=true --fresh --alt “b”", "a fox")
    assert fill(parsed, {}, literal=False) == parsed
    assert fill(Parsed(prompt="", help=True), {}, literal=False).help


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("-n {x}", {"n": 4}),
        ("--timeout {x}", {"timeout": 4.0}),
        ("-m {s}", {"model": "dall-e-3"}),
        ("--tag {s} --tag b", {"tag": ("dall-e-3", "b")}),
        ("--tag {many} --tag b", {"tag": ("p", "q", "b")}),
        ("-p a={x} -p b={s} -p c={many}", {"param": {"a": 4, "b": "dall-e-3", "c": ["p", "q"]}}),
        ("-p {more} -p a=1", {"param": {"u": [1.5], "v": {"w": None}, "a": 1}}),
    ],
)
def test_a_variable_counts_as_typed(line: str, options: Mapping[str, object]) -> None:
    """Also NumPy's numbers, lists of tags, and dicts of fields."""
    names = {"x": np.int64(4), "s": "dall-e-3", "many": ["p", "q"], "more": {"u": (np.float64(1.5),), "v": {"w": None}}}
    assert filled(line, names) == options


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("-n {color}", "red is not a number of pictures"),
        ("-n {none}", "--n cannot be of type NoneType"),
        ("--negative {rows}", "--negative cannot be of type list"),
        ("--save {math}", "--save cannot be of type module"),
        ("-n {m}", "{m} is not defined"),
        ("-n {colour}", "{colour} is not defined; did you mean {color}?"),
        ("-n {cfg.m}", "{cfg.m} cannot be read: AttributeError"),
        ("-p a={touchy}", "type Touchy cannot go into a request"),
        ("-p {color}", "params is of type str, not a dict"),
        ("-p a=1 -p {same}", "-p a is given twice"),
        ("--style vivid -p {form}", "--style and -p style set the same field"),
        ("-p {model}", "use --model"),
        ("-p a={unknown}", "{unknown} is not defined"),
        ("--alt {empty}", "--alt needs a value"),
        ("--alt {nul}", "NUL"),
    ],
)
def test_a_variable_is_checked_as_typed(line: str, says: str) -> None:
    """What could not be typed cannot come from a variable either."""
    names = {
        **NAMES,
        "same": {"a": 2},
        "form": {"style": "natural"},
        "model": {"model": "x"},
        "empty": "",
        "nul": "\0",
    }
    assert says in refusal(filled, line, names)


@pytest.mark.parametrize(
    ("value", "says"),
    [("", "there is no prompt"), ("x" * 70_000, "too long"), ("\0", "NUL"), ("\ud800", "half a character")],
)
def test_the_prompt_is_checked_with_its_values(value: str, says: str) -> None:
    """Variables can make a prompt empty, too long or unsendable."""
    assert says in refusal(fill, parse_line("{x}"), {"x": value}, literal=False)


def test_a_variable_that_holds_a_key_is_refused() -> None:
    """A key reaches neither prompt nor option by way of a variable."""
    key = "sk-" + secrets.token_hex(16)
    for line in ("a {x} fox", "--alt {x} a fox", "-p a={x} a fox", "-p {y} a fox"):
        text = refusal(fill, parse_line(line), {"x": key, "y": {"a": [key]}}, literal=False)
        assert "looks like an API key" in text
        assert key not in text
