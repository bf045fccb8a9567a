"""All options, in one table: what the magics, the panel and Python accept, how it is read, and what help says of it.

A new option is one row. `is_sent`: it is part of the request, under this neutral name; how a service writes it is the
service's to say. `choices` are suggestions for completion, never a closed list. The help is made of the same rows, in English and Chinese.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from .._messages import Language
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
    help_en: str
    help_zh: str
    read: Callable[[str], object] = read_text
    choices: tuple[str, ...] = ()


OPTIONS: tuple[Option, ...] = (
    Option(
        name="model",
        flags=("-m", "--model"),
        metavar="NAME",
        read=read_model,
        help_en="any model that the relay knows",
        help_zh="中转站支持的任意模型",
    ),
    Option(
        name="n",
        flags=("-n", "--n"),
        metavar="N",
        is_sent=True,
        read=read_count,
        help_en="number of pictures; several requests where the model makes fewer at once",
        help_zh="图片张数；模型一次给不了这么多时分几次请求",
    ),
    Option(
        name="size",
        flags=("-s", "--size"),
        metavar="WxH",
        is_sent=True,
        read=read_size,
        choices=_SIZES,
        help_en="1024x1024, a ratio (16:9), square, portrait, landscape or auto",
        help_zh="1024x1024、比例（16:9）、方、竖、横 或 auto",
    ),
    Option(
        name="quality",
        flags=("-q", "--quality"),
        metavar="WORD",
        is_sent=True,
        choices=("auto", "low", "medium", "high", "xhigh", "max", "standard", "hd"),
        help_en="low, medium, high, … as the model has them",
        help_zh="low、medium、high……视模型而定",
    ),
    Option(
        name="style",
        flags=("--style",),
        metavar="WORD",
        is_sent=True,
        choices=("vivid", "natural"),
        help_en="vivid or natural, where the model has styles",
        help_zh="vivid 或 natural，限支持风格的模型",
    ),
    Option(
        name="background",
        flags=("--background",),
        metavar="WORD",
        is_sent=True,
        choices=("auto", "transparent", "opaque"),
        help_en="transparent, opaque or auto",
        help_zh="背景：transparent（透明）、opaque（不透明）或 auto",
    ),
    Option(
        name="format",
        flags=("--format",),
        metavar="TYPE",
        is_sent=True,
        choices=("png", "jpeg", "webp"),
        help_en="type of the file: png, jpeg or webp",
        help_zh="文件格式：png、jpeg 或 webp",
    ),
    Option(
        name="compression",
        flags=("--compression",),
        metavar="N",
        is_sent=True,
        read=read_compression,
        help_en="0 to 100, for jpeg and webp",
        help_zh="压缩程度 0 到 100，限 jpeg 和 webp",
    ),
    Option(
        name="negative",
        flags=("--negative",),
        metavar="TEXT",
        is_sent=True,
        help_en="what the picture shall not show",
        help_zh="画面里不要出现的内容",
    ),
    Option(
        name="seed",
        flags=("--seed",),
        metavar="N",
        is_sent=True,
        read=read_seed,
        help_en="start of the randomness, where the service takes one",
        help_zh="随机种子，限支持的服务",
    ),
    Option(
        name="param",
        flags=("-p", "--param"),
        metavar="KEY=VALUE",
        repeatable=True,
        read=read_param,
        help_en="any other field of the request; VALUE is JSON, else text (repeatable)",
        help_zh="请求里的其他字段；VALUE 是 JSON，否则按文本（可重复）",
    ),
    Option(
        name="output",
        flags=("-o", "--output"),
        metavar="NAME",
        read=read_name,
        help_en="give the result this name in the notebook",
        help_zh="把结果存为笔记本里的这个变量",
    ),
    Option(
        name="save",
        flags=("--save",),
        metavar="PATH",
        help_en="also write the picture there",
        help_zh="图片另存到此处",
    ),
    Option(
        name="reuse",
        flags=("--reuse",),
        help_en="show the answer to an equal earlier request, if there is one; spends nothing then",
        help_zh="有相同的旧请求就直接用它的结果，不花钱",
    ),
    Option(
        name="fresh",
        flags=("--fresh",),
        help_en="order again, whatever the history holds",
        help_zh="无论历史里有没有，都重新生成",
    ),
    Option(
        name="no_wait",
        flags=("--no-wait",),
        help_en="go on at once; the picture appears when it is there",
        help_zh="不等待，图片好了会自己出现",
    ),
    Option(
        name="dry_run",
        flags=("--dry-run",),
        help_en="show the request and its expected price; send nothing",
        help_zh="只显示请求和预计价格，不发送",
    ),
    Option(
        name="yes",
        flags=("-y", "--yes"),
        help_en="do not ask before spending",
        help_zh="花钱前不再询问",
    ),
    Option(
        name="budget",
        flags=("--budget",),
        metavar="AMOUNT",
        read=read_amount,
        help_en="the most that this run may cost, such as ¥10; an unknown price then needs --yes",
        help_zh="这次运行最多花多少，例如 ¥10；价格未知时需加 --yes",
    ),
    Option(
        name="literal",
        flags=("--literal",),
        help_en="leave {braces} in the prompt as they are",
        help_zh="提示词里的 {花括号} 原样保留",
    ),
    Option(
        name="alt",
        flags=("--alt",),
        metavar="TEXT",
        help_en="description for people who do not see the picture (default: the prompt)",
        help_zh="给看不见图片的人的描述（默认用提示词）",
    ),
    Option(
        name="tag",
        flags=("--tag",),
        metavar="TAG",
        repeatable=True,
        read=read_tag,
        help_en="mark for finding it again (repeatable)",
        help_zh="标签，便于查找（可重复）",
    ),
    Option(
        name="timeout",
        flags=("--timeout",),
        metavar="SECONDS",
        read=read_timeout,
        help_en="stop waiting after this time; the job goes on",
        help_zh="等待的秒数；到时不再等，任务照常进行",
    ),
    Option(
        name="service",
        flags=("--service",),
        metavar="NAME",
        help_en="which service makes it: {services}",
        help_zh="由哪种服务来做：{services}",
    ),
    Option(
        name="show",
        flags=("--show",),
        metavar="HOW",
        read=read_show,
        choices=("preview", "full", "text", "none"),
        help_en="preview, full, text or none",
        help_zh="显示方式：preview（预览）、full（原图）、text（文字）、none（不显示）",
    ),
    Option(
        name="help",
        flags=("--help",),
        help_en="print this",
        help_zh="显示本帮助",
    ),
)

_BY_NAME: Mapping[str, Option] = MappingProxyType({one.name: one for one in OPTIONS})
_BY_FLAG: Mapping[str, Option] = MappingProxyType({flag: one for one in OPTIONS for flag in one.flags})

_PAGES: Mapping[Language, str] = MappingProxyType(
    {
        "en": """\
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
""",
        "zh": """\
