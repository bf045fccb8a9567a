"""Cells of real kernels: what they show while they wait, when they are freed, and when the picture is there."""

from __future__ import annotations

import json
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from kernels import KERNEL_6, KERNEL_7, Kernel, Ran
from now_jupyter._store._record import Record
from relays import relay_on_loopback

SMALL = "-m dall-e-2 -s 256x256"
FREED = 2.0  # seconds from the signal to the idle kernel: 0.1 on an idle machine, see reference/jupyter.md
WIDGET = "application/vnd.jupyter.widget-view+json"


class Page:
    """A notebook in front of someone: every cell has an id, as in JupyterLab."""

    def __init__(self, kernel: Kernel, folder: Path) -> None:
        self.kernel = kernel
        self.folder = folder
        self._ids = (f"cell-{number}" for number in count())

    @property
    def is_new(self) -> bool:
        return self.kernel.name == KERNEL_7

    def start(self, code: str) -> Ran:
        return self.kernel.start(code, cell_id=next(self._ids))

    def run(self, code: str, timeout: float = 60) -> Ran:
        ran = self.start(code).wait(timeout)
        assert ran.status == "ok", ran.text
        return ran

    def value(self, code: str) -> str:
        """Give what an expression is now, as text."""
        return self.run(f"print(({code}))").text.strip()

    def waiting(self, code: str) -> Ran:
        """Start a cell and wait for its line of progress, with its request on the way."""
        number = len(self.records())
        ran = self.start(code)
        self.kernel.until(lambda: ran.shown(WIDGET) or ran.ended, 20, "a line of progress")
        self.kernel.until(lambda: any(one.billed != "no" for one in self.records()[number:]) or ran.ended, 20, "a POST")
        return ran

    def freed(self, ran: Ran, act: Callable[[], None]) -> float:
        """Free a cell and give how many seconds passed until the kernel was idle."""
        began = time.monotonic()
        act()
        ran.wait(20)
        took = time.monotonic() - began
        sys.stdout.write(f"{self.kernel.name}: {took:.3f} s\n")
        return took

    def arrives(self, ran: Ran) -> None:
        """Wait for the picture in the very output that was left."""
        self.kernel.until(lambda: _images(ran), 30, "the late picture")
        self.kernel.until(lambda: "demo, costs nothing" in ran.text, 10, "its caption")

    def records(self) -> list[Record]:
        jobs = sorted((self.folder / "untitled.now" / "jobs").glob("*.json"), key=lambda path: int(path.stem))
        return [Record.from_json(json.loads(path.read_text(encoding="utf-8"))) for path in jobs]


def _images(ran: Ran) -> list[str]:
    return [mime for output in ran.outputs for mime in output.get("data", {}) if mime.startswith("image/")]


def _slow(seconds: float, prompt: str, options: str = "") -> str:
    return f'%%nowimage {SMALL} {options} -p demo={{"latency":{seconds}}}\n{prompt}'


@pytest.fixture(scope="module", params=[KERNEL_7, KERNEL_6])
def page(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, kernels_folder: Path
) -> Iterator[Page]:
    """One kernel of each kind for all tests here."""
    folder = tmp_path_factory.mktemp(request.param)
    with Kernel(request.param, cwd=folder) as kernel:
        page = Page(kernel, folder)
        page.run("%load_ext now_jupyter\nimport now_jupyter as nj")
        yield page


def test_a_slow_picture_takes_the_place_of_its_progress(page: Page) -> None:
    """The line with widgets becomes the picture; no widget, model or other type of output is left behind."""
    models = set(page.kernel.comms)
    ran = page.waiting(_slow(1, "a slow fox"))
    ran.wait()
    assert [set(output["data"]) for output in ran.outputs] == [{"text/plain", _images(ran)[0]}, {"text/plain"}]
    assert set(page.kernel.comms) == models
    picture = page.records()[-1]
    assert ran.outputs[0]["metadata"]["now"] == {"id": picture.id, "sha256": [picture.outputs[0].sha256], "demo": True}
    stable, passing = ran.outputs[1]["data"]["text/plain"].split("\n")
    assert stable == "a slow fox · dall-e-2 · 256×256"
    assert re.fullmatch(r"#\d+ · \d+\.\d s · demo, costs nothing", passing)


