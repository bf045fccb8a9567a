"""Rows D1 to D6: the answer came with links, and the links make trouble."""

from __future__ import annotations

import functools
import gzip
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpcore
import pytest

from campaign import Campaign
from faultserver import Close, FaultServer, Hang, Reset, Send, chunked, response, stream_answer
from limits import at_once
from now_jupyter._messages._errors import BadImageError, DownloadError, LinkExpiredError, UnsafeURLError
from now_jupyter._values import Generation
from services import LIST, SERVICES_WITH_TASKS, TaskDesk
from stand import Stand, on_stand, png, url_answer, web_page

PICTURE = {"Content-Type": "image/png"}


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    with on_stand(tmp_path / "a.now", cap=200_000) as stand:
        yield stand


def linked(stand: Stand, *scripts: Any, made: bytes | None = png(1), n: int = 1) -> Any:
    """Order a picture that comes as a link, whose server answers so."""
    pictures = [] if made is None else [made]
    stand.serve(stand.ledger.sells([Send(url_answer(stand.link("/p?sig=hidden")))], pictures=pictures))
    stand.serve_link("/p", *scripts)
    stand.pauses.clear()
    return stand.buy(n=n)


def asked(stand: Stand) -> int:
    return sum(one.path.startswith("/p") for one in stand.server.seen)


def is_open(stand: Stand) -> None:
    """The record says: billed, not all here, and where the picture can still be had."""
    assert (stand.last.billed, stand.last.status) == ("yes", "partial")
    assert any(one.get("sources") for one in stand.last.outputs)
    assert stand.posts == 1
    stand.verdict()


@pytest.mark.row("D1", injected="401, 403, 410 for ever; 404 four times")
def test_an_expired_link_is_told_and_kept(stand: Stand, campaign: Campaign) -> None:
    """A link that no longer gives its picture is `LinkExpiredError`: billed, link and request kept, resume may ask."""
    for status, tries in ((401, 1), (403, 1), (410, 1), (404, 4)):
        error = linked(stand, [Send(response(status))])
        assert isinstance(error, LinkExpiredError)
        assert (error.billed, asked(stand)) == ("yes", tries)
        assert "hidden" not in str(error)
        is_open(stand)
    stand.serve_link("/p", [Send(response(200, png(1), headers=PICTURE))])
    assert [one.status for one in stand.session.resume()] == ["done"] * 4
    assert stand.posts == 1
    stand.verdict()
    campaign.outcome(outcome="LinkExpiredError; resume fetched it", billed="yes", kept="link, then picture")


@pytest.mark.row("D1", injected="the link of a task expired, asked for once more")
def test_a_task_is_asked_once_more_for_its_link(tmp_path: Path, campaign: Campaign) -> None:
    """Where the service has a task, a link that has expired is asked for once more by itself, free; then it is told."""
    for is_new in (True, False):
        with on_stand(tmp_path / f"{is_new}.now", services=SERVICES_WITH_TASKS) as stand:
            service = TaskDesk(stand)
            service.answers("SUCCESS", image=stand.link("/old"))
            service.answers("SUCCESS", image=stand.link("/new" if is_new else "/old"))
            stand.serve_link("/old", [Send(response(410))])
            stand.serve_link("/new", [Send(response(200, png(7), headers=PICTURE))])
            service.sells(png(7))
            came = stand.buy(service="tasks", model="mj")
            assert service.submits == 1
            if is_new:
                assert isinstance(came, Generation)
                assert came.pictures[0].bytes() == png(7)
            else:
                assert isinstance(came, LinkExpiredError)
                assert stand.last.form["state"] == {"task": "17"}
            assert sum(one.path == LIST for one in stand.server.seen) == 2
            stand.verdict()
    campaign.outcome(outcome="asked once more, then LinkExpiredError", billed="yes", kept="task id, link")


@pytest.mark.row("D2", injected="404 then 200, 429, 5xx, reset, cut (length, chunked), nonsense, silence")
def test_a_download_is_tried_again(stand: Stand, campaign: Campaign) -> None:
    """Downloads are free and tried four times; then `DownloadError`, and `resume` fetches what was missed."""
    well = [Send(response(200, png(1), headers=PICTURE))]
    faults: dict[str, list[Any]] = {
        "404": [Send(response(404))],
        "429": [Send(response(429))],
        "500": [Send(response(500))],
        "503": [Send(web_page(503))],
        "reset": [Reset()],
        "cut": [Send(response(200, png(1)[:-9], length=len(png(1)))), Close()],
        "cut chunk": [Send(stream_answer()), Send(chunked(png(1)[:30], end=False)), Reset()],
        "nonsense": [Send(b"nonsense\r\n\r\n"), Close()],
    }
    for name, fault in faults.items():
        generation = linked(stand, fault, fault, fault, well)
        assert isinstance(generation, Generation), name
        assert generation.pictures[0].bytes() == png(1)
        assert (asked(stand), stand.pauses) == (4, [0.5, 1.0, 2.0])
        error = linked(stand, fault)
        assert isinstance(error, DownloadError), name
        assert "hidden" not in str(error)
        assert (error.billed, asked(stand)) == ("yes", 4)
        is_open(stand)
    stand.serve_link("/p", well)
    assert [one.status for one in stand.session.resume()] == ["done"] * len(faults)
    assert stand.posts == 1
    assert stand.verdict().marked == 0
    campaign.outcome(outcome="4 GETs, DownloadError, resume works", billed="yes", kept="link, then picture")


