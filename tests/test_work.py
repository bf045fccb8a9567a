"""What comes from outside costs memory and time in proportion to its size: each kind of input by its smallest case."""

from __future__ import annotations

import functools
import gc
import io
import json
import os
import random
import secrets
import subprocess
import sys
import time
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from clean_room import ROOT
from now_jupyter._media import decode, extract
from now_jupyter._media import examine as examine_file
from now_jupyter._media._containers import PNG_HEAD, png_chunk
from now_jupyter._messages import BadImageError
from now_jupyter._panel._diff import words_apart
from now_jupyter._session._doctor import examine
from now_jupyter._settings import Key, Redactor
from now_jupyter._store import Record, RecordedOutput, RescueFolder, Store, _store
from now_jupyter._store._record_files import ROOM
from now_jupyter._store._weight import settle
from now_jupyter._values import Request

GROWTH = 8.0  # from one size to four times that: 4 where the work is linear, 16 where it is quadratic


def seconds(act: Callable[[], object]) -> float:
    """Return the processor time of the quickest of some runs: the machine has other work, too."""
    times = []
    for _ in range(3):
        began = time.process_time()
        act()
        times.append(time.process_time() - began)
    return min(times)


def described(blanks: int) -> bytes:
    """Return a PNG whose packed description is blanks and a letter."""
    text = b"Description\0\0" + zlib.compress(b" " * blanks + b"x")
    head = png_chunk(b"IHDR", (1).to_bytes(4) * 2 + b"\x08\0\0\0\0")
    pixels = png_chunk(b"IDAT", zlib.compress(b"\0\0"))
    return PNG_HEAD + head + png_chunk(b"zTXt", text) + pixels + png_chunk(b"IEND", b"")


def test_a_packed_description_is_read_in_linear_time() -> None:
    """A picture of 200 bytes that unpacks to blanks holds nobody up on recall or drop."""
    small, large = described(15_000), described(60_000)
    assert extract(large) == {"prompt": "x"}
    assert seconds(lambda: extract(large)) < GROWTH * seconds(lambda: extract(small)) + 0.01


@functools.cache
def jpeg() -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (16, 16), (200, 80, 20)).save(data, "JPEG")
    return data.getvalue()


def filled(size: int, *, in_scan: bool) -> bytes:
    """A JPEG with so many bytes of 0xFF before a marker, or in the middle of its pixels."""
    at = jpeg().index(b"\xff\xda") + 20 if in_scan else 2
    return jpeg()[:at] + b"\xff" * size + jpeg()[at:]


@pytest.mark.parametrize("in_scan", [False, True])
def test_a_jpeg_that_is_filled_is_refused_in_linear_time(in_scan: bool) -> None:
    """Decoder and patterns would look at all the filling again with each piece of it; a little is allowed."""
    small, large = filled(1 << 20, in_scan=in_scan), filled(1 << 22, in_scan=in_scan)
    for one in (small, large):
        with pytest.raises(BadImageError, match=r"filled with nothing|cut off"):
            decode(one)
    assert seconds(lambda: refused(large)) < GROWTH * seconds(lambda: refused(small)) + 0.01
    assert decode(filled(1000, in_scan=False)).size == (16, 16)


def refused(data: bytes) -> None:
    with suppress(BadImageError):
        examine_file(data)


def test_the_key_is_covered_in_small_pieces_in_linear_time() -> None:
    """An answer that comes byte by byte, each of which may begin the key, costs little more for each."""
    key = Key(secrets.token_hex(24))

    def feed(count: int) -> None:
        redactor = Redactor(key)
        for _ in range(count):
            redactor.feed(b"%")

    piece, whole = seconds(lambda: feed(2_000)), seconds(lambda: feed(8_000))
    assert whole < GROWTH * piece
    assert piece < 2_000 * 20 * seconds(lambda: key.mask(b"%" * 100)) + 0.1


