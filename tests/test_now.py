"""`%now`: every command's text, in both languages, and the cell that makes a picture again."""

from __future__ import annotations

import ast
import re
import secrets
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from faultserver import FaultServer, Send, json_answer
from now_jupyter._history import Selection
from now_jupyter._ipython._commands import COMMANDS, Command
from now_jupyter._ipython._now import NowCommands
from now_jupyter._ipython._reports import rehearsal_text
from now_jupyter._json import JSON
from now_jupyter._media import decode
from now_jupyter._messages import InputError, NowImageError, RejectedError
from now_jupyter._options import OPTIONS
from now_jupyter._options._parsing import parse_cell, parse_keywords, parse_line
from now_jupyter._options._prompts import fill
from now_jupyter._options._recipes import cell_text, request_from
from now_jupyter._orders import order_of
from now_jupyter._session import Session
from now_jupyter._settings._logins import Login
from now_jupyter._values import Money, Request, Status
from relays import Served, new_session, relay_on_loopback


@dataclass
class Shell:
    """As much of a shell as the commands ask for."""

    next_input: list[str] = field(default_factory=list)

    def set_next_input(self, text: str) -> None:
        self.next_input.append(text)


@dataclass
class Desk:
    """The commands, and what they print."""

    session: Session
    commands: NowCommands
    shell: Shell
    out: Callable[[], str]

    def __call__(self, line: str = "") -> str:
        shown = self.commands.run(line)
        return self.out() if shown is None else repr(shown)


@contextmanager
def desk(folder: Path, capsys: pytest.CaptureFixture[str], url: str = "", **given: Any) -> Iterator[Desk]:
    shell = Shell()
    with new_session(folder, url, **given) as session:
        commands = NowCommands(shell, session)  # type: ignore[arg-type]  # as much of a shell as it needs
        yield Desk(session, commands, shell, lambda: capsys.readouterr().out.rstrip("\n"))


@pytest.fixture
def now(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Desk]:
    """A notebook on the demo."""
    with desk(tmp_path, capsys) as one:
        yield one


@pytest.fixture
def paid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[tuple[Desk, Served]]:
    """A notebook on a relay."""
    with relay_on_loopback() as served, desk(tmp_path, capsys, served.url) as one:
        yield one, served


# Status


def test_the_status_of_a_new_notebook_is_six_lines_and_asks_nobody(now: Desk, tmp_path: Path) -> None:
    """Endpoint, key, model, money, history, jobs."""
    assert now().splitlines() == [
        "endpoint: the built-in demo (no address and no key are set)",
        "key: –",
        "model: the relay's best known",
        "spent: ~$0.00",
        f"history: 0 in {tmp_path / 'untitled.now'}",
        "under way: 0, unsettled: 0",
    ]


def test_the_status_says_what_was_spent_and_what_may_have_been(paid: tuple[Desk, Served]) -> None:
    """Maybe-billed ones stand apart and are not counted twice."""
    now, served = paid
    now.session.generate("a fox", model="dall-e-3")
    with pytest.raises(NowImageError):
        now.session.generate("a hare", model="dall-e-3", params={"demo": {"fault": "reset"}})
    lines = now().splitlines()
    assert lines[0] == f"endpoint: {served.url}/v1"
    assert lines[3] == "spent: ~$0.0400 · 1 maybe: ~$0.0400"
    assert lines[5] == "under way: 0, unsettled: 1"


def test_the_status_names_every_currency(paid: tuple[Desk, Served]) -> None:
    """Amounts of two currencies are not added."""
    now, _ = paid
    now.session.generate("a fox")
    store = now.session.context.home().store
    first = store.read(1)
    store.claim(replace(first, id="ab" * 16, cost=Money(Decimal(7), "CNY", "reported")))
    assert now("status").splitlines()[3] == "spent: ~$0.0400 + ¥7.00"


