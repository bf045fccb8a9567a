"""Options: one table, read the same from a line, a cell and keyword arguments."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from now_jupyter._errors import InputError
from now_jupyter._options import OPTIONS, closest, option, option_of_flag, usage
from now_jupyter._options._parsing import Deferred, Parsed, complete, parse_cell, parse_keywords, parse_line
from now_jupyter._options._readers import read_size

PROMPT = "a fox"


def options_of(line: str) -> Mapping[str, object]:
    return parse_cell(line, PROMPT).options


def refusal(call: Callable[..., object], *arguments: object) -> str:
    with pytest.raises(InputError) as caught:
        call(*arguments)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return str(caught.value)


def sendable() -> st.SearchStrategy[str]:
    return st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


# The table


def test_these_are_the_options() -> None:
    """The first release has exactly these; each flag belongs to one option."""
    flags = [flag for one in OPTIONS for flag in one.flags]
    assert " ".join(flags) == (
        "-m --model -n --n -s --size -q --quality --style --background --format --compression --negative --seed "
        "-p --param -o --output --save --reuse --fresh --no-wait --dry-run -y --yes --budget --literal --alt --tag "
        "--timeout --service --show --help"
    )
    assert len(flags) == len(set(flags))


def test_fields_of_the_request_are_named_as_the_relay_names_them() -> None:
    """The table alone says which option is which field."""
    assert {one.name: one.field for one in OPTIONS if one.field} == {
        "n": "n",
        "size": "size",
        "quality": "quality",
        "style": "style",
        "background": "background",
        "format": "output_format",
        "compression": "output_compression",
        "negative": "negative_prompt",
        "seed": "seed",
    }


def test_names_can_be_keywords_and_choices_are_accepted() -> None:
    """An option's name is its keyword in Python; what completion suggests is never refused."""
    for one in OPTIONS:
        assert one.name.isidentifier()
        assert option(one.name) is one
        for choice in one.choices:
            assert one.read(choice) == choice


@pytest.mark.parametrize("language", ["en", "zh"])
def test_help_has_an_aligned_row_for_every_option(language: str) -> None:
    """Every option stands in the help of both languages, its text at the same column."""
    page = usage(language)  # type: ignore[arg-type]
    rows = {one.name: next(row for row in page.splitlines() if row[6:].startswith(one.flags[-1])) for one in OPTIONS}
    texts = {one.name: one.help_zh if language == "zh" else one.help_en for one in OPTIONS}
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
    assert all(any("\u4e00" <= sign <= "\u9fff" for sign in one.help_zh) for one in OPTIONS)


def test_the_closest_word_is_found_whatever_its_case() -> None:
    """Suggestions ignore case and stay silent where nothing is near."""
    assert closest("SICE", ["size", "seed"]) == "size"
    assert closest("zzz", ["size", "seed"]) is None


# Where options end and the prompt begins


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
    assert isinstance(complete(text), list)


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


# Flags and words


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
    assert "--format and -p output_format set the same field" in refusal(
        options_of, "-p output_format=png --format webp"
    )
    assert options_of("-p output_format=png") == {"param": {"output_format": "png"}}


# Values


@pytest.mark.parametrize(
    ("typed", "size"),
    [
        *(("1024x1024", "1024x1024"), ("1024X768", "1024x768"), ("1024×768", "1024x768"), ("1024*768", "1024x768")),
        *(("16:9", "16:9"), ("16：9", "16:9"), ("03:4", "3:4"), ("auto", "auto"), ("AUTO", "auto")),
        *(("square", "square"), ("方", "square"), ("竖", "portrait"), ("横", "landscape"), ("Portrait", "portrait")),
    ],
)
def test_sizes_have_one_form(typed: str, size: str) -> None:
    """However a size is typed, one form of it goes on; reading it again changes nothing."""
    assert options_of(f"-s {typed}") == {"size": size}
    assert read_size(size) == size


