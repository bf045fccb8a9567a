"""`%now`: everything that is not a picture. One table makes dispatch, help, completion and Chinese aliases."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ._catalogue import ListedModel
from ._errors import InputError
from ._login import LoginTalk
from ._money import in_currency, spent
from ._nest import nest_off, nest_on
from ._options import closest
from ._orders import Rehearsal
from ._provenance import extract
from ._recipes import cell_text
from ._session import Session
from ._settings import Settings
from ._values import Generation, Status
from ._words import Language, say

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["NowCommands", "rehearsal_text"]

_MOST_ROWS = 50
_LARGEST_FILE = 256 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command of `%now`: how it is called, what it does, and who does it."""

    name: str
    chinese: str
    arguments: str
    help_en: str
    help_zh: str
    run: Callable[[str], str]


class NowCommands:
    """The commands, for one shell and session. Each gives the text that the cell shows."""

    def __init__(self, ip: InteractiveShell, session: Session) -> None:
        """Make the table."""
        self._ip = ip
        self._session = session
        rows: tuple[tuple[str, str, str, str, str, Callable[[str], str]], ...] = (
            (
                "login",
                "登录",
                "[NAME]",
                "set the relay's address and key; the key is asked for hidden",
                "设置中转站地址和密钥；密钥隐藏输入",
                self._login,
            ),
            ("use", "使用", "NAME", "go over to another login", "换用另一个登录", self._use),
            ("logout", "退出", "[NAME]", "forget a login and its key", "忘记一个登录及其密钥", self._logout),
            (
                "models",
                "模型",
                "[WORDS]",
                "list the relay's picture models with prices",
                "列出中转站的图片模型和价格",
                self._models,
            ),
            ("balance", "余额", "", "ask the relay what is left", "向中转站查询余额", self._balance),
            (
                "history",
                "历史",
                "[WORDS]",
                "list or search this notebook's pictures",
                "列出或搜索本 notebook 的图片",
                self._history,
            ),
            ("recall", "调出", "REF|FILE", "show how a picture was made", "显示一张图是怎么生成的", self._recall),
            ("cell", "单元", "REF", "write the cell that makes a picture", "写出生成某张图的单元", self._cell),
            ("open", "打开", "REF", "open the original in the system's viewer", "用系统看图程序打开原图", self._open),
            ("star", "收藏", "REF", "put a star on a picture, or take it off", "收藏或取消收藏", self._star),
            ("tag", "标签", "REF TAG …", "tag a picture; -TAG takes a tag off", "加标签；-标签 表示去掉", self._tag),
            ("trash", "删除", "REF", "move a picture to the history's trash", "把一张图移入历史的回收站", self._trash),
            ("restore", "恢复", "REF", "bring a picture back from the trash", "从回收站取回", self._restore),
            (
                "folder",
                "目录",
                "[PATH]",
                "say where the history lies, or use another folder",
                "显示历史所在目录，或改用另一个目录",
                self._folder,
            ),
            (
                "adopt",
                "接管",
                "FOLDER",
                "make another folder this notebook's history",
                "把另一个目录作为本 notebook 的历史",
                self._adopt,
            ),
            ("wait", "等待", "", "wait until nothing is under way", "等到没有进行中的任务", self._wait),
            (
                "resume",
                "找回",
                "",
                "collect what was ordered and did not arrive, free of charge",
                "免费取回已下单而未到的图",
                self._resume,
            ),
            ("demo", "演示", "on|off", "use the built-in demo, or never", "使用或停用内置演示", self._demo),
            (
                "nest",
                "嵌套",
                "on|off",
                "apply nest-asyncio to this kernel, where that is safe",
                "在安全时对本内核应用 nest-asyncio",
                self._nest,
            ),
        )
        self._commands = {
            name: Command(name=name, chinese=chinese, arguments=arguments, help_en=english, help_zh=help_zh, run=run)
            for name, chinese, arguments, english, help_zh, run in rows
        }
        self._aliases = {one.chinese: one for one in self._commands.values()}

    @property
    def _language(self) -> Language:
        return self._session.settings().language

    def run(self, line: str) -> None:
        """Carry out one line and print what it gives.

        Raises:
            InputError: there is no such command.
        """
        word, _, rest = line.strip().partition(" ")
        if word in ("", "status", "状态"):
            text = self._status()
        elif word in ("-h", "--help", "help", "帮助", "?"):
            text = self.usage(self._language)
        else:
            text = self._command(word).run(rest.strip())
        if text:
            print(text)  # noqa: T201 - commands answer with text

    def _command(self, word: str) -> Command:
        if command := self._commands.get(word) or self._aliases.get(word):
            return command
        near = closest(word, [*self._commands, *self._aliases])
        raise InputError(
            "%now has no command {word}",
            advice="did you mean %now {near}? %now --help lists all" if near else "%now --help lists all",
            word=word,
            near=near,
        )

    def usage(self, language: Language) -> str:
        """Give the help text, which is made of the table."""
        rows = [(f"%now {one.name} {one.arguments}".rstrip(), one) for one in self._commands.values()]
        width = max(len(form) for form, _ in rows) + 2
        lines = [f"{'%now':<{width}}{say('status: endpoint, key, model, money, history, jobs', language)}"]
        lines += [
            f"{form:<{width}}{one.help_zh if language == 'zh' else one.help_en} ({one.chinese})" for form, one in rows
        ]
        return "\n".join(lines)

    def words(self) -> list[str]:
        """Give all command names, for completion."""
        return [*self._commands, *self._aliases]

    # Status and money

    def _status(self) -> str:
        session, language = self._session, self._language
        context = session.context
        return "\n".join(
            [
                say("endpoint: {value}", language, value=_endpoint(session)),
                say("key: {value}", language, value=_key_source(session)),
                say(
                    "model: {value}",
                    language,
                    value=session.settings().model or say("the relay's best known", language),
                ),
                say("spent: {value}", language, value=_spent_line(session)),
                say(
                    "history: {count} in {path}", language, count=len(session.history), path=context.home().store.folder
                ),
                say(
                    "under way: {count}, unsettled: {unknown}",
                    language,
                    count=len(session.jobs()),
                    unknown=_unsettled(session),
                ),
            ]
        )

    def _balance(self, _rest: str) -> str:
        settings = self._session.settings()
        left, used = spent(self._session.balance(), settings)
        return say(
            "left: {left} · used: {used} (as reported by the relay)",
            self._language,
            left="∞" if left is None else left,
            used="?" if used is None else used,
        )

    def _models(self, words: str) -> str:
        models = [one for one in self._session.models() if one.makes_pictures and words.lower() in one.name.lower()]
        if not models:
            return say("the relay lists no picture model of that name", self._language)
        width = max(len(one.name) for one in models) + 2
        return "\n".join(f"{one.name:<{width}}{_price_of(one, self._session.settings())}" for one in models)

    # History

    def _history(self, words: str) -> str:
        history = self._session.history
        if not words:
            return repr(history)
        found = history.search(words)
        if not found:
            return say("nothing found", self._language)
        return "\n".join(
            f"{one.ref:>5}  {one.model}  {' '.join(one.prompt.split())[:70]}" for one in found[:_MOST_ROWS]
        )

    def _recall(self, ref: str) -> str:
        path = Path(ref).expanduser()
        if ref and path.is_file():
            return _recipe_in(path)
        generation = self._session.generation(_given(ref))
        return "\n".join([_cell_of(generation), "", *_facts_of(generation)])

    def _cell(self, ref: str) -> str:
        text = _cell_of(self._session.generation(_given(ref)))
        self._ip.set_next_input(text)
        return ""

    def _open(self, ref: str) -> str:
        path = self._session.picture(_given(ref)).path
        command = _viewer()
        if command is not None:
            quiet = subprocess.DEVNULL
            subprocess.Popen([*command, str(path)], stdin=quiet, stdout=quiet, stderr=quiet)  # noqa: S603 - our own file
        return str(path)

    def _star(self, ref: str) -> str:
        generation = self._session.generation(_given(ref))
        starred = self._session.star(generation.ref, on=not generation.starred).starred
        return f"{generation.ref} {'★' if starred else '☆'}"

    def _tag(self, rest: str) -> str:
        ref, *tags = _given(rest).split()
        if not tags:
            raise InputError("a tag is missing", advice="%now tag #12 fox; %now tag #12 -fox takes it off")
        off = [tag.removeprefix("-") for tag in tags if tag.startswith("-")]
        on = [tag for tag in tags if not tag.startswith("-")]
        generation = self._session.tag(ref, *off, remove=True) if off else self._session.generation(ref)
        generation = self._session.tag(ref, *on) if on else generation
        return f"{generation.ref} {', '.join(generation.tags) or '–'}"

    def _trash(self, ref: str) -> str:
        generation = self._session.trash(_given(ref))
        return say("{ref} is in the trash; %now restore {ref} brings it back", self._language, ref=generation.ref)

    def _restore(self, ref: str) -> str:
        return say("{ref} is back", self._language, ref=self._session.restore(_given(ref)).ref)

    # Folder and jobs

    def _folder(self, path: str) -> str:
        context = self._session.context
        return str(context.use_folder(path) if path else context.home().store.folder)

    def _adopt(self, path: str) -> str:
        folder = self._session.context.adopt(_given(path))
        return say("the history is now {path}", self._language, path=folder)

    def _wait(self, _rest: str) -> str:
        count = len(self._session.jobs())
        self._session.wait()
        return say("{count} arrived; nothing is under way", self._language, count=count)

    def _resume(self, _rest: str) -> str:
        outcomes = self._session.resume()
        if not outcomes:
            return say("there is nothing to collect", self._language)
        return "\n".join(f"{one.ref} {one.status.value} · {len(one.pictures)}" for one in outcomes)

    # Login, demo, nest

    def _login(self, name: str) -> str:
        return LoginTalk(self._session).run(name or "default")

    def _use(self, name: str) -> str:
        login = self._session.context.logins.use(_given(name))
        return say("{name} is in use: {address}", self._language, name=login.name, address=login.base_url)

    def _logout(self, name: str) -> str:
        forgotten = self._session.context.logins.forget(name or None)
        if forgotten is None:
            return say("there was no login", self._language)
        return say("{name} and its key are forgotten", self._language, name=forgotten)

    def _demo(self, word: str) -> str:
        if word not in ("on", "off", "开", "关"):
            raise InputError("%now demo takes on or off", advice="%now demo on")
        self._session.use_demo(on=word in ("on", "开"))
        return (
            say("the demo answers; it costs nothing", self._language)
            if self._session.context.is_demo()
            else say("the demo is off", self._language)
        )

    def _nest(self, word: str) -> str:
        if word not in ("on", "off", "开", "关"):
            raise InputError("%now nest takes on or off", advice="%now nest on")
        return nest_on(self._language) if word in ("on", "开") else nest_off(self._language)


