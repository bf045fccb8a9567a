"""The verbs of the module and of a session: signatures, help, pickles, and what they may be told to work on."""

from __future__ import annotations

import asyncio
import inspect
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

import now_jupyter as nj
from clean_room import ROOT
from now_jupyter._ipython import _extension, _verbs
from now_jupyter._options import OPTIONS, parse_keywords, parse_line, spell_for_python
from now_jupyter._session import GenerateOptions, OrderOptions, Session
from relays import new_session, relay_on_loopback

SHOWING = {"buttons", "compare", "mask", "panel", "view"}
OF_CELLS = {"help", "no_wait", "dry_run", "literal", "show"}


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """The session that the module speaks for, in the demo."""
    with new_session(tmp_path) as one:
        monkeypatch.setattr(_extension._HELD, "session", one)
        monkeypatch.setattr(_extension._HELD, "process", os.getpid())
        yield one


# Signatures


@pytest.mark.parametrize("name", _verbs.__all__)
def test_verbs_are_plain_functions(name: str) -> None:
    """They can be pickled, have a docstring, and no `Any` or `**options` where help shows their arguments."""
    verb = getattr(nj, name)
    assert inspect.isfunction(verb)
    assert pickle.loads(pickle.dumps(verb)) is verb
    assert inspect.getdoc(verb)
    kinds = {parameter.kind for parameter in inspect.signature(verb).parameters.values()}
    assert inspect.Parameter.VAR_KEYWORD not in kinds


@pytest.mark.parametrize("name", sorted(set(_verbs.__all__) - SHOWING))
def test_a_session_has_the_same_verbs(name: str) -> None:
    """With the same arguments, in the same order, with the same defaults and types."""
    (_, *own), other = parameters(getattr(Session, name)), parameters(getattr(nj, name))
    assert own == other


def parameters(verb: Callable[..., Any]) -> list[inspect.Parameter]:
    return list(inspect.signature(verb, eval_str=True).parameters.values())


def test_options_and_signatures_belong_together() -> None:
    """Every option of the table that concerns an order is an argument, and there is no other."""
    table = {{"param": "params"}.get(one.name, one.name) for one in OPTIONS} - OF_CELLS
    assert set(get_type_hints(GenerateOptions)) == table
    assert set(get_type_hints(OrderOptions)) == table - {"timeout"}
    for name, hint in get_type_hints(GenerateOptions).items():
        by_type = next(
            value for kind, value in (("bool", True), ("int", 2), ("str", "fox"), ("", 2.5)) if kind in str(hint)
        )
        value = {"params": {"a": 1}, "size": "auto", "budget": "¥1"}.get(name, by_type)
        assert parse_keywords("a fox", {name: value}).options, name


@pytest.mark.slow
@pytest.mark.parametrize("use_jedi", [True, False])
def test_completion_knows_verbs_and_arguments(use_jedi: bool, session: Session) -> None:
    """`nj.<Tab>` and `nj.generate("…", si<Tab>`, with jedi or without."""
    ip = InteractiveShell.instance()
    ip.user_ns["nj"] = nj
    ip.user_ns["mine"] = session
    ip.Completer.use_jedi = use_jedi

    def completed(text: str) -> set[str]:
        with provisionalcompleter():
            return {one.text.lstrip(".") for one in ip.Completer.completions(text, len(text))}

    assert {"generate", "restore", "history", "Picture"} <= completed("nj.")
    assert not {one for one in completed("nj.") if one.startswith("_")}
    for verb in ("nj.generate", "nj.submit", "nj.agenerate", "mine.generate"):
        assert completed(f"{verb}('a fox', si") == {"size="}
    assert "on=" in completed("nj.star('#1', o")


def test_help_names_every_option() -> None:
    """What Shift+Tab shows: the signature, and a line for each option."""
    ip = InteractiveShell.instance()
    ip.user_ns["nj"] = nj
    shown = ip.object_inspect_mime("nj.generate")["text/plain"]
    assert "Make pictures and wait for them" in shown
    assert [name for name in get_type_hints(GenerateOptions) if f"    {name}: " not in shown] == []
    assert [
        name for name in get_type_hints(GenerateOptions) if f"{name}: " not in shown.partition("Docstring")[0]
    ] == []