@pytest.mark.parametrize(
    ("typed", "right"),
    [
        *(
            (f"-s {size}", "1024x1024, a ratio such as 16:9")
            for size in ("big", "1024", "0x5", "16:0", "1x2x3", "-1x5")
        ),
        *((f"-n {n}", "a whole number from 1 to 100") for n in ("0", "101", "-1", "2.0", "two", "1_0", "9" * 5000)),
        *((f"--seed {seed}", "a whole number, 0 or greater") for seed in ("-1", "x", "1.5", "9" * 5000)),
        *((f"--compression {n}", "from 0 to 100") for n in ("-1", "101", "x")),
        *((f"--timeout {time}", "more than 0") for time in ("0", "-3", "nan", "inf", "1e999", "soon")),
        ("--show all", "preview, full, text or none"),
        *((f"-o {name}", "a Python name") for name in ("2fox", "a-b", "class", "_", "_1")),
        ("--tag *", "give a word"),
        ('-m "a\nb"', "a name such as"),
        ("-p x", "KEY=VALUE"),
        ("-p =1", "for example"),
        ("-p 1x=1", "for example"),
        ("-p prompt=x", "the prompt"),
        ("-p model=x", "use --model"),
        ("-p n=4", "use --n"),
    ],
)
def test_a_wrong_value_is_refused_with_what_would_be_right(typed: str, right: str) -> None:
    """Nothing doubtful is sent."""
    assert right in refusal(options_of, typed)


def test_values_have_their_types() -> None:
    """Numbers are numbers; names are normalised as Python does."""
    line = "-n ４ --seed 0 --compression 100 --timeout 1.5 --show Full -o ｆｏｘ --no-wait --dry-run -y --literal"
    assert options_of(line) == {
        "n": 4,
        "seed": 0,
        "compression": 100,
        "timeout": 1.5,
        "show": "full",
        "output": "fox",
        "no_wait": True,
        "dry_run": True,
        "yes": True,
        "literal": True,
    }


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ('{"a": [1, 2], "b": "it\'s \\"so\\" {x}"}', {"a": [1, 2], "b": 'it\'s "so" {x}'}),
        ('[1, "a b"]', [1, "a b"]),
        ('"a \\"b\\" c"', 'a "b" c'),
        ("{}", {}),
        *(("5", 5), ("1.5", 1.5), ("true", True), ("null", None), ("low", "low"), ("", ""), ("a=b", "a=b")),
        *(("'5'", "5"), ("“a b”", "a b"), ("'[draft] x'", "[draft] x"), ("C:\\x", "C:\\x"), ("it's", "it's")),
        *(("NaN", "NaN"), ("1e999", "1e999"), ("-Infinity", "-Infinity"), ("007", "007"), ("9" * 5000, "9" * 5000)),
    ],
)
def test_a_field_is_json_or_text(typed: str, value: object) -> None:
    """JSON may hold blanks; what is no JSON is text, and quotes make text of JSON."""
    for line in (f"-p key={typed}", f"--param=key={typed}", f"-pkey={typed}", f"-p key＝{typed}"):
        assert parse_line(f"{line} a fox") == Parsed(prompt=PROMPT, options={"param": {"key": value}})


@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**64) + 1, 2**64 - 1) | sendable(), st.lists))
def test_any_json_survives_the_line(value: object) -> None:
    """What is typed as JSON arrives as that JSON."""
    assert options_of(f"-p k={json.dumps(value)}")["param"] == {"k": value}
    assert options_of(f"-p k={json.dumps({'x': value}, ensure_ascii=False)}")["param"] == {"k": {"x": value}}


@pytest.mark.parametrize(
    "typed", ['{"a": 1', "[1, 2", '"a b', "[NaN]", "[1]x", "[" * 100_000, "[" * 500 + "]" * 500, '{"a" 1}']
)
def test_a_field_that_begins_like_json_must_be_json(typed: str) -> None:
    """A slip in JSON is not sent as text."""
    refusal(parse_cell, f"-p key={typed}", PROMPT)


# Values that are looked up later


