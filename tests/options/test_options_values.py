"""Values as people write them, in lines and as keyword arguments."""

from __future__ import annotations

import json
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lines import PROMPT, options_of, refusal, sendable
from now_jupyter._options import OPTIONS
from now_jupyter._options._parsing import Parsed, parse_cell, parse_keywords, parse_line
from now_jupyter._options._readers import read_size
from now_jupyter._options._typed import Deferred


@pytest.mark.parametrize(
    ("typed", "size"),
    [
        *(("1024x1024", "1024x1024"), ("1024X768", "1024x768"), ("1024×768", "1024x768"), ("1024*768", "1024x768")),
        *(("16:9", "16:9"), ("16：9", "16:9"), ("03:4", "3:4"), ("auto", "auto"), ("AUTO", "auto")),
        *(("square", "square"), ("方", "square"), ("竖", "portrait"), ("横", "landscape"), ("Portrait", "portrait")),
        *(("2K", "2K"), ("4k", "4K"), ("１Ｋ", "1K"), ("Adaptive", "adaptive")),
    ],
)
def test_sizes_have_one_form(typed: str, size: str) -> None:
    """However a size is typed, one form of it goes on; reading it again changes nothing."""
    assert options_of(f"-s {typed}") == {"size": size}
    assert read_size(size) == size


@pytest.mark.parametrize(
    ("typed", "right"),
    [
        *(
            (f"-s {size}", "1024x1024, a ratio such as 16:9")
            for size in ("big", "1024", "0x5", "16:0", "1x2x3", "-1x5")
        ),
        *((f"-n {n}", "a whole number from 1 to 100") for n in ("0", "101", "-1", "2.0", "two", "1_0", "9" * 5000)),
        *((f"--seed {seed}", "a whole number, 0 or greater") for seed in ("-1", "x", "1.5", "9" * 5000)),
        *((f"--compression {n}", "from 0 to 100") for n in ("-1", "101", "x")),
        *((f"--timeout {time}", "more than 0") for time in ("0", "-3", "nan", "inf", "1e999", "soon")),
        ("--show all", "preview, full, text or none"),
        *((f"-o {name}", "a Python name") for name in ("2fox", "a-b", "class", "_", "_1")),
        ("--tag *", "give a word"),
        ('-m "a\nb"', "a name such as"),
        ("-p x", "KEY=VALUE"),
        ("-p =1", "for example"),
        ("-p 1x=1", "for example"),
        ("-p prompt=x", "the prompt"),
        ("-p model=x", "use --model"),
        ("-p n=4", "use --n"),
    ],
)
def test_a_wrong_value_is_refused_with_what_would_be_right(typed: str, right: str) -> None:
    """Nothing doubtful is sent."""
    assert right in refusal(options_of, typed)


def test_values_have_their_types() -> None:
    """Numbers are numbers; names are normalised as Python does."""
    line = "-n ４ --seed 0 --compression 100 --timeout 1.5 --show Full -o ｆｏｘ --no-wait --dry-run -y --literal"
    assert options_of(line) == {
        "n": 4,
        "seed": 0,
        "compression": 100,
        "timeout": 1.5,
        "show": "full",
        "output": "fox",
        "no_wait": True,
        "dry_run": True,
        "yes": True,
        "literal": True,
    }


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ('{"a": [1, 2], "b": "it\'s \\"so\\" {x}"}', {"a": [1, 2], "b": 'it\'s "so" {x}'}),
        ('[1, "a b"]', [1, "a b"]),
        ('"a \\"b\\" c"', 'a "b" c'),
        ("{}", {}),
        *(("5", 5), ("1.5", 1.5), ("true", True), ("null", None), ("low", "low"), ("", ""), ("a=b", "a=b")),
        *(("'5'", "5"), ("“a b”", "a b"), ("'[draft] x'", "[draft] x"), ("C:\\x", "C:\\x"), ("it's", "it's")),
        *(("NaN", "NaN"), ("1e999", "1e999"), ("-Infinity", "-Infinity"), ("007", "007"), ("9" * 5000, "9" * 5000)),
    ],
)
def test_a_field_is_json_or_text(typed: str, value: object) -> None:
    """JSON may hold blanks; what is no JSON is text, and quotes make text of JSON."""
    for line in (f"-p key={typed}", f"--param=key={typed}", f"-pkey={typed}", f"-p key＝{typed}"):
        assert parse_line(f"{line} a fox") == Parsed(prompt=PROMPT, options={"param": {"key": value}})


@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**64) + 1, 2**64 - 1) | sendable(), st.lists))
def test_any_json_survives_the_line(value: object) -> None:
    """What is typed as JSON arrives as that JSON."""
    assert options_of(f"-p k={json.dumps(value)}")["param"] == {"k": value}
    assert options_of(f"-p k={json.dumps({'x': value}, ensure_ascii=False)}")["param"] == {"k": {"x": value}}