@pytest.mark.row("D2", injected="one byte at a time, silence, an endless picture")
def test_a_slow_download_ends_at_its_deadline(tmp_path: Path, campaign: Campaign) -> None:
    """A download has one deadline over everything; what was missed can be fetched later."""
    slow = {
        "silence": [Hang()],
        "in the middle": [Send(response(200, png(1)[:20], length=999)), Hang()],
        "a trickle": [Send(stream_answer()), *([Send(chunked(b"x", end=False))] * 1_000_000)],
    }
    with on_stand(tmp_path / "a.now", fetching=0.4) as stand, at_once(30):
        for name, script in slow.items():
            error = linked(stand, script)
            assert type(error) is DownloadError, name
            is_open(stand)
            assert not list((stand.folder / "answers").glob("*.tmp"))
            downloader, place = stand.session.context.access().downloader, tmp_path / "place"
            with pytest.raises(DownloadError):
                stand.session.ask(functools.partial(downloader.fetch, stand.link("/p"), place))
            assert not place.exists()
    campaign.outcome(outcome="DownloadError at the deadline", billed="yes", kept="link")


def drawing(side: int, pixels: bytes) -> bytes:
    """A PNG that is whole as a file, whatever its pixels are."""

    def part(tag: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + tag + data + zlib.crc32(tag + data).to_bytes(4, "big")

    head = part(b"IHDR", side.to_bytes(4, "big") * 2 + bytes([8, 2, 0, 0, 0]))
    return b"\x89PNG\r\n\x1a\n" + head + part(b"IDAT", pixels) + part(b"IEND", b"")


@pytest.mark.row("D3", injected="HTML, PDF, other bytes, truncated, bombs; wrong type header")
def test_what_is_no_picture_goes_into_quarantine(stand: Stand, campaign: Campaign) -> None:
    """Bytes that are no file of a known type, or a damaged picture, are kept in quarantine: `BadImageError`; a real
    picture is taken whatever its header says, also one that cannot be shown here.
    """
    others = {
        "HTML": b"<!doctype html><script>alert(1)</script>",
        "PDF": b"%PDF-1.7\n%...",
        "nothing": b"",
        "JSON": b'{"error": "expired"}',
        "truncated": png(2)[:-20],
        "bomb": drawing(9000, zlib.compress(bytes(100_000))),
        "too few pixels": drawing(8, zlib.compress(bytes(20))),
        "no pixels": drawing(8, b"not packed at all"),
        "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n",
        "ICO": b"\x00\x00\x01\x00" + bytes(60),
    }
    told = {"HTML": "an HTML page", "PDF": "a PDF", "JSON": "text, not a picture"}
    for name, data in others.items():
        error = linked(stand, [Send(response(200, data, headers=PICTURE))], made=None)
        assert told.get(name, "") in str(error)
        assert isinstance(error, BadImageError), (name, error)
        assert error.billed == "yes"
        assert ("9000 × 9000 pixels" in str(error)) == (name == "bomb")  # told by its header, not by decoding it
        assert any(path.read_bytes() == data for path in (stand.folder / "quarantine").iterdir()), name
        assert (stand.last.status, stand.posts) == ("partial", 1)
    for kind in ("text/html", "application/octet-stream", "image/svg+xml", ""):
        generation = linked(stand, [Send(response(200, png(3), headers={"Content-Type": kind}))], made=png(3))
        assert generation.pictures[0].bytes() == png(3)
    drawn = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
    for data in (drawn, b"GIF89a" + bytes(90), b"\0\0\0\x18ftypmp42" + bytes(90)):
        generation = linked(stand, [Send(response(200, data, headers=PICTURE))], made=data)
        assert generation.outputs[0].bytes() == data
    packed = [Send(response(200, gzip.compress(png(3)), headers={"Content-Encoding": "gzip"}))]
    assert linked(stand, packed, made=png(3)).pictures[0].bytes() == png(3)
    stand.verdict()
    campaign.figure("bad pictures tried", len(others))
    campaign.outcome(outcome="BadImageError; real ones accepted", billed="yes", kept="quarantine")


# D4: where links may lead

INSIDE = [
    "http://127.0.0.1:{port}/p",
    "http://localhost:{port}/p",
    "http://127.1:{port}/p",
    "http://2130706433:{port}/p",
    "http://0x7f000001:{port}/p",
    "http://0177.0.0.1:{port}/p",
    "http://[::1]:{port}/p",
    "http://[::ffff:127.0.0.1]:{port}/p",
    "http://[::ffff:7f00:1]:{port}/p",
    "http://0.0.0.0:{port}/p",
    "http://[::]:{port}/p",
    "http://127.0.0.1.:{port}/p",
    "http://LOCALHOST:{port}/p",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fe80::1%25lo]:{port}/p",
    "http://[64:ff9b::7f00:1]:{port}/p",
    "http://[2002:7f00:1::]:{port}/p",
    "http://198.18.0.1:{port}/p",
    "http://100.64.0.1:{port}/p",
    "http://192.168.1.1/p",
    "http://10.0.0.1/p",
    "file:///etc/passwd",
    "ftp://127.0.0.1:{port}/p",
    "gopher://127.0.0.1:{port}/p",
    "javascript://alert(1)",
    "http://user:word@127.0.0.1:{port}/p",
    "http://127.0.0.1:{port}\\@example.com/p",
    "http://example.com@127.0.0.1:{port}/p",
    "http://①②⑦.⓪.⓪.①:{port}/p",
    "http:///p",
    "http://",
    "https://x/" + "y" * 9000,
    "http://127.0.0.1:99999/p",
    "http://127.0.0.1:{port}/p\r\nX: y",
    "http://rebind.test:{port}/p",
    "http://mixed.test:{port}/p",
]
NAMES = {
    "localhost": ["127.0.0.1"],
    "rebind.test": ["127.0.0.1"],
    "mixed.test": ["93.184.216.34", "10.0.0.1"],
    "good.test": ["93.184.216.34"],
}