def test_the_source_of_the_key_is_shown_and_never_the_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where it came from is what helps."""
    key = "k" * 30
    with desk(tmp_path, capsys, environ={"NOW_API_KEY": key, "NOW_BASE_URL": "https://relay.invalid"}) as now:
        text = now()
    assert "key: NOW_API_KEY" in text
    assert key not in text


@pytest.mark.parametrize(
    "form",
    ["https://me:{}@relay.invalid", "https://relay.invalid?api_key={}", "sk-{}", "{0}{0}", "https://x.invalid/sk-{}"],
)
def test_an_address_is_never_shown_raw(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A password, a query or the key in the address's place: the status says what is wrong with it, masked."""
    secret = secrets.token_hex(16)
    typed = form.format(secret)
    with desk(tmp_path, capsys, environ={"NOW_BASE_URL": typed}) as now:
        text = now()
        now.session.context.logins.remember(Login(name="odd", base_url=typed), None)
        text += now("use odd")
    assert text.count("*** (") == 2
    assert secret not in text


# Commands


def test_money_is_told_in_the_users_currency(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Balance and prices, as reported by the relay."""
    given = {"typed": lambda: {"currency": "CNY", "rate": 7.0}}
    with relay_on_loopback() as served, desk(tmp_path, capsys, served.url, **given) as now:
        assert now("balance") == "left: ¥700.00 · used: ¥0.00 (as reported by the relay)"
        assert now("余额") == "left: ¥700.00 · used: ¥0.00 (as reported by the relay)"
        listed = [line.split() for line in now("models DALL").splitlines()]
        assert listed == [["dall-e-2", "¥0.14", "openai-images"], ["dall-e-3", "¥0.28", "openai-images"]]
        assert now("models gemini").split()[-1] == "chat"
        assert now("models nothing") == "the relay lists no model of that name that can be used here"
        assert served.posts == 0


@pytest.mark.slow
def test_a_list_without_end_fits_into_a_cell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of thousands of models the first are shown, and it is said how the others are found."""
    with FaultServer() as server:
        answer = json_answer({"data": [{"id": f"flux-{number:0150}"} for number in range(4_000)]})
        server.script([Send(answer)], path="/v1/models")
        with desk(tmp_path, capsys, server.url) as now:
            lines = now("models").splitlines()
            assert (len(lines), lines[-1]) == (301, "… 3700 more; %now models WORDS finds them")
            assert now("models 3999").startswith("flux-0")


def test_the_history_is_listed_and_searched(now: Desk) -> None:
    """Without words the last ones, with words the found ones."""
    now.session.generate("a red fox")
    now.session.generate("a hare")
    assert now("history").splitlines()[0] == "Selection(2)"
    (found,) = now("history red").splitlines()[1:]
    assert re.fullmatch(r" +#1 +done  gpt-image-2  demo  \d{4}-\d\d-\d\d \d\d:\d\d  a red fox", found)
    assert now("历史 red").splitlines()[1:] == [found]
    assert now("history nothing") == "nothing found"
    assert now("trash") == "the trash is empty"


def test_an_empty_history_is_said_in_words(now: Desk) -> None:
    """No table without rows."""
    assert now("history") == "no pictures yet"


def test_the_history_is_a_table_with_small_pictures(now: Desk) -> None:
    """For notebooks: no script, everything foreign escaped, a picture of at most 64 pixels; for terminals: columns."""
    now.session.generate("雪中的<b>红狐</b>", model="dall-e-2", size="256x256")
    picture = now.session.generate('a "fox" & <script>', model="dall-e-2", size="256x256").pictures[0]
    now.session.generate("a hare", model="dall-e-2", size="256x256")
    picture.path.unlink()
    shown = now.session.history._repr_mimebundle_()
    table = ET.fromstring(shown["text/html"])  # it is well-formed, with what was typed as text
    cells = ["".join(one.itertext()) for one in table.iter("td")]
    assert {"雪中的<b>红狐</b>", 'a "fox" & <script>', "a hare"} <= set(cells)
    assert {one.tag for one in table.iter()} == {"table", "thead", "tbody", "tr", "th", "td", "img"}
    addresses = [one.attrib["src"] for one in table.iter("img")]
    assert len(addresses) == 2  # one file is gone, which hides nothing else
    for address in addresses:
        assert max(decode(b64decode(address.partition("base64,")[2])).size) <= 64
    columns = [line.index("dall-e-2") for line in shown["text/plain"].splitlines()[1:]]
    assert len(set(columns)) == 1


def test_the_history_speaks_the_language_of_who_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Heads, states, reasons, what is older: in `%now`, `nj.history` and its selections."""
    with desk(tmp_path, capsys, typed=lambda: {"language": "zh"}) as now:
        now.session.generate("红狐")
        with pytest.raises(NowImageError):
            now.session.generate("红狐", model="nope")
        history = now.session.history
        for listed in (repr(history), repr(history[:]), now("历史")):
            assert re.search(r"#1 +完成 .* 演示 ", listed)
            assert re.search(r"#2 +失败 .* · 中转站", listed)
        table = history[:]._repr_mimebundle_()["text/html"]
        assert "提示词" in table
        assert "#2 失败" in table
        assert "完成" not in table
        assert "… 更早的还有 5 条" in repr(Selection([history[0]] * 25, language="zh"))
        assert now("调出 #1").count("完成") == 1


@pytest.mark.parametrize("line", ["open #1", "recall #1", "star 7", "cell -1", "open #1.9"])
def test_a_mere_look_says_nothing_of_a_bill(line: str, now: Desk) -> None:
    """Where nothing could be bought, no money is spoken of; what the file of a picture has become is told."""
    picture = now.session.generate("a fox").pictures[0]
    picture.path.write_bytes(b"changed")
    now.session.trash("#1")
    with pytest.raises(NowImageError) as caught:
        now(line)
    assert "billed" not in "\n".join(caught.value.lines())


def test_marks_are_set_and_taken_off(now: Desk) -> None:
    """Star, tags, trash and back."""
    now.session.generate("a fox")
    assert [now("star #1"), now("star #1"), now("收藏 1")] == ["#1 ★", "#1 ☆", "#1 ★"]
    assert now("tag #1 a b") == "#1 a, b"
    assert now("tag #1 -a c") == "#1 b, c"
    assert now("tag #1 -b -c") == "#1 –"
    assert now.session.history["#1"].starred
    assert now("trash #1") == "#1 is in the trash; %now restore #1 brings it back"
    assert len(now.session.history) == 0
    assert "#1" in now("trash")
    assert now("restore #1") == "#1 is back"
    assert now.session.history["#1"].starred
    assert now("trash") == "the trash is empty"


def test_marks_are_set_on_one_of_several_pictures(now: Desk) -> None:
    """The others stay as they are; the trash lists what was thrown away alone."""
    now.session.generate("a fox", model="dall-e-2", size="256x256", n=3)
    assert [now("star #1.2"), now("star #1"), now("star #1.2")] == ["#1.2 ★", "#1 ☆", "#1.2 ★"]
    assert now("tag #1.3 cover") == "#1.3 cover"
    assert now("tag #1 a") == "#1 a, cover"
    assert now("trash #1.2") == "#1.2 is in the trash; %now restore #1.2 brings it back"
    assert [one.ref for one in now.session.history["#1"].pictures] == ["#1.1", "#1.3"]
    assert "#1.2" in now("trash")
    assert now("restore #1.2") == "#1.2 is back"
    assert [one.ref for one in now.session.history.filter(starred=True).pictures] == ["#1.2"]


def test_a_picture_tells_how_it_was_made(now: Desk, tmp_path: Path) -> None:
    """By its number, and by a file that was saved."""
    generation = now.session.generate("a {red} fox", size="16:9", style="vivid", save=str(tmp_path / "fox.png"))
    cell = "%%nowimage --model gpt-image-2 --size 16:9 --style vivid --literal\na {red} fox"
    text = now("recall #1")
    assert text.startswith(f"{cell}\n\n#1 · done · ")
    assert repr(generation.pictures[0]) in text
    assert now(f"recall {tmp_path / 'fox.png'}") == cell
    assert now(f"调出 {tmp_path / 'fox.png'}") == cell
    assert now("cell #1") == ""
    assert now.shell.next_input == [cell]
    assert now("open #1") == str(generation.pictures[0].path)


def test_a_file_that_says_nothing_is_said_so(now: Desk, tmp_path: Path) -> None:
    """An input error with advice."""
    (tmp_path / "plain.txt").write_text("no picture")
    with pytest.raises(InputError):
        now(f"recall {tmp_path / 'plain.txt'}")
    with pytest.raises(InputError, match=r"there is no file nothing\.png"):
        now("recall nothing.png")


@pytest.mark.parametrize("command", ["recall", "cell", "star", "tag", "open", "adopt", "use"])
def test_a_missing_reference_is_asked_for(command: str, now: Desk) -> None:
    """Not guessed."""
    with pytest.raises(InputError, match="missing"):
        now(command)


def test_what_is_missing_is_named(now: Desk) -> None:
    """A login or a folder is no picture."""
    for line, what, advice in (
        ("use", "the name of a login is missing", "%now login sets the first one"),
        ("adopt", "a folder is missing", "%now adopt fox.now"),
        ("cell", "a reference is missing", "give a number such as #12, -1 or a -o name"),
        ("use home", "there is no login named home", "%now login home makes one"),
    ):
        with pytest.raises(NowImageError) as caught:
            now(line)
        assert (caught.value.message(), caught.value.next_step()) == (what, advice)
    now.session.context.logins.remember(Login(name="work", base_url="https://relay.invalid"), None)
    with pytest.raises(InputError) as missing:
        now("use")
    assert missing.value.next_step() == "there are: work"
    with pytest.raises(NowImageError) as unknown:
        now("use home")
    assert unknown.value.next_step() == "known: work; %now login home makes one"


@pytest.mark.parametrize("line", ["restore fox", "restore", "star #9", "tag #9 a", "trash hare", "tag #1", "cell -1"])
def test_what_is_not_there_is_an_error_of_ours(line: str, now: Desk) -> None:
    """Never a traceback."""
    with pytest.raises(NowImageError):
        now(line)


def test_the_folder_is_told_and_changed(now: Desk, tmp_path: Path) -> None:
    """And another history is taken over."""
    assert now("folder") == str(tmp_path / "untitled.now")
    assert now("folder other.now") == str(tmp_path / "other.now")
    now.session.generate("a fox")
    now("folder third.now")
    assert now("adopt other.now") == f"the history is now {tmp_path / 'third.now'}"
    assert len(now.session.history) == 1


def test_waiting_and_collecting_say_what_came(now: Desk) -> None:
    """Also where there is nothing."""
    assert now("resume") == "there is nothing to collect"
    assert now("wait") == "0 arrived; nothing is under way"
    with pytest.raises(NowImageError):
        now.session.generate("a fox", params={"demo": {"fault": "html_link"}})
    assert now("resume") == "#1 partial · 0"


def test_logins_are_changed_by_name(now: Desk) -> None:
    """Use and logout."""
    logins = now.session.context.logins
    for name in ("studio", "home"):
        logins.remember(Login(name=name, base_url=f"http://127.0.0.1:1/{name}"), None)
    assert now("use studio") == "studio is in use: http://127.0.0.1:1/studio/v1"
    assert now("logout") == "studio and its key are forgotten"
    assert now("退出 home") == "home and its key are forgotten"
    assert now("logout") == "there was no login"


def test_the_demo_is_switched(now: Desk) -> None:
    """on, off and nothing else."""
    assert now("demo off") == "the demo is off"
    assert now("演示 开") == "the demo answers; it costs nothing"
    for line in ("demo", "demo perhaps", "nest", "nest perhaps"):
        with pytest.raises(InputError, match="on or off"):
            now(line)


def test_a_failure_is_listed_and_recalled_in_the_language_of_today(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was stored as template and facts by an English session; a Chinese one says it in Chinese, names included."""
    refused = json_answer({"error": {"message": "{slow}", "code": "content_policy_violation"}}, status=400)
    with FaultServer() as server:
        server.script([Send(refused)], path="/v1/images/generations")
        with desk(tmp_path, capsys, server.url) as english:
            with pytest.raises(RejectedError) as caught:
                english.session.generate("a fox", model="x")
            assert english("history").endswith(f"a fox · {caught.value.message()}")
            assert caught.value.message() in english("recall #1")
    with desk(tmp_path, capsys, "http://127.0.0.1:9", typed=lambda: {"language": "zh"}) as chinese:
        words = "提示词被内容规则拒绝：{slow}"
        assert caught.value.in_language("zh").message() == words
        assert chinese("历史").endswith(f"a fox · {words}")
        assert chinese("历史 fox").endswith(f"a fox · {words}")
        assert f"RejectedError: {words}\n计费：否" in chinese("调出 #1")
        assert chinese("recall #1").endswith("→ 请换一种说法")
        assert words in repr(chinese.session.history)


@pytest.mark.parametrize(
    ("typed", "meant"), [("hisotry", "history (历史)"), ("Balance", "balance (余额)"), ("余额额", "balance (余额)")]
)
def test_an_unknown_command_names_the_closest(typed: str, meant: str, now: Desk) -> None:
    """And without one, where all are listed."""
    with pytest.raises(InputError) as caught:
        now(typed)
    assert caught.value.next_step().startswith(f"did you mean %now {meant}?")
    with pytest.raises(InputError) as caught:
        now("xyzzy")
    assert caught.value.next_step() == "%now --help lists all"


@pytest.mark.parametrize("word", ["--help", "-h", "——help"])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one.name)
def test_every_command_helps_and_does_nothing(command: Command, word: str, now: Desk) -> None:
    """Its usage and what it does, by either name, wherever the word stands."""
    for line in (f"{command.name} {word}", f"{command.chinese} #1 {word}"):
        text = now(line)
        assert text.startswith(f"%now {command.name} {command.arguments}".rstrip())
        assert text.endswith(f"  {command.help} ({command.chinese})")
        assert "\n" not in text
    assert now.session.jobs() == now.shell.next_input == []


