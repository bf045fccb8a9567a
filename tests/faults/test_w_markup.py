"""Row W1: markup, escapes and tricks in text from anywhere are text everywhere."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbconvert import HTMLExporter

from campaign import Campaign
from clean_room import ROOT
from faultserver import FaultServer, Send, json_answer, response
from shells import Shell, shell_in
from stand import PATH, png

EVIL = [
    "<script>alert('now-evil')</script>",
    "<img src=x onerror=alert('now-evil')>",
    "<svg onload=alert('now-evil')>",
    "</pre></div><iframe src=javascript:alert('now-evil')>",
    "[now-evil](javascript:alert(1)) ![x](http://evil.invalid/x.png)",
    "$\\href{javascript:alert('now-evil')}{x}$ \\(\\unicode{x}\\) $$\\evil$$",
    "\x1b[31mred\x1b[0m \x1b]8;;http://evil.invalid\x1b\\now-evil\x1b]8;;\x1b\\ \x1b[2J\x1bc",
    "\u202enow-evil\u202c \u2066x\u2069 \u200b\u200e\ufeff",
    "now-evil\r\n\r\nbilled: no\n→ all is well",
    "\x08\x08\x08\x00\x07now-evil\x85\u2028\u2029\x9b31m",
    "{now-evil} {0} {words} %s %(x)s {{x}}",
    "${now-evil} `now-evil` <b>now-evil</b> &lt;script&gt; \"now-evil' onmouseover=alert(1)",
]
PLAIN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029\ufeff]")


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.chdir(tmp_path)
    with shell_in(tmp_path / "ipython", progress_after=600.0, reuse="never") as shell:
        yield shell


def is_plain(text: str) -> None:
    assert not PLAIN.search(text), ascii(text)


class Tags(HTMLParser):
    """Collects what a browser would take for elements and handlers."""

    def __init__(self) -> None:
        super().__init__()
        self.evil: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        leads = [value or "" for name, value in attrs if name in ("href", "src", "srcdoc", "action", "data")]
        ways = [one for one in leads if one.lower().lstrip().startswith("javascript:") or "evil" in one]
        handlers = [name for name, _ in attrs if name.startswith("on")]
        self.evil += [f"{tag} {one}" for one in [*ways, *handlers]]

    def handle_data(self, data: str) -> None:
        if self.lasttag == "script" and "now-evil" in data:
            self.evil.append(data)


@pytest.mark.row("W1", injected="markup, LaTeX, escapes, bidi, line breaks in prompts, answers, errors, names")
def test_outputs_are_pictures_and_plain_text(
    shell: Shell, capsys: pytest.CaptureFixture[str], campaign: Campaign
) -> None:
    """Outputs hold `image/*` and `text/plain` only; text from a relay or a user is one line without controls, and
    nbconvert shows it literally.
    """
    evil = {"now": ""}

    def act(seen: Any) -> list[Send]:
        words = evil["now"]
        if seen.method == "GET":
            listed = {"data": [{"id": words, "object": words, "owned_by": words}], "success": True, "message": words}
            return [Send(json_answer(listed))]
        if int(seen.headers["content-length"]) > 600:
            return [Send(json_answer({"error": {"message": words, "code": words, "type": words}}, status=400))]
        fox = base64.b64encode(png(1)).decode()
        return [Send(json_answer({"data": [{"b64_json": fox, "revised_prompt": words}], "usage": {words: 1}}))]

    cells: list[nbformat.NotebookNode] = []
    with FaultServer() as server:
        server.script(act)
        shell.ip.run_line_magic("load_ext", "now_jupyter")
        shell.ip.run_cell(f"import os; os.environ['NOW_BASE_URL'] = {server.url!r}")
        for words in EVIL:
            evil["now"] = words
            bare = words.replace("\x00", "")
            for code in (
                f"%%nowimage -m gpt-image-2 --alt evil\n{bare}",
                f"%%nowimage -m gpt-image-2 --no-wait\n{bare}\n",
                "%now wait",
            ):
                for output in shell.shown(code):
                    assert set(output["data"]) <= {"text/plain", "image/png", "image/jpeg"}, output["data"].keys()
                    is_plain(output["data"]["text/plain"])
                    is_plain(json.dumps(output["metadata"], ensure_ascii=False))
                    cells.append(saved(output))
            error = shell.fail("%%nowimage -m gpt-image-2\n" + bare + " fox" * 150)
            lines = error._render_traceback_()  # type: ignore[attr-defined]  # ours
            assert len(lines) <= 6
            for line in lines:
                is_plain(line)
            assert lines[1].startswith("billed: no ·")
            cells.append(
                nbformat.v4.new_output("error", ename=type(error).__name__, evalue=str(error), traceback=lines)
            )
            capsys.readouterr()
            for code in (
                "%now history",
                "%now models",
                "%now balance",
                "%now",
                f"%now recall {shell.session.history[-1].ref}",
                "%now cell #1",
                "%now doctor",
            ):
                shell.ip.run_cell(code)
                text = capsys.readouterr().out
                for line in text.split("\n"):
                    is_plain(line)
                cells.append(nbformat.v4.new_output("stream", name="stdout", text=text))
            shell.run("import now_jupyter as nj")
            history = shell.session.history
            is_plain(repr(history[-1]))
            if history[-1].pictures:
                is_plain(repr(history[-1].pictures[0]))
        shell.session.history.search("now-evil")
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x", outputs=[one]) for one in cells])
    page, _ = HTMLExporter(template_name="basic").from_notebook_node(book)
    tags = Tags()
    tags.feed(page)
    assert not tags.evil
    assert "now-evil" in page  # shown, as text
    campaign.figure("evil texts tried", len(EVIL) * 8)
    campaign.outcome(outcome="text/plain and image/* only, escaped", billed="yes", kept="records, byte-exact")


def saved(output: dict[str, Any]) -> nbformat.NotebookNode:
    data = {
        mime: value if isinstance(value, str) else base64.b64encode(value).decode()
        for mime, value in output["data"].items()
    }
    return nbformat.v4.new_output("display_data", data=data, metadata=output["metadata"])


def _code_of(path: Path) -> str:
    """Give a script without its comments, which may name what is not done."""
    return re.sub(r"/\*.*?\*/|(?m:^\s*//.*$)", "", path.read_text("utf-8"), flags=re.DOTALL)


@pytest.mark.row("W1", injected="our own sources")
def test_nothing_of_ours_writes_markup(campaign: Campaign) -> None:
    """No script of ours has a way from text to markup; two outputs are HTML, the table of a history and the tree of
    a family, in which all is escaped, and none is Markdown, LaTeX or a script.
    """
    ways = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser|srcdoc")
    scripts = [path for path in (ROOT / "now_jupyter").rglob("*.js") if "node_modules" not in path.parts]
    wrong = [f"{path.name}: {found[0]}" for path in scripts for found in ways.finditer(_code_of(path))]
    assert not wrong
    html = re.compile(r"text/html|text/markdown|text/latex|_repr_html_|HTML\(|Markdown\(|application/javascript")
    answers = ("demo", "_checking.py")  # the double's, and those that plug-ins are tried on
    sources = [path for path in (ROOT / "now_jupyter").rglob("*.py") if not {*path.parts} & {*answers}]
    told = [f"{path.name}: {found[0]}" for path in sources for found in html.finditer(path.read_text("utf-8"))]
    assert sorted(told) == ["_listing.py: text/html", "_tree.py: text/html"]
    campaign.outcome(outcome="no way from text to markup", billed="–", kept="–")


@pytest.mark.row("W1", injected="escapes in headers, request ids, types, links")
def test_headers_of_answers_are_plain_too(shell: Shell, campaign: Campaign) -> None:
    """What errors show of headers and links is short, one line and without controls or signatures."""
    with FaultServer() as server:
        shell.ip.run_line_magic("load_ext", "now_jupyter")
        shell.ip.run_cell(f"import os; os.environ['NOW_BASE_URL'] = {server.url!r}")
        escapes = "<b>x</b>\x1b[31m\u202eevil".encode("latin-1", "ignore").decode("latin-1")
        for number, script in enumerate(
            (
                [Send(response(500, b"x", headers={"x-request-id": escapes * 40}))],
                [Send(response(200, b"<html>", headers={"Content-Type": f"text/{escapes}"}))],
                [Send(response(302, headers={"Location": f"http://{escapes}/"}))],
                [Send(response(401, b"\xff\xfe\x1b[2J" * 900))],
                [Send(json_answer({"data": [{"url": "http://evil.invalid/\x1b[31m?sig=hidden"}]}))],
                [Send(json_answer({"data": [{"url": "javascript:alert(1)//\n\u202e"}]}))],
            )
        ):
            server.forget()
            server.script(script, path=PATH)
            error = shell.fail(f"%nowimage -m gpt-image-2 fox {number}")
            for line in error._render_traceback_():  # type: ignore[attr-defined]  # ours
                is_plain(line)
                assert len(line) < 700
            assert "hidden" not in str(error)
        for one in shell.session.history:
            is_plain(one.request_id or "")
            assert len(one.request_id or "") <= 80
    campaign.outcome(outcome="plain, short, without signatures", billed="as the row", kept="record")