def rehearsal_text(rehearsal: Rehearsal, settings: Settings) -> str:
    """Write what an order would send, what it would cost and what the history would serve."""
    language = settings.language
    lines = [
        "POST /v1/images/generations",
        *(json.dumps(body, ensure_ascii=False, indent=1) for body in rehearsal.bodies),
    ]
    lines += rehearsal.notes
    lines.append(say("expected price: {price} · nothing was sent", language, price=_shown_price(rehearsal)))
    if rehearsal.balance_after is not None:
        lines.append(say("balance after it: {balance}", language, balance=rehearsal.balance_after))
    lines.append(" · ".join(_would(kind, language) + ref for kind, ref in rehearsal.decisions))
    return "\n".join(lines)


def _would(kind: str, language: Language) -> str:
    if kind == "serve":
        return say("would be served from", language)
    if kind == "join":
        return say("would join", language)
    if kind == "unsettled":
        return say("would be refused because of", language)
    return say("would be bought", language)


def _shown_price(rehearsal: Rehearsal) -> str:
    return "0 (demo)" if rehearsal.demo else str(rehearsal.price)


def _given(text: str) -> str:
    if not text:
        raise InputError("a reference is missing", advice="give a number such as #12, -1 or a -o name")
    return text


def _endpoint(session: Session) -> str:
    if session.context.is_demo():
        return say("the built-in demo (no address and no key are set)", session.settings().language)
    return session.settings().base_url or "–"


