"""Rows V1 and V2: what is typed cannot be sent, or only looks as if it could not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaign import Campaign
from faultserver import FaultServer, Send
from now_jupyter._messages._errors import InputError
from now_jupyter._options._parsing import parse_cell, parse_line
from shells import Shell, shell_in
from stand import PATH, Stand, b64_answer, is_short, on_stand, png, sells


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    with on_stand(tmp_path / "a.now") as stand:
        yield stand


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.chdir(tmp_path)
    with shell_in(tmp_path / "ipython", progress_after=600.0) as shell:
        shell.run("%load_ext now_jupyter")
        yield shell


CELLS = [
    "%%nowimage\n",
    "%%nowimage\n   \n\t\n",
    "%nowimage",
    "%nowimage   ",
    "%nowimage --",
    "%nowimage -m gpt-image-2",
    "%%nowimage --sizee 3\nfox",
    "%%nowimage --SIZE 3\nfox",
    "%%nowimage -z\nfox",
    "%%nowimage fox\nfox",
    *(f"%%nowimage -n {n}\nfox" for n in ("0", "-1", "1.5", "many", "1e2", "101", "9" * 40, "0x2", "")),
    *(
        f"%%nowimage -s {s}\nfox"
        for s in ("big", "0x0", "1024x", "x1024", "-1x5", "1:0", "16:9:4", "999999x1", "1024x1024x3")
    ),
    *(f"%%nowimage --seed {s}\nfox" for s in ("-1", "x", "1.0", "9" * 30)),
    *(f"%%nowimage --compression {c}\nfox" for c in ("-1", "101", "half")),
    *(f"%%nowimage --timeout {t}\nfox" for t in ("0", "-3", "inf", "nan", "soon")),
    "%%nowimage -m\nfox",
    "%%nowimage -m ''\nfox",
    "%%nowimage --reuse --fresh\nfox",
    "%%nowimage -s 1024x1024 -s 512x512\nfox",
    "%%nowimage -n 2 -n 3\nfox",
    "%%nowimage -p size=1 -s 1024x1024\nfox",
    "%%nowimage -p size\nfox",
    "%%nowimage -p prompt=dog\nfox",
    "%%nowimage -p model=dog\nfox",
    "%%nowimage -p n=9\nfox",
    '%%nowimage -p x={"a":\nfox',
    "%%nowimage -p x=[1,\nfox",
    "%%nowimage -p =3\nfox",
    "%%nowimage -p Authorization=x\nfox",
    "%%nowimage -p api_key=x\nfox",
    "%%nowimage --show sideways\nfox",
    "%%nowimage -o 3fox\nfox",
    "%%nowimage -o class\nfox",
    "%%nowimage -o _\nfox",
    "%%nowimage --tag *\nfox",
    "%%nowimage --service nowhere\nfox",
    "%%nowimage 'unclosed\nfox",
    "%nowimage a fox --size 1024x1024",
    "%%nowimage\na fox with a NUL \0 in it",
    "%%nowimage\n" + "f" * (64 * 1024 + 1),
    "%%nowimage\n" + "狐" * (22 * 1024),
]
CALLS: list[tuple[Any, dict[str, Any]]] = [
    (7, {}),
    (None, {}),
    (b"fox", {}),
    ("", {}),
    ("half \ud800 a character", {}),
    ("fox", {"sizee": 3}),
    ("fox", {"n": True}),
    ("fox", {"n": 1.5}),
    ("fox", {"n": 10**30}),
    ("fox", {"n": [2]}),
    ("fox", {"n": float("nan")}),
    ("fox", {"size": 1024}),
    ("fox", {"size": (1, 2)}),
    ("fox", {"model": ""}),
    ("fox", {"model": "a\nb"}),
    ("fox", {"params": {"x": object()}}),
    ("fox", {"params": {"x": {1: 2}}}),
    ("fox", {"params": {"x": float("inf")}}),
    ("fox", {"params": {"x": "half \ud800"}}),
    ("fox", {"params": {"n": 4}}),
    ("fox", {"params": [1]}),
    ("fox", {"seed": -1}),
    ("fox", {"timeout_": 3}),
]


@pytest.mark.row("V1", injected="no prompt, unknown and bad options, contradictions, 64 KiB+, NUL")
def test_what_cannot_be_sent_is_refused_unrecorded(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, campaign: Campaign
) -> None:
    """Each is an `InputError` of at most six lines that says what would be right; nothing is recorded or sent."""
    with FaultServer() as server:
        monkeypatch.setenv("NOW_BASE_URL", server.url)
        for cell in CELLS:
            error = shell.fail(cell)
            assert isinstance(error, InputError), (cell[:80], error)
            assert server.connections == 0, (cell[:80], error)
            assert error.billed == "no"
            assert len(error.lines()) <= 6
            assert error.__cause__ is None
            assert error.__context__ is None
            assert max(map(len, error.lines())) < 700
        session = shell.session
        for prompt, options in CALLS:
            with pytest.raises(InputError):
                session.generate(prompt, **options)
            assert server.connections == 0, (prompt[:80], options)
        assert not list(tmp_path.glob("*.now"))
    campaign.figure("bad inputs tried", len(CELLS) + len(CALLS))
    campaign.outcome(outcome="InputError", billed="no", kept="nothing")


ODD_WORDS = st.text(
    alphabet=st.sampled_from("-—–mnspoq=＝ '\"\\{}[]()x×:16,，.?;%!#$\t\r\n\0é狐🦊\u202e\u2028abc"), max_size=40
)


@pytest.mark.row("V1", injected="lines of odd characters (hypothesis)")
def test_any_line_is_read_or_refused(campaign: Campaign) -> None:
    """Whatever is typed is read or refused by an `InputError`; nothing else comes out."""
    tried = 0

    @settings(max_examples=3000 if campaign.is_full else 300, deadline=None, database=None)
    @given(ODD_WORDS, ODD_WORDS)
    def read(line: str, body: str) -> None:
        nonlocal tried
        tried += 1
        for parse in (lambda: parse_line(line), lambda: parse_cell(line.replace("\n", " "), body)):
            try:
                parsed = parse()
            except InputError as error:
                is_short(error)
            else:
                assert parsed.help or parsed.prompt.strip()

    read()
    campaign.figure("bad inputs tried", tried)
    campaign.outcome(outcome="read, or InputError", billed="no", kept="nothing")


PROMPTS = [
    "it's",
    "\"quotes\" and 'others'",
    "fox -- dog --ar 16:9 --tile",
    "# not a comment",
    "fox?",
    "fox;",
    "a\\b\\\\c \\n \\x41",
    "line one\r\nline two\rline three\n\nline five",
    "🦊👩‍👩‍👧 \u202eright to left\u202c שועל ثعلب",
    "zero\u200bwidth and \ufeff mark",
    "tab\tand \x0b \x0c \x1b[31mred\x1b[0m \x7f \x85 \u2028 \u2029",
    '{"scene": {"a": [1, 2]}, "b": "{{x}}"} ${key} $key %s {0}',
    "<script>alert(1)</script> &amp; [x](y) $\\frac{1}{2}$",
    "  leading and trailing   ",
    "\n\nblank lines\n\n",
    "sk- is a prefix, and so is Bearer",
    "\U0001f98a" * 1000,
    "f" * (64 * 1024),
    "e\u0301 is not \u00e9",
    "\ufffd \uffff \U0010ffff",
]


@pytest.mark.row("V2", injected="quotes, --, #, emoji, RTL, CRLF, backslashes, escapes; any text (hypothesis)")
def test_odd_prompts_arrive_byte_for_byte(tmp_path: Path, stand: Stand, campaign: Campaign) -> None:
    """A prompt reaches the relay and the record exactly as it was typed."""
    stand.server.script(sells(stand.ledger, png(1)), path="/v1/images/generations")

    def arrives(prompt: str) -> None:
        generation = stand.bought(prompt, reuse=False)
        seen = json.loads(next(one for one in reversed(stand.server.seen) if one.method == "POST").body)
        assert seen["prompt"] == prompt
        record = json.loads((stand.folder / "jobs" / f"{generation.ref[1:]}.json").read_bytes())
        assert record["request"]["prompt"] == prompt
        assert stand.session.history[generation.ref].prompt == prompt

    for prompt in PROMPTS:
        arrives(prompt)
    tried = 0

    @settings(
        max_examples=400 if campaign.is_full else 40,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.text(min_size=1, max_size=60).filter(lambda text: text.strip() and "\0" not in text and "sk-" not in text)
    )
    def any_text(prompt: str) -> None:
        nonlocal tried
        tried += 1
        arrives(prompt)

    any_text()
    assert stand.verdict().marked == 0
    campaign.figure("odd prompts tried", len(PROMPTS) + tried)
    campaign.outcome(outcome="byte-exact at relay and in history", billed="yes", kept="record, picture")


IN_CELLS = [
    *(one for one in PROMPTS if one.strip() and not set(one) & set("\0\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")),
    "%%nowimage -n 4 is text here",
    "%nowimage too\n!ls\n?what",
    "a = %nowimage fox",
    "-n 4 --size 1:1 --fresh",
    "fox?\n??fox\nfox??",
]
IN_LINES = [
    'it\'s a "fox"',
    "fox -- dog",
    "# fox",
    "fox?",
    "fox;",
    "a\\b \\n {0} {x",
    "a $key fox",
    "a {{key}} fox",
    "狐 🦊 × ，",
    "fox --ar 16:9",
]


@pytest.mark.row("V2", injected="odd prompts in cells, lines, loops and functions of IPython")
def test_odd_prompts_are_taken_out_of_cells_as_they_stand(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, campaign: Campaign
) -> None:
    """Of a cell all but its final newline is the prompt, of a line all behind the options: nothing in it is expanded,
    split, unquoted or run.
    """
    asked: list[str] = []

    with FaultServer() as server:
        server.script([Send(b64_answer(png(1)))], path=PATH)
        monkeypatch.setenv("NOW_BASE_URL", server.url)
        shell.run("key = name = x = 'expanded'")
        for prompt in IN_CELLS:
            shell.run(f"%%nowimage -m gpt-image-2 --fresh --literal\n{prompt}\n")
            asked.append(prompt)
        for prompt in IN_LINES:
            for code in (
                f"%nowimage -m gpt-image-2 --fresh {prompt}",
                f"fox = %nowimage -m gpt-image-2 --fresh {prompt}",
            ):
                shell.run(code)
                asked.append(prompt)
            shell.run(f"for _ in range(1):\n    %nowimage -m gpt-image-2 --fresh {prompt}")
            asked.append(prompt)
        came = [json.loads(one.body)["prompt"] for one in server.seen if one.method == "POST"]
    assert came == asked
    assert [one.prompt for one in shell.session.history] == asked
    campaign.figure("odd prompts tried", len(asked))
    campaign.outcome(outcome="byte-exact at relay and in history", billed="yes", kept="record, picture")


@pytest.mark.row("V1", injected="a place for --save that cannot be written")
def test_a_bad_place_to_save_is_refused_before_anything_is_paid_for(
    stand: Stand, tmp_path: Path, campaign: Campaign
) -> None:
    """Nothing is sent, and the error says why."""
    stand.serve(stand.ledger.sells([Send(b64_answer(png(9)))], pictures=[png(9)]))
    (tmp_path / "file").write_bytes(b"")
    for place in (
        tmp_path / "file" / "x.png",
        tmp_path / "x.html",
        tmp_path / ("x" * 300 + ".png"),
        "~nobody-of-that-name/x.png",
    ):
        came = stand.buy(save=str(place))
        assert isinstance(came, InputError), came
    assert stand.posts == 0
    campaign.outcome(outcome="InputError", billed="no", kept="")
