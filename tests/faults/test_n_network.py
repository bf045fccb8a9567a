"""Rows N1 to N4: the network fails before, while and after an order goes out."""

from __future__ import annotations

import gzip
import json
import os
import select
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpcore
import pytest

from campaign import Campaign
from certificates import make_certificate
from checker import jobs_in
from clean_room import ROOT
from faultserver import (
    Close,
    Drip,
    Early,
    FaultServer,
    Hang,
    Partly,
    Reset,
    Send,
    Tunnel,
    chunked,
    closed_port,
    response,
    stream_answer,
)
from limits import at_once
from now_jupyter._messages._errors import ConnectFailed, MaybeBilledError, NowImageError, RejectedError
from stand import Stand, b64_answer, item, on_stand, png, sells, url_answer


def unsent(stand: Stand, *, tries: int) -> NowImageError:
    """Order where nothing can be sent: not billed, tried so often, and the record says so."""
    stand.pauses.clear()
    error = stand.refused()
    assert isinstance(error, ConnectFailed), repr(error)
    assert error.billed == "no"
    assert len(error.lines()) <= 6
    assert len(stand.pauses) == tries - 1
    assert (stand.last.billed, stand.last.status) == ("no", "failed")
    assert len(stand.last.form["attempts"]) == tries
    stand.verdict()
    return error


def orders(stand: Stand) -> int:
    """Count the orders that the server saw begin."""
    return sum(one.method == "POST" for one in stand.server.seen)


@pytest.mark.row("N1", injected="unknown name, refused, silent while connecting, bad proxy")
def test_where_nothing_was_sent_it_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, campaign: Campaign
) -> None:
    """No name, no connection, no proxy: `ConnectFailed`, not billed, tried three times with growing pauses."""
    bases = {"unknown name": "https://relay.invalid", "refused": f"http://127.0.0.1:{closed_port()}"}
    for name, base in bases.items():
        with FaultServer() as server, on_stand(tmp_path / f"{name}.now", server=server, base_url=base) as stand:
            unsent(stand, tries=3)
            assert stand.pauses == [0.5, 1.0]
            assert server.connections == 0
    with FaultServer() as server:
        server.greeting = [Hang()]
        base = server.url.replace("http:", "https:")
        with on_stand(tmp_path / "silent.now", server=server, base_url=base, deadline=0.4) as stand:
            unsent(stand, tries=1)  # the deadline is over
            assert server.connections == 2  # the price was asked for, once
    with FaultServer() as proxy:
        proxy.script([Send(response(502)), Close()])
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:hidden-word@127.0.0.1:{proxy.port}")
        with on_stand(tmp_path / "proxy.now", server=proxy, base_url="https://relay.invalid") as stand:
            error = unsent(stand, tries=3)
            assert "hidden-word" not in str(error)
            assert proxy.posts == 0
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{closed_port()}")
        with on_stand(tmp_path / "gone.now", server=proxy, base_url="https://relay.invalid") as stand:
            unsent(stand, tries=3)
    campaign.outcome(outcome="ConnectFailed, tried 3 times", billed="no", kept="record with every attempt")


@contextmanager
def silent_port() -> Iterator[int]:
    """A port whose queue is full, so that the system drops whatever else knocks, as a firewall would."""
    with ExitStack() as opened:
        listener = opened.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        is_full = False
        while not is_full:
            guest = opened.enter_context(socket.socket())
            guest.setblocking(False)
            guest.connect_ex(listener.getsockname())
            is_full = not select.select([], [guest], [], 0.2)[1]
        yield listener.getsockname()[1]