def test_a_quick_picture_shows_no_progress(page: Page) -> None:
    """Below 0.4 s nothing is shown but the result, so that nothing flickers."""
    page.run("%config Now.progress_after = 600.0")
    ran = page.run(f"%nowimage {SMALL} a quick fox")
    assert not any(message["msg_type"] in ("comm_open", "update_display_data") for message in ran.messages)
    assert len(ran.outputs) == 2
    page.run("%config Now.progress_after = 0.4")


def test_the_kernel_goes_on_while_a_cell_awaits(page: Page) -> None:
    """Tasks of the user run on both kernels; on ipykernel 7 a click is served before the cell is through."""
    page.run(
        "import asyncio, ipywidgets\nticks = []\nasync def tick():\n    while True:\n        ticks.append(1)\n"
        "        await asyncio.sleep(0.01)\nticking = asyncio.ensure_future(tick())\n"
        "mine = ipywidgets.Button(description='mine')\n"
        "mine.on_click(lambda one: setattr(one, 'description', 'served'))\ndisplay(mine)"
    )
    ran = page.waiting(
        "before = len(ticks)\n" + f'%nowimage {SMALL} -p demo={{"latency":2}} a patient fox\nafter = len(ticks)'
    )
    if page.is_new:
        page.kernel.click("mine")
        page.kernel.widget(description="served")
        assert not ran.ended
    ran.wait()
    assert int(page.value("after - before")) > 20
    page.run("ticking.cancel(); mine.close(); mine.layout.close(); mine.style.close()")


def test_the_interrupt_frees_the_cell_and_the_picture_arrives(page: Page) -> None:
    """■ ends awaiting and blocking cells at once with one line; the pictures come into their outputs, with captions."""
    cells = [
        _slow(4, "an awaited fox", "-o late"),
        f'for i in [1]:\n    %nowimage {SMALL} -p demo={{"latency":4}} a blocked fox',
    ]
    left = []
    for code in cells:
        ran = page.waiting(code)
        assert page.freed(ran, page.kernel.interrupt) < FREED
        assert ran.error is not None
        ref = page.records()[-1].ref
        assert ran.error["traceback"] == [
            f"Interrupted: waiting has ended; {ref} goes on and will arrive in the history"
        ]
        place, caption = (output["data"]["text/plain"] for output in ran.outputs[:2])
        assert place.startswith(f"{ref} is on its way; the picture will appear here · 0 s")
        assert caption == ("an awaited fox" if not left else "a blocked fox")
        left.append(ran)
    for ran in left:
        page.arrives(ran)
        assert len(_images(ran)) == 1
        assert [output["output_type"] for output in ran.outputs] == ["display_data", "display_data", "error"]
    assert page.value("late.prompt, late.status.value") == "('an awaited fox', 'done')"
    assert page.value("len(nj.history.search('awaited')[0].pictures)") == "1"
    assert not page.kernel.comms


def test_a_click_on_stop_waiting_frees_the_cell(page: Page) -> None:
    """The button ends the wait without an error, the cell gives what is known, and the next cell runs at once.

    On ipykernel 6.31 a click would come too late: there the line says what helps.
    """
    ran = page.waiting(f'g = %nowimage {SMALL} -o stopped -p demo={{"latency":3}} a stopped fox')
    if not page.is_new:
        line = next(state["value"] for state in page.kernel.comms.values() if state.get("_model_name") == "LabelModel")
        assert line.endswith(" · ■ frees the cell")
        page.kernel.interrupt()
        ran.wait()
        page.arrives(ran)
        return
    assert page.freed(ran, lambda: page.kernel.click("Stop waiting")) < FREED
    assert (ran.status, ran.error) == ("ok", None)
    assert page.value("g.status.value, stopped is g, len(g.pictures)") == "('running', True, 0)"
    page.arrives(ran)
    assert page.value("stopped.status.value, len(stopped.pictures)") == "('done', 1)"
    assert not page.kernel.comms


