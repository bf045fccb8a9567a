"""Proxies of the environment: how they are written, what is excepted, and that a password is shown nowhere."""

from __future__ import annotations

import secrets
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import pytest

from certificates import make_certificate
from faultserver import Close, FaultServer, Send, Tunnel, closed_port, response
from now_jupyter._messages import ConfigError, ConnectFailed, DownloadError, NowImageError
from now_jupyter._settings import Key
from now_jupyter._transport import Downloader, RelayClient
from now_jupyter._transport._connections import ConnectionPool, tls
from now_jupyter._transport._proxies import Proxy, environment_proxy, for_httpx
from paid_calls import OK, order

AWAY = "https://api.example.com"


async def at_once(_seconds: float) -> None:
    """Let no time pass."""


def named(origin: str = AWAY) -> Proxy:
    proxy = environment_proxy(origin)
    assert proxy is not None
    return proxy


def sent() -> Any:
    proxy = for_httpx(named(), tls)
    assert proxy is not None
    return proxy


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "Https_Proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize(
    ("value", "origin"),
    [
        ("proxy.example:3128", "http://proxy.example:3128"),
        ("http://proxy.example:3128/", "http://proxy.example:3128"),
        ("HTTPS://Proxy.Example", "https://proxy.example"),
        ('"http://proxy.example:3128"', "http://proxy.example:3128"),
        ("“http://127.0.0.1:7890”\n", "http://127.0.0.1:7890"),
        (" http://[::1]:7890\r\n", "http://[::1]:7890"),
        ("http://me:word@proxy.example:3128", "http://proxy.example:3128"),
    ],
)
def test_a_proxy_is_read_as_people_write_it(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, origin: str
) -> None:
    """Upper and lower case, quotes, line ends, with a scheme or without; the very variable is known."""
    monkeypatch.setenv(variable, value)
    assert (named().origin, named().variable) == (origin, variable)


def test_which_variable_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of the scheme before that for all, lower case before upper; an empty one in lower case takes it away."""
    monkeypatch.setenv("ALL_PROXY", "http://all.example:1")
    monkeypatch.setenv("HTTPS_PROXY", "http://upper.example:1")
    assert named().origin == "http://upper.example:1"
    assert named("http://pictures.example").origin == "http://all.example:1"
    monkeypatch.setenv("https_proxy", "http://lower.example:1")
    assert named().origin == "http://lower.example:1"
    monkeypatch.setenv("https_proxy", "")
    assert environment_proxy(AWAY) is None


def test_the_settings_of_the_system_count_where_no_variable_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Windows and macOS keep them, with their own exceptions; a variable for proxies takes their place."""
    monkeypatch.setattr("urllib.request.getproxies", lambda: {"https": "http://system.example:3128"})
    monkeypatch.setattr("urllib.request.proxy_bypass", lambda host: host == "near.example.com")
    assert (named().origin, named().variable) == ("http://system.example:3128", "the system's settings")
    assert environment_proxy("https://near.example.com") is None
    monkeypatch.setenv("NO_PROXY", "example.com")
    assert environment_proxy(AWAY) is None
    assert named("https://relay.example.org").origin == "http://system.example:3128"
    monkeypatch.setenv("HTTP_PROXY", "http://own.example:1")
    assert environment_proxy("https://relay.example.org") is None
    monkeypatch.setenv("HTTPS_PROXY", "http://own.example:1")
    assert named("https://near.example.org").origin == "http://own.example:1"


