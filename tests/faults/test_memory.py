"""B5 and D6, by the measure: how much memory a process takes at most when relays send too much, too slowly, for ever.

Each order is given by a process of its own, whose peak (`VmHWM`) is read before and after. The long form uses the real
caps; the short form sets smaller ones in that process and holds the same multiples.
"""

from __future__ import annotations

import base64
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from campaign import Campaign
from checker import Ledger, checked
from faultserver import Action, FaultServer, Send, chunked, json_answer, response, stream_answer
from kills import Kernels
from stand import PATH

MIB = 1 << 20
OTHER = 45  # MiB for all but pixels: what an answer says, threads, TLS, buffers, what the allocator keeps
PIECE = b"QUJD" * (16 << 10)
LONGEST = 150.0  # seconds for an order under the real caps


class Endless(list[Action]):
    """Actions that begin so and then go on for ever, until the client goes."""

    def __init__(self, *start: Action, again: bytes) -> None:
        super().__init__(start)
        self._again = again

    def __iter__(self) -> Iterator[Action]:
        yield from super().__iter__()
        while True:
            yield Send(self._again)


@dataclass(frozen=True, kw_only=True)
class Caps:
    """The caps in force, in bytes: the real ones, or smaller ones."""

    answer: int
    picture: int
    is_real: bool

    def __str__(self) -> str:
        return f"cap {self.answer >> 20} MiB" if self.is_real else f"scaled to {self.answer >> 20} MiB"


@dataclass(frozen=True, kw_only=True)
class Bought:
    """What came of an order, and how many MiB it took at most beyond what the process had before."""

    came: str
    growth: float
    billed: str


Buy = Callable[..., Bought]


@pytest.fixture
def caps(full_faults: bool) -> Caps:
    if full_faults:
        return Caps(answer=256 << 20, picture=64 << 20, is_real=True)
    return Caps(answer=48 << 20, picture=12 << 20, is_real=False)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as server:
        yield server


@pytest.fixture
def bought(tmp_path: Path, server: FaultServer, kernels: Kernels, caps: Caps) -> Buy:
    """Order from the server in a process of its own."""

    def buy(
        caps: Caps = caps,
        *,
        resume: bool = False,
        preview: bool = False,
        deadline: float = 60.0,
        **options: Any,
    ) -> Bought:
        given = {} if caps.is_real else {"answer": caps.answer, "picture": caps.picture}
        more = {"caps": given, "deadline": deadline, "resume": resume, "preview": preview, "options": options}
        folder = tmp_path / "a.now"
        return Bought(**kernels.act("measured", folder, server, ("nothing", 0), patience=LONGEST, **more).result)

    return buy


def told(campaign: Campaign, caps: Caps, name: str, one: Bought) -> None:
    campaign.figure(f"peak MiB {name} ({caps})", round(one.growth), most=True)
    campaign.outcome(
        injected=f"{name}, {caps}",
        outcome=f"{one.came.partition(':')[0]}, {one.growth:.0f} MiB",
        billed=one.billed,
        kept="what came",
    )


