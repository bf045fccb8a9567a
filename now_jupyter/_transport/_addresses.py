"""Addresses: what the user may mean by a base URL, and where a link may lead.

A base URL is the root under which `/v1/…` and `/mj/…` hang, or it has a version in its path and is whole as it stands.
An IP address may be visited if the whole internet could visit it; an IPv4 address inside an IPv6 one counts for itself.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import unicodedata
from contextlib import suppress
from typing import TypeAlias
from urllib.parse import SplitResult, urlsplit

from .._messages import ConfigError

__all__ = [
    "DEFAULT_PORTS",
    "ascii_host",
    "is_loopback",
    "is_private_name",
    "is_public",
    "literal",
    "normal_base_url",
    "origin_of",
    "private_hosts_of",
    "roots_of",
]

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

DEFAULT_PORTS = {"http": 80, "https": 443}
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
_QUOTES = "\"'`“”‘’«»「」『』<>"  # the characters that come along when an address is copied
_DOTS = str.maketrans({"。": ".", "．": ".", "｡": "."})
_MARKS = ".,;:!?、)"  # what ends a sentence, not an address
_PLACEHOLDER = re.compile(r"\{\s*BASE_?URL\s*\}|<\s*BASE_?URL\s*>", re.IGNORECASE)
_VARIABLE = re.compile(r"\$[\w{(:].*|%\w+%|(?:os\.environ|os\.getenv|process\.env)\b.*")
_KEY = re.compile(r"(https?://)?(bearer\s+)?sk-[^./]*$|bearer\s", re.IGNORECASE)
_LONG = re.compile(r"[\w+=~-]{16,}")  # what may be a key, or a part of one
_SHORTEST_KEY = 30
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_HOST = re.compile(r"(?!-)[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_NO_HOSTS = ("http", "https", "none", "null", "undefined")  # https:/api.example.com, https://https://…, str(None)
_PATH = re.compile(r"(/[A-Za-z0-9._~-]*[A-Za-z0-9_~-])*")
_VERSION = re.compile(r"/v[0-9]+(?:(?:alpha|beta)[0-9]*)?(?=/|$)")
# The endings of endpoints, which belong to no address; the first that is found is taken off, with all behind it.
_ENDPOINTS = (
    re.compile(  # of services beside the API; a gateway may bear such a name before a version of the API's
        r"(/(?:(?:mj-[a-z]+/)?mj|suno|udio|ideogram|luma|kling|runway(?:ml)?|vidu|minimax|replicate|fal-ai)/"
        r"(?!v[0-9]+(?:/(?:models|responses|embeddings|chat/completions))?$).+)$"
    ),
    re.compile(r"((?:/v1beta)?/models/[^/:]+:[A-Za-z]+)$"),  # Gemini's own
    re.compile(r"(/api/(?:pricing|status|usage|user|models)(?:/.*)?)$"),
    re.compile(
        r"(/(?:chat/completions|images/(?:generations|edits|variations)|audio/(?:speech|transcriptions|translations)"
        r"|videos?/(?:generations|create|query)|(?:dashboard/)?billing/(?:usage|subscription))(?:/.*)?)$"
    ),
    re.compile(  # words that may mean something else where no version stands before them
        r"/v[0-9]+(?:(?:alpha|beta)[0-9]*)?(/(?:(?:models?|images|responses|completions|embeddings|moderations|messages"
        r"|audio|videos?|files|tasks|predictions)(?:/.*)?|credits|key))$"
    ),
)
_LAST_WORD = re.compile(r"/(?:models|responses|completions|embeddings|messages)$")
_HARMLESS_QUERY = re.compile(r"(?:&?(?:async|stream|limit|page|type|unit|output_modalities)=[a-z0-9]{1,9})+")
_PRIVATE_NAMES = (".localhost", ".local", ".lan", ".internal", ".intranet", ".home.arpa")
_LONGEST, _LONGEST_SHOWN = 2048, 80
_MAPPED = ipaddress.ip_network("::ffff:0:0/96")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_CLOSED = [ipaddress.ip_network(one) for one in ("64:ff9b:1::/48", "fec0::/10", "168.63.129.16/32")]  # the last: Azure


def normal_base_url(text: str) -> str:
    """Return the root address of a relay for what a user pastes: a host, an address ending in a version, an endpoint.

    What is none, and one over which a key must not travel, is a ConfigError.
    """
    wide = unicodedata.normalize("NFKC", text.strip().translate(_DOTS))
    bare = wide.strip().rstrip(_MARKS + _QUOTES).lstrip(_QUOTES).strip().removeprefix("//")
    if _PLACEHOLDER.search(text) or _PLACEHOLDER.search(bare):  # tidying takes the <> off
        raise ConfigError(
            "{{{{BASE_URL}}}} is a placeholder of the relay's documentation, not an address",
            advice="put the address of your relay there, such as https://api.example.com",
        )
    if _KEY.match(bare) or _is_like_key(bare):
        raise ConfigError(
            "this is a key, not an address", advice="%now login asks for the address first, then for the key"
        )
    if _VARIABLE.fullmatch(bare):
        raise ConfigError(
            "{value} is the name of a variable, not the address that it holds",
            advice="put the address of your relay there, such as https://api.example.com",
            value=_masked(bare),
        )
    parts = _split(bare)
    has_user = parts.username is not None or parts.password is not None
    if parts.query and _HARMLESS_QUERY.fullmatch(parts.query) and _without_endpoint(parts.path) != parts.path:
        parts = parts._replace(query="")  # it belongs to the endpoint
    if has_user or parts.query or parts.fragment or "/sk-" in parts.path:
        raise ConfigError(
            "a base URL has no user name, password, key, query or fragment",  # not repeated: a key may stand in it
            advice="give the plain address, such as https://api.example.com; the key is asked for by %now login",
        )
    host = ascii_host(parts.hostname or "")
    if host is None:
        raise _no_address(parts.netloc)
    if parts.scheme == "http" and not _is_near(host):
        raise ConfigError(
            "http://{host} would send the key unencrypted through the internet",
            advice="use https://{host}",
            host=host,
        )
    return _origin(parts.scheme, host, parts.port) + _prefix(parts.path)


def _is_like_key(bare: str) -> bool:
    """Whether a bare word is too long for the name of a host, and ends as no name does."""
    end = bare.rpartition(".")[2]
    is_word = len(bare) >= _SHORTEST_KEY and not set(bare) & set(":/?#@")
    return is_word and not end.startswith("xn--") and not end.isalpha()


def _split(bare: str) -> SplitResult:
    if not bare or len(bare) > _LONGEST or not bare.isprintable() or " " in bare or "\\" in bare:
        raise _no_address(bare)
    scheme = _SCHEME.match(bare)
    if scheme and scheme[1].lower() not in DEFAULT_PORTS:
        raise ConfigError("a base URL begins with https://, not with {scheme}://", scheme=scheme[1])
    with suppress(ValueError):
        parts = urlsplit(bare if scheme else f"//{bare}")
        if parts.hostname and parts.hostname not in _NO_HOSTS and parts.port != 0:
            return parts if scheme else parts._replace(scheme="http" if _is_near(parts.hostname) else "https")
    raise _no_address(bare)


def _no_address(bare: str) -> ConfigError:
    shown = repr(_masked(bare.partition("?")[0].rpartition("@")[2]))
    return ConfigError("{value} is no address of a relay", advice="give it as https://api.example.com", value=shown)


def _masked(text: str) -> str:
    """Return the beginning of a text with stars over what may be a key."""
    return _LONG.sub(lambda long: f"{long[0][:3]}***", text[:_LONGEST_SHOWN])


def ascii_host(host: str) -> str | None:
    """Return a host in the one form in which it is compared and called; None where it is none."""
    bare = host.rstrip(".").lower()
    if ":" in bare or literal(bare) is not None:
        return bare if _ip(bare) else None  # not 0x7f.1 and its like
    try:
        name = bare if bare.isascii() else bare.encode("idna").decode("ascii")
    except UnicodeError:
        return None
    return name if _HOST.fullmatch(name) else None


def _prefix(path: str) -> str:
    """Return the path of the address: without the endpoint, and without a `/v1` that is added to roots anyway."""
    prefix = _without_endpoint(path.rstrip("/")).rstrip("/")
    if not _PATH.fullmatch(prefix) or ".." in prefix:
        raise _no_address(path)
    version = _VERSION.search(prefix)
    return prefix.removesuffix("/v1") if version and version.end() == len(prefix) else prefix


def _without_endpoint(path: str) -> str:
    for endpoint in _ENDPOINTS:
        if found := endpoint.search(path):
            return path[: found.start(1)]
    return _LAST_WORD.sub("", path) if _VERSION.search(path) else path


def _is_near(host: str) -> bool:
    """Whether a host is this machine or in the own network, as far as its name tells."""
    address = _ip(host)
    return is_private_name(host) if address is None else not is_public(address)


def roots_of(base_url: str) -> tuple[str, str]:
    """Return where the calls of the relay's API are, and what stands before its version."""
    bare = base_url.rstrip("/")
    versions = [found.start() for found in _VERSION.finditer(bare)]
    return (bare, bare[: versions[-1]]) if versions else (f"{bare}/v1", bare)


