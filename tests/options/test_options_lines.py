"""The table of options, where they end and the prompt begins, flags and words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lines import PROMPT, options_of, refusal, sendable
from now_jupyter._messages import InputError, say
from now_jupyter._options import OPTIONS, closest, option, usage
from now_jupyter._options._completion import complete
from now_jupyter._options._parsing import Parsed, parse_cell, parse_keywords, parse_line


def test_these_are_the_options() -> None:
    """The first release has exactly these; each flag belongs to one option."""
    flags = [flag for one in OPTIONS for flag in one.flags]
    assert " ".join(flags) == (
        "-m --model -n --n -s --size -q --quality --style --background --format --compression --negative --seed "
        "-p --param -i --image --mask --keep-outside --vary --button --preset "
        "-o --output --save --reuse --fresh --no-wait --dry-run -y --yes --budget --literal --alt --tag "
        "--timeout --service --show -h --help"
    )
    assert len(flags) == len(set(flags))


def test_what_is_sent_has_neutral_names() -> None:
    """The table alone says which options are part of a request; how a wire calls them is its service's to say."""
    assert [one.name for one in OPTIONS if one.is_sent] == [
        "n",
        "size",
        "quality",
        "style",
        "background",
        "format",
        "compression",
        "negative",
        "seed",
        "keep_outside",
    ]


def test_names_can_be_keywords_and_choices_are_accepted() -> None:
    """An option's name is its keyword in Python; what completion suggests is never refused."""
    for one in OPTIONS:
        assert one.name.isidentifier()
        assert option(one.name) is one
        for choice in one.choices:
            assert one.read(choice) == {"on": True, "off": False}.get(choice, choice)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_help_has_an_aligned_row_for_every_option(language: str) -> None:
    """Every option stands in the help of both languages, its text at the same column."""
    page = usage(language, services=("one", "two"))  # type: ignore[arg-type]
    rows = {one.name: next(row for row in page.splitlines() if row[6:].startswith(one.flags[-1])) for one in OPTIONS}
    facts = {"service": {"services": "one, two"}}
    texts = {one.name: say(one.help, language, **facts.get(one.name, {})) for one in OPTIONS}  # type: ignore[arg-type]
    assert len({row.index(texts[name]) for name, row in rows.items()}) == 1
    assert all(row.endswith(texts[name]) for name, row in rows.items())
    assert page.startswith("%%nowimage [")
    assert "\n%nowimage [" in page
    assert "#12.2" in page
    assert "{name.attr}" in page
    assert page.splitlines()[-1]


def test_the_examples_of_the_help_work() -> None:
    """What the help shows can be typed."""
    for language in ("en", "zh"):
        lines = [row.strip() for row in usage(language).splitlines()]  # type: ignore[arg-type]
        examples = [row for row in lines if row.startswith(("%nowimage", "%%nowimage")) and "[" not in row]
        assert len(examples) == 3
        for example in examples:
            rest = example.partition(" ")[2]
            assert (parse_cell(rest, PROMPT) if example.startswith("%%") else parse_line(rest)).prompt


def test_chinese_help_is_chinese() -> None:
    """No row of the Chinese page is left in English."""
    assert all(any("\u4e00" <= sign <= "\u9fff" for sign in say(one.help, "zh")) for one in OPTIONS)


def test_the_closest_word_is_found_whatever_its_case() -> None:
    """Suggestions ignore case and stay silent where nothing is near."""
    assert closest("SICE", ["size", "seed"]) == "size"
    assert closest("zzz", ["size", "seed"]) is None


@pytest.mark.parametrize(
    "prompt",
    [
        "it's a fox",
        "a fox # two",
        "a fox?",
        "a fox;",
        '"a fox" in snow',
        "a\\fox \\",
        "a  fox   ",
        "- a list",
        "-1 degree, frost",
        "— a dash —— in the middle",
        'a sign "--size" there',
        "use -n and -s and -p freely",
        "fox --ar 16:9 --v 7 --style raw --seed 5 --quality 2 --q 1 --s 50 --no red --niji --tile",
        "a size, --sizes, x--size and --size, too",
        '{"scene": {"fox": 1}} {{x}} $key',
        "狐狸，“雪”×２",
        "🦊 \u202eRTL",
    ],
)
def test_the_prompt_is_kept_as_typed(prompt: str) -> None:
    """Nothing in a prompt is split, unquoted or translated."""
    assert parse_line(prompt) == Parsed(prompt=prompt)
    assert parse_line(f"  -n 2   {prompt}") == Parsed(prompt=prompt, options={"n": 2})
    assert parse_line(f"-n 2 -- {prompt}") == Parsed(prompt=prompt, options={"n": 2})
    assert parse_cell("-n 2", f"{prompt}\n") == Parsed(prompt=prompt, options={"n": 2})


