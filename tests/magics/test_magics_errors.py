"""Input that is not ours, and errors."""

from __future__ import annotations

import secrets
import threading
from typing import Any

import pytest

from now_jupyter._background import Background
from now_jupyter._ipython._login import LoginTalk
from now_jupyter._messages import InputError, NowImageError, RejectedError
from now_jupyter._orders._job import Job
from shells import SMALL, Shell

ANSWERS = {"ask": lambda _: "https://relay.invalid", "tell": lambda _: None}


@pytest.mark.parametrize(
    "code",
    [
        "text = '''\n%nowimage x\n'''",
        'text = """a\n  %nowimage x?\nb"""',
        "text = [1,\n2,\n'%nowimage x']",
        "text = '%nowimage x'",
        "text = ('a'\n# %nowimage x\n'b')",
        "text = '''\n%%nowimage x\n'''\n",
        "text = f'''{1}\n%nowimage x;\n'''",
        "x = 3; text = x %2",
    ],
)
def test_text_that_looks_like_a_magic_stays_text(shell: Shell, code: str) -> None:
    """Nothing inside strings, brackets and comments is taken for a magic."""
    plain: dict[str, Any] = {}
    exec(code, plain)
    shell.run(code)
    assert shell.ip.user_ns["text"] == plain["text"]
    assert len(shell.session.history) == 0


def test_a_magic_behind_a_string_is_one(shell: Shell) -> None:
    """A string that holds the word does not hide the magic that follows it."""
    code = f"text = '''\n%nowimage no\n'''\n\ndef f(a,\n      b=2):\n    return a\n%nowimage {SMALL} yes, it's one"
    assert shell.pictures(code) == 1
    assert shell.session.history[-1].prompt == "yes, it's one"
    assert shell.ip.user_ns["text"] == "\n%nowimage no\n"


def test_syntax_errors_are_pythons(shell: Shell) -> None:
    """What is wrong beside the magic is told as Python tells it, and nothing is sent."""
    for code in ("%nowimage fox\nx = = 2", "def f(:\n    %nowimage fox", "%nowimage fox\n  y = 1"):
        assert isinstance(shell.fail(code), SyntaxError)
    assert len(shell.session.history) == 0


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("%nowimage it's a fox?", "complete"),
        ("%nowimage a fox \\", "incomplete"),
        ("x = %nowimage it's", "complete"),
        ("%%nowimage\nfox", "incomplete"),
        ("for i in range(2):\n    %nowimage fox", "incomplete"),
        ("1 + 1", "complete"),
        ("x = '''", "incomplete"),
    ],
)
def test_a_terminal_knows_when_the_input_is_complete(shell: Shell, code: str, status: str) -> None:
    """Whether the terminal goes on to the next line is decided as without us."""
    ours = shell.ip.check_complete(code)
    shell.run("%unload_ext now_jupyter")
    assert shell.ip.check_complete(code) == ours
    assert ours[0] == status


def test_other_top_level_awaits_go_on_working(shell: Shell) -> None:
    """A cell may await its own things beside the magic, and non-ASCII code before it does not shift anything."""
    code = f"import asyncio\n名 = '狐狸'; await asyncio.sleep(0)\nä = %nowimage {SMALL} 一只{{名}}\nä.prompt"
    assert shell.run(code) == "一只狐狸"


def test_an_empty_cell_run_in_a_cell_does_not_confuse_the_depth(shell: Shell) -> None:
    """IPython tells of the end of an empty cell only; a magic run afterwards still blocks instead of failing."""
    begin = "import asyncio\nawait asyncio.sleep(0)\nip = get_ipython()\nip.run_cell('')\n"
    code = f"{begin}inner = ip.run_cell('%nowimage {SMALL} fox')\ninner.raise_error()"
    assert shell.pictures(code) == 1


def _told(shell: Shell, capsys: pytest.CaptureFixture[str], code: str) -> tuple[BaseException, str]:
    capsys.readouterr()
    error = shell.fail(code)
    return error, capsys.readouterr().out.strip("\n")


@pytest.mark.parametrize("form", ["%nowimage {}", "%%nowimage {}\nfox", "for i in [1]:\n    %nowimage {} fox"])
def test_an_error_is_a_few_lines(shell: Shell, capsys: pytest.CaptureFixture[str], form: str) -> None:
    """What happened, what next, and, where something was sent, whether it was billed and what is kept: nothing else."""
    error, told = _told(shell, capsys, form.replace("{}", "--sise 3"))
    assert told.split("\n") == ["InputError: --sise is no option", "→ did you mean --size?"]
    assert isinstance(error, InputError)
    assert (error.__cause__, error.__context__) == (None, None)
    error, told = _told(shell, capsys, form.replace("{}", "-m nope") + (" fox" if form == "%nowimage {}" else ""))
    assert isinstance(error, RejectedError)
    assert (error.__cause__, error.__context__) == (None, None)
    assert told.startswith("RejectedError: the relay has no such model")
    assert "\nbilled: no · #1 is kept in the history · request id " in told
    assert len(told.split("\n")) <= 6
    assert "Traceback" not in told


