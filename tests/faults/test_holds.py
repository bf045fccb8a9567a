"""How long others wait at most for Python's lock, whatever comes: no longer than for two copies of a large picture.

What is measured is the processor time of this process between two turns of a thread that only waits, in the quickest of
some runs, against a copy in the same run: a busy machine makes neither longer. Python's own code lets go of the lock at
once here, so what is seen is what one call into a library holds.
"""

from __future__ import annotations

import base64
import functools
import io
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from campaign import Campaign
from faultserver import Send, chunked, response, stream_answer
from now_jupyter._media import examine, preview
from now_jupyter._panel._messages import read_message
from now_jupyter._transport._decoding import events_in, read_body
from stand import on_stand

pytestmark = pytest.mark.slow

MIB = 1 << 20
COPIES = 2  # of 64 MiB, each about 40 ms where the caps were chosen: most holds are far below one


class Waiter(threading.Thread):
    """A thread that wants the lock again and again; `longest` is what it had to wait at most, in processor time."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.longest = 0.0
        self.is_over = threading.Event()

    def run(self) -> None:
        while not self.is_over.is_set():
            before = time.process_time()
            self.is_over.wait(0.0005)
            self.longest = max(self.longest, time.process_time() - before)


def held_by(work: Callable[[], object]) -> float:
    """Return for how long one piece of work keeps others from the lock at most."""
    waiter = Waiter()
    waiter.start()
    try:
        work()
    finally:
        waiter.is_over.set()
        waiter.join()
    return waiter.longest


def copying() -> float:
    data = bytes(64 * MIB)
    before = time.process_time()
    bytearray(data)
    return time.process_time() - before


def is_short(work: Callable[[], object]) -> bool:
    """Whether others get the lock meanwhile, in the quickest of some runs; the first ones load what is loaded once."""
    return any(held_by(work) < COPIES * copying() for _ in range(9))


@pytest.fixture(autouse=True)
def quick_turns() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    yield
    sys.setswitchinterval(before)


@functools.cache
def noise(kind: str, side: int) -> bytes:
    """A picture in which nothing repeats, or for WebP and AVIF one that is quickly written."""
    small = Image.frombytes("RGB", (side // 8, side // 8), random.Random(1).randbytes((side // 8) ** 2 * 3))
    given = {"PNG": {"compress_level": 0}, "WEBP": {"method": 0}, "AVIF": {"speed": 10}}
    data = io.BytesIO()
    small.resize((side, side)).save(data, kind, **given.get(kind, {}))
    return data.getvalue()


def body_of(*pictures: bytes) -> list[bytes]:
    """The pieces of an answer that brings the pictures along."""
    text = b'{"data":[%s]}' % b",".join(b'{"b64_json":"%s"}' % base64.b64encode(one) for one in pictures)
    return [text[at : at + MIB] for at in range(0, len(text), MIB)]


@pytest.mark.row("B5", injected="one picture of 27 MiB in an answer, and four of 7 MiB")
@pytest.mark.parametrize(("count", "side"), [(1, 3072), (4, 1536)])
def test_large_pictures_hold_up_nobody(tmp_path: Path, count: int, side: int, campaign: Campaign) -> None:
    """From the wire to the disk, judged on the way."""
    with on_stand(tmp_path / "a.now") as stand:
        pieces = body_of(*(noise("PNG", side) + bytes([at]) for at in range(count)))
        script = [Send(response(200, length=sum(map(len, pieces)))), *map(Send, pieces)]
        stand.server.script(script, path="/v1/images/generations")
        assert is_short(lambda: stand.bought(n=count))
        assert all(len(one.pictures) == count for one in stand.session.history)
    campaign.outcome(outcome="no longer than a copy", billed="yes", kept="pictures")


@pytest.mark.row("B5", injected="a dense stream, and one of large events")
@pytest.mark.parametrize("event", [b'data: {"a":1}\n\n', b'data: {"a":[%s0]}\n\n' % (b"[]," * 60_000)])
def test_streams_hold_up_nobody(tmp_path: Path, event: bytes, campaign: Campaign) -> None:
    """Many small events, and large ones of many values, live and read again."""
    sent = event * max(2, 60_000 // len(event))
    with on_stand(tmp_path / "a.now") as stand:
        stand.serve(stand.ledger.sells([Send(stream_answer() + chunked(sent))]))
        assert is_short(lambda: stand.refused(params={"stream": True}))
    assert is_short(lambda: sum(1 for _ in events_in(sent)))
    campaign.outcome(outcome="no longer than a copy", billed="maybe", kept="answer")


@pytest.mark.row("D3", injected="pictures of nine megapixels in each type")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF"])
def test_decoders_hold_up_nobody(kind: str, campaign: Campaign) -> None:
    """Judged, and shown."""
    picture = noise(kind, 3072)
    assert is_short(lambda: (examine(picture), preview(picture)))
    campaign.outcome(outcome="no longer than a copy", billed="–", kept="picture")


@pytest.mark.row("B5", injected="a message of the panel at its cap")
def test_messages_hold_up_nobody(campaign: Campaign) -> None:
    """Words at the cap, and a file of 32 MiB."""
    draft = {"id": "a-1", "action": "find", "text": "x" * 200_000}
    file = bytes(32 * MIB)

    def receive() -> None:
        with pytest.raises(ValueError, match="length"):
            read_message(draft)
        assert len(read_message({"id": "a-1", "action": "drop"}, [file]).data) == len(file)

    assert is_short(receive)
    campaign.outcome(outcome="no longer than a copy", billed="–", kept="–")


@pytest.mark.row("B5", injected="an answer of 8 MiB of words, and of as many values as one may have")
@pytest.mark.parametrize("body", [b'["%s"]' % (b"fox \\n" * 1_300_000), b"[%s1]" % (b'{"a":0},' * 60_000)])
def test_what_an_answer_says_holds_up_nobody(body: bytes, campaign: Campaign) -> None:
    """JSON is read in one call."""
    assert is_short(lambda: read_body(body))
    campaign.outcome(outcome="no longer than a copy", billed="–", kept="answer")


def test_the_measure_sees_what_it_measures() -> None:
    """What one call of a library holds is seen, so a small figure means something."""
    assert not is_short(lambda: sum(range(10_000_000)))