@given(sendable())
def test_any_body_is_kept_but_one_final_newline(body: str) -> None:
    """A cell's body is the prompt, byte for byte; options in it are text."""
    if body.strip():
        assert parse_cell("", body + "\n").prompt == body


@given(sendable())
def test_any_line_behind_the_mark_is_kept(prompt: str) -> None:
    """Behind `--` everything is prompt."""
    if prompt.strip():
        assert parse_line(f"-n 2 -- {prompt}").prompt == prompt.lstrip()


@given(st.text(alphabet="-—－=＝ '\"“”{}[]\\npsx1:a,\n\0\ud800", max_size=30))
def test_nothing_typed_ends_in_another_error(text: str) -> None:
    """Whatever is typed is read or refused; completion is never in the way."""
    for parse in (parse_line, lambda line: parse_cell(line, PROMPT)):
        try:
            parse(text)
        except InputError as refused:
            assert refused.lines()  # noqa: PT017 - either outcome is right
    begun, _words = complete(text, {})
    assert len(begun) <= len(text)


def test_a_body_may_hold_our_options() -> None:
    """Only the one-line form looks for options that come too late."""
    body = "fox --size 16:9\n--n 3\n"
    assert parse_cell("", body).prompt == body[:-1]
    assert parse_cell("", "fox\n\n").prompt == "fox\n"
    assert parse_cell("", "fox\r\n").prompt == "fox\r"


@pytest.mark.parametrize(
    "late", ["--size 16:9", "--size=16:9", "--n", "——size 16:9", "—size 16:9", "--no-wait", "--help"]
)
def test_an_option_behind_the_prompt_is_refused(late: str) -> None:
    """It would be paid for as text."""
    name = late.lstrip("-—").replace("=", " ").partition(" ")[0]
    text = refusal(parse_line, f"a fox {late}")
    assert f"put --{name} before the prompt" in text
    assert parse_line(f"-- a fox {late}").prompt == f"a fox {late}"


def test_a_cell_line_holds_options_only() -> None:
    """A prompt on the line of a cell is sent to its place."""
    assert "the prompt goes below the line" in refusal(parse_cell, "-n 2 a fox", PROMPT)
    assert "the prompt goes below the line" in refusal(parse_cell, "-n 2 -- fox", PROMPT)


@pytest.mark.parametrize("prompt", ["", "   ", "\n", "--", "-n 2", "-n 2 --  "])
def test_a_prompt_is_needed(prompt: str) -> None:
    """Nothing to draw is nothing to send."""
    assert "there is no prompt" in refusal(parse_line, prompt)
    assert "there is no prompt" in refusal(parse_cell, "", " \n\n")
    assert "there is no prompt" in refusal(parse_keywords, "", {})


def test_a_prompt_has_a_limit_in_bytes() -> None:
    """64 KiB may be sent, one byte more may not; Chinese characters count three."""
    full = "狐" * 21845 + "x"
    assert parse_cell("", full).prompt == full
    assert "65537 bytes, at most 65536" in refusal(parse_cell, "", full + "x")


@pytest.mark.parametrize("sign", ["\0", "\ud800"])
def test_what_cannot_be_sent_is_refused(sign: str) -> None:
    """NUL and half characters are refused in prompts, options and fields."""
    refusal(parse_line, f"a {sign} fox")
    refusal(parse_cell, "", f"a {sign} fox")
    refusal(parse_line, f"--alt {sign} a fox")
    refusal(parse_keywords, PROMPT, {"alt": sign})
    refusal(parse_cell, '-p user="\\ud800"', PROMPT)


def test_help_is_asked_for_without_a_prompt() -> None:
    """`--help` wins over a missing prompt."""
    for parsed in (parse_line("--help"), parse_line("-n 2 --help a fox"), parse_cell("--help", "")):
        assert parsed == Parsed(prompt="", help=True)