@pytest.mark.parametrize("one", [one for one in OPTIONS if one.metavar and one.name not in ("param", "tag")])
def test_every_value_may_be_a_variable(one: object) -> None:
    """`{name}` passes unread, whatever the option."""
    name, flag = getattr(one, "name"), getattr(one, "flags")[0]  # noqa: B009 - Option is told by its own test
    assert options_of(f"{flag} {{x.y[0]}}") == {name: Deferred("x.y[0]")}
    assert options_of(f"{flag}=\"{{x['a b']}}\"") == options_of(f"{flag} {{x['a b']}}") == {name: Deferred("x['a b']")}


def test_fields_and_tags_may_be_variables() -> None:
    """Also the whole of `-p`, and one tag of several."""
    assert options_of("-p a={x} -p {more} --tag {t} --tag b") == {
        "param": {"a": Deferred("x"), "{more}": Deferred("more")},
        "tag": (Deferred("t"), "b"),
    }


# Keyword arguments


def test_python_accepts_what_the_line_accepts() -> None:
    """The same options, values and results."""
    line = "-m x -n 2 -s 16：9 --format webp --seed 7 --timeout 90 --tag a --tag b -p moderation=low -p x=[1,2] --fresh"
    keywords = {
        "model": "x",
        "n": 2,
        "size": "16：9",
        "format": "webp",
        "seed": np.int64(7),
        "timeout": 90.0,
        "tag": ["a", "b"],
        "params": {"moderation": "low", "x": (1, np.int64(2))},
        "fresh": True,
        "reuse": None,
        "quality": None,
        "no_wait": False,
    }
    assert parse_keywords(PROMPT, keywords) == parse_line(f"{line} {PROMPT}")
    assert parse_keywords(PROMPT, {"reuse": False}).options == {"fresh": True}
    assert parse_keywords(PROMPT, {"save": Path("a b.png"), "tag": "x"}).options == {"save": "a b.png", "tag": ("x",)}


@pytest.mark.parametrize(
    ("keywords", "says"),
    [
        ({"sizes": "1:1"}, "did you mean size?"),
        ({"param": {"a": 1}}, "did you mean params?"),
        ({"dryrun": True}, "did you mean dry_run?"),
        ({"help": True}, "help is no option"),
        ({"moderation": "low"}, "params={…}"),
        ({"n": 0}, "a whole number from 1 to 100"),
        ({"n": True}, "--n cannot be of type bool"),
        ({"n": 10**5000}, "--n cannot be of type int"),
        ({"n": Fraction(10**5000, 3)}, "--n cannot be of type Fraction"),
        ({"n": float("nan")}, "--n cannot be of type float"),
        ({"n": "{n}"}, "is not a number of pictures"),
        ({"size": (1, 2)}, "--size cannot be of type tuple"),
        ({"alt": ""}, "--alt needs a value"),
        ({"fresh": 1}, "give True or False"),
        ({"reuse": True, "fresh": True}, "contradict"),
        ({"params": "a=1"}, "params is of type str"),
        ({"params": {"a": object()}}, "type object cannot go"),
        ({"params": {"a": {1: 2}}}, "type dict cannot go"),
        ({"params": {"a": float("inf")}}, "type float cannot go"),
        ({"params": {5: 1}}, "5 is not the name of a field"),
        ({"params": {"prompt": "x"}}, "-p cannot set the prompt"),
        ({"params": {"size": "x"}, "size": "1:1"}, "--size and -p size set the same field"),
    ],
)
def test_python_refuses_what_the_line_refuses(keywords: Mapping[str, object], says: str) -> None:
    """The same checks, in the same words."""
    assert says in refusal(parse_keywords, PROMPT, keywords)


def test_a_list_that_holds_itself_is_refused() -> None:
    """Depth has an end."""
    endless: list[object] = []
    endless.append(endless)
    assert "type list cannot go" in refusal(parse_keywords, PROMPT, {"params": {"a": endless}})


def test_a_prompt_is_text() -> None:
    """A picture or a list in the place of the prompt is told."""
    assert "the prompt is of type list, not text" in refusal(parse_keywords, ["a"], {})