def head(*, length: int | None = None, **headers: str) -> bytes:
    given = {"Content-Type": "application/json", **{name.replace("_", "-"): value for name, value in headers.items()}}
    size = {} if length is None else {"Content-Length": str(length)}
    lines = ["HTTP/1.1 200 OK", *(f"{name}: {value}" for name, value in {**given, **size}.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


# Answers


@pytest.mark.row("B5", injected="a JSON body without end")
def test_a_body_without_end_stops_at_the_cap(
    tmp_path: Path, server: FaultServer, caps: Caps, bought: Buy, campaign: Campaign
) -> None:
    """It goes to the disk, and what was read is kept."""
    server.script(Endless(Send(head()), Send(b'{"data":[{"b64_json":"'), again=PIECE), path=PATH)
    one = bought()
    assert one.came.startswith("BadResponseError: the answer is larger than")
    assert one.billed == "maybe"
    assert one.growth < OTHER
    assert (tmp_path / "a.now" / "answers" / "1.part").stat().st_size >= caps.answer
    told(campaign, caps, "endless JSON", one)
    again = bought(resume=True)
    assert again.growth < OTHER
    told(campaign, caps, "endless JSON, resumed", again)


def bombs(size: int) -> bytes:
    """Pack that many blanks with gzip; a thousandth of it goes over the wire."""
    packer = zlib.compressobj(9, wbits=31)
    blanks = b" " * MIB
    return b"".join([*(packer.compress(blanks) for _ in range(size >> 20)), packer.flush()])


@pytest.mark.row("B5", injected="a gzip bomb, said to be identity, said to be gzip, said to be nothing")
@pytest.mark.parametrize("encoding", ["identity", "gzip", ""])
def test_a_bomb_is_not_unpacked_beyond_the_cap(
    encoding: str, server: FaultServer, caps: Caps, bought: Buy, campaign: Campaign
) -> None:
    """What is packed without saying so is not unpacked at all; what says so, up to the cap."""
    packed = bombs(4 * caps.answer)
    said = {"Content_Encoding": encoding} if encoding else {}
    server.script([Send(head(length=len(packed), **said) + packed)], path=PATH)
    one = bought()
    assert one.came.startswith("BadResponseError")
    assert one.billed == "maybe"
    assert one.growth < OTHER
    told(campaign, caps, f"gzip bomb as {encoding or 'nothing'}", one)


def just_under(cap: int, before: str, after: str) -> Sequence[Action]:
    """An answer that is as long as it may be."""
    start, end = before.encode(), after.encode()
    times = (cap - len(start) - len(end)) // len(PIECE)
    body = len(start) + times * len(PIECE) + len(end)
    return [Send(head(length=body) + start), *([Send(PIECE)] * times), Send(end)]


@pytest.mark.row("B5", injected="an answer just under the cap, in base64, and with one emoji or half of one beside it")
@pytest.mark.parametrize("note", ["fox", "🦊", "\\ud83e"])
def test_an_answer_just_under_the_cap_is_not_in_the_memory(
    note: str, tmp_path: Path, server: FaultServer, caps: Caps, bought: Buy, campaign: Campaign
) -> None:
    """Neither as bytes nor as text, nor the picture in it; nor when it is taken up again."""
    item = f'{{"data":[{{"revised_prompt":"{note}","b64_json":"', '"}]}'
    server.script(just_under(caps.answer, *item), path=PATH)
    for resume in (False, True):
        one = bought(resume=resume)
        assert one.billed == "yes"
        assert one.growth < OTHER, (resume, one)
        told(campaign, caps, f"answer with {note!r}{' again' * resume}", one)
    (kept,) = (one for one in (tmp_path / "a.now" / "quarantine").iterdir() if one.suffix != ".why")  # once only
    assert kept.stat().st_size > caps.answer * 0.74


@pytest.mark.row("B5", injected="a million small values in one answer")
def test_many_small_values_are_refused(server: FaultServer, caps: Caps, bought: Buy, campaign: Campaign) -> None:
    """Small values take twenty times their text: so many are not read as JSON at all."""
    times = caps.answer // len(PIECE) - 1
    piece = b"[]," * (len(PIECE) // 3)
    actions = [Send(head(length=2 + 1 + times * len(piece)) + b"["), *([Send(piece)] * times), Send(b"1]")]
    server.script(actions, path=PATH)
    one = bought()
    assert one.came.startswith("BadResponseError")
    assert one.growth < OTHER
    told(campaign, caps, "small values", one)


@pytest.mark.row("B5", injected="a stream of one endless event, and of endless events")
@pytest.mark.parametrize("kind", ["line", "events"])
def test_a_stream_without_end_stops_at_the_cap(
    kind: str, server: FaultServer, caps: Caps, bought: Buy, campaign: Campaign
) -> None:
    """A stream counts as a body does, however many events it is."""
    chunk = PIECE if kind == "line" else b'event: x.partial_image\ndata: {"b64_json":"' + PIECE[:8000] + b'"}\n\n'
    start = b"data: " if kind == "line" else b": fox\n\n"
    packed = chunked(*[chunk] * max(1, len(PIECE) // len(chunk)), end=False)
    server.script(Endless(Send(stream_answer()), Send(chunked(start, end=False)), again=packed), path=PATH)
    one = bought(params={"stream": True}, deadline=120.0)
    assert one.came.startswith("BadResponseError: the answer is larger than"), one
    assert one.billed == "maybe"
    assert one.growth < OTHER, one
    told(campaign, caps, f"endless stream of {kind}", one)


@pytest.mark.row("B5", injected="a refusal, a head, interim answers and a slow body without end")
@pytest.mark.parametrize("kind", ["refusal", "head", "interim", "slow"])
def test_what_has_no_end_ends_at_its_cap_or_deadline(
    kind: str, server: FaultServer, caps: Caps, bought: Buy, campaign: Campaign
) -> None:
    """None of it grows: heads and refusals have caps, interim answers and drops the deadline."""
    drop = b"Q" if kind == "slow" else b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 500
    actions = {
        "refusal": Endless(Send(head().replace(b"200", b"500")), again=PIECE),
        "head": Endless(Send(b"HTTP/1.1 200 OK\r\n"), again=b"X-Fox: " + b"x" * 1000 + b"\r\n"),
        "interim": Endless(again=drop),
        "slow": Endless(Send(head() + b'{"data":"'), again=drop),
    }
    server.script(actions[kind], path=PATH)
    one = bought(deadline=1.0 if kind in ("interim", "slow") else 60.0)
    assert one.came.startswith("MaybeBilledError"), one
    assert one.growth < OTHER
    told(campaign, caps, f"endless {kind}", one)


# Pictures


def png(size: tuple[int, int]) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", size).save(data, "PNG", compress_level=1)
    return data.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)


def as_answer(picture: bytes) -> list[Action]:
    return [Send(json_answer({"data": [{"b64_json": base64.b64encode(picture).decode()}]}))]


@pytest.mark.row("D3", injected="a PNG of more than 80 megapixels, and one whose profile and texts are bombs")
@pytest.mark.parametrize("kind", ["pixels", "profile"])
def test_a_bomb_of_a_picture_is_not_decoded(
    kind: str, server: FaultServer, caps: Caps, bought: Buy, campaign: Campaign
) -> None:
    """Too many pixels are refused by the header; what is packed beside the pixels is not unpacked."""
    small = png((64, 64))
    bomb = zlib.compress(bytes(256 << 20), 1)
    claim = chunk(b"IHDR", (40_000).to_bytes(4) + (20_000).to_bytes(4) + small[24:29])
    texts = chunk(b"iCCP", b"x\0\0" + bomb) + chunk(b"zTXt", b"x\0\0" + bomb) + chunk(b"iTXt", b"x\0\1\0\0\0" + bomb)
    picture = small[:8] + claim + small[33:] if kind == "pixels" else small[:33] + texts + small[33:]
    server.script(as_answer(picture), path=PATH)
    one = bought(preview=kind == "profile")
    assert one.came.startswith("BadImageError" if kind == "pixels" else ("done", "BadImageError")), one
    assert one.billed == "yes"
    assert one.growth < OTHER
    told(campaign, caps, f"picture bomb of {kind}", one)


@pytest.mark.row("D3", injected="the largest PNG that is decoded, kept and shown")
def test_the_largest_picture_is_in_the_memory_as_pixels_only(
    server: FaultServer, caps: Caps, bought: Buy, campaign: Campaign
) -> None:
    """A decoder takes four bytes for a pixel, and the preview is made without a second copy of all of them."""
    size = (8_200, 8_200) if caps.is_real else (4_000, 3_000)
    server.script(as_answer(png(size)), path=PATH)
    one = bought(preview=True)
    assert one.came == "done"
    assert one.growth < 1.1 * 4 * size[0] * size[1] / MIB + 20
    told(campaign, caps, f"picture of {size[0]}x{size[1]}", one)


@pytest.mark.row("D6", injected="a picture without end, with and without a disk that takes it")
def test_a_download_without_end_stops_at_the_cap(
    tmp_path: Path, server: FaultServer, caps: Caps, bought: Buy, campaign: Campaign
) -> None:
    """It goes to the disk piece by piece, is given up at the cap, and leaves nothing in memory or on the disk."""
    server.script([Send(json_answer({"data": [{"url": f"{server.url}/fox.png"}]}))], path=PATH)
    server.script(Endless(Send(response(200).replace(b"Content-Length: 0\r\n", b"")), again=PIECE), path="/fox.png")
    one = bought()
    assert one.came.startswith("DownloadError: the picture is larger than")
    assert one.billed == "yes"
    assert one.growth < OTHER
    assert not list((tmp_path / "a.now").rglob("*.tmp"))
    assert sum(path.stat().st_size for path in (tmp_path / "a.now").rglob("*") if path.is_file()) < MIB
    ledger = Ledger()
    ledger.note(next(seen for seen in server.seen if seen.method == "POST").headers["idempotency-key"])
    checked(ledger, tmp_path / "a.now")
    told(campaign, caps, "endless picture", one)


def test_the_measure_sees_what_it_measures(server: FaultServer, bought: Buy) -> None:
    """What is nowhere put aside takes that much by this measure, so a small figure means something."""
    real = Caps(answer=64 << 20, picture=16 << 20, is_real=False)
    whole = io.BytesIO()  # of this type all pixels are decoded at once
    Image.new("RGB", (4_000, 4_000)).save(whole, "WEBP", method=0)
    server.script(as_answer(whole.getvalue()), path=PATH)
    assert bought(real).growth > 40