def test_what_is_not_sent_yet_can_be_cancelled(page: Page) -> None:
    """Behind a full queue the button says Cancel, and then nothing goes out."""
    page.run("%config Now.max_concurrency = 1")
    first = page.run(_slow(3, "the first fox", "--no-wait"))
    ledger = "[charge.idempotency_key for charge in nj.session().context.demo_relay().ledger]"
    second = page.start(_slow(3, "the second fox"))
    page.kernel.until(lambda: second.shown(WIDGET), 20)
    if page.is_new:
        page.kernel.click("Cancel")
        second.wait()
        assert second.error is not None
        assert second.error["traceback"] == ["Interrupted: cancelled; nothing was sent"]
        assert second.outputs[0]["data"]["text/plain"] == f"{page.records()[-1].ref} · the second fox · cancelled"
        assert page.records()[-1].status == "cancelled"
        assert page.records()[-1].billed == "no"
    else:
        page.kernel.interrupt()
        second.wait()
    page.arrives(first)
    if not page.is_new:
        page.arrives(second)
    one, two = (record for record in page.records() if record.request.prompt in ("the first fox", "the second fox"))
    assert one.id in page.value(ledger)
    assert (two.id in page.value(ledger)) is not page.is_new
    page.run("%config Now.max_concurrency = 8")


def test_without_waiting_the_picture_comes_in_place(page: Page) -> None:
    """`--no-wait` gives a job at once and shows nothing of it but where the picture will be."""
    ran = page.run(_slow(1, "a job's fox", "--no-wait -o job"))
    assert [set(output["data"]) for output in ran.outputs] == [{"text/plain"}, {"text/plain"}]
    assert "will appear here" in ran.text
    assert page.value("type(job).__name__") == "Job"
    page.arrives(ran)
    assert len(ran.outputs) == 2
    assert page.run("%now wait").text.endswith(" arrived; nothing is under way\n")
    assert page.value("job.prompt, job.name") == "(\"a job's fox\", 'job')"


def test_a_job_can_be_awaited(page: Page) -> None:
    """`await job` and `job.result()` give the generation; a job as a value shows the place of its picture."""
    ran = page.run("job = nj.submit('a fox by hand', model='dall-e-2', size='256x256')\njob")
    assert "the picture will appear here" in ran.text
    page.arrives(ran)
    assert page.value("(await job).prompt") == "a fox by hand"
    assert page.value("job.result().prompt") == "a fox by hand"
    assert page.value("job") == f"Job({page.records()[-1].ref}, done)"


def test_a_time_limit_frees_the_cell(page: Page) -> None:
    """`--timeout` ends the wait with an error that says the order goes on; the picture arrives."""
    ran = page.start(_slow(3, "a hurried fox", "--timeout 1")).wait()
    assert ran.error is not None
    assert ran.error["ename"] == "TaskStillPending"
    ref = page.records()[-1].ref
    assert (
        ran.error["traceback"][0]
        == f"TaskStillPending: waiting has ended; {ref} goes on and will arrive in the history"
    )
    page.arrives(ran)


def test_every_picture_of_a_loop_is_there(page: Page) -> None:
    """Three in a loop, then two in a cell, then four on a sheet: all in their order, each once."""
    ran = page.run(f"for i in range(3):\n    %nowimage {SMALL} fox {{i}}")
    assert len(_images(ran)) == 3
    assert [text.split(" · ")[0] for text in ran.shown("text/plain")[1::2]] == ["fox 0", "fox 1", "fox 2"]
    assert len(_images(page.run(f"%nowimage {SMALL} one\n%nowimage {SMALL} two"))) == 2
    sheet = page.run(f"%nowimage {SMALL} -n 4 many foxes")
    assert len(_images(sheet)) == 1
    assert sheet.outputs[0]["data"]["text/plain"].count("Picture(256x256 png, sha256=") == 4


def test_a_refusal_fails_the_cell(page: Page) -> None:
    """The notebook keeps a real error output of a few lines, and what stood there of the progress is one line."""
    ran = page.start(
        f'%nowimage {SMALL} -p demo={{"latency":1,"code":"content_policy_violation"}} a rejected fox'
    ).wait()
    assert (ran.status, ran.reply["ename"]) == ("error", "RejectedError")
    assert ran.error is not None
    assert 2 <= len(ran.error["traceback"]) <= 6
    assert ran.error["traceback"][1].startswith("billed: no · ")
    ref = page.records()[-1].ref
    assert [output.get("data") for output in ran.outputs[:-1]] == [{"text/plain": f"{ref} · a rejected fox · failed"}]
    assert not page.kernel.comms