# What mistakes say

WRONG: dict[str, dict[str, Any]] = {
    "size= needs a value": {"size": ""},
    "n= cannot be of type list": {"n": [2]},
    "fresh=True is on or off": {"fresh": "yes"},
    "reuse=True and fresh=True contradict each other": {"reuse": True, "fresh": True},
    'size= and params["size"] set the same field': {"size": "auto", "params": {"size": "1:1"}},
    "the model cannot be set with params": {"params": {"model": "x"}},
    'write for example params={"moderation": "low"}': {"params": {"a b": 1}},
    "there is no prompt\n→ write what the picture shall show": {"prompt": " "},
    "and budget= is": {"budget": "$0.001", "model": "dall-e-3"},
}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("words", WRONG)
def test_mistakes_are_told_in_the_words_of_python(words: str, language: str, tmp_path: Path) -> None:
    """Of arguments and params, never of flags or of lines of a cell; in the user's language; the same for all three."""
    given: dict[str, Any] = {"prompt": "a fox", **WRONG[words]}
    with relay_on_loopback() as served, new_session(tmp_path, served.url, typed=lambda: {"language": language}) as one:
        verbs: tuple[Callable[..., Any], ...] = (one.generate, lambda **wrong: asyncio.run(one.agenerate(**wrong)))
        for verb in verbs:
            with pytest.raises(nj.InputError) as caught:
                verb(**given)
            text = str(caught.value)
            assert not re.search(r"(?<!\w)--?[a-z]|%nowimage", text), text
            assert words in text or language == "zh"
            assert any("\u4e00" <= sign <= "\u9fff" for sign in text) is (language == "zh")
        assert served.posts == 0


def test_the_same_mistakes_in_a_cell_speak_of_flags() -> None:
    """Only callers in Python are told of arguments."""
    with pytest.raises(nj.InputError, match="--reuse and --fresh contradict"):
        parse_line("--reuse --fresh a fox")


@pytest.mark.parametrize(
    "text", ["%now --help lists all", "--help lists them all", "%nowimage --button U1 -i #1 decides", "-1", "a--size-b"]
)
def test_what_is_no_argument_stays(text: str) -> None:
    """Help, whole lines of a cell, and what only looks like a flag."""
    assert spell_for_python(text) == text


# Type checkers

GOOD = """\
import asyncio
from collections.abc import Sequence
from pathlib import Path
import now_jupyter as nj

g: nj.Generation = nj.generate("a fox", model="m", n=2, size="16:9", save=Path("fox.png"), params={"a": 1}, timeout=9.0)
h: nj.Generation = asyncio.run(nj.agenerate("a fox", reuse=False, tag=["a", "b"]))
job: nj.Job = nj.submit("a fox", budget="¥10")
picture: nj.Picture = g.pictures[0]
marked: list[nj.Generation] = [nj.star(g), nj.tag(picture, "cover", "b"), nj.trash("#3"), nj.restore(-1)]
nj.view("#12.2")
nj.compare(g, picture, "fox.2")
first: nj.Generation = nj.history[0]
some: Sequence[nj.Generation] = nj.history[:5]
thrown: list[nj.Picture] = nj.history.trash.pictures
with_session: nj.Generation = nj.Session(folder="x").generate("a fox", quality="high")
try:
    nj.resume()
except nj.MaybeBilledError as error:
    print(error.message())
"""
MISTAKES = {
    'nj.genarate("a fox")': "attr-defined",
    'nj.generate("a fox", sizee="16:9")': "call-arg",
    'nj.generate("a fox", n="2")': "arg-type",
    'nj.generate("a fox", dry_run=True)': "call-arg",
    'nj.submit("a fox", timeout=5.0)': "call-arg",
    "nj.generate(5)": "arg-type",
    "nj.star()": "call-arg",
    'nj.star("#1", "#2")': "call-arg",
    "nj.trash(None)": "arg-type",
    "nj.tag([1])": "arg-type",
    "nj.history[1.5]": "call-overload",
    'x: str = nj.generate("a fox")': "assignment",
    'nj.Session().generate("a fox", sizee="x")': "call-arg",
}


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What mypy (strict) says of a good script and one full of mistakes."""
    folder = tmp_path_factory.mktemp("scripts")
    (folder / "good.py").write_text(GOOD, "utf-8")
    (folder / "mistakes.py").write_text("import now_jupyter as nj\n" + "\n".join(MISTAKES) + "\n", "utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--follow-imports=silent"]
    command += ["--no-error-summary", f"--cache-dir={ROOT / '.mypy_cache' / 'scripts'}", "good.py", "mistakes.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    assert not done.stderr, done.stderr
    return done.stdout.splitlines()


@pytest.mark.slow
def test_a_script_that_uses_all_verbs_is_sound(checked: list[str]) -> None:
    """Under mypy's strictest rules, without a stub or an ignore."""
    assert [line for line in checked if line.startswith("good.py")] == []


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.slow
def test_a_type_checker_finds_mistakes(mistake: str, checked: list[str]) -> None:
    """Each of them, on its line."""
    line = list(MISTAKES).index(mistake) + 2
    told = [one for one in checked if one.startswith(f"mistakes.py:{line}:")]
    assert any(f"[{MISTAKES[mistake]}]" in one for one in told), told or checked


