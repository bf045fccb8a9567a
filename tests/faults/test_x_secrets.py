"""Row X1: one planted key, looked for in every form, in everything that leaves our hands.

The relay is a hostile one: it repeats the key in its errors, links, headers and prompts. The key is looked for raw,
in part, and escaped as in URLs, JSON and Python.
"""

from __future__ import annotations

import base64
import copy
import functools
import io
import json
import logging
import os
import pickle
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import nbformat
import pytest
from nbclient import NotebookClient

from campaign import Campaign
from faultserver import Action, Close, Drip, FaultServer, Hang, Reset, Seen, Send, json_answer, response, stream_answer
from kernels import KERNEL_6, KERNEL_7
from now_jupyter._messages._errors import NowImageError
from now_jupyter._settings._key import Key, Redactor
from stand import PATH, b64_answer, new_key, on_stand, png, url_answer

_SHORTEST = 24  # characters of the key that are looked for; a part of it would do, too


@functools.cache
def forms(key: str) -> tuple[bytes, ...]:
    """All forms in which a key may hide."""
    core = key.encode()[3:]  # without the prefix that every key has
    found = {core, core[:_SHORTEST], core[-_SHORTEST:], quote(key).encode()[3:]}
    found.add("".join(f"%{byte:02x}" for byte in core).encode())
    found.add("".join(f"%{byte:02X}" for byte in core).encode())
    found.add("".join(f"\\u{byte:04x}" for byte in core).encode())
    found.add("".join(f"\\x{byte:02x}" for byte in core).encode())
    return tuple(found)


def hits(key: str, *places: object) -> list[str]:
    """Where the key is, in whichever form; folders are searched whole."""
    wrong = []
    for place in places:
        for name, data in _bytes_of(place):
            wrong += [f"{name}: {form[:8]!r}…" for form in forms(key) if form in data]
    return wrong


def _bytes_of(place: object) -> Iterator[tuple[str, bytes]]:
    if isinstance(place, Path):
        for path in place.rglob("*"):
            if path.is_file() and not path.is_symlink():
                yield str(path), str(path).encode() + b"\0" + path.read_bytes()
    elif isinstance(place, bytes):
        yield "bytes", place
    else:
        yield type(place).__name__, str(place).encode("utf-8", "replace")


def test_the_scanner_finds_a_key_in_every_form() -> None:
    """A key hidden in any of the forms is found, so that "no hit" means something."""
    key = new_key()
    hidden: list[object] = [
        key,
        {"a": [key]},
        quote(key),
        json.dumps("".join(f"\\u{ord(one):04x}" for one in key)).replace("\\\\", "\\"),
        f"Bearer {key[: 3 + _SHORTEST]}…",
    ]
    for one in hidden:
        assert hits(key, one), one
    assert not hits(key, new_key(), b"Key(...)")


def echoing(key: str, elsewhere: str) -> list[tuple[str, Any]]:
    """All that a hostile relay may answer with the key in it."""
    said = {"error": {"message": f"bad key {key} Bearer {key}", "code": key, "type": key}}
    in_id = {"x-request-id": key, "x-oneapi-request-id": key}
    fox = base64.b64encode(png(1)).decode()
    link = f"{elsewhere}/p?sig={key}#{key}"
    return [
        ("401", [Send(json_answer(said, status=401, headers=in_id))]),
        ("403", [Send(json_answer({"message": key, "code": 1}, status=403))]),
        ("400", [Send(json_answer(said, status=400))]),
        ("429", [Send(json_answer(said, status=429, headers={"Retry-After": "9999"}))]),
        ("500", [Send(json_answer(said, status=500))]),
        ("502 page", [Send(response(502, f"<html>{key}</html>".encode()))]),
        ("302", [Send(response(302, headers={"Location": f"{elsewhere}/{key}?k={key}"}))]),
        ("200 error", [Send(json_answer(said))]),
        ("200 text", [Send(response(200, key.encode()))]),
        ("empty", [Send(response(200, b"", headers={"Content-Type": f"text/{key}"}))]),
        ("packed", [Send(response(200, b"abc", headers={"Content-Encoding": key}))]),
        ("not HTTP", [Send(key.encode() + b"\r\n\r\n"), Close()]),
        ("bad header", [Send(b"HTTP/1.1 200 OK\r\n" + key.encode() + b"\r\n\r\n"), Close()]),
        ("bad status", [Send(b"HTTP/1.1 200 " + key.encode() + b"\x00\r\n\r\n"), Close()]),
        ("reset", [Reset()]),
        ("cut", [Send(b64_answer(png(1))[:-40]), Close()]),
        ("silence", [Hang()]),
        ("stream error", [Send(stream_answer()), Send(b"5\r\nxxxxx\r\n"), Reset()]),
        ("bad link", [Send(url_answer(f"ftp://{key}/x"))]),
        ("userinfo", [Send(url_answer(f"http://{key}:x@example.invalid/x"))]),
        ("dead link", [Send(url_answer(link))]),
        (
            "revised",
            [
                Send(
                    json_answer(
                        {"data": [{"b64_json": fox, "revised_prompt": f"fox {key}"}], "usage": {key: 1}, "id": key}
                    )
                )
            ],
        ),
    ]


