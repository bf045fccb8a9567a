"""What Tab offers on our lines: options, models, references, tags, logins, and nothing else.

A matcher of IPython's own kind. It is asked before all others and silences them: where nothing can be offered, by the
word that is there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from glob import escape, glob

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher

from .._messages import NowImageError
from .._options import complete
from .._services import services
from .._session import Session
from ._commands import COMMANDS, command_named

__all__ = ["matcher_for"]

_MAGIC_LINE = re.compile(r"\s*(?:[^\W\d][\w\s,.]*=\s*)?[%％]{1,2}(?P<magic>nowimage|now)\s+(?P<rest>.*)")
_CELL = re.compile(r"\s*[%％]{2}nowimage\b")
_NAME_BEGUN = re.compile(r"\{[^{}\s]*\Z")
_MOST = 50


def matcher_for(session: Session) -> Callable[[CompletionContext], SimpleMatcherResult]:
    """Return the matcher that completes the lines of a session."""

    @context_matcher(identifier="now_jupyter")  # type: ignore[untyped-decorator]
    def match(context: CompletionContext) -> SimpleMatcherResult:
        before = context.text_until_cursor
        line = _MAGIC_LINE.fullmatch(before)
        is_prompt = context.cursor_line > 0 and _CELL.match(context.full_text) is not None
        if not (line or is_prompt) or _NAME_BEGUN.search(before):
            return {"completions": []}  # not ours, or the name of a variable
        begun, words = _offer(session, line["magic"], line["rest"]) if line and not is_prompt else ("", ())
        if not (fitting := [word for word in words if word.startswith(begun)]):
            begun = re.split(r"\s", before)[-1]
            fitting = [begun]
        return {
            "completions": [SimpleCompletion(text=word, type="now") for word in fitting],
            "matched_fragment": before[len(before) - len(begun) :],  # `begun` may be written otherwise, as -- for ——
            "suppress": True,
            "ordered": True,
        }

    matcher: Callable[[CompletionContext], SimpleMatcherResult] = match
    return matcher


def _offer(session: Session, magic: str, rest: str) -> tuple[str, Iterable[str]]:
    """Return what of the last word is there, and the words that can stand in its place."""
    try:
        return _offer_values(session, rest) if magic == "nowimage" else _offer_arguments(session, rest)
    except NowImageError:
        return "", ()  # no such command; a folder or a login that cannot be read


def _offer_values(session: Session, rest: str) -> tuple[str, Iterable[str]]:
    refs = _refs(session)
    known = {
        "model": session.known_models(),
        "service": [one.name for one in services()],
        **dict.fromkeys(("image", "mask", "vary"), refs),
        "tag": _tags(session),
        "preset": [f'"{name}"' if " " in name else name for name in session.presets.all()],
    }
    return complete(rest, known)


def _offer_arguments(session: Session, rest: str) -> tuple[str, Iterable[str]]:
    *given, begun = re.split(r"\s+", rest)
    if not given:
        return begun, [name for one in COMMANDS for name in (one.name, one.chinese)]
    command, place = command_named(given[0]), len(given)
    if "--" in command.arguments and (begun.startswith("-") or place > 1):
        return begun, _behind_a_path(session, command.arguments, given[-1], begun)
    takes = command.arguments.strip("[]").removesuffix(" …").split(" ")[:place][-1]
    return begun, _arguments(session, command.name, takes, begun)


def _behind_a_path(session: Session, arguments: str, before: str, begun: str) -> Iterable[str]:
    """Return what can stand where references and options are taken in any order."""
    if before == "--tag":
        return _tags(session)
    return re.findall(r"--\w+", arguments) if begun.startswith("-") else _refs(session)


def _arguments(session: Session, command: str, takes: str, begun: str) -> Iterable[str]:
    """Return what can stand where a command takes what its usage calls `takes`."""
    if command == "models" or "MODEL" in takes:
        return session.known_models()
    if takes in ("PATH", "FOLDER"):
        return glob(f"{escape(begun)}*")  # noqa: PTH207 - paths as they are typed, absolute ones too
    if takes == "TAG":
        return [sign + tag for sign in ("", "-") for tag in _tags(session)]
    if takes == "NAME":
        return session.context.logins.names()
    if takes.startswith("REF"):
        return _refs(session, in_trash=command == "restore")
    return [word for word in takes.split("|") if word.islower()]


def _refs(session: Session, *, in_trash: bool = False) -> list[str]:
    """Return how the newest generations, and the pictures of those that have several, can be referred to."""
    if in_trash:
        return [one.ref for one in reversed(session.context.home().store.trashed())]
    newest = session.history.newest(_MOST)
    named = [one.name for one in session.context.home().store.newest(_MOST) if one.name]
    parts = [picture.ref for one in newest if len(one.pictures) > 1 for picture in one.pictures]
    return list(dict.fromkeys([*(one.ref for one in newest), *parts, *named]))


def _tags(session: Session) -> list[str]:
    return sorted({tag for one in session.history.newest(_MOST) for tag in one.tags})
