"""`%now`: everything that is not a picture. One table makes dispatch, help, completion and Chinese aliases."""

from __future__ import annotations

import subprocess
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from .._history import Selection, Tree
from .._media import recipe_file
from .._messages import ConfigError, InputError, Language, NowImageError, printable, say, say_status
from .._options import cell_text, plain_dashes, strip_quotes
from .._orders import budget_line
from .._relay import OwnPrice, say_price, spent
from .._session import Session, left_out, recalled_from, try_file
from .._store import read_file
from ._commands import command_named, usage_of_now
from ._login import LoginTalk
from ._nest import nest_off, nest_on
from ._reports import address_of, cell_of, facts_of, lines_to_go_on, require_ref, status_text, viewer
from ._sharing_lines import bundle_line, export_line, import_line, report_line

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["NowCommands"]

_HELP = {"-h", "--help"}
_LARGEST_FILE = 256 << 20
_MOST_MODELS = 300


class NowCommands:
    """The commands, for one shell and session; each returns what the cell shows."""

    def __init__(self, ip: InteractiveShell, session: Session) -> None:
        """Serve a shell and a session; the method of a command is named after it."""
        self._ip = ip
        self._session = session

    @property
    def _language(self) -> Language:
        return self._session.settings().language

    def run(self, line: str) -> Selection | Tree | None:
        """Carry out one line, and print the text or return the pictures that it gives.

        Raises:
            InputError: there is no such command.
        """
        word, rest = _parts_of(line)
        if word in ("", "status", "状态"):
            text = status_text(self._session)
        elif word in (*_HELP, "help", "帮助", "?"):
            text = usage_of_now(self._language)
        elif not _HELP.isdisjoint(map(plain_dashes, rest.split())):
            text = usage_of_now(self._language, only=command_named(word))
        else:
            text = getattr(self, f"_{command_named(word).name}")(rest)
        if isinstance(text, Selection | Tree):
            return text
        if text:
            print(printable(text))  # noqa: T201 - commands answer with text
        return None

    # Money

    def _balance(self, _rest: str) -> str:
        settings = self._session.settings()
        left, used = spent(self._session.balance(), settings)
        return say(
            "left: {left} · used: {used} (as reported by the relay)",
            self._language,
            left="∞" if left is None else left,
            used="?" if used is None else used,
        )

    def _budget(self, amount: str) -> str:
        if amount:
            self._session.set_budget(None if amount in ("off", "关") else amount)
        return budget_line(self._session.budget(), self._language) or say("no budget is set", self._language)

    def _price(self, rest: str) -> str:
        model, _, amount = rest.partition(" ")
        if amount:
            self._session.set_price(model, None if amount.strip() in ("off", "关") else amount)
        own = {name: self._own_price(name, price) for name, price in self._session.own_prices().items()}
        if not model:
            return "\n".join(own.values()) or say("no price of your own is set", self._language)
        return own.get(model) or say("{model} costs what the relay's list says", self._language, model=model)

    def _own_price(self, model: str, price: OwnPrice) -> str:
        currency, is_listed = self._session.settings().currency, True
        with suppress(NowImageError):  # a relay that tells no list
            is_listed = model in {one.name for one in self._session.models()}
        line = say("{model} costs {price} here, by your own word", self._language, model=model, price=price)
        if price.money.currency != currency:
            line += say("; it does not count while prices are in {currency}", self._language, currency=currency)
        return line if is_listed else line + say("; the relay lists no such model", self._language)

    def _models(self, words: str) -> str:
        models = [one for one in self._session.models() if one.service and words.lower() in one.name.lower()]
        if not models:
            return say("the relay lists no model of that name that can be used here", self._language)
        shown = models[:_MOST_MODELS]
        width = max(len(one.name) for one in shown) + 2
        prices = [say_price(one, self._session.settings()) for one in shown]
        across = max(map(len, prices)) + 2
        rows = zip(shown, prices, strict=True)
        lines = [f"{one.name:<{width}}{price:<{across}}{one.service}" for one, price in rows]
        if more := len(models) - len(shown):
            lines.append(say("… {count} more; %now models WORDS finds them", self._language, count=more))
        return "\n".join(lines)

    # History

    def _history(self, words: str) -> str | Selection:
        history = self._session.history
        found = history.search(words) if words else history[:]
        return found or say("nothing found" if words else "no pictures yet", self._language)

    def _recall(self, ref: str) -> str:
        from .._panel import recall  # noqa: PLC0415 - widgets are loaded when a panel is shown

        path = try_file(ref)
        notes = recall(self._session, path or require_ref(ref))
        if notes is not None:
            return "\n".join([say("the draft of the panel is filled", self._language), *notes])
        if path is not None:
            return self._recalled(path)
        generation = self._session.generation(require_ref(ref))
        return "\n".join([cell_of(generation, self._session), "", *facts_of(generation, self._language)])

    def _recalled(self, path: Path) -> str:
        """Return the cell that makes a file again, and what of it could not be taken over."""
        request, dropped = recalled_from(read_file(recipe_file(path.resolve()), limit=_LARGEST_FILE))
        inputs = self._session.history.inputs_of(request)
        cell = cell_text(request, [(one.role, name) for one, name in inputs])
        return "\n\n".join([cell, *left_out(inputs, dropped, self._language)])

    def _export(self, rest: str) -> str:
        return export_line(self._session, rest)

    def _import(self, rest: str) -> str:
        text = import_line(self._session, rest)
        self._have_panels_follow()
        return text

    def _bundle(self, rest: str) -> str:
        return bundle_line(self._session, rest)

    def _report(self, rest: str) -> str:
        return report_line(self._session, rest)

    def _next(self, ref: str) -> str:
        return "\n".join(lines_to_go_on(self._session.generation(ref or -1), self._language))

    def _tree(self, ref: str) -> Tree:
        return self._session.history.tree(self._session.generation(require_ref(ref)))

    def _cell(self, ref: str) -> str:
        text = cell_of(self._session.generation(require_ref(ref)), self._session)
        self._ip.set_next_input(text)
        return ""

    def _open(self, ref: str) -> str:
        path = self._session.path_of(require_ref(ref))
        command = viewer()
        if command is not None:
            quiet = subprocess.DEVNULL
            subprocess.Popen([*command, str(path)], stdin=quiet, stdout=quiet, stderr=quiet)  # noqa: S603 - our own file
        return str(path)

    def _star(self, ref: str) -> str:
        one = self._session.subject(require_ref(ref))
        self._session.star(one.ref, on=not one.starred)
        return f"{one.ref} {'☆' if one.starred else '★'}"

    def _tag(self, rest: str) -> str:
        ref, *tags = require_ref(rest).split()
        if not tags:
            raise InputError("a tag is missing", advice="%now tag #12 fox; %now tag #12 -fox takes it off")
        ref = self._session.subject(ref).ref
        tags = [*map(plain_dashes, tags)]
        if off := [tag.lstrip("-") for tag in tags if tag.startswith("-")]:
            self._session.tag(ref, *off, remove=True)
        if on := [tag for tag in tags if not tag.startswith("-")]:
            self._session.tag(ref, *on)
        return f"{ref} {', '.join(self._session.subject(ref).tags) or '–'}"

    def _trash(self, ref: str) -> str | Selection:
        if not ref:
            return self._session.history.trash or say("the trash is empty", self._language)
        ref = self._session.subject(ref).ref
        self._session.trash(ref)
        return say("{ref} is in the trash; %now restore {ref} brings it back", self._language, ref=ref)

    def _restore(self, ref: str) -> str:
        self._session.restore(require_ref(ref))
        return say("{ref} is back", self._language, ref=self._session.subject(ref).ref)

    def _panel(self, rest: str) -> str:
        from .._panel import make_panel  # noqa: PLC0415 - widgets are loaded when a panel is shown

        if rest not in ("", "--tab"):
            raise InputError("%now panel takes nothing but --tab", advice="%now panel --tab opens it in a tab")
        make_panel(self._session, tab=bool(rest)).show()
        return ""

    # Folder and jobs

    def _folder(self, path: str) -> str:
        context = self._session.context
        if not path:
            return str(context.home().store.folder)
        folder = context.use_folder(path)
        self._have_panels_follow()
        return str(folder)

    def _adopt(self, path: str) -> str:
        context = self._session.context
        if not path:
            raise InputError("a folder is missing", advice="%now adopt fox.now")
        is_remembered = context.adopt(path)
        self._have_panels_follow()
        folder = context.home().store.folder
        if is_remembered:
            return say("the history is now {path}", self._language, path=folder)
        return say("the history is now {path}; after a restart it is asked for again", self._language, path=folder)

    def _have_panels_follow(self) -> None:
        from .._panel import follow  # noqa: PLC0415 - widgets are loaded when a panel is shown

        follow(self._session)

    def _wait(self, _rest: str) -> str:
        count = len(self._session.jobs())
        self._session.wait()
        return say("{count} arrived; nothing is under way", self._language, count=count)

    def _resume(self, _rest: str) -> str:
        outcomes = self._session.resume()
        if not outcomes:
            return say("there is nothing to collect", self._language)
        return "\n".join(
            f"{one.ref} {say_status(one.status, self._language)} · {len(one.pictures)}" for one in outcomes
        )

    def _doctor(self, _rest: str) -> str:
        return self._session.doctor().text()

    # Login, demo, nest

    def _login(self, name: str) -> str:
        try:
            return LoginTalk(self._session, clear=self._clear_output).run(name)
        except (EOFError, NotImplementedError):  # IPython's StdinNotImplementedError is one
            raise ConfigError(
                "nothing can be typed here", advice="set NOW_BASE_URL and NOW_API_KEY in the environment"
            ) from None

    def _clear_output(self) -> None:
        """Empty the cell, also of what was typed into it; a terminal keeps what it has shown."""
        if hasattr(self._ip, "kernel"):
            from IPython.display import clear_output  # noqa: PLC0415 - only where there is a cell

            clear_output()  # type: ignore[no-untyped-call]

    def _use(self, name: str) -> str:
        logins = self._session.context.logins
        if not name:
            raise InputError(
                "the name of a login is missing",
                advice="there are: {known}" if logins.names() else "%now login sets the first one",
                known=", ".join(logins.names()),
            )
        login = logins.use(name)
        address = address_of(login.base_url, self._language)
        return say("{name} is in use: {address}", self._language, name=login.name, address=address)

    def _logout(self, name: str) -> str:
        forgotten = self._session.context.logins.forget(name or None)
        if forgotten is None:
            return say("there was no login", self._language)
        return say("{name} and its key are forgotten", self._language, name=forgotten)

    def _demo(self, word: str) -> str:
        self._session.use_demo(on=_is_on(word, InputError("%now demo takes on or off", advice="%now demo on")))
        if self._session.context.is_demo():
            return say("the demo answers; it costs nothing", self._language)
        return say("the demo is off", self._language)

    def _nest(self, word: str) -> str:
        is_on = _is_on(word, InputError("%now nest takes on or off", advice="%now nest on"))
        return nest_on(self._language) if is_on else nest_off(self._language)


def _parts_of(line: str) -> tuple[str, str]:
    """Return the command of a line and what is said to it, without quotes around all of that.

    Blanks, dashes and quotes may be those of a Chinese keyboard.
    """
    word, rest = [*line.split(maxsplit=1), "", ""][:2]
    rest = rest.strip()
    quoted = strip_quotes(rest)
    return plain_dashes(word), plain_dashes(rest if quoted is None else quoted)


def _is_on(word: str, refusal: InputError) -> bool:
    if word not in ("on", "off", "开", "关"):
        raise refusal
    return word in ("on", "开")
