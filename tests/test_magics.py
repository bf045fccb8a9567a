"""The magics in a shell: what goes out, what is shown, what is left behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from now_jupyter._bridge import Background
from now_jupyter._errors import InputError, NowImageError, RejectedError
from now_jupyter._job import Job
from now_jupyter._options import usage
from now_jupyter._values import Generation
from shells import Listener, Shell, listener, shell_in

SMALL = "-m dall-e-2 -s 256x256"


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    """A shell with the extension, whose demo answers without waiting."""
    monkeypatch.chdir(tmp_path)
    with shell_in(tmp_path / "ipython", progress_after=600.0) as shell:
        shell.run("%load_ext now_jupyter")
        shell.session.use_demo(instant=True)
        yield shell


@pytest.fixture(scope="module")
def relay() -> Iterator[Listener]:
    with listener() as relay:
        yield relay


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


# What goes out

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
    "%%nowimage -n 4\ninner",
    "%nowimage inner line",
    "%%time\n%cd /",
    "!rm nothing",
    "fox --ar 16:9 --size 3 -n 7",
    "-n 4 looks like an option",
    "# a heading\n# another",
    "'''triple''' \"\"\"quotes\"\"\" \\' \\n \\x41 \\",
    "first\r\nsecond\r\nthird",
    "?fox",
    "fox?\n",
    "    an indented line",
    "ends with spaces   ",
]


def test_a_body_goes_out_as_it_was_typed(wired: Shell, relay: Listener) -> None:
    """All of the body but one final newline is the prompt, byte for byte."""
    for body in BODIES:
        wired.run(f"%%nowimage {SMALL}\n{body}")
        assert relay.bodies[-1]["prompt"] == body.removesuffix("\n")
    assert len(relay.bodies) == len(BODIES)


def test_a_line_goes_out_as_it_was_typed(wired: Shell, relay: Listener) -> None:
    """Behind the options everything up to the end of the line is the prompt, byte for byte."""
    for line in LINES:
        wired.run(f"%nowimage {SMALL} {line}")
        assert relay.bodies[-1]["prompt"] == line
    assert len(relay.bodies) == len(LINES)


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


@pytest.mark.parametrize("target", ["x", "o.a", "d['k']", "a, *b", "items[0]", "p.q[1]['z']"])
def test_a_result_can_be_assigned(shell: Shell, target: str) -> None:
    """`x = %nowimage …` keeps the prompt too, whatever stands before the sign."""
    shell.run("from types import SimpleNamespace as N\no = N(); d = {}; items = [0]; p = N(q=[0, {}])")
    if target == "a, *b":
        assert isinstance(shell.fail(f"{target} = %nowimage {SMALL} a fox"), TypeError)
        return
    shell.run(f"{target} = %nowimage {SMALL} it's a fox?")
    assert shell.run(f"{target}.prompt") == "it's a fox?"


# What is shown


@pytest.mark.parametrize(
    ("code", "pictures"),
    [
        ("%nowimage {} fox", 1),
        ("%%nowimage {}\nfox", 1),
        ("x = %nowimage {} fox", 1),
        ("x = %nowimage {} fox\nx", 1),
        ("x = %nowimage {} fox\ndisplay(x)", 1),
        ("%nowimage {} fox\n%nowimage {} dog", 2),
        ("for i in range(3):\n    %nowimage {} fox", 3),
        ("def f():\n    g = %nowimage {} fox\n    return g\nf()", 1),
        ("if True:\n    %nowimage {} fox", 1),
        ("get_ipython().run_cell('%nowimage {} fox')", 1),
        ("get_ipython().run_line_magic('nowimage', '{} fox')", 1),
        ("%%time\n%nowimage {} fox", 1),
        ("%time x = get_ipython().run_line_magic('nowimage', '{} fox')", 1),
        ("%%capture out\n%nowimage {} fox", 0),
        ("%nowimage {} fox;", 1),
        ("%nowimage --show none {} fox", 0),
        ("%nowimage --show text {} fox", 0),
        ("%nowimage --show full {} fox", 1),
        ("%nowimage -n 4 {} fox", 1),
        ("%nowimage {} fox\nimport now_jupyter as nj\nnj.history[0].pictures[0]", 2),
        ("import now_jupyter as nj\ng = nj.generate('fox', model='dall-e-2', size='256x256')", 0),
        ("import now_jupyter as nj\nnj.generate('fox', model='dall-e-2', size='256x256')", 1),
        ("import now_jupyter as nj\nawait nj.agenerate('fox', model='dall-e-2', size='256x256')", 1),
    ],
)
@pytest.mark.parametrize("way", ["awaited", "autoawait off", "await_cells off"])
def test_every_picture_is_shown_once(shell: Shell, code: str, pictures: int, way: str) -> None:
    """Wherever the magic stands, its picture is shown, and the value that it gives shows nothing again."""
    if way == "autoawait off":
        shell.run("%autoawait off")
    if way == "await_cells off":
        shell.run("%config Now.await_cells = False")
    if way == "autoawait off" and "await nj" in code:
        return
    assert shell.pictures(code.replace("{}", SMALL)) == pictures


def test_the_value_is_in_out_and_underscore(shell: Shell) -> None:
    """A cell that ends with the magic gives its generation, which a later cell shows again."""
    generation = shell.run(f"%nowimage {SMALL} fox")
    assert isinstance(generation, Generation)
    count = shell.ip.execution_count - 1
    assert shell.ip.user_ns["_"] is shell.ip.user_ns["Out"][count] is generation
    assert shell.pictures("_") == 1
    assert shell.pictures(f"Out[{count}]") == 1


def test_another_value_is_shown_although_the_first_is_gone(shell: Shell) -> None:
    """What was shown is told by the value itself, not by where in the memory it lay."""
    shell.run(f"%nowimage {SMALL} fox")
    code = f"import now_jupyter as nj\nfor i in range(2):\n    %nowimage {SMALL} dog\ndel i\nnj.history[0]"
    assert shell.pictures(code) == 3


def test_a_picture_and_its_caption_are_two_outputs(shell: Shell) -> None:
    """The picture carries its fact line and its metadata, the caption is plain text with a stable first line."""
    picture, caption = shell.shown(f"%nowimage {SMALL} --alt 'an animal' a red fox")
    made = shell.session.history[-1]
    mime = next(name for name in picture["data"] if name != "text/plain")
    assert set(picture["data"]) == {"text/plain", mime}
    assert picture["data"]["text/plain"] == repr(made.pictures[0])
    assert picture["metadata"]["now"] == {"id": made.id, "sha256": [made.pictures[0].sha256], "demo": True}
    assert picture["metadata"][mime] == {"width": 256, "height": 256, "alt": "an animal"}
    path = made.pictures[0].path.relative_to(Path.cwd())
    first, second = caption["data"]["text/plain"].split("\n")
    assert set(caption["data"]) == {"text/plain"}
    assert first == f"a red fox · dall-e-2 · 256×256 · {path}"
    assert second.startswith("#1 · ")
    assert second.endswith(" s · demo, costs nothing")


def test_several_pictures_are_one_sheet(shell: Shell) -> None:
    """Four pictures make one output, four fact lines and one caption that names their folder."""
    sheet, caption = shell.shown(f"%nowimage {SMALL} -n 4 fox")
    assert len(sheet["data"]["text/plain"].split("\n")) == len(sheet["metadata"]["now"]["sha256"]) == 4
    assert caption["data"]["text/plain"].split("\n")[0] == "fox · dall-e-2 · 4 × 256×256 · untitled.now/pictures"


def test_what_the_model_is_not_known_to_take_is_said_below(shell: Shell) -> None:
    """Notes of the order stand in the caption, behind the passing line."""
    generation = shell.run("%nowimage -m dall-e-3 -n 2 fox")
    caption = shell.outputs()[-1]["data"]["text/plain"].split("\n")
    assert caption[0].startswith("fox · 2 × dall-e-3 · 2 × 1024×1024")
    assert caption[1].startswith(f"{generation.ref} · ")


def test_text_shows_the_fact_and_the_caption(shell: Shell) -> None:
    """`--show text` is the same without the picture, however long it took."""
    slow = "%config Now.progress_after = 0.0"
    for before in ("pass", slow):
        shell.run(before)
        fact, caption = shell.shown(f"%nowimage {SMALL} --show text fox")
        assert set(fact["data"]) == {"text/plain"}
        assert fact["data"]["text/plain"].startswith("Picture(256x256 png, sha256=")
        assert caption["data"]["text/plain"].startswith("fox · dall-e-2 · 256×256 · ")


def test_a_line_of_progress_becomes_the_picture(shell: Shell) -> None:
    """What stood there while it was being made is replaced; nothing is left of it."""
    shell.run("%config Now.progress_after = 0.0")
    start = len(shell.published)
    picture, caption = shell.shown(f'%nowimage {SMALL} -p demo={{"latency":0.3}} fox')
    assert shell.published[start]["data"]["text/plain"].startswith(("…", "#1")), "there was a line"
    assert any(mime.startswith("image/") for mime in picture["data"])
    assert "#1" in caption["data"]["text/plain"]


# Loading and unloading


def _everything(ip: Any) -> dict[str, Any]:
    """What an extension may touch."""
    return {
        "events": {name: list(hooks) for name, hooks in ip.events.callbacks.items()},
        "cleanup": list(ip.input_transformers_cleanup),
        "post": list(ip.input_transformers_post),
        "magics": {kind: dict(table) for kind, table in ip.magics_manager.magics.items()},
        "formatters": {
            name: (dict(one.type_printers), dict(one.deferred_printers), dict(one.singleton_printers))
            for name, one in (
                *ip.display_formatter.formatters.items(),
                ("ipython", ip.display_formatter.ipython_display_formatter),
                ("mimebundle", ip.display_formatter.mimebundle_formatter),
            )
        },
        "completers": {key: list(chain) for key, chain in ip.strdispatchers["complete_command"].strs.items()},
        "regexes": dict(ip.strdispatchers["complete_command"].regexs),
        "configurables": list(ip.configurables),
        "exceptions": ip.custom_exceptions,
        "hooks": {name: list(getattr(ip.hooks, name)) for name in ip.hooks if name != "complete_command"},
        "names": {name for name in ip.user_ns if not name.startswith("_")},
    }


def test_unloading_restores_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Events, transformers, magics, formatters, completers and settings are as before, also a magic of that name."""
    monkeypatch.chdir(tmp_path)
    with shell_in(tmp_path / "ipython") as shell:
        ip = shell.ip
        ip.register_magic_function(lambda _line: "mine", "line", "now")
        ip.set_hook("complete_command", _complete_nothing, str_key="%now")
        shell.ip.run_line_magic("unload_ext", "none")  # IPython itself loads some magics at their first use
        before = _everything(ip)
        shell.run("%load_ext now_jupyter")
        assert _everything(ip) != before
        shell.run("%load_ext now_jupyter\n%reload_ext now_jupyter\n%unload_ext now_jupyter")
        assert _everything(ip) == before
        assert shell.run("%now") == "mine"
        shell.run("%load_ext now_jupyter")
        shell.session.use_demo(instant=True)
        assert shell.pictures(f"%nowimage {SMALL} fox") == 1