@pytest.mark.parametrize(
    "typed", ['{"a": 1', "[1, 2", '"a b', "[NaN]", "[1]x", "[" * 100_000, "[" * 500 + "]" * 500, '{"a" 1}']
)
def test_a_field_that_begins_like_json_must_be_json(typed: str) -> None:
    """A slip in JSON is not sent as text."""
    refusal(parse_cell, f"-p key={typed}", PROMPT)


@pytest.mark.parametrize("one", [one for one in OPTIONS if one.metavar and one.name not in ("param", "tag", "image")])
def test_every_value_may_be_a_variable(one: object) -> None:
    """`{name}` passes unread, whatever the option."""
    name, flag = getattr(one, "name"), getattr(one, "flags")[0]  # noqa: B009 - Option is told by its own test
    assert options_of(f"{flag} {{x.y[0]}}") == {name: Deferred("x.y[0]")}
    assert options_of(f"{flag}=\"{{x['a b']}}\"") == options_of(f"{flag} {{x['a b']}}") == {name: Deferred("x['a b']")}


def test_fields_and_tags_may_be_variables() -> None:
    """Also the whole of `-p`, and one tag of several."""
    assert options_of("-p a={x} -p {more} --tag {t} --tag b") == {
        "param": {"a": Deferred("x"), "{more}": Deferred("more")},
        "tag": (Deferred("t"), "b"),
    }


def test_python_accepts_what_the_line_accepts() -> None:
    """The same options, values and results."""
    line = "-m x -n 2 -s 16：9 --format webp --seed 7 --timeout 90 --tag a --tag b -p moderation=low -p x=[1,2] --fresh"
    keywords = {
        "model": "x",
        "n": 2,
        "size": "16：9",
        "format": "webp",
        "seed": np.int64(7),
        "timeout": 90.0,
        "tag": ["a", "b"],
        "params": {"moderation": "low", "x": (1, np.int64(2))},
        "fresh": True,
        "reuse": None,
        "quality": None,
    }
    assert parse_keywords(PROMPT, keywords) == parse_line(f"{line} {PROMPT}")
    assert parse_keywords(PROMPT, {"reuse": False}).options == {"fresh": True}
    assert parse_keywords(PROMPT, {"save": Path("a b.png"), "tag": "x"}).options == {"save": "a b.png", "tag": ("x",)}


@pytest.mark.parametrize(
    ("keywords", "says"),
    [
        ({"sizes": "1:1"}, "did you mean size?"),
        ({"param": {"a": 1}}, "did you mean params?"),
        ({"dry_run": True}, "dry_run is an option of cells"),
        ({"no_wait": True}, "nj.submit goes on at once"),
        ({"help": True}, "help is no option"),
        ({"moderation": "low"}, "params={…}"),
        ({"n": 0}, "a whole number from 1 to 100"),
        ({"n": True}, "--n cannot be of type bool"),
        ({"n": 10**5000}, "--n cannot be of type int"),
        ({"n": Fraction(10**5000, 3)}, "--n cannot be of type Fraction"),
        ({"n": float("nan")}, "--n cannot be of type float"),
        ({"n": "{n}"}, "is not a number of pictures"),
        ({"size": (1, 2)}, "--size cannot be of type tuple"),
        ({"alt": ""}, "--alt needs a value"),
        ({"fresh": 1}, "give True or False"),
        ({"reuse": True, "fresh": True}, "contradict"),
        ({"params": "a=1"}, "params is of type str"),
        ({"params": {"a": object()}}, "type object cannot go"),
        ({"params": {"a": {1: 2}}}, "type dict cannot go"),
        ({"params": {"a": float("inf")}}, "type float cannot go"),
        ({"params": {5: 1}}, "5 is not the name of a field"),
        ({"params": {"prompt": "x"}}, "the prompt cannot be set with"),
        ({"params": {"size": "x"}, "size": "1:1"}, "--size and -p size set the same field"),
    ],
)
def test_python_refuses_what_the_line_refuses(keywords: Mapping[str, object], says: str) -> None:
    """The same checks, in the same words."""
    assert says in refusal(parse_keywords, PROMPT, keywords)


def test_a_list_that_holds_itself_is_refused() -> None:
    """Depth has an end."""
    endless: list[object] = []
    endless.append(endless)
    assert "type list cannot go" in refusal(parse_keywords, PROMPT, {"params": {"a": endless}})


def test_a_prompt_is_text() -> None:
    """A picture or a list in the place of the prompt is told."""
    assert "the prompt is of type list, not text" in refusal(parse_keywords, ["a"], {})