@pytest.mark.slow
def test_an_error_can_be_shown_whole(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    """With `Now.short_errors = False` the traceback is there, and after switching back it is not."""
    shell.run("%config Now.short_errors = False")
    for code in ("%nowimage --sise 3", "if True:\n    %nowimage --sise 3"):
        assert "Traceback" in _told(shell, capsys, code)[1]
    shell.run("%config Now.short_errors = True")
    assert "Traceback" not in _told(shell, capsys, "%nowimage --sise 3")[1]


def test_a_bug_keeps_its_traceback(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    """What is none of our errors is shown as Python shows it."""
    shell.session.rehearse = _buggy  # type: ignore[method-assign]
    error, told = _told(shell, capsys, "%nowimage --dry-run fox")
    assert isinstance(error, ZeroDivisionError)
    assert "Traceback" in told
    assert "_buggy" in told


def _buggy(_order: object) -> Any:
    return 1 / 0


def test_an_error_speaks_the_users_language(shell: Shell, capsys: pytest.CaptureFixture[str]) -> None:
    """`Now.language` decides, also for what was made deep inside."""
    shell.run("%config Now.language = 'zh'")
    told = _told(shell, capsys, "%nowimage --sise 3")[1].split("\n")
    assert told[0].startswith("InputError: ")
    assert told[1].startswith("→ ")
    assert "did you mean" not in told[1]


def test_a_failed_cell_leaves_one_line_where_progress_stood(shell: Shell) -> None:
    """The line of progress does not stay, and the error is not told twice."""
    shell.run("%config Now.progress_after = 0.0")
    start = len(shell.published)
    shell.fail(f'%nowimage {SMALL} -p demo={{"latency":0.3,"code":"content_policy_violation"}} a fox')
    assert [one["data"] for one in shell.outputs(start)] == [{"text/plain": "#1 · a fox · failed"}]


def test_settings_that_cannot_be_read_do_not_break_other_cells(shell: Shell) -> None:
    """The rewriting of input never fails a cell by itself."""
    shell.session.context._configuration.override(no_such_setting=1)
    assert shell.run("1 + 1") == 2
    assert isinstance(shell.fail("%nowimage fox"), NowImageError)


def test_two_waits_at_once_leave_the_interrupt_as_it_was(shell: Shell) -> None:
    """Waits that begin and end crosswise put the handler of SIGINT back."""
    import signal

    before = signal.getsignal(signal.SIGINT)
    code = (
        "import asyncio, now_jupyter as nj\n"
        "kept = await asyncio.gather(*(nj.agenerate('fox', model='dall-e-2', size='256x256',"
        " params={'demo': {'latency': seconds}}) for seconds in (0.1, 0.6)))\n"
        "async def short(): return await nj.agenerate('dog', model='dall-e-2', size='256x256')\n"
        "len(kept)"
    )
    assert shell.run(code) == 2
    assert signal.getsignal(signal.SIGINT) is before


def test_an_abandoned_wait_leaves_the_job_alone(shell: Shell) -> None:
    """Cancelling the task that awaits ends the wait only; the picture arrives in the history."""
    code = (
        "import asyncio, now_jupyter as nj\n"
        "job = nj.submit('fox', model='dall-e-2', size='256x256', params={'demo': {'latency': 0.5}})\n"
        "try:\n    async with asyncio.timeout(0.1):\n        await job\nexcept TimeoutError:\n    pass\n"
    )
    shell.run(code)
    job = shell.ip.user_ns["job"]
    assert len(job.result().pictures) == 1


def test_waiting_for_the_end_includes_the_outputs() -> None:
    """`%now wait` is over when the late pictures are shown, not already when they are there."""
    job, decided, go, told = Job(Background()), threading.Event(), threading.Event(), list[str]()

    def show(_job: Job) -> None:
        decided.set()
        go.wait(20)
        told.append("shown")

    job.on_done(show)
    ending = threading.Thread(target=job.finish, args=(None, InputError("there is no prompt")))
    ending.start()
    assert decided.wait(20)
    waiting = threading.Thread(target=job.wait_until_over)
    waiting.start()
    waiting.join(0.2)
    assert (waiting.is_alive(), job.is_decided, job.done()) == (True, True, False)
    go.set()
    waiting.join(20)
    ending.join(20)
    assert (told, job.done()) == (["shown"], True)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["Plain", "Context", "Verbose", "Minimal"])
@pytest.mark.parametrize("cell", ["%now", "%nowimage a fox", "%now login", "nj.Session(api_key=odd()).generate('x')"])
def test_no_traceback_shows_key_or_environment(
    mode: str, cell: str, shell: Shell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A malformed key, whole tracebacks with all variables: neither it nor anything else of the environment shows."""
    key, canary = f"{secrets.token_hex(12)} {secrets.token_hex(12)}", secrets.token_hex(12)
    monkeypatch.setenv("NOW_API_KEY", key)
    monkeypatch.setenv("NOW_BASE_URL", "https://relay.invalid")
    monkeypatch.setenv("SOME_SECRET", canary)
    typed = {**LoginTalk.__init__.__kwdefaults__, **ANSWERS, "ask_hidden": lambda _: key}
    monkeypatch.setattr(LoginTalk.__init__, "__kwdefaults__", typed)
    shell.session.use_demo(on=None)
    shell.ip.user_ns |= {"odd": lambda: key}
    shell.run(f"import now_jupyter as nj\n%config Now.short_errors = False\n%xmode {mode}")
    capsys.readouterr()
    error = shell.fail(cell)
    shell.ip.showtraceback((type(error), error, error.__traceback__))
    told = "".join(capsys.readouterr())
    parts = [shell.session, shell.session.context, shell.session.context._configuration]
    told += "".join(repr(vars(one)) for one in parts)
    assert "characters that no key has" in told
    assert not [one for one in (*key.split(), canary) if one in told]
