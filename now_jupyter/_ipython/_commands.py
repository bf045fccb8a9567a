"""The table of `%now`: what its commands are called, in English and Chinese, and what they do."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from .._messages import InputError, Language, say
from .._options import closest

__all__ = ["COMMANDS", "Command", "command_named", "usage_of_now"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command: how it is called and what it does."""

    name: str
    chinese: str
    arguments: str = ""
    help: str


COMMANDS: tuple[Command, ...] = (
    Command(
        name="panel",
        chinese="面板",
        help="open the panel: make, look, choose, change",
    ),
    Command(
        name="login",
        chinese="登录",
        arguments="[NAME]",
        help="set the relay's address and key; the key is asked for hidden",
    ),
    Command(name="use", chinese="使用", arguments="NAME", help="go over to another login"),
    Command(
        name="logout",
        chinese="退出",
        arguments="[NAME]",
        help="forget a login and its key",
    ),
    Command(
        name="models",
        chinese="模型",
        arguments="[WORDS]",
        help="list the relay's picture models with prices",
    ),
    Command(name="balance", chinese="余额", help="ask the relay what is left"),
    Command(
        name="budget",
        chinese="预算",
        arguments="[AMOUNT|off]",
        help="stop this history from spending more than that from now on; it holds in every kernel",
    ),
    Command(
        name="history",
        chinese="历史",
        arguments="[WORDS]",
        help="list or search this notebook's pictures",
    ),
    Command(
        name="recall",
        chinese="调出",
        arguments="REF|FILE",
        help="show how a picture was made, or fill the open panel with it",
    ),
    Command(
        name="cell",
        chinese="单元",
        arguments="REF",
        help="write the cell that makes a picture",
    ),
    Command(
        name="open",
        chinese="打开",
        arguments="REF",
        help="open the original in the system's viewer",
    ),
    Command(
        name="star",
        chinese="收藏",
        arguments="REF",
        help="put a star on a picture, or take it off",
    ),
    Command(
        name="tag",
        chinese="标签",
        arguments="REF TAG …",
        help="tag a picture; -TAG takes a tag off",
    ),
    Command(
        name="trash",
        chinese="删除",
        arguments="REF",
        help="move a picture to the history's trash",
    ),
    Command(
        name="restore",
        chinese="恢复",
        arguments="REF",
        help="bring a picture back from the trash",
    ),
    Command(
        name="folder",
        chinese="目录",
        arguments="[PATH]",
        help="say where the history lies, or use another folder",
    ),
    Command(
        name="adopt",
        chinese="接管",
        arguments="FOLDER",
        help="make another folder this notebook's history",
    ),
    Command(name="wait", chinese="等待", help="wait until nothing is under way"),
    Command(
        name="resume",
        chinese="找回",
        help="collect what was ordered and did not arrive, free of charge",
    ),
    Command(
        name="doctor",
        chinese="体检",
        help="look whether everything is in order, and repair what is safe",
    ),
    Command(
        name="demo",
        chinese="演示",
        arguments="on|off",
        help="use the built-in demo, or never",
    ),
    Command(
        name="nest",
        chinese="嵌套",
        arguments="on|off",
        help="apply nest-asyncio to this kernel, where that is safe",
    ),
)


def command_named(word: str) -> Command:
    """Return the command of an English or Chinese name.

    Raises:
        InputError: there is none; the closest one is named.
    """
    by_name = {name: one for one in COMMANDS for name in (one.name, one.chinese)}
    if (found := by_name.get(word)) is not None:
        return found
    if (near := closest(word, by_name)) is None:
        raise InputError("%now has no command {word}", advice="%now --help lists all", word=word)
    raise InputError(
        "%now has no command {word}",
        advice="did you mean %now {near} ({chinese})? %now --help lists all",
        word=word,
        near=by_name[near].name,
        chinese=by_name[near].chinese,
    )


def usage_of_now(language: Language = "en") -> str:
    """Return the help text of `%now`, made of the table; a command's name in the other language stands behind it."""
    rows = [("%now", say("status: endpoint, key, model, money, history, jobs", language))]
    for one in COMMANDS:
        name, other = (one.chinese, one.name) if language == "zh" else (one.name, one.chinese)
        rows.append((f"%now {name} {one.arguments}".rstrip(), f"{say(one.help, language)} ({other})"))
    width = max(_columns(form) for form, _ in rows) + 2
    return "\n".join(form + " " * (width - _columns(form)) + text for form, text in rows)


def _columns(text: str) -> int:
    """Return how wide a terminal shows a text: a Chinese sign takes two columns."""
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)
