"""The help of the magics and of `%now`, in Chinese."""

from __future__ import annotations

__all__ = ["HELP"]

HELP: dict[str, str] = {
    "any model that the relay knows": "中转站支持的任意模型",
    "number of pictures; several requests where the model makes fewer at once": "图片张数；模型一次给不了这么多时分几次请求",
    "1024x1024, a ratio (16:9), square, portrait, landscape or auto": "1024x1024、比例（16:9）、方、竖、横 或 auto",
    "low, medium, high, … as the model has them": "low、medium、high……视模型而定",
    "vivid or natural, where the model has styles": "vivid 或 natural，限支持风格的模型",
    "transparent, opaque or auto": "背景：transparent（透明）、opaque（不透明）或 auto",
    "type of the file: png, jpeg or webp": "文件格式：png、jpeg 或 webp",
    "0 to 100, for jpeg and webp": "压缩程度 0 到 100，限 jpeg 和 webp",
    "what the picture shall not show": "画面里不要出现的内容",
    "start of the randomness, where the service takes one": "随机种子，限支持的服务",
    "any other field of the request; VALUE is JSON, else text (repeatable)": "请求里的其他字段；VALUE 是 JSON，否则按文本（可重复）",
    "give the result this name in the notebook": "把结果存为笔记本里的这个变量",
    "also write the picture there": "图片另存到此处",
    "show the answer to an equal earlier request, if there is one; spends nothing then": "有相同的旧请求就直接用它的结果，不花钱",
    "order again, whatever the history holds": "无论历史里有没有，都重新生成",
    "go on at once; the picture appears when it is there": "不等待，图片好了会自己出现",
    "show the request and its expected price; send nothing": "只显示请求和预计价格，不发送",
    "do not ask before spending": "花钱前不再询问",
    "the most that this run may cost, such as ¥10; an unknown price then needs --yes": "这次运行最多花多少，例如 ¥10；价格未知时需加 --yes",
    "leave {{braces}} in the prompt as they are": "提示词里的 {{花括号}} 原样保留",
    "description for people who do not see the picture (default: the prompt)": "给看不见图片的人的描述（默认用提示词）",
    "mark for finding it again (repeatable)": "标签，便于查找（可重复）",
    "stop waiting after this time; the job goes on": "等待的秒数；到时不再等，任务照常进行",
    "which service makes it: {services}": "由哪种服务来做：{services}",
    "preview, full, text or none": "显示方式：preview（预览）、full（原图）、text（文字）、none（不显示）",
    "print this": "显示本帮助",
    "open the panel: make, look, choose, change": "打开面板：生成、浏览、挑选、修改",
    "set the relay's address and key; the key is asked for hidden": "设置中转站地址和密钥；密钥隐藏输入",
    "go over to another login": "换用另一个登录",
    "forget a login and its key": "忘记一个登录及其密钥",
    "list the relay's picture models with prices": "列出中转站的图片模型和价格",
    "ask the relay what is left": "向中转站查询余额",
    "stop this history from spending more than that from now on; it holds in every kernel": "从现在起这个历史最多再花这么多；对所有内核有效",
    "list or search this notebook's pictures": "列出或搜索本 notebook 的图片",
    "show how a picture was made, or fill the open panel with it": "显示一张图是怎么生成的，面板打开时填入面板",
    "write the cell that makes a picture": "写出生成某张图的单元",
    "open the original in the system's viewer": "用系统看图程序打开原图",
    "put a star on a picture, or take it off": "收藏或取消收藏",
    "tag a picture; -TAG takes a tag off": "加标签；-标签 表示去掉",
    "move a picture to the history's trash": "把一张图移入历史的回收站",
    "bring a picture back from the trash": "从回收站取回",
    "say where the history lies, or use another folder": "显示历史所在目录，或改用另一个目录",
    "make another folder this notebook's history": "把另一个目录作为本 notebook 的历史",
    "wait until nothing is under way": "等到没有进行中的任务",
    "collect what was ordered and did not arrive, free of charge": "免费取回已下单而未到的图",
    "look whether everything is in order, and repair what is safe": "检查各项是否正常，并修复可安全修复的问题",
    "use the built-in demo, or never": "使用或停用内置演示",
    "apply nest-asyncio to this kernel, where that is safe": "在安全时对本内核应用 nest-asyncio",
    """\
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
""": """\
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