@pytest.mark.slow
@pytest.mark.parametrize("letters", ["狐雪", "".join(map(chr, range(0x4E00, 0x4E00 + 30))), ", "])
def test_prompts_are_compared_in_bounded_time(letters: str) -> None:
    """Two prompts of 4,000 signs take no longer than a comparison of each sign of one with each of the other would."""
    chance = random.Random(1)
    before, after = ("".join(chance.choices(letters, k=4_000)) for _ in range(2))
    square = seconds(lambda: [one == other for one in before[:1_000] for other in after[:1_000]])
    assert seconds(lambda: words_apart(before, after)) < 16 * square
    runs = words_apart(before, after)
    assert "".join(text for kind, text in runs if kind != "new") == before
    assert "".join(text for kind, text in runs if kind != "gone") == after


# Folders


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "a.now")


def put(store: Store, number: int, **more: object) -> Path:
    """Write a record as a folder from elsewhere may hold it: nobody has proved that it can be read."""
    record = Record(id=f"{number:032x}", request=Request(prompt="a fox"), created=1.0, number=number)
    path = store.folder / "jobs" / f"{number}.json"
    path.write_text(json.dumps({**record.to_json(), **more}, separators=(",", ":")), "utf-8")
    return path


def test_a_record_of_small_values_is_not_read(store: Store) -> None:
    """Values of three bytes take twenty times that: such a record is named as one that cannot be read."""
    store.preflight()
    put(store, 1)
    put(store, 2, usage={"a": [[[]] * 1000] * 1000})
    assert [one.number for one in store.records()] == [1]
    assert store.damaged == ("2.json",)