def _complete_nothing(_shell: object, _event: object) -> list[str]:
    return []


def test_loading_twice_changes_nothing(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    """A second `load_ipython_extension` adds no second hook and prints nothing."""
    import now_jupyter

    before = _everything(shell.ip)
    now_jupyter.load_ipython_extension(shell.ip)
    assert _everything(shell.ip) == before
    assert capsys.readouterr().out == ""


def test_loading_prints_nothing_and_makes_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`%load_ext` shows nothing and writes nothing beside the notebook."""
    monkeypatch.chdir(tmp_path)
    with shell_in(tmp_path / "ipython") as shell:
        assert shell.shown("%load_ext now_jupyter") == []
        assert capsys.readouterr() == ("", "")
        assert [one.name for one in tmp_path.iterdir()] == ["ipython"]


# Completion and help

by_tab = pytest.mark.filterwarnings("ignore:.*pending deprecation:PendingDeprecationWarning")  # as IPython calls itself


@pytest.mark.parametrize(
    ("typed", "some"),
    [
        ("%nowimage --qua", {"--quality"}),
        ("%%nowimage --qua", {"--quality"}),
        ("%nowimage -n 2 --st", {"--style"}),
        ("%nowimage --quality h", {"high"}),
        ("%nowimage --size ", {"auto"}),
        ("%nowimage --show t", {"text"}),
        ("%%nowimage -m ", {"gpt-image-2"}),
        ("%%nowimage -m gpt-i", {"gpt-image-2"}),
        ("%now hi", {"history"}),
        ("%now 历", {"历史"}),
    ],
)
@by_tab
def test_tab_offers_what_may_come(shell: Shell, typed: str, some: set[str]) -> None:
    """Options, values, models and commands are completed through IPython's own completion."""
    shell.run("%now models")
    _, found = shell.ip.complete(None, line=typed, cursor_pos=len(typed))
    assert some <= set(found)


@by_tab
def test_tab_offers_nothing_in_a_prompt(shell: Shell) -> None:
    """Behind the first word of the prompt none of our options is offered."""
    typed = "%nowimage a fox --qua"
    assert "--quality" not in shell.ip.complete(None, line=typed, cursor_pos=len(typed))[1]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_help_is_the_generated_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], language: Any
) -> None:
    """`--help` prints it and `%%nowimage?` shows it, in the user's language; nothing is sent."""
    monkeypatch.chdir(tmp_path)
    with shell_in(tmp_path / "ipython", language=language) as shell:
        shell.run("%load_ext now_jupyter")
        capsys.readouterr()
        for code in ("%nowimage --help", "%%nowimage --help", "%%nowimage --help\nfox", "%nowimage -n 2 --help"):
            assert shell.run(code) is None
            assert capsys.readouterr().out.strip() == usage(language).strip()
        for code in ("%%nowimage?", "%nowimage?"):
            shell.run(code)
            assert usage(language).splitlines()[1].strip() in capsys.readouterr().out
        assert len(shell.session.history) == 0