def test_a_late_refusal_is_told_in_its_place(page: Page) -> None:
    """Where nobody waits any more, the output says why no picture came."""
    ran = page.run(f'%nowimage {SMALL} --no-wait -p demo={{"latency":1,"code":"content_policy_violation"}} a late no')
    page.kernel.until(lambda: "RejectedError" in ran.text, 20)
    assert "billed: no" in ran.text
    assert ran.error is None


def test_what_comes_between_two_cells_is_sent_again_where_nobody_watches(page: Page) -> None:
    """Programs that run notebooks take updates of the running cell only: the next cell repeats what came before it."""
    ran = page.kernel.run(f'%nowimage {SMALL} --no-wait -p demo={{"latency":3}} a fox for nobody')
    page.arrives(ran)
    following = page.kernel.run("None")
    again = [
        message["content"]["data"] for message in following.messages if message["msg_type"] == "update_display_data"
    ]
    assert [set(data) for data in again] == [{"text/plain", _images(ran)[0]}, {"text/plain"}]
    assert not [one for one in page.kernel.run("None").messages if one["msg_type"] == "update_display_data"]
    assert not page.run("None").outputs


def test_what_was_waited_for_is_sent_before_the_cell_ends(page: Page) -> None:
    """A picture that is just being shown when `%now wait` begins belongs to that cell, too, caption and all."""
    slow = (
        "from now_jupyter._display import CellOutput\nimport threading, time\nput = CellOutput.put\n"
        "def put_slowly(*arguments):\n    put(*arguments)\n"
        "    if threading.current_thread() is not threading.main_thread():\n        time.sleep(1)\n"
        "CellOutput.put = put_slowly"
    )
    page.kernel.run(slow)
    ran = page.kernel.run(_slow(0.5, "a fox on its way", "--no-wait"))
    page.kernel.until(lambda: _images(ran), 30, "the picture; its caption follows a second later")
    waiting = page.kernel.run("%now wait")
    page.kernel.run("CellOutput.put = put")
    types = [message["msg_type"] for message in waiting.messages]
    sent = [
        set(message["content"]["data"])
        for message in waiting.messages[: types.index("status", types.index("stream"))]
        if message["msg_type"] == "update_display_data"
    ]
    assert {"text/plain", _images(ran)[0]} in sent
    assert {"text/plain"} in sent


def test_nest_asyncio_is_applied_only_where_it_does_no_harm(page: Page) -> None:
    """Ipykernel 7 refuses it with the reason; on 6.31 asyncio.run works in cells, and so do ours."""
    ran = page.start("%now nest on").wait()
    if page.is_new:
        assert ran.error is not None
        assert re.fullmatch(
            r"InputError: nest-asyncio makes ipykernel 7\.\d+ drop clicks and queued cells, so it is not applied",
            ran.error["traceback"][0],
        )
        return
    assert ran.status == "ok", ran.text
    assert page.value("asyncio.run(asyncio.sleep(0, 'ran'))") == "ran"
    assert len(_images(page.run(f"%nowimage {SMALL} a nested fox"))) == 1


# Programs that run notebooks

CELLS = [
    "%load_ext now_jupyter",
    f"%%nowimage {SMALL} --output fox\na red fox",
    f'%%nowimage {SMALL} -p demo={{"latency":0.8}}\na slow fox',
    f"for colour in ['red', 'blue']:\n    %nowimage {SMALL} a {{colour}} bird",
    f"job = %nowimage {SMALL} --no-wait a fox between two cells",
    f'job = %nowimage {SMALL} --no-wait -p demo={{"latency":1}} a late fox',
    "%now wait",
]


def _notebook(folder: Path) -> Path:
    import nbformat

    path = folder / "fox.ipynb"
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in CELLS])
    nbformat.write(nb, path)
    return path


def _outputs(nb: Any) -> list[list[Any]]:
    return [cell.outputs for cell in nb.cells]


