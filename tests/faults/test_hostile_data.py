"""Replies, records and whole folders made by somebody who means harm: no crash, no way out, nothing sent, no HTML.

What is generated is not noise alone but near misses: real answers, records and folders with one or more parts
replaced, so that every check behind the first one is reached.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaign import Campaign
from checker import sha256
from faultserver import FaultServer, Send, chunked, json_answer, response, stream_answer
from house import GUARD, ROOT
from now_jupyter._errors import NowImageError, StoreCorrupt, StoreError
from now_jupyter._notebook import pictures_shown
from now_jupyter._records import Record, generation_of
from now_jupyter._store import Store
from now_jupyter._transport._answers import replayed
from now_jupyter._transport._bodies import read_json
from now_jupyter._transport._sse import events_in
from now_jupyter._values import Generation
from stand import Stand, is_short, item, on_stand, png

QUIET = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, -1, 10**30, 1e308, 2**63, 0.1]),
    st.sampled_from(
        [
            "",
            "..",
            "../../../../etc/passwd",
            "/etc/passwd",
            "C:\\Windows\\win.ini",
            "a/b",
            "\x00",
            "x" * 70_000,
            "<script>alert(1)</script>",
            "\x1b[2J",
            "\u202e",
            "file:///etc/passwd",
            "http://127.0.0.1:1/x",
            "data:image/svg+xml;base64,PHN2Zz4=",
            "data:text/html,<b>",
            "{0.__class__}",
            "{words}",
            "%s%n",
            "0" * 64,
            "g" * 64,
            "A" * 64,
            "1e999",
            "NaN",
            "sNaN",
            "Infinity",
        ]
    ),
    st.text(max_size=8),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(
        st.sampled_from(["url", "b64_json", "id", "__class__", "message"]), st.text(max_size=4), max_size=2
    ),
)
ODD_TREES = st.recursive(
    ODD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def changed(draw: st.DrawFn, form: Any) -> Any:
    """The form with one to three of its parts replaced, dropped or doubled."""
    copy = json.loads(json.dumps(form))
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(copy))
        if not places:
            return copy
        holder, key = draw(st.sampled_from(places))
        what = draw(st.sampled_from(["odd", "odd", "odd", "drop", "nest"]))
        if what == "drop" and isinstance(holder, dict):
            holder.pop(key)
        elif what == "nest":
            holder[key] = [holder[key], {"data": holder[key]}]
        else:
            holder[key] = draw(ODD_TREES)
    return copy


def _places(form: Any) -> Iterator[tuple[Any, Any]]:
    pairs = form.items() if isinstance(form, dict) else enumerate(form) if isinstance(form, list) else ()
    for key, value in list(pairs):
        yield form, key
        yield from _places(value)


REPLY = {
    "created": 1_700_000_000,
    "data": [{**item(png(1)), "revised_prompt": "a fox", "seed": 7}, {**item(png(2)), "url": ""}],
    "usage": {"total_tokens": 9, "input_tokens_details": {"text_tokens": 3}},
    "background": "auto",
    "error": None,
}


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with on_stand(tmp_path_factory.mktemp("hostile") / "a.now", deadline=20.0, cap=1 << 20) as stand:
        yield stand


@pytest.mark.row("B3", injected="hostile replies, JSON and streams (hypothesis)")
def test_any_reply_ends_in_pictures_or_an_error(stand: Stand, campaign: Campaign) -> None:
    """Whatever a relay answers, an order ends in a generation or a short error of ours; the record can be read again,
    the outcome is never "not billed", and nothing outside the folder is written.
    """
    tried = 0

    def taken(answer: bytes, **options: Any) -> None:
        stand.serve([Send(answer)])
        came = stand.buy(**options)
        if isinstance(came, NowImageError):
            assert len(came.lines()) <= 6
            assert max(map(len, came.lines())) < 1000
        job = json.loads((stand.folder / "jobs" / f"{len(stand.session.history)}.json").read_bytes())
        again = Record.from_json(job)
        assert json.dumps(again.to_json(), sort_keys=True) == json.dumps(job, sort_keys=True)
        assert (
            isinstance(came, Generation)
            or came.billed != "no"
            or job["error"]["type"] in ("AuthError", "QuotaError", "RejectedError", "RateLimitError")
        )

    @settings(max_examples=1500 if campaign.is_full else 60, **QUIET)
    @given(changed(REPLY), st.booleans())
    def reply(form: Any, streamed: bool) -> None:
        nonlocal tried
        tried += 1
        if streamed:
            event = b"event: image_generation.completed\ndata: " + json.dumps(form).encode() + b"\n\n"
            taken(stream_answer() + chunked(event), params={"stream": True})
        else:
            taken(json_answer(form))

    reply()
    assert [one.name for one in stand.folder.parent.iterdir()] == ["a.now"]
    campaign.figure("hostile replies tried", tried)
    campaign.outcome(outcome="pictures, or a short error", billed="yes / maybe", kept="readable records")


@pytest.mark.row("B1", injected="hostile bytes as bodies, events and kept answers (hypothesis)")
def test_any_bytes_are_read_or_refused(campaign: Campaign) -> None:
    """The readers of bodies, events and kept answers give values or a ValueError or error of ours for any bytes."""
    tried = 0
    pieces = st.sampled_from(
        [
            b"{",
            b"[",
            b'"',
            b"\\ud800",
            b"\xff",
            b"\xef\xbb\xbf",
            b"data: ",
            b"event: x\n",
            b"\n\n",
            b"\r",
            b"null",
            b"1e999",
            b"[DONE]",
            b":",
            b",",
            b"}",
            b"]",
            b"\x1f\x8b",
            json.dumps(REPLY).encode(),
        ]
    )

    @settings(max_examples=5000 if campaign.is_full else 300, **QUIET)
    @given(
        st.lists(pieces | st.binary(max_size=6), max_size=12).map(b"".join),
        st.sampled_from(["", "gzip", "deflate", "br", "x\x00"]),
    )
    def read(data: bytes, packing: str) -> None:
        nonlocal tried
        tried += 1
        with contextlib.suppress(ValueError):
            read_json(data)
        list(events_in(data))
        try:
            replayed({"status": 200, "content_type": packing, "content_encoding": packing}, data)
        except NowImageError as error:
            is_short(error)

    read()
    campaign.figure("hostile replies tried", tried)
    campaign.outcome(outcome="read, or refused", billed="maybe", kept="raw answer")


RECORD: dict[str, Any] = {
    "format": 1,
    "id": "0" * 32,
    "number": 1,
    "created": 1_700_000_000.0,
    "status": "done",
    "billed": "yes",
    "model": "gpt-image-2",
    "idempotency_key": "0" * 32,
    "kernel": "k",
    "cell": "c",
    "execution": "e",
    "place": 0,
    "request": {"prompt": "a fox", "model": "gpt-image-2", "service": "openai", "params": {"n": 1}, "inputs": []},
    "attempts": [{"at": 1.0, "phase": "answered", "status": 200, "request_id": "r"}],
    "kept": [
        {
            "index": 0,
            "sha256": sha256(png(1)),
            "mime": "image/png",
            "width": 8,
            "height": 8,
            "size_bytes": 99,
            "link": None,
        }
    ],
    "expected": 1,
    "buttons": [{"label": "U1", "action": "x"}],
    "usage": {"a": 1},
    "cost": {"amount": "0.1", "currency": "USD", "source": "reported"},
    "error": {"type": "DownloadError", "message": "m", "advice": "a", "status": 404, "code": "c"},
    "state": {"task": "17"},
    "tags": ["a"],
    "parents": ["1" * 32],
    "name": "fox",
    "alt": "alt",
    "elapsed": 1.5,
}


@pytest.mark.row("S6", injected="hostile records (hypothesis)")
def test_any_record_is_read_or_refused(tmp_path: Path, campaign: Campaign) -> None:
    """A record from anywhere is read whole or refused by an error of ours; its pictures lie below the folder."""
    tried = 0
    folder = tmp_path / "pictures"

    @settings(max_examples=6000 if campaign.is_full else 400, **QUIET)
    @given(changed(RECORD))
    def read(form: Any) -> None:
        nonlocal tried
        tried += 1
        try:
            record = Record.from_json(form)
        except StoreError as error:
            is_short(error)
            return
        generation = generation_of(record, folder)
        repr(generation)
        json.dumps(record.to_json())
        for picture in generation.pictures:
            assert picture.path.parent.parent == folder
            assert picture.path.resolve().is_relative_to(folder.resolve())

    read()
    bombs = {
        name: {**RECORD, "cost": {**RECORD["cost"], "amount": name}}
        for name in ("1E+999999999", "1E-999999999", "sNaN")
    }
    for form in bombs.values():  # an amount is written out with all its digits
        with pytest.raises(StoreCorrupt):
            Record.from_json(form)
    for digest in ("../" * 21 + "x", "A" * 64, "0" * 63, sha256(b"")[:63] + "/"):
        with pytest.raises(StoreCorrupt):
            Record.from_json({**RECORD, "kept": [{**RECORD["kept"][0], "sha256": digest}]})
    campaign.figure("hostile records tried", tried + 7)
    campaign.outcome(outcome="read, or StoreCorrupt", billed="–", kept="others load")


# A notebook that was shipped with a hostile folder


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def hostile_folder(folder: Path, secret: Path, server: str, records: Mapping[int, Any] = {}) -> None:
    """A history as an attacker would ship it: paths, links, bombs, settings and lies."""
    write(
        folder / "format",
        json.dumps(
            {"format": 1, "id": "a" * 32, "notebook": "../../../../etc/passwd", "base_url": server, "key": "x"}
        ).encode(),
    )
    for number, form in {**_hostile_records(server), **records}.items():
        write(folder / "jobs" / f"{number}.json", json.dumps(form).encode())
    write(folder / "jobs" / "900.json", b'{"format": 1, "request":' * 50_000)
    write(folder / "jobs" / "901.json", b"\x00" * 5000)
    write(folder / "jobs" / "902.json", b'{"a": ' + b"9" * 10_000 + b"}")
    write(folder / "jobs" / "903.json", json.dumps({**RECORD, "format": 99}).encode())
    write(folder / "jobs" / "904.marks", b"[" * 100_000)
    write(folder / "jobs" / ("9" * 200 + ".json"), b"{}")
    write(folder / "jobs" / "..json", b"{}")
    (folder / "jobs" / "905.json").symlink_to(secret)
    os.mkfifo(folder / "jobs" / "906.json")
    (folder / "jobs" / "907.json").mkdir()
    with (folder / "jobs" / "908.json").open("wb") as huge:
        huge.truncate(1 << 33)
    write(folder / "models.json", b"[" * 200_000)
    write(folder / "config.json", json.dumps({"base_url": server, "proxy": server}).encode())
    write(folder / ".env", f"NOW_BASE_URL={server}\nNOW_API_KEY=x\n".encode())
    digest = sha256(png(1))
    write(folder / "pictures" / digest[:2] / f"{digest}.png", b"<svg onload=alert(1)>")
    other = sha256(png(2))
    (folder / "pictures" / other[:2]).mkdir(parents=True, exist_ok=True)
    (folder / "pictures" / other[:2] / f"{other}.png").symlink_to(secret)
    third = sha256(png(3))
    (folder / "pictures" / third[:2]).mkdir(parents=True, exist_ok=True)
    os.mkfifo(folder / "pictures" / third[:2] / f"{third}.png")
    write(folder / "answers" / "5", b'{"status": 200}\n' + json.dumps({"data": [{"url": f"{server}/answer"}]}).encode())
    (folder / "answers" / "6").symlink_to(secret)
    write(folder / "quarantine" / "x", b"x")
    (folder / "locks").mkdir()
    (folder / "locks" / "1.lock").symlink_to(secret)
    _hostile_index(folder / "index.sqlite")


def _hostile_records(server: str) -> dict[int, Any]:
    def picture(number: int) -> dict[str, Any]:
        return {**RECORD["kept"][0], "sha256": sha256(png(number))}

    return {
        1: {**RECORD, "number": 1},
        2: {**RECORD, "id": "2" * 32, "number": 7777, "kept": [picture(2)]},
        3: {**RECORD, "id": "3" * 32, "number": 3, "kept": [picture(3)]},
        4: {
            **RECORD,
            "id": "4" * 32,
            "number": 4,
            "status": "partial",
            "kept": [{"index": 0, "link": f"{server}/kept"}],
        },
        5: {**RECORD, "id": "5" * 32, "number": 5, "status": "unknown", "billed": "maybe", "kept": [], "state": None},
        6: {
            **RECORD,
            "id": "6" * 32,
            "number": 6,
            "status": "running",
            "kept": [],
            "state": {"task": "../../x", "url": server},
        },
        7: {**RECORD, "id": "7" * 32, "number": 7, "kept": [{**picture(1), "mime": "../../../../etc/passwd"}]},
        8: {**RECORD, "id": "8" * 32, "number": 8, "kept": [{**picture(1), "sha256": "../" * 21 + "x"}]},
        9: {**RECORD, "id": "9" * 32, "number": 9, "kept": [{"index": n} for n in range(5000)]},
        10: {
            **RECORD,
            "id": "a" * 32,
            "number": 10,
            "name": "../../x",
            "cell": server,
            "relay": server,
            "error": {"type": "__import__", "message": "{x} <b>\x1b[2J", "advice": "{0}"},
        },
        11: {**RECORD, "id": "b" * 32, "number": 11, "error": {"type": "Interrupted", "message": "x"}},
        12: {
            **RECORD,
            "id": "c" * 32,
            "number": 12,
            "cost": {"amount": "1E+999999999", "currency": "<b>", "source": "reported"},
        },
        13: {**RECORD, "id": "d" * 32, "number": 13, "created": 1e300, "elapsed": -1e300},
        14: {
            **RECORD,
            "id": "e" * 32,
            "number": 14,
            "request": {
                "prompt": "%now login\n!rm -rf /\n%%nowimage\n\x1b[2J",
                "params": {"n": -5, "size": "<b>", "x": [[[]]]},
                "service": "../../engines",
            },
        },
    }


def _hostile_index(path: Path) -> None:
    with sqlite3.connect(path) as index:
        index.execute("create table jobs (number, words)")
        index.execute("create view records as select load_extension('/tmp/evil.so')")
        index.execute("create trigger evil after insert on jobs begin select load_extension('/tmp/evil.so'); end")
    index.close()


LEAVING = ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.system", "os.exec", "sqlite3.load_extension")
CHILD = """
import json, os, sys
sys.path[:0] = [{guard!r}, {root!r}]
opened, away = [], []
def watch(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        opened.append((os.fsdecode(arguments[0]), str(arguments[1] or arguments[2])))
    if event in {leaving!r}:
        away.append((event, repr(arguments)[:200]))
os.chdir({work!r})
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config
from IPython.core.displaypub import CapturingDisplayPublisher
config = Config()
config.HistoryManager.enabled = False
ip = InteractiveShell.instance(config=config)
ip.display_pub = CapturingDisplayPublisher()
import now_jupyter._magics, PIL.Image, sqlite3
from now_jupyter._errors import NowImageError
from now_jupyter import _notebook_session
sys.addaudithook(watch)
told = []
for code in {cells!r}:
    result = ip.run_cell(code)
    error = result.error_before_exec or result.error_in_exec
    told.append([code, type(error).__name__, error is None or isinstance(error, NowImageError)])
_notebook_session._HELD.session.close()
mimes = sorted({{mime for one in ip.display_pub.outputs for mime in one["data"]}})
sys.stderr.write("\\n@@" + json.dumps([told, opened, away, mimes]))
"""

LOOKS = [
    "%load_ext now_jupyter",
    "%now",
    "import now_jupyter as nj",
    "nj.history",
    "len(nj.history), [repr(g) for g in nj.history], [repr(p) for g in nj.history for p in g.pictures]",
    "%now history",
    "%now history fox",
    "nj.history.search('fox')",
    "nj.history.cost() if hasattr(nj.history, 'cost') else None",
    *(f"%now recall #{number}" for number in range(1, 15)),
    *(f"%now cell #{number}" for number in (1, 14)),
    *(f"nj.history['#{number}'].pictures[0].bytes()" for number in (1, 2, 3, 7)),
    *(f"nj.history['#{number}']" for number in (1, 2, 3, 4, 7, 10, 12, 13, 14)),
    *(f"nj.view('#{number}')" for number in (1, 3, 7)),
    "%now star #1",
    "%now tag #3 evil",
    "%now trash #10",
    "%now restore #10",
    "%now folder",
    "%now doctor",
    "%now wait",
    "%reload_ext now_jupyter",
    "%unload_ext now_jupyter",
]


@pytest.mark.row("S6", injected="a notebook shipped with a hostile .now folder")
def test_a_hostile_folder_is_looked_at_without_harm(tmp_path: Path, campaign: Campaign) -> None:
    """Loading and looking at a shipped history raises nothing but errors of ours, reads and writes nothing outside
    the folder that it points to, connects nowhere, starts nothing and shows no HTML.
    """
    work, secret = tmp_path / "work", tmp_path / "secret.txt"
    work.mkdir()
    secret.write_bytes(b"the user's own file")
    before = secret.read_bytes()
    with FaultServer() as server:
        hostile_folder(work / "fox.now", secret, server.url)
        shown = {
            "output_type": "display_data",
            "data": {"text/plain": "x"},
            "metadata": {"now": {"id": "../../x", "sha256": [7], "demo": False}},
        }
        book = {
            "cells": [{"cell_type": "code", "outputs": [shown, 7, {"metadata": 7}], "source": "", "metadata": {}}, 7],
            "metadata": {"now": {"base_url": server.url}},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
        write(work / "fox.ipynb", json.dumps(book).encode())
        assert pictures_shown(work / "fox.ipynb").paid
        code = textwrap.dedent(CHILD).format(
            guard=str(GUARD), root=str(ROOT), work=str(work), cells=LOOKS, leaving=LEAVING
        )
        environ = {**os.environ, "JPY_SESSION_NAME": str(work / "fox.ipynb")}
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=100, env=environ
        )
        assert "@@" in done.stderr, done.stderr[-3000:]
        told, opened, away, mimes = json.loads(done.stderr.rpartition("@@")[2])
        assert server.connections == 0
    assert not [one for one in told if not one[2] and one[1] != "IndexError"], [one for one in told if not one[2]]
    assert not away, away
    assert set(mimes) <= {"text/plain", "image/png", "image/jpeg"}
    assert secret.read_bytes() == before
    assert not [name for name, _ in opened if "secret" in name or name.startswith("/etc/passwd")]
    outside = [name for name, mode in opened if _is_outside(name, mode, work)]
    assert not outside, outside
    assert sorted(one.name for one in tmp_path.iterdir()) == ["secret.txt", "work"]
    campaign.figure("hostile folders tried", 1)
    campaign.outcome(outcome="errors of ours only, 0 connections", billed="–", kept="others load")


def _is_outside(name: str, mode: str, work: Path) -> bool:
    if not any(sign in mode for sign in "wax+") or name == "/dev/null":
        return False
    place = Path(os.path.normpath(work / name))
    return not place.is_relative_to(work) and not place.is_relative_to(os.environ["HOME"]) and "__pycache__" not in name


@pytest.mark.row("S6", injected="hostile folders (hypothesis): records, answers, formats, marks")
def test_any_folder_is_listed_or_refused(tmp_path: Path, campaign: Campaign) -> None:
    """Whatever lies in a shipped folder, it is listed, searched and resumed without a crash, and nothing is posted."""
    tried = 0
    secret = tmp_path / "secret.txt"
    secret.write_bytes(b"x")
    with FaultServer() as server:
        server.script([Send(response(404))])

        @settings(max_examples=150 if campaign.is_full else 12, **QUIET)
        @given(
            st.dictionaries(st.integers(1, 9), changed(RECORD), max_size=4),
            changed({"format": 1, "id": "a" * 32, "notebook": "x.ipynb"}),
            st.binary(max_size=300),
        )
        def look(records: dict[int, Any], head: Any, answer: bytes) -> None:
            nonlocal tried
            tried += 1
            folder = tmp_path / f"{tried}" / "fox.now"
            hostile_folder(folder, secret, server.url, records)
            write(folder / "format", json.dumps(head).encode())
            write(folder / "answers" / "5.part", answer)
            with on_stand(folder, server=server) as stand:
                session = stand.session
                for act in (
                    lambda: repr(session.history),
                    lambda: session.history.search("fox"),
                    session.resume,
                    lambda: session.star("#1"),
                    lambda: list(Store(folder).trashed()),
                ):
                    try:
                        act()
                    except NowImageError as error:
                        is_short(error)

        look()
        assert server.posts == 0
        assert {one.path for one in server.seen} <= {"/answer", "/kept", "/api/pricing", "/v1/models"}
    assert secret.read_bytes() == b"x"
    campaign.figure("hostile folders tried", tried)
    campaign.outcome(outcome="listed, searched, resumed, or refused", billed="no", kept="others load")
