"""The lines of `%now export`, `import`, `bundle` and `report`: words and options read, and what came of it as text."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path

from .._messages import InputError, say
from .._options import closest, flag_at, skip_blanks, word_at
from .._session import Session

__all__ = ["bundle_line", "export_line", "import_line", "read_line", "report_line"]

_CHOICE = {"--starred": False, "--tag": True}
_EXPORT = {**_CHOICE, "--clean": False, "--names": True, "--longest": True, "--format": True}
_REPORT = {**_CHOICE, "--csv": True, "--markdown": True}


def read_line(text: str, options: Mapping[str, bool]) -> tuple[list[str], dict[str, str]]:
    """Return the words of a line and its options; `options` says which there are, and which of them take a value.

    Raises:
        InputError: an option is none, is given twice, or lacks its value.
    """
    words: list[str] = []
    given: dict[str, str] = {}
    at = skip_blanks(text, 0)
    while at < len(text):
        flag = flag_at(text, at)
        if flag is None:
            word, at = word_at(text, at)
            words.append(word)
        else:
            if flag.word not in options or flag.word in given:
                raise _refusal(flag.word, options)
            given[flag.word], at = _value(text, flag.value_at, options[flag.word], flag.word, is_attached=flag.attached)
        at = skip_blanks(text, at)
    return words, given


def _value(text: str, at: int, takes_value: bool, flag: str, *, is_attached: bool) -> tuple[str, int]:  # noqa: FBT001
    if not takes_value:
        if is_attached:
            raise InputError("{flag} takes no value", advice="give it alone", flag=flag)
        return "", at
    start = at if is_attached else skip_blanks(text, at)
    value, end = word_at(text, start)
    if not value or (not is_attached and flag_at(text, start)):
        raise InputError("{flag} needs a value", advice="write {flag} {metavar}", flag=flag, metavar="VALUE")
    return value, end


def _refusal(flag: str, options: Collection[str]) -> InputError:
    if flag in options:
        return InputError("{flag} is given twice", advice="give it once", flag=flag)
    near = closest(flag.lstrip("-"), [one.lstrip("-") for one in options])
    if near is None:
        return InputError(
            "{flag} is no option",
            advice="there are {options}" if options else "there are none here",
            flag=flag,
            options=" ".join(options),
        )
    return InputError("{flag} is no option", advice="did you mean --{near}?", flag=flag, near=near)


def export_line(session: Session, rest: str) -> str:
    """Write pictures where the line says, and say what was written."""
    words, given = read_line(rest, _EXPORT)
    if not words:
        raise InputError("a path is missing", advice="%now export fox.zip, fox.html or a folder; then #12 #14.2 …")
    path, *refs = words
    exported = session.history.export(
        path,
        *map(session.subject, refs),
        starred="--starred" in given,
        tag=given.get("--tag"),
        metadata="--clean" not in given,
        names=given.get("--names", ""),
        longest=_pixels(given.get("--longest")),
        format=given.get("--format"),
    )
    return str(exported)


def _pixels(text: str | None) -> int | None:
    if text is None:
        return None
    digits = re.fullmatch(r"([0-9]{1,6})(?:px)?", text)
    if digits is None:
        raise InputError("{longest} is no length in pixels", advice="give 16 to 32768, such as 2048", longest=text)
    return int(digits[1])


def import_line(session: Session, rest: str) -> str:
    """Take in what the line names, else the previews of the notebook in use, and say what came."""
    words, _given = read_line(rest, {})
    if len(words) > 1:
        raise InputError("one path at a time", advice="put a path with blanks into quotes")
    path = Path(words[0]) if words else session.context.notebook()
    if path is None:
        raise InputError("a path is missing", advice="%now import fox.zip, a .now folder or a notebook")
    return str(session.history.import_from(path))


def bundle_line(session: Session, rest: str) -> str:
    """Write the notebook in use with its pictures where the line says, and say what was written."""
    words, _given = read_line(rest, {})
    notebook = session.context.notebook()
    if len(words) != 1:
        raise InputError("a path is missing" if not words else "one path at a time", advice="%now bundle fox.zip")
    return str(session.history.bundle(words[0], notebook))


def report_line(session: Session, rest: str) -> str:
    """Return the report that the line asks for, or say where it was written."""
    words, given = read_line(rest, _REPORT)
    report = session.history.report(*map(session.subject, words), starred="--starred" in given, tag=given.get("--tag"))
    written = [str(report.write_csv(given["--csv"]))] if "--csv" in given else []
    written += [str(report.write_markdown(given["--markdown"]))] if "--markdown" in given else []
    if not len(report):
        return say("no pictures yet", session.settings().language)
    return "\n".join(written) or repr(report)
