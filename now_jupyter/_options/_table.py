"""All options, in one table: what the magics, the panel and Python accept, how it is read, and what help says of it.

A new option is one row. `is_sent`: it is part of the request, under this neutral name; how a service writes it is the
service's to say. `takes_values`: Python may give it a value (a picture, an array, bytes) where a cell names one.
`choices` are suggestions for completion, never a closed list. The help is made of the same rows, in both languages.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from .._messages import Language, say
from . import _readers as to

__all__ = ["OPTIONS", "Option", "alike", "closest", "option", "option_of_flag", "spell_for_python", "usage"]

_SIZES = "auto square portrait landscape 1024x1024 1536x1024 1024x1536 16:9 9:16 4:3 3:4"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option; `metavar` None makes it a switch."""

    name: str
    flags: tuple[str, ...]
    metavar: str | None = None
    repeatable: bool = False
    is_sent: bool = False
    takes_values: bool = False
    help: str
    read: Callable[[str], object] = str
    choices: tuple[str, ...] = ()


def _row(  # noqa: PLR0913 - its columns
    flags: str, metavar: str, text: str, *, read: Callable[[str], object] = str, choices: str = "", marks: str = ""
) -> Option:
    every = tuple(flags.split())
    return Option(
        name=every[-1][2:].replace("-", "_"),
        flags=every,
        metavar=metavar or None,
        repeatable="repeatable" in marks,
        is_sent="sent" in marks,
        takes_values="values" in marks,
        help=text,
        read=read,
        choices=tuple(choices.split()),
    )


OPTIONS: tuple[Option, ...] = (
    _row("-m --model", "NAME", "any model that the relay knows", read=to.read_model),
    _row(
        "-n --n",
        "N",
        "number of pictures; several requests where the model makes fewer at once",
        read=to.read_count,
        marks="sent",
    ),
    _row(
        "-s --size",
        "WxH",
        "1024x1024, a ratio (16:9), a tier (2K), square, portrait, landscape or auto",
        read=to.read_size,
        choices=_SIZES,
        marks="sent",
    ),
    _row(
        "-q --quality",
        "WORD",
        "low, medium, high, … as the model has them",
        choices="auto low medium high xhigh max standard hd",
        marks="sent",
    ),
    _row("--style", "WORD", "vivid or natural, where the model has styles", choices="vivid natural", marks="sent"),
    _row("--background", "WORD", "transparent, opaque or auto", choices="auto transparent opaque", marks="sent"),
    _row("--format", "TYPE", "type of the file: png, jpeg or webp", choices="png jpeg webp", marks="sent"),
    _row("--compression", "N", "0 to 100, for jpeg and webp", read=to.read_compression, marks="sent"),
    _row("--negative", "TEXT", "what the picture shall not show", marks="sent"),
    _row("--seed", "N", "start of the randomness, where the service takes one", read=to.read_seed, marks="sent"),
    _row(
        "-p --param",
        "KEY=VALUE",
        "any other field of the request; VALUE is JSON, else text (repeatable)",
        read=to.read_param,
        marks="repeatable",
    ),
    _row(
        "-i --image",
        "REF",
        "a picture to start from: #12.2, -1, a -o name, a file, an https address, {{variable}} (repeatable)",
        marks="repeatable values",
    ),
    _row(
        "--mask",
        "REF",
        "where to repaint: a picture that is white, or transparent, there, or a box: 10,20,300,400",
        marks="values",
    ),
    _row(
        "--keep-outside",
        "on|off",
        "with a mask: leave everything outside of it as it was (default: on)",
        read=to.read_switch,
        choices="on off",
        marks="sent",
    ),
    _row("--vary", "REF", "a picture to make another version of", marks="values"),
    _row(
        "--button",
        "LABEL",
        "press a service's button under the picture given by -i, else under the last one that has any",
    ),
    _row("--preset", "NAME", "start from what was saved in the panel under this name; what is typed wins"),
    _row("-o --output", "NAME", "give the result this name in the notebook", read=to.read_name),
    _row("--save", "PATH", "also write the picture there, into a folder under its own name; nothing is overwritten"),
    _row("--reuse", "", "show the answer to an equal earlier request, if there is one; spends nothing then"),
    _row("--fresh", "", "order again, whatever the history holds"),
    _row("--no-wait", "", "go on at once; the picture appears when it is there"),
    _row("--dry-run", "", "show the request and its expected price; send nothing"),
    _row("-y --yes", "", "do not ask before spending"),
    _row(
        "--budget",
        "AMOUNT",
        "the most that this run may cost, such as $2; an unknown price then needs --yes",
        read=to.read_amount,
    ),
    _row("--literal", "", "send the prompt exactly as typed, with {{braces}} and #| lines"),
    _row("--alt", "TEXT", "description for people who do not see the picture (default: the prompt)"),
    _row("--tag", "TAG", "mark for finding it again (repeatable)", read=to.read_tag, marks="repeatable"),
    _row("--timeout", "SECONDS", "stop waiting after this time; the job goes on", read=to.read_timeout),
    _row("--service", "NAME", "which service makes it: {services}"),
    _row("--show", "HOW", "preview, full, text or none", read=to.read_show, choices="preview full text none"),
    _row("-h --help", "", "print this"),
)
_BY_NAME: Mapping[str, Option] = {one.name: one for one in OPTIONS}
_FLAG_IN_TEXT = re.compile(
    r"(?<![\w-])(?P<flag>-p(?: (?P<key>[a-z]\w*)(?:=(?P<value>\w+))?)?|--?[a-z][a-z-]*)(?![\w-])", re.ASCII
)
_ON_A_LINE = "%nowimage"
_BY_FLAG: Mapping[str, Option] = {flag: one for one in OPTIONS for flag in one.flags}