# Keys


@pytest.mark.parametrize(
    "line",
    [
        *(
            "KEY a fox",
            "--api-key KEY a fox",
            "--alt KEY a fox",
            "--alt=KEY a fox",
            "a fox KEY",
            "--sice KEY",
            "-m“KEY”",
        ),
        *("-p user=KEY a fox", '-p x={"a": ["KEY"]} a fox', "密钥KEY a fox", "-s KEY a fox", "--KEY x", "-- a KEY fox"),
    ],
)
def test_a_key_in_the_line_is_refused_and_not_repeated(line: str) -> None:
    """What looks like a key stops everything before it is read, and no part of the error holds it."""
    key = "sk-" + secrets.token_hex(16)
    with pytest.raises(InputError) as caught:
        parse_line(line.replace("KEY", key))
    error = caught.value
    assert "%now login" in error.next_step()
    assert key[3:] not in f"{error!s} {error!r} {error.args} {vars(error)}"


def test_a_key_elsewhere_is_refused_too() -> None:
    """In a body, in keyword arguments and in their depth."""
    key = "sk-" + secrets.token_hex(16)
    for text in (
        refusal(parse_cell, "", f"a {key} fox"),
        refusal(parse_keywords, f"a {key} fox", {}),
        refusal(parse_keywords, PROMPT, {"alt": key}),
        refusal(parse_keywords, PROMPT, {"params": {"a": {"b": [key]}}}),
    ):
        assert "looks like an API key" in text
        assert key not in text


@pytest.mark.parametrize(
    "line",
    [
        *("-p Authorization=VALUE", "-p 'Authorization: Bearer VALUE'", "-p api_key=VALUE", "-p apikey=VALUE"),
        *("--api-key VALUE", "--api-key=VALUE", '-p headers={"X-Api-Key":"VALUE"}', "-pAuthorization=VALUE"),
    ],
)
def test_a_credential_by_name_is_refused_whatever_it_looks_like(line: str) -> None:
    """A key of another make is known by the name it is given under."""
    value = secrets.token_hex(8)
    text = refusal(parse_cell, line.replace("VALUE", value), PROMPT)
    assert "looks like an API key" in text
    assert value not in text


def test_words_that_only_resemble_keys_pass() -> None:
    """Short words, and words in which the letters stand inside."""
    prompt = "task-oriented-illustration-of-a-desk, sk-8 shoes, authorization: granted, an api key on a ring"
    assert parse_line(prompt).prompt == prompt


# Completion


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("--si", ["--size"]),
        ("——si", ["--size"]),
        ("--s", ["--size", "--style", "--seed", "--save", "--service", "--show"]),
        ("-n 2 --size 1:1 --s", ["--style", "--seed", "--save", "--service", "--show"]),
        ("--tag a --ta", ["--tag"]),
        ("%nowimage --si", ["--size"]),
        ("%%nowimage -m x --qua", ["--quality"]),
        ("--format ", ["png", "jpeg", "webp"]),
        ("--format=j", ["jpeg"]),
        ("-q hi", ["high"]),
        ("-m gpt", ["gpt-image-2"]),
        ("-m ", ["gpt-image-2", "dall-e-3"]),
        ("--fresh --format w", ["webp"]),
        *(("a fox --si", []), ("--alt 'a ", []), ("--nonsense x --si", []), ("--seed ", []), ("-- --si", [])),
    ],
)
def test_names_and_values_are_completed(typed: str, words: list[str]) -> None:
    """Flags not yet given, choices of values, models; nothing in the prompt."""
    assert complete(typed, models=["gpt-image-2", "dall-e-3"]) == words
    assert complete(f"{typed}zzz", cursor=len(typed), models=["gpt-image-2", "dall-e-3"]) == words


def test_an_empty_line_offers_all_options() -> None:
    """Every option can begin a line."""
    for typed in ("", "-", "--", "——"):
        assert complete(typed) == [one.flags[-1] for one in OPTIONS]
    assert all(option_of_flag(flag) for flag in complete(""))