@pytest.mark.parametrize("word", ["--help", "-h", "help", "帮助", "?"])
def test_help_names_every_command_once(word: str, now: Desk) -> None:
    """With its Chinese name; every command of the table is one that is carried out."""
    text = now(word)
    names = [one.name for one in COMMANDS]
    assert all(text.count(f"%now {name}") >= 1 for name in names)
    assert all(f"({one.chinese})" in text for one in COMMANDS)
    assert len(text.splitlines()) == len(names) + 1
    assert all(callable(getattr(now.commands, f"_{name}")) for name in names)


def test_chinese_users_read_chinese(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same commands."""
    with desk(tmp_path, capsys, typed=lambda: {"language": "zh"}) as now:
        assert "endpoint" not in now("状态")
        text = now("帮助")
        assert "显示历史所在目录" in text
        assert all(f"%now {one.chinese}" in text and text.count(f"({one.name})") == 1 for one in COMMANDS)


def test_a_rehearsal_is_told_in_full(paid: tuple[Desk, Served]) -> None:
    """The body, notes, price, balance, and what the history would do."""
    now, served = paid
    order = order_of(parse_keywords("a fox", {"model": "dall-e-3", "quality": "low"}))
    text = rehearsal_text(now.session, order)
    lines = text.splitlines()
    assert lines[0] == f"POST {served.url}/v1/images/generations"
    assert '"quality": "low"' in text
    assert "the model is not known to take quality low; known: standard, hd" in lines
    assert "expected price: ~$0.0400 · nothing was sent" in lines
    assert "balance after it: $99.96" in lines
    assert lines[-1].startswith("would be bought")


# The cell that makes a picture

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=30)
PROMPTS = TEXT.filter(lambda text: bool(text.strip()))
MODELS = TEXT.map(str.strip).filter(
    lambda text: (
        text.isprintable()
        and any(not set(quotes) & set(text) for quotes in ('"', "'", "“”", "‘’"))
        and not text.startswith("{")
        and bool(text)
    )
)
FIELDS = {one.name for one in OPTIONS if one.is_sent}
FREE = st.from_regex(r"[a-z][a-z_.-]{0,8}", fullmatch=True).filter(
    lambda name: name not in (*FIELDS, "prompt", "model", "n") and "key" not in name and "auth" not in name
)
SIMPLE = st.one_of(
    st.none(), st.booleans(), st.integers(-9, 2**40), st.floats(-9, 9, allow_nan=False), TEXT, st.just("")
)
VALUES: st.SearchStrategy[JSON] = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)),
    max_leaves=5,
)
KNOWN = st.fixed_dictionaries(
    {},
    optional={
        "n": st.integers(1, 10),
        "size": st.sampled_from(["auto", "1024x1024", "16:9", "portrait"]),
        "quality": MODELS,
        "style": MODELS,
        "background": MODELS,
        "compression": st.integers(0, 100),
        "negative": TEXT,
        "seed": st.integers(0, 2**40),
    },
)


def again(text: str) -> Request:
    """Read a cell as a notebook would, a call in Python by its arguments."""
    if not text.startswith("%%"):
        call = cast("ast.Call", cast("ast.Expr", ast.parse(text).body[-1]).value)
        given = {str(one.arg): ast.literal_eval(one.value) for one in call.keywords}
        assert ast.unparse(call.func) == "nj.generate"
        return order_of(parse_keywords(ast.literal_eval(call.args[0]), given)).request
    line, _, body = text.partition("\n")
    parsed = parse_cell(line.removeprefix("%%nowimage").strip(" "), body)
    return order_of(fill(parsed, {"name": "filled"}, literal=bool(parsed.options.get("literal")))).request


@given(PROMPTS, st.none() | MODELS, KNOWN, st.dictionaries(FREE, VALUES, max_size=3))
@example("a {name}\n", "na me", {"style": "a {name}"}, {"x": "{name}"})
@example("\n a fox \n\n", "a\"b'c", {"negative": 'it\'s a "cat" “x”'}, {"y": "[1", "z": " "})
@example("--size 3", "-m", {"quality": "--size"}, {"x": "true", "w": 1.0})
@example("#| label: fox\nfox", None, {}, {})
@example("a fox\n%%nowimage\na hare", None, {}, {})
@example("a\nfox", "m", {"negative": "rain\nsnow", "seed": 0}, {"x": [None, "{y}"]})
def test_the_cell_of_a_request_orders_the_same_again(
    prompt: str, model: str | None, known: dict[str, JSON], extra: dict[str, JSON]
) -> None:
    """Whatever prompt, model and parameters: written as a cell and read again they are equal, byte for byte."""
    request = Request(prompt=prompt, model=model, params=known, raw=extra)
    found = again(cell_text(request))
    assert found.fingerprint() == request.fingerprint()


def test_what_a_foreign_file_says_does_not_break_out_of_its_line() -> None:
    """Names that are no names of models or fields are left out; line breaks in values are escaped."""
    text = cell_text(
        request_from({"prompt": "a fox", "model": "m\n!rm -rf", "raw": {"a\n!ls": 1, "b": "c\u2028!ls\n"}})
    )
    assert text == '%%nowimage --param b="c\\u2028!ls\\n"\na fox'


def test_a_status_that_is_none_shows_nowhere(now: Desk) -> None:
    """A cancelled one has no picture to open."""
    now.session.generate("a fox")
    store = now.session.context.home().store
    store.write(replace(store.read(1), status=Status.CANCELLED, outputs=()))
    with pytest.raises(InputError, match="has no picture"):
        now("open #1")


def test_a_price_of_ones_own_is_set_told_and_forgotten(
    paid: tuple[Desk, Served], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It stands in the list of models, in both languages, and in the quote; off goes back to what the relay says."""
    now, served = paid
    assert now("price") == "no price of your own is set"
    assert now("price dall-e-2") == "dall-e-2 costs what the relay's list says"
    assert now("price dall-e-2 $0.3/picture") == "dall-e-2 costs $0.30/picture here, by your own word"
    assert now("价格 gpt-image-2 ０．５／次") == "gpt-image-2 costs $0.50/call here, by your own word"
    assert now("price gtp-image-2 0.1").endswith("; the relay lists no such model")
    assert now("price").splitlines() == [
        "dall-e-2 costs $0.30/picture here, by your own word",
        "gpt-image-2 costs $0.50/call here, by your own word",
        "gtp-image-2 costs $0.10 here, by your own word; the relay lists no such model",
    ]
    with desk(tmp_path, capsys, served.url, typed=lambda: {"currency": "CNY"}) as other:
        assert other("price dall-e-2").endswith("; it does not count while prices are in CNY")
        assert other("models dall-e-2").split() == ["dall-e-2", "¥0.0200", "openai-images"]
    assert now("models dall-e-2") == "dall-e-2  $0.30/picture (your own price)  openai-images"
    with new_session(tmp_path, served.url) as other:  # another kernel's
        assert {name: str(one) for name, one in other.own_prices().items()}["dall-e-2"] == "$0.30/picture"
    with new_session(tmp_path, "http://127.0.0.1:9") as other:  # another relay's
        assert other.own_prices() == {}
    order = order_of(parse_keywords("a fox", {"model": "dall-e-2", "n": 3}))
    assert str(now.session.rehearse(order).price) == "~$0.90"
    assert now("price dall-e-2 off") == "dall-e-2 costs what the relay's list says"
    assert now("models dall-e-2").split()[1] == "$0.0200"
    assert served.posts == 0


@pytest.mark.parametrize(
    "amount", ["much", "-1", "0.3/pixel", "99999999", "1e9", "€0.3", "0.3/picture/call", "∞", "/call"]
)
def test_a_price_that_cannot_be_meant_is_refused(amount: str, paid: tuple[Desk, Served]) -> None:
    """In one line that says what is wrong; nothing changes."""
    now, _served = paid
    with pytest.raises(InputError, match=r"amount of money|what a price is for|cannot be meant|not in USD"):
        now(f"price dall-e-2 {amount}")
    with pytest.raises(InputError, match="not the name of a model"):
        now(f"price {'x' * 300} 1")
    assert now("price") == "no price of your own is set"


def test_the_budget_is_set_told_and_lifted(paid: tuple[Desk, Served]) -> None:
    """`%now budget` alone tells; an amount sets it anew, off lifts it; the status shows it beside what was spent."""
    now, _served = paid
    assert now("budget") == "no budget is set"
    assert now("budget $1") == "budget: $1.00, $1.00 left"
    assert "budget:" in now("status")
    assert now("预算 off") == "no budget is set"
    with pytest.raises(InputError, match="not an amount"):
        now("budget much")


def test_lines_to_go_on_from_a_picture_can_be_typed(now: Desk) -> None:
    """What begins with `%nowimage` is read, Python lines compile; without a REF it is the picture shown last."""
    made = now.session.generate("a fox", model="midjourney")
    now.session.remember_shown(made)
    lines = [line.split("  ", 1)[1].strip() for line in now("next").splitlines()]
    assert now("next #1").splitlines()[0].split() == ["again", 'nj.again("#1")']
    typed = [line.removeprefix("%nowimage ") for line in lines if line.startswith("%nowimage")]
    assert [parse_line(line).options.get("button") for line in typed][3:5] == ["U1", "U2"]
    for line in (one for one in lines if not one.startswith("%")):
        ast.parse(line)
    tree = now.commands.run("tree #1")
    assert repr(tree).startswith("#1 · a fox")