def _key_source(session: Session) -> str:
    key = session.context.key()
    return "–" if key is None else key.source


def _spent_line(session: Session) -> str:
    history = session.history
    line = " + ".join(str(one) for one in history.costs()) or str(history.cost())
    maybe = sum(one.billed == "maybe" and not one.demo for one in history)
    if not maybe:
        return line
    worth = " + ".join(str(one) for one in history.costs(billed="maybe")) or "?"
    return line + " · " + say("{count} maybe: {worth}", session.settings().language, count=maybe, worth=worth)


def _unsettled(session: Session) -> int:
    return sum(one.status is Status.UNKNOWN for one in session.history)


def _price_of(model: ListedModel, settings: Settings) -> str:
    if model.price is None:
        return "?"
    if model.price.per_call is None:
        return say("by tokens", settings.language)
    return str(in_currency(model.price.per_call, settings, reported=True))


def _cell_of(generation: Generation) -> str:
    return cell_text(generation.prompt, generation.model or None, generation.params)


def _facts_of(generation: Generation) -> list[str]:
    made = time.strftime("%Y-%m-%d %H:%M", time.localtime(generation.created))
    facts = [f"{generation.ref} · {generation.status.value} · {made}"]
    facts += [f"{picture.ref} {picture!r} {picture.path}" for picture in generation.pictures]
    facts += [f"↳ {picture.revised_prompt}" for picture in generation.pictures if picture.revised_prompt]
    return facts


def _recipe_in(path: Path) -> str:
    if path.stat().st_size > _LARGEST_FILE:
        raise InputError("{path} is too large to be a picture", path=path)
    made = extract(path.read_bytes())
    if not made or not isinstance(made.get("prompt"), str):
        raise InputError(
            "{path} does not say how it was made", advice="files saved with --save or Picture.save do", path=path
        )
    params = made.get("params")
    model = made.get("model")
    return cell_text(str(made["prompt"]), str(model) if model else None, params if isinstance(params, Mapping) else {})


def _viewer() -> list[str] | None:
    """Find the command that opens a file in the system's viewer; None on a machine without a screen."""
    if sys.platform == "darwin":
        return ["open"]
    if os.name == "nt":
        return ["explorer"]
    program = shutil.which("xdg-open")
    return [program] if program and (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")) else None
