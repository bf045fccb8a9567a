from __future__ import annotations

import errno
import gc
import gzip
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
import httpcore
import pytest

from certificates import make_certificate
from faultserver import Close, Drip, FaultServer, Hang, Reset, Send, chunked, response, stream_answer
from now_jupyter._messages import (
    DownloadError,
    LinkExpiredError,
    NowImageError,
    StoreFull,
    StoreUnavailable,
    UnsafeURLError,
)
from now_jupyter._transport._download import Downloader
from now_jupyter._transport._exception_map import from_disk
from now_jupyter.demo import Relay
from wire import PNG_START, PNG_TYPE

BYTES = PNG_START + b"x" * 100_000
PUBLIC = "93.184.216.34"
OK = [Send(response(200, BYTES, headers={"Content-Type": f"{PNG_TYPE}; x=y"}))]


class Elsewhere(httpcore.AnyIOBackend):
    """Opens connections on loopback, whatever address was asked for, and writes that down."""

    def __init__(self, port: int = 0) -> None:
        self.port = port
        self.dialled: list[str] = []
        self.dead: set[str] = set()

    async def connect_tcp(self, host: str, _port: int, *arguments: Any, **named: Any) -> httpcore.AsyncNetworkStream:
        self.dialled.append(host)
        if host in self.dead:
            raise httpcore.ConnectTimeout(host)
        return await super().connect_tcp("127.0.0.1", self.port, *arguments, **named)


class Names:
    """A resolver with a book; without an entry a name is unknown."""

    def __init__(self, book: Mapping[str, Sequence[str]], *, everything: Sequence[str] = ()) -> None:
        self.book = book
        self.everything = everything
        self.asked: list[str] = []

    async def __call__(self, host: str, _port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.book.get(host, self.everything)


def fetch(url: str, into: Path, **options: Any) -> Any:
    """Fetch a link; gives what was downloaded or the error. Pauses are not waited for."""
    pauses: list[float] = options.pop("pauses", [])

    async def at_once(seconds: float) -> None:
        pauses.append(seconds)

    async def perform() -> str | NowImageError:
        downloader = Downloader(**{"origin": None, "sleep": at_once, "jitter": lambda: 0.0, **options})
        try:
            return await downloader.fetch(url, into)
        except NowImageError as problem:
            return problem
        finally:
            await downloader.aclose()
            await downloader.aclose()

    return anyio.run(perform)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer() as running:
        yield running


@pytest.fixture
def into(tmp_path: Path) -> Path:
    return tmp_path / "picture"


# What comes


def test_a_picture_comes_into_a_private_file(server: FaultServer, into: Path) -> None:
    """Byte for byte, readable by the user alone, whatever was there before."""
    into.write_bytes(b"old" * 99_999)
    into.chmod(0o666)
    server.script(OK)
    came = fetch(server.url + "/a%20b.png?signature=1", into, origin=server.url)
    assert came == PNG_TYPE
    assert into.read_bytes() == BYTES
    assert stat.S_IMODE(into.stat().st_mode) == 0o600


def test_nothing_personal_goes_along(server: FaultServer, into: Path) -> None:
    """No key, cookie, referer or user; not even to the configured origin, nor after a redirect."""
    server.script([Send(response(302, headers={"Location": "/next", "Set-Cookie": "a=b"}))], OK)
    fetch(server.url + "/a", into, origin=server.url)
    assert [one.path for one in server.seen] == ["/a", "/next"]
    assert all(set(one.headers) <= {"host", "accept", "accept-encoding", "user-agent"} for one in server.seen)


@pytest.mark.parametrize(
    "script",
    [
        [Drip(response(200, b"abc"))],
        [Send(stream_answer()), Send(chunked(b"a", b"bc"))],
        [Send(response(200, gzip.compress(b"abc"), headers={"Content-Encoding": "gzip"}))],
        [Send(response(200, b"abc", headers={"Content-Encoding": "gzip"}))],
        [Send(b"HTTP/1.0 200 OK\r\n\r\nabc"), Close()],
    ],
)
def test_a_picture_comes_in_every_wrapping(server: FaultServer, into: Path, script: list[Any]) -> None:
    """Byte by byte, chunked, packed, said to be packed, or until the connection ends."""
    server.script(script)
    assert isinstance(fetch(server.url + "/a", into, origin=server.url), str)
    assert into.read_bytes() == b"abc"


def test_a_link_without_a_host_belongs_to_the_relay(server: FaultServer, into: Path) -> None:
    """Some relays give paths."""
    server.script(OK)
    assert isinstance(fetch("/images/a.png", into, origin=server.url), str)
    assert isinstance(fetch("/images/a.png", into), UnsafeURLError)


def test_the_demo_gives_its_pictures_in_process(into: Path) -> None:
    """Without a port, and a link that never was is expired."""
    relay = Relay(base_url="http://demo.invalid", latency=0)
    error = fetch("http://demo.invalid/pictures/none", into, origin="http://demo.invalid", relay=relay)
    assert isinstance(error, LinkExpiredError)
    page = fetch("http://demo.invalid/pictures/page-1", into, origin="http://demo.invalid", relay=relay)
    assert page == "text/html"


# Where links must not lead


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/a",
        "http://localhost:{port}/a",
        "http://127.1:{port}/a",
        "http://2130706433:{port}/a",
        "http://0x7f.1:{port}/a",
        "http://0:{port}/a",
        "http://[::1]:{port}/a",
        "http://[::ffff:127.0.0.1]:{port}/a",
        "http://[64:ff9b::7f00:1]:{port}/a",
        "http://169.254.169.254/latest/meta-data",
        "http://198.18.0.1/a",
        "https://10.0.0.1/a",
        "http://user:word@example.com/a",
        "ftp://example.com/a",
        "file:///etc/passwd",
        "gopher://127.0.0.1:{port}/a",
        "javascript:alert(1)",
        "data:image/png;base64,AAAA",
        "http:///a",
        "http://example.com:99999/a",
        "http://example.com:99999/mj/image/1",
        "http://[/mj/image/1",
        "//[",
        "http://127.0.0.1:{port}\\@example.com/a",
        "http://example.com@127.0.0.1:{port}/a",
        "http://exa\x00mple.com/",
        "",
        "http://example.com/" + "a" * 9000,
    ],
)
def test_a_link_to_a_place_that_is_not_public_is_refused_unseen(server: FaultServer, into: Path, url: str) -> None:
    """UnsafeURLError, the listener sees no connection, and no file is left."""
    server.script(OK)
    error = fetch(url.replace("{port}", str(server.port)), into, pauses=(pauses := []))
    assert isinstance(error, UnsafeURLError)
    assert error.billed == "yes"
    assert (server.connections, pauses) == (0, [])
    assert not into.exists()