@pytest.mark.parametrize("code", ["%%nowimage", "%%nowimage\n\n", "%nowimage", "%nowimage -n 2", "%%nowimage -n 2"])
def test_without_a_prompt_the_cell_fails(shell: Shell, code: str) -> None:
    """An empty prompt is an error of ours, which the notebook keeps; IPython's own would leave none."""
    assert isinstance(shell.fail(code), InputError)


# Input that is not ours


@pytest.mark.parametrize(
    "code",
    [
        "text = '''\n%nowimage x\n'''",
        'text = """a\n  %nowimage x?\nb"""',
        "text = [1,\n2,\n'%nowimage x']",
        "text = '%nowimage x'",
        "text = ('a'\n# %nowimage x\n'b')",
        "text = '''\n%%nowimage x\n'''\n",
        "text = f'''{1}\n%nowimage x;\n'''",
        "x = 3; text = x %2",
    ],
)
def test_text_that_looks_like_a_magic_stays_text(shell: Shell, code: str) -> None:
    """Nothing inside strings, brackets and comments is taken for a magic."""
    plain: dict[str, Any] = {}
    exec(code, plain)
    shell.run(code)
    assert shell.ip.user_ns["text"] == plain["text"]
    assert len(shell.session.history) == 0


def test_a_magic_behind_a_string_is_one(shell: Shell) -> None:
    """A string that holds the word does not hide the magic that follows it."""
    code = f"text = '''\n%nowimage no\n'''\n\ndef f(a,\n      b=2):\n    return a\n%nowimage {SMALL} yes, it's one"
    assert shell.pictures(code) == 1
    assert shell.session.history[-1].prompt == "yes, it's one"
    assert shell.ip.user_ns["text"] == "\n%nowimage no\n"