class Turning:
    """A resolver that answers from a book, and for `turn.test` a public address first and a private one then."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, host: str, _port: int) -> Sequence[str]:
        self.asked.append(host)
        if host == "turn.test":
            return ["93.184.216.34"] if self.asked.count(host) == 1 else ["127.0.0.1"]
        return NAMES.get(host, [])


class Elsewhere(httpcore.AnyIOBackend):
    """Connects to a port of loopback whatever address was asked for, and writes that down."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.dialled: list[str] = []

    async def connect_tcp(self, host: str, _port: int, *arguments: Any, **named: Any) -> httpcore.AsyncNetworkStream:
        self.dialled.append(host)
        return await super().connect_tcp("127.0.0.1", self.port, *arguments, **named)


@pytest.mark.row("D4", injected="links and redirects to private addresses, other schemes, loops, rebinding names")
def test_a_link_to_a_private_place_is_never_visited(tmp_path: Path, campaign: Campaign) -> None:
    """Links and redirects to what is not public, or no link at all, are `UnsafeURLError`, seen by nobody inside."""
    with FaultServer() as inside, FaultServer() as public, FaultServer(host="127.0.0.2") as relay:
        inside.script([Send(response(200, png(1), headers=PICTURE))])
        sockets, names = Elsewhere(public.port), Turning()
        with on_stand(tmp_path / "a.now", server=relay, sockets=sockets, resolver=names) as stand:
            places = [one.format(port=inside.port) for one in INSIDE]
            for place in places:
                stand.serve(stand.ledger.sells([Send(url_answer(place))]))
                error = stand.buy()
                is_told = isinstance(error, UnsafeURLError) or "no picture" in str(error)
                assert is_told, (place, error)
                assert stand.posts == 1
            hops = [*places[:22], "http://user:word@93.184.216.34/p", "ftp://93.184.216.34/p"]
            for place in hops:
                stand.serve(stand.ledger.sells([Send(url_answer(stand.link("/hop")))]))
                stand.serve_link("/hop", [Send(response(302, headers={"Location": place}))])
                error = stand.buy()
                assert isinstance(error, UnsafeURLError), (place, error)
            stand.serve(stand.ledger.sells([Send(url_answer(stand.link("/loop")))]))
            stand.serve_link("/loop", [Send(response(307, headers={"Location": "/loop"}))])
            assert isinstance(stand.buy(), UnsafeURLError)
            assert sum(one.path == "/loop" for one in stand.server.seen) == 6
            assert (inside.connections, public.connections) == (0, 0)
            stand.verdict()
            campaign.figure("unsafe links tried", len(places) + len(hops) + 1)
            public.script([Send(response(200, png(8), headers=PICTURE))])
            stand.serve(stand.ledger.sells([Send(url_answer("http://turn.test/p"))], pictures=[png(8)]))
            assert stand.bought().pictures[0].bytes() == png(8)
            assert sockets.dialled == ["93.184.216.34"]  # the judged address, not the name again
            assert names.asked.count("turn.test") == 1
            sent = public.seen[-1].headers
            assert not {"authorization", "cookie", "referer"} & set(sent)
    campaign.outcome(outcome="UnsafeURLError, listener: 0 connections", billed="yes", kept="record, link")