%%nowimage [选项]            下面的各行都是提示词
%nowimage [选项] 提示词      遇到第一个不是选项的词或 -- 时，选项结束

选项
{rows}

取值
  --size 16:9、--size=16:9、-s 16:9、-s16:9 写法等价。含空格的值要加引号。
  值整个写成 {{变量名}} 时取该变量的值：-n {{count}}
  选项里可以用全角符号：，＝｜“”× 和 ——

提示词
  变量存在时，{{name}}、{{name.attr}}、{{name[0]}}、{{name['key']}} 换成它的值；不执行任何代码。
  其余内容原样保留：JSON、{{{{、$key。加 --literal 则花括号也原样保留。

REF（引用）
  #12 是历史第 12 号，#12.2 是它的第二张图，-1 是最近显示的图。
  用了 -o fox 之后，fox 就是结果，fox.2 是它的第二张图。

示例
  %nowimage 雪地里的一只红狐狸
  %nowimage -m gpt-image-2 -s 16:9 -n 2 -o fox 雪地里的一只{{color}}狐狸

  %%nowimage --quality high --save fox.png -p moderation=low
  雪地里的一只红狐狸，
  旁边的牌子上写着“it's cold”
""",
    }
)


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
    """Return the help text, the same for `%%nowimage?`, `--help` and the README; `services` are those to choose from."""
    named = ", ".join(services)
    forms = [_form(one) for one in OPTIONS]
    width = max(len(form) for form in forms)
    texts = (one.help_zh if language == "zh" else one.help_en for one in OPTIONS)
    rows = (f"  {form:<{width}}  {text.replace('{services}', named)}" for form, text in zip(forms, texts, strict=True))
    return _PAGES[language].format(rows="\n".join(rows))


def _form(one: Option) -> str:
    flags = ", ".join(one.flags) if len(one.flags) > 1 else f"    {one.flags[0]}"
    return f"{flags} {one.metavar}" if one.metavar else flags