XMODES = ("Plain", "Context", "Verbose", "Minimal")


class Logs(logging.Handler):
    """All that any library logs, formatted as whoever reads logs would see it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.text = io.StringIO()

    def emit(self, record: logging.LogRecord) -> None:
        self.text.write(self.format(record) + f" {record.args!r} {vars(record)!r}\n")


@pytest.fixture
def logs() -> Iterator[Logs]:
    handler, root = Logs(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    named = [logging.getLogger(name) for name in ("httpx", "httpcore", "asyncio", "anyio", "now_jupyter", "PIL")]
    before = [(one, one.level) for one in named]
    for one in named:
        one.setLevel(logging.DEBUG)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)
    for one, old in before:
        one.setLevel(old)


def all_frames(error: BaseException) -> str:
    """Everything of ours that a debugger or a tracker of errors could collect from an exception."""
    seen: list[str] = []
    one: BaseException | None = error
    while one is not None:
        seen += [repr(one), repr(one.args), repr(vars(one))]
        for frame, _ in traceback.walk_tb(one.__traceback__):
            if "/tests/" not in frame.f_code.co_filename:  # ours and the libraries'
                seen += [f"{frame.f_code.co_name} {name} = {value!r}" for name, value in frame.f_locals.items()]
        one = one.__cause__ or one.__context__
    return "\n".join(seen)


@pytest.mark.row("X1", injected="a relay that echoes the key in 22 ways; every error in every form")
def test_no_error_log_or_file_holds_the_key(tmp_path: Path, clean_home: Path, logs: Logs, campaign: Campaign) -> None:
    """Whatever a relay answers, errors (text, frames, pickles, copies), logs at DEBUG, records and other servers do
    not hold the key, and neither do the raw answers that are kept.
    """
    scanned = 0
    with (
        FaultServer() as elsewhere,
        on_stand(tmp_path / "a.now", deadline=0.5, fetching=0.5, hosts=["127.0.0.1"]) as stand,
    ):
        elsewhere.script([Send(response(404))])
        key = stand.key
        for name, script in echoing(key, elsewhere.url):
            is_refused = name in ("400", "401", "403", "429", "302")
            stand.serve(stand.ledger.refuses(script) if is_refused else stand.ledger.sells(script))
            came = stand.buy()
            if isinstance(came, NowImageError):
                texts = [str(came), repr(came), all_frames(came), "\n".join(came.lines()), repr(vars(came))]
                texts += [repr(came._render_traceback_()), repr(copy.copy(came)), str(copy.deepcopy(came))]
                assert not hits(key, *texts, pickle.dumps(came)), name
                scanned += len(texts) + 1
            else:
                assert not hits(key, repr(came), pickle.dumps(came), str(copy.deepcopy(came))), name
                scanned += 3
        assert not hits(key, logs.text.getvalue())
        assert not hits(key, elsewhere.raw.partition(b"?sig=")[0] if name == "dead link" else b"")
        authorized = [one for one in elsewhere.seen if "authorization" in one.headers]
        assert not authorized
        for value in (
            stand.session,
            stand.session.history,
            stand.session.context.key(),
            stand.session.settings(),
            stand.session.context.access(),
        ):
            assert not hits(key, repr(value), str(value))
        stand.session.history.search("fox")
        assert not hits(key, tmp_path, clean_home)
        assert any(stand.key in one.headers.get("authorization", "") for one in stand.server.seen)
        stand.verdict()
    campaign.figure("places searched for the key", scanned)
    campaign.outcome(outcome="0 hits", billed="as the row", kept="–")


LOGGING = """\
import logging
logging.basicConfig(level=logging.DEBUG, filename='debug.log', force=True)
for name in ('httpx', 'httpcore', 'asyncio', 'anyio', 'now_jupyter', 'Comm', 'traitlets'):
    logging.getLogger(name).setLevel(logging.DEBUG)"""
INSIDE = """\
from now_jupyter._ipython._extension import session as _session
context = _session().context
[vars(_session()), context, context.key(), context.access(), _session().settings()]"""
BUG = """\
from now_jupyter._runner import Runner
run, Runner.run = Runner.run, None
try:
    nj.generate('a fox and a bug', model='gpt-image-2', reuse=False)