def origin_of(url: str) -> str:
    """Return scheme, host and port of a URL in the one form in which equal origins are equal text."""
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    return _origin(parts.scheme.lower(), ascii_host(host) or host, parts.port)


def _origin(scheme: str, host: str, port: int | None) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}" if port in (None, DEFAULT_PORTS.get(scheme)) else f"{scheme}://{shown}:{port}"


def is_loopback(base_url: str) -> bool:
    """Whether an address is on this machine."""
    host = (urlsplit(base_url).hostname or "").rstrip(".").lower()
    address = literal(host)
    if address is None:
        return f".{host}".endswith(".localhost")
    return any(one.is_loopback for one in (address, *_inside(address)))


def is_private_name(host: str) -> bool:
    """Whether a name can only mean something in the own network or on this machine."""
    name = host.rstrip(".").lower()
    return literal(name) is None and ("." not in name or name.endswith(_PRIVATE_NAMES))


def private_hosts_of(origin: str) -> frozenset[str]:
    """Return the names of a relay on this machine or in its network, which may have other ports; else none."""
    host = (urlsplit(origin).hostname or "").rstrip(".").lower()
    address = literal(host)
    is_private = is_private_name(host) if address is None else not is_public(address)
    return frozenset(_THIS_MACHINE if host in _THIS_MACHINE else [host] if is_private else [])


def literal(host: str) -> Address | None:
    """Read a host that is an IP address, also in the odd forms that resolvers accept (`127.1`, `0x7f000001`)."""
    if (address := _ip(host)) is not None:
        return address
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None


def _ip(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return None


def is_public(address: Address) -> bool:
    """Whether everybody could visit the address, and every IPv4 address inside it."""
    return all(_is_open(one) for one in (address, *_inside(address)))


def _is_open(address: Address) -> bool:
    if address in _MAPPED or address in _NAT64:
        return True  # judged by what is inside
    closed = address.is_multicast or address.is_reserved or address.is_unspecified
    return address.is_global and not closed and not any(address in network for network in _CLOSED)


def _inside(address: Address) -> tuple[ipaddress.IPv4Address, ...]:
    if isinstance(address, ipaddress.IPv4Address):
        return ()
    last = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None
    return tuple(one for one in (address.ipv4_mapped, address.sixtofour, last) if one is not None)