@pytest.mark.parametrize(
    "line",
    [
        *("--size 1024x1536", "--size=1024x1536", "-s 1024x1536", "-s1024x1536", "-s=1024x1536"),
        *('--size "1024x1536"', "--size='1024x1536'", "--size “1024x1536”", "--size ”1024x1536“"),
        *("——size 1024×1536", "－－size＝1024×1536", "－s\u30001024×1536", "\u3000——size＝１０２４＊１５３６"),
    ],
)
def test_all_ways_to_write_an_option_are_the_same(line: str) -> None:
    """Long, short, attached, quoted, and with full-width signs."""
    assert parse_line(f"{line} a “fox”，×") == Parsed(prompt="a “fox”，×", options={"size": "1024x1536"})


@pytest.mark.parametrize(
    ("typed", "advice"),
    [
        ("--sice 16:9", "did you mean --size?"),
        ("--Size 16:9", "did you mean --size?"),
        ("--qual high", "did you mean --quality?"),
        ("--size:16:9", "did you mean --size?"),
        ("-size 16:9", "did you mean --size?"),
        ("-model x", "did you mean --model?"),
        ("-modle x", "did you mean --model?"),
        ("-seed 3", "did you mean --seed?"),
        ("--s 16:9", "did you mean -s?"),
        ("--ar 16:9", "put it at the end of the prompt"),
        ("-z 1", "--help lists them all"),
        ("--xyzzyx", "--help lists them all"),
    ],
)
def test_an_unknown_option_names_the_closest(typed: str, advice: str) -> None:
    """Nothing is abbreviated, nothing guessed."""
    text = refusal(parse_line, f"{typed} a fox")
    assert text.startswith(f"{typed.partition(' ')[0]} is no option")
    assert advice in text


@pytest.mark.parametrize(
    "line", ["--size", "--size --n 2", "--size=", "--size= 16:9", '--size ""', "--alt -n 2", "--alt --"]
)
def test_a_missing_value_is_told(line: str) -> None:
    """The next option is not swallowed as a value."""
    assert "needs a value" in refusal(parse_cell, line, PROMPT)


def test_a_switch_takes_no_value() -> None:
    """`--fresh=no` is not `--fresh`."""
    assert "--fresh takes no value" in refusal(parse_line, "--fresh=no a fox")
    assert "-y takes no value" in refusal(parse_line, "-y5 a fox")
    assert parse_line("--fresh no fox") == Parsed(prompt="no fox", options={"fresh": True})


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ('"a b"', "a b"),
        ("'a \"b\" c'", 'a "b" c'),
        ("“it's fine”", "it's fine"),
        ("C:\\out\\x.png", "C:\\out\\x.png"),
        ('"C:\\my out\\"', "C:\\my out\\"),
        ("it's", "it's"),
        ("a=b", "a=b"),
        ("-ugly", "-ugly"),
        ("“模糊，水印”", "模糊，水印"),
        ('"--size"', "--size"),
        ("[blurry", "[blurry"),
    ],
)
def test_a_value_is_kept_as_meant(typed: str, value: str) -> None:
    """Only the quotes around it go; backslashes and other quotes stay."""
    assert parse_line(f"--negative {typed} a fox") == Parsed(prompt=PROMPT, options={"negative": value})


@given(sendable())
def test_any_quoted_value_is_kept(value: str) -> None:
    """Quotes hold everything but themselves."""
    if value and not set('"{') & set(value):
        assert options_of(f'--alt "{value}" -n 2') == {"alt": value, "n": 2}


def test_broken_quotes_are_told() -> None:
    """A quote that does not end, or ends inside a word, is not guessed at."""
    assert "a quote is not closed" in refusal(parse_line, "--alt 'a fox")
    assert "something follows a closing quote" in refusal(parse_line, '--alt "a"b fox')


def test_an_option_is_given_once() -> None:
    """What can hold one value takes one; tags and fields gather."""
    assert "--size is given twice" in refusal(options_of, "-s 1:1 --size 1:1")
    assert "--fresh is given twice" in refusal(options_of, "--fresh --fresh")
    assert "-p a is given twice" in refusal(options_of, "-p a=1 -p a=2")
    assert options_of("--tag a -p x=1 --tag “b c” -p y=z") == {"tag": ("a", "b c"), "param": {"x": 1, "y": "z"}}


def test_contradictions_are_refused() -> None:
    """Two options that cannot both be meant."""
    assert "contradict" in refusal(options_of, "--reuse --fresh")
    assert "--quality and -p quality set the same field" in refusal(options_of, "-p quality=low --quality high")
    assert options_of("-p output_format=png") == {"param": {"output_format": "png"}}