def _run_all(path: Path, tool: str, kernel: str) -> Any:
    import nbformat
    from nbclient import NotebookClient

    if tool == "nbclient":
        nb = nbformat.read(path, as_version=4)
        NotebookClient(nb, kernel_name=kernel, timeout=60, resources={"metadata": {"path": str(path.parent)}}).execute()
        return nb
    out = path.with_name("out.ipynb")
    execute = ["nbconvert", "--to", "notebook", "--execute", f"--ExecutePreprocessor.kernel_name={kernel}"]
    command = {
        "papermill": ["papermill", str(path), str(out), "-k", kernel, "--no-progress-bar", "--cwd", str(path.parent)],
        "nbconvert": ["jupyter", *execute, "--output", out.name, str(path)],
    }[tool]
    done = _python(path.parent, "-m", *command, timeout=120)
    assert done.returncode == 0, done.stderr
    return nbformat.read(out, as_version=4)


@pytest.mark.parametrize(
    ("tool", "kernel"),
    [("nbclient", KERNEL_7), ("nbclient", KERNEL_6), ("papermill", KERNEL_7), ("nbconvert", KERNEL_7)],
)
def test_running_a_notebook_twice_buys_once(tool: str, kernel: str, tmp_path: Path, kernels_folder: Path) -> None:
    """The second run, in a new kernel, redraws the same pictures from the history; the first lines stay the same."""
    path = _notebook(tmp_path)
    first, second = _run_all(path, tool, kernel), _run_all(path, tool, kernel)
    assert len(list(tmp_path.glob("*.now/jobs/*.json"))) == 6, "requests in the history"
    for nb in (first, second):
        assert "widgets" not in nb.metadata
        assert [sum(map(_is_picture, cell.outputs)) for cell in nb.cells] == [0, 1, 1, 2, 1, 1, 0]
        types = {mime for cell in nb.cells for output in cell.outputs for mime in output.get("data", {})}
        assert types <= {"text/plain", "image/png", "image/jpeg"}
    for before, after in zip(first.cells[1:6], second.cells[1:6], strict=True):
        assert list(map(_first_line, before.outputs)) == list(map(_first_line, after.outputs))
        assert [output.metadata for output in before.outputs] == [output.metadata for output in after.outputs]
        assert all("from history" in output.data["text/plain"] for output in after.outputs[1::2])


def _is_picture(output: Any) -> bool:
    return any(mime.startswith("image/") for mime in output.get("data", {}))


def _first_line(output: Any) -> str:
    return str(output.data["text/plain"]).split("\n")[0]


# Outside of notebooks


def _python(folder: Path, *arguments: str, stdin: str = "", timeout: float = 60) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, check=False, cwd=folder, input=stdin, capture_output=True, text=True, timeout=timeout
    )