@pytest.mark.row("N1", injected="nobody answers while connecting (SYN dropped)")
def test_a_connection_that_nobody_answers_is_given_up(tmp_path: Path, campaign: Campaign) -> None:
    """Connecting has a limit of its own, 10 s, far below that of the answer: `ConnectFailed`, not billed, 3 tries."""
    from now_jupyter._transport._client import CONNECT_SECONDS

    assert CONNECT_SECONDS == 10.0
    with FaultServer() as server, silent_port() as port, at_once():
        base = f"http://127.0.0.1:{port}"
        with on_stand(tmp_path / "a.now", server=server, base_url=base, deadline=600.0, connecting=0.2) as stand:
            unsent(stand, tries=3)
            assert stand.pauses == [0.5, 1.0]
    campaign.outcome(outcome="ConnectFailed, tried 3 times", billed="no", kept="record with every attempt")


NOWHERE = """
import json, sys
sys.path[:0] = [{tests!r}, {faults!r}]
from pathlib import Path
from types import SimpleNamespace
from stand import on_stand
with on_stand(Path({folder!r}), server=SimpleNamespace(url=""), base_url="http://127.0.0.1:9") as stand:
    error = stand.refused()
    print(json.dumps([type(error).__name__, error.billed, error.message(), stand.pauses]))
"""


@pytest.mark.row("N1", injected="network is unreachable (a process without any network)")
def test_a_machine_without_a_network_is_told_so(tmp_path: Path, campaign: Campaign) -> None:
    """Where the system knows no way to the relay it is `ConnectFailed`, not billed, tried three times."""
    folder = tmp_path / "a.now"
    code = textwrap.dedent(NOWHERE).format(
        tests=str(ROOT / "tests"), faults=str(Path(__file__).parent), folder=str(folder)
    )
    as_root = [] if os.geteuid() == 0 else ["--map-root-user"]
    command = ["unshare", "--net", *as_root, sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr[-3000:]
    kind, billed, words, pauses = json.loads(done.stdout.splitlines()[-1])
    assert (kind, billed, pauses) == ("ConnectFailed", "no", [0.5, 1.0])
    assert "no connection to 127.0.0.1:9" in words
    (job,) = jobs_in(folder)
    assert (job.billed, job.status, len(job.form["attempts"])) == ("no", "failed", 3)
    campaign.outcome(outcome="ConnectFailed, tried 3 times", billed="no", kept="record with every attempt")


@pytest.mark.row("N1", injected="dropped before TLS, then well")
def test_a_connection_that_comes_about_later_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, campaign: Campaign
) -> None:
    """A proxy fails for the price, then twice, and then connects: the order is sent once, and the picture comes."""
    certificate = make_certificate(tmp_path, "relay.invalid")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    with FaultServer(certificate=certificate) as server, FaultServer() as proxy:
        fails = [Send(response(503)), Close()]
        proxy.script(fails, fails, fails, [Send(b"HTTP/1.1 200 Connected\r\n\r\n"), Tunnel(server.port)])
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        with on_stand(tmp_path / "a.now", server=server, base_url="https://relay.invalid") as stand:
            stand.serve(sells(stand.ledger, png(1)))
            assert stand.bought().status == "done"
            assert (stand.posts, stand.pauses) == (1, [0.5, 1.0])
            assert stand.key.encode() not in proxy.raw
            stand.verdict()
    campaign.outcome(outcome="works at the third try, 1 POST", billed="yes", kept="picture")


@pytest.mark.row("N2", injected="unknown authority, expired, other name, TLS on a plain port")
def test_a_bad_certificate_is_final(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, campaign: Campaign) -> None:
    """A certificate that cannot be trusted is `ConnectFailed` at once, with a hint, and not a byte goes out."""
    for fault in ("unknown", "expired", "other name"):
        folder = tmp_path / fault
        folder.mkdir()
        names = ["other.invalid"] if fault == "other name" else []
        certificate = make_certificate(folder, *names, is_expired=fault == "expired")
        if fault != "unknown":
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
        with FaultServer(certificate=certificate) as server, on_stand(folder / "a.now", server=server) as stand:
            error = unsent(stand, tries=1)
            assert ("clock" if fault == "expired" else "SSL_CERT_FILE") in error.next_step()
            assert server.seen == []
    campaign.outcome(outcome="ConnectFailed with a hint at CA or clock, 1 try", billed="no", kept="record")