@pytest.mark.parametrize("sign", ["#", "/", "?", "%23"])
def test_a_password_goes_to_the_proxy_and_is_shown_nowhere(monkeypatch: pytest.MonkeyPatch, sign: str) -> None:
    """Escaped it is sent as it is; a sign that cuts it off is said with the name of the variable, and no word of it."""
    word = secrets.token_hex(8)
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:{word}{sign}{word}@127.0.0.1:3128")
    if sign == "%23":
        assert sent().raw_auth == (b"user", f"{word}#{word}".encode())
        assert word not in repr(named())
        return
    with pytest.raises(ConfigError) as caught:
        environment_proxy(AWAY)
    assert caught.value.facts == {"variable": "HTTPS_PROXY"}
    assert "%23" in caught.value.next_step()
    assert word not in f"{caught.value} {vars(caught.value)}"
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "value",
    [
        *("http://proxy.example:abc", "http://proxy.example:99999", "http://proxy.example:0", "http://", "://x"),
        *("http://user:1234#word@127.0.0.1:3128", "http://pro xy.example:1", "http://proxy.example:1/path", "[::1"),
        *("http://a..example:1", "socks4://127.0.0.1:1", "pac+http://proxy.example/x", "http://proxy.example:1?x=1"),
    ],
)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "all_proxy"])
def test_a_value_that_cannot_be_read_is_a_short_error(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    """It names the very variable, comes before anything is sent, and is no traceback of somebody else's."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match=variable) as caught:
        RelayClient(base_url=AWAY)
    assert len(caught.value.lines()) <= 3
    monkeypatch.setenv("NO_PROXY", "example.com")
    assert environment_proxy(AWAY) is None


@pytest.mark.parametrize(
    ("excepted", "origin"),
    [
        ("10.0.0.0/8", "https://10.1.2.3:3000"),
        ("*.local, 10.1/16", "https://10.1.2.3:3000"),
        ("192.168.0.0/16,10.1.2.99/8", "https://10.1.2.3"),
        ("fd00::/8", "https://[fd00::1]:3000"),
        ("10.0.0.0/8", "https://[::ffff:10.1.2.3]"),
        ("*.lan", "https://nas.lan"),
        (".lan", "https://nas.lan:3000"),
        ("lan", "https://nas.lan"),
        (".api.example.com", "https://api.example.com"),
        ("example.com", "https://api.example.com"),
        ("a.example b.example; EXAMPLE.com.", "https://api.example.com"),
        ('"localhost,example.com"', "https://api.example.com"),
        ("api.example.com:443", "https://api.example.com"),
        ("api.example.com:3000", "https://api.example.com:3000"),
        ("https://api.example.com/", "https://api.example.com"),
        ("10.1.2.3:3000", "https://10.1.2.3:3000"),
        ("[fd00::1]:3000", "https://[fd00::1]:3000"),
        ("fd00::1", "https://[fd00::1]"),
        ("10.*", "https://10.1.2.3"),
        ("10.", "https://10.1.2.3"),
        ("192.168.*.5", "https://192.168.7.5"),
        ("api-*.example.com", "https://api-7.example.com"),
        ("<local>", "https://new-api"),
        ("例子.example", "https://api.xn--fsqu00a.example"),
        ("*", "https://api.example.com"),
    ],
)
@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
def test_what_is_excepted_goes_without_a_proxy(
    monkeypatch: pytest.MonkeyPatch, variable: str, excepted: str, origin: str
) -> None:
    """Networks, suffixes, wildcards and ports, as the programs around us read them."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert environment_proxy(origin) is not None
    monkeypatch.setenv(variable, excepted)
    assert environment_proxy(origin) is None


@pytest.mark.parametrize(
    ("excepted", "origin"),
    [
        ("10.0.0.0/8", "https://11.1.2.3"),
        ("10.1/16", "https://10.2.2.3"),
        ("10.0.0.0/8", "https://10.example.com"),
        ("lan", "https://nas-lan.example.com"),
        ("example.com", "https://badexample.com"),
        ("api.example.com:3000", "https://api.example.com"),
        ("10.1.2.3:3000", "https://10.1.2.3"),
        ("1.2.3.4", "https://11.2.3.4"),
        ("<local>", "https://api.example.com"),
        ("<local>", "https://10.1.2.3"),
        (", ,", "https://api.example.com"),
    ],
)
def test_what_is_not_excepted_goes_through_it(monkeypatch: pytest.MonkeyPatch, excepted: str, origin: str) -> None:
    """A name that only ends alike, another port, another network."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", excepted)
    assert environment_proxy(origin) is not None


@pytest.mark.parametrize("entry", ["10.0.0.0/99", "example.com/x/y", "10.0.0/8"])
def test_an_exception_that_cannot_be_read_is_said(monkeypatch: pytest.MonkeyPatch, entry: str) -> None:
    """To go on would send the key through a proxy that the user may have excepted."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", f"example.com,{entry}")
    with pytest.raises(ConfigError, match=f"NO_PROXY has an entry that is no network: {entry}"):
        environment_proxy(AWAY)


def test_a_key_without_tls_goes_through_no_proxy(monkeypatch: pytest.MonkeyPatch, key: Key) -> None:
    """A relay in the own network is spoken to directly, whether the environment excepts it or forgets to."""
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("ALL_PROXY", "http://proxy.example:3128")
    for base_url in ("http://10.1.2.3:3000", "http://new-api:3000", "http://nas.lan", "http://127.0.0.1:1"):
        assert ConnectionPool(base_url=base_url, key=key, relay=None).proxy is None
    assert ConnectionPool(base_url="https://10.1.2.3:3000", key=key, relay=None).proxy is not None