# What verbs work on

WORKING: dict[str, Callable[[Any], Any]] = {
    "star": lambda ref: nj.star(ref).starred,
    "tag": lambda ref: nj.tag(ref, "cover").tags,
    "trash": lambda ref: nj.trash(ref).ref,
    "restore": lambda ref: nj.restore(ref).ref,
    "view": nj.view,
    "compare": lambda ref: len(nj.compare(ref, "#1").pictures),
}
REFERENCES: dict[str, Callable[[nj.Generation], Any]] = {
    "a generation": lambda made: made,
    "a picture": lambda made: made.pictures[1],
    "#2": lambda _: "#2",
    "2": lambda _: "2",
    "#2.2": lambda _: "#2.2",
    "-1": lambda _: -1,
    "'-1'": lambda _: "-1",
    "a name": lambda _: "fox",
    "a name's picture": lambda _: "fox.2",
}
ONE_PICTURE = ("a picture", "#2.2", "-1", "'-1'", "a name's picture")
EXPECTED = {"star": True, "tag": ("cover",), "trash": "#2", "restore": "#2", "view": None, "compare": 2}


@pytest.mark.slow
@pytest.mark.parametrize("verb", WORKING)
@pytest.mark.parametrize("kind", REFERENCES)
def test_verbs_take_values_and_references(verb: str, kind: str, session: Session) -> None:
    """A generation, a picture, a number, a number's picture, the one shown last, a name; what is meant is marked."""
    nj.generate("a hare", model="dall-e-2", size="256x256")
    made = nj.generate("a fox", model="dall-e-2", size="256x256", n=2, output="fox")
    session.remember_shown(made)
    if verb == "restore":
        nj.trash("#2")
        assert [one.ref for one in nj.history] == ["#1"]
    assert WORKING[verb](REFERENCES[kind](made)) == EXPECTED[verb]
    marked = ["#2.2"] if kind in ONE_PICTURE else ["#2.1", "#2.2"]
    others = [ref for ref in ("#1", "#2.1", "#2.2") if ref not in marked]
    here = [one.ref for one in nj.history[:].pictures]
    assert here == {"trash": others, "restore": ["#1", *marked]}.get(verb, ["#1", "#2.1", "#2.2"])
    assert [one.ref for one in nj.history.filter(starred=True).pictures] == (marked if verb == "star" else [])
    assert [one.ref for one in nj.history.filter(tag="cover").pictures] == (marked if verb == "tag" else [])


@pytest.mark.parametrize("verb", WORKING)
@pytest.mark.parametrize("wrong", [None, 12, True, 1.5, ["#1"], b"#1", object()], ids=lambda one: type(one).__name__)
def test_anything_else_is_refused_with_advice(verb: str, wrong: object, session: Session) -> None:
    """What it would take is said, whatever verb it was."""
    with pytest.raises(nj.InputError, match="neither a picture nor a reference") as caught:
        WORKING[verb](wrong)
    assert '"#12"' in caught.value.next_step()