@pytest.mark.row("N3", injected="reset while sending, before headers, in the body; silence")
def test_what_breaks_once_sent_is_never_sent_again(tmp_path: Path, campaign: Campaign) -> None:
    """From the first byte on nothing is repeated: `MaybeBilledError`, and exactly one POST was seen."""
    whole = b64_answer(png(1))
    scripts = {
        "reset while sending": [Partly(1_000_000), Reset()],
        "reset at once": [Early(), Reset()],
        "reset before headers": [Reset()],
        "closed before headers": [Close()],
        "reset in headers": [Send(whole[:20]), Reset()],
        "reset in the body": [Send(whole[:-30]), Reset()],
        "closed in the body": [Send(whole[:-30]), Close()],
    }
    with on_stand(tmp_path / "a.now") as stand:
        for name, script in scripts.items():
            stand.serve(stand.ledger.sells(script, pictures=[png(1)]))
            filler = {f"filler{number}": "x" * 1_000_000 for number in range(3)}  # more than buffers take
            more = filler if name == "reset while sending" else {}
            error = stand.refused(params=more)
            assert isinstance(error, MaybeBilledError), (name, error)
            assert orders(stand) == 1, name
            assert stand.posts == (0 if name in ("reset while sending", "reset at once") else 1), name
            assert (stand.last.billed, stand.last.status) == ("maybe", "unknown")
        assert not stand.pauses
        stand.verdict()
    with on_stand(tmp_path / "b.now", deadline=0.4) as stand, at_once():
        for number, script in enumerate(([Hang()], [Send(whole[:-30]), Hang()], [Partly(10), Hang()])):
            stand.serve(stand.ledger.sells(script, pictures=[png(1)]))
            assert isinstance(stand.refused(f"fox {number} " * 9000), MaybeBilledError)
            assert orders(stand) == 1
        stand.verdict()
    campaign.outcome(outcome="MaybeBilledError, exactly 1 POST", billed="maybe", kept="record, what came")


@pytest.mark.row("N3", injected="a relay that closes idle connections")
def test_no_order_goes_out_over_a_used_connection(tmp_path: Path, campaign: Campaign) -> None:
    """Each paid call has a fresh connection: one that the relay has meanwhile closed would end in "maybe billed"."""
    with on_stand(tmp_path / "a.now") as stand:
        stand.serve(sells(stand.ledger, png(1)), sells(stand.ledger, png(2)), sells(stand.ledger, png(3)))
        for _ in range(3):
            assert stand.bought().status == "done"
        free = any(one.method == "GET" for one in stand.server.seen)  # these share one connection
        assert stand.server.connections == 3 + free
        stand.verdict()
    campaign.outcome(outcome="one connection for each order", billed="yes", kept="pictures")


@pytest.mark.row("N3", injected="the same order again after its outcome is unknown")
def test_an_order_of_unknown_outcome_stands_in_the_way_of_its_like(tmp_path: Path, campaign: Campaign) -> None:
    """An equal order is not sent while the first may have been billed; the user's word (`fresh`) sends it."""
    with on_stand(tmp_path / "a.now") as stand:
        stand.serve(stand.ledger.sells([Reset()], pictures=[png(1)]), sells(stand.ledger, png(2)))
        stand.refused("one fox")
        again = stand.refused("one fox")
        assert isinstance(again, MaybeBilledError)
        assert "the same order" in again.message()
        assert "fresh=True" in again.next_step()
        assert stand.posts == 1
        assert len(stand.jobs) == 1
        assert stand.bought("one fox", reuse=False).status == "done"
        assert stand.posts == 2
        stand.verdict()
    campaign.outcome(outcome="refused until --fresh", billed="maybe", kept="record, status unknown")


