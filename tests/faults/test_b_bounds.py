"""Row B5: answers that are too large, too slow or do not end."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from campaign import Campaign
from clean_room import ROOT
from faultserver import Drip, Hang, Send, chunked, response, stream_answer
from limits import at_once
from now_jupyter._messages._errors import BadResponseError, MaybeBilledError, NowImageError, RejectedError
from now_jupyter._transport import _answers, _decoding
from stand import Stand, b64_answer, on_stand, png

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    with on_stand(tmp_path / "a.now") as stand:
        yield stand


def fails(stand: Stand, script: list[Any], kind: type[NowImageError]) -> NowImageError:
    """Order into a fault: maybe billed, sent once, marked."""
    stand.serve(stand.ledger.sells(script))
    error = stand.refused()
    assert type(error) is kind, repr(error)
    assert error.billed == "maybe"
    assert len(error.lines()) <= 6
    assert stand.posts == 1
    assert (stand.last.status, stand.last.billed) == ("unknown", "maybe")
    stand.verdict()
    return error


def body_of(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


@pytest.mark.row("B5", injected="one byte per second, silence in the body, an endless stream")
def test_slow_bodies_end_at_the_deadline(tmp_path: Path, campaign: Campaign) -> None:
    """Our deadline holds over everything that comes slowly, also where every single read is quick."""
    body = body_of(b64_answer(png(1)))
    begun = HEAD + b"Content-Length: 99999999\r\n\r\n"
    slow = {
        "silence": [Send(begun + body[:9]), Hang()],
        "byte by byte without end": [Send(begun), *([Drip(b" " * 50)] * 1_000_000)],
        "chunk by chunk without end": [
            Send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n"),
            *([Send(chunked(b" ", end=False))] * 1_000_000),
        ],
        "events without end": [Send(stream_answer()), *([Send(chunked(b": ping\n\n", end=False))] * 1_000_000)],
        "a head without end": [Drip(b"HTTP/1.1 200 OK\r\nX: "), *([Drip(b"y" * 50)] * 1000), Hang()],
    }
    with on_stand(tmp_path / "a.now", deadline=0.5) as stand, at_once(30):
        for name, script in slow.items():
            began = time.monotonic()
            fails(stand, script, MaybeBilledError)
            assert time.monotonic() - began < 4, name
        streamed = [Send(stream_answer()), *([Send(chunked(b'data: {"type": "x"}\n\n', end=False))] * 1_000_000)]
        stand.serve(stand.ledger.sells(streamed))
        assert isinstance(stand.refused(params={"stream": True}), MaybeBilledError)
        stand.verdict()
    campaign.outcome(outcome="MaybeBilledError at the deadline", billed="maybe", kept="what was read")


@pytest.fixture
def small_cap(monkeypatch: pytest.MonkeyPatch) -> int:
    """An answer may have 1 MiB here, so that more than that is soon sent."""
    monkeypatch.setattr(_answers, "JSON_CAP", 1 << 20)
    return 1 << 20


@pytest.mark.row("B5", injected="more than the cap of what unpacks to nothing")
def test_what_unpacks_to_nothing_is_counted_too(stand: Stand, small_cap: int, campaign: Campaign) -> None:
    """The bytes as they come are held to the cap as well as what they unpack to: a body in a packing that nobody
    knows, or one that goes on behind the end of its packing, is left at the cap and not at the deadline.
    """
    body = body_of(b64_answer(png(1)))
    begun = HEAD + b"Content-Encoding: %s\r\nTransfer-Encoding: chunked\r\n\r\n"
    more = [Send(chunked(b"x" * (1 << 16), end=False))] * (small_cap // (1 << 16) + 2)
    endless = {
        "an unknown packing": [Send(begun % b"zstd"), *more, Hang()],
        "behind the end of gzip": [Send(begun % b"gzip"), Send(chunked(gzip.compress(body), end=False)), *more, Hang()],
    }
    for name, script in endless.items():
        with at_once():
            error = fails(stand, script, BadResponseError)
        assert "larger than 1 MiB" in str(error), name
        kept = stand.last.answer
        assert kept.endswith(body) if "gzip" in name else len(kept) >= small_cap  # unpacked, where that is known
    campaign.outcome(outcome="BadResponseError at the cap", billed="maybe", kept="what was read")


@pytest.mark.row("B5", injected="unpacks to more than the cap, a little at a time")
def test_what_is_unpacked_is_held_to_the_cap(stand: Stand, small_cap: int, campaign: Campaign) -> None:
    """Of a bomb that is small as it comes, no more is unpacked than the cap."""
    bomb = gzip.compress(b" " * 9 * small_cap)
    assert len(bomb) < small_cap // 10
    packed = [Send(response(200, bomb, length=len(bomb) + 1, headers={"Content-Encoding": "gzip"})), Hang()]
    with at_once():
        error = fails(stand, packed, BadResponseError)
    assert "larger than 1 MiB" in str(error)
    campaign.outcome(outcome="BadResponseError at the cap", billed="maybe", kept="what was read")


@pytest.mark.row("B5", injected="more values than an answer may have")
def test_too_many_values_are_named_now_and_when_they_are_looked_for_again(stand: Stand, campaign: Campaign) -> None:
    """The order may have been billed, its answer is kept, and `resume` says why it is not read."""
    body = b'{"data": [' + b"[]," * 70_000 + b"[]]}"
    error = fails(stand, [Send(response(200, body))], BadResponseError)
    assert "more than 131,072 values" in str(error)
    with pytest.raises(BadResponseError, match="131,072 values"):
        stand.session.resume()
    assert (stand.posts, stand.last.status) == (1, "unknown")
    assert stand.last.answer.endswith(body)
    campaign.outcome(outcome="BadResponseError, named", billed="maybe", kept="answer")


@pytest.mark.row("B5", injected="more events than an answer may have values")
@pytest.mark.parametrize("streams", [True, False])
def test_a_dense_stream_is_given_up_at_its_bound(
    stand: Stand, streams: bool, campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the relay's answer that is at fault, now and when it is looked for again; what came before is kept."""
    monkeypatch.setattr(_decoding, "_MOST_VALUES", 1_000)
    first = b"data: " + body_of(b64_answer(png(1))) + b"\n\n"
    dense = b'data: {"a":1}\n\n' * 1_200
    wish = {"params": {"stream": True}} if streams else {}
    stand.serve(stand.ledger.sells([Send(stream_answer() + chunked(dense))]))
    error = stand.refused(**wish)
    assert type(error) is BadResponseError
    assert "more than 1,000 values" in str(error)
    stand.session.resume()
    kept = stand.session.history[-1].error
    assert kept is not None
    assert "more than 1,000 values" in kept.message()
    assert (stand.posts, stand.last.status, stand.last.billed) == (1, "unknown", "maybe")
    stand.serve(stand.ledger.sells([Send(stream_answer() + chunked(first + dense))], pictures=[png(1)]))
    made = stand.bought(n=2, **wish)
    assert (made.status, [one.bytes() for one in made.pictures]) == ("partial", [png(1)])
    campaign.outcome(outcome="BadResponseError, named", billed="maybe", kept="answer, pictures")


