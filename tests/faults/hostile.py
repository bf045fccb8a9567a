"""What somebody who means harm would send or ship: near misses of real replies and records, and whole folders."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck
from hypothesis import strategies as st

from checker import sha256
from stand import item, png

__all__ = ["QUIET", "RECORD", "REPLY", "changed", "hostile_folder", "write"]

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
    "position": 0,
    "service": "openai-images",
    "share": 1,
    "memo": {"n": 1},
    "charge": {"name": "gpt-image-2", "times": "1", "unit": "picture"},
    "request": {
        "prompt": "a fox",
        "model": "gpt-image-2",
        "service": "openai-images",
        "params": {"n": 1},
        "raw": {"x": 1},
        "inputs": [{"role": "picture", "id": "2" * 64, "sha256": "2" * 64, "mime": "image/png", "width": 8}],
    },
    "attempts": [{"at": 1.0, "phase": "answered", "status": 200, "request_id": "r", "service": "openai-images"}],
    "outputs": [
        {
            "key": "1",
            "number": 1,
            "kind": "picture",
            "file": "1-a-fox.png",
            "sha256": sha256(png(1)),
            "mime": "image/png",
            "width": 8,
            "height": 8,
            "size_bytes": 99,
            "about": {"revised_prompt": "a fox", "seed": 7},
        },
        {
            "key": "2",
            "number": 2,
            "is_side": True,
            "sources": [
                {"link": "http://127.0.0.1:1/x"},
                {"call": {"path": "/x/{}", "ids": ["1"], "base": "api", "query": {}, "headers": {}}},
                {"crop": {"of": "1", "box": [0.0, 0.0, 0.5, 0.5]}},
                {"whole": True},
            ],
            "error": {"type": "DownloadError", "template": "m {f}", "facts": {"f": "x"}},
        },
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
    write(folder / "pictures" / "1-a-fox.png", b"<svg onload=alert(1)>")
    (folder / "pictures" / "2-link.png").symlink_to(secret)
    os.mkfifo(folder / "pictures" / "3-pipe.png")
    (folder / "inputs").mkdir()
    (folder / "inputs" / f"{'2' * 64}.png").symlink_to(secret)
    write(folder / "answers" / "5", b'{"status": 200}\n' + json.dumps({"data": [{"url": f"{server}/answer"}]}).encode())
    (folder / "answers" / "6").symlink_to(secret)
    write(folder / "quarantine" / "x", b"x")
    (folder / "locks").mkdir()
    (folder / "locks" / "1.lock").symlink_to(secret)
    _other_names_and_devices(folder, secret)


def _other_names_and_devices(folder: Path, secret: Path) -> None:
    """Hard links to a file of the user's, devices that never end, and rights that let everybody in."""
    zero = os.makedev(1, 5)
    for name in ("jobs/910.json", "jobs/3.marks", "answers/9", "answers/9.part", "locks/2.lock", "trash/911.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        os.link(secret, folder / name)
    os.link(secret, folder / "pictures" / "15-other-name.png")
    for name in ("jobs/912.json", "answers/10", "locks/3.lock", "jobs/4.marks", ".gitignore"):
        os.mknod(folder / name, 0o600 | stat.S_IFCHR, zero)
    for path in (folder / "jobs", folder / "jobs" / "1.json", folder / "pictures"):
        path.chmod(0o7777 if path.is_dir() else 0o6777)


def _hostile_records(server: str) -> dict[int, Any]:
    def picture(number: int) -> dict[str, Any]:
        return {**RECORD["outputs"][0], "sha256": sha256(png(number))}

    return {
        1: {**RECORD, "number": 1},
        2: {**RECORD, "id": "2" * 32, "number": 7777, "outputs": [{**picture(2), "file": "2-link.png"}]},
        3: {**RECORD, "id": "3" * 32, "number": 3, "outputs": [{**picture(3), "file": "3-pipe.png"}]},
        4: {
            **RECORD,
            "id": "4" * 32,
            "number": 4,
            "status": "partial",
            "outputs": [{"key": "1", "number": 1, "sources": [{"link": f"{server}/kept"}]}],
        },
        5: {
            **RECORD,
            "id": "5" * 32,
            "number": 5,
            "status": "unknown",
            "billed": "maybe",
            "outputs": [],
            "state": None,
        },
        6: {
            **RECORD,
            "id": "6" * 32,
            "number": 6,
            "status": "running",
            "outputs": [],
            "state": {"task": "../../x", "url": server},
        },
        7: {**RECORD, "id": "7" * 32, "number": 7, "outputs": [{**picture(1), "mime": "../../../../etc/passwd"}]},
        8: {**RECORD, "id": "8" * 32, "number": 8, "outputs": [{**picture(1), "file": "../" * 4 + "secret.txt"}]},
        15: {**RECORD, "id": "f" * 32, "number": 15, "outputs": [{**picture(4), "file": "15-other-name.png"}]},
        9: {**RECORD, "id": "9" * 32, "number": 9, "outputs": [{"key": f"{n}", "number": n} for n in range(5000)]},
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
                "service": "../../services",
            },
        },
    }