@pytest.mark.row("N4", injected="early 413 while sending; one byte per packet; dead first address")
def test_odd_networks_work(tmp_path: Path, campaign: Campaign) -> None:
    """A refusal before the body is sent is that refusal; slow packets and a dead first address do no harm."""
    with on_stand(tmp_path / "a.now") as stand:
        stand.serve(stand.ledger.refuses([Early(), Send(response(413)), Close()]))
        error = stand.refused("a fox " * 9000)
        assert isinstance(error, RejectedError), error
        assert stand.posts == 0
        stand.serve(stand.ledger.sells([Drip(b64_answer(png(3)))], pictures=[png(3)]))
        assert stand.bought().pictures[0].bytes() == png(3)
        stand.verdict()
    with FaultServer() as server:
        base = server.url.replace("127.0.0.1", "localhost")  # ::1 comes first, and nothing listens there
        with on_stand(tmp_path / "b.now", server=server, base_url=base) as stand:
            stand.serve(sells(stand.ledger, png(4)))
            assert stand.bought().status == "done"
            assert stand.posts == 1
            stand.verdict()
    campaign.outcome(outcome="RejectedError / works / works", billed="no / yes / yes", kept="pictures")


def byte_by_byte(head: bytes, body: bytes) -> list[Any]:
    """Send a body so that each byte is a piece of its own, however the packets are put together on their way."""
    return [Send(head), *(Send(chunked(bytes([one]), end=False)) for one in body), Send(chunked())]


@pytest.mark.row("N4", injected="streams and packed answers, one byte per packet")
def test_an_answer_may_come_byte_by_byte(tmp_path: Path, campaign: Campaign) -> None:
    """However small the pieces are, what an answer is (JSON, packed, a stream) is told by its beginning as a whole."""
    whole = b64_answer(png(5)).partition(b"\r\n\r\n")[2]
    event = b'data: {"type":"image_generation.completed",' + json.dumps(item(png(5))).encode()[1:] + b"\n\n"
    nameless = stream_answer().replace(b"text/event-stream", b"text/plain")
    packed = nameless.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")
    scripts: dict[str, tuple[Sequence[Any], dict[str, Any]]] = {
        "packed": (byte_by_byte(packed, gzip.compress(whole)), {}),
        "a stream": (byte_by_byte(nameless, event), {}),
        "a stream that was asked for": (byte_by_byte(nameless, event), {"stream": True}),
    }
    with on_stand(tmp_path / "a.now") as stand:
        for name, (script, params) in scripts.items():
            stand.serve(stand.ledger.sells(script, pictures=[png(5)]))
            came = stand.buy(params=params)
            assert not isinstance(came, NowImageError), (name, came)
            assert came.pictures[0].bytes() == png(5), name
        stand.verdict()
    campaign.outcome(outcome="works", billed="yes", kept="pictures")


class FirstIsDead(httpcore.AnyIOBackend):
    """The first address of a name answers nobody; the others are a port of loopback."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.dialled: list[str] = []

    async def connect_tcp(self, host: str, _port: int, *arguments: Any, **named: Any) -> httpcore.AsyncNetworkStream:
        self.dialled.append(host)
        place = closed_port() if host == FIRST else self.port
        return await super().connect_tcp("127.0.0.1", place, *arguments, **named)


FIRST, SECOND = "93.184.216.34", "93.184.216.35"


@pytest.mark.row("N4", injected="dead first address of a link")
def test_a_link_whose_first_address_is_dead_works(tmp_path: Path, campaign: Campaign) -> None:
    """The next address of the name is tried at once, without a pause or another GET."""

    async def both(_host: str, _port: int) -> list[str]:
        return [FIRST, SECOND]

    with FaultServer() as public:
        public.script([Send(response(200, png(6), headers={"Content-Type": "image/png"}))])
        sockets = FirstIsDead(public.port)
        with on_stand(tmp_path / "a.now", sockets=sockets, resolver=both) as stand:
            stand.serve(stand.ledger.sells([Send(url_answer("http://two.test/p"))], pictures=[png(6)]))
            assert stand.bought().pictures[0].bytes() == png(6)
            assert sockets.dialled == [FIRST, SECOND]
            assert (stand.pauses, len(public.seen)) == ([], 1)
            stand.verdict()
    campaign.outcome(outcome="works", billed="yes", kept="picture")
