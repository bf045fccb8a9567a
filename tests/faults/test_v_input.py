"""Rows V1 to V5: what is typed cannot be sent, or only looks as if it could not."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaign import Campaign
from checker import jobs_in
from faultserver import FaultServer, Send
from now_jupyter._errors import BadImageError, ConfigError, InputError, NowImageError
from now_jupyter._keys import key_from_environment
from now_jupyter._media import examine
from now_jupyter._now._login import address_in
from now_jupyter._options._parsing import parse_cell, parse_line
from now_jupyter._secret import Key
from now_jupyter._session import Session
from now_jupyter._transport import normal_base_url
from now_jupyter._values import Picture
from shells import Shell, shell_in
from stand import Stand, b64_answer, is_short, new_key, on_stand, png, sells


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
            assert error.billed == "no"
            assert len(error.lines()) <= 6
            assert error.__cause__ is None
            assert error.__context__ is None
            assert max(map(len, error.lines())) < 700
        session = shell.session
        for prompt, options in CALLS:
            with pytest.raises(InputError):
                session.generate(prompt, **options)
        assert server.connections == 0
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


@pytest.mark.row("V3", injected="key missing, placeholder, odd characters")
def test_a_key_that_is_none_is_refused_and_not_echoed(
    tmp_path: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch, campaign: Campaign
) -> None:
    """A missing, placeholder or odd key is `ConfigError` before anything is sent, and its text is not repeated."""
    odd = [
        f"sk-{secrets.token_hex(8)}{bad}{secrets.token_hex(8)}"
        for bad in (" ", "\n", "\t", "é", "\0", "，", "\u200b", "\x7f")
    ]
    placeholders = [
        "sk-...",
        "sk-xxxxxxxx",
        "your-api-key",
        "{{API_KEY}}",
        "<key>",
        "sk-****",
        "Bearer ",
        "sk-your-key",
    ]
    for text in [*odd, *placeholders]:
        with pytest.raises(ConfigError) as caught:
            Key(text, source="environment NOW_API_KEY")
        assert len(caught.value.lines()) <= 6
        if text in odd:
            assert text[3:19] not in str(caught.value)
            assert text[3:19] not in repr(vars(caught.value))
    for text in ("sk-...", odd[1]):
        with pytest.raises(ConfigError):
            key_from_environment(
                {"NOW_API_KEY": text, "NOW_BASE_URL": "https://relay.invalid"}, "https://relay.invalid"
            )
    missing = {
        "an address without a key": {"NOW_BASE_URL": "https://relay.invalid"},
        "a key without an address": {"NOW_API_KEY": new_key()},
    }
    for name, environ in missing.items():
        session = Session(folder=tmp_path / "x.now", environ=environ, working=tmp_path)
        with pytest.raises(ConfigError, match="address"):
            session.generate("a fox")
        session.close()
        assert not (tmp_path / "x.now" / "jobs").exists(), name
    campaign.figure("bad keys tried", len(odd) + len(placeholders) + 4)
    campaign.outcome(outcome="ConfigError, value not echoed", billed="no", kept="nothing")


@pytest.mark.row("V3", injected="a key typed into the notebook: prompt, option, login, curl, Python")
def test_a_key_in_the_notebook_is_refused_with_advice(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, campaign: Campaign
) -> None:
    """A key in a cell is refused wherever it stands, neither sent, kept nor echoed; the advice is to make a new one."""
    key = new_key()
    cells = [
        f"%%nowimage\na fox {key}",
        f"%nowimage a fox {key}",
        f"%%nowimage -m {key}\nfox",
        f"%%nowimage -p x={key}\nfox",
        f'%%nowimage -p x={{"deep":["{key}"]}}\nfox',
        f"%%nowimage -p Authorization=Bearer\nfox {key}",
        f"%%nowimage --alt {key}\nfox",
        f"%%nowimage --tag {key}\nfox",
    ]
    with FaultServer() as server:
        monkeypatch.setenv("NOW_BASE_URL", server.url)
        for cell in cells:
            error = shell.fail(cell)
            assert isinstance(error, InputError), cell.replace(key, "KEY")
            assert key not in str(error)
            assert key not in repr(vars(error))
            assert "new one" in error.next_step(), cell.replace(key, "KEY")
        with pytest.raises(InputError):
            shell.session.generate(f"a fox {key}")
        with pytest.raises(InputError):
            shell.session.generate("a fox", params={"x": [key]})
        assert server.connections == 0
    for pasted in (
        f"curl https://relay.invalid/v1/images/generations -H 'Authorization: Bearer {key}' -d '{{}}'",
        f"https://relay.invalid {key}",
        key,
        f"https://{key}@relay.invalid/v1",
    ):
        with pytest.raises(NowImageError) as caught:
            address_in(pasted)
        assert key not in str(caught.value)
    assert not any(key.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    campaign.figure("bad keys tried", len(cells) + 6)
    campaign.outcome(outcome="InputError, advice to make a new key", billed="no", kept="nothing")


GOOD_ADDRESSES = {
    "https://api.example.com": "https://api.example.com",
    "https://api.example.com/": "https://api.example.com",
    "https://api.example.com/v1": "https://api.example.com",
    "https://api.example.com/v1/images/generations": "https://api.example.com",
    "api.example.com": "https://api.example.com",
    "HTTPS://API.Example.COM:443/v1/": "https://api.example.com",
    " “https://api.example.com/v1” ": "https://api.example.com",
    "https://api.example.com/proxy/v1": "https://api.example.com/proxy",
    "http://127.0.0.1:8000/v1": "http://127.0.0.1:8000",
    "http://localhost:3000": "http://localhost:3000",
    "http://192.168.1.5:3000/v1": "http://192.168.1.5:3000",
    "https://[2001:db8::1]:8443": "https://[2001:db8::1]:8443",
}
BAD_ADDRESSES = [
    "http://api.example.com",
    "ftp://api.example.com",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "https://user:hunter22@api.example.com",
    "https://api.example.com?key=1",
    "https://api.example.com#x",
    "https://",
    "https:///v1",
    "https://api example.com",
    "https://api.example.com\n/v1",
    "https://api.example.com:99999",
    "https://api.example.com:port",
    "https://api.example.com/../../x",
    "https://api.example.com\\@other.example.com",
    "{{BASE_URL}}/v1/images/generations",
    "<BASE_URL>",
    "https://{{BASE_URL}}",
    "https://exa mple",
    "https://-x.example.com",
    "http://1.2.3.4",
    "https://[::1",
    "\0",
    "x" * 5000,
    "http://0x7f.1",
    "https://api..example.com",
]


@pytest.mark.row("V4", injected="malformed, with userinfo or path, plain http to a public host")
def test_an_address_is_made_normal_or_refused(tmp_path: Path, campaign: Campaign) -> None:
    """What people paste as an address gets its one form; what is none, or would carry a key in the clear, is
    `ConfigError`, and userinfo is not repeated.
    """
    for text, normal in GOOD_ADDRESSES.items():
        assert normal_base_url(text) == normal
    for text in BAD_ADDRESSES:
        with pytest.raises(ConfigError) as caught:
            normal_base_url(text)
        assert "hunter22" not in str(caught.value)
        assert len(caught.value.lines()) <= 6
        session = Session(folder=tmp_path / "x.now", base_url=text, api_key=new_key(), environ={}, working=tmp_path)
        with pytest.raises(ConfigError):
            session.generate("a fox", model="x")
        session.close()
    assert not (tmp_path / "x.now" / "jobs").exists()
    campaign.figure("bad addresses tried", len(BAD_ADDRESSES))
    campaign.outcome(outcome="normalised, or ConfigError", billed="no", kept="nothing")


def picture_at(path: Path) -> Picture:
    return Picture(ref="#1", sha256="0" * 64, path=path, mime="image/png", width=1, height=1)


@pytest.mark.row("V5", injected="reference missing, folder, FIFO, device, link, huge, empty, no image")
def test_a_picture_that_is_none_never_blocks(
    tmp_path: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch, campaign: Campaign
) -> None:
    """A reference that is no plain picture file is refused at once, whatever it is; nothing waits for a pipe."""
    os.mkfifo(tmp_path / "fifo.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_bytes(b"<svg onload=alert(1)>")
    (tmp_path / "cut.png").write_bytes(png(1)[:-20])
    (tmp_path / "link.png").symlink_to("/etc/passwd")
    with (tmp_path / "huge.png").open("wb") as huge:
        huge.truncate(1 << 40)
    odd = ["missing.png", "fifo.png", "folder.png", "empty.png", "text.png", "cut.png", "huge.png"]
    for name in [*odd, "link.png", "../../../../dev/zero", "../../../../dev/tty"]:
        path = tmp_path / name
        for act in (lambda path=path: examine(path), picture_at(path).bytes, picture_at(path).pil):
            with pytest.raises(BadImageError) as caught:
                act()
            assert caught.value.__context__ is None
    for name in [
        *odd,
        "x" * 5000,
        "~nobody-of-that-name/x.png",
        "a\0b",
        "/dev/zero",
        "#999999",
        "-1",
        "no_such",
        "#1.9999",
    ]:
        error = shell.fail(f"get_ipython().run_line_magic('now', {'recall ' + name!r})")
        assert isinstance(error, InputError), (name[:40], error)
        assert len(error.lines()) <= 6
    campaign.figure("bad references tried", 10 + 15)
    campaign.outcome(outcome="InputError / BadImageError, at once", billed="no", kept="nothing")


@pytest.mark.row("V1", injected="a place for --save that cannot be written")
def test_a_bad_place_to_save_does_not_cost_the_picture(stand: Stand, tmp_path: Path, campaign: Campaign) -> None:
    """Where `--save` fails, the picture is bought once, kept and shown in the history, and the error says so."""
    stand.serve(stand.ledger.sells([Send(b64_answer(png(9)))], pictures=[png(9)]))
    (tmp_path / "file").write_bytes(b"")
    for place in (
        tmp_path / "file" / "x.png",
        tmp_path / "x.tiff",
        tmp_path / ("x" * 300 + ".png"),
        "~nobody-of-that-name/x.png",
    ):
        came = stand.buy(save=str(place))
        assert isinstance(came, NowImageError), came
        assert came.billed == ("no" if "~" in str(place) else "yes")
    verdict = stand.verdict()
    assert verdict.safe == verdict.billed == stand.posts
    assert len(jobs_in(stand.folder)) == verdict.billed
    campaign.outcome(outcome="an error that says: billed, kept", billed="yes", kept="picture")
