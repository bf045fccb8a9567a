"""Proxies that the environment names, and the places that it excepts from them.

Both are read as people and programs write them: upper and lower case, with and without a scheme, in quotes; `NO_PROXY`
with suffixes, ports, wildcards and networks. What cannot be read is said by the name of the variable, and its value is
shown nowhere, as a password may stand in it. To go on without would send the key another way than the user meant.
"""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from importlib.util import find_spec
from urllib.parse import SplitResult, unquote, urlsplit

import httpx

from .._messages import ConfigError, DownloadError
from ._addresses import DEFAULT_PORTS, Address, ascii_host, is_loopback, literal, origin_of

__all__ = ["UNREADABLE", "Proxy", "environment_proxy", "for_httpx", "link_proxy", "relay_proxy"]

UNREADABLE = "proxy"
_SCHEMES = {name: name for name in ("http", "https", "socks5")} | {"socks": "socks5", "socks5h": "socks5"}
_SYSTEM = "the system's settings"
_QUOTES = "\"'`“”‘’"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,9})://")
_BETWEEN = re.compile(r"[\s,;]+")
_OLD_PREFIX = re.compile(r"[0-9]+(?:\.[0-9]+){0,2}\.")  # 10. for 10.*
_SHORT_NETWORK = re.compile(r"[0-9]+(?:\.[0-9]+){0,2}")
_OTHERS = ("http_proxy", "https_proxy")
_LOCAL = "<local>"  # Windows: every name without a dot


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, and the variable that names it; it shows itself without its password."""

    origin: str
    variable: str
    auth: tuple[str, str] | None = field(default=None, repr=False)


def environment_proxy(origin: str) -> Proxy | None:
    """Return the proxy that the environment names for an origin; this machine's own addresses never go through one.

    Raises:
        ConfigError: what the environment says cannot be read, or the proxy is none that can be used here.
    """
    if is_loopback(origin):
        return None
    scheme = urlsplit(origin).scheme
    variable, value = _named_proxy(scheme)
    if not value or _is_excepted(origin, is_of_system=variable == _SYSTEM):
        return None
    return _read(variable, value)


def relay_proxy(origin: str) -> Proxy | None:
    """Return the proxy for calls that bear a key; a ConfigError as `environment_proxy` raises.

    Without TLS a proxy would read the key: such a relay is in the own network, and is spoken to directly.
    """
    return environment_proxy(origin) if origin.startswith("https:") else None


def link_proxy(link: str, relay: str | None) -> Proxy | None:
    """Return the proxy for the origin of a link: to the host of the relay's origin the one that calls go through.

    What cannot be read costs a picture no more than its link does: it is a DownloadError, with the code `UNREADABLE`.
    """
    host = urlsplit(link).hostname
    try:
        return relay_proxy(link) if relay and urlsplit(relay).hostname == host else environment_proxy(link)
    except ConfigError as problem:
        words = problem.message()
    raise DownloadError(
        "the picture could not be fetched from {host}: {words}",
        kept="the link is kept",
        advice="%now resume fetches it again, free",
        code=UNREADABLE,
        host=host,
        words=words,
    )


def for_httpx(proxy: Proxy | None, trust: Callable[[str], ssl.SSLContext]) -> httpx.Proxy | None:
    """Return a proxy as httpx takes it; one by https:// is trusted as `trust` says of its origin."""
    if proxy is None:
        return None
    context = trust(proxy.origin) if proxy.origin.startswith("https:") else None
    return httpx.Proxy(proxy.origin, ssl_context=context, auth=proxy.auth)


def _named_proxy(scheme: str) -> tuple[str, str]:
    """Return the proxy for a scheme as it is written, and where; an empty variable in lower case takes one away."""
    for wanted in (f"{scheme}_proxy", "all_proxy"):
        variable, value = _variable(wanted)
        if value or variable == wanted:
            return variable, value
    if any(name.lower() in _OTHERS for name in os.environ):
        return "", ""  # what the environment says takes the place of the system's settings
    return _SYSTEM, urllib.request.getproxies().get(scheme, "")


def _variable(wanted: str) -> tuple[str, str]:
    """Return a variable's name as it is spelled, and its value without what came along; lower case goes first."""
    spelled = sorted((name for name in os.environ if name.lower() == wanted), key=lambda name: name != wanted)
    return (spelled[0], _tidy(os.environ[spelled[0]])) if spelled else ("", "")


