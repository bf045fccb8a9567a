"""All options, in one table: what the magics, the panel and Python accept, how it is read, and what help says of it.

A new option is one row. `is_sent`: it is part of the request, under this neutral name; how a service writes it is the
service's to say. `takes_values`: Python may give it a value (a picture, an array, bytes) where a cell names one.
`choices` are suggestions for completion, never a closed list. The help is made of the
same rows, in English and Chinese.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .._messages import Language, say
from ._readers import (
    read_amount,
    read_compression,
    read_count,
    read_model,
    read_name,
    read_param,
    read_seed,
    read_show,
    read_size,
    read_tag,
    read_text,
    read_timeout,
)

__all__ = ["OPTIONS", "Option", "closest", "option", "option_of_flag", "usage"]

_SIZES = (
    "auto",
    "square",
    "portrait",
    "landscape",
    "1024x1024",
    "1536x1024",
    "1024x1536",
    "16:9",
    "9:16",
    "4:3",
    "3:4",
)


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
    read: Callable[[str], object] = read_text
    choices: tuple[str, ...] = ()


OPTIONS: tuple[Option, ...] = (
    Option(
        name="model",
        flags=("-m", "--model"),
        metavar="NAME",
        read=read_model,
        help="any model that the relay knows",
    ),
    Option(
        name="n",
        flags=("-n", "--n"),
        metavar="N",
        is_sent=True,
        read=read_count,
        help="number of pictures; several requests where the model makes fewer at once",
    ),
    Option(
        name="size",
        flags=("-s", "--size"),
        metavar="WxH",
        is_sent=True,
        read=read_size,
        choices=_SIZES,
        help="1024x1024, a ratio (16:9), square, portrait, landscape or auto",
    ),
    Option(
        name="quality",
        flags=("-q", "--quality"),
        metavar="WORD",
        is_sent=True,
        choices=("auto", "low", "medium", "high", "xhigh", "max", "standard", "hd"),
        help="low, medium, high, … as the model has them",
    ),
    Option(
        name="style",
        flags=("--style",),
        metavar="WORD",
        is_sent=True,
        choices=("vivid", "natural"),
        help="vivid or natural, where the model has styles",
    ),
    Option(
        name="background",
        flags=("--background",),
        metavar="WORD",
        is_sent=True,
        choices=("auto", "transparent", "opaque"),
        help="transparent, opaque or auto",
    ),
    Option(
        name="format",
        flags=("--format",),
        metavar="TYPE",
        is_sent=True,
        choices=("png", "jpeg", "webp"),
        help="type of the file: png, jpeg or webp",
    ),
    Option(
        name="compression",
        flags=("--compression",),
        metavar="N",
        is_sent=True,
        read=read_compression,
        help="0 to 100, for jpeg and webp",
    ),
    Option(
        name="negative",
        flags=("--negative",),
        metavar="TEXT",
        is_sent=True,
        help="what the picture shall not show",
    ),
    Option(
        name="seed",
        flags=("--seed",),
        metavar="N",
        is_sent=True,
        read=read_seed,
        help="start of the randomness, where the service takes one",
    ),
    Option(
        name="param",
        flags=("-p", "--param"),
        metavar="KEY=VALUE",
        repeatable=True,
        read=read_param,
        help="any other field of the request; VALUE is JSON, else text (repeatable)",
    ),
    Option(
        name="image",
        flags=("-i", "--image"),
        metavar="REF",
        repeatable=True,
        takes_values=True,
        help="a picture to start from: #12.2, -1, a -o name, a file, an https address, {{variable}} (repeatable)",
    ),
    Option(
        name="mask",
        flags=("--mask",),
        metavar="REF",
        takes_values=True,
        help="where to repaint: a picture that is transparent there",
    ),
    Option(
        name="vary",
        flags=("--vary",),
        metavar="REF",
        takes_values=True,
        help="a picture to make another version of",
    ),
    Option(
        name="button",
        flags=("--button",),
        metavar="LABEL",
        help="press a service's button under the picture given by -i, else under the last one that has any",
    ),
    Option(
        name="output",
        flags=("-o", "--output"),
        metavar="NAME",
        read=read_name,
        help="give the result this name in the notebook",
    ),
    Option(
        name="save",
        flags=("--save",),
        metavar="PATH",
        help="also write the picture there",
    ),
    Option(
        name="reuse",
        flags=("--reuse",),
        help="show the answer to an equal earlier request, if there is one; spends nothing then",
    ),
    Option(
        name="fresh",
        flags=("--fresh",),
        help="order again, whatever the history holds",
    ),
    Option(
        name="no_wait",
        flags=("--no-wait",),
        help="go on at once; the picture appears when it is there",
    ),
    Option(
        name="dry_run",
        flags=("--dry-run",),
        help="show the request and its expected price; send nothing",
    ),
    Option(
        name="yes",
        flags=("-y", "--yes"),
        help="do not ask before spending",
    ),
    Option(
        name="budget",
        flags=("--budget",),
        metavar="AMOUNT",
        read=read_amount,
        help="the most that this run may cost, such as ¥10; an unknown price then needs --yes",
    ),
    Option(
        name="literal",
        flags=("--literal",),
        help="leave {{braces}} in the prompt as they are",
    ),
    Option(
        name="alt",
        flags=("--alt",),
        metavar="TEXT",
        help="description for people who do not see the picture (default: the prompt)",
    ),
    Option(
        name="tag",
        flags=("--tag",),
        metavar="TAG",
        repeatable=True,
        read=read_tag,
        help="mark for finding it again (repeatable)",
    ),
    Option(
        name="timeout",
        flags=("--timeout",),
        metavar="SECONDS",
        read=read_timeout,
        help="stop waiting after this time; the job goes on",
    ),
    Option(
        name="service",
        flags=("--service",),
        metavar="NAME",
        help="which service makes it: {services}",
    ),
    Option(
        name="show",
        flags=("--show",),
        metavar="HOW",
        read=read_show,
        choices=("preview", "full", "text", "none"),
        help="preview, full, text or none",
    ),
    Option(
        name="help",
        flags=("--help",),
        help="print this",
    ),
)

_BY_NAME: Mapping[str, Option] = MappingProxyType({one.name: one for one in OPTIONS})
_BY_FLAG: Mapping[str, Option] = MappingProxyType({flag: one for one in OPTIONS for flag in one.flags})

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
  Everything else stays as typed: JSON, {{{{, $key. With --literal the braces stay too.

REF
  #12 is number 12 of the history, #12.2 its second picture, -1 the picture shown last.
  After -o fox, fox is the result and fox.2 its second picture.

Examples
  %nowimage a red fox in snow
  %nowimage -m gpt-image-2 -s 16:9 -n 2 -o fox a {{color}} fox in snow

  %%nowimage --quality high --save fox.png -p moderation=low
  A red fox in snow,
  a sign beside it says "it's cold"
"""


def option(name: str) -> Option:
    """Find the option of that name; a wrong name is a `KeyError`."""
    return _BY_NAME[name]


def option_of_flag(flag: str) -> Option | None:
    """Find the option that has the flag (`-s`, `--size`); nothing is abbreviated."""
    return _BY_FLAG.get(flag)


def closest(word: str, among: Iterable[str], *, likeness: float = 0.6) -> str | None:
    """Find the word that was probably meant, whatever its case; None where none is that alike."""
    folded = {one.casefold(): one for one in among}
    near = difflib.get_close_matches(word.casefold(), folded, n=1, cutoff=likeness)
    return folded[near[0]] if near else None


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