@pytest.mark.slow
def test_a_terminal_makes_pictures(tmp_path: Path) -> None:
    """In IPython without a notebook the facts and the caption are printed once each."""
    code = f"%load_ext now_jupyter\n%nowimage {SMALL} it's a fox?\nx = %nowimage {SMALL} a dog;\nx.prompt\nexit\n"
    done = _python(tmp_path, "-m", "IPython", "--simple-prompt", "--no-banner", stdin=code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Picture(256x256 png, sha256=") == 2
    assert done.stdout.count("it's a fox? · dall-e-2 · 256×256") == 1
    assert "'a dog;'" in done.stdout
    once = _python(tmp_path, "-m", "IPython", "--no-banner", "-c", f"%load_ext now_jupyter\n%nowimage {SMALL} a cat")
    assert once.stdout.count("a cat · dall-e-2 · 256×256") == 1, once.stderr


@pytest.mark.slow
def test_a_script_ends_by_itself_and_keeps_what_it_paid_for(tmp_path: Path) -> None:
    """A script that waits for one picture and not for the other ends; the late answer is in the history."""
    script = (
        "import now_jupyter as nj, time\n"
        "options = {'model': 'dall-e-2', 'size': '256x256'}\n"
        "print(nj.generate('a fox', **options).pictures[0])\n"
        "job = nj.submit('a late fox', params={'demo': {'latency': 1.5}}, **options)\n"
        "while not job.is_sent: time.sleep(0.01)\n"
        "print('the end')\n"
    )
    done = _python(tmp_path, "-W", "error", "-c", script, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Picture(256x256 png, sha256=")
    after = _python(
        tmp_path, "-c", "import now_jupyter as nj\nprint([(g.prompt, len(g.pictures)) for g in nj.history])"
    )
    assert after.stdout.strip() == "[('a fox', 1), ('a late fox', 1)]"


@pytest.mark.slow
def test_a_forked_child_leaves_everything_alone(tmp_path: Path) -> None:
    """A child of a process with pictures under way ends at once, and the parent gets its picture."""
    script = (
        "import now_jupyter as nj, os, sys, time\n"
        "options = {'model': 'dall-e-2', 'size': '256x256'}\n"
        "job = nj.submit('a fox', params={'demo': {'latency': 2}}, **options)\n"
        "while not job.is_sent: time.sleep(0.01)\n"
        "began = time.monotonic()\n"
        "if not (child := os.fork()):\n    sys.exit(7)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), time.monotonic() - began < 1.5, job.done())\n"
        "if not (child := os.fork()):\n"
        "    print(len(nj.generate('a pup', **options).pictures), flush=True); sys.exit(0)\n"
        "os.waitpid(child, 0)\n"
        "print(len(job.result().pictures))\n"
    )
    done = _python(tmp_path, "-c", script, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split("\n")[:3] == ["7 True False", "1", "1"]


def test_tab_asks_the_kernel_as_jupyterlab_does(page: Page) -> None:
    """The whole cell and the place in it: ours is offered in its place, and nothing of Python beside it."""
    page.run(f"%nowimage {SMALL} -o tabbed a fox for the tab")
    ref = page.records()[-1].ref
    for cell, at, expected in (
        ("%%nowimage -m dall-e-\na fox", 20, ["dall-e-3"]),
        ("# a comment\nx = %nowimage --qual a fox", 32, ["--quality"]),
        (f"%now star {ref}", len(f"%now star {ref}"), [ref]),
        ("%now star tabb", 14, ["tabbed"]),
        ("%%nowimage\nim", 13, ["im"]),
    ):
        reply = page.kernel.client.complete(cell, at, reply=True, timeout=60)["content"]
        begun = cell[reply["cursor_start"] : reply["cursor_end"]]
        assert reply["cursor_end"] == at
        assert set(expected) <= set(reply["matches"]), cell
        assert all(one.startswith(begun) for one in reply["matches"]), cell
        assert {"if", "import", "is"}.isdisjoint(reply["matches"])


def test_a_curl_with_its_key_does_not_stay_in_the_cell(page: Page) -> None:
    """What the front end has echoed is cleared with all else; the key is used, and forgotten on the user's word."""
    key = secrets.token_hex(20)
    with relay_on_loopback(key=key) as served:
        curl = f"curl {served.url}/v1/images/generations -H 'Authorization: Bearer {key}'"
        ran = page.kernel.run("%now login", answers=[curl, "", "", ""])
        assert ran.status == "ok", ran.text
        cleared = [at for at, one in enumerate(ran.messages) if one["msg_type"] == "clear_output"]
        assert len(cleared) == 1
        assert not any(one["msg_type"] == "stream" for one in ran.messages[: cleared[0]])
        assert "default is in use" in ran.text
        assert key not in ran.text
        page.run("%now logout")


@pytest.mark.parametrize(
    "code",
    [
        f"%nowimage {SMALL} a dear fox",
        f"if True:\n    %nowimage {SMALL} a dear hare",
        'nj.generate("a dear owl", model="dall-e-2", size="256x256")',
    ],
    ids=["awaited", "blocking", "python"],
)
def test_a_cell_asks_before_it_costs_much(code: str, page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """Typed answers count, ■ while it asks sends nothing, and where nothing can be typed it says how to go on."""
    with relay_on_loopback() as served:
        page.run(f'%config Now.base_url = "{served.url}"\n%config Now.confirm_over = 0.001')
        refused = page.kernel.run(code)
        assert refused.error is not None
        assert refused.error["ename"] == "NotConfirmed"
        assert "yes" in refused.text
        no = page.kernel.run(code, answers=["n"])
        with monkeypatch.context() as patch:
            patch.setattr(page.kernel.client, "input", lambda _: page.kernel.interrupt())
            stopped = page.kernel.run(code, answers=["y"])
        for ran in (no, stopped):
            assert "not ordered; nothing was sent" in ran.text
        assert served.posts == 0
        ran = page.kernel.run(code, answers=["y"])
        assert (ran.status, served.posts) == ("ok", 1), ran.text
        assert _images(ran)
        page.run('%config Now.base_url = ""\n%config Now.confirm_over = "auto"')
