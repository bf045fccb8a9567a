"""What Tab offers, as notebooks ask for it: the whole cell and the place in it."""

from __future__ import annotations

import re
import secrets

import pytest
from IPython.core.completer import provisionalcompleter

from now_jupyter._ipython._commands import COMMANDS
from now_jupyter._options import OPTIONS
from now_jupyter._settings import Key, Login
from shells import SMALL, Shell

FLAGS = {one.flags[-1] for one in OPTIONS}
MODELS = {
    *("dall-e-3", "gemini-3-pro-image-preview", "gpt-image-2", "gpt-image-2.6-flare", "gpt-image-2.6-sunburst"),
    *("ideogram_generate", "ideogram-v3", "midjourney"),
}
REFS = {"#1", "#2", "#2.1", "#2.2", "owl"}
OFFERED = {
    "%nowimage --qua": {"--quality"},
    "x = %nowimage --qua": {"--quality"},
    "%%nowimage --qua": {"--quality"},
    "%nowimage -n 2 --sty": {"--style"},
    "%nowimage ——sty": {"--style"},
    "%nowimage --quality h": {"high", "hd"},
    "%nowimage --size s": {"square"},
    "%nowimage --show t": {"text"},
    "%%nowimage -m ": MODELS,
    "%%nowimage -m gpt-image-2.": {"gpt-image-2.6-flare", "gpt-image-2.6-sunburst"},
    "%%nowimage ": FLAGS,
    "%%nowimage -": FLAGS,
    "%nowimage -i ": REFS,
    "%nowimage -i #": REFS - {"owl"},
    "%nowimage --mask #2.": {"#2.1", "#2.2"},
    "%nowimage --tag ": {"cover"},
    "%now ": {name for one in COMMANDS for name in (one.name, one.chinese)},
    "%now hi": {"history"},
    "%now 历": {"历史"},
    "%now star ": REFS,
    "%now 收藏 o": {"owl"},
    "%now recall #2": {"#2", "#2.1", "#2.2"},
    "%now restore ": {"#3"},
    "%now tag #1 ": {"cover", "-cover"},
    "%now tag #1 cover -": {"-cover"},
    "%now use ": {"home", "work"},
    "%now logout w": {"work"},
    "%now models gpt-image-2.6-s": {"gpt-image-2.6-sunburst"},
    "%now demo o": {"on", "off"},
    "%now budget ": {"off"},
    "%now price gpt-image-2 ": {"off"},
    "%now adopt oth": {"other.now"},
}


@pytest.fixture
def lived_in(shell: Shell) -> Shell:
    """A notebook with pictures, one in the trash, tags, logins, and another folder beside it."""
    shell.run(f"%nowimage {SMALL} --tag cover fox\n%nowimage {SMALL} -n 2 -o owl owls\n%nowimage {SMALL} a cat")
    shell.run("%now trash #3\n%mkdir other.now")
    for name in ("work", "home"):
        login = Login(name=name, base_url="http://127.0.0.1:9")
        shell.session.context.logins.remember(login, Key(secrets.token_hex(16)), store=False)
    return shell


def offers(shell: Shell, cell: str) -> set[str]:
    """Give the last words that a choice would make of this cell's."""
    with provisionalcompleter():
        found = list(shell.ip.Completer.completions(cell, len(cell)))
    assert {one.end for one in found} <= {len(cell)}
    return {re.split(r"\s", cell[: one.start])[-1] + one.text for one in found}


def test_tab_offers_what_may_come_and_nothing_else(lived_in: Shell) -> None:
    """Options, values, models, references, tags, logins, commands: no name of Python among them."""
    assert {line: offers(lived_in, line) for line in OFFERED} == OFFERED


@pytest.mark.parametrize(
    "cell",
    [
        "%nowimage a fox --qua",
        "%nowimage a fox is",
        "%now star zz",
        "%now nonsense i",
        "%now history i",
        "%%nowimage\nim",
    ],
)
def test_where_nothing_can_be_offered_the_word_stays(shell: Shell, cell: str) -> None:
    """In a prompt, for what is not there: neither keywords nor files nor names come in its place."""
    assert offers(shell, cell) == {cell.rsplit(maxsplit=1)[-1]}
    assert offers(shell, cell + " ") == {""}


@pytest.mark.slow
def test_names_in_braces_are_pythons_to_complete(shell: Shell) -> None:
    """A prompt may hold variables; other lines of a cell are not ours."""
    shell.run("longest_fox = 1")
    assert "longest_fox" in "".join(offers(shell, "%%nowimage\na {longest"))
    assert "longest_fox" in "".join(offers(shell, "%now\nlonges"))


def test_a_folder_that_cannot_be_read_offers_nothing(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tab is no place for errors."""
    monkeypatch.setenv("NOW_FOLDER", "/proc/1/mem")
    assert offers(shell, "%now star ") == {""}