def test_syntax_errors_are_pythons(shell: Shell) -> None:
    """What is wrong beside the magic is told as Python tells it, and nothing is sent."""
    for code in ("%nowimage fox\nx = = 2", "def f(:\n    %nowimage fox", "%nowimage fox\n  y = 1"):
        assert isinstance(shell.fail(code), SyntaxError)
    assert len(shell.session.history) == 0


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("%nowimage it's a fox?", "complete"),
        ("%nowimage a fox \\", "incomplete"),
        ("x = %nowimage it's", "complete"),
        ("%%nowimage\nfox", "incomplete"),
        ("for i in range(2):\n    %nowimage fox", "incomplete"),
        ("1 + 1", "complete"),
        ("x = '''", "incomplete"),
    ],
)
def test_a_terminal_knows_when_the_input_is_complete(shell: Shell, code: str, status: str) -> None:
    """Whether the terminal goes on to the next line is decided as without us."""
    ours = shell.ip.check_complete(code)
    shell.run("%unload_ext now_jupyter")
    assert shell.ip.check_complete(code) == ours
    assert ours[0] == status


def test_other_top_level_awaits_go_on_working(shell: Shell) -> None:
    """A cell may await its own things beside the magic, and non-ASCII code before it does not shift anything."""
    code = f"import asyncio\n名 = '狐狸'; await asyncio.sleep(0)\nä = %nowimage {SMALL} 一只{{名}}\nä.prompt"
    assert shell.run(code) == "一只狐狸"