@pytest.mark.row("B5", injected="a refusal that does not end")
def test_a_refusal_is_read_as_far_as_it_is_shown(stand: Stand, campaign: Campaign) -> None:
    """Of a refusal 64 KiB are read, then it is judged: nobody waits for the rest."""
    words = b'{"error": {"message": "' + b"no " * 40_000
    stand.serve(stand.ledger.refuses([Send(response(400, words, length=10**9)), Hang()]))
    with at_once(6):
        error = stand.refused()
    assert isinstance(error, RejectedError)
    assert max(map(len, error.lines())) < 700
    stand.verdict()
    campaign.outcome(outcome="RejectedError, 64 KiB read", billed="no", kept="record")


BOMBS = {
    "a plain body beyond the cap": "plain",
    "gzip, 1000:1": "gzip",
    "gzip in gzip": "nested",
    "deflate, 1000:1": "deflate",
    "a JSON of empty lists": "lists",
    "base64 of a picture of 40000 × 40000": "pixels",
    "a link to a gzip bomb": "link",
    "a refusal of 64 MiB": "refusal",
    "an endless event": "event",
    "100,000 items without pictures": "items",
}

CHILD = """
import gzip, json, re, resource, struct, sys, tempfile, zlib
from pathlib import Path
sys.path[:0] = [{tests!r}, {faults!r}]
import now_jupyter._transport._answers as answers
from faultserver import Close, Send, response, json_answer, stream_answer, chunked
from stand import on_stand, b64_answer, png
bomb = {bomb!r}
MIB = 1 << 20

def peak_kib():
    # What getrusage tells begins with the peak of the process that started this one; the kernel's own figure does not.
    try:
        return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

answers.JSON_CAP = 24 * MIB       # our caps, made small: what is measured is that they hold
zeros = b" " * MIB

def packed(wbits, size=256):
    squeeze = zlib.compressobj(9, wbits=wbits)
    return b"".join([squeeze.compress(zeros) for _ in range(size)] + [squeeze.flush()])

def chunk(tag, data):
    return struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data))

def pixels():
    head = struct.pack(">IIBBBBB", 40000, 40000, 8, 2, 0, 0, 0)
    return b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed(15, 64)) + chunk(b"IEND", b"")

def script():
    match bomb:
        case "plain":
            return [Send(b"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\n\\r\\n"), *([Send(zeros)] * 256), Close()]
        case "gzip":
            return [Send(response(200, packed(31), headers={{"Content-Encoding": "gzip"}}))]
        case "nested":
            return [Send(response(200, gzip.compress(packed(31)), headers={{"Content-Encoding": "gzip"}}))]
        case "deflate":
            return [Send(response(200, packed(15), headers={{"Content-Encoding": "deflate"}}))]
        case "lists":
            return [Send(response(200, b'{{"data": [' + b"[]," * (7 * MIB) + b"[]]}}"))]
        case "pixels":
            return [Send(b64_answer(pixels()))]
        case "link":
            return [Send(json_answer({{"data": [{{"url": stand.link("/bomb")}}]}}))]
        case "refusal":
            return [Send(b"HTTP/1.1 400 Bad\\r\\nConnection: close\\r\\n\\r\\n"), *([Send(zeros)] * 64), Close()]
        case "event":
            return [Send(stream_answer()), *([Send(chunked(b"data: " + zeros, end=False))] * 256), Close()]
        case "items":
            return [Send(json_answer({{"data": [{{}}] * 100000}}))]

with tempfile.TemporaryDirectory() as folder, on_stand(Path(folder) / "a.now", cap=8 * MIB) as stand:
    made = script()
    stand.serve(stand.ledger.sells(made) if bomb != "refusal" else stand.ledger.refuses(made))
    if bomb == "link":
        stand.serve_link("/bomb", [Send(response(200, packed(31), headers={{"Content-Encoding": "gzip"}}))])
    before = peak_kib()
    error = stand.refused()
    peak = peak_kib()
    verdict = stand.verdict()
    print(json.dumps([type(error).__name__, error.billed, stand.posts, peak - before, peak, stand.last.status]))
"""