@pytest.mark.row("D4", injected="links and redirects to private addresses and names where a proxy connects")
def test_a_proxy_is_not_asked_for_a_private_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, campaign: Campaign
) -> None:
    """Where a proxy resolves and connects, addresses and names that can only be private do not reach it, neither as
    links nor as redirects.
    """
    inside = ["http://10.0.0.1/p", "http://169.254.169.254/latest", "http://0x0a000001/p", "http://nas/p"]
    inside += ["http://printer.local/p", "http://metadata.internal/p", "http://[fd00::1]/p"]
    with FaultServer() as proxy, on_stand(tmp_path / "a.now") as stand:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        for place in inside:
            stand.serve(stand.ledger.sells([Send(url_answer(place))]))
            assert isinstance(error := stand.buy(), UnsafeURLError), (place, error)
            stand.serve(stand.ledger.sells([Send(url_answer(stand.link("/hop")))]))
            stand.serve_link("/hop", [Send(response(302, headers={"Location": place}))])
            assert isinstance(error := stand.buy(), UnsafeURLError), (place, error)
        assert proxy.connections == 0
        proxy.script([Send(response(200, png(9), headers=PICTURE))])
        stand.serve(stand.ledger.sells([Send(url_answer("http://good.test/p"))], pictures=[png(9)]))
        assert stand.bought().pictures[0].bytes() == png(9)
        stand.verdict()
    campaign.figure("unsafe links tried", 2 * len(inside))
    campaign.outcome(outcome="UnsafeURLError, proxy: 0 connections", billed="yes", kept="record, link")


@pytest.mark.row("D5", injected="one of four links fails")
def test_three_of_four_are_saved_and_shown(stand: Stand, campaign: Campaign) -> None:
    """Each picture is fetched by itself: three come, the job is partial, and `resume` fetches the fourth."""
    pictures = [png(60 + n) for n in range(4)]
    stand.serve(stand.ledger.sells([Send(url_answer(*(stand.link(f"/{n}") for n in range(4))))], pictures=pictures))
    for number, picture in enumerate(pictures):
        stand.serve_link(f"/{number}", [Send(response(200, picture, headers=PICTURE))])
    stand.serve_link("/2", [Send(response(503))])
    generation = stand.bought(n=4)
    assert [one.bytes() for one in generation.pictures] == [pictures[n] for n in (0, 1, 3)]
    assert (generation.status, generation.billed) == ("partial", "yes")
    is_open(stand)
    stand.serve_link("/2", [Send(response(200, pictures[2], headers=PICTURE))])
    assert [one.bytes() for one in stand.session.resume()[0].pictures] == pictures
    assert stand.posts == 1
    assert stand.verdict().marked == 0
    campaign.outcome(outcome="3 shown, job partial; resume: 4", billed="yes", kept="3 pictures + link, then 4")


def packed(encoding: str) -> bytes:
    return stream_answer(headers={"Content-Type": "image/png", "Content-Encoding": encoding})


@pytest.mark.row("D6", injected="larger than the cap: said, sent, unpacked, unpacking to nothing")
def test_too_large_a_picture_stops_at_the_cap(stand: Stand, campaign: Campaign) -> None:
    """Reading stops at the cap, the link is kept, and the message says how to go on."""
    large = png(1) + bytes(300_000)
    for script in (
        [Send(response(200, b"", length=10**12)), Hang()],
        [Send(response(200, large))],
        [Send(stream_answer()), Send(chunked(large))],
        [Send(response(200, gzip.compress(large), headers={"Content-Encoding": "gzip"}))],
        # What unpacks to nothing (a packing that nobody knows, bytes behind the end of one) counts as it comes.
        [Send(packed("zstd")), Send(chunked(large, end=False)), Hang()],
        [Send(packed("gzip")), Send(chunked(gzip.compress(png(1)), large, end=False)), Hang()],
    ):
        with at_once(20):
            error = linked(stand, script)
        assert type(error) is DownloadError
        assert "Now.largest_download" in error.next_step()
        assert asked(stand) == 1
        is_open(stand)
    campaign.outcome(outcome="DownloadError at the cap", billed="yes", kept="link, hint to raise the cap")