def test_an_empty_cell_run_in_a_cell_does_not_confuse_the_depth(shell: Shell) -> None:
    """IPython tells of the end of an empty cell only; a magic run afterwards still blocks instead of failing."""
    begin = "import asyncio\nawait asyncio.sleep(0)\nip = get_ipython()\nip.run_cell('')\n"
    code = f"{begin}inner = ip.run_cell('%nowimage {SMALL} fox')\ninner.raise_error()"
    assert shell.pictures(code) == 1


# Errors


def _told(shell: Shell, capsys: pytest.CaptureFixture[str], code: str) -> tuple[BaseException, str]:
    capsys.readouterr()
    error = shell.fail(code)
    return error, capsys.readouterr().out.strip("\n")


@pytest.mark.parametrize("form", ["%nowimage {}", "%%nowimage {}\nfox", "for i in [1]:\n    %nowimage {} fox"])
def test_an_error_is_a_few_lines(shell: Shell, capsys: pytest.CaptureFixture[str], form: str) -> None:
    """What happened, whether it was billed, what is kept, what next: nothing else, and nothing hangs on the error."""
    error, told = _told(shell, capsys, form.replace("{}", "--sise 3"))
    assert told.split("\n") == ["InputError: --sise is no option", "billed: no", "→ did you mean --size?"]
    assert isinstance(error, InputError)
    assert (error.__cause__, error.__context__) == (None, None)
    error, told = _told(shell, capsys, form.replace("{}", "-m nope") + (" fox" if form == "%nowimage {}" else ""))
    assert isinstance(error, RejectedError)
    assert (error.__cause__, error.__context__) == (None, None)
    assert told.startswith("RejectedError: the relay has no such model")
    assert "\nbilled: no · #1 is kept in the history · request id " in told
    assert len(told.split("\n")) <= 6
    assert "Traceback" not in told