def in_a_child(bomb: str) -> list[Any]:
    code = textwrap.dedent(CHILD).format(bomb=bomb, tests=str(ROOT / "tests"), faults=str(Path(__file__).parent))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.row("B5", injected="huge bodies, decompression bombs, endless events")
def test_memory_stays_bounded_under_bombs(campaign: Campaign) -> None:
    """With caps of 24 MiB (answer) and 8 MiB (picture), 256 MiB of bomb raise the peak of the process by little."""
    chosen = (
        BOMBS
        if campaign.is_full
        else {name: bomb for name, bomb in BOMBS.items() if bomb in ("plain", "gzip", "pixels", "link", "lists")}
    )
    for name, bomb in chosen.items():
        kind, billed, posts, grown, peak, status = in_a_child(bomb)
        grown_mib, peak_mib = grown / 1024, peak / 1024
        assert kind in ("BadResponseError", "MaybeBilledError", "BadImageError", "DownloadError", "RejectedError"), name
        assert posts == 1
        most = 120 if bomb == "lists" else 58  # for a cap of 24 MiB: the pieces, the whole, and its text
        assert grown_mib < most, f"{name}: {grown_mib:.0f} MiB more"
        campaign.figure("peak growth under bombs, MiB", round(grown_mib), most=True)
        campaign.figure("peak memory under bombs, MiB", round(peak_mib), most=True)
        campaign.outcome(
            injected=name, outcome=f"{kind}, +{grown_mib:.0f} MiB", billed=billed, kept=f"record, {status}"
        )


@pytest.mark.row("B5", injected="an answer of more than 256 MiB")
def test_the_cap_of_an_answer_is_the_documented_one(campaign: Campaign) -> None:
    """The caps are those that are written down: 256 MiB of answer, 64 MiB of picture, 64 KiB of refusal."""
    from now_jupyter._media._decoding import MOST_PIXELS
    from now_jupyter._transport import _client, _download

    assert (_answers.JSON_CAP, _download.CAP_MIB << 20, _client.ERROR_CAP) == (256 << 20, 64 << 20, 64 << 10)
    assert MOST_PIXELS == 80_000_000
    campaign.outcome(outcome="caps as documented", billed="–", kept="–")