@pytest.mark.parametrize("verb", WORKING)
def test_what_is_not_there_is_said_so(verb: str, session: Session) -> None:
    """By every verb; nothing is marked."""
    nj.generate("a hare", model="dall-e-2", size="256x256")
    for ref in ("#9", "#1.7", "nobody", "", "-1", "#"):
        with pytest.raises(nj.InputError):
            WORKING[verb](ref)
    assert [(one.starred, one.tags) for one in nj.history] == [(False, ())]


@pytest.mark.parametrize("verb", ["star", "tag", "trash", "restore"])
def test_a_value_of_another_history_marks_nothing(verb: str, session: Session, tmp_path: Path) -> None:
    """Every history has a number 1."""
    nj.generate("a hare", model="dall-e-2", size="256x256")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with new_session(elsewhere) as other:
        foreign = other.generate("a fox", model="dall-e-2", size="256x256")
    for value in (foreign, foreign.pictures[0]):
        with pytest.raises(nj.InputError, match="is another one"):
            WORKING[verb](value)
    assert [(one.starred, one.tags) for one in nj.history] == [(False, ())]


def test_an_order_of_several_requests_is_marked_whole(session: Session) -> None:
    """`#1–#3` are three numbers: all are starred, thrown away and fetched back."""
    made = nj.generate("a fox", model="dall-e-3", n=3)
    assert len(made.parts) == 3
    assert nj.star(made).starred
    assert [one.starred for one in nj.history] == [True] * 3
    assert nj.trash(made).ref == made.ref
    assert len(nj.history) == 0
    assert nj.restore(made).ref == made.ref
    assert len(nj.history) == 3


def test_what_was_chosen_is_marked_and_nothing_else(session: Session) -> None:
    """A generation that a filter narrowed to one of its pictures stands for that picture."""
    nj.generate("a fox", model="dall-e-2", size="256x256", n=3)
    nj.tag("#1.2", "bad")
    chosen = nj.history.filter(tag="bad")[0]
    nj.star(chosen)
    assert [one.ref for one in nj.history.filter(starred=True).pictures] == ["#1.2"]
    nj.trash(chosen)
    assert [one.ref for one in nj.history[:].pictures] == ["#1.1", "#1.3"]
    nj.restore(nj.history.trash[0])
    assert [one.ref for one in nj.history[:].pictures] == ["#1.1", "#1.2", "#1.3"]


def test_what_went_to_the_trash_is_said(session: Session, capsys: pytest.CaptureFixture[str]) -> None:
    """As a cell shows the picture that is left, which is another one."""
    nj.generate("a fox", model="dall-e-2", size="256x256", n=3)
    nj.tag("#1.2", "bad")
    assert [one.ref for one in nj.trash("#1.3").pictures] == ["#1.1", "#1.2"]
    nj.trash(nj.history.filter(tag="bad")[0])
    nj.trash(nj.history[0])
    assert capsys.readouterr().out.splitlines() == [
        f"{ref} is in the trash; %now restore {ref} brings it back" for ref in ("#1.3", "#1.2", "#1")
    ]


@pytest.mark.parametrize("verb", [nj.generate, nj.edit, nj.star, nj.trash, nj.press])
def test_a_call_that_does_not_fit_names_the_verb_as_people_know_it(verb: Callable[..., Any]) -> None:
    """As Python says it, and not by the class that it stands in."""
    with pytest.raises(TypeError, match=rf"^{verb.__name__}\(\) missing "):
        verb()


def test_a_tag_that_is_no_text_is_refused(session: Session) -> None:
    """Before anything is marked."""
    made = nj.generate("a hare", model="dall-e-2", size="256x256")
    with pytest.raises(nj.InputError, match="no text"):
        nj.tag(made, ["a", "b"])  # type: ignore[arg-type]
    assert nj.history[-1].tags == ()
