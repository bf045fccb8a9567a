"""The table of `%now`: what its commands are called, in English and Chinese, and what they do."""

from __future__ import annotations

from dataclasses import dataclass

from .._messages import InputError, Language, columns_of, say
from .._options import closest

__all__ = ["COMMANDS", "Command", "command_named", "usage_of_now"]


_WIDEST = 40  # columns of a form that the others are aligned with


@dataclass(frozen=True, slots=True)
class Command:
    """One command: how it is called and what it does."""

    name: str
    chinese: str
    arguments: str
    help: str


COMMANDS = (
    Command("panel", "面板", "[--tab]", "open the panel: make, look, choose, change; --tab: beside the notebook"),
    Command("login", "登录", "[NAME]", "set the relay's address and key; the key is asked for hidden"),
    Command("use", "使用", "NAME", "go over to another login"),
    Command("logout", "退出", "[NAME]", "forget a login and its key"),
    Command("models", "模型", "[WORDS]", "list the relay's models that can be used here, with prices"),
    Command("balance", "余额", "", "ask the relay what is left"),
    Command(
        "price",
        "价格",
        "[MODEL] [AMOUNT|off]",
        "say what a model costs you here, such as ¥0.3, ¥0.3/picture, ¥0.3/call or ¥0.3/second; off: as the relay says",
    ),
    Command(
        "budget",
        "预算",
        "[AMOUNT|off]",
        "stop this history from spending more than that from now on; it holds in every kernel",
    ),
    Command("history", "历史", "[WORDS]", "list or search this notebook's pictures"),
    Command("recall", "调出", "REF|FILE", "show how a picture was made, or fill the open panel with it"),
    Command("cell", "单元", "REF", "write the cell that makes a picture"),
    Command("next", "下一步", "[REF]", "write the lines that go on from a picture: again, edit, vary, its buttons"),
    Command("tree", "谱系", "REF", "show what a picture was made from, and what was made of it"),
    Command("open", "打开", "REF", "open the original in the system's viewer"),
    Command("star", "收藏", "REF", "put a star on a picture (#12.3) or on all of #12, or take it off"),
    Command("tag", "标签", "REF TAG …", "tag a picture, or all of #12; -TAG takes a tag off"),
    Command("trash", "删除", "[REF]", "move a picture, or all of #12, to the history's trash; without REF list it"),
    Command("restore", "恢复", "REF", "bring a picture back from the trash"),
    Command(
        "export",
        "导出",
        "PATH [REF …|--starred|--tag TAG] [--clean] [--names {tag}-{n:02d}] [--longest PX] [--format TYPE]",
        "write pictures to a folder, a zip or a page (fox.html), with recipes unless --clean",
    ),
    Command(
        "import",
        "导入",
        "[PATH]",
        "take in an export, a bundle, another .now folder, or the previews of a notebook (without PATH: of this one)",
    ),
    Command("bundle", "打包", "PATH", "write this notebook with what it shows and what has a star, for a colleague"),
    Command(
        "report",
        "报告",
        "[REF …|--starred|--tag TAG] [--csv PATH] [--markdown PATH]",
        "list every picture with how it was made, when, of what, for how much",
    ),
    Command("folder", "目录", "[PATH]", "say where the history lies, or use another folder"),
    Command("adopt", "接管", "FOLDER", "make another folder this notebook's history"),
    Command("wait", "等待", "", "wait until nothing is under way"),
    Command("resume", "找回", "", "collect what was ordered and did not arrive, free of charge"),
    Command("doctor", "体检", "", "look whether everything is in order, and repair what is safe"),
    Command("demo", "演示", "on|off", "use the built-in demo, or never"),
    Command("nest", "嵌套", "on|off", "apply nest-asyncio to this kernel, where that is safe"),
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


def usage_of_now(language: Language = "en", *, only: Command | None = None) -> str:
    """Return the help text of `%now` or of one command, made of the table; its name in the other language is last."""
    rows = [] if only else [("%now", say("status: endpoint, key, model, money, history, jobs", language))]
    for one in [only] if only else COMMANDS:
        name, other = (one.chinese, one.name) if language == "zh" else (one.name, one.chinese)
        rows.append((f"%now {name} {one.arguments}".rstrip(), f"{say(one.help, language)} ({other})"))
    width = max(columns_of(form) for form, _ in rows if columns_of(form) <= _WIDEST or only) + 2
    return "\n".join(form + " " * max(2, width - columns_of(form)) + text for form, text in rows)