_PAGE = """\
%%nowimage [options]            all lines below are the prompt
%nowimage [options] prompt      options end at the first word that is none, or at --

Options
{rows}

Values
  --size 16:9, --size=16:9, -s 16:9 and -s16:9 are the same. A value with blanks goes into quotes.
  A value that is wholly {{name}} is the value of that variable: -n {{count}}

Prompt
  {{name}}, {{name.attr}}, {{name[0]}} and {{name['key']}} become the value if that name exists; nothing is evaluated.
  Everything else stays as typed: JSON, {{{{, $key. #| lines at the top of a cell are a document tool's (Quarto).
  With --literal braces and #| lines are prompt, too.

REF
  #12 is number 12 of the history, #12.2 its second picture, -1 the picture shown last.
  After -o fox, fox is the result and fox.2 its second picture.

Examples
  %nowimage a red fox in snow
  %nowimage -m gpt-image-2 -s 16:9 -n 2 -o fox a {{color}} fox in snow

  %%nowimage --quality high --save fox.png -p moderation=low
  A red fox in snow,
  it's a "quiet" winter evening
"""


def option(name: str) -> Option:
    """Find the option of that name; a wrong name is a `KeyError`."""
    return _BY_NAME[name]


def option_of_flag(flag: str) -> Option | None:
    """Find the option that has the flag (`-s`, `--size`); nothing is abbreviated."""
    return _BY_FLAG.get(flag)


def spell_for_python(text: str) -> str:
    """Return a sentence with its options written as arguments: `size=`, `fresh=True`, `params`."""
    return text if _ON_A_LINE in text else _FLAG_IN_TEXT.sub(_spell_flag, text)


def _spell_flag(found: re.Match[str]) -> str:
    one = _BY_FLAG.get(found["flag"].split(" ")[0])
    if one is None or one.name == "help":
        return found[0]
    if one.name == "param":
        value = "" if found["value"] is None else f'{{"{found["key"]}": "{found["value"]}"}}'
        return f"params={value}" if value else f'params["{found["key"]}"]' if found["key"] else "params"
    return f"{one.name}=" + ("True" if one.metavar is None else "")


def closest(word: str, among: Iterable[str], *, likeness: float = 0.6) -> str | None:
    """Find the word that was probably meant, whatever its case; None where none is that alike."""
    return next(iter(alike(word, among, most=1, likeness=likeness)), None)


def alike(word: str, among: Iterable[str], *, most: int, likeness: float = 0.6) -> list[str]:
    """Find the words that may have been meant, whatever their case, the most alike first."""
    folded = {one.casefold(): one for one in among}
    return [folded[one] for one in difflib.get_close_matches(word.casefold(), folded, n=most, cutoff=likeness)]


def usage(language: Language = "en", *, services: Iterable[str] = ()) -> str:
    """Return the help text, the same for `%%nowimage?`, `--help` and the README; `services` can be chosen."""
    named = ", ".join(services)
    forms = [_form(one) for one in OPTIONS]
    width = max(len(form) for form in forms)
    texts = (say(one.help, language, **({"services": named} if "{services}" in one.help else {})) for one in OPTIONS)
    rows = (f"  {form:<{width}}  {text}" for form, text in zip(forms, texts, strict=True))
    return say(_PAGE, language, rows="\n".join(rows))


def _form(one: Option) -> str:
    flags = ", ".join(one.flags) if len(one.flags) > 1 else f"    {one.flags[0]}"
    return f"{flags} {one.metavar}" if one.metavar else flags
