"""The files of the panel's script, and how they are joined; tsc and biome check what stands in them (`make lint`)."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any

import pytest

from now_jupyter._panel import _assets
from now_jupyter._panel._messages import ACTIONS

LONGEST_LINE = 120
STATIC = files(_assets.__package__).joinpath("static")
SOURCES = {one.name: one.read_text("utf-8") for one in STATIC.iterdir() if one.name.endswith((".js", ".ts"))}


def test_every_file_is_joined_after_those_it_imports() -> None:
    """The joined script holds each file once; a class or constant stands before what uses it at once."""
    scripts = {name: text for name, text in SOURCES.items() if name not in ("loader.js", "types.d.ts")}
    names = list(_assets.in_order(scripts))
    assert sorted(names) == sorted(scripts)
    for at, name in enumerate(names):
        wanted = re.findall(r'^import .* from "\./(.*)";$', SOURCES[name], re.MULTILINE)
        assert set(wanted) <= set(names[:at]), name


def test_no_two_files_name_the_same() -> None:
    """They are joined into one scope."""
    declared = r"^(?:export )?(?:async )?(?:const|let|function\*?|class) (\w+)"
    scripts = [text for name, text in SOURCES.items() if name not in ("loader.js", "types.d.ts")]
    names = [name for text in scripts for name in re.findall(declared, text, re.MULTILINE)]
    assert [name for name in set(names) if names.count(name) > 1] == []


def test_joining_takes_away_comments_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cast at the beginning of a line stays with what it casts, and so does all up to the next comment."""
    code = "const b =\n  /** @type {B} */ (a);\nconst c = 1;\n"
    source = f'import {{ a }} from "./wire.js";\n/** Why. */\nexport {code}  // Why.\n/**\n * Why.\n */\n'
    monkeypatch.setattr(_assets, "_file", lambda name: source if name == "dom.js" else "")
    joined = _assets.script.__wrapped__()
    assert joined == code


def test_the_script_knows_the_actions_of_the_kernel() -> None:
    """The closed list is the same on both sides, field by field."""
    types = SOURCES["types.d.ts"]
    table = re.search(r"interface Actions \{\n(.*?)\n\}", types, re.DOTALL)
    assert table is not None
    asked: dict[str, Any] = dict(re.findall(r"^  (\w+): \{ asks: (.*?); answers: ", table[1], re.MULTILINE))
    named = {"Nothing": set(), **{name: _fields(_body(name)) for name in ("Query", "Marked", "Spot", "Pressed")}}
    fields = {
        name: set().union(*(named.get(part, _fields(part)) for part in parts.split(" & ")))
        for name, parts in asked.items()
    }
    assert fields == {name: set(form.__struct_fields__) for name, form in ACTIONS.items()}


def _body(name: str) -> str:
    found = re.search(rf"interface {name} \{{(.*?)\n\}}", SOURCES["types.d.ts"], re.DOTALL)
    assert found is not None
    return found[1]


def _fields(form: str) -> set[str]:
    """The names of the fields, but not those inside a tuple."""
    return set(re.findall(r"(\w+): ", re.sub(r"\[.*?\]", "", form)))


def test_no_two_files_use_one_name() -> None:
    """Joined, the files share one scope: a name at the top of one is that of no other."""
    texts = [text for name, text in SOURCES.items() if name not in ("loader.js", "types.d.ts")]
    pattern = r"^(?:export )?(?:async )?(?:const|let|class|function) (\w+)"
    names = [name for text in texts for name in re.findall(pattern, text, re.MULTILINE)]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_lines_can_be_read(name: str) -> None:
    """The formatter breaks code; what it leaves long are comments and strings."""
    assert [line for line in SOURCES[name].splitlines() if len(line) > LONGEST_LINE] == []
