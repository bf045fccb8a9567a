"""The table of `%now`: what its commands are called, in English and Chinese, and what they do."""

from __future__ import annotations

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
    help_en: str
    help_zh: str


COMMANDS: tuple[Command, ...] = (
    Command(
        name="panel",
        chinese="面板",
        help_en="open the panel: make, look, choose, change",
        help_zh="打开面板：生成、浏览、挑选、修改",
    ),
    Command(
        name="login",
        chinese="登录",
        arguments="[NAME]",
        help_en="set the relay's address and key; the key is asked for hidden",
        help_zh="设置中转站地址和密钥；密钥隐藏输入",
    ),
    Command(name="use", chinese="使用", arguments="NAME", help_en="go over to another login", help_zh="换用另一个登录"),
    Command(
        name="logout",
        chinese="退出",
        arguments="[NAME]",
        help_en="forget a login and its key",
        help_zh="忘记一个登录及其密钥",
    ),
    Command(
        name="models",
        chinese="模型",
        arguments="[WORDS]",
        help_en="list the relay's picture models with prices",
        help_zh="列出中转站的图片模型和价格",
    ),
    Command(name="balance", chinese="余额", help_en="ask the relay what is left", help_zh="向中转站查询余额"),
    Command(
        name="budget",
        chinese="预算",
        arguments="[AMOUNT|off]",
        help_en="stop this history from spending more than that from now on; it holds in every kernel",
        help_zh="从现在起这个历史最多再花这么多；对所有内核有效",
    ),
    Command(
        name="history",
        chinese="历史",
        arguments="[WORDS]",
        help_en="list or search this notebook's pictures",
        help_zh="列出或搜索本 notebook 的图片",
    ),
    Command(
        name="recall",
        chinese="调出",
        arguments="REF|FILE",
        help_en="show how a picture was made, or fill the open panel with it",
        help_zh="显示一张图是怎么生成的，面板打开时填入面板",
    ),
    Command(
        name="cell",
        chinese="单元",
        arguments="REF",
        help_en="write the cell that makes a picture",
        help_zh="写出生成某张图的单元",
    ),
    Command(
        name="open",
        chinese="打开",
        arguments="REF",
        help_en="open the original in the system's viewer",
        help_zh="用系统看图程序打开原图",
    ),
    Command(
        name="star",
        chinese="收藏",
        arguments="REF",
        help_en="put a star on a picture, or take it off",
        help_zh="收藏或取消收藏",
    ),
    Command(
        name="tag",
        chinese="标签",
        arguments="REF TAG …",
        help_en="tag a picture; -TAG takes a tag off",
        help_zh="加标签；-标签 表示去掉",
    ),
    Command(
        name="trash",
        chinese="删除",
        arguments="REF",
        help_en="move a picture to the history's trash",
        help_zh="把一张图移入历史的回收站",
    ),
    Command(
        name="restore",
        chinese="恢复",
        arguments="REF",
        help_en="bring a picture back from the trash",
        help_zh="从回收站取回",
    ),
    Command(
        name="folder",
        chinese="目录",
        arguments="[PATH]",
        help_en="say where the history lies, or use another folder",
        help_zh="显示历史所在目录，或改用另一个目录",
    ),
    Command(
        name="adopt",
        chinese="接管",
        arguments="FOLDER",
        help_en="make another folder this notebook's history",
        help_zh="把另一个目录作为本 notebook 的历史",
    ),
    Command(name="wait", chinese="等待", help_en="wait until nothing is under way", help_zh="等到没有进行中的任务"),
    Command(
        name="resume",
        chinese="找回",
        help_en="collect what was ordered and did not arrive, free of charge",
        help_zh="免费取回已下单而未到的图",
    ),
    Command(
        name="doctor",
        chinese="体检",
        help_en="look whether everything is in order, and repair what is safe",
        help_zh="检查各项是否正常，并修复可安全修复的问题",
    ),
    Command(
        name="demo",
        chinese="演示",
        arguments="on|off",
        help_en="use the built-in demo, or never",
        help_zh="使用或停用内置演示",
    ),
    Command(
        name="nest",
        chinese="嵌套",
        arguments="on|off",
        help_en="apply nest-asyncio to this kernel, where that is safe",
        help_zh="在安全时对本内核应用 nest-asyncio",
    ),
)


def command_named(word: str) -> Command:
    """Find a command by its English or Chinese name.

    Raises:
        InputError: there is none; the closest one is named.
    """
    found = next((one for one in COMMANDS if word in (one.name, one.chinese)), None)
    if found is not None:
        return found
    near = closest(word, [name for one in COMMANDS for name in (one.name, one.chinese)])
    raise InputError(
        "%now has no command {word}",
        advice="did you mean %now {near}? %now --help lists all" if near else "%now --help lists all",
        word=word,
        near=near,
    )


def usage_of_now(language: Language = "en") -> str:
    """Give the help text of `%now`, which is made of the table."""
    forms = [(f"%now {one.name} {one.arguments}".rstrip(), one) for one in COMMANDS]
    width = max(len(form) for form, _ in forms) + 2
    lines = [f"{'%now':<{width}}{say('status: endpoint, key, model, money, history, jobs', language)}"]
    lines += [
        f"{form:<{width}}{one.help_zh if language == 'zh' else one.help_en} ({one.chinese})" for form, one in forms
    ]
    return "\n".join(lines)
