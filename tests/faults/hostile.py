"""What somebody who means harm would send or ship: near misses of real replies and records, and whole folders."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck
from hypothesis import strategies as st

from checker import sha256
from stand import item, png

__all__ = ["INDEXES", "QUIET", "RECORD", "REPLY", "changed", "hostile_folder", "write"]

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
    "error": {
        "type": "DownloadError",
        "template": "m {f}",
        "facts": {"f": "x"},
        "advice": "a",
        "status": 404,
        "code": "c",
    },
    "state": {"task": "17"},
    "tags": ["a"],
    "parents": ["1" * 32],
    "name": "fox",
    "alt": "alt",
    "elapsed": 1.5,
}


# A notebook that was shipped with a hostile folder


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def hostile_folder(
    folder: Path, secret: Path, server: str, records: Mapping[int, Any] = {}, *, index: str = "unlike ours"
) -> None:
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
    _other_names_and_devices(folder, secret)
    INDEXES[index](folder / "index.sqlite")


def _other_names_and_devices(folder: Path, secret: Path) -> None:
    """Hard links to a file of the user's, devices that never end, and rights that let everybody in."""
    zero = os.makedev(1, 5)
    fourth = sha256(png(4))
    (folder / "pictures" / fourth[:2]).mkdir(parents=True, exist_ok=True)
    for name in ("jobs/910.json", "jobs/3.marks", "answers/9", "answers/9.part", "locks/2.lock", "trash/911.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        os.link(secret, folder / name)
    os.link(secret, folder / "pictures" / fourth[:2] / f"{fourth}.png")
    for name in ("jobs/912.json", "answers/10", "locks/3.lock", "jobs/4.marks", ".gitignore"):
        os.mknod(folder / name, 0o600 | stat.S_IFCHR, zero)
    for path in (folder / "jobs", folder / "jobs" / "1.json", folder / "pictures"):
        path.chmod(0o7777 if path.is_dir() else 0o6777)


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
        15: {**RECORD, "id": "f" * 32, "number": 15, "kept": [picture(4)]},
        9: {**RECORD, "id": "9" * 32, "number": 9, "kept": [{"index": n} for n in range(5000)]},
        10: {
            **RECORD,
            "id": "a" * 32,
            "number": 10,
            "name": "../../x",
            "cell": server,
            "relay": server,
            "error": {
                "type": "__import__",
                "template": "{x} {y.__class__} {y:>99999999} <b>\x1b[2J",
                "advice": "{0} {",
                "facts": {"x": "{y}\x1b[2J", "y": [1], "\u202e": {}},
            },
        },
        11: {
            **RECORD,
            "id": "b" * 32,
            "number": 11,
            "error": {"type": "Interrupted", "template": "x", "facts": {"template": "x", "self": "y"}},
        },
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


def _unlike_ours(path: Path) -> None:
    with sqlite3.connect(path) as index:
        index.execute("create table jobs (number, words)")
        index.execute("create view records as select load_extension('/tmp/evil.so')")
        index.execute("create trigger evil after insert on jobs begin select load_extension('/tmp/evil.so'); end")
    index.close()


_OURS = "CREATE TABLE records (number INTEGER PRIMARY KEY, signature TEXT NOT NULL, words TEXT)"


def _like_ours(path: Path, *more: str, table: str = _OURS) -> None:
    index = sqlite3.connect(path)
    index.execute(table)
    index.execute("pragma user_version = 1")
    for number in (-(2**63), 0, 1, 2, 2**63 - 1):
        index.execute("insert into records values (?, ?, ?)", (number, "x", "fox " * 100_000))
    index.execute("insert into records values (3, cast(x'ff00fe' as text), cast(x'ff00fe' as text))")
    index.execute("insert into records values (4, zeroblob(1000000), zeroblob(1000000))")
    for statement in more:
        index.execute(statement)
    index.commit()
    index.close()


def _log_ahead(path: Path) -> None:
    """A database whose log is still beside it, as of a program that was killed."""
    index = sqlite3.connect(path)
    index.execute("pragma journal_mode = wal")
    index.execute("create table records (number, signature, words)")
    index.commit()
    sidecar = path.with_name(path.name + "-wal").read_bytes()
    index.close()
    path.with_name(path.name + "-wal").write_bytes(sidecar)
    path.with_name(path.name + "-shm").write_bytes(b"\xff" * 32768)


def _journal_of_another(path: Path) -> None:
    """A journal that names a file of the user's as its master: SQLite deletes that when it rolls back."""
    _like_ours(path)
    name = str(path.parent.parent.parent / "secret.txt").encode()
    head = bytes.fromhex("d9d505f920a163d7") + (0xFFFFFFFF).to_bytes(4) + bytes(8) + (512).to_bytes(4)
    tail = (1).to_bytes(4) + name + len(name).to_bytes(4) + sum(name).to_bytes(4) + bytes.fromhex("d9d505f920a163d7")
    path.with_name(path.name + "-journal").write_bytes(head.ljust(512, b"\0") + tail)


INDEXES: dict[str, Callable[[Path], None]] = {
    "unlike ours": _unlike_ours,
    "like ours": _like_ours,
    "with a trigger": lambda path: _like_ours(
        path, "create trigger t after delete on records begin insert into records values (9, 'x', 'fox'); end"
    ),
    "with a computed column": lambda path: _like_ours(
        path,
        table="CREATE TABLE records (number INTEGER PRIMARY KEY, signature TEXT, words TEXT CHECK (length(words)))",
    ),
    "of a later version": lambda path: _like_ours(path, "pragma user_version = 99"),
    "with a log": _log_ahead,
    "with a journal": _journal_of_another,
    "cut": lambda path: (_like_ours(path), os.truncate(path, 5000)),  # type: ignore[func-returns-value, return-value]
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
    "a device": lambda path: os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 5)),
    "a link": lambda path: path.symlink_to(path.parent.parent.parent / "own.sqlite"),
    "another name of the user's own": lambda path: os.link(path.parent.parent.parent / "own.sqlite", path),
}