@pytest.mark.slow
def test_records_are_read_up_to_a_total(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what they take in memory: the newest are read, the oldest are left out and come back when others go.

    Their files count, too, and what is no record does not.
    """
    monkeypatch.setattr(_store, "ROOM", 445_000)
    store.preflight()
    with (store.folder / "jobs" / "90.json").open("wb") as file:
        file.truncate(1 << 40)
    small = [{"key": str(at), "number": at} for at in range(1, 200)]
    for more in ({"alt": "x" * 30_000}, {"outputs": small}, {"usage": {"a": [0.5] * 400}, "alt": "🦊" * 2_000}):
        looked = Store(store.folder)
        paths = [put(store, number, **more) for number in range(1, 81)]
        newest = [one.number for one in looked.records()]
        assert newest == list(range(81 - len(newest), 81))
        assert 1 < len(newest) < 50
        assert looked.left_out == list(range(80 - len(newest), 0, -1))
        assert looked.damaged == ("90.json",)
        for path in paths[5:]:
            path.unlink()
        assert [one.number for one in looked.records()] == [1, 2, 3, 4, 5]
        assert looked.left_out == []


def test_what_is_read_anew_and_is_the_same_is_not_held_twice(store: Store) -> None:
    """Files that were written just now are read again at each look."""
    store.preflight()
    for number in (1, 2, 3):
        put(store, number)
    first = store.records()
    put(store, 2, alt="another")
    second = store.records()
    assert [one is two for one, two in zip(first, second, strict=True)] == [True, False, True]
    assert second[1] != first[1]


def test_ordinary_records_find_room(store: Store) -> None:
    """47,000 of them, with all that is known of a picture that was bought."""
    store.preflight()
    usage = {"input_tokens": 22, "input_tokens_details": {"image_tokens": 0, "text_tokens": 22}, "output_tokens": 4160}
    more = {
        **{name: secrets.token_hex(16) for name in ("kernel", "idempotency_key", "request_id", "cell")},
        "request": {"model": "gpt-image-2", "params": {"quality": "high", "size": "1536x1024"}, "prompt": "fox " * 25},
        "attempts": [{"at": 1.5, "phase": "answered", "request_id": secrets.token_hex(16), "service": "openai-images"}],
        "charge": {"name": "gpt-image-2", "times": "1", "unit": "picture"},
        "outputs": [{"file": "1-fox.png", "key": "1", "number": 1, "mime": "image/png", "sha256": "a" * 64}],
        "model": "gpt-image-2",
        "usage": usage,
        "cost": {"amount": "0.040"},
    }
    put(store, 1, **more)
    (record,) = store.records()
    assert 1_000 < settle(record) < ROOM / 47_000


@pytest.mark.slow
@pytest.mark.parametrize(
    "more",
    [
        {"outputs": [{"key": str(at), "number": at} for at in range(1, 200)]},
        {"outputs": [{"key": "1", "number": 1, "words": "狐" * 20_000}]},
        {"request": {"prompt": "🦊" + "x" * 20_000}},
        {"usage": {"a": [[]] * 1000}},
        {"usage": {"a": [2.5] * 2000}},
        {"usage": {str(at): str(at) for at in range(900)}},
        {"request": {"prompt": "x", "raw": {"a": [{"b": at} for at in range(300)]}}},
    ],
    ids=range(7),
)
def test_a_record_weighs_what_it_takes_in_memory(more: dict[str, Any], store: Store) -> None:
    """Whatever it is made of."""
    store.preflight()
    for number in range(1, 31):
        put(store, number, **more)
    records = Store(store.folder).records()  # what is made once is there
    tracemalloc.start()
    records = store.records()
    gc.collect()
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert 0.75 * taken < sum(map(settle, records)) < 1.5 * taken


def test_the_collector_has_nothing_to_look_at_in_records(store: Store) -> None:
    """Else all threads wait for it, the longer the more records there are."""
    store.preflight()
    outputs = [{"key": str(at), "number": at, "about": {"a": [[at]]}} for at in range(20)]
    for number in range(1, 41):
        put(store, number, outputs=outputs)
    Store(store.folder).records()  # what is made once is there
    gc.collect()
    before = len(gc.get_objects())
    records = store.records()
    assert sum(len(one.outputs) for one in records) == 800
    assert len(gc.get_objects()) - before < 400


@pytest.mark.slow
@pytest.mark.parametrize("much", [[[]] * 100_000, ["x"] * 100_000, {str(n): 0 for n in range(9_999)}, "x" * 9_999_999])
def test_what_a_relay_says_is_clipped_to_what_a_record_takes(store: Store, much: Any) -> None:
    """However much it says of each of 64 outputs, the record is written and read again."""
    kept = store.claim(Record(id="0" * 32, request=Request(prompt="a fox"), created=1.0))
    clipped = RecordedOutput(key="1", number=1, about={"a": much}, handle=much)
    outputs = tuple(replace(clipped, key=str(at), number=at) for at in range(1, 65))
    record = replace(kept, outputs=outputs, usage={"a": much}, state={"a": much})
    store.write(record)
    assert store.read(kept.number) == record


def test_the_doctor_does_not_read_a_picture_of_another_size(store: Store) -> None:
    """A hole of a terabyte is told by its size, and is not read either where its record says that size."""
    record = store.claim(Record(id="0" * 32, request=Request(prompt="a fox"), created=1.0))
    for number, size in ((1, 9), (2, 1 << 40)):
        with (store.pictures / f"{record.number}-{number}.png").open("wb") as file:
            file.truncate(1 << 40)
        one = RecordedOutput(key=str(number), number=number, sha256="a" * 64, mime="image/png", size_bytes=size)
        outputs = (*record.outputs, replace(one, file=f"{record.number}-{number}.png"))
        record = replace(record, outputs=outputs)
    store.write(record)
    report: list[str] = []
    spill = RescueFolder(lambda: store.folder.parent / "spill")
    took = seconds(lambda: report.append(examine(store, spill, names_are_faked=None).text()))
    assert took < 1.0
    assert f"{record.number}-1.png" in report[0]
    assert "only the size was compared" in report[0]


# Memory

CHILD = """
import io, sys, threading
from pathlib import Path
import now_jupyter._media as media
from PIL import Image
drawn = io.BytesIO()
Image.new("L", (10_000, 7_900)).save(drawn, "PNG", compress_level=1)
data = drawn.getvalue()
def peak(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024
before = peak("VmHWM")
acts = {"examine": lambda: media.examine(data), "preview": lambda: media.preview(data)}
threads = [threading.Thread(target=acts[sys.argv[1]]) for _ in range(int(sys.argv[2]))]
[one.start() for one in threads]
[one.join() for one in threads]
print(peak("VmHWM") - before)
"""


def grown(action: str, threads: int) -> float:
    command = [sys.executable, "-c", CHILD, action, str(threads)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100, env=environment)
    return float(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("action", ["examine", "preview"])
def test_large_pictures_are_decoded_one_at_a_time(action: str) -> None:
    """Eight of 30 megapixels at once take little more memory than one of them."""
    assert grown(action, 8) < grown(action, 1) + 60