finally:
    Runner.run = run"""
DEEPER_BUG = """\
from now_jupyter._transport import _requests
kept, _requests.json.dumps = _requests.json.dumps, None
try:
    nj.generate('a fox and a deeper bug', model='gpt-image-2', reuse=False)
finally:
    _requests.json.dumps = kept"""
CELLS = [
    "%load_ext now_jupyter",
    LOGGING,
    "%now",
    "%now models",
    "%now balance",
    "%now history",
    "%now folder",
    "%%nowimage -m gpt-image-2 -o fox\na fox that is bought",
    "%nowimage -m gpt-image-2 --no-wait another fox",
    "%now wait",
    "%nowimage -m gpt-image-2 --dry-run a rehearsed fox",
    "import now_jupyter as nj; nj.history",
    "nj.history[-1].error, nj.history[-1], fox, fox.pictures[0].made, nj.settings if hasattr(nj, 'settings') else None",
    "%config Now",
    "import pickle, copy; pickle.dumps(fox); copy.deepcopy(fox)",
    INSIDE,
    "pickle.dumps(_session().context.key())",
    "copy.copy(_session().context.key())",
    "nj.panel() if hasattr(nj, 'panel') else None",
]
PADDING = "x" * 400  # of a body that is refused: what is bought is far shorter
REFUSED = f"-m gpt-image-2 --fresh -p user={PADDING}"
GIVEN = f"model='gpt-image-2', reuse=False, params={{'user': '{PADDING}'}}"
FAILING = [
    f"%nowimage {REFUSED} a fox refused",
    f"%%nowimage {REFUSED}\na fox refused in a cell",
    f"for _ in range(1):\n    %nowimage {REFUSED} a fox refused in a loop",
    f"nj.generate('a fox refused in Python', {GIVEN})",
    f"await nj.agenerate('a fox refused and awaited', {GIVEN})",
    "%nowimage --sizee 3 fox",
    BUG,
    DEEPER_BUG,
]


class Listening(NotebookClient):
    """A client that also keeps every message that it gets, comms included."""

    heard: list[Any]

    def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
        self.heard.append(msg)
        return super().process_message(msg, cell, cell_index)


def cells(*, full: bool) -> list[str]:
    found = list(CELLS)
    for short in ("True", "False"):
        found.append(f"%config Now.short_errors = {short}")
        for mode in XMODES:
            found += [f"%xmode {mode}", *(FAILING if full or mode in ("Verbose", "Plain") else FAILING[:4:3])]
    return found


def hostile(key: str) -> Callable[[Seen], Sequence[Action]]:
    said = {"error": {"message": f"bad key {key}: Bearer {key}", "code": key}}

    def act(seen: Seen) -> Sequence[Action]:
        if int(seen.headers.get("content-length", 0)) > len(PADDING):  # the body is not here yet
            return [Send(json_answer(said, status=401, headers={"x-request-id": key}))]
        if seen.method == "POST":
            return [Send(b64_answer(png(1), usage={"total_tokens": 7, "note": key}))]
        return [Send(json_answer({"data": [{"id": f"image-{key}"}], "object": key}))]

    return act


@pytest.mark.row("X1", injected="notebooks run by nbclient on both kernels, all xmodes, DEBUG logs, comms")
@pytest.mark.parametrize("kernel", [KERNEL_7, KERNEL_6])
def test_no_notebook_holds_the_key(tmp_path: Path, clean_home: Path, kernel: str, campaign: Campaign) -> None:
    """Outputs, tracebacks in every mode, messages, comms, logs and files of a notebook whose key is in the environment
    of the kernel do not hold it, although relay, errors and bugs do their worst.
    """
    key, work = new_key(), tmp_path / "work"
    work.mkdir()
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(one) for one in cells(full=campaign.is_full)])
    with FaultServer() as server:
        server.script(hostile(key))
        environ = {"NOW_API_KEY": key, "NOW_BASE_URL": server.url, "JPY_SESSION_NAME": str(work / "fox.ipynb")}
        client = Listening(
            book, kernel_name=kernel, allow_errors=True, resources={"metadata": {"path": str(work)}}, timeout=120
        )
        client.heard = []
        client.execute(env={**os.environ, **environ})
        nbformat.write(book, work / "fox.ipynb")
        assert sum(one.headers.get("authorization") == f"Bearer {key}" for one in server.seen) > 10
    failed = [one for cell in book.cells for one in cell.outputs if one.output_type == "error"]
    names = {one.ename for one in failed}
    assert {"AuthError", "InputError", "TypeError"} <= names, names
    assert not any("Unexpected exception" in one.get("text", "") for cell in book.cells for one in cell.outputs)
    assert len(failed) >= len([one for one in cells(full=campaign.is_full) if one in FAILING])
    refused = [one.ename for cell in book.cells if PADDING in cell.source for one in cell.outputs if "ename" in one]
    assert set(refused) == {"AuthError"}
    said = "\n".join(repr(message) for message in client.heard)
    telling = [cell.source for cell in book.cells if hits(key, json.dumps(cell))]
    assert not telling
    assert not hits(key, said, json.dumps(book))
    assert b"httpcore" in (work / "debug.log").read_bytes()
    assert not hits(key, work, clean_home)
    campaign.figure("messages searched for the key", len(client.heard))
    campaign.outcome(
        injected=f"{kernel}: {len(book.cells)} cells, {len(failed)} tracebacks", outcome="0 hits", billed="–", kept="–"
    )


@pytest.mark.row("X1", injected="pickle, copy, repr, format, vars and JSON of everything that holds a key")
def test_a_key_is_written_nowhere(campaign: Campaign) -> None:
    """A key cannot be pickled, copied or printed, and no value that holds one tells it."""
    key = new_key()
    held = Key(f"Bearer {key}", source="environment NOW_API_KEY")
    assert not hits(key, repr(held), str(held), f"{held}", f"{held!r:>80}", repr([held]), repr({"k": held}))
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError) as caught:
            pickle.dumps(held, protocol)
        assert not hits(key, str(caught.value))
    for act in (copy.copy, copy.deepcopy, vars, json.dumps, lambda one: copy.deepcopy([Redactor(one)])):
        with pytest.raises(TypeError) as caught:
            act(held)
        assert not hits(key, str(caught.value))
    campaign.outcome(outcome="refused", billed="–", kept="–")


@pytest.mark.parametrize("size", [1, 2, 7, 60, 1000])
def test_an_echo_of_the_key_is_covered_however_it_is_cut(size: int) -> None:
    """The key is hidden also where it is split between pieces, and nothing else is changed."""
    key = new_key()
    body = f"s sk sk- {key}{key[:20]} {key[1:]} {key} {key[:-1]}".encode()
    redactor = Redactor(Key(key))
    shown = b"".join(redactor.feed(body[at : at + size]) for at in range(0, len(body), size)) + redactor.end()
    assert shown == body.replace(key.encode(), b"*" * len(key))
    assert len(shown) == len(body)


def test_an_answer_keeps_its_bytes_when_the_key_is_taken_out(tmp_path: Path) -> None:
    """Answers that come byte by byte, or end in the first letters of the key, arrive whole."""
    with on_stand(tmp_path / "a.now") as stand:
        stand.server.script([Drip(b64_answer(png(2), note=f"{stand.key} s"))], path=PATH)
        stand.ledger.sales.clear()
        assert stand.bought().pictures[0].bytes() == png(2)