def test_a_socks_proxy_without_its_package_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ConfigError that says what to install, and names the variable."""
    monkeypatch.setattr("now_jupyter._transport._proxies.find_spec", lambda _: None)
    for variable, scheme in (("HTTPS_PROXY", "socks5"), ("HTTPS_PROXY", "socks5h"), ("ALL_PROXY", "socks")):
        monkeypatch.delenv("HTTPS_PROXY", raising=False)
        monkeypatch.setenv(variable, f"{scheme}://127.0.0.1:1")
        with pytest.raises(ConfigError, match=variable) as caught:
            environment_proxy(AWAY)
        assert "httpx[socks]" in caught.value.next_step()


def test_a_socks_proxy_with_its_package_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are left to the proxy, whichever of its schemes is written."""
    monkeypatch.setattr("now_jupyter._transport._proxies.find_spec", lambda _: object())
    for scheme in ("socks5", "socks5h", "socks"):
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://me:word@127.0.0.1:1080/")
        assert named().origin == "socks5://127.0.0.1:1080"
        assert sent().url.scheme == "socks5"


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
@pytest.mark.parametrize(("status", "advice"), [(407, "user name and password into"), (502, "look at")])
def test_a_proxy_that_fails_is_named_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, status: int, advice: str
) -> None:
    """Advice is for the variable that is set; a proxy that wants a password says so."""
    with FaultServer() as proxy:
        proxy.script([Send(response(status)), Close()])
        monkeypatch.setenv(variable, f"http://user:secret-word@127.0.0.1:{proxy.port}")
        came = order("https://relay.invalid")
    assert isinstance(came.error, ConnectFailed)
    assert f"{advice} {variable}" in came.error.next_step()
    assert "secret-word" not in str(came.error)


def test_the_password_reaches_the_proxy_and_the_key_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: Key
) -> None:
    """A whole order through a proxy that is named in quotes, with a line end."""
    certificate = make_certificate(tmp_path, "relay.invalid")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    with FaultServer(certificate=certificate) as server, FaultServer() as proxy:
        server.script(OK)
        proxy.script([Send(b"HTTP/1.1 200 Connected\r\n\r\n"), Tunnel(server.port)])
        monkeypatch.setenv("all_proxy", f'"http://me:a%40b@127.0.0.1:{proxy.port}"\n')
        assert order("https://relay.invalid", key=key).error is None
        assert server.posts == 1
        assert proxy.seen[0].headers["proxy-authorization"] == "Basic bWU6YUBi"
        assert key.header().encode() not in proxy.raw


def test_a_link_to_the_relay_goes_as_its_calls_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relay in the own network that is spoken to directly gives its pictures directly; others may need the proxy."""
    own = socket.gethostname()
    asked: list[str] = []

    def proxy_to(origin: str) -> None:
        asked.append(origin)

    monkeypatch.setattr("now_jupyter._transport._proxies.environment_proxy", proxy_to)

    async def fetch(link: str) -> None:
        downloader = Downloader(origin=f"http://{own}:{closed_port()}", deadline=5.0, sleep=at_once)
        try:
            with suppress(NowImageError):
                await downloader.fetch(link, tmp_path / "a")
        finally:
            await downloader.aclose()

    anyio.run(fetch, f"http://{own}:{closed_port()}/a.png")
    assert asked == []
    anyio.run(fetch, "http://pictures.example/a.png")
    assert set(asked) == {"http://pictures.example"}


def test_a_bad_proxy_costs_no_picture_that_was_paid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link away from here cannot be fetched through it: that is a DownloadError, tried once, and the link is kept."""
    monkeypatch.setenv("HTTPS_PROXY", "http://user:word#x@127.0.0.1:1")
    pauses: list[float] = []

    async def fetch() -> None:
        async def pause(seconds: float) -> None:
            pauses.append(seconds)

        downloader = Downloader(origin=f"http://127.0.0.1:{closed_port()}", sleep=pause)
        try:
            await downloader.fetch("https://pictures.example/a.png", tmp_path / "a")
        finally:
            await downloader.aclose()

    with pytest.raises(DownloadError, match="the proxy that HTTPS_PROXY names cannot be read"):
        anyio.run(fetch)
    assert pauses == []