def _tidy(value: str) -> str:
    return value.strip().strip(_QUOTES).strip()


def _read(variable: str, value: str) -> Proxy:
    scheme = _SCHEME.match(value)
    spoken = _SCHEMES.get(scheme[1].lower()) if scheme else "http"
    if spoken is None:
        raise ConfigError(
            "{variable} names a proxy by {scheme}://, which is not spoken here",
            advice="http://, https:// and socks5:// are",
            variable=variable,
            scheme=scheme[1] if scheme else "",
        )
    if spoken == "socks5" and find_spec("socksio") is None:
        raise ConfigError(
            "{variable} names a proxy that speaks SOCKS, for which a package is missing",
            advice="pip install 'httpx[socks]'",
            variable=variable,
        )
    with suppress(ValueError):
        parts = urlsplit(value if scheme else f"//{value}")
        host = ascii_host(parts.hostname or "")
        if host and value.isprintable() and " " not in value and _is_bare(parts) and parts.port != 0:
            origin = origin_of(f"{spoken}://{parts.netloc.rpartition('@')[2]}")
            return Proxy(origin, variable, _auth_of(parts))
    raise ConfigError(
        "the proxy that {variable} names cannot be read",
        advice="give it as http://HOST:PORT; in a user name and a password, # / ? @ : are %23 %2F %3F %40 %3A",
        variable=variable,
    )


def _auth_of(parts: SplitResult) -> tuple[str, str] | None:
    return None if parts.username is None else (unquote(parts.username), unquote(parts.password or ""))


def _is_bare(parts: SplitResult) -> bool:
    """Whether nothing follows the port; what does is the rest of a password that was cut at one of these signs."""
    return parts.path in ("", "/") and not parts.query and not parts.fragment


# What goes without a proxy


def _is_excepted(origin: str, *, is_of_system: bool) -> bool:
    parts = urlsplit(origin)
    host, port = (parts.hostname or "").rstrip("."), parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
    variable, value = _variable("no_proxy")
    if is_of_system and urllib.request.proxy_bypass(host):
        return True
    found = [_covers(entry, variable, host, port) for entry in _entries(value)]  # all are read, also the last one
    return any(found)


def _entries(value: str) -> Iterator[str]:
    for entry in _BETWEEN.split(value.lower()):
        bare = _tidy(entry)
        bare = (bare.partition("://")[2] or bare).rstrip("/")
        if bare:
            yield bare


def _covers(entry: str, variable: str, host: str, port: int) -> bool:
    """Whether an entry of `NO_PROXY` means a host; its own port counts where it has one."""
    address = _plain_address(host)
    if "/" in entry:
        network = _network(entry, variable)
        return address is not None and address in network
    place, wanted_port = _split_port(entry)
    if wanted_port not in ("", str(port)):
        return False
    if place in ("*", _LOCAL):
        return place == "*" or (address is None and "." not in host)
    if (meant := _plain_address(place)) is not None or address is not None:
        return meant == address or fnmatchcase(host, f"{place}*" if _OLD_PREFIX.fullmatch(place) else place)
    suffix = place.removeprefix("*").strip(".")
    suffix = ascii_host(suffix) or suffix
    return f".{host}".endswith(f".{suffix}") or fnmatchcase(host, suffix)


def _split_port(entry: str) -> tuple[str, str]:
    if entry.startswith("["):
        place, _, rest = entry[1:].partition("]")
        return place, rest.removeprefix(":")
    return (entry, "") if entry.count(":") > 1 else (entry.partition(":")[0], entry.partition(":")[2])


def _plain_address(text: str) -> Address | None:
    """Read an IP address; an IPv4 address inside an IPv6 one counts for itself."""
    address = literal(text) if text[:1].isdigit() or ":" in text else None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _network(entry: str, variable: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    place, _, size = entry.replace("[", "").replace("]", "").partition("/")
    if _SHORT_NETWORK.fullmatch(place) and size == str(8 * (place.count(".") + 1)):  # 169.254/16, as macOS writes it
        place += ".0" * (3 - place.count("."))
    with suppress(ValueError):
        return ipaddress.ip_network(f"{place}/{size}", strict=False)
    raise ConfigError(
        "{variable} has an entry that is no network: {entry}",
        advice="write networks as 10.0.0.0/8, names as .example.com, with a comma between them",
        variable=variable,
        entry=entry[:80],
    )