def test_an_error_can_be_shown_whole(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    """With `Now.short_errors = False` the traceback is there, and after switching back it is not."""
    shell.run("%config Now.short_errors = False")
    for code in ("%nowimage --sise 3", "if True:\n    %nowimage --sise 3"):
        assert "Traceback" in _told(shell, capsys, code)[1]
    shell.run("%config Now.short_errors = True")
    assert "Traceback" not in _told(shell, capsys, "%nowimage --sise 3")[1]


def test_a_bug_keeps_its_traceback(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    """What is none of our errors is shown as Python shows it."""
    shell.session.rehearse = _buggy  # type: ignore[method-assign]
    error, told = _told(shell, capsys, "%nowimage --dry-run fox")
    assert isinstance(error, ZeroDivisionError)
    assert "Traceback" in told
    assert "_buggy" in told


def _buggy(_order: object) -> Any:
    return 1 / 0


def test_an_error_speaks_the_users_language(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    """`Now.language` decides, also for what was made deep inside."""
    shell.run("%config Now.language = 'zh'")
    told = _told(shell, capsys, "%nowimage --sise 3")[1].split("\n")
    assert told[0].startswith("InputError: ")
    assert "billed" not in told[1]
    assert told[2].startswith("→ ")
    assert "did you mean" not in told[2]


def test_a_failed_cell_leaves_one_line_where_progress_stood(shell: Shell) -> None:
    """The line of progress does not stay, and the error is not told twice."""
    shell.run("%config Now.progress_after = 0.0")
    start = len(shell.published)
    shell.fail(f'%nowimage {SMALL} -p demo={{"latency":0.3,"code":"content_policy_violation"}} a fox')
    assert [one["data"] for one in shell.outputs(start)] == [{"text/plain": "#1 · a fox · failed"}]


def test_settings_that_cannot_be_read_do_not_break_other_cells(shell: Shell) -> None:
    """The rewriting of input never fails a cell by itself."""
    shell.session.context._given["no such setting"] = 1
    assert shell.run("1 + 1") == 2
    assert isinstance(shell.fail("%nowimage fox"), NowImageError)


def test_two_waits_at_once_leave_the_interrupt_as_it_was(shell: Shell) -> None:
    """Waits that begin and end crosswise put the handler of SIGINT back."""
    import signal

    before = signal.getsignal(signal.SIGINT)
    code = (
        "import asyncio, now_jupyter as nj\n"
        "kept = await asyncio.gather(*(nj.agenerate('fox', model='dall-e-2', size='256x256',"
        " params={'demo': {'latency': seconds}}) for seconds in (0.1, 0.6)))\n"
        "async def short(): return await nj.agenerate('dog', model='dall-e-2', size='256x256')\n"
        "len(kept)"
    )
    assert shell.run(code) == 2
    assert signal.getsignal(signal.SIGINT) is before


def test_an_abandoned_wait_leaves_the_job_alone(shell: Shell) -> None:
    """Cancelling the task that awaits ends the wait only; the picture arrives in the history."""
    code = (
        "import asyncio, now_jupyter as nj\n"
        "job = nj.submit('fox', model='dall-e-2', size='256x256', params={'demo': {'latency': 0.5}})\n"
        "try:\n    async with asyncio.timeout(0.1):\n        await job\nexcept TimeoutError:\n    pass\n"
    )
    shell.run(code)
    job = shell.ip.user_ns["job"]
    assert len(job.result().pictures) == 1


def test_waiting_for_the_end_includes_the_outputs() -> None:
    """`%now wait` is over when the late pictures are shown, not already when they are there."""
    job, decided, go, told = Job(Background()), threading.Event(), threading.Event(), list[str]()

    def show(_job: Job) -> None:
        decided.set()
        go.wait(20)
        told.append("shown")

    job.on_done(show)
    ending = threading.Thread(target=job.finish, args=(None, InputError("there is no prompt")))
    ending.start()
    assert decided.wait(20)
    waiting = threading.Thread(target=job.wait_quietly)
    waiting.start()
    waiting.join(0.2)
    assert (waiting.is_alive(), job.is_decided, job.done()) == (True, True, False)
    go.set()
    waiting.join(20)
    ending.join(20)
    assert (told, job.done()) == (["shown"], True)
