"""What a magic sends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from now_jupyter._messages import InputError
from shells import SMALL, Listener, Shell, shell_in


@pytest.fixture
def wired(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, relay: Listener
) -> Iterator[Shell]:
    """A shell whose relay listens on a real socket."""
    folder = tmp_path_factory.mktemp("wired")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("NOW_BASE_URL", relay.address)
    relay.bodies.clear()
    with shell_in(folder / "ipython", progress_after=600.0, reuse="never") as shell:
        shell.run("%load_ext now_jupyter")
        yield shell


LINES = [
    "a red fox",
    "it's a fox",
    'say "hello" and don\'t stop',
    'an unclosed " quote',
    "fox # not a comment",
    "is it a fox?",
    "is it a fox??",
    "fox; ",
    "fox;",
    "fox\\",
    "C:\\temp\\new",
    '{"scene": "fox", "n": [1, 2], "deep": {"a": null}}',
    "costs $key and ${key} at $5",
    "{{x}} and {} and {0} and {no_such_name_here}",
    "雪地里的红狐狸，“傍晚”——小船",
    "fox 🦊👩‍👩‍👧 party",
    "fox  two   spaces\tand\ttabs",
    "fox -- and --ar 16:9 --tile",
    "fox, 50% off, %time, !ls, @home, `tick`",
    "x = fox",
    "a fox <b>bold</b> & [x](y)",
    "fox \x0c form feed \u2028 line separator \x85 next line",
]

BODIES = [
    *LINES,
    "first\n\n\nsecond\n   indented\n\tand tabbed",
    "\n\nleading blank lines",
    "trailing blank lines\n\n\n",
    ">>> fox\n... dog\n>>> cat",
    "In [1]: fox\n   ...: dog",
    "%%time\n%cd /",
    "!rm nothing",
    "fox --ar 16:9 --size 3 -n 7",
    "-n 4 looks like an option",
    "# a heading\n# another",
    "#not an option\n#| of a cell",
    "'''triple''' \"\"\"quotes\"\"\" \\' \\n \\x41 \\",
    "first\r\nsecond\r\nthird",
    "?fox",
    "fox?\n",
    "    an indented line",
    "ends with spaces   ",
]


@pytest.mark.slow
def test_a_body_goes_out_as_it_was_typed(wired: Shell, relay: Listener) -> None:
    """All of the body but one final newline is the prompt, byte for byte."""
    for body in BODIES:
        wired.run(f"%%nowimage {SMALL}\n{body}")
        assert relay.bodies[-1]["prompt"] == body.removesuffix("\n")
    assert len(relay.bodies) == len(BODIES)


@pytest.mark.slow
def test_a_line_goes_out_as_it_was_typed(wired: Shell, relay: Listener) -> None:
    """Behind the options everything up to the end of the line is the prompt, byte for byte."""
    for line in LINES:
        wired.run(f"%nowimage {SMALL} {line}")
        assert relay.bodies[-1]["prompt"] == line
    assert len(relay.bodies) == len(LINES)


@pytest.mark.parametrize(
    "before", ["%%nowimage {}\n#| label: fig-fox\n#| fig-cap: A fox\n", "#| echo: false\n\n%%nowimage {}\n"]
)
def test_lines_of_document_tools_are_no_part_of_a_prompt(wired: Shell, relay: Listener, before: str) -> None:
    """Options of Quarto stand at the top of a cell, above or below the magic; `--literal` sends them."""
    cell = before.format(SMALL) + "a fox\n#| in snow"
    wired.run(cell)
    assert relay.bodies[-1]["prompt"] == "a fox\n#| in snow"
    wired.run(f"%%nowimage --literal {SMALL}\n#| label: fox")
    assert relay.bodies[-1]["prompt"] == "#| label: fox"


@pytest.mark.parametrize("second", ["%%nowimage -n 4\na hare", "  %nowimage a hare", "％％nowimage\na hare"])
def test_a_second_magic_in_a_cell_is_refused(wired: Shell, relay: Listener, second: str) -> None:
    """Two cells that became one are not paid for as one prompt; `--literal` says that it is meant."""
    error = wired.fail(f"%%nowimage {SMALL}\na fox\n{second}")
    assert isinstance(error, InputError)
    assert "a cell of its own" in error.next_step()
    assert relay.bodies == []
    wired.run(f"%%nowimage --literal {SMALL}\na fox\n{second}")
    assert relay.bodies[-1]["prompt"] == f"a fox\n{second}"


def test_the_blocking_way_sends_the_same(wired: Shell, relay: Listener) -> None:
    """Where a cell cannot await, prompts go out untouched too."""
    for line in ("it's a fox?", "fox;", "{{x}} $key", "fox\\"):
        wired.run(f"if True:\n    %nowimage {SMALL} {line}")
        assert relay.bodies[-1]["prompt"] == line
    wired.run(f"%%time\n%nowimage {SMALL} it's timed?")
    assert relay.bodies[-1]["prompt"] == "it's timed?"


def test_ends_of_lines_of_windows_are_no_part_of_a_prompt(wired: Shell, relay: Listener) -> None:
    """In a cell with CRLF the last end of line is left away whole, those inside stay."""
    wired.run(f"%%nowimage {SMALL}\r\nfirst\r\nsecond\r\n")
    assert relay.bodies[-1]["prompt"] == "first\r\nsecond"
    wired.run(f"x = 1\r\n%nowimage {SMALL} a fox\r\ny = 2\r\n")
    assert relay.bodies[-1]["prompt"] == "a fox"
    assert wired.ip.user_ns["y"] == 2


def test_a_backslash_joins_lines(wired: Shell, relay: Listener) -> None:
    """As for every line magic, a final backslash continues on the next line."""
    wired.run(f"%nowimage {SMALL} a fox \\\n    in snow\nz = 1")
    assert relay.bodies[-1]["prompt"] == "a fox in snow"
    assert wired.ip.user_ns["z"] == 1


def test_variables_are_filled_in(wired: Shell, relay: Listener) -> None:
    """`{name}` is replaced where the name exists, also one of the function that runs, and `-n {n}` is looked up."""
    wired.run("colour = 'red'; n = 2; picked = {'a': ['x', 'blue']}")
    wired.run(f"%nowimage {SMALL} -n {{n}} a {{colour}} fox, {{picked['a'][1]}} sky, {{other}}")
    assert (relay.bodies[-1]["prompt"], relay.bodies[-1]["n"]) == ("a red fox, blue sky, {other}", 2)
    wired.run(f"def draw(animal, colour):\n    %nowimage {SMALL} a {{colour}} {{animal}}\ndraw('dog', 'green')")
    assert relay.bodies[-1]["prompt"] == "a green dog"
    wired.run(f"%%nowimage {SMALL} --literal\na {{colour}} fox")
    assert relay.bodies[-1]["prompt"] == "a {colour} fox"


def test_names_of_ipython_are_nobodys_variables(wired: Shell, relay: Listener) -> None:
    """`{open}` and `{In}` stay as typed."""
    wired.run(f"%nowimage {SMALL} an {{open}} door, {{In}} and {{exit}}")
    assert relay.bodies[-1]["prompt"] == "an {open} door, {In} and {exit}"


def test_a_misspelt_variable_is_refused_before_anything_is_sent(wired: Shell, relay: Listener) -> None:
    """A near miss of an existing name costs nothing."""
    wired.run("colour = 'red'")
    assert isinstance(wired.fail(f"%nowimage {SMALL} a {{color}} fox"), InputError)
    assert relay.bodies == []


def test_options_may_be_typed_full_width(wired: Shell, relay: Listener) -> None:
    """Option syntax takes the signs of a Chinese keyboard; the prompt keeps them."""
    wired.run("%%nowimage －m dall-e-2 ——size＝256×256\n狐狸，“雪”")
    assert relay.bodies[-1]["size"] == "256x256"
    assert relay.bodies[-1]["prompt"] == "狐狸，“雪”"


@pytest.mark.slow
@pytest.mark.parametrize("target", ["x", "o.a", "d['k']", "a, *b", "items[0]", "p.q[1]['z']"])
def test_a_result_can_be_assigned(shell: Shell, target: str) -> None:
    """`x = %nowimage …` keeps the prompt too, whatever stands before the sign."""
    shell.run("from types import SimpleNamespace as N\no = N(); d = {}; items = [0]; p = N(q=[0, {}])")
    if target == "a, *b":
        assert isinstance(shell.fail(f"{target} = %nowimage {SMALL} a fox"), TypeError)
        return
    shell.run(f"{target} = %nowimage {SMALL} it's a fox?")
    assert shell.run(f"{target}.prompt") == "it's a fox?"


@pytest.mark.slow
@pytest.mark.parametrize("line", ["--vary -1", "--vary #1", "--vary first"])
def test_a_variation_needs_no_prompt(shell: Shell, line: str) -> None:
    """Beside what is started from the prompt may be empty, on a line and in a cell; elsewhere it may not."""
    shell.run(f"%nowimage {SMALL} -o first fox\nempty = ''")
    assert shell.pictures(f"%nowimage {SMALL} {line}") == 1
    assert shell.pictures(f"%%nowimage {SMALL} {line}\n") == 1
    assert shell.session.history[-1].parents
    assert isinstance(shell.fail(f"%nowimage {SMALL} {{empty}}"), InputError)