@pytest.mark.parametrize("inside", ["127.0.0.1", "10.0.0.1", "::1", "::ffff:192.168.0.1", "fd00::1", "169.254.169.254"])
@pytest.mark.parametrize("first", [True, False])
def test_every_address_of_a_name_counts(into: Path, inside: str, first: bool) -> None:
    """One private address among public ones is enough to refuse, wherever it stands."""
    sockets = Elsewhere()
    both = [inside, PUBLIC] if first else [PUBLIC, inside]
    error = fetch("http://pictures.invalid/a", into, resolver=Names({"pictures.invalid": both}), sockets=sockets)
    assert isinstance(error, UnsafeURLError)
    assert sockets.dialled == []


def test_the_judged_address_is_the_one_that_is_connected_to(
    tmp_path: Path, into: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name is resolved once; TLS still checks the name, and the server still hears it."""
    certificate = make_certificate(tmp_path, "pictures.invalid")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    names = Names({"pictures.invalid": [PUBLIC]})
    with FaultServer(certificate=certificate) as server:
        server.script(OK)
        sockets = Elsewhere(server.port)
        assert isinstance(fetch("https://pictures.invalid/a", into, resolver=names, sockets=sockets), str)
        assert server.seen[0].headers["host"] == "pictures.invalid"
    assert sockets.dialled == [PUBLIC]
    assert names.asked == ["pictures.invalid"]


@pytest.mark.parametrize("fault", ["unknown", "other name", "expired"])
def test_a_bad_certificate_ends_it(tmp_path: Path, into: Path, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """DownloadError with a hint, not repeated, nothing asked for."""
    name = "other.invalid" if fault == "other name" else "pictures.invalid"
    certificate = make_certificate(tmp_path, name, is_expired=fault == "expired")
    if fault != "unknown":
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    with FaultServer(certificate=certificate) as server:
        sockets = Elsewhere(server.port)
        names = Names({"pictures.invalid": [PUBLIC]})
        error = fetch("https://pictures.invalid/a", into, resolver=names, sockets=sockets)
        assert type(error) is DownloadError
        assert "SSL_CERT_FILE" in error.next_step()
        assert (server.connections, server.seen) == (1, [])


def test_a_dead_address_is_passed_over(server: FaultServer, into: Path) -> None:
    """While there is another one."""
    server.script(OK)
    sockets = Elsewhere(server.port)
    sockets.dead = {PUBLIC}
    names = Names({"pictures.invalid": [PUBLIC, "8.8.8.8"]})
    assert isinstance(fetch("http://pictures.invalid/a", into, resolver=names, sockets=sockets), str)
    assert sockets.dialled == [PUBLIC, "8.8.8.8"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "target", ["{url}/secret", "http://[::1]:{port}/", "http://inside.invalid/", "ftp://x.invalid/"]
)
def test_a_redirect_is_judged_like_a_link(server: FaultServer, into: Path, status: int, target: str) -> None:
    """A public server that sends us inside: the inside sees no connection."""
    with FaultServer() as internal:
        location = target.format(url=internal.url, port=internal.port)
        server.script([Send(response(status, headers={"Location": location}))])
        sockets = Elsewhere(server.port)
        names = Names({"pictures.invalid": [PUBLIC], "inside.invalid": ["10.0.0.1"]})
        error = fetch("http://pictures.invalid/a", into, resolver=names, sockets=sockets)
        assert isinstance(error, UnsafeURLError)
        assert internal.connections == 0
    assert sockets.dialled == [PUBLIC]


@pytest.mark.parametrize("status", [302, 308])
def test_a_public_host_may_not_lead_into_the_relays_own_place(server: FaultServer, into: Path, status: int) -> None:
    """The relay's private address is open to its own links, and not to those of others that it names."""
    onward = [Send(response(status, headers={"Location": f"{server.url}/admin"}))]
    server.script(onward)
    names = Names({"pictures.invalid": [PUBLIC]})
    sockets = Elsewhere(server.port)
    error = fetch("http://pictures.invalid/a", into, origin=server.url, resolver=names, sockets=sockets)
    assert isinstance(error, UnsafeURLError)
    assert sockets.dialled == [PUBLIC]
    assert [one.path for one in server.seen] == ["/a"]


def test_five_redirects_are_followed_and_no_more(server: FaultServer, into: Path) -> None:
    """A loop ends."""
    onward = [Send(response(302, headers={"Location": "/again"}))]
    server.script(*[onward] * 5, OK)
    assert isinstance(fetch(server.url + "/a", into, origin=server.url), str)
    server.forget()
    server.script(onward)
    assert isinstance(fetch(server.url + "/a", into, origin=server.url), UnsafeURLError)
    assert len(server.seen) == 6


def test_only_the_host_that_was_configured_may_be_private(server: FaultServer, into: Path) -> None:
    """A relay at home may link to other ports of its own; another host may be private only if the user names it."""
    server.script(OK)
    assert isinstance(fetch(server.url + "/a", into, origin="http://127.0.0.1:1"), str)
    other, seen = "http://127.0.0.2:1", server.connections
    assert isinstance(fetch(server.url + "/a", into, origin=other), UnsafeURLError)
    assert isinstance(fetch(server.url + "/a", into, origin="https://relay.example"), UnsafeURLError)
    assert server.connections == seen
    for allowed in ("127.0.0.1", f"127.0.0.1:{server.port}"):
        assert isinstance(fetch(server.url + "/a", into, origin=other, allowed_hosts=[allowed]), str)
    assert isinstance(fetch(server.url + "/a", into, allowed_hosts=["127.0.0.1:1"]), UnsafeURLError)


def test_a_relay_in_the_own_network_may_link_to_its_own_name(server: FaultServer, into: Path) -> None:
    """By whatever port; a public relay's name that leads inside may not."""
    server.script(OK)
    link = f"http://localhost:{server.port}/a"
    for own in ("localhost", "127.0.0.1", "[::1]"):
        assert isinstance(fetch(link, into, origin=f"http://{own}:1"), str)
    names = Names({}, everything=["127.0.0.1"])
    seen, link = server.connections, f"http://relay.example:{server.port}/a"
    assert isinstance(fetch(link, into, origin="http://relay.example:1", resolver=names), UnsafeURLError)
    assert server.connections == seen


# Fake-IP resolvers and proxies


def test_names_work_behind_a_resolver_of_fake_addresses(server: FaultServer, into: Path) -> None:
    """Where a name that cannot exist gets such an address too, all names do; literals stay refused."""
    server.script(OK)
    sockets = Elsewhere(server.port)
    names = Names({}, everything=["198.18.0.9"])
    assert isinstance(fetch("http://pictures.invalid/a", into, resolver=names, sockets=sockets), str)
    assert sockets.dialled == ["198.18.0.9"]
    assert isinstance(fetch("http://198.18.0.9/a", into, resolver=names, sockets=sockets), UnsafeURLError)


def test_a_fake_address_for_one_name_only_is_an_attack(into: Path) -> None:
    """The canary does not exist for an ordinary resolver."""
    sockets = Elsewhere()
    names = Names({"pictures.invalid": ["198.18.0.9"]})
    assert isinstance(fetch("http://pictures.invalid/a", into, resolver=names, sockets=sockets), UnsafeURLError)
    assert sockets.dialled == []
    assert len(names.asked) == 2


def test_behind_a_proxy_names_are_judged_and_not_resolved(into: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy resolves; what can only be private is refused before."""
    names = Names({})
    with FaultServer() as proxy:
        proxy.script(OK)
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        assert isinstance(fetch("http://pictures.example/a", into, resolver=names), str)
        assert proxy.seen[0].path == "http://pictures.example/a"
        for inside in ("http://10.0.0.1/a", "http://intranet/a", "http://nas.local/a", "http://2130706433/a"):
            assert isinstance(fetch(inside, into, resolver=names), UnsafeURLError)
        assert len(proxy.seen) == 1
        proxy.forget()
        proxy.script([Send(response(302, headers={"Location": "http://10.0.0.1/"}))])
        assert isinstance(fetch("http://pictures.example/a", into, resolver=names), UnsafeURLError)
        assert len(proxy.seen) == 1
    assert names.asked == []


# What goes wrong


@pytest.mark.parametrize(
    "fault",
    [
        [Send(response(404))],
        [Send(response(429))],
        [Send(response(502))],
        [Reset()],
        [Send(response(200, b"half", length=8)), Close()],
        [Send(stream_answer()), Send(chunked(b"half", end=False)), Reset()],
        [Send(b"nonsense\r\n\r\n"), Close()],
    ],
)
def test_what_may_pass_is_tried_again(server: FaultServer, into: Path, fault: list[Any]) -> None:
    """Three times more; then the picture, or the error."""
    server.script(fault, fault, fault, OK)
    came = fetch(server.url + "/a", into, origin=server.url, pauses=(pauses := []))
    assert isinstance(came, str)
    assert into.read_bytes() == BYTES
    assert pauses == [0.5, 1.0, 2.0]
    server.forget()
    server.script(fault)
    error = fetch(server.url + "/a", into, origin=server.url)
    assert isinstance(error, DownloadError)
    assert error.billed == "yes"
    assert isinstance(error, LinkExpiredError) == (fault == [Send(response(404))])
    assert len(server.seen) == 4
    assert not into.exists()


def test_nothing_of_a_broken_try_stays_in_the_file(server: FaultServer, into: Path) -> None:
    """A longer half before a shorter whole."""
    server.script([Send(response(200, b"half" * 100, length=999)), Close()], [Send(response(200, b"abc"))])
    assert isinstance(fetch(server.url + "/a", into, origin=server.url), str)
    assert into.read_bytes() == b"abc"


@pytest.mark.filterwarnings("error")
def test_a_connection_that_is_given_up_is_closed(server: FaultServer, into: Path) -> None:
    """Also in the middle of a TLS handshake."""
    url = server.url.replace("http:", "https:")
    server.script([Hang()])
    assert isinstance(fetch(url + "/a", into, origin=url, deadline=0.2), DownloadError)
    gc.collect()  # what was forgotten complains now


@pytest.mark.parametrize("status", [401, 403, 410])
def test_an_expired_link_is_told_at_once(server: FaultServer, into: Path, status: int) -> None:
    """Asking again does not help."""
    server.script([Send(response(status))])
    error = fetch(server.url + "/a", into, origin=server.url)
    assert isinstance(error, LinkExpiredError)
    assert str(status) in error.message()
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "script",
    [
        [Send(response(200, b"", length=10_001)), Hang()],
        [Send(response(200, b"x" * 20_000))],
        [Send(stream_answer()), *[Send(chunked(b"x" * 900, end=False))] * 30],
        [Send(response(200, gzip.compress(b"x" * 9_000_000), headers={"Content-Encoding": "gzip"}))],
        [Send(stream_answer(headers={"Content-Encoding": "br"})), *[Send(chunked(b"x" * 900, end=False))] * 30],
    ],
)
def test_reading_stops_at_the_cap(server: FaultServer, into: Path, script: list[Any]) -> None:
    """Said, sent or unpacked; not repeated, and nothing is left."""
    server.script(script)
    error = fetch(server.url + "/a", into, origin=server.url, cap=10_000, deadline=5.0)
    assert type(error) is DownloadError
    assert "larger" in error.message()
    assert "Now.largest_download" in error.next_step()
    assert len(server.seen) == 1
    assert not into.exists()


def test_a_packing_that_nobody_knows_is_refused(server: FaultServer, into: Path) -> None:
    """Bytes that cannot be unpacked are no picture."""
    server.script([Send(response(200, b"abc", headers={"Content-Encoding": "br"}))])
    assert "br" in fetch(server.url + "/a", into, origin=server.url).message()


@pytest.mark.parametrize(
    "script",
    [[Hang()], [Send(response(200, b"half", length=8)), Hang()], [Send(response(302, headers={"Location": "/a"}))]],
)
def test_there_is_one_deadline_for_all(server: FaultServer, into: Path, script: list[Any]) -> None:
    """Tries and hops together."""
    server.script(script)
    error = fetch(server.url + "/a", into, origin=server.url, deadline=0.3)
    assert isinstance(error, DownloadError)
    assert not into.exists()


def test_a_relay_that_misnames_itself_is_asked_where_it_is(server: FaultServer, into: Path) -> None:
    """A Midjourney picture on `localhost`, or on a host that fails, is fetched from the configured origin."""
    server.script(OK)
    assert isinstance(fetch("http://localhost:1/mj/image/17?rand=2", into, origin=server.url), str)
    assert server.seen[-1].path == "/mj/image/17?rand=2"
    names = Names({})
    wrong = "http://wrong.invalid/mj/image/17"
    assert isinstance(fetch(wrong, into, origin=server.url, resolver=names), str)
    assert set(names.asked) == {"wrong.invalid"}
    assert isinstance(fetch("http://10.0.0.1/mj/image/17", into, origin=server.url), str)
    assert isinstance(fetch("http://10.0.0.1/other/17", into, origin=server.url), UnsafeURLError)


def test_a_cancelled_download_leaves_nothing(server: FaultServer, into: Path) -> None:
    """No half file, no connection."""
    server.script([Send(response(200, b"half", length=8)), Hang()])

    async def leave() -> None:
        downloader = Downloader(origin=server.url)
        async with anyio.create_task_group() as group:
            group.start_soon(downloader.fetch, server.url + "/a", into)
            while not server.seen:
                await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()
        await downloader.aclose()

    anyio.run(leave)
    assert not into.exists()


def test_errors_of_the_disk_are_the_stores(server: FaultServer, tmp_path: Path) -> None:
    """A missing folder, a link in the way, a full disk; nothing is asked for."""
    (tmp_path / "link").symlink_to(tmp_path / "target")
    for place in (tmp_path / "none" / "picture", tmp_path / "link"):
        error = fetch(server.url + "/a", place, origin=server.url)
        assert isinstance(error, StoreUnavailable)
        assert error.__context__ is None
    assert server.connections == 0
    assert not (tmp_path / "target").exists()

    def fill() -> None:
        with from_disk():
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StoreFull) as caught:
        fill()
    assert caught.value.__context__ is None


def test_signatures_of_links_are_not_shown(server: FaultServer, into: Path) -> None:
    """Neither in what is given nor in any error."""
    faults: list[Callable[[], None]] = [
        lambda: server.script([Send(response(403))]),
        lambda: server.script([Reset()]),
        lambda: server.script([Send(response(302, headers={"Location": "http://10.0.0.1/?token=secret-word"}))]),
    ]
    for fault in faults:
        server.forget()
        fault()
        error = fetch(server.url + "/a?token=secret-word", into, origin=server.url)
        assert isinstance(error, DownloadError)
        assert "secret-word" not in str(error) + str(vars(error))
        assert (error.__cause__, error.__context__) == (None, None)
